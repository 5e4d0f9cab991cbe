//! `trial explore` and `trial merge`: many seeds, and what they came to.
//!
//! ```text
//!   --seeds --budget --shard ─▶ farm ─▶ results ─┬─▶ progress      (standard error)
//!                                                ├─▶ --out: results.jsonl, one scenario a signature
//!                                                └─▶ campaign ─▶ shrink each signature ─▶ report, last line, exit code
//!   trial merge results.jsonl … ───────────────────▶ campaign ─▶ the same report
//! ```

mod head;
mod merge;
mod out;
mod progress;
mod report;
mod results;
mod shrunk;

use std::collections::BTreeSet;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use trial_sim::internal::explore::{self, Campaign, Drawing, Farm, Profile, SeedResult, Shard};
use trial_sim::internal::scenario::diagnostic::nearest;
use trial_sim::internal::scenario::{Seed, Span};

use super::interrupt::{self, INTERRUPTED};
use super::output::{complain, print};
use super::{Format, WRONG_USE, all_cores, in_order, known_switch, number_of_jobs};
pub use merge::{Merge, merge};
use out::Out;
use progress::Progress;
use report::{End, Report};
use shrunk::{Shrunk, shrink_all};

const HELP: &str = "\
Each seed is a scenario of its own: a cluster, its clients and a list of faults, all drawn from the seed.
--print-scenario SEED shows it; saved to a file, `trial run` plays it.

What is reported:
  signatures   failures that are one, by check, message and place; each with its fastest seed
  excused      seeds in which a failed property was forgiven (loss budget, liveness oracle, hazard); --excused lists them.
               Hazards of Kafka 4.1 are mended; a sample of the seeds that pass is run once more without that, and
               those that fail so are excused by a hazard
  marks        in how many seeds the things came about that ought to come about sometimes; those that this profile must
               reach and never did stand on top, and the others that never came about are named in one line

The last line, which scripts may read:
  explored: 1000 seeds  failures: 0  excused: 12  signatures: 0  unreached-marks: 3  rate: 210/s  fingerprint: 0123456789abcdef

Its fingerprint combines all seeds: it is the same for any --jobs, any order, and for shards that `trial merge` joined.
The exit code is that of the worst verdict. Ctrl-C keeps what was found and reports it; a second one does not wait for the
report. The same command with --resume goes on where a campaign in a folder was interrupted.

With --out each signature is made small when the seeds are done, and lies beside what it was found as, ready for
scenarios/regressions/. Ctrl-C ends that too, and after Ctrl-C nothing is made small: who interrupts wants an end, and
--resume does it later. Without --out the report says the line that shrinks.

Examples:
  trial explore --budget 60s
  trial explore --profile disk --seeds 0..2000 --out found/
  trial explore --print-scenario 0x2a > seed.toml && trial run seed.toml
  trial explore --seeds 0..2000 --out found/ --resume
  trial explore --seeds 0..100000 --shard 3/16 --out shard-3/ && trial merge shard-*/results.jsonl";

/// How many seeds run when neither their number nor a budget is said.
const SEEDS: u64 = 1000;

/// An exploration's arguments.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Explore {
    /// The seeds, from the first up to but without the last: 0..1000, 0x10..0x20. Without an end only with --budget. With neither
    /// --seeds nor --budget the first 1000.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Option<Seeds>,
    /// How long to go on: "60s". What is under way then is finished.
    #[arg(long, value_name = "TIME", value_parser = Span::parse)]
    budget: Option<Span>,
    /// What the scenarios are drawn from.
    #[arg(long, default_value = "default", value_parser = parse_profile)]
    profile: Profile,
    /// How many worlds at once; as many as there are cores unless said.
    #[arg(long, value_parser = number_of_jobs)]
    jobs: Option<NonZeroUsize>,
    /// Only one of several parts of the seeds: 0/8 to 7/8.
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// A deliberate bug on every broker and controller; may be said several times.
    #[arg(long = "switch", value_name = "NAME", value_parser = known_switch)]
    switches: Vec<String>,
    /// Let more machines lose their un-synced bytes together than the loss budget covers.
    #[arg(long)]
    over_budget: bool,
    /// Keep the hazards of Kafka 4.1 itself, which are mended otherwise.
    #[arg(long)]
    faithful: bool,
    /// Of the seeds that pass, run one in so many once more with the hazards of Kafka 4.1; 0 runs none so.
    #[arg(long, value_name = "N", default_value_t = 10)]
    faithful_one_in: u64,
    /// A folder for results.jsonl and for each signature its scenario, as it was found and made small.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the campaign in the folder of --out: seeds that have a result there are not run again. Where it has not
    /// been begun, it begins.
    #[arg(long, requires = "out")]
    resume: bool,
    /// Leave scenarios as they were found.
    #[arg(long)]
    no_shrink: bool,
    /// How long to make one scenario smaller, at most.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = Span::parse)]
    shrink_budget: Span,
    /// How to print what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// List the seeds in which something was forgiven.
    #[arg(long)]
    excused: bool,
    /// Print the scenario of one seed, and run nothing.
    #[arg(long, value_name = "SEED", value_parser = Seed::parse, conflicts_with_all = ["seeds", "budget", "shard", "out", "jobs", "excused", "format", "no_shrink"])]
    print_scenario: Option<Seed>,
}

