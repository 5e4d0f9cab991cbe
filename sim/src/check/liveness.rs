//! A healed core recovers: what must be true in the end, what is excused, and how long it may take.
//!
//! ```text
//!   last step ─▶ heal the core; the rest is dead, or cut off for ever
//!                   └─▶ step until every goal holds that is not excused ─▶ pass
//!                                          or until the bound has passed ─▶ liveness
//! ```
//!
//! Kafka promises safety whatever fails, but progress only where enough is left. So an oracle asks, before a goal
//! counts: does the core hold a majority of the voters? Does it hold a member of the partition's ISR or ELR, one of
//! which may lead, or, where both are empty, the last that was one (KIP-966, `lastKnownElr`)? Does it hold `min.insync.replicas` of its replicas? A goal that the core cannot reach is excused, counted and
//! named.
//!
//! **Simplified:** a partition that only an unclean election could bring back is excused.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use trial_broker::client::{Client, ClientKind, OffsetReset, PositionView};
use trial_broker::config::{GroupProtocol, Membership, ProducerSettings};
use trial_broker::event::QuorumStateName;
use trial_broker::group::find::OFFSETS_TOPIC;
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::message::IsolationLevel;
use trial_broker::metadata::{MetadataImage, PartitionRegistration};
use trial_broker::node::{Node, NodeConfig};

use super::Property;
use super::evidence::name_of;
use super::model::machine_of;
use crate::fault::MachineId;
use crate::machine::{ProcessState, ProgramConfig};
use crate::world::World;

/// The property. It is not one of [`super::PROPERTIES`]: those hold after every step, this one in the end.
pub const PROPERTY: Property = Property {
    name: "liveness",
    rule: "after the last fault every partition of the core gets a leader, its live replicas are in sync, every record can be read \
           and is by the consumers that run, every produce request ends, groups have a coordinator and come to rest with each \
           partition read by a member, and the controllers agree",
    source: "Kafka replication documentation; KIP-631 (fencing and unfencing); KIP-966; KIP-62, KIP-848 (EventuallyConverges)",
};

/// The machines of brokers and controllers that ought to suffice.
pub type Core = BTreeSet<MachineId>;

/// A goal that has not been reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// About which partition; none if it is about a machine or the controllers.
    pub partition: Option<TopicPartition>,
    /// What is missing, with the numbers.
    pub message: String,
}

/// A goal that the core cannot reach: nobody's fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excused {
    /// About which partition; none if it is about all of them.
    pub partition: Option<TopicPartition>,
    /// What is not asked for.
    pub goal: &'static str,
    /// Why, with the numbers.
    pub reason: String,
}

/// What a look at all goals found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The goals that do not hold, and ought to.
    pub unmet: Vec<Unmet>,
    /// The goals that nobody asks for.
    pub excused: Vec<Excused>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Excused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.partition {
            Some(partition) => write!(f, "{partition}: {}: {}", self.goal, self.reason),
            None => write!(f, "every partition: {}: {}", self.goal, self.reason),
        }
    }
}

/// Elections that may fail one after the other, because two members stood at once, before one succeeds.
const ELECTION_ROUNDS: u32 = 5;

/// How long a healed core may take, from the settings of its nodes and of the clients that run.
pub fn bound(world: &World, core: &Core) -> Duration {
    let machines = || world.machines();
    let nodes = machines().filter(|(id, _)| core.contains(id)).filter_map(|(_, machine)| node_config(machine.config()));
    let clients =
        machines().filter_map(|(_, machine)| machine.client().map(|_| client_bound(&machine.config().program)));
    // A lane that pays for a slow or stalled disk is in nobody's hands.
    let owed = machines().flat_map(|(_, machine)| Lane::ALL.map(|lane| machine.pays_until(lane))).flatten();
    let owed = owed.map(|until| until.since(world.now())).max().unwrap_or_default();
    let nodes: Vec<&NodeConfig> = nodes.collect();
    let of_groups = groups::member_bound(world).map(|members| {
        members + nodes.iter().map(|node| groups::coordinator_bound(&node.group_coordinator)).max().unwrap_or_default()
    });
    let of_nodes = nodes.into_iter().map(node_bound).max().unwrap_or_default();
    owed + of_nodes + clients.max().unwrap_or_default() + of_groups.unwrap_or_default()
}

