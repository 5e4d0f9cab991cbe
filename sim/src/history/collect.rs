//! From calls, events and answers to operations.

use std::ops::Range;

use trial_broker::client::{Call, CallResult, ProducerRecord};
use trial_broker::event::{ClientEvent, MembershipEvent, PositionReason};
use trial_broker::ids::{Offset, Ticket, TopicName, TopicPartition};
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use super::History;
use super::operation::{Kind, Operation, Process, Read, Sent, What};
use crate::fault::MachineId;

/// A call that sends, of which not everything is known yet.
#[derive(Clone, Debug)]
pub(super) struct OpenSend {
    machine: MachineId,
    process: Process,
    sends: Range<usize>,
    /// How many of its records have no answer.
    unanswered: usize,
    acked: usize,
    refused: usize,
    error: Option<ErrorCode>,
}

/// A consumer.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    /// Whether its application polls for ever, and no poll has thrown.
    is_loop: bool,
    /// The partitions that it has: those that it chose, or those that its group gave it.
    assigned: Vec<TopicPartition>,
    /// Partitions of which it has read something since they were assigned.
    has_read: Vec<TopicPartition>,
    /// The poll under way: its process, and the call unless the application polls for ever.
    polling: Option<(Process, Option<Ticket>)>,
    /// The choice of what to read that has no answer yet, with its process and its call.
    choosing: Option<(Process, Ticket, What)>,
    /// What the poll under way has returned so far.
    read: Vec<Read>,
    /// Partitions that its group gave it or took from it during that poll.
    rebalanced: Vec<TopicPartition>,
}

impl History {
    fn add(&mut self, at: Time, machine: MachineId, process: Process, kind: Kind, what: What) {
        self.operations.push(Operation { at, process, machine, kind, what, error: None });
    }

    // ---- Calls --------------------------------------------------------------------

    /// A call has reached a client.
    pub(super) fn called(&mut self, at: Time, machine: MachineId, ticket: Ticket, call: &Call) {
        match call {
            Call::Send(record) => self.send(at, machine, ticket, std::slice::from_ref(record)),
            Call::SendAll(records) => self.send(at, machine, ticket, records),
            Call::Poll { .. } => {
                let process = self.processes.take(machine);
                self.add(at, machine, process, Kind::Invoke, What::Poll(Vec::new(), Vec::new()));
                self.readers.entry(machine).or_default().polling = Some((process, Some(ticket)));
            }
            Call::Assign(partitions) => self.choose(at, machine, ticket, What::Assign(partitions.clone())),
            Call::Subscribe { topics } => {
                let topics = topics.iter().map(|topic| TopicName::new(topic)).collect();
                self.choose(at, machine, ticket, What::Subscribe(topics));
            }
            Call::SubscribePattern { pattern, .. } => {
                self.choose(at, machine, ticket, What::SubscribePattern(pattern.clone()));
            }
            Call::Unsubscribe => self.choose(at, machine, ticket, What::Subscribe(Vec::new())),
            _ => {}
        }
    }

    /// A consumer says what it wants to read; whether it may is for the answer to tell.
    fn choose(&mut self, at: Time, machine: MachineId, ticket: Ticket, what: What) {
        self.pause_loop(at, machine);
        let process = self.processes.take(machine);
        self.add(at, machine, process, Kind::Invoke, what.clone());
        self.readers.entry(machine).or_default().choosing = Some((process, ticket, what));
    }

    fn send(&mut self, at: Time, machine: MachineId, ticket: Ticket, records: &[ProducerRecord]) {
        if records.is_empty() {
            return;
        }
        let first = self.sends.len();
        for (record, index) in records.iter().zip(0..) {
            let text =
                record.value.as_ref().map_or_else(String::new, |value| String::from_utf8_lossy(value).into_owned());
            self.waiting.insert(Ticket(ticket.0 + index), (self.sends.len(), self.next_open));
            self.sends.push(Sent {
                topic: TopicName::new(&record.topic),
                partition: None,
                content: record.content(),
                text,
                offset: None,
            });
        }
        let sends = first..self.sends.len();
        let process = self.processes.take(machine);
        self.add(at, machine, process, Kind::Invoke, What::Send(sends.clone()));
        let unanswered = sends.len();
        let send = OpenSend { machine, process, sends, unanswered, acked: 0, refused: 0, error: None };
        self.open.insert(self.next_open, send);
        self.next_open += 1;
    }

