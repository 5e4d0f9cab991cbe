//! A consumer that never seeks never commits backwards.
//!
//! Kafka's coordinators compare commits with nothing: a lower one counts. So it is for clients not to send any: while a
//! consumer has a partition, and nobody sends it elsewhere, its position grows, and so does what it commits. An application
//! that commits offsets of its own choice (`commitSync(Map)`) may go back.

use std::collections::BTreeMap;

use trial_broker::event::{CommitCause, MembershipEvent};
use trial_broker::ids::{Offset, TopicPartition};

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "commits-only-grow",
    rule: "while a consumer has a partition and is not sent elsewhere in it, the offsets that it commits never fall",
    source: "Kafka's VerifiableConsumer; KafkaConsumer (offsets and consumer position)",
};

/// What consumers have sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    sent: BTreeMap<(MachineId, TopicPartition), Offset>,
}

impl Check {
    pub(super) fn gone(&mut self, machine: MachineId) {
        self.sent.retain(|(of, _), _| *of != machine);
    }

    /// A consumer goes elsewhere.
    pub(super) fn moved(&mut self, machine: MachineId, partition: &TopicPartition) {
        self.sent.remove(&(machine, partition.clone()));
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &MembershipEvent) -> Option<Finding> {
        match event {
            MembershipEvent::PartitionsAssigned { partitions, .. }
            | MembershipEvent::PartitionsRevoked { partitions, .. }
            | MembershipEvent::PartitionsLost { partitions, .. } => {
                for partition in partitions {
                    self.moved(seen.machine, partition);
                }
                None
            }
            // An application may commit what it likes.
            MembershipEvent::CommitSent { cause: CommitCause::Chosen, offsets, .. } => {
                for (partition, _) in offsets {
                    self.moved(seen.machine, partition);
                }
                None
            }
            MembershipEvent::CommitSent { group, offsets, .. } => {
                let mut found = None;
                for (partition, offset) in offsets {
                    let before = self.sent.insert((seen.machine, partition.clone()), *offset);
                    let fallen = before.filter(|before| offset < before);
                    found = found.or(fallen.map(|before| Finding {
                        property: PROPERTY,
                        partition: Some(partition.clone()),
                        message: format!(
                            "group {group}: {} commits {partition} at {offset}, and has committed {before} before",
                            seen.who()
                        ),
                        proof: vec![Proof::on(seen.machine, Kind::Commit), Proof::on(seen.machine, Kind::Read)],
                    }));
                }
                found
            }
            _ => None,
        }
    }
}
