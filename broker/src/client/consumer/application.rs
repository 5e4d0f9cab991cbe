//! The application around a consumer that polls by itself: a loop that takes its time for each record.
//!
//! ```text
//!   in the loop:     poll ─▶ r r r ─▶ poll ─▶ r r r ─▶ …          a slow record delays the next poll
//!   beside it:       poll ─▶ poll ─▶ poll ─▶ …   r r r r r …      the position runs ahead of the work
//! ```
//!
//! The second way is what applications do that hand records to a thread; what is committed
//! by itself is then not what was worked on.

use std::collections::VecDeque;
use std::time::Duration;

use crate::client::ConsumedRecord;
use crate::context::Context;
use crate::event::MembershipEvent;
use crate::ids::{Offset, TopicPartition};
use crate::time::{Time, earliest};

/// How the application of a consumer that polls by itself works on its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Work {
    /// How long it works on a record.
    pub per_record: Duration,
    /// If it hands its records to a thread: how often it polls meanwhile.
    pub polls_every: Option<Duration>,
}

/// The application's state: what it has been given and is not done with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Application {
    work: Work,
    queue: VecDeque<(TopicPartition, Offset)>,
    /// When the first of the queue is done.
    busy_until: Option<Time>,
    /// When it polls again, if a thread does the work.
    next_poll: Option<Time>,
}

impl Application {
    pub fn new(work: Work) -> Application {
        Application { work, queue: VecDeque::new(), busy_until: None, next_poll: None }
    }

    /// From now on records take this long; the one that is being worked on is not made shorter or longer.
    pub fn set_work_per_record(&mut self, per_record: Duration) {
        self.work.per_record = per_record;
    }

    /// Whether it is in its poll.
    pub fn is_polling(&self) -> bool {
        match self.work.polls_every {
            None => self.queue.is_empty(),
            Some(_) => self.next_poll.is_none(),
        }
    }

    /// A poll returned these.
    pub fn take(&mut self, ctx: &mut Context, records: &[ConsumedRecord]) {
        if let Some(every) = self.work.polls_every {
            self.next_poll = Some(ctx.now.monotonic + every);
        }
        if self.work.per_record.is_zero() {
            return;
        }
        self.queue.extend(records.iter().map(|record| (record.partition.clone(), record.offset)));
        self.begin_next(ctx);
    }

    fn begin_next(&mut self, ctx: &mut Context) {
        if self.busy_until.is_some() {
            return;
        }
        if let Some((partition, offset)) = self.queue.front().cloned() {
            self.busy_until = Some(ctx.now.monotonic + self.work.per_record);
            ctx.emit(MembershipEvent::RecordBegun { partition, offset });
        }
    }

    /// Finishes what is done by now; gives whether anything was.
    pub fn run(&mut self, ctx: &mut Context) -> bool {
        let now = ctx.now.monotonic;
        let mut moved = false;
        while self.busy_until.is_some_and(|until| until <= now) {
            self.busy_until = None;
            let (partition, offset) = self.queue.pop_front().expect("it was busy with a record");
            ctx.emit(MembershipEvent::RecordFinished { partition, offset });
            self.begin_next(ctx);
            moved = true;
        }
        if self.next_poll.is_some_and(|at| at <= now) {
            self.next_poll = None;
            moved = true;
        }
        moved
    }

    pub fn next_deadline(&self) -> Option<Time> {
        earliest([self.busy_until, self.next_poll])
    }
}