fn node_config(config: &crate::machine::MachineConfig) -> Option<&NodeConfig> {
    match &config.program {
        ProgramConfig::Node(config) => Some(config),
        _ => None,
    }
}

/// One after the other, each as late as it may be: the quorum elects; the sessions of those who have gone run out, once
/// more after a change of controller; those who lag are noticed; requests into connections that are dead at the other
/// end time out, first a fetch and then what was waiting for it.
fn node_bound(config: &NodeConfig) -> Duration {
    let (raft, controller, replication) = (&config.raft, &config.controller, &config.replication);
    let round = raft.fetch_timeout + raft.election_timeout * 2 + raft.election_backoff_max + raft.request_timeout;
    let fencing_tick = controller.broker_session_timeout / 8;
    let sessions = (controller.broker_session_timeout + fencing_tick + controller.broker_heartbeat_interval) * 2;
    let lag = replication.replica_lag_time_max * 3 / 2;
    let requests = controller.request_timeout * 2 + replication.replica_socket_timeout;
    round * ELECTION_ROUNDS + sessions + lag + requests + replication.replica_fetch_backoff
}

/// Until a producer knows what became of its records, or a consumer has heard of a new leader.
fn client_bound(program: &ProgramConfig) -> Duration {
    let ProgramConfig::Client(client) = program else { return Duration::ZERO };
    let of_producer =
        |settings: &ProducerSettings| settings.max_block + settings.delivery_timeout + settings.request_timeout;
    match &client.kind {
        ClientKind::Producer { settings, .. } | ClientKind::Admin { settings } => of_producer(settings),
        ClientKind::Consumer { settings, .. } => settings.metadata_max_age + settings.request_timeout * 2,
    }
}

/// How far the logs that are never at rest must come: members commit for ever, so the end of the offsets topic moves
/// on. What its leader had when it was first looked at in its epoch must be everywhere in the end.
#[derive(Clone, Debug, Default)]
pub struct Marks(BTreeMap<TopicPartition, (LeaderEpoch, Offset)>);

/// How much a survey has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether every goal holds: of the partitions it looks at none behind the first of which one does not.
    FirstUnmet,
    /// All goals that do not hold, and all that are excused.
    Everything,
}

/// Looks whether the goals of a core hold. The marks are those of the looks before.
pub fn survey(world: &World, core: &Core, marks: &mut Marks, depth: Depth) -> Survey {
    let mut survey = Survey::default();
    let nodes: BTreeMap<MachineId, &Node> = core
        .iter()
        .filter_map(|id| Some((*id, world.machine(*id)?)))
        .filter(|(_, machine)| machine.state() == ProcessState::Running)
        .filter_map(|(id, machine)| Some((id, machine.node()?)))
        .collect();
    let gone = |is_wanted: fn(&NodeConfig) -> bool| {
        let missing = core.iter().filter(|id| !nodes.contains_key(id)).filter_map(|id| world.machine(*id));
        let missing = missing.filter(|machine| node_config(machine.config()).is_some_and(is_wanted));
        let message = |name: &str| format!("{name} of the core does not run");
        let unmet = missing.map(|machine| Unmet { partition: None, message: message(machine.name()) });
        unmet.collect::<Vec<_>>()
    };
    survey.unmet = gone(|config| config.role.is_controller());
    let Some(best_informed) = nodes.values().max_by_key(|node| node.committed_metadata().last_offset()) else {
        return survey;
    };
    let mut look = Look {
        core,
        nodes: &nodes,
        image: best_informed.committed_metadata(),
        best_informed,
        marks: &Marks::default(),
    };
    look.mark(marks);
    look.marks = marks;
    match look.quorum() {
        Quorum::Excused(reason) => {
            survey.excused.push(Excused { partition: None, goal: "whatever the controllers decide", reason });
            return survey;
        }
        Quorum::Disagrees(message) => survey.unmet.push(Unmet { partition: None, message }),
        Quorum::Agrees => {}
    }
    // A broker that finds no controllers to register with gives up, as it should.
    survey.unmet.extend(gone(|config| !config.role.is_controller()));
    survey.unmet.extend(look.brokers());
    let suffices = |survey: &Survey| depth == Depth::FirstUnmet && !survey.unmet.is_empty();
    for (name, _, registration) in look.image.partitions() {
        if suffices(&survey) {
            break;
        }
        look.partition(&name, registration, &mut survey);
    }
    if suffices(&survey) {
        return survey;
    }
    let stuck = look.stuck(&survey);
    let settled = |partition: &TopicPartition| {
        !survey.unmet.iter().any(|unmet| unmet.partition.as_ref() == Some(partition)) && !stuck.contains(partition)
    };
    let unread = look.readers(world, settled);
    let mut restless = Vec::new();
    look.groups(world, &stuck, &mut restless, &mut survey.excused);
    survey.unmet.extend(unread);
    survey.unmet.extend(restless);
    survey
}

