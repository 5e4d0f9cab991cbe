//! People: programs that await what client machines do, on the world's timeline.
//!
//! People are async, machines are not. Behind `producer.send(record).await` stands a pure
//! machine that is stepped, recorded and drawn like a broker; the await is a ticket.
//!
//! ```text
//!    people (tasks of madsim)          driver                        world
//!    send(..).await ──ticket, call──▶  step the call ──────────────▶ machine
//!         ▲                            step what is due ───────────▶ …
//!         └──────────wake────────────  a step resolves the ticket ◀─ Output::Resolve
//! ```
//!
//! The driver stands *outside* the runtime: a slice `block_on(async {})` runs everybody who
//! can run, to quiet, at no virtual time; only then may the world's clock move. So what a
//! person does in answer to something, through however many tasks and channels, happens at
//! the instant of that something. The world takes no time from madsim's clock but carries it
//! along, so that programs written on madsim's tokio live on the same timeline, to within a
//! millisecond: while they run, madsim gets one slice a millisecond.
//!
//! Every world gets a thread of its own: madsim keeps state per thread.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use trial_broker::time::Time;

use crate::fault::{Entry, Fault, MachineId};
use crate::machine::MachineConfig;
use crate::record::{Outside, Recording};
use crate::world::{World, WorldSettings};

mod crowd;
mod desk;
mod person;

pub use person::{Answer, CallFailed, People, Person};

pub(crate) use crowd::{Crowd, Turn};
pub(crate) use desk::FIRST_TICKET;

use desk::{Condition, Outgoing, Shared};

/// A run that has ended: what its people returned, and all that its world did.
#[derive(Debug)]
pub struct Run<R> {
    /// What the program returned.
    pub result: R,
    /// The world and its recording.
    pub recording: Recording,
}

/// Runs a program against a new world, in a thread of its own, until the program ends.
///
/// ```
/// use std::time::Duration;
/// use trial_broker::time::Time;
///
/// let run = trial_sim::internal::run(0x5, |world, _people| async move {
///     world.sleep(Duration::from_micros(1234)).await;
///     world.now()
/// });
/// assert_eq!(run.result, Time(1234));
/// ```
///
/// # Panics
/// With the panic of the program or of a machine.
pub fn run<F, Fut, R>(seed: u64, program: F) -> Run<R>
where
    F: FnOnce(WorldHandle, People) -> Fut + Send + 'static,
    Fut: Future<Output = R> + 'static,
    R: Send + 'static,
{
    run_in(World::new(seed, WorldSettings::default()), program)
}

/// As [`run`], in a world that was prepared.
///
/// # Panics
/// As [`run`].
pub fn run_in<F, Fut, R>(world: World, program: F) -> Run<R>
where
    F: FnOnce(WorldHandle, People) -> Fut + Send + 'static,
    Fut: Future<Output = R> + 'static,
    R: Send + 'static,
{
    let thread = std::thread::Builder::new().name("world".to_owned());
    let handle = thread.spawn(move || drive(world, program)).expect("a thread can be started");
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Drives a world that is recorded, in this thread, to its program's end.
fn drive<F, Fut, R>(world: World, program: F) -> Run<R>
where
    F: FnOnce(WorldHandle, People) -> Fut,
    Fut: Future<Output = R> + 'static,
    R: 'static,
{
    let mut recording = Recording::new(world);
    let mut crowd = Crowd::new(recording.world_mut(), program);
    loop {
        let turn = crowd.turn(recording.world_mut(), Time::NEVER);
        let outside = crowd.take_outside();
        let step = match turn {
            Turn::Stepped(step) => Some(step),
            Turn::Passed | Turn::Reached => None,
        };
        if let Some(step) = recording.take_in(outside, step) {
            crowd.after(recording.world(), &step);
        }
        match crowd.take_end() {
            Some(Ok(result)) => return Run { result, recording },
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {}
        }
    }
}

/// The world in the hands of a program: what it shows, and what can be done to it.
#[derive(Clone)]
pub struct WorldHandle {
    shared: Shared,
}

impl WorldHandle {
    /// The world's time.
    pub fn now(&self) -> Time {
        self.look(World::now)
    }

    /// Looks at the world.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.lock().world)
    }

    /// Puts a machine into the world. It does not start by itself.
    pub fn add_machine(&self, id: MachineId, config: MachineConfig) {
        let mut desk = self.shared.lock();
        let before = desk.world.steps();
        desk.outside.push(Outside::Machine { before, id, config: config.clone() });
        desk.world.add_machine(id, config);
    }

    /// Adds an entry to the list.
    ///
    /// # Panics
    /// If it lies in the past.
    pub fn schedule(&self, entry: Entry) {
        let mut desk = self.shared.lock();
        let before = desk.world.steps();
        desk.outside.push(Outside::Entry { before, entry: entry.clone() });
        desk.world.schedule(entry);
    }

    /// Does something to the world as soon as an entry can be: at the next tick.
    pub fn apply(&self, fault: Fault) {
        self.shared.lock().send(Outgoing::Fault(fault));
    }

    /// The number of another client that people bring into the world, from 1.
    pub(crate) fn next_client(&self) -> u32 {
        let mut desk = self.shared.lock();
        desk.clients += 1;
        desk.clients
    }

    /// Waits until whoever drives the world has healed the cluster. In a world of which nobody is in charge this never
    /// comes.
    pub(crate) async fn recovered(&self) {
        let number = {
            let mut desk = self.shared.lock();
            desk.recovery.asked += 1;
            desk.recovery.asked
        };
        std::future::poll_fn(|cx| {
            let mut desk = self.shared.lock();
            if desk.recovery.granted >= number {
                return Poll::Ready(());
            }
            desk.recovery.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits in the world's time, exactly.
    pub async fn sleep(&self, span: Duration) {
        let until = self.now() + span;
        self.sleep_until(until).await;
    }

    /// Waits until an instant of the world.
    pub async fn sleep_until(&self, until: Time) {
        let handle = self.clone();
        std::future::poll_fn(move |cx| {
            let mut desk = handle.shared.lock();
            if desk.world.now() >= until {
                return Poll::Ready(());
            }
            let number = desk.next_sleeper;
            desk.next_sleeper += 1;
            desk.sleepers.insert((until, number), cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits until the world is so: looked at after each step, for at most this long. Answers
    /// whether it came about.
    pub async fn until(&self, at_most: Duration, holds: impl Fn(&World) -> bool + Send + 'static) -> bool {
        if self.look(&holds) {
            return true;
        }
        let number = {
            let mut desk = self.shared.lock();
            let number = desk.next_condition;
            desk.next_condition += 1;
            desk.conditions.insert(number, Condition { holds: Box::new(holds), is_true: false, waker: None });
            number
        };
        let limit = self.now() + at_most;
        let mut timeout = std::pin::pin!(self.sleep_until(limit));
        let came_about = std::future::poll_fn(|cx| {
            {
                let mut desk = self.shared.lock();
                let condition = desk.conditions.get_mut(&number).expect("it is removed below");
                if condition.is_true {
                    return Poll::Ready(true);
                }
                condition.waker = Some(cx.waker().clone());
            }
            timeout.as_mut().poll(cx).map(|()| false)
        })
        .await;
        self.shared.lock().conditions.remove(&number);
        came_about
    }
}

#[cfg(test)]
mod tests;
