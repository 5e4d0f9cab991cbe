//! What a broker does with its replicas from time to time.
//!
//! ```text
//!   every lag.max/2          shrink ISRs                 counted from the broker's start
//!   every 5 s                checkpoint high watermarks  counted from the broker's start
//!   30 s, then every 60 s    checkpoint recovery points
//!   30 s, then every 60 s    checkpoint log start offsets
//!   30 s, then every 300 s   delete what retention no longer wants
//!   every 600 s              forget expired producers    counted from the broker's start
//! ```
//!
//! Nothing of it happens before the logs are loaded; then each task keeps its phase.
//!
//! Simplified: in Kafka all of these count from the end of log recovery (`BrokerMetadataPublisher.initializeManagers`:
//! `LogManager.startup`, then `ReplicaManager.startup`, which looks for lagging followers for the first time at once); here
//! from the start of the process, which is earlier by a few round trips, and by the time that recovery takes.
//!
//! Simplified: Kafka checkpoints high watermarks for the first time as soon as the first metadata is published
//! (`BrokerMetadataPublisher.finishInitializingReplicaManager`), in a thread beside the fetchers; here that waits for
//! the task's phase. And each of its logs looks for expired producers on its own, counted from when it was opened.

use std::time::Duration;

use super::cleaning::is_compacted;
use super::local_partition::Moved;
use super::manager::{Hosted, ReplicaManager, ReplicaManagerConfig};
use crate::config::Hazard;
use crate::context::Context;
use crate::ids::{NodeId, TopicPartition};
use crate::time::{Time, earliest};

/// When each task is due next; `None` before the logs are loaded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeriodicTasks {
    started: Time,
    isr_check: Option<Time>,
    high_watermark_checkpoint: Option<Time>,
    recovery_point_checkpoint: Option<Time>,
    log_start_checkpoint: Option<Time>,
    retention: Option<Time>,
    producer_expiration: Option<Time>,
}

/// The first instant `first + k·period` that is not before `now`.
pub(super) fn next_phase(first: Time, period: Duration, now: Time) -> Time {
    let period = period.max(Duration::from_millis(1));
    if now <= first {
        return first;
    }
    let micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
    let passed = (now.0 - first.0).div_ceil(micros);
    first + Duration::from_micros(passed.saturating_mul(micros))
}

/// Takes a task that is due, and sets when it is due again.
fn take_due(task: &mut Option<Time>, period: Duration, now: Time) -> bool {
    let Some(due) = *task else { return false };
    if due > now {
        return false;
    }
    *task = Some(next_phase(due, period, now + Duration::from_micros(1)));
    true
}

impl PeriodicTasks {
    pub(super) fn new(started: Time) -> PeriodicTasks {
        PeriodicTasks {
            started,
            isr_check: None,
            high_watermark_checkpoint: None,
            recovery_point_checkpoint: None,
            log_start_checkpoint: None,
            retention: None,
            producer_expiration: None,
        }
    }

    /// The logs are loaded: the tasks run from here on, in their phases.
    pub(super) fn start(&mut self, now: Time, config: &ReplicaManagerConfig) {
        let delayed = self.started + config.log_manager.initial_task_delay;
        let phase = |first, period| Some(next_phase(first, period, now));
        let replication = &config.replication;
        self.isr_check = phase(self.started, replication.replica_lag_time_max / 2);
        self.high_watermark_checkpoint = phase(self.started, replication.high_watermark_checkpoint_interval);
        self.recovery_point_checkpoint = phase(delayed, config.log_manager.recovery_point_checkpoint_interval);
        self.log_start_checkpoint = phase(delayed, config.log_manager.log_start_checkpoint_interval);
        self.retention = phase(delayed, config.log_manager.retention_check_interval);
        let interval = config.log_manager.producer_id_expiration_check_interval;
        self.producer_expiration = phase(self.started + interval, interval);
    }

    fn next_deadline(&self) -> Option<Time> {
        earliest([
            self.isr_check,
            self.high_watermark_checkpoint,
            self.recovery_point_checkpoint,
            self.log_start_checkpoint,
            self.retention,
            self.producer_expiration,
        ])
    }
}

impl ReplicaManager {
    /// When something here is due next.
    pub fn next_deadline(&self) -> Option<Time> {
        let fetchers = self.fetchers.values().filter_map(|fetcher| fetcher.idle_until).min();
        earliest([
            self.tasks.next_deadline(),
            self.produces.next_deadline(),
            self.fetches.next_deadline(),
            self.deletes.next_deadline(),
            fetchers,
            self.alter_partition.next_deadline(),
            self.cleaner.next_deadline(),
            self.deletions.first().map(|(time, _, _)| *time),
            self.log_deadlines.first().map(|(time, _)| *time),
        ])
    }

