//! What a step may see and do: [`Context`] on the way in, [`Effects`] on the way out.

use crate::choice::{Choice, Choices, Purpose};
use crate::effects::{Effects, Output};
use crate::event::Event;
use crate::storage::Storage;
use crate::time::Now;
use uuid::Uuid;

/// The surroundings of one step. Passed down to every part that the step reaches.
pub struct Context<'a> {
    /// What time it is, for the whole of this step.
    pub now: Now,
    /// The files of this machine.
    pub storage: &'a mut dyn Storage,
    choices: &'a mut dyn Choices,
    effects: Effects,
}

impl<'a> Context<'a> {
    /// Surroundings with nothing done yet.
    pub fn new(now: Now, storage: &'a mut dyn Storage, choices: &'a mut dyn Choices) -> Self {
        Context { now, storage, choices, effects: Effects::default() }
    }

    /// The same, with room for outputs and events that an earlier step has left behind.
    #[must_use]
    pub fn with_room(mut self, outputs: Vec<Output>, events: Vec<Event>) -> Self {
        assert!(outputs.is_empty(), "outputs of an earlier step: {outputs:?}");
        assert!(events.is_empty(), "events of an earlier step: {events:?}");
        self.effects = Effects { outputs, events };
        self
    }

    /// Says that something happened.
    pub fn emit(&mut self, event: impl Into<Event>) {
        self.effects.events.push(event.into());
    }

    /// Asks for something to be done after the step.
    pub fn output(&mut self, output: Output) {
        self.effects.outputs.push(output);
    }

    /// A number in `low..=high`, drawn from the stream of this purpose.
    pub fn choose(&mut self, purpose: Purpose, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range {low}..={high} for {purpose:?}");
        let answer = self.choices.choose(Choice { purpose, low, high });
        assert!((low..=high).contains(&answer), "{answer} is not in {low}..={high} for {purpose:?}");
        answer
    }

    /// A drawn 128-bit id; never one of Kafka's reserved ids.
    pub fn choose_uuid(&mut self) -> Uuid {
        let high = self.choose(Purpose::Uuid, 1, u64::MAX);
        let low = self.choose(Purpose::Uuid, 0, u64::MAX);
        Uuid::from_u64_pair(high, low)
    }

    /// What has been done so far; leaves nothing behind.
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }
}
