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

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use madsim::runtime::Runtime;
use madsim::time::{Sleep, TimeHandle};
use trial_broker::client::{Call, CallResult, ConsumedRecord, ProducerRecord};
use trial_broker::ids::{Offset, Ticket, TopicPartition};
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use crate::fault::{Entry, Fault, MachineId};
use crate::machine::MachineConfig;
use crate::record::Recording;
use crate::step::{Fact, Step};
use crate::world::{World, WorldSettings};

/// How often programs on madsim get to run while nobody of ours was woken.
const SLICE: Duration = Duration::from_millis(1);

/// With nothing due and everybody waiting for this long, nothing will ever happen.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

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
/// let run = trial_sim::run(0x5, |world, _people| async move {
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

/// What people and driver share. Only one of them runs at a time: the lock is never waited for.
struct Desk {
    recording: Recording,
    next_ticket: u64,
    /// Calls that were made and not yet stepped.
    calls: Vec<Outgoing>,
    /// Tickets that were given out and are not resolved, with who is called.
    open: BTreeMap<Ticket, Waiting>,
    sleepers: BTreeMap<(Time, u64), Waker>,
    next_sleeper: u64,
    /// Conditions that somebody waits for, looked at after each step.
    conditions: BTreeMap<u64, Condition>,
    next_condition: u64,
    driver: Option<Waker>,
}

enum Outgoing {
    Call { machine: MachineId, ticket: Ticket, call: Call },
    Abandon { machine: MachineId, ticket: Ticket },
}

struct Waiting {
    machine: MachineId,
    result: Option<CallResult>,
    waker: Option<Waker>,
}

