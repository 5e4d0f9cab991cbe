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

mod completions;
mod hints;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::diagnostic::nearest;
use super::format::Action;
pub use completions::completions;
pub use hints::in_words;

/// Actions that ask or expect, and so do nothing to a world.
const NOT_DONE: &[&str] = &["predict", "pause-here", "expect", "expect-error", "expect-event", "never", "never-event"];

/// Actions on one message. A file may mean the next one of anybody; whoever types so has forgotten which.
const OF_A_MESSAGE: &[&str] = &["drop", "hold", "delay"];

/// The names of all actions that can be typed.
pub fn names() -> impl Iterator<Item = &'static str> {
    Action::NAMES.iter().copied().filter(|name| !NOT_DONE.contains(name))
}

/// What a field of an action can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Takes {
    /// One of these words.
    OneOf(Vec<String>),
    /// A whole number.
    Number,
    /// Something else.
    Anything,
}

/// The fields of an action by their names.
type Fields = BTreeMap<String, Takes>;

/// What an action can be told. One without any field is one of which only the name is known, or is told nothing.
fn takes(action: &str) -> &'static Fields {
    static FIELDS: OnceLock<BTreeMap<String, Fields>> = OnceLock::new();
    static NONE: Fields = Fields::new();
    let fields = FIELDS.get_or_init(|| {
        let schema: Value = serde_json::from_str(&super::schema()).unwrap_or_default();
        let steps = &schema["definitions"]["Step"]["properties"];
        names().map(|name| (name.to_owned(), fields_of(&steps[name], &schema["definitions"]))).collect()
    });
    fields.get(action).unwrap_or(&NONE)
}

/// The fields of a part of a schema, or of what it refers to.
fn fields_of(part: &Value, definitions: &Value) -> Fields {
    if let Value::Object(fields) = &part["properties"] {
        return fields.iter().map(|(name, field)| (name.clone(), takes_of(field, definitions))).collect();
    }
    parts_of(part, definitions).into_iter().flat_map(|part| fields_of(part, definitions)).collect()
}

/// What a field takes by the schema. Where a number and words are possible, the scenario knows better which.
fn takes_of(field: &Value, definitions: &Value) -> Takes {
    let is = |kind: &str| {
        let types = &field["type"];
        types == kind || types.as_array().is_some_and(|types| types.iter().any(|one| one == kind))
    };
    if is("integer") {
        return Takes::Number;
    }
    if is("boolean") {
        return Takes::OneOf(["true", "false"].map(str::to_owned).to_vec());
    }
    let listed = field["enum"].as_array().into_iter().flatten().chain(field.get("const"));
    let mut words: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
    for part in parts_of(field, definitions) {
        match takes_of(part, definitions) {
            Takes::OneOf(more) => words.extend(more),
            Takes::Number => return Takes::Anything,
            Takes::Anything => {}
        }
    }
    if words.is_empty() { Takes::Anything } else { Takes::OneOf(words) }
}

