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

mod activation;
mod alter_partition;
mod answers;
mod brokers;
mod configs;
mod contract;
mod decision;
mod elections;
mod heartbeat;
mod partition_change;
mod placement;
mod reassignment;
mod registration;
mod tasks;
mod topics;

#[cfg(test)]
mod tests;

use crate::config::Switch;
use crate::context::Context;
use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::{LeaderEpoch, NodeId, Offset, RequestHandle, TopicPartition};
use crate::message::{ErrorCode, Request, Response};
use crate::metadata::{ApplyError, MetadataImage, MetadataRecord, PartitionRegistration};
use crate::time::Time;
use decision::{Decision, Fact, Refusal, refuse};
use heartbeat::Heartbeats;
use tasks::{MAX_ELECTIONS, PeriodicTask};

pub use contract::{ControllerConfig, ControllerOutput};

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

/// What a record made of a partition.
struct Changed {
    partition: TopicPartition,
    registration: PartitionRegistration,
}

impl Changed {
    fn told(self, reason: PartitionChangeReason, unclean: bool) -> ControllerEvent {
        let PartitionRegistration { leader, leader_epoch, isr, elr, replicas, partition_epoch, .. } = self.registration;
        let partition = self.partition;
        ControllerEvent::PartitionChanged {
            partition,
            leader,
            leader_epoch,
            isr,
            elr,
            replicas,
            partition_epoch,
            unclean,
            reason,
        }
    }
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
                // As this record left it: the next record of the decision may change it again.
                let name = TopicPartition { topic, partition: *partition };
                changed.insert(index, self.partition_event(&name));
            }
        }
        let mut events = Vec::new();
        for fact in &decision.facts {
            match fact {
                Fact::Event(event) => events.push(event.clone()),
                Fact::PartitionChanged { record, reason, unclean } => {
                    events.extend(changed.remove(record).flatten().map(|change| change.told(*reason, *unclean)));
                }
            }
        }
        let cleared = cleared.iter().filter_map(|name| self.partition_event(name));
        events.extend(cleared.map(|change| change.told(PartitionChangeReason::ElrCleared, false)));
        events
    }

    fn partition_event(&self, name: &TopicPartition) -> Option<Changed> {
        let registration = self.newest.image.partition(&name.topic, name.partition)?;
        Some(Changed { partition: name.clone(), registration: registration.clone() })
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
        if self.active.is_none() {
            // The two states are one here; letting go of the second saves copying what they share.
            self.newest = Replayed::default();
        }
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

    /// Whether eligible leader replicas are kept (KIP-966).
    fn keeps_elr(&self, image: &MetadataImage) -> bool {
        image.is_elr_enabled() && !self.is(Switch::FrozenIsrElectsLastReplica)
    }

    fn heartbeats(&mut self) -> &mut Heartbeats {
        &mut self.active.as_mut().expect("only the active controller tracks heartbeats").heartbeats
    }
}
