//! `trial run`: read a scenario, run it, say what came of it.

use std::fs;
use std::path::Path;

use trial_sim::scenario::Scenario;

use super::output::complain;
use super::{Run, WRONG_USE};

/// Runs a scenario. Returns the exit code.
pub fn run(arguments: &Run) -> u8 {
    let Some(_scenario) = read(&arguments.file) else { return WRONG_USE };
    0
}

/// Reads a scenario file, or says why not.
fn read(path: &Path) -> Option<Scenario> {
    let shown = path.display().to_string();
    let source = match fs::read_to_string(path) {
        Ok(source) => source,
        Err(error) => {
            complain(&format!("error: cannot read {shown}: {error}"));
            complain("hint: lessons are in scenarios/lessons/; `trial --help` shows what else there is");
            return None;
        }
    };
    match Scenario::parse(&shown, &source) {
        Ok(scenario) => Some(scenario),
        Err(invalid) => {
            complain(&invalid.to_string());
            None
        }
    }
}
