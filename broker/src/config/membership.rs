//! A consumer's membership in a group: Kafka 4.1's names, defaults and refusals (`ConsumerConfig`, `GroupRebalanceConfig`).
//!
//! What is no number stands here by itself; the timers are a group of settings as all others are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Properties, SettingDefinition, parsed, read, settings};
use crate::ids::{GroupId, GroupInstanceId};

const I32_MAX: i64 = i32::MAX as i64;

settings! {
    /// A member's timers, and what it commits by itself.
    MembershipTimers {
        /// A member that the coordinator does not hear from for this long is taken for dead. In the protocol of KIP-848
        /// the coordinator has its own.
        session_timeout: Duration = "session.timeout.ms", Duration::from_millis(45_000), 0 => I32_MAX;
        /// How often a member says that it lives. In the protocol of KIP-848 the coordinator says how often.
        heartbeat_interval: Duration = "heartbeat.interval.ms", Duration::from_millis(3_000), 0 => I32_MAX;
        /// A member whose application does not poll for this long leaves; also how long a rebalance waits for it.
        max_poll_interval: Duration = "max.poll.interval.ms", Duration::from_millis(300_000), 1 => I32_MAX;
        /// Whether positions are committed by themselves.
        enable_auto_commit: bool = "enable.auto.commit", true, 0 => 1;
        /// How often they are, at most.
        auto_commit_interval: Duration = "auto.commit.interval.ms", Duration::from_millis(5_000), 0 => I32_MAX;
        /// How long calls that wait for the coordinator wait at most.
        default_api_timeout: Duration = "default.api.timeout.ms", Duration::from_millis(60_000), 0 => I32_MAX;
        /// Whether a dynamic member leaves its group when it is closed. Kafka's own setting for Kafka Streams.
        leave_group_on_close: bool = "internal.leave.group.on.close", true, 0 => 1;
    }
}

/// `group.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupProtocol {
    /// JoinGroup, SyncGroup, Heartbeat: the members' leader assigns.
    #[default]
    Classic,
    /// ConsumerGroupHeartbeat (KIP-848): the coordinator assigns.
    Consumer,
}