/// A range of seeds; without an end it goes on for ever.
#[derive(Clone, Copy, Debug)]
struct Seeds {
    first: u64,
    end: Option<u64>,
}

fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let expected = || match Seed::parse(text) {
        Ok(Seed(count)) if count > 0 => format!("expected a range: 0..{text} are the first {count}"),
        _ => format!("expected a range such as 0..1000, found {text:?}"),
    };
    let (first, end) = text.split_once("..").ok_or_else(expected)?;
    let first = Seed::parse(first)?.0;
    let end = if end.is_empty() { None } else { Some(Seed::parse(end)?.0) };
    match end {
        Some(end) if end <= first => Err(format!("there is no seed in {text}")),
        end => Ok(Seeds { first, end }),
    }
}

/// A profile's name, or which there are.
pub(super) fn parse_profile(text: &str) -> Result<Profile, String> {
    Profile::ALL.iter().copied().find(|profile| profile.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        let near =
            nearest(text, names.iter().copied()).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("{near}expected one of {}", names.join(", "))
    })
}

/// Explores. Returns the exit code.
pub fn explore(arguments: &Explore) -> u8 {
    let drawing = Drawing { over_budget: arguments.over_budget, faithful: arguments.faithful };
    if let Some(seed) = arguments.print_scenario {
        let scenario = explore::scenario_of(arguments.profile, seed, drawing, &in_order(&arguments.switches));
        // A reader that has gone is no failure, and what is lost is told there.
        let _ = print(&scenario.source);
        return 0;
    }
    let Some(mut farm) = farm_of(arguments, drawing) else { return WRONG_USE };
    let (out, known) = match folder_of(arguments, &farm) {
        Ok(opened) => opened,
        Err(complaint) => {
            complain(&format!("error: {complaint}"));
            return WRONG_USE;
        }
    };
    farm.known = known.iter().map(|result| result.seed).collect();
    if !known.is_empty() {
        complain(&format!("resumed: {} seeds have a result already", farm.known.len()));
    }
    interrupt::watch();
    let Ran { campaign, out, wall } = run(arguments, &farm, out, &known);
    if campaign.seeds == 0 && !interrupt::asked() {
        complain("error: no seed was run: the budget was over before the first");
        return WRONG_USE;
    }
    let (shrunk, complaint) = match out.and_then(Out::complaint) {
        None => {
            small(arguments, &campaign, farm.jobs).map_or_else(|said| (Shrunk::new(), Some(said)), |all| (all, None))
        }
        said => (Shrunk::new(), said),
    };
    let report = Report {
        campaign: &campaign,
        profile: Some(arguments.profile),
        rate: Some(rate(campaign.seeds - known.len() as u64, wall)),
        shrunk: &shrunk,
        differing: &BTreeSet::new(),
        end: if interrupt::asked() { End::Interrupted { goes_on: arguments.out.is_some() } } else { End::Ended },
    };
    let text = match arguments.format {
        Format::Text => report.text(arguments.excused),
        Format::Json => report.json(),
    };
    let _ = print(&text);
    if let Some(complaint) = complaint {
        complain(&format!("error: {complaint}"));
        return WRONG_USE;
    }
    exit_code(&campaign, interrupt::asked())
}

