//! The administrator: Kafka's `KafkaAdminClient`.
//!
//! ```text
//!   call ─▶ waits for a node ─▶ in flight ─▶ answered ─▶ resolved
//!              ▲   (controller, the broker      │ lost, timed out, NOT_CONTROLLER:
//!              │    named, or any broker)       │ retry back-off, another try
//!              └────────────────────────────────┘ until default.api.timeout.ms
//! ```
//!
//! Errors about the thing itself (a topic exists, a replica is unknown) are final at the
//! first answer; brokers forward to the active controller, so NOT_CONTROLLER is rare.
//!
//! Simplified: one call names one topic, partition or resource; Kafka's take lists. The leader of a partition is looked up
//! in the client's metadata, and not by a request of its own (`PartitionLeaderStrategy`).

use std::time::Duration;

use super::cluster::Cluster;
use super::network::{Asker, Completion, Outcome};
use super::retry::{Backoff, is_retriable, is_stale_metadata};
use super::{Call, CallResult, failed, resolve};
use crate::config::ProducerSettings;
use crate::context::Context;
use crate::event::ConnectionLoss;
use crate::ids::{LeaderEpoch, MemberId, NodeId, Ticket, TopicName, TopicPartition};
use crate::message::{
    AlterPartitionReassignmentsRequest, ConfigResource, CreatableTopic, CreatePartitionsRequest, CreatePartitionsTopic,
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeQuorumRequest, ElectLeadersRequest,
    ErrorCode, IncrementalAlterConfigsRequest, OffsetCommitPartition, Request, Response, TxnMarker,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};
use crate::time::Time;

/// `default.api.timeout.ms` of an admin client.
const API_TIMEOUT: Duration = Duration::from_secs(60);

/// The epoch of a transaction coordinator that was never replaced.
const FIRST_COORDINATOR_EPOCH: i32 = 0;

/// Who a call may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Provider {
    /// The node that the metadata names as controller.
    Controller,
    /// This broker.
    Node(NodeId),
    /// The leader of this partition.
    Leader(TopicPartition),
    /// Any broker.
    LeastLoaded,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Progress {
    /// It waits for its node; `target` is the one it waits for.
    Waiting { not_before: Time, target: Option<NodeId> },
    /// It was sent.
    InFlight { node: NodeId, token: u64 },
}

/// A call that has not been answered for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AdminCall {
    /// Who waits; nobody once it was abandoned: the call goes on.
    ticket: Option<Ticket>,
    call: Call,
    deadline: Time,
    tries: u32,
    progress: Progress,
}

/// What an answer means for its call.
enum Verdict {
    Done(CallResult),
    Retry(ErrorCode),
    Failed(ErrorCode, Option<String>),
}

/// The administrator's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Admin {
    settings: ProducerSettings,
    calls: Vec<AdminCall>,
    next_token: u64,
}

impl Admin {
    pub fn new(settings: ProducerSettings) -> Admin {
        Admin { settings, calls: Vec::new(), next_token: 1 }
    }

    /// Whether this is an administrator's call.
    pub fn understands(call: &Call) -> bool {
        match call {
            Call::CreateTopic { .. }
            | Call::DeleteTopic { .. }
            | Call::CreatePartitions { .. }
            | Call::AlterConfig { .. }
            | Call::ElectLeaders { .. }
            | Call::Reassign { .. }
            | Call::DeleteRecords { .. }
            | Call::CommitInTransaction { .. }
            | Call::EndTransaction { .. }
            | Call::DescribeQuorum => true,
            Call::Send(_)
            | Call::SendAll(_)
            | Call::Flush
            | Call::Assign(_)
            | Call::Subscribe { .. }
            | Call::SubscribePattern { .. }
            | Call::Unsubscribe
            | Call::CommitSync
            | Call::CommitOffsets(_)
            | Call::CommitAsync
            | Call::Pause(_)
            | Call::Resume(_)
            | Call::Work { .. }
            | Call::Poll { .. }
            | Call::Seek { .. }
            | Call::RefreshMetadata
            | Call::Warm { .. }
            | Call::Close
            | Call::End(_) => false,
        }
    }

    /// Takes a call that it understands.
    pub fn call(&mut self, ctx: &mut Context, ticket: Ticket, call: Call) {
        let now = ctx.now.monotonic;
        let progress = Progress::Waiting { not_before: now, target: None };
        self.calls.push(AdminCall { ticket: Some(ticket), call, deadline: now + API_TIMEOUT, tries: 0, progress });
    }

