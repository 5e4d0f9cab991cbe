//! The KRaft controller's brain (KIP-500, KIP-631): `QuorumController` without its threads.
//!
//! ```text
//!   request ──▶ check against the newest state ──▶ records + a response to give later
//!                                                   │
//!                replay into the newest state ◀─────┤
//!                                                   ▼
//!                              Append ──▶ metadata quorum ──▶ committed ──▶ Reply, events
//! ```
//!
//! State changes only by replaying records, on the active controller when it writes them and
//! on the others when they are committed. When the active one is deposed it goes back to the
//! last committed state and answers NOT_CONTROLLER to everybody who waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

mod activation;
mod alter_partition;
mod answers;
mod brokers;
mod configs;
mod elections;
mod heartbeat;
mod partition_change;
mod placement;
mod reassignment;
mod registration;
mod topics;

#[cfg(test)]
mod tests;

use crate::config::{Behaviour, ControllerSettings, LogManagerSettings, LogSettings, Switch};
use crate::context::Context;
use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::{ClusterId, LeaderEpoch, NodeId, Offset, RequestHandle, TopicPartition};
use crate::message::{ErrorCode, Request, Response};
use crate::metadata::{ApplyError, MetadataImage, MetadataRecord};
use crate::time::Time;
use heartbeat::Heartbeats;

/// What a controller is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerConfig {
    /// This node.
    pub node: NodeId,
    /// The cluster; registrations from another are refused.
    pub cluster_id: ClusterId,
    /// Sessions and periodic tasks.
    pub settings: ControllerSettings,
    /// Defaults of topics, from this process's static configuration.
    pub log: LogSettings,
    /// Defaults of new topics: partitions, replication factor.
    pub log_manager: LogManagerSettings,
    /// `metadata.max.idle.interval.ms`: how often a no-op record is written; zero for never.
    pub max_idle_interval: Duration,
    /// The level of `kraft.version`, which the quorum keeps and registrations are checked against.
    pub kraft_version: i16,
    /// What to write into an empty log: see [`crate::metadata::bootstrap_records`].
    pub bootstrap_records: Vec<MetadataRecord>,
    /// Which Kafka it behaves as.
    pub behaviour: Behaviour,
}

/// What the controller wants from its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ControllerOutput {
    /// Append these records to the metadata log and call [`Controller::appended`], in the same step.
    Append {
        /// Which write.
        write_id: u64,
        /// The records, at least one.
        records: Vec<MetadataRecord>,
        /// Whether they must lie in one batch.
        atomic: bool,
    },
    /// Answer a request.
    Reply {
        /// Which.
        handle: RequestHandle,
        /// The answer.
        response: Response,
    },
    /// End the process: what the quorum committed contradicts itself (Kafka's fatal fault handler).
    FatalFault {
        /// What does not fit.
        reason: String,
    },
}

/// A state made by replaying records, and the state to go back to if an open transaction is aborted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Replayed {
    image: MetadataImage,
    /// Where the open metadata transaction began, and the image just before it.
    transaction: Option<(Offset, Box<MetadataImage>)>,
}

impl Replayed {
    fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::BeginTransaction { .. } => {
                if let Some((start, _)) = &self.transaction {
                    return Err(ApplyError(format!("a transaction begins at {offset} inside the one of {start}")));
                }
                self.transaction = Some((offset, Box::new(self.image.clone())));
            }
            MetadataRecord::EndTransaction => {
                self.transaction.take().ok_or_else(|| ApplyError(format!("no transaction ends at {offset}")))?;
            }
            MetadataRecord::AbortTransaction { .. } => {
                let open = self.transaction.take();
                let (_, before) = open.ok_or_else(|| ApplyError(format!("no transaction to abort at {offset}")))?;
                self.image = *before;
            }
            record => return self.image.try_apply(offset, record),
        }
        self.image.set_last_offset(offset);
        Ok(())
    }
}

/// What only the active controller has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Active {
    epoch: LeaderEpoch,
    /// The offset that the next record will get, unless the quorum writes a control record first.
    next_write_offset: Offset,
    next_write_id: u64,
    heartbeats: Heartbeats,
    /// What waits for the log to be committed; `last_offset` never falls from one to the next.
    pending: VecDeque<Pending>,
    tasks: BTreeMap<PeriodicTask, Time>,
    /// The switch `NeverUnfence`: brokers whose session ran out.
    never_unfence: BTreeSet<NodeId>,
}

