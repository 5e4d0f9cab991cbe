//! What the leader gathers before it writes (`BatchAccumulator`, append linger 25 ms).
//!
//! Records get their offsets when they are accepted, before they are in the log: the
//! controller applies them to its own memory at once. They are written together when the
//! linger is over, or as soon as a batch is full or a control batch waits.
//!
//! ```text
//!   accept ──▶ [current batch] ──full, or linger over──▶ [completed] ──drain──▶ log
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::ids::{LeaderEpoch, Offset};
use crate::record::{BatchBuilder, ControlType};
use crate::time::{Now, Time};

/// What one record costs in a batch beyond its value, at most: length, attributes, deltas, key, headers.
const RECORD_OVERHEAD: usize = 21;
/// A batch's header.
const BATCH_OVERHEAD: usize = 61;

/// Accepted records that are not in the log yet.
///
/// Invariant: the batches are without gaps, from the log end offset to `next_offset`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Accumulator {
    epoch: LeaderEpoch,
    next_offset: Offset,
    completed: VecDeque<Bytes>,
    current: Option<BatchBuilder>,
    current_timestamp: i64,
    linger_until: Option<Time>,
    linger: Duration,
    max_batch_size: usize,
}

impl Accumulator {
    pub(super) fn new(epoch: LeaderEpoch, base_offset: Offset, linger: Duration, max_batch_size: usize) -> Self {
        Accumulator {
            epoch,
            next_offset: base_offset,
            completed: VecDeque::new(),
            current: None,
            current_timestamp: 0,
            linger_until: None,
            linger,
            max_batch_size,
        }
    }

    /// Accepts records, all of them in one batch; answers the last one's offset.
    pub(super) fn append(&mut self, now: Now, records: &[Bytes]) -> Offset {
        assert!(!records.is_empty(), "an append without records");
        let needed: usize = records.iter().map(|record| record.len() + RECORD_OVERHEAD).sum();
        assert!(
            needed + BATCH_OVERHEAD <= self.max_batch_size,
            "{needed} bytes of records do not fit into one batch of {}",
            self.max_batch_size
        );
        if self.current.as_ref().is_some_and(|batch| batch.estimated_size() + needed > self.max_batch_size) {
            self.complete_current();
        }
        if self.current.is_none() {
            self.current = Some(BatchBuilder::new(self.next_offset).leader_epoch(self.epoch));
            self.current_timestamp = now.wall.millis();
        }
        let batch = self.current.as_mut().expect("a batch was begun just now");
        for record in records {
            batch.push(self.current_timestamp, None, Some(record), &[]);
        }
        self.linger_until.get_or_insert(now.monotonic + self.linger);
        self.next_offset += records.len() as Offset;
        self.next_offset - 1
    }

    /// Accepts a batch of control records, which is written at the next opportunity.
    pub(super) fn append_control(&mut self, now: Now, records: &[(ControlType, Bytes)]) {
        self.complete_current();
        self.linger_until = None;
        let mut batch = BatchBuilder::new(self.next_offset).leader_epoch(self.epoch);
        for (control, value) in records {
            batch = batch.append_control(now.wall.millis(), *control, value);
        }
        self.completed.push_back(batch.build());
        self.next_offset += records.len() as Offset;
    }

    /// When there is something to write; none while nothing was accepted.
    pub(super) fn drain_deadline(&self) -> Option<Time> {
        if self.completed.is_empty() { self.linger_until } else { Some(Time::ZERO) }
    }

    /// Everything accepted, batch by batch.
    pub(super) fn drain(&mut self) -> VecDeque<Bytes> {
        self.complete_current();
        self.linger_until = None;
        std::mem::take(&mut self.completed)
    }

    fn complete_current(&mut self) {
        if let Some(batch) = self.current.take() {
            self.completed.push_back(batch.build());
        }
    }
}
