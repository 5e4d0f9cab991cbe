//! The book's reference of scenario files names what there is, and its examples are valid.
//!
//! A page about a vocabulary is one word behind as soon as nobody looks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use trial_broker::config::{
    ConsumerSettings, ControllerSettings, LogManagerSettings, LogSettings, ProducerSettings, RaftSettings,
    ReplicationSettings,
};
use trial_sim::internal::check::PROPERTIES;
use trial_sim::internal::scenario::vocabulary::{checks, events, hazard_names};
use trial_sim::internal::scenario::{Action, Scenario};

const REFERENCE: &str = "docs/src/scenario-reference.md";

/// What the examples of single actions stand in.
const BASE: &str = r#"
format = 1
id = "example"
title = "An example of the book"
[cluster]
brokers = 3
controllers = 3
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
[[client]]
name = "p1"
producer = {}
[[client]]
name = "r1"
consumer = { assign = ["orders-0"], poll = "asked" }
[[client]]
name = "g1"
consumer = { subscribe = ["orders"], "group.id" = "billing" }
[[client]]
name = "g3"
consumer = { "group.id" = "billing" }
[[step]]
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The TOML that stands in a page.
fn examples(path: &str) -> Vec<String> {
    page(path).split("```toml\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

/// The action of a line such as `kill = { broker = 1 }`.
fn action_of(line: &str) -> Option<&'static str> {
    let (name, _) = line.split_once(" = ")?;
    Action::NAMES.iter().copied().find(|action| *action == name)
}

/// The names that a page does not have between backticks.
fn missing<'a>(path: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let page = page(path);
    names.into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect()
}

#[test]
fn the_reference_names_every_action_check_and_setting() {
    assert_eq!(missing(REFERENCE, Action::NAMES.iter().copied()), Vec::<&str>::new(), "actions");
    assert_eq!(missing(REFERENCE, checks()), Vec::<&str>::new(), "checks");
    let settings = [
        ReplicationSettings::DEFINITIONS,
        LogSettings::DEFINITIONS,
        LogManagerSettings::DEFINITIONS,
        RaftSettings::DEFINITIONS,
        ControllerSettings::DEFINITIONS,
        ProducerSettings::DEFINITIONS,
        ConsumerSettings::DEFINITIONS,
    ];
    let names = settings.iter().flat_map(|group| group.iter()).map(|setting| setting.name);
    assert_eq!(missing(REFERENCE, names), Vec::<&str>::new(), "settings");
}

#[test]
fn the_reference_states_the_rule_of_every_check() {
    let page = page(REFERENCE);
    for property in PROPERTIES {
        let row = format!("| `{}` | {} |", property.name, property.rule);
        assert!(page.contains(&row), "{REFERENCE} has no row\n{row}");
    }
}

#[test]
fn the_reference_has_a_row_with_every_field_of_every_event() {
    let page = page(REFERENCE);
    for (event, fields) in events() {
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("| `{event}` |"))).collect();
        assert!(!rows.is_empty(), "{REFERENCE} has no row for the event {event}");
        for field in fields {
            let named = rows.iter().any(|row| row.contains(&format!("`{field}`")));
            assert!(named, "{REFERENCE}: the row of {event} does not name its field {field}");
        }
    }
}

#[test]
fn every_action_is_shown_by_a_valid_example_or_refused_as_one_of_a_later_version() {
    let blocks = examples(REFERENCE);
    let lines: Vec<&str> =
        blocks.iter().filter(|block| !block.contains("format = 1")).flat_map(|b| b.lines()).collect();
    for line in &lines {
        assert!(action_of(line).is_some(), "{line}: an example of one line shows an action");
        if let Err(invalid) = Scenario::parse(REFERENCE, &format!("{BASE}{line}\n")) {
            panic!("{line}\n{invalid}");
        }
    }
    for action in Action::NAMES.iter().filter(|name| !lines.iter().any(|line| action_of(line) == Some(**name))) {
        let refused = Scenario::parse(REFERENCE, &format!("{BASE}{action} = {{}}\n"));
        let reason = refused.expect_err("only what Trial does not have yet goes without an example").to_string();
        assert!(reason.contains("not yet of Trial"), "{action} has no example:\n{reason}");
    }
}

#[test]
fn whole_files_in_the_book_are_valid() {
    let mut found = 0;
    for path in [REFERENCE, "docs/src/scenarios.md"] {
        for file in examples(path).iter().filter(|block| block.contains("format = 1")) {
            found += 1;
            if let Err(invalid) = Scenario::parse(path, file) {
                panic!("{invalid}");
            }
        }
    }
    assert_eq!(found, 2, "one file on each page");
}

/// The source files below a folder, tests left out, in which something is simplified.
fn simplified(folder: &str, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root().join(folder)).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name() != "tests" {
            simplified(&path, into);
        } else if path.ends_with(".rs") && page(&path).contains("Simplified:") {
            into.insert(path);
        }
    }
}

#[test]
fn every_simplification_is_on_its_page() {
    let mut simplified_files = BTreeSet::new();
    simplified("broker/src", &mut simplified_files);
    simplified("sim/src", &mut simplified_files);
    let page = page("docs/src/simplifications.md");
    let named = page.split('`').filter(|word| word.ends_with(".rs")).map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(named, simplified_files, "left: what the page names; right: where the code says `Simplified:`");
}

#[test]
fn every_hazard_is_listed_with_its_page_and_its_scenario() {
    let list = page("docs/src/hazards/README.md");
    for hazard in hazard_names() {
        let scenario = format!("scenarios/hazards/{hazard}.toml");
        assert!(list.contains(&format!("({hazard}.md)")), "no row for {hazard}");
        assert!(list.contains(&scenario), "the row of {hazard} does not say where its scenario is");
        assert!(root().join(&scenario).is_file(), "{scenario} does not exist");
    }
}
