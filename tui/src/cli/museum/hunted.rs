//! What exploration came to that did not know the bug: campaign by campaign, and in one word.

use std::collections::BTreeSet;

use trial_sim::internal::explore::{CAMPAIGNS, Found, Hunt, HuntEnd, median};
use trial_sim::internal::scenario::Scenario;

use super::Museum;
use crate::cli::output::complain;
use crate::cli::{all_cores, interrupt};

/// What exploration came to.
pub struct Hunted {
    /// For each campaign that was run to its end how many seeds it needed; none if they did not suffice.
    pub needed: Vec<Option<u64>>,
    /// Which checks found it.
    pub found_by: BTreeSet<&'static str>,
    /// How many steps the first find has.
    pub steps_found: Option<usize>,
    /// How many are left of it; none if nobody shrank it to the end.
    pub steps_shrunk: Option<usize>,
    /// Whether somebody asked for the end before the last campaign was over, or while its find was shrunk.
    pub is_interrupted: bool,
}

/// What all campaigns together say of a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// Every campaign found it.
    Found,
    /// Some found it within their seeds, and some did not.
    NotAlways,
    /// None did.
    NotFound,
    /// Not all were run.
    Interrupted,
}

impl Exploration {
    /// The word that the report for programs has for it.
    pub fn word(self) -> &'static str {
        match self {
            Exploration::Found => "found",
            Exploration::NotAlways => "not-always-found",
            Exploration::NotFound => "not-found",
            Exploration::Interrupted => "interrupted",
        }
    }
}

impl Hunted {
    /// Hunts a piece's bug; none if it has none, or its profile is not known.
    pub fn hunt(piece: &Scenario, most: u64, arguments: &Museum) -> Option<Hunted> {
        let hunt = Hunt::of(piece, most, arguments.jobs.unwrap_or_else(all_cores))?;
        let mut hunted = Hunted::nothing_yet();
        for campaign in 0..CAMPAIGNS {
            let end = hunt.campaign(campaign, &interrupt::asked);
            complain(&format!(
                "  campaign {} of {CAMPAIGNS}, profile {}: {}",
                campaign + 1,
                hunt.profile,
                said(&end, most)
            ));
            hunted.take(&end);
            if let (HuntEnd::Found(found), None) = (&end, hunted.steps_found) {
                hunted.shrink(found, arguments.shrink, &hunt);
            }
            if interrupt::asked() {
                hunted.is_interrupted |= campaign + 1 < CAMPAIGNS;
                break;
            }
        }
        Some(hunted)
    }

    fn nothing_yet() -> Hunted {
        Hunted {
            needed: Vec::new(),
            found_by: BTreeSet::new(),
            steps_found: None,
            steps_shrunk: None,
            is_interrupted: false,
        }
    }

    /// One more campaign is over. One that was stopped says nothing about its seeds.
    fn take(&mut self, end: &HuntEnd) {
        match end {
            HuntEnd::Found(found) => {
                self.needed.push(Some(found.seeds));
                self.found_by.extend(found.outcome.report.property);
            }
            HuntEnd::NotFound => self.needed.push(None),
            HuntEnd::Stopped => self.is_interrupted = true,
        }
    }

    /// Makes the first find small.
    fn shrink(&mut self, found: &Found, runs: usize, hunt: &Hunt) {
        let before = found.outcome.scenario.file.steps.len();
        self.steps_found = Some(before);
        self.steps_shrunk = match runs {
            0 => Some(before),
            runs => found.shrunk(runs, hunt.jobs, &interrupt::asked).map(|small| small.file.steps.len()),
        };
        self.is_interrupted |= self.steps_shrunk.is_none();
    }

    /// What all campaigns together say. A bug is found by exploration if every campaign finds it: one that needs luck to
    /// be found within so many seeds is not.
    pub fn came_to(&self) -> Exploration {
        let finds = self.needed.iter().flatten().count();
        match finds {
            _ if self.is_interrupted => Exploration::Interrupted,
            0 => Exploration::NotFound,
            finds if finds < self.needed.len() => Exploration::NotAlways,
            _ => Exploration::Found,
        }
    }

