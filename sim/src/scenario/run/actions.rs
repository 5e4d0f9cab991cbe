//! Actions as entries of the world's list: targets resolved, draws made.

use std::collections::BTreeSet;
use std::time::Duration;

use trial_broker::choice::Purpose;
use trial_broker::client::{Call, ProducerRecord};
use trial_broker::ids::{GroupId, Ticket};
use trial_broker::message::Api;
use trial_broker::time::Time;

use super::build::{ADMIN, latency_model, runner_stream};
use super::calls::call_of;
use super::execute::Run;
use super::view;
use crate::fault::{DiskFailure, Entry, Fault, Lose, MachineId, MessageFilter, MessageId, MessageKind, MessageTarget};
use crate::scenario::Seed;
use crate::scenario::format::action::{self, Produce};
use crate::scenario::format::{Action, Names, Spanned, Target};
use crate::scenario::validate::{Machine, PlannedStep, machine_named, machine_of};

/// What an action comes to: entries, and the machines that its symbolic targets mean now.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) entries: Vec<Entry>,
    pub(super) machines: Vec<(String, String)>,
}

impl Resolved {
    /// Whom its symbolic targets mean, in words; and whom they meant when the file was saved, if that was somebody else.
    /// Nothing where there is none.
    pub(super) fn words(&self, step: &PlannedStep) -> String {
        let before = step.resolved.as_ref().map(|resolved| &resolved.machines);
        let words = self.machines.iter().map(|(said, found)| {
            let before = before.and_then(|machines| machines.get(said)).filter(|before| *before != found);
            let before = before.map_or_else(String::new, |before| format!(", and was {before} when this was saved"));
            format!("{said} is {found}{before}")
        });
        words.collect::<Vec<String>>().join(", ")
    }
}

/// Why a target means no machine now.
pub(super) type Unresolved = String;

