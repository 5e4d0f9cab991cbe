//! `trial play`: a run in a window, forwards and backwards.

use std::io::{self, IsTerminal, stdin, stdout};
use std::path::Path;
use std::{env, fs};

use clap::Args;
use trial_sim::internal::scenario::{Scenario, Seed};
use trial_sim::internal::session::Kept;

use super::WRONG_USE;
use super::output::complain;
use super::subject::Subject;
use crate::app::{Mode, Whereto};
use crate::theme::{Alphabet, ColorWhen, Look, Theme, chosen};
use crate::window::{Closed, Opening, Trouble, open};

/// How a window looks.
#[derive(Debug, Args)]
pub struct Looks {
    /// The colours.
    #[arg(long, value_enum)]
    theme: Option<Theme>,
    /// When colours are used: `auto` heeds NO_COLOR and TERM=dumb.
    #[arg(long, value_enum, default_value_t = ColorWhen::Auto)]
    color: ColorWhen,
    /// Only signs that every font has.
    #[arg(long)]
    ascii: bool,
    /// Leave the mouse to the terminal, which selects text with it.
    #[arg(long)]
    no_mouse: bool,
}

/// What `trial play` is asked.
#[derive(Debug, Args)]
pub struct Play {
    #[command(flatten)]
    subject: Subject,
    /// The seed, instead of the file's: 5 or 0x5.
    #[arg(long, value_parser = Seed::parse)]
    seed: Option<Seed>,
    /// Where to begin: a time after time zero such as 41.5s, or a step's number. Unless said: at the violation, or at
    /// time zero.
    #[arg(long, value_name = "STEP|TIME", value_parser = Whereto::parse, allow_hyphen_values = true)]
    at: Option<Whereto>,
    /// Of a recording of another build: run its scenario anew with this one, whatever comes of it.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    looks: Looks,
    /// What goes wrong after the first frame: for a test of what happens to the terminal then.
    #[arg(long, value_enum, hide = true)]
    trouble: Option<Trouble>,
}

/// Opens the window. Returns the exit code.
pub fn play(arguments: &Play) -> u8 {
    if let Some(path) = arguments.subject.recording() {
        return recording(arguments, path);
    }
    if arguments.again {
        complain("error: --again is for recordings, and this is none");
        return WRONG_USE;
    }
    let Some(mut scenario) = arguments.subject.scenario() else { return WRONG_USE };
    if let Some(seed) = arguments.seed {
        if !arguments.subject.is_file() {
            complain("error: --seed is for files, and this is a seed already");
            return WRONG_USE;
        }
        scenario.file.seed = Some(seed);
    }
    let opening = Opening { begin: arguments.at, trouble: arguments.trouble, ..arguments.looks.opening() };
    show(scenario, opening)
}

/// Opens a window on a recording, if this build makes the same run of it.
fn recording(arguments: &Play, path: &Path) -> u8 {
    let refuse = |what: &str, hint: &str| {
        complain(&format!("error: the recording {} cannot be opened: {what}", path.display()));
        complain(&format!("hint: {hint}"));
        WRONG_USE
    };
    if arguments.seed.is_some() || arguments.subject.is_changed() {
        return refuse("a recording is one run, with its own seed and switches", "open its scenario, or add nothing");
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(&error.to_string(), "look at the file"),
    };
    let kept = match Kept::parse(&bytes) {
        Ok(kept) => kept,
        Err((what, hint)) => return refuse(&what, &hint),
    };
    if let (Some((what, hint)), false) = (kept.refusal(), arguments.again) {
        return refuse(&what, &hint);
    }
    match kept.scenario() {
        Ok(scenario) => {
            let kept = Some(kept).filter(|_| !arguments.again);
            let opening = Opening { begin: arguments.at, kept, ..arguments.looks.opening() };
            if !has_terminal() {
                return no_terminal("`trial replay FILE` makes the run of a recording again without one");
            }
            show(scenario, opening)
        }
        Err(complaint) => refuse(&complaint, "the build that made it can still open it"),
    }
}

/// Opens a window on a run. Returns the exit code.
pub(super) fn show(scenario: Scenario, opening: Opening) -> u8 {
    if !has_terminal() {
        return no_terminal(
            "`trial run FILE` tells the run of a file as text, `trial replay SEED` what became of a seed",
        );
    }
    closed(open(scenario, opening))
}

fn has_terminal() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Says that there is none, and what can be done without. Returns the exit code.
fn no_terminal(hint: &str) -> u8 {
    complain("error: a window needs a terminal, and this is none");
    complain(&format!("hint: {hint}"));
    WRONG_USE
}

/// What a window's end comes to as an exit code.
pub(super) fn closed(end: io::Result<Closed>) -> u8 {
    match end {
        Ok(Closed::Quit) => 0,
        // What a shell says of a process that a signal has ended.
        Ok(Closed::By(signal)) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        Err(error) => {
            complain(&format!("error: the terminal does not answer: {error}"));
            WRONG_USE
        }
    }
}

impl Looks {
    /// A window that looks so, and begins where it likes.
    pub(super) fn opening(&self) -> Opening {
        Opening {
            look: self.look(),
            begin: None,
            kept: None,
            told: None,
            mode: Mode::Play,
            has_mouse: !self.no_mouse,
            trouble: None,
        }
    }

    /// What that comes to here.
    pub(super) fn look(&self) -> Look {
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let theme = chosen(self.theme, self.color, no_color, is_dumb);
        Look { theme, alphabet: if self.ascii { Alphabet::Ascii } else { Alphabet::Unicode } }
    }
}
