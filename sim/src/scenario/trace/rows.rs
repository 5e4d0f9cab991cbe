//! Which events are worth a line of the transcript, and what the line says.

use std::collections::BTreeMap;

use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, FenceReason, LifecycleEvent, LogEvent, PartitionEvent, RaftEvent,
};
use trial_broker::ids::{LeaderEpoch, NodeId, TopicPartition};
use trial_broker::message::{Acks, ErrorCode};

use super::cast::Cast;
use super::lanes::digits;
use super::picture::Picture;
use crate::fault::{Fault, MachineId, MessageFilter, MessageKind, MessageTarget};
use crate::step::{Fact, Step, StepKind};

/// One line, without the state that is drawn beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The word in the event column.
    pub(super) event: &'static str,
    /// What it is about: a partition, a machine.
    pub(super) what: String,
    /// The partition whose state is drawn beside it.
    pub(super) partition: Option<TopicPartition>,
    /// An epoch to show where there is no partition: the quorum's.
    pub(super) epoch: Option<LeaderEpoch>,
    /// Where it happened.
    pub(super) at: Vec<MachineId>,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Words(String),
    /// Words, then the names of all machines of the row: rows of this kind join.
    At(&'static str),
}

impl Row {
    /// Whether another row of the same instant is the same thing on another machine.
    pub(super) fn joins(&self, other: &Row) -> bool {
        matches!(self.cause, Cause::At(_))
            && self.cause == other.cause
            && self.event == other.event
            && self.what == other.what
    }

    pub(super) fn cause(&self, cast: &Cast) -> String {
        match &self.cause {
            Cause::Words(words) => words.clone(),
            Cause::At(words) => {
                let names: Vec<&str> = self.at.iter().map(|machine| cast.name(*machine)).collect();
                format!("{words} {}", names.join(","))
            }
        }
    }
}

/// What earlier events said that a later line repeats.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Batches on their way: by partition and leader, in order: client, acks, records.
    sent: BTreeMap<(TopicPartition, NodeId), Vec<(String, Acks, i32)>>,
    /// Why a partition got its present leader.
    because: BTreeMap<TopicPartition, String>,
    /// Why brokers were fenced last.
    fenced: Option<(NodeId, &'static str)>,
}

/// A change of the picture, and the row to draw after it.
pub(super) struct Part<'a> {
    pub(super) change: Option<Change<'a>>,
    pub(super) row: Option<Row>,
}

/// What changes the picture.
pub(super) enum Change<'a> {
    Fact(&'a Fact),
    Event(MachineId, &'a Event),
}

/// The rows of a step, each with the change that comes before it.
pub(super) fn rows_of<'a>(cast: &Cast, picture: &Picture, memory: &mut Memory, step: &'a Step) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    if let StepKind::Entry(fault) = &step.kind {
        parts.push(Part { change: None, row: fault_row(cast, fault) });
    }
    for fact in &step.facts {
        parts.push(Part { change: Some(Change::Fact(fact)), row: fact_row(cast, fact) });
    }
    if let Some(machine) = step.machine() {
        for event in &step.events {
            let row = event_row(cast, picture, memory, machine, event)
                .filter(|_| cast.is_seen(machine))
                .filter(|row| !row.partition.as_ref().is_some_and(|partition| cast.is_hidden(partition)));
            parts.push(Part { change: Some(Change::Event(machine, event)), row });
        }
    }
    parts
}

fn row(event: &'static str, what: impl Into<String>, at: &[MachineId], cause: impl Into<String>) -> Row {
    Row { event, what: what.into(), partition: None, epoch: None, at: at.to_vec(), cause: Cause::Words(cause.into()) }
}

fn partition_row(event: &'static str, partition: &TopicPartition, at: MachineId, cause: impl Into<String>) -> Row {
    Row { partition: Some(partition.clone()), ..row(event, partition.to_string(), &[at], cause) }
}

/// A row that becomes one with its like on other machines.
fn joint_row(event: &'static str, partition: &TopicPartition, at: MachineId, words: &'static str) -> Row {
    Row { cause: Cause::At(words), ..partition_row(event, partition, at, "") }
}

fn shown(error: ErrorCode) -> String {
    format!("{} ({})", error.name(), error.code())
}

fn acks_text(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

/// A word of serde's spelling for an enum without fields: `session-expired`.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('-', " "),
        _ => String::new(),
    }
}