    /// The median of the seeds needed; none if most campaigns found nothing, or not all were run.
    pub fn median(&self) -> Option<u64> {
        median(&self.needed).filter(|_| self.needed.len() as u64 == CAMPAIGNS)
    }

    /// The median, with the number of campaigns that found something if some did not or were not run.
    pub fn seeds(&self) -> String {
        let finds = self.needed.iter().flatten().count();
        let median = self.median().map_or("-".to_owned(), |seeds| seeds.to_string());
        match self.came_to() {
            Exploration::Found => median,
            Exploration::NotAlways | Exploration::NotFound => format!("{median} ({finds} of {CAMPAIGNS})"),
            Exploration::Interrupted => format!("{median} ({finds} of {}, interrupted)", self.needed.len()),
        }
    }

    /// The checks that found something, which need not be the one that the piece names.
    pub fn found_by(&self) -> String {
        let names = self.found_by.iter().copied().collect::<Vec<_>>().join(", ");
        match self.came_to() {
            Exploration::Found => names,
            Exploration::NotAlways => format!("NOT ALWAYS FOUND ({names})"),
            Exploration::NotFound => "NOT FOUND".to_owned(),
            Exploration::Interrupted if names.is_empty() => "interrupted".to_owned(),
            Exploration::Interrupted => format!("{names} (interrupted)"),
        }
    }

    /// How many steps are left of the first find.
    pub fn steps(&self) -> String {
        let count = |steps: Option<usize>| steps.map_or("-".to_owned(), |steps| steps.to_string());
        self.steps_found.map_or("-".to_owned(), |found| format!("{} of {found}", count(self.steps_shrunk)))
    }
}

/// What is told of a campaign as soon as it ends.
fn said(end: &HuntEnd, most: u64) -> String {
    match end {
        HuntEnd::Found(found) => {
            let command = found.outcome.scenario.command.as_deref().unwrap_or_default();
            format!("found after {} seeds, again: {command}", found.seeds)
        }
        HuntEnd::NotFound => format!("not found in {most} seeds"),
        HuntEnd::Stopped => "interrupted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(needed: &[Option<u64>], is_interrupted: bool) -> Hunted {
        Hunted { needed: needed.to_vec(), is_interrupted, ..Hunted::nothing_yet() }
    }

    #[test]
    fn bug_is_found_by_exploration_only_if_all_five_campaigns_find_it() {
        let all = after(&[Some(3), Some(1), Some(2), Some(5), Some(4)], false);
        assert_eq!((all.came_to(), all.seeds().as_str()), (Exploration::Found, "3"));
        let four = after(&[Some(3), Some(1), Some(2), None, Some(4)], false);
        assert_eq!((four.came_to(), four.seeds().as_str()), (Exploration::NotAlways, "3 (4 of 5)"));
        assert!(four.found_by().starts_with("NOT ALWAYS FOUND"), "{}", four.found_by());
        let one = after(&[None, Some(1), None, None, None], false);
        assert_eq!((one.came_to(), one.seeds().as_str()), (Exploration::NotAlways, "- (1 of 5)"));
        let none = after(&[None; 5], false);
        assert_eq!((none.came_to(), none.seeds().as_str()), (Exploration::NotFound, "- (0 of 5)"));
    }

    #[test]
    fn campaigns_that_were_not_run_are_not_told_as_campaigns_that_found_nothing() {
        let mut stopped = after(&[Some(7)], false);
        stopped.take(&HuntEnd::Stopped);
        assert_eq!((stopped.came_to(), stopped.median()), (Exploration::Interrupted, None));
        assert_eq!(stopped.seeds(), "- (1 of 1, interrupted)");
        assert_eq!(said(&HuntEnd::Stopped, 2_000), "interrupted");
    }
}
