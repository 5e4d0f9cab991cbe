//! Several members, their disks, and a network with a fixed latency: one deterministic world.
//!
//! A message takes 10 ms each way. A request to a member that is down fails after a round
//! trip; one over a cut link is never heard of again. Nothing else is random: election
//! timeouts come from a script or from a stream of numbers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::disk::Disk;
use crate::choice::{Choice, Choices, Purpose};
use crate::config::{Behaviour, RaftSettings, Voter};
use crate::context::Context;
use crate::event::{Event, QuorumStateName};
use crate::ids::{ClusterId, ConnectionId, DirectoryId, Endpoint, LeaderEpoch, NodeId, Offset, RequestHandle};
use crate::message::{ReplicaKey, Request, Response, SnapshotId};
use crate::raft::{Raft, RaftConfig, RaftOutput};
use crate::time::{Now, Time, WallTime};

/// One way.
const LATENCY: Duration = Duration::from_millis(10);

/// Scripted election timeouts first, then a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) election_timeouts_ms: VecDeque<u64>,
    /// The state of the stream; none answers the lowest value.
    pub(super) stream: Option<u64>,
}

impl Choices for Script {
    fn choose(&mut self, choice: Choice) -> u64 {
        if choice.purpose == Purpose::ElectionTimeout
            && let Some(millis) = self.election_timeouts_ms.pop_front()
        {
            return millis * 1000;
        }
        let Some(state) = &mut self.stream else { return choice.low };
        // SplitMix64: good enough to spread timers.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        choice.low + (z ^ (z >> 31)) % (choice.high - choice.low + 1)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) raft: Option<Raft>,
    pub(super) disk: Disk,
    pub(super) script: Script,
    pub(super) config: RaftConfig,
    pub(super) incarnation: u32,
    /// What the owner was given: values by offset; a snapshot stands for everything before it.
    pub(super) applied: BTreeMap<Offset, Bytes>,
    pub(super) exited: bool,
}

/// Who waits for which answer: member, its incarnation, its token.
type Asker = (NodeId, u32, u64);

#[derive(Clone, Debug)]
enum Message {
    Request { from: Asker, to: NodeId, request: Request },
    Response { to: Asker, from: NodeId, result: Result<Response, ()> },
}

/// The world of the tests.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) machines: BTreeMap<NodeId, Machine>,
    queue: BTreeMap<(Time, u64), Message>,
    sequence: u64,
    /// Requests being worked on: who asked whom.
    open: BTreeMap<u64, (Asker, NodeId)>,
    /// Links on which nothing passes, in this direction.
    pub(super) cut: BTreeSet<(NodeId, NodeId)>,
    pub(super) transcript: Vec<String>,
    /// Every (offset, value) that any owner was given.
    pub(super) committed: BTreeMap<Offset, Bytes>,
    next_value: u64,
}

pub(super) fn endpoint(id: NodeId) -> Endpoint {
    Endpoint::new(&format!("c{id}"), 9093)
}

pub(super) fn voter(id: i32) -> Voter {
    let directory_id = DirectoryId(Uuid::from_u128(0x1000 + id as u128));
    Voter { replica: ReplicaKey { id: NodeId(id), directory_id }, endpoint: endpoint(NodeId(id)) }
}

pub(super) fn config(id: i32, voters: i32, behaviour: &Behaviour) -> RaftConfig {
    RaftConfig {
        settings: RaftSettings::default(),
        node: NodeId(id),
        endpoint: (id <= voters).then(|| endpoint(NodeId(id))),
        directory_id: voter(id).replica.directory_id,
        cluster_id: ClusterId(Uuid::from_u128(7)),
        bootstrap: (1..=voters).map(|id| endpoint(NodeId(id))).collect(),
        directory: "metadata".to_owned(),
        behaviour: behaviour.clone(),
    }
}

impl World {
    /// Members 1 to `voters` vote; the observers are numbered after them. Nobody runs yet.
    pub(super) fn new(voters: i32, observers: i32, behaviour: &Behaviour) -> World {
        let mut world = World {
            now: Time::ZERO,
            machines: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            open: BTreeMap::new(),
            cut: BTreeSet::new(),
            transcript: Vec::new(),
            committed: BTreeMap::new(),
            next_value: 0,
        };
        let seats: Vec<Voter> = (1..=voters).map(voter).collect();
        for id in 1..=voters + observers {
            let mut disk = Disk::default();
            let mut script = Script::default();
            if id <= voters {
                let mut ctx = Context::new(Now::default(), &mut disk, &mut script);
                Raft::format(&mut ctx, "metadata", &seats, Vec::new()).unwrap();
            }
            let machine = Machine {
                raft: None,
                disk,
                script,
                config: config(id, voters, behaviour),
                incarnation: 0,
                applied: BTreeMap::new(),
                exited: false,
            };
            world.machines.insert(NodeId(id), machine);
        }
        world
    }

