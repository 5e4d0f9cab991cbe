//! From fetched bytes to the application's records: Kafka's `CompletedFetch`.
//!
//! Control batches are not records: they only move the position. With
//! `isolation.level=read_committed` the batches of aborted transactions are left out:
//!
//! ```text
//!   aborted (7, from 0):   0 1 2 │ 3 4 │ abort 7 │ 6        a producer counts as aborted from
//!                          7 7 7 │ 9 9 │ marker  │ 7        its first offset to its abort marker
//!   returned:                      3 4             6
//! ```

use std::collections::{BTreeSet, VecDeque};

use crate::client::ConsumedRecord;
use crate::ids::{LeaderEpoch, Offset, ProducerId, TopicPartition};
use crate::message::{AbortedTransaction, IsolationLevel};
use crate::record::{BatchView, ControlType, RecordError, batches};

/// One thing that reading on comes across.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    Record(ConsumedRecord, LeaderEpoch),
    /// Nothing for the application up to this offset.
    Skip(Offset, LeaderEpoch),
    /// A batch that cannot be read.
    Corrupt,
}

/// What one answer brought for one partition and the application has not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FetchedRecords {
    pub partition: TopicPartition,
    /// The offset of the next record to return.
    pub next_offset: Offset,
    /// The epoch of the last batch that was entered.
    pub last_epoch: Option<LeaderEpoch>,
    items: VecDeque<Item>,
}

impl FetchedRecords {
    /// Decodes the batches of an answer to a fetch at `fetch_offset`. Records before it are
    /// left out: a broker sends whole batches.
    pub fn decode(
        partition: TopicPartition,
        fetch_offset: Offset,
        records: &bytes::Bytes,
        mut aborted: Vec<AbortedTransaction>,
        isolation: IsolationLevel,
        check_crcs: bool,
    ) -> FetchedRecords {
        aborted.sort_by_key(|transaction| transaction.first_offset);
        let mut reader = Reader {
            fetched: FetchedRecords { partition, next_offset: fetch_offset, last_epoch: None, items: VecDeque::new() },
            aborted: aborted.into(),
            aborted_producers: BTreeSet::new(),
            isolation,
            check_crcs,
        };
        for batch in batches(records) {
            let read = batch.and_then(|batch| reader.batch(&batch));
            if read.is_err() {
                reader.fetched.items.push_back(Item::Corrupt);
                break;
            }
        }
        reader.fetched
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The epoch of the next record, if one is left that can be read.
    pub fn next_epoch(&self) -> Option<LeaderEpoch> {
        self.items.iter().find_map(|item| match item {
            Item::Record(_, epoch) => Some(*epoch),
            Item::Skip(..) | Item::Corrupt => None,
        })
    }

    /// Up to `limit` records, moving `next_offset` behind what was passed. An unreadable
    /// batch ends it; if it comes first, that is an error, again and again.
    pub fn take(&mut self, limit: usize) -> Result<Vec<ConsumedRecord>, RecordError> {
        let mut taken = Vec::new();
        while taken.len() < limit {
            match self.items.front() {
                None => break,
                Some(Item::Corrupt) if taken.is_empty() => return Err(RecordError::InvalidChecksum),
                Some(Item::Corrupt) => break,
                Some(Item::Skip(..) | Item::Record(..)) => {}
            }
            match self.items.pop_front() {
                Some(Item::Record(record, epoch)) => {
                    self.next_offset = record.offset + 1;
                    self.last_epoch = Some(epoch);
                    taken.push(record);
                }
                Some(Item::Skip(offset, epoch)) => {
                    self.next_offset = self.next_offset.max(offset);
                    self.last_epoch = Some(epoch);
                }
                Some(Item::Corrupt) | None => unreachable!("looked at before"),
            }
        }
        Ok(taken)
    }
}

struct Reader {
    fetched: FetchedRecords,
    aborted: VecDeque<AbortedTransaction>,
    aborted_producers: BTreeSet<ProducerId>,
    isolation: IsolationLevel,
    check_crcs: bool,
}

impl Reader {
    fn batch(&mut self, batch: &BatchView) -> Result<(), RecordError> {
        if self.check_crcs && !batch.is_valid() {
            return Err(RecordError::InvalidChecksum);
        }
        let epoch = batch.leader_epoch();
        // Markers are looked at for what they end, although nobody gets to see them.
        let aborted = self.is_aborted(batch);
        if !aborted && !batch.is_control() {
            for record in batch.records()? {
                if record.offset < self.fetched.next_offset {
                    continue;
                }
                let consumed = ConsumedRecord {
                    partition: self.fetched.partition.clone(),
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                };
                self.fetched.items.push_back(Item::Record(consumed, epoch));
            }
        }
        // The batch's last offset may belong to a record that compaction removed.
        self.fetched.items.push_back(Item::Skip(batch.next_offset(), epoch));
        Ok(())
    }

    fn is_aborted(&mut self, batch: &BatchView) -> bool {
        let producer = batch.producer_id();
        if self.isolation != IsolationLevel::ReadCommitted || !producer.is_some() {
            return false;
        }
        while let Some(transaction) = self.aborted.front().filter(|first| first.first_offset <= batch.last_offset()) {
            self.aborted_producers.insert(transaction.producer_id);
            self.aborted.pop_front();
        }
        if batch.is_control() {
            if batch.control_type() == Some(ControlType::Abort) {
                self.aborted_producers.remove(&producer);
            }
            return false;
        }
        batch.is_transactional() && self.aborted_producers.contains(&producer)
    }
}
