//! Settings of the group coordinator (`GroupCoordinatorConfig`), and of the topic in which it keeps what it promised.
//!
//! Simplified: share and streams groups do not exist here, nor do the number of the coordinator's threads and the codec
//! of the offsets topic, which is written without compression as in Kafka's default.

use std::fmt;
use std::time::Duration;

use super::groups::{I32_MAX, MIB, ms};
use super::{ConfigError, Properties, SettingDefinition, SettingValue, parsed, read, settings};

/// A member that joins for the first time must join again within this, whatever its session; in Kafka a constant
/// (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`).
pub const CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_millis(5 * 60 * 1000);

/// An assignor that runs on the server (KIP-848).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerAssignor {
    /// Sticky, and even over all topics.
    Uniform,
    /// Ranges of each topic, as even as one topic allows.
    Range,
}

impl ServerAssignor {
    /// By its name in requests and settings.
    pub fn of_name(name: &str) -> Option<ServerAssignor> {
        match name {
            "uniform" => Some(ServerAssignor::Uniform),
            "range" => Some(ServerAssignor::Range),
            _ => None,
        }
    }

    /// Its name in requests and settings.
    pub fn name(self) -> &'static str {
        match self {
            ServerAssignor::Uniform => "uniform",
            ServerAssignor::Range => "range",
        }
    }
}

impl fmt::Display for ServerAssignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A list of assignors; the first one runs for groups that ask for none.
impl SettingValue for Vec<ServerAssignor> {
    const KIND: &'static str = "a list of uniform and range";

    fn parse(text: &str) -> Option<Self> {
        let names: Option<Vec<_>> = text.split(',').map(|name| ServerAssignor::of_name(name.trim())).collect();
        names.filter(|names| !names.is_empty())
    }

    fn magnitude(&self) -> i64 {
        i64::try_from(self.len()).unwrap_or(i64::MAX)
    }
}

/// Which way a group that has members may change its protocol (`ConsumerGroupMigrationPolicy`). An empty group may
/// always change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MigrationPolicy {
    /// From classic to KIP-848 and back.
    Bidirectional,
    /// From classic to KIP-848.
    Upgrade,
    /// From KIP-848 to classic.
    Downgrade,
    /// Neither.
    Disabled,
}

impl MigrationPolicy {
    /// Whether a classic group may become one of KIP-848.
    pub fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Upgrade)
    }

    /// Whether a group of KIP-848 may become a classic one.
    pub fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Downgrade)
    }
}

impl SettingValue for MigrationPolicy {
    const KIND: &'static str = "bidirectional, upgrade, downgrade or disabled";

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "bidirectional" => Some(MigrationPolicy::Bidirectional),
            "upgrade" => Some(MigrationPolicy::Upgrade),
            "downgrade" => Some(MigrationPolicy::Downgrade),
            "disabled" => Some(MigrationPolicy::Disabled),
            _ => None,
        }
    }

    fn magnitude(&self) -> i64 {
        *self as i64
    }
}

