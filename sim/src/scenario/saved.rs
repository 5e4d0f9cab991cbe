//! A run as the text of a file: the scenario as its author wrote it, with what the run came to beside it.
//!
//! ```text
//!   [found]                                                    verdict, fingerprint, build: `trial replay` compares
//!   [[intervention]]
//!   at = "2.5s"
//!   kill = { leader = "orders-0" }                             as it was typed
//!   resolved = { machines = { "leader:orders-0" = "b2" } }     as it came out
//! ```
//!
//! What was resolved steers nothing: the text does the same as without it, to the same fingerprint.

use super::format::{File, Resolved};
use super::replay::Found;
use super::run::{Moment, Resolutions};
use super::validate::{PlannedStep, Start};
use super::{Report, Scenario, Span, Text, edit, parse, print};

/// What a run came to, as far as its file says so.
#[derive(Clone, Copy, Debug)]
pub struct CameTo<'a> {
    /// Its verdict and fingerprint.
    pub report: &'a Report,
    /// When the start of each step came, and how long after time zero that is, in microseconds.
    pub moments: &'a [(Moment, i64)],
    /// Whom symbolic targets meant.
    pub resolutions: &'a Resolutions,
}

impl Scenario {
    /// The scenario as a file, as [`Scenario::text`] says, with what its run came to: `[found]`, and beside `when` and symbolic
    /// targets as they are written what they were resolved to.
    pub fn text_of_run(&self, run: CameTo) -> Text {
        let Text { text, is_reprinted } = self.text();
        let Ok(read) = parse::parse(&text) else { return Text { text, is_reprinted } };
        let mut wanted = File { found: Some(Found::by_this_build(run.report)), ..read };
        for (step, planned) in wanted.steps.iter_mut().zip(&self.steps) {
            step.value.resolved = run.resolved(planned);
        }
        for planned in &self.interventions {
            // They are planned in order of time, and numbered in that of the file.
            let place = self.place_of_intervention(planned);
            if let Some(step) = place.and_then(|place| wanted.interventions.get_mut(place)) {
                step.value.resolved = run.resolved(planned);
            }
        }
        match edit::with_outcome(&text, &wanted) {
            Some(text) => Text { text, is_reprinted },
            None => Text { text: print::print(&wanted), is_reprinted: true },
        }
    }

    fn place_of_intervention(&self, planned: &PlannedStep) -> Option<usize> {
        self.file.interventions.iter().position(|step| step.span == planned.span)
    }
}

