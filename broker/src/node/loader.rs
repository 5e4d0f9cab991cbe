//! The metadata loader: from committed batches to updates of an image (`MetadataLoader`).
//!
//! Records inside a metadata transaction (KIP-868) are held back until the transaction ends,
//! and dropped if it is aborted: nobody below sees half of it.

use std::sync::Arc;

use crate::config::{Behaviour, Switch};
use crate::ids::{LeaderEpoch, Offset, UNKNOWN_OFFSET};
use crate::message::SnapshotId;
use crate::metadata::{MetadataImage, MetadataRecord, MetadataUpdate, TransactionFilter};
use crate::raft::CommittedBatch;
use bytes::Bytes;

/// Decodes committed metadata and keeps the image that it adds up to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Loader {
    image: MetadataImage,
    /// The last offset that the image contains; −1 before the first.
    last_offset: Offset,
    last_epoch: LeaderEpoch,
    /// When the last record of the image was appended, by the leader's wall clock, milliseconds.
    last_timestamp: i64,
    transaction: TransactionFilter,
    /// Bytes of records since the last snapshot.
    bytes_since_snapshot: i64,
    behaviour: Behaviour,
}

/// What came out of committed batches or a snapshot.
pub(super) struct Loaded {
    /// Every record, in order: what a controller replays.
    pub records: Vec<(Offset, MetadataRecord)>,
    /// The last offset they reach to.
    pub last_offset: Offset,
    /// What a broker may see of them; none inside a metadata transaction.
    pub update: Option<Arc<MetadataUpdate>>,
}

/// A record of the committed log that cannot be read: the process cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnreadableMetadata {
    pub offset: Offset,
}

impl Loader {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Loader {
            image: MetadataImage::default(),
            last_offset: UNKNOWN_OFFSET,
            last_epoch: LeaderEpoch::NONE,
            last_timestamp: -1,
            transaction: TransactionFilter::default(),
            bytes_since_snapshot: 0,
            behaviour,
        }
    }

    /// Takes committed batches.
    pub(super) fn load_batches(&mut self, batches: &[CommittedBatch]) -> Result<Loaded, UnreadableMetadata> {
        let mut records = Vec::new();
        let mut visible = Vec::new();
        for batch in batches {
            for (record, offset) in batch.records.iter().zip(batch.base_offset..) {
                self.bytes_since_snapshot += record.len() as i64;
                let decoded = MetadataRecord::decode(record).map_err(|_| UnreadableMetadata { offset })?;
                visible.extend(self.transaction.admit(offset, decoded.clone()));
                records.push((offset, decoded));
            }
            self.last_offset = batch.last_offset;
            self.last_epoch = batch.epoch;
            self.last_timestamp = batch.append_timestamp;
        }
        let update = self.publish(false, visible);
        Ok(Loaded { records, last_offset: self.last_offset, update })
    }

    /// Takes a snapshot, which replaces everything.
    pub(super) fn load_snapshot(&mut self, id: SnapshotId, records: &[Bytes]) -> Result<Loaded, UnreadableMetadata> {
        let offset = id.end_offset - 1;
        let mut visible = Vec::new();
        for record in records {
            visible.push((offset, MetadataRecord::decode(record).map_err(|_| UnreadableMetadata { offset })?));
        }
        self.image = MetadataImage::default();
        self.transaction.clear();
        self.bytes_since_snapshot = 0;
        self.last_offset = offset;
        self.last_epoch = id.epoch;
        let update = self.publish(true, visible.clone());
        Ok(Loaded { records: visible, last_offset: offset, update })
    }

    /// Applies what became visible. Nothing is published in the middle of a transaction, so
    /// that a published offset never promises records that are still held back.
    fn publish(
        &mut self,
        is_snapshot: bool,
        mut records: Vec<(Offset, MetadataRecord)>,
    ) -> Option<Arc<MetadataUpdate>> {
        if self.behaviour.is(Switch::ImageSkipsRecords) {
            records.retain(|(offset, record)| {
                offset % 100 != 0 || !matches!(record, MetadataRecord::PartitionChange { .. })
            });
        }
        for (offset, record) in &records {
            self.image.apply(*offset, record);
        }
        if self.transaction.open_since().is_some() {
            return None;
        }
        self.image.set_last_offset(self.last_offset);
        Some(Arc::new(MetadataUpdate {
            is_snapshot,
            last_offset: self.last_offset,
            last_epoch: self.last_epoch,
            records,
        }))
    }

    /// The committed image.
    pub(super) fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The snapshot that would hold the image, its last record's timestamp, and how many bytes of records it would save.
    pub(super) fn snapshot_candidate(&self) -> Option<(SnapshotId, i64, i64)> {
        (self.last_offset >= 0 && self.transaction.open_since().is_none()).then(|| {
            let id = SnapshotId { end_offset: self.last_offset + 1, epoch: self.last_epoch };
            (id, self.last_timestamp, self.bytes_since_snapshot)
        })
    }

    /// Says that a snapshot was written.
    pub(super) fn snapshot_written(&mut self) {
        self.bytes_since_snapshot = 0;
    }
}