    /// Nobody waits for a call any more: nobody will know what becomes of a record.
    pub(super) fn abandoned(&mut self, at: Time, machine: MachineId, ticket: Ticket) {
        if self.waiting.contains_key(&ticket) {
            self.answered(at, ticket, |_, _| {});
        }
        let Some(reader) = self.readers.get_mut(&machine) else { return };
        if reader.polling.is_some_and(|(_, call)| call == Some(ticket)) {
            // What the poll would have returned stays for the next one.
            self.end_poll(at, machine, Kind::Ok, None);
        }
    }

    // ---- Answers ------------------------------------------------------------------

    /// A client answers a call.
    pub(super) fn resolved(&mut self, at: Time, machine: MachineId, ticket: Ticket, result: &CallResult) {
        if let Some((index, _)) = self.waiting.get(&ticket).copied() {
            // A record that never got a partition was never sent; of any other nobody knows what became of it.
            let is_unsent = self.sends[index].partition.is_none();
            self.answered(at, ticket, |open, sent| match result {
                CallResult::Sent { partition, offset } => {
                    open.acked += 1;
                    sent.partition = Some(partition.clone());
                    sent.offset = Some(*offset).filter(|offset: &Offset| *offset >= 0);
                }
                CallResult::Failed { error, .. } => {
                    open.refused += usize::from(is_unsent);
                    open.error = Some(*error);
                }
                CallResult::Records { .. }
                | CallResult::Quorum { .. }
                | CallResult::Groups { .. }
                | CallResult::Group { .. }
                | CallResult::Done => {}
            });
        }
        let error = match result {
            CallResult::Failed { error, .. } => Some(*error),
            CallResult::Sent { .. }
            | CallResult::Records { .. }
            | CallResult::Quorum { .. }
            | CallResult::Groups { .. }
            | CallResult::Group { .. }
            | CallResult::Done => None,
        };
        let Some(reader) = self.readers.get_mut(&machine) else { return };
        if reader.polling.is_some_and(|(_, call)| call == Some(ticket)) {
            self.end_poll(at, machine, kind_of(error), error);
        } else if let Some((process, _, what)) = reader.choosing.take_if(|(_, call, _)| *call == ticket) {
            self.end_choice(at, machine, process, what, error);
        }
    }

    /// A consumer hears whether it may read what it has chosen. Nothing of it counts if it may not.
    fn end_choice(&mut self, at: Time, machine: MachineId, process: Process, what: What, error: Option<ErrorCode>) {
        if error.is_none() {
            self.readers.entry(machine).or_default().chose(&what);
        }
        self.operations.push(Operation { at, process, machine, kind: kind_of(error), what, error });
        self.processes.give_back(machine, process);
        self.resume_loop(at, machine);
    }

    /// One record of a call has its answer, or will never have one.
    fn answered(&mut self, at: Time, ticket: Ticket, answer: impl FnOnce(&mut OpenSend, &mut Sent)) {
        let (index, number) = self.waiting.remove(&ticket).expect("the caller has looked");
        let open = self.open.get_mut(&number).expect("it is open while a record waits");
        answer(open, &mut self.sends[index]);
        open.unanswered -= 1;
        if open.unanswered == 0 {
            self.end_send(at, number);
        }
    }

    /// A call that sent is over: done if all of it is, failed if nothing of it was sent, and else nobody knows.
    fn end_send(&mut self, at: Time, number: u64) {
        let Some(OpenSend { machine, process, sends, acked, refused, error, .. }) = self.open.remove(&number) else {
            return;
        };
        let kind = match sends.len() {
            all if acked == all => Kind::Ok,
            all if refused == all => Kind::Fail,
            _ => Kind::Info,
        };
        self.operations.push(Operation { at, process, machine, kind, what: What::Send(sends), error });
        if kind != Kind::Info {
            self.processes.give_back(machine, process);
        }
    }

