//! How what somebody types at a screen can go on: each action's fields with the values that this scenario knows for them.
//!
//! ```text
//!   kill le⇥                kill leader=orders-0
//!   hold api=F⇥             api=Fetch  api=FetchSnapshot  api=FindCoordinator
//!   partition 1 | ⇥         2  3  …: whoever stands in no group yet
//! ```
//!
//! Which values a field has is read from the schema of files, as its name is; who and what there is, from the scenario.

use trial_broker::message::Api;

use super::super::Scenario;
use super::super::format::{Client, Topic};
use super::super::validate::{Machine, machine_named};
use super::{Takes, field, names, takes};

/// A field whose values are more than these is offered alone until somebody has typed it.
const FEW: usize = 8;

/// How what is typed can go on: whole words that its action takes and was not told yet.
pub fn completions(scenario: &Scenario, typed: &str) -> Vec<String> {
    let (before, last) = match typed.rfind(char::is_whitespace) {
        Some(end) => typed.split_at(end + 1),
        None => ("", typed),
    };
    let mut told = before.split_whitespace();
    let words = match told.next() {
        None => names().filter(|name| !takes(name).is_empty()).map(str::to_owned).collect(),
        Some("partition") => of_partition(scenario, &told.collect::<Vec<&str>>(), last),
        Some(action) => of_action(scenario, action, &told.collect::<Vec<&str>>(), last),
    };
    let begins = |word: &&String| word.starts_with(last);
    if words.iter().any(|word| begins(&word)) {
        return words.iter().filter(begins).cloned().collect();
    }
    // Nobody knows by heart which of Kafka's names have capitals.
    let alike = |word: &String| word.get(..last.len()).is_some_and(|start| start.eq_ignore_ascii_case(last));
    words.into_iter().filter(alike).collect()
}

/// What an action can be told beside what it was told.
fn of_action(scenario: &Scenario, action: &str, told: &[&str], last: &str) -> Vec<String> {
    let taken = takes(action);
    let said: Vec<String> = told.iter().map(|word| field(word, taken).0).collect();
    let names_machine = said.iter().any(|key| is_machine(key));
    // Groups of machines are typed with bars between them.
    let can_be_typed = |key: &&String| *key != "groups" && !said.contains(key);
    let open = taken.keys().filter(|key| can_be_typed(key) && !(names_machine && is_machine(key)));
    open.flat_map(|key| ways(scenario, action, key, last)).collect()
}

/// Whether a field names the one machine that something is done to.
fn is_machine(key: &str) -> bool {
    matches!(key, "broker" | "controller" | "leader" | "follower" | "client" | "coordinator")
}

/// Groups of machines with bars between them, each machine in one of them; or else one direction.
fn of_partition(scenario: &Scenario, told: &[&str], last: &str) -> Vec<String> {
    if told.iter().any(|word| word.contains('=')) {
        return of_action(scenario, "partition", told, last);
    }
    let Some(before) = told.last() else {
        let fields = of_action(scenario, "partition", told, last);
        return machines(scenario, last).into_iter().chain(fields).collect();
    };
    let bar = (*before != "|").then(|| "|".to_owned());
    not_said(machines(scenario, last), told.iter().copied()).into_iter().chain(bar).collect()
}

/// A field with each value that is known for it; alone where anything can stand behind it, or where too much does.
fn ways(scenario: &Scenario, action: &str, key: &str, last: &str) -> Vec<String> {
    let alone = format!("{key}=");
    let values = match key {
        "set" => return LIVELY.iter().map(|name| format!("{name}=")).collect(),
        "from" | "to" => {
            let typed = last.strip_prefix(&alone).unwrap_or("");
            let (said, typed) = typed.rsplit_once(',').unwrap_or(("", typed));
            let comma = if said.is_empty() { "" } else { "," };
            let open = not_said(machines(scenario, typed), said.split(','));
            open.iter().map(|name| format!("{said}{comma}{name}")).collect()
        }
        _ => values(scenario, action, key),
    };
    let is_typed = last.starts_with(&alone);
    // Who asks is an administrator: where there is none, nobody is offered.
    if values.is_empty() && key == "client" {
        return Vec::new();
    }
    if values.is_empty() || (values.len() > FEW && !is_typed) {
        return vec![alone];
    }
    values.into_iter().map(|value| format!("{key}={value}")).collect()
}

