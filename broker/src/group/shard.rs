//! One partition of `__consumer_offsets`: its groups, their offsets, their timers (`GroupCoordinatorShard`).
//!
//! The runtime asks ([`Shard::handle`], [`Shard::on_timers`], …), replays what the shard decided
//! ([`Shard::replay`]), and says how the writes ended ([`Shard::write_ended`]). It keeps a
//! [`ShardSnapshot`] of what is committed: it reads from it ([`Shard::read`]), and goes back
//! to it when a write fails ([`Shard::revert`]).
//!
//! ```text
//!   hard   what the records add up to: groups as they are written, offsets     replay, revert
//!   soft   classic groups as they are, timers                                   at once; lost with the coordinator
//! ```
//!
//! Requests are answered in the files beside this one: `groups.rs` those of members,
//! `committing.rs` those about offsets, `admin.rs` those of administrators.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classic::{ClassicGroup, ClassicMember, Turn, TurnContext};
use super::consumer::{ConsumerGroup, ConsumerSoftState, ReplayError};
use super::contract::{AfterWrite, Decision, MetadataChange, RequestContext, WriteOutcome, error_for_clients};
use super::kind::{Group, WrittenClassicGroup};
use super::offsets::{OffsetStore, StoredOffset};
use super::record::GroupRecord;
use super::timers::{GroupTimer, Timers};
use crate::config::{Behaviour, GroupCoordinatorSettings, Hazard, Switch};
use crate::context::Context;
use crate::event::RebalanceReason;
use crate::ids::{GroupId, MemberId, Offset, ProducerEpoch, ProducerId};
use crate::message::{Request, Response};
use crate::metadata::MetadataImage;
use crate::time::Time;

/// What a shard's records add up to. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hard {
    /// The groups, in the order of their names.
    pub(super) groups: Arc<BTreeMap<GroupId, Arc<Group>>>,
    /// Their offsets. Invariant: each is of a group above.
    pub(super) offsets: OffsetStore,
}

/// The hard state of a shard at some offset. Cheap to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShardSnapshot {
    pub(super) hard: Hard,
}

impl ShardSnapshot {
    /// The first group in which two snapshots differ, by the order of ids.
    pub fn differs_in(&self, other: &ShardSnapshot) -> Option<GroupId> {
        let (one, two) = (&self.hard, &other.hard);
        let differs =
            |id: &&GroupId| one.groups.get(*id) != two.groups.get(*id) || one.offsets.of(id) != two.offsets.of(id);
        one.groups.keys().chain(two.groups.keys()).filter(differs).min().cloned()
    }
}

/// The state of one partition of `__consumer_offsets` on the broker that leads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    pub(super) config: Arc<GroupCoordinatorSettings>,
    pub(super) behaviour: Behaviour,
    pub(super) hard: Hard,
    /// Classic groups as they are. A group that is not here is as it is written, and nobody waits in it.
    pub(super) classic: BTreeMap<GroupId, Arc<ClassicGroup>>,
    /// Classic groups without members that are deleted by records that may be taken back: then they are as they were,
    /// and not as they were last written, perhaps with members that have gone since.
    deleted: BTreeMap<GroupId, Arc<ClassicGroup>>,
    /// What is remembered of KIP-848 groups besides their records.
    pub(super) consumer: ConsumerSoftState,
    pub(super) timers: Timers,
}

impl Shard {
    /// A shard that has replayed nothing.
    pub fn new(config: Arc<GroupCoordinatorSettings>, behaviour: Behaviour) -> Shard {
        Shard {
            config,
            behaviour,
            hard: Hard::default(),
            classic: BTreeMap::new(),
            deleted: BTreeMap::new(),
            consumer: ConsumerSoftState::default(),
            timers: Timers::default(),
        }
    }

    /// A request that may write, or that must see what is written and not committed yet (OffsetFetch with
    /// `require_stable`).
    ///
    /// # Panics
    /// If the request is none that a group coordinator's shard answers, or one for [`Shard::read`].
    pub fn handle(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &Request,
    ) -> Decision {
        let decision = match request {
            Request::JoinGroup(join) => self.join(ctx, image, who, join),
            Request::SyncGroup(sync) => self.sync(ctx, image, who, sync),
            Request::Heartbeat(heartbeat) => self.heartbeat(ctx, image, who, heartbeat),
            Request::LeaveGroup(leave) => self.leave(ctx, image, who, leave),
            Request::ConsumerGroupHeartbeat(beat) => self.consumer_heartbeat(ctx, image, who, beat),
            Request::OffsetCommit(commit) => self.commit_offsets(ctx, who, commit),
            Request::TxnOffsetCommit(commit) => self.commit_transactional_offsets(ctx, who, commit),
            Request::OffsetDelete(delete) => self.delete_offsets(ctx, who, delete),
            Request::OffsetFetch(fetch) => self.fetch_stable_offsets(who, fetch),
            Request::DeleteGroups(delete) => self.delete_groups(ctx, who, delete),
            other => panic!("{} is not answered by a group coordinator's shard", other.api().name()),
        };
        self.tell_refusals(ctx, who, request, &decision);
        decision
    }

