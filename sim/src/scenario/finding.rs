//! What a run found, and what it forgave: as values, and in words where somebody reads them.
//!
//! ```text
//!   safety at 5.1s, world step 88 on b1, seed 0x1     position        when and where
//!   log-matching: b1 and b2 differ at 41              what was seen   Finding::sentence: what a signature is made of
//!     rule: … (source)                                the property
//!     step 87 b2 appended …                           evidence
//!   again: trial run orders.toml --seed 0x1           the line to paste
//! ```

use std::fmt;

use super::Span;
use crate::check::liveness::{self, Excused};
use crate::check::{Evidence, Forgiven, Property};

/// Something that is not as it should be. Its `Display` is the whole of it, the line to paste last.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// The command that shows it again; none where another finding of the same run has it.
    pub again: Option<String>,
}

/// Each kind of finding, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The cluster never came to time zero, or to rest too early.
    NotBooted {
        /// Why.
        reason: String,
        /// What everybody was doing, where that helps.
        state: Option<String>,
    },
    /// A step found something else than its author, or could not be done.
    Step {
        /// Which, and what of it.
        title: String,
        /// The title with the lines of the file.
        shown: String,
    },
    /// So many steps did not run, because one before them never came to its end.
    LeftOut(usize),
    /// What the author of a program expected is not so.
    Program {
        /// What the program panicked with, or its error.
        message: String,
        /// Where in the code it panicked, if it did.
        place: Option<String>,
        /// When.
        position: String,
    },
    /// A promise that Kafka makes was broken.
    Broken {
        /// Which.
        property: Property,
        /// What was seen.
        message: String,
        /// When and where.
        position: String,
        /// The events that prove it, each with its machine's name in the scenario.
        evidence: Vec<(String, Evidence)>,
    },
    /// A healed core did not recover.
    NotRecovered {
        /// How long it had.
        bound: Span,
        /// What does not hold, at least one goal.
        goals: Vec<String>,
    },
    /// A program waits for something that does not come.
    NeverEnded {
        /// When and where.
        position: String,
        /// How long it had after the cluster was healed.
        patience: Span,
        /// How many of its calls have no answer.
        open: usize,
    },
    /// An assertion of a machine was broken.
    Crash {
        /// What it says.
        message: String,
        /// Where in the code it stands.
        place: String,
        /// When, and during which step of the scenario.
        position: Position,
    },
    /// The same seed gave two different runs.
    TwoRuns {
        /// That they differ, and in what numbers.
        said: String,
        /// Where they part.
        difference: String,
    },
}

/// Where a run is when it ends in the middle of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// During which step, by its number, and the file and the line at which that stands; none outside of the scenario's
    /// steps. The line is true of this text of the scenario only.
    pub step: Option<(usize, String)>,
    /// The time since time zero.
    pub at: Span,
    /// How many steps the world has taken.
    pub world_step: u64,
}

impl Finding {
    /// What was seen, in one line: without when and where, and without what is told beside it.
    pub fn sentence(&self) -> String {
        let sentence = match &self.what {
            What::NotBooted { reason, state } => state.as_ref().unwrap_or(reason).clone(),
            What::Step { title, .. } => format!("error: {title}"),
            What::LeftOut(count) => left_out(*count),
            What::Program { message, .. } => format!("program: {message}"),
            What::Broken { property, message, .. } => format!("{}: {message}", property.name),
            What::NotRecovered { goals, .. } => goals.first().cloned().unwrap_or_default(),
            What::NeverEnded { patience, open, .. } => never_ended(*patience, *open),
            What::Crash { message, .. } => format!("crash: {message}"),
            What::TwoRuns { .. } => "two runs of one seed differ".to_owned(),
        };
        sentence.lines().next().unwrap_or_default().to_owned()
    }

    /// Where in the code a broken assertion of a machine stands: the same words in two files are two findings.
    pub fn place_in_code(&self) -> Option<&str> {
        match &self.what {
            What::Crash { place, .. } => Some(place),
            What::NotBooted { .. }
            | What::Step { .. }
            | What::LeftOut(_)
            | What::Program { .. }
            | What::Broken { .. }
            | What::NotRecovered { .. }
            | What::NeverEnded { .. }
            | What::TwoRuns { .. } => None,
        }
    }

    /// The whole of it without the line to paste.
    pub fn told(&self) -> String {
        self.what.to_string()
    }

    /// The same for the text of another file: without the line to paste, and without the line of the file that was run.
    pub fn retold(&self) -> String {
        match &self.what {
            What::Crash { message, place, position } => crash(message, place, &position.without_line()),
            what => what.to_string(),
        }
    }
}

fn left_out(count: usize) -> String {
    format!("{count} steps after it did not run")
}

fn never_ended(patience: Span, open: usize) -> String {
    format!("program: it has not ended {patience} after the cluster was healed; {open} of its calls have no answer")
}

fn crash(message: &str, place: &str, position: &str) -> String {
    format!("crash: {message}\n  at {place}\n  {position}")
}

