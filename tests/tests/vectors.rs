//! The book's page of vectors names what there is: every text and every test on it exists, and every text is on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/src/vectors.md";
const ROOMS: [&str; 10] = [
    "log",
    "partition",
    "raft",
    "controller",
    "client",
    "client/group/assignor",
    "group",
    "group/assignor",
    "group/consumer",
    "group/migration",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the page's tables: what stands in the first and in the second column.
fn rows() -> Vec<(String, String, bool)> {
    let page = read(&root().join(PAGE));
    let (held, not_held) = page.split_once("\n## Not held\n").expect("the page says what is not held");
    let columns = |part: &str, is_held| {
        let rows = part.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
        let rows = rows.filter(|(test, _)| *test != "Kafka's test");
        rows.map(|(test, by)| (test.to_owned(), by.to_owned(), is_held)).collect::<Vec<_>>()
    };
    [columns(held, true), columns(not_held, false)].concat()
}

/// What stands between backticks.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// `room/file.txt` of every text there is, and its first line.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for room in ROOMS {
        let folder = root().join("broker/src").join(room).join("tests/vectors");
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a file").path();
            if path.extension().is_none_or(|extension| extension != "txt") {
                continue;
            }
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let origin = read(&path).lines().next().unwrap_or_default().to_owned();
            texts.push((format!("{room}/{name}"), origin));
        }
    }
    texts.sort();
    texts
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&read(&path));
        }
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    let texts: BTreeSet<String> = texts().into_iter().map(|(name, _)| name).collect();
    let mut code = String::new();
    sources(&root().join("broker/src"), &mut code);
    let mut named = 0;
    for (test, by, is_held) in rows() {
        if !is_held {
            continue;
        }
        let names = names(&by);
        assert!(!names.is_empty(), "{PAGE} does not say what holds {test}");
        for name in names {
            let exists = match name.ends_with(".txt") {
                true => texts.contains(name),
                false => code.contains(&format!("fn {name}(")),
            };
            assert!(exists, "{PAGE}: {name} holds {test}, but there is no such test");
            named += 1;
        }
    }
    assert!(named > 100, "the tables were not understood: {named} names");
}

#[test]
fn every_text_is_on_the_page() {
    let held: BTreeSet<String> = rows()
        .iter()
        .filter(|(_, _, is_held)| *is_held)
        .flat_map(|(_, by, _)| names(by).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for (text, _) in texts() {
        assert!(held.contains(&text), "{PAGE} does not name {text}");
    }
}

/// A text stands in a row of each class that its first line names.
#[test]
fn a_text_stands_with_the_kafka_tests_that_it_names() {
    let rows = rows();
    for (text, origin) in texts() {
        let Some(tests) = origin.strip_prefix("# Kafka: ") else { continue };
        for tests in tests.split("; ") {
            let (class, _) = tests.split_once('.').unwrap_or_else(|| panic!("{text}: a class and a method: {tests}"));
            let class = format!("`{class}`");
            let stands = rows.iter().any(|(test, by, _)| test.contains(&class) && names(by).contains(&text.as_str()));
            assert!(stands, "{PAGE}: {text} is of {class}, but no row of that class names it");
        }
    }
}

/// What is said not to be held is not held.
#[test]
fn a_test_that_is_not_held_is_in_no_text() {
    let texts = texts();
    for (test, _, is_held) in rows() {
        if is_held {
            continue;
        }
        for name in names(&test) {
            let method = name.rsplit('.').next().expect("a name");
            if !method.starts_with("test") {
                continue;
            }
            for (text, origin) in &texts {
                let held = origin.split([' ', ',', ';', '.']).any(|word| word == method);
                assert!(!held, "{PAGE} says that {name} is not held, but {text} holds it");
            }
        }
    }
}