/// The folder in which the campaign leaves what it finds, if it has one, and what was found there before.
fn folder_of(arguments: &Explore, farm: &Farm) -> Result<(Option<Out>, Vec<SeedResult>), String> {
    match arguments.out.as_deref() {
        None => Ok((None, Vec::new())),
        Some(folder) if arguments.resume => Out::resume(folder, farm).map(|(out, known)| (Some(out), known)),
        Some(folder) => Out::create(folder, farm).map(|out| (Some(out), Vec::new())),
    }
}

/// Makes each signature small, if there is a folder for that and nobody forbade it.
fn small(arguments: &Explore, campaign: &Campaign, jobs: NonZeroUsize) -> Result<Shrunk, String> {
    match &arguments.out {
        Some(folder) if !arguments.no_shrink => shrink_all(campaign, folder, jobs, arguments.shrink_budget),
        Some(_) | None => Ok(Shrunk::new()),
    }
}

/// What came of the seeds.
struct Ran {
    campaign: Campaign,
    out: Option<Out>,
    /// How long those took that were run now.
    wall: Duration,
}

/// Runs the seeds that have no result yet.
fn run(arguments: &Explore, farm: &Farm, mut out: Option<Out>, known: &[SeedResult]) -> Ran {
    let started = Instant::now();
    let budget = arguments.budget.map(Span::duration);
    let mut campaign = Campaign::default();
    known.iter().for_each(|result| campaign.add(result));
    if let Some(out) = &mut out {
        // A process that was killed may have kept a result and not its scenario.
        known.iter().for_each(|result| out.keep_scenario(result, &campaign));
    }
    let mut progress = Progress::start(arguments.seeds.is_some() || budget.is_none(), farm, budget);
    let closing = || budget.is_some_and(|budget| started.elapsed() >= budget);
    explore::explore(farm, &interrupt::asked, &closing, &mut |result| {
        campaign.add(&result);
        if let Some(out) = &mut out {
            out.keep(&result, &campaign);
        }
        progress.show(&campaign);
    });
    progress.end();
    Ran { campaign, out, wall: started.elapsed() }
}

/// The worst verdict; an interruption only where nothing worse is known.
fn exit_code(campaign: &Campaign, interrupted: bool) -> u8 {
    match campaign.verdict.exit_code() {
        0 if interrupted => INTERRUPTED,
        code => code,
    }
}

fn farm_of(arguments: &Explore, drawing: Drawing) -> Option<Farm> {
    let seeds = match (arguments.seeds, arguments.budget) {
        (Some(Seeds { first, end: Some(end) }), _) => first..end,
        (Some(Seeds { first, end: None }), Some(_)) => first..u64::MAX,
        (Some(Seeds { end: None, .. }), None) => {
            complain("error: these seeds have no end: say where they end, or for how long with --budget");
            return None;
        }
        (None, Some(_)) => 0..u64::MAX,
        (None, None) => 0..SEEDS,
    };
    if arguments.budget.is_some_and(|budget| budget.duration().is_zero()) {
        complain("error: a budget of no time is over before the first seed: say --budget 60s");
        return None;
    }
    let shard = arguments.shard.unwrap_or(Shard::WHOLE);
    if !shard.takes_any_of(&seeds) {
        complain(&format!(
            "error: part {}/{} takes none of the seeds {}..{}: there are fewer seeds than parts",
            shard.index, shard.count, seeds.start, seeds.end
        ));
        return None;
    }
    Some(Farm {
        profile: arguments.profile,
        drawing,
        switches: in_order(&arguments.switches),
        seeds,
        shard,
        known: BTreeSet::new(),
        jobs: arguments.jobs.unwrap_or_else(all_cores),
        faithful_one_in: NonZeroU64::new(arguments.faithful_one_in),
    })
}

/// Seeds per second.
fn rate(seeds: u64, wall: Duration) -> f64 {
    seeds as f64 / wall.as_secs_f64().max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_seeds_is_answered_with_the_range_that_was_meant() {
        let said = parse_seeds("10").expect_err("a number is no range");
        assert_eq!(said, "expected a range: 0..10 are the first 10");
        let said = parse_seeds("ten").expect_err("a word is no range");
        assert_eq!(said, "expected a range such as 0..1000, found \"ten\"");
    }
}
