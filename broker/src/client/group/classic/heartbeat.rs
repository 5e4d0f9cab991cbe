//! When a classic member says that it lives, and when it stops doing so: Kafka's `Heartbeat`.
//!
//! | timer | begins | when it is over |
//! | --- | --- | --- |
//! | heartbeat | with the last heartbeat sent | the next one leaves |
//! | session | with the last heartbeat answered | the coordinator is looked for again |
//! | poll | with the application's last poll | the member leaves its group |
//!
//! Simplified: Kafka's heartbeat thread looks at them every `retry.backoff.ms`; here each ends at its instant.

use crate::client::retry::Backoff;
use crate::config::MembershipTimers;
use crate::context::Context;
use crate::time::Time;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Heartbeat {
    timers: MembershipTimers,
    backoff: Backoff,
    /// Heartbeats are sent only by members that have joined.
    pub enabled: bool,
    pub next_beat: Time,
    session_ends: Time,
    pub poll_ends: Time,
    failures: u32,
}

impl Heartbeat {
    pub fn new(timers: MembershipTimers, backoff: Backoff) -> Heartbeat {
        let zero = Time::ZERO;
        let (next_beat, session_ends, poll_ends) = (zero, zero, zero);
        Heartbeat { timers, backoff, enabled: false, next_beat, session_ends, poll_ends, failures: 0 }
    }

    /// The member has joined: all timers begin.
    pub fn enable(&mut self, now: Time) {
        self.enabled = true;
        self.next_beat = now + self.timers.heartbeat_interval;
        self.session_ends = now + self.timers.session_timeout;
        self.poll_ends = now + self.timers.max_poll_interval;
    }

    /// The application polls.
    pub fn poll(&mut self, now: Time) {
        self.poll_ends = now + self.timers.max_poll_interval;
    }

    /// The coordinator was found: it is given a whole session to answer.
    pub fn reset_session(&mut self, now: Time) {
        self.session_ends = now + self.timers.session_timeout;
    }

    pub fn sent(&mut self, now: Time) {
        self.next_beat = now + self.timers.heartbeat_interval;
    }

    pub fn answered(&mut self, now: Time) {
        self.failures = 0;
        self.reset_session(now);
    }

    pub fn failed(&mut self, ctx: &mut Context) {
        self.next_beat = ctx.now.monotonic + self.backoff.after(ctx, self.failures);
        self.failures += 1;
    }

    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next_beat
    }

    pub fn session_is_over(&self, now: Time) -> bool {
        now >= self.session_ends
    }

    pub fn poll_is_late(&self, now: Time) -> bool {
        now >= self.poll_ends
    }

    /// When the next of its timers ends. While the application is in its poll, that one does not run.
    pub fn deadlines(&self, polling: bool) -> impl Iterator<Item = Time> {
        let poll = (!polling).then_some(self.poll_ends);
        [Some(self.next_beat), Some(self.session_ends), poll].into_iter().flatten().filter(|_| self.enabled)
    }
}
