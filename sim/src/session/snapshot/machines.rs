//! Machines as a screen sees them: their process, their part in the quorum, their registration, their disk.

use serde::Serialize;
use trial_broker::client::{BatchView, ClientKind, MembershipView, PositionView};
use trial_broker::event::{BrokerState, QuorumStateName};
use trial_broker::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset};
use trial_broker::input::Lane;
use trial_broker::node::Node;
use trial_broker::time::Time;

use crate::disk::FileView;
use crate::fault::MachineId;
use crate::machine::{Machine, ProcessState, ProgramConfig};
use crate::scenario::run::view;
use crate::scenario::trace::Cast;
use crate::world::World;

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A broker alone.
    Broker,
    /// A controller alone.
    Controller,
    /// Both in one process.
    Combined,
    /// A client that sends.
    Producer,
    /// A client that reads.
    Consumer,
    /// A client that administers.
    Admin,
}

impl Work {
    /// Whether it is part of the cluster, and no client.
    pub fn is_node(self) -> bool {
        match self {
            Work::Broker | Work::Controller | Work::Combined => true,
            Work::Producer | Work::Consumer | Work::Admin => false,
        }
    }
}

/// A machine.
#[derive(Clone, Debug, Serialize)]
pub struct MachinePart {
    /// Its number.
    pub id: MachineId,
    /// Its name, as transcripts call it.
    pub name: String,
    /// What it is for.
    pub work: Work,
    /// Whether its process runs.
    pub state: ProcessState,
    /// Whether its process is about to end, for it was asked to.
    pub is_stopping: bool,
    /// How many times its process was started.
    pub starts: u32,
    /// Bytes of its page cache that are not durable, in whole pages.
    pub dirty_bytes: u64,
    /// How far its wall clock is from the world's, in microseconds.
    pub wall_offset_micros: i64,
    /// Lanes that pay for their disk, and until when.
    pub paying: Vec<(Lane, Time)>,
    /// Inputs that wait for a lane, over all lanes.
    pub waiting: usize,
    /// Its part in the metadata quorum; none while its process does not run, or for a client.
    pub quorum: Option<QuorumPart>,
    /// Its registration as a broker; none if it is none or has never registered.
    pub broker: Option<BrokerPart>,
    /// What it does as a client; none while its process does not run.
    pub client: Option<ClientPart>,
    /// Its files, if they were asked for.
    pub files: Vec<FilePart>,
}

/// A member of the metadata quorum, or an observer of it.
#[derive(Clone, Debug, Serialize)]
pub struct QuorumPart {
    /// Its state.
    pub state: QuorumStateName,
    /// Whether it votes.
    pub is_voter: bool,
    /// The epoch that it is in.
    pub epoch: LeaderEpoch,
    /// The leader that it knows; NONE if it knows none.
    pub leader: NodeId,
    /// For whom it voted in this epoch, if it did.
    pub voted_for: Option<NodeId>,
    /// The end of its metadata log.
    pub log_end_offset: Offset,
    /// The start of its metadata log.
    pub log_start_offset: Offset,
    /// How much it knows to be committed; none if nothing.
    pub high_watermark: Option<Offset>,
    /// Whether it is the active controller, and since which epoch.
    pub active_epoch: Option<LeaderEpoch>,
    /// The last record of the metadata that its broker has applied; none without a broker.
    pub broker_image: Option<Offset>,
}

/// A broker as the controllers have registered it.
#[derive(Clone, Debug, Serialize)]
pub struct BrokerPart {
    /// Its registration's epoch.
    pub broker_epoch: BrokerEpoch,
    /// Whether it leads nothing and clients do not see it.
    pub is_fenced: bool,
    /// Whether it hands its leaderships over.
    pub in_controlled_shutdown: bool,
    /// What its process says of itself; none while it does not run.
    pub state: Option<BrokerState>,
}

/// A client.
#[derive(Clone, Debug, Serialize)]
pub struct ClientPart {
    /// Batches that are not acknowledged, in order.
    pub batches: Vec<BatchView>,
    /// A consumer's place in its group, as it sees it; none if it is in none.
    pub membership: Option<MembershipView>,
    /// Where a consumer stands.
    pub positions: Vec<PositionView>,
    /// How many of its requests are unanswered.
    pub requests: usize,
}

