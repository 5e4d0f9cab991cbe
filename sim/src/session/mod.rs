//! A session: a run on a thread of its own, recorded, and then looked at wherever somebody wants to.
//!
//! ```text
//!   screen ── Look(steps) ──▶ thread: nearest copy, stepped again ──▶ Seen(snapshot, detail)
//!          ◀─ Progress … Recorded(tape) ── thread: the run itself
//! ```
//!
//! This is a screen's only door: commands go in, news come out, and no world is ever shared between two threads. Looking
//! back resumes no future and changes nothing: the fingerprint of a recorded run is that of the run.

mod aside;
mod contents;
mod film;
mod growth;
mod kept;
mod metrics;
mod named;
mod snapshot;
mod story;
mod tally;
mod tape;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread;

use trial_broker::time::Time;

pub use contents::{Contents, Sent};
pub use kept::Kept;
pub use metrics::Metric;
pub use named::Named;
pub use snapshot::{
    BrokerPart, ClientPart, CoordinatorPart, FilePart, GroupPart, IsrPhase, LogBatch, LogPart, MachinePart, MemberPart,
    MetadataPart, ParkedPart, PartitionPart, QuorumPart, ReadPart, ReplicaPart, ReplicaRole, Snapshot, Wanted, Work,
};
pub use tally::Tally;
pub use tape::{Fate, Part, Passage, Tape};

use crate::scenario::Scenario;
use crate::scenario::run::{Moment, RunOptions, TraceKind, run_seen};
use crate::scenario::trace::Cast;
use crate::step::{Detail, Step};
use crate::world::World;
pub(crate) use film::Camera;
use film::Film;
use growth::Growth;

/// After so many steps of a run its thread says how far it is, and hears whether anybody is still there.
const PROGRESS_EVERY: u64 = 1024;

/// After so many steps of a run somebody who looks at it meanwhile is answered.
const ASKED_EVERY: u64 = 64;

/// What a session tells.
#[derive(Debug)]
pub enum News {
    /// The run is under way.
    Progress {
        /// How many steps it has taken.
        steps: u64,
        /// The world's time.
        at: Time,
    },
    /// The run is under way, and what there is of it can be looked at: only where that was wanted.
    Begun(Box<Tape>),
    /// So much has come to it since.
    Grown(Part),
    /// The run is over, and can be looked at.
    Recorded(Box<Tape>),
    /// What was looked at.
    Seen(Box<Seen>),
}

/// The world at a place of the recording.
#[derive(Debug)]
pub struct Seen {
    /// What there is.
    pub snapshot: Snapshot,
    /// What went into the machine by the last step, and what came out; none where that was no machine's step.
    pub detail: Option<Arc<Detail>>,
    /// What the messages say that the last step took and sent.
    pub contents: Contents,
    /// Which partitions the messages of the whole run name, if that was asked for.
    pub named: Option<Arc<Named>>,
}

/// The thread of a session has ended although somebody still listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// A question: what does the world look like when so many steps have run?
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    steps: u64,
    wanted: Wanted,
}

/// A run on a thread of its own. Dropped, it ends the thread at its next step.
#[derive(Debug)]
pub struct Session {
    looks: Sender<Look>,
    news: Receiver<News>,
}

impl Session {
    /// Starts the run of a scenario. Everything it does is told by [`Session::news`].
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn open(scenario: Scenario) -> Session {
        Session::start(scenario, false)
    }

    /// The same, for somebody who looks at what there is of a long run while it is made: [`News::Begun`].
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn open_growing(scenario: Scenario) -> Session {
        Session::start(scenario, true)
    }

    fn start(scenario: Scenario, is_watched: bool) -> Session {
        let (looks, asked) = mpsc::channel();
        let (tell, news) = mpsc::channel();
        let work = move || {
            let asked = Mutex::new(asked);
            if let (Some(recorded), Ok(asked)) =
                (record(scenario, &tell, is_watched.then_some(&asked)), asked.into_inner())
            {
                recorded.answer(&asked, &tell);
            }
        };
        thread::Builder::new().name("trial-world".to_owned()).spawn(work).expect("the operating system gives a thread");
        Session { looks, news }
    }

