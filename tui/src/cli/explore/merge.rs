//! `trial merge`: the parts of a campaign become one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use trial_sim::internal::explore::{Campaign, Profile, SeedResult};
use trial_sim::internal::scenario::{Seed, Verdict};

use super::head::Head;
use super::report::{End, Report};
use super::results::{Results, read};
use super::shrunk::Shrunk;
use crate::cli::output::{complain, print};
use crate::cli::{Format, WRONG_USE};

const HELP: &str = "\
A seed that stands in several files is counted once; with its run with the hazards of Kafka 4.1, if one of the files has
that. If its results differ, the same seed gave two different runs: the verdict is nondeterminism, exit code 5. Results of
different builds, or of campaigns with other switches, are not joined, and where there is no result at all there is
nothing to join: exit code 2. What is incomplete is joined, and the standard error says what is missing: a last line that was cut
off, a file without results, seeds of a campaign that no file has. Each file says at its head how far its campaign was
to go, and which part of it was run; a campaign that was to end with its time was to go nowhere in particular. Where nothing has
failed, --complete makes exit code 2 of what is missing: so a pipeline does not take half a campaign for a whole one.

Example:
  trial merge --complete shard-*/results.jsonl";

/// How many missing parts are named.
const MOST_PARTS: usize = 8;

/// A merge's arguments.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Merge {
    /// Files of results, as `trial explore --out DIR` leaves them, or the folders in which they lie.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How to print what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// List the seeds in which something was forgiven.
    #[arg(long)]
    excused: bool,
    /// End with exit code 2 where something is missing.
    #[arg(long)]
    complete: bool,
}

