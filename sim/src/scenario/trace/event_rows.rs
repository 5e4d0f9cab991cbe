//! What machines say of themselves, as lines.

use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, FenceReason, GroupCall, LifecycleEvent, LogEvent, PartitionEvent, RaftEvent,
};
use trial_broker::ids::{GroupId, NodeId, TopicPartition};

use super::cast::Cast;
use super::group_rows::group_row;
use super::lanes::digits;
use super::membership_rows::membership_row;
use super::picture::Picture;
use super::rows::{Memory, Row, acked_row, acks_text, joint_row, partition_row, row, shown, word};
use crate::fault::MachineId;

/// The line of an event, if it is worth one.
pub(super) fn event_row(
    cast: &Cast,
    picture: &Picture,
    memory: &mut Memory,
    machine: MachineId,
    event: &Event,
) -> Option<Row> {
    match event {
        Event::Log(event) => log_row(machine, event),
        Event::Partition(event) => replication_row(cast, picture, memory, machine, event),
        Event::Raft(event) => raft_row(cast, machine, event),
        Event::Controller(event) => controller_row(cast, picture, memory, machine, event),
        Event::Lifecycle(event) => lifecycle_row(cast, machine, event),
        Event::Group(event) => group_row(cast, picture, machine, event),
        Event::Client(event) => client_row(cast, memory, machine, event),
        Event::Membership(event) => membership_row(cast, machine, event),
    }
}

fn log_row(machine: MachineId, event: &LogEvent) -> Option<Row> {
    match event {
        LogEvent::LogTruncated { partition, from, to } => {
            Some(partition_row("trunc", partition, machine, format!("{from} to {to}")))
        }
        LogEvent::LogStartedAnew { partition, offset } => {
            Some(partition_row("trunc", partition, machine, format!("starts anew at {offset}")))
        }
        LogEvent::DuplicateSequence { partition, first_sequence, base_offset, .. } => {
            let cause = format!("sequence {first_sequence} is at offset {base_offset} already");
            Some(partition_row("dup", partition, machine, cause))
        }
        LogEvent::SequenceRefused { partition, first_sequence, expected, .. } => {
            let cause = format!("sequence {first_sequence} after a gap: expected {expected}");
            Some(partition_row("gap", partition, machine, cause))
        }
        LogEvent::LogStartOffsetMoved { partition, from, to, reason } => {
            Some(partition_row("start", partition, machine, format!("log start {from} to {to}: {}", word(reason))))
        }
        LogEvent::LogLoaded { partition, log_end_offset, clean: false, dropped_bytes, .. }
            if *dropped_bytes > 0 || *log_end_offset > 0 =>
        {
            let cause = format!("recovered to {log_end_offset}, {dropped_bytes} torn bytes dropped");
            Some(partition_row("load", partition, machine, cause))
        }
        LogEvent::CleaningStarted { partition, first_dirty_offset, first_uncleanable_offset, .. } => {
            let cause = format!("begins: offsets {first_dirty_offset} to {first_uncleanable_offset} are dirty");
            Some(partition_row("clean", partition, machine, cause))
        }
        LogEvent::SegmentsCompacted {
            partition,
            base_offset,
            end_offset,
            records_read,
            records_kept,
            bytes_read,
            bytes_kept,
            ..
        } => {
            let cause = format!(
                "segments {base_offset} to {end_offset}: {records_kept} of {records_read} records stay, \
                 {bytes_kept} of {bytes_read} bytes"
            );
            Some(partition_row("clean", partition, machine, cause))
        }
        LogEvent::CleaningCompleted { partition, cleaned_to, .. } => {
            Some(partition_row("clean", partition, machine, format!("ends: clean to {cleaned_to}")))
        }
        LogEvent::CleaningAborted { partition, reason } => {
            Some(partition_row("clean", partition, machine, format!("given up: {}", word(reason))))
        }
        LogEvent::StorageFailed { path, error } => Some(row("disk", path.clone(), &[machine], format!("{error:?}"))),
        LogEvent::RecordsAppended { .. } | LogEvent::SegmentRolled { .. } | LogEvent::LogLoaded { .. } => None,
    }
}

