//! What clients have done since time zero, at every step: records sent, acknowledged, given up and read.

use std::collections::BTreeMap;

use serde::Serialize;
use trial_broker::event::{ClientEvent, Event};
use trial_broker::message::ErrorCode;

use crate::fault::MachineId;
use crate::step::Step;

/// Numbers of one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records that its application handed over.
    pub sent: u64,
    /// Records that were acknowledged to it.
    pub acked: u64,
    /// Records that it gave up.
    pub failed: u64,
    /// Records that its application read.
    pub consumed: u64,
    /// The last error that it met, which it may have got over.
    pub last_error: Option<ErrorCode>,
}

/// Every change of every client's numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    /// By client: the step, and the numbers with it.
    changes: BTreeMap<MachineId, Vec<(u64, Tally)>>,
}

impl Tallies {
    pub(super) fn observe(&mut self, step: &Step) {
        let Some(machine) = step.machine() else { return };
        for event in &step.events {
            let Event::Client(event) = event else { continue };
            let changes = self.changes.entry(machine).or_default();
            let before = changes.last().map_or_else(Tally::default, |(_, tally)| *tally);
            let after = before.with(event);
            if after != before {
                changes.push((step.index, after));
            }
        }
    }

    /// The numbers when so many steps had run.
    pub(super) fn at(&self, client: MachineId, steps: u64) -> Tally {
        let changes = self.changes.get(&client).map_or(&[][..], Vec::as_slice);
        let known = changes.partition_point(|(step, _)| *step < steps);
        known.checked_sub(1).map_or_else(Tally::default, |index| changes[index].1)
    }
}

impl Tally {
    fn with(mut self, event: &ClientEvent) -> Tally {
        let count = |records: i32| u64::try_from(records).unwrap_or(0);
        match event {
            ClientEvent::RecordQueued { .. } => self.sent += 1,
            ClientEvent::BatchAcked { records, .. } => self.acked += count(*records),
            ClientEvent::BatchFailed { records, error, .. } => {
                self.failed += count(*records);
                self.last_error = Some(*error);
            }
            ClientEvent::RecordsConsumed { records, .. } => self.consumed += count(*records),
            ClientEvent::BatchRetried { error, .. }
            | ClientEvent::FetchFailed { error, .. }
            | ClientEvent::ApplicationEnded { error } => {
                self.last_error = Some(*error);
            }
            _ => {}
        }
        self
    }
}
