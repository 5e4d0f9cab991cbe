//! The lessons of `scenarios/lessons/`, as they lie in the workspace.

use std::fs;
use std::path::PathBuf;

use trial_sim::internal::scenario::Scenario;

/// The folder of the lessons.
pub fn folder() -> PathBuf {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").join("scenarios/lessons")
}

/// The names of all lessons, without extension, in order.
///
/// # Panics
/// If the folder cannot be read.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the lessons are there");
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// One lesson, read and checked. Its path is the one from the workspace's root, so that what it says of itself can
/// be pasted there.
///
/// # Panics
/// If there is no such lesson, or it makes no sense.
pub fn read(name: &str) -> Scenario {
    let path = folder().join(format!("{name}.toml"));
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(name, &source)
}

/// A lesson with another text: what a proof changes of it to see it more often.
///
/// # Panics
/// If the text makes no sense.
pub fn parse(name: &str, source: &str) -> Scenario {
    Scenario::parse(&format!("scenarios/lessons/{name}.toml"), source).unwrap_or_else(|invalid| panic!("{invalid}"))
}
