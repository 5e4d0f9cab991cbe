//! What a machine's disk does to it: it is slow, it stands still, it fails.

use super::Stage;
use super::incident::{Incident, recovery};
use super::victim::{self, Victim};
use crate::explore::draw::Draw;
use crate::explore::text::said;
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::DiskError;

/// A fault of a disk that is about to be drawn. What every kind of them draws is drawn first, needed or not: the order of
/// the draws is part of every seed.
pub(super) struct Drive<'a> {
    at: i64,
    /// Whose disk.
    of: Victim,
    stage: &'a Stage<'a>,
    draw: &'a mut Draw,
    length: Span,
    /// Below which folder; none for the whole disk.
    path: Option<String>,
}

impl<'a> Drive<'a> {
    pub(super) fn new(at: i64, victim: &Victim, stage: &'a Stage<'a>, draw: &'a mut Draw) -> Drive<'a> {
        let of = victim::settled(victim, stage, draw);
        let length = draw.span(100, 10_000);
        let path = draw.pick(&[None, Some("data-0"), Some("data-0"), Some("metadata")]).map(str::to_owned);
        Drive { at, of, stage, draw, length, path }
    }

    fn once(&self, step: Step) -> Incident {
        Incident { at: self.at, steps: vec![(0, step)], out_for: None, victim: self.of.clone() }
    }

    fn answers(&self, error: DiskError) -> Step {
        Step { fail: said(victim::fail(&self.of, error, self.path.clone())), ..Step::default() }
    }

    fn start(&self) -> Step {
        Step { start: said(self.of.target()), ..Step::default() }
    }

    /// Syncs are slow for a while.
    pub(super) fn slow(self) -> Incident {
        let sync = self.draw.span(2, 400);
        let slow = |sync| Step { slow: said(victim::slow(&self.of, sync)), ..Step::default() };
        self.once(slow(sync)).and(self.length.micros, slow(Span::default()))
    }

    /// It answers nothing for a while.
    pub(super) fn stall(self) -> Incident {
        self.once(Step { stall: said(victim::stall(&self.of, self.length)), ..Step::default() })
    }

    /// It answers with errors until it is exchanged. A process that has given up a log directory takes it back only when it
    /// starts again.
    pub(super) fn error(self) -> Incident {
        let error = self.draw.pick(&[DiskError::Eio, DiskError::Enospc]);
        let restart = Step { restart: said(self.of.target()), ..Step::default() };
        self.once(self.answers(error))
            .and(self.length.micros, self.answers(DiskError::None))
            .and(self.length.micros, restart)
    }

    /// One sync fails, and its pages stay dirty.
    pub(super) fn failed_sync(self) -> Incident {
        self.once(self.answers(DiskError::FailedSync)).and(self.length.micros, self.start())
    }

    /// One sync fails, and its pages are gone. What it has lost is missed only when the machine loses its power before that
    /// is written again.
    pub(super) fn lost_sync(self) -> Incident {
        let length = self.length.micros;
        let incident = self.once(self.answers(DiskError::LostSync)).and(length, self.start());
        incident.loses_until(length + recovery(self.stage))
    }
}