    /// Nobody waits for this call any more; what was asked for still happens.
    pub fn abandon(&mut self, ticket: Ticket) {
        for call in &mut self.calls {
            call.ticket = call.ticket.filter(|waiting| *waiting != ticket);
        }
    }

    /// Gives up what is under way.
    pub fn close(&mut self, ctx: &mut Context) {
        for call in std::mem::take(&mut self.calls) {
            failed(ctx, call.ticket, ErrorCode::RequestTimedOut, "The AdminClient thread has exited.");
        }
    }

    /// One turn. Gives whether anything was done.
    pub fn run(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let mut moved = self.expire(ctx, cluster);
        for index in 0..self.calls.len() {
            moved |= self.try_send(ctx, cluster, index);
        }
        moved
    }

    /// Fails calls whose time is over. One in flight takes its connection with it.
    fn expire(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let now = ctx.now.monotonic;
        let over: Vec<AdminCall> = self.calls.extract_if(.., |call| call.deadline <= now).collect();
        for call in &over {
            if let Progress::InFlight { node, .. } = call.progress {
                cluster.network.close(ctx, node, ConnectionLoss::RequestTimedOut);
            }
            let message = format!("Timed out after {} attempt(s)", call.tries);
            failed(ctx, call.ticket, ErrorCode::RequestTimedOut, &message);
        }
        !over.is_empty()
    }

    fn try_send(&mut self, ctx: &mut Context, cluster: &mut Cluster, index: usize) -> bool {
        let now = ctx.now.monotonic;
        let call = &mut self.calls[index];
        let Progress::Waiting { not_before, target } = &mut call.progress else { return false };
        // Until the first metadata comes only the bootstrap servers are known.
        if *not_before > now || cluster.metadata.is_bootstrapped_only() {
            return false;
        }
        let usable =
            |node: &NodeId| cluster.metadata.endpoint(*node).is_some() && !cluster.network.is_backing_off(*node, now);
        let node = match target.filter(usable) {
            Some(node) => Some(node),
            None => match provider(&call.call) {
                Provider::Controller => cluster.metadata.controller(),
                Provider::Node(node) => Some(node).filter(|node| cluster.metadata.endpoint(*node).is_some()),
                Provider::Leader(partition) => {
                    cluster.metadata.add_topic(&partition.topic, now);
                    cluster.metadata.leader(&partition)
                }
                Provider::LeastLoaded => cluster.least_loaded(ctx).node,
            },
        };
        *target = node;
        let Some(node) = node else {
            cluster.metadata.request_update();
            return false;
        };
        if !cluster.ready(ctx, node) {
            return false;
        }
        let timeout = self.settings.request_timeout.min(call.deadline.since(now));
        let request = request_of(&call.call, timeout.as_millis() as i32);
        let token = self.next_token;
        self.next_token += 1;
        call.progress = Progress::InFlight { node, token };
        cluster.network.send_for(ctx, node, Asker::Admin, token, request, timeout);
        true
    }

    /// A request ended.
    pub fn on_completion(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let asked =
            |call: &AdminCall| matches!(call.progress, Progress::InFlight { token, .. } if token == completion.token);
        // A call whose time was over is gone.
        let Some(index) = self.calls.iter().position(asked) else { return };
        let verdict = match &completion.outcome {
            Outcome::Answered(response) => verdict_on(&self.calls[index].call, response),
            Outcome::Disconnected | Outcome::Sent => Verdict::Retry(ErrorCode::NetworkException),
            Outcome::TimedOut => Verdict::Retry(ErrorCode::RequestTimedOut),
            Outcome::UnsupportedVersion => Verdict::Failed(ErrorCode::UnsupportedVersion, None),
        };
        match verdict {
            Verdict::Done(result) => {
                let call = self.calls.remove(index);
                resolve(ctx, call.ticket, result);
            }
            Verdict::Failed(error, message) => {
                let call = self.calls.remove(index);
                failed(ctx, call.ticket, error, message.as_deref().unwrap_or(error.name()));
            }
            Verdict::Retry(error) => {
                if error == ErrorCode::NotController {
                    cluster.metadata.forget_controller();
                }
                let call = &mut self.calls[index];
                if let Provider::Leader(partition) = provider(&call.call)
                    && (is_stale_metadata(error) || error == ErrorCode::NotCoordinator)
                {
                    cluster.metadata.request_update_for_topic(&partition.topic);
                }
                let backoff = Backoff {
                    initial: self.settings.retry_backoff,
                    max: self.settings.retry_backoff_max,
                    jitter: self.settings.backoff_jitter,
                };
                let not_before = ctx.now.monotonic + backoff.after(ctx, call.tries);
                call.tries += 1;
                call.progress = Progress::Waiting { not_before, target: None };
            }
        }
    }

