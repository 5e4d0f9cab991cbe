//! The steps of a scenario: when something happens, and the one thing that happens.
//!
//! ```text
//!   at | after | when | when-event      one of them; none means: right after the step before
//!   within                              how long an expectation, or a `when`, may take to hold
//!   note                                words for the reader
//!   kill | clog | produce | expect | …  exactly one action
//! ```
//!
//! An action is a key of its own (`kill = { broker = 1 }`), never a tagged table: so that a
//! mistake is shown at the field where it was made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expect::{Condition, ErrorPattern, EventPattern};
use super::file::Latency;
use super::value::{Names, Settings, Span, Spanned, Spans};

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
    /// A consumer commits its offsets.
    commit_offsets = "commit-offsets" => CommitOffsets(Later);
    /// A consumer goes to an offset.
    seek = "seek" => Seek(Seek);
    /// A client refreshes its metadata now, instead of after metadata.max.age.ms.
    refresh_metadata = "refresh-metadata" => RefreshMetadata(OneClient);
    /// A consumer joins its group.
    join = "join" => Join(Later);
    /// A consumer leaves its group.
    leave = "leave" => Leave(Later);
    /// A client dies.
    crash = "crash" => Crash(OneClient);
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

/// What an action is given of which Trial knows only the name so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later;

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Ok(Later)
    }
}

impl Serialize for Later {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        serializer.serialize_map(Some(0))?.end()
    }
}

impl JsonSchema for Later {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Later".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "Part of the vocabulary, but not yet of Trial.", "type": "object" })
    }
}

/// Declares an action on one machine: the ways to name the machine, and the action's own fields.
macro_rules! on_a_machine {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $field_doc:literal])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name {
            /// A broker by its id, "any", or "stopped" (the first that does not run).
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub broker: Option<Spanned<Which>>,
            /// A controller by its id, "active", "standby" (the first that runs and is not active),
            /// "stopped" (the first that does not run), or "any".
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub controller: Option<Spanned<Which>>,
            /// The leader of a partition: "orders-0".
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub leader: Option<Spanned<String>>,
            /// The first follower of a partition, in assignment order.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub follower: Option<Spanned<String>>,
            /// A client by its name.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub client: Option<Spanned<String>>,
            /// The coordinator of a group or a transactional id.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub coordinator: Option<Spanned<String>>,
            $(
                $(#[doc = $field_doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<Spanned<$kind>>,
            )*
        }

        impl $name {
            /// Which machine is meant.
            pub fn target(&self) -> Target {
                Target {
                    broker: self.broker.clone(),
                    controller: self.controller.clone(),
                    leader: self.leader.clone(),
                    follower: self.follower.clone(),
                    client: self.client.clone(),
                    coordinator: self.coordinator.clone(),
                }
            }
        }
    )*};
}

on_a_machine! {
    /// One machine, named in exactly one way.
    Target {}
    /// A power cut.
    PowerCut {
        /// What becomes of bytes that were not synced: drawn unless said.
        lose: Lose,
    }
    /// A pause.
    Pause {
        /// How long; until resume unless said.
        length: Span,
    }
    /// A change of the wall clock.
    Skew {
        /// By how much: "5s" forward, "-5s" back.
        by: Span,
    }
    /// A slow disk.
    Slow {
        /// What each sync costs; "0ms" for a healthy disk.
        sync: Span,
    }
    /// A stalled disk.
    Stall {
        /// How long.
        length: Span,
    }
    /// A failing disk.
    Fail {
        /// With which error.
        error: DiskError,
        /// Which files: those whose path begins so; the whole disk unless said.
        path: String,
    }
}

/// A machine by its id, or "any", or by what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its id.
    Id(i32),
    /// One of those that run, drawn from the seed.
    Any,
    /// The active controller.
    Active,
    /// The first controller that runs and is not active.
    Standby,
    /// The first that does not run.
    Stopped,
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{Error, Visitor};
        struct IdOrWord;
        impl Visitor<'_> for IdOrWord {
            type Value = Which;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a machine's id, or one of the words \"any\", \"active\", \"standby\", \"stopped\"")
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Which, E> {
                i32::try_from(id).map(Which::Id).map_err(|_| E::custom("an id has at most 31 bits"))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Which, E> {
                match word {
                    "any" => Ok(Which::Any),
                    "active" => Ok(Which::Active),
                    "standby" => Ok(Which::Standby),
                    "stopped" => Ok(Which::Stopped),
                    other => Err(E::custom(format!(
                        "expected an id, \"any\", \"active\", \"standby\" or \"stopped\", found {other:?}"
                    ))),
                }
            }
        }
        deserializer.deserialize_any(IdOrWord)
    }
}

impl Serialize for Which {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Which::Id(id) => serializer.serialize_i32(*id),
            Which::Any => serializer.serialize_str("any"),
            Which::Active => serializer.serialize_str("active"),
            Which::Standby => serializer.serialize_str("standby"),
            Which::Stopped => serializer.serialize_str("stopped"),
        }
    }
}