struct Condition {
    holds: Box<dyn Fn(&World) -> bool + Send>,
    is_true: bool,
    waker: Option<Waker>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Desk>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        // A person that panicked has already ended the run.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn ask(&mut self, machine: MachineId, call: Call, tickets: u64) -> Ticket {
        let first = Ticket(self.next_ticket);
        self.next_ticket += tickets;
        for number in 0..tickets {
            let waiting = Waiting { machine, result: None, waker: None };
            self.open.insert(Ticket(first.0 + number), waiting);
        }
        self.calls.push(Outgoing::Call { machine, ticket: first, call });
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
        first
    }

    fn resolve(&mut self, ticket: Ticket, result: CallResult) -> bool {
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
    fn after(&mut self, step: &Step) -> bool {
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
                    if let crate::step::StepKind::Entry(Fault::Call { machine, .. }) = &step.kind {
                        woken |= self.fail_all(*machine);
                    }
                }
                _ => {}
            }
        }
        let world = self.recording.world();
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
    fn fail_all(&mut self, machine: MachineId) -> bool {
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
    fn wake_sleeper(&mut self) -> bool {
        let now = self.recording.world().now();
        let Some(sleeper) = self.sleepers.first_entry().filter(|sleeper| sleeper.key().0 <= now) else { return false };
        sleeper.remove().wake();
        true
    }

    /// When the world or one of its people goes on.
    fn next_due(&self) -> Option<Time> {
        let sleeper = self.sleepers.first_key_value().map(|((at, _), _)| *at);
        match (self.recording.world().next_due(), sleeper) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

/// The loop around the runtime: see the module's documentation.
fn drive<F, Fut, R>(world: World, program: F) -> Run<R>
where
    F: FnOnce(WorldHandle, People) -> Fut,
    Fut: Future<Output = R> + 'static,
    R: Send + 'static,
{
    let seed = world.seed();
    let shared = Shared(Arc::new(Mutex::new(Desk {
        recording: Recording::new(world),
        next_ticket: 1,
        calls: Vec::new(),
        open: BTreeMap::new(),
        sleepers: BTreeMap::new(),
        next_sleeper: 0,
        conditions: BTreeMap::new(),
        next_condition: 0,
        driver: None,
    })));
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
        look(self.shared.lock().recording.world())
    }

    /// Puts a machine into the world. It does not start by itself.
    pub fn add_machine(&self, id: MachineId, config: MachineConfig) {
        self.shared.lock().recording.add_machine(id, config);
    }

    /// Adds an entry to the list.
    ///
    /// # Panics
    /// If it lies in the past.
    pub fn schedule(&self, entry: Entry) {
        self.shared.lock().recording.schedule(entry);
    }

    /// Does something to the world at the next tick. Answers the entry, as it can be written down.
    pub fn apply(&self, fault: Fault) -> Entry {
        let mut desk = self.shared.lock();
        let entry = Entry::new(desk.recording.world().next_tick(), fault);
        desk.recording.schedule(entry.clone());
        entry
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
            if desk.recording.world().now() >= until {
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

/// Where programs get their producers, consumers and administrators: one for each client machine.
#[derive(Clone)]
pub struct People {
    shared: Shared,
}

impl People {
    /// The person at this client machine, with every call there is.
    pub fn client(&self, machine: MachineId) -> Person {
        Person { shared: self.shared.clone(), machine }
    }

    /// The person at this producer.
    pub fn producer(&self, machine: MachineId) -> Producer {
        Producer(self.client(machine))
    }

    /// The person at this consumer.
    pub fn consumer(&self, machine: MachineId) -> Consumer {
        Consumer(self.client(machine))
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailed {
    /// Kafka's error.
    pub error: ErrorCode,
    /// In words.
    pub message: String,
}

impl std::fmt::Display for CallFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error.name(), self.message)
    }
}

impl std::error::Error for CallFailed {}

/// A person at a client machine.
#[derive(Clone)]
pub struct Person {
    shared: Shared,
    machine: MachineId,
}

impl Person {
    /// The machine.
    pub fn machine(&self) -> MachineId {
        self.machine
    }

    /// Makes a call. It is made now, whether or not the answer is awaited; dropping the
    /// answer tells the machine that nobody waits any more.
    pub fn call(&self, call: Call) -> Answer {
        let ticket = self.shared.lock().ask(self.machine, call, 1);
        Answer { shared: self.shared.clone(), machine: self.machine, ticket }
    }

    /// Makes a call that is answered by success or failure alone.
    ///
    /// # Errors
    /// What the machine answers.
    pub async fn done(&self, call: Call) -> Result<(), CallFailed> {
        match self.call(call).await {
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            _ => Ok(()),
        }
    }
}

/// The answer to a call, to be awaited.
#[must_use = "dropping an answer abandons the call"]
pub struct Answer {
    shared: Shared,
    machine: MachineId,
    ticket: Ticket,
}

impl Answer {
    /// By which the call is known in the recording.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Future for Answer {
    type Output = CallResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut desk = self.shared.lock();
        let waiting = desk.open.get_mut(&self.ticket).expect("an answer is awaited once");
        match waiting.result.take() {
            Some(result) => {
                desk.open.remove(&self.ticket);
                Poll::Ready(result)
            }
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut desk = self.shared.lock();
        if desk.open.remove(&self.ticket).is_some_and(|waiting| waiting.result.is_none()) {
            desk.calls.push(Outgoing::Abandon { machine: self.machine, ticket: self.ticket });
            if let Some(driver) = desk.driver.take() {
                driver.wake();
            }
        }
    }
}

/// A person at a producer.
#[derive(Clone)]
pub struct Producer(Person);

impl Producer {
    /// Sends a record. Answers where it lies, once it is there as far as acks promises.
    ///
    /// # Errors
    /// When it was given up: it may or may not be in the log.
    pub async fn send(&self, record: ProducerRecord) -> Result<(TopicPartition, Offset), CallFailed> {
        match self.0.call(Call::Send(record)).await {
            CallResult::Sent { partition, offset } => Ok((partition, offset)),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a send was answered with {other:?}"),
        }
    }

    /// Sends a value without a key.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn send_value(
        &self,
        topic: &str,
        value: impl Into<Bytes>,
    ) -> Result<(TopicPartition, Offset), CallFailed> {
        let record = ProducerRecord { topic: topic.to_owned(), partition: None, key: None, value: Some(value.into()) };
        self.send(record).await
    }

    /// Sends what is waiting, and waits until nothing is.
    ///
    /// # Errors
    /// When the producer is gone.
    pub async fn flush(&self) -> Result<(), CallFailed> {
        self.0.done(Call::Flush).await
    }
}

/// A person at a consumer.
#[derive(Clone)]
pub struct Consumer(Person);

impl Consumer {
    /// Waits for records, for at most this long.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn poll(&self, at_most: Duration) -> Result<Vec<ConsumedRecord>, CallFailed> {
        let timeout_ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        match self.0.call(Call::Poll { timeout_ms }).await {
            CallResult::Records { records } => Ok(records),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a poll was answered with {other:?}"),
        }
    }

    /// Reads these partitions.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), CallFailed> {
        self.0.done(Call::Assign(partitions)).await
    }

    /// Goes to an offset.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn seek(&self, partition: TopicPartition, offset: Offset) -> Result<(), CallFailed> {
        self.0.done(Call::Seek { partition, offset }).await
    }
}

#[cfg(test)]
mod tests;
