//! The recorder: a world that is being stepped, and all that is needed to see it again.

use std::collections::BTreeMap;

use trial_broker::client::Call;
use trial_broker::ids::Ticket;
use trial_broker::time::Time;

use crate::fault::{Entry, MachineId};
use crate::machine::MachineConfig;
use crate::step::{Step, Telling};
use crate::world::{DIGEST_EVERY, World};

/// Something that came into a world from outside, before the step of this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// A machine was added.
    Machine {
        /// Before which step.
        before: u64,
        /// Its number.
        id: MachineId,
        /// What it is.
        config: MachineConfig,
    },
    /// An entry was added to the list.
    Entry {
        /// Before which step.
        before: u64,
        /// What.
        entry: Entry,
    },
    /// A person called: that was the step of this number.
    Call {
        /// Which step.
        step: u64,
        /// When: a call may enter between two due things.
        at: Time,
        /// Which machine.
        machine: MachineId,
        /// By which the answer was found.
        ticket: Ticket,
        /// What was asked.
        call: Call,
    },
    /// A person no longer waited: that was the step of this number.
    Abandon {
        /// Which step.
        step: u64,
        /// When.
        at: Time,
        /// Of which machine.
        machine: MachineId,
        /// Which call.
        ticket: Ticket,
    },
}

impl Outside {
    /// The number of the step that it comes before, or is.
    pub fn step(&self) -> u64 {
        match self {
            Outside::Machine { before, .. } | Outside::Entry { before, .. } => *before,
            Outside::Call { step, .. } | Outside::Abandon { step, .. } => *step,
        }
    }
}

/// A world in the making, with everything that it has done since the recording began.
///
/// ```
/// use trial_broker::time::Time;
/// use trial_sim::internal::record::Recording;
/// use trial_sim::internal::{Entry, Fault, MachineId, World, WorldSettings};
///
/// let mut recording = Recording::new(World::new(1, WorldSettings::default()));
/// recording.schedule(Entry::new(Time::from_millis(5), Fault::Start { machine: MachineId(1) }));
/// recording.run_until(Time::from_millis(10));
/// assert_eq!(recording.steps().len(), 1);
/// assert_eq!(recording.state_at(0).now(), Time::ZERO);
/// recording.replay().expect("a run can be repeated");
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    world: World,
    /// The number of the first recorded step.
    first: u64,
    steps: Vec<Step>,
    outside: Vec<Outside>,
    /// Copies by the number of steps that had run.
    copies: BTreeMap<u64, World>,
    copy_every: u64,
    keeps_steps: bool,
}

impl Recording {
    /// Begins to record a world, with details and with a copy every 4096 steps.
    pub fn new(mut world: World) -> Recording {
        world.set_telling(Telling::Details);
        let first = world.steps();
        let copies = BTreeMap::from([(first, world.clone())]);
        Recording {
            world,
            first,
            steps: Vec::new(),
            outside: Vec::new(),
            copies,
            copy_every: DIGEST_EVERY,
            keeps_steps: true,
        }
    }

