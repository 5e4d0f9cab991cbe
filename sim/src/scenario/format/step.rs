//! The steps of a scenario: when something happens, and the one thing that happens.
//!
//! ```text
//!   at | after | when | when-event      one of them; none means: right after the step before
//!   within                              how long an expectation, or a `when`, may take to hold
//!   note                                words for the reader
//!   optional                            left out if its target is nobody now
//!   reveal                              the question before is answered here
//!   resolved                            what `when` and symbolic targets came to when the file was saved
//!   kill | clog | produce | expect | …  exactly one action
//! ```
//!
//! An action is a key of its own (`kill = { broker = 1 }`), never a tagged table: so that a
//! mistake is shown at the field where it was made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{
    AlignTimers, CloseConsumer, CommitOffsets, Delay, Fail, Heal, JoinGroup, Later, Messages, OneClient, Partition,
    Pause, Poll, PowerCut, Predict, Produce, Seek, SetLatency, SetWork, Skew, Slow, SomePartitions, SpreadTimers,
    Stall, Target,
};
use super::administration::{
    AlterConfig, CreatePartitions, CreateTopic, DeleteOffsets, DeleteRecords, DeleteTopic, ElectLeader, ListGroups,
    OneGroup, Reassign,
};
use super::expect::{Condition, ErrorPattern, EventPattern};
use super::numbers::Spans;
use super::transaction::{CommitInTransaction, EndTransaction};
use super::value::{Span, Spanned};

/// What a step came to that says *when* something holds, or names a machine by what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// When it ran, after time zero: of a step that waits for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// Who was meant, by the name in the step: `{ "leader:orders-0" = "b2" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<String, String>,
}

