//! What a shard is asked about offsets: commit, fetch, delete; and what it forgets by itself.

use std::collections::BTreeSet;

use super::answers::offset_fetch_refusal;
use super::classic::ClassicState;
use super::contract::{Decision, RequestContext};
use super::offsets::{self, CommitRequest, ExpiryCondition, GroupOffsets, metadata_is_too_long, value_of};
use super::record::GroupRecord;
use super::shard::{Hard, Shard};
use super::timers::GroupTimer;
use crate::config::Switch;
use crate::context::Context;
use crate::event::{ForgetReason, GroupEvent};
use crate::ids::{GroupId, Offset, TopicName, TopicPartition};
use crate::message::{
    ErrorCode, OffsetCommitPartition, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

/// Version 9 of OffsetCommit and later know that a group may not exist; older ones are told of the generation.
const KNOWS_MISSING_GROUPS: i16 = 9;

impl Shard {
    /// OffsetCommit. Simplified: Kafka keeps a group for somebody who commits no offset at all, until the
    /// coordinator changes; here a group that only has offsets exists when it has one.
    pub(super) fn commit_offsets(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &OffsetCommitRequest,
    ) -> Decision {
        let committer = CommitRequest::plain(request, who.version);
        if let Err(error) = self.validate_commit(&request.group, &committer) {
            let partitions = request.partitions.iter().map(|it| (it.partition.clone(), error)).collect();
            return Decision::now(who, OffsetCommitResponse { partitions });
        }
        // In the classic protocol a commit is a sign of life, except while an assignment is awaited.
        self.turn(ctx, &request.group, |turn| {
            if turn.group.state == ClassicState::Stable || turn.group.state.is_preparing() {
                turn.restart_session(&request.member);
            }
        });
        let accepted = |committed: &OffsetCommitPartition| GroupEvent::OffsetCommitted {
            group: request.group.clone(),
            partition: committed.partition.clone(),
            offset: committed.offset,
            member: request.member.clone(),
            epoch: request.generation_or_member_epoch,
        };
        let (records, partitions) =
            self.commit_records(ctx, &request.group, &request.partitions, accepted, request.retention_time_ms);
        let decision = Decision { records, ..Decision::default() };
        decision.then_answer(who, request.clone(), OffsetCommitResponse { partitions })
    }

    /// TxnOffsetCommit: written in the producer's name, and pending until its transaction ends
    /// (`OffsetMetadataManager.commitTransactionalOffset`). It is no sign of life of the member.
    ///
    /// Simplified: no transaction coordinator is asked whether the transaction is open
    /// (`PartitionWriter.maybeStartTransactionVerification`, KIP-890).
    pub(super) fn commit_transactional_offsets(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &TxnOffsetCommitRequest,
    ) -> Decision {
        let committer = CommitRequest::transactional(request, who.version);
        if let Err(error) = self.validate_commit(&request.group, &committer) {
            let error = if error == ErrorCode::StaleMemberEpoch { ErrorCode::IllegalGeneration } else { error };
            let partitions = request.partitions.iter().map(|it| (it.partition.clone(), error)).collect();
            return Decision::now(who, TxnOffsetCommitResponse { partitions });
        }
        let producer = request.producer_id;
        let accepted = |committed: &OffsetCommitPartition| GroupEvent::OffsetPending {
            group: request.group.clone(),
            partition: committed.partition.clone(),
            offset: committed.offset,
            producer,
        };
        let (records, partitions) = self.commit_records(ctx, &request.group, &request.partitions, accepted, -1);
        let decision = Decision { records, producer: Some((producer, request.producer_epoch)), ..Decision::default() };
        decision.then_answer(who, request.clone(), TxnOffsetCommitResponse { partitions })
    }

    /// A group that does not exist takes offsets from somebody who claims no generation.
    fn validate_commit(&self, group: &GroupId, request: &CommitRequest<'_>) -> Result<(), ErrorCode> {
        if self.behaviour.is(Switch::CommitIgnoresGeneration) {
            return Ok(());
        }
        match self.any_group(&self.hard, group) {
            Some(known) => known.validate_commit(request),
            None if request.epoch < 0 => Ok(()),
            None if request.is_transactional || request.version < KNOWS_MISSING_GROUPS => {
                Err(ErrorCode::IllegalGeneration)
            }
            None => Err(ErrorCode::GroupIdNotFound),
        }
    }

    /// The records of the offsets that are short enough, and the answer for each; `accepted` says what became of one.
    fn commit_records(
        &self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        partitions: &[OffsetCommitPartition],
        accepted: impl Fn(&OffsetCommitPartition) -> GroupEvent,
        retention_ms: i64,
    ) -> (Vec<GroupRecord>, Vec<(TopicPartition, ErrorCode)>) {
        let (now_ms, max) = (ctx.now.wall.millis(), self.config.offset_metadata_max_bytes);
        let (mut records, mut answers) = (Vec::new(), Vec::new());
        for committed in partitions {
            let partition = committed.partition.clone();
            if metadata_is_too_long(committed.metadata.as_deref(), max) {
                answers.push((partition, ErrorCode::OffsetMetadataTooLarge));
                continue;
            }
            answers.push((partition.clone(), ErrorCode::None));
            ctx.emit(accepted(committed));
            let value = Some(value_of(committed, now_ms, retention_ms));
            records.push(GroupRecord::OffsetCommit { group: group.clone(), partition, value });
        }
        (records, answers)
    }

    /// OffsetFetch with `require_stable`: from the newest state, answered when that is committed.
    pub(super) fn fetch_stable_offsets(&self, who: &RequestContext, request: &OffsetFetchRequest) -> Decision {
        let response = self.fetch_offsets(&self.hard, who, request);
        Decision::default().then_answer(who, request.clone(), response)
    }

    /// OffsetFetch from some state of the shard.
    pub(super) fn fetch_offsets(
        &self,
        hard: &Hard,
        who: &RequestContext,
        request: &OffsetFetchRequest,
    ) -> OffsetFetchResponse {
        let of_group = |group: &GroupId| hard.groups.get(group).and_then(|_| hard.offsets.of(group));
        let of_one = |asked: &OffsetFetchGroup| {
            let modern = hard.consumer_group(&asked.group);
            let refusal = modern.and_then(|it| it.validate_fetch(asked.member.as_ref(), asked.member_epoch).err());
            match refusal {
                Some(error) => offset_fetch_refusal(asked, who.version, error),
                None => offsets::fetch(asked, of_group(&asked.group), request.require_stable),
            }
        };
        let groups = request.groups.iter().map(of_one);
        OffsetFetchResponse { groups: groups.collect() }
    }

    /// OffsetDelete: offsets of topics that nobody in the group reads.
    pub(super) fn delete_offsets(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &OffsetDeleteRequest,
    ) -> Decision {
        let group = &request.group;
        let Some(known) = self.any_group(&self.hard, group) else {
            let error = ErrorCode::GroupIdNotFound;
            return Decision::now(who, OffsetDeleteResponse { error, partitions: Vec::new() });
        };
        if let Err(error) = known.validate_offset_delete() {
            return Decision::now(who, OffsetDeleteResponse { error, partitions: Vec::new() });
        }
        let (mut records, mut partitions) = (Vec::new(), Vec::new());
        for partition in &request.partitions {
            if known.is_subscribed_to(&partition.topic) {
                partitions.push((partition.clone(), ErrorCode::GroupSubscribedToTopic));
                continue;
            }
            partitions.push((partition.clone(), ErrorCode::None));
            records.extend(self.tombstone(ctx, group, partition, ForgetReason::Deleted));
        }
        let response = OffsetDeleteResponse { error: ErrorCode::None, partitions };
        Decision { records, ..Decision::default() }.then_answer(who, request.clone(), response)
    }

    /// The record that forgets an offset, committed or pending, if there is one.
    fn tombstone(
        &self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        partition: &TopicPartition,
        reason: ForgetReason,
    ) -> Option<GroupRecord> {
        let offset = self.hard.offsets.of(group)?.last_offset(partition)?;
        let (group, partition) = (group.clone(), partition.clone());
        ctx.emit(GroupEvent::OffsetForgotten { group: group.clone(), partition: partition.clone(), offset, reason });
        Some(GroupRecord::OffsetCommit { group, partition, value: None })
    }

    /// The records that forget all offsets of a group.
    pub(super) fn tombstones_of(
        &self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        reason: ForgetReason,
    ) -> Vec<GroupRecord> {
        let partitions = self.hard.offsets.of(group).map(GroupOffsets::partitions).unwrap_or_default();
        partitions.iter().filter_map(|partition| self.tombstone(ctx, group, partition, reason)).collect()
    }

    /// The records that forget what was committed for partitions that are no more.
    pub(super) fn tombstones_of_deleted(&self, ctx: &mut Context<'_>, deleted: &[TopicPartition]) -> Vec<GroupRecord> {
        let groups: Vec<GroupId> = self.hard.offsets.groups().map(|(group, _)| group.clone()).collect();
        let pairs = groups.iter().flat_map(|group| deleted.iter().map(move |partition| (group, partition)));
        pairs
            .filter_map(|(group, partition)| self.tombstone(ctx, group, partition, ForgetReason::TopicDeleted))
            .collect()
    }

    pub(super) fn arm_expiry(&mut self, ctx: &Context<'_>) {
        let at = ctx.now.monotonic + self.config.offsets_retention_check_interval;
        self.timers.arm(GroupTimer::OffsetExpiry, at);
    }

    /// Forgets offsets that were kept for long enough, and empty groups without offsets (`cleanupGroupMetadata`).
    pub(super) fn expire(&mut self, ctx: &mut Context<'_>) -> Decision {
        self.arm_expiry(ctx);
        let groups: Vec<GroupId> = self.hard.groups.keys().cloned().collect();
        let mut records = Vec::new();
        for group in &groups {
            if self.expire_offsets(ctx, group, &mut records) {
                records.extend(self.group_tombstones_if_empty(ctx, group, ForgetReason::Expired));
            }
        }
        Decision { records, may_be_parted: true, ..Decision::default() }
    }

    /// Forgets the expired offsets of one group. Whether none remain.
    fn expire_offsets(&self, ctx: &mut Context<'_>, group: &GroupId, records: &mut Vec<GroupRecord>) -> bool {
        let Some(offsets) = self.hard.offsets.of(group) else { return true };
        if offsets.committed.is_empty() {
            return offsets.pending.is_empty();
        }
        let Some((condition, is_subscribed)) = self.expiry_of(group) else { return false };
        let (now_ms, retention_ms) = (ctx.now.wall.millis(), self.config.offsets_retention_ms());
        let expired = offsets.expired(condition, is_subscribed, now_ms, retention_ms);
        for (partition, _) in &expired {
            records.extend(self.tombstone(ctx, group, partition, ForgetReason::Expired));
        }
        expired.len() == offsets.committed.len() && offsets.pending.is_empty()
    }

    /// From when a group's offsets are counted, and which topics' are kept.
    fn expiry_of(&self, group: &GroupId) -> Option<(ExpiryCondition, impl Fn(&TopicName) -> bool)> {
        let known = self.any_group(&self.hard, group)?;
        let ignores_members = self.behaviour.is(Switch::ExpireOffsetsOfLiveGroups);
        let condition = if ignores_members { Some(ExpiryCondition::SinceCommit) } else { known.expiry_condition() }?;
        Some((condition, move |topic: &TopicName| !ignores_members && known.is_subscribed_to(topic)))
    }
}

impl GroupOffsets {
    /// All partitions with an offset, committed or pending.
    fn partitions(&self) -> BTreeSet<TopicPartition> {
        self.committed.keys().chain(self.pending.keys()).cloned().collect()
    }

    /// What is remembered for a partition: what is committed, or else what is pending.
    fn last_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        let pending = || self.pending.get(partition)?.values().next();
        self.committed.get(partition).or_else(pending).map(|stored| stored.value.offset)
    }
}