fn replication_row(
    cast: &Cast,
    picture: &Picture,
    memory: &mut Memory,
    machine: MachineId,
    event: &PartitionEvent,
) -> Option<Row> {
    match event {
        PartitionEvent::Produced { partition, acks, base_offset, log_end_offset } => {
            let records = log_end_offset - base_offset;
            let who = memory.who_sent(cast, partition, machine, *acks);
            let cause = format!("{who}acks={} n={records}", acks_text(*acks));
            Some(partition_row("prod", partition, machine, cause))
        }
        PartitionEvent::ProduceRefused { partition, error } => {
            Some(partition_row("refuse", partition, machine, shown(*error)))
        }
        PartitionEvent::ProduceCompleted { partition, error, required_offset } if !error.is_none() => {
            let cause = format!("{} while waiting for {required_offset}", shown(*error));
            Some(partition_row("refuse", partition, machine, cause))
        }
        PartitionEvent::RecordsReplicated { partition, log_end_offset, .. } => {
            let before = picture.replica(partition, machine).map_or(0, |replica| replica.log_end_offset);
            // The append itself was an earlier event of this step, so the end is compared with the leader's answer.
            (*log_end_offset >= before).then(|| joint_row("fetch", partition, machine, "data to"))
        }
        PartitionEvent::HighWatermarkAdvanced { partition, from, to, as_leader } => {
            if *as_leader {
                Some(partition_row("hw", partition, machine, format!("{from} to {to}: min LEO of ISR")))
            } else {
                Some(joint_row("hw", partition, machine, "learned by"))
            }
        }
        PartitionEvent::IsrChangeProposed { partition, from, to } => {
            let cause = format!("proposes {} instead of {}", digits(to), digits(from));
            Some(partition_row("isr?", partition, machine, cause))
        }
        PartitionEvent::IsrChanged { partition, from, to, .. } => {
            Some(partition_row("isr", partition, machine, difference(cast, from, to)))
        }
        PartitionEvent::IsrChangeRefused { partition, error } => {
            Some(partition_row("isr!", partition, machine, shown(*error)))
        }
        PartitionEvent::BecameLeader { partition, .. } => {
            let cause = memory.because.get(partition).cloned().unwrap_or_default();
            Some(partition_row("lead", partition, machine, cause))
        }
        PartitionEvent::DivergenceFound { partition, replica, epoch, end_offset } => {
            let cause = format!("{}: epoch {epoch} ends at {end_offset}", cast.node_name(*replica));
            Some(partition_row("diverge", partition, machine, cause))
        }
        PartitionEvent::FetcherFailed { partition, error } => {
            Some(partition_row("fetch!", partition, machine, shown(*error)))
        }
        PartitionEvent::ReplicaOffline { partition } => {
            Some(partition_row("offline", partition, machine, "its log directory failed"))
        }
        PartitionEvent::BecameFollower { .. }
        | PartitionEvent::ProduceParked { .. }
        | PartitionEvent::ProduceCompleted { .. }
        | PartitionEvent::FetchParked { .. }
        | PartitionEvent::FetchAnswered { .. }
        | PartitionEvent::EndOffsetListed { .. }
        | PartitionEvent::FollowerAdvanced { .. }
        | PartitionEvent::FetchResponseIgnored { .. }
        | PartitionEvent::FetchDelayed { .. }
        | PartitionEvent::ReplicaRemoved { .. } => None,
    }
}

/// `+b3`, `-b2`, or both.
fn difference(cast: &Cast, from: &[NodeId], to: &[NodeId]) -> String {
    let added = to.iter().filter(|node| !from.contains(node)).map(|node| format!("+{}", cast.node_name(*node)));
    let removed = from.iter().filter(|node| !to.contains(node)).map(|node| format!("-{}", cast.node_name(*node)));
    added.chain(removed).collect::<Vec<_>>().join(" ")
}

fn raft_row(cast: &Cast, machine: MachineId, event: &RaftEvent) -> Option<Row> {
    use trial_broker::event::QuorumStateName as State;
    match event {
        RaftEvent::StateChanged { to, epoch, leader, reason } => {
            let name = match to {
                State::Prospective => "prevote",
                State::Candidate => "stand",
                State::Leader => "elect",
                State::Resigned => "resign",
                // Voters and observers pass through these all the time; the leader's own line says it better.
                State::Unattached | State::Follower => return None,
            };
            let mut cause = word(reason);
            if leader.is_some() && *to != State::Leader {
                cause = format!("{cause}; led by {}", cast.node_name(*leader));
            }
            Some(row(name, cast.name(machine), &[machine], cause).in_epoch(*epoch))
        }
        RaftEvent::VoteGranted { candidate, epoch, pre_vote } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let cause = format!("{kind} for {}", cast.node_name(candidate.id));
            Some(row("vote", cast.name(machine), &[machine], cause).in_epoch(*epoch))
        }
        RaftEvent::VoteRefused { candidate, epoch, pre_vote, reason } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let cause = format!("no {kind} for {}: {}", cast.node_name(candidate.id), word(reason));
            Some(row("vote", cast.name(machine), &[machine], cause).in_epoch(*epoch))
        }
        RaftEvent::MetadataTruncated { from, to } => {
            Some(row("trunc", cast.name(machine), &[machine], format!("metadata log {from} to {to}")))
        }
        RaftEvent::MetadataAppended { .. }
        | RaftEvent::QuorumHighWatermarkAdvanced { .. }
        | RaftEvent::SnapshotCreated { .. }
        | RaftEvent::SnapshotLoaded { .. }
        | RaftEvent::SnapshotDeleted { .. } => None,
    }
}

