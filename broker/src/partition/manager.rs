//! All replicas of one broker (`ReplicaManager`, `LogManager`, `ReplicaAlterLogDirs` excepted).

use crate::config::{Behaviour, LogManagerSettings, LogSettings, ReplicationSettings};
use crate::context::Context;
use crate::ids::{BrokerEpoch, DirectoryId, NodeId, RequestHandle};
use crate::message::{
    AlterPartitionResponse, FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest, ProduceRequest, Response,
};
use crate::metadata::{MetadataImage, MetadataUpdate};
use crate::storage::StorageResult;
use crate::time::Time;

use super::PartitionOutput;

/// One of a broker's log directories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogDirectory {
    /// Its path on the machine: `data-0`.
    pub path: String,
    /// Its id (KIP-858).
    pub id: DirectoryId,
}

/// What a replica manager is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaManagerConfig {
    /// This broker.
    pub node: NodeId,
    /// Its log directories.
    pub directories: Vec<LogDirectory>,
    /// Replication settings.
    pub replication: ReplicationSettings,
    /// The static defaults of topics' logs (the broker's properties).
    pub log: LogSettings,
    /// Log background settings.
    pub log_manager: LogManagerSettings,
    /// Deliberate bugs.
    pub behaviour: Behaviour,
}

/// All replicas of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaManager {
    config: ReplicaManagerConfig,
    outbox: Vec<PartitionOutput>,
}

#[allow(unused_variables)]
impl ReplicaManager {
    /// A replica manager without logs; the phases of its periodic tasks are counted from now.
    pub fn new(config: ReplicaManagerConfig, ctx: &mut Context) -> ReplicaManager {
        ReplicaManager { config, outbox: Vec::new() }
    }

    /// What the last call wants done, in order. Must be drained after every call.
    pub fn take_outputs(&mut self) -> Vec<PartitionOutput> {
        std::mem::take(&mut self.outbox)
    }

    /// The epoch of the last clean stop, if all directories were closed cleanly with the same epoch; else NONE.
    /// For the registration's `previous_broker_epoch`; call it before `start_loading`, which removes the files.
    pub fn previous_broker_epoch(&mut self, ctx: &mut Context) -> BrokerEpoch {
        unimplemented!()
    }

    /// The controller registered this broker under this epoch.
    pub fn registered(&mut self, broker_epoch: BrokerEpoch) {
        unimplemented!()
    }

    /// Loads the logs that are on disk: call it once, when the broker has caught up with the metadata
    /// and `apply_metadata` has been told of it; then call [`ReplicaManager::load_next_log`] until it answers `false`. What
    /// [`ReplicaManager::apply_metadata`] says before the loading is done is taken up when it is done.
    pub fn start_loading(&mut self, ctx: &mut Context) {
        unimplemented!()
    }

    /// Loads one log; `true` if there are more. The last one puts `LogsLoaded` into the outputs.
    pub fn load_next_log(&mut self, ctx: &mut Context) -> bool {
        unimplemented!()
    }

    /// Applies committed metadata: `image` is the image with `update` already applied; the manager keeps a (shared) copy.
    pub fn apply_metadata(&mut self, ctx: &mut Context, image: &MetadataImage, update: &MetadataUpdate) {
        unimplemented!()
    }

    /// The metadata as last applied.
    pub fn image(&self) -> &MetadataImage {
        unimplemented!()
    }

    /// A controlled shutdown has begun: partitions without a leader stop fetching.
    pub fn controlled_shutdown_started(&mut self) {
        unimplemented!()
    }

    /// A producer's request.
    pub fn produce(&mut self, ctx: &mut Context, handle: RequestHandle, request: ProduceRequest) {
        unimplemented!()
    }

    /// A follower's or consumer's request.
    pub fn fetch(&mut self, ctx: &mut Context, handle: RequestHandle, request: FetchRequest) {
        unimplemented!()
    }

    /// A client's or follower's look-up of offsets.
    pub fn list_offsets(&mut self, ctx: &mut Context, handle: RequestHandle, request: ListOffsetsRequest) {
        unimplemented!()
    }

    /// A client's or follower's look-up of epochs.
    pub fn offset_for_leader_epoch(
        &mut self,
        ctx: &mut Context,
        handle: RequestHandle,
        request: OffsetForLeaderEpochRequest,
    ) {
        unimplemented!()
    }

    /// The answer to a `SendToLeader`; `Err` when the connection could not be made, broke, or stayed silent.
    pub fn handle_leader_response(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        token: u64,
        result: Result<Response, ()>,
    ) {
        unimplemented!()
    }

    /// The answer to a `SendAlterPartition`; `Err` when there was none.
    pub fn handle_alter_partition_response(&mut self, ctx: &mut Context, result: Result<AlterPartitionResponse, ()>) {
        unimplemented!()
    }

    /// The answer to a `Flush`.
    pub fn flushed(&mut self, ctx: &mut Context, token: u64, result: StorageResult<()>) {
        unimplemented!()
    }

    /// When something here is due next.
    pub fn next_deadline(&self) -> Option<Time> {
        unimplemented!()
    }

    /// Fires everything that is due.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        unimplemented!()
    }

    /// Closes everything in order (high watermarks, logs, checkpoints, clean-shutdown files) and says `LogsClosed`.
    pub fn shut_down(&mut self, ctx: &mut Context, broker_epoch: BrokerEpoch) {
        unimplemented!()
    }
}
