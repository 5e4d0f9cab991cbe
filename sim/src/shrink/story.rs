//! What happens in a scenario, in the lines that matter: the comment above a shrunk file.

use crate::scenario::format::File;
use crate::scenario::print::{Story, print_with};
use crate::scenario::replay::Found;
use crate::scenario::run::{RunOptions, TraceKind, run};
use crate::scenario::{Report, Scenario, Seed, Signature};

/// A scenario that was run once more, to be told.
#[derive(Clone, Debug)]
pub struct Retelling {
    /// What the run came to.
    pub report: Report,
    /// The lines of its transcript that tell what happened, the heading first.
    pub lines: Vec<String>,
}

/// Events of the transcript that happen all the time while records flow; the others tell the story.
const DAILY_EVENTS: &[&str] =
    &["prod", "fetch", "hw", "read", "ack", "discon", "learn", "retry", "load", "serve", "rewind"];

/// How many lines a reader takes in; of a longer story the end is told.
const LONGEST_STORY: usize = 30;

/// How many columns of a line come before its event: the time, and one lane a broker.
fn event_of(line: &str, brokers: usize) -> Option<&str> {
    line.split_whitespace().nth(1 + brokers)
}

/// Runs a scenario and keeps what happened.
pub fn tell(scenario: &Scenario, seed: Option<Seed>) -> Retelling {
    let mut text = String::new();
    let options = RunOptions { seed, trace: TraceKind::Full, ..RunOptions::default() };
    let report = run(scenario, options, &mut |piece| {
        text.push_str(piece);
        true
    });
    let brokers = scenario.brokers().len();
    // The transcript begins with the phases of the boot; its heading names the columns.
    let mut rows = text.lines().skip_while(|line| !line.trim_start().starts_with("t(s)")).map(str::trim_end);
    let heading = rows.next().map(str::to_owned);
    let telling: Vec<String> = rows
        .filter(|line| event_of(line, brokers).is_some_and(|event| !DAILY_EVENTS.contains(&event)))
        .map(str::to_owned)
        .collect();
    let left_out = telling.len().saturating_sub(LONGEST_STORY);
    let gap = (left_out > 0).then(|| format!("    … {left_out} lines before"));
    let lines = heading.into_iter().chain(gap).chain(telling.into_iter().skip(left_out)).collect();
    Retelling { report, lines }
}

impl Retelling {
    /// The scenario as a file, with the story above it: where it comes from, what is broken, and how it comes to that.
    pub fn write(&self, scenario: &Scenario, origin: &str) -> String {
        let mut heading = format!("{origin}\n");
        if let Some(failure) = Signature::told_by(&self.report) {
            heading.push('\n');
            heading.push_str(&format!("{}\n", failure.retold()));
        }
        if !self.lines.is_empty() {
            heading.push_str("\nWhat happens:\n");
            self.lines.iter().for_each(|line| heading.push_str(&format!("{line}\n")));
        }
        let file = File { found: Some(Found::by_this_build(&self.report)), ..scenario.file.clone() };
        print_with(&file, &Story { heading, ..Story::default() })
    }
}
