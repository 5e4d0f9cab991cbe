//! What must be true: the conditions and patterns of `expect`, `when`, `never` and their kin.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::action::Which;
use super::numbers::{Names, Numbers, Spans};
use super::value::Spanned;

/// Something that can be true of the world: everything that is said must hold at once.
///
/// It is about one partition, one client, one group, one broker, one controller, the controllers as a whole, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// About a partition: "orders-0". Its leader's view unless `replica` says whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Spanned<String>>,
    /// About the log of this broker's replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<Spanned<i32>>,
    /// The log end offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leo: Option<Spanned<Numbers>>,
    /// The high watermark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hw: Option<Spanned<Numbers>>,
    /// The last stable offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lso: Option<Spanned<Numbers>>,
    /// The log start offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_start: Option<Spanned<Numbers>>,
    /// The values of the records in the log, from its start, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Spanned<Vec<String>>>,
    /// The leader epochs of the records in the log, from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<Spanned<Vec<i32>>>,
    /// The in-sync replicas as the controllers committed them, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isr: Option<Spanned<Vec<i32>>>,
    /// How many in-sync replicas there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isr_size: Option<Spanned<Numbers>>,
    /// The eligible leader replicas (KIP-966), in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elr: Option<Spanned<Vec<i32>>>,
    /// The leader as the controllers committed it; -1 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<Spanned<i32>>,
    /// The leader epoch as the controllers committed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_epoch: Option<Spanned<Numbers>>,
    /// The partition epoch as the controllers committed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_epoch: Option<Spanned<Numbers>>,

    /// About a client, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// How many of its records were acknowledged since time zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked: Option<Spanned<Numbers>>,
    /// How many of its records failed since time zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Spanned<Numbers>>,
    /// How many of its records are neither acknowledged nor failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Spanned<Numbers>>,
    /// The error of its last call that failed: Kafka's name or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Spanned<ErrorName>>,
    /// How many records it has consumed since time zero; with `partition`, of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed: Option<Spanned<Numbers>>,
    /// The values of the records it has consumed, as text; with `partition`, of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed_values: Option<Spanned<Vec<String>>>,
    /// Its position in `partition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Spanned<Numbers>>,

    /// About a group of consumers, by its id, as its coordinator knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Spanned<String>>,
    /// By which protocol its members are coordinated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_type: Option<Spanned<GroupType>>,
    /// How many members it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Spanned<Numbers>>,
    /// By which assignor its partitions are shared out: that of its generation, or the one that most members ask for (KIP-848).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignor: Option<Spanned<String>>,
    /// The broker that coordinates it; -1 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<Spanned<i32>>,
    /// What was committed for it of `partition`: the next offset to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Spanned<Numbers>>,

    /// About a broker, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<Spanned<i32>>,
    /// Whether the controllers have fenced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fenced: Option<Spanned<bool>>,
    /// Whether its process runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Spanned<bool>>,

    /// About a controller: its id, or "active".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Spanned<Which>>,
    /// Its state in the quorum: "leader", "follower", "candidate", …; that of a group: "Stable", "Empty", …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Spanned<String>>,
    /// The quorum's epoch, as it knows it; a group's generation, or group epoch (KIP-848).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Spanned<Numbers>>,
    /// Which controllers are active: `[102]`; `[]` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_controllers: Option<Spanned<Vec<i32>>>,

    /// About files: the path of one below a machine's disk, such as "data-0/orders-0/00000000000000000000.log".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Spanned<String>>,
    /// On which machine the file lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Spanned<Names>>,
    /// Whether it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Spanned<bool>>,
    /// Its length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Spanned<Numbers>>,
}

/// The protocols of groups, as Kafka's `Group.GroupType` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupType {
    /// Members join, and their leader assigns.
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
}

/// An error by Kafka's name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorName {
    /// `19`
    Code(i16),
    /// `NOT_ENOUGH_REPLICAS`
    Name(String),
}

