//! The crowd: all people of one world in their runtime. Everybody runs to quiet, then the world takes what is due.
//!
//! ```text
//!   calls made? ──yes──▶ step one ──────────────────┐
//!      │ no                                         │
//!   somebody woken? ──yes──▶ slice: block_on(async {})
//!      │ no                                         │ whoever drives looks at each step,
//!   a millisecond since the last slice? ──▶ slice   │ and turns again
//!      │                                            │
//!   step what is due; or wake one sleeper ──────────┘
//! ```
//!
//! A crowd owns no world: each turn it is given one, and it lends that to its people for as
//! long as a slice takes. So a world can be driven by a recording (`run`) or by the runner of
//! scenarios, with checks and faults, and people do not know the difference.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use madsim::runtime::Runtime;
use madsim::time::{Sleep, TimeHandle};
use trial_broker::time::Time;

use super::desk::{Outgoing, Shared};
use super::{People, WorldHandle};
use crate::fault::Entry;
use crate::record::Outside;
use crate::step::Step;
use crate::world::World;

/// How often programs on madsim get to run while nobody of ours was woken.
const SLICE: Duration = Duration::from_millis(1);

/// With nothing due and everybody waiting for this long, nothing will ever happen.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// What one turn came to.
#[expect(clippy::large_enum_variant, reason = "it is handed over once, where a box would be an allocation a step")]
pub(crate) enum Turn {
    /// The world made a step. Who drives shows it to the crowd: [`Crowd::after`].
    Stepped(Step),
    /// People ran, or time passed.
    Passed,
    /// Nothing is left to do before or at the limit.
    Reached,
}

/// How a program ended: with its value, or with its panic.
pub(crate) type Ended<R> = Result<R, Box<dyn Any + Send>>;

/// A program and whoever it has spawned, in a runtime of their own.
pub(crate) struct Crowd<R> {
    runtime: Runtime,
    clock: TimeHandle,
    shared: Shared,
    /// When everybody last had a chance to run, by the world's clock.
    last_slice: Time,
    /// Since when nothing was due.
    idle_since: Option<Time>,
    /// Whether somebody can go on, by what the last step brought.
    is_woken: bool,
    /// When an entry is due that somebody has added: whatever was asked for after it waits for it.
    entry_at: Option<Time>,
    ended: Arc<Mutex<Option<Ended<R>>>>,
}

