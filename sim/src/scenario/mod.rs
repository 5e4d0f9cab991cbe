//! Scenario files: a cluster, its clients, what happens to them, and what must be true.
//!
//! ```text
//!   text ──parse──▶ format::File ──check──▶ Scenario ──run──▶ Report
//!                        │                      │                │
//!                    Diagnostic             Diagnostic        lanes, JSON
//! ```
//!
//! One format serves `trial run`, the terminal UI, `cargo test` and the book. A lesson is a
//! scenario with questions; a museum piece is a scenario with a switch; a regression is a
//! scenario that a shrinker wrote.

pub mod diagnostic;
pub mod format;

mod bugs;
mod edit;
mod finding;
mod mistakes;
mod parse;
pub mod paste;
pub mod print;
pub mod replay;
mod report;
pub mod run;
pub mod saved;
mod signature;
pub mod trace;
mod validate;
pub mod vocabulary;
pub mod words;

use std::borrow::Cow;
use std::ops::Range;

use trial_broker::config::Treatment;

pub use bugs::{Bug, bug_named};
pub use diagnostic::{Diagnostic, Invalid};
pub use finding::{Excuse, Finding, Position, What};
pub use format::{Action, Seed, Span};
pub use report::{Report, Verdict, texts};
pub use signature::Signature;
pub(crate) use validate::FIRST_INTERVENTION;
pub use validate::{Machine, PlannedStep, Start};

/// The topic that clients have used before time zero: one partition led by each broker.
pub const WARMUP_TOPIC: &str = "warmup";

/// Whether a topic is Kafka's own, or only there to warm clients: nobody who tells of a run, or writes a program for it, speaks of it.
pub(crate) fn is_in_the_background(topic: &str) -> bool {
    topic == WARMUP_TOPIC || topic.starts_with("__")
}

/// What runs a fork again that lies in no file yet.
pub const UNSAVED: &str = "`:save FILE` in the window first, then `trial run FILE`";

/// A scenario that makes sense and can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The path it was read from, as it was given.
    pub path: String,
    /// Its text: expectations that do not hold are shown in it.
    pub source: String,
    /// Its sections.
    pub file: format::File,
    /// Its steps, in order.
    pub steps: Vec<PlannedStep>,
    /// What is done besides, in order of time.
    pub interventions: Vec<PlannedStep>,
    /// The command that runs it again, where that is not `trial run` with its path: a seed of exploration lies in no
    /// file, and a test has a line of its own.
    pub command: Option<String>,
    /// Whether its text was printed anew, without its author's comments: something had been changed that could not be
    /// written into it.
    pub is_reprinted: bool,
    /// Of which run its author's notes are, where switches or hazards were changed since it was read.
    pub notes_are_of: Option<&'static str>,
}

