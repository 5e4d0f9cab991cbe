//! How far a campaign is, on the standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use trial_sim::internal::explore::{Campaign, Farm, Mark};

use super::rate;
use crate::cli::output::complain;

/// How often a line is written where nobody sees a bar.
const EVERY: Duration = Duration::from_secs(10);

/// Shows how far a campaign is.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// How many seeds had a result when it began.
    known: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Begins to show. The number of seeds is known only when the campaign does not end with its budget.
    pub fn start(counted: bool, farm: &Farm, budget: Option<Duration>) -> Progress {
        let now = Instant::now();
        let bar = io::stderr().is_terminal().then(|| bar(counted, farm, budget));
        Progress { bar, known: farm.known.len() as u64, started: now, told: now }
    }

    /// One more seed is done.
    pub fn show(&mut self, campaign: &Campaign) {
        let line = self.line(campaign);
        match &self.bar {
            Some(bar) => {
                bar.set_position(campaign.seeds);
                bar.set_message(line);
            }
            None if self.told.elapsed() >= EVERY => {
                self.told = Instant::now();
                complain(&format!("{} seeds, {line}", campaign.seeds));
            }
            None => {}
        }
    }

    fn line(&self, campaign: &Campaign) -> String {
        let (reached, all) = (campaign.marks.len(), Mark::ALL.len());
        format!(
            "{:.0}/s, {} failures in {} signatures, marks {reached}/{all}",
            rate(campaign.seeds - self.known, self.started.elapsed()),
            campaign.failed,
            campaign.failures.len(),
        )
    }

    /// The campaign is over.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(counted: bool, farm: &Farm, budget: Option<Duration>) -> ProgressBar {
    if counted && farm.seeds.end < u64::MAX {
        let seeds = (farm.seeds.end - farm.seeds.start).div_ceil(farm.shard.count);
        let template = match has_room() {
            true => "{elapsed_precise} {wide_bar} {pos}/{len} seeds, {msg}",
            false => "{pos}/{len} {wide_msg}",
        };
        let style = ProgressStyle::with_template(template);
        return ProgressBar::new(seeds).with_style(style.expect("the template is one"));
    }
    let budget = budget.map_or(String::new(), |budget| format!(" of {} s", budget.as_secs()));
    let template = match has_room() {
        true => format!("{{elapsed_precise}}{budget} {{spinner}} {{pos}} seeds, {{msg}}"),
        false => "{pos} {wide_msg}".to_owned(),
    };
    ProgressBar::new_spinner().with_style(ProgressStyle::with_template(&template).expect("the template is one"))
}

/// Whether a line has room for a bar beside what is told; else what is told is cut to its width.
fn has_room() -> bool {
    crossterm::terminal::size().is_ok_and(|(columns, _)| columns >= 100)
}
