//! What a shard is asked about KIP-848 groups: by their members, of both protocols, and by their timers.
//!
//! The rules stand in `consumer/` and `migration/`; here they meet the shard's groups. A request to a group of the other
//! protocol may convert the group: an empty one always, one with members as [`super::migration`] says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::classic::{ClassicGroup, ClassicState};
use super::consumer::{
    self, ConsumerGroup, Coordination, Goodbye, JOIN_EPOCH, Member, RETRY_BACKOFF, Refusal, ReplayError, Replayed,
    TimerFate, is_tombstone,
};
use super::contract::{AfterWrite, Decision, Reply, RequestContext, WriteOutcome};
use super::kind::{Group, WrittenClassicGroup};
use super::migration::{self, ClassicJoin, Downgraded};
use super::record::GroupRecord;
use super::shard::{Hard, Shard};
use super::timers::GroupTimer;
use crate::context::Context;
use crate::event::{ForgetReason, GroupEvent, RemovalReason};
use crate::ids::{GroupId, MemberId};
use crate::message::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DescribedConsumerGroup, ErrorCode, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use crate::metadata::MetadataImage;

/// A KIP-848 group, kept at hand while the shard works on it.
#[derive(Clone)]
pub(super) struct Held(Arc<Group>);

impl std::ops::Deref for Held {
    type Target = ConsumerGroup;

    fn deref(&self) -> &ConsumerGroup {
        match self.0.as_ref() {
            Group::Consumer(group) => group,
            Group::Classic(_) => unreachable!("only KIP-848 groups are held"),
        }
    }
}

impl Hard {
    /// A KIP-848 group.
    pub(super) fn consumer_group(&self, id: &GroupId) -> Option<Held> {
        let group = self.groups.get(id)?;
        matches!(group.as_ref(), Group::Consumer(_)).then(|| Held(group.clone()))
    }
}

fn refused(refusal: Refusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error: refusal.error,
        error_message: Some(refusal.message),
        member: None,
        member_epoch: 0,
        heartbeat_interval_ms: 0,
        assignment: None,
    }
}

fn millis(span: i32) -> Duration {
    Duration::from_millis(u64::try_from(span).unwrap_or(0))
}

