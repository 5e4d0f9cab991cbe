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

/// How many lines a reader takes in; of a longer story the end is told.
const LONGEST_STORY: usize = 30;

/// Runs a scenario and keeps what happened.
pub fn tell(scenario: &Scenario, seed: Option<Seed>) -> Retelling {
    let mut text = String::new();
    let options = RunOptions { seed, trace: TraceKind::Story, ..RunOptions::default() };
    let report = run(scenario, options, &mut |piece| {
        text.push_str(piece);
        true
    });
    let mut rows = text.lines().map(|line| line.trim_end().to_owned()).skip_while(String::is_empty);
    let heading = rows.next();
    let telling: Vec<String> = rows.collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What was said of the run is a line of its own kind: no word of it is taken for the name of an event.
    #[test]
    fn a_note_is_told_whatever_its_words_are_and_what_happens_all_the_time_is_not() {
        let text = r#"
format = 1
id = "a"
title = "a"
[cluster]
combined = 1
[[topic]]
name = "orders"
replicas = [[1]]
[[client]]
name = "p1"
producer = { acks = "all", "linger.ms" = 0 }
[[step]]
at = "1s"
note = "ack comes later"
produce = { client = "p1", topic = "orders", count = 1 }
[[step]]
at = "2s"
kill = { broker = 1 }
"#;
        let scenario = Scenario::parse("a.toml", text).unwrap_or_else(|invalid| panic!("{invalid}"));
        let told = tell(&scenario, None).lines;
        assert!(told[0].trim_start().starts_with("t(s)"), "{told:#?}");
        assert!(told.iter().any(|line| line.ends_with("-- ack comes later")), "{told:#?}");
        assert!(told.iter().any(|line| line.contains("kill")), "{told:#?}");
        assert!(!told.iter().any(|line| line.contains("prod ")), "{told:#?}");
    }
}
