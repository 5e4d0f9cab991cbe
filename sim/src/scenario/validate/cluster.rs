//! The cluster, its topics and its clients: what stands before the first step.

use std::collections::BTreeSet;
use std::ops::Range;

use trial_broker::client::OffsetReset;
use trial_broker::config::{
    ConfigError, ConsumerSettings, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings,
    MembershipTimers, ProducerSettings, Properties, RaftSettings, ReplicationSettings, SettingDefinition,
};

use super::super::diagnostic::{Diagnostic, nearest, suggestion};
use super::super::format::file::{CONSUMER_EXTRAS, CONSUMER_GROUPS, PRODUCER_EXTRAS, ReplicaLists};
use super::super::format::{ClientSettings, File, Settings, Spanned};
use super::super::vocabulary::{switch_named, switch_names};
use super::machines::{Machine, machine_named};
use super::membership::Declared;
use super::{Kind, Scope};

/// The largest cluster: beyond it a scenario is a mistake more likely than a wish.
const MOST_MACHINES: u32 = 99;

/// The format of scenario files that this version reads.
pub(in crate::scenario) const FORMAT: u32 = 1;

/// A file of an older format, or of one that is yet to come.
pub(in crate::scenario) fn unknown_format(format: &Spanned<u32>) -> Diagnostic {
    let label = format!("this version of Trial reads format {FORMAT}");
    Diagnostic::new("this format is not known", format.span.clone(), label)
}

/// Format, id, and the numbers of machines.
pub(super) fn check_head(file: &File, scope: &mut Scope) {
    if file.format.value != FORMAT {
        scope.mistake(unknown_format(&file.format));
    }
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if file.id.is_empty() || !file.id.chars().all(legal) {
        let label = "expected small letters, digits and dashes";
        scope.mistake(Diagnostic::new("this is not an id", file.id.span.clone(), label));
    }
    let cluster = &file.cluster;
    for count in [&cluster.brokers, &cluster.controllers, &cluster.combined].into_iter().flatten() {
        if !(1..=MOST_MACHINES).contains(&count.value) {
            let label = format!("expected a number from 1 to {MOST_MACHINES}");
            scope.mistake(Diagnostic::new("a cluster of this size cannot be built", count.span.clone(), label));
        }
    }
    if let Some(combined) = &cluster.combined {
        for other in [&cluster.brokers, &cluster.controllers].into_iter().flatten() {
            let label = "a cluster has brokers and controllers, or combined processes";
            scope.mistake(
                Diagnostic::new("a cluster is made of one kind of process", other.span.clone(), label)
                    .with_context(combined.span.clone(), "combined processes are asked for here"),
            );
        }
    } else {
        for (count, what) in [(&cluster.brokers, "brokers"), (&cluster.controllers, "controllers")] {
            if count.is_none() {
                let label = format!("`{what}` is missing");
                scope.mistake(
                    Diagnostic::new(format!("this cluster has no {what}"), cluster.span.clone(), label)
                        .with_help("write `brokers = 3` and `controllers = 3`, or `combined = 3`"),
                );
            }
        }
    }
    cluster.latency.iter().for_each(|latency| scope.latency(latency));
    check_settings(&cluster.config, node_groups(), &[], scope);
    check_node_values(&cluster.config, scope);
    check_switches(&cluster.switches, scope);
}

/// What is particular to single machines.
pub(super) fn check_nodes(file: &File, scope: &mut Scope) {
    let mut seen: Vec<(i32, Range<usize>)> = Vec::new();
    for node in &file.nodes {
        let id = node.id.value;
        if !scope.controllers.contains(&id) {
            scope.broker(id, &node.id.span);
        }
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == id) {
            scope.mistake(
                Diagnostic::new(format!("machine {id} stands here twice"), node.id.span.clone(), "again here")
                    .with_context(first.clone(), "first here"),
            );
        }
        seen.push((id, node.id.span.clone()));
        check_settings(&node.config, node_groups(), &[], scope);
        check_node_values(&node.config, scope);
        check_switches(&node.switches, scope);
    }
}

