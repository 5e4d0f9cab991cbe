//! The sections of a scenario file, as they are written.
//!
//! ```text
//!   format, id, title, seed, until      what it is
//!   liveness                            what must recover in the end
//!   [lesson]                            what a learner should see
//!   [museum]                            which known bug it shows, and how to bring it back
//!   [hazard]                            which failure of Kafka 4.1 itself it shows
//!   [found]                             what a finder saw, to be compared with
//!   [cluster] [[node]] [[topic]]        the cluster before time zero
//!   [[client]]                          who uses it
//!   [[step]]                            what happens, and what must be true
//!   [[intervention]]                    what else is done, whatever the steps wait for
//!   [[always]] [allow]                  which promises are at stake, and which may break
//!   [swarm]                             random faults within the script
//! ```
//!
//! What is read here is only well-formed; `validate` says whether it makes sense.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trial_broker::config::{
    ConsumerSettings, Membership, MembershipTimers, ProducerSettings, SettingDefinition, Treatment,
};

use super::super::replay::Found;
use super::hazards;
use super::liveness::Liveness;
use super::settings::{ClientSettings, Settings, settings_schema};
use super::step::Step;
use super::value::{Seed, Span, Spanned};

/// A scenario: a cluster, its clients, and what happens to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Trial scenario")]
pub struct File {
    /// The version of this format: 1.
    pub format: Spanned<u32>,
    /// A short name, unique among the scenarios: letters, digits and dashes.
    pub id: Spanned<String>,
    /// One line that says what the scenario shows.
    pub title: String,
    /// The seed of every random stream; `--seed` overrides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
    /// When the run ends, if not with its last step. Counted from time zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Spanned<Span>>,
    /// Whether the cluster must recover after the last step, within a time that its settings give: every partition
    /// has a leader, every replica that runs is in sync, and no record is left waiting. `true`, or the core that must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
    /// Whether the calls of a person's program were saved as timed steps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_loop: bool,
    /// What a learner should see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<Lesson>,
    /// Which known bug it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub museum: Option<Spanned<Museum>>,
    /// Which failure of Kafka 4.1 itself it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<Spanned<HazardShown>>,
    /// What the run came to for which the file was kept: `trial replay` compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// The machines and the network between them.
    pub cluster: Spanned<Cluster>,
    /// What is particular to one machine.
    #[serde(default, rename = "node", skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// The topics that exist at time zero.
    #[serde(default, rename = "topic", skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<Topic>,
    /// The producers, consumers and admins, each on a machine of its own.
    #[serde(default, rename = "client", skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Client>,
    /// What happens, in order.
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Spanned<Step>>,
    /// What else is done, each at its time, whatever the steps wait for: what somebody did at a screen. What the steps note and
    /// expect from the first of them on was written for the run without it, and is not judged. The run goes on for at least
    /// 30 s after the last of them.
    #[serde(default, rename = "intervention", skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Spanned<Step>>,
    /// The checks that are the point of the scenario. All checks are on anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub always: Vec<Always>,
    /// Checks that may fail here, by name, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allow: BTreeMap<Spanned<String>, String>,
    /// Random faults within the script: for each kind the range of its rate per second, drawn from the seed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub swarm: BTreeMap<Spanned<String>, Spanned<[f64; 2]>>,
}

/// What a learner should see, and what a teacher should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lesson {
    /// Its number in the course.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// What to keep an eye on: where to look, not what is seen there, for it stands above the questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch_for: Option<String>,
    /// What it teaches, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn: Option<String>,
    /// What many people believe, and what is not so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misconception: Option<String>,
    /// The improvement proposals, issues and classes that the lesson rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// What to try next: change one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_change: Option<String>,
    /// Notes for the teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A known bug of Kafka. The scenario passes; with its switches turned on it fails, and this says how.
///
/// A piece without switches shows what Kafka promises, where many believe it promises more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Museum {
    /// Its number in the catalogue: "REP-01".
    pub piece: Spanned<String>,
    /// Where it was reported, or what mended it: "KIP-101, KAFKA-1211".
    pub source: String,
    /// The switches that bring it back. They are off in a plain run; `trial run --switch NAME` turns one on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Spanned<String>>,
    /// The check that must find it when the switches are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<Spanned<String>>,
    /// The profile of random exploration that should find it too; "default" unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Spanned<String>>,
    /// Whether exploration hunts it among machines with all hazards of Kafka 4.1. Otherwise these are mended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faithful: bool,
}

/// A failure that Kafka 4.1 itself has. The scenario fails as it stands, for machines are faithful to Kafka; with the
/// hazard mended it passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HazardShown {
    /// Its name.
    pub name: Spanned<String>,
    /// The class and method of Kafka 4.1 that were read.
    pub source: String,
    /// The check that finds it; without one an expectation of the scenario does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<Spanned<String>>,
}

