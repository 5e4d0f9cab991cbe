//! What members ask of a shard: join, sync, heartbeat, leave. Which protocol answers depends on the group.

use std::sync::Arc;

use super::classic::ClassicGroup;
use super::contract::{AfterWrite, Decision, FailedReply, Reply, ReplyWhen, RequestContext};
use super::shard::Shard;
use crate::context::Context;
use crate::event::GroupEvent;
use crate::ids::{GroupId, MemberId};
use crate::message::{
    ErrorCode, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, LeavingMember, LeavingMemberResponse, Request, Response, SyncGroupRequest, SyncGroupResponse,
};
use crate::metadata::MetadataImage;

impl Decision {
    /// An answer at once, and nothing else.
    pub(super) fn now(who: &RequestContext, response: impl Into<Response>) -> Decision {
        let reply = Reply { handle: who.handle, response: response.into(), when: ReplyWhen::Now };
        Decision { replies: vec![reply], ..Decision::default() }
    }

    /// The same decision with an answer that waits for the write, or for the writes before it.
    pub(super) fn then_answer(
        mut self,
        who: &RequestContext,
        request: impl Into<Request>,
        response: impl Into<Response>,
    ) -> Decision {
        let when = ReplyWhen::Committed { on_failure: FailedReply(request.into()) };
        self.replies.push(Reply { handle: who.handle, response: response.into(), when });
        self
    }
}

impl Shard {
    /// A join without a member id makes the group if there is none; one with an id does not.
    pub(super) fn join(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &JoinGroupRequest,
    ) -> Decision {
        let id = &request.group;
        match self.hard.consumer_group(id) {
            Some(group) if group.is_empty() => {
                return self.join_empty_consumer_group(ctx, who, request, &group);
            }
            Some(group) => return self.join_consumer_group(ctx, image, who, request, &group),
            None => {}
        }
        let is_new = !self.hard.groups.contains_key(id);
        if is_new && !request.member.is_empty() {
            return Decision::now(who, JoinGroupResponse::refused(request.member.clone(), ErrorCode::UnknownMemberId));
        }
        if is_new {
            return self.join_new_group(ctx, who, request);
        }
        let joined = self.turn(ctx, id, |turn| turn.join(who, request));
        joined.map(|(decision, ())| decision).unwrap_or_default()
    }

    /// A member without an id joins a group that did not exist, or was of the other protocol and empty.
    pub(super) fn join_new_group(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &JoinGroupRequest,
    ) -> Decision {
        let id = &request.group;
        let group = ClassicGroup::new(id.clone(), ctx.now.wall.millis());
        let record = group.new_group_record();
        self.classic.insert(id.clone(), Arc::new(group));
        let joined = self.turn_of(ctx, id, |turn| turn.join(who, request));
        let mut decision = joined.map(|(decision, ())| decision).unwrap_or_default();
        // Even if the member was refused: a coordinator that answers for a group has written it.
        if decision.records.is_empty() {
            decision.records.push(record);
        }
        // Whether or not the request waits: a group that cannot be written is forgotten.
        decision.then.get_or_insert(AfterWrite::ClassicParked { group: id.clone(), handle: who.handle });
        decision
    }

    pub(super) fn sync(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &SyncGroupRequest,
    ) -> Decision {
        if let Some(group) = self.hard.consumer_group(&request.group).filter(|group| !group.is_empty()) {
            return self.sync_consumer_group(ctx, image, who, request, &group);
        }
        let synced = self.turn(ctx, &request.group, |turn| turn.sync(who, request));
        let refused = || Decision::now(who, SyncGroupResponse::refused(ErrorCode::UnknownMemberId));
        synced.map_or_else(refused, |(decision, ())| decision)
    }

    pub(super) fn heartbeat(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &HeartbeatRequest,
    ) -> Decision {
        if let Some(group) = self.hard.consumer_group(&request.group) {
            return self.heartbeat_consumer_group(ctx, image, who, request, &group);
        }
        match self.turn(ctx, &request.group, |turn| turn.heartbeat(request)) {
            Some((decision, Ok(error))) => decision.then_answer(who, request.clone(), HeartbeatResponse { error }),
            Some((_, Err(error))) => Decision::now(who, HeartbeatResponse { error }),
            None => Decision::now(who, HeartbeatResponse { error: ErrorCode::UnknownMemberId }),
        }
    }

