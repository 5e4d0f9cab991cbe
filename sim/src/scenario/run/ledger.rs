//! What the clients and the cluster have done so far, as the steps of the world tell it.
//!
//! Expectations ask the ledger for whatever is a matter of history (how many records were
//! acknowledged, which events happened); the state of a log they read from the machine.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use trial_broker::client::CallResult;
use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, LifecycleEvent, PartitionEvent, QuorumStateName, RaftEvent,
};
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, Ticket, TopicPartition};
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use crate::fault::{Fault, MachineId};
use crate::people::FIRST_TICKET;
use crate::step::{Fact, Step, StepKind};

/// What is known of one client's calls since time zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientLedger {
    /// Records handed over.
    pub(super) sent: i64,
    /// Records acknowledged.
    pub(super) acked: i64,
    /// Records given up.
    pub(super) failed: i64,
    /// Records whose producer died before it knew what became of them.
    pub(super) forgotten: i64,
    /// The last error of any call or fetch, and when.
    pub(super) last_error: Option<(Time, ErrorCode)>,
    /// Every error, for `expect-error`.
    pub(super) errors: Vec<(Time, ErrorCode)>,
    /// Records consumed, by partition.
    pub(super) consumed: BTreeMap<TopicPartition, i64>,
    /// Values of the records that polls returned.
    pub(super) values: Vec<(TopicPartition, String)>,
    /// Positions.
    pub(super) positions: BTreeMap<TopicPartition, Offset>,
}

impl ClientLedger {
    /// Records of which the client does not know yet what became of them.
    pub(super) fn pending(&self) -> i64 {
        self.sent - self.acked - self.failed - self.forgotten
    }
}

/// A member of the quorum as it describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuorumMember {
    pub(super) state: QuorumStateName,
    pub(super) epoch: LeaderEpoch,
}

/// Everything that is a matter of history.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) clients: BTreeMap<MachineId, ClientLedger>,
    pub(super) quorum: BTreeMap<MachineId, QuorumMember>,
    /// Machines on which a controller is active, and since when.
    pub(super) active: BTreeMap<MachineId, Time>,
    /// When each process started last.
    pub(super) started: BTreeMap<MachineId, Time>,
    /// When each broker sent its last heartbeat.
    pub(super) heartbeats: BTreeMap<MachineId, Time>,
    /// Before time zero: fetches that a leader has parked, by leader's machine, partition and follower (NONE for consumers): when each
    /// expires, oldest first.
    pub(super) parked: BTreeMap<(MachineId, TopicPartition, NodeId), VecDeque<Time>>,
    /// Answers that a runner waits for.
    pub(super) results: BTreeMap<Ticket, CallResult>,
    /// Tickets of records, by client: what their answers count as.
    records: BTreeMap<Ticket, MachineId>,
    /// Whether time zero has come: parked fetches are of no interest any more.
    is_counting: bool,
}

impl Ledger {
    /// Forgets what clients did before time zero: the classroom's numbers start there.
    pub(super) fn start_counting(&mut self) {
        self.is_counting = true;
        self.parked.clear();
        for client in self.clients.values_mut() {
            let positions = std::mem::take(&mut client.positions);
            *client = ClientLedger { positions, ..ClientLedger::default() };
        }
    }

    /// A record will be sent under this ticket.
    pub(super) fn expect_record(&mut self, ticket: Ticket, client: MachineId) {
        self.records.insert(ticket, client);
    }

    /// Takes in one step.
    pub(super) fn observe(&mut self, step: &Step) {
        // A call to a client that does not run reaches nobody: nobody waits for its answer.
        let is_ignored = step.facts.iter().any(|fact| matches!(fact, Fact::Ignored { .. }));
        if let StepKind::Entry(Fault::Call { machine, ticket, call }) = &step.kind
            && !is_ignored
        {
            self.called(*machine, *ticket, call);
        }
        for fact in &step.facts {
            self.fact(step.at, fact);
        }
        if let Some(machine) = step.machine() {
            for event in &step.events {
                self.event(step.at, machine, event);
            }
        }
        for resolution in &step.resolutions {
            self.resolved(step.at, resolution.machine, resolution.ticket, &resolution.result);
        }
    }

