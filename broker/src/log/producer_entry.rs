//! What a partition remembers of one producer, and how a batch changes it
//! (`ProducerStateEntry`, `ProducerAppendInfo`; KIP-98).
//!
//! The last five batches are kept, because an idempotent producer may have five
//! requests under way: any of them may arrive again.

use std::collections::VecDeque;

use super::{AppendOrigin, RefuseReason};
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::message::ErrorCode;
use crate::record::{BatchView, EndTransactionMarker, NO_SEQUENCE, NO_TIMESTAMP, subtract_from_sequence};

/// How many batches of a producer are remembered.
pub const BATCHES_TO_RETAIN: usize = 5;

/// A batch as its producer's entry remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchMetadata {
    /// The last sequence number.
    pub last_sequence: i32,
    /// The last offset.
    pub last_offset: Offset,
    /// The last offset minus the first.
    pub offset_delta: i32,
    /// The largest timestamp.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// The first sequence number.
    pub fn first_sequence(&self) -> i32 {
        subtract_from_sequence(self.last_sequence, self.offset_delta)
    }

    /// The first offset.
    pub fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// What a partition remembers of one producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerEntry {
    /// Who.
    pub producer_id: ProducerId,
    /// Its epoch; −1 while nothing is known.
    pub producer_epoch: ProducerEpoch,
    /// The epoch of the last coordinator that wrote a marker; −1 for none.
    pub coordinator_epoch: i32,
    /// The timestamp of its last batch or marker.
    pub last_timestamp: i64,
    /// Where its open transaction begins, if one is open.
    pub current_transaction_first_offset: Option<Offset>,
    /// Its last batches of this epoch, oldest first; at most five.
    pub batches: VecDeque<BatchMetadata>,
}

impl ProducerEntry {
    /// Nothing known of this producer.
    pub fn empty(producer_id: ProducerId) -> Self {
        ProducerEntry {
            producer_id,
            producer_epoch: ProducerEpoch::NONE,
            coordinator_epoch: -1,
            last_timestamp: NO_TIMESTAMP,
            current_transaction_first_offset: None,
            batches: VecDeque::new(),
        }
    }

    /// The last sequence number; −1 for none.
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The remembered batch with exactly this epoch and these sequence numbers.
    pub fn find_duplicate(&self, batch: &BatchView) -> Option<BatchMetadata> {
        if batch.producer_epoch() != self.producer_epoch {
            return None;
        }
        let (first, last) = (batch.base_sequence(), batch.last_sequence());
        self.batches.iter().find(|known| known.first_sequence() == first && known.last_sequence == last).copied()
    }

    fn adopt_epoch(&mut self, producer_epoch: ProducerEpoch) {
        if self.producer_epoch != producer_epoch {
            self.batches.clear();
            self.producer_epoch = producer_epoch;
        }
    }

    fn add_batch(&mut self, producer_epoch: ProducerEpoch, batch: BatchMetadata) {
        self.adopt_epoch(producer_epoch);
        self.remember(batch);
        self.last_timestamp = batch.timestamp;
    }

