//! Polls: skips and returns, between two polls of a consumer and inside of one.
//!
//! ```text
//!   read so far    next poll      the partition as others know it
//!   … 3, 4         7, 8           5 and 6 are there:  poll skip
//!   … 3, 4         4, 5           nonmonotonic poll
//! ```
//!
//! A consumer goes where its application seeks, and where `auto.offset.reset` sends it: from there it must go on without a
//! skip or a return. The reset itself is one, and allowed. It is not allowed to go back because the log was cut off under it:
//! what was read once was committed.
//!
//! Where a group decides who reads what, a consumer that gets a partition goes on where the group has committed, whoever had
//! it before: a skip or a return across that is allowed.
//!
//! Offsets that nobody knows of may be skipped: markers of transactions have some. So may records with a key, once their log
//! was compacted (whether compaction took the right ones is for `compaction-keeps-last`).

use trial_broker::event::{PositionReason, RecordFact};
use trial_broker::ids::{Offset, TopicPartition};

use super::by_design::ByDesign;
use super::lineage::LastRead;
use super::records::lost_write;
use super::{Known, SOURCE};
use crate::check::evidence::name_of;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;
use crate::world::World;

pub(in crate::check) const POLL_SKIP: Property = Property {
    name: "poll-skip",
    rule: "a consumer that goes on reading a partition leaves out no record that others know of",
    source: SOURCE,
};

pub(in crate::check) const NONMONOTONIC_POLL: Property = Property {
    name: "nonmonotonic-poll",
    rule: "a consumer that goes on reading a partition begins behind what it has read",
    source: SOURCE,
};

pub(in crate::check) const INTERNAL_POLL_SKIP: Property = Property {
    name: "internal-poll-skip",
    rule: "one poll leaves out no record between two that it returns",
    source: SOURCE,
};

pub(in crate::check) const INTERNAL_NONMONOTONIC_POLL: Property = Property {
    name: "internal-nonmonotonic-poll",
    rule: "one poll returns the records of a partition in the order of their offsets, each once",
    source: SOURCE,
};

const REBALANCE: &str = "a consumer that is given a partition by its group goes on at the committed offset";
const RESET: &str = "auto.offset.reset moves a consumer whose offset is out of range";

/// How far a consumer is in a partition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    /// The offset of the record that it ought to return next, or of the first one behind.
    next: Option<Offset>,
    /// Where it was when the partition was taken from it.
    left: Option<Offset>,
    /// The step in which it returned something last: what it returns in one step is one poll.
    step: Option<u64>,
    /// The last record that it returned since it was last sent anywhere.
    pub(super) last_read: Option<LastRead>,
}

impl Reader {
    /// The offset of the record that it ought to return next.
    pub(super) fn next(&self) -> Option<Offset> {
        self.next
    }
}

/// Offsets that a reader came by without getting anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    from: Offset,
    to: Offset,
    pub reader: MachineId,
    /// Whether one poll returned what lies before and behind.
    is_internal: bool,
}

impl Gap {
    pub(super) fn holds(&self, offset: Offset) -> bool {
        (self.from..self.to).contains(&offset)
    }
}

impl Known {
    /// A consumer has returned records of one partition, and stands behind them.
    pub(super) fn consumed(
        &mut self,
        seen: &Seen,
        partition: &TopicPartition,
        (step, position): (u64, Offset),
        read: &[RecordFact],
        by_design: &mut ByDesign,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        let reader = self.readers.get(&seen.machine).copied().unwrap_or_default();
        let Reader { mut next, step: last, last_read, .. } = reader;
        let mut is_internal = last == Some(step);
        for record in read {
            match next {
                Some(next) if record.offset > next => {
                    let gap = Gap { from: next, to: record.offset, reader: seen.machine, is_internal };
                    found.extend(self.skipped(seen, partition, gap));
                }
                Some(next) if record.offset < next => {
                    found.push(went_back(seen, partition, record.offset, next, is_internal));
                }
                Some(_) | None => {}
            }
            let was_read = self.records.get(&record.offset).is_some_and(|known| known.is_read);
            found.extend(self.read(seen, partition, record, by_design));
            if !was_read {
                found.extend(self.skipped_by_others(seen, partition, record.offset));
            }
            next = Some(record.offset + 1);
            is_internal = true;
        }
        if let Some(from) = next.filter(|next| *next < position) {
            found.extend(self.skipped(seen, partition, Gap { from, to: position, reader: seen.machine, is_internal }));
        }
        self.readers.insert(seen.machine, Reader { next: Some(position), left: None, step: Some(step), last_read });
        found
    }