    /// Drives a world without keeping steps or copies: only what came from outside.
    pub fn without_steps(world: World) -> Recording {
        let first = world.steps();
        let copies = BTreeMap::from([(first, world.clone())]);
        Recording {
            world,
            first,
            steps: Vec::new(),
            outside: Vec::new(),
            copies,
            copy_every: u64::MAX,
            keeps_steps: false,
        }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The recorded steps, in order. The first one's number is that of the world when the recording began.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// A recorded step by its number.
    pub fn step_numbered(&self, index: u64) -> Option<&Step> {
        self.steps.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    /// The number of the last step at or before an instant.
    pub fn last_step_at(&self, time: Time) -> Option<u64> {
        let behind = self.steps.partition_point(|step| step.at <= time);
        behind.checked_sub(1).map(|index| self.first + index as u64)
    }

    /// What came from outside, in order.
    pub fn outside(&self) -> &[Outside] {
        &self.outside
    }

    // Making it go on.

    /// The world, for a driver of its own that tells what it did: [`Recording::take_in`].
    pub(crate) fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Takes in what a driver's turn has done to the world: what came from outside, and the step.
    pub(crate) fn take_in(&mut self, outside: Vec<Outside>, step: Option<Step>) -> Option<Step> {
        self.outside.extend(outside);
        step.map(|step| self.keep(step))
    }

    /// Adds a machine.
    pub fn add_machine(&mut self, id: MachineId, config: MachineConfig) {
        self.outside.push(Outside::Machine { before: self.world.steps(), id, config: config.clone() });
        self.world.add_machine(id, config);
    }

    /// Adds an entry to the list.
    ///
    /// # Panics
    /// As [`World::schedule`].
    pub fn schedule(&mut self, entry: Entry) {
        self.outside.push(Outside::Entry { before: self.world.steps(), entry: entry.clone() });
        self.world.schedule(entry);
    }

    /// A person calls a client machine.
    pub fn call(&mut self, at: Time, machine: MachineId, ticket: Ticket, call: Call) -> Step {
        self.outside.push(Outside::Call { step: self.world.steps(), at, machine, ticket, call: call.clone() });
        let step = self.world.call(at, machine, ticket, call);
        self.keep(step)
    }

    /// A person no longer waits.
    pub fn abandon(&mut self, at: Time, machine: MachineId, ticket: Ticket) -> Step {
        self.outside.push(Outside::Abandon { step: self.world.steps(), at, machine, ticket });
        let step = self.world.abandon(at, machine, ticket);
        self.keep(step)
    }

    /// Does the next thing that is due at or before `limit`.
    pub fn step_until(&mut self, limit: Time) -> Option<Step> {
        let step = self.world.step_until(limit)?;
        Some(self.keep(step))
    }

    /// Lets time pass without a step.
    pub fn advance_to(&mut self, time: Time) {
        self.world.advance_to(time);
    }

    /// Steps everything that is due before or at `time`, and lets time pass until then.
    pub fn run_until(&mut self, time: Time) {
        while self.step_until(time).is_some() {}
        if time > self.world.now() {
            self.world.advance_to(time);
        }
    }

    fn keep(&mut self, step: Step) -> Step {
        if self.keeps_steps {
            self.steps.push(step.clone());
        }
        if self.copy_every != u64::MAX && self.world.steps().is_multiple_of(self.copy_every) {
            self.copies.insert(self.world.steps(), self.world.clone());
        }
        step
    }

    // Looking back.

    /// The world when so many steps had run: the nearest copy before, stepped again.
    ///
    /// # Panics
    /// If the recording began later, or has not come so far.
    pub fn state_at(&self, steps: u64) -> World {
        assert!(
            (self.first..=self.world.steps()).contains(&steps),
            "recorded are the states from {} to {}, not {steps}",
            self.first,
            self.world.steps()
        );
        let (from, copy) = self.copies.range(..=steps).next_back().expect("there is a copy of the beginning");
        let mut again = Again::new(copy.clone(), &self.outside, *from);
        while again.world.steps() < steps {
            again.step().expect("what was recorded can be repeated");
        }
        again.world
    }

    /// The recorded run once more, from its beginning.
    pub(super) fn again(&self) -> Again<'_> {
        let (from, copy) = self.copies.first_key_value().expect("there is a copy of the beginning");
        Again::new(copy.clone(), &self.outside, *from)
    }
}

/// A world that repeats a recording.
pub(super) struct Again<'a> {
    pub(super) world: World,
    outside: &'a [Outside],
}

impl<'a> Again<'a> {
    /// From a copy that was made when `from` steps had run, before anything else came from outside.
    fn new(world: World, outside: &'a [Outside], from: u64) -> Self {
        let next = outside.partition_point(|outside| outside.step() < from);
        Again { world, outside: &outside[next..] }
    }

    /// The next step, with what came from outside before it.
    pub(super) fn step(&mut self) -> Option<Step> {
        while let Some(outside) = self.outside.first().filter(|outside| outside.step() == self.world.steps()) {
            self.outside = &self.outside[1..];
            match outside.clone() {
                Outside::Machine { id, config, .. } => self.world.add_machine(id, config),
                Outside::Entry { entry, .. } => self.world.schedule(entry),
                Outside::Call { at, machine, ticket, call, .. } => {
                    return Some(self.world.call(at, machine, ticket, call));
                }
                Outside::Abandon { at, machine, ticket, .. } => {
                    return Some(self.world.abandon(at, machine, ticket));
                }
            }
        }
        self.world.step()
    }
}
