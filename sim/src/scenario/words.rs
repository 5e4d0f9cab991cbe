//! Actions as somebody types them at a screen: the vocabulary of scenario files, in words.
//!
//! ```text
//!   kill b2                     kill = { broker = 2 }
//!   kill leader=orders-0        kill = { leader = "orders-0" }
//!   partition 1 | 2 3           partition = { groups = [["b1"], ["b2", "b3"]] }
//!   clog from=b3 to=b1          clog = { from = "b3", to = "b1" }
//!   heal                        heal = {}
//!   alter-config topic=orders min.insync.replicas=1
//!                               alter-config = { topic = "orders", set = { "min.insync.replicas" = "1" } }
//! ```
//!
//! What is typed becomes a line of a file and is read as one: there is one grammar, and one set of complaints. Which words an
//! action takes is read from the schema of files, which is made of the same declarations.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::Scenario;
use super::diagnostic::nearest;
use super::format::Action;

/// Actions that ask or expect, and so do nothing to a world.
const NOT_DONE: &[&str] = &["predict", "pause-here", "expect", "expect-error", "expect-event", "never", "never-event"];

/// The names of all actions that can be typed.
pub fn names() -> impl Iterator<Item = &'static str> {
    Action::NAMES.iter().copied().filter(|name| !NOT_DONE.contains(name))
}

/// What each action can be told: the names of its fields. An action without any is one of which only the name is known.
fn keys() -> &'static BTreeMap<String, Vec<String>> {
    static KEYS: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let schema: Value = serde_json::from_str(&super::schema()).unwrap_or_default();
        let steps = &schema["definitions"]["Step"]["properties"];
        names().map(|name| (name.to_owned(), fields_of(&steps[name], &schema["definitions"]))).collect()
    })
}

/// The names of the fields of a part of a schema, or of what it refers to.
fn fields_of(part: &Value, definitions: &Value) -> Vec<String> {
    if let Value::Object(fields) = &part["properties"] {
        return fields.keys().cloned().collect();
    }
    if let Some(name) = part["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return fields_of(&definitions[name], definitions);
    }
    let ways = ["anyOf", "allOf", "oneOf"].iter().filter_map(|way| part[*way].as_array());
    ways.flatten().flat_map(|way| fields_of(way, definitions)).collect()
}

/// The line of a scenario file that says what was typed.
///
/// # Errors
/// There is no such action, with the nearest one that there is; or it is told what it does not take, or one thing twice.
pub fn line(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    if !names().any(|known| known == name) {
        let near = nearest(name, names()).map_or(String::new(), |near| format!(": did you mean `{near}`?"));
        return Err(format!("there is no action `{name}`{near}"));
    }
    let rest = rest.trim();
    let fields = match name {
        "partition" if rest.contains('|') => format!("groups = {}", groups(rest)),
        _ => fields(name, rest)?,
    };
    Ok(if fields.is_empty() { format!("{name} = {{}}") } else { format!("{name} = {{ {fields} }}") })
}

/// What an action is told, as the fields of its table.
fn fields(name: &str, rest: &str) -> Result<String, String> {
    let taken: &[String] = keys().get(name).map_or(&[], Vec::as_slice);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut settings: Vec<String> = Vec::new();
    for word in rest.split_whitespace() {
        if let Some((name, value)) = setting(word, taken) {
            settings.push(format!("{} = {}", quoted(name), quoted(value)));
            continue;
        }
        let (key, value) = field(word, taken);
        // Of what only the name is known, the file's own complaint says so.
        if !taken.is_empty() && !taken.contains(&key) {
            let listed: Vec<String> = taken.iter().map(|key| format!("{key}=")).collect();
            return Err(format!("`{name}` takes no `{key}=`: it takes {}", listed.join(" ")));
        }
        if let Some((_, before)) = fields.iter().find(|(said, _)| *said == key) {
            return Err(format!("`{name}` takes one `{key}=`, and was told {before} and {value}: one after the other"));
        }
        fields.push((key, value));
    }
    if !settings.is_empty() {
        fields.push(("set".to_owned(), format!("{{ {} }}", settings.join(", "))));
    }
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Ok(fields.join(", "))
}

/// `min.insync.replicas=1`, or the same behind `set=`, as a setting's name and value, where the action sets any. Kafka's
/// names have dots in them, and no field has.
fn setting<'a>(word: &'a str, taken: &[String]) -> Option<(&'a str, &'a str)> {
    let word = word.strip_prefix("set=").unwrap_or(word);
    let (name, value) = word.split_once('=')?;
    (taken.iter().any(|key| key == "set") && name.contains('.')).then_some((name, value))
}

