//! What consumers say of their membership, as lines.

use trial_broker::event::{CoordinatorLoss, MembershipEvent};
use trial_broker::ids::{GroupId, Offset, TopicPartition};
use trial_broker::message::ErrorCode;

use super::cast::Cast;
use super::rows::{Row, row, shown, word};
use crate::fault::MachineId;

pub(super) fn membership_row(cast: &Cast, machine: MachineId, event: &MembershipEvent) -> Option<Row> {
    let who = cast.name(machine);
    let about = |word: &'static str, group: &GroupId, cause: String| Some(row(word, group.as_str(), &[machine], cause));
    match event {
        // The line of the lost connection has told it.
        MembershipEvent::CoordinatorLost { reason: CoordinatorLoss::Disconnected, .. } => None,
        MembershipEvent::CoordinatorLost { group, node, reason } => {
            about("find", group, format!("{who} loses coordinator {}: {}", cast.node_name(*node), word(reason)))
        }
        MembershipEvent::JoinSent { group, reason, .. } if reason.is_empty() => {
            about("join", group, format!("{who} joins"))
        }
        MembershipEvent::JoinSent { group, reason, .. } => about("join", group, format!("{who}: {reason}")),
        MembershipEvent::PartitionsAssigned { group, partitions, owned } => {
            about("assign", group, format!("{who} {}, {owned} owned", names(partitions)))
        }
        MembershipEvent::PartitionsRevoked { group, partitions } => {
            about("revoke", group, format!("{who} {}", names(partitions)))
        }
        MembershipEvent::PartitionsLost { group, partitions } => {
            about("lost", group, format!("{who} {}", names(partitions)))
        }
        MembershipEvent::MembershipLost { group, reason, .. } => {
            about("member!", group, format!("{who} is out: {}", word(reason)))
        }
        MembershipEvent::LeaveSent { group, .. } => about("leave", group, format!("{who} leaves")),
        MembershipEvent::CommitDone { group, cause, offsets } => {
            about("commit", group, format!("{who} {}: {}", word(cause), positions(offsets)))
        }
        MembershipEvent::CommitFailed { group, cause, error, unsent } => {
            let where_it_failed = match error {
                _ if *unsent => "not even sent",
                ErrorCode::RequestTimedOut | ErrorCode::NetworkException => "not answered",
                _ => "refused",
            };
            about("commit!", group, format!("{who} {}: {where_it_failed}, {}", word(cause), shown(*error)))
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
