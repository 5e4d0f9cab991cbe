//! The desk between people and the world: calls on their way in, answers on their way out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use trial_broker::client::{Call, CallResult};
use trial_broker::ids::Ticket;
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use crate::fault::{Fault, MachineId};
use crate::record::Outside;
use crate::step::{Fact, Step, StepKind};
use crate::world::{World, WorldSettings};

/// The first ticket of a person. Those below belong to calls that stand in a scenario.
pub(crate) const FIRST_TICKET: u64 = 1 << 32;

/// What people and the crowd share. Only one of them runs at a time: the lock is never waited for.
pub(super) struct Desk {
    /// The world, lent to people for a slice; between slices an empty one stands here.
    pub(super) world: World,
    /// What came into the world from people, in order, and was not yet taken.
    pub(super) outside: Vec<Outside>,
    pub(super) next_ticket: u64,
    /// Calls that were made and not yet stepped.
    pub(super) calls: VecDeque<Outgoing>,
    /// Tickets that were given out and are not resolved, with who is called.
    pub(super) open: BTreeMap<Ticket, Waiting>,
    pub(super) sleepers: BTreeMap<(Time, u64), Waker>,
    pub(super) next_sleeper: u64,
    /// Conditions that somebody waits for, looked at after each step.
    pub(super) conditions: BTreeMap<u64, Condition>,
    pub(super) next_condition: u64,
    pub(super) recovery: Recovery,
    /// How many clients people have brought into the world.
    pub(super) clients: u32,
    pub(super) driver: Option<Waker>,
}

/// Who waits for the cluster to be healed.
#[derive(Default)]
pub(super) struct Recovery {
    /// How often it was asked for.
    pub(super) asked: u64,
    /// How many of these have been granted.
    pub(super) granted: u64,
    pub(super) wakers: Vec<Waker>,
}

pub(super) enum Outgoing {
    Call {
        machine: MachineId,
        ticket: Ticket,
        call: Call,
    },
    Abandon {
        machine: MachineId,
        ticket: Ticket,
    },
    /// Something that is done to the world.
    Fault(Fault),
}

pub(super) struct Waiting {
    pub(super) machine: MachineId,
    pub(super) result: Option<CallResult>,
    pub(super) waker: Option<Waker>,
}

pub(super) struct Condition {
    pub(super) holds: Box<dyn Fn(&World) -> bool + Send>,
    pub(super) is_true: bool,
    pub(super) waker: Option<Waker>,
}

#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Desk>>);

impl Shared {
    /// An empty desk.
    pub(super) fn new(seed: u64) -> Self {
        Shared(Arc::new(Mutex::new(Desk {
            world: World::new(seed, WorldSettings::default()),
            outside: Vec::new(),
            next_ticket: FIRST_TICKET,
            calls: VecDeque::new(),
            open: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
            conditions: BTreeMap::new(),
            next_condition: 0,
            recovery: Recovery::default(),
            clients: 0,
            driver: None,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Desk> {
        // A person that panicked has already ended the run.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    pub(super) fn ask(&mut self, machine: MachineId, call: Call, tickets: u64) -> Ticket {
        let first = Ticket(self.next_ticket);
        self.next_ticket += tickets;
        for number in 0..tickets {
            let waiting = Waiting { machine, result: None, waker: None };
            self.open.insert(Ticket(first.0 + number), waiting);
        }
        self.send(Outgoing::Call { machine, ticket: first, call });
        first
    }

    /// Puts something on the desk, and tells who drives.
    pub(super) fn send(&mut self, outgoing: Outgoing) {
        self.calls.push_back(outgoing);
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    pub(super) fn resolve(&mut self, ticket: Ticket, result: CallResult) -> bool {
        let Some(waiting) = self.open.get_mut(&ticket).filter(|waiting| waiting.result.is_none()) else {
            return false;
        };
        waiting.result = Some(result);
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
        true
    }

    /// Hands out what a step resolved. Answers whether anybody was woken.
    pub(super) fn after(&mut self, world: &World, step: &Step) -> bool {
        let mut woken = false;
        for resolution in &step.resolutions {
            woken |= self.resolve(resolution.ticket, resolution.result.clone());
        }
        for fact in &step.facts {
            match fact {
                Fact::Killed { machine } | Fact::PowerCut { machine, .. } | Fact::Exited { machine, .. } => {
                    woken |= self.fail_all(*machine);
                }
                Fact::Ignored { .. } => {
                    if let StepKind::Entry(Fault::Call { machine, .. }) = &step.kind {
                        woken |= self.fail_all(*machine);
                    }
                }
                _ => {}
            }
        }
        for condition in self.conditions.values_mut().filter(|condition| !condition.is_true) {
            if (condition.holds)(world) {
                condition.is_true = true;
                if let Some(waker) = condition.waker.take() {
                    waker.wake();
                }
                woken = true;
            }
        }
        woken
    }

    /// Nobody will answer for a process that is gone.
    pub(super) fn fail_all(&mut self, machine: MachineId) -> bool {
        let lost: Vec<Ticket> = self
            .open
            .iter()
            .filter(|(_, waiting)| waiting.machine == machine && waiting.result.is_none())
            .map(|(ticket, _)| *ticket)
            .collect();
        let any = !lost.is_empty();
        for ticket in lost {
            let message = format!("no process runs on machine {machine}");
            self.resolve(ticket, CallResult::Failed { error: ErrorCode::UnknownServerError, message });
        }
        any
    }

    /// Wakes one sleeper whose time has come. One: what it does comes before the next one is
    /// woken, so that who slept first acts first, whatever madsim draws.
    pub(super) fn wake_sleeper(&mut self, now: Time) -> bool {
        let Some(sleeper) = self.sleepers.first_entry().filter(|sleeper| sleeper.key().0 <= now) else { return false };
        sleeper.remove().wake();
        true
    }

    /// When the first sleeper wakes.
    pub(super) fn next_sleeper(&self) -> Option<Time> {
        self.sleepers.first_key_value().map(|((at, _), _)| *at)
    }
}