impl Position {
    fn without_line(&self) -> String {
        self.words(|number, _| format!("during step {number}"))
    }

    fn words(&self, of_step: impl Fn(usize, &str) -> String) -> String {
        let outside = || "outside of the scenario's steps".to_owned();
        let step = self.step.as_ref().map_or_else(outside, |(number, line)| of_step(*number, line));
        format!("{step}, at {}, world step {}", self.at, self.world_step)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(|number, line| format!("during step {number} ({line})")))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::NotBooted { reason, state: None } => f.write_str(reason),
            What::NotBooted { reason, state: Some(state) } => write!(f, "{reason}\n  {state}"),
            What::Step { shown, .. } => f.write_str(shown),
            What::LeftOut(count) => f.write_str(&left_out(*count)),
            What::Program { message, place: None, position } => write!(f, "program: {message}\n  {position}"),
            What::Program { message, place: Some(place), position } => {
                write!(f, "program: {message}\n  at {place}\n  {position}")
            }
            What::Broken { property, message, position, evidence } => {
                let Property { name, rule, source } = property;
                write!(f, "{position}\n{name}: {message}\n  rule: {rule} ({source})")?;
                evidence.iter().try_for_each(|(machine, event)| write!(f, "\n  {}", event.on(machine)))
            }
            What::NotRecovered { bound, goals } => {
                let Property { name, rule, .. } = liveness::PROPERTY;
                writeln!(f, "{name}: {bound} after it was healed the core has not recovered")?;
                goals.iter().try_for_each(|goal| writeln!(f, "  {goal}"))?;
                write!(f, "  rule: {rule}")
            }
            What::NeverEnded { position, patience, open } => {
                write!(f, "{position}\n{}", never_ended(*patience, *open))
            }
            What::Crash { message, place, position } => f.write_str(&crash(message, place, &position.to_string())),
            What::TwoRuns { said, difference } => write!(f, "{said}\n{difference}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.again {
            Some(command) => write!(f, "\nagain: {command}"),
            None => Ok(()),
        }
    }
}

/// Something that did not hold, or was not asked for, and is nobody's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// More was lost than the loss budget covers.
    LossBudget(Forgiven),
    /// A goal of recovery that the core cannot reach.
    Liveness(Excused),
    /// A failure of Kafka 4.1 itself: faithful to it the same seed ends so.
    Hazard {
        /// The hazards each of which is enough; none if it takes several together.
        hazards: Vec<String>,
        /// What fails.
        signature: super::Signature,
    },
    /// Expectations that were made for another run: somebody intervened before them.
    Intervention {
        /// How many.
        expectations: usize,
        /// When the first intervention came.
        at: Span,
    },
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Excuse::LossBudget(forgiven) => write!(f, "loss budget: {forgiven}"),
            Excuse::Liveness(excused) => write!(f, "liveness oracle: {excused}"),
            Excuse::Hazard { hazards, signature } => {
                let hazards = if hazards.is_empty() { "several together".to_owned() } else { hazards.join(", ") };
                write!(f, "hazard: {hazards}: faithful to Kafka 4.1 it ends in {signature}")
            }
            Excuse::Intervention { expectations, at } => {
                write!(f, "{expectations} expectations of steps behind the intervention at {at}: made for another run")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crashed() -> Finding {
        let at = Span { micros: 5_000_000 };
        let position = Position { step: Some((3, "a b.toml:37".to_owned())), at, world_step: 9 };
        let (message, place) = ("index 7 is beyond 6".to_owned(), "log.rs:12".to_owned());
        let again = Some("trial run 'a b.toml'".to_owned());
        Finding { what: What::Crash { message, place, position }, again }
    }

    #[test]
    fn a_finding_ends_with_the_line_to_paste() {
        let told = "crash: index 7 is beyond 6\n  at log.rs:12\n  during step 3 (a b.toml:37), at 5s, world step 9";
        assert_eq!(crashed().to_string(), format!("{told}\nagain: trial run 'a b.toml'"));
        assert_eq!(crashed().told(), told);
        assert_eq!(crashed().sentence(), "crash: index 7 is beyond 6");
    }

    /// A shrunk file has other lines than the one that was run, and is itself the command that shows it again.
    #[test]
    fn what_is_told_above_another_text_names_no_line_of_this_one() {
        let retold = "crash: index 7 is beyond 6\n  at log.rs:12\n  during step 3, at 5s, world step 9";
        assert_eq!(crashed().retold(), retold);
    }

    #[test]
    fn every_excuse_says_first_who_forgives() {
        let at = Span { micros: 14_000_000 };
        let said = Excuse::Intervention { expectations: 2, at }.to_string();
        assert_eq!(said, "2 expectations of steps behind the intervention at 14s: made for another run");
        let partition = Some(trial_broker::ids::TopicPartition::new("orders", 0));
        let excused = Excused { partition, goal: "high watermark", reason: "too few".to_owned() };
        assert_eq!(Excuse::Liveness(excused).to_string(), "liveness oracle: orders-0: high watermark: too few");
    }
}