impl Run<'_> {
    /// The machine that a name means now.
    pub(super) fn resolve(&self, machine: &Machine) -> Result<MachineId, Unresolved> {
        match machine {
            Machine::Broker(id) | Machine::Controller(id) => Ok(MachineId(*id as u32)),
            Machine::Client(name) => self.client(name).ok_or_else(|| format!("there is no client {name}")),
            Machine::Leader(partition) => view::registration(&self.world, partition)
                .map(|known| known.leader)
                .filter(|leader| leader.is_some())
                .map(|leader| MachineId(leader.0 as u32))
                .ok_or_else(|| format!("{partition} has no leader now")),
            Machine::Coordinator(group) => self.coordinator_of(group),
            Machine::Follower(partition) => view::registration(&self.world, partition)
                .and_then(|known| {
                    let followers = known.replicas.iter().filter(|replica| **replica != known.leader);
                    followers
                        .map(|replica| MachineId(replica.0 as u32))
                        .find(|machine| view::is_running(&self.world, *machine))
                })
                .ok_or_else(|| format!("no follower of {partition} runs now")),
            Machine::ActiveController => {
                self.active_controller().ok_or_else(|| "no controller is active now".to_owned())
            }
            Machine::StandbyController => {
                let active = self.active_controller();
                self.voters()
                    .iter()
                    .copied()
                    .find(|machine| Some(*machine) != active && view::is_running(&self.world, *machine))
                    .ok_or_else(|| "every controller that runs is active".to_owned())
            }
            Machine::StoppedBroker => self.first_stopped(&self.brokers, "broker"),
            Machine::StoppedController => self.first_stopped(self.voters(), "controller"),
            Machine::AnyBroker => self.any_of(&self.brokers, "broker"),
            Machine::AnyController => self.any_of(self.voters(), "controller"),
        }
    }

    /// The broker that leads the group's partition of `__consumer_offsets`.
    fn coordinator_of(&self, group: &str) -> Result<MachineId, Unresolved> {
        view::coordinator(&self.world, &GroupId::new(group)).ok_or_else(|| format!("nobody coordinates {group} now"))
    }

    /// The machines of the controllers: the brokers', where processes are combined.
    fn voters(&self) -> &[MachineId] {
        if self.controllers.is_empty() { &self.brokers } else { &self.controllers }
    }

    fn first_stopped(&self, machines: &[MachineId], what: &str) -> Result<MachineId, Unresolved> {
        let stopped = machines.iter().copied().find(|machine| !view::is_running(&self.world, *machine));
        stopped.ok_or_else(|| format!("every {what} runs"))
    }

    /// One of those that run, drawn from the seed and the number of steps that the world has taken.
    fn any_of(&self, machines: &[MachineId], what: &str) -> Result<MachineId, Unresolved> {
        let running: Vec<MachineId> =
            machines.iter().copied().filter(|machine| view::is_running(&self.world, *machine)).collect();
        if running.is_empty() {
            return Err(format!("no {what} runs now"));
        }
        let mut stream = runner_stream(self.seed.0, 1_000_000 + self.world.now().0);
        Ok(running[stream.between(0, running.len() as u64 - 1) as usize])
    }

    fn target(&self, target: &Target, resolved: &mut Resolved) -> Result<MachineId, Unresolved> {
        let machine = machine_of(target).ok_or_else(|| "no machine is named".to_owned())?;
        let found = self.resolve(&machine)?;
        if !matches!(machine, Machine::Broker(_) | Machine::Controller(_) | Machine::Client(_)) {
            resolved.machines.push((machine.to_string(), self.cast.name(found).to_owned()));
        }
        Ok(found)
    }

    fn set(&self, names: &Option<Spanned<Names>>, resolved: &mut Resolved) -> Result<BTreeSet<MachineId>, Unresolved> {
        names.iter().flat_map(|names| &names.value.0).map(|name| self.named(name, resolved)).collect()
    }

    /// The machine with this name; a client's name comes before a controller's.
    /// The machine that a name of a condition means now: a client's name comes before a controller's.
    pub(super) fn machine_called(&self, name: &str) -> Option<MachineId> {
        self.client(name).or_else(|| self.resolve(&machine_named(name)).ok())
    }

    fn named(&self, name: &str, resolved: &mut Resolved) -> Result<MachineId, Unresolved> {
        if let Some(client) = self.client(name) {
            return Ok(client);
        }
        let machine = machine_named(name);
        let found = self.resolve(&machine)?;
        if !matches!(machine, Machine::Broker(_) | Machine::Controller(_) | Machine::Client(_)) {
            resolved.machines.push((machine.to_string(), self.cast.name(found).to_owned()));
        }
        Ok(found)
    }

    /// What an action does to the world at an instant. Checks and teaching do nothing.
    pub(super) fn entries(&mut self, step: &PlannedStep, at: Time) -> Result<Resolved, Unresolved> {
        let mut resolved = Resolved::default();
        let faults = match &step.action.value {
            Action::Kill(target) => vec![Fault::Kill { machine: self.target(target, &mut resolved)? }],
            Action::Stop(target) => vec![Fault::Stop { machine: self.target(target, &mut resolved)? }],
            Action::Resume(target) => vec![Fault::Resume { machine: self.target(target, &mut resolved)? }],
            Action::Start(target) => vec![Fault::Start { machine: self.target(target, &mut resolved)? }],
            Action::Restart(target) => vec![Fault::Restart { machine: self.target(target, &mut resolved)? }],
            Action::SyncNow(target) => vec![Fault::SyncNow { machine: self.target(target, &mut resolved)? }],
            Action::Crash(one) => vec![Fault::Kill { machine: self.named(&one.client, &mut resolved)? }],
            Action::PowerCut(cut) => {
                let machine = self.target(&cut.target(), &mut resolved)?;
                let lose = match cut.lose.as_ref().map(|lose| lose.value) {
                    Some(action::Lose::All) => Lose::All,
                    Some(action::Lose::None) => Lose::None,
                    None => Lose::Drawn,
                };
                let draw = cut.draw.as_ref().map_or_else(|| self.draw(step), |draw| draw.value.0);
                vec![Fault::PowerCut { machine, lose, draw }]
            }
            Action::Replace(target) => {
                let machine = self.target(target, &mut resolved)?;
                vec![Fault::Replace { machine, draw: self.draw(step) }, Fault::Start { machine }]
            }
            Action::Pause(pause) => {
                let machine = self.target(&pause.target(), &mut resolved)?;
                if let Some(length) = &pause.length {
                    let until = at + length.value.duration();
                    resolved.entries.push(Entry::new(until, Fault::Resume { machine }));
                }
                vec![Fault::Pause { machine }]
            }
            Action::Skew(skew) => {
                let machine = self.target(&skew.target(), &mut resolved)?;
                let wall_offset_micros = skew.by.as_ref().map_or(0, |by| by.value.micros);
                vec![Fault::Skew { machine, wall_offset_micros, drift_ppm: 0 }]
            }
            Action::Partition(_)
            | Action::Heal(_)
            | Action::Clog(_)
            | Action::Unclog(_)
            | Action::SetLatency(_)
            | Action::Drop(_)
            | Action::Delay(_)
            | Action::Hold(_)
            | Action::Release(_) => self.network(&step.action.value, &mut resolved)?,
            Action::Slow(_) | Action::Stall(_) | Action::Fail(_) => self.disk(&step.action.value, &mut resolved)?,
            Action::Produce(produce) => {
                resolved.entries = self.produce(produce, at);
                Vec::new()
            }
            Action::Poll(_)
            | Action::Seek(_)
            | Action::RefreshMetadata(_)
            | Action::CommitOffsets(_)
            | Action::Join(_)
            | Action::Leave(_)
            | Action::Close(_)
            | Action::Work(_)
            | Action::PausePartitions(_)
            | Action::ResumePartitions(_)
            | Action::CreateTopic(_)
            | Action::DeleteTopic(_)
            | Action::CreatePartitions(_)
            | Action::AlterConfig(_)
            | Action::ElectLeader(_)
            | Action::Reassign(_)
            | Action::DeleteRecords(_)
            | Action::ListGroups(_)
            | Action::DescribeGroup(_)
            | Action::DeleteGroup(_)
            | Action::DeleteOffsets(_) => self.call(&step.action.value).into_iter().collect(),
            Action::CommitInTransaction(_) | Action::EndTransaction(_) => vec![self.transaction(&step.action.value)?],
            Action::AlignTimers(_) | Action::SpreadTimers(_) => self.timers(&step.action.value),
            Action::Expect(_)
            | Action::ExpectError(_)
            | Action::ExpectEvent(_)
            | Action::Never(_)
            | Action::NeverEvent(_)
            | Action::Predict(_)
            | Action::PauseHere(_)
            | Action::Note => Vec::new(),
            Action::Upgrade(_) | Action::Rot(_) | Action::Begin(_) | Action::Commit(_) | Action::Abort(_) => {
                unreachable!("{} was refused with the scenario", step.action.name())
            }
        };
        let now = faults.into_iter().map(|fault| Entry::new(at, fault));
        resolved.entries = now.chain(std::mem::take(&mut resolved.entries)).collect();
        Ok(resolved)
    }

    /// The draw of a step's effect: of the seed and the step alone.
    fn draw(&self, step: &PlannedStep) -> u64 {
        draw_of_step(self.seed, step.number)
    }

    fn network(&self, action: &Action, resolved: &mut Resolved) -> Result<Vec<Fault>, Unresolved> {
        let fault = match action {
            Action::Partition(partition) => Fault::Partition { pairs: self.pairs(partition, resolved)? },
            Action::Heal(heal) => {
                Fault::Heal { from: self.set(&heal.from, resolved)?, to: self.set(&heal.to, resolved)? }
            }
            Action::Clog(messages) => Fault::Clog { filter: self.filter(messages, resolved)? },
            Action::Unclog(messages) => Fault::Unclog { filter: self.filter(messages, resolved)? },
            Action::Release(messages) => Fault::Release { filter: self.filter(messages, resolved)? },
            Action::Drop(messages) => Fault::Drop { target: self.next(messages, resolved)? },
            Action::Hold(messages) => Fault::Hold { target: self.next(messages, resolved)? },
            Action::Delay(delay) => {
                let messages = action::Messages {
                    from: delay.from.clone(),
                    to: delay.to.clone(),
                    api: delay.api.clone(),
                    kind: delay.kind.clone(),
                    nth: delay.nth.clone(),
                    in_flight: delay.in_flight.clone(),
                };
                Fault::Delay { target: self.next(&messages, resolved)?, by: delay.by.value.duration() }
            }
            Action::SetLatency(latency) => Fault::Latency {
                from: self.set(&latency.from, resolved)?,
                to: self.set(&latency.to, resolved)?,
                latency: latency_model(&latency.is.value),
            },
            other => unreachable!("{} is no action on the network", other.name()),
        };
        Ok(vec![fault])
    }

    fn pairs(
        &self,
        partition: &action::Partition,
        resolved: &mut Resolved,
    ) -> Result<Vec<(MachineId, MachineId)>, Unresolved> {
        let mut pairs = Vec::new();
        if let Some(groups) = &partition.groups {
            let groups: Vec<BTreeSet<MachineId>> = groups
                .value
                .iter()
                .map(|group| group.value.0.iter().map(|name| self.named(name, resolved)).collect())
                .collect::<Result<_, _>>()?;
            for (index, one) in groups.iter().enumerate() {
                for other in &groups[index + 1..] {
                    for a in one {
                        pairs.extend(other.iter().flat_map(|b| [(*a, *b), (*b, *a)]));
                    }
                }
            }
        } else {
            let (from, to) = (self.set(&partition.from, resolved)?, self.set(&partition.to, resolved)?);
            for a in &from {
                pairs.extend(to.iter().map(|b| (*a, *b)));
            }
        }
        Ok(pairs)
    }

    fn filter(&self, messages: &action::Messages, resolved: &mut Resolved) -> Result<MessageFilter, Unresolved> {
        Ok(MessageFilter {
            from: self.set(&messages.from, resolved)?,
            to: self.set(&messages.to, resolved)?,
            api: messages.api.as_ref().and_then(|api| Api::ALL.iter().copied().find(|known| known.name() == api.value)),
            kind: messages.kind.as_ref().map(|kind| match kind.value {
                action::MessageKind::Request => MessageKind::Request,
                action::MessageKind::Response => MessageKind::Response,
            }),
        })
    }

    fn next(&self, messages: &action::Messages, resolved: &mut Resolved) -> Result<MessageTarget, Unresolved> {
        let filter = self.filter(messages, resolved)?;
        if let Some(place) = &messages.in_flight {
            return self.on_its_way(&filter, place.value);
        }
        let nth = messages.nth.as_ref().map_or(1, |nth| nth.value);
        Ok(MessageTarget::Next { filter, nth })
    }

    /// The n-th message that matches and has not arrived.
    fn on_its_way(&self, filter: &MessageFilter, nth: u32) -> Result<MessageTarget, Unresolved> {
        let is_meant = |machines: &BTreeSet<MachineId>, machine| machines.is_empty() || machines.contains(&machine);
        let matching = self.world.in_flight().into_iter().filter(|message| {
            is_meant(&filter.from, message.from)
                && is_meant(&filter.to, message.to)
                && filter.api.is_none_or(|api| api == message.api)
                && filter.kind.is_none_or(|kind| kind == message.kind)
        });
        let matching: Vec<MessageId> = matching.map(|message| message.id).collect();
        let found = (nth as usize).checked_sub(1).and_then(|index| matching.get(index));
        let count = matching.len();
        found
            .map(|id| MessageTarget::InFlight(*id))
            .ok_or_else(|| format!("{count} such messages are on their way, and this is about number {nth}"))
    }

    fn disk(&self, action: &Action, resolved: &mut Resolved) -> Result<Vec<Fault>, Unresolved> {
        let fault = match action {
            Action::Slow(slow) => Fault::Slow {
                machine: self.target(&slow.target(), resolved)?,
                path: String::new(),
                sync: slow.sync.as_ref().map_or(Duration::ZERO, |sync| sync.value.duration()),
                other: Duration::ZERO,
            },
            Action::Stall(stall) => Fault::Stall {
                machine: self.target(&stall.target(), resolved)?,
                path: String::new(),
                length: stall.length.as_ref().map_or(Duration::ZERO, |length| length.value.duration()),
            },
            Action::Fail(fail) => Fault::Fail {
                machine: self.target(&fail.target(), resolved)?,
                path: fail.path.as_ref().map(|path| path.value.clone()).unwrap_or_default(),
                failure: fail.error.as_ref().and_then(|error| match error.value {
                    action::DiskError::Eio => Some(DiskFailure::InputOutput),
                    action::DiskError::Enospc => Some(DiskFailure::NoSpace),
                    action::DiskError::FailedSync => Some(DiskFailure::NextSyncFails),
                    action::DiskError::LostSync => Some(DiskFailure::NextSyncLosesPages),
                    action::DiskError::None => None,
                }),
            },
            other => unreachable!("{} is no action on a disk", other.name()),
        };
        Ok(vec![fault])
    }

    /// The next number by which an answer is found.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// The calls of a `produce`: one a record, or one for all of them.
    fn produce(&mut self, produce: &Produce, at: Time) -> Vec<Entry> {
        let machine = self.client(&produce.client).expect("clients were checked with the scenario");
        let listed = produce.keys.len().max(produce.values.len()) as u32;
        let count = produce.count.as_ref().map_or(listed.max(1), |count| count.value);
        let records: Vec<ProducerRecord> = (0..count as usize).map(|index| self.record(produce, index)).collect();
        let mut entries = Vec::new();
        if produce.together == Some(true) {
            let tickets: Vec<Ticket> = records.iter().map(|_| self.ticket()).collect();
            for ticket in &tickets {
                self.ledger.expect_record(*ticket, machine);
            }
            let Some(ticket) = tickets.first().copied() else { return entries };
            entries.push(Entry::new(at, Fault::Call { machine, ticket, call: Call::SendAll(records) }));
            return entries;
        }
        let every = produce.every.as_ref().map_or(Duration::ZERO, |every| every.value.duration());
        for (record, index) in records.into_iter().zip(0..) {
            let ticket = self.ticket();
            self.ledger.expect_record(ticket, machine);
            entries.push(Entry::new(at + every * index, Fault::Call { machine, ticket, call: Call::Send(record) }));
        }
        entries
    }

    /// The n-th record of a `produce`. Values are numbered by client where the scenario gives none.
    fn record(&mut self, produce: &Produce, index: usize) -> ProducerRecord {
        let pick = |list: &[String]| (!list.is_empty()).then(|| list[index % list.len()].clone());
        let value = pick(&produce.values).unwrap_or_else(|| {
            let number = self.values.entry(produce.client.value.clone()).or_default();
            let value = format!("{}-{number}", produce.client.value);
            *number += 1;
            value
        });
        ProducerRecord {
            topic: produce.topic.value.clone(),
            partition: produce.partition.as_ref().map(|partition| partition.value),
            key: pick(&produce.keys).map(|key| key.into_bytes().into()),
            value: (produce.tombstones != Some(true)).then(|| value.into_bytes().into()),
        }
    }

    /// The one call of a client or an administrator.
    fn call(&mut self, action: &Action) -> Option<Fault> {
        let (client, call) = call_of(action)?;
        let machine = client.map_or(Some(ADMIN), |name| self.client(&name.value))?;
        Some(Fault::Call { machine, ticket: self.ticket(), call })
    }

    fn timers(&self, action: &Action) -> Vec<Fault> {
        let voters = self.voters();
        match action {
            // All voters will draw the same election timeout, the middle of Kafka's range.
            Action::AlignTimers(_) => voters
                .iter()
                .map(|machine| Fault::Answer {
                    machine: *machine,
                    purpose: Purpose::ElectionTimeout,
                    values: vec![ALIGNED_ELECTION_TIMEOUT_MICROS],
                })
                .collect(),
            // A voter's fetch timer starts with each answer of the leader: later answers, later timers. The first of
            // those that do not lead is the last to notice.
            Action::SpreadTimers(spread) => voters
                .iter()
                .filter(|machine| Some(**machine) != self.active_controller())
                .rev()
                .zip(0u32..)
                .filter(|(_, index)| *index > 0)
                .map(|(machine, index)| Fault::Delay {
                    target: MessageTarget::Next {
                        filter: MessageFilter {
                            to: BTreeSet::from([*machine]),
                            api: Some(Api::Fetch),
                            kind: Some(MessageKind::Response),
                            ..MessageFilter::default()
                        },
                        nth: 1,
                    },
                    by: spread.by.value.duration() * index,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The middle of 1000 to 1999 ms.
const ALIGNED_ELECTION_TIMEOUT_MICROS: u64 = 1_500_000;

/// What the effect of a step is drawn from that does not say it itself: its seed and its number are all.
pub(crate) fn draw_of_step(seed: Seed, number: usize) -> u64 {
    runner_stream(seed.0, 1000 + number as u64).between(0, u64::MAX)
}