/// Declares the vocabulary: the fields of [`Step`], the enum [`Action`], and the list of all names.
macro_rules! vocabulary {
    ($($(#[doc = $doc:literal])* $field:ident = $name:literal => $variant:ident($kind:ty);)*) => {
        /// One step: when, and exactly one action.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Step {
            /// At this time after time zero.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub at: Option<Spanned<Span>>,
            /// This long after the step before it ran.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub after: Option<Spanned<Span>>,
            /// As soon as this holds.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub when: Option<Spanned<Condition>>,
            /// As soon as this happens.
            #[serde(rename = "when-event", default, skip_serializing_if = "Option::is_none")]
            pub when_event: Option<Spanned<EventPattern>>,
            /// How long an expectation, `when` or `when-event` may take to hold, counted from the step before; a
            /// range also says that it must not hold earlier.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub within: Option<Spanned<Spans>>,
            /// Words for the reader.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub note: Option<String>,
            /// Whether the step is left out, with a line that says so, when the machine that it names by what it does
            /// ("leader", "stopped") is nobody at that instant. Otherwise that is a failure.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            pub optional: bool,
            /// What its `when` and its symbolic targets came to in the run for which the file was saved. It steers nothing: a
            /// run that finds something else says so.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub resolved: Option<Resolved>,
            /// Whether the question before it is answered here: at the start of this step one can see what came of it.
            /// Without such a step that is the first one behind the question that comes later.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            pub reveal: bool,
            $(
                $(#[doc = $doc])*
                #[serde(rename = $name, default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<Spanned<$kind>>,
            )*
        }

        /// What a step does.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Action {
            $($(#[doc = $doc])* $variant($kind),)*
            /// Nothing: the step is a note.
            Note,
        }

        impl Action {
            /// The names of all actions, in the order of the vocabulary.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// What the action is called in a file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Action::$variant(_) => $name,)*
                    Action::Note => "note",
                }
            }
        }

        impl Step {
            /// The actions of this step with their places; there should be exactly one.
            pub fn actions(&self) -> Vec<Spanned<Action>> {
                let mut actions = Vec::new();
                $(
                    if let Some(action) = &self.$field {
                        let value = Action::$variant(action.value.clone());
                        actions.push(Spanned { value, span: action.span.clone() });
                    }
                )*
                actions
            }
        }
    };
}

vocabulary! {
    // The cluster.
    /// The process dies; its page cache survives.
    kill = "kill" => Kill(Target);
    /// The machine loses its power: what was not synced is drawn, lost or kept.
    power_cut = "power-cut" => PowerCut(PowerCut);
    /// The process is asked to stop in order (SIGTERM); a broker hands its leaderships over.
    stop = "stop" => Stop(Target);
    /// The process stands still, as in a long garbage collection.
    pause = "pause" => Pause(Pause);
    /// A paused process goes on.
    resume = "resume" => Resume(Target);
    /// A stopped machine starts again, with what its disk holds.
    start = "start" => Start(Target);
    /// Kill and start at once.
    restart = "restart" => Restart(Target);
    /// The machine comes back with an empty, newly formatted disk.
    replace = "replace" => Replace(Target);
    /// The machine changes its version.
    upgrade = "upgrade" => Upgrade(Later);
    /// The machine's wall clock is set forward or back.
    skew = "skew" => Skew(Skew);
    // The network.
    /// Nothing passes between groups of machines, or in one direction.
    partition = "partition" => Partition(Partition);
    /// All partitions and clogs end.
    heal = "heal" => Heal(Heal);
    /// Messages in one direction are held back, in order, until unclog or heal.
    clog = "clog" => Clog(Messages);
    /// What a clog held is delivered, in order.
    unclog = "unclog" => Unclog(Messages);
    /// Messages in one direction take another time from now on.
    latency = "latency" => SetLatency(SetLatency);
    /// A message is lost, which resets its connection.
    drop = "drop" => Drop(Messages);
    /// A message is late, and so is what follows it on its connection.
    delay = "delay" => Delay(Delay);
    /// A message is held until release, and so is what follows it on its connection.
    hold = "hold" => Hold(Messages);
    /// Held messages go on.
    release = "release" => Release(Messages);
    // The disk.
    /// Each sync takes this long from now on.
    slow = "slow" => Slow(Slow);
    /// The disk answers nothing for a while.
    stall = "stall" => Stall(Stall);
    /// The disk answers with an error from now on.
    fail = "fail" => Fail(Fail);
    /// Bits on the disk decay.
    rot = "rot" => Rot(Later);
    /// Everything in the page cache becomes durable.
    sync_now = "sync-now" => SyncNow(Target);
    // Clients.
    /// A producer sends records.
    produce = "produce" => Produce(Produce);
    /// A producer begins a transaction.
    begin = "begin" => Begin(Later);
    /// A producer commits its transaction.
    commit = "commit" => Commit(Later);
    /// A producer aborts its transaction.
    abort = "abort" => Abort(Later);
    /// A consumer polls once.
    poll = "poll" => Poll(Poll);
    /// A consumer commits its positions, or `offsets` of its choice, and waits until they are written; `async`: it does not wait.
    commit_offsets = "commit-offsets" => CommitOffsets(CommitOffsets);
    /// A consumer goes to an offset.
    seek = "seek" => Seek(Seek);
    /// A client refreshes its metadata now, instead of after metadata.max.age.ms.
    refresh_metadata = "refresh-metadata" => RefreshMetadata(OneClient);
    /// A consumer subscribes to topics, and joins its group.
    join = "join" => Join(JoinGroup);
    /// A consumer gives up its partitions and leaves its group. To commit first, `stop` it.
    leave = "leave" => Leave(OneClient);
    /// A consumer closes, with options, and its process ends.
    close = "close" => Close(CloseConsumer);
    /// A consumer's application works on each record for so long from now on.
    work = "work" => Work(SetWork);
    /// A consumer wants no records of some partitions.
    pause_partitions = "pause-partitions" => PausePartitions(SomePartitions);
    /// A consumer wants records of some partitions again.
    resume_partitions = "resume-partitions" => ResumePartitions(SomePartitions);
    /// A client dies.
    crash = "crash" => Crash(OneClient);
    /// Offsets of a group are written in a transaction: they count when it is committed.
    commit_in_transaction = "commit-in-transaction" => CommitInTransaction(CommitInTransaction);
    /// A transaction that wrote offsets of a group ends.
    end_transaction = "end-transaction" => EndTransaction(EndTransaction);
    // Administration.
    /// A topic is created.
    create_topic = "create-topic" => CreateTopic(CreateTopic);
    /// A topic is deleted.
    delete_topic = "delete-topic" => DeleteTopic(DeleteTopic);
    /// A topic gets more partitions.
    create_partitions = "create-partitions" => CreatePartitions(CreatePartitions);
    /// Settings change while the cluster runs.
    alter_config = "alter-config" => AlterConfig(AlterConfig);
    /// Leaders are elected.
    elect_leader = "elect-leader" => ElectLeader(ElectLeader);
    /// A partition moves to other brokers.
    reassign = "reassign" => Reassign(Reassign);
    /// The first records of a partition are given up.
    delete_records = "delete-records" => DeleteRecords(DeleteRecords);
    /// An administrator asks which groups there are: `groups-listed`.
    list_groups = "list-groups" => ListGroups(ListGroups);
    /// An administrator asks how a group stands: `group-described`.
    describe_group = "describe-group" => DescribeGroup(OneGroup);
    /// A group is deleted, with its offsets, if nobody is in it: `group-deleted`.
    delete_group = "delete-group" => DeleteGroup(OneGroup);
    /// Committed offsets are deleted, if nobody in the group reads their topics: `group-offsets-deleted`.
    delete_offsets = "delete-offsets" => DeleteOffsets(DeleteOffsets);
    // Controllers.
    /// All voters' next election timeouts become equal: a split vote.
    align_timers = "align-timers" => AlignTimers(AlignTimers);
    /// The voters' next election timeouts differ by this much from one to the next.
    spread_timers = "spread-timers" => SpreadTimers(SpreadTimers);
    // Teaching.
    /// A question to answer before the run goes on. Ignored headless.
    predict = "predict" => Predict(Predict);
    /// The run stops until somebody goes on. Ignored headless.
    pause_here = "pause-here" => PauseHere(bool);
    // Checks.
    /// This must hold: now, or `within` a time.
    expect = "expect" => Expect(Condition);
    /// A client's call must have failed with this error since the step before.
    expect_error = "expect-error" => ExpectError(ErrorPattern);
    /// This must have happened since the step before (or `since` a time), or happen `within` a time.
    expect_event = "expect-event" => ExpectEvent(EventPattern);
    /// This must not hold from now on: for `within`, or to the end.
    never = "never" => Never(Condition);
    /// This must not happen from now on: for `within`, or to the end.
    never_event = "never-event" => NeverEvent(EventPattern);
}
