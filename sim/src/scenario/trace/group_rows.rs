//! What group coordinators say of themselves, as lines: the group stands where a partition would.

use std::collections::BTreeSet;
use trial_broker::event::GroupEvent;

use trial_broker::group::find::OFFSETS_TOPIC;
use trial_broker::ids::{GroupId, MemberId, TopicPartition};
use trial_broker::message::PartitionsByTopic;

use super::cast::Cast;
use super::picture::Picture;
use super::rows::{Row, member_name, row, shown, word};
use crate::fault::MachineId;

pub(super) fn group_row(cast: &Cast, picture: &Picture, machine: MachineId, event: &GroupEvent) -> Option<Row> {
    let name = |member: &MemberId| member_name(cast, picture, member);
    let about = |word: &'static str, group: &GroupId, cause: String| Some(row(word, group.as_str(), &[machine], cause));
    match event {
        GroupEvent::RebalanceBegun { group, reason, generation } => {
            about("rebal", group, format!("generation {generation} ends: {}", word(reason)))
        }
        GroupEvent::GenerationCompleted { group, generation, protocol, leader, members, absent } => {
            let members: Vec<String> = members.iter().map(name).collect();
            let mut text = generation_text(*generation, protocol.as_deref(), leader.as_ref().map(name), &members);
            if !absent.is_empty() {
                let absent: Vec<String> = absent.iter().map(name).collect();
                text += &format!("; not joined again: {}", absent.join(","));
            }
            about("gen", group, text)
        }
        GroupEvent::MemberAdded { group, member, .. } => about("member", group, name(member)),
        GroupEvent::MemberReplaced { group, instance, old, new } => {
            about("member", group, format!("{instance}: {} takes the place of {}", name(new), name(old)))
        }
        GroupEvent::MemberRemoved { group, member, reason } => {
            about("member!", group, format!("{}: {}", name(member), word(reason)))
        }
        GroupEvent::GroupEpochBumped { group, epoch, reason } => {
            about("gepoch", group, format!("group epoch {epoch}: {}", word(reason)))
        }
        GroupEvent::TargetAssigned { group, epoch, assignor, changed } => {
            about("target", group, format!("for epoch {epoch}, {assignor}: {changed} members change"))
        }
        GroupEvent::MemberMoved { group, member, epoch, state, assigned, revoking } => {
            let count = |partitions: &PartitionsByTopic| partitions.values().map(BTreeSet::len).sum::<usize>();
            let revoking = count(revoking);
            let gives_up = if revoking > 0 { format!(", gives {revoking} up") } else { String::new() };
            let text = format!("{} {state} in epoch {epoch}, may own {}{gives_up}", name(member), count(assigned));
            about("moved", group, text)
        }
        GroupEvent::OffsetCommitted { group, partition, offset, .. } => {
            about("commit", group, format!("{partition} at {offset}"))
        }
        GroupEvent::OffsetPending { group, partition, offset, producer } => about(
            "pend",
            group,
            format!("{partition} at {offset}, if the transaction of producer {} is committed", producer.0),
        ),
        GroupEvent::TransactionEnded { partition, producer, committed } => {
            let outcome = if *committed { "is committed" } else { "is aborted" };
            let cause = format!("the transaction of producer {} {outcome}", producer.0);
            Some(row("txn", TopicPartition::new(OFFSETS_TOPIC, *partition).to_string(), &[machine], cause))
        }
        GroupEvent::OffsetForgotten { group, partition, offset, reason } => {
            about("forget", group, format!("{partition} at {offset}: {}", word(reason)))
        }
        GroupEvent::GroupForgotten { group, reason } => about("forget", group, word(reason)),
        GroupEvent::GroupRequestRefused { api, group, member, error } => {
            about("group!", group, format!("{} {}: {}", api.name(), name(member), shown(*error)))
        }
        GroupEvent::ShardLoaded { partition, groups } => {
            Some(row("coord", cast.name(machine), &[machine], format!("coordinates {partition}: {groups} groups")))
        }
        GroupEvent::ShardLoading { partition, leader_epoch } => {
            Some(row("coord", cast.name(machine), &[machine], format!("reads {partition} in epoch {leader_epoch}")))
        }
        GroupEvent::GroupRecordSkipped { partition, offset, record_type } => {
            let cause = format!("{partition} at {offset}: type {record_type} is not known");
            Some(row("coord!", cast.name(machine), &[machine], cause))
        }
        GroupEvent::ShardLoadFailed { partition, error } => {
            Some(row("coord!", cast.name(machine), &[machine], format!("cannot read {partition}: {}", shown(*error))))
        }
        GroupEvent::ShardUnloaded { partition } => {
            Some(row("coord!", cast.name(machine), &[machine], format!("no longer coordinates {partition}")))
        }
        GroupEvent::GroupRecordsReverted { partition, error } => {
            Some(row("coord!", cast.name(machine), &[machine], format!("{partition} takes back: {}", shown(*error))))
        }
        GroupEvent::MemberIdGiven { .. }
        | GroupEvent::GroupStateChanged { .. }
        | GroupEvent::AssignmentGiven { .. }
        | GroupEvent::GroupRecordsAppended { .. }
        | GroupEvent::GroupRecordsCommitted { .. } => None,
    }
}

fn generation_text(generation: i32, protocol: Option<&str>, leader: Option<String>, members: &[String]) -> String {
    match (protocol, leader) {
        (Some(protocol), Some(leader)) => {
            format!("generation {generation}, {protocol}, {leader} leads {}", members.join(","))
        }
        _ => format!("generation {generation}, nobody"),
    }
}

/// A member's id without most of the id that a coordinator drew for it: `c1-3f2a`.
pub(super) fn short(member: &MemberId) -> &str {
    const DRAWN: usize = 36;
    const KEPT: usize = 4;
    let id = member.as_str();
    match id.len().checked_sub(DRAWN) {
        Some(start) if start > 0 && id.is_char_boundary(start) => &id[..start + KEPT],
        _ => id,
    }
}