    /// A consumer goes elsewhere.
    pub(super) fn moved(
        &mut self,
        reader: MachineId,
        partition: &TopicPartition,
        to: Offset,
        reason: PositionReason,
        by_design: &mut ByDesign,
    ) {
        let Reader { next, left, .. } = self.readers.get(&reader).copied().unwrap_or_default();
        let (before, why) = match (reason, next, left) {
            // It did not ask for that: what it had read was committed, and the partition is still its own.
            (PositionReason::Truncation | PositionReason::Committed, Some(_), _) => return,
            (PositionReason::Reset, Some(next), _) => (Some(next), RESET),
            (PositionReason::Reset | PositionReason::Committed, None, left) => (left, REBALANCE),
            (PositionReason::Seek | PositionReason::Truncation, ..) => (None, ""),
        };
        match before {
            Some(before) if to > before => by_design.note(POLL_SKIP.name, why, partition),
            Some(before) if to < before => by_design.note(NONMONOTONIC_POLL.name, why, partition),
            Some(_) | None => {}
        }
        self.readers.insert(reader, Reader { next: Some(to), ..Reader::default() });
    }

    /// The group takes the partition from a consumer.
    pub(super) fn given_up(&mut self, reader: MachineId) {
        if let Some(reader) = self.readers.get_mut(&reader) {
            *reader = Reader { left: reader.next.or(reader.left), ..Reader::default() };
        }
    }

    /// A reader has come by offsets without getting anything: what is there was left out.
    fn skipped(&mut self, seen: &Seen, partition: &TopicPartition, gap: Gap) -> Vec<Finding> {
        if !self.is_compacted {
            self.gaps.push(gap);
        }
        let mut inside = self
            .records
            .range(gap.from..gap.to)
            .map(|(offset, record)| (*offset, record))
            .filter(|(_, record)| !self.may_be_gone(record));
        let lost = inside.clone().find(|(_, record)| record.is_promised && !record.is_read);
        let mut found = Vec::new();
        found.extend(lost.map(|(offset, _)| lost_write(partition, offset, gap.reader)));
        found.extend(inside.next().map(|(offset, _)| left_out(seen.world, partition, &gap, offset)));
        found
    }

    /// A record is read for the first time that another reader has come by.
    fn skipped_by_others(&self, seen: &Seen, partition: &TopicPartition, offset: Offset) -> Option<Finding> {
        let gap = self.gaps.iter().find(|gap| gap.holds(offset) && gap.reader != seen.machine)?;
        Some(left_out(seen.world, partition, gap, offset))
    }
}

/// A reader has left out a record.
pub(super) fn left_out(world: &World, partition: &TopicPartition, gap: &Gap, offset: Offset) -> Finding {
    let property = if gap.is_internal { INTERNAL_POLL_SKIP } else { POLL_SKIP };
    let Gap { from, to, reader, .. } = *gap;
    let name = name_of(world, reader);
    Finding {
        property,
        partition: Some(partition.clone()),
        message: format!("{partition}: {name} goes from offset {from} to {to}, and leaves out the record at {offset}"),
        proof: vec![Proof::on(reader, Kind::Read), Proof::at(offset, Kind::Told), Proof::at(offset, Kind::Read)],
    }
}

fn went_back(seen: &Seen, partition: &TopicPartition, to: Offset, next: Offset, is_internal: bool) -> Finding {
    let property = if is_internal { INTERNAL_NONMONOTONIC_POLL } else { NONMONOTONIC_POLL };
    let name = seen.who();
    Finding {
        property,
        partition: Some(partition.clone()),
        message: format!("{partition}: {name} reads offset {to}, and had read up to {}", next - 1),
        proof: vec![Proof::on(seen.machine, Kind::Read), Proof::on(seen.machine, Kind::Position)],
    }
}
