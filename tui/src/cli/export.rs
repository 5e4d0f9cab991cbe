//! `trial export`: a run, of a scenario, a seed or a recording, as a page with a slider, a film, a drawing, or a recording, for
//! people without a terminal or of another day.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use trial_broker::time::Time;
use trial_sim::internal::scenario::Span;
use trial_sim::internal::session::{Kept, Tape};

use super::WRONG_USE;
use super::output::{complain, print};
use super::play::Looks;
use super::subject::Subject;
use crate::app::{Filter, Model};
use crate::export::{Height, Looked, SCREENS, cast, html, svg};

/// What `trial export` is asked.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("form").required(true).multiple(true).args(["html", "cast", "svg", "recording"])))]
pub struct Export {
    #[command(flatten)]
    subject: Subject,
    /// Write one page with the screens and a slider; it needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a film for asciinema of one screen.
    #[arg(long, value_name = "FILE")]
    cast: Option<PathBuf>,
    /// Write the lanes as a drawing: messages as arrows between machines.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a recording, which `trial play` opens as it is.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Where the drawing begins, counted from time zero.
    #[arg(long, value_parser = Span::parse, default_value = "0s", allow_hyphen_values = true, requires = "svg")]
    from: Span,
    /// Where the drawing ends; as far as there is room unless said.
    #[arg(long, value_parser = Span::parse, requires = "svg")]
    to: Option<Span>,
    /// Draw only messages and lines with these words (-word: without it): "produce", "fetch b2".
    #[arg(long, value_name = "WORDS", default_value = "", requires = "svg", allow_hyphen_values = true)]
    filter: String,
    /// Which screen the film shows: cluster, partition, lanes, controller, disk, checks or groups.
    #[arg(long, default_value = "cluster", value_parser = parse_screen)]
    screen: usize,
    /// Columns and rows of the pictures; a page has more rows where a screen needs them.
    #[arg(long, default_value = "120x40", value_parser = parse_size)]
    size: (u16, u16),
    #[command(flatten)]
    looks: Looks,
}

fn parse_screen(name: &str) -> Result<usize, String> {
    let names: Vec<String> = SCREENS.iter().map(|screen| screen.name().to_lowercase()).collect();
    let found = names.iter().position(|known| known == name);
    found.ok_or_else(|| format!("these screens exist: {}", names.join(", ")))
}

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let expected = || format!("expected columns and rows from 40x10 to 300x100, such as 120x40; found `{text}`");
    let (width, height) = text.split_once('x').ok_or_else(expected)?;
    let size = (width.parse().map_err(|_| expected())?, height.parse().map_err(|_| expected())?);
    let is_possible = (40..=300).contains(&size.0) && (10..=100).contains(&size.1);
    if is_possible { Ok(size) } else { Err(expected()) }
}

/// Writes the files. Returns the exit code.
pub fn export(arguments: &Export) -> u8 {
    if let Some(to) = arguments.to.filter(|to| to.micros < arguments.from.micros) {
        complain(&format!("error: nothing lies between --from {} and --to {to}", arguments.from));
        complain("hint: --from comes first");
        return WRONG_USE;
    }
    if let Some(there) = arguments.files().into_iter().find(|path| path.is_file()) {
        complain(&format!("error: there is a file {}, which stays as it is", there.display()));
        complain("hint: take another name, or remove it first");
        return WRONG_USE;
    }
    let Some(mut looked) = looked(arguments) else { return WRONG_USE };
    let mut written: Vec<(&PathBuf, String)> = Vec::new();
    if let (Some(path), Some(tape)) = (&arguments.recording, &looked.model.tape) {
        written.push((path, Kept::of(tape).to_text()));
    }
    if let Some(path) = &arguments.svg {
        looked.filter(Filter::parse(&arguments.filter));
        if let Some(tape) = &looked.model.tape {
            let drawing = drawn(arguments, &looked.model, tape);
            if svg::is_empty(&drawing) {
                complain(
                    "error: in this time there is no message and no line with these words, so nothing can be drawn",
                );
                complain("hint: another --filter, or another time from --from to --to");
                return WRONG_USE;
            }
            if let Some(said) = svg::left_out(&drawing) {
                complain(&format!("note: {said}"));
            }
            written.push((path, drawing));
        }
        looked.filter(None);
    }
    if let Some(path) = &arguments.html {
        written.push((path, html::page(&looked.film(arguments.size, Height::AsNeeded), arguments.looks.look())));
    }
    if let Some(path) = &arguments.cast {
        written.push((path, cast::cast(&looked.film(arguments.size, Height::Fixed), arguments.screen)));
    }
    for (path, text) in written {
        if let Err(error) = write(path, &text) {
            complain(&format!("error: cannot write {}: {error}", path.display()));
            return WRONG_USE;
        }
        // Whoever sends it through a pipe wants nothing else there.
        if path.is_file() {
            let _ = print(&format!("wrote {}: {} bytes\n", path.display(), text.len()));
        }
    }
    0
}

/// Writes a file that is not there yet, or what is no file: a pipe, a terminal.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        return fs::write(path, text);
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

impl Export {
    /// The files that it would write.
    fn files(&self) -> Vec<&PathBuf> {
        [&self.html, &self.cast, &self.svg, &self.recording].into_iter().flatten().collect()
    }
}

/// The run, of a file, a seed or a recording; or says why there is none.
fn looked(arguments: &Export) -> Option<Looked> {
    let refuse = |what: &str, hint: &str| {
        complain(&format!("error: {what}"));
        complain(&format!("hint: {hint}"));
    };
    let (scenario, kept) = match arguments.subject.recording() {
        None => (arguments.subject.scenario()?, None),
        Some(path) => {
            let read = arguments.subject.read_recording(path);
            let (scenario, kept) = read
                .map_err(|(what, hint)| {
                    refuse(&format!("the recording {} cannot be shown: {what}", path.display()), &hint);
                })
                .ok()?;
            (scenario, Some(kept))
        }
    };
    let looked = Looked::at(scenario, arguments.looks.look());
    if looked.is_none() {
        refuse("the run ended without a recording", "`trial run` says why");
    }
    let tape = looked.as_ref().and_then(|looked| looked.model.tape.as_deref());
    // Nobody is to be shown another run than the one that was recorded.
    if let (Some(kept), Some(tape)) = (&kept, tape)
        && let Some((from, to)) = kept.difference(tape)
    {
        let what = format!("this is not what was recorded: another run from one of the steps {from} to {to} on");
        refuse(&what, "`trial replay` compares the two");
        return None;
    }
    looked
}

/// The lanes between the two times that were asked for.
fn drawn(arguments: &Export, model: &Model, tape: &Tape) -> String {
    let at = |span: Span| {
        let micros = (tape.cast.zero().0 as i64).saturating_add(span.micros);
        Time(u64::try_from(micros).unwrap_or(0))
    };
    svg::svg(model, tape, at(arguments.from), arguments.to.map_or(Time(u64::MAX), at))
}
