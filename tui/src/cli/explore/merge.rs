//! `trial merge`: the parts of a campaign become one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use trial_sim::explore::{Campaign, Profile, SeedResult};
use trial_sim::scenario::{Seed, Verdict};

use super::report::Report;
use crate::cli::output::{complain, print};
use crate::cli::{Format, WRONG_USE};

const HELP: &str = "\
A seed that stands in several files is counted once. If its results differ, the same seed gave two different runs:
the verdict is nondeterminism, exit code 5.

Example:
  trial merge shard-*/results.jsonl";

/// A merge's arguments.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Merge {
    /// Files of results, as `trial explore --out DIR` leaves them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How to print what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// List the seeds in which something was forgiven.
    #[arg(long)]
    excused: bool,
}

/// Joins the parts of a campaign. Returns the exit code.
pub fn merge(arguments: &Merge) -> u8 {
    let started = Instant::now();
    let mut results = BTreeMap::new();
    let mut differing = Vec::new();
    for file in &arguments.files {
        if let Err(complaint) = read(file, &mut results, &mut differing) {
            complain(&complaint);
            return WRONG_USE;
        }
    }
    let mut campaign = Campaign::default();
    for result in results.values() {
        campaign.add(result);
    }
    for (profile, seed) in &differing {
        complain(&format!("profile {profile} seed {seed}: its results differ from file to file"));
        campaign.verdict = Verdict::Nondeterminism;
    }
    let profiles: Vec<Profile> = results.keys().map(|(profile, _)| *profile).collect();
    let one = profiles.first().copied().filter(|first| profiles.iter().all(|profile| profile == first));
    let wall = started.elapsed().max(Duration::from_millis(1));
    let report = Report { campaign: &campaign, profile: one, wall };
    let text = match arguments.format {
        Format::Text => report.text(arguments.excused),
        Format::Json => report.json(),
    };
    // A reader that has gone is no failure.
    let _ = print(&text);
    campaign.verdict.exit_code()
}

/// Reads one file of results, a JSON object a line. A last line that was cut off when the process was killed is left out.
fn read(
    path: &Path,
    results: &mut BTreeMap<(Profile, Seed), SeedResult>,
    differing: &mut Vec<(Profile, Seed)>,
) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    for (line, number) in text.lines().zip(1..) {
        let result: SeedResult = match serde_json::from_str(line) {
            Ok(result) => result,
            Err(_) if !text.ends_with('\n') && number == text.lines().count() => {
                complain(&format!("{}: the last line is cut off; it is left out", path.display()));
                continue;
            }
            Err(error) => return Err(format!("{}, line {number}: not a result: {error}", path.display())),
        };
        let key = (result.profile, result.seed);
        match results.get(&key) {
            Some(known) if known.fingerprint != result.fingerprint || known.verdict != result.verdict => {
                differing.push(key);
            }
            _ => {
                results.insert(key, result);
            }
        }
    }
    Ok(())
}
