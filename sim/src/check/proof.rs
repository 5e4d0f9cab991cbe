//! Which of the things that happened prove a violation: what each check speaks of, by kind, machine and offset.
//!
//! ```text
//!   every event ─▶ the last few of its kind, by partition and machine
//!   Finding: "producer 4 has sequence 0 twice on b1" ── asks for: appends on b1 ─▶ three to six lines of evidence
//! ```
//!
//! What is kept is small, because every event of a run passes here: an event that no check speaks of is not kept at all.
//!
//! Simplified: proof that lies more than [`KEPT`] events of its kind, partition and machine back is forgotten. The
//! message names it with its numbers all the same.

use std::collections::{BTreeMap, VecDeque};

use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, GroupEvent, LifecycleEvent, LogEvent, MembershipEvent, PartitionEvent,
    RaftEvent,
};
use trial_broker::ids::{NodeId, Offset, TopicPartition};
use trial_broker::table::Table;

use super::Finding;
use super::evidence::Evidence;
use super::log_matching::METADATA_TOPIC;
use super::model::machine_of;
use crate::fault::MachineId;
use crate::step::Step;

/// How many events of a kind are kept a partition and machine.
const KEPT: usize = 6;

/// How many events prove a violation at most.
const SHOWN: usize = 6;

/// What an event tells, as far as a check may speak of it. The first ones are a partition's, the others a machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Batches were appended to a log.
    Append,
    /// A log was opened, cut, begun anew or rolled.
    Bounds,
    /// A replica leads or follows.
    Role,
    /// A replica's high watermark moved.
    HighWatermark,
    /// A leader proposed an ISR, or another one is in force.
    InSync,
    /// A produce request was answered that its records are safe.
    Acknowledgement,
    /// A client was told where a partition ends.
    ToldEnd,
    /// A consumer's fetch was answered.
    Fetched,
    /// The controllers changed a partition's registration.
    Registration,
    /// A producer was told where its records are.
    Told,
    /// A consumer's application got records.
    Read,
    /// A consumer goes elsewhere.
    Position,
    /// A client sent a batch.
    Sent,
    /// The controllers registered, fenced or unfenced this machine's broker.
    Broker,
    /// The controllers answered a heartbeat of this machine's broker.
    Heartbeat,
    /// A quorum member changed its state.
    Quorum,
    /// A quorum member gave its vote.
    Vote,
    /// The quorum's high watermark moved on a member.
    QuorumHighWatermark,
    /// A metadata snapshot was written, loaded or deleted.
    Snapshot,
    /// A broker applied committed metadata.
    Applied,
    /// A process began or ended, or lost a directory.
    Life,
    /// A producer got its id, or raised its epoch.
    ProducerId,
    /// A consumer joined its group, or partitions came to it or left it.
    Membership,
    /// A consumer sent offsets to commit, or was told that they are.
    Commit,
    /// A coordinator spoke of a generation, a target, or a member.
    Coordination,
    /// A coordinator accepted or forgot an offset.
    Accepted,
    /// A consumer asked to join its group, or a coordinator added a member.
    Joining,
}

impl Kind {
    /// Whose events these are in a finding about this partition; a finding about none is about the metadata log.
    fn subject(self, partition: Option<&TopicPartition>) -> Option<TopicPartition> {
        let is_of_partition = self <= Kind::Sent;
        is_of_partition.then(|| partition.cloned().unwrap_or_else(|| TopicPartition::new(METADATA_TOPIC, 0)))
    }
}

/// Events that a finding speaks of: of this kind, on this machine, about this offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    kind: Kind,
    machine: Option<MachineId>,
    offset: Option<Offset>,
}

impl Proof {
    /// The last ones on a machine.
    pub(super) fn on(machine: MachineId, kind: Kind) -> Proof {
        Proof { kind, machine: Some(machine), offset: None }
    }

    /// The last ones, wherever.
    pub(super) fn of(kind: Kind) -> Proof {
        Proof { kind, machine: None, offset: None }
    }

