//! The heartbeats of a KIP-848 member: what they say, when they leave, and what their answers do
//! (`AbstractHeartbeatRequestManager`, `ConsumerHeartbeatRequestManager.HeartbeatState`).
//!
//! The first one, and each after an error, says everything; the others only what has changed.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::{Shared, Turn};
use super::{ConsumerMember, LocalAssignment, MemberState};
use crate::client::consumer::Consumer;
use crate::client::network::{Asker, Completion, Outcome};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{CoordinatorLoss, MembershipEvent, MembershipLoss};
use crate::ids::TopicName;
use crate::message::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, PartitionsByTopic, Response,
};

/// What the coordinator has been told and need not be told again (`SentFields`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    rebalance_timeout: bool,
    topics: Option<BTreeSet<TopicName>>,
    pattern: Option<String>,
    assignor: bool,
    local: Option<LocalAssignment>,
}

impl ConsumerMember {
    /// Sends a heartbeat if one is due.
    pub(super) fn heartbeat(&mut self, turn: &mut Turn) {
        let silent = matches!(self.state, MemberState::Unsubscribed | MemberState::Stale | MemberState::Fatal);
        if silent || !turn.shared.ensure_coordinator(turn.ctx, turn.cluster, turn.consumer) {
            return;
        }
        let now = turn.ctx.now.monotonic;
        if !turn.consumer.is_active() && now >= self.poll_ends && self.state != MemberState::Leaving {
            self.leave_by_poll_timer(turn);
            return;
        }
        // Neither the interval nor a back-off holds these up: a member that joins asks a coordinator that loads once per round trip.
        let at_once = matches!(self.state, MemberState::Acknowledging | MemberState::Joining | MemberState::Leaving);
        let due = now >= self.next_beat && self.retry_at.is_none_or(|at| at <= now);
        if self.in_flight.is_none() && (at_once || due) {
            self.send(turn);
        }
    }

    /// Sends a heartbeat now, if the coordinator's connection takes it.
    pub(super) fn send(&mut self, turn: &mut Turn) {
        if turn.shared.coordinator.ready(turn.ctx, turn.cluster).is_none() {
            return;
        }
        let request = self.request(turn.consumer, turn.shared);
        let token = turn.consumer.next_token();
        if !turn.shared.coordinator.send(turn.ctx, turn.cluster, Asker::Member, token, request) {
            return;
        }
        let (group, member) = (turn.shared.settings.group.clone(), self.member.clone());
        match self.state {
            MemberState::Joining => {
                turn.ctx.emit(MembershipEvent::JoinSent { group, member, reason: String::new() });
            }
            MemberState::Leaving => {
                turn.ctx.emit(MembershipEvent::LeaveSent { group, member });
                self.state = MemberState::Unsubscribed;
                self.leaving = Some(token);
            }
            MemberState::Acknowledging if self.current == self.target => self.state = MemberState::Stable,
            MemberState::Acknowledging => self.state = MemberState::Reconciling,
            MemberState::Reconciling
            | MemberState::Stable
            | MemberState::Unsubscribed
            | MemberState::Stale
            | MemberState::Fatal => {}
        }
        if self.leaving.is_none() {
            self.in_flight = Some(token);
        }
        self.next_beat = turn.ctx.now.monotonic + self.interval;
        self.retry_at = None;
        turn.shared.moved = true;
    }

    /// What it says now; what it has said is not said again.
    pub(super) fn request(&mut self, consumer: &Consumer, shared: &Shared) -> ConsumerGroupHeartbeatRequest {
        let settings = &shared.settings;
        let all = self.state == MemberState::Joining;
        let topics = consumer.topics();
        let says_topics = all || self.sent.topics.as_ref() != Some(topics);
        let pattern = consumer.server_pattern().map(str::to_owned);
        let says_pattern = all && pattern.is_some() || self.sent.pattern != pattern;
        let says_owned = all || self.sent.local.as_ref() != Some(&self.current);
        let says_timeout = all || !self.sent.rebalance_timeout;
        let says_assignor = all || !self.sent.assignor;
        let request = ConsumerGroupHeartbeatRequest {
            group: settings.group.clone(),
            member: self.member.clone(),
            member_epoch: self.epoch,
            instance: settings.instance.clone(),
            rack: settings.rack.as_deref().filter(|_| all).map(str::to_owned),
            rebalance_timeout_ms: if says_timeout { settings.timers.max_poll_interval.as_millis() as i32 } else { -1 },
            subscribed_topic_names: says_topics.then(|| topics.iter().map(TopicName::to_string).collect()),
            // The empty text takes the one of before back.
            subscribed_topic_regex: says_pattern.then(|| pattern.clone().unwrap_or_default()),
            server_assignor: settings.remote_assignor.as_deref().filter(|_| says_assignor).map(str::to_owned),
            owned: says_owned.then(|| self.said_to_own(consumer)),
        };
        self.sent = Sent {
            rebalance_timeout: true,
            topics: Some(topics.clone()),
            pattern,
            assignor: true,
            local: Some(self.current.clone()),
        };
        request
    }