/// The values that are known for a field.
fn values(scenario: &Scenario, action: &str, key: &str) -> Vec<String> {
    let takes = takes(action).get(key);
    let brokers = scenario.brokers();
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let topics = || scenario.file.topics.iter().map(|topic| topic.name.value.clone()).collect();
    match (key, takes) {
        ("broker", Some(Takes::Number)) => ids(&brokers),
        ("broker", _) => [ids(&brokers), words(&["any", "stopped"])].concat(),
        ("controller", _) => [ids(&own_controllers(scenario)), words(&["active", "standby", "stopped"])].concat(),
        ("partition", Some(Takes::Number)) => Vec::new(),
        ("leader" | "follower" | "partition", _) => partitions(scenario),
        ("topic", _) => topics(),
        ("name", _) if action == "delete-topic" => topics(),
        ("client", _) => {
            let can = |client: &&Client| can_do(client, action);
            scenario.file.clients.iter().filter(can).map(|client| client.name.value.clone()).collect()
        }
        ("coordinator", _) => groups(scenario).into_iter().map(|group| format!("group:{group}")).collect(),
        ("group", _) => groups(scenario),
        ("api", _) => Api::ALL.iter().map(|api| api.name().to_owned()).collect(),
        (_, Some(Takes::OneOf(values))) => values.clone(),
        (_, Some(Takes::Number | Takes::Anything) | None) => Vec::new(),
    }
}

/// Whether a client is one that an action is about.
fn can_do(client: &Client, action: &str) -> bool {
    match action {
        "produce" => client.producer.is_some(),
        "poll" | "seek" | "commit-offsets" | "join" | "leave" | "close" | "work" | "pause-partitions"
        | "resume-partitions" => client.consumer.is_some(),
        "create-topic" | "delete-topic" | "create-partitions" | "alter-config" | "elect-leader" | "reassign"
        | "delete-records" | "list-groups" | "describe-group" | "delete-group" | "delete-offsets" => {
            client.admin.is_some()
        }
        _ => true,
    }
}

/// Machines as lists of them have it, by the shortest names that begin as what is typed does.
fn machines(scenario: &Scenario, typed: &str) -> Vec<String> {
    let brokers = scenario.brokers();
    if typed.starts_with(|first: char| first.is_ascii_digit()) {
        return brokers.iter().map(i32::to_string).collect();
    }
    let clients = || scenario.file.clients.iter().map(|client| client.name.value.as_str());
    let controllers = own_controllers(scenario);
    let mut short: Vec<String> = brokers.iter().map(|id| format!("b{id}")).collect();
    short.extend(controllers.iter().map(|id| format!("c{}", id - 100)));
    short.extend(clients().map(str::to_owned));
    if short.iter().any(|name| name.starts_with(typed)) {
        return short;
    }
    let mut long: Vec<String> = brokers.iter().map(|id| format!("broker:{id}")).collect();
    long.extend(controllers.iter().map(|id| format!("controller:{id}")));
    long.extend(["controller:active", "controller:standby"].map(str::to_owned));
    long.extend(clients().map(|name| format!("client:{name}")));
    for kind in ["leader", "follower"] {
        long.extend(partitions(scenario).iter().map(|partition| format!("{kind}:{partition}")));
    }
    long
}

/// Those of some machines that are not among others, whatever they are called there.
fn not_said<'a>(machines: Vec<String>, said: impl Iterator<Item = &'a str>) -> Vec<String> {
    let meant = |name: &str| name.parse::<i32>().map_or_else(|_| machine_named(name), Machine::Broker);
    let said: Vec<Machine> = said.map(meant).collect();
    machines.into_iter().filter(|name| !said.contains(&meant(name))).collect()
}

/// The controllers that are no brokers.
fn own_controllers(scenario: &Scenario) -> Vec<i32> {
    let brokers = scenario.brokers();
    scenario.controllers().into_iter().filter(|id| !brokers.contains(id)).collect()
}

