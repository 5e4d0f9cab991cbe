//! Actions as somebody types them at a screen: the vocabulary of scenario files, in words.
//!
//! ```text
//!   kill b2                     kill = { broker = 2 }
//!   kill leader=orders-0        kill = { leader = "orders-0" }
//!   partition 1 | 2 3           partition = { groups = [["b1"], ["b2", "b3"]] }
//!   clog from=b3 to=b1          clog = { from = "b3", to = "b1" }
//!   heal                        heal = {}
//! ```
//!
//! What is typed becomes a line of a file and is read as one: there is one grammar, and one set of complaints.

use super::Scenario;
use super::diagnostic::nearest;
use super::format::Action;

/// Actions that ask or expect, and so do nothing to a world.
const NOT_DONE: &[&str] = &["predict", "pause-here", "expect", "expect-error", "expect-event", "never", "never-event"];

/// The names of all actions that can be typed.
pub fn names() -> impl Iterator<Item = &'static str> {
    Action::NAMES.iter().copied().filter(|name| !NOT_DONE.contains(name))
}

/// The line of a scenario file that says what was typed.
///
/// # Errors
/// There is no such action; with the nearest one that there is.
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
        _ => rest.split_whitespace().map(field).collect::<Vec<_>>().join(", "),
    };
    Ok(if fields.is_empty() { format!("{name} = {{}}") } else { format!("{name} = {{ {fields} }}") })
}

/// `b2`, `2`, `c1`, `p1` or `key=value` as a field.
fn field(word: &str) -> String {
    if let Some((key, said)) = word.split_once('=') {
        return format!("{key} = {}", value(said));
    }
    let number = |text: &str| text.parse::<u32>().ok();
    if let Some(id) = number(word).or_else(|| number(word.strip_prefix('b')?)) {
        return format!("broker = {id}");
    }
    match word.strip_prefix('c').and_then(number) {
        Some(index) => format!("controller = {}", 100 + index),
        None => format!("client = {}", quoted(word)),
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

/// How what is typed can go on: whole words, in the order of the vocabulary.
pub fn completions(scenario: &Scenario, typed: &str) -> Vec<String> {
    let (before, last) = match typed.rfind(char::is_whitespace) {
        Some(end) => typed.split_at(end + 1),
        None => ("", typed),
    };
    let words: Vec<String> =
        if before.trim().is_empty() { names().map(str::to_owned).collect() } else { subjects(scenario) };
    words.into_iter().filter(|word| word.starts_with(last)).collect()
}

/// Everything in a scenario that an action can be about.
fn subjects(scenario: &Scenario) -> Vec<String> {
    let brokers = scenario.brokers();
    let mut words: Vec<String> = brokers.iter().map(|id| format!("broker={id}")).collect();
    let own = scenario.controllers().into_iter().filter(|id| !brokers.contains(id));
    words.extend(own.map(|id| format!("controller={id}")));
    words.push("controller=active".to_owned());
    for topic in &scenario.file.topics {
        let listed = topic.replicas.as_ref().map(|lists| lists.value.len());
        let count = listed.or(topic.partitions.as_ref().map(|count| count.value as usize)).unwrap_or(1);
        for partition in 0..count.min(8) {
            let name = format!("{}-{partition}", topic.name.value);
            words.extend([format!("leader={name}"), format!("follower={name}"), format!("partition={name}")]);
        }
        words.push(format!("topic={}", topic.name.value));
    }
    words.extend(scenario.file.clients.iter().map(|client| format!("client={}", client.name.value)));
    words.extend(brokers.iter().flat_map(|id| [format!("from=b{id}"), format!("to=b{id}")]));
    words.extend(
        [
            "api=",
            "kind=request",
            "kind=response",
            "nth=",
            "in-flight=",
            "count=",
            "length=",
            "lose=all",
            "lose=none",
            "sync=",
        ]
        .map(str::to_owned),
    );
    words
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
    fn no_text_that_is_typed_breaks_out_of_its_line() {
        let typed = line("crash p1\"}\nkill={broker=1}").expect("an action");
        assert_eq!(typed.lines().count(), 1, "{typed}");
    }
}