/// The core that must recover: machines that exist, each once.
pub(super) fn check_liveness(file: &File, scope: &mut Scope) {
    let Some(core) = file.liveness.as_ref().and_then(|liveness| liveness.core.as_ref()) else { return };
    if core.value.is_empty() {
        let label = "name its brokers and controllers, or write `liveness = true` for whatever runs";
        scope.mistake(Diagnostic::new("a core without machines", core.span.clone(), label));
    }
    for (index, id) in core.value.iter().enumerate() {
        if !scope.controllers.contains(&id.value) {
            scope.broker(id.value, &id.span);
        }
        if let Some(first) = core.value[..index].iter().find(|other| other.value == id.value) {
            scope.mistake(
                Diagnostic::new(format!("machine {} stands here twice", id.value), id.span.clone(), "again here")
                    .with_context(first.span.clone(), "first here"),
            );
        }
    }
}

/// Topics that nobody declares (`Topic.INTERNAL_TOPICS`, and the quorum's log).
const KAFKAS_OWN: [&str; 4] =
    [super::OFFSETS_TOPIC, "__transaction_state", "__share_group_state", "__cluster_metadata"];

/// The topics of time zero.
pub(super) fn check_topics(file: &File, scope: &mut Scope) {
    for topic in &file.topics {
        let name = &topic.name;
        check_topic_name(name, scope);
        if KAFKAS_OWN.contains(&name.as_str()) {
            let label = "Kafka makes a topic of this name itself, for what it keeps in it";
            scope.mistake(Diagnostic::new("this name is taken", name.span.clone(), label));
        }
        let partitions = check_placement(
            topic.partitions.as_ref(),
            topic.replication_factor.as_ref(),
            topic.replicas.as_ref(),
            name,
            scope,
        );
        check_settings(&topic.config, &[LogSettings::DEFINITIONS], &[], scope);
        check_values(&topic.config, |properties| LogSettings::from_properties(properties).map(|_| ()), scope);
        let place = topic
            .replicas
            .as_ref()
            .map(|replicas| replicas.span.clone())
            .or_else(|| topic.partitions.as_ref().map(|count| count.span.clone()))
            .unwrap_or_else(|| name.span.clone());
        scope.topics.insert(name.value.clone(), (partitions, place));
    }
}

/// A new topic's name: legal, and not taken.
pub(super) fn check_topic_name(name: &Spanned<String>, scope: &mut Scope) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 249 || !name.chars().all(legal) || matches!(name.as_str(), "." | "..") {
        let label = "expected letters, digits, `.`, `_` and `-`, at most 249 of them";
        scope.mistake(Diagnostic::new("this is not a topic's name", name.span.clone(), label));
    }
    if name.as_str() == crate::scenario::WARMUP_TOPIC {
        let label = "Trial makes a topic of this name itself, to warm the clients";
        scope.mistake(Diagnostic::new("this name is taken", name.span.clone(), label));
    }
    let is_deleted = scope.deleted.remove(&name.value);
    if let Some((_, first)) = scope.topics.get(&name.value).filter(|_| !is_deleted) {
        let first = first.clone();
        scope.mistake(
            Diagnostic::new(format!("topic `{}` exists twice", name.value), name.span.clone(), "again here")
                .with_context(first, "first here"),
        );
    }
}