/// What a part of a schema refers to, and the ways that it lists.
fn parts_of<'a>(part: &'a Value, definitions: &'a Value) -> Vec<&'a Value> {
    let named = part["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let ways = ["anyOf", "allOf", "oneOf"].iter().filter_map(|way| part[*way].as_array());
    named.map(|name| &definitions[name]).into_iter().chain(ways.flatten()).collect()
}

/// The line of a scenario file that says what was typed.
///
/// # Errors
/// There is no such action, with the nearest one that there is; or it is told what it does not take, or one thing twice; or it
/// takes a message and is not told which.
pub fn line(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    if !names().any(|known| known == name) {
        return Err(unknown(name, &[]));
    }
    let rest = rest.trim();
    // How late a message comes does not say which.
    if OF_A_MESSAGE.contains(&name) && rest.split_whitespace().all(|word| word.starts_with("by=")) {
        return Err(
            "this does not say which message; name one: from=b1, to=b2 or api=Fetch, or several of these".to_owned()
        );
    }
    let fields = match name {
        "partition" if rest.contains('|') => format!("groups = {}", groups(rest)),
        _ => fields(name, rest)?,
    };
    Ok(if fields.is_empty() { format!("{name} = {{}}") } else { format!("{name} = {{ {fields} }}") })
}

/// What to say of a word that is no action, and none of the others that can be typed where it was: the nearest that there
/// is, or else where a list of all is.
pub fn unknown(name: &str, others: &[&'static str]) -> String {
    let hint = match nearest(name, names().chain(others.iter().copied())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "such as kill, start, partition, heal, produce: Tab lists all".to_owned(),
    };
    format!("there is no action `{name}`: {hint}")
}

/// Why nothing is known that what was typed could go on with.
pub fn nothing_goes_on(typed: &str, others: &[&'static str]) -> String {
    let (name, rest) = typed.trim_start().split_once(char::is_whitespace).unwrap_or((typed.trim(), ""));
    if !names().chain(others.iter().copied()).any(|known| known == name) {
        return unknown(name, others);
    }
    let last = if rest.ends_with(char::is_whitespace) { "" } else { rest.split_whitespace().last().unwrap_or("") };
    if last.is_empty() || takes(name).is_empty() {
        return format!("`{name}` takes nothing more that could be listed: Enter does it");
    }
    match last.split_once('=') {
        Some((key, said)) if takes(name).contains_key(key) => {
            format!("nothing is known for `{key}=` that begins with `{said}`")
        }
        _ => format!("`{name}` takes nothing that begins with `{last}`: it takes {}", listed(takes(name))),
    }
}

/// The fields of an action as they are typed.
fn listed(fields: &Fields) -> String {
    fields.keys().map(|key| format!("{key}=")).collect::<Vec<String>>().join(" ")
}

/// What an action is told, as the fields of its table.
fn fields(name: &str, rest: &str) -> Result<String, String> {
    let taken = takes(name);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut settings: Vec<String> = Vec::new();
    for word in rest.split_whitespace() {
        if let Some((name, value)) = setting(word, taken) {
            settings.push(format!("{} = {}", quoted(name), quoted(value)));
            continue;
        }
        let (key, value) = field(word, taken);
        // Of what only the name is known, the file's own complaint says so.
        if !taken.is_empty() && !taken.contains_key(&key) {
            return Err(match nearest(&key, taken.keys().map(String::as_str)).filter(|_| word.contains('=')) {
                Some(near) => format!("`{name}` takes no `{key}=`: did you mean `{near}=`?"),
                None => format!("`{name}` takes no `{key}=`: it takes {}", listed(taken)),
            });
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
fn setting<'a>(word: &'a str, taken: &Fields) -> Option<(&'a str, &'a str)> {
    let word = word.strip_prefix("set=").unwrap_or(word);
    let (name, value) = word.split_once('=')?;
    (taken.contains_key("set") && name.contains('.')).then_some((name, value))
}

/// `b2`, `2`, `c1`, `p1` or `key=value` as a field and its value. A name alone is that of a machine which the action takes:
/// where only clients are meant, `c1` is a client.
fn field(word: &str, taken: &Fields) -> (String, String) {
    if let Some((key, said)) = word.split_once('=') {
        return (key.to_owned(), value(said));
    }
    let takes = |key: &str| taken.contains_key(key);
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

    /// The next message of anybody would be lost, and nobody would know whose.
    #[test]
    fn what_happens_to_a_message_happens_to_one_that_was_named() {
        for typed in ["drop", "hold ", "delay", "delay by=1s"] {
            let refused = line(typed).expect_err("which one?");
            assert!(
                refused.starts_with("this does not say which message; name one: from=b1, to=b2 or api=Fetch"),
                "{typed}"
            );
        }
        assert_eq!(line("drop api=Fetch").as_deref(), Ok("drop = { api = \"Fetch\" }"));
        assert_eq!(line("delay by=1s from=b1").as_deref(), Ok("delay = { by = \"1s\", from = \"b1\" }"));
        assert_eq!(line("release").as_deref(), Ok("release = {}"), "all that is held goes on");
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
