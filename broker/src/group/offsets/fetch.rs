//! OffsetFetch: what was committed (`OffsetMetadataManager.fetchOffsets`, `fetchAllOffsets`).
//!
//! Who does not ask for stable offsets reads what is committed to the offsets topic. Who does
//! (`require_stable`) reads the newest state, waits for it to be committed, and is refused
//! partitions with offsets of open transactions.

use super::{GroupOffsets, StoredOffset};
use crate::ids::{LeaderEpoch, TopicPartition};
use crate::message::{ErrorCode, OffsetFetchGroup, OffsetFetchGroupResponse, OffsetFetchPartitionResponse};

/// Answers one group's question; `offsets` are none if the group does not exist, or has none.
pub fn fetch(
    request: &OffsetFetchGroup,
    offsets: Option<&GroupOffsets>,
    require_stable: bool,
) -> OffsetFetchGroupResponse {
    let stored = |partition: &TopicPartition| offsets.and_then(|offsets| offsets.committed.get(partition));
    let is_unstable = |partition: &TopicPartition| {
        require_stable && offsets.is_some_and(|offsets| offsets.pending.contains_key(partition))
    };
    let told = |partition: &TopicPartition| match stored(partition) {
        _ if is_unstable(partition) => nothing(partition, ErrorCode::UnstableOffsetCommit),
        None => nothing(partition, ErrorCode::None),
        Some(StoredOffset { value, .. }) => OffsetFetchPartitionResponse {
            partition: partition.clone(),
            error: ErrorCode::None,
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.clone(),
        },
    };
    let partitions = match &request.partitions {
        Some(partitions) => partitions.iter().map(told).collect(),
        // All that are committed: a partition that is only pending is not among them, as in Kafka.
        None => offsets.into_iter().flat_map(|offsets| offsets.committed.keys()).map(told).collect(),
    };
    OffsetFetchGroupResponse { group: request.group.clone(), error: ErrorCode::None, partitions }
}

fn nothing(partition: &TopicPartition, error: ErrorCode) -> OffsetFetchPartitionResponse {
    OffsetFetchPartitionResponse {
        partition: partition.clone(),
        error,
        offset: -1,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    }
}