/// A scenario as the text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Whether it was printed anew, without its author's comments.
    pub is_reprinted: bool,
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// Everything that is wrong with it, shown where it stands.
    pub fn parse(path: &str, source: &str) -> Result<Scenario, Invalid> {
        let invalid = |mistakes| Invalid { path: path.to_owned(), source: source.to_owned(), mistakes };
        let file = parse::parse(source).map_err(invalid)?;
        let validate::Plan { steps, interventions } = validate::validate(&file).map_err(invalid)?;
        let (path, source) = (path.to_owned(), source.to_owned());
        Ok(Scenario {
            path,
            source,
            file,
            steps,
            interventions,
            command: None,
            is_reprinted: false,
            notes_are_of: None,
        })
    }

    /// Turns on a switch on every broker and controller, as if it stood in `[cluster]`.
    ///
    /// # Panics
    /// There is no switch of this name: [`vocabulary::switch_names`] lists those that there are.
    pub fn turn_on(&mut self, switch: &str) {
        assert!(vocabulary::switch_named(switch).is_some(), "there is no switch {switch}");
        self.file.cluster.value.switches.push(format::Spanned::nowhere(switch.to_owned()));
        self.notes_are_of = Some("without the bug");
    }

    /// The same scenario with the bug that it shows: the switches of `[museum]` are on.
    #[must_use]
    pub fn with_its_bug(&self) -> Scenario {
        let mut scenario = self.clone();
        for switch in self.file.museum.iter().flat_map(|museum| &museum.switches) {
            scenario.turn_on(switch);
        }
        scenario
    }

    /// Mends a hazard of Kafka 4.1 on every broker and controller, as if `[cluster]` said so.
    ///
    /// # Panics
    /// There is no hazard of this name: [`vocabulary::hazard_names`] lists those that there are.
    pub fn mend(&mut self, hazard: &str) {
        assert!(vocabulary::hazard_named(hazard).is_some(), "there is no hazard {hazard}");
        self.notes_are_of.get_or_insert("with the hazard");
        let hazards = &mut self.file.cluster.value.hazards;
        hazards.retain(|name, _| name.value != hazard);
        hazards.insert(format::Spanned::nowhere(hazard.to_owned()), Treatment::Mended);
    }

    /// The hazards that were mended and do not stand in the file.
    pub(crate) fn mended(&self) -> impl Iterator<Item = &str> {
        self.file.cluster.hazards.keys().filter(|name| name.span.is_empty()).map(|name| name.value.as_str())
    }

    /// The switches that were turned on and do not stand in the file.
    pub(crate) fn turned_on(&self) -> impl Iterator<Item = &str> {
        let nowhere = |switch: &&format::Spanned<String>| switch.span.is_empty();
        self.file.cluster.switches.iter().filter(nowhere).map(|switch| switch.value.as_str())
    }

    /// The deliberate bugs that are switched on, whoever did that.
    pub fn bugs(&self) -> impl Iterator<Item = &str> {
        let of_nodes = self.file.nodes.iter().flat_map(|node| &node.switches);
        self.file.cluster.switches.iter().chain(of_nodes).map(|switch| switch.value.as_str())
    }

    /// Its title; with the deliberate bugs that are switched on, which nobody is to take for Kafka.
    pub fn caption(&self) -> String {
        let bugs: Vec<&str> = self.bugs().collect();
        let title = &self.file.title;
        if bugs.is_empty() { title.clone() } else { format!("{title} (bug on: {})", bugs.join(", ")) }
    }

    /// The scenario as a file, with what was changed since it was read: another seed, switches, hazards. It is its author's
    /// text, comments included, with these few things written into it wherever that can be done; and without `[museum]` where
    /// switches are on.
    pub fn text(&self) -> Text {
        self.text_of(&self.file)
    }

    fn text_of(&self, file: &format::File) -> Text {
        let mut file = Cow::Borrowed(file);
        // A piece of the museum passes as it stands. With a switch on it is no piece any more.
        if file.museum.is_some() && !file.cluster.switches.is_empty() {
            file.to_mut().museum = None;
        }
        match edit::edited(&self.source, &file) {
            Some(text) => Text { text, is_reprinted: self.is_reprinted },
            None => Text { text: print::print(&file), is_reprinted: true },
        }
    }

    /// The same scenario with one thing more that is done at a time: a fork of its run, which is the same up to then.
    ///
    /// `line` is the action as a file writes it: [`words::line`] makes it of what somebody types. What the file says
    /// otherwise, its comments included, stays as it is.
    ///
    /// # Errors
    /// What is wrong with the line, or its time.
    pub fn with_intervention(&self, at: Span, line: &str) -> Result<Scenario, Invalid> {
        let Text { text: source, is_reprinted } = self.text();
        let text = format!("{}\n\n[[intervention]]\nat = \"{at}\"\n{line}\n", source.trim_end());
        let fork = Scenario::parse(&self.path, &text)?;
        // The file of this path does something else.
        let notes_are_of = self.notes_are_of;
        Ok(Scenario { command: Some(UNSAVED.to_owned()), is_reprinted, notes_are_of, ..fork })
    }

    /// From when on something is done that its steps do not know of: the time of the first intervention. What the author notes
    /// at a step from then on was written for another run, and is not told.
    pub fn first_intervention(&self) -> Option<Span> {
        self.interventions.first().and_then(|first| match &first.start {
            Start::At(at) => Some(*at),
            Start::After(_) | Start::When(_) | Start::WhenEvent(_) => None,
        })
    }

    /// What its author says at the start of a step, if he does. What he says of something that he expects, he saw in his own
    /// run: where a bug was turned on since, or a hazard mended, another thing may come, and so it is told of which run it is.
    pub fn note_of(&self, step: &PlannedStep) -> Option<String> {
        let note = step.note.as_ref()?;
        let of_run = self.notes_are_of.filter(|_| run::is_expectation(&step.action.value));
        Some(of_run.map_or_else(|| note.clone(), |of_run| format!("{of_run}: {note}")))
    }

    /// The same without what comes later: of its steps the first `begun`, of its interventions those before an instant. What
    /// `[swarm]` draws from the seed stays.
    ///
    /// # Errors
    /// What is wrong with the rest; nothing, unless a step needs one behind it.
    pub fn without_later(&self, at: Span, begun: usize) -> Result<Scenario, Invalid> {
        let mut file = self.file.clone();
        file.steps.truncate(begun);
        file.interventions.retain(|step| step.at.as_ref().is_some_and(|planned| planned.value < at));
        let Text { text, is_reprinted } = self.text_of(&file);
        Ok(Scenario { is_reprinted, notes_are_of: self.notes_are_of, ..Scenario::parse(&self.path, &text)? })
    }

    /// The line to paste that runs this again with this seed, up to an instant or to its end.
    pub fn again(&self, seed: Seed, until: Option<Span>) -> String {
        format!("again: {}", self.command(seed, until))
    }

    /// The command of that line: with the switches that were turned on and the hazards that were mended since it was read.
    pub fn command(&self, seed: Seed, until: Option<Span>) -> String {
        if let Some(command) = &self.command {
            return command.clone();
        }
        let switches: String = self.turned_on().map(|name| format!(" --switch {name}")).collect();
        let mended: String = self.mended().map(|name| format!(" --mended {name}")).collect();
        let until = until.map_or(String::new(), |until| format!(" --until {until}"));
        format!("trial run {} --seed {seed}{switches}{mended}{until}", paste::quoted(&self.path))
    }

    /// Where a place of the file is: `path:line`.
    pub fn place(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.path, diagnostic::line_of(&self.source, span.start))
    }

    /// The ids of the brokers, in order.
    pub fn brokers(&self) -> Vec<i32> {
        validate::brokers(&self.file.cluster)
    }

    /// The ids of the controllers, in order; those of the brokers in a combined cluster.
    pub fn controllers(&self) -> Vec<i32> {
        validate::controllers(&self.file.cluster)
    }
}

/// The JSON Schema (draft-07) of scenario files, as it is checked in.
pub fn schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<format::File>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}