impl CameTo<'_> {
    /// What a step came to that waits for something or names a machine by what it does; none of any other.
    fn resolved(&self, step: &PlannedStep) -> Option<Resolved> {
        let waits = match step.start {
            Start::When(_) | Start::WhenEvent(_) => true,
            Start::At(_) | Start::After(_) => false,
        };
        let began = self.moments.iter().find(|(moment, _)| waits && moment.number == step.number);
        let at = began.map(|(_, micros)| Span { micros: *micros });
        let machines = self.resolutions.get(&step.number).cloned().unwrap_or_default();
        (at.is_some() || !machines.is_empty()).then_some(Resolved { at, machines })
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::{RunOptions, run};
    use super::*;
    use crate::scenario::Excuse;
    use crate::scenario::replay::Replay;
    use crate::session::{News, Session, Tape};

    const LESSON: &str = include_str!("../../../scenarios/lessons/05-below-the-line.toml");

    fn recorded(scenario: Scenario) -> Box<Tape> {
        let session = Session::open(scenario);
        loop {
            if let News::Recorded(tape) = session.wait().expect("a run comes to its end") {
                return tape;
            }
        }
    }

    fn fork(source: &str, at: &str, lines: &[&str]) -> Scenario {
        let at = Span::parse(at).expect("a span");
        let scenario = Scenario::parse("a.toml", source).expect("a valid scenario");
        lines.iter().fold(scenario, |scenario, line| scenario.with_intervention(at, line).expect("a valid line"))
    }

    /// As written and as resolved: who was meant, when a condition held; and the same again, to the same fingerprint.
    #[test]
    fn a_fork_is_saved_with_what_its_symbolic_targets_and_conditions_came_to() {
        let lines = ["kill = { leader = \"orders-0\" }", "start = { broker = \"stopped\" }"];
        let tape = recorded(fork(LESSON, "14s", &lines));
        let text = tape.text();
        assert!(!text.is_reprinted, "{}", text.text);
        for line in [
            "kill = { leader = \"orders-0\" }\nresolved = { machines = { \"leader:orders-0\" = \"b1\" } }",
            "start = { broker = \"stopped\" }\nresolved = { machines = { \"broker:stopped\" = \"b2\" } }",
            "expect = { partition = \"orders-0\", isr = [1], leader = 1 }\nresolved = { at = ",
        ] {
            assert!(text.text.contains(line), "{line}\n{}", text.text);
        }
        let saved = Scenario::parse("fork.toml", &text.text).expect("a valid scenario");
        let report = run(&saved, RunOptions::default(), &mut |_| true);
        assert_eq!(report.fingerprint, tape.report.fingerprint);
        let found = saved.file.found.clone().expect("it says what it came to");
        assert_eq!(found.compare(&report), Replay::Same);
        // Saved again it says so once, and a further fork of it says what it came to itself.
        assert_eq!(recorded(saved.clone()).text().text, text.text);
        let further = recorded(fork(&text.text, "20s", &["kill = { leader = \"orders-0\" }"]));
        let again = further.text().text;
        assert_eq!((again.matches("[found]").count(), again.matches("leader:orders-0").count()), (1, 2), "{again}");
        assert!(!again.contains(&found.fingerprint), "{again}");
    }

    /// Nothing is steered by what was resolved, and whoever is meant now is told beside whoever was.
    #[test]
    fn a_run_that_resolves_a_target_otherwise_says_so_and_does_what_is_written() {
        let scenario = fork(LESSON, "2s", &["kill = { leader = \"orders-0\" }"]);
        let other = format!("{}resolved = {{ machines = {{ \"leader:orders-0\" = \"b3\" }} }}\n", scenario.source);
        let other = Scenario::parse("a.toml", &other).expect("a valid scenario");
        let mut trace = String::new();
        let told = run(&other, RunOptions::default(), &mut |text| {
            trace.push_str(text);
            true
        });
        assert!(trace.contains("leader:orders-0 is b1, and was b3 when this was saved"), "{trace}");
        let plain = run(&scenario, RunOptions::default(), &mut |_| true);
        assert_eq!(told.fingerprint, plain.fingerprint);
    }

    /// What the author expects was made for the run without it: before it counts, behind it nothing is wrong.
    #[test]
    fn expectations_behind_an_intervention_are_counted_apart_and_those_before_it_as_ever() {
        let run = |scenario: &Scenario| run(scenario, RunOptions::default(), &mut |_| true);
        let report = run(&fork(LESSON, "14s", &["kill = { broker = 1 }"]));
        let counts = (report.verdict, report.expectations_met, report.expectations);
        assert_eq!((counts.0, counts.1 == counts.2, counts.1 > 2), (crate::scenario::Verdict::Pass, true, true));
        assert!(
            report.excused.iter().any(|excuse| matches!(excuse, Excuse::Intervention { .. })),
            "{:?}",
            report.excused
        );
        let wrong = LESSON.replacen("leo = 10, hw = 10, isr", "leo = 11, hw = 10, isr", 1);
        let report = run(&fork(&wrong, "14s", &["kill = { broker = 1 }"]));
        assert_eq!(report.verdict, crate::scenario::Verdict::Expectation, "what was wrong before stays wrong");
        assert_eq!(report.expectations_met + 1, report.expectations);
        assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    }
}
