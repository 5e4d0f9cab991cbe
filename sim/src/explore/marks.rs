//! Coverage marks: what ought to happen sometimes.
//!
//! A campaign that never fails may be a campaign in which nothing ever happens. So it
//! counts in how many seeds each of these came about. A mark is a predicate over what any
//! observer sees, events and facts, and no line in the machines: a mark that stays at zero
//! is dead code or a hole in the generator, and both are worth knowing.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use trial_broker::api::wire::{decode_request, decode_response};
use trial_broker::api::{Body, Message};
use trial_broker::client::Call;
use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, LifecycleEvent, LogEvent, LogStartReason, PartitionChangeReason,
    PartitionEvent, RaftEvent,
};
use trial_broker::group::find::OFFSETS_TOPIC;
use trial_broker::ids::{LeaderEpoch, NodeId, TopicId, TopicPartition};
use trial_broker::message::{Api, ErrorCode, Request, Response};
use trial_broker::raft::METADATA_TOPIC_ID;

use self::groups::Groups;
use crate::check::model::machine_of;
use crate::fault::{Fault, MachineId};
use crate::step::{Fact, Step, StepKind};
use crate::world::World;

/// Declares the marks: the enum, all of them in order, their names and sentences.
macro_rules! marks {
    ($($variant:ident = $name:literal, $sentence:literal;)*) => {
        /// Something that ought to happen sometimes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Mark {
            $(#[doc = $sentence] $variant,)*
        }

        impl Mark {
            /// All marks.
            pub const ALL: &'static [Mark] = &[$(Mark::$variant),*];

            /// Its name, as reports write it.
            pub fn name(self) -> &'static str {
                match self { $(Mark::$variant => $name,)* }
            }

            /// What it means, in one sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Mark::$variant => $sentence,)* }
            }
        }
    };
}