/// A file.
#[derive(Clone, Debug, Serialize)]
pub struct FilePart {
    /// Its path on its machine.
    pub path: String,
    /// Its length in the page cache, in bytes.
    pub length: u64,
    /// Its length on the medium, in bytes.
    pub durable_length: u64,
    /// How many of its pages are not durable.
    pub dirty_pages: usize,
    /// Whether a power cut would leave a name for it.
    pub name_is_durable: bool,
    /// When a sync of it landed last; none if none did.
    pub synced: Option<Time>,
}

/// All machines that are part of the story.
pub(super) fn machines(world: &World, cast: &Cast, with_files: bool) -> Vec<MachinePart> {
    let seen = world.machines().filter(|(id, _)| cast.is_seen(*id));
    seen.map(|(id, machine)| part(world, cast, id, machine, with_files)).collect()
}

fn part(world: &World, cast: &Cast, id: MachineId, machine: &Machine, with_files: bool) -> MachinePart {
    let paying = Lane::ALL.into_iter().filter_map(|lane| Some((lane, machine.pays_until(lane)?)));
    let files = if with_files { machine.disk().files() } else { Vec::new() };
    MachinePart {
        id,
        name: cast.name(id).to_owned(),
        work: work(machine),
        state: machine.state(),
        is_stopping: machine.is_stopping(),
        starts: machine.starts(),
        dirty_bytes: machine.disk().dirty_bytes(),
        wall_offset_micros: machine.clock().wall_offset_micros(),
        paying: paying.collect(),
        waiting: Lane::ALL.into_iter().map(|lane| machine.waiting(lane)).sum(),
        quorum: machine.node().map(quorum),
        broker: broker(world, id, machine.node()),
        client: machine.client().map(|client| ClientPart {
            batches: client.batches(),
            membership: client.membership(),
            positions: client.positions(),
            requests: client.in_flight().len(),
        }),
        files: files.into_iter().map(file).collect(),
    }
}

fn work(machine: &Machine) -> Work {
    use trial_broker::config::Role;
    match &machine.config().program {
        ProgramConfig::Node(config) => match config.role {
            Role::Broker => Work::Broker,
            Role::Controller => Work::Controller,
            Role::Combined => Work::Combined,
        },
        ProgramConfig::Client(config) => match config.kind {
            ClientKind::Producer { .. } => Work::Producer,
            ClientKind::Consumer { .. } => Work::Consumer,
            ClientKind::Admin { .. } => Work::Admin,
        },
        #[cfg(test)]
        ProgramConfig::Toy(_) => Work::Admin,
    }
}

fn quorum(node: &Node) -> QuorumPart {
    let raft = node.raft();
    let (leader, epoch) = raft.leader_and_epoch();
    QuorumPart {
        state: raft.state_name(),
        is_voter: raft.is_voter(),
        epoch,
        leader,
        voted_for: raft.voted_for().map(|voted| voted.id),
        log_end_offset: raft.log_end_offset(),
        log_start_offset: raft.log_start_offset(),
        high_watermark: raft.high_watermark(),
        active_epoch: node.controller().and_then(|controller| controller.active_epoch()),
        broker_image: node.broker_metadata().map(|image| image.last_offset()),
    }
}

fn broker(world: &World, id: MachineId, node: Option<&Node>) -> Option<BrokerPart> {
    let registered = view::metadata(world)?.broker(NodeId(i32::try_from(id.0).ok()?))?;
    Some(BrokerPart {
        broker_epoch: registered.broker_epoch,
        is_fenced: registered.fenced,
        in_controlled_shutdown: registered.in_controlled_shutdown,
        state: node.and_then(Node::broker_state),
    })
}

fn file(file: FileView) -> FilePart {
    let FileView { path, length, durable_length, dirty_pages, name_is_durable, synced } = file;
    FilePart { path, length, durable_length, dirty_pages: dirty_pages.len(), name_is_durable, synced }
}