impl JsonSchema for Which {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Which".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A machine's id, \"any\", \"stopped\", or (controllers) \"active\" or \"standby\".",
            "oneOf": [{ "type": "integer", "minimum": 1 }, { "enum": ["any", "active", "standby", "stopped"] }],
        })
    }
}

/// What a power cut does to bytes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lose {
    /// All are lost.
    All,
    /// None are lost.
    None,
}

/// What a failing disk answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskError {
    /// Reads and writes fail (EIO).
    Eio,
    /// There is no space left (ENOSPC).
    Enospc,
    /// The next sync fails; its pages stay dirty.
    FailedSync,
    /// The next sync fails; its pages are marked clean, and are gone.
    LostSync,
    /// The disk is healthy again.
    None,
}

/// A partition of the network: `groups`, or `from` and `to` for one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Partition {
    /// Nothing passes from one group to another; machines that are named nowhere see all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Spanned<Vec<Spanned<Names>>>>,
    /// Nothing passes from these…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<Names>>,
    /// … to these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Spanned<Names>>,
}

/// Which partitions and clogs end: all, unless `from` and `to` say which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Heal {
    /// Only from these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<Names>>,
    /// Only to these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Spanned<Names>>,
}

/// Which messages are meant; all machines and all APIs unless said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Messages {
    /// Sent by these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<Names>>,
    /// Sent to these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Spanned<Names>>,
    /// Of this API: "Fetch".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Spanned<String>>,
    /// Only requests, or only responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Spanned<MessageKind>>,
    /// Only the n-th such message from now on, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Spanned<u32>>,
}

/// A request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// A request.
    Request,
    /// A response.
    Response,
}

/// Which messages are late, and by how much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Delay {
    /// By how much.
    pub by: Spanned<Span>,
    /// Sent by these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<Names>>,
    /// Sent to these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Spanned<Names>>,
    /// Of this API: "Fetch".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Spanned<String>>,
    /// Only requests, or only responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Spanned<MessageKind>>,
    /// Only the n-th such message from now on, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Spanned<u32>>,
}

/// Another latency for messages in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetLatency {
    /// Sent by these machines; all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Spanned<Names>>,
    /// Sent to these machines; all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Spanned<Names>>,
    /// How long they take.
    pub is: Spanned<Latency>,
}

/// Records to send, one batch each unless the producer's linger.ms or `together` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Produce {
    /// Which producer.
    pub client: Spanned<String>,
    /// To which topic.
    pub topic: Spanned<String>,
    /// To which partition; by key, or as the producer likes, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Spanned<i32>>,
    /// How many records; one unless said, or as many as `keys` or `values` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Spanned<u32>>,
    /// The time between two records; all at once unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Spanned<Span>>,
    /// The keys, one a record, used again from the first when they run out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The values, one a record, used again from the first when they run out; numbered unless said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Whether all go into one batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<bool>,
}

/// One poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Poll {
    /// Which consumer.
    pub client: Spanned<String>,
    /// How long it waits for records; "0ms" unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Spanned<Span>>,
}

/// Another position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seek {
    /// Which consumer.
    pub client: Spanned<String>,
    /// In which partition: "orders-0".
    pub partition: Spanned<String>,
    /// To which offset.
    pub offset: Spanned<i64>,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OneClient {
    /// Its name.
    pub client: Spanned<String>,
}

/// A topic to create while the cluster runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CreateTopic {
    /// Who asks; an administrator that is not in the scenario unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Its name.
    pub name: Spanned<String>,
    /// How many partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Spanned<u32>>,
    /// How many replicas each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<Spanned<u32>>,
    /// The brokers of each partition, the preferred leader first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<Vec<Spanned<Vec<Spanned<i32>>>>>>,
    /// Its settings.
    #[serde(default)]
    pub config: Settings,
}

/// A topic to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeleteTopic {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Its name.
    pub name: Spanned<String>,
}

/// Partitions to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CreatePartitions {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which topic.
    pub topic: Spanned<String>,
    /// How many it shall have.
    pub count: Spanned<u32>,
    /// The brokers of the new partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<Vec<Spanned<Vec<Spanned<i32>>>>>>,
}

/// Settings to change: of a topic, of a broker, or of all brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AlterConfig {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Spanned<String>>,
    /// Of which broker; all unless a topic or a broker is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<Spanned<i32>>,
    /// New values.
    #[serde(default)]
    pub set: Settings,
    /// Overrides to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Spanned<String>>,
}

/// Leaders to elect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ElectLeader {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which partition; of all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Spanned<String>>,
    /// The preferred leader unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclean: Option<bool>,
}

/// A partition to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reassign {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Which partition.
    pub partition: Spanned<String>,
    /// To which brokers; cancels a reassignment unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<Vec<Spanned<i32>>>>,
}

/// Equal election timeouts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AlignTimers {}

/// Unequal election timeouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpreadTimers {
    /// The difference from one voter to the next, by id.
    pub by: Spanned<Span>,
}

/// A question to answer before the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Predict {
    /// The question.
    pub ask: String,
    /// The choices, the right one among them.
    pub choices: Vec<String>,
    /// The right one.
    pub answer: Spanned<String>,
    /// The rule behind it, with its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to hide until it is answered: columns of the screen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
}