    /// Asks for the world as it was when so many steps had run. Of several questions that wait, only the last is answered.
    pub fn look(&self, steps: u64, wanted: Wanted) {
        // A thread that has ended has said why.
        let _ = self.looks.send(Look { steps, wanted });
    }

    /// What there is to tell, if anything.
    ///
    /// # Errors
    /// The session's thread has ended, so that nothing will ever be told again: a bug of this simulator.
    pub fn news(&self) -> Result<Option<News>, Lost> {
        match self.news.try_recv() {
            Ok(news) => Ok(Some(news)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Lost),
        }
    }

    /// Waits for something to be told; none if nothing ever will be.
    pub fn wait(&self) -> Option<News> {
        self.news.recv().ok()
    }
}

/// A run that is over, on its thread.
struct Recorded {
    film: Film,
    cast: Cast,
    /// How many steps it took.
    end: u64,
    /// Which partitions its messages name, once somebody has asked.
    named: Option<Arc<Named>>,
}

/// Runs a scenario to its end; where somebody asks meanwhile, what there is of it is told. None if nobody listens any more.
fn record(scenario: Scenario, tell: &Sender<News>, asked: Option<&Mutex<Receiver<Look>>>) -> Option<Recorded> {
    let mut camera = Camera::default();
    let mut is_left = false;
    let so_far = Mutex::default();
    let mut growth = Growth::of(&scenario, &so_far);
    let mut follower = |cast: &Cast, moments: &[Moment]| {
        if asked.is_some()
            && let Ok(mut so_far) = so_far.lock()
        {
            *so_far = Some((cast.clone(), moments.to_vec()));
        }
    };
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    let mut watcher = |world: &World, step: Option<&Step>| {
        // What a step was made of can be had again by stepping it.
        camera.observe(world, step);
        if world.steps().is_multiple_of(PROGRESS_EVERY) {
            is_left = tell.send(News::Progress { steps: world.steps(), at: world.now() }).is_err();
        }
        if let Some(asked) = asked.filter(|_| world.steps().is_multiple_of(ASKED_EVERY)) {
            is_left = is_left || !growth.tell(&mut camera, asked, tell);
        }
        if is_left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let aftermath = run_seen(&scenario, options, &mut watcher, &mut follower);
    let Camera { film, steps } = camera;
    let cast = aftermath.cast.clone();
    let end = steps.len() as u64;
    let tape = Tape::new(scenario, aftermath, steps);
    tell.send(News::Recorded(Box::new(tape))).ok()?;
    Some(Recorded { film, cast, end, named: None })
}

impl Recorded {
    /// Answers questions until nobody asks any more.
    fn answer(mut self, asked: &Receiver<Look>, tell: &Sender<News>) {
        while let Ok(mut look) = asked.recv() {
            loop {
                match asked.try_recv() {
                    Ok(later) => look = later,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let seen = self.look(&look);
            if tell.send(News::Seen(Box::new(seen))).is_err() {
                return;
            }
        }
    }

    fn look(&mut self, look: &Look) -> Seen {
        let named = look.wanted.named.then(|| self.named());
        let (world, last) = self.film.at(look.steps);
        let detail = last.and_then(|step| step.detail.clone());
        let contents = last.map_or_else(Contents::default, |step| Contents::of(world, &self.cast, step));
        Seen { snapshot: Snapshot::of(world, &self.cast, &look.wanted), detail, contents, named }
    }

    /// Which partitions the messages of the run name: read once, when somebody asks first.
    fn named(&mut self) -> Arc<Named> {
        let Recorded { film, end, named, .. } = self;
        let read = || {
            let mut read = Named::default();
            film.again_until(*end, &mut |world, step| read.observe(world, step));
            Arc::new(read)
        };
        Arc::clone(named.get_or_insert_with(read))
    }
}