    /// Fires everything that is due, in a fixed order.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        self.expire_produces(ctx);
        self.expire_fetches(ctx);
        self.expire_deletes(ctx);
        self.settle(ctx);
        self.wake_fetchers(ctx);
        if self.alter_partition.take_due_retry(ctx.now.monotonic) {
            self.send_proposals();
        }
        self.run_tasks(ctx);
        self.run_cleaner(ctx);
        self.remove_discarded(ctx);
        self.remove_deleted_files(ctx);
        self.settle(ctx);
    }

    fn wake_fetchers(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        let due: Vec<NodeId> = self
            .fetchers
            .values()
            .filter(|fetcher| fetcher.idle_until.is_some_and(|until| until <= now))
            .map(|fetcher| fetcher.leader)
            .collect();
        if !due.is_empty() {
            self.run_fetchers(ctx);
            self.settle(ctx);
        }
    }

    fn run_tasks(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        let lag_half = self.config.replication.replica_lag_time_max / 2;
        if take_due(&mut self.tasks.isr_check, lag_half, now) {
            self.shrink_isrs(ctx);
        }
        let interval = self.config.replication.high_watermark_checkpoint_interval;
        if take_due(&mut self.tasks.high_watermark_checkpoint, interval, now) {
            self.checkpoint_high_watermarks(ctx);
        }
        let interval = self.config.log_manager.recovery_point_checkpoint_interval;
        if take_due(&mut self.tasks.recovery_point_checkpoint, interval, now) {
            for directory in self.online_directories() {
                self.checkpoint_recovery_points(ctx, directory);
            }
        }
        let interval = self.config.log_manager.log_start_checkpoint_interval;
        if take_due(&mut self.tasks.log_start_checkpoint, interval, now) {
            for directory in self.online_directories() {
                self.checkpoint_log_starts(ctx, directory);
            }
        }
        let interval = self.config.log_manager.retention_check_interval;
        if take_due(&mut self.tasks.retention, interval, now) {
            self.apply_retention(ctx);
        }
        let interval = self.config.log_manager.producer_id_expiration_check_interval;
        if take_due(&mut self.tasks.producer_expiration, interval, now) {
            for hosted in self.partitions.values_mut() {
                if let Hosted::Online(partition) = hosted {
                    partition.log.remove_expired_producers(ctx);
                }
            }
        }
    }

    fn shrink_isrs(&mut self, ctx: &mut Context) {
        let leading: Vec<TopicPartition> = self
            .partitions
            .iter()
            .filter(|(_, hosted)| hosted.online().is_some_and(|partition| partition.leader().is_some()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in leading {
            let Ok((partition, around)) = self.online(&name) else { continue };
            let proposal = partition.shrink_isr(ctx, &around);
            let looks_again = around.behaviour.mends(Hazard::HighWatermarkWaitsInVain);
            let high_watermark_rose = looks_again && partition.raise_high_watermark(ctx, &around);
            self.after_move(ctx, &name, Moved { high_watermark_rose, proposal });
        }
    }

    fn apply_retention(&mut self, ctx: &mut Context) {
        // Of a compacted log the cleaner takes care.
        let is_wanted = |name: &TopicPartition| {
            self.cleaner.cleaning() != Some(name)
                && self.partition(name).is_some_and(|partition| !is_compacted(&partition.log))
        };
        let names: Vec<TopicPartition> = self.partitions.keys().filter(|name| is_wanted(name)).cloned().collect();
        for name in names {
            self.delete_old_segments(ctx, &name);
        }
    }

    pub(super) fn delete_old_segments(&mut self, ctx: &mut Context, name: &TopicPartition) {
        let Some(Hosted::Online(partition)) = self.partitions.get_mut(name) else { return };
        match partition.log.delete_old_segments(ctx) {
            Ok(0) => {}
            Ok(_) => {
                self.after_append(name);
                self.after_truncation(name);
                for fetcher in self.fetchers.values_mut() {
                    fetcher.mark_changed(name);
                }
            }
            Err(_) => self.note_failure(name),
        }
    }

    fn remove_discarded(&mut self, ctx: &mut Context) {
        while let Some((due, directory, path)) = self.deletions.first().cloned() {
            if due > ctx.now.monotonic {
                return;
            }
            self.deletions.pop_first();
            match ctx.storage.remove(&path) {
                Ok(()) | Err(crate::storage::StorageError::NotFound) => {}
                Err(_) => {
                    self.failures.insert(directory);
                }
            }
        }
    }

    fn remove_deleted_files(&mut self, ctx: &mut Context) {
        while let Some((due, name)) = self.log_deadlines.first().cloned() {
            if due > ctx.now.monotonic {
                return;
            }
            self.log_deadlines.pop_first();
            let Some(Hosted::Online(partition)) = self.partitions.get_mut(&name) else { continue };
            if partition.log.remove_deleted_files(ctx).is_err() {
                self.note_failure(&name);
                continue;
            }
            let next = self.partition(&name).and_then(|partition| partition.log.next_deadline());
            if let Some(next) = next {
                assert!(next > ctx.now.monotonic, "{name}: files due for removal at {next:?} were not removed");
                self.log_deadlines.insert((next, name));
            }
        }
    }
}