/// Where a topic's replicas lie. Returns the number of partitions.
pub(super) fn check_placement(
    partitions: Option<&Spanned<u32>>,
    factor: Option<&Spanned<u32>>,
    replicas: Option<&Spanned<ReplicaLists>>,
    name: &Spanned<String>,
    scope: &mut Scope,
) -> u32 {
    if let Some(replicas) = replicas {
        for (other, what) in [(partitions, "partitions"), (factor, "replication-factor")] {
            if let Some(other) = other {
                scope.mistake(
                    Diagnostic::new("replicas are said twice", other.span.clone(), format!("`{what}` counts them…"))
                        .with_context(replicas.span.clone(), "… and this lists them"),
                );
            }
        }
        check_replica_lists(replicas, name, scope);
        return replicas.value.len() as u32;
    }
    for count in [partitions, factor].into_iter().flatten() {
        if count.value == 0 {
            scope.mistake(Diagnostic::new("none is not enough", count.span.clone(), "expected at least 1"));
        }
    }
    if let Some(factor) = factor
        && factor.value as usize > scope.brokers.len()
    {
        let title = format!("{} replicas do not fit on {} brokers", factor.value, scope.brokers.len());
        let label = "each replica needs a broker of its own";
        let mut mistake = Diagnostic::new(title, factor.span.clone(), label);
        if let Some(said) = scope.brokers_said.clone() {
            mistake = mistake.with_context(said, "the brokers are counted here");
        }
        scope.mistake(mistake);
    }
    partitions.map_or(1, |count| count.value)
}

/// Each list names different brokers that exist; all lists are of one length.
pub(super) fn check_replica_lists(replicas: &Spanned<ReplicaLists>, name: &Spanned<String>, scope: &mut Scope) {
    if replicas.value.is_empty() {
        let label = "expected a list of brokers for each partition: [[1, 2, 3]]";
        let title = format!("topic `{}` has no partition", name.value);
        scope.mistake(Diagnostic::new(title, replicas.span.clone(), label));
    }
    for (index, list) in replicas.value.iter().enumerate() {
        check_replica_list(list, index, scope);
        let first = &replicas.value[0];
        if list.value.len() != first.value.len() {
            let title = "all partitions of a topic have the same number of replicas";
            let label = format!("{} here", list.value.len());
            scope.mistake(
                Diagnostic::new(title, list.span.clone(), label)
                    .with_context(first.span.clone(), format!("{} here", first.value.len())),
            );
        }
    }
}

/// One partition's replicas.
pub(super) fn check_replica_list(list: &Spanned<Vec<Spanned<i32>>>, index: usize, scope: &mut Scope) {
    if list.value.is_empty() {
        let title = format!("partition {index} has no replica");
        scope.mistake(Diagnostic::new(title, list.span.clone(), "expected at least one broker"));
    }
    for (position, id) in list.value.iter().enumerate() {
        scope.broker(id.value, &id.span);
        if let Some(first) = list.value[..position].iter().find(|other| other.value == id.value) {
            let title = format!("partition {index} has two replicas on broker {}", id.value);
            scope.mistake(
                Diagnostic::new(title, id.span.clone(), "again here").with_context(first.span.clone(), "first here"),
            );
        }
    }
}

/// The clients: one kind each, with settings that their kind has.
pub(super) fn check_clients(file: &File, scope: &mut Scope) {
    for client in &file.clients {
        let kinds =
            [(Kind::Producer, &client.producer), (Kind::Consumer, &client.consumer), (Kind::Admin, &client.admin)];
        let given: Vec<(Kind, &Spanned<ClientSettings>)> =
            kinds.iter().filter_map(|(kind, section)| section.as_ref().map(|section| (*kind, section))).collect();
        let name = &client.name;
        let [(kind, section)] = given.as_slice() else {
            let label = "expected one of `producer`, `consumer`, `admin`";
            let title = format!("client `{}` must be of exactly one kind", name.value);
            scope.mistake(Diagnostic::new(title, name.span.clone(), label));
            continue;
        };
        check_client_name(name, scope);
        scope.clients.insert(name.value.clone(), (*kind, name.span.clone()));
        if *kind == Kind::Consumer {
            scope.consumers.insert(name.value.clone(), Declared::of(&name.value, section, file));
        }
        check_client(*kind, section, scope);
    }
}

