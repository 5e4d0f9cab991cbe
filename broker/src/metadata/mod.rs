//! The cluster's metadata: records of the `__cluster_metadata` log and the image they add up to.
//!
//! This module lies below controller, partition and api: they all speak of metadata,
//! and none of them owns it.

mod record;

pub use record::*;

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
