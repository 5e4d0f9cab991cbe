//! Which events are worth a line of the transcript, and what the line says.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{ClientEvent, Event, PartitionEvent};
use trial_broker::ids::{LeaderEpoch, MemberId, NodeId, Offset, TopicPartition};
use trial_broker::message::{Acks, ErrorCode};

use super::call_rows::OpenCalls;
use super::cast::Cast;
use super::event_rows::event_row;
use super::fault_rows::{fact_row, fault_row};
use super::group_rows::short;
use super::picture::Picture;
use crate::fault::MachineId;
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
    /// How often, at this instant.
    times: u32,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Words(String),
    /// Words, then the names of all machines of the row: rows of this kind join.
    At(&'static str),
    /// Batches that a client holds an acknowledgement for: those that follow each other join.
    Acked {
        who: String,
        first: Offset,
        next: Offset,
        batches: u32,
    },
}

impl Row {
    /// The same row, with the quorum's epoch beside it.
    pub(super) fn in_epoch(self, epoch: LeaderEpoch) -> Row {
        Row { epoch: Some(epoch), ..self }
    }

    /// Whether another row of the same instant is the same thing on another machine.
    pub(super) fn is_elsewhere(&self, other: &Row) -> bool {
        matches!(self.cause, Cause::At(_))
            && self.cause == other.cause
            && self.event == other.event
            && self.what == other.what
    }

    /// Takes in the row that comes next, at the same instant, if it is the same thing once more.
    pub(super) fn repeats(&mut self, next: &Row) -> bool {
        if self.event != next.event || self.what != next.what || self.at != next.at {
            return false;
        }
        match (&mut self.cause, &next.cause) {
            (Cause::Words(words), Cause::Words(other)) if words == other => self.times += 1,
            (
                Cause::Acked { who, next: end, batches, .. },
                Cause::Acked { who: other, first, next: other_end, batches: more },
            ) if who == other && end == first => {
                *end = *other_end;
                *batches += more;
            }
            _ => return false,
        }
        true
    }

    pub(super) fn cause(&self, cast: &Cast) -> String {
        match &self.cause {
            Cause::Words(words) if self.times > 1 => format!("{words}, {} times", self.times),
            Cause::Words(words) => words.clone(),
            Cause::Acked { who, first, next, batches } => {
                let batches = if *batches > 1 { format!(" in {batches} batches") } else { String::new() };
                match next - 1 {
                    last if last == *first => format!("{who} offset {first}"),
                    last => format!("{who} offsets {first} to {last}{batches}"),
                }
            }
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
    /// Batches on their way, by partition and leader, in the order in which they left.
    sent: BTreeMap<(TopicPartition, NodeId), Vec<OnItsWay>>,
    /// Why a partition got its present leader.
    pub(super) because: BTreeMap<TopicPartition, String>,
    /// Which broker was fenced last.
    pub(super) fenced: Option<NodeId>,
    calls: OpenCalls,
}

/// A member by the name of its consumer and the first signs of its id, `g1-3f2a`; by its id if nobody knows it.
pub(super) fn member_name(cast: &Cast, picture: &Picture, member: &MemberId) -> String {
    let short = short(member);
    match picture.members.get(member) {
        // By KIP-848 a member makes an id that does not tell whose it is.
        Some(machine) if short == member.as_str() => {
            let start: String = short.chars().take(4).collect();
            format!("{}-{start}", cast.name(*machine))
        }
        _ => short.to_owned(),
    }
}

/// A batch that has left its producer.
#[derive(Clone, Debug)]
struct OnItsWay {
    client: String,
    acks: Acks,
    /// −1 without idempotence.
    first_sequence: i32,
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
    let entry = match &step.kind {
        StepKind::Entry(fault) => Some(fault),
        _ => None,
    };
    if let Some(fault) = entry {
        parts.push(Part { change: None, row: fault_row(cast, fault) });
    }
    for fact in &step.facts {
        parts.push(Part { change: Some(Change::Fact(fact)), row: fact_row(cast, entry, fact) });
    }
    if let Some(machine) = step.machine() {
        let answers = FetchAnswers::of(step);
        for event in &step.events {
            if answers.tells_elsewhere(event) {
                parts.push(Part { change: Some(Change::Event(machine, event)), row: None });
                continue;
            }
            let row = event_row(cast, picture, memory, machine, event)
                .filter(|_| cast.is_seen(machine) || answers_an_administrator(event))
                .filter(|row| !row.partition.as_ref().is_some_and(|partition| cast.is_hidden(partition)))
                .map(|row| answers.with_high_watermark(event, row));
            parts.push(Part { change: Some(Change::Event(machine, event)), row });
        }
    }
    parts.extend(memory.calls.rows(cast, step).into_iter().map(|row| Part { change: None, row: Some(row) }));
    parts
}

/// What an administrator has asked for. Who asks need not stand in the file; the answer is told all the same.
fn answers_an_administrator(event: &Event) -> bool {
    matches!(
        event,
        Event::Client(
            ClientEvent::GroupsListed { .. }
                | ClientEvent::GroupDescribed { .. }
                | ClientEvent::GroupDeleted { .. }
                | ClientEvent::GroupCallFailed { .. }
                | ClientEvent::GroupOffsetsDeleted { .. }
        )
    )
}

/// Partitions of which a follower got both data and a new high watermark in this step: one answer, one row.
struct FetchAnswers<'a> {
    both: BTreeSet<&'a TopicPartition>,
}

impl<'a> FetchAnswers<'a> {
    fn of(step: &'a Step) -> Self {
        let mut learned = BTreeSet::new();
        let mut both = BTreeSet::new();
        for event in &step.events {
            match event {
                Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, as_leader: false, .. }) => {
                    learned.insert(partition);
                }
                Event::Partition(PartitionEvent::RecordsReplicated { partition, .. }) => {
                    both.insert(partition);
                }
                _ => {}
            }
        }
        both.retain(|partition| learned.contains(partition));
        FetchAnswers { both }
    }

    /// Whether the row of the data says it.
    fn tells_elsewhere(&self, event: &Event) -> bool {
        matches!(event, Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, as_leader: false, .. })
            if self.both.contains(partition))
    }

    fn with_high_watermark(&self, event: &Event, row: Row) -> Row {
        match event {
            Event::Partition(PartitionEvent::RecordsReplicated { partition, .. }) if self.both.contains(partition) => {
                Row { cause: Cause::At("data and hw to"), ..row }
            }
            _ => row,
        }
    }
}