    pub(super) fn start_all(&mut self) {
        for id in self.machines.keys().copied().collect::<Vec<_>>() {
            self.start(id);
        }
    }

    pub(super) fn raft(&self, id: NodeId) -> &Raft {
        self.machines[&id].raft.as_ref().unwrap_or_else(|| panic!("member {id} does not run"))
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (NodeId, &Raft)> {
        self.machines.iter().filter_map(|(id, machine)| Some((*id, machine.raft.as_ref()?)))
    }

    fn say(&mut self, id: NodeId, text: &str) {
        let millis = self.now.0 as f64 / 1000.0;
        self.transcript.push(format!("{millis:>9.3} c{id} {text}"));
    }

    /// Runs something on a member and does what it asks for.
    pub(super) fn with<R>(&mut self, id: NodeId, work: impl FnOnce(&mut Raft, &mut Context) -> R) -> R {
        let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
        let machine = self.machines.get_mut(&id).unwrap();
        let mut raft = machine.raft.take().unwrap_or_else(|| panic!("member {id} does not run"));
        let mut ctx = Context::new(now, &mut machine.disk, &mut machine.script);
        let result = work(&mut raft, &mut ctx);
        let events = ctx.take_effects().events;
        let outputs = raft.take_outputs();
        machine.raft = Some(raft);
        self.perform(id, events, outputs);
        result
    }

    pub(super) fn start(&mut self, id: NodeId) {
        let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
        let machine = self.machines.get_mut(&id).unwrap();
        machine.incarnation += 1;
        machine.exited = false;
        machine.applied.clear();
        let mut ctx = Context::new(now, &mut machine.disk, &mut machine.script);
        let mut raft = Raft::recover(&mut ctx, machine.config.clone()).unwrap();
        let events = ctx.take_effects().events;
        let outputs = raft.take_outputs();
        machine.raft = Some(raft);
        self.perform(id, events, outputs);
    }

    /// The process dies; with a loss of power, so does what was not synced.
    pub(super) fn kill(&mut self, id: NodeId, power_cut: bool) {
        let machine = self.machines.get_mut(&id).unwrap();
        machine.raft = None;
        if power_cut {
            machine.disk = machine.disk.power_cut();
        }
        // Whoever waits for an answer of the dead sees the connection break.
        let (broken, open) = std::mem::take(&mut self.open).into_iter().partition(|(_, (_, server))| *server == id);
        self.open = open;
        let broken: BTreeMap<u64, (Asker, NodeId)> = broken;
        for (asker, server) in broken.into_values() {
            self.post(Message::Response { to: asker, from: server, result: Err(()) });
        }
    }

    fn post(&mut self, message: Message) {
        self.sequence += 1;
        self.queue.insert((self.now + LATENCY, self.sequence), message);
    }

    fn perform(&mut self, id: NodeId, events: Vec<Event>, outputs: Vec<RaftOutput>) {
        for event in events {
            if let Event::Raft(event) = event {
                let text = super::stories::describe(&event);
                self.say(id, &text);
            }
        }
        for output in outputs {
            match output {
                RaftOutput::Send { to, token, request } => {
                    let target = NodeId(to.endpoint.host[1..].parse().unwrap());
                    let from = (id, self.machines[&id].incarnation, token);
                    self.post(Message::Request { from, to: target, request });
                }
                RaftOutput::Reply { handle, response } => {
                    if let Some((asker, server)) = self.open.remove(&handle.connection.0) {
                        assert_eq!(server, id, "an answer to somebody else's request");
                        self.post(Message::Response { to: asker, from: id, result: Ok(response) });
                    }
                }
                RaftOutput::Committed { batches } => {
                    for batch in batches {
                        for (index, value) in batch.records.into_iter().enumerate() {
                            self.note_applied(id, batch.base_offset + index as Offset, value);
                        }
                    }
                }
                RaftOutput::SnapshotLoaded { id: snapshot, records } => {
                    let text = format!("hands over snapshot {} with {} records", name(snapshot), records.len());
                    self.say(id, &text);
                    let applied = &mut self.machines.get_mut(&id).unwrap().applied;
                    applied.retain(|offset, _| *offset >= snapshot.end_offset);
                }
                RaftOutput::ActiveLeader { epoch } => self.say(id, &format!("may append in e{epoch}")),
                RaftOutput::LeaderChanged { .. } => {}
                RaftOutput::Exited => {
                    self.say(id, "has left");
                    self.machines.get_mut(&id).unwrap().exited = true;
                }
                RaftOutput::FatalFault => panic!("member {id}: its request is invalid"),
                RaftOutput::Failed { error } => panic!("member {id}: {error}"),
            }
        }
    }

    /// R7: the same value at the same offset, whoever is given it.
    fn note_applied(&mut self, id: NodeId, offset: Offset, value: Bytes) {
        let known = self.committed.entry(offset).or_insert_with(|| value.clone());
        assert_eq!(*known, value, "R7: member {id} was given another committed value at {offset}");
        self.machines.get_mut(&id).unwrap().applied.insert(offset, value);
    }

    /// The next instant at which anything happens.
    fn next_instant(&self) -> Option<Time> {
        let timers = self.running().filter_map(|(_, raft)| raft.next_deadline());
        timers.chain(self.queue.keys().next().map(|(due, _)| *due)).min()
    }

    /// Does the next thing, if it is due by `until`: a message first, then timers in the order of ids.
    pub(super) fn turn(&mut self, until: Time) -> bool {
        let Some(next) = self.next_instant().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = next;
        if let Some((key, message)) = self.queue.iter().next().map(|(key, message)| (*key, message.clone()))
            && key.0 <= next
        {
            self.queue.remove(&key);
            self.deliver(message);
            return true;
        }
        let due = self.running().find(|(_, raft)| raft.next_deadline().is_some_and(|at| at <= next)).map(|(id, _)| id);
        if let Some(id) = due {
            self.with(id, |raft, ctx| raft.on_timers(ctx));
        }
        true
    }

    pub(super) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while self.turn(until) {}
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Request { from, to, .. } if self.cut.contains(&(from.0, to)) => {}
            Message::Request { from, to, request } => {
                if self.machines[&to].raft.is_none() {
                    self.post(Message::Response { to: from, from: to, result: Err(()) });
                    return;
                }
                self.sequence += 1;
                let handle = RequestHandle { connection: ConnectionId(self.sequence), correlation_id: 0 };
                self.open.insert(self.sequence, (from, to));
                self.with(to, |raft, ctx| raft.handle_request(ctx, handle, request));
            }
            Message::Response { to, from, .. } if self.cut.contains(&(from, to.0)) => {}
            Message::Response { to: (id, incarnation, token), result, .. } => {
                let machine = &self.machines[&id];
                if machine.incarnation == incarnation && machine.raft.is_some() {
                    self.with(id, |raft, ctx| raft.handle_response(ctx, token, result));
                }
            }
        }
    }

    /// The leader of the highest epoch.
    pub(super) fn leader(&self) -> Option<NodeId> {
        let leaders = self.running().filter(|(_, raft)| raft.state_name() == QuorumStateName::Leader);
        leaders.max_by_key(|(_, raft)| raft.leader_and_epoch().1).map(|(id, _)| id)
    }

    /// Appends records with values never used before; false where the member does not lead.
    pub(super) fn append(&mut self, id: NodeId, count: u64) -> bool {
        let epoch = self.raft(id).leader_and_epoch().1;
        let first = self.next_value;
        let records = (first..first + count).map(|value| Bytes::copy_from_slice(&value.to_be_bytes())).collect();
        let accepted = self.with(id, |raft, ctx| raft.prepare_append(ctx, epoch, records, true)).is_ok();
        if accepted {
            self.next_value += count;
        }
        accepted
    }

    /// Takes a snapshot of everything the member was given, if that is possible.
    pub(super) fn snapshot(&mut self, id: NodeId) -> bool {
        let raft = self.raft(id);
        let end_offset = raft.delivered_offset();
        let Some(epoch) = raft.log().epoch_entries().iter().rev().find(|entry| entry.start_offset < end_offset) else {
            return false;
        };
        let snapshot = SnapshotId { end_offset, epoch: LeaderEpoch(epoch.leader_epoch.0) };
        let records = self.committed.range(..end_offset).map(|(_, value)| value.clone()).collect();
        let timestamp = (self.now.0 / 1000) as i64;
        self.with(id, |raft, ctx| raft.create_snapshot(ctx, snapshot, timestamp, records)).unwrap()
    }
}

pub(super) fn name(id: SnapshotId) -> String {
    format!("{}-{}", id.end_offset, id.epoch)
}