/// `b2`, `2`, `c1`, `p1` or `key=value` as a field and its value. A name alone is that of a machine which the action takes:
/// where only clients are meant, `c1` is a client.
fn field(word: &str, taken: &[String]) -> (String, String) {
    if let Some((key, said)) = word.split_once('=') {
        return (key.to_owned(), value(said));
    }
    let takes = |key: &str| taken.iter().any(|taken| taken == key);
    let number = |text: &str| text.parse::<u32>().ok();
    let is_client_alone = takes("client") && !takes("broker");
    if is_client_alone {
        return ("client".to_owned(), quoted(word));
    }
    if let Some(id) = number(word).or_else(|| number(word.strip_prefix('b')?)) {
        return ("broker".to_owned(), id.to_string());
    }
    match word.strip_prefix('c').and_then(number) {
        Some(index) => ("controller".to_owned(), (100 + index).to_string()),
        None => ("client".to_owned(), quoted(word)),
    }
}

/// A number, a truth, a list, or else a text.
fn value(said: &str) -> String {
    if said.contains(',') {
        let elements: Vec<String> = said.split(',').filter(|one| !one.is_empty()).map(value).collect();
        return format!("[{}]", elements.join(", "));
    }
    let is_plain = said.parse::<i64>().is_ok() || matches!(said, "true" | "false");
    if is_plain { said.to_owned() } else { quoted(said) }
}