/// The machines and the network between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// How many brokers: b1, b2, … with the ids 1, 2, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<Spanned<u32>>,
    /// How many controllers of their own: c1, c2, … with the ids 101, 102, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controllers: Option<Spanned<u32>>,
    /// How many processes that are broker and controller at once: b1, b2, … with the ids 1, 2, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combined: Option<Spanned<u32>>,
    /// How long a message travels, one way: a time, or a distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Spanned<Latency>>,
    /// The racks of brokers 1, 2, …; starts again from the first when it is shorter than the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub racks: Vec<String>,
    /// Settings of every broker and controller, by Kafka's name.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub config: Settings,
    /// Deliberate bugs and older behaviour, on every broker and controller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Spanned<String>>,
    /// How brokers and controllers treat failures of Kafka 4.1 itself, by name: "faithful" (they have them, as Kafka
    /// has; so unless said) or "mended". The name `all` stands for every one that is not named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "hazards")]
    #[schemars(with = "BTreeMap<String, TreatmentSchema>")]
    pub hazards: BTreeMap<Spanned<String>, Treatment>,
    /// Whether clients have used the cluster before time zero: a topic `warmup`, with one partition led by each
    /// broker, exists, and each client knows it. On unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<bool>,
    /// Whether eligible leader replicas are kept (KIP-966). On unless said, as in new 4.1 clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elr: Option<bool>,
}

/// How long a message travels, one way.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Constant(Span),
    /// Anything between two times, evenly.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// At least `min`, on average `mean`, with an exponential tail.
    Exponential {
        /// The shortest.
        min: Span,
        /// The average.
        mean: Span,
    },
    /// Mostly `fast`, but one message in `one_in` takes `slow`.
    Bimodal {
        /// Most messages.
        fast: Span,
        /// The others.
        slow: Span,
        /// How rare the others are.
        one_in: u32,
    },
}

/// Only a schema: how a hazard is treated.
struct TreatmentSchema;

impl JsonSchema for TreatmentSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Treatment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "enum": ["faithful", "mended"] })
    }
}

/// The written form of a latency that is not constant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LatencyTable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fast: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slow: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_in: Option<u32>,
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
        const FORMS: &str =
            "\"10ms\", { min, max } (uniform), { mean } or { min, mean } (exponential), or { fast, slow, one-in }";
        struct TimeOrTable;
        impl<'de> Visitor<'de> for TimeOrTable {
            type Value = Latency;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a latency: {FORMS}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Latency, E> {
                Span::parse(text).map(Latency::Constant).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
                let table = LatencyTable::deserialize(MapAccessDeserializer::new(map))?;
                match table {
                    LatencyTable {
                        min: Some(min),
                        max: Some(max),
                        mean: None,
                        fast: None,
                        slow: None,
                        one_in: None,
                    } if min <= max => Ok(Latency::Uniform { min, max }),
                    LatencyTable { min, max: None, mean: Some(mean), fast: None, slow: None, one_in: None }
                        if min.unwrap_or_default() <= mean =>
                    {
                        Ok(Latency::Exponential { min: min.unwrap_or_default(), mean })
                    }
                    LatencyTable {
                        min: None,
                        max: None,
                        mean: None,
                        fast: Some(fast),
                        slow: Some(slow),
                        one_in: Some(one_in),
                    } if one_in > 0 => Ok(Latency::Bimodal { fast, slow, one_in }),
                    _ => Err(A::Error::custom(format!("not a latency: write {FORMS}"))),
                }
            }
        }
        deserializer.deserialize_any(TimeOrTable)
    }
}

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = match self.clone() {
            Latency::Constant(span) => return span.serialize(serializer),
            Latency::Uniform { min, max } => LatencyTable { min: Some(min), max: Some(max), ..LatencyTable::default() },
            Latency::Exponential { min, mean } => {
                LatencyTable { min: Some(min), mean: Some(mean), ..LatencyTable::default() }
            }
            Latency::Bimodal { fast, slow, one_in } => {
                LatencyTable { fast: Some(fast), slow: Some(slow), one_in: Some(one_in), ..LatencyTable::default() }
            }
        };
        table.serialize(serializer)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (time, table) = (generator.subschema_for::<Span>(), generator.subschema_for::<LatencyTable>());
        schemars::json_schema!({
            "description": "How long a message travels, one way.",
            "oneOf": [time, table],
        })
    }
}

/// What is particular to one broker or controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// Its id: a broker's 1, 2, … or a controller's 101, 102, …
    pub id: Spanned<i32>,
    /// Its settings, by Kafka's name; they add to the cluster's.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub config: Settings,
    /// Its deliberate bugs and older behaviour; they add to the cluster's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Spanned<String>>,
}

