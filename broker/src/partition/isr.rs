//! The in-sync set as its leader knows it (`PartitionState` of `Partition.scala`; KIP-497, KIP-841).
//!
//! The set in force is the one that the controller has committed. While a change is
//! proposed, the leader does not know whether the controller has already taken it, so
//! it must act as if both sets were in force at once: that is the *maximal* ISR.
//!
//! ```text
//!                  a follower has caught up
//!              ┌────────────────────────────────▶ PendingExpand   maximal = isr ∪ {added}
//!   Committed ─┤
//!              └────────────────────────────────▶ PendingShrink   maximal = isr (the old, larger set)
//!       ▲          a member lags                       │
//!       └──────────────────────────────────────────────┘
//!         the controller's answer, or newer metadata
//! ```
//!
//! Both pending sets contain every set that might be in force, so the high watermark,
//! which needs all of the maximal ISR, is never ahead of what a new leader holds.

use std::collections::BTreeSet;

use crate::ids::NodeId;
use crate::message::AlterPartitionProposal;

/// What the leader knows of the in-sync set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IsrState {
    /// The set that the controller has committed, as far as this leader has heard.
    Committed {
        /// The set.
        isr: BTreeSet<NodeId>,
    },
    /// A follower is to enter; it already holds the high watermark back.
    PendingExpand {
        /// The set last committed.
        isr: BTreeSet<NodeId>,
        /// The follower.
        added: NodeId,
        /// What was proposed.
        sent: AlterPartitionProposal,
    },
    /// Followers are to leave; they still hold the high watermark back.
    PendingShrink {
        /// The set last committed.
        isr: BTreeSet<NodeId>,
        /// The followers.
        removed: BTreeSet<NodeId>,
        /// What was proposed.
        sent: AlterPartitionProposal,
    },
}

impl IsrState {
    /// The set last committed.
    pub fn committed(&self) -> &BTreeSet<NodeId> {
        match self {
            IsrState::Committed { isr } | IsrState::PendingExpand { isr, .. } | IsrState::PendingShrink { isr, .. } => {
                isr
            }
        }
    }

    /// Whether `replica` is in the maximal ISR.
    pub fn is_in_maximal(&self, replica: NodeId) -> bool {
        match self {
            IsrState::Committed { isr } | IsrState::PendingShrink { isr, .. } => isr.contains(&replica),
            IsrState::PendingExpand { isr, added, .. } => *added == replica || isr.contains(&replica),
        }
    }

    /// The maximal ISR: every set that may be in force is a part of it.
    pub fn maximal(&self) -> BTreeSet<NodeId> {
        match self {
            IsrState::Committed { isr } | IsrState::PendingShrink { isr, .. } => isr.clone(),
            IsrState::PendingExpand { isr, added, .. } => isr.iter().copied().chain([*added]).collect(),
        }
    }

    /// The proposal whose answer is awaited, if any. While there is one, no other change is even computed.
    pub fn pending(&self) -> Option<&AlterPartitionProposal> {
        match self {
            IsrState::Committed { .. } => None,
            IsrState::PendingExpand { sent, .. } | IsrState::PendingShrink { sent, .. } => Some(sent),
        }
    }

    /// The state without the proposal: what holds when the controller says that it did not take it.
    pub fn reverted(&self) -> IsrState {
        IsrState::Committed { isr: self.committed().clone() }
    }
}
