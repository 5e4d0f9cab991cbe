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
//! Calls about groups go another way, by the group's coordinator or to all brokers: see `groups`.
//!
//! Simplified: one call names one topic, partition, resource or group; Kafka's take lists. The leader of a partition is looked up
//! in the client's metadata, and not by a request of its own (`PartitionLeaderStrategy`).

mod answer;
mod groups;
mod request;

use std::collections::BTreeMap;
use std::time::Duration;

use answer::Verdict;
use groups::{Coordinated, GroupList};
use request::request_of;

use super::cluster::Cluster;
use super::network::{Asker, Completion, Outcome};
use super::retry::{Backoff, is_stale_metadata};
use super::{Call, CallResult, failed, resolve};
use crate::config::ProducerSettings;
use crate::context::Context;
use crate::event::ConnectionLoss;
use crate::ids::{NodeId, Ticket, TopicPartition};
use crate::message::{ConfigResource, ErrorCode, Request};
use crate::time::Time;

/// `default.api.timeout.ms` of an admin client.
const API_TIMEOUT: Duration = Duration::from_secs(60);

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

/// How a call finds who answers it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Route {
    /// What is asked for says who.
    Direct,
    /// The coordinator of its group.
    Coordinated(Coordinated),
    /// All brokers: which there are is asked first.
    AllBrokers,
    /// It is the part of this broker in the list with this number.
    Part { node: NodeId, list: u64 },
}

/// A call that has not been answered for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AdminCall {
    /// Who waits; nobody once it was abandoned: the call goes on.
    ticket: Option<Ticket>,
    call: Call,
    deadline: Time,
    tries: u32,
    route: Route,
    progress: Progress,
}

/// The administrator's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Admin {
    settings: ProducerSettings,
    calls: Vec<AdminCall>,
    /// Lists that brokers are asked for, by number.
    lists: BTreeMap<u64, GroupList>,
    next_token: u64,
}

impl Admin {
    pub fn new(settings: ProducerSettings) -> Admin {
        Admin { settings, calls: Vec::new(), lists: BTreeMap::new(), next_token: 1 }
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
            | Call::ListGroups { .. }
            | Call::DescribeGroup { .. }
            | Call::DeleteGroup { .. }
            | Call::DeleteOffsets { .. }
            | Call::DescribeQuorum => true,
            Call::Send(_)
            | Call::SendAll(_)
            | Call::Flush
            | Call::Assign(_)
            | Call::Subscribe { .. }
            | Call::SubscribePattern { .. }
            | Call::Unsubscribe
            | Call::CommitSync
            | Call::CommitOffsets { .. }
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
        let route = match &call {
            Call::ListGroups { .. } => Route::AllBrokers,
            call if groups::is_coordinated(call) => Route::Coordinated(Coordinated::default()),
            _ => Route::Direct,
        };
        let deadline = now + API_TIMEOUT;
        self.calls.push(AdminCall { ticket: Some(ticket), call, deadline, tries: 0, route, progress });
    }

    /// Nobody waits for this call any more; what was asked for still happens.
    pub fn abandon(&mut self, ticket: Ticket) {
        let tickets = self.calls.iter_mut().map(|call| &mut call.ticket);
        for waiting in tickets.chain(self.lists.values_mut().map(|list| &mut list.ticket)) {
            *waiting = waiting.filter(|waiting| *waiting != ticket);
        }
    }

