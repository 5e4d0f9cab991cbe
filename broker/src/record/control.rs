//! Control records: what leaders and coordinators write between the data.

/// The type in a control record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// A transaction was aborted.
    Abort,
    /// A transaction was committed.
    Commit,
    /// A quorum leader begins its epoch (KIP-595).
    LeaderChange,
    /// First record of a metadata snapshot (KIP-630).
    SnapshotHeader,
    /// Last record of a metadata snapshot (KIP-630).
    SnapshotFooter,
    /// The level of kraft.version (KIP-853).
    KRaftVersion,
    /// The voter set (KIP-853).
    KRaftVoters,
}

/// The value of an abort or commit marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndTransactionMarker {
    /// Commit rather than abort.
    pub commit: bool,
    /// The epoch of the transaction coordinator's partition leader.
    pub coordinator_epoch: i32,
}
