//! What a campaign leaves in a folder: its results as they come, and one scenario for each signature.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trial_sim::internal::explore::{Campaign, Farm, SeedResult, scenario_of};
use trial_sim::internal::scenario::print::{Story, print_with};

use super::head::Head;
use super::results::{Results, read};
use crate::cli::output::write_whole;

/// The name of the file of results.
pub(super) const RESULTS: &str = "results.jsonl";

/// A folder that is being filled.
pub struct Out {
    folder: PathBuf,
    results: BufWriter<File>,
    /// The first thing that could not be written.
    complaint: Option<String>,
}

impl Out {
    /// Makes the folder, with a file of results that says of which campaign they will be, and of which part of it. What an
    /// earlier campaign left there stays: a folder with results or with scenarios is refused before anything is run.
    ///
    /// # Errors
    /// A sentence that says what could not be made.
    pub fn create(folder: &Path, farm: &Farm) -> Result<Out, String> {
        if folder.is_file() {
            return Err(format!("{} is a file, and results lie in a folder", folder.display()));
        }
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        let path = folder.join(RESULTS);
        // What refuses results of an earlier campaign stands below, and is the better reason.
        if !path.exists()
            && let Some(scenario) = scenario_in(folder)
        {
            return Err(format!("{} might be overwritten: name a folder without scenarios", scenario.display()));
        }
        let file = File::create_new(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!(
                "{} holds the results of an earlier campaign: name another folder, or go on with that one by --resume",
                path.display()
            ),
            _ => cannot_write(&path, &error),
        })?;
        let mut out = Out::of(folder, file);
        out.append(&Head::of(farm));
        Ok(out)
    }

    /// Opens a folder in which this campaign was begun, with what it has found; one that has not been begun yet is made.
    ///
    /// # Errors
    /// A sentence that says what could not be read or made, or in what it is another campaign.
    pub fn resume(folder: &Path, farm: &Farm) -> Result<(Out, Vec<SeedResult>), String> {
        let path = folder.join(RESULTS);
        if path.symlink_metadata().is_err() {
            return Ok((Out::create(folder, farm)?, Vec::new()));
        }
        let Results { heads, results, whole_bytes, is_open, .. } = read(&path)?;
        same_campaign(&path, &heads, &Head::of(farm))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|error| cannot_write(&path, &error))?;
        // A line that was cut off is of a seed that is run again.
        file.set_len(whole_bytes).map_err(|error| cannot_write(&path, &error))?;
        let mut out = Out::of(folder, file);
        if is_open {
            out.end_line();
        }
        if heads.is_empty() {
            out.append(&Head::of(farm));
        }
        Ok((out, results))
    }

    fn of(folder: &Path, file: File) -> Out {
        Out { folder: folder.to_owned(), results: BufWriter::new(file), complaint: None }
    }

    /// Keeps a result; and its scenario, if no faster seed of its signature is known.
    pub fn keep(&mut self, result: &SeedResult, campaign: &Campaign) {
        self.append(result);
        self.keep_scenario(result, campaign);
    }

    /// The scenario of a result that failed, if no faster seed of its signature is known.
    pub fn keep_scenario(&mut self, result: &SeedResult, campaign: &Campaign) {
        let Some(signature) = &result.signature else { return };
        let is_fastest = campaign.failures.get(signature).is_some_and(|failure| failure.fastest == *result);
        if is_fastest {
            let name = format!("{}.toml", signature.file_name());
            let written = write_whole(&self.folder.join(&name), &scenario_with_story(result));
            self.note(&name, written);
        }
    }

    fn append(&mut self, line: &impl Serialize) {
        let line = serde_json::to_string(line).expect("a line of results is JSON");
        let written = self.results.write_all(line.as_bytes());
        self.note(RESULTS, written);
        self.end_line();
    }

    /// Ends a line, and flushes it at once: whatever ends the process, what was found stays.
    fn end_line(&mut self) {
        let written = self.results.write_all(b"\n").and_then(|()| self.results.flush());
        self.note(RESULTS, written);
    }

    fn note(&mut self, name: &str, written: std::io::Result<()>) {
        if let Err(error) = written {
            let path = self.folder.join(name);
            self.complaint.get_or_insert_with(|| format!("cannot write {}: {error}", path.display()));
        }
    }

    /// What could not be written, if anything.
    pub fn complaint(self) -> Option<String> {
        self.complaint
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Whether a file of results was begun by the same build for the same seeds.
fn same_campaign(path: &Path, heads: &[Head], wanted: &Head) -> Result<(), String> {
    let path = path.display();
    match heads {
        // The process was killed before it had said what it would do.
        [] => Ok(()),
        [head] if head == wanted => Ok(()),
        [head] if head.build != wanted.build => Err(format!(
            "{path} was begun by build {}, and this is build {}: what two builds find cannot be added up",
            head.build, wanted.build
        )),
        [head] => Err(format!(
            "{path} is of another campaign: it was begun with `{}`, and this is `{}`",
            head.options(),
            wanted.options()
        )),
        _ => Err(format!("{path} holds several campaigns, and one is resumed: `trial merge` reads them all")),
    }
}

/// A scenario that lies in a folder, if any: the first by its name. What cannot be listed is told when it is written to.
fn scenario_in(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).min()
}

/// The scenario of a failing seed, with what it found above it. It fails as it stands, and says what a replay must find.
fn scenario_with_story(result: &SeedResult) -> String {
    let scenario = scenario_of(result.profile, result.seed, result.drawing, &result.switches);
    let heading = format!(
        "Found by exploration, not yet shrunk: verdict {}.\n{}\n{}",
        result.verdict,
        result.failures.join("\n"),
        result.again()
    );
    let story = Story { heading, schema: None, ..Story::default() };
    print_with(&trial_sim::internal::scenario::format::File { found: Some(result.found()), ..scenario.file }, &story)
}
