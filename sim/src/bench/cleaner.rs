//! A pass of the cleaner over a log of many records: what `trial bench` times beside the worlds.

use trial_broker::choice::LowestChoice;
use trial_broker::config::{CleanupPolicy, LogManagerSettings, LogSettings};
use trial_broker::context::Context;
use trial_broker::ids::{LeaderEpoch, TopicPartition};
use trial_broker::log::{AppendOrigin, CleaningPass, CleaningProgress, LoadOptions, Log};
use trial_broker::record::BatchBuilder;
use trial_broker::storage::MemoryStorage;
use trial_broker::time::{Now, Time, WallTime};

/// How many records the log has.
pub const CLEANED_RECORDS: u64 = 100_000;

/// How many records a batch has.
const BATCH: u64 = 100;

/// How many keys there are: ten records a key.
const KEYS: u64 = 10_000;

/// A compacted log that nobody has cleaned, on a disk that costs nothing.
#[derive(Clone)]
pub struct DirtyLog {
    storage: MemoryStorage,
    log: Log,
}

fn with<T>(storage: &mut MemoryStorage, action: impl FnOnce(&mut Context) -> T) -> T {
    let now = Now { monotonic: Time::ZERO, wall: WallTime(1_000_000_000) };
    let mut choices = LowestChoice;
    action(&mut Context::new(now, storage, &mut choices))
}

/// One batch: its records have the keys that come next, in turn.
fn batch(number: u64) -> bytes::Bytes {
    let mut builder = BatchBuilder::new(0);
    for index in 0..BATCH {
        let key = (number * BATCH + index) % KEYS;
        builder.push(1, Some(&key.to_be_bytes()), Some(&[7; 100]), &[]);
    }
    builder.build()
}

impl DirtyLog {
    /// Writes it.
    #[expect(clippy::new_without_default, reason = "a hundred thousand records are no default")]
    pub fn new() -> DirtyLog {
        let mut storage = MemoryStorage::default();
        let settings = LogSettings {
            cleanup_policy: CleanupPolicy::COMPACT,
            internal_segment_bytes: 1_048_576,
            ..LogSettings::default()
        };
        let log = with(&mut storage, |ctx| {
            ctx.storage.create_directory("data-0").expect("a healthy disk");
            let mut log =
                Log::load(ctx, TopicPartition::new("prices", 0), "data-0/prices-0", &settings, LoadOptions::default())
                    .expect("a healthy disk");
            for number in 0..CLEANED_RECORDS / BATCH {
                log.append_as_leader(ctx, batch(number), LeaderEpoch(0), AppendOrigin::Client).expect("a valid batch");
            }
            let end = log.log_end_offset();
            log.update_high_watermark(ctx, end);
            log
        });
        DirtyLog { storage, log }
    }

    /// Runs a pass over all of it but the active segment. Returns how many records it read, and how many it kept.
    pub fn clean(&mut self) -> (u64, u64) {
        let DirtyLog { storage, log } = self;
        with(storage, |ctx| {
            let dirt = log.dirt(ctx, None).expect("a healthy disk");
            let mut pass = CleaningPass::begin(ctx, log, &dirt, &LogManagerSettings::default());
            loop {
                match pass.step(ctx, log).expect("a healthy log") {
                    CleaningProgress::Working => {}
                    CleaningProgress::Written(_) => pass.synced(),
                    CleaningProgress::Done { .. } => break,
                }
            }
            (pass.stats().records_read, pass.stats().records_kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_that_is_timed_keeps_the_last_record_of_each_key() {
        let mut dirty = DirtyLog::new();
        let active = dirty.log.log_end_offset() - dirty.log.active_segment_base_offset();
        let (read, kept) = dirty.clean();
        assert_eq!((read, kept), (CLEANED_RECORDS - active as u64, KEYS));
    }
}