    fn remember(&mut self, batch: BatchMetadata) {
        if self.batches.len() == BATCHES_TO_RETAIN {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// Takes over what one append changed.
    pub(crate) fn update(&mut self, changed: ProducerEntry) {
        self.adopt_epoch(changed.producer_epoch);
        for batch in changed.batches {
            self.remember(batch);
        }
        self.coordinator_epoch = changed.coordinator_epoch;
        self.current_transaction_first_offset = changed.current_transaction_first_offset;
        self.last_timestamp = changed.last_timestamp;
    }
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CompletedTransaction {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    /// The marker's offset.
    pub(crate) last_offset: Offset,
    pub(crate) aborted: bool,
}

/// A refusal with what the event about it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerRefusal {
    pub(crate) error: ErrorCode,
    pub(crate) reason: RefuseReason,
    /// The sequence number that would have fitted.
    pub(crate) expected: i32,
}

/// What the batches of one append change for one producer: applied only once they are written.
#[derive(Clone, Debug)]
pub(crate) struct ProducerAppend {
    /// The producer's epoch before the append…
    epoch_before: ProducerEpoch,
    /// …and its last sequence number.
    last_sequence_before: i32,
    /// The changes: batches of this append only.
    updated: ProducerEntry,
    /// `None` for replication and recovery: what a leader has accepted is not questioned again.
    origin: Option<AppendOrigin>,
    check_sequences: bool,
    /// First offsets of the transactions that this append opens.
    pub(crate) started: Vec<Offset>,
}

impl ProducerAppend {
    pub(crate) fn new(current: &ProducerEntry, origin: Option<AppendOrigin>, check_sequences: bool) -> Self {
        ProducerAppend {
            epoch_before: current.producer_epoch,
            last_sequence_before: current.last_sequence(),
            updated: ProducerEntry { batches: VecDeque::new(), ..*current },
            origin,
            check_sequences,
            started: Vec::new(),
        }
    }

    /// Whose changes these are.
    pub(crate) fn producer_id(&self) -> ProducerId {
        self.updated.producer_id
    }

    pub(crate) fn into_changes(self) -> (ProducerEntry, Vec<Offset>) {
        (self.updated, self.started)
    }

    /// Adds a batch; a marker may complete a transaction.
    pub(crate) fn append(&mut self, batch: &BatchView) -> Result<Option<CompletedTransaction>, ProducerRefusal> {
        if batch.is_control() {
            // An empty control batch is what compaction leaves of a transaction: nothing to do.
            return match batch.end_transaction_marker() {
                Some((marker, timestamp)) => self.append_marker(batch, marker, timestamp),
                None => Ok(None),
            };
        }
        let metadata = BatchMetadata {
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset(),
            offset_delta: batch.last_offset_delta(),
            timestamp: batch.max_timestamp(),
        };
        self.append_data(batch.producer_epoch(), metadata, batch.base_sequence(), batch.is_transactional())?;
        Ok(None)
    }

    fn append_data(
        &mut self,
        epoch: ProducerEpoch,
        batch: BatchMetadata,
        first_sequence: i32,
        transactional: bool,
    ) -> Result<(), ProducerRefusal> {
        self.check_epoch(epoch)?;
        if self.origin == Some(AppendOrigin::Client) && self.check_sequences {
            self.check_sequence(epoch, first_sequence)?;
        }
        self.updated.add_batch(epoch, batch);
        let open = self.updated.current_transaction_first_offset;
        if open.is_some() && !transactional {
            // Simplified: Kafka refuses this from replication and recovery too (`ProducerAppendInfo.appendDataBatch`), which
            // then fail for good; a log that holds it was written by a leader with another rule, so there it is let pass.
            if self.origin.is_some() {
                return Err(self.refusal(ErrorCode::InvalidTxnState, RefuseReason::TransactionOpen));
            }
        } else if open.is_none() && transactional {
            let first_offset = batch.first_offset();
            self.updated.current_transaction_first_offset = Some(first_offset);
            self.started.push(first_offset);
        }
        Ok(())
    }

    fn append_marker(
        &mut self,
        batch: &BatchView,
        marker: EndTransactionMarker,
        timestamp: i64,
    ) -> Result<Option<CompletedTransaction>, ProducerRefusal> {
        self.check_epoch(batch.producer_epoch())?;
        if self.updated.coordinator_epoch > marker.coordinator_epoch && self.origin.is_some() {
            let reason = RefuseReason::StaleCoordinatorEpoch;
            return Err(self.refusal(ErrorCode::TransactionCoordinatorFenced, reason));
        }
        // A marker without an open transaction moves no last stable offset and needs no index entry.
        let completed = self.updated.current_transaction_first_offset.map(|first_offset| CompletedTransaction {
            producer_id: self.updated.producer_id,
            first_offset,
            last_offset: batch.base_offset(),
            aborted: !marker.commit,
        });
        self.updated.adopt_epoch(batch.producer_epoch());
        self.updated.coordinator_epoch = marker.coordinator_epoch;
        self.updated.current_transaction_first_offset = None;
        self.updated.last_timestamp = timestamp;
        Ok(completed)
    }

    fn check_epoch(&self, epoch: ProducerEpoch) -> Result<(), ProducerRefusal> {
        if epoch < self.updated.producer_epoch && self.origin.is_some() {
            return Err(self.refusal(ErrorCode::InvalidProducerEpoch, RefuseReason::StaleProducerEpoch));
        }
        Ok(())
    }

    fn check_sequence(&self, epoch: ProducerEpoch, first_sequence: i32) -> Result<(), ProducerRefusal> {
        let fits = if epoch != self.updated.producer_epoch {
            first_sequence == 0 || self.updated.producer_epoch == ProducerEpoch::NONE
        } else {
            // Without a known epoch (its records are gone by retention) any sequence number is accepted.
            let last = self.last_sequence(epoch);
            self.epoch_before == ProducerEpoch::NONE
                || i64::from(first_sequence) == i64::from(last) + 1
                || (first_sequence == 0 && last == i32::MAX)
        };
        if fits {
            return Ok(());
        }
        Err(self.refusal(ErrorCode::OutOfOrderSequenceNumber, RefuseReason::OutOfOrderSequence))
    }

    fn last_sequence(&self, epoch: ProducerEpoch) -> i32 {
        if !self.updated.batches.is_empty() {
            self.updated.last_sequence()
        } else if epoch == self.epoch_before {
            self.last_sequence_before
        } else {
            NO_SEQUENCE
        }
    }

    fn refusal(&self, error: ErrorCode, reason: RefuseReason) -> ProducerRefusal {
        let last = self.last_sequence(self.updated.producer_epoch);
        let expected = if last == i32::MAX { 0 } else { last + 1 };
        ProducerRefusal { error, reason, expected }
    }
}
