//! The scenarios of a folder of the workspace, and what comes of one.

use std::fs;
use std::path::{Path, PathBuf};

use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::{Report, Scenario};

use crate::parallel;

/// The root of the workspace.
///
/// # Panics
/// If this crate lies nowhere.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Every scenario of a folder, in the order of their names; the path that each has is the one from the root.
///
/// # Panics
/// If there is no such folder, or a scenario makes no sense.
pub fn in_folder(folder: &str) -> Vec<Scenario> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root().join(folder)).expect("the folder is there").flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &PathBuf| {
        let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
        let source = fs::read_to_string(path).expect("a scenario is readable");
        Scenario::parse(&shown, &source).unwrap_or_else(|invalid| panic!("{invalid}"))
    };
    paths.iter().map(read).collect()
}

/// Plays a scenario as it stands.
pub fn play(scenario: &Scenario) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run(scenario, options, &mut |_| true)
}

/// The name of a scenario's file, without extension.
///
/// # Panics
/// If its path has none.
pub fn file_stem(scenario: &Scenario) -> &str {
    Path::new(&scenario.path).file_stem().and_then(|name| name.to_str()).expect("a file has a name")
}

/// Looks at all that are given, and says what is wrong with them.
///
/// # Panics
/// If there are none, or anything is wrong with one.
pub fn assert_all(scenarios: &[Scenario], wrong: impl Fn(&Scenario) -> Option<String> + Sync) {
    assert!(!scenarios.is_empty(), "there is no scenario to look at");
    let findings: Vec<String> = parallel::map(scenarios, wrong).into_iter().flatten().collect();
    assert!(findings.is_empty(), "{} scenarios are wrong:\n\n{}", findings.len(), findings.join("\n\n"));
}
