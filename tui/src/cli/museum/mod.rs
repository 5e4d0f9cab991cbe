//! `trial museum`: every known bug once without and once with its switch, and which check finds it.

mod hunted;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use trial_sim::internal::scenario::{Report, Scenario, Verdict};

use super::interrupt::{self, INTERRUPTED};
use super::output::{complain, print};
use super::run::{read, silently};
use super::{Format, WRONG_USE, number_of_jobs};
use hunted::{Exploration, Hunted};

const HELP: &str = "\
Each piece is a scenario with a section [museum]. It must pass as it stands, and with its own switches
the check that it names must find the bug. Pieces without switches show what Kafka promises.

With --seeds the bug is also hunted by exploration that does not know it: five campaigns, each over at most so many
seeds of its own, drawn from the profile that the piece names. A seed counts if a promise breaks with the switches and
does not break without them. The table shows the median of the seeds needed, and how many steps are left of the first
find when it is shrunk.

The exit code is that of the worst piece: 1 if the check that it names does not find its bug, and with --seeds also
unless all five campaigns found it; otherwise the verdict of the run without switches. Ctrl-C ends with 130: what was
not run is told as interrupted, and is no result.

Examples:
  trial museum
  trial museum rep-01 --format json
  trial museum isr --seeds 200 --shrink 500
  trial run scenarios/museum/rep-01-truncation-to-high-watermark.toml --switch truncate-to-high-watermark";

/// A museum's arguments.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Museum {
    /// Only pieces whose number begins so, such as REP or isr-01.
    piece: Option<String>,
    /// Where the pieces are.
    #[arg(long, default_value = "scenarios/museum")]
    folder: PathBuf,
    /// Hunt each bug by exploration, giving up after so many seeds a campaign.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// How many candidates to run when the first find is shrunk; 0 leaves it as it is.
    #[arg(long, default_value_t = 200, requires = "seeds")]
    shrink: usize,
    /// How many worlds to run at once; all cores unless said. The result does not depend on it.
    #[arg(long, value_parser = number_of_jobs)]
    jobs: Option<NonZeroUsize>,
    /// How to print the table; as JSON, a line for each piece.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// One piece, and what its runs came to.
struct Piece {
    scenario: Scenario,
    without: Report,
    /// None for a piece that has no switches.
    with: Option<Report>,
    /// None unless it was hunted.
    hunted: Option<Hunted>,
}

/// Runs every piece and prints the table. Returns the exit code: that of the worst piece.
pub fn museum(arguments: &Museum) -> u8 {
    let Some(Shelf { scenarios, unreadable }) = shelf(arguments) else { return WRONG_USE };
    interrupt::watch();
    let asked_for = scenarios.len();
    let mut pieces = Vec::with_capacity(asked_for);
    for scenario in scenarios {
        if interrupt::asked() {
            break;
        }
        complain(&format!("{}: {}", number(&scenario), scenario.file.title));
        let mut piece = Piece::play(scenario);
        if let Some(most) = arguments.seeds {
            piece.hunted = Hunted::hunt(&piece.scenario, most, arguments);
        }
        pieces.push(piece);
    }
    let text = match arguments.format {
        Format::Text => {
            format!("{}{}", table(&pieces), pieces.iter().filter_map(Piece::complaint).collect::<String>())
        }
        Format::Json => pieces.iter().map(|piece| format!("{}\n", piece.to_json())).collect(),
    };
    // A reader that has gone is no failure.
    let _ = print(&text);
    if interrupt::asked() {
        complain(&format!("interrupted: {} of {asked_for} pieces are in the table", pieces.len()));
        return INTERRUPTED;
    }
    if unreadable > 0 {
        complain(&format!("{unreadable} pieces are not in the table: they cannot be read, see above"));
        return WRONG_USE;
    }
    pieces.iter().map(Piece::exit_code).max().unwrap_or(0)
}

/// The pieces that are asked for, in the order of their numbers, and how many of them cannot be read.
struct Shelf {
    scenarios: Vec<Scenario>,
    unreadable: usize,
}

/// What cannot be read is named, and keeps nobody from looking at the others.
fn shelf(arguments: &Museum) -> Option<Shelf> {
    let folder = &arguments.folder;
    let mut paths: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            complain(&format!("error: cannot read {}: {error}", folder.display()));
            complain("hint: run this in the folder that holds scenarios/, or say --folder");
            return None;
        }
    };
    // A piece's file begins with its number: what is not asked for need not be readable.
    let wanted = arguments.piece.as_deref().unwrap_or_default().to_lowercase();
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        name.ends_with(".toml") && name.starts_with(&wanted)
    };
    paths.retain(is_wanted);
    paths.sort();
    if paths.is_empty() {
        complain(&format!("error: no piece in {} begins with {wanted:?}", folder.display()));
        complain(
            "hint: a piece is named by its number, such as dur-01, or by how that begins; `trial museum` plays all",
        );
        return None;
    }
    let scenarios: Vec<Scenario> = paths.iter().filter_map(|path| read_piece(path)).collect();
    let unreadable = paths.len() - scenarios.len();
    Some(Shelf { scenarios, unreadable })
}