fn event_row(cast: &Cast, picture: &Picture, memory: &mut Memory, machine: MachineId, event: &Event) -> Option<Row> {
    match event {
        Event::Log(event) => log_row(machine, event),
        Event::Partition(event) => replication_row(cast, picture, memory, machine, event),
        Event::Raft(event) => raft_row(cast, machine, event),
        Event::Controller(event) => controller_row(cast, picture, memory, machine, event),
        Event::Lifecycle(event) => lifecycle_row(cast, machine, event),
        Event::Client(event) => client_row(cast, memory, machine, event),
    }
}

fn log_row(machine: MachineId, event: &LogEvent) -> Option<Row> {
    match event {
        LogEvent::LogTruncated { partition, from, to } => {
            Some(partition_row("trunc", partition, machine, format!("{from} to {to}")))
        }
        LogEvent::LogStartedAnew { partition, offset } => {
            Some(partition_row("trunc", partition, machine, format!("starts anew at {offset}")))
        }
        LogEvent::DuplicateSequence { partition, first_sequence, base_offset, .. } => {
            let cause = format!("sequence {first_sequence} is at offset {base_offset} already");
            Some(partition_row("dup", partition, machine, cause))
        }
        LogEvent::SequenceRefused { partition, first_sequence, expected, .. } => {
            let cause = format!("sequence {first_sequence} after a gap: expected {expected}");
            Some(partition_row("gap", partition, machine, cause))
        }
        LogEvent::LogStartOffsetMoved { partition, from, to, reason } => {
            Some(partition_row("start", partition, machine, format!("log start {from} to {to}: {}", word(reason))))
        }
        LogEvent::LogLoaded { partition, log_end_offset, clean: false, dropped_bytes, .. }
            if *dropped_bytes > 0 || *log_end_offset > 0 =>
        {
            let cause = format!("recovered to {log_end_offset}, {dropped_bytes} torn bytes dropped");
            Some(partition_row("load", partition, machine, cause))
        }
        LogEvent::StorageFailed { path, error } => Some(row("disk", path.clone(), &[machine], format!("{error:?}"))),
        LogEvent::RecordsAppended { .. } | LogEvent::SegmentRolled { .. } | LogEvent::LogLoaded { .. } => None,
    }
}

fn replication_row(
    cast: &Cast,
    picture: &Picture,
    memory: &mut Memory,
    machine: MachineId,
    event: &PartitionEvent,
) -> Option<Row> {
    match event {
        PartitionEvent::Produced { partition, acks, base_offset, log_end_offset } => {
            let records = log_end_offset - base_offset;
            let who = memory.who_sent(cast, partition, machine, *acks);
            let cause = format!("{who}acks={} n={records}", acks_text(*acks));
            Some(partition_row("prod", partition, machine, cause))
        }
        PartitionEvent::ProduceRefused { partition, error } => {
            Some(partition_row("refuse", partition, machine, shown(*error)))
        }
        PartitionEvent::ProduceCompleted { partition, error, required_offset } if !error.is_none() => {
            let cause = format!("{} while waiting for {required_offset}", shown(*error));
            Some(partition_row("refuse", partition, machine, cause))
        }
        PartitionEvent::RecordsReplicated { partition, log_end_offset, .. } => {
            let before = picture.replica(partition, machine).map_or(0, |replica| replica.log_end_offset);
            // The append itself was an earlier event of this step, so the end is compared with the leader's answer.
            (*log_end_offset >= before).then(|| joint_row("fetch", partition, machine, "data to"))
        }
        PartitionEvent::HighWatermarkAdvanced { partition, from, to, as_leader } => {
            if *as_leader {
                Some(partition_row("hw", partition, machine, format!("{from} to {to}: min LEO of ISR")))
            } else {
                Some(joint_row("hw", partition, machine, "learned by"))
            }
        }
        PartitionEvent::IsrChangeProposed { partition, from, to } => {
            let cause = format!("proposes {} instead of {}", digits(to), digits(from));
            Some(partition_row("isr?", partition, machine, cause))
        }
        PartitionEvent::IsrChanged { partition, from, to, .. } => {
            Some(partition_row("isr", partition, machine, difference(cast, from, to)))
        }
        PartitionEvent::IsrChangeRefused { partition, error } => {
            Some(partition_row("isr!", partition, machine, shown(*error)))
        }
        PartitionEvent::BecameLeader { partition, .. } => {
            let cause = memory.because.get(partition).cloned().unwrap_or_default();
            Some(partition_row("lead", partition, machine, cause))
        }
        PartitionEvent::DivergenceFound { partition, replica, epoch, end_offset } => {
            let cause = format!("{}: epoch {epoch} ends at {end_offset}", cast.node_name(*replica));
            Some(partition_row("diverge", partition, machine, cause))
        }
        PartitionEvent::FetcherFailed { partition, error } => {
            Some(partition_row("fetch!", partition, machine, shown(*error)))
        }
        PartitionEvent::ReplicaOffline { partition } => {
            Some(partition_row("offline", partition, machine, "its log directory failed"))
        }
        PartitionEvent::BecameFollower { .. }
        | PartitionEvent::ProduceParked { .. }
        | PartitionEvent::ProduceCompleted { .. }
        | PartitionEvent::FetchParked { .. }
        | PartitionEvent::FetchAnswered { .. }
        | PartitionEvent::FollowerAdvanced { .. }
        | PartitionEvent::FetchResponseIgnored { .. }
        | PartitionEvent::FetchDelayed { .. }
        | PartitionEvent::ReplicaRemoved { .. } => None,
    }
}