marks! {
    LeaderMovedDuringFetch = "leader-moved-during-fetch", "A leader epoch was raised while a follower's fetch from the leader before was in flight.";
    TwoLeadersAtOnce = "two-leaders-at-once", "A new leader acted while the old one still believed that it led.";
    FormerLeaderTruncated = "former-leader-truncated", "A replica that had led before cut records off its log.";
    DivergenceFound = "divergence-found", "A leader told a follower where their logs part.";
    StaleFetchIgnored = "stale-fetch-ignored", "A follower did not apply a fetch answer that had been overtaken.";
    IsrShrunk = "isr-shrunk", "A leader's in-sync set became smaller.";
    IsrExpanded = "isr-expanded", "A leader's in-sync set became larger.";
    IsrChangeRefused = "isr-change-refused", "The controller refused a leader's proposal.";
    FollowerHighWatermarkFell = "follower-high-watermark-fell", "A follower's high watermark fell, as it may.";
    EligibleLeaderElected = "eligible-leader-elected", "A leader was elected from the eligible leader replicas (KIP-966).";
    UncleanLeaderElected = "unclean-leader-elected", "A leader was elected whatever was lost by it.";
    PreferredLeaderElected = "preferred-leader-elected", "Leadership returned to the preferred replica.";
    ReplicaRemoved = "replica-removed", "A replica was taken off a broker.";
    ReplicasMoved = "replicas-moved", "A reassignment changed who holds a partition.";
    ControlledShutdown = "controlled-shutdown", "A broker handed its leaderships over and was allowed to stop.";
    RegistrationRefused = "registration-refused", "A broker was not registered because its old session still lived.";
    DuplicateAvoided = "duplicate-avoided", "A batch that came twice was recognised by its sequence number.";
    SequenceRefused = "sequence-refused", "A batch whose sequence number did not follow was refused.";
    ProducerEpochRaised = "producer-epoch-raised", "An idempotent producer raised its epoch by itself.";
    ProduceWaitedInVain = "produce-waited-in-vain", "A parked produce request was answered with an error.";
    ConsumerSawTruncation = "consumer-saw-truncation", "A consumer learned that the log was cut off below its position.";
    ControllerMoved = "controller-moved", "Another controller became active.";
    VoteRefused = "vote-refused", "A voter refused its vote.";
    MetadataTruncated = "metadata-truncated", "A member of the quorum cut metadata off that was never committed.";
    SnapshotCreated = "snapshot-created", "A snapshot of the metadata was written.";
    SnapshotLoaded = "snapshot-loaded", "A member fetched a snapshot because the log no longer reached back far enough.";
    BytesLostInPowerCut = "bytes-lost-in-power-cut", "A power cut took bytes that had been written.";
    PowerCutInsideSync = "power-cut-inside-sync", "A power cut came while a lane waited for a sync.";
    StepDroppedByCrash = "step-dropped-by-crash", "A process died before the disk had done what its last step asked for.";
    LogRecovered = "log-recovered", "A log was recovered after a stop that was not clean.";
    TornTailDropped = "torn-tail-dropped", "Recovery cut a torn tail off a log.";
    LogStartedAnew = "log-started-anew", "A follower dropped its whole log and began where the leader's starts.";
    SegmentRolled = "segment-rolled", "A segment of a partition's log was closed and a new one begun.";
    LogStartMoved = "log-start-moved", "Retention moved a log's start.";
    SegmentsCompacted = "segments-compacted", "The cleaner replaced segments of a compacted log.";
    CleaningAborted = "cleaning-aborted", "A pass of the cleaner was given up.";
    LogDirectoryFailed = "log-directory-failed", "A broker gave up a log directory.";
    CoordinatorMoved = "coordinator-moved", "A broker that coordinated groups gave a partition of them up.";
    CoordinatorMovedDuringSync = "coordinator-moved-during-sync", "A coordinator was lost while members waited for an assignment.";
    CoordinatorLoadSeen = "coordinator-load-seen", "A member was told that its coordinator is still loading.";
    CoordinatorWriteReverted = "coordinator-write-reverted", "A coordinator could not write and took its groups back to what they were.";
    CoordinatorMovedDuringRebalance = "coordinator-moved-during-rebalance", "A coordinator was lost while a group of its rebalanced.";
    ShardLoadedWithMembers = "shard-loaded-with-members", "A coordinator took up a group that had members.";
    MemberFenced = "member-fenced", "A coordinator refused somebody whose place or epoch another has, or who is no member any more.";
    MemberSessionExpired = "member-session-expired", "A coordinator removed a member whose session had run out.";
    MemberTooSlow = "member-too-slow", "A coordinator removed a member that had not taken part in a rebalance in time.";
    StaticMemberReplaced = "static-member-replaced", "A static member came back under a new id (KIP-345).";
    OffsetCommitRefused = "offset-commit-refused", "A commit was refused because its generation or member epoch was not the present one.";
    PartitionsLost = "partitions-lost", "A member learned that somebody else may have its partitions already.";
    PartitionsMovedOneByOne = "partitions-moved-one-by-one", "A member gave some of its partitions up and kept others.";
    PollIntervalExceeded = "poll-interval-exceeded", "A member left because its application did not poll in time.";
    GroupChangedProtocol = "group-changed-protocol", "A group went from one protocol to the other.";
    OffsetsCompacted = "offsets-compacted", "The cleaner replaced segments of the offsets topic.";
    GroupDeleted = "group-deleted", "An administrator was told that a group is deleted.";
    OffsetsDeleted = "offsets-deleted", "An administrator was told that offsets of a group are deleted.";
    OffsetsExpired = "offsets-expired", "A coordinator forgot an offset because it was committed too long ago.";
    RecordsDeleted = "records-deleted", "An administrator had the first records of a partition deleted.";
    ProcessExited = "process-exited", "A process ended by itself because it could not go on.";
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was committed of a partition.
#[derive(Clone, Debug)]
struct Known {
    leader: NodeId,
    leader_epoch: LeaderEpoch,
    isr: Vec<NodeId>,
    elr: Vec<NodeId>,
}

/// Watches one run and keeps the marks that it reaches after time zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    reached: BTreeSet<Mark>,
    /// Whether the scenario's own entries have begun; the boot reaches nothing.
    has_begun: bool,
    /// Each partition, as committed.
    registrations: BTreeMap<TopicPartition, Known>,
    /// Who believes to lead what.
    leaders: BTreeMap<TopicPartition, BTreeMap<MachineId, LeaderEpoch>>,
    /// Who has led what at some time.
    have_led: BTreeSet<(TopicPartition, MachineId)>,
    active: Option<MachineId>,
    groups: Groups,
}

