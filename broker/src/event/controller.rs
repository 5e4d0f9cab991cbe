//! Events of the active controller: what it decided, when it is committed.

use serde::Serialize;

use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicName, TopicPartition};

/// Something that the active controller decided, or that happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ControllerEvent {
    /// This controller is active.
    Activated {
        /// In which quorum epoch.
        epoch: LeaderEpoch,
    },
    /// This controller is no longer active.
    Deactivated {
        /// The epoch it was active in.
        epoch: LeaderEpoch,
    },
    /// A broker process was registered.
    BrokerRegistered {
        /// The broker.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Whether its last stop was clean (KIP-966).
        clean: bool,
    },
    /// A broker's registration was refused because another session of it lives.
    RegistrationRefused {
        /// The broker.
        broker: NodeId,
    },
    /// A broker was fenced: it leads nothing and is in no ISR.
    BrokerFenced {
        /// The broker.
        broker: NodeId,
        /// Why.
        reason: FenceReason,
    },
    /// A broker may lead again.
    BrokerUnfenced {
        /// The broker.
        broker: NodeId,
    },
    /// A broker began to hand its leaderships over.
    ControlledShutdownStarted {
        /// The broker.
        broker: NodeId,
    },
    /// A broker may stop.
    ControlledShutdownGranted {
        /// The broker.
        broker: NodeId,
    },
    /// A topic was created.
    TopicCreated {
        /// Its name.
        topic: TopicName,
        /// Its id.
        topic_id: TopicId,
        /// How many partitions.
        partitions: i32,
    },
    /// A topic was deleted.
    TopicDeleted {
        /// Its name.
        topic: TopicName,
        /// Its id.
        topic_id: TopicId,
    },
    /// A partition's registration changed.
    PartitionChanged {
        /// Which partition.
        partition: TopicPartition,
        /// Its leader; NONE if there is none.
        leader: NodeId,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The in-sync replicas.
        isr: Vec<NodeId>,
        /// The eligible leader replicas (KIP-966).
        elr: Vec<NodeId>,
        /// Who holds the partition, those that a reassignment adds or takes away included.
        replicas: Vec<NodeId>,
        /// The version.
        partition_epoch: PartitionEpoch,
        /// Whether the leader was elected uncleanly.
        unclean: bool,
        /// Why.
        reason: PartitionChangeReason,
    },
    /// A leader's proposal was refused.
    AlterPartitionRefused {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        error: crate::message::ErrorCode,
    },
    /// A broker's heartbeat was answered.
    HeartbeatAnswered {
        /// Whose.
        broker: NodeId,
        /// How far it has read the metadata log.
        metadata_offset: Offset,
        /// Whether it was told that it has caught up.
        is_caught_up: bool,
        /// Whether it wants to be unfenced, and not to stop.
        asks_to_serve: bool,
        /// Whether it is fenced from now on.
        is_fenced: bool,
    },
    /// A block of producer ids was given out.
    ProducerIdsAllocated {
        /// To which broker.
        broker: NodeId,
        /// The first id.
        start: i64,
    },
    /// A write was committed and its caller answered.
    WriteCommitted {
        /// The last offset written.
        offset: Offset,
    },
}

/// Why a broker was fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceReason {
    /// No heartbeat within broker.session.timeout.ms.
    SessionExpired,
    /// It asked to be fenced.
    Asked,
    /// It shut down in order.
    ShutDown,
}

/// Why a partition's registration changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionChangeReason {
    /// The partition is new.
    Created,
    /// A replica's broker was fenced.
    BrokerFenced,
    /// A replica's broker was unfenced.
    BrokerUnfenced,
    /// A replica's broker shuts down.
    ControlledShutdown,
    /// A replica's broker registered after an unclean stop.
    UncleanShutdown,
    /// A replica's log directory failed.
    DirectoryFailed,
    /// A replica lies in another log directory than before: its broker came back with an exchanged disk.
    DirectoryAssigned,
    /// The leader proposed another ISR.
    AlterPartition,
    /// Leadership returned to the preferred replica.
    PreferredElection,
    /// Somebody asked for an election.
    ElectionRequested,
    /// No eligible replica lives, and an unclean one was allowed.
    UncleanElection,
    /// Replicas move.
    Reassignment,
    /// min.insync.replicas changed (KIP-966).
    ElrCleared,
}
