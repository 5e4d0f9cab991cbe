//! WriteTxnMarkers (key 27, v1): how a transaction coordinator ends a transaction in the partitions that it wrote to (KIP-98).

use super::ErrorCode;
use crate::ids::{ProducerEpoch, ProducerId, TopicPartition};

/// Write these markers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteTxnMarkersRequest {
    /// One for each transaction that ends.
    pub markers: Vec<TxnMarker>,
}

/// The end of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnMarker {
    /// Whose transaction it is.
    pub producer_id: ProducerId,
    /// Which instance of it.
    pub producer_epoch: ProducerEpoch,
    /// Commit rather than abort.
    pub committed: bool,
    /// The leader epoch of the transaction coordinator's own partition: an older coordinator is refused.
    pub coordinator_epoch: i32,
    /// Where the transaction has written.
    pub partitions: Vec<TopicPartition>,
}

/// Which markers were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteTxnMarkersResponse {
    /// By producer, one answer a partition.
    pub markers: Vec<(ProducerId, Vec<(TopicPartition, ErrorCode)>)>,
}
