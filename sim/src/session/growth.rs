//! A recording that is still being made: what there is of it is handed out now and then, and can be looked at meanwhile.
//!
//! ```text
//!   thread: the run ──────●────────●────────────────●──────────▶ Recorded
//!                         │8,192   │16,384          │32,768 steps
//!   screen:            Grown     Grown            Grown          each the whole of what there is
//! ```
//!
//! Each is twice as long as the one before it: so all of them together cost no more than the last. Short runs, as lessons are,
//! come whole. Where to look is asked of the same thread, which answers between two steps of the run, from the copies that
//! it has made: the run itself is not touched.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use super::film::Camera;
use super::snapshot::Snapshot;
use super::{Look, News, Seen, Tape};
use crate::scenario::run::{Aftermath, Moment, Resolutions};
use crate::scenario::trace::Cast;
use crate::scenario::{Report, Scenario};

/// The first pictures come behind so many steps.
const FIRST: u64 = 8192;

/// How far the run has told that it is: who is who, and when the start of each of its steps came. None before time zero.
pub(super) type SoFar = Mutex<Option<(Cast, Vec<Moment>)>>;

/// Hands out what there is of a run.
pub(super) struct Growth<'a> {
    scenario: &'a Scenario,
    so_far: &'a SoFar,
    /// Behind how many steps that is done next.
    next: u64,
}

impl<'a> Growth<'a> {
    pub(super) fn of(scenario: &'a Scenario, so_far: &'a SoFar) -> Growth<'a> {
        Growth { scenario, so_far, next: FIRST }
    }

    /// What there is, if it is time for that; what was asked of it is answered. False if nobody listens any more.
    pub(super) fn tell(&mut self, camera: &mut Camera, asked: &Mutex<Receiver<Look>>, tell: &Sender<News>) -> bool {
        let Ok(so_far) = self.so_far.lock() else { return true };
        let Some((cast, moments)) = so_far.as_ref() else { return true };
        let steps = camera.steps.len() as u64;
        if steps >= self.next {
            self.next = steps * 2;
            let aftermath = Aftermath {
                report: Report { seed: self.scenario.file.seed.unwrap_or_default(), ..Report::default() },
                cast: cast.clone(),
                booted: true,
                moments: moments.clone(),
                resolutions: Resolutions::new(),
                violations: Vec::new(),
            };
            let tape = Tape::new(self.scenario.clone(), aftermath, camera.steps.clone());
            if tell.send(News::Grown(Box::new(tape))).is_err() {
                return false;
            }
        }
        let Some(look) = asked.lock().ok().and_then(|asked| asked.try_iter().last()) else { return true };
        let (world, last) = camera.film.at(look.steps.min(steps));
        let detail = last.and_then(|step| step.detail.clone());
        // Which partitions messages name is read of the whole run, when there is one.
        let seen = Seen { snapshot: Snapshot::of(world, cast, &look.wanted), detail, named: None };
        tell.send(News::Seen(Box::new(seen))).is_ok()
    }
}
