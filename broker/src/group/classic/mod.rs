//! Classic groups: members agree among themselves, and the coordinator only keeps them in step
//! (KIP-62, KIP-345, KIP-394, KIP-814; `GroupMetadataManager.classicGroup*`, `ClassicGroup`).
//!
//! ```text
//!              first join                     all have joined,            the leader's assignment
//!              3 s for others                 or the time is over         is committed
//!     Empty ────────────▶ PreparingRebalance ─────────────▶ CompletingRebalance ──────▶ Stable
//!       ▲                     │   ▲  ▲                          │                         │
//!       └──── nobody left ────┘   │  └─ somebody joins, leaves, ┘                         │
//!                                 │     falls silent, does not sync                       │
//!                                 └──── somebody joins, leaves, falls silent ─────────────┘
//! ```
//!
//! A join waits until all members have joined: that is the barrier of this protocol. Then the
//! leader, a member, computes the assignment and brings it with its sync; the others' syncs
//! wait for it. A sync is answered when the assignment is committed to the offsets topic.
//!
//! A classic group is *soft* state: it changes at once and lives with the coordinator. What is
//! written of it ([`super::kind::WrittenClassicGroup`]) is where the next coordinator begins.
//!
//! ```text
//!   state.rs         the states, and which may follow which
//!   member.rs        a member, and what of it waits
//!   group.rs         the group: who is in it, who leads, who votes for what
//!   turn.rs          one step of a coordinator with one group
//!   join.rs          JoinGroup                     rebalance.rs   from the call to the new generation
//!   static_member.rs a static member's return      sync.rs        SyncGroup, and the assignment's commit
//!   heartbeat.rs     Heartbeat, sessions           leave.rs       LeaveGroup
//!   written.rs       to and from records           subscription.rs  what topics members read
//! ```

mod group;
mod heartbeat;
mod join;
mod leave;
mod member;
mod rebalance;
mod state;
mod static_member;
mod subscription;
mod sync;
mod turn;
mod written;

pub use group::{CONSUMER_PROTOCOL_TYPE, ClassicGroup, MemberSays, Waiting};
pub use member::{ClassicMember, Parked};
pub use state::{ClassicState, InitialWindow};
pub use static_member::StaticReplacement;
pub use turn::{Turn, TurnContext};