/// A strategy of `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignor {
    /// `RangeAssignor`: topic by topic, in contiguous pieces.
    Range,
    /// `RoundRobinAssignor`: all partitions in one list, dealt like cards.
    #[serde(rename = "roundrobin")]
    RoundRobin,
    /// `StickyAssignor`: balanced, and as little moves as possible.
    Sticky,
    /// `CooperativeStickyAssignor`: the same in two steps, so that nothing else stops.
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// The name by which members agree on it.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The name of its class, as `partition.assignment.strategy` has it, without the package.
    pub fn class_name(self) -> &'static str {
        match self {
            Assignor::Range => "RangeAssignor",
            Assignor::RoundRobin => "RoundRobinAssignor",
            Assignor::Sticky => "StickyAssignor",
            Assignor::CooperativeSticky => "CooperativeStickyAssignor",
        }
    }

    /// The assignor of this name, or of this class with or without its package.
    pub fn from_name(name: &str) -> Option<Assignor> {
        let name = name.strip_prefix("org.apache.kafka.clients.consumer.").unwrap_or(name);
        Assignor::ALL.into_iter().find(|assignor| name == assignor.name() || name == assignor.class_name())
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A consumer's place in a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// `group.id`; never empty.
    pub group: GroupId,
    /// `group.instance.id`: a static member (KIP-345).
    pub instance: Option<GroupInstanceId>,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`: the assignor on the server, with `group.protocol` = consumer; none lets the coordinator choose.
    pub remote_assignor: Option<Arc<str>>,
    /// `partition.assignment.strategy`, best first, with `group.protocol` = classic; never empty.
    pub assignors: Vec<Assignor>,
    /// `client.rack`.
    pub rack: Option<Arc<str>>,
    /// The timers.
    pub timers: MembershipTimers,
}

const GROUP_ID: &str = "group.id";
const INSTANCE_ID: &str = "group.instance.id";
const PROTOCOL: &str = "group.protocol";
const REMOTE_ASSIGNOR: &str = "group.remote.assignor";
const ASSIGNORS: &str = "partition.assignment.strategy";
const RACK: &str = "client.rack";
const AUTO_COMMIT: &str = "enable.auto.commit";

/// What a consumer that uses the protocol of KIP-848 must not say (`CONSUMER_PROTOCOL_UNSUPPORTED_CONFIGS`).
const REFUSED_WITH_CONSUMER: [&str; 3] = [ASSIGNORS, "heartbeat.interval.ms", "session.timeout.ms"];
/// What a consumer that uses the classic protocol must not say (`CLASSIC_PROTOCOL_UNSUPPORTED_CONFIGS`).
const REFUSED_WITH_CLASSIC: [&str; 1] = [REMOTE_ASSIGNOR];

impl Membership {
    /// The table of the settings that are no numbers.
    pub const DEFINITIONS: &'static [SettingDefinition] = &[
        SettingDefinition {
            name: GROUP_ID,
            default: "none",
            range: "a name",
            doc: " The group of consumers that it belongs to.",
        },
        SettingDefinition {
            name: INSTANCE_ID,
            default: "none",
            range: "a name",
            doc: " The static member that it is: the same one across restarts.",
        },
        SettingDefinition {
            name: PROTOCOL,
            default: "classic",
            range: "classic or consumer",
            doc: " How members and coordinator talk.",
        },
        SettingDefinition {
            name: REMOTE_ASSIGNOR,
            default: "none",
            range: "a name",
            doc: " The assignor on the server, with group.protocol = consumer.",
        },
        SettingDefinition {
            name: ASSIGNORS,
            default: "range, cooperative-sticky",
            range: "a list of range, roundrobin, sticky, cooperative-sticky",
            doc: " The assignors that it can run, best first, with group.protocol = classic.",
        },
    ];

    /// Reads a consumer's properties; none if it names no group.
    ///
    /// # Errors
    /// A value that Kafka 4.1 refuses, or settings that do not go together.
    pub fn of_consumer(properties: &Properties) -> Result<Option<Self>, ConfigError> {
        let timers = MembershipTimers::from_properties(properties)?;
        let protocol = read_protocol(properties)?;
        refuse_unsupported(properties, protocol)?;
        let assignors = read_assignors(properties)?;
        let Some(group) = properties.get(GROUP_ID) else {
            return refuse_without_group(properties, &timers);
        };
        if group.trim().is_empty() {
            return Err(ConfigError::of_value(GROUP_ID, group, "a group's name is not empty".to_owned()));
        }
        if protocol == GroupProtocol::Classic && timers.heartbeat_interval >= timers.session_timeout {
            return Err(ConfigError {
                name: "heartbeat.interval.ms".to_owned(),
                value: timers.heartbeat_interval.as_millis().to_string(),
                reason: format!("must be below session.timeout.ms, {}", timers.session_timeout.as_millis()),
                others: vec!["session.timeout.ms"],
                hint: Some("a third of session.timeout.ms leaves room for two lost heartbeats".to_owned()),
            });
        }
        let name = |setting: &str| {
            properties.get(setting).filter(|text| !text.is_empty()).map(|text| Arc::from(text.as_str()))
        };
        Ok(Some(Membership {
            group: GroupId::new(group),
            instance: read_instance(properties)?,
            protocol,
            remote_assignor: name(REMOTE_ASSIGNOR),
            assignors,
            rack: name(RACK),
            timers,
        }))
    }

    /// Whether the coordinator may take it for dead by its session alone, not by its going.
    pub fn is_static(&self) -> bool {
        self.instance.is_some()
    }
}

/// Without a group nothing is committed: asking for it is refused (`ConsumerConfig.maybeOverrideEnableAutoCommit`).
fn refuse_without_group(properties: &Properties, timers: &MembershipTimers) -> Result<Option<Membership>, ConfigError> {
    if !properties.contains_key(AUTO_COMMIT) || !timers.enable_auto_commit {
        return Ok(None);
    }
    Err(ConfigError {
        name: AUTO_COMMIT.to_owned(),
        value: "true".to_owned(),
        reason: "a consumer without group.id has nowhere to commit to".to_owned(),
        others: vec![GROUP_ID],
        hint: Some("name a group.id, or leave enable.auto.commit out".to_owned()),
    })
}

fn read_protocol(properties: &Properties) -> Result<GroupProtocol, ConfigError> {
    let Some(text) = properties.get(PROTOCOL) else { return Ok(GroupProtocol::default()) };
    match text.to_ascii_lowercase().as_str() {
        "classic" => Ok(GroupProtocol::Classic),
        "consumer" => Ok(GroupProtocol::Consumer),
        _ => Err(ConfigError::of_value(PROTOCOL, text, "expected classic or consumer".to_owned())),
    }
}

fn refuse_unsupported(properties: &Properties, protocol: GroupProtocol) -> Result<(), ConfigError> {
    let (name, refused): (_, &[&str]) = match protocol {
        GroupProtocol::Classic => ("classic", &REFUSED_WITH_CLASSIC),
        GroupProtocol::Consumer => ("consumer", &REFUSED_WITH_CONSUMER),
    };
    let said = |setting: &&&str| properties.get(**setting).is_some_and(|text| !text.trim().is_empty());
    match refused.iter().find(said) {
        None => Ok(()),
        Some(setting) => Err(ConfigError {
            name: (*setting).to_owned(),
            value: properties[*setting].clone(),
            reason: format!("cannot be set when group.protocol = {name}"),
            others: vec![PROTOCOL],
            hint: Some("leave it out, or choose the other protocol".to_owned()),
        }),
    }
}

fn read_assignors(properties: &Properties) -> Result<Vec<Assignor>, ConfigError> {
    let Some(text) = properties.get(ASSIGNORS) else { return Ok(vec![Assignor::Range, Assignor::CooperativeSticky]) };
    let refuse = |reason: String| ConfigError::of_value(ASSIGNORS, text, reason);
    let mut assignors = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let known = Assignor::ALL.map(Assignor::name).join(", ");
        let assignor = Assignor::from_name(name).ok_or_else(|| refuse(format!("{name} is none of {known}")))?;
        if assignors.contains(&assignor) {
            return Err(refuse(format!("{name} stands there twice")));
        }
        assignors.push(assignor);
    }
    if assignors.is_empty() {
        return Err(refuse("a member that subscribes needs an assignor".to_owned()));
    }
    Ok(assignors)
}

/// `JoinGroupRequest.validateGroupInstanceId`: as a topic's name.
fn read_instance(properties: &Properties) -> Result<Option<GroupInstanceId>, ConfigError> {
    let Some(text) = properties.get(INSTANCE_ID) else { return Ok(None) };
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let ok = !text.is_empty() && text.len() <= 249 && text != "." && text != ".." && text.chars().all(legal);
    if ok {
        return Ok(Some(GroupInstanceId::new(text)));
    }
    let reason = "expected 1 to 249 letters, digits, dots, underscores and hyphens".to_owned();
    Err(ConfigError::of_value(INSTANCE_ID, text, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Membership>, ConfigError> {
        let properties = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Membership::of_consumer(&properties)
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        read(pairs).expect_err("it does not go together").to_string()
    }

    #[test]
    fn a_member_is_classic_with_range_before_cooperative_sticky_unless_it_says_otherwise() {
        let member = read(&[(GROUP_ID, "g")]).expect("valid").expect("a member");
        assert_eq!(member.protocol, GroupProtocol::Classic);
        assert_eq!(member.assignors, [Assignor::Range, Assignor::CooperativeSticky]);
        assert_eq!(member.timers, MembershipTimers::default());
        assert_eq!(read(&[]), Ok(None), "without group.id there is no membership");
    }

    #[test]
    fn what_the_coordinator_decides_in_kip_848_cannot_be_said_by_the_member() {
        for setting in REFUSED_WITH_CONSUMER {
            let value = if setting == ASSIGNORS { "range" } else { "1000" };
            let error = refused(&[(GROUP_ID, "g"), (PROTOCOL, "consumer"), (setting, value)]);
            assert!(error.ends_with("cannot be set when group.protocol = consumer"), "{error}");
        }
        let error = refused(&[(GROUP_ID, "g"), (REMOTE_ASSIGNOR, "uniform")]);
        assert!(error.ends_with("cannot be set when group.protocol = classic"), "{error}");
        let member = read(&[(GROUP_ID, "g"), (PROTOCOL, "CONSUMER"), (REMOTE_ASSIGNOR, "range")]);
        assert_eq!(member.expect("valid").expect("a member").remote_assignor.as_deref(), Some("range"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert!(refused(&[(GROUP_ID, " ")]).contains("not empty"));
        assert!(refused(&[(AUTO_COMMIT, "true")]).contains("nowhere to commit to"));
        assert!(refused(&[(GROUP_ID, "g"), ("heartbeat.interval.ms", "45000")]).contains("below session.timeout.ms"));
        assert!(refused(&[(GROUP_ID, "g"), (ASSIGNORS, "range, range")]).contains("twice"));
        assert!(refused(&[(GROUP_ID, "g"), (ASSIGNORS, "uniform")]).contains("none of range"));
        assert!(refused(&[(GROUP_ID, "g"), (INSTANCE_ID, "a b")]).contains("letters"));
    }
}