/// `+b3`, `-b2`, or both.
fn difference(cast: &Cast, from: &[NodeId], to: &[NodeId]) -> String {
    let added = to.iter().filter(|node| !from.contains(node)).map(|node| format!("+{}", cast.node_name(*node)));
    let removed = from.iter().filter(|node| !to.contains(node)).map(|node| format!("-{}", cast.node_name(*node)));
    added.chain(removed).collect::<Vec<_>>().join(" ")
}

impl Memory {
    /// Whose batch a leader has just taken: the oldest on its way with these acks.
    fn who_sent(&mut self, cast: &Cast, partition: &TopicPartition, machine: MachineId, acks: Acks) -> String {
        let Some((leader, _)) = cast.brokers().iter().find(|(_, broker)| *broker == machine) else {
            return String::new();
        };
        let Some(batches) = self.sent.get_mut(&(partition.clone(), *leader)) else { return String::new() };
        match batches.iter().position(|(_, sent, _)| *sent == acks) {
            Some(index) => format!("{} ", batches.remove(index).0),
            None => String::new(),
        }
    }
}

fn raft_row(cast: &Cast, machine: MachineId, event: &RaftEvent) -> Option<Row> {
    use trial_broker::event::QuorumStateName as State;
    match event {
        RaftEvent::StateChanged { to, epoch, leader, reason } => {
            let name = match to {
                State::Prospective => "prevote",
                State::Candidate => "stand",
                State::Leader => "elect",
                State::Resigned => "resign",
                // Voters and observers pass through these all the time; the leader's own line says it better.
                State::Unattached | State::Follower => return None,
            };
            let mut cause = word(reason);
            if leader.is_some() && *to != State::Leader {
                cause = format!("{cause}; led by {}", cast.node_name(*leader));
            }
            Some(Row { epoch: Some(*epoch), ..row(name, cast.name(machine), &[machine], cause) })
        }
        RaftEvent::VoteGranted { candidate, epoch, pre_vote } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let cause = format!("{kind} for {}", cast.node_name(candidate.id));
            Some(Row { epoch: Some(*epoch), ..row("vote", cast.name(machine), &[machine], cause) })
        }
        RaftEvent::VoteRefused { candidate, epoch, pre_vote, reason } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let cause = format!("no {kind} for {}: {}", cast.node_name(candidate.id), word(reason));
            Some(Row { epoch: Some(*epoch), ..row("vote", cast.name(machine), &[machine], cause) })
        }
        RaftEvent::MetadataTruncated { from, to } => {
            Some(row("trunc", cast.name(machine), &[machine], format!("metadata log {from} to {to}")))
        }
        RaftEvent::MetadataAppended { .. }
        | RaftEvent::QuorumHighWatermarkAdvanced { .. }
        | RaftEvent::SnapshotCreated { .. }
        | RaftEvent::SnapshotLoaded { .. }
        | RaftEvent::SnapshotDeleted { .. } => None,
    }
}

