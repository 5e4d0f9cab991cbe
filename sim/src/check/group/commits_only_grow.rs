//! A consumer that never seeks never commits backwards.
//!
//! Kafka's coordinators compare commits with nothing: a lower one counts. So it is for clients not to send any: while a
//! consumer has a partition, and nobody sends it elsewhere, its position grows, and so does what it commits. An application
//! that commits offsets of its own choice (`commitSync(Map)`) may go back.
//!
//! A commit takes its offsets when it is begun, and leaves when the coordinator is known and its back-off is over. If the
//! consumer has been sent elsewhere meanwhile, it says nothing of the new position; Kafka's consumers send it all the same
//! (`CommitRequestManager.pendingRequests`, `ConsumerCoordinator.commitOffsetsAsync`). That of KIP-848 also sends a commit whose
//! caller has heard of a timeout already, if it was never sent before (`RetriableRequestState.maybeExpire`): it counts as any other.

use std::collections::BTreeMap;
use std::time::Duration;

use trial_broker::event::{CommitCause, MembershipEvent};
use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::time::Time;

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
    /// When each was last sent elsewhere, by its own clock.
    moved: BTreeMap<(MachineId, TopicPartition), Time>,
}

impl Check {
    pub(super) fn gone(&mut self, machine: MachineId) {
        self.sent.retain(|(of, _), _| *of != machine);
        self.moved.retain(|(of, _), _| *of != machine);
    }

    /// A consumer goes elsewhere.
    pub(super) fn moved(&mut self, seen: &Seen, partition: &TopicPartition) {
        let consumer = (seen.machine, partition.clone());
        self.sent.remove(&consumer);
        self.moved.insert(consumer, own_time(seen));
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &MembershipEvent) -> Option<Finding> {
        match event {
            MembershipEvent::PartitionsAssigned { partitions, .. }
            | MembershipEvent::PartitionsRevoked { partitions, .. }
            | MembershipEvent::PartitionsLost { partitions, .. } => {
                for partition in partitions {
                    self.moved(seen, partition);
                }
                None
            }
            // An application may commit what it likes.
            MembershipEvent::CommitSent { cause: CommitCause::Chosen, offsets, .. } => {
                for (partition, _) in offsets {
                    self.moved(seen, partition);
                }
                None
            }
            MembershipEvent::CommitSent { group, offsets, waited_us, .. } => {
                let (now, waited) = (own_time(seen), Duration::from_micros(*waited_us));
                let mut found = None;
                for (partition, offset) in offsets {
                    let moved = self.moved.get(&(seen.machine, partition.clone()));
                    if moved.is_some_and(|moved| *moved + waited >= now && *waited_us > 0) {
                        continue;
                    }
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

/// What time it is on the machine whose event it is.
fn own_time(seen: &Seen) -> Time {
    let now = seen.world.now();
    seen.world.machine(seen.machine).map_or(now, |machine| machine.now(now).monotonic)
}
