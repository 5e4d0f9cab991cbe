//! What the records of a shard say of a group: of which protocol it is, and what it is (`Group`).
//!
//! This is *hard* state: it changes by replay and can be taken back. What a leading
//! coordinator knows beyond it of a classic group (who waits for a join, whose session
//! runs) stands in [`super::classic`].

use super::consumer::ConsumerGroup;
use super::record::GroupMetadataValue;

/// A group, as its records tell it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Of the classic protocol, or a group that only has offsets.
    Classic(WrittenClassicGroup),
    /// Of the protocol of KIP-848.
    Consumer(ConsumerGroup),
}

/// A classic group as its last record says: what the next coordinator would begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WrittenClassicGroup {
    /// The record's value; none for a group that only has offsets (a *simple* group).
    pub metadata: Option<GroupMetadataValue>,
}