fn controller_row(
    cast: &Cast,
    picture: &Picture,
    memory: &mut Memory,
    machine: MachineId,
    event: &ControllerEvent,
) -> Option<Row> {
    match event {
        ControllerEvent::Activated { epoch } => {
            Some(Row { epoch: Some(*epoch), ..row("active", cast.name(machine), &[machine], "the active controller") })
        }
        ControllerEvent::Deactivated { epoch } => {
            let cause = "no longer the active controller";
            Some(Row { epoch: Some(*epoch), ..row("passive", cast.name(machine), &[machine], cause) })
        }
        ControllerEvent::BrokerRegistered { broker, broker_epoch, clean } => {
            let how = if *clean { "clean" } else { "unclean" };
            Some(row("regist", cast.node_name(*broker), &[], format!("broker epoch {broker_epoch}, {how} stop before")))
        }
        ControllerEvent::BrokerFenced { broker, reason } => {
            let why = match reason {
                FenceReason::SessionExpired => "no heartbeat within the session",
                FenceReason::Asked => "it asked for it",
                FenceReason::ShutDown => "it shut down in order",
            };
            memory.fenced = Some((*broker, why));
            Some(row("fence", cast.node_name(*broker), &[], why))
        }
        ControllerEvent::BrokerUnfenced { broker } => {
            Some(row("unfence", cast.node_name(*broker), &[], "it has caught up with the metadata"))
        }
        ControllerEvent::ControlledShutdownStarted { broker } => {
            Some(row("leave", cast.node_name(*broker), &[], "hands its leaderships over"))
        }
        ControllerEvent::PartitionChanged { partition, leader, elr, unclean, reason, isr, .. } => {
            let mut why = word(reason);
            if let (Some((broker, _)), trial_broker::event::PartitionChangeReason::BrokerFenced) =
                (memory.fenced, reason)
            {
                why = format!("{} fenced", cast.node_name(broker));
            }
            if *unclean {
                why = format!("{why}, unclean");
            }
            let before = picture.partitions.get(partition);
            if before.is_none_or(|known| known.leader != *leader) {
                memory.because.insert(partition.clone(), why.clone());
            }
            let mut cause = format!("leader {}, isr {}", cast.node_name(*leader), digits(isr));
            if !elr.is_empty() {
                cause = format!("{cause}, elr {}", digits(elr));
            }
            Some(partition_row("decide", partition, machine, format!("{cause}: {why}")))
        }
        ControllerEvent::TopicCreated { topic, partitions, .. } => {
            let name = topic.to_string();
            (!cast.is_hidden(&TopicPartition::new(&name, 0)))
                .then(|| row("create", name, &[], format!("{partitions} partitions")))
        }
        ControllerEvent::TopicDeleted { topic, .. } => Some(row("delete", topic.to_string(), &[], "")),
        ControllerEvent::AlterPartitionRefused { partition, error } => {
            Some(partition_row("isr!", partition, machine, shown(*error)))
        }
        ControllerEvent::RegistrationRefused { broker } => {
            Some(row("regist!", cast.node_name(*broker), &[], "another session of it lives"))
        }
        ControllerEvent::ControlledShutdownGranted { .. }
        | ControllerEvent::ProducerIdsAllocated { .. }
        | ControllerEvent::WriteCommitted { .. } => None,
    }
}

fn lifecycle_row(cast: &Cast, machine: MachineId, event: &LifecycleEvent) -> Option<Row> {
    use trial_broker::event::BrokerState;
    let name = cast.name(machine);
    match event {
        LifecycleEvent::BrokerStateChanged { to: BrokerState::Running } => {
            Some(row("serve", name, &[machine], "the broker serves clients"))
        }
        LifecycleEvent::LogDirectoryFailed { .. } => Some(row("offline", name, &[machine], "a log directory failed")),
        LifecycleEvent::HeartbeatRefused { error } => Some(row("beat!", name, &[machine], shown(*error))),
        LifecycleEvent::RegistrationRefused { error } => Some(row("regist!", name, &[machine], shown(*error))),
        LifecycleEvent::RequestRefused { api, error } => {
            Some(row("refuse", name, &[machine], format!("{}: {}", api.name(), shown(*error))))
        }
        LifecycleEvent::ProcessStarted
        | LifecycleEvent::BrokerStateChanged { .. }
        | LifecycleEvent::RegistrationAccepted { .. }
        | LifecycleEvent::HeartbeatSent { .. }
        | LifecycleEvent::MetadataApplied { .. }
        | LifecycleEvent::ProcessExited { .. } => None,
    }
}