impl Observer {
    /// The marks that were reached.
    pub(super) fn reached(self) -> BTreeSet<Mark> {
        self.reached
    }

    /// Looks at a step.
    pub(super) fn observe(&mut self, world: &World, step: &Step) {
        self.has_begun = self.has_begun || matches!(&step.kind, StepKind::Entry(fault) if is_of_the_scenario(fault));
        self.observe_facts(step);
        let Some(machine) = step.machine() else { return };
        for event in &step.events {
            let mark = match event {
                Event::Log(event) => self.log(machine, event),
                Event::Partition(event) => self.partition(machine, event),
                Event::Raft(event) => raft(event),
                Event::Controller(event) => self.controller(world, machine, event),
                Event::Lifecycle(event) => lifecycle(event),
                Event::Group(event) => {
                    let marks = self.groups.observe(world, machine, event);
                    self.reach_all(marks);
                    None
                }
                Event::Membership(event) => self.groups.observe_member(machine, event),
                Event::Client(event) => client(event),
            };
            if let Some(mark) = mark {
                self.reach(mark);
            }
        }
    }

    fn reach(&mut self, mark: Mark) {
        if self.has_begun {
            self.reached.insert(mark);
        }
    }

    fn observe_facts(&mut self, step: &Step) {
        let drops = step.facts.iter().any(|fact| matches!(fact, Fact::Dropped { .. }));
        for fact in &step.facts {
            match fact {
                Fact::PowerCut { machine, report } => {
                    self.stopped(*machine);
                    if !report.is_empty() {
                        self.reach(Mark::BytesLostInPowerCut);
                    }
                    if drops {
                        self.reach(Mark::PowerCutInsideSync);
                    }
                }
                Fact::Killed { machine } | Fact::Replaced { machine } => self.stopped(*machine),
                Fact::Exited { machine, reason } => {
                    self.stopped(*machine);
                    if *reason != trial_broker::effects::ExitReason::Stopped {
                        self.reach(Mark::ProcessExited);
                    }
                }
                Fact::Dropped { .. } => self.reach(Mark::StepDroppedByCrash),
                _ => {}
            }
        }
    }

    fn stopped(&mut self, machine: MachineId) {
        for leaders in self.leaders.values_mut() {
            leaders.remove(&machine);
        }
        let lost = self.groups.lost(machine);
        self.reach_all(lost);
    }

    fn reach_all(&mut self, marks: Vec<Mark>) {
        marks.into_iter().for_each(|mark| self.reach(mark));
    }

