//! One process: a broker, a controller, or both (`kafka.server.KafkaRaftServer`).
//!
//! A node owns the parts and carries what one says to the other; it decides nothing
//! about Kafka itself. Its work is divided into three lanes, each with its own
//! connections, timers and files, which reach each other only by [`crate::input::Internal`] inputs:
//!
//! ```text
//!    controller listener                broker listener
//!          │                                  │
//!   ┌──────▼───────┐  Metadata,        ┌──────▼────────────┐
//!   │ QuorumLane   │  ControllerChanged│ DataLane          │
//!   │ raft         ├──────────────────▶│ replica manager   │
//!   │ controller   │                   │ fetchers, clients │
//!   │ loader       │◀──── LeaveQuorum  └──▲────────────┬───┘
//!   └──────┬───────┘            │ Registered, Serve,   │ MetadataApplied,
//!          │ ControllerChanged  │ ShutDown             │ LogsLoaded, LogsClosed
//!          │               ┌────┴─────────┴──┐         │
//!          └──────────────▶│ LifecycleLane   │◀────────┘
//!                          └─────────────────┘
//! ```

use std::sync::Arc;

mod config;
mod controller_registration;
mod data;
mod directories;
mod format;
mod groups;
mod lifecycle;
mod loader;
mod quorum;
#[cfg(test)]
mod tests;

pub use config::NodeConfig;
use data::DataLane;
use lifecycle::LifecycleLane;
use quorum::QuorumLane;

use crate::api::outgoing::ChannelsConfig;
use crate::context::Context;
use crate::controller::Controller;
use crate::event::{BrokerState, LifecycleEvent};
use crate::group::GroupView;
use crate::group::coordinator::GroupCoordinator;
use crate::ids::{BROKER_PORT, CONTROLLER_PORT, ConnectionId, GroupId, Offset, TopicPartition};
use crate::input::{Input, Lane};
use crate::metadata::MetadataImage;
use crate::partition::ReplicaManager;
use crate::raft::Raft;
use crate::storage::StorageResult;
use crate::table::Table;
use crate::time::Time;

/// One process. See the module's documentation for what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    config: Arc<NodeConfig>,
    quorum: QuorumLane,
    /// Present exactly when the process has the broker role.
    broker: Option<BrokerLanes>,
    /// The lane of each connection that was accepted. Those that were opened here carry it in their number.
    accepted: Table<ConnectionId, Lane>,
}

/// The two lanes that only a broker has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BrokerLanes {
    lifecycle: LifecycleLane,
    data: DataLane,
}

/// How far apart the numbers of two connections opened by one lane lie: one for each lane, so
/// that a number tells its lane.
const CONNECTION_STRIDE: u64 = Lane::ALL.len() as u64;

/// The lane whose channels opened this connection.
fn lane_of_opened(connection: ConnectionId) -> Lane {
    Lane::ALL[(connection.0 % CONNECTION_STRIDE) as usize]
}

/// How a lane's own connections are numbered and timed.
fn channels_config(lane: Lane, config: &NodeConfig) -> ChannelsConfig {
    let index = Lane::ALL.iter().position(|one| *one == lane).expect("every lane is listed") as u64;
    ChannelsConfig {
        node: config.node,
        first_connection: CONNECTION_STRIDE + index,
        connection_stride: CONNECTION_STRIDE,
        raft_request_timeout: config.raft.request_timeout,
        heartbeat_interval: config.controller.broker_heartbeat_interval,
        request_timeout: config.controller.request_timeout,
    }
}

impl Node {
    /// Starts the process: reads what its storage still holds and begins to take part.
    ///
    /// Data logs are not loaded here: they are loaded one a step once the broker has caught
    /// up with the metadata, as Kafka does.
    ///
    /// # Errors
    /// The metadata directory cannot be read, or the directories are not those of this process; it does not start then.
    pub fn recover(mut config: NodeConfig, ctx: &mut Context) -> StorageResult<Node> {
        let offline = directories::verify(&mut config, ctx)?;
        let config = Arc::new(config);
        ctx.emit(LifecycleEvent::ProcessStarted);
        let quorum = QuorumLane::recover(&config, ctx)?;
        let broker = config.role.is_broker().then(|| {
            let mut data = DataLane::new(&config, &offline, ctx);
            let previous_broker_epoch = data.previous_broker_epoch(ctx);
            let usable = data.replicas().online_directories();
            BrokerLanes { lifecycle: LifecycleLane::new(&config, usable, previous_broker_epoch, ctx), data }
        });
        Ok(Node { config, quorum, broker, accepted: Table::default() })
    }

    /// What the process was started with.
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// The lane in which this input has to be handled.
    pub fn lane_of(&self, input: &Input) -> Lane {
        match input {
            Input::Accepted { port, .. } => match *port {
                CONTROLLER_PORT => Lane::Quorum,
                _ => Lane::Data,
            },
            Input::Connected { connection } | Input::Closed { connection, .. } | Input::Received { connection, .. } => {
                match connection.is_accepted() {
                    true => self.accepted.get(connection).copied().unwrap_or(Lane::Data),
                    false => lane_of_opened(*connection),
                }
            }
            Input::Timers { lane } | Input::Internal { lane, .. } => *lane,
            Input::Flushed { .. } | Input::Call { .. } | Input::Abandon { .. } => Lane::Data,
            // A broker asks the controller for leave first; a controller by itself just leaves.
            Input::Stop => match self.broker {
                Some(_) => Lane::Lifecycle,
                None => Lane::Quorum,
            },
        }
    }

