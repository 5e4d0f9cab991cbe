//! Sends: whether a producer's records lie in the order in which it was given them.
//!
//! ```text
//!   given     A    B    C        of one call: internal; of two: between calls
//!   told      5    4    7        B before A: nonmonotonic send    6 is another producer's: send skip
//! ```
//!
//! Only what was acknowledged with acks=all is compared, and only an idempotent producer, or one with a single request in
//! flight, promises an order: without either, a batch that is sent again comes behind those that were under way. Between two
//! records of one call there may always be records of others (*internal send skip*): Kafka's writes are never isolated.
//!
//! `producer-sequence` looks at sequence numbers in the log; this one compares with the order of the calls, which no
//! number in the log tells.

use trial_broker::ids::{Offset, Ticket, TopicPartition};

use super::by_design::ByDesign;
use super::{Handed, Known, SOURCE};
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property};

pub(in crate::check) const NONMONOTONIC_SEND: Property = Property {
    name: "nonmonotonic-send",
    rule: "records that a producer was given one call after the other lie in that order",
    source: SOURCE,
};

pub(in crate::check) const INTERNAL_NONMONOTONIC_SEND: Property = Property {
    name: "internal-nonmonotonic-send",
    rule: "records that a producer was given in one call lie in the order of the call",
    source: SOURCE,
};

const INTERNAL_SEND_SKIP: &str = "internal-send-skip";
const INTERLEAVED: &str = "records of several producers interleave";
const OVERTAKEN: &str = "without idempotence, batches that are sent again are overtaken by those under way";

/// One acknowledged record.
#[derive(Clone, Copy, Debug)]
struct Told {
    order: u64,
    call: Ticket,
    offset: Offset,
}

/// The acknowledged records of one producer, in the order in which it was given them.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    told: Vec<Told>,
}

impl Line {
    /// Puts a record in its place; gives the ones before and behind it.
    fn insert(&mut self, new: Told) -> (Option<Told>, Option<Told>) {
        let index = match self.told.last() {
            Some(last) if last.order > new.order => self.told.partition_point(|told| told.order < new.order),
            Some(_) | None => self.told.len(),
        };
        let before = index.checked_sub(1).and_then(|index| self.told.get(index)).copied();
        let behind = self.told.get(index).copied();
        self.told.insert(index, new);
        (before, behind)
    }
}

impl Known {
    /// A producer is told where its record is.
    pub(super) fn told(
        &mut self,
        partition: &TopicPartition,
        offset: Offset,
        handed: &Handed,
        name: &str,
        by_design: &mut ByDesign,
    ) -> Option<Finding> {
        let new = Told { order: handed.order, call: handed.call, offset };
        let (before, behind) = self.lines.entry(handed.machine).or_default().insert(new);
        let is_skip =
            |before: &Told| before.call == new.call && before.order + 1 == new.order && before.offset + 1 < offset;
        if before.as_ref().is_some_and(is_skip) {
            by_design.note(INTERNAL_SEND_SKIP, INTERLEAVED, partition);
        }
        let too_far = before.filter(|before| before.offset >= offset).map(|before| (before, new));
        let too_near = behind.filter(|behind| behind.offset <= offset).map(|behind| (new, behind));
        let (first, second) = too_far.or(too_near)?;
        let property = if first.call == second.call { INTERNAL_NONMONOTONIC_SEND } else { NONMONOTONIC_SEND };
        if !handed.promise.is_ordered {
            by_design.note(property.name, OVERTAKEN, partition);
            return None;
        }
        let message = format!(
            "{partition}: {name} was given the record at offset {} before the one at offset {}",
            first.offset, second.offset
        );
        let proof = vec![Proof::at(first.offset, Kind::Told), Proof::at(second.offset, Kind::Told)];
        Some(Finding { property, partition: Some(partition.clone()), message, proof })
    }
}