    fn log(&mut self, machine: MachineId, event: &LogEvent) -> Option<Mark> {
        match event {
            LogEvent::DuplicateSequence { .. } => Some(Mark::DuplicateAvoided),
            LogEvent::SequenceRefused { .. } => Some(Mark::SequenceRefused),
            LogEvent::LogTruncated { partition, .. } => {
                self.have_led.contains(&(partition.clone(), machine)).then_some(Mark::FormerLeaderTruncated)
            }
            LogEvent::LogStartedAnew { .. } => Some(Mark::LogStartedAnew),
            LogEvent::SegmentRolled { partition, .. } => {
                (!partition.topic.as_str().starts_with("__")).then_some(Mark::SegmentRolled)
            }
            LogEvent::LogStartOffsetMoved { reason, .. } => {
                if *reason == LogStartReason::DeleteRecords {
                    self.reach(Mark::RecordsDeleted);
                }
                Some(Mark::LogStartMoved)
            }
            LogEvent::LogLoaded { clean: false, dropped_bytes, .. } => {
                if *dropped_bytes > 0 {
                    self.reach(Mark::TornTailDropped);
                }
                Some(Mark::LogRecovered)
            }
            LogEvent::SegmentsCompacted { partition, .. } => {
                if partition.topic.as_str() == OFFSETS_TOPIC {
                    self.reach(Mark::OffsetsCompacted);
                }
                Some(Mark::SegmentsCompacted)
            }
            LogEvent::CleaningAborted { .. } => Some(Mark::CleaningAborted),
            LogEvent::LogLoaded { .. }
            | LogEvent::RecordsAppended { .. }
            | LogEvent::CleaningStarted { .. }
            | LogEvent::CleaningCompleted { .. }
            | LogEvent::StorageFailed { .. } => None,
        }
    }

    fn partition(&mut self, machine: MachineId, event: &PartitionEvent) -> Option<Mark> {
        match event {
            PartitionEvent::BecameLeader { partition, leader_epoch, .. } => {
                self.have_led.insert((partition.clone(), machine));
                let leaders = self.leaders.entry(partition.clone()).or_default();
                leaders.insert(machine, *leader_epoch);
                (leaders.len() > 1).then_some(Mark::TwoLeadersAtOnce)
            }
            PartitionEvent::BecameFollower { partition, .. } | PartitionEvent::ReplicaOffline { partition } => {
                self.leaders.entry(partition.clone()).or_default().remove(&machine);
                None
            }
            PartitionEvent::ReplicaRemoved { partition } => {
                self.leaders.entry(partition.clone()).or_default().remove(&machine);
                Some(Mark::ReplicaRemoved)
            }
            PartitionEvent::IsrChanged { from, to, .. } if to.len() < from.len() => Some(Mark::IsrShrunk),
            PartitionEvent::IsrChanged { from, to, .. } if to.len() > from.len() => Some(Mark::IsrExpanded),
            PartitionEvent::IsrChangeRefused { .. } => Some(Mark::IsrChangeRefused),
            PartitionEvent::DivergenceFound { .. } => Some(Mark::DivergenceFound),
            PartitionEvent::FetchResponseIgnored { .. } => Some(Mark::StaleFetchIgnored),
            PartitionEvent::HighWatermarkAdvanced { from, to, as_leader: false, .. } if to < from => {
                Some(Mark::FollowerHighWatermarkFell)
            }
            PartitionEvent::ProduceCompleted { error, .. } if *error != ErrorCode::None => {
                Some(Mark::ProduceWaitedInVain)
            }
            _ => None,
        }
    }