    /// Handles one input to completion.
    pub fn step(&mut self, ctx: &mut Context, input: Input) {
        let lane = self.lane_of(&input);
        match &input {
            Input::Accepted { connection, port } => {
                assert!(matches!(*port, BROKER_PORT | CONTROLLER_PORT));
                self.accepted.insert(*connection, lane);
            }
            Input::Closed { connection, .. } => {
                self.accepted.remove(connection);
            }
            _ => {}
        }
        match (lane, &mut self.broker) {
            (Lane::Quorum, _) => self.quorum.step(ctx, input),
            (Lane::Lifecycle, Some(broker)) => broker.lifecycle.step(ctx, input),
            (Lane::Data, Some(broker)) => broker.data.step(ctx, input),
            // Only a broker's lanes send to these; people call client machines, not nodes.
            (Lane::Lifecycle | Lane::Data, None) => {}
        }
    }

    /// When the earliest timer of a lane is due.
    pub fn next_deadline(&self, lane: Lane) -> Option<Time> {
        match (lane, &self.broker) {
            (Lane::Quorum, _) => self.quorum.next_deadline(),
            (Lane::Lifecycle, Some(broker)) => broker.lifecycle.next_deadline(),
            (Lane::Data, Some(broker)) => broker.data.next_deadline(),
            (Lane::Lifecycle | Lane::Data, None) => None,
        }
    }
}

/// Each partition and each group is looked at after one step in so many. What stays broken is seen then, or at the process's
/// end; of two positions in a wrong order that a later step has put right again three in four are not.
const STEPS_PER_LOOK: u64 = 4;
/// …and with each so many partitions more, after as many steps more.
const HOSTED_PER_LOOK: u64 = 64;

impl Node {
    /// What of [`Node::assert_invariants`] a step of this lane may have broken: a lane changes nothing that is another's.
    /// That nothing is left for a later step is asserted after each; each single partition and group after one in several,
    /// so that a step does not cost more for what it leaves alone. `step` is any number that grows from step to step.
    pub fn assert_invariants_in_turn(&self, lane: Lane, step: u64) {
        match lane {
            Lane::Quorum => self.assert_quorum_invariants(),
            Lane::Lifecycle => {}
            Lane::Data => {
                self.assert_nothing_is_left();
                let hosted = self.replicas().map_or(0, |replicas| replicas.partitions().len());
                if step.is_multiple_of(STEPS_PER_LOOK * (1 + hosted as u64 / HOSTED_PER_LOOK)) {
                    self.assert_data_invariants();
                }
            }
        }
    }

    /// Panics if parts of the node contradict themselves or each other: called after every step in tests of the node alone,
    /// and in a world when a run or the process ends.
    pub fn assert_invariants(&self) {
        self.assert_data_invariants();
        self.assert_quorum_invariants();
    }

    fn assert_nothing_is_left(&self) {
        if let Some(replicas) = self.replicas() {
            replicas.assert_nothing_is_left();
        }
        if let Some(groups) = self.groups() {
            groups.assert_nothing_is_left();
        }
    }

    fn assert_data_invariants(&self) {
        if let Some(replicas) = self.replicas() {
            replicas.assert_invariants();
        }
        if let Some(groups) = self.groups() {
            groups.assert_invariants();
        }
    }

    fn assert_quorum_invariants(&self) {
        if let Some(controller) = self.controller()
            && controller.active_epoch().is_some()
        {
            let (leader, epoch) = self.raft().leader_and_epoch();
            assert_eq!(leader, self.config.node, "an active controller leads the quorum");
            assert_eq!(controller.active_epoch(), Some(epoch), "a controller is active in its own quorum epoch");
        }
    }
}

/// What screens, expectations and checks may see of a process.
impl Node {
    /// The member of the metadata quorum.
    pub fn raft(&self) -> &Raft {
        self.quorum.raft()
    }

    /// The controller, where the process has that role.
    pub fn controller(&self) -> Option<&Controller> {
        self.quorum.controller()
    }

    /// The metadata that this process knows to be committed.
    pub fn committed_metadata(&self) -> &MetadataImage {
        self.quorum.committed_metadata()
    }

    /// The replicas, where the process has the broker role.
    pub fn replicas(&self) -> Option<&ReplicaManager> {
        self.broker.as_ref().map(|broker| broker.data.replicas())
    }

    /// The group coordinator, where the process has the broker role.
    pub fn groups(&self) -> Option<&GroupCoordinator> {
        self.broker.as_ref().map(|broker| broker.data.groups())
    }

    /// A group that this broker coordinates; none if it coordinates no such group.
    pub fn group(&self, group: &GroupId) -> Option<GroupView> {
        self.groups()?.group_view(group, self.broker_metadata()?)
    }

    /// What was committed for a group that this broker coordinates, by partition: the next offset to read.
    pub fn group_offsets(&self, group: &GroupId) -> Vec<(TopicPartition, Offset)> {
        self.groups().map(|groups| groups.group_offsets(group)).unwrap_or_default()
    }

    /// The groups that this broker coordinates.
    pub fn group_views(&self) -> Vec<GroupView> {
        let views = |groups: &GroupCoordinator| Some(groups.group_views(self.broker_metadata()?));
        self.groups().and_then(views).unwrap_or_default()
    }

    /// The metadata that the broker has applied: what it answers clients from.
    pub fn broker_metadata(&self) -> Option<&MetadataImage> {
        self.broker.as_ref().map(|broker| broker.data.image())
    }

    /// Whether the process was asked to stop and has not ended yet.
    pub fn is_stopping(&self) -> bool {
        let broker =
            matches!(self.broker_state(), Some(BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown));
        broker || self.raft().is_stopping()
    }

    /// The broker's state, where the process has that role.
    pub fn broker_state(&self) -> Option<BrokerState> {
        self.broker.as_ref().map(|broker| broker.lifecycle.state())
    }
}