impl Shard {
    /// Works on a group by the rules of KIP-848. What happens is told, unless it is refused.
    fn coordinate<T>(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        work: impl FnOnce(&mut Coordination<'_, '_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let (timers, soft) = (&mut self.timers, &mut self.consumer);
        let mut of = Coordination::new(ctx, image, &self.config, &self.behaviour, timers, soft);
        let done = work(&mut of)?;
        of.tell();
        Ok(done)
    }

    /// ConsumerGroupHeartbeat.
    pub(super) fn consumer_heartbeat(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Decision {
        let mut released = Vec::new();
        let outcome = match request.member_epoch >= JOIN_EPOCH {
            true => self.consumer_lives(ctx, image, who, request, &mut released),
            false => self.consumer_leaves(ctx, image, request),
        };
        let mut decision = match outcome {
            Ok((decision, response)) => decision.then_answer(who, request.clone(), response),
            Err(refusal) => Decision::now(who, refused(refusal)),
        };
        decision.replies.splice(0..0, released);
        decision
    }

    fn consumer_lives(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &ConsumerGroupHeartbeatRequest,
        released: &mut Vec<Reply>,
    ) -> Result<(Decision, ConsumerGroupHeartbeatResponse), Refusal> {
        if let Some(group) = self.hard.consumer_group(&request.group) {
            let beat = |of: &mut Coordination<'_, '_>| consumer::heartbeat(of, &group, who, request, Vec::new());
            let (records, response) = self.coordinate(ctx, image, beat)?;
            return Ok((Decision { records, ..Decision::default() }, response));
        }
        if request.member_epoch != JOIN_EPOCH {
            return Err(Refusal::new(
                ErrorCode::GroupIdNotFound,
                format!("Consumer group {} not found.", request.group),
            ));
        }
        match self.classic_group(&self.hard, &request.group) {
            Some(classic) if classic.state != ClassicState::Empty => {
                self.consumer_joins_classic_group(ctx, image, who, request, &classic, released)
            }
            empty => {
                let tombstone = empty.map(|_| ClassicGroup::tombstone(&request.group));
                let group = ConsumerGroup::new(request.group.clone());
                let records = tombstone.into_iter().collect();
                let (records, response) =
                    self.coordinate(ctx, image, |of| consumer::heartbeat(of, &group, who, request, records))?;
                Ok((Decision { records, ..Decision::default() }, response))
            }
        }
    }

    /// The group is converted. Whoever waits in it is `released` before anything can go wrong, to join again: also if the
    /// group then stays what it is (`convertToConsumerGroup`).
    fn consumer_joins_classic_group(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &ConsumerGroupHeartbeatRequest,
        classic: &ClassicGroup,
        released: &mut Vec<Reply>,
    ) -> Result<(Decision, ConsumerGroupHeartbeatResponse), Refusal> {
        self.coordinate(ctx, image, |of| migration::validate_upgrade(of, classic))?;
        let told = self.turn(ctx, &request.group, |turn| turn.release_all(ErrorCode::RebalanceInProgress));
        released.extend(told.into_iter().flat_map(|(decision, ())| decision.replies));
        let upgraded = self.coordinate(ctx, image, |of| {
            let (records, group) = migration::upgrade(of, classic)?;
            consumer::heartbeat(of, &group, who, request, records)
        });
        // A session that ran out while its member waited has no end any more, and the member waits for nothing now.
        let (records, response) = upgraded.inspect_err(|_| self.upgrade_ended(ctx, &request.group))?;
        let then = Some(AfterWrite::ConsumerUpgraded { group: request.group.clone() });
        Ok((Decision { records, then, ..Decision::default() }, response))
    }

    fn consumer_leaves(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<(Decision, ConsumerGroupHeartbeatResponse), Refusal> {
        let group = self.hard.consumer_group(&request.group).ok_or_else(|| {
            Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {} is not a consumer group.", request.group))
        })?;
        let (goodbye, response) = self.coordinate(ctx, image, |of| consumer::leave(of, &group, request))?;
        let decision = match goodbye {
            Goodbye::Keeps(records) => Decision { records, ..Decision::default() },
            Goodbye::Removes(member) => self.fence(ctx, image, &group, &[*member], RemovalReason::Left)?,
        };
        Ok((decision, response))
    }

    /// Members are removed, and perhaps the group goes back to the classic protocol with that.
    fn fence(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        group: &ConsumerGroup,
        members: &[Member],
        reason: RemovalReason,
    ) -> Result<Decision, Refusal> {
        let downgraded = self.coordinate(ctx, image, |of| migration::downgrade_without(of, group, members, reason))?;
        if let Some(downgraded) = downgraded {
            let records = downgraded.records.clone();
            return Ok(self.becomes_classic(ctx, downgraded, records));
        }
        let records = self.coordinate(ctx, image, |of| Ok(consumer::fence_members(of, group, members, reason)))?;
        Ok(Decision { records, ..Decision::default() })
    }

    /// The classic group lives at once; what is written of it comes with the decision's records.
    fn becomes_classic(
        &mut self,
        ctx: &mut Context<'_>,
        downgraded: Downgraded,
        records: Vec<GroupRecord>,
    ) -> Decision {
        let Downgraded { classic, rebalance, .. } = downgraded;
        let (id, members) = (classic.id.clone(), classic.members.keys().cloned().collect::<Vec<_>>());
        self.classic.insert(id.clone(), Arc::new(classic));
        let turned = self.turn_of(ctx, &id, |turn| {
            members.iter().for_each(|member| turn.restart_session(member));
            if let Some(reason) = rebalance {
                turn.prepare_rebalance(reason);
            }
        });
        let mut decision = turned.map(|(decision, ())| decision).unwrap_or_default();
        decision.records.splice(0..0, records);
        decision
    }

    /// JoinGroup to a KIP-848 group with members.
    pub(super) fn join_consumer_group(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &JoinGroupRequest,
        group: &ConsumerGroup,
    ) -> Decision {
        match self.coordinate(ctx, image, |of| migration::join(of, group, who, request)) {
            Err(refusal) => Decision::now(who, JoinGroupResponse::refused(request.member.clone(), refusal.error)),
            Ok(ClassicJoin::IdRequired(id)) => {
                ctx.emit(GroupEvent::MemberIdGiven { group: group.id.clone(), member: id.clone() });
                Decision::now(who, JoinGroupResponse::refused(id, ErrorCode::MemberIdRequired))
            }
            Ok(ClassicJoin::Joined { records, response, downgraded }) => {
                let stays = downgraded.is_none();
                let mut decision = match downgraded {
                    Some(downgraded) => self.becomes_classic(ctx, *downgraded, records),
                    None => Decision { records, ..Decision::default() },
                };
                decision.then = Some(AfterWrite::ConsumerClassicJoined {
                    group: group.id.clone(),
                    member: response.member.clone(),
                    sessions: stays.then_some((request.session_timeout_ms, request.rebalance_timeout_ms)),
                });
                decision.then_answer(who, request.clone(), response)
            }
        }
    }

    /// JoinGroup to an empty KIP-848 group: it becomes a classic one.
    ///
    /// Simplified: Kafka also forgets the group, without a record, when it refuses a member that names an id.
    pub(super) fn join_empty_consumer_group(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &JoinGroupRequest,
        group: &ConsumerGroup,
    ) -> Decision {
        if !request.member.is_empty() {
            return Decision::now(who, JoinGroupResponse::refused(request.member.clone(), ErrorCode::UnknownMemberId));
        }
        ctx.emit(GroupEvent::GroupForgotten { group: group.id.clone(), reason: ForgetReason::Migrated });
        let mut decision = self.join_new_group(ctx, who, request);
        decision.records.splice(0..0, group.tombstones());
        decision
    }

    /// SyncGroup to a KIP-848 group.
    pub(super) fn sync_consumer_group(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &SyncGroupRequest,
        group: &ConsumerGroup,
    ) -> Decision {
        match self.coordinate(ctx, image, |of| migration::sync(of, group, request)) {
            Err(refusal) => Decision::now(who, SyncGroupResponse::refused(refusal.error)),
            Ok((response, session)) => {
                let (group, member) = (group.id.clone(), request.member.clone());
                let then = Some(AfterWrite::ConsumerClassicSynced { group, member, session });
                Decision { then, ..Decision::default() }.then_answer(who, request.clone(), response)
            }
        }
    }

    /// Heartbeat to a KIP-848 group.
    pub(super) fn heartbeat_consumer_group(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &HeartbeatRequest,
        group: &ConsumerGroup,
    ) -> Decision {
        match self.coordinate(ctx, image, |of| migration::heartbeat(of, group, request)) {
            Ok(error) => Decision::default().then_answer(who, request.clone(), HeartbeatResponse { error }),
            Err(refusal) => Decision::now(who, HeartbeatResponse { error: refusal.error }),
        }
    }

    /// LeaveGroup to a KIP-848 group.
    pub(super) fn leave_consumer_group(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &LeaveGroupRequest,
        group: &ConsumerGroup,
    ) -> Decision {
        let (gone, members) = migration::leaving(group, request);
        match self.fence(ctx, image, group, &gone, RemovalReason::Left) {
            Ok(decision) => {
                decision.then_answer(who, request.clone(), LeaveGroupResponse { error: ErrorCode::None, members })
            }
            Err(refusal) => Decision::now(who, LeaveGroupResponse { error: refusal.error, members: Vec::new() }),
        }
    }

    /// ConsumerGroupDescribe, from what is committed.
    pub(super) fn describe_consumer_groups(
        &self,
        image: &MetadataImage,
        hard: &Hard,
        request: &ConsumerGroupDescribeRequest,
    ) -> ConsumerGroupDescribeResponse {
        let describe = |id: &GroupId| match hard.consumer_group(id) {
            Some(group) => group.described(self.config.consumer_assignors[0], image),
            None => not_described(id, hard.groups.contains_key(id)),
        };
        ConsumerGroupDescribeResponse { groups: request.groups.iter().map(describe).collect() }
    }

    /// A timer of a KIP-848 group fires.
    pub(super) fn fire_consumer(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        timer: GroupTimer,
    ) -> Decision {
        let (id, member) = match &timer {
            GroupTimer::ConsumerRegex { group } => return self.expressions_looked_up(ctx, image, group),
            GroupTimer::ConsumerSession { group, member }
            | GroupTimer::ConsumerRebalance { group, member }
            | GroupTimer::ConsumerJoin { group, member }
            | GroupTimer::ConsumerSync { group, member } => (group, member),
            GroupTimer::ClassicJoin { .. }
            | GroupTimer::ClassicSync { .. }
            | GroupTimer::ClassicSession { .. }
            | GroupTimer::OffsetExpiry => panic!("{timer:?} is no timer of a KIP-848 group"),
        };
        // Its group may have changed its protocol since, or be gone.
        let Some(group) = self.hard.consumer_group(id) else { return Decision::default() };
        let fate = self.coordinate(ctx, image, |of| Ok(of.timer_fired(&group, member, &timer)));
        let Ok(TimerFate::Remove(member, reason)) = fate else { return Decision::default() };
        // A group that cannot be converted stays as it is; the timer is over, as in Kafka.
        let mut decision = self.fence(ctx, image, &group, &[*member], reason).unwrap_or_default();
        decision.then = Some(AfterWrite::ConsumerTimer { timer });
        decision
    }

    fn expressions_looked_up(&mut self, ctx: &mut Context<'_>, image: &MetadataImage, id: &GroupId) -> Decision {
        let (work, group) = (self.consumer.take_lookup(id), self.hard.consumer_group(id));
        let (Some(work), Some(group)) = (work, group) else { return Decision::default() };
        let records = self.coordinate(ctx, image, |of| Ok(consumer::regexes_resolved(of, &group, work)));
        Decision { records: records.unwrap_or_default(), ..Decision::default() }
    }

    /// What is to be done when a write about a KIP-848 group has ended. `outcome` is as clients see it.
    pub(super) fn consumer_write_ended(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        after: AfterWrite,
        outcome: WriteOutcome,
    ) {
        match after {
            AfterWrite::ConsumerTimer { timer } => self.retry(ctx, timer, outcome),
            AfterWrite::ConsumerUpgraded { group } => self.upgrade_ended(ctx, &group),
            AfterWrite::ConsumerClassicJoined { group, member, sessions } if outcome.is_ok() => {
                let joined = self.coordinate(ctx, image, |of| {
                    of.stop_awaiting_join(&group, &member);
                    if let Some((session, rebalance)) = sessions {
                        of.restart_session(&group, &member, millis(session));
                        of.await_sync(&group, &member, millis(rebalance));
                    }
                    Ok(())
                });
                debug_assert!(joined.is_ok(), "timers are never refused");
            }
            AfterWrite::ConsumerClassicSynced { group, member, session } if outcome.is_ok() => {
                let synced = self.coordinate(ctx, image, |of| {
                    of.stop_awaiting_sync(&group, &member);
                    of.restart_session(&group, &member, session);
                    Ok(())
                });
                debug_assert!(synced.is_ok(), "timers are never refused");
            }
            // The member is told, and asks again; as in Kafka its timers stay what they were.
            AfterWrite::ConsumerClassicJoined { .. } | AfterWrite::ConsumerClassicSynced { .. } => {}
            AfterWrite::ClassicParked { .. }
            | AfterWrite::ClassicAssignment { .. }
            | AfterWrite::ClassicStaticMember { .. } => panic!("{after:?} is a classic group's"),
        }
    }

    /// What a timer decided could not be written: it fires again, unless this broker coordinates no longer.
    fn retry(&mut self, ctx: &Context<'_>, timer: GroupTimer, outcome: WriteOutcome) {
        let is_over = matches!(outcome, Ok(()) | Err(ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress));
        if !is_over && self.timers.deadline(&timer).is_none() {
            self.timers.arm(timer, ctx.now.monotonic + RETRY_BACKOFF);
        }
    }

    /// If the group is classic again, its members' sessions begin anew: the ones that ran ended with the change.
    fn upgrade_ended(&mut self, ctx: &mut Context<'_>, group: &GroupId) {
        if self.is_classic(group) {
            self.turn(ctx, group, |turn| {
                let members: Vec<MemberId> = turn.group.members.keys().cloned().collect();
                members.iter().for_each(|member| turn.restart_session(member));
            });
        }
    }

    /// Takes in a record of a KIP-848 group.
    ///
    /// # Errors
    ///
    /// The record does not follow from those before it.
    pub(super) fn replay_consumer(&mut self, id: &GroupId, record: GroupRecord) -> Result<(), ReplayError> {
        let groups = Arc::make_mut(&mut self.hard.groups);
        // A group that only has offsets may become any group.
        let is_simple = |group: &Group| matches!(group, Group::Classic(WrittenClassicGroup { metadata: None }));
        match groups.get(id).map(Arc::as_ref) {
            None if is_tombstone(&record) => return Ok(()),
            None => drop(groups.insert(id.clone(), Arc::new(Group::Consumer(ConsumerGroup::new(id.clone()))))),
            Some(group) if is_simple(group) => {
                groups.insert(id.clone(), Arc::new(Group::Consumer(ConsumerGroup::new(id.clone()))));
            }
            Some(Group::Classic(_)) if is_tombstone(&record) => return Ok(()),
            Some(Group::Classic(_) | Group::Consumer(_)) => {}
        }
        let group = groups.get_mut(id).map(Arc::make_mut);
        let Some(Group::Consumer(group)) = group else { return Err(ReplayError::ClassicGroup(id.clone())) };
        match group.replay(record, &self.behaviour)? {
            Replayed::Kept => {}
            Replayed::Removed => drop(groups.remove(id)),
        }
        Ok(())
    }

    /// The coordinator serves from now on: every session begins at full length.
    pub(super) fn consumer_groups_loaded(&mut self, ctx: &mut Context<'_>, image: &MetadataImage) {
        self.consumer.image_changed(image.last_offset(), false);
        let groups: Vec<Held> = self.hard.groups.keys().filter_map(|id| self.hard.consumer_group(id)).collect();
        for group in groups {
            let loaded = self.coordinate(ctx, image, |of| {
                of.group_loaded(&group);
                Ok(())
            });
            debug_assert!(loaded.is_ok(), "timers are never refused");
        }
    }

    /// Topics changed: groups that want them look at them with their next heartbeat.
    pub(super) fn topics_changed(
        &mut self,
        image: &MetadataImage,
        names: &BTreeSet<crate::ids::TopicName>,
        created: bool,
    ) {
        self.consumer.image_changed(image.last_offset(), created);
        for (id, group) in self.hard.groups.iter() {
            if let Group::Consumer(group) = group.as_ref()
                && group.wants_any_of(names)
            {
                self.consumer.request_refresh(id);
            }
        }
    }
}

fn not_described(id: &GroupId, is_of_another_protocol: bool) -> DescribedConsumerGroup {
    let words = match is_of_another_protocol {
        true => format!("Group {id} is not a consumer group."),
        false => format!("Group {id} not found."),
    };
    DescribedConsumerGroup {
        error: ErrorCode::GroupIdNotFound,
        error_message: Some(words),
        group: id.clone(),
        state: String::new(),
        group_epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        members: Vec::new(),
    }
}