    // ---- Events -------------------------------------------------------------------

    /// Something happened in a client.
    pub(super) fn observe_event(&mut self, at: Time, machine: MachineId, event: &ClientEvent) {
        match event {
            ClientEvent::RecordQueued { ticket, partition } => {
                if let Some((index, _)) = self.waiting.get(ticket) {
                    self.sends[*index].partition = Some(partition.clone());
                }
            }
            ClientEvent::RecordsConsumed { partition, read, .. } => {
                let reader = self.readers.entry(machine).or_default();
                if !reader.has_read.contains(partition) {
                    reader.has_read.push(partition.clone());
                }
                reader.read.extend(read.iter().map(|record| Read { partition: partition.clone(), record: *record }));
            }
            ClientEvent::PositionSet { partition, reason: PositionReason::Seek | PositionReason::Reset, .. } => {
                self.moved(at, machine, partition);
            }
            ClientEvent::ApplicationEnded { error } => self.threw(at, machine, *error),
            _ => {}
        }
    }

    /// A poll of an application that polls for ever throws: it returns nothing, and no other begins. What was read in the same
    /// instant was returned by the poll before.
    fn threw(&mut self, at: Time, machine: MachineId, error: ErrorCode) {
        self.turn_over(at, machine);
        self.end_poll(at, machine, Kind::Fail, Some(error));
        self.readers.entry(machine).or_default().is_loop = false;
    }

    /// A consumer goes elsewhere in a partition that it has read: as if it had left it and come back.
    fn moved(&mut self, at: Time, machine: MachineId, partition: &TopicPartition) {
        let Some(reader) = self.readers.get_mut(&machine) else { return };
        let before = reader.has_read.len();
        reader.has_read.retain(|other| other != partition);
        if reader.has_read.len() == before {
            return;
        }
        let all = reader.assigned.clone();
        let others: Vec<TopicPartition> = all.iter().filter(|other| *other != partition).cloned().collect();
        let call = reader.polling.map(|(_, call)| call);
        if call.is_some() {
            self.end_poll(at, machine, Kind::Ok, None);
        }
        for partitions in [others, all] {
            self.choose_at_once(at, machine, &What::Assign(partitions));
        }
        if let Some(call) = call {
            self.begin_poll(at, machine, call);
        }
    }

    /// A consumer chooses what it reads where nobody can refuse it.
    fn choose_at_once(&mut self, at: Time, machine: MachineId, what: &What) {
        let process = self.processes.take(machine);
        self.add(at, machine, process, Kind::Invoke, what.clone());
        self.add(at, machine, process, Kind::Ok, what.clone());
        self.processes.give_back(machine, process);
    }

    /// A consumer's group gives it partitions, or takes them: Jepsen asks for no order of them in the poll during which that
    /// happens.
    pub(super) fn rebalanced(&mut self, machine: MachineId, event: &MembershipEvent) {
        let (partitions, is_given) = match event {
            MembershipEvent::PartitionsAssigned { partitions, .. } => (partitions, true),
            MembershipEvent::PartitionsRevoked { partitions, .. }
            | MembershipEvent::PartitionsLost { partitions, .. } => (partitions, false),
            _ => return,
        };
        let reader = self.readers.entry(machine).or_default();
        for known in [&mut reader.has_read, &mut reader.assigned] {
            known.retain(|partition| !partitions.contains(partition));
        }
        if is_given {
            reader.assigned.extend(partitions.iter().cloned());
        }
        reader.rebalanced.extend(partitions.iter().cloned());
    }

    fn begin_poll(&mut self, at: Time, machine: MachineId, call: Option<Ticket>) {
        let process = self.processes.take(machine);
        self.add(at, machine, process, Kind::Invoke, What::Poll(Vec::new(), Vec::new()));
        self.readers.entry(machine).or_default().polling = Some((process, call));
    }

