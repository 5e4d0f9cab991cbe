//! Requests to the active controller, whoever that is (`NodeToControllerChannelManager`).
//!
//! A request is kept until the active controller has answered it: after a broken
//! connection, or an answer that says NOT_CONTROLLER anywhere, it returns to the front of
//! its queue and is sent to whoever the quorum names as leader by then. A controller once
//! chosen is used until it fails, even if another leads meanwhile.
//!
//! | purpose | given up after |
//! | --- | --- |
//! | heartbeat | broker.heartbeat.interval.ms |
//! | AlterPartition | never |
//! | forwarding | 60 s |
//! | registration of a controller | 5 s |
//!
//! Only what is not in flight is given up; what is in flight ends by the channel's own
//! time-out first.

use std::collections::VecDeque;
use std::ops::Bound;
use std::time::Duration;

use super::{ChannelFailure, ChannelKey, ChannelOutput, ChannelPurpose, Channels, REGISTRATION_RETRY_TIMEOUT};
use crate::context::Context;
use crate::ids::Endpoint;
use crate::message::{ErrorCode, Request, Response};
use crate::time::Time;

/// The "forwarding" channel's retry time-out in `BrokerServer`.
const FORWARDING_RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// What waits for the active controller on one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ToController {
    queue: VecDeque<Waiting>,
    in_flight: Option<Waiting>,
    /// The controller in use; `None` after a failure, until the next look at who leads.
    active: Option<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    token: u64,
    request: Request,
    created: Time,
}

impl ToController {
    /// Whether there is nothing to send or to give up, and no controller to be chosen.
    fn is_at_rest(&self, a_controller_is_known: bool) -> bool {
        self.queue.is_empty() && (self.active.is_some() || !a_controller_is_known)
    }
}

impl Channels {
    /// Sends a request to the active controller, and again until one answers it.
    pub fn send_to_controller(&mut self, ctx: &mut Context, purpose: ChannelPurpose, token: u64, request: Request) {
        let waiting = Waiting { token, request, created: ctx.now.monotonic };
        self.to_controller.entry(purpose).or_default().queue.push_back(waiting);
        self.settle(ctx);
    }

    /// The quorum has another leader, or none that is known.
    pub fn controller_changed(&mut self, ctx: &mut Context, controller: Option<Endpoint>) {
        self.controller = controller;
        self.settle(ctx);
    }

    /// How long a request of this purpose is tried.
    fn retry_timeout(&self, purpose: ChannelPurpose) -> Option<Duration> {
        match purpose {
            ChannelPurpose::Heartbeat => Some(self.config.heartbeat_interval),
            ChannelPurpose::Forwarding => Some(FORWARDING_RETRY_TIMEOUT),
            ChannelPurpose::Registration => Some(REGISTRATION_RETRY_TIMEOUT),
            ChannelPurpose::AlterPartition | ChannelPurpose::Fetcher | ChannelPurpose::Raft => None,
        }
    }

    pub(super) fn controller_deadline(&self) -> Option<Time> {
        let of_queue = |(purpose, to): (&ChannelPurpose, &ToController)| {
            let oldest = to.queue.iter().map(|waiting| waiting.created).min()?;
            Some(oldest + self.retry_timeout(*purpose)?)
        };
        self.to_controller.iter().filter_map(of_queue).min()
    }

    /// Takes the results that belong to requests to the controller, and moves each queue
    /// on, until nothing changes any more.
    pub(super) fn settle(&mut self, ctx: &mut Context) {
        loop {
            for output in self.take_of_controller() {
                match output {
                    ChannelOutput::Response { key, response, .. } => self.answered(ctx, &key, response),
                    ChannelOutput::Failed { key, reason, .. } => self.failed(&key, reason),
                    ChannelOutput::FromController { .. } | ChannelOutput::ControllerFailed { .. } => {
                        unreachable!("only results of channels were taken out")
                    }
                }
            }
            // Most steps move none on.
            let is_at_rest = self.to_controller.values().all(|to| to.is_at_rest(self.controller.is_some()));
            let mut next = if is_at_rest { None } else { self.to_controller.keys().next().copied() };
            while let Some(purpose) = next {
                self.move_on(ctx, purpose);
                next = self.to_controller.range((Bound::Excluded(purpose), Bound::Unbounded)).next().map(|(to, _)| *to);
            }
            if !self.outputs.iter().any(|output| self.is_of_controller(output)) {
                return;
            }
        }
    }

    fn take_of_controller(&mut self) -> Vec<ChannelOutput> {
        // Most steps have none.
        if !self.outputs.iter().any(|output| self.is_of_controller(output)) {
            return Vec::new();
        }
        let (of_controller, rest) =
            std::mem::take(&mut self.outputs).into_iter().partition(|output| self.is_of_controller(output));
        self.outputs = rest;
        of_controller
    }

    fn is_of_controller(&self, output: &ChannelOutput) -> bool {
        match output {
            ChannelOutput::Response { key, token, .. } | ChannelOutput::Failed { key, token, .. } => {
                let to = self.to_controller.get(&key.purpose);
                let in_flight = to.and_then(|to| to.in_flight.as_ref());
                in_flight.is_some_and(|waiting| waiting.token == *token)
            }
            ChannelOutput::FromController { .. } | ChannelOutput::ControllerFailed { .. } => false,
        }
    }

