//! Where a window is, as it tells the teacher's notes on another terminal.

use serde::{Deserialize, Serialize};

use super::Model;

/// What stands in the file between the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The id of the scenario.
    pub lesson: String,
    /// Which run is shown, from 1.
    pub run: usize,
    /// What was done to make it, if it is a fork.
    pub deed: Option<String>,
    /// Behind so many steps of that run.
    pub steps: u64,
    /// When that is, in microseconds after time zero.
    pub micros: i64,
    /// Whether the window is open.
    pub is_open: bool,
}

impl Whereabouts {
    /// Those of a window, once it has its recording.
    pub fn of(model: &Model) -> Option<Whereabouts> {
        let tape = model.tape.as_deref()?;
        let run = model.runs.get(model.current);
        Some(Whereabouts {
            lesson: tape.scenario.file.id.value.clone(),
            run: model.current + 1,
            deed: run.filter(|run| run.parent.is_some()).map(|run| run.name.clone()),
            steps: model.place.steps,
            micros: tape.cast.micros(model.place.at),
            is_open: true,
        })
    }
}