/// Joins the parts of a campaign. Returns the exit code.
pub fn merge(arguments: &Merge) -> u8 {
    let (mut all, mut heads, mut cut_off) = (Vec::new(), Vec::new(), false);
    for file in &arguments.files {
        match read(file) {
            Ok(results) => {
                cut_off |= tells_what_is_missing(file, &results);
                all.extend(results.results);
                heads.extend(results.heads);
            }
            Err(complaint) => {
                complain(&format!("error: {complaint}"));
                return WRONG_USE;
            }
        }
    }
    if all.is_empty() {
        complain("error: there is nothing to join: no seed has a result in these files");
        return WRONG_USE;
    }
    if let Err(complaint) = one_campaign(&all) {
        complain(&format!("error: {complaint}"));
        return WRONG_USE;
    }
    if let Some(samples) = samples(&heads) {
        complain(&format!("note: {samples}"));
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
    let end = if missing.is_empty() && !cut_off { End::Ended } else { End::Incomplete };
    let report =
        Report { campaign: &campaign, profile: one, rate: None, shrunk: &Shrunk::new(), differing: &differing, end };
    let text = match arguments.format {
        Format::Text => report.text(arguments.excused),
        Format::Json => report.json(),
    };
    // A reader that has gone is no failure.
    let _ = print(&text);
    match campaign.verdict.exit_code() {
        0 if arguments.complete && end == End::Incomplete => WRONG_USE,
        code => code,
    }
}

/// Whether results are parts of one campaign: what other builds, switches and hazards came to cannot be added up.
fn one_campaign(results: &[SeedResult]) -> Result<(), String> {
    let Some((first, others)) = results.split_first() else { return Ok(()) };
    for other in others {
        if other.build != first.build {
            let builds = [first, other].map(|result| (result.profile, result.seed, &result.build));
            let [(profile, seed, build), (other_profile, other_seed, other_build)] = builds;
            return Err(format!(
                "these are results of different builds, and a fingerprint speaks of one: seed {seed} of the profile \
                 {profile} was run by build {build}, seed {other_seed} of the profile {other_profile} by build {other_build}"
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

/// The options of a campaign: what its seeds are drawn from, without the seed.
fn options_of(result: &SeedResult) -> String {
    let drawn = result.drawn_from();
    drawn.split_once(' ').map_or(String::new(), |(_, options)| options.to_owned())
}

/// A seed that several files have is counted once; and the seeds whose results differ. What is kept does not depend on the
/// order of the files: the worse result of two that differ, and of two that agree the one that says more.
fn once_each(all: Vec<SeedResult>) -> (BTreeMap<(Profile, Seed), SeedResult>, BTreeSet<(Profile, Seed)>) {
    let mut results = BTreeMap::<_, SeedResult>::new();
    let mut differing = BTreeSet::new();
    for result in all {
        let key = (result.profile, result.seed);
        let Some(known) = results.get(&key) else {
            results.insert(key, result);
            continue;
        };
        if known.fingerprint != result.fingerprint || known.verdict != result.verdict {
            differing.insert(key);
        }
        if weight(known) < weight(&result) {
            results.insert(key, result);
        }
    }
    (results, differing)
}

/// Of two results of one seed the heavier is kept. One that was run with the hazards of Kafka 4.1 as well has what the other
/// has, and more.
fn weight(result: &SeedResult) -> (Verdict, &str, bool) {
    (result.verdict, &result.fingerprint, result.faithful.is_some())
}

/// That the parts drew other samples of seeds to run with the hazards of Kafka 4.1, if they did.
fn samples(heads: &[Head]) -> Option<String> {
    let rates: BTreeSet<u64> = heads.iter().map(|head| head.faithful_one_in).collect();
    let said: Vec<String> = rates
        .iter()
        .map(|rate| if *rate == 0 { "no seed".to_owned() } else { format!("one seed in {rate}") })
        .collect();
    (said.len() > 1).then(|| format!("the files have other samples of runs faithful to Kafka 4.1: {}", said.join(", ")))
}

/// A campaign as heads name it: its profile, its first seed and the seed after its last; none if its time was its end.
type Promised = (Profile, u64, Option<u64>);

/// For each campaign, how many of its seeds have no result: a part is missing or did not end. Only what a head promised can
/// be missing: between two campaigns may lie seeds that nobody wanted, and time ends shards at other seeds.
fn missing(results: &BTreeMap<(Profile, Seed), SeedResult>, heads: &[Head]) -> Vec<String> {
    let mut campaigns = BTreeMap::<Promised, Vec<&Head>>::new();
    for head in heads {
        campaigns.entry((head.campaign, head.first_seed, head.end)).or_default().push(head);
    }
    let said = campaigns.iter().filter_map(|((profile, first, end), heads)| {
        let absent = absent_parts(heads);
        let Some(end) = *end else {
            return absent.map(|absent| format!("incomplete: of the profile {profile} from seed {} on {absent}", Seed(*first)));
        };
        let all = end.saturating_sub(*first);
        let there = results.keys().filter(|(of, seed)| of == profile && (*first..end).contains(&seed.0)).count() as u64;
        let absent = absent.map_or(String::new(), |absent| format!(" ({absent})"));
        (there < all).then(|| {
            let (missing, first, last) = (all - there, Seed(*first), Seed(end - 1));
            format!("incomplete: of the profile {profile} {missing} seeds between {first} and {last} have no result: a part is missing, or did not end{absent}")
        })
    });
    said.collect()
}

/// Which parts of a campaign no file says it is; none if all are there, or the files are shared out in different ways.
fn absent_parts(heads: &[&Head]) -> Option<String> {
    let parts = heads.first()?.parts;
    if heads.iter().any(|head| head.parts != parts) {
        return None;
    }
    let there: BTreeSet<u64> = heads.iter().map(|head| head.part).filter(|part| *part < parts).collect();
    let absent = parts - there.len() as u64;
    // Of very many, the first say enough.
    let first = (0..parts).filter(|part| !there.contains(part)).take(MOST_PARTS);
    let said = first.map(|part| format!("{part}/{parts}")).collect::<Vec<_>>().join(", ");
    match absent.checked_sub(MOST_PARTS as u64) {
        _ if absent == 0 => None,
        None | Some(0) => Some(format!("there is no part {said}")),
        Some(more) => Some(format!("there is no part {said}, and {more} more")),
    }
}

/// Says what is missing in one file, and answers whether anything is.
fn tells_what_is_missing(file: &Path, results: &Results) -> bool {
    if results.is_cut_off {
        complain(&format!("incomplete: the last line of {} is cut off; it is left out", file.display()));
    }
    if results.results.is_empty() {
        complain(&format!("incomplete: {} holds no result", file.display()));
    }
    results.is_cut_off || results.results.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A result as a file of results has it.
    fn result(seed: u64, fingerprint: &str, is_faithful: bool) -> SeedResult {
        let faithful = is_faithful.then(|| serde_json::json!({ "verdict": "pass" }));
        let result = serde_json::json!({
            "profile": "lite", "seed": format!("{seed:#x}"), "verdict": "pass", "fingerprint": fingerprint,
            "steps": 1, "virtual_us": 1, "faithful": faithful, "marks": [], "drawing": {}, "switches": [], "build": "b",
            "twice": false, "excused": [], "failures": [],
        });
        serde_json::from_value(result).expect("a result")
    }

    fn head(first_seed: u64, end: Option<u64>, part: u64, parts: u64) -> Head {
        let head = serde_json::json!({
            "format": 1, "build": "b", "campaign": "lite", "drawing": {}, "switches": [], "first-seed": first_seed,
            "end": end, "part": part, "parts": parts, "faithful-one-in": 10,
        });
        serde_json::from_value(head).expect("a head")
    }

    fn missed(seeds: &[u64], heads: &[Head]) -> Vec<String> {
        missing(&once_each(seeds.iter().map(|seed| result(*seed, "aa", false)).collect()).0, heads)
    }

    #[test]
    fn the_order_of_the_files_does_not_matter_where_one_of_them_says_more_or_something_else() {
        let orders = |one: &SeedResult, other: &SeedResult| {
            let (there, back) =
                (once_each(vec![one.clone(), other.clone()]), once_each(vec![other.clone(), one.clone()]));
            assert_eq!(there, back);
            there
        };
        let (kept, differing) = orders(&result(7, "aa", false), &result(7, "aa", true));
        assert!(kept.values().all(|result| result.faithful.is_some()), "the richer one is kept: {kept:?}");
        assert!(differing.is_empty());
        let (_, differing) = orders(&result(7, "aa", false), &result(7, "bb", false));
        assert_eq!(differing.len(), 1);
    }

    #[test]
    fn only_what_a_head_promised_is_missing() {
        let two = [head(0, Some(2), 0, 1), head(10, Some(12), 0, 1)];
        assert_eq!(missed(&[0, 1, 10, 11], &two), [""; 0], "nobody wanted the seeds between two campaigns");
        let said = missed(&[0, 1, 10], &two);
        assert!(said.len() == 1 && said[0].contains(" 1 seeds between 0xa and 0xb have no result"), "{said:?}");
        let timed = [head(0, None, 0, 2), head(0, None, 1, 2)];
        assert_eq!(missed(&[0, 2, 4, 6, 1, 3], &timed), [""; 0], "time ends shards at other seeds");
        let said = missed(&[0, 2, 4], &timed[..1]);
        assert!(said.len() == 1 && said[0].contains("there is no part 1/2"), "{said:?}");
    }

    #[test]
    fn of_very_many_absent_parts_the_first_are_named() {
        let first = head(0, Some(4), 0, 1 << 60);
        let said = absent_parts(&[&first]).expect("nearly all are absent");
        assert!(said.starts_with("there is no part 1/1152921504606846976, 2/"), "{said}");
        assert!(said.ends_with(" more"), "{said}");
    }

    #[test]
    fn samples_that_differ_are_told() {
        let other = Head { faithful_one_in: 0, ..head(0, Some(4), 0, 1) };
        assert_eq!(samples(&[head(0, Some(4), 0, 1)]), None);
        let said = samples(&[head(0, Some(4), 0, 1), other]).expect("they differ");
        assert!(said.ends_with("no seed, one seed in 10"), "{said}");
    }
}