impl<'de> Deserialize<'de> for ErrorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        struct CodeOrName;
        impl Visitor<'_> for CodeOrName {
            type Value = ErrorName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error: 19 or \"NOT_ENOUGH_REPLICAS\"")
            }

            fn visit_i64<E: Error>(self, code: i64) -> Result<ErrorName, E> {
                i16::try_from(code)
                    .map(ErrorName::Code)
                    .map_err(|_| E::custom(format!("no error has the number {code}")))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ErrorName, E> {
                Ok(ErrorName::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(CodeOrName)
    }
}

impl Serialize for ErrorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ErrorName::Code(code) => serializer.serialize_i16(*code),
            ErrorName::Name(name) => serializer.serialize_str(name),
        }
    }
}

impl JsonSchema for ErrorName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Error".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An error by Kafka's number (19) or name (\"NOT_ENOUGH_REPLICAS\").",
            "oneOf": [{ "type": "integer" }, { "type": "string" }],
        })
    }
}

/// A call of a client that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ErrorPattern {
    /// Whose call; of the administrator who stands in no file unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// With which error.
    pub error: Spanned<ErrorName>,
}

/// An event: its name, where and when, and the values of any of its fields.
///
/// `{ event = "broker-fenced", broker = 1, reason = "session-expired", time = { min = "7s", max = "10.2s" } }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPattern {
    /// The event's name.
    pub event: Spanned<String>,
    /// On which machines; anywhere unless said.
    pub on: Option<Spanned<Names>>,
    /// When it happened, after time zero.
    pub time: Option<Spanned<Spans>>,
    /// It counts only from this time on; from the step before unless said.
    pub since: Option<Spanned<super::value::Span>>,
    /// From where `time` and `since` count; from time zero unless said.
    pub counted_from: Option<Spanned<Origin>>,
    /// How often it happened; at least once unless said.
    pub count: Option<Spanned<Numbers>>,
    /// The values of its fields.
    pub fields: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
}

/// An instant that a seed draws, and from which periodic tasks count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// When the controller that is active at time zero became active: `A` in a transcript.
    Activation,
}

/// The keys of an event pattern that are not fields of the event.
pub(crate) const PATTERN_KEYS: &[&str] = &["event", "on", "time", "since", "counted-from", "count"];

impl<'de> Deserialize<'de> for EventPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pattern;
        impl<'de> Visitor<'de> for Pattern {
            type Value = EventPattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event with the values of its fields, such as { event = \"broker-fenced\", broker = 1 }")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventPattern, A::Error> {
                let mut pattern = EventPattern::default();
                let mut named = false;
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    match key.value.as_str() {
                        "event" => {
                            pattern.event = map.next_value()?;
                            named = true;
                        }
                        "on" => pattern.on = Some(map.next_value()?),
                        "time" => pattern.time = Some(map.next_value()?),
                        "since" => pattern.since = Some(map.next_value()?),
                        "counted-from" => pattern.counted_from = Some(map.next_value()?),
                        "count" => pattern.count = Some(map.next_value()?),
                        _ => {
                            let value = map.next_value()?;
                            pattern.fields.insert(key, value);
                        }
                    }
                }
                if named { Ok(pattern) } else { Err(serde::de::Error::missing_field("event")) }
            }
        }
        deserializer.deserialize_map(Pattern)
    }
}

impl Serialize for EventPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", &self.event)?;
        if let Some(on) = &self.on {
            map.serialize_entry("on", on)?;
        }
        if let Some(time) = &self.time {
            map.serialize_entry("time", time)?;
        }
        if let Some(since) = &self.since {
            map.serialize_entry("since", since)?;
        }
        if let Some(origin) = &self.counted_from {
            map.serialize_entry("counted-from", origin)?;
        }
        if let Some(count) = &self.count {
            map.serialize_entry("count", count)?;
        }
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl JsonSchema for EventPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An event by its name, where and when, and the values of any of its fields.",
            "type": "object",
            "properties": {
                "event": { "type": "string", "description": "The event's name, such as \"broker-fenced\"." },
                "on": generator.subschema_for::<Names>(),
                "time": generator.subschema_for::<Spans>(),
                "since": generator.subschema_for::<super::value::Span>(),
                "counted-from": generator.subschema_for::<Origin>(),
                "count": generator.subschema_for::<Numbers>(),
            },
            "required": ["event"],
        })
    }
}
