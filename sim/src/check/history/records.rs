//! Offsets and records: inconsistent offsets, duplicates, lost writes.
//!
//! * *Inconsistent offsets*: two clients know different records at one offset. `log-matching` looks at replicas; this one sees
//!   also an offset that a producer tells wrongly, and a read that returns something else than was fetched.
//! * *Duplicate*: a record is read at more offsets than it was handed over. Of a producer without idempotence Kafka allows that
//!   (at least once). `idempotent-record-once` counts what is committed; this one says which record it was.
//! * *Lost write*: a record was acknowledged with acks=all, nobody has read it, and a reader has come by its offset without
//!   getting it. `acked-record-not-lost` looks at replicas; this one sees also what a reader drops.

use trial_broker::event::{ContentFact, RecordFact};
use trial_broker::ids::{Offset, TopicPartition};

use super::by_design::ByDesign;
use super::polls::{Gap, left_out};
use super::{Handed, Known, SOURCE};
use crate::check::evidence::name_of;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;
use crate::world::World;

pub(in crate::check) const INCONSISTENT_OFFSETS: Property = Property {
    name: "inconsistent-offsets",
    rule: "an offset of a partition holds one record, for every producer that was told of it and every consumer that read it",
    source: SOURCE,
};

pub(in crate::check) const DUPLICATE: Property = Property {
    name: "duplicate",
    rule: "consumers read a record of an idempotent producer at one offset only",
    source: SOURCE,
};

pub(in crate::check) const LOST_WRITE: Property = Property {
    name: "lost-write",
    rule: "a record that was acknowledged with acks=all is returned to whoever reads past its offset",
    source: SOURCE,
};

/// An offset, as clients know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub content: ContentFact,
    /// Its producer was told, with acks=all.
    pub is_promised: bool,
    /// Some consumer has returned it.
    pub is_read: bool,
}

/// How often there is a record like this.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content {
    /// How often one was handed to a producer.
    handed: u64,
    /// At how many offsets one was read.
    read: u64,
    /// Whether one of its producers may write it twice.
    may_repeat: bool,
}

impl Known {
    /// A producer has taken a record for this partition.
    pub(super) fn hand_over(&mut self, handed: &Handed) {
        let content = self.contents.entry(handed.content).or_default();
        content.handed += 1;
        content.may_repeat |= !handed.promise.is_once;
    }

    /// A producer is told that its record is at this offset, and stays there.
    pub(super) fn promised(
        &mut self,
        world: &World,
        partition: &TopicPartition,
        offset: Offset,
        handed: &Handed,
    ) -> Vec<Finding> {
        let new = Record { content: handed.content, is_promised: true, is_read: false };
        let record = self.records.entry(offset).or_insert(new);
        record.is_promised = true;
        if record.content != handed.content {
            let name = name_of(world, handed.machine);
            let message = format!("{partition}: {name} is told offset {offset}, where another record is");
            return vec![finding(INCONSISTENT_OFFSETS, partition, message, offset)];
        }
        if record.is_read {
            return Vec::new();
        }
        // Whoever came by before the producer heard of it ought to have got it.
        let gap = self.gaps.iter().find(|gap| gap.holds(offset));
        let found =
            |gap: &Gap| vec![lost_write(partition, offset, gap.reader), left_out(world, partition, gap, offset)];
        gap.map(found).unwrap_or_default()
    }

    /// A consumer has returned a record.
    pub(super) fn read(
        &mut self,
        seen: &Seen,
        partition: &TopicPartition,
        read: &RecordFact,
        by_design: &mut ByDesign,
    ) -> Option<Finding> {
        let offset = read.offset;
        let new = Record { content: read.content, is_promised: false, is_read: false };
        let record = self.records.entry(offset).or_insert(new);
        let is_first = !std::mem::replace(&mut record.is_read, true);
        if record.content != read.content {
            let message = format!("{partition}: {} reads another record at offset {offset} than is known", seen.who());
            return Some(finding(INCONSISTENT_OFFSETS, partition, message, offset));
        }
        if !is_first {
            return None;
        }
        let content = self.contents.entry(read.content).or_default();
        content.read += 1;
        if content.read <= content.handed {
            return None;
        }
        if content.may_repeat {
            by_design.note(DUPLICATE.name, "a producer without idempotence may write a record twice", partition);
            return None;
        }
        let Content { handed, read: found, .. } = *content;
        let message = format!(
            "{partition}: {} reads a record at offset {offset} that was handed over {handed} times, and is there {found} times",
            seen.who()
        );
        Some(finding(DUPLICATE, partition, message, offset))
    }
}

/// A reader has come by a promised record that nobody has read.
pub(super) fn lost_write(partition: &TopicPartition, offset: Offset, reader: MachineId) -> Finding {
    let message =
        format!("{partition}: the record at offset {offset} was acknowledged, and a reader went past it without it");
    Finding {
        property: LOST_WRITE,
        partition: Some(partition.clone()),
        message,
        proof: vec![Proof::at(offset, Kind::Told), Proof::on(reader, Kind::Read)],
    }
}

fn finding(property: Property, partition: &TopicPartition, message: String, offset: Offset) -> Finding {
    let proof = vec![
        Proof::at(offset, Kind::Read),
        Proof::at(offset, Kind::Told),
        Proof::of(Kind::Read),
        Proof::of(Kind::Told),
    ];
    Finding { property, partition: Some(partition.clone()), message, proof }
}
