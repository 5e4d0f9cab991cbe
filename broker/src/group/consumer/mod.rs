//! Groups of the protocol of KIP-848: the coordinator decides who owns what, one heartbeat at a time.
//!
//! There is no join barrier and no leader. A member says what it wants and what it has in one request, the heartbeat,
//! and hears what it may have. Three epochs tell how far things are:
//!
//! ```text
//!   group epoch      grows with what members are there and what they want
//!   target epoch     the group epoch for which the target assignment was made      target epoch ≤ group epoch
//!   member epoch     the target epoch that a member has reached                    member epoch ≤ target epoch
//!
//!   heartbeat ──▶ member changed? ──▶ group epoch + 1 ──▶ new target ──▶ one step of this member towards it ──▶ answer
//! ```
//!
//! What others must do they hear at their own heartbeats. A partition moves when its owner has said that it gave it up
//! and the next one asks: the owner map ([`PartitionEpochs`]) is what keeps it from being owned twice.
//!
//! ```text
//!   group.rs           the group: hard state, changed by replay only             ConsumerGroup
//!   replay.rs          records 3 to 8 and 16 taken in
//!   member.rs          a member                                                  ConsumerGroupMember
//!   owners.rs          in which epoch each partition is owned                    currentPartitionEpoch
//!   reconcile.rs       one step of a member towards its target                   CurrentAssignmentBuilder
//!   subscriptions.rs   which topics are wanted, and their hash                   SubscriptionCount, Utils
//!   target.rs          the target assignment                                     TargetAssignmentBuilder
//!   heartbeat.rs       a heartbeat, a join                                       consumerGroupHeartbeat
//!   step.rs            what it has in common with a join of the classic protocol
//!   fence.rs           who leaves, and who is made to                            consumerGroupLeave, consumerGroupFenceMembers
//!   regex.rs           topics by expression                                      maybeUpdateRegularExpressions
//!   timers.rs          sessions and rebalances that take too long
//!   describe.rs        what administrators hear                                  asDescribedGroup
//!   offsets.rs         who may commit and fetch offsets                          validateOffsetCommit
//! ```
//!
//! A group may have a session timeout and a heartbeat interval of its own (`GroupConfig`): its members hear of them with their
//! next heartbeats.
//!
//! Simplified: nobody is refused to see a topic, since there are no authorizers; share and streams groups do not exist.

mod describe;
mod fence;
mod group;
mod heartbeat;
mod member;
mod offsets;
mod owners;
mod reconcile;
mod regex;
mod replay;
pub(crate) mod step;
mod subscriptions;
mod target;
mod timers;

#[cfg(test)]
mod tests;

pub use fence::{Goodbye, fence_members, leave};
pub use group::{ConsumerGroup, GroupState};
pub use heartbeat::heartbeat;
pub use member::{JOIN_EPOCH, LEAVE_EPOCH, LEAVE_STATIC_EPOCH, Member, MemberState};
pub use owners::{PartitionEpochs, StillOwned};
pub use regex::{RegexWork, regexes_resolved};
pub use replay::{ReplayError, Replayed, is_tombstone};
pub use subscriptions::Subscriptions;
pub(crate) use timers::RETRY_BACKOFF;
pub use timers::{ConsumerSoftState, TimerFate};

use super::record::GroupRecord;
use super::timers::Timers;
use crate::config::{Behaviour, GroupCoordinatorSettings, GroupSettings};
use crate::context::Context;
use crate::event::GroupEvent;
use crate::ids::GroupId;
use crate::message::{ConfigResource, ErrorCode};
use crate::metadata::MetadataImage;

/// What a group's rules may see and touch besides the group.
pub struct Coordination<'a, 'c> {
    /// Time, choices, events.
    pub ctx: &'a mut Context<'c>,
    /// The cluster's metadata.
    pub image: &'a MetadataImage,
    /// The broker's settings.
    pub settings: &'a GroupCoordinatorSettings,
    /// Which Kafka this is.
    pub behaviour: &'a Behaviour,
    /// The shard's timers.
    pub timers: &'a mut Timers,
    /// What the shard remembers of groups of this kind besides their records.
    pub soft: &'a mut ConsumerSoftState,
    /// What happened, until it is sure that it did: a request may still be refused.
    pub said: Vec<GroupEvent>,
}

impl<'a, 'c> Coordination<'a, 'c> {
    /// Nothing has happened yet.
    pub fn new(
        ctx: &'a mut Context<'c>,
        image: &'a MetadataImage,
        settings: &'a GroupCoordinatorSettings,
        behaviour: &'a Behaviour,
        timers: &'a mut Timers,
        soft: &'a mut ConsumerSoftState,
    ) -> Self {
        Coordination { ctx, image, settings, behaviour, timers, soft, said: Vec::new() }
    }

    /// A group's own settings, or the broker's where it has none.
    pub fn settings_of(&self, group: &GroupId) -> GroupSettings {
        self.settings.of_group(self.image.config(&ConfigResource::Group(group.clone())))
    }

    /// Something happens, unless what it is part of is refused.
    pub(crate) fn say(&mut self, event: GroupEvent) {
        self.said.push(event);
    }

    /// It is done: what happened is told. If it is refused instead, this is not called.
    pub fn tell(&mut self) {
        for event in std::mem::take(&mut self.said) {
            self.ctx.emit(event);
        }
    }
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As clients see it.
    pub error: ErrorCode,
    /// In words.
    pub message: String,
}

impl Refusal {
    /// A refusal with its reason in words.
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { error, message: message.into() }
    }
}

/// What a request leads to: records to write, and the answer once they are written.
pub type Outcome<T> = Result<(Vec<GroupRecord>, T), Refusal>;
