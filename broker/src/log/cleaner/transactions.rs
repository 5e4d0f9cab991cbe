//! What a pass must know of transactions (`CleanedTransactionMetadata`).
//!
//! Data of aborted transactions is dropped. A marker is needed as long as any batch of its transaction is left: a reader
//! must learn how it ended. An abort that is still needed is noted in the new segment's transaction index too.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Offset, ProducerId};
use crate::log::AbortedTransactionEntry;
use crate::record::{BatchView, ControlType, RecordError};

/// Which transactions the walk is inside of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct CleanedTransactions {
    /// Producers of whose committed (or still open) transaction a batch was seen.
    committed: BTreeSet<ProducerId>,
    /// Aborted transactions that the walk has reached, and whether a batch of theirs was seen.
    aborted: BTreeMap<ProducerId, (AbortedTransactionEntry, bool)>,
    /// Aborted transactions that lie ahead, by their first offset.
    ahead: BTreeMap<(Offset, ProducerId), AbortedTransactionEntry>,
}

/// What is to be done with a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MarkerFate {
    /// Nothing of its transaction is left.
    pub(super) is_spent: bool,
    /// The abort that the new segment's index must know of.
    pub(super) aborted: Option<AbortedTransactionEntry>,
}

impl CleanedTransactions {
    /// Adds what transaction indexes say of the stretch ahead; an entry may come twice.
    pub(super) fn add_aborted(&mut self, entries: impl IntoIterator<Item = AbortedTransactionEntry>) {
        self.ahead.extend(entries.into_iter().map(|entry| ((entry.first_offset, entry.producer_id), entry)));
    }

    fn reach(&mut self, offset: Offset) {
        while let Some(first) = self.ahead.first_entry().filter(|entry| entry.key().0 <= offset) {
            let entry = first.remove();
            self.aborted.entry(entry.producer_id).or_insert((entry, false));
        }
    }

    /// Passes a data batch; whether it was aborted.
    pub(super) fn on_data(&mut self, batch: &BatchView) -> bool {
        self.reach(batch.last_offset());
        if !batch.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&batch.producer_id()) {
            Some((_, was_seen)) => {
                *was_seen = true;
                true
            }
            None => {
                self.committed.insert(batch.producer_id());
                false
            }
        }
    }

    /// Passes a control batch.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub(super) fn on_control(&mut self, batch: &BatchView) -> Result<MarkerFate, RecordError> {
        self.reach(batch.last_offset());
        let records = batch.records()?;
        // An empty one was cleaned before: only its header is of use.
        let Some(record) = records.first() else { return Ok(MarkerFate { is_spent: true, aborted: None }) };
        let control = record.key.as_deref().and_then(ControlType::from_key);
        Ok(match control {
            Some(ControlType::Abort) => match self.aborted.remove(&batch.producer_id()) {
                Some((entry, true)) => MarkerFate { is_spent: false, aborted: Some(entry) },
                Some((_, false)) | None => MarkerFate { is_spent: true, aborted: None },
            },
            Some(ControlType::Commit) => {
                MarkerFate { is_spent: !self.committed.remove(&batch.producer_id()), aborted: None }
            }
            // Not a transaction's.
            Some(
                ControlType::LeaderChange
                | ControlType::SnapshotHeader
                | ControlType::SnapshotFooter
                | ControlType::KRaftVersion
                | ControlType::KRaftVoters,
            )
            | None => MarkerFate { is_spent: false, aborted: None },
        })
    }
}
