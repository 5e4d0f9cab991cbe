//! The cluster's metadata: records of the `__cluster_metadata` log and the image they add up to.
//!
//! This module lies below controller, partition and api: they all speak of metadata,
//! and none of them owns it.

mod codec;
mod image;
mod record;
mod registration;
mod transactions;

#[cfg(test)]
mod tests;

pub use crate::flexible::RecordDecodeError;
pub use image::*;
pub use record::*;
pub use registration::*;
pub use transactions::TransactionFilter;

use crate::ids::{LeaderEpoch, Offset};

/// A piece of committed metadata on its way from the quorum to the broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataUpdate {
    /// Whether this replaces everything known (a snapshot), instead of adding to it.
    pub is_snapshot: bool,
    /// The offset of the last record in it, data and control records alike.
    pub last_offset: Offset,
    /// The quorum epoch of the last record in it.
    pub last_epoch: LeaderEpoch,
    /// The records, in order, each with its offset.
    pub records: Vec<(Offset, MetadataRecord)>,
}

/// The feature that says which metadata records may be written; 27 is 4.1-IV1.
pub const METADATA_VERSION: &str = "metadata.version";
/// The feature that keeps eligible leader replicas (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";
/// The feature of the transaction protocol (KIP-890); 2 bumps the epoch with every transaction.
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// The feature of the consumer group protocol (KIP-848).
pub const GROUP_VERSION: &str = "group.version";

/// The features that a 4.1 process supports: (name, lowest, highest level).
pub fn supported_features() -> Vec<(String, i16, i16)> {
    [
        (ELIGIBLE_LEADER_REPLICAS_VERSION, 0, 1),
        (GROUP_VERSION, 0, 1),
        ("kraft.version", 0, 1),
        (METADATA_VERSION, 7, 27),
        ("share.version", 0, 1),
        (TRANSACTION_VERSION, 0, 2),
    ]
    .map(|(name, low, high)| (name.to_owned(), low, high))
    .to_vec()
}

/// What `kafka-storage format` of 4.1 leaves for the first active controller to write.
///
/// `changes` replace levels (0 leaves a feature out), as `--feature name=level` does.
pub fn bootstrap_records(changes: &[(&str, i16)]) -> Vec<MetadataRecord> {
    let defaults =
        [(METADATA_VERSION, 27), (ELIGIBLE_LEADER_REPLICAS_VERSION, 1), (GROUP_VERSION, 1), (TRANSACTION_VERSION, 2)];
    let level_of = |name: &str, default: i16| {
        changes.iter().find(|(changed, _)| *changed == name).map_or(default, |(_, level)| *level)
    };
    defaults
        .into_iter()
        .map(|(name, default)| (name, level_of(name, default)))
        .filter(|(_, level)| *level != 0)
        .map(|(name, level)| MetadataRecord::FeatureLevel { name: name.to_owned(), level })
        .collect()
}