/// A write, or an answer made from uncommitted state, that waits for the log to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    /// Which write; none for an answer that wrote nothing.
    write_id: Option<u64>,
    /// It is complete when the log is committed up to here.
    last_offset: Offset,
    events: Vec<ControllerEvent>,
    answer: Option<Answer>,
}

/// An answer held back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    handle: RequestHandle,
    response: Response,
    /// What is answered instead if this controller is deposed meanwhile.
    if_deposed: Response,
}

/// What the active controller does from time to time (`PeriodicTaskControlManager`), in the order
/// in which simultaneous ones run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum PeriodicTask {
    /// Fences one broker whose session is over; again 10 ms later if it found one.
    FenceStaleBroker,
    /// Gives leaderships back to preferred replicas.
    ElectPreferred,
    /// Elects uncleanly where that is allowed and nobody leads.
    ElectUnclean,
    /// Writes a no-op record, so that offsets move and followers know that the quorum lives.
    WriteNoOp,
}

/// Kafka's delay for a task that has more to do at once.
const IMMEDIATE_DELAY: Duration = Duration::from_millis(10);
/// The most elections of one periodic run (`MAX_ELECTIONS_PER_IMBALANCE`).
const MAX_ELECTIONS: usize = 1_000;

/// What a request or a timer leads to: records, and an answer to give once they are committed.
#[derive(Clone, Debug, Default)]
struct Decision {
    records: Vec<MetadataRecord>,
    /// What to tell when the records are committed.
    facts: Vec<Fact>,
    atomic: bool,
    response: Option<Response>,
    /// A broker whose controlled shutdown is under way: this write is where it began, if none was before.
    controlled_shutdown: Option<NodeId>,
}

/// Something that is true once the decision is committed.
#[derive(Clone, Debug)]
enum Fact {
    Event(ControllerEvent),
    /// The record of this index changes a partition.
    PartitionChanged {
        record: usize,
        reason: PartitionChangeReason,
        unclean: bool,
    },
}

impl Decision {
    /// Records that may be split into several batches.
    fn new() -> Decision {
        Decision::default()
    }

    /// Records that count all together or not at all.
    fn atomic() -> Decision {
        Decision { atomic: true, ..Decision::default() }
    }

    fn answer(mut self, response: impl Into<Response>) -> Decision {
        self.response = Some(response.into());
        self
    }

    fn fact(&mut self, event: ControllerEvent) {
        self.facts.push(Fact::Event(event));
    }

    /// Only to see whether it would work: nothing is written.
    fn without_records(mut self) -> Decision {
        self.records.clear();
        self.facts.clear();
        self
    }
}

/// Why something that was asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal(ErrorCode, String);

fn refuse<T>(error: ErrorCode, reason: &str) -> Result<T, Refusal> {
    Err(Refusal(error, reason.to_owned()))
}

/// The controller of one node; active on the node that leads the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    config: ControllerConfig,
    /// What the quorum has committed.
    committed: Replayed,
    /// On the active controller with what is written and not yet committed; elsewhere the same.
    newest: Replayed,
    active: Option<Active>,
    outbox: Vec<ControllerOutput>,
}

impl Controller {
    /// A standby controller that has replayed nothing.
    pub fn new(config: ControllerConfig) -> Controller {
        Controller {
            config,
            committed: Replayed::default(),
            newest: Replayed::default(),
            active: None,
            outbox: Vec::new(),
        }
    }

    /// Whether the controller (and not another part) answers this request.
    pub fn handles(request: &Request) -> bool {
        matches!(
            request,
            Request::CreateTopics(_)
                | Request::DeleteTopics(_)
                | Request::CreatePartitions(_)
                | Request::ElectLeaders(_)
                | Request::IncrementalAlterConfigs(_)
                | Request::AlterPartitionReassignments(_)
                | Request::AlterPartition(_)
                | Request::BrokerRegistration(_)
                | Request::BrokerHeartbeat(_)
                | Request::AllocateProducerIds(_)
                | Request::ControllerRegistration(_)
        )
    }

