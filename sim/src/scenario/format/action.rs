//! What each action is told: the tables behind `kill`, `clog`, `produce` and all the others.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::Latency;
use super::numbers::Names;
use super::value::{Seed, Span, Spanned};

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
        /// What the loss is drawn from; without it, from the scenario's seed and the number of the step.
        draw: Seed,
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
    /// Only the n-th such message that is on its way already, counted from 1, by the age of their connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Spanned<u32>>,
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
    /// Only the n-th such message that is on its way already, counted from 1, by the age of their connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Spanned<u32>>,
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
    /// Whether they have no value: in a compacted topic each deletes its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tombstones: Option<bool>,
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

/// A commit that the application asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommitOffsets {
    /// Which consumer; its section names the group.
    pub client: Spanned<String>,
    /// The next offset to read, by partition: `{ "orders-0" = 5 }`. Its positions unless said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offsets: BTreeMap<Spanned<String>, Spanned<i64>>,
    /// What the coordinator remembers beside each of the offsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Spanned<String>>,
    /// Whether it does not wait and does not try again (`commitAsync`), and commits its positions.
    #[serde(default, rename = "async", skip_serializing_if = "Option::is_none")]
    pub asynchronous: Option<bool>,
}

/// A consumer that closes (KIP-1092). `stop` closes it without options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloseConsumer {
    /// Which consumer.
    pub client: Spanned<String>,
    /// For how long it commits and takes its leave at most; 30 s unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Spanned<Span>>,
    /// What becomes of its membership; dynamic members leave and static ones remain unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Ending>,
}

/// What a consumer that closes does with its membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It leaves the group, a static member too.
    Leave,
    /// It leaves nothing behind but a session that runs out.
    Remain,
}

/// A consumer that joins a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JoinGroup {
    /// Which consumer; its section names the group.
    pub client: Spanned<String>,
    /// The topics that it subscribes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<Spanned<String>>,
    /// Instead of topics: a regular expression that the consumer matches with the names of all topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Spanned<String>>,
    /// Instead of topics: one that the group's coordinator matches; only with group.protocol = "consumer".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_pattern: Option<Spanned<String>>,
}

/// An application's pace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetWork {
    /// Which consumer.
    pub client: Spanned<String>,
    /// How long its application works on a record from now on.
    pub is: Spanned<Span>,
}

/// Partitions that an application wants no records of, or again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SomePartitions {
    /// Which consumer.
    pub client: Spanned<String>,
    /// The partitions: ["orders-0"].
    pub partitions: Vec<Spanned<String>>,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OneClient {
    /// Its name.
    pub client: Spanned<String>,
}

/// Equal election timeouts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AlignTimers {}

/// Voters that follow hear their leader one after the other, and so miss it one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpreadTimers {
    /// By how much the next answer of the leader comes later from one follower to the next. The last by id hears it in
    /// time, the first (`controller:standby`) last.
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
