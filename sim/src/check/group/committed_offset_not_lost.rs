//! A commit that was acknowledged is what the next owner begins with, whoever coordinates the group by then.
//!
//! ```text
//!   owner a: commit 7 acknowledged      a coordinator dies, the next one has read the log
//!                 owner b: assigned ─▶ asks for the committed offset ─▶ 7, or what was committed since
//! ```
//!
//! What was acknowledged before a member was given the partition is expected; of a commit that was under way then nobody can
//! say whether it comes first. A seek, a reset, and offsets that the coordinator forgets on purpose end the promise; but offsets
//! do not expire while a member has the partition (KIP-211). A commit that was accepted before its offset was forgotten promises
//! nothing, also if its answer comes later.
//!
//! An offset that was written in a transaction may count or not, but one that was accepted behind it always does: the
//! order of the records decides, and not the order in which transactions end (KAFKA-5247).

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{ForgetReason, GroupEvent, MembershipEvent, PositionReason};
use trial_broker::ids::{GroupId, MemberId, Offset, TopicPartition};

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "committed-offset-not-lost",
    rule: "a member that is given a partition goes on at the offset that was acknowledged as committed, or at a later one",
    source: "KafkaConsumer (offsets and consumer position); OffsetCommit is answered when its records are committed",
};

/// What was committed, and who ought to begin there.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// The last acknowledged offset of each partition in each group.
    acked: BTreeMap<(GroupId, TopicPartition), Offset>,
    /// Where consumers ought to begin that do not know it yet.
    expected: BTreeMap<(MachineId, TopicPartition), (GroupId, Offset)>,
    /// Who each consumer is in its group.
    members: BTreeMap<(MachineId, GroupId), MemberId>,
    /// Which member has each partition, until it gives it up or its coordinator removes it.
    owners: BTreeMap<(GroupId, TopicPartition), (MachineId, MemberId)>,
    /// Where the newest offset that a coordinator accepted is a transaction's: whether that one counts, or the one before
    /// it, its producer decides.
    in_transaction: BTreeSet<(GroupId, TopicPartition)>,
    /// Where a coordinator forgot what was committed: what one has accepted since.
    since_forgotten: BTreeMap<(GroupId, TopicPartition), BTreeSet<Offset>>,
}

impl Check {
    pub(super) fn gone(&mut self, machine: MachineId) {
        self.expected.retain(|(of, _), _| *of != machine);
        self.owners.retain(|_, (owner, _)| *owner != machine);
    }

    pub(super) fn observe_coordinator(&mut self, event: &GroupEvent) {
        match event {
            GroupEvent::OffsetPending { group, partition, .. } => {
                // Who has not asked yet may be told of the transaction's offset too.
                self.forget(|of, which| of == group && which == partition);
                self.in_transaction.insert((group.clone(), partition.clone()));
            }
            GroupEvent::OffsetCommitted { group, partition, offset, .. } => {
                let known = (group.clone(), partition.clone());
                self.in_transaction.remove(&known);
                if let Some(accepted) = self.since_forgotten.get_mut(&known) {
                    accepted.insert(*offset);
                }
            }
            GroupEvent::OffsetForgotten { group, partition, reason: ForgetReason::Expired, .. }
                if self.owners.contains_key(&(group.clone(), partition.clone())) => {}
            GroupEvent::MemberRemoved { group, member, .. } | GroupEvent::MemberReplaced { group, old: member, .. } => {
                self.owners.retain(|(of, _), (_, owner)| of != group || owner != member);
            }
            GroupEvent::OffsetForgotten { group, partition, .. } => {
                self.since_forgotten.insert((group.clone(), partition.clone()), BTreeSet::new());
                self.forget(|of, which| of == group && which == partition);
            }
            // A group that goes to the other protocol keeps what it has committed.
            GroupEvent::GroupForgotten { reason: ForgetReason::Migrated, .. } => {}
            GroupEvent::GroupForgotten { group, .. } => self.forget(|of, _| of == group),
            _ => {}
        }
    }

    fn forget(&mut self, is_gone: impl Fn(&GroupId, &TopicPartition) -> bool) {
        self.acked.retain(|(group, partition), _| !is_gone(group, partition));
        self.expected.retain(|(_, partition), (group, _)| !is_gone(group, partition));
    }

    pub(super) fn observe_member(&mut self, seen: &Seen, event: &MembershipEvent) -> Option<Finding> {
        match event {
            MembershipEvent::CommitSent { group, offsets, .. } => {
                // A lower one may count, or may not.
                for (partition, offset) in offsets {
                    let known = (group.clone(), partition.clone());
                    if self.acked.get(&known).is_some_and(|acked| offset < acked) {
                        self.acked.remove(&known);
                    }
                }
            }
            MembershipEvent::CommitDone { group, offsets, .. } => {
                for (partition, offset) in offsets {
                    let known = (group.clone(), partition.clone());
                    let was_forgotten = |accepted: &BTreeSet<Offset>| !accepted.contains(offset);
                    if self.in_transaction.contains(&known)
                        || self.since_forgotten.get(&known).is_some_and(was_forgotten)
                    {
                        continue;
                    }
                    let acked = self.acked.entry(known).or_insert(*offset);
                    *acked = (*acked).max(*offset);
                }
            }
            MembershipEvent::PartitionsAssigned { group, partitions, .. } => {
                let member = self.members.get(&(seen.machine, group.clone())).cloned().unwrap_or_default();
                for partition in partitions {
                    self.owners.insert((group.clone(), partition.clone()), (seen.machine, member.clone()));
                    if let Some(acked) = self.acked.get(&(group.clone(), partition.clone())) {
                        self.expected.insert((seen.machine, partition.clone()), (group.clone(), *acked));
                    }
                }
            }
            MembershipEvent::GroupJoined { group, member, .. } => {
                self.members.insert((seen.machine, group.clone()), member.clone());
            }
            MembershipEvent::PartitionsRevoked { group, partitions }
            | MembershipEvent::PartitionsLost { group, partitions } => {
                for partition in partitions {
                    let owned = (group.clone(), partition.clone());
                    if self.owners.get(&owned).is_some_and(|(owner, _)| *owner == seen.machine) {
                        self.owners.remove(&owned);
                    }
                    self.expected.remove(&(seen.machine, partition.clone()));
                }
            }
            _ => {}
        }
        None
    }

    /// A consumer knows where to begin, or goes elsewhere.
    pub(super) fn moved(
        &mut self,
        seen: &Seen,
        partition: &TopicPartition,
        to: Offset,
        reason: PositionReason,
    ) -> Option<Finding> {
        let expected = self.expected.remove(&(seen.machine, partition.clone()));
        if reason != PositionReason::Committed {
            self.acked.retain(|(_, of), _| of != partition);
        }
        let (group, acked) = expected.filter(|_| !seen.model.had_another(&partition.topic))?;
        let begins = match reason {
            PositionReason::Committed if to < acked => format!("begins at {to}"),
            PositionReason::Reset => format!("finds nothing committed, and begins at {to}"),
            PositionReason::Committed | PositionReason::Seek | PositionReason::Truncation => return None,
        };
        Some(Finding {
            property: PROPERTY,
            partition: Some(partition.clone()),
            message: format!("group {group}: {acked} was committed for {partition}, and {} {begins}", seen.who()),
            proof: vec![
                Proof::on(seen.machine, Kind::Position),
                Proof::of(Kind::Commit),
                Proof::on(seen.machine, Kind::Membership),
            ],
        })
    }
}