    /// Gives up what is under way.
    pub fn close(&mut self, ctx: &mut Context) {
        for call in std::mem::take(&mut self.calls) {
            self.end(ctx, call, Err((ErrorCode::RequestTimedOut, "The AdminClient thread has exited.".to_owned())));
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
        let is_any = !over.is_empty();
        for call in over {
            if let Progress::InFlight { node, .. } = call.progress {
                cluster.network.close(ctx, node, ConnectionLoss::RequestTimedOut);
            }
            let message = format!("Timed out after {} attempt(s)", call.tries);
            self.end(ctx, call, Err((ErrorCode::RequestTimedOut, message)));
        }
        is_any
    }

    /// A call comes to its end: whoever waits is told, unless others of the same list are not answered yet.
    fn end(&mut self, ctx: &mut Context, call: AdminCall, result: Result<CallResult, (ErrorCode, String)>) {
        let (ticket, result) = match (call.route, result) {
            (Route::Part { node, list }, result) => {
                let part = match result {
                    Ok(CallResult::Groups { groups }) => Ok(groups),
                    Ok(other) => unreachable!("{other:?} is no part of a list"),
                    Err(failed) => Err(failed),
                };
                let whole = self.lists.get_mut(&list).expect("a list stays until its last part came");
                let Some(result) = whole.part(node, part) else { return };
                (self.lists.remove(&list).and_then(|list| list.ticket), result)
            }
            (Route::Direct | Route::Coordinated(_) | Route::AllBrokers, result) => (call.ticket, result),
        };
        match result {
            Ok(result) => {
                if let Some(event) = groups::done(&call.call, &result) {
                    ctx.emit(event);
                }
                resolve(ctx, ticket, result);
            }
            Err((error, message)) => {
                if let Some(event) = groups::failed(&call.call, error) {
                    ctx.emit(event);
                }
                failed(ctx, ticket, error, &message);
            }
        }
    }

    /// Whether a transaction is to be ended whose offsets are still on their way: a producer sends one request of a transaction
    /// after the other, and its end last (`TransactionManager.Priority`).
    fn is_early(&self, index: usize) -> bool {
        let Call::EndTransaction { producer_id: ended, .. } = self.calls[index].call else { return false };
        self.calls
            .iter()
            .any(|other| matches!(other.call, Call::CommitInTransaction { producer_id, .. } if producer_id == ended))
    }

    fn try_send(&mut self, ctx: &mut Context, cluster: &mut Cluster, index: usize) -> bool {
        let now = ctx.now.monotonic;
        let Progress::Waiting { not_before, target } = self.calls[index].progress else { return false };
        // Until the first metadata comes only the bootstrap servers are known.
        if not_before > now || cluster.metadata.is_bootstrapped_only() || self.is_early(index) {
            return false;
        }
        let call = &mut self.calls[index];
        let usable =
            |node: &NodeId| cluster.metadata.endpoint(*node).is_some() && !cluster.network.is_backing_off(*node, now);
        let node = match target.filter(usable) {
            Some(node) => Some(node),
            None => match call.provider() {
                Provider::Controller => cluster.metadata.controller(),
                Provider::Node(node) => Some(node).filter(|node| cluster.metadata.endpoint(*node).is_some()),
                Provider::Leader(partition) => {
                    cluster.metadata.add_topic(&partition.topic, now);
                    cluster.metadata.leader(&partition)
                }
                Provider::LeastLoaded => cluster.least_loaded(ctx).node,
            },
        };
        call.progress = Progress::Waiting { not_before, target: node };
        let Some(node) = node else {
            cluster.metadata.request_update();
            return call.is_sent_elsewhere();
        };
        if !cluster.ready(ctx, node) {
            return false;
        }
        let timeout = self.settings.request_timeout.min(call.deadline.since(now));
        let request = call.request(timeout);
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
        let backoff = Backoff {
            initial: self.settings.retry_backoff,
            max: self.settings.retry_backoff_max,
            jitter: self.settings.backoff_jitter,
        };
        let call = &mut self.calls[index];
        match call.verdict_on(ctx, backoff, &completion.outcome) {
            Verdict::Done(result) => {
                let call = self.calls.remove(index);
                self.end(ctx, call, Ok(result));
            }
            Verdict::Failed(error, message) => {
                let call = self.calls.remove(index);
                self.end(ctx, call, Err((error, message.unwrap_or_else(|| error.name().to_owned()))));
            }
            Verdict::Onward(not_before) => {
                call.tries += 1;
                call.progress = Progress::Waiting { not_before, target: None };
            }
            Verdict::Ask(brokers) => self.ask_for_parts(ctx, index, &brokers),
            Verdict::Retry(error) => {
                if error == ErrorCode::NotController {
                    cluster.metadata.forget_controller();
                }
                if let Provider::Leader(partition) = call.provider()
                    && (is_stale_metadata(error) || error == ErrorCode::NotCoordinator)
                {
                    cluster.metadata.request_update_for_topic(&partition.topic);
                }
                let not_before = ctx.now.monotonic + backoff.after(ctx, call.tries);
                call.tries += 1;
                call.progress = Progress::Waiting { not_before, target: None };
            }
        }
    }

    /// Instead of the call as a whole there is one for each broker; its deadline is theirs.
    fn ask_for_parts(&mut self, ctx: &mut Context, index: usize, brokers: &[NodeId]) {
        let whole = self.calls.remove(index);
        let list = self.next_token;
        self.next_token += 1;
        self.lists.insert(list, GroupList::new(whole.ticket, brokers));
        let progress = Progress::Waiting { not_before: ctx.now.monotonic, target: None };
        self.calls.extend(brokers.iter().map(|node| AdminCall {
            ticket: None,
            tries: 0,
            route: Route::Part { node: *node, list },
            progress: progress.clone(),
            ..whole.clone()
        }));
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

impl AdminCall {
    /// Who answers what is asked next.
    fn provider(&self) -> Provider {
        match &self.route {
            Route::Coordinated(Coordinated { coordinator: Some(node), .. }) => Provider::Node(*node),
            Route::Coordinated(_) | Route::AllBrokers => Provider::LeastLoaded,
            Route::Part { node, .. } => Provider::Node(*node),
            Route::Direct => match &self.call {
                Call::AlterConfig { resource: ConfigResource::Broker(node), .. } => Provider::Node(*node),
                Call::DeleteRecords { partition, .. } => Provider::Leader(partition.clone()),
                Call::CommitInTransaction { at, .. } | Call::EndTransaction { at, .. } => Provider::Leader(at.clone()),
                Call::AlterConfig { .. } | Call::DescribeQuorum => Provider::LeastLoaded,
                _ => Provider::Controller,
            },
        }
    }

    /// What is asked next, as it leaves.
    fn request(&mut self, timeout: Duration) -> Request {
        match &mut self.route {
            Route::Direct | Route::Part { .. } => request_of(&self.call, timeout.as_millis() as i32),
            Route::AllBrokers => groups::brokers_request(),
            Route::Coordinated(route) => {
                route.sent();
                route.request(&self.call)
            }
        }
    }

    /// Its coordinator is no broker that the metadata knows: it is looked up again (`handleNodeUnavailable`). Gives whether there
    /// was one.
    fn is_sent_elsewhere(&mut self) -> bool {
        match &mut self.route {
            Route::Coordinated(route) => route.coordinator.take().is_some(),
            Route::Direct | Route::AllBrokers | Route::Part { .. } => false,
        }
    }

    fn verdict_on(&mut self, ctx: &mut Context, backoff: Backoff, outcome: &Outcome) -> Verdict {
        match &mut self.route {
            Route::Coordinated(route) => route.on_outcome(ctx, backoff, &self.call, outcome),
            Route::AllBrokers => groups::brokers_verdict(outcome),
            Route::Part { .. } => groups::part_verdict(outcome),
            Route::Direct => match outcome {
                Outcome::Answered(response) => answer::verdict_on(&self.call, response),
                Outcome::Disconnected | Outcome::Sent => Verdict::Retry(ErrorCode::NetworkException),
                Outcome::TimedOut => Verdict::Retry(ErrorCode::RequestTimedOut),
                Outcome::UnsupportedVersion => Verdict::Failed(ErrorCode::UnsupportedVersion, None),
            },
        }
    }
}
