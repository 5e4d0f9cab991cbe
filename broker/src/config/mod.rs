//! Settings: Kafka's names, Kafka 4.1's defaults, Kafka 4.1's ranges.
//!
//! Each group below is one struct whose fields are typed and whose table of names,
//! defaults and ranges is what scenario files, `--help` texts and error messages are
//! made from. `internal.*` names are Kafka's own: they exist for tests that need
//! smaller values than Kafka lets an operator choose. What Kafka asks of several settings
//! together stands in `rules.rs`.
//!
//! Scopes, as in Kafka: a topic's override beats the cluster-wide dynamic default,
//! which beats the static value in the broker's file, which beats Kafka's default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Endpoint;
use crate::message::ReplicaKey;
use crate::time::TimestampType;

mod group_coordinator;
mod groups;
mod hazards;
mod membership;
mod rules;
mod switches;
pub use group_coordinator::*;
pub use groups::*;
pub use hazards::{Hazard, Treatment};
pub use membership::*;
pub use switches::Switch;

/// Values by name, as they stand in a properties file or a scenario.
pub type Properties = BTreeMap<String, String>;

/// A setting as documentation and error messages show it.
#[derive(Clone, Copy, Debug)]
pub struct SettingDefinition {
    /// Kafka's name.
    pub name: &'static str,
    /// Kafka 4.1's default, as text.
    pub default: &'static str,
    /// The accepted values, as text.
    pub range: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting's name as given.
    pub name: String,
    /// The value as given.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// The settings that it does not go with; none if it is wrong by itself.
    pub others: Vec<&'static str>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ConfigError {
    /// A value that is wrong by itself.
    fn of_value(name: &str, value: &str, reason: String) -> Self {
        ConfigError { name: name.to_owned(), value: value.to_owned(), reason, others: Vec::new(), hint: None }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.name, self.value, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// A type that a setting's value can have.
pub(crate) trait SettingValue: Sized {
    /// What it is called in an error message.
    const KIND: &'static str;
    fn parse(text: &str) -> Option<Self>;
    /// The number that a range is checked against.
    fn magnitude(&self) -> i64;
}

/// A span given in whole milliseconds.
impl SettingValue for Duration {
    const KIND: &'static str = "milliseconds";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Duration::from_millis)
    }

    fn magnitude(&self) -> i64 {
        i64::try_from(self.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A span in whole milliseconds, where −1 means "without limit".
impl SettingValue for Option<Duration> {
    const KIND: &'static str = "milliseconds, or -1";

    fn parse(text: &str) -> Option<Self> {
        match text.parse::<i64>().ok()? {
            -1 => Some(None),
            millis => Some(Some(Duration::from_millis(u64::try_from(millis).ok()?))),
        }
    }

    fn magnitude(&self) -> i64 {
        self.map_or(-1, |span| span.magnitude())
    }
}

macro_rules! integer_setting {
    ($($number:ty),*) => {$(
        impl SettingValue for $number {
            const KIND: &'static str = "a whole number";

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn magnitude(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
integer_setting!(i16, i32, i64, u64);

impl SettingValue for TimestampType {
    const KIND: &'static str = "CreateTime or LogAppendTime";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "CreateTime" => Some(TimestampType::CreateTime),
            "LogAppendTime" => Some(TimestampType::LogAppendTime),
            _ => None,
        }
    }

    fn magnitude(&self) -> i64 {
        i64::from(*self == TimestampType::LogAppendTime)
    }
}

/// A number from 0 to 1, in millionths: machines compare it and have no use for floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(pub i32);

/// Simplified: Kafka's doubles as plain decimals, to six digits behind the point.
impl SettingValue for Ratio {
    const KIND: &'static str = "a number from 0 to 1";

    fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        // Whatever is larger than 1 is out of range.
        let whole = if whole.is_empty() { 0 } else { whole.parse::<i32>().unwrap_or(2).min(2) };
        let millionths: i32 = format!("{fraction:0<6}")[..6].parse().ok()?;
        Some(Ratio(sign * (whole * 1_000_000 + millionths)))
    }

    /// Rounded away from 0, so that the range 0 to 1 is that of the ratio itself.
    fn magnitude(&self) -> i64 {
        i64::from(self.0.signum()) * i64::from(self.0.unsigned_abs().div_ceil(1_000_000))
    }
}

/// What becomes of old records (`cleanup.policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CleanupPolicy {
    /// Old segments are deleted.
    pub deletes: bool,
    /// Of each key only the last record is kept.
    pub compacts: bool,
}

impl CleanupPolicy {
    /// `delete`.
    pub const DELETE: CleanupPolicy = CleanupPolicy { deletes: true, compacts: false };
    /// `compact`.
    pub const COMPACT: CleanupPolicy = CleanupPolicy { deletes: false, compacts: true };
    /// `compact,delete`.
    pub const COMPACT_AND_DELETE: CleanupPolicy = CleanupPolicy { deletes: true, compacts: true };
}

impl SettingValue for CleanupPolicy {
    const KIND: &'static str = "delete, compact, or both with a comma between";

    fn parse(text: &str) -> Option<Self> {
        let mut policy = CleanupPolicy { deletes: false, compacts: false };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "delete" => policy.deletes = true,
                "compact" => policy.compacts = true,
                _ => return None,
            }
        }
        Some(policy)
    }

    fn magnitude(&self) -> i64 {
        0
    }
}

/// A name, or none.
impl SettingValue for Option<Arc<str>> {
    const KIND: &'static str = "a name";

    fn parse(text: &str) -> Option<Self> {
        Some(Some(Arc::from(text)).filter(|name: &Arc<str>| !name.is_empty()))
    }

    fn magnitude(&self) -> i64 {
        0
    }
}

/// From which replica a leader lets consumers read (`replica.selector.class`, KIP-392).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplicaSelector {
    /// The leader itself (`LeaderSelector`, and Kafka's default, which is none).
    Leader,
    /// One in the consumer's rack, if there is one in sync (`RackAwareReplicaSelector`).
    RackAware,
}

impl SettingValue for ReplicaSelector {
    const KIND: &'static str = "org.apache.kafka.common.replica.RackAwareReplicaSelector, or LeaderSelector there";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "org.apache.kafka.common.replica.LeaderSelector" => Some(ReplicaSelector::Leader),
            "org.apache.kafka.common.replica.RackAwareReplicaSelector" => Some(ReplicaSelector::RackAware),
            _ => None,
        }
    }