fn controller_row(
    cast: &Cast,
    picture: &Picture,
    memory: &mut Memory,
    machine: MachineId,
    event: &ControllerEvent,
) -> Option<Row> {
    match event {
        ControllerEvent::Activated { epoch } => {
            Some(row("active", cast.name(machine), &[machine], "the active controller").in_epoch(*epoch))
        }
        ControllerEvent::Deactivated { epoch } => {
            let cause = "no longer the active controller";
            Some(row("passive", cast.name(machine), &[machine], cause).in_epoch(*epoch))
        }
        ControllerEvent::BrokerRegistered { broker, broker_epoch, clean } => {
            // Kafka takes a first registration for one behind an unclean stop too, which strikes nobody off.
            let before = match (!picture.registered.contains(broker), *clean) {
                (true, _) => "its first registration",
                (false, true) => "clean stop before",
                (false, false) => "unclean stop before",
            };
            Some(row("regist", cast.node_name(*broker), &[], format!("broker epoch {broker_epoch}, {before}")))
        }
        ControllerEvent::BrokerFenced { broker, reason } => {
            let why = match reason {
                FenceReason::SessionExpired => "no heartbeat within the session",
                FenceReason::Asked => "it asked for it",
                FenceReason::ShutDown => "it shut down in order",
            };
            memory.fenced = Some(*broker);
            Some(row("fence", cast.node_name(*broker), &[], why))
        }
        ControllerEvent::BrokerUnfenced { broker } => {
            Some(row("unfence", cast.node_name(*broker), &[], "it has caught up with the metadata"))
        }
        ControllerEvent::ControlledShutdownStarted { broker } => {
            Some(row("leave", cast.node_name(*broker), &[], "hands its leaderships over"))
        }
        ControllerEvent::PartitionChanged { partition, leader, elr, unclean, reason, isr, .. } => {
            let mut why = word(reason);
            if let (Some(broker), trial_broker::event::PartitionChangeReason::BrokerFenced) = (memory.fenced, reason) {
                why = format!("{} fenced", cast.node_name(broker));
            }
            if *unclean {
                why = format!("{why}, unclean");
            }
            let before = picture.partitions.get(partition);
            if before.is_none_or(|known| known.leader != *leader) {
                memory.because.insert(partition.clone(), why.clone());
            }
            let mut cause = format!("leader {}, isr {}", cast.node_name(*leader), digits(isr));
            if !elr.is_empty() {
                cause = format!("{cause}, elr {}", digits(elr));
            }
            Some(partition_row("decide", partition, machine, format!("{cause}: {why}")))
        }
        ControllerEvent::TopicCreated { topic, partitions, .. } => {
            let name = topic.to_string();
            (!cast.is_hidden(&TopicPartition::new(&name, 0)))
                .then(|| row("create", name, &[], format!("{partitions} partitions")))
        }
        ControllerEvent::TopicDeleted { topic, .. } => Some(row("delete", topic.to_string(), &[], "")),
        ControllerEvent::AlterPartitionRefused { partition, error } => {
            Some(partition_row("isr!", partition, machine, shown(*error)))
        }
        ControllerEvent::RegistrationRefused { broker } => {
            Some(row("regist!", cast.node_name(*broker), &[], "another session of it lives"))
        }
        ControllerEvent::ControlledShutdownGranted { .. }
        | ControllerEvent::HeartbeatAnswered { .. }
        | ControllerEvent::ProducerIdsAllocated { .. }
        | ControllerEvent::WriteCommitted { .. } => None,
    }
}

fn lifecycle_row(cast: &Cast, machine: MachineId, event: &LifecycleEvent) -> Option<Row> {
    use trial_broker::event::BrokerState;
    let name = cast.name(machine);
    match event {
        LifecycleEvent::BrokerStateChanged { to: BrokerState::Running } => {
            Some(row("serve", name, &[machine], "the broker serves clients"))
        }
        LifecycleEvent::LogDirectoryFailed { .. } => Some(row("offline", name, &[machine], "a log directory failed")),
        LifecycleEvent::HeartbeatRefused { error } => Some(row("beat!", name, &[machine], shown(*error))),
        LifecycleEvent::RegistrationFailed { error } => Some(row("regist!", name, &[machine], shown(*error))),
        LifecycleEvent::RequestRefused { api, error } => {
            Some(row("refuse", name, &[machine], format!("{}: {}", api.name(), shown(*error))))
        }
        LifecycleEvent::ProcessStarted
        | LifecycleEvent::BrokerStateChanged { .. }
        | LifecycleEvent::RegistrationAccepted { .. }
        | LifecycleEvent::HeartbeatSent { .. }
        | LifecycleEvent::MetadataApplied { .. }
        | LifecycleEvent::ProcessExited { .. } => None,
    }
}