/// A client's name is a machine's name: it must not be another's.
fn check_client_name(name: &Spanned<String>, scope: &mut Scope) {
    if let Some((_, first)) = scope.clients.get(&name.value) {
        let first = first.clone();
        scope.mistake(
            Diagnostic::new(format!("client `{}` exists twice", name.value), name.span.clone(), "again here")
                .with_context(first, "first here"),
        );
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(legal) {
        let label = "expected letters, digits, `_` and `-`";
        scope.mistake(Diagnostic::new("this is not a client's name", name.span.clone(), label));
    }
    // Whoever says `kill c1` must not have to guess who dies.
    let namesake = match machine_named(name) {
        Machine::Broker(id) if scope.brokers.contains(&id) => format!("broker {id} is called so"),
        Machine::Controller(id) if scope.controllers.contains(&id) => format!("controller {id} is called so"),
        _ => return,
    };
    let mistake = Diagnostic::new("two machines of one name", name.span.clone(), namesake).with_help(
        "clients of the lessons are called p1, p2 (producers), r1, r2 (readers) and g1, g2 (members of a group)",
    );
    scope.mistake(mistake);
}

fn check_client(kind: Kind, section: &Spanned<ClientSettings>, scope: &mut Scope) {
    let settings = &section.settings;
    match kind {
        Kind::Producer => {
            check_settings(settings, &[ProducerSettings::DEFINITIONS], PRODUCER_EXTRAS, scope);
            check_values(settings, |given| ProducerSettings::from_properties(given).map(|_| ()), scope);
            check_choice(settings, "acks", &["all", "-1", "1", "0"], scope);
            check_choice(settings, "idempotence", &["true", "false"], scope);
            super::rules::check_producer(section, scope);
        }
        Kind::Consumer => {
            check_settings(settings, CONSUMER_GROUPS, CONSUMER_EXTRAS, scope);
            check_values(settings, |given| ConsumerSettings::from_properties(given).map(|_| ()), scope);
            check_values(settings, |given| MembershipTimers::from_properties(given).map(|_| ()), scope);
            check_span(settings, "work", scope);
            check_span(settings, "poll-every", scope);
            super::rules::check_consumer(section, scope);
            check_choice(settings, "poll", &["always", "asked"], scope);
            check_choice(settings, "isolation.level", &["read_uncommitted", "read_committed"], scope);
            check_offset_reset(settings, scope);
        }
        Kind::Admin => {
            check_settings(settings, &[ProducerSettings::DEFINITIONS], &[], scope);
            check_values(settings, |given| ProducerSettings::from_properties(given).map(|_| ()), scope);
        }
    }
    for partition in &section.assign {
        if kind == Kind::Consumer {
            scope.partition(&partition.value, &partition.span);
        } else {
            let label = format!("a {} reads no partitions", kind.name());
            scope.mistake(Diagnostic::new("only consumers are assigned partitions", partition.span.clone(), label));
        }
    }
    for topic in &section.subscribe {
        if kind == Kind::Consumer {
            scope.topic(&topic.value, &topic.span);
        } else {
            let label = format!("a {} reads no topics", kind.name());
            scope.mistake(Diagnostic::new("only consumers subscribe to topics", topic.span.clone(), label));
        }
    }
}

/// Complains unless a setting, if it is given, is a length of time.
fn check_span(settings: &Settings, name: &str, scope: &mut Scope) {
    if let Some(value) = settings.get(name)
        && super::rules::span_of(settings, name).is_none()
    {
        let label = "expected a length of time: \"2s\", \"100ms\"";
        scope.mistake(Diagnostic::new(format!("`{name}` cannot be `{}`", value.0), value.span.clone(), label));
    }
}

/// Complains unless a setting, if it is given, has one of these values.
fn check_choice(settings: &Settings, name: &str, choices: &[&str], scope: &mut Scope) {
    if let Some(value) = settings.get(name)
        && !choices.contains(&value.0.as_str())
    {
        let label = suggestion(&value.0, choices.iter().copied());
        let title = format!("`{name}` cannot be `{}`", value.0);
        scope.mistake(Diagnostic::new(title, value.span.clone(), label));
    }
}

/// One of three words, or the age of the first record to read (KIP-1106).
fn check_offset_reset(settings: &Settings, scope: &mut Scope) {
    let name = "auto.offset.reset";
    let Some(value) = settings.get(name).filter(|value| value.0.parse::<OffsetReset>().is_err()) else { return };
    if !value.0.starts_with("by_duration") {
        check_choice(settings, name, &["latest", "earliest", "none", "by_duration:PT1H"], scope);
        return;
    }
    let title = format!("`{name}` cannot be `{}`", value.0);
    let label = "a duration is written as by_duration:PnDTnHnMn.nS, an hour as by_duration:PT1H".to_owned();
    scope.mistake(Diagnostic::new(title, value.span.clone(), label));
}

/// The groups of settings of brokers and controllers.
fn node_groups() -> &'static [&'static [SettingDefinition]] {
    &[
        ReplicationSettings::DEFINITIONS,
        LogSettings::DEFINITIONS,
        LogManagerSettings::DEFINITIONS,
        RaftSettings::DEFINITIONS,
        ControllerSettings::DEFINITIONS,
        GroupCoordinatorSettings::DEFINITIONS,
    ]
}