/// The brokers of each partition, the preferred leader first.
pub type ReplicaLists = Vec<Spanned<Vec<Spanned<i32>>>>;

/// A topic that exists at time zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Topic {
    /// Its name.
    pub name: Spanned<String>,
    /// How many partitions; the controller places them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Spanned<u32>>,
    /// How many replicas each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<Spanned<u32>>,
    /// The brokers of each partition, the preferred leader first: [[1, 2, 3], [2, 3, 1]].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<ReplicaLists>>,
    /// Its settings, by Kafka's name.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    #[schemars(with = "TopicSettingsSchema")]
    pub config: Settings,
}

/// A client: exactly one of `producer`, `consumer`, `admin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Client {
    /// Its name, which is its machine's name and its client.id.
    pub name: Spanned<String>,
    /// Sends records. Settings by Kafka's name, and `acks` and `idempotence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ProducerSchema>")]
    pub producer: Option<Spanned<ClientSettings>>,
    /// Reads records. `assign`, or `subscribe` with a group.id, settings by Kafka's name, and `poll`: "always" (it polls for ever by itself) or
    /// "asked" (only in a `poll` step).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ConsumerSchema>")]
    pub consumer: Option<Spanned<ClientSettings>>,
    /// Administers. Settings by Kafka's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ProducerSchema>")]
    pub admin: Option<Spanned<ClientSettings>>,
}

/// A check that is the point of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Always {
    /// Its name.
    pub check: Spanned<String>,
}

/// Names that stand for a setting or add to Kafka's: (name, what it means).
pub(crate) const PRODUCER_EXTRAS: &[(&str, &str)] = &[
    ("acks", "How many acknowledgements to wait for: \"all\", \"1\" or \"0\". Default: all."),
    ("idempotence", "Short for enable.idempotence."),
    (
        "linger.ms",
        "How long a batch waits for company. Default here: 0, where Kafka 4.1 has 5, so that a record leaves when its \
         step says. Range: 0 to i64::MAX.",
    ),
];

/// The groups of settings of consumers.
pub(crate) const CONSUMER_GROUPS: &[&[SettingDefinition]] =
    &[ConsumerSettings::DEFINITIONS, Membership::DEFINITIONS, MembershipTimers::DEFINITIONS];

/// As [`PRODUCER_EXTRAS`], for consumers.
pub(crate) const CONSUMER_EXTRAS: &[(&str, &str)] = &[
    ("poll", "\"always\": the application polls for ever by itself; \"asked\": only in a poll step. Default: always."),
    ("isolation.level", "\"read_uncommitted\" or \"read_committed\". Default: read_uncommitted."),
    (
        "auto.offset.reset",
        "Where to start without a position: \"latest\", \"earliest\", \"none\", or \"by_duration:PT1H\": at the first record \
         that is at most so old, by the consumer's clock (ISO 8601, PnDTnHnMn.nS). Default here: earliest.",
    ),
    ("work", "How long the application works on a record before it takes the next: \"2s\". Default: no time."),
    (
        "poll-every",
        "The application hands its records to a thread and polls this often meanwhile: \"100ms\". Default: it polls when \
         all is done.",
    ),
];

fn with_extras(mut schema: schemars::Schema, extras: &[(&str, &str)], assign: bool) -> schemars::Schema {
    if let Some(properties) = schema.get_mut("properties").and_then(|value| value.as_object_mut()) {
        for (name, text) in extras {
            let value = serde_json::json!({ "type": ["string", "integer", "boolean"], "description": text });
            properties.insert((*name).to_owned(), value);
        }
        if assign {
            let value = serde_json::json!({
                "type": "array", "items": { "type": "string" },
                "description": "The partitions it reads: [\"orders-0\"].",
            });
            properties.insert("assign".to_owned(), value);
            let value = serde_json::json!({
                "type": "array", "items": { "type": "string" },
                "description": "The topics it subscribes to as a member of the group of its group.id: [\"orders\"].",
            });
            properties.insert("subscribe".to_owned(), value);
        }
    }
    schema
}

macro_rules! settings_schema {
    ($name:ident, $title:literal, $groups:expr, $extras:expr, $assign:expr) => {
        /// Only a schema: names the settings that stand here.
        struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                with_extras(settings_schema($groups), $extras, $assign)
            }
        }
    };
}
settings_schema!(TopicSettingsSchema, "TopicSettings", &[trial_broker::config::LogSettings::DEFINITIONS], &[], false);
settings_schema!(ProducerSchema, "ProducerSettings", &[ProducerSettings::DEFINITIONS], PRODUCER_EXTRAS, false);
settings_schema!(ConsumerSchema, "ConsumerSettings", CONSUMER_GROUPS, CONSUMER_EXTRAS, true);
