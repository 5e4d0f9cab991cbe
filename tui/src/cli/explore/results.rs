//! A file of results as it is read again: by `trial merge`, and by a campaign that goes on where it was interrupted.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use trial_sim::internal::explore::SeedResult;

use super::head::{FORMAT, Head};
use super::out::RESULTS;

/// What a file of results holds.
pub struct Results {
    /// The campaigns of which it has a part, in their order: one, unless files were put behind each other.
    pub heads: Vec<Head>,
    /// The seeds that have a result.
    pub results: Vec<SeedResult>,
    /// How many bytes of the file are whole lines. What is behind them was cut off when the process was killed.
    pub whole_bytes: u64,
    /// Whether a last line was cut off.
    pub is_cut_off: bool,
    /// Whether the last whole line has no end, so that nothing may stand behind it yet.
    pub is_open: bool,
}

/// What says that a line is a head, and of which format.
#[derive(Deserialize)]
struct Numbered {
    format: Option<u64>,
}

/// Reads a file of results, a JSON object a line; of a folder the one in it. A last line that was cut off is left out.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn read(path: &Path) -> Result<Results, String> {
    let in_folder = path.join(RESULTS);
    let path = if path.is_dir() { &in_folder } else { path };
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut read =
        Results { heads: Vec::new(), results: Vec::new(), whole_bytes: 0, is_cut_off: false, is_open: false };
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        match read.take_in(line, number) {
            Ok(()) => {
                read.whole_bytes += line.len() as u64;
                read.is_open = !line.ends_with('\n');
            }
            Err(_) if !line.ends_with('\n') => read.is_cut_off = true,
            Err(wrong) => return Err(format!("{}, line {number}: {wrong}", path.display())),
        }
    }
    Ok(read)
}

impl Results {
    fn take_in(&mut self, line: &str, number: usize) -> Result<(), String> {
        let numbered: Numbered = serde_json::from_str(line).map_err(|error| not_a_result(line, &error))?;
        match numbered.format {
            Some(FORMAT) => {
                let head =
                    serde_json::from_str(line).map_err(|error| format!("not the head of a campaign: {error}"))?;
                self.heads.push(head);
            }
            Some(other) => {
                return Err(format!(
                    "these results are of format {other}, and this build of Trial reads format {FORMAT}"
                ));
            }
            None if number == 1 => {
                return Err(format!(
                    "these results have no number of their format: they are of an older build, and this one reads format {FORMAT}"
                ));
            }
            None => self.results.push(serde_json::from_str(line).map_err(|error| not_a_result(line, &error))?),
        }
        Ok(())
    }
}

/// What is wrong with a line, and which file may have been meant if it is no JSON at all.
fn not_a_result(line: &str, error: &serde_json::Error) -> String {
    let said = format!("not a result: {error}");
    if line.starts_with('{') {
        return said;
    }
    format!("{said}\nhint: name the results.jsonl of a folder that `trial explore --out DIR` left")
}
