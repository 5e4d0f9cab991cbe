//! `trial export`: a run as a page with a slider, or as a film, for people without a terminal.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::WRONG_USE;
use super::output::complain;
use super::play::Looks;
use super::subject::Subject;
use crate::export::{SCREENS, cast, film, html};

/// What `trial export` is asked.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("form").required(true).multiple(true).args(["html", "cast"])))]
pub struct Export {
    #[command(flatten)]
    subject: Subject,
    /// Write one page with the screens and a slider; it needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a film for asciinema of one screen.
    #[arg(long, value_name = "FILE")]
    cast: Option<PathBuf>,
    /// Which screen the film shows: cluster, partition, lanes, controller, checks or groups.
    #[arg(long, default_value = "cluster", value_parser = parse_screen)]
    screen: usize,
    /// Columns and rows of the pictures.
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
    let Some(scenario) = arguments.subject.scenario() else { return WRONG_USE };
    let Some(film) = film(scenario, arguments.looks.look(), arguments.size) else {
        complain("error: the run ended without a recording");
        return WRONG_USE;
    };
    let page = arguments.html.as_ref().map(|path| (path, html::page(&film)));
    let moving = arguments.cast.as_ref().map(|path| (path, cast::cast(&film, arguments.screen)));
    for (path, text) in page.into_iter().chain(moving) {
        if let Err(error) = fs::write(path, text) {
            complain(&format!("error: cannot write {}: {error}", path.display()));
            return WRONG_USE;
        }
    }
    0
}