    /// A request of a broker, a controller or (forwarded) an administrator; see [`Controller::handles`].
    ///
    /// Simplified: Kafka queues requests before its one thread and gives up those that waited for
    /// their deadline; here a request is handled in the step in which it arrives.
    pub fn handle_request(&mut self, ctx: &mut Context<'_>, handle: RequestHandle, request: Request) {
        let if_deposed = answers::refusal(&request, ErrorCode::NotController);
        if self.active.is_none() {
            self.outbox.push(ControllerOutput::Reply { handle, response: if_deposed });
            return;
        }
        let decision = match &request {
            Request::CreateTopics(request) => self.create_topics(ctx, request),
            Request::DeleteTopics(request) => self.delete_topics(request),
            Request::CreatePartitions(request) => self.create_partitions(ctx, request),
            Request::ElectLeaders(request) => self.elect_leaders(request),
            Request::IncrementalAlterConfigs(request) => self.incremental_alter_configs(request),
            Request::AlterPartitionReassignments(request) => self.alter_partition_reassignments(request),
            Request::AlterPartition(request) => self.alter_partition(ctx, request),
            Request::BrokerRegistration(request) => self.register_broker(ctx, request),
            Request::BrokerHeartbeat(request) => self.heartbeat(ctx, request),
            Request::AllocateProducerIds(request) => self.allocate_producer_ids(request),
            Request::ControllerRegistration(request) => self.register_controller(request),
            other => unreachable!("{:?} is not the controller's to answer", other.api()),
        };
        self.write(ctx, Some((handle, if_deposed)), decision);
    }

    /// Replays a decision's records, hands them to the quorum, and keeps its answer until they are committed.
    fn write(&mut self, ctx: &mut Context<'_>, caller: Option<(RequestHandle, Response)>, decision: Decision) {
        let events = self.replay_decision(&decision);
        let active = self.active.as_mut().expect("only the active controller decides");
        let answer = caller.map(|(handle, if_deposed)| {
            let response = decision.response.expect("every request is answered");
            Answer { handle, response, if_deposed }
        });
        let last_offset = active.next_write_offset - 1;
        if let Some(broker) = decision.controlled_shutdown {
            active.heartbeats.begin_controlled_shutdown(broker, last_offset);
        }
        if !decision.records.is_empty() {
            let write_id = active.next_write_id;
            active.next_write_id += 1;
            active.pending.push_back(Pending { write_id: Some(write_id), last_offset, events, answer });
            let (records, atomic) = (decision.records, decision.atomic);
            self.outbox.push(ControllerOutput::Append { write_id, records, atomic });
            return;
        }
        // A read, after all: made from the newest state, so it must not be told before that is committed.
        match active.pending.back().map(|pending| pending.last_offset) {
            Some(last_offset) => active.pending.push_back(Pending { write_id: None, last_offset, events, answer }),
            None => self.complete(ctx, Pending { write_id: None, last_offset, events, answer }),
        }
    }

    /// Returns what to tell once the records are committed.
    fn replay_decision(&mut self, decision: &Decision) -> Vec<ControllerEvent> {
        let mut changed = BTreeMap::new();
        let mut cleared = Vec::new();
        for (index, record) in decision.records.iter().enumerate() {
            let active = self.active.as_mut().expect("only the active controller decides");
            let offset = active.next_write_offset;
            active.next_write_offset += 1;
            if let MetadataRecord::ClearElr { topic } = record {
                let affected = self.newest.image.partitions().filter(|(name, _, registration)| {
                    topic.as_ref().is_none_or(|topic| *topic == name.topic)
                        && !(registration.elr.is_empty() && registration.last_known_elr.is_empty())
                });
                cleared.extend(affected.map(|(name, _, _)| name));
            }
            let replayed = self.newest.replay(offset, record);
            assert!(replayed.is_ok(), "record {record:?} at {offset} cannot be replayed: {replayed:?}");
            Self::replay_to_heartbeats(&mut active.heartbeats, &self.newest.image, record);
            if let MetadataRecord::PartitionChange { partition, topic_id, .. }
            | MetadataRecord::Partition { partition, topic_id, .. } = record
                && let Some(topic) = self.newest.image.topic_name(*topic_id).cloned()
            {
                changed.insert(index, TopicPartition { topic, partition: *partition });
            }
        }
        let mut events = Vec::new();
        for fact in &decision.facts {
            match fact {
                Fact::Event(event) => events.push(event.clone()),
                Fact::PartitionChanged { record, reason, unclean } => {
                    events.extend(changed.get(record).and_then(|name| self.partition_event(name, *reason, *unclean)));
                }
            }
        }
        let cleared = cleared.iter();
        events.extend(cleared.filter_map(|n| self.partition_event(n, PartitionChangeReason::ElrCleared, false)));
        events
    }

