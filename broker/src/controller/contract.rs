//! What a controller is started with, and what it wants from its surroundings.

use std::time::Duration;

use crate::config::{Behaviour, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings};
use crate::ids::{ClusterId, NodeId, RequestHandle};
use crate::message::Response;
use crate::metadata::MetadataRecord;

/// What a controller is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerConfig {
    /// This node.
    pub node: NodeId,
    /// The cluster; registrations from another are refused.
    pub cluster_id: ClusterId,
    /// Sessions and periodic tasks.
    pub settings: ControllerSettings,
    /// Defaults of topics, from this process's static configuration.
    pub log: LogSettings,
    /// Defaults of new topics: partitions, replication factor.
    pub log_manager: LogManagerSettings,
    /// Between which bounds groups may have settings of their own.
    pub group_coordinator: GroupCoordinatorSettings,
    /// `metadata.max.idle.interval.ms`: how often a no-op record is written; zero for never.
    pub max_idle_interval: Duration,
    /// The level of `kraft.version`, which the quorum keeps and registrations are checked against.
    pub kraft_version: i16,
    /// What to write into an empty log: see [`crate::metadata::bootstrap_records`].
    pub bootstrap_records: Vec<MetadataRecord>,
    /// Which Kafka it behaves as.
    pub behaviour: Behaviour,
}

/// What the controller wants from its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ControllerOutput {
    /// Append these records to the metadata log and call [`super::Controller::appended`], in the same step.
    Append {
        /// Which write.
        write_id: u64,
        /// The records, at least one.
        records: Vec<MetadataRecord>,
        /// Whether they must lie in one batch.
        atomic: bool,
    },
    /// Answer a request.
    Reply {
        /// Which.
        handle: RequestHandle,
        /// The answer.
        response: Response,
    },
    /// End the process: what the quorum committed contradicts itself (Kafka's fatal fault handler).
    FatalFault {
        /// What does not fit.
        reason: String,
    },
}