/// Values of settings of brokers and controllers.
fn check_node_values(settings: &Settings, scope: &mut Scope) {
    check_values(settings, |given| ReplicationSettings::from_properties(given).map(|_| ()), scope);
    check_values(settings, |given| LogSettings::from_properties(given).map(|_| ()), scope);
    check_values(settings, |given| LogManagerSettings::from_properties(given).map(|_| ()), scope);
    check_values(settings, |given| RaftSettings::from_properties(given).map(|_| ()), scope);
    check_values(settings, |given| ControllerSettings::from_properties(given).map(|_| ()), scope);
    check_values(settings, |given| GroupCoordinatorSettings::from_properties(given).map(|_| ()), scope);
}

/// Complains about each value that its setting does not take.
pub(super) fn check_values(
    settings: &Settings,
    read: impl Fn(&Properties) -> Result<(), ConfigError>,
    scope: &mut Scope,
) {
    for (name, value) in &settings.0 {
        let one = Properties::from([(name.value.clone(), value.0.clone())]);
        if let Err(error) = read(&one) {
            let title = format!("`{}` cannot be `{}`", name.value, value.0);
            scope.mistake(Diagnostic::new(title, value.span.clone(), error.reason));
        }
    }
}

/// Complains about each setting whose name is not known here.
pub(super) fn check_settings(
    settings: &Settings,
    groups: &[&[SettingDefinition]],
    extras: &[(&str, &str)],
    scope: &mut Scope,
) {
    let known: BTreeSet<&str> = groups
        .iter()
        .flat_map(|group| group.iter().map(|setting| setting.name))
        .chain(extras.iter().map(|(name, _)| *name))
        .collect();
    for name in settings.0.keys() {
        if known.contains(name.value.as_str()) {
            continue;
        }
        let label = match nearest(&name.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "Trial knows no setting of this name here".to_owned(),
        };
        let mut mistake = Diagnostic::new(format!("unknown setting `{}`", name.value), name.span.clone(), label);
        if name.value.starts_with("log.") && known.contains(name.value.trim_start_matches("log.")) {
            mistake = mistake.with_help(format!(
                "Trial gives topics and brokers one name for a setting: `{}`",
                name.value.trim_start_matches("log.")
            ));
        }
        scope.mistake(mistake);
    }
}

pub(super) fn check_switches(switches: &[Spanned<String>], scope: &mut Scope) {
    for name in switches {
        if switch_named(&name.value).is_none() {
            let all = switch_names();
            let label = suggestion(&name.value, all.iter().map(String::as_str).collect::<Vec<_>>());
            scope.mistake(Diagnostic::new(format!("there is no switch `{}`", name.value), name.span.clone(), label));
        }
    }
}
