//! What an administrator's call asks for, as a request.

use super::groups;
use crate::client::Call;
use crate::ids::{LeaderEpoch, MemberId, TopicName};
use crate::message::{
    AlterPartitionReassignmentsRequest, CreatableTopic, CreatePartitionsRequest, CreatePartitionsTopic,
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeQuorumRequest, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, OffsetCommitPartition, Request, TxnMarker, TxnOffsetCommitRequest,
    WriteTxnMarkersRequest,
};

/// The epoch of a transaction coordinator that was never replaced.
const FIRST_COORDINATOR_EPOCH: i32 = 0;

/// The request of a call that is answered by one broker. `timeout_ms` is what the broker may take, where the API says so.
pub(super) fn request_of(call: &Call, timeout_ms: i32) -> Request {
    match call.clone() {
        Call::CreateTopic { name, partitions, replication_factor, replicas, configs } => {
            let assigned = !replicas.is_empty();
            let topic = CreatableTopic {
                name: TopicName::new(&name),
                num_partitions: if assigned { -1 } else { partitions },
                replication_factor: if assigned { -1 } else { replication_factor },
                assignments: replicas,
                configs: configs.into_iter().collect(),
            };
            CreateTopicsRequest { topics: vec![topic], timeout_ms, validate_only: false }.into()
        }
        Call::DeleteTopic { name } => DeleteTopicsRequest { topics: vec![TopicName::new(&name)], timeout_ms }.into(),
        Call::CreatePartitions { topic, count, replicas } => {
            let topic = CreatePartitionsTopic { name: TopicName::new(&topic), count, assignments: replicas };
            CreatePartitionsRequest { topics: vec![topic], timeout_ms, validate_only: false }.into()
        }
        Call::AlterConfig { resource, values } => {
            IncrementalAlterConfigsRequest { resources: vec![(resource, values)], validate_only: false }.into()
        }
        Call::ElectLeaders { election_type, partitions } => {
            ElectLeadersRequest { election_type, partitions, timeout_ms }.into()
        }
        Call::Reassign { partition, replicas } => {
            AlterPartitionReassignmentsRequest { partitions: vec![(partition, replicas)], timeout_ms }.into()
        }
        Call::DeleteRecords { partition, before } => {
            DeleteRecordsRequest { partitions: vec![(partition, before.unwrap_or(-1))], timeout_ms }.into()
        }
        Call::CommitInTransaction { group, producer_id, producer_epoch, offsets, .. } => {
            let offset = |(partition, offset)| OffsetCommitPartition {
                partition,
                offset,
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            };
            TxnOffsetCommitRequest {
                transactional_id: format!("transaction-{}", producer_id.0),
                group,
                producer_id,
                producer_epoch,
                generation_or_member_epoch: -1,
                member: MemberId::default(),
                instance: None,
                partitions: offsets.into_iter().map(offset).collect(),
            }
            .into()
        }
        Call::EndTransaction { at, producer_id, producer_epoch, committed } => {
            let (coordinator_epoch, partitions) = (FIRST_COORDINATOR_EPOCH, vec![at]);
            let marker = TxnMarker { producer_id, producer_epoch, committed, coordinator_epoch, partitions };
            WriteTxnMarkersRequest { markers: vec![marker] }.into()
        }
        Call::DescribeQuorum => DescribeQuorumRequest.into(),
        Call::ListGroups { .. }
        | Call::DescribeGroup { .. }
        | Call::DeleteGroup { .. }
        | Call::DeleteOffsets { .. } => groups::request_of(call),
        Call::Send(_)
        | Call::SendAll(_)
        | Call::Flush
        | Call::Assign(_)
        | Call::Subscribe { .. }
        | Call::SubscribePattern { .. }
        | Call::Unsubscribe
        | Call::CommitSync
        | Call::CommitOffsets { .. }
        | Call::CommitAsync
        | Call::Pause(_)
        | Call::Resume(_)
        | Call::Work { .. }
        | Call::Poll { .. }
        | Call::Seek { .. }
        | Call::RefreshMetadata
        | Call::Warm { .. }
        | Call::Close
        | Call::End(_) => unreachable!("an administrator takes only calls that it understands"),
    }
}
