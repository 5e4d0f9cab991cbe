//! One partition of `__consumer_offsets`: its groups, their offsets, their timers (`GroupCoordinatorShard`).
//!
//! The runtime asks ([`Shard::handle`], [`Shard::on_timers`], …), replays what the shard decided
//! ([`Shard::replay`]), and says how the writes ended ([`Shard::write_ended`]). It keeps a
//! [`ShardSnapshot`] of what is committed: it reads from it ([`Shard::read`]), and goes back
//! to it when a write fails ([`Shard::revert`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::contract::{AfterWrite, Decision, MetadataChange, RequestContext, WriteOutcome};
use super::kind::Group;
use super::record::GroupRecord;
use super::timers::Timers;
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::ids::{GroupId, Offset, ProducerEpoch, ProducerId};
use crate::message::{Request, Response};
use crate::metadata::MetadataImage;
use crate::time::Time;

/// What a shard's records add up to. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Hard {
    groups: Arc<BTreeMap<GroupId, Arc<Group>>>,
}

/// The hard state of a shard at some offset. Cheap to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShardSnapshot {
    hard: Hard,
}

/// The state of one partition of `__consumer_offsets` on the broker that leads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    config: Arc<GroupCoordinatorSettings>,
    behaviour: Behaviour,
    hard: Hard,
    timers: Timers,
}

impl Shard {
    /// A shard that has replayed nothing.
    pub fn new(config: Arc<GroupCoordinatorSettings>, behaviour: Behaviour) -> Shard {
        Shard { config, behaviour, hard: Hard::default(), timers: Timers::default() }
    }

    /// A request that may write, or that must see what is written and not committed yet (OffsetFetch with
    /// `require_stable`).
    pub fn handle(
        &mut self,
        _ctx: &mut Context<'_>,
        _image: &MetadataImage,
        _who: &RequestContext,
        _request: &Request,
    ) -> Decision {
        Decision::default()
    }

    /// A request that reads what is committed: OffsetFetch, ListGroups, DescribeGroups, ConsumerGroupDescribe.
    /// `committed` is the snapshot at the last committed offset.
    pub fn read(
        &self,
        _ctx: &mut Context<'_>,
        _image: &MetadataImage,
        _committed: &ShardSnapshot,
        _who: &RequestContext,
        _request: &Request,
    ) -> Option<Response> {
        None
    }

    /// Takes a record in: one that was read while loading, or one of a decision, as soon as that is made.
    pub fn replay(&mut self, _offset: Offset, _producer: Option<(ProducerId, ProducerEpoch)>, _record: GroupRecord) {}

    /// A transaction's marker was read or written: its offsets count now, or never.
    pub fn replay_end_transaction(
        &mut self,
        _producer_id: ProducerId,
        _producer_epoch: ProducerEpoch,
        _committed: bool,
    ) {
    }

    /// The partition has been read to its end: from now on this broker coordinates. Sessions begin at full length.
    pub fn loaded(&mut self, _ctx: &mut Context<'_>, _image: &MetadataImage) -> Vec<Decision> {
        Vec::new()
    }

    /// This broker does not coordinate any longer: timers stop, and all who wait are told.
    pub fn unloaded(&mut self, _ctx: &mut Context<'_>) -> Decision {
        self.timers.clear();
        Decision::default()
    }

    /// The cluster's metadata changed.
    pub fn metadata_changed(
        &mut self,
        _ctx: &mut Context<'_>,
        _image: &MetadataImage,
        _change: &MetadataChange,
    ) -> Vec<Decision> {
        Vec::new()
    }

    /// When [`Shard::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    /// All that is waited for, with its meaning.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Does what is due.
    pub fn on_timers(&mut self, _ctx: &mut Context<'_>, _image: &MetadataImage) -> Vec<Decision> {
        Vec::new()
    }

    /// A write of this shard's has ended: its records are committed, or taken back.
    pub fn write_ended(
        &mut self,
        _ctx: &mut Context<'_>,
        _image: &MetadataImage,
        _after: AfterWrite,
        _outcome: WriteOutcome,
    ) -> Decision {
        Decision::default()
    }

    /// How many groups it has.
    pub fn group_count(&self) -> usize {
        self.hard.groups.len()
    }

    /// The hard state as it is now.
    pub fn snapshot(&self) -> ShardSnapshot {
        ShardSnapshot { hard: self.hard.clone() }
    }

    /// Takes the hard state back to what it was: a write failed. Call it before [`Shard::write_ended`].
    pub fn revert(&mut self, snapshot: &ShardSnapshot) {
        self.hard = snapshot.hard.clone();
    }

    /// What must hold between two steps.
    pub fn assert_invariants(&self) {
        self.timers.assert_invariants();
    }
}
