//! What is printed is read back equal, and looks as a person would have written it.

use super::*;
use crate::scenario::Scenario;

/// Every scenario below a folder of the repository, with its path.
fn checked_in(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).expect("scenarios are checked in");
    for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
        if path.is_dir() {
            found.extend(checked_in(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).expect("a scenario is text");
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    found
}

#[test]
fn every_scenario_that_is_checked_in_is_printed_and_read_back_equal() {
    let all = checked_in(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios")));
    assert!(all.len() > 20, "only {} scenarios", all.len());
    for (path, text) in all {
        let scenario = Scenario::parse(&path, &text).unwrap_or_else(|invalid| panic!("{invalid}"));
        let printed = print(&scenario.file);
        let again = Scenario::parse(&path, &printed).unwrap_or_else(|invalid| panic!("{invalid}\n{printed}"));
        assert_eq!(scenario.file, again.file, "{printed}");
        assert_eq!(printed, print(&again.file), "printing is settled after one time");
    }
}

#[test]
fn a_printed_scenario_looks_as_a_person_would_have_written_it_with_its_story_beside_its_steps() {
    let text = r#"#:schema ../schema/scenario.json
# Two lines of story,
# above everything.
format = 1
id = "small"
title = 'A "small" one'
seed = 0xbeef
until = "30s"
liveness = true

[cluster]
brokers = 3
controllers = 1
latency = { min = "200us", mean = "2.5ms" }
config = { "replica.lag.time.max.ms" = 3000 }

[[topic]]
name = "orders"
replicas = [[1, 2, 3]]

[[client]]
name = "p1"
producer = { acks = "all" }

[[step]]
at = "1.000001s"
produce = { client = "p1", topic = "orders", count = 10 }

# The follower dies first.
[[step]]
at = "2s"
power-cut = { broker = 2, lose = "all" }

[[step]]
within = "5s"
expect-event = { event = "broker-fenced", broker = 2 }

[[step]]
at = "20s"
heal = {}

[allow]
high-watermark-monotonic = "it says why"
"#;
    let scenario = Scenario::parse("small.toml", text).unwrap_or_else(|invalid| panic!("{invalid}"));
    let story = Story {
        heading: "Two lines of story,\nabove everything.".to_owned(),
        before_step: BTreeMap::from([(1, "The follower dies first.".to_owned())]),
        ..Story::default()
    };
    assert_eq!(print_with(&scenario.file, &story), text);
}

#[test]
fn a_seed_beyond_the_whole_numbers_of_toml_and_awkward_words_come_back() {
    let text = r#"
format = 1
id = "awkward"
title = 'He said "no" \ then ü'
seed = "0xffffffffffffffff"
cluster = { brokers = 1, controllers = 1, config = { "broker.rack" = "007" } }
[[step]]
note = "one\ntwo # not a comment"
"#;
    let file: File = toml::from_str(text).expect("well formed");
    let again: File = toml::from_str(&print(&file)).expect("well formed");
    assert_eq!(file, again);
}