/// `1 | 2 3` as lists of names.
fn groups(text: &str) -> String {
    let name = |word: &str| match word.parse::<u32>() {
        Ok(id) => quoted(&format!("b{id}")),
        Err(_) => quoted(word),
    };
    let groups = text.split('|').map(|group| {
        let names: Vec<String> = group
            .split(|sign: char| sign.is_whitespace() || sign == ',')
            .filter(|word| !word.is_empty())
            .map(name)
            .collect();
        format!("[{}]", names.join(", "))
    });
    format!("[{}]", groups.collect::<Vec<_>>().join(", "))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// How what is typed can go on: whole words that its action takes and was not told yet.
pub fn completions(scenario: &Scenario, typed: &str) -> Vec<String> {
    let (before, last) = match typed.rfind(char::is_whitespace) {
        Some(end) => typed.split_at(end + 1),
        None => ("", typed),
    };
    let mut told = before.split_whitespace();
    let words = match told.next() {
        None => {
            names().filter(|name| keys().get(*name).is_some_and(|keys| !keys.is_empty())).map(str::to_owned).collect()
        }
        Some(action) => {
            let taken: &[String] = keys().get(action).map_or(&[], Vec::as_slice);
            let said: Vec<String> = told.map(|word| field(word, taken).0).collect();
            let names_machine = said.iter().any(|key| is_machine(key));
            // Groups of machines are typed with bars between them.
            let can_be_typed = |key: &&String| *key != "groups" && !said.contains(key);
            let open = taken.iter().filter(|key| can_be_typed(key) && !(names_machine && is_machine(key)));
            open.flat_map(|key| ways(scenario, key)).collect::<Vec<_>>()
        }
    };
    words.into_iter().filter(|word| word.starts_with(last)).collect()
}

/// Whether a field names the one machine that something is done to.
fn is_machine(key: &str) -> bool {
    matches!(key, "broker" | "controller" | "leader" | "follower" | "client" | "coordinator")
}

/// A field with each value that is known for it; alone where anything can stand behind it.
fn ways(scenario: &Scenario, key: &str) -> Vec<String> {
    let brokers = scenario.brokers();
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let topics = &scenario.file.topics;
    let values = match key {
        "broker" => [ids(&brokers), words(&["any", "stopped"])].concat(),
        "controller" => {
            let own: Vec<i32> = scenario.controllers().into_iter().filter(|id| !brokers.contains(id)).collect();
            [ids(&own), words(&["active", "standby", "stopped"])].concat()
        }
        "leader" | "follower" | "partition" => partitions(scenario),
        "topic" => topics.iter().map(|topic| topic.name.value.clone()).collect(),
        "client" => scenario.file.clients.iter().map(|client| client.name.value.clone()).collect(),
        "from" | "to" => brokers.iter().map(|id| format!("b{id}")).collect(),
        "kind" => words(&["request", "response"]),
        "lose" => words(&["all", "none"]),
        "set" => return LIVELY.iter().map(|name| format!("{name}=")).collect(),
        _ => Vec::new(),
    };
    if values.is_empty() {
        return vec![format!("{key}=")];
    }
    values.into_iter().map(|value| format!("{key}={value}")).collect()
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
    let of = |topic: &super::format::Topic| {
        let listed = topic.replicas.as_ref().map(|lists| lists.value.len());
        let count = listed.or(topic.partitions.as_ref().map(|count| count.value as usize)).unwrap_or(1);
        (0..count.min(8)).map(|index| format!("{}-{index}", topic.name.value)).collect::<Vec<_>>()
    };
    scenario.file.topics.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_lines_of_a_file() {
        for (typed, wanted) in [
            ("kill broker=2", "kill = { broker = 2 }"),
            ("kill b2", "kill = { broker = 2 }"),
            ("  stop   c1 ", "stop = { controller = 101 }"),
            ("crash p1", "crash = { client = \"p1\" }"),
            ("kill leader=orders-0", "kill = { leader = \"orders-0\" }"),
            ("partition 1 | 2 3", "partition = { groups = [[\"b1\"], [\"b2\", \"b3\"]] }"),
            ("clog from=b3 to=b1,b2", "clog = { from = \"b3\", to = [\"b1\", \"b2\"] }"),
            ("heal", "heal = {}"),
            (
                "alter-config topic=orders min.insync.replicas=1 set=cleanup.policy=compact,delete",
                "alter-config = { topic = \"orders\", \
                 set = { \"min.insync.replicas\" = \"1\", \"cleanup.policy\" = \"compact,delete\" } }",
            ),
            ("produce client=p1 topic=orders count=3", "produce = { client = \"p1\", topic = \"orders\", count = 3 }"),
        ] {
            assert_eq!(line(typed).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_word_that_does_nothing_is_refused_with_the_nearest_that_does() {
        assert_eq!(line("kil b1"), Err("there is no action `kil`: did you mean `kill`?".to_owned()));
        assert!(line("expect leo=3").is_err());
        assert!(line("").is_err());
    }

    #[test]
    fn a_word_that_an_action_does_not_take_is_refused_with_those_that_it_takes() {
        let refused = |typed: &str| line(typed).expect_err("it is not taken");
        assert!(
            refused("crash broker=1").contains("`crash` takes no `broker=`: it takes client="),
            "{}",
            refused("crash broker=1")
        );
        assert!(
            refused("kill b2 b3").contains("takes one `broker=`, and was told 2 and 3"),
            "{}",
            refused("kill b2 b3")
        );
        assert_eq!(line("crash c1").as_deref(), Ok("crash = { client = \"c1\" }"), "only clients crash");
    }

    /// What is offered is taken, and a name that is none is refused by the file.
    #[test]
    fn settings_that_are_offered_are_settings_of_topics() {
        let source = include_str!("../../../scenarios/lessons/05-below-the-line.toml");
        let scenario = Scenario::parse("a.toml", source).expect("a valid scenario");
        let offers = completions(&scenario, "alter-config topic=orders ");
        for name in LIVELY {
            assert!(offers.contains(&format!("{name}=")), "{offers:?}");
        }
        let line = |words: &str| line(words).expect("it can be typed");
        let at = super::super::Span { micros: 1 };
        let lowered = line("alter-config topic=orders min.insync.replicas=1");
        assert!(scenario.with_intervention(at, &lowered).is_ok(), "{lowered}");
        let none = line("alter-config topic=orders min.insync=1");
        assert!(scenario.with_intervention(at, &none).is_err(), "{none} names no setting");
    }

    #[test]
    fn only_what_an_action_takes_is_offered_and_nothing_twice() {
        let source = include_str!("../../../scenarios/lessons/05-below-the-line.toml");
        let scenario = Scenario::parse("a.toml", source).expect("a valid scenario");
        let offers = |typed: &str| completions(&scenario, typed);
        assert!(offers("cra") == ["crash"] && offers("upg").is_empty(), "no build knows yet how to upgrade");
        assert!(offers("crash ").iter().all(|word| word.starts_with("client=")), "{:?}", offers("crash "));
        assert!(offers("kill ").contains(&"leader=orders-0".to_owned()), "{:?}", offers("kill "));
        assert!(offers("kill broker=1 ").is_empty(), "{:?}", offers("kill broker=1 "));
        let cut = offers("power-cut b1 ");
        assert!(cut.contains(&"lose=all".to_owned()) && cut.iter().all(|word| !word.starts_with("broker=")), "{cut:?}");
    }

    #[test]
    fn no_text_that_is_typed_breaks_out_of_its_line() {
        let typed = line("crash p1\"}#").expect("an action");
        assert_eq!(typed.lines().count(), 1, "{typed}");
        let table: toml::Table = toml::from_str(&typed).expect("a line of a file");
        assert_eq!(table["crash"]["client"].as_str(), Some("p1\"}#"));
        assert!(line("crash p1\"}\nkill={broker=1}").is_err(), "the second line is no word that `crash` takes");
    }
}