    fn magnitude(&self) -> i64 {
        i64::from(*self == ReplicaSelector::RackAware)
    }
}

impl SettingValue for bool {
    const KIND: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn magnitude(&self) -> i64 {
        i64::from(*self)
    }
}

/// Reads one setting: the given value if there is one, else the default.
fn read<T: SettingValue>(
    properties: &Properties,
    name: &str,
    default: T,
    low: i64,
    high: i64,
) -> Result<T, ConfigError> {
    properties.get(name).map_or(Ok(default), |text| parsed(name, text, low, high))
}

/// One setting's value from its text.
fn parsed<T: SettingValue>(name: &str, text: &str, low: i64, high: i64) -> Result<T, ConfigError> {
    let refuse = |reason: String| ConfigError::of_value(name, text, reason);
    let value = T::parse(text.trim()).ok_or_else(|| refuse(format!("expected {}", T::KIND)))?;
    if (low..=high).contains(&value.magnitude()) {
        Ok(value)
    } else if high == i64::MAX {
        Err(refuse(format!("must be at least {low}")))
    } else {
        Err(refuse(format!("must lie between {low} and {high}")))
    }
}

/// Declares a group of settings: a struct, its defaults, its reader and its table.
///
/// `field: Type = "kafka.name", default, low..high;` with the range inclusive.
macro_rules! settings {
    ($(#[$group_doc:meta])* $group:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty = $name:literal, $default:expr, $low:expr => $high:expr;)*
    }) => {
        $(#[$group_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $group {
            $($(#[doc = $doc])* #[doc = concat!("\n\nKafka's `", $name, "`, default `", stringify!($default), "`.")] pub $field: $kind,)*
        }

        impl $group {
            /// The table of this group's settings.
            pub const DEFINITIONS: &'static [SettingDefinition] = &[
                $(SettingDefinition {
                    name: $name,
                    default: stringify!($default),
                    range: concat!(stringify!($low), " to ", stringify!($high)),
                    doc: concat!($($doc),*),
                },)*
            ];

            /// Reads the group from properties; names of other groups are ignored.
            ///
            /// # Errors
            /// A value of the wrong kind or outside its range.
            pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
                Ok($group { $($field: read(properties, $name, $default, $low, $high)?,)* })
            }

            /// Replaces one setting; the name of another group is ignored.
            ///
            /// # Errors
            /// A value of the wrong kind or outside its range: nothing is replaced then.
            pub fn replace(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
                match name {
                    $($name => self.$field = parsed(name, text, $low, $high)?,)*
                    _ => {}
                }
                Ok(())
            }
        }

        impl Default for $group {
            fn default() -> Self {
                $group { $($field: $default,)* }
            }
        }
    };
}
pub(crate) use settings;

/// The roles of one process (`process.roles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Serves clients; observes the metadata quorum.
    Broker,
    /// Votes in the metadata quorum.
    Controller,
    /// Both in one process.
    Combined,
}

impl Role {
    /// Whether the process serves clients.
    pub fn is_broker(self) -> bool {
        matches!(self, Role::Broker | Role::Combined)
    }

    /// Whether the process votes in the metadata quorum.
    pub fn is_controller(self) -> bool {
        matches!(self, Role::Controller | Role::Combined)
    }
}

/// A voter of the metadata quorum, as the cluster was formatted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voter {
    /// Its id and metadata directory.
    pub replica: ReplicaKey,
    /// Its controller listener.
    pub endpoint: Endpoint,
}

/// Which Kafka a machine behaves as: the profile, switches that bring back known bugs, and hazards that are mended.
///
/// Every departure from the 4.1 profile goes through this one door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Behaviour {
    /// Names of switches that are on (bugs that Kafka once had, and planted ones); see [`Switch`].
    pub switches: std::collections::BTreeSet<Switch>,
    /// Hazards of Kafka 4.1 that this machine does not have; see [`Hazard`].
    pub mended: std::collections::BTreeSet<Hazard>,
}

impl Behaviour {
    /// Whether a switch is on.
    pub fn is(&self, switch: Switch) -> bool {
        self.switches.contains(&switch)
    }
}