    fn end_poll(&mut self, at: Time, machine: MachineId, kind: Kind, error: Option<ErrorCode>) {
        let Some(reader) = self.readers.get_mut(&machine) else { return };
        let Some((process, _)) = reader.polling.take() else { return };
        let what = What::Poll(std::mem::take(&mut reader.read), std::mem::take(&mut reader.rebalanced));
        self.operations.push(Operation { at, process, machine, kind, what, error });
        if kind != Kind::Info {
            self.processes.give_back(machine, process);
        }
    }

    /// The poll of an application that polls for ever is over for the moment: something else comes first, on the same
    /// process.
    fn pause_loop(&mut self, at: Time, machine: MachineId) {
        if self.readers.get(&machine).is_some_and(|reader| reader.is_loop) {
            self.end_poll(at, machine, Kind::Ok, None);
        }
    }

    fn resume_loop(&mut self, at: Time, machine: MachineId) {
        if self.readers.get(&machine).is_some_and(|reader| reader.is_loop && reader.polling.is_none()) {
            self.begin_poll(at, machine, None);
        }
    }

    /// An application that polls for ever polls again as soon as a poll has returned something.
    pub(super) fn turn_over(&mut self, at: Time, machine: MachineId) {
        if self.readers.get(&machine).is_some_and(|reader| reader.is_loop && !reader.read.is_empty()) {
            self.end_poll(at, machine, Kind::Ok, None);
            self.begin_poll(at, machine, None);
        }
    }

    // ---- Life ---------------------------------------------------------------------

    /// A consumer's process begins.
    pub(super) fn reader_started(
        &mut self,
        at: Time,
        machine: MachineId,
        assign: &[TopicPartition],
        subscribe: &[TopicName],
        is_loop: bool,
    ) {
        let mut reader = Reader { is_loop, ..Reader::default() };
        reader.assign(assign);
        self.readers.insert(machine, reader);
        if !assign.is_empty() {
            self.choose_at_once(at, machine, &What::Assign(assign.to_vec()));
        }
        if !subscribe.is_empty() {
            self.choose_at_once(at, machine, &What::Subscribe(subscribe.to_vec()));
        }
        if is_loop {
            self.begin_poll(at, machine, None);
        }
    }

    /// A client's process is gone: what it was told of nobody else knows.
    pub(super) fn gone(&mut self, at: Time, machine: MachineId, is_crash: bool) {
        if !self.names.contains_key(&machine) {
            return;
        }
        self.end_poll(at, machine, Kind::Info, None);
        if let Some((process, _, what)) = self.readers.remove(&machine).and_then(|reader| reader.choosing) {
            self.add(at, machine, process, Kind::Info, what);
        }
        let of_it = self.open.iter().filter(|(_, open)| open.machine == machine).map(|(number, _)| *number);
        for number in of_it.collect::<Vec<_>>() {
            self.waiting.retain(|_, (_, of)| *of != number);
            self.end_send(at, number);
        }
        if is_crash {
            let process = self.processes.take(machine);
            self.add(at, machine, process, Kind::Invoke, What::Crash);
            self.add(at, machine, process, Kind::Info, What::Crash);
        }
        self.processes.retire(machine);
    }
}

impl Reader {
    /// What it reads is what it has chosen. A subscription leaves what the group gives or takes to be told of by the group.
    fn chose(&mut self, what: &What) {
        match what {
            What::Assign(partitions) => self.assign(partitions),
            What::Subscribe(topics) if topics.is_empty() => self.assign(&[]),
            What::Subscribe(_) | What::SubscribePattern(_) | What::Send(_) | What::Poll(..) | What::Crash => {}
        }
    }

    fn assign(&mut self, partitions: &[TopicPartition]) {
        self.assigned = partitions.to_vec();
        self.has_read.retain(|partition| partitions.contains(partition));
    }
}

/// How something ends that fails with an error or is done.
fn kind_of(error: Option<ErrorCode>) -> Kind {
    if error.is_some() { Kind::Fail } else { Kind::Ok }
}
