//! What a deliberate bug does, and what Kafka does there: the words of the switch's own description, so that no screen says
//! another thing than the code.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::vocabulary::kebab;

/// Where switches are declared and described.
const SOURCE: &str = include_str!("../../../broker/src/config/switches.rs");

/// What the paragraph begins with that says what Kafka does.
const KAFKA: &str = "Kafka: ";

/// A deliberate bug in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bug {
    /// What the code does that has it.
    pub does: String,
    /// What Kafka does there; none where nobody would do otherwise.
    pub kafka: Option<String>,
}

/// The bug behind the switch of this name.
pub fn bug_named(name: &str) -> Option<&'static Bug> {
    static BUGS: OnceLock<BTreeMap<String, Bug>> = OnceLock::new();
    BUGS.get_or_init(|| read(SOURCE)).get(name)
}

/// Reads the variants of an enum and the paragraphs above each from a source that rustfmt has laid out.
fn read(source: &str) -> BTreeMap<String, Bug> {
    let mut bugs = BTreeMap::new();
    let mut paragraphs = vec![String::new()];
    for line in source.lines().skip_while(|line| !line.starts_with("pub enum ")).skip(1) {
        let line = line.trim();
        match line.strip_prefix("///").map(str::trim) {
            Some("") => paragraphs.push(String::new()),
            Some(words) => {
                let last = paragraphs.last_mut().expect("there is always one");
                *last = format!("{last} {words}").trim_start().to_owned();
            }
            None => {
                let does = std::mem::take(&mut paragraphs[0]);
                let kafka = paragraphs.iter().find_map(|paragraph| paragraph.strip_prefix(KAFKA)).map(str::to_owned);
                bugs.insert(kebab(line.trim_end_matches(',')), Bug { does, kafka });
                paragraphs = vec![String::new()];
            }
        }
    }
    bugs
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::scenario::Scenario;
    use crate::scenario::vocabulary::switch_names;

    #[test]
    fn every_switch_says_what_it_does() {
        for name in switch_names() {
            let bug = bug_named(&name).unwrap_or_else(|| panic!("`{name}` is described"));
            assert!(bug.does.len() > 20 && bug.does.ends_with('.'), "{name}: {}", bug.does);
            assert!(bug.kafka.as_ref().is_none_or(|kafka| kafka.ends_with('.')), "{name}: {:?}", bug.kafka);
        }
    }

    /// Whoever looks at a bug that Kafka had is told what Kafka does today.
    #[test]
    fn every_switch_of_the_museum_says_what_kafka_does() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/museum");
        let mut switches = 0;
        for file in fs::read_dir(folder).expect("there is a museum") {
            let path = file.expect("a file").path();
            let source = fs::read_to_string(&path).expect("a text");
            let scenario = Scenario::parse(&path.display().to_string(), &source).expect("a valid scenario");
            for switch in scenario.file.museum.iter().flat_map(|museum| &museum.switches) {
                let bug = bug_named(&switch.value).expect("it is described");
                assert!(bug.kafka.is_some(), "{} ({}) does not say what Kafka does", switch.value, path.display());
                switches += 1;
            }
        }
        assert!(switches > 40, "only {switches} switches were found");
    }
}