fn client_row(cast: &Cast, memory: &mut Memory, machine: MachineId, event: &ClientEvent) -> Option<Row> {
    let name = cast.name(machine);
    match event {
        ClientEvent::BatchSent { partition, node, records, acks, .. } => {
            memory.sent.entry((partition.clone(), *node)).or_default().push((name.to_owned(), *acks, *records));
            None
        }
        ClientEvent::BatchAcked { partition, base_offset, records, acks } => {
            let acks = acks_text(*acks);
            let cause = match (*base_offset, *records) {
                (offset, _) if offset < 0 => format!("{name} acks={acks} n={records}"),
                (offset, 1) => format!("{name} acks={acks} offset {offset}"),
                (offset, _) => format!("{name} acks={acks} offsets {offset} to {}", offset + i64::from(*records) - 1),
            };
            Some(partition_row("ack", partition, machine, cause))
        }
        ClientEvent::BatchRetried { partition, error, .. } => {
            memory.forget(partition, name);
            Some(partition_row("retry", partition, machine, format!("{name}: {}", shown(*error))))
        }
        ClientEvent::BatchFailed { partition, error, records } => {
            memory.forget(partition, name);
            let cause = format!("{name} n={records}: {}", shown(*error));
            Some(partition_row("fail", partition, machine, cause))
        }
        ClientEvent::RecordsConsumed { partition, first_offset, position, records } => {
            let cause = format!("{name} n={records} from {first_offset}, now at {position}");
            Some(partition_row("read", partition, machine, cause))
        }
        ClientEvent::FetchFailed { partition, error } => {
            Some(partition_row("read!", partition, machine, format!("{name}: {}", shown(*error))))
        }
        ClientEvent::TruncationDetected { partition, position, divergent_offset } => {
            let cause = format!("{name} was at {position}, goes back to {divergent_offset}");
            Some(partition_row("rewind", partition, machine, cause))
        }
        ClientEvent::PositionSet { partition, offset, reason } => {
            Some(partition_row("seek", partition, machine, format!("{name} to {offset}: {}", word(reason))))
        }
        ClientEvent::LeaderLearned { partition, leader, epoch } => {
            let cause = format!("{name}: {} leads in epoch {epoch}", cast.node_name(*leader));
            Some(partition_row("learn", partition, machine, cause))
        }
        // A connection to a bootstrap server has done its service.
        ClientEvent::ConnectionLost { node, in_flight, reason } if node.is_some() || *in_flight > 0 => {
            let cause = format!("from {}, {in_flight} in flight: {}", cast.node_name(*node), word(reason));
            Some(row("discon", name, &[], cause))
        }
        _ => None,
    }
}

impl Memory {
    /// A batch of this client is no longer on its way as it was.
    fn forget(&mut self, partition: &TopicPartition, client: &str) {
        for ((sent_to, _), batches) in &mut self.sent {
            if sent_to == partition
                && let Some(index) = batches.iter().position(|(name, ..)| name == client)
            {
                batches.remove(index);
                return;
            }
        }
    }
}

fn fact_row(cast: &Cast, fact: &Fact) -> Option<Row> {
    let at = |event, machine: MachineId, cause: String| Some(row(event, cast.name(machine), &[machine], cause));
    match fact {
        Fact::Started { machine } => at("start", *machine, "the process starts".into()),
        Fact::StartFailed { machine, error } => at("start!", *machine, format!("{error:?}")),
        Fact::Killed { machine } => at("kill", *machine, "the process dies; its page cache survives".into()),
        Fact::Exited { machine, reason } => at("exit", *machine, word(reason)),
        Fact::PowerCut { machine, report } => {
            let lost = report.files.len();
            let cause = format!(
                "{} dirty bytes, {lost} files changed, {} directory changes undone",
                report.dirty_bytes,
                report.undone.len()
            );
            at("cut", *machine, cause)
        }
        Fact::Replaced { machine } => at("replace", *machine, "an empty disk".into()),
        Fact::Paused { machine } => at("pause", *machine, "the process stands still".into()),
        Fact::Resumed { machine } => at("resume", *machine, "the process goes on".into()),
        Fact::Dropped { machine, step } => at("undo", *machine, format!("step {step} was not paid for")),
        Fact::MessageHeld { message } => Some(row("hold", format!("message {}", message.number), &[], "held")),
        Fact::MessageDelayed { message } => Some(row("delay", format!("message {}", message.number), &[], "late")),
        Fact::MessageDropped { message } => {
            Some(row("drop", format!("message {}", message.number), &[], "lost; its connection is reset"))
        }
        Fact::Ignored { reason } => Some(row("nothing", "", &[], *reason)),
        Fact::MessageSent { .. } => None,
    }
}

