//! The way back: copies of the world, and stepping again from the nearest one.
//!
//! ```text
//!   copies    ●───────────────●───────────────●──────▶      every 1024 steps, made while it ran
//!   near              ○ ○ ○ ○                               every 256 steps, made while looking
//!   entries     ▲        ▲▲          ▲                      put in again before the step that they were
//! ```

use std::collections::BTreeMap;

use crate::fault::Entry;
use crate::step::{Step, StepKind, Telling};
use crate::world::World;

/// A copy of the world is kept after so many steps of the run: a jump steps at most so many again.
const COPY_EVERY: u64 = 1024;

/// While looking, a copy is kept after so many steps: whoever goes back does it step by step.
const NEAR_EVERY: u64 = 256;

/// So many of these copies are kept.
const NEAR_KEPT: usize = 32;

/// What is kept of a run while it is under way: copies of its world, and its steps.
#[derive(Debug, Default)]
pub(crate) struct Camera {
    pub(super) film: Film,
    pub(super) steps: Vec<Step>,
}

impl Camera {
    /// Takes in the world after a step; without one, before the first.
    pub(crate) fn observe(&mut self, world: &World, step: Option<&Step>) {
        self.film.observe(world, step);
        self.steps.extend(step.cloned());
    }
}

/// The worlds of a run that is over, or under way.
#[derive(Debug, Default)]
pub(super) struct Film {
    /// By the number of steps that had run.
    copies: BTreeMap<u64, World>,
    near: BTreeMap<u64, World>,
    /// The entries that were executed, by the number of their step.
    entries: BTreeMap<u64, Entry>,
    /// Where somebody looked last, and the step that led there.
    cursor: Option<(World, Option<Step>)>,
}

impl Film {
    /// Takes in the world after a step; without one, before the first.
    fn observe(&mut self, world: &World, step: Option<&Step>) {
        if let Some(Step { index, at, kind: StepKind::Entry(fault), .. }) = step {
            self.entries.insert(*index, Entry::new(*at, fault.clone()));
        }
        if step.is_none() || world.steps().is_multiple_of(COPY_EVERY) {
            self.copies.insert(world.steps(), world.clone());
        }
    }

    /// The world when so many steps had run, and the last of them with its details.
    pub(super) fn at(&mut self, steps: u64) -> (&World, Option<&Step>) {
        self.start_below(steps);
        loop {
            let (world, last) = self.cursor.as_mut().expect("looking has just begun");
            if world.steps() >= steps {
                break;
            }
            // Of all that is stepped again only the last step is asked for.
            let is_last = world.steps() + 1 == steps;
            let telling = if is_last { Telling::Details } else { Telling::Events };
            *last = Some(again(world, &self.entries, telling));
            if world.steps().is_multiple_of(NEAR_EVERY) {
                self.near.insert(world.steps(), world.clone());
            }
        }
        self.forget_far_from(steps);
        let (world, last) = self.cursor.as_ref().expect("somebody looks");
        (world, last.as_ref())
    }

    /// Every step of the run up to one once more, with its details, each beside the world behind it.
    pub(super) fn again_until(&self, end: u64, see: &mut dyn FnMut(&World, &Step)) {
        let mut world = self.copies.first_key_value().expect("there is a copy of the beginning").1.clone();
        while world.steps() < end {
            let step = again(&mut world, &self.entries, Telling::Details);
            see(&world, &step);
        }
    }

    /// Puts the cursor where it can be stepped from: on the place itself, or on the nearest world below it.
    fn start_below(&mut self, steps: u64) {
        // From a copy of the very place the step that led there would not be known.
        let below = |worlds: &BTreeMap<u64, World>| {
            let exact = (steps == 0).then_some(0).into_iter();
            exact.chain(worlds.range(..steps).next_back().map(|(from, _)| *from)).max()
        };
        let (copy, near) = (below(&self.copies), below(&self.near));
        let best = copy.max(near).unwrap_or(0);
        let is_better = |(world, last): &(World, Option<Step>)| {
            (best..=steps).contains(&world.steps()) && (world.steps() < steps || last.is_some())
        };
        if self.cursor.as_ref().is_some_and(is_better) {
            return;
        }
        let world = self.near.get(&best).or_else(|| self.copies.get(&best)).expect("there is a copy of the beginning");
        self.cursor = Some((world.clone(), None));
    }

    fn forget_far_from(&mut self, steps: u64) {
        while self.near.len() > NEAR_KEPT {
            let (first, last) = (self.near.first_key_value(), self.near.last_key_value());
            let distance = |place: Option<(&u64, &World)>| place.map_or(0, |(at, _)| at.abs_diff(steps));
            if distance(first) > distance(last) {
                self.near.pop_first()
            } else {
                self.near.pop_last()
            };
        }
    }
}

/// The next step of a world that repeats a run whose entries these are.
fn again(world: &mut World, entries: &BTreeMap<u64, Entry>, telling: Telling) -> Step {
    if let Some(entry) = entries.get(&world.steps())
        && world.pending_entries().next() != Some((entry.at, &entry.fault))
    {
        world.schedule(entry.clone());
    }
    world.set_telling(telling);
    let number = world.steps();
    world.step().unwrap_or_else(|| panic!("what was recorded can be repeated: step {number} was not"))
}