/// The groups that its consumers are members of, each once.
fn groups(scenario: &Scenario) -> Vec<String> {
    let consumers = scenario.file.clients.iter().filter_map(|client| client.consumer.as_ref());
    let mut groups: Vec<String> =
        consumers.filter_map(|section| Some(section.settings.get("group.id")?.value.0.clone())).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Settings that are offered to whoever alters one while the cluster runs; all others can be typed.
const LIVELY: &[&str] = &[
    "min.insync.replicas",
    "unclean.leader.election.enable",
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "segment.bytes",
    "max.message.bytes",
];

/// The partitions of all topics, of each topic the first eight.
fn partitions(scenario: &Scenario) -> Vec<String> {
    let of = |topic: &Topic| {
        let listed = topic.replicas.as_ref().map(|lists| lists.value.len());
        let count = listed.or(topic.partitions.as_ref().map(|count| count.value as usize)).unwrap_or(1);
        (0..count.min(8)).map(|index| format!("{}-{index}", topic.name.value)).collect::<Vec<_>>()
    };
    scenario.file.topics.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> Scenario {
        let source = include_str!("../../../../scenarios/lessons/05-below-the-line.toml");
        Scenario::parse("a.toml", source).expect("a valid scenario")
    }

    /// What is offered is taken, and a name that is none is refused by the file.
    #[test]
    fn settings_that_are_offered_are_settings_of_topics() {
        let scenario = lesson();
        let offers = completions(&scenario, "alter-config topic=orders ");
        for name in LIVELY {
            assert!(offers.contains(&format!("{name}=")), "{offers:?}");
        }
        let line = |words: &str| super::super::line(words).expect("it can be typed");
        let at = super::super::super::Span { micros: 1 };
        let lowered = line("alter-config topic=orders min.insync.replicas=1");
        assert!(scenario.with_intervention(at, &lowered).is_ok(), "{lowered}");
        let none = line("alter-config topic=orders min.insync=1");
        assert!(scenario.with_intervention(at, &none).is_err(), "{none} names no setting");
    }

    #[test]
    fn only_what_an_action_takes_is_offered_and_nothing_twice() {
        let scenario = lesson();
        let offers = |typed: &str| completions(&scenario, typed);
        assert!(offers("cra") == ["crash"] && offers("upg").is_empty(), "no build knows yet how to upgrade");
        assert!(offers("crash ").iter().all(|word| word.starts_with("client=")), "{:?}", offers("crash "));
        assert!(offers("kill ").contains(&"leader=orders-0".to_owned()), "{:?}", offers("kill "));
        assert!(offers("kill broker=1 ").is_empty(), "{:?}", offers("kill broker=1 "));
        let cut = offers("power-cut b1 ");
        assert!(cut.contains(&"lose=all".to_owned()) && cut.iter().all(|word| !word.starts_with("broker=")), "{cut:?}");
    }

    /// As `partition 1 | 2 3` is typed, whoever stands in no group yet is offered, and a bar behind a group.
    #[test]
    fn groups_of_a_partition_are_completed_with_whoever_stands_in_none_yet() {
        let scenario = lesson();
        let offers = |typed: &str| completions(&scenario, typed);
        let first = offers("partition ");
        for word in ["b1", "c1", "p2", "from="] {
            assert!(first.contains(&word.to_owned()) && !first.contains(&"|".to_owned()), "{first:?}");
        }
        let second = offers("partition b1 ");
        assert!(second.contains(&"|".to_owned()) && !second.contains(&"b1".to_owned()), "{second:?}");
        assert_eq!(offers("partition 1 | 2"), ["2"]);
        let others = offers("partition 1 | ");
        assert!(others.contains(&"b2".to_owned()) && !others.contains(&"b1".to_owned()), "{others:?}");
        assert!(!others.iter().any(|word| word == "|" || word.contains('=')), "{others:?}");
        for typed in ["partition 1 | 2 3", "partition b1 c1 | client:p1"] {
            let line = super::super::line(typed).expect("it can be typed");
            assert!(scenario.with_intervention(super::super::super::Span { micros: 1 }, &line).is_ok(), "{line}");
        }
    }

    /// One direction has the names that menus write, too, and lists of them.
    #[test]
    fn ends_of_a_link_are_brokers_controllers_and_clients() {
        let scenario = lesson();
        let offers = |typed: &str| completions(&scenario, typed);
        assert!(offers("hold ").contains(&"from=".to_owned()), "too many to be listed before they are asked for");
        let ends = offers("hold from=");
        for end in ["from=b1", "from=c3", "from=p1", "from=r1"] {
            assert!(ends.contains(&end.to_owned()), "{ends:?}");
        }
        assert_eq!(offers("hold from=client:"), ["from=client:p1", "from=client:p2", "from=client:r1"]);
        assert!(offers("hold from=controller:1").contains(&"from=controller:101".to_owned()));
        let second = offers("clog from=b3 to=b1,");
        assert!(second.contains(&"to=b1,b2".to_owned()) && !second.contains(&"to=b1,b1".to_owned()), "{second:?}");
    }

    #[test]
    fn closed_lists_are_offered_whole() {
        let scenario = lesson();
        let offers = |typed: &str| completions(&scenario, typed);
        for typed in ["hold api=F", "hold api=f"] {
            let apis = offers(typed);
            assert!(apis.contains(&"api=Fetch".to_owned()) && apis.len() > 1, "{apis:?}");
            assert!(apis.iter().all(|api| api.starts_with("api=F")), "{apis:?}");
        }
        assert_eq!(offers("fail b1 error=e"), ["error=eio", "error=enospc"]);
        assert_eq!(offers("elect-leader unclean="), ["unclean=true", "unclean=false"]);
        assert_eq!(offers("produce client="), ["client=p1", "client=p2"], "readers send nothing");
        assert_eq!(offers("produce part"), ["partition="], "its number, and not its name");
        for of_administrators in
            ["create-topic ", "list-groups ", "describe-group ", "delete-group ", "delete-offsets "]
        {
            let offers = offers(of_administrators);
            assert!(!offers.iter().any(|word| word.starts_with("client=")), "there is no administrator: {offers:?}");
        }
    }
}