    pub(super) fn leave(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        who: &RequestContext,
        request: &LeaveGroupRequest,
    ) -> Decision {
        if let Some(group) = self.hard.consumer_group(&request.group) {
            return self.leave_consumer_group(ctx, image, who, request, &group);
        }
        match self.turn(ctx, &request.group, |turn| turn.leave(request)) {
            Some((decision, response)) => decision.then_answer(who, request.clone(), response),
            None => {
                let unknown = |leaving: &LeavingMember| LeavingMemberResponse {
                    member: leaving.member.clone(),
                    instance: leaving.instance.clone(),
                    error: ErrorCode::UnknownMemberId,
                };
                let members = request.members.iter().map(unknown).collect();
                Decision::now(who, LeaveGroupResponse { error: ErrorCode::None, members })
            }
        }
    }

    /// Says which requests are answered with an error. MEMBER_ID_REQUIRED is none: it is half of a join.
    pub(super) fn tell_refusals(
        &self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &Request,
        decision: &Decision,
    ) {
        for reply in decision.replies.iter().filter(|reply| reply.handle == who.handle) {
            let error = error_in(&reply.response);
            if error.is_none() || error == ErrorCode::MemberIdRequired {
                continue;
            }
            let (group, member) = subject_of(request);
            ctx.emit(GroupEvent::GroupRequestRefused { api: request.api(), group, member, error });
        }
    }
}

/// The error that an answer carries: of the whole, or the first one of a part.
fn error_in(response: &Response) -> ErrorCode {
    let first = |mut errors: &mut dyn Iterator<Item = ErrorCode>| {
        (&mut errors).find(|error| !error.is_none()).unwrap_or(ErrorCode::None)
    };
    match response {
        Response::JoinGroup(join) => join.error,
        Response::SyncGroup(sync) => sync.error,
        Response::Heartbeat(heartbeat) => heartbeat.error,
        Response::ConsumerGroupHeartbeat(heartbeat) => heartbeat.error,
        Response::LeaveGroup(leave) if leave.error.is_none() => first(&mut leave.members.iter().map(|it| it.error)),
        Response::LeaveGroup(leave) => leave.error,
        Response::OffsetCommit(commit) => first(&mut commit.partitions.iter().map(|(_, error)| *error)),
        Response::TxnOffsetCommit(commit) => first(&mut commit.partitions.iter().map(|(_, error)| *error)),
        Response::OffsetDelete(delete) if delete.error.is_none() => {
            first(&mut delete.partitions.iter().map(|(_, error)| *error))
        }
        Response::OffsetDelete(delete) => delete.error,
        Response::DeleteGroups(delete) => first(&mut delete.results.iter().map(|(_, error)| *error)),
        _ => ErrorCode::None,
    }
}

/// Which group, and which member, a request is about.
fn subject_of(request: &Request) -> (GroupId, MemberId) {
    match request {
        Request::JoinGroup(join) => (join.group.clone(), join.member.clone()),
        Request::SyncGroup(sync) => (sync.group.clone(), sync.member.clone()),
        Request::Heartbeat(heartbeat) => (heartbeat.group.clone(), heartbeat.member.clone()),
        Request::ConsumerGroupHeartbeat(heartbeat) => (heartbeat.group.clone(), heartbeat.member.clone()),
        Request::LeaveGroup(leave) => {
            (leave.group.clone(), leave.members.first().map(|it| it.member.clone()).unwrap_or_default())
        }
        Request::OffsetCommit(commit) => (commit.group.clone(), commit.member.clone()),
        Request::TxnOffsetCommit(commit) => (commit.group.clone(), commit.member.clone()),
        Request::OffsetDelete(delete) => (delete.group.clone(), MemberId::default()),
        Request::DeleteGroups(delete) => (delete.groups.first().cloned().unwrap_or_default(), MemberId::default()),
        _ => (GroupId::default(), MemberId::default()),
    }
}