impl<R: 'static> Crowd<R> {
    /// A program at the present of a world. It begins at once.
    pub(crate) fn new<Fut>(world: &mut World, program: impl FnOnce(WorldHandle, People) -> Fut) -> Self
    where
        Fut: Future<Output = R> + 'static,
    {
        let shared = Shared::new(world.seed());
        let runtime = Runtime::with_seed_and_config(world.seed(), madsim::Config::default());
        let ended: Arc<Mutex<Option<Ended<R>>>> = Arc::default();
        let future = program(WorldHandle { shared: shared.clone() }, People { shared: shared.clone() });
        let (slot, now) = (Arc::clone(&ended), world.now());
        let clock = runtime.block_on(async { TimeHandle::current() });
        clock.advance(Duration::from_micros(now.0).saturating_sub(clock.elapsed()));
        let mut crowd =
            Crowd { runtime, clock, shared, last_slice: now, idle_since: None, is_woken: true, entry_at: None, ended };
        let program = async move {
            let value = Caught(Box::pin(future)).await;
            slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(value);
        };
        crowd.lend(world, |runtime| runtime.block_on(async { drop(madsim::task::spawn_local(program)) }));
        crowd
    }

    /// How the program ended, once; none while it runs.
    pub(crate) fn take_end(&mut self) -> Option<Ended<R>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What came into the world from people since this was asked last.
    pub(crate) fn take_outside(&mut self) -> Vec<Outside> {
        mem::take(&mut self.shared.lock().outside)
    }

    /// Whether somebody waits for the cluster to be healed.
    pub(crate) fn asks_for_recovery(&self) -> bool {
        let desk = self.shared.lock();
        desk.recovery.asked > desk.recovery.granted
    }

    /// Tells everybody who waits for it that the cluster is healed.
    pub(crate) fn is_recovered(&mut self) {
        let mut desk = self.shared.lock();
        desk.recovery.granted = desk.recovery.asked;
        let wakers = mem::take(&mut desk.recovery.wakers);
        self.is_woken |= !wakers.is_empty();
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// How many calls have no answer yet.
    pub(crate) fn open_calls(&self) -> usize {
        self.shared.lock().open.values().filter(|waiting| waiting.result.is_none()).count()
    }

    /// Hands out what a step resolved, and looks at what people wait for.
    pub(crate) fn after(&mut self, world: &World, step: &Step) {
        self.is_woken |= self.shared.lock().after(world, step);
    }

    /// One thing: a call that was made, people who were woken, or what is due next at or before `limit`.
    pub(crate) fn turn(&mut self, world: &mut World, limit: Time) -> Turn {
        if limit < world.now() {
            return Turn::Reached;
        }
        if let Some(at) = self.entry_at {
            if world.pending_entries().next().is_some_and(|(due, _)| due <= at) {
                let step = if at <= limit { world.step_until(at) } else { None };
                return step.map_or(Turn::Reached, Turn::Stepped);
            }
            self.entry_at = None;
        }
        if let Some(turn) = self.take_call(world) {
            return turn;
        }
        if mem::take(&mut self.is_woken) {
            self.slice(world);
            return Turn::Passed;
        }
        let due = self.next_due(world);
        let until = due.map_or(limit, |due| due.min(limit));
        if until.since(self.last_slice) >= SLICE {
            self.wait_for_programs(world, until);
            return Turn::Passed;
        }
        if due.is_none_or(|due| due > limit) {
            return Turn::Reached;
        }
        self.idle_since = None;
        if let Some(step) = world.step_until(until) {
            return Turn::Stepped(step);
        }
        if until > world.now() {
            world.advance_to(until);
        }
        self.is_woken |= self.shared.lock().wake_sleeper(until);
        Turn::Passed
    }

    /// When the world or one of its people goes on.
    fn next_due(&self, world: &World) -> Option<Time> {
        match (world.next_due(), self.shared.lock().next_sleeper()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Steps one thing that people asked for, at the present instant.
    fn take_call(&mut self, world: &mut World) -> Option<Turn> {
        let mut desk = self.shared.lock();
        let outgoing = desk.calls.pop_front()?;
        let (at, step) = (world.now(), world.steps());
        Some(match outgoing {
            Outgoing::Call { machine, ticket, call } => {
                desk.outside.push(Outside::Call { step, at, machine, ticket, call: call.clone() });
                Turn::Stepped(world.call(at, machine, ticket, call))
            }
            Outgoing::Abandon { machine, ticket } => {
                desk.outside.push(Outside::Abandon { step, at, machine, ticket });
                Turn::Stepped(world.abandon(at, machine, ticket))
            }
            Outgoing::Fault(fault) => {
                let entry = Entry::new(world.next_tick(), fault);
                desk.outside.push(Outside::Entry { before: step, entry: entry.clone() });
                self.entry_at = Some(entry.at);
                world.schedule(entry);
                Turn::Passed
            }
        })
    }

    /// Carries madsim's clock along, and lets everybody run who can.
    fn slice(&mut self, world: &mut World) {
        let now = world.now();
        let behind = Duration::from_micros(now.0).saturating_sub(self.clock.elapsed());
        if !behind.is_zero() {
            self.clock.advance(behind);
        }
        self.last_slice = now;
        self.lend(world, |runtime| runtime.block_on(async {}));
    }

    /// Lets programs on madsim run up to an instant. A call that one of them makes meanwhile enters at the time that
    /// madsim's clock shows.
    fn wait_for_programs(&mut self, world: &mut World, until: Time) {
        let now = world.now();
        let is_idle = until == Time::NEVER;
        let until = if is_idle { now + SLICE * 100 } else { until };
        let ahead = Duration::from_micros(until.0).saturating_sub(self.clock.elapsed());
        if ahead >= SLICE {
            let called = CalledOr { shared: self.shared.clone(), sleep: Box::pin(self.clock.sleep(ahead)) };
            self.lend(world, |runtime| runtime.block_on(called));
        } else {
            if !ahead.is_zero() {
                self.clock.advance(ahead);
            }
            self.lend(world, |runtime| runtime.block_on(async {}));
        }
        self.last_slice = until;
        let is_called = {
            let mut desk = self.shared.lock();
            desk.driver = None;
            !desk.calls.is_empty()
        };
        let limit = world.next_due().map_or(until, |next| next.min(until));
        let elapsed = Time(self.clock.elapsed().as_micros() as u64);
        // The sleepers and calls that appeared meanwhile count from the time that madsim shows.
        let at = if is_called {
            elapsed.clamp(now, limit)
        } else if is_idle {
            limit
        } else {
            now
        };
        if at > now {
            world.advance_to(at);
        }
        if is_idle {
            let idle_since = *self.idle_since.get_or_insert(now);
            assert!(
                at.since(idle_since) < FOR_EVER,
                "everybody waits and nothing is due: the world stands still at {idle_since:?}"
            );
        }
    }

    /// Gives people the world for as long as a slice takes. A panic of one of them ends the program.
    fn lend(&mut self, world: &mut World, slice: impl FnOnce(&Runtime)) {
        mem::swap(&mut self.shared.lock().world, world);
        let outcome = catch_unwind(AssertUnwindSafe(|| slice(&self.runtime)));
        mem::swap(&mut self.shared.lock().world, world);
        if let Err(panic) = outcome {
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Err(panic));
        }
    }
}

/// A program whose panic is its end.
struct Caught<Fut>(Pin<Box<Fut>>);

impl<Fut: Future> Future for Caught<Fut> {
    type Output = Ended<Fut::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
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
