//! What consumers say of their membership, as lines.

use trial_broker::event::{CoordinatorLoss, MembershipEvent};
use trial_broker::ids::{GroupId, Offset, TopicPartition};

use super::group_rows::short;
use super::rows::{Row, row, shown, word};
use crate::fault::MachineId;

pub(super) fn membership_row(machine: MachineId, event: &MembershipEvent) -> Option<Row> {
    let about = |word: &'static str, group: &GroupId, cause: String| Some(row(word, group.as_str(), &[machine], cause));
    match event {
        // The line of the lost connection has told it.
        MembershipEvent::CoordinatorLost { reason: CoordinatorLoss::Disconnected, .. } => None,
        MembershipEvent::CoordinatorLost { group, node, reason } => {
            about("find", group, format!("coordinator {node} is lost: {}", word(reason)))
        }
        MembershipEvent::JoinSent { group, reason, .. } if reason.is_empty() => {
            about("join", group, "joins".to_owned())
        }
        MembershipEvent::JoinSent { group, reason, .. } => about("join", group, reason.clone()),
        MembershipEvent::PartitionsAssigned { group, partitions, owned } => {
            about("assign", group, format!("{}, {owned} owned", names(partitions)))
        }
        MembershipEvent::PartitionsRevoked { group, partitions } => about("revoke", group, names(partitions)),
        MembershipEvent::PartitionsLost { group, partitions } => about("lost", group, names(partitions)),
        MembershipEvent::MembershipLost { group, member, reason } => {
            about("member!", group, format!("{} is out: {}", short(member), word(reason)))
        }
        MembershipEvent::LeaveSent { group, member } => about("leave", group, short(member).to_owned()),
        MembershipEvent::CommitDone { group, cause, offsets } => {
            about("commit", group, format!("{}: {}", word(cause), positions(offsets)))
        }
        MembershipEvent::CommitFailed { group, cause, error, unsent } => {
            let where_it_failed = if *unsent { "not even sent" } else { "refused" };
            about("commit!", group, format!("{}: {where_it_failed}, {}", word(cause), shown(*error)))
        }
        MembershipEvent::CoordinatorFound { .. }
        | MembershipEvent::GroupJoined { .. }
        | MembershipEvent::CommitSent { .. }
        | MembershipEvent::RecordBegun { .. }
        | MembershipEvent::RecordFinished { .. } => None,
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    if partitions.is_empty() {
        return "nothing new".to_owned();
    }
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}

fn positions(offsets: &[(TopicPartition, Offset)]) -> String {
    if offsets.is_empty() {
        return "nothing".to_owned();
    }
    offsets.iter().map(|(partition, offset)| format!("{partition} at {offset}")).collect::<Vec<_>>().join(" ")
}