    /// When the next thing happens by itself, later than now.
    pub fn next_deadline(&self, cluster: &Cluster, now: Time) -> Option<Time> {
        let times = self.calls.iter().flat_map(|call| {
            let waits = match call.progress {
                Progress::Waiting { not_before, target } => {
                    let connectable = target.and_then(|node| cluster.network.connectable_at(node));
                    Some(connectable.unwrap_or(Time::ZERO).max(not_before))
                }
                Progress::InFlight { .. } => None,
            };
            [Some(call.deadline), waits]
        });
        times.flatten().filter(|at| *at > now).min()
    }
}

fn provider(call: &Call) -> Provider {
    match call {
        Call::AlterConfig { resource: ConfigResource::Broker(node), .. } => Provider::Node(*node),
        Call::DeleteRecords { partition, .. } => Provider::Leader(partition.clone()),
        Call::CommitInTransaction { at, .. } | Call::EndTransaction { at, .. } => Provider::Leader(at.clone()),
        Call::AlterConfig { .. } | Call::DescribeQuorum => Provider::LeastLoaded,
        _ => Provider::Controller,
    }
}

fn request_of(call: &Call, timeout_ms: i32) -> Request {
    match call.clone() {
        Call::CreateTopic { name, partitions, replication_factor, replicas, configs } => {
            let assigned = !replicas.is_empty();
            let topic = CreatableTopic {
                name: TopicName::new(&name),
                num_partitions: if assigned { -1 } else { partitions },
                replication_factor: if assigned { -1 } else { replication_factor },
                assignments: replicas,
                configs: configs.into_iter().collect(),
            };
            CreateTopicsRequest { topics: vec![topic], timeout_ms, validate_only: false }.into()
        }
        Call::DeleteTopic { name } => DeleteTopicsRequest { topics: vec![TopicName::new(&name)], timeout_ms }.into(),
        Call::CreatePartitions { topic, count, replicas } => {
            let topic = CreatePartitionsTopic { name: TopicName::new(&topic), count, assignments: replicas };
            CreatePartitionsRequest { topics: vec![topic], timeout_ms, validate_only: false }.into()
        }
        Call::AlterConfig { resource, values } => {
            IncrementalAlterConfigsRequest { resources: vec![(resource, values)], validate_only: false }.into()
        }
        Call::ElectLeaders { election_type, partitions } => {
            ElectLeadersRequest { election_type, partitions, timeout_ms }.into()
        }
        Call::Reassign { partition, replicas } => {
            AlterPartitionReassignmentsRequest { partitions: vec![(partition, replicas)], timeout_ms }.into()
        }
        Call::DeleteRecords { partition, before } => {
            DeleteRecordsRequest { partitions: vec![(partition, before.unwrap_or(-1))], timeout_ms }.into()
        }
        Call::CommitInTransaction { group, producer_id, producer_epoch, offsets, .. } => {
            let offset = |(partition, offset)| OffsetCommitPartition {
                partition,
                offset,
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            };
            TxnOffsetCommitRequest {
                transactional_id: format!("transaction-{}", producer_id.0),
                group,
                producer_id,
                producer_epoch,
                generation_or_member_epoch: -1,
                member: MemberId::default(),
                instance: None,
                partitions: offsets.into_iter().map(offset).collect(),
            }
            .into()
        }
        Call::EndTransaction { at, producer_id, producer_epoch, committed } => {
            let (coordinator_epoch, partitions) = (FIRST_COORDINATOR_EPOCH, vec![at]);
            let marker = TxnMarker { producer_id, producer_epoch, committed, coordinator_epoch, partitions };
            WriteTxnMarkersRequest { markers: vec![marker] }.into()
        }
        Call::DescribeQuorum => DescribeQuorumRequest.into(),
        Call::Send(_)
        | Call::SendAll(_)
        | Call::Flush
        | Call::Assign(_)
        | Call::Subscribe { .. }
        | Call::SubscribePattern { .. }
        | Call::Unsubscribe
        | Call::CommitSync
        | Call::CommitOffsets(_)
        | Call::CommitAsync
        | Call::Pause(_)
        | Call::Resume(_)
        | Call::Work { .. }
        | Call::Poll { .. }
        | Call::Seek { .. }
        | Call::RefreshMetadata
        | Call::Warm { .. }
        | Call::Close
        | Call::End(_) => unreachable!("an administrator takes only calls that it understands"),
    }
}

