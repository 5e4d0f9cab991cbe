//! Whether a well-formed scenario makes sense: names that exist, values in range, times in order.
//!
//! Every mistake is collected, so that one run of the command shows them all.

mod administration;
mod cluster;
mod conditions;
mod machines;
mod membership;
mod museum;
mod rules;
mod starts;
mod steps;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub(super) use cluster::{FORMAT, unknown_format};
pub(crate) use conditions::error_code;
pub use machines::Machine;
pub(crate) use machines::{machine_named, machine_of, partition_named};
use membership::Declared;
pub(crate) use rules::{client_properties, membership_of, producer_properties, span_of};
pub use starts::Start;
pub(crate) use steps::FIRST_INTERVENTION;
pub(super) use steps::Plan;
pub use steps::PlannedStep;

use trial_broker::config::GroupCoordinatorSettings;

use super::diagnostic::{Diagnostic, suggestion};
use super::format::{Cluster, File, Spanned};
use super::vocabulary;

/// Checks a file and lays out its steps.
///
/// # Errors
/// Every mistake found, in the order of the file.
pub(super) fn validate(file: &File) -> Result<Plan, Vec<Diagnostic>> {
    let mut scope = Scope::new(file);
    cluster::check_head(file, &mut scope);
    cluster::check_nodes(file, &mut scope);
    rules::check_nodes(file, &mut scope);
    cluster::check_topics(file, &mut scope);
    cluster::check_clients(file, &mut scope);
    membership::check_members(file, &mut scope);
    cluster::check_liveness(file, &mut scope);
    let steps = steps::plan(file, &mut scope);
    let interventions = steps::plan_interventions(file, &mut scope);
    check_names(file, &mut scope);
    museum::check(file, &mut scope);
    if scope.mistakes.is_empty() {
        return Ok(Plan { steps, interventions });
    }
    scope.mistakes.sort_by_key(|mistake| mistake.primary.0.start);
    Err(scope.mistakes)
}

/// The ids of the brokers, in order.
pub(super) fn brokers(cluster: &Cluster) -> Vec<i32> {
    let count = cluster.brokers.as_ref().or(cluster.combined.as_ref()).map_or(0, |count| count.value);
    (1..=count as i32).collect()
}

/// The ids of the controllers, in order.
pub(super) fn controllers(cluster: &Cluster) -> Vec<i32> {
    match (&cluster.controllers, &cluster.combined) {
        (Some(count), _) => (101..=100 + count.value as i32).collect(),
        (None, Some(count)) => (1..=count.value as i32).collect(),
        (None, None) => Vec::new(),
    }
}

/// The topic in which group coordinators keep what they know: nobody declares it.
pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";

fn offsets_partitions(cluster: &Cluster) -> u32 {
    let settings = GroupCoordinatorSettings::from_properties(&cluster.config.properties()).unwrap_or_default();
    u32::try_from(settings.offsets_topic_partitions).unwrap_or(0)
}

/// What kind of client a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Producer,
    Consumer,
    Admin,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Producer => "producer",
            Kind::Consumer => "consumer",
            Kind::Admin => "admin",
        }
    }
}

/// The names that the file has declared so far, and what was found wrong.
pub(super) struct Scope {
    pub(super) mistakes: Vec<Diagnostic>,
    pub(super) brokers: Vec<i32>,
    pub(super) controllers: Vec<i32>,
    /// Where the numbers of brokers and controllers are said.
    brokers_said: Option<Range<usize>>,
    controllers_said: Option<Range<usize>>,
    /// Number of partitions and place of declaration, by name.
    pub(super) topics: BTreeMap<String, (u32, Range<usize>)>,
    /// Topics that a step has deleted: their names may be taken again, and are known still.
    pub(super) deleted: BTreeSet<String>,
    /// How many partitions the topic of the groups' coordinators has, or will have.
    offsets_partitions: u32,
    /// Kind and place of declaration, by name.
    pub(super) clients: BTreeMap<String, (Kind, Range<usize>)>,
    /// How the consumers among them are declared.
    consumers: BTreeMap<String, Declared>,
}

impl Scope {
    fn new(file: &File) -> Self {
        let cluster = &file.cluster;
        let said = |one: &Option<Spanned<u32>>| one.as_ref().map(|count| count.span.clone());
        Scope {
            mistakes: Vec::new(),
            brokers: brokers(cluster),
            controllers: controllers(cluster),
            brokers_said: said(&cluster.brokers).or_else(|| said(&cluster.combined)),
            controllers_said: said(&cluster.controllers).or_else(|| said(&cluster.combined)),
            topics: BTreeMap::new(),
            deleted: BTreeSet::new(),
            offsets_partitions: offsets_partitions(cluster),
            clients: BTreeMap::new(),
            consumers: BTreeMap::new(),
        }
    }