    /// A request that reads what is committed: OffsetFetch without `require_stable`, ListGroups, DescribeGroups.
    /// `committed` is the snapshot at the last committed offset; of classic groups the present state is shown, as in Kafka.
    ///
    /// # Panics
    /// If the request is none of these.
    pub fn read(
        &self,
        _ctx: &mut Context<'_>,
        image: &MetadataImage,
        committed: &ShardSnapshot,
        who: &RequestContext,
        request: &Request,
    ) -> Response {
        match request {
            Request::OffsetFetch(fetch) => self.fetch_offsets(&committed.hard, who, fetch).into(),
            Request::ListGroups(list) => self.list_groups(&committed.hard, list).into(),
            Request::ConsumerGroupDescribe(describe) => {
                self.describe_consumer_groups(image, &committed.hard, describe).into()
            }
            Request::DescribeGroups(describe) => self.describe_groups(&committed.hard, who, describe).into(),
            other => panic!("{} is not read from a group coordinator's shard", other.api().name()),
        }
    }

    /// Takes a record in: one that was read while loading, or one of a decision, as soon as that is made.
    ///
    /// # Errors
    /// It cannot follow from those before it: a coordinator that loads fails, and live the write with its whole batch.
    pub fn replay(
        &mut self,
        offset: Offset,
        producer: Option<(ProducerId, ProducerEpoch)>,
        record: GroupRecord,
    ) -> Result<(), ReplayError> {
        match record {
            GroupRecord::OffsetCommit { group, partition, value: Some(value) } => {
                let producer = producer.map(|(id, _)| id);
                // Whoever commits without being in a group makes one that only has offsets.
                if !self.hard.groups.contains_key(&group) {
                    self.put_group(group.clone(), Group::Classic(WrittenClassicGroup::default()));
                }
                self.hard.offsets.put(&group, partition, producer, StoredOffset { value, record_offset: offset });
            }
            GroupRecord::OffsetCommit { group, partition, value: None } => self.hard.offsets.remove(&group, &partition),
            GroupRecord::GroupMetadata { group, value: Some(value) } => {
                self.put_group(group, Group::Classic(WrittenClassicGroup { metadata: Some(value) }));
            }
            GroupRecord::GroupMetadata { group, value: None } => {
                Arc::make_mut(&mut self.hard.groups).remove(&group);
                if let Some(empty) = self.classic.get(&group).filter(|live| live.is_deserted()) {
                    self.deleted.insert(group.clone(), Arc::clone(empty));
                }
                self.forget_classic(&group);
            }
            GroupRecord::ConsumerGroupMetadata { ref group, .. }
            | GroupRecord::ConsumerGroupPartitionMetadata { ref group }
            | GroupRecord::ConsumerGroupMemberMetadata { ref group, .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata { ref group, .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMember { ref group, .. }
            | GroupRecord::ConsumerGroupCurrentMemberAssignment { ref group, .. }
            | GroupRecord::ConsumerGroupRegularExpression { ref group, .. } => {
                let group = group.clone();
                self.replay_consumer(&group, record)?;
            }
        }
        Ok(())
    }

    fn put_group(&mut self, id: GroupId, group: Group) {
        Arc::make_mut(&mut self.hard.groups).insert(id, Arc::new(group));
    }

    /// A transaction's marker was read or written: its offsets count now, or never.
    pub fn replay_end_transaction(&mut self, producer_id: ProducerId, _producer_epoch: ProducerEpoch, committed: bool) {
        let always = self.behaviour.is(Switch::PendingOffsetsAlwaysApply);
        self.hard.offsets.end_transaction(producer_id, committed, always);
    }

    /// The partition has been read to its end: from now on this broker coordinates. Sessions begin at full length.
    pub fn loaded(&mut self, ctx: &mut Context<'_>, image: &MetadataImage) -> Vec<Decision> {
        self.arm_expiry(ctx);
        self.consumer_groups_loaded(ctx, image);
        let groups: Vec<GroupId> = self.hard.groups.keys().cloned().collect();
        let max = self.config.classic_max_size as usize;
        let load = |turn: &mut Turn<'_, '_>| {
            let members: Vec<MemberId> = turn.group.members.keys().cloned().collect();
            members.iter().for_each(|member| turn.restart_session(member));
            if members.len() > max {
                turn.prepare_rebalance(RebalanceReason::TooLarge);
            }
        };
        groups.iter().filter_map(|group| self.turn(ctx, group, load)).map(|(decision, ())| decision).collect()
    }

    /// This broker does not coordinate any longer: timers stop, and all who wait in a group are told to look elsewhere.
    pub fn unloaded(&mut self, ctx: &mut Context<'_>) -> Decision {
        let groups: Vec<GroupId> = self.classic.keys().cloned().collect();
        let mut told = Decision::default();
        for group in groups {
            let turn = self.turn_of(ctx, &group, |turn| turn.unload());
            told.replies.extend(turn.into_iter().flat_map(|(decision, ())| decision.replies));
        }
        self.classic.clear();
        self.deleted.clear();
        self.consumer = ConsumerSoftState::default();
        self.timers.clear();
        told
    }

    /// The cluster's metadata changed: offsets of topics that are no more are forgotten.
    pub fn metadata_changed(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        change: &MetadataChange,
    ) -> Vec<Decision> {
        self.topics_changed(image, &change.changed_topics, change.topics_created);
        let records = self.tombstones_of_deleted(ctx, &change.deleted);
        let is_nothing = records.is_empty();
        if is_nothing { Vec::new() } else { vec![Decision { records, may_be_parted: true, ..Decision::default() }] }
    }

    /// When [`Shard::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    /// All that is waited for, with its meaning.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Does what is due, up to the first decision that writes: replay it, and call again while something is due.
    pub fn on_timers(&mut self, ctx: &mut Context<'_>, image: &MetadataImage) -> Vec<Decision> {
        let mut decisions = Vec::new();
        while let Some(timer) = self.timers.take_due(ctx.now.monotonic) {
            let decision = self.fire(ctx, image, timer);
            let writes = !decision.records.is_empty();
            if decision != Decision::default() {
                decisions.push(decision);
            }
            if writes {
                break;
            }
        }
        decisions
    }

    fn fire(&mut self, ctx: &mut Context<'_>, image: &MetadataImage, timer: GroupTimer) -> Decision {
        let turn = match timer {
            GroupTimer::ClassicJoin { group } => self.turn(ctx, &group, |turn| turn.join_timed_out()),
            GroupTimer::ClassicSync { group } => self.turn(ctx, &group, |turn| turn.sync_timed_out()),
            GroupTimer::ClassicSession { group, member } => {
                self.turn(ctx, &group, |turn| turn.session_expired(&member))
            }
            GroupTimer::OffsetExpiry => Some((self.expire(ctx), ())),
            GroupTimer::ConsumerSession { .. }
            | GroupTimer::ConsumerRebalance { .. }
            | GroupTimer::ConsumerJoin { .. }
            | GroupTimer::ConsumerSync { .. }
            | GroupTimer::ConsumerRegex { .. } => Some((self.fire_consumer(ctx, image, timer), ())),
        };
        turn.map(|(decision, ())| decision).unwrap_or_default()
    }

    /// A write of this shard's has ended: its records are committed, or taken back.
    pub fn write_ended(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        after: AfterWrite,
        outcome: WriteOutcome,
    ) -> Decision {
        let outcome = outcome.map_err(error_for_clients);
        let turn = match after {
            AfterWrite::ClassicParked { group, handle } => self.turn_of(ctx, &group, |turn| {
                if let Err(error) = outcome {
                    turn.parked_failed(handle, error);
                }
            }),
            AfterWrite::ClassicAssignment { group, generation, assignments, handle } => {
                self.turn_of(ctx, &group, |turn| {
                    turn.assignment_written(generation, &assignments, outcome);
                    if let Err(error) = outcome {
                        turn.parked_failed(handle, error);
                    }
                })
            }
            AfterWrite::ConsumerTimer { .. }
            | AfterWrite::ConsumerUpgraded { .. }
            | AfterWrite::ConsumerClassicJoined { .. }
            | AfterWrite::ConsumerClassicSynced { .. } => {
                self.consumer_write_ended(ctx, image, after, outcome);
                None
            }
            AfterWrite::ClassicStaticMember { group, replacement } => self.turn_of(ctx, &group, |turn| match outcome {
                Ok(()) => turn.static_member_written(&replacement),
                Err(error) => turn.static_member_not_written(&replacement, error),
            }),
        };
        if outcome.is_err() {
            self.sweep();
        }
        turn.map(|(decision, ())| decision).unwrap_or_default()
    }

    /// How many groups it has.
    pub fn group_count(&self) -> usize {
        self.hard.groups.len()
    }

    /// A KIP-848 group of this shard.
    pub fn consumer_group(&self, id: &GroupId) -> Option<&ConsumerGroup> {
        match self.hard.groups.get(id).map(Arc::as_ref)? {
            Group::Consumer(group) => Some(group),
            Group::Classic(_) => None,
        }
    }

    /// A classic group of this shard, as it is; none if nobody has asked anything of it since the coordinator loaded.
    pub fn known_classic_group(&self, id: &GroupId) -> Option<&ClassicGroup> {
        self.classic.get(id).map(Arc::as_ref)
    }

    /// The hard state as it is now.
    pub fn snapshot(&self) -> ShardSnapshot {
        ShardSnapshot { hard: self.hard.clone() }
    }

    /// Takes the hard state back to what it was: a write failed. Call it before [`Shard::write_ended`].
    pub fn revert(&mut self, snapshot: &ShardSnapshot) {
        self.hard = snapshot.hard.clone();
        for (id, group) in std::mem::take(&mut self.deleted) {
            if self.is_classic(&id) {
                self.classic.entry(id).or_insert(group);
            }
        }
        self.sweep();
    }

    /// What has been replayed is in the log: it is not taken back any more.
    pub fn appended(&mut self) {
        self.deleted.clear();
    }

    /// Forgets classic groups that were never written and in which nobody waits any longer.
    fn sweep(&mut self) {
        let is_left = |id: &GroupId, group: &ClassicGroup| !self.is_classic(id) && !group.has_unanswered();
        let left = self.classic.iter().filter(|(id, group)| is_left(id, group)).map(|(id, _)| id.clone());
        for group in left.collect::<Vec<_>>() {
            self.forget_classic(&group);
        }
    }

    /// Whether records say that this is a classic group.
    pub(super) fn is_classic(&self, group: &GroupId) -> bool {
        match self.hard.groups.get(group).map(Arc::as_ref) {
            Some(Group::Classic(_)) => true,
            Some(Group::Consumer(_)) | None => false,
        }
    }

    fn forget_classic(&mut self, group: &GroupId) {
        self.classic.remove(group);
        self.timers.cancel_classic(group);
    }

    /// One step with a classic group that records know.
    pub(super) fn turn<T>(
        &mut self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        step: impl FnOnce(&mut Turn<'_, '_>) -> T,
    ) -> Option<(Decision, T)> {
        let Group::Classic(written) = self.hard.groups.get(group).map(Arc::as_ref)? else { return None };
        if !self.classic.contains_key(group) {
            let loaded = ClassicGroup::from_written(group, written.metadata.as_ref());
            self.classic.insert(group.clone(), Arc::new(loaded));
        }
        self.turn_of(ctx, group, step)
    }

    /// One step with a classic group that this coordinator knows, written or not.
    pub(super) fn turn_of<T>(
        &mut self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        step: impl FnOnce(&mut Turn<'_, '_>) -> T,
    ) -> Option<(Decision, T)> {
        let group = Arc::make_mut(self.classic.get_mut(group)?);
        let at = TurnContext { ctx, timers: &mut self.timers, config: &self.config, behaviour: &self.behaviour };
        let mut turn = Turn::new(at, group);
        let outcome = step(&mut turn);
        Some((turn.decision, outcome))
    }

    /// What must hold between two steps.
    pub fn assert_invariants(&self) {
        self.timers.assert_invariants();
        self.hard.offsets.assert_invariants();
        for (group, _) in self.hard.offsets.groups() {
            assert!(self.hard.groups.contains_key(group), "{group} has offsets and does not exist");
        }
        let owners_are_exact = !self.behaviour.is(Switch::PartitionEpochLostOnReassign);
        for group in self.hard.groups.values() {
            if let Group::Consumer(group) = group.as_ref() {
                group.assert_invariants(owners_are_exact);
            }
        }
        for (id, group) in &self.classic {
            assert!(self.is_classic(id), "{id} is a classic group that no record knows");
            group.assert_invariants();
            self.assert_timers(group);
        }
    }

    /// Nobody is waited for without an end: each phase and each member has its timer. In Kafka a static member that came back may
    /// have none: [`Hazard::SlowReturnHasNoSession`].
    fn assert_timers(&self, group: &ClassicGroup) {
        let id = &group.id;
        let is_armed = |timer: GroupTimer| self.timers.deadline(&timer).is_some();
        let joins = is_armed(GroupTimer::ClassicJoin { group: id.clone() });
        assert_eq!(joins, group.state.is_preparing(), "{id}: joins are waited for in {}", group.state.name());
        let may_lack_one = !self.behaviour.mends(Hazard::SlowReturnHasNoSession);
        let expected =
            |member: &&ClassicMember| !(member.has_satisfied_heartbeat() || may_lack_one && member.instance.is_some());
        for member in group.members.values().filter(expected) {
            let session = GroupTimer::ClassicSession { group: id.clone(), member: member.id.clone() };
            assert!(is_armed(session), "{id}: the session of {} has no end", member.id);
        }
        for member in &group.pending_joins {
            let session = GroupTimer::ClassicSession { group: id.clone(), member: member.clone() };
            assert!(is_armed(session), "{id}: {member} may use its id for ever");
        }
    }
}