/// What the errors of several partitions mean together: the first one counts, and all are asked for again if it may pass.
fn first_error(mut errors: impl Iterator<Item = ErrorCode>) -> Verdict {
    match errors.find(|error| !error.is_none()) {
        Some(error) if is_retriable(error) => Verdict::Retry(error),
        Some(error) => Verdict::Failed(error, None),
        None => Verdict::Done(CallResult::Done),
    }
}

/// What an error means: NOT_CONTROLLER is tried again at the next controller, every other
/// one is final.
fn judge(error: ErrorCode, message: Option<String>) -> Verdict {
    match error {
        ErrorCode::None => Verdict::Done(CallResult::Done),
        ErrorCode::NotController => Verdict::Retry(error),
        other => Verdict::Failed(other, message),
    }
}

fn verdict_on(call: &Call, response: &Response) -> Verdict {
    let missing = || Verdict::Failed(ErrorCode::UnknownServerError, Some("The answer holds no result".to_owned()));
    match response {
        Response::CreateTopics(response) => match response.topics.first() {
            Some(topic) => judge(topic.error, topic.error_message.clone()),
            None => missing(),
        },
        Response::DeleteTopics(response) => match response.topics.first() {
            Some((_, _, error)) => judge(*error, None),
            None => missing(),
        },
        Response::CreatePartitions(response) => match response.topics.first() {
            Some((_, error, message)) => judge(*error, message.clone()),
            None => missing(),
        },
        Response::IncrementalAlterConfigs(response) => match response.resources.first() {
            Some((_, error, message)) => judge(*error, message.clone()),
            None => missing(),
        },
        Response::AlterPartitionReassignments(response) => match (response.error, response.partitions.first()) {
            (ErrorCode::None, Some((_, error, message))) => judge(*error, message.clone()),
            (ErrorCode::None, None) => missing(),
            (error, _) => judge(error, None),
        },
        Response::DeleteRecords(response) => match response.partitions.first() {
            Some(answer) if is_retriable(answer.error) => Verdict::Retry(answer.error),
            Some(answer) => judge(answer.error, None),
            None => missing(),
        },
        Response::TxnOffsetCommit(response) => first_error(response.partitions.iter().map(|(_, error)| *error)),
        Response::WriteTxnMarkers(response) => {
            first_error(response.markers.iter().flat_map(|(_, errors)| errors).map(|(_, error)| *error))
        }
        Response::ElectLeaders(response) => {
            // That a partition needs no election is what was wanted; kafka-leader-election says so too.
            let mut errors = response.partitions.iter().map(|(_, error)| *error);
            let refused = errors.find(|error| !matches!(error, ErrorCode::None | ErrorCode::ElectionNotNeeded));
            match refused {
                _ if response.error != ErrorCode::None => Verdict::Failed(response.error, None),
                Some(error) => Verdict::Failed(error, None),
                None => Verdict::Done(CallResult::Done),
            }
        }
        Response::DescribeQuorum(response) => match response.error {
            ErrorCode::None => {
                let progress = |replicas: &[crate::message::QuorumReplica]| {
                    replicas.iter().map(|member| (member.replica.id, member.log_end_offset)).collect()
                };
                Verdict::Done(CallResult::Quorum {
                    leader: response.leader,
                    epoch: response.epoch,
                    high_watermark: response.high_watermark,
                    voters: progress(&response.voters),
                    observers: progress(&response.observers),
                })
            }
            error if is_retriable(error) => Verdict::Retry(error),
            error => Verdict::Failed(error, None),
        },
        other => unreachable!("{:?} is no answer to {call:?}", other.api()),
    }
}
