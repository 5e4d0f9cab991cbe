//! What a campaign leaves in a folder: its results as they come, and one scenario for each signature.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trial_sim::internal::explore::{Campaign, Farm, SeedResult, scenario_of};
use trial_sim::internal::scenario::print::{Story, print_with};

use super::head::Head;
use crate::cli::output::write_whole;

/// The name of the file of results.
const RESULTS: &str = "results.jsonl";

/// A folder that is being filled.
pub struct Out {
    folder: PathBuf,
    results: BufWriter<File>,
    /// The first thing that could not be written.
    complaint: Option<String>,
}

impl Out {
    /// Makes the folder, with a file of results that says of which campaign they will be, and of which part of it. What an earlier campaign left there stays: a folder with results
    /// or with scenarios is refused before anything is run.
    ///
    /// # Errors
    /// A sentence that says what could not be made.
    pub fn create(folder: &Path, farm: &Farm) -> Result<Out, String> {
        let cannot = |path: &Path, error| format!("cannot write {}: {error}", path.display());
        fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
        let path = folder.join(RESULTS);
        // What refuses results of an earlier campaign stands below, and is the better reason.
        if !path.exists()
            && let Some(scenario) = scenario_in(folder)
        {
            return Err(format!("{} might be overwritten: name a folder without scenarios", scenario.display()));
        }
        let file = File::create_new(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{} holds the results of an earlier campaign: name another folder", path.display())
            }
            _ => cannot(&path, error),
        })?;
        let mut out = Out { folder: folder.to_owned(), results: BufWriter::new(file), complaint: None };
        out.append(&Head::of(farm));
        Ok(out)
    }

    /// Keeps a result; and its scenario, if no faster seed of its signature is known.
    pub fn keep(&mut self, result: &SeedResult, campaign: &Campaign) {
        self.append(result);
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
        // Flushed at once: whatever ends the process, what was found stays.
        let written = writeln!(self.results, "{line}").and_then(|()| self.results.flush());
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