settings! {
    /// The group coordinator: both protocols, committed offsets, and the topic `__consumer_offsets`.
    GroupCoordinatorSettings {
        /// How long the coordinator gathers records before it writes them.
        append_linger: Duration = "group.coordinator.append.linger.ms", ms(5), 0 => I32_MAX;
        /// How long any write of the coordinator may take to be committed.
        offsets_commit_timeout: Duration = "offsets.commit.timeout.ms", ms(5_000), 1 => I32_MAX;
        /// How many bytes of the offsets topic are read at a time when a coordinator loads.
        offsets_load_buffer_size: i32 = "offsets.load.buffer.size", 5 * MIB, 1 => I32_MAX;
        /// How many partitions the offsets topic has.
        offsets_topic_partitions: i32 = "offsets.topic.num.partitions", 50, 1 => I32_MAX;
        /// How many replicas each of them has.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor", 3, 1 => 32_767;
        /// The size at which a segment of the offsets topic is closed.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes", 100 * MIB, 1 => I32_MAX;
        /// The longest text that a client may have remembered with an offset, in bytes.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes", 4_096, 0 => I32_MAX;
        /// For how many minutes the offsets of an empty group are kept.
        offsets_retention_minutes: i32 = "offsets.retention.minutes", 10_080, 1 => I32_MAX;
        /// How often offsets are looked for that have been kept long enough.
        offsets_retention_check_interval: Duration = "offsets.retention.check.interval.ms", ms(600_000), 1 => i64::MAX;
        /// The shortest session that a classic member may ask for.
        classic_min_session_timeout: Duration = "group.min.session.timeout.ms", ms(6_000), 0 => I32_MAX;
        /// The longest session that a classic member may ask for.
        classic_max_session_timeout: Duration = "group.max.session.timeout.ms", ms(1_800_000), 0 => I32_MAX;
        /// How long a new classic group waits for more members before its first generation.
        classic_initial_rebalance_delay: Duration = "group.initial.rebalance.delay.ms", ms(3_000), 0 => I32_MAX;
        /// The most members of a classic group.
        classic_max_size: i32 = "group.max.size", i32::MAX, 1 => I32_MAX;
        /// How long a KIP-848 member may be silent.
        consumer_session_timeout: Duration = "group.consumer.session.timeout.ms", ms(45_000), 1 => I32_MAX;
        /// The shortest session that a group's own setting may ask for.
        consumer_min_session_timeout: Duration = "group.consumer.min.session.timeout.ms", ms(45_000), 1 => I32_MAX;
        /// The longest session that a group's own setting may ask for.
        consumer_max_session_timeout: Duration = "group.consumer.max.session.timeout.ms", ms(60_000), 1 => I32_MAX;
        /// How often a KIP-848 member is told to send heartbeats.
        consumer_heartbeat_interval: Duration = "group.consumer.heartbeat.interval.ms", ms(5_000), 1 => I32_MAX;
        /// The shortest interval that a group's own setting may ask for.
        consumer_min_heartbeat_interval: Duration = "group.consumer.min.heartbeat.interval.ms", ms(5_000), 1 => I32_MAX;
        /// The longest interval that a group's own setting may ask for.
        consumer_max_heartbeat_interval: Duration = "group.consumer.max.heartbeat.interval.ms", ms(15_000), 1 => I32_MAX;
        /// The most members of a KIP-848 group.
        consumer_max_size: i32 = "group.consumer.max.size", i32::MAX, 1 => I32_MAX;
        /// The assignors that run on the server; the first is the default.
        consumer_assignors: Vec<ServerAssignor> = "group.consumer.assignors", vec![ServerAssignor::Uniform, ServerAssignor::Range], 1 => 2;
        /// Which way a group that has members may change its protocol.
        consumer_migration_policy: MigrationPolicy = "group.consumer.migration.policy", MigrationPolicy::Bidirectional, 0 => 3;
        /// How often the topics that a regular expression names are looked up anew.
        consumer_regex_refresh_interval: Duration = "group.consumer.regex.refresh.interval.ms", ms(600_000), 10_000 => I32_MAX;
    }
}

impl GroupCoordinatorSettings {
    /// For how many milliseconds the offsets of an empty group are kept.
    pub fn offsets_retention_ms(&self) -> i64 {
        i64::from(self.offsets_retention_minutes) * 60 * 1000
    }

    /// Whether these values go together in a broker (`GroupCoordinatorConfig`).
    ///
    /// # Errors
    /// The first pair that Kafka refuses: a bound below the other, a default outside its bounds, a heartbeat that comes when
    /// its session is over.
    pub fn agree(&self) -> Result<(), ConfigError> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let beat = ("group.consumer.heartbeat.interval.ms", self.consumer_heartbeat_interval);
        let min_beat = ("group.consumer.min.heartbeat.interval.ms", self.consumer_min_heartbeat_interval);
        let max_beat = ("group.consumer.max.heartbeat.interval.ms", self.consumer_max_heartbeat_interval);
        let session = ("group.consumer.session.timeout.ms", self.consumer_session_timeout);
        let min_session = ("group.consumer.min.session.timeout.ms", self.consumer_min_session_timeout);
        let max_session = ("group.consumer.max.session.timeout.ms", self.consumer_max_session_timeout);
        let (least, most, below) =
            (("at least", &[Greater, Equal][..]), ("at most", &[Less, Equal][..]), ("less than", &[Less][..]));
        for ((name, value), (words, allowed), (other, bound)) in [
            (max_beat, least, min_beat),
            (beat, least, min_beat),
            (beat, most, max_beat),
            (max_session, least, min_session),
            (session, least, min_session),
            (session, most, max_session),
            (beat, below, session),
        ] {
            if !allowed.contains(&value.cmp(&bound)) {
                return Err(ConfigError {
                    name: name.to_owned(),
                    value: value.as_millis().to_string(),
                    reason: format!("must be {words} {other}, {}", bound.as_millis()),
                    others: vec![other],
                    hint: Some(format!("change {other} too: brokers do not start with these")),
                });
            }
        }
        Ok(())
    }
}

settings! {
    /// What a group may have otherwise than its coordinator's settings say (`GroupConfig`): a configuration of the resource
    /// *group*, for groups of KIP-848.
    GroupSettings {
        /// How long its members may be silent; group.consumer.session.timeout.ms of its coordinator unless said.
        consumer_session_timeout: Duration = "consumer.session.timeout.ms", ms(45_000), 1 => I32_MAX;
        /// How often they are told to send heartbeats; group.consumer.heartbeat.interval.ms of its coordinator unless said.
        consumer_heartbeat_interval: Duration = "consumer.heartbeat.interval.ms", ms(5_000), 1 => I32_MAX;
    }
}