    fn answered(&mut self, ctx: &mut Context, key: &ChannelKey, response: Response) {
        let to = self.to_controller.get_mut(&key.purpose).expect("it has a request in flight");
        let waiting = to.in_flight.take().expect("it has a request in flight");
        if says_not_controller(&response) {
            to.active = None;
            to.queue.push_front(waiting);
            self.break_channel(ctx, key, ChannelFailure::Disconnected, true);
        } else {
            let (purpose, token) = (key.purpose, waiting.token);
            self.outputs.push(ChannelOutput::FromController { purpose, token, response });
        }
    }

    fn failed(&mut self, key: &ChannelKey, reason: ChannelFailure) {
        let to = self.to_controller.get_mut(&key.purpose).expect("it has a request in flight");
        let waiting = to.in_flight.take().expect("it has a request in flight");
        match reason {
            ChannelFailure::Disconnected | ChannelFailure::TimedOut | ChannelFailure::Malformed => {
                to.active = None;
                to.queue.push_front(waiting);
            }
            ChannelFailure::UnsupportedVersion => {
                let (purpose, token) = (key.purpose, waiting.token);
                self.outputs.push(ChannelOutput::ControllerFailed { purpose, token, reason });
            }
        }
    }

    /// Gives up what is too old, then sends the first request to the controller in use.
    fn move_on(&mut self, ctx: &mut Context, purpose: ChannelPurpose) {
        let now = ctx.now.monotonic;
        let retry_timeout = self.retry_timeout(purpose);
        let to = self.to_controller.get_mut(&purpose).expect("called for each that exists");
        let is_old = |waiting: &Waiting| retry_timeout.is_some_and(|limit| waiting.created + limit <= now);
        let mut old = VecDeque::new();
        if to.queue.iter().any(is_old) {
            let (given_up, young) = to.queue.drain(..).partition(is_old);
            (old, to.queue) = (given_up, young);
        }
        if to.active.is_none() {
            to.active = self.controller.clone();
        }
        let next = match (&to.active, &to.in_flight) {
            (Some(active), None) => to.queue.pop_front().map(|waiting| (active.clone(), waiting)),
            (None, _) | (_, Some(_)) => None,
        };
        let reason = ChannelFailure::TimedOut;
        let given_up = |waiting: Waiting| ChannelOutput::ControllerFailed { purpose, token: waiting.token, reason };
        if let Some((active, waiting)) = next {
            let (token, request) = (waiting.token, waiting.request.clone());
            to.in_flight = Some(waiting);
            self.outputs.extend(old.into_iter().map(given_up));
            self.send(ctx, ChannelKey { purpose, to: active }, token, request);
        } else {
            self.outputs.extend(old.into_iter().map(given_up));
        }
    }
}

/// Whether an answer names NOT_CONTROLLER, of the whole request or of any part of it.
fn says_not_controller(response: &Response) -> bool {
    let it = ErrorCode::NotController;
    match response {
        Response::CreateTopics(body) => body.topics.iter().any(|topic| topic.error == it),
        Response::DeleteTopics(body) => body.topics.iter().any(|(_, _, error)| *error == it),
        Response::CreatePartitions(body) => body.topics.iter().any(|(_, error, _)| *error == it),
        Response::ElectLeaders(body) => body.error == it || body.partitions.iter().any(|(_, error)| *error == it),
        Response::IncrementalAlterConfigs(body) => body.resources.iter().any(|(_, error, _)| *error == it),
        Response::AlterPartitionReassignments(body) => {
            body.error == it || body.partitions.iter().any(|(_, error, _)| *error == it)
        }
        Response::AlterPartition(body) => {
            body.error == it || body.partitions.iter().any(|partition| partition.error == it)
        }
        Response::BrokerRegistration(body) => body.error == it,
        Response::BrokerHeartbeat(body) => body.error == it,
        Response::AllocateProducerIds(body) => body.error == it,
        Response::ControllerRegistration(body) => body.error == it,
        // A node that does not lead the quorum answers NOT_LEADER_OR_FOLLOWER, as Kafka's
        // controllers do, and that goes to whoever asked.
        Response::DescribeQuorum(body) => body.error == it,
        Response::Produce(_)
        | Response::Fetch(_)
        | Response::ListOffsets(_)
        | Response::DeleteRecords(_)
        | Response::Metadata(_)
        | Response::OffsetCommit(_)
        | Response::OffsetFetch(_)
        | Response::FindCoordinator(_)
        | Response::JoinGroup(_)
        | Response::Heartbeat(_)
        | Response::LeaveGroup(_)
        | Response::SyncGroup(_)
        | Response::DescribeGroups(_)
        | Response::ListGroups(_)
        | Response::DeleteGroups(_)
        | Response::OffsetDelete(_)
        | Response::TxnOffsetCommit(_)
        | Response::WriteTxnMarkers(_)
        | Response::ConsumerGroupHeartbeat(_)
        | Response::ConsumerGroupDescribe(_)
        | Response::ApiVersions(_)
        | Response::InitProducerId(_)
        | Response::OffsetForLeaderEpoch(_)
        | Response::Vote(_)
        | Response::BeginQuorumEpoch(_)
        | Response::EndQuorumEpoch(_)
        | Response::FetchSnapshot(_) => false,
    }
}
