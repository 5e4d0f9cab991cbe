//! What a classic member makes of the coordinator's answers (`JoinGroupResponseHandler` and its like).

use super::super::assignor::GroupMember;
use super::super::{Shared, Turn};
use super::join::PROTOCOL_TYPE;
use super::{Asked, ClassicMember, Generation, Join, JoinFailure, MemberState};
use crate::api::consumer_protocol;
use crate::client::network::{Completion, Outcome};
use crate::config::Assignor;
use crate::context::Context;
use crate::event::{CoordinatorLoss, MembershipEvent, MembershipLoss};
use crate::message::{ErrorCode, JoinGroupMember, JoinGroupResponse, Response, SyncGroupResponse};

impl ClassicMember {
    /// A request of its own ended.
    pub fn on_completion(&mut self, turn: &mut Turn, completion: &Completion) {
        let Some(asked) = self.asked.remove(&completion.token) else { return };
        let response = match &completion.outcome {
            Outcome::Answered(response) => response,
            Outcome::UnsupportedVersion => {
                self.failed(
                    turn.ctx,
                    asked,
                    JoinFailure::Fatal(ErrorCode::UnsupportedVersion, "unsupported version".to_owned()),
                );
                return;
            }
            Outcome::Sent | Outcome::Disconnected | Outcome::TimedOut => {
                // A goodbye that waited for its connection for too long says nothing of the coordinator.
                if turn.cluster.network.is_disconnected(completion.node) {
                    turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Disconnected);
                }
                self.failed(turn.ctx, asked, JoinFailure::Later(ErrorCode::NetworkException));
                return;
            }
        };
        match (asked, response) {
            (Asked::Join(sent), Response::JoinGroup(response)) => self.on_joined(turn, &sent, response),
            (Asked::Sync(sent), Response::SyncGroup(response)) => self.on_synced(turn, &sent, response),
            (Asked::Heartbeat(sent), Response::Heartbeat(response)) => {
                self.on_heartbeat(turn, &sent, response.error);
            }
            (Asked::Leave, _) => {}
            (asked, other) => unreachable!("{asked:?} is not answered with {}", other.api().name()),
        }
    }

    /// A request ended without an answer.
    fn failed(&mut self, ctx: &mut Context, asked: Asked, failure: JoinFailure) {
        match asked {
            Asked::Join(_) | Asked::Sync(_) => self.end_join(Err(failure)),
            Asked::Heartbeat(_) => self.heartbeat.failed(ctx),
            Asked::Leave => {}
        }
    }

    /// The rebalance ends, unless the member has gone meanwhile.
    fn end_join(&mut self, result: Result<bytes::Bytes, JoinFailure>) {
        if self.join != Join::Idle {
            self.join = Join::Done(result);
        }
    }

    // ---- JoinGroup ------------------------------------------------------------------

    fn on_joined(&mut self, turn: &mut Turn, sent: &Generation, response: &JoinGroupResponse) {
        let error = response.error;
        let failure = match error {
            ErrorCode::None => return self.joined(turn.ctx, turn.shared, response),
            ErrorCode::UnknownMemberId => {
                if self.is_unchanged(sent) {
                    self.reset(turn.ctx, turn.shared, MembershipLoss::UnknownMember, false);
                }
                JoinFailure::Again(error)
            }
            ErrorCode::RebalanceInProgress => JoinFailure::Again(error),
            ErrorCode::MemberIdRequired => {
                self.generation = Generation { id: -1, member: response.member.clone(), protocol: None };
                self.request_rejoin(&format!("need to re-join with the given member-id: {}", response.member));
                JoinFailure::MemberIdRequired
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Refused);
                JoinFailure::Later(error)
            }
            ErrorCode::CoordinatorLoadInProgress => JoinFailure::Later(error),
            _ => JoinFailure::Fatal(error, format!("the group did not take this member: {}", error.name())),
        };
        self.end_join(Err(failure));
    }

    fn joined(&mut self, ctx: &mut Context, shared: &Shared, response: &JoinGroupResponse) {
        let consistent = response.protocol_type.as_deref().is_none_or(|known| known == PROTOCOL_TYPE);
        let protocol = response.protocol_name.as_deref().and_then(Assignor::from_name);
        let Some(assignor) = protocol.filter(|assignor| consistent && shared.settings.assignors.contains(assignor))
        else {
            let message = format!("the group speaks {:?}, which this member does not", response.protocol_name);
            return self.end_join(Err(JoinFailure::Fatal(ErrorCode::InconsistentGroupProtocol, message)));
        };
        if self.state != MemberState::Preparing {
            // It has left the group since it asked.
            return self.end_join(Err(JoinFailure::Later(ErrorCode::UnknownMemberId)));
        }
        self.state = MemberState::Completing;
        self.heartbeat.enable(ctx.now.monotonic);
        self.generation =
            Generation { id: response.generation, member: response.member.clone(), protocol: Some(assignor) };
        let leads = response.leader == response.member;
        let (group, member) = (shared.settings.group.clone(), response.member.clone());
        ctx.emit(MembershipEvent::GroupJoined { group, member, epoch: response.generation, leads });
        self.join = if leads {
            let members = response.members.iter().map(|member| (member.member.clone(), read_member(member))).collect();
            Join::Leading { assignor, members, skip: response.skip_assignment, waits_beyond: None }
        } else {
            Join::Syncing(self.sync_request(shared, Vec::new()))
        };
    }

    // ---- SyncGroup ------------------------------------------------------------------

    fn on_synced(&mut self, turn: &mut Turn, sent: &Generation, response: &SyncGroupResponse) {
        let error = response.error;
        let failure = match error {
            ErrorCode::None => return self.synced(response),
            ErrorCode::RebalanceInProgress => JoinFailure::Again(error),
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                if self.is_unchanged(sent) {
                    self.reset_by(turn.ctx, turn.shared, error);
                }
                JoinFailure::Again(error)
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Refused);
                JoinFailure::Later(error)
            }
            _ => JoinFailure::Fatal(error, format!("the group has no assignment for this member: {}", error.name())),
        };
        self.end_join(Err(failure));
    }

    fn synced(&mut self, response: &SyncGroupResponse) {
        let was_reset = self.generation.id == -1 && self.generation.protocol.is_none();
        if was_reset || self.state != MemberState::Completing {
            return self.end_join(Err(JoinFailure::Again(ErrorCode::IllegalGeneration)));
        }
        let chosen = self.generation.protocol.map(Assignor::name);
        if response.protocol_name.is_some() && response.protocol_name.as_deref() != chosen {
            let message = format!("the group has chosen {:?} since", response.protocol_name);
            return self.end_join(Err(JoinFailure::Fatal(ErrorCode::InconsistentGroupProtocol, message)));
        }
        self.state = MemberState::Stable;
        self.rejoin_reason.clear();
        self.rejoin_needed = false;
        self.end_join(Ok(response.assignment.clone()));
    }

    // ---- Heartbeat ------------------------------------------------------------------

    fn on_heartbeat(&mut self, turn: &mut Turn, sent: &Generation, error: ErrorCode) {
        let now = turn.ctx.now.monotonic;
        match error {
            ErrorCode::None => self.heartbeat.answered(now),
            ErrorCode::RebalanceInProgress => {
                if self.state == MemberState::Stable {
                    self.request_rejoin("group is already rebalancing");
                }
                self.heartbeat.answered(now);
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Refused);
                self.heartbeat.failed(turn.ctx);
            }
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => {
                if !self.is_unchanged(sent) {
                    self.heartbeat.answered(now);
                    return;
                }
                self.reset_by(turn.ctx, turn.shared, error);
                if error == ErrorCode::FencedInstanceId {
                    self.failure = Some(error);
                } else {
                    self.heartbeat.failed(turn.ctx);
                }
            }
            // Whatever it is, Kafka's heartbeat thread keeps none of these for the next poll: it beats again after a while.
            _ => self.heartbeat.failed(turn.ctx),
        }
    }

    /// The coordinator does not know this member, or this generation, any more. The member id stays if only the
    /// generation is wrong.
    fn reset_by(&mut self, ctx: &mut Context, shared: &Shared, error: ErrorCode) {
        let (reason, keeps) = match error {
            ErrorCode::IllegalGeneration => (MembershipLoss::IllegalGeneration, true),
            ErrorCode::FencedInstanceId => (MembershipLoss::FencedInstance, false),
            _ => (MembershipLoss::UnknownMember, false),
        };
        self.reset(ctx, shared, reason, keeps);
    }
}

/// A member as the leader reads it.
///
/// Simplified: bytes that are no subscription count as one to nothing; Kafka's leader fails.
fn read_member(member: &JoinGroupMember) -> GroupMember {
    let subscription = consumer_protocol::decode_subscription(&member.metadata).unwrap_or_default();
    GroupMember { instance: member.instance.clone(), subscription }
}
