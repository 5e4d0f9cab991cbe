//! What a coordinator has written adds up to what it knows (G7): the next one, which reads its log, takes over no other groups.
//!
//! ```text
//!   the log on the leader's disk ─▶ records ─▶ an observer's shard ─┐
//!                                                                    ├─ equal, up to the last batch that is written
//!   the coordinator's own shard, without what waits to be written ──┘
//! ```
//!
//! The observer's shard goes on from sweep to sweep, and reads everything once more in the end, when the cleaner may have
//! been there. Compared is what records tell: groups, members, targets, offsets, and offsets of open transactions. Who waits
//! for a join and when sessions end is nobody's after a change of coordinator.
//!
//! Simplified: bytes become records, and records a shard, by the decoder and by the rules that coordinators use too. A
//! record that is written and not taken in, or taken in and not written, is found; one that is misread is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_broker::config::{Behaviour, GroupCoordinatorSettings};
use trial_broker::event::GroupEvent;
use trial_broker::group::find::OFFSETS_TOPIC;
use trial_broker::group::record::GroupRecord;
use trial_broker::group::shard::Shard;
use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::record::{BatchView, ControlType, batches};

use crate::check::evidence::name_of;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::disk::Disk;
use crate::fault::MachineId;
use crate::world::World;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "coordinator-is-replay",
    rule: "a coordinator's groups and offsets are the replay of what it has written",
    source: "KIP-848 (CoordinatorRuntime: replay before append); GroupCoordinatorShard.replay",
};

/// The partitions of `__consumer_offsets` as the observer replays them, by the machine that leads them.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    replayed: BTreeMap<(MachineId, i32), Replayed>,
}

/// A partition that was read.
#[derive(Clone, Debug)]
struct Replayed {
    shard: Shard,
    /// The offset of the record that comes next.
    next: Offset,
    /// The file that the last batch was read from, and where the batch behind it begins.
    cursor: Option<(u32, u64)>,
    /// Whether the disk gave something else than was written: then nothing is known.
    is_damaged: bool,
}

impl Check {
    /// A machine's logs may be others when they are read next.
    pub(super) fn forget(&mut self, machine: MachineId) {
        self.replayed.retain(|(on, _), _| *on != machine);
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &GroupEvent) {
        match event {
            GroupEvent::ShardLoading { partition, .. } | GroupEvent::ShardUnloaded { partition } => {
                self.replayed.remove(&(seen.machine, *partition));
            }
            _ => {}
        }
    }

    /// Reads every log from its beginning, and compares.
    pub(super) fn sweep_all(&mut self, world: &World) -> Option<Finding> {
        self.replayed.clear();
        self.sweep(world)
    }

    /// Reads on where coordinators have written, and compares.
    pub(super) fn sweep(&mut self, world: &World) -> Option<Finding> {
        for (id, machine) in world.machines() {
            // What a step has done that is not paid for is nobody's business yet: a crash may undo it.
            let Some(node) = machine.node().filter(|_| !Lane::ALL.iter().any(|lane| machine.owes(*lane))) else {
                continue;
            };
            let Some(coordinator) = node.groups() else { continue };
            for (partition, written, known) in coordinator.written() {
                let replayed =
                    self.replayed.entry((id, partition)).or_insert_with(|| Replayed::new(&node.config().behaviour));
                replayed.read(machine.disk(), partition, written, &node.config().behaviour);
                let differing = known.differs_in(&replayed.shard.snapshot()).filter(|_| !replayed.is_damaged);
                if let Some(group) = differing {
                    return Some(Finding {
                        property: PROPERTY,
                        partition: Some(TopicPartition::new(OFFSETS_TOPIC, partition)),
                        message: format!(
                            "group {group}: {} knows it otherwise than {OFFSETS_TOPIC}-{partition} up to {written} adds up to",
                            name_of(world, id)
                        ),
                        proof: vec![
                            Proof::on(id, Kind::Append),
                            Proof::on(id, Kind::Accepted),
                            Proof::on(id, Kind::Coordination),
                        ],
                    });
                }
            }
        }
        None
    }
}

impl Replayed {
    /// Nothing read yet. A bug that changes what records mean changes it for everybody.
    fn new(behaviour: &Behaviour) -> Replayed {
        let settings = Arc::new(GroupCoordinatorSettings::default());
        Replayed { shard: Shard::new(settings, behaviour.clone()), next: 0, cursor: None, is_damaged: false }
    }

    /// Reads what lies before this offset and was not read.
    ///
    /// Where the cleaner has exchanged what was read last, deletions may be gone that were not read yet, as they may for any reader
    /// that comes later than `delete.retention.ms`: then everything is read anew, as the next coordinator will.
    fn read(&mut self, disk: &Disk, partition: i32, end: Offset, behaviour: &Behaviour) {
        if self.next >= end {
            return;
        }
        let directory = TopicPartition::new(OFFSETS_TOPIC, partition).to_string();
        let is_there = |number: u32| disk.files_of(&directory, ".log").any(|file| file.number == number);
        if self.cursor.is_some_and(|(number, _)| !is_there(number)) {
            *self = Replayed { is_damaged: self.is_damaged, ..Replayed::new(behaviour) };
        }
        for file in disk.files_of(&directory, ".log") {
            let known = self.cursor.filter(|(number, _)| *number == file.number);
            let mut position = known.map_or(0, |(_, position)| position);
            for batch in batches(&file.read_from(position)) {
                let Ok(batch) = batch else {
                    self.is_damaged = true;
                    break;
                };
                self.is_damaged |= !batch.is_valid();
                position += batch.size() as u64;
                if batch.base_offset() >= self.next && batch.next_offset() <= end {
                    self.take(&batch);
                    self.cursor = Some((file.number, position));
                }
            }
        }
    }

    fn take(&mut self, batch: &BatchView) {
        self.next = batch.next_offset();
        if batch.is_control() {
            let outcome = batch.control_type();
            if matches!(outcome, Some(ControlType::Commit | ControlType::Abort)) {
                let committed = outcome == Some(ControlType::Commit);
                self.shard.replay_end_transaction(batch.producer_id(), batch.producer_epoch(), committed);
            }
            return;
        }
        let producer = batch.producer_id().is_some().then(|| (batch.producer_id(), batch.producer_epoch()));
        for record in batch.records().unwrap_or_default() {
            // What cannot be read stops the coordinator that reads it: it says so itself.
            if let Ok(read) = GroupRecord::read(record.key.as_deref().unwrap_or_default(), record.value.as_deref()) {
                // One that does not follow is left out: a coordinator that has taken it in all the same differs by it.
                let _ = self.shard.replay(record.offset, producer, read);
            }
        }
    }
}