    /// What it owns, as far as it has acknowledged; what it is told to take and has not taken yet is not part of that.
    fn said_to_own(&self, consumer: &Consumer) -> PartitionsByTopic {
        let mut owned = self.current.partitions.clone();
        if self.state == MemberState::Reconciling && consumer.mends(Hazard::FullHeartbeatSaysTooLittle) {
            for (topic, numbers) in &self.target.partitions {
                owned.entry(*topic).or_default().extend(numbers);
            }
        }
        owned
    }

    /// A heartbeat ended.
    pub fn on_completion(&mut self, turn: &mut Turn, completion: &Completion) {
        if self.leaving == Some(completion.token) {
            self.leaving = None;
            return;
        }
        if self.in_flight != Some(completion.token) {
            return;
        }
        self.in_flight = None;
        match &completion.outcome {
            Outcome::Answered(Response::ConsumerGroupHeartbeat(response)) if response.error == ErrorCode::None => {
                self.failures = 0;
                let takes_no_more = turn.consumer.is(Switch::MemberTakesNoMore) && !self.current.partitions.is_empty();
                self.on_success(turn.ctx, turn.shared, response, takes_no_more);
            }
            Outcome::Answered(Response::ConsumerGroupHeartbeat(response)) => {
                self.on_refusal(turn, response);
            }
            Outcome::UnsupportedVersion => {
                let message = "the cluster does not speak the new consumer group protocol".to_owned();
                self.fail(turn, ErrorCode::UnsupportedVersion, message);
            }
            Outcome::Answered(_) | Outcome::Sent | Outcome::Disconnected | Outcome::TimedOut => {
                self.back_off(turn.ctx, turn.shared);
                turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Disconnected);
            }
        }
    }

    fn back_off(&mut self, ctx: &mut Context, shared: &Shared) {
        self.sent = Sent::default();
        self.next_beat = ctx.now.monotonic;
        self.retry_at = Some(ctx.now.monotonic + shared.backoff.after(ctx, self.failures));
        self.failures += 1;
    }

    /// `RequestState.reset`: the next heartbeat need not wait, and the next failure counts as the first.
    fn forget_failures(&mut self) {
        (self.failures, self.retry_at) = (0, None);
    }

    fn on_success(
        &mut self,
        ctx: &mut Context,
        shared: &mut Shared,
        response: &ConsumerGroupHeartbeatResponse,
        takes_no_more: bool,
    ) {
        let interval = Duration::from_millis(u64::try_from(response.heartbeat_interval_ms).unwrap_or(0));
        if interval != self.interval {
            self.interval = interval;
            self.next_beat = ctx.now.monotonic + interval;
        }
        let outside = matches!(
            self.state,
            MemberState::Unsubscribed | MemberState::Stale | MemberState::Fatal | MemberState::Leaving
        );
        if outside || response.member_epoch < 0 {
            return;
        }
        if self.epoch != response.member_epoch {
            (self.epoch, self.is_named) = (response.member_epoch, true);
            let (group, member) = (shared.settings.group.clone(), self.member.clone());
            ctx.emit(MembershipEvent::GroupJoined { group, member, epoch: self.epoch, leads: false });
        }
        let Some(assignment) = response.assignment.as_ref().filter(|_| !takes_no_more) else { return };
        if self.target.is_none() || self.target.partitions != *assignment {
            self.target = LocalAssignment { number: self.target.number + 1, partitions: assignment.clone() };
        }
        if self.current != self.target {
            self.state = MemberState::Reconciling;
        } else if matches!(self.state, MemberState::Reconciling | MemberState::Joining) {
            self.state = MemberState::Stable;
        }
        shared.moved = true;
    }

    fn on_refusal(&mut self, turn: &mut Turn, response: &ConsumerGroupHeartbeatResponse) {
        self.back_off(turn.ctx, turn.shared);
        match response.error {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::Refused);
                self.forget_failures();
            }
            ErrorCode::CoordinatorLoadInProgress => {}
            ErrorCode::FencedMemberEpoch => {
                self.fence(turn, MembershipLoss::FencedMemberEpoch);
                self.forget_failures();
            }
            ErrorCode::UnknownMemberId => {
                self.fence(turn, MembershipLoss::UnknownMember);
                self.forget_failures();
            }
            error => {
                let message = response.error_message.clone().unwrap_or_else(|| error.name().to_owned());
                self.fail(turn, error, message);
            }
        }
    }

    /// Nothing would change this error: the application is told, and the member is none any more (`transitionToFatal`).
    fn fail(&mut self, turn: &mut Turn, error: ErrorCode, message: String) {
        self.state = MemberState::Fatal;
        self.lose_partitions(turn);
        (self.epoch, self.is_named) = (0, true);
        turn.consumer.raise_from_group((error, message));
        turn.shared.moved = true;
    }
}