    /// Those that wrote this offset, or show that it is committed or acknowledged.
    pub(super) fn at(offset: Offset, kind: Kind) -> Proof {
        Proof { kind, machine: None, offset: Some(offset) }
    }

    /// The same, on one machine only.
    pub(super) fn only_on(self, machine: MachineId) -> Proof {
        Proof { machine: Some(machine), ..self }
    }

    fn fits(&self, event: &Event) -> bool {
        self.offset.is_none_or(|offset| covers(event, offset))
    }
}

/// Whether an event is about this offset; one that is about no offsets in particular is.
fn covers(event: &Event, offset: Offset) -> bool {
    match event {
        Event::Log(LogEvent::RecordsAppended { base_offset, log_end_offset, .. }) => {
            (*base_offset..*log_end_offset).contains(&offset)
        }
        Event::Partition(PartitionEvent::HighWatermarkAdvanced { to, .. })
        | Event::Raft(RaftEvent::QuorumHighWatermarkAdvanced { to, .. }) => *to > offset,
        Event::Partition(PartitionEvent::ProduceCompleted { required_offset, .. }) => *required_offset > offset,
        Event::Client(ClientEvent::BatchAcked { base_offset, records, .. }) => {
            (*base_offset..base_offset + i64::from(*records)).contains(&offset)
        }
        Event::Client(ClientEvent::RecordsConsumed { read, .. }) => read.iter().any(|record| record.offset == offset),
        _ => true,
    }
}

/// The last events about one thing, with their places in the order of all.
type Last = VecDeque<(u64, Evidence)>;

/// The last events of one kind about one machine: by partition, or about no partition.
#[derive(Clone, Debug, Default)]
struct Kept {
    partitions: Table<TopicPartition, Last>,
    others: Last,
}

/// The last events of each kind, machine and partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// By kind, as far as one was seen: every event looks here.
    events: Vec<Table<MachineId, Kept>>,
    seen: u64,
}

impl Kept {
    fn about(&self, partition: Option<&TopicPartition>) -> Option<&Last> {
        match partition {
            Some(partition) => self.partitions.get(partition),
            None => Some(&self.others),
        }
    }

    fn about_mut(&mut self, partition: Option<&TopicPartition>) -> &mut Last {
        match partition {
            Some(partition) => self.partitions.get_or_default(partition),
            None => &mut self.others,
        }
    }
}

impl Recent {
    /// Keeps an event, if any check may speak of it.
    pub(super) fn remember(&mut self, step: &Step, machine: MachineId, event: &Event) {
        let Some((kind, partition, about)) = subject_of(event, machine) else { return };
        self.seen += 1;
        if self.events.len() <= kind as usize {
            self.events.resize_with(kind as usize + 1, Table::default);
        }
        let kept = self.events[kind as usize].get_or_default(&about).about_mut(partition);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((self.seen, Evidence { step: step.index, at: step.at, machine, event: event.clone() }));
    }

    /// What proves a finding, oldest first: of each thing that it speaks of the last, then of each the one before.
    pub(super) fn prove(&self, finding: &Finding) -> Vec<Evidence> {
        let mut wanted: Vec<_> = finding.proof.iter().map(|proof| self.newest_first(finding, proof)).collect();
        let mut chosen: BTreeMap<u64, &Evidence> = BTreeMap::new();
        let mut was_found = true;
        while was_found {
            was_found = false;
            for of_proof in &mut wanted {
                if chosen.len() < SHOWN
                    && let Some((order, evidence)) = of_proof.pop()
                {
                    chosen.insert(order, evidence);
                    was_found = true;
                }
            }
        }
        chosen.into_values().cloned().collect()
    }

