//! What the active controller does from time to time (`PeriodicTaskControlManager`).

use std::time::Duration;

use super::{Controller, Decision};
use crate::context::Context;
use crate::metadata::MetadataRecord;
use crate::time::Time;

/// The tasks, in the order in which simultaneous ones run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PeriodicTask {
    /// Fences one broker whose session is over; again 10 ms later if it found one.
    FenceStaleBroker,
    /// Gives leaderships back to preferred replicas.
    ElectPreferred,
    /// Elects uncleanly where that is allowed and nobody leads.
    ElectUnclean,
    /// Writes a no-op record, so that offsets move and followers know that the quorum lives.
    WriteNoOp,
}

/// Kafka's delay for a task that has more to do at once.
const IMMEDIATE_DELAY: Duration = Duration::from_millis(10);
/// The most elections of one periodic run (`MAX_ELECTIONS_PER_IMBALANCE`).
pub(super) const MAX_ELECTIONS: usize = 1_000;

impl Controller {
    /// Every task first runs one period after the activation.
    pub(super) fn start_tasks(&mut self, ctx: &Context<'_>) {
        use PeriodicTask::{ElectPreferred, ElectUnclean, FenceStaleBroker, WriteNoOp};
        let periods = [FenceStaleBroker, ElectPreferred, ElectUnclean, WriteNoOp].map(|task| (task, self.period(task)));
        let active = self.active.as_mut().expect("tasks run on the active controller");
        for (task, period) in periods {
            if let Some(period) = period {
                active.tasks.insert(task, ctx.now.monotonic + period);
            }
        }
    }

    /// When the earliest timer is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.active.as_ref()?.tasks.values().min().copied()
    }

    /// Does everything that is due: one run of each periodic task.
    pub fn on_timers(&mut self, ctx: &mut Context<'_>) {
        let Some(active) = &self.active else { return };
        let now = ctx.now.monotonic;
        let mut due: Vec<(Time, PeriodicTask)> =
            active.tasks.iter().filter(|(_, at)| **at <= now).map(|(task, at)| (*at, *task)).collect();
        due.sort();
        for (_, task) in due {
            let (decision, again) = self.run_task(ctx, task);
            let delay = if again { IMMEDIATE_DELAY } else { self.period(task).expect("a task that ran has a period") };
            if let Some(active) = &mut self.active {
                active.tasks.insert(task, now + delay);
            }
            self.write(ctx, None, decision);
        }
    }

    /// Returns the decision, and whether the task wants to run again at once.
    fn run_task(&mut self, ctx: &mut Context<'_>, task: PeriodicTask) -> (Decision, bool) {
        match task {
            PeriodicTask::FenceStaleBroker => self.fence_stale_broker(ctx),
            PeriodicTask::ElectPreferred => self.balance_leaders(),
            PeriodicTask::ElectUnclean => self.elect_unclean_leaders(),
            PeriodicTask::WriteNoOp => {
                let mut decision = Decision::new();
                decision.records.push(MetadataRecord::NoOp);
                (decision, false)
            }
        }
    }

    /// How often a task runs; none if it is switched off.
    fn period(&self, task: PeriodicTask) -> Option<Duration> {
        let settings = &self.config.settings;
        let millisecond = Duration::from_millis(1);
        match task {
            PeriodicTask::FenceStaleBroker => Some((settings.broker_session_timeout / 8).max(millisecond)),
            PeriodicTask::ElectPreferred if settings.auto_leader_rebalance_enable => {
                Some(Duration::from_secs(settings.leader_imbalance_check_seconds.unsigned_abs()))
            }
            PeriodicTask::ElectPreferred => None,
            PeriodicTask::ElectUnclean => Some(settings.unclean_leader_election_interval.max(millisecond)),
            PeriodicTask::WriteNoOp if self.config.max_idle_interval.is_zero() => None,
            PeriodicTask::WriteNoOp => Some(self.config.max_idle_interval),
        }
    }
}