    fn controller(&mut self, world: &World, machine: MachineId, event: &ControllerEvent) -> Option<Mark> {
        match event {
            ControllerEvent::Activated { .. } => {
                let before = self.active.replace(machine);
                before.is_some_and(|before| before != machine).then_some(Mark::ControllerMoved)
            }
            ControllerEvent::RegistrationRefused { .. } => Some(Mark::RegistrationRefused),
            ControllerEvent::ControlledShutdownGranted { .. } => Some(Mark::ControlledShutdown),
            ControllerEvent::PartitionChanged {
                partition,
                leader,
                leader_epoch,
                isr,
                elr,
                replicas,
                unclean,
                reason,
                ..
            } => {
                let (leader, leader_epoch) = (*leader, *leader_epoch);
                let now = Known { leader, leader_epoch, isr: isr.clone(), elr: elr.clone() };
                let before = self.registrations.insert(partition.clone(), now)?;
                if leader_epoch > before.leader_epoch {
                    if !before.isr.contains(&leader) && before.elr.contains(&leader) {
                        self.reach(Mark::EligibleLeaderElected);
                    }
                    if is_fetched_from(world, before.leader, replicas) {
                        self.reach(Mark::LeaderMovedDuringFetch);
                    }
                }
                if *unclean {
                    return Some(Mark::UncleanLeaderElected);
                }
                match reason {
                    PartitionChangeReason::PreferredElection => Some(Mark::PreferredLeaderElected),
                    PartitionChangeReason::Reassignment => Some(Mark::ReplicasMoved),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Whether a fetch between a leader and another of the replicas is in flight, on the way there or back. What it is about
/// stands in their fetch session, and seldom in the message; fetches of the metadata log have none, and name it.
fn is_fetched_from(world: &World, leader: NodeId, replicas: &[NodeId]) -> bool {
    let follows = |machine| replicas.iter().any(|node| *node != leader && machine_of(*node) == machine);
    let between = |one, other| one == machine_of(leader) && follows(other);
    let fetches = world.in_flight().into_iter().filter(|message| message.api == Api::Fetch);
    fetches
        .filter(|fetch| between(fetch.to, fetch.from) || between(fetch.from, fetch.to))
        .filter_map(|fetch| world.message(fetch.id))
        .any(|message| !is_of_the_metadata_log(&message))
}

fn is_of_the_metadata_log(message: &Message) -> bool {
    let topics: Vec<TopicId> = match &message.body {
        Body::Request(_) => match decode_request(message) {
            Ok(Request::Fetch(body)) => body.partitions.iter().map(|partition| partition.topic_id).collect(),
            _ => Vec::new(),
        },
        Body::Response(_) => match decode_response(message) {
            Ok(Response::Fetch(body)) => body.partitions.iter().map(|partition| partition.topic_id).collect(),
            _ => Vec::new(),
        },
    };
    topics.contains(&METADATA_TOPIC_ID)
}

/// Whether an entry is the scenario's and not the boot's: a record is sent, or something breaks.
fn is_of_the_scenario(fault: &Fault) -> bool {
    match fault {
        Fault::Call { call, .. } => matches!(call, Call::Send(_) | Call::SendAll(_)),
        Fault::Start { .. } => false,
        _ => true,
    }
}

fn raft(event: &RaftEvent) -> Option<Mark> {
    match event {
        RaftEvent::VoteRefused { .. } => Some(Mark::VoteRefused),
        RaftEvent::MetadataTruncated { .. } => Some(Mark::MetadataTruncated),
        RaftEvent::SnapshotCreated { .. } => Some(Mark::SnapshotCreated),
        RaftEvent::SnapshotLoaded { .. } => Some(Mark::SnapshotLoaded),
        RaftEvent::StateChanged { .. }
        | RaftEvent::VoteGranted { .. }
        | RaftEvent::MetadataAppended { .. }
        | RaftEvent::QuorumHighWatermarkAdvanced { .. }
        | RaftEvent::SnapshotDeleted { .. } => None,
    }
}

fn lifecycle(event: &LifecycleEvent) -> Option<Mark> {
    matches!(event, LifecycleEvent::LogDirectoryFailed { .. }).then_some(Mark::LogDirectoryFailed)
}

fn client(event: &ClientEvent) -> Option<Mark> {
    match event {
        ClientEvent::ProducerIdAssigned { producer_epoch, .. } if producer_epoch.0 > 0 => {
            Some(Mark::ProducerEpochRaised)
        }
        ClientEvent::TruncationDetected { .. } => Some(Mark::ConsumerSawTruncation),
        ClientEvent::GroupDeleted { .. } => Some(Mark::GroupDeleted),
        ClientEvent::GroupOffsetsDeleted { .. } => Some(Mark::OffsetsDeleted),
        _ => None,
    }
}