    /// The events that one part of a proof asks for; the newest is the last.
    fn newest_first(&self, finding: &Finding, proof: &Proof) -> Vec<(u64, &Evidence)> {
        let subject = proof.kind.subject(finding.partition.as_ref());
        let of_kind = self.events.get(proof.kind as usize).into_iter().flat_map(Table::iter);
        let kept = of_kind.filter(|(about, _)| proof.machine.is_none_or(|machine| machine == **about));
        let events = kept
            .filter_map(|(_, kept)| kept.about(subject.as_ref()))
            .flatten()
            .filter(|(_, evidence)| proof.fits(&evidence.event));
        let mut events: Vec<(u64, &Evidence)> = events.map(|(order, evidence)| (*order, evidence)).collect();
        events.sort_by_key(|(order, _)| *order);
        events
    }
}

/// What an event tells, and of which partition and machine: what controllers say of a broker is about the broker.
fn subject_of(event: &Event, on: MachineId) -> Option<(Kind, Option<&TopicPartition>, MachineId)> {
    match event {
        Event::Log(event) => log_subject(event).map(|(kind, partition)| (kind, Some(partition), on)),
        Event::Partition(event) => partition_subject(event).map(|(kind, partition)| (kind, Some(partition), on)),
        Event::Controller(event) => controller_subject(event, on),
        Event::Raft(event) => quorum_subject(event).map(|kind| (kind, None, on)),
        Event::Lifecycle(event) => life_subject(event).map(|kind| (kind, None, on)),
        Event::Client(event) => client_subject(event).map(|(kind, partition)| (kind, partition, on)),
        Event::Group(event) => group_subject(event).map(|kind| (kind, None, on)),
        Event::Membership(event) => membership_subject(event).map(|kind| (kind, None, on)),
    }
}

fn group_subject(event: &GroupEvent) -> Option<Kind> {
    match event {
        GroupEvent::GenerationCompleted { .. }
        | GroupEvent::MemberMoved { .. }
        | GroupEvent::MemberRemoved { .. }
        | GroupEvent::MemberReplaced { .. }
        | GroupEvent::RebalanceBegun { .. }
        | GroupEvent::TargetAssigned { .. } => Some(Kind::Coordination),
        GroupEvent::OffsetCommitted { .. }
        | GroupEvent::OffsetForgotten { .. }
        | GroupEvent::OffsetPending { .. }
        | GroupEvent::TransactionEnded { .. } => Some(Kind::Accepted),
        GroupEvent::MemberAdded { .. } => Some(Kind::Joining),
        _ => None,
    }
}

fn membership_subject(event: &MembershipEvent) -> Option<Kind> {
    match event {
        MembershipEvent::GroupJoined { .. }
        | MembershipEvent::PartitionsAssigned { .. }
        | MembershipEvent::PartitionsRevoked { .. }
        | MembershipEvent::PartitionsLost { .. } => Some(Kind::Membership),
        MembershipEvent::CommitSent { .. } | MembershipEvent::CommitDone { .. } => Some(Kind::Commit),
        MembershipEvent::JoinSent { .. } => Some(Kind::Joining),
        _ => None,
    }
}

fn client_subject(event: &ClientEvent) -> Option<(Kind, Option<&TopicPartition>)> {
    match event {
        ClientEvent::BatchSent { partition, .. } => Some((Kind::Sent, Some(partition))),
        ClientEvent::BatchAcked { partition, .. } => Some((Kind::Told, Some(partition))),
        ClientEvent::RecordsConsumed { partition, .. } => Some((Kind::Read, Some(partition))),
        ClientEvent::PositionSet { partition, .. } => Some((Kind::Position, Some(partition))),
        ClientEvent::ProducerIdAssigned { .. } => Some((Kind::ProducerId, None)),
        _ => None,
    }
}

fn log_subject(event: &LogEvent) -> Option<(Kind, &TopicPartition)> {
    match event {
        LogEvent::RecordsAppended { partition, .. } => Some((Kind::Append, partition)),
        LogEvent::LogTruncated { partition, .. }
        | LogEvent::LogStartedAnew { partition, .. }
        | LogEvent::SegmentRolled { partition, .. }
        | LogEvent::LogStartOffsetMoved { partition, .. }
        | LogEvent::SegmentsCompacted { partition, .. }
        | LogEvent::LogLoaded { partition, .. } => Some((Kind::Bounds, partition)),
        LogEvent::CleaningStarted { .. } | LogEvent::CleaningCompleted { .. } | LogEvent::CleaningAborted { .. } => {
            None
        }
        LogEvent::DuplicateSequence { .. } | LogEvent::SequenceRefused { .. } | LogEvent::StorageFailed { .. } => None,
    }
}

