//! Requests in a few words, as stories tell them.

use super::*;

/// A request in a few words.
pub(super) fn describe(request: &Request) -> String {
    match request {
        Request::Produce(request) => {
            let batch = |partition: &ProducePartition| {
                let view = BatchView::parse(&partition.records).expect("a batch");
                assert!(view.is_valid(), "the checksum fits");
                let values: Vec<String> = view
                    .records()
                    .expect("records")
                    .iter()
                    .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned())
                    .collect();
                format!(
                    "orders-{} epoch {} sequence {} [{}]",
                    partition.partition,
                    view.producer_epoch(),
                    view.base_sequence(),
                    values.join(" ")
                )
            };
            format!("Produce {}", request.partitions.iter().map(batch).collect::<Vec<_>>().join(", "))
        }
        Request::Fetch(request) => {
            let partition = |partition: &FetchPartition| {
                format!(
                    "orders-{} from {} epoch {}",
                    partition.partition, partition.fetch_offset, partition.current_leader_epoch
                )
            };
            let partitions: Vec<String> = request.partitions.iter().map(partition).collect();
            let forgotten = if request.forgotten.is_empty() { "" } else { " and forgets" };
            format!(
                "Fetch session {}/{} [{}]{forgotten}",
                request.session_id,
                request.session_epoch,
                partitions.join(", ")
            )
        }
        Request::ListOffsets(request) => {
            let partition = |partition: &ListOffsetsPartition| format!("{} {:?}", partition.partition, partition.spec);
            format!("ListOffsets {}", request.partitions.iter().map(partition).collect::<Vec<_>>().join(", "))
        }
        Request::OffsetForLeaderEpoch(request) => {
            let partition = |partition: &OffsetForLeaderEpochPartition| {
                format!(
                    "{} epoch {} in {}",
                    partition.partition, partition.leader_epoch, partition.current_leader_epoch
                )
            };
            format!("OffsetForLeaderEpoch {}", request.partitions.iter().map(partition).collect::<Vec<_>>().join(", "))
        }
        Request::JoinGroup(request) => {
            let reason = request.reason.as_deref().unwrap_or_default();
            let names: Vec<&str> = request.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
            format!("JoinGroup {:?} [{}] {reason:?}", request.member.as_str(), names.join(" "))
        }
        Request::SyncGroup(request) => {
            let assigned = |(member, bytes): &(MemberId, Bytes)| {
                let assignment = crate::api::consumer_protocol::decode_assignment(bytes).expect("an assignment");
                let partitions: Vec<String> = assignment.partitions.iter().map(TopicPartition::to_string).collect();
                format!("{member}: {}", partitions.join(" "))
            };
            let assignments: Vec<String> = request.assignments.iter().map(assigned).collect();
            format!("SyncGroup {} [{}]", request.generation, assignments.join(", "))
        }
        Request::Heartbeat(request) => format!("Heartbeat {}", request.generation),
        Request::LeaveGroup(request) => {
            format!("LeaveGroup {:?}", request.members[0].reason.as_deref().unwrap_or_default())
        }
        Request::OffsetCommit(request) => {
            let offset = |offset: &OffsetCommitPartition| format!("{} at {}", offset.partition, offset.offset);
            let offsets: Vec<String> = request.partitions.iter().map(offset).collect();
            let nobody = if request.member.is_empty() { " of nobody" } else { "" };
            format!("OffsetCommit {}{nobody} [{}]", request.generation_or_member_epoch, offsets.join(", "))
        }
        Request::OffsetFetch(request) => {
            let partitions = request.groups[0].partitions.as_deref().unwrap_or_default();
            let names: Vec<String> = partitions.iter().map(TopicPartition::to_string).collect();
            format!("OffsetFetch [{}]", names.join(" "))
        }
        Request::ConsumerGroupHeartbeat(request) => {
            let mut said = vec![format!("epoch {}", request.member_epoch)];
            said.extend(request.subscribed_topic_names.as_ref().map(|topics| format!("topics [{}]", topics.join(" "))));
            said.extend(request.subscribed_topic_regex.as_ref().map(|pattern| format!("pattern `{pattern}`")));
            said.extend(request.owned.as_ref().map(|owned| {
                let partitions: Vec<String> = owned.values().flatten().map(i32::to_string).collect();
                format!("owned [{}]", partitions.join(" "))
            }));
            said.extend(
                (request.rebalance_timeout_ms >= 0).then(|| format!("timeout {}", request.rebalance_timeout_ms)),
            );
            format!("ConsumerGroupHeartbeat {}", said.join(", "))
        }
        other => other.api().name().to_owned(),
    }
}
