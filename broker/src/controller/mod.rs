//! The KRaft controller's brain (KIP-500, KIP-631): `QuorumController` without its threads.
//!
//! ```text
//!   request ──▶ check against the newest state ──▶ records + a response to give later
//!                                                   │
//!                replay into the newest state ◀─────┤
//!                                                   ▼
//!                              Append ──▶ metadata quorum ──▶ committed ──▶ Reply, events
//! ```
//!
//! State changes only by replaying records, on the active controller when it writes them and
//! on the others when they are committed. When the active one is deposed it goes back to the
//! last committed state and answers NOT_CONTROLLER to everybody who waits.

use std::time::Duration;

use crate::config::{Behaviour, ControllerSettings, LogManagerSettings, LogSettings};
use crate::context::Context;
use crate::ids::{ClusterId, LeaderEpoch, NodeId, Offset, RequestHandle};
use crate::message::{Request, Response};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::time::Time;

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
    /// Append these records to the metadata log and call [`Controller::appended`], in the same step.
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
    /// Give the leadership of the quorum up: a write could not be appended.
    Resign,
}

/// The controller of one node; active on the node that leads the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    config: ControllerConfig,
    image: MetadataImage,
    outbox: Vec<ControllerOutput>,
}

impl Controller {
    /// A standby controller that has replayed nothing.
    pub fn new(config: ControllerConfig) -> Controller {
        Controller { config, image: MetadataImage::default(), outbox: Vec::new() }
    }

    /// This node leads the quorum in `epoch` and has caught up with its log, which ends at `log_end_offset`.
    pub fn activate(&mut self, ctx: &mut Context<'_>, epoch: LeaderEpoch, log_end_offset: Offset) {
        let _ = (ctx, epoch, log_end_offset);
    }

    /// This node no longer leads: back to the last committed state, NOT_CONTROLLER to all who wait.
    pub fn deactivate(&mut self, ctx: &mut Context<'_>) {
        let _ = ctx;
    }

    /// A request of a broker, a controller or (forwarded) an administrator.
    pub fn handle_request(&mut self, ctx: &mut Context<'_>, handle: RequestHandle, request: Request) {
        let _ = (ctx, handle, request);
    }

    /// Whether the controller (and not another part) answers this request.
    pub fn handles(request: &Request) -> bool {
        matches!(
            request,
            Request::CreateTopics(_)
                | Request::DeleteTopics(_)
                | Request::CreatePartitions(_)
                | Request::ElectLeaders(_)
                | Request::IncrementalAlterConfigs(_)
                | Request::AlterPartitionReassignments(_)
                | Request::AlterPartition(_)
                | Request::BrokerRegistration(_)
                | Request::BrokerHeartbeat(_)
                | Request::AllocateProducerIds(_)
                | Request::ControllerRegistration(_)
        )
    }

    /// A write lies in the log, its last record at `last_offset`.
    pub fn appended(&mut self, ctx: &mut Context<'_>, write_id: u64, last_offset: Offset) {
        let _ = (ctx, write_id, last_offset);
    }

    /// The log is committed up to `last_offset` (control records included); `records` are the
    /// metadata records in the newly committed part, with their offsets.
    pub fn replay_committed(
        &mut self,
        ctx: &mut Context<'_>,
        last_offset: Offset,
        records: &[(Offset, MetadataRecord)],
    ) {
        let _ = (ctx, last_offset, records);
    }

    /// A snapshot that ends with `last_offset` replaces everything (never on the active controller).
    pub fn load_snapshot(&mut self, ctx: &mut Context<'_>, last_offset: Offset, records: &[MetadataRecord]) {
        let _ = (ctx, last_offset, records);
    }

    /// When the earliest timer is due.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// Does everything that is due.
    pub fn on_timers(&mut self, ctx: &mut Context<'_>) {
        let _ = ctx;
    }

    /// What is wanted from the surroundings, in order; leaves nothing behind.
    pub fn take_outputs(&mut self) -> Vec<ControllerOutput> {
        std::mem::take(&mut self.outbox)
    }

    /// The epoch in which this controller is active.
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        None
    }

    /// The newest state: on the active controller with what is not yet committed.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The last committed state.
    pub fn committed_image(&self) -> &MetadataImage {
        &self.image
    }

    /// What it was started with.
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }
}