    pub(super) fn mistake(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// Complains unless there is such a broker.
    pub(super) fn broker(&mut self, id: i32, span: &Range<usize>) -> bool {
        if self.brokers.contains(&id) {
            return true;
        }
        let mut mistake = Diagnostic::new(format!("there is no broker {id}"), span.clone(), "named here");
        mistake = with_said(mistake, &self.brokers_said, "brokers", &self.brokers);
        if id > 100 && self.controllers.contains(&id) {
            mistake = mistake.with_help(format!("{id} is a controller: write `controller = {id}`"));
        }
        self.mistake(mistake);
        false
    }

    /// Complains unless there is such a controller.
    pub(super) fn controller(&mut self, id: i32, span: &Range<usize>) -> bool {
        if self.controllers.contains(&id) {
            return true;
        }
        let mut mistake = Diagnostic::new(format!("there is no controller {id}"), span.clone(), "named here");
        mistake = with_said(mistake, &self.controllers_said, "controllers", &self.controllers);
        self.mistake(mistake);
        false
    }

    /// Complains unless there is such a client, and of such a kind if that matters.
    pub(super) fn client(&mut self, name: &Spanned<String>, kind: Option<Kind>) -> bool {
        let Some((found, place)) = self.clients.get(&name.value).cloned() else {
            let names: Vec<&str> = self.clients.keys().map(String::as_str).collect();
            let label = suggestion(&name.value, names);
            let mistake = Diagnostic::new(format!("there is no client `{}`", name.value), name.span.clone(), label);
            self.mistake(mistake);
            return false;
        };
        if let Some(kind) = kind
            && kind != found
        {
            let title = format!("`{}` is not a {}", name.value, kind.name());
            let mistake = Diagnostic::new(title, name.span.clone(), format!("a {} is needed here", kind.name()))
                .with_context(place, format!("it is declared as a {}", found.name()));
            self.mistake(mistake);
            return false;
        }
        true
    }

    /// Complains unless there is such a topic.
    pub(super) fn topic(&mut self, name: &str, span: &Range<usize>) -> bool {
        if self.topics.contains_key(name) {
            return true;
        }
        let names: Vec<&str> = self.topics.keys().map(String::as_str).collect();
        let label = suggestion(name, names);
        self.mistake(Diagnostic::new(format!("there is no topic `{name}`"), span.clone(), label));
        false
    }

    /// Complains unless this names a partition of a topic: "orders-0".
    pub(super) fn partition(&mut self, name: &str, span: &Range<usize>) -> bool {
        let split = name.rsplit_once('-').and_then(|(topic, index)| Some((topic, index.parse::<u32>().ok()?)));
        let Some((topic, index)) = split else {
            let label = "expected a topic and a partition, such as \"orders-0\"";
            self.mistake(Diagnostic::new(format!("`{name}` is not a partition"), span.clone(), label));
            return false;
        };
        if topic == OFFSETS_TOPIC && index < self.offsets_partitions {
            return true;
        }
        if !self.topic(topic, span) {
            return false;
        }
        let Some((count, place)) = self.topics.get(topic).cloned() else { return false };
        if index < count {
            return true;
        }
        let last = count.saturating_sub(1);
        let mistake = Diagnostic::new(format!("topic `{topic}` has no partition {index}"), span.clone(), "named here")
            .with_context(place, format!("it has partitions 0 to {last}"));
        self.mistake(mistake);
        false
    }
}

/// Adds the place where the number of machines is said, and which there are.
fn with_said(mistake: Diagnostic, said: &Option<Range<usize>>, what: &str, ids: &[i32]) -> Diagnostic {
    match (said, ids) {
        (Some(span), [only]) => mistake.with_context(span.clone(), format!("the only one of its {what} is {only}")),
        (Some(span), [first, .., last]) => {
            mistake.with_context(span.clone(), format!("this cluster has {what} {first} to {last}"))
        }
        _ => mistake.with_help(format!("this cluster has no {what}")),
    }
}

/// Complains unless there is such a check.
fn check_name(name: &Spanned<String>, scope: &mut Scope) {
    let known = vocabulary::checks();
    if !known.contains(&name.value.as_str()) {
        let label = suggestion(&name.value, known);
        scope.mistake(Diagnostic::new(format!("there is no check `{}`", name.value), name.span.clone(), label));
    }
}

/// The names of checks and of random faults.
fn check_names(file: &File, scope: &mut Scope) {
    let checks = file.always.iter().map(|always| &always.check).chain(file.allow.keys());
    for name in checks {
        check_name(name, scope);
    }
    for (name, range) in &file.swarm {
        if !vocabulary::SWARM.contains(&name.value.as_str()) {
            let label = suggestion(&name.value, vocabulary::SWARM.iter().copied());
            let title = format!("`{}` is not a fault that can be drawn", name.value);
            scope.mistake(Diagnostic::new(title, name.span.clone(), label));
        }
        let [low, high] = range.value;
        if !(0.0 <= low && low <= high) {
            let label = "expected two rates, the lower one first, none below 0";
            scope.mistake(Diagnostic::new("this is not a range of rates", range.span.clone(), label));
        }
    }
}
