//! The seam through which a partition learns who leads it, whoever says so (`LeaderAndIsr`).

use crate::ids::{LeaderEpoch, NodeId, PartitionEpoch};
use crate::metadata::PartitionRegistration;

/// Who leads a partition, and who follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionState {
    /// The leader; [`NodeId::NONE`] if there is none.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version of all this: a state with a smaller one than the known is dropped.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// All replicas, those on their way in or out included.
    pub replicas: Vec<NodeId>,
}

impl From<&PartitionRegistration> for PartitionState {
    fn from(registration: &PartitionRegistration) -> PartitionState {
        PartitionState {
            leader: registration.leader,
            leader_epoch: registration.leader_epoch,
            partition_epoch: registration.partition_epoch,
            isr: registration.isr.clone(),
            replicas: registration.replicas.clone(),
        }
    }
}