    fn called(&mut self, machine: MachineId, ticket: Ticket, call: &trial_broker::client::Call) {
        use trial_broker::client::Call;
        let records = match call {
            Call::Send(_) => 1,
            Call::SendAll(records) => records.len() as i64,
            _ => 0,
        };
        if self.records.contains_key(&ticket) {
            self.clients.entry(machine).or_default().sent += records;
        }
    }

    fn fact(&mut self, at: Time, fact: &Fact) {
        match fact {
            Fact::Started { machine } => {
                self.started.insert(*machine, at);
            }
            Fact::Killed { machine } | Fact::Exited { machine, .. } | Fact::PowerCut { machine, .. } => {
                self.active.remove(machine);
                self.quorum.remove(machine);
                self.parked.retain(|(leader, ..), _| leader != machine);
                if let Some(client) = self.clients.get_mut(machine) {
                    client.forgotten += client.pending();
                    self.records.retain(|_, owner| owner != machine);
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, at: Time, machine: MachineId, event: &Event) {
        match event {
            Event::Client(event) => self.client(at, machine, event),
            Event::Controller(event) => self.controller(at, machine, event),
            Event::Raft(RaftEvent::StateChanged { to, epoch, .. }) => {
                self.quorum.insert(machine, QuorumMember { state: *to, epoch: *epoch });
            }
            Event::Lifecycle(LifecycleEvent::HeartbeatSent { .. }) => {
                self.heartbeats.insert(machine, at);
            }
            Event::Partition(_) if self.is_counting => {}
            Event::Partition(PartitionEvent::FetchParked { partition, replica, max_wait_ms, .. }) => {
                let expires = at + Duration::from_millis(*max_wait_ms);
                let fetches = self.parked.entry((machine, partition.clone(), *replica)).or_default();
                // A session says nothing of a partition that has not changed: what has expired was answered.
                fetches.retain(|expired| *expired > at);
                fetches.push_back(expires);
            }
            Event::Partition(PartitionEvent::FetchAnswered { partition, replica, parked: true, .. }) => {
                let fetches = self.parked.get_mut(&(machine, partition.clone(), *replica));
                fetches.and_then(VecDeque::pop_front);
            }
            Event::Log(_)
            | Event::Partition(_)
            | Event::Raft(_)
            | Event::Lifecycle(_)
            | Event::Group(_)
            | Event::Membership(_) => {}
        }
    }

    fn controller(&mut self, at: Time, machine: MachineId, event: &ControllerEvent) {
        match event {
            ControllerEvent::Activated { .. } => {
                self.active.insert(machine, at);
            }
            ControllerEvent::Deactivated { .. } => {
                self.active.remove(&machine);
            }
            _ => {}
        }
    }

    fn client(&mut self, at: Time, machine: MachineId, event: &ClientEvent) {
        let client = self.clients.entry(machine).or_default();
        match event {
            ClientEvent::RecordsConsumed { partition, position, records, .. } => {
                *client.consumed.entry(partition.clone()).or_default() += i64::from(*records);
                client.positions.insert(partition.clone(), *position);
            }
            ClientEvent::PositionSet { partition, offset, .. } => {
                client.positions.insert(partition.clone(), *offset);
            }
            ClientEvent::FetchFailed { error, .. } | ClientEvent::ApplicationEnded { error } => {
                client.last_error = Some((at, *error));
                client.errors.push((at, *error));
            }
            _ => {}
        }
    }

    fn resolved(&mut self, at: Time, machine: MachineId, ticket: Ticket, result: &CallResult) {
        let is_record = self.records.remove(&ticket).is_some();
        let client = self.clients.entry(machine).or_default();
        if ticket.0 >= FIRST_TICKET {
            // People await their answers themselves; what is counted is what was done.
            let records = i64::from(matches!(result, CallResult::Sent { .. }));
            (client.sent, client.acked) = (client.sent + records, client.acked + records);
            return;
        }
        match result {
            CallResult::Sent { .. } if is_record => client.acked += 1,
            CallResult::Failed { error, .. } => {
                if is_record {
                    client.failed += 1;
                }
                client.last_error = Some((at, *error));
                client.errors.push((at, *error));
            }
            CallResult::Records { records } => {
                for record in records {
                    client.values.push((record.partition.clone(), record.value_text()));
                }
            }
            CallResult::Sent { .. }
            | CallResult::Quorum { .. }
            | CallResult::Groups { .. }
            | CallResult::Group { .. }
            | CallResult::Done => {}
        }
        if !is_record {
            self.results.insert(ticket, result.clone());
        }
    }
}
