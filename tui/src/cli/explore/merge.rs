//! `trial merge`: the parts of a campaign become one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use trial_sim::internal::explore::{Campaign, Profile, SeedResult};
use trial_sim::internal::scenario::{Seed, Verdict};

use super::head::Head;
use super::report::Report;
use super::shrunk::Shrunk;
use crate::cli::output::{complain, print};
use crate::cli::{Format, WRONG_USE};

const HELP: &str = "\
A seed that stands in several files is counted once. If its results differ, the same seed gave two different runs:
the verdict is nondeterminism, exit code 5. Results of different builds, or of campaigns with other switches, are not
joined: exit code 2. What is incomplete is joined, and the standard error says what is missing: a last line that was cut
off, a file without results, seeds of the campaign that no file has. Each file says at its head how far the campaign was
to go, and which part of it was run.

Example:
  trial merge shard-*/results.jsonl";

/// How many missing parts are named.
const MOST_PARTS: usize = 8;

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
    let (mut all, mut heads) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        if let Err(complaint) = read(file, &mut all, &mut heads) {
            complain(&format!("error: {complaint}"));
            return WRONG_USE;
        }
    }
    if let Err(complaint) = one_campaign(&all) {
        complain(&format!("error: {complaint}"));
        return WRONG_USE;
    }
    let (results, differing) = once_each(all);
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
    let missing = missing(&results, &heads);
    if !missing.is_empty() {
        missing.iter().for_each(|missing| complain(missing));
        complain("hint: name the results of every part, as each `trial explore --shard I/N --out DIR` left them");
    }
    let report = Report { campaign: &campaign, profile: one, wall: None, shrunk: &Shrunk::new() };
    let text = match arguments.format {
        Format::Text => report.text(arguments.excused),
        Format::Json => report.json(),
    };
    // A reader that has gone is no failure.
    let _ = print(&text);
    campaign.verdict.exit_code()
}

/// Whether results are parts of one campaign: what other builds, switches and hazards came to cannot be added up.
fn one_campaign(results: &[SeedResult]) -> Result<(), String> {
    let Some((first, others)) = results.split_first() else { return Ok(()) };
    for other in others {
        if other.build != first.build {
            let builds = [first, other].map(|result| (result.profile, result.seed, build_of(result)));
            let [(profile, seed, build), (other_profile, other_seed, other_build)] = builds;
            return Err(format!(
                "these are results of different builds, and a fingerprint speaks of one: seed {seed} of the profile \
                 {profile} was run by {build}, seed {other_seed} of the profile {other_profile} by {other_build}"
            ));
        }
        if (other.drawing, &other.switches) != (first.drawing, &first.switches) {
            return Err(format!(
                "these are results of different campaigns: one is `trial explore {}`, another `trial explore {}`",
                options_of(first),
                options_of(other)
            ));
        }
    }
    Ok(())
}

fn build_of(result: &SeedResult) -> String {
    if result.build.is_empty() {
        "a build that did not say its name".to_owned()
    } else {
        format!("build {}", result.build)
    }
}

/// The options of a campaign: what its seeds are drawn from, without the seed.
fn options_of(result: &SeedResult) -> String {
    let drawn = result.drawn_from();
    drawn.split_once(' ').map_or(String::new(), |(_, options)| options.to_owned())
}

/// A seed that several files have is counted once; the seeds whose results differ.
fn once_each(all: Vec<SeedResult>) -> (BTreeMap<(Profile, Seed), SeedResult>, Vec<(Profile, Seed)>) {
    let mut results = BTreeMap::<_, SeedResult>::new();
    let mut differing = Vec::new();
    for result in all {
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
    (results, differing)
}

/// For each profile, how many seeds of the campaign have no result: a part is missing or did not end. How far it was to go
/// stands at the head of each file; where none says so, from the first seed to the last that has a result.
fn missing(results: &BTreeMap<(Profile, Seed), SeedResult>, heads: &[Head]) -> Vec<String> {
    let mut seeds = BTreeMap::<Profile, BTreeSet<u64>>::new();
    for (profile, seed) in results.keys() {
        seeds.entry(*profile).or_default().insert(seed.0);
    }
    for head in heads {
        seeds.entry(head.campaign).or_default();
    }
    let said = seeds.iter().filter_map(|(profile, seeds)| {
        let of_profile = || heads.iter().filter(|head| head.campaign == *profile);
        let first = of_profile().map(|head| head.first_seed).chain(seeds.first().copied()).min()?;
        let last = of_profile().filter_map(|head| head.end?.checked_sub(1)).chain(seeds.last().copied()).max()?;
        let missing = (last - first + 1) - seeds.len() as u64;
        let (first, last) = (Seed(first), Seed(last));
        let absent = absent_parts(of_profile()).map_or(String::new(), |absent| format!(" ({absent})"));
        (missing > 0).then(|| {
            format!("incomplete: of the profile {profile} {missing} seeds between {first} and {last} have no result: a part is missing, or did not end{absent}")
        })
    });
    said.collect()
}

/// Which parts of a campaign no file says it is; none if all are there, or the files are shared out in different ways.
fn absent_parts<'a>(heads: impl Iterator<Item = &'a Head> + Clone) -> Option<String> {
    let parts = heads.clone().next()?.parts;
    if heads.clone().any(|head| head.parts != parts) {
        return None;
    }
    let there: BTreeSet<u64> = heads.map(|head| head.part).collect();
    let absent: Vec<String> =
        (0..parts).filter(|part| !there.contains(part)).map(|part| format!("{part}/{parts}")).collect();
    // Of very many, the first say enough.
    let said = absent.iter().take(MOST_PARTS).cloned().collect::<Vec<_>>().join(", ");
    match absent.len() {
        0 => None,
        1..=MOST_PARTS => Some(format!("there is no part {said}")),
        all => Some(format!("there is no part {said}, and {} more", all - MOST_PARTS)),
    }
}

/// Reads one file of results, a JSON object a line. A last line that was cut off when the process was killed is left out.
fn read(path: &Path, results: &mut Vec<SeedResult>, heads: &mut Vec<Head>) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let before = results.len();
    for (line, number) in text.lines().zip(1..) {
        if let Ok(head) = serde_json::from_str(line) {
            heads.push(head);
            continue;
        }
        match serde_json::from_str(line) {
            Ok(result) => results.push(result),
            Err(_) if !text.ends_with('\n') && number == text.lines().count() => {
                complain(&format!("incomplete: the last line of {} is cut off; it is left out", path.display()));
            }
            Err(error) => return Err(format!("{}, line {number}: not a result: {error}", path.display())),
        }
    }
    if results.len() == before {
        complain(&format!("incomplete: {} holds no result", path.display()));
    }
    Ok(())
}