fn client_row(cast: &Cast, memory: &mut Memory, machine: MachineId, event: &ClientEvent) -> Option<Row> {
    let name = cast.name(machine);
    match event {
        ClientEvent::BatchSent { partition, node, acks, first_sequence, .. } => {
            memory.sent(partition, *node, (name, *acks, *first_sequence));
            None
        }
        ClientEvent::BatchAcked { partition, base_offset, records, acks } => {
            let who = format!("{name} acks={}", acks_text(*acks));
            // With acks=0 nobody tells the offset.
            Some(match base_offset {
                ..0 => partition_row("ack", partition, machine, format!("{who} n={records}")),
                0.. => acked_row(partition, machine, who, *base_offset, *records),
            })
        }
        ClientEvent::BatchRetried { partition, error, first_sequence } => {
            memory.forget(partition, name, Some(*first_sequence));
            Some(partition_row("retry", partition, machine, format!("{name}: {}", shown(*error))))
        }
        ClientEvent::BatchFailed { partition, error, records } => {
            memory.forget(partition, name, None);
            let cause = format!("{name} n={records}: {}", shown(*error));
            Some(partition_row("fail", partition, machine, cause))
        }
        ClientEvent::RecordsConsumed { partition, first_offset, position, records, .. } => {
            let cause = format!("{name} n={records} from {first_offset}, now at {position}");
            Some(partition_row("read", partition, machine, cause))
        }
        ClientEvent::FetchFailed { partition, error } => {
            Some(partition_row("read!", partition, machine, format!("{name}: {}", shown(*error))))
        }
        ClientEvent::ApplicationEnded { error } => {
            Some(row("ends", name, &[machine], format!("its poll throws {}: nobody polls any more", shown(*error))))
        }
        ClientEvent::TruncationDetected { partition, position, divergent_offset } => {
            let cause = format!("{name} was at {position}, goes back to {divergent_offset}");
            Some(partition_row("rewind", partition, machine, cause))
        }
        ClientEvent::PositionSet { partition, offset, reason } => {
            Some(partition_row("seek", partition, machine, format!("{name} to {offset}: {}", word(reason))))
        }
        ClientEvent::LeaderLearned { partition, leader, epoch } => {
            let cause = format!("{name}: {} leads in epoch {epoch}", cast.node_name(*leader));
            Some(partition_row("learn", partition, machine, cause))
        }
        ClientEvent::GroupsListed { groups } => {
            let groups: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
            let cause = if groups.is_empty() { "there is no group".to_owned() } else { groups.join(", ") };
            Some(row("groups", name, &[machine], cause))
        }
        ClientEvent::GroupDescribed { group, group_type, state, coordinator, members } => {
            let at = cast.node_name(*coordinator);
            let cause = format!("{name}: {state}, {members} members, {group_type} protocol, at {at}");
            Some(row("group", group.as_str(), &[machine], cause))
        }
        ClientEvent::GroupDeleted { group } => {
            Some(row("group", group.as_str(), &[machine], format!("{name}: it is deleted")))
        }
        ClientEvent::GroupCallFailed { group, call, error } => {
            let asked = match call {
                GroupCall::Describe => "it is not described",
                GroupCall::Delete => "it is not deleted",
                GroupCall::DeleteOffsets => "its offsets are not deleted",
            };
            Some(row("group!", group.as_str(), &[machine], format!("{name}: {asked}: {}", shown(*error))))
        }
        ClientEvent::GroupOffsetsDeleted { group, partitions } => {
            let names: Vec<String> = partitions.iter().map(TopicPartition::to_string).collect();
            Some(row("group", group.as_str(), &[machine], format!("{name}: no offset of {}", names.join(", "))))
        }
        // A connection to a bootstrap server has done its service.
        ClientEvent::ConnectionLost { node, in_flight, reason } if node.is_some() || *in_flight > 0 => {
            let cause = format!("from {}, {in_flight} in flight: {}", cast.node_name(*node), word(reason));
            Some(row("discon", name, &[machine], cause))
        }
        _ => None,
    }
}
