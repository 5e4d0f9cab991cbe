//! A recording that is still being made: what there is of it is handed out bit by bit, and can be looked at meanwhile.
//!
//! ```text
//!   thread: the run ──────●───●───●───●───●───●───●───●──────▶ Recorded
//!                         │8,192 steps    every 2,048 more
//!   screen:             Begun Grown Grown …                       the first with all there is, each other with what came to it
//! ```
//!
//! What is handed out is copied, and read by whoever gets it: each step once, so that the run is hardly slower for it. Short
//! runs, as lessons are, come whole. Where to look is asked of the same thread, which answers between two steps of the run, from
//! the copies that it has made: the run itself is not touched.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use super::contents::Contents;
use super::film::Camera;
use super::snapshot::Snapshot;
use super::tape::Part;
use super::{Look, News, Seen, Tape};
use crate::scenario::Scenario;
use crate::scenario::run::Moment;
use crate::scenario::trace::Cast;

/// The first pictures come behind so many steps.
const FIRST: usize = 8192;

/// Behind so many steps more there is more to look at.
pub(super) const EVERY: usize = 2048;

/// How far the run has told that it is: who is who, and when the start of each of its steps came. None before time zero.
pub(super) type SoFar = Mutex<Option<(Cast, Vec<Moment>)>>;

/// Hands out what there is of a run.
pub(super) struct Growth<'a> {
    scenario: &'a Scenario,
    so_far: &'a SoFar,
    /// How many steps and moments were handed out.
    told: (usize, usize),
}

impl<'a> Growth<'a> {
    pub(super) fn of(scenario: &'a Scenario, so_far: &'a SoFar) -> Growth<'a> {
        Growth { scenario, so_far, told: (0, 0) }
    }

    /// What has come, if it is time for that; what was asked of it is answered. False if nobody listens any more.
    pub(super) fn tell(&mut self, camera: &mut Camera, asked: &Mutex<Receiver<Look>>, tell: &Sender<News>) -> bool {
        let Ok(so_far) = self.so_far.lock() else { return true };
        let Some((cast, moments)) = so_far.as_ref() else { return true };
        let (steps, noted) = self.told;
        let is_first = steps == 0;
        if camera.steps.len() >= steps + if is_first { FIRST } else { EVERY } {
            let part = Part { steps: camera.steps[steps..].to_vec(), moments: moments[noted..].to_vec() };
            self.told = (camera.steps.len(), moments.len());
            let news = if is_first { News::Begun(Box::new(self.begun(cast, part))) } else { News::Grown(part) };
            if tell.send(news).is_err() {
                return false;
            }
        }
        let Some(look) = asked.lock().ok().and_then(|asked| asked.try_iter().last()) else { return true };
        let (world, last) = camera.film.at(look.steps.min(camera.steps.len() as u64));
        let detail = last.and_then(|step| step.detail.clone());
        // Which partitions messages name is read of the whole run, when there is one.
        let contents = last.map_or_else(Contents::default, |step| Contents::of(world, cast, step));
        let seen = Seen { snapshot: Snapshot::of(world, cast, &look.wanted), detail, contents, named: None };
        tell.send(News::Seen(Box::new(seen))).is_ok()
    }

    fn begun(&self, cast: &Cast, part: Part) -> Tape {
        let mut tape = Tape::begun(self.scenario.clone(), cast.clone());
        tape.grow(part);
        tape
    }
}