impl GroupCoordinatorSettings {
    /// A group's settings: its own, and these where it has none.
    pub fn of_group(&self, own: Option<&Properties>) -> GroupSettings {
        let own = own.cloned().unwrap_or_default();
        // What the controller took in it has checked.
        let said = GroupSettings::from_properties(&own).unwrap_or_default();
        let has = |name: &str| own.contains_key(name);
        GroupSettings {
            consumer_session_timeout: match has("consumer.session.timeout.ms") {
                true => said.consumer_session_timeout,
                false => self.consumer_session_timeout,
            },
            consumer_heartbeat_interval: match has("consumer.heartbeat.interval.ms") {
                true => said.consumer_heartbeat_interval,
                false => self.consumer_heartbeat_interval,
            },
        }
    }

    /// Whether a group may have these settings (`GroupConfig.validate`).
    ///
    /// # Errors
    /// The first that is unknown, is none, or lies outside what this coordinator allows, in Kafka's words.
    pub fn check_group(&self, own: &Properties) -> Result<(), String> {
        if let Some(unknown) = own.keys().find(|name| !GroupSettings::DEFINITIONS.iter().any(|it| it.name == *name)) {
            return Err(format!("Unknown group config name: {unknown}"));
        }
        GroupSettings::from_properties(own).map_err(|error| error.to_string())?;
        let group = self.of_group(Some(own));
        let (heartbeat, session) = (group.consumer_heartbeat_interval, group.consumer_session_timeout);
        let too_little = |name: &str, bound: &str| format!("{name} must be greater than or equal to {bound}");
        let too_much = |name: &str, bound: &str| format!("{name} must be less than or equal to {bound}");
        let (beat, silence) = ("consumer.heartbeat.interval.ms", "consumer.session.timeout.ms");
        if heartbeat < self.consumer_min_heartbeat_interval {
            return Err(too_little(beat, "group.consumer.min.heartbeat.interval.ms"));
        }
        if heartbeat > self.consumer_max_heartbeat_interval {
            return Err(too_much(beat, "group.consumer.max.heartbeat.interval.ms"));
        }
        if session < self.consumer_min_session_timeout {
            return Err(too_little(silence, "group.consumer.min.session.timeout.ms"));
        }
        if session > self.consumer_max_session_timeout {
            return Err(too_much(silence, "group.consumer.max.session.timeout.ms"));
        }
        if session <= heartbeat {
            return Err(format!("{silence} must be greater than {beat}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(values: &[(&str, &str)]) -> Properties {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_group_without_a_setting_has_its_coordinators() {
        let coordinator = GroupCoordinatorSettings::default();
        let group = coordinator.of_group(Some(&own(&[("consumer.session.timeout.ms", "50000")])));
        assert_eq!(group.consumer_session_timeout, Duration::from_secs(50));
        assert_eq!(group.consumer_heartbeat_interval, coordinator.consumer_heartbeat_interval);
        assert_eq!(coordinator.of_group(None), GroupSettings::default());
    }

    #[test]
    fn bounds_of_sessions_and_heartbeats_go_together() {
        let refused = |values: &[(&str, &str)]| {
            let settings = GroupCoordinatorSettings::from_properties(&own(values)).expect("legal one by one");
            settings.agree().err().map(|error| format!("{} {:?}", error.name, error.others))
        };
        assert_eq!(refused(&[]), None);
        let (beat, session) = ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms");
        let (min_beat, max_beat) =
            ("group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms");
        let (min_session, max_session) =
            ("group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms");
        let told = |name: &str, other: &str| Some(format!("{name} [{other:?}]"));
        assert_eq!(refused(&[(max_beat, "4999")]), told(max_beat, min_beat));
        assert_eq!(refused(&[(beat, "4999")]), told(beat, min_beat));
        assert_eq!(refused(&[(beat, "15001")]), told(beat, max_beat));
        assert_eq!(refused(&[(max_session, "44999")]), told(max_session, min_session));
        assert_eq!(refused(&[(session, "44999")]), told(session, min_session));
        assert_eq!(refused(&[(session, "60001")]), told(session, max_session));
        let short = [(min_session, "1000"), (session, "5000")];
        assert_eq!(refused(&short), told(beat, session), "a member would be silent for a whole session");
        assert_eq!(refused(&[(min_session, "1000"), (session, "5001")]), None);
    }

    #[test]
    fn a_group_may_not_have_what_its_coordinator_does_not_allow() {
        let coordinator = GroupCoordinatorSettings::default();
        let refused = |name: &str, value: &str| coordinator.check_group(&own(&[(name, value)])).is_err();
        // From 45 to 60 s, and from 5 to 15 s.
        assert!(!refused("consumer.session.timeout.ms", "60000"));
        assert!(refused("consumer.session.timeout.ms", "60001"));
        assert!(refused("consumer.session.timeout.ms", "44999"));
        assert!(!refused("consumer.heartbeat.interval.ms", "15000"));
        assert!(refused("consumer.heartbeat.interval.ms", "15001"));
        assert!(refused("consumer.heartbeat.interval.ms", "4999"));
        assert!(refused("consumer.heartbeat.interval.ms", "soon"));
        assert!(refused("retention.ms", "1"));
    }
}