/// What the controllers of the core think.
enum Quorum {
    /// They are too few to decide anything.
    Excused(String),
    /// They do not follow one leader yet.
    Disagrees(String),
    /// One of them leads, and the others follow it.
    Agrees,
}

/// The core, and what an observer sees of it.
struct Look<'a> {
    core: &'a Core,
    /// Those of its processes that run.
    nodes: &'a BTreeMap<MachineId, &'a Node>,
    /// The committed metadata of the node that has heard of the most.
    image: &'a MetadataImage,
    best_informed: &'a Node,
    marks: &'a Marks,
}

impl Look<'_> {
    /// Marks the ends of the offsets topic's logs, each once for each epoch of its leader.
    fn mark(&self, marks: &mut Marks) {
        let partitions = self.image.partitions().filter(|(name, ..)| name.topic.as_str() == OFFSETS_TOPIC);
        for (name, _, registration) in partitions {
            let epoch = registration.leader_epoch;
            let is_marked = marks.0.get(&name).is_some_and(|(marked, _)| *marked == epoch);
            if !is_marked
                && self.leader(&name, registration).is_none()
                && let Some((_, end)) = self.positions(&name, registration.leader)
            {
                marks.0.insert(name, (epoch, end));
            }
        }
    }

    fn holds(&self, node: NodeId) -> bool {
        node.is_some() && self.core.contains(&machine_of(node))
    }

    fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(&machine_of(node)).copied()
    }

    fn quorum(&self) -> Quorum {
        let members: Vec<&Node> = self
            .nodes
            .values()
            .copied()
            .filter(|node| node.config().role.is_controller() && node.raft().is_voter())
            .collect();
        let voters = self.nodes.values().map(|node| node.raft().voters().len()).max().unwrap_or(0);
        if members.len() * 2 <= voters {
            return Quorum::Excused(format!("{} of {voters} voters are in the core", members.len()));
        }
        let opinions: BTreeSet<(NodeId, LeaderEpoch)> =
            members.iter().map(|node| node.raft().leader_and_epoch()).collect();
        let leads = |node: &Node| node.raft().state_name() == QuorumStateName::Leader;
        let opinions: Vec<String> =
            opinions.iter().map(|(leader, epoch)| format!("leader {leader} in epoch {epoch}")).collect();
        let one_leads = members.iter().filter(|node| leads(node)).count() == 1;
        if opinions.len() == 1 && one_leads {
            return Quorum::Agrees;
        }
        Quorum::Disagrees(format!("the controllers do not agree who leads: {}", opinions.join(", ")))
    }

    /// Brokers of the core that the controllers keep fenced.
    fn brokers(&self) -> Vec<Unmet> {
        let brokers = self.nodes.values().filter(|node| node.config().role.is_broker()).map(|node| node.config().node);
        let fenced = brokers.filter(|id| self.image.broker(*id).is_none_or(|registration| registration.fenced));
        fenced
            .map(|id| Unmet {
                partition: None,
                message: format!("broker {id} of the core is not registered, or fenced"),
            })
            .collect()
    }

    /// `min.insync.replicas` of a partition's topic, and never more than it has replicas (`Partition.effectiveMinIsr`).
    fn min_insync_replicas(&self, name: &TopicPartition, registration: &PartitionRegistration) -> usize {
        let config = self.best_informed.config();
        let settings = self.image.log_settings(&name.topic, &config.log, config.node);
        usize::try_from(settings.min_insync_replicas).unwrap_or(1).min(registration.replicas.len())
    }

    /// Those of a partition's replicas that the core holds.
    fn live(&self, replicas: &[NodeId]) -> BTreeSet<NodeId> {
        replicas.iter().copied().filter(|node| self.holds(*node)).collect()
    }

    /// Partitions in which nothing more can be committed, whatever of them holds already: who needs that is not asked for it.
    fn stuck(&self, survey: &Survey) -> BTreeSet<TopicPartition> {
        let is_short = |name: &TopicPartition, registration: &PartitionRegistration| {
            self.live(&registration.replicas).len() < self.min_insync_replicas(name, registration)
        };
        let short = self.image.partitions().filter(|(name, _, registration)| is_short(name, registration));
        let excused = survey.excused.iter().filter_map(|excused| excused.partition.clone());
        short.map(|(name, ..)| name).chain(excused).collect()
    }

    /// The first goal of a partition that does not hold, and those that are excused.
    fn partition(&self, name: &TopicPartition, registration: &PartitionRegistration, survey: &mut Survey) {
        let PartitionRegistration { leader, isr, elr, replicas, last_known_elr, .. } = registration;
        let excuse = |goal, reason| Excused { partition: Some(name.clone()), goal, reason };
        let last_known = match (isr.is_empty() && elr.is_empty(), last_known_elr.as_slice()) {
            (true, [last]) => Some(last),
            _ => None,
        };
        if !isr.iter().chain(elr).chain(last_known).any(|node| self.holds(*node)) {
            let reason = format!("no member of ISR {} or ELR {} is in the core", named(isr), named(elr));
            survey.excused.push(excuse("leader, ISR and high watermark", reason));
            return;
        }
        let live = self.live(replicas);
        let in_sync: BTreeSet<NodeId> = isr.iter().copied().collect();
        let min_isr = self.min_insync_replicas(name, registration);
        let mut unmet = self.leader(name, registration);
        if unmet.is_none() && in_sync != live {
            unmet =
                Some(format!("{name} has ISR {}, but its replicas in the core are {}", named(&in_sync), named(&live)));
        }
        let behind = if unmet.is_none() { self.behind(name, *leader, &live) } else { None };
        if live.len() >= min_isr {
            unmet = unmet.or(behind);
        } else if behind.is_some() {
            let reason = format!("the core holds {} of its replicas, min.insync.replicas is {min_isr}", live.len());
            survey.excused.push(excuse("high watermark", reason));
        }
        survey.unmet.extend(unmet.map(|message| Unmet { partition: Some(name.clone()), message }));
    }

    /// Whether a partition has no leader of the core that acts as one.
    fn leader(&self, name: &TopicPartition, registration: &PartitionRegistration) -> Option<String> {
        let PartitionRegistration { leader, leader_epoch, .. } = registration;
        if !self.holds(*leader) {
            return Some(format!("{name} has no leader in the core: leader {leader}"));
        }
        let partition = self.node(*leader).and_then(|node| node.replicas()?.partition(name));
        let acts = partition
            .is_some_and(|partition| partition.leader().is_some() && partition.leader_epoch() == *leader_epoch);
        if !acts {
            return Some(format!("{name}: broker {leader} does not act as leader of epoch {leader_epoch}"));
        }
        let serves = || self.node(*leader).and_then(Node::groups).is_some_and(|groups| groups.serves(name.partition));
        let coordinates = name.topic.as_str() != OFFSETS_TOPIC || serves();
        (!coordinates).then(|| format!("{name}: broker {leader} leads it and does not coordinate its groups"))
    }

    /// A replica that lacks records, or does not know that they are committed, although there are enough replicas.
    fn behind(&self, name: &TopicPartition, leader: NodeId, live: &BTreeSet<NodeId>) -> Option<String> {
        let (_, end) = self.positions(name, leader)?;
        live.iter().find_map(|replica| {
            let Some((high_watermark, own_end)) = self.positions(name, *replica) else {
                return Some(format!("{name}: broker {replica} has not opened its log"));
            };
            let is_behind = match self.marks.0.get(name) {
                Some((_, marked)) => high_watermark < *marked,
                None => (high_watermark, own_end) != (end, end),
            };
            is_behind.then(|| {
                format!("{name}: the leader's log ends at {end}, that of broker {replica} at {own_end}, with high watermark {high_watermark}")
            })
        })
    }

    /// Consumers that run, and have not read to the end of a partition that is there to be read. One that polls only when
    /// it is asked to is in its person's hands, and one whose application has ended in an error reads no more.
    fn readers(&self, world: &World, is_settled: impl Fn(&TopicPartition) -> bool) -> Vec<Unmet> {
        let running = world.machines().filter(|(_, machine)| machine.state() == ProcessState::Running);
        let clients = running.filter_map(|(id, machine)| Some((id, machine.client()?)));
        clients.flat_map(|(id, client)| self.unread(name_of(world, id), client, &is_settled)).collect()
    }

    fn unread(&self, reader: &str, client: &Client, is_settled: &impl Fn(&TopicPartition) -> bool) -> Vec<Unmet> {
        let ClientKind::Consumer { isolation, polls_by_itself: true, offset_reset, ref group, .. } =
            client.config().kind
        else {
            return Vec::new();
        };
        if group.as_ref().is_some_and(|group| self.looks_for_its_coordinator(client, group, is_settled)) {
            return Vec::new();
        }
        // It waits for a record that is young enough, and has none to read until then (KIP-1106).
        let waits_for_a_record = matches!(offset_reset, OffsetReset::ByDuration(_));
        if client.application_error().is_some() {
            return Vec::new();
        }
        let assigned = client.positions().into_iter().filter(|view| is_settled(&view.partition));
        let behind = assigned.filter_map(|PositionView { partition, offset, .. }| {
            let end = self.readable_end(&partition, isolation)?;
            let place = match offset {
                Some(offset) if offset >= end => return None,
                None if waits_for_a_record => return None,
                Some(offset) => format!("stands at {offset}"),
                None => "does not know where it stands".to_owned(),
            };
            let message = format!("{partition}: {reader} {place}, and could read to {end}");
            Some(Unmet { partition: Some(partition), message })
        });
        behind.collect()
    }

    /// Whether a member of the classic protocol belongs to a group that the core cannot coordinate. At each poll it looks for its coordinator
    /// first, and while it finds none it neither validates nor resets a position
    /// (`ClassicKafkaConsumer.updateAssignmentMetadataIfNeeded`): it may stand for ever where a leader changed.
    fn looks_for_its_coordinator(
        &self,
        client: &Client,
        group: &Membership,
        is_settled: &impl Fn(&TopicPartition) -> bool,
    ) -> bool {
        let is_subscribed = client.membership().is_some_and(|membership| membership.subscribed);
        let kept_in = self.partition_of(&group.group);
        is_subscribed
            && group.protocol == GroupProtocol::Classic
            && kept_in.is_some_and(|kept_in| !is_settled(&kept_in))
    }

    /// Where what a consumer may read ends, as the leader has it; none while nobody leads.
    fn readable_end(&self, partition: &TopicPartition, isolation: IsolationLevel) -> Option<Offset> {
        let registration = self.image.partition(&partition.topic, partition.partition)?;
        let log = self.node(registration.leader)?.replicas()?.partition(partition)?.log();
        Some(match isolation {
            IsolationLevel::ReadUncommitted => log.high_watermark(),
            IsolationLevel::ReadCommitted => log.last_stable_offset(),
        })
    }

    /// High watermark and log end of a replica.
    fn positions(&self, name: &TopicPartition, replica: NodeId) -> Option<(Offset, Offset)> {
        let log = self.node(replica)?.replicas()?.partition(name)?.log();
        Some((log.high_watermark(), log.log_end_offset()))
    }
}

/// Nodes as messages name them: `[1, 2]`.
fn named<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    let nodes: Vec<String> = nodes.into_iter().map(ToString::to_string).collect();
    format!("[{}]", nodes.join(", "))
}