pub(super) fn row(event: &'static str, what: impl Into<String>, at: &[MachineId], cause: impl Into<String>) -> Row {
    Row {
        event,
        what: what.into(),
        partition: None,
        epoch: None,
        at: at.to_vec(),
        times: 1,
        cause: Cause::Words(cause.into()),
    }
}

pub(super) fn partition_row(
    event: &'static str,
    partition: &TopicPartition,
    at: MachineId,
    cause: impl Into<String>,
) -> Row {
    Row { partition: Some(partition.clone()), ..row(event, partition.to_string(), &[at], cause) }
}

/// A row that becomes one with its like on other machines.
pub(super) fn joint_row(event: &'static str, partition: &TopicPartition, at: MachineId, words: &'static str) -> Row {
    Row { cause: Cause::At(words), ..partition_row(event, partition, at, "") }
}

/// The row of an acknowledgement: `records` from `first` on.
pub(super) fn acked_row(partition: &TopicPartition, at: MachineId, who: String, first: Offset, records: i32) -> Row {
    let next = first + i64::from(records);
    Row { cause: Cause::Acked { who, first, next, batches: 1 }, ..partition_row("ack", partition, at, "") }
}

pub(super) fn shown(error: ErrorCode) -> String {
    format!("{} ({})", error.name(), error.code())
}

pub(super) fn acks_text(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

/// A word of serde's spelling for an enum without fields: `session-expired`.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('-', " "),
        _ => String::new(),
    }
}

impl Memory {
    /// A batch is on its way.
    pub(super) fn sent(&mut self, partition: &TopicPartition, leader: NodeId, batch: (&str, Acks, i32)) {
        let (client, acks, first_sequence) = batch;
        let way = (partition.clone(), leader);
        self.sent.entry(way).or_default().push(OnItsWay { client: client.to_owned(), acks, first_sequence });
    }

    /// Whose batch a leader has just taken: the oldest on its way with these acks.
    pub(super) fn who_sent(
        &mut self,
        cast: &Cast,
        partition: &TopicPartition,
        machine: MachineId,
        acks: Acks,
    ) -> String {
        let Some((leader, _)) = cast.brokers().iter().find(|(_, broker)| *broker == machine) else {
            return String::new();
        };
        let Some(batches) = self.sent.get_mut(&(partition.clone(), *leader)) else { return String::new() };
        match batches.iter().position(|batch| batch.acks == acks) {
            Some(index) => format!("{} ", batches.remove(index).client),
            None => String::new(),
        }
    }

    /// A batch of this client is no longer on its way as it was, unless a leader has taken it: the one that begins with
    /// this sequence number, or the oldest where it is not known.
    pub(super) fn forget(&mut self, partition: &TopicPartition, client: &str, first_sequence: Option<i32>) {
        let is_it = |batch: &OnItsWay| {
            batch.client == client && first_sequence.is_none_or(|first_sequence| batch.first_sequence == first_sequence)
        };
        for ((sent_to, _), batches) in &mut self.sent {
            if sent_to == partition
                && let Some(index) = batches.iter().position(is_it)
            {
                batches.remove(index);
                return;
            }
        }
    }
}
