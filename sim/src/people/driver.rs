//! The loop around the runtime: everybody runs to quiet, then the world takes what is due.
//!
//! ```text
//!   calls made? ──yes──▶ step each now ─────────────┐
//!      │ no                                          │ somebody woken?
//!   a millisecond since the last slice? ──▶ slice    ├──yes──▶ slice: block_on(async {})
//!      │                                             │
//!   step what is due; or wake one sleeper ───────────┘
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use madsim::runtime::Runtime;
use madsim::time::{Sleep, TimeHandle};
use trial_broker::time::Time;

use super::desk::{Outgoing, Shared};
use super::{People, Run, WorldHandle};
use crate::record::Recording;
use crate::world::{World, WorldSettings};

/// How often programs on madsim get to run while nobody of ours was woken.
const SLICE: Duration = Duration::from_millis(1);

/// With nothing due and everybody waiting for this long, nothing will ever happen.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// Runs a program and its world to the program's end, in this thread.
pub(super) fn drive<F, Fut, R>(world: World, program: F) -> Run<R>
where
    F: FnOnce(WorldHandle, People) -> Fut,
    Fut: Future<Output = R> + 'static,
    R: Send + 'static,
{
    let seed = world.seed();
    let shared = Shared::new(Recording::new(world));
    let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
    let result: Arc<Mutex<Option<R>>> = Arc::default();
    let future = program(WorldHandle { shared: shared.clone() }, People { shared: shared.clone() });
    let slot = Arc::clone(&result);
    let clock = runtime.block_on(async {
        madsim::task::spawn_local(async move {
            let value = future.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        TimeHandle::current()
    });
    let mut driver = Driver { runtime, clock, shared: shared.clone(), last_slice: Time::ZERO, idle_since: None };
    driver.slice();
    let value = loop {
        if let Some(value) = result.lock().unwrap_or_else(PoisonError::into_inner).take() {
            break value;
        }
        driver.turn();
    };
    drop(driver);
    // Tasks that the program left behind may still hold the desk: the recording is taken out of it.
    let empty = Recording::without_steps(World::new(seed, WorldSettings::default()));
    let recording = std::mem::replace(&mut shared.lock().recording, empty);
    Run { result: value, recording }
}

struct Driver {
    runtime: Runtime,
    clock: TimeHandle,
    shared: Shared,
    /// When everybody last had a chance to run, by the world's clock.
    last_slice: Time,
    /// Since when nothing was due.
    idle_since: Option<Time>,
}

impl Driver {
    fn now(&self) -> Time {
        self.shared.lock().recording.world().now()
    }

    /// madsim's time, in the world's unit.
    fn elapsed(&self) -> Time {
        Time(self.clock.elapsed().as_micros() as u64)
    }

    /// Carries madsim's clock along, and lets everybody run who can.
    fn slice(&mut self) {
        let now = self.now();
        let behind = Duration::from_micros(now.0).saturating_sub(self.clock.elapsed());
        if !behind.is_zero() {
            self.clock.advance(behind);
        }
        self.last_slice = now;
        self.runtime.block_on(async {});
    }

    /// One thing: the calls that were made, or what is due next.
    fn turn(&mut self) {
        if self.step_calls() {
            return;
        }
        let due = self.shared.lock().next_due();
        if due.is_none_or(|due| due.since(self.last_slice) >= SLICE) && self.wait_for_programs(due) {
            return;
        }
        let Some(due) = due else { return };
        self.idle_since = None;
        let woken = {
            let mut desk = self.shared.lock();
            let step = desk.recording.step_until(due);
            match &step {
                Some(step) => desk.after(step),
                None => {
                    if due > desk.recording.world().now() {
                        desk.recording.advance_to(due);
                    }
                    desk.wake_sleeper()
                }
            }
        };
        if woken {
            self.slice();
        }
    }

    /// Steps what people asked for, at the present instant. Answers whether there was anything.
    fn step_calls(&mut self) -> bool {
        let calls = std::mem::take(&mut self.shared.lock().calls);
        if calls.is_empty() {
            return false;
        }
        let mut woken = false;
        for outgoing in calls {
            let mut desk = self.shared.lock();
            let now = desk.recording.world().now();
            let step = match outgoing {
                Outgoing::Call { machine, ticket, call } => desk.recording.call(now, machine, ticket, call),
                Outgoing::Abandon { machine, ticket } => desk.recording.abandon(now, machine, ticket),
            };
            woken |= desk.after(&step);
        }
        if woken {
            self.slice();
        }
        true
    }

    /// Lets programs on madsim run up to what is due. Answers whether one of them made a call
    /// meanwhile: it enters at the time that madsim's clock shows.
    fn wait_for_programs(&mut self, due: Option<Time>) -> bool {
        let now = self.now();
        let until = due.unwrap_or(now + SLICE * 100);
        let ahead = Duration::from_micros(until.0).saturating_sub(self.clock.elapsed());
        if ahead >= SLICE {
            let sleep = self.clock.sleep(ahead);
            self.runtime.block_on(CalledOr { shared: self.shared.clone(), sleep: Box::pin(sleep) });
        } else {
            if !ahead.is_zero() {
                self.clock.advance(ahead);
            }
            self.runtime.block_on(async {});
        }
        self.last_slice = until;
        let mut desk = self.shared.lock();
        desk.driver = None;
        let is_called = !desk.calls.is_empty();
        // The sleepers and calls that appeared meanwhile count from the time that madsim shows.
        let limit = desk.recording.world().next_due().map_or(until, |next| next.min(until));
        let at = if is_called { self.elapsed().clamp(now, limit) } else { now };
        if due.is_none() {
            let idle_since = *self.idle_since.get_or_insert(now);
            let at = if is_called { at } else { limit };
            if at > now {
                desk.recording.advance_to(at);
            }
            assert!(
                at.since(idle_since) < FOR_EVER,
                "everybody waits and nothing is due: the world stands still at {idle_since:?}"
            );
            return true;
        }
        if at > now {
            desk.recording.advance_to(at);
        }
        is_called
    }
}

/// Ends when madsim's time has come, or as soon as somebody makes a call.
struct CalledOr {
    shared: Shared,
    sleep: Pin<Box<Sleep>>,
}

impl Future for CalledOr {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut desk = self.shared.lock();
            if !desk.calls.is_empty() {
                return Poll::Ready(());
            }
            desk.driver = Some(cx.waker().clone());
        }
        self.sleep.as_mut().poll(cx)
    }
}