fn read_piece(path: &Path) -> Option<Scenario> {
    let scenario = read(path)?;
    if scenario.file.museum.is_none() {
        complain(&format!("error: {}: this is no piece of the museum: it has no section [museum]", path.display()));
        return None;
    }
    Some(scenario)
}

fn number(scenario: &Scenario) -> &str {
    scenario.file.museum.as_ref().map_or("", |museum| museum.piece.as_str())
}

impl Piece {
    fn play(scenario: Scenario) -> Piece {
        let without = silently(&scenario);
        let has_bug = scenario.file.museum.as_ref().is_some_and(|museum| !museum.switches.is_empty());
        let with = has_bug.then(|| silently(&scenario.with_its_bug()));
        Piece { scenario, without, with, hunted: None }
    }

    fn source(&self) -> &str {
        self.scenario.file.museum.as_ref().map_or("", |museum| museum.source.as_str())
    }

    /// The check that must find the bug.
    fn wanted(&self) -> Option<&str> {
        self.scenario.file.museum.as_ref()?.property.as_ref().map(|property| property.value.as_str())
    }

    /// Whether the named check found the bug. It must have been a check from outside: a machine's own assertion in
    /// the code that carries the switch proves nothing.
    fn is_found(&self) -> bool {
        self.with.as_ref().is_some_and(|report| {
            matches!(report.verdict, Verdict::Safety | Verdict::Liveness) && report.property == self.wanted()
        })
    }

    fn exit_code(&self) -> u8 {
        let not_found = self.with.is_some() && !self.is_found();
        let not_explored = self.hunted.as_ref().is_some_and(|hunted| hunted.came_to() != Exploration::Found);
        self.without.verdict.exit_code().max(u8::from(not_found || not_explored))
    }

    /// What is wrong with it, with the lines to paste that show it again; none if it is as it should be.
    fn complaint(&self) -> Option<String> {
        let (wrong, scenario) = match &self.with {
            _ if self.without.verdict != Verdict::Pass => (&self.without, self.scenario.clone()),
            Some(with) if !self.is_found() => (with, self.scenario.with_its_bug()),
            Some(_) | None => return None,
        };
        // Where nothing was found although it ought to have been, no finding brings its own line.
        let found = if wrong.failures.is_empty() { scenario.again(wrong.seed, None) } else { wrong.findings() };
        Some(format!("\n{}: {}\n{found}\n", number(&self.scenario), wrong.verdict))
    }

    /// What the table says of the run without the switches.
    fn as_it_stands(&self) -> String {
        self.without.verdict.to_string()
    }

    /// What the table says of the run with them.
    fn with_its_bug(&self) -> String {
        match &self.with {
            None => "no bug: a promise shown".to_owned(),
            Some(report) => match (self.is_found(), report.property) {
                (true, _) => self.wanted().unwrap_or_default().to_owned(),
                (false, Some(other)) => format!("NOT FOUND ({other} instead)"),
                (false, None) => format!("NOT FOUND ({})", report.verdict),
            },
        }
    }

    fn to_json(&self) -> Value {
        let museum = self.scenario.file.museum.as_ref();
        let switches: Vec<&str> =
            museum.iter().flat_map(|museum| museum.switches.iter().map(|switch| switch.value.as_str())).collect();
        json!({
            "piece": number(&self.scenario),
            "title": self.scenario.file.title,
            "path": self.scenario.path,
            "source": self.source(),
            "switches": switches,
            "verdict": self.as_it_stands(),
            "property": self.wanted(),
            "found": self.with.as_ref().map(|_| self.is_found()),
            "found_by": self.with.as_ref().and_then(|report| report.property),
            "verdict_with_bug": self.with.as_ref().map(|report| report.verdict.to_string()),
            "seeds_needed": self.hunted.as_ref().map(|hunted| hunted.needed.clone()),
            "seeds_median": self.hunted.as_ref().and_then(Hunted::median),
            "exploration": self.hunted.as_ref().map(|hunted| hunted.came_to().word()),
            "interrupted": self.hunted.as_ref().is_some_and(|hunted| hunted.is_interrupted),
            "explored_by": self.hunted.as_ref().map(|hunted| hunted.found_by.clone()),
            "steps_found": self.hunted.as_ref().and_then(|hunted| hunted.steps_found),
            "steps_shrunk": self.hunted.as_ref().and_then(|hunted| hunted.steps_shrunk),
        })
    }
}

/// One line a piece, in columns as wide as their widest word. What was not hunted has no columns for it.
fn table(pieces: &[Piece]) -> String {
    let head = ["piece", "bug", "source", "as it stands", "found by", "explored by", "seeds", "steps left"];
    let head = head.map(str::to_owned);
    let rows = pieces.iter().map(|piece| {
        let title = piece.scenario.file.title.clone();
        let hunted = |told: fn(&Hunted) -> String| piece.hunted.as_ref().map_or(String::new(), told);
        let (explored, seeds, steps) = (hunted(Hunted::found_by), hunted(Hunted::seeds), hunted(Hunted::steps));
        let (number, source) = (number(&piece.scenario).to_owned(), piece.source().to_owned());
        [number, title, source, piece.as_it_stands(), piece.with_its_bug(), explored, seeds, steps]
    });
    let columns = if pieces.iter().any(|piece| piece.hunted.is_some()) { 8 } else { 5 };
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