/// Entries that leave no fact of their own: the network's and the disks'.
fn fault_row(cast: &Cast, fault: &Fault) -> Option<Row> {
    let at = |event, machine: MachineId, cause: String| Some(row(event, cast.name(machine), &[machine], cause));
    match fault {
        Fault::Stop { machine } => at("stop", *machine, "asked to stop in order".into()),
        Fault::Skew { machine, wall_offset_micros, .. } => {
            at("skew", *machine, format!("wall clock off by {} ms", wall_offset_micros / 1000))
        }
        Fault::Upgrade { machine, .. } => at("upgrade", *machine, "from its next start on".into()),
        Fault::Partition { pairs } => {
            let text = pairs.iter().map(|(from, to)| format!("{}>{}", cast.name(*from), cast.name(*to)));
            let text: Vec<String> = text.collect();
            Some(row("part", "network", &[], text.join(" ")))
        }
        Fault::Heal { .. } => Some(row("heal", "network", &[], "partitions and clogs end")),
        Fault::Clog { filter } => Some(row("clog", "network", &[], filter_text(cast, filter))),
        Fault::Unclog { filter } => Some(row("unclog", "network", &[], filter_text(cast, filter))),
        Fault::Release { filter } => Some(row("release", "network", &[], filter_text(cast, filter))),
        Fault::Drop { target } => Some(row("drop", "network", &[], target_text(cast, target))),
        Fault::Delay { target, by } => {
            let text = format!("{} by {} ms", target_text(cast, target), by.as_millis());
            Some(row("delay", "network", &[], text))
        }
        Fault::Hold { target } => Some(row("hold", "network", &[], target_text(cast, target))),
        Fault::Latency { .. } => Some(row("latency", "network", &[], "another latency from now on")),
        Fault::Bandwidth { .. } => Some(row("width", "network", &[], "another bandwidth from now on")),
        Fault::Slow { machine, sync, .. } => at("slow", *machine, format!("a sync takes {} ms", sync.as_millis())),
        Fault::Stall { machine, length, .. } => {
            at("stall", *machine, format!("the disk stands still for {} ms", length.as_millis()))
        }
        Fault::Fail { machine, failure, .. } => {
            let text = failure.as_ref().map_or("all is well again".to_owned(), word);
            at("fail", *machine, format!("disk: {text}"))
        }
        Fault::Rot { machine, path, .. } => at("rot", *machine, path.clone()),
        Fault::Misdirect { machine, from, to, .. } => at("astray", *machine, format!("{from} over {to}")),
        Fault::SyncNow { machine } => at("sync", *machine, "everything is durable".into()),
        Fault::Start { .. }
        | Fault::Kill { .. }
        | Fault::PowerCut { .. }
        | Fault::Pause { .. }
        | Fault::Resume { .. }
        | Fault::Restart { .. }
        | Fault::Replace { .. }
        | Fault::Call { .. }
        | Fault::Abandon { .. }
        | Fault::Answer { .. } => None,
    }
}

fn filter_text(cast: &Cast, filter: &MessageFilter) -> String {
    let names = |machines: &std::collections::BTreeSet<MachineId>| {
        if machines.is_empty() {
            return "all".to_owned();
        }
        machines.iter().map(|machine| cast.name(*machine)).collect::<Vec<_>>().join(",")
    };
    let mut text = format!("{}>{}", names(&filter.from), names(&filter.to));
    if let Some(api) = filter.api {
        text = format!("{text} {}", api.name());
    }
    match filter.kind {
        Some(MessageKind::Request) => format!("{text} requests"),
        Some(MessageKind::Response) => format!("{text} responses"),
        None => text,
    }
}

fn target_text(cast: &Cast, target: &MessageTarget) -> String {
    match target {
        MessageTarget::Next { filter, nth: 1 } => format!("the next of {}", filter_text(cast, filter)),
        MessageTarget::Next { filter, nth } => format!("number {nth} of {}", filter_text(cast, filter)),
        MessageTarget::InFlight(message) => format!("message {}", message.number),
    }
}