fn partition_subject(event: &PartitionEvent) -> Option<(Kind, &TopicPartition)> {
    match event {
        PartitionEvent::BecameLeader { partition, .. } | PartitionEvent::BecameFollower { partition, .. } => {
            Some((Kind::Role, partition))
        }
        PartitionEvent::HighWatermarkAdvanced { partition, .. } => Some((Kind::HighWatermark, partition)),
        PartitionEvent::IsrChangeProposed { partition, .. } | PartitionEvent::IsrChanged { partition, .. } => {
            Some((Kind::InSync, partition))
        }
        PartitionEvent::ProduceCompleted { partition, error, .. } if error.is_none() => {
            Some((Kind::Acknowledgement, partition))
        }
        PartitionEvent::EndOffsetListed { partition, .. } => Some((Kind::ToldEnd, partition)),
        PartitionEvent::FetchAnswered { partition, replica: NodeId::NONE, .. } => Some((Kind::Fetched, partition)),
        _ => None,
    }
}

fn controller_subject(event: &ControllerEvent, on: MachineId) -> Option<(Kind, Option<&TopicPartition>, MachineId)> {
    match event {
        ControllerEvent::PartitionChanged { partition, .. } => Some((Kind::Registration, Some(partition), on)),
        ControllerEvent::BrokerRegistered { broker, .. }
        | ControllerEvent::BrokerFenced { broker, .. }
        | ControllerEvent::BrokerUnfenced { broker } => Some((Kind::Broker, None, machine_of(*broker))),
        ControllerEvent::HeartbeatAnswered { broker, .. } => Some((Kind::Heartbeat, None, machine_of(*broker))),
        _ => None,
    }
}

fn quorum_subject(event: &RaftEvent) -> Option<Kind> {
    match event {
        RaftEvent::StateChanged { .. } => Some(Kind::Quorum),
        RaftEvent::VoteGranted { .. } => Some(Kind::Vote),
        RaftEvent::QuorumHighWatermarkAdvanced { .. } => Some(Kind::QuorumHighWatermark),
        RaftEvent::SnapshotCreated { .. } | RaftEvent::SnapshotLoaded { .. } | RaftEvent::SnapshotDeleted { .. } => {
            Some(Kind::Snapshot)
        }
        // What is written to the metadata log is told by the log too.
        RaftEvent::VoteRefused { .. } | RaftEvent::MetadataAppended { .. } | RaftEvent::MetadataTruncated { .. } => {
            None
        }
    }
}

fn life_subject(event: &LifecycleEvent) -> Option<Kind> {
    match event {
        LifecycleEvent::MetadataApplied { .. } => Some(Kind::Applied),
        LifecycleEvent::ProcessStarted
        | LifecycleEvent::RegistrationAccepted { .. }
        | LifecycleEvent::LogDirectoryFailed { .. }
        | LifecycleEvent::ProcessExited { .. } => Some(Kind::Life),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use trial_broker::message::ErrorCode;

    use super::*;

    /// Six time-outs behind it would push the one answer out that promised something.
    #[test]
    fn a_request_that_failed_acknowledges_nothing() {
        let answered = |error| {
            let partition = TopicPartition::new("orders", 0);
            Event::Partition(PartitionEvent::ProduceCompleted { partition, required_offset: 23, error })
        };
        let kind = |error| subject_of(&answered(error), MachineId(1)).map(|(kind, ..)| kind);
        assert_eq!(kind(ErrorCode::None), Some(Kind::Acknowledgement));
        assert_eq!(kind(ErrorCode::RequestTimedOut), None);
    }
}