    fn partition_event(
        &self,
        name: &TopicPartition,
        reason: PartitionChangeReason,
        unclean: bool,
    ) -> Option<ControllerEvent> {
        let registration = self.newest.image.partition(&name.topic, name.partition)?;
        Some(ControllerEvent::PartitionChanged {
            partition: name.clone(),
            leader: registration.leader,
            leader_epoch: registration.leader_epoch,
            isr: registration.isr.clone(),
            elr: registration.elr.clone(),
            partition_epoch: registration.partition_epoch,
            unclean,
            reason,
        })
    }

    /// A write lies in the log, its last record at `last_offset`. To be called in the step of its
    /// [`ControllerOutput::Append`], in the order of the writes.
    ///
    /// If the quorum refuses the append, call [`Controller::deactivate`] instead and let it resign.
    pub fn appended(&mut self, _ctx: &mut Context<'_>, write_id: u64, last_offset: Offset) {
        let Some(active) = &mut self.active else { return };
        let Some(expected) = active.pending.iter().find(|p| p.write_id == Some(write_id)).map(|p| p.last_offset) else {
            panic!("write {write_id} ends at {last_offset}, but nothing waits for it");
        };
        assert!(last_offset >= expected, "write {write_id} ends at {last_offset}, before {expected}");
        let shift = last_offset - expected;
        if shift == 0 {
            return;
        }
        // A control record of the quorum came between: everything from this write on lies further back.
        let first = active.pending.iter().position(|pending| pending.write_id == Some(write_id)).unwrap_or(0);
        let before = first.checked_sub(1).map_or(-1, |index| active.pending[index].last_offset);
        for pending in active.pending.iter_mut().skip(first) {
            pending.last_offset += shift;
        }
        active.next_write_offset += shift;
        self.newest.image.shift_registrations_after(before, shift);
    }

    /// The log is committed up to `last_offset` (control records included); `records` are the
    /// metadata records in the newly committed part, with their offsets.
    pub fn replay_committed(
        &mut self,
        ctx: &mut Context<'_>,
        last_offset: Offset,
        records: &[(Offset, MetadataRecord)],
    ) {
        for (offset, record) in records {
            if let Err(error) = self.committed.replay(*offset, record) {
                let reason = format!("{record:?} at {offset}: {error}");
                self.outbox.push(ControllerOutput::FatalFault { reason });
                return;
            }
        }
        self.committed.image.set_last_offset(last_offset);
        let Some(active) = &mut self.active else {
            self.newest = self.committed.clone();
            return;
        };
        // Inside an open transaction nothing is certain yet.
        let stable = self.committed.transaction.as_ref().map_or(last_offset, |(start, _)| last_offset.min(start - 1));
        let mut completed = Vec::new();
        while let Some(pending) = active.pending.pop_front_if(|pending| pending.last_offset <= stable) {
            completed.push(pending);
        }
        for pending in completed {
            self.complete(ctx, pending);
        }
    }

    fn complete(&mut self, ctx: &mut Context<'_>, pending: Pending) {
        for event in pending.events {
            ctx.emit(event);
        }
        if let Some(answer) = pending.answer {
            if pending.write_id.is_some() {
                ctx.emit(ControllerEvent::WriteCommitted { offset: pending.last_offset });
            }
            self.outbox.push(ControllerOutput::Reply { handle: answer.handle, response: answer.response });
        }
    }

    /// A snapshot that ends with `last_offset` replaces everything (never on the active controller).
    pub fn load_snapshot(&mut self, _ctx: &mut Context<'_>, last_offset: Offset, records: &[MetadataRecord]) {
        assert!(self.active.is_none(), "the active controller was given a snapshot that ends at {last_offset}");
        self.committed = Replayed::default();
        for record in records {
            if let Err(error) = self.committed.replay(last_offset, record) {
                let reason = format!("{record:?} in the snapshot of {last_offset}: {error}");
                self.outbox.push(ControllerOutput::FatalFault { reason });
                return;
            }
        }
        self.committed.image.set_last_offset(last_offset);
        self.newest = self.committed.clone();
    }

    /// When the earliest timer is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.active.as_ref()?.tasks.values().min().copied()
    }

    /// Does everything that is due: one run of each periodic task.
    pub fn on_timers(&mut self, ctx: &mut Context<'_>) {
        let Some(active) = &self.active else { return };
        let now = ctx.now.monotonic;
        let mut due: Vec<(Time, PeriodicTask)> =
            active.tasks.iter().filter(|(_, at)| **at <= now).map(|(task, at)| (*at, *task)).collect();
        due.sort();
        for (_, task) in due {
            let (decision, again) = self.run_task(ctx, task);
            let delay = if again { IMMEDIATE_DELAY } else { self.period(task).expect("a task that ran has a period") };
            if let Some(active) = &mut self.active {
                active.tasks.insert(task, now + delay);
            }
            self.write(ctx, None, decision);
        }
    }

    /// Returns the decision, and whether the task wants to run again at once.
    fn run_task(&mut self, ctx: &mut Context<'_>, task: PeriodicTask) -> (Decision, bool) {
        match task {
            PeriodicTask::FenceStaleBroker => self.fence_stale_broker(ctx),
            PeriodicTask::ElectPreferred => self.balance_leaders(),
            PeriodicTask::ElectUnclean => self.elect_unclean_leaders(),
            PeriodicTask::WriteNoOp => {
                let mut decision = Decision::new();
                decision.records.push(MetadataRecord::NoOp);
                (decision, false)
            }
        }
    }

    /// How often a task runs; none if it is switched off.
    fn period(&self, task: PeriodicTask) -> Option<Duration> {
        let settings = &self.config.settings;
        let millisecond = Duration::from_millis(1);
        match task {
            PeriodicTask::FenceStaleBroker => Some((settings.broker_session_timeout / 8).max(millisecond)),
            PeriodicTask::ElectPreferred if settings.auto_leader_rebalance_enable => {
                Some(settings.leader_imbalance_check_interval.max(millisecond))
            }
            PeriodicTask::ElectPreferred => None,
            PeriodicTask::ElectUnclean => Some(settings.unclean_leader_election_interval.max(millisecond)),
            PeriodicTask::WriteNoOp if self.config.max_idle_interval.is_zero() => None,
            PeriodicTask::WriteNoOp => Some(self.config.max_idle_interval),
        }
    }

    /// What is wanted from the surroundings, in order; leaves nothing behind.
    pub fn take_outputs(&mut self) -> Vec<ControllerOutput> {
        std::mem::take(&mut self.outbox)
    }

    /// The epoch in which this controller is active.
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        self.active.as_ref().map(|active| active.epoch)
    }

    /// The newest state: on the active controller with what is not yet committed.
    pub fn image(&self) -> &MetadataImage {
        &self.newest.image
    }

    /// The last committed state, without an open metadata transaction.
    pub fn committed_image(&self) -> &MetadataImage {
        match &self.committed.transaction {
            Some((_, before)) => before,
            None => &self.committed.image,
        }
    }

    /// How many writes and answers wait for the quorum.
    pub fn pending_writes(&self) -> usize {
        self.active.as_ref().map_or(0, |active| active.pending.len())
    }

    /// What it was started with.
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }

    fn is(&self, switch: Switch) -> bool {
        self.config.behaviour.is(switch)
    }

    fn heartbeats(&mut self) -> &mut Heartbeats {
        &mut self.active.as_mut().expect("only the active controller tracks heartbeats").heartbeats
    }
}
