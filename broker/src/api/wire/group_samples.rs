//! Arbitrary requests and responses of the group family, for the tests of the wire.

use std::collections::BTreeSet;

use super::samples::Source;
use crate::ids::*;
use crate::message::*;

impl Source<'_> {
    fn group(&mut self) -> GroupId {
        GroupId::new(&self.text())
    }

    fn member(&mut self) -> MemberId {
        MemberId::new(&self.text())
    }

    fn instance(&mut self) -> Option<GroupInstanceId> {
        self.maybe(|s| GroupInstanceId::new(&s.text()))
    }

    fn partitions_by_topic(&mut self) -> PartitionsByTopic {
        self.list(|s| (s.topic_id(), s.list(Self::int).into_iter().collect::<BTreeSet<i32>>())).into_iter().collect()
    }

    fn described_assignment(&mut self) -> DescribedAssignment {
        let partitions = self.partitions_by_topic();
        let names = partitions.keys().map(|_| self.topic()).collect();
        DescribedAssignment { partitions, names }
    }

    pub(super) fn group_request(&mut self, api: Api) -> Request {
        match api {
            Api::FindCoordinator => FindCoordinatorRequest {
                kind: if self.flag() { CoordinatorKind::Transaction } else { CoordinatorKind::Group },
                keys: self.list(Self::text),
            }
            .into(),
            Api::JoinGroup => JoinGroupRequest {
                group: self.group(),
                session_timeout_ms: self.int(),
                rebalance_timeout_ms: self.int(),
                member: self.member(),
                instance: self.instance(),
                protocol_type: self.text(),
                protocols: self.list(|s| JoinGroupProtocol { name: s.text(), metadata: s.bytes() }),
                reason: self.maybe(Self::text),
            }
            .into(),
            Api::SyncGroup => SyncGroupRequest {
                group: self.group(),
                generation: self.int(),
                member: self.member(),
                instance: self.instance(),
                protocol_type: self.maybe(Self::text),
                protocol_name: self.maybe(Self::text),
                assignments: self.list(|s| (s.member(), s.bytes())),
            }
            .into(),
            Api::Heartbeat => HeartbeatRequest {
                group: self.group(),
                generation: self.int(),
                member: self.member(),
                instance: self.instance(),
            }
            .into(),
            Api::LeaveGroup => LeaveGroupRequest {
                group: self.group(),
                members: self.list(|s| LeavingMember {
                    member: s.member(),
                    instance: s.instance(),
                    reason: s.maybe(Self::text),
                }),
            }
            .into(),
            Api::ConsumerGroupHeartbeat => ConsumerGroupHeartbeatRequest {
                group: self.group(),
                member: self.member(),
                member_epoch: self.int(),
                instance: self.instance(),
                rack: self.maybe(Self::text),
                rebalance_timeout_ms: self.int(),
                subscribed_topic_names: self.maybe(|s| s.list(Self::text)),
                subscribed_topic_regex: self.maybe(Self::text),
                server_assignor: self.maybe(Self::text),
                owned: self.maybe(Self::partitions_by_topic),
            }
            .into(),
            _ => self.offsets_or_groups_request(api),
        }
    }

    fn offsets_or_groups_request(&mut self, api: Api) -> Request {
        match api {
            Api::OffsetCommit => OffsetCommitRequest {
                group: self.group(),
                generation_or_member_epoch: self.int(),
                member: self.member(),
                instance: self.instance(),
                retention_time_ms: self.long(),
                partitions: self.list(|s| OffsetCommitPartition {
                    partition: s.partition(),
                    offset: s.long(),
                    leader_epoch: s.leader_epoch(),
                    metadata: s.maybe(Self::text),
                }),
            }
            .into(),
            Api::OffsetFetch => OffsetFetchRequest {
                groups: self.list(|s| OffsetFetchGroup {
                    group: s.group(),
                    member: s.maybe(Self::member),
                    member_epoch: s.int(),
                    partitions: s.maybe(|s| s.list(Self::partition)),
                }),
                require_stable: self.flag(),
            }
            .into(),
            Api::TxnOffsetCommit => TxnOffsetCommitRequest {
                transactional_id: self.text(),
                group: self.group(),
                producer_id: ProducerId(self.long()),
                producer_epoch: ProducerEpoch(self.short()),
                generation_or_member_epoch: self.int(),
                member: self.member(),
                instance: self.instance(),
                partitions: self.list(|s| OffsetCommitPartition {
                    partition: s.partition(),
                    offset: s.long(),
                    leader_epoch: s.leader_epoch(),
                    metadata: s.maybe(Self::text),
                }),
            }
            .into(),
            Api::WriteTxnMarkers => WriteTxnMarkersRequest {
                markers: self.list(|s| TxnMarker {
                    producer_id: ProducerId(s.long()),
                    producer_epoch: ProducerEpoch(s.short()),
                    committed: s.flag(),
                    coordinator_epoch: s.int(),
                    partitions: s.list(Self::partition),
                }),
            }
            .into(),
            Api::OffsetDelete => {
                OffsetDeleteRequest { group: self.group(), partitions: self.list(Self::partition) }.into()
            }
            Api::ListGroups => ListGroupsRequest { states: self.list(Self::text), types: self.list(Self::text) }.into(),
            Api::DescribeGroups => DescribeGroupsRequest { groups: self.list(Self::group) }.into(),
            Api::ConsumerGroupDescribe => ConsumerGroupDescribeRequest { groups: self.list(Self::group) }.into(),
            Api::DeleteGroups => DeleteGroupsRequest { groups: self.list(Self::group) }.into(),
            other => panic!("{} is not said to group coordinators", other.name()),
        }
    }

    fn found_coordinator(&mut self) -> FoundCoordinator {
        FoundCoordinator {
            key: self.text(),
            error: self.error(),
            error_message: self.maybe(Self::text),
            node: self.maybe(|s| (NodeId(s.int().max(0)), s.endpoint())),
        }
    }

    pub(super) fn group_response(&mut self, api: Api) -> Response {
        match api {
            Api::FindCoordinator => FindCoordinatorResponse { coordinators: self.list(Self::found_coordinator) }.into(),
            Api::JoinGroup => JoinGroupResponse {
                error: self.error(),
                generation: self.int(),
                protocol_type: self.maybe(Self::text),
                protocol_name: self.maybe(Self::text),
                leader: self.member(),
                skip_assignment: self.flag(),
                member: self.member(),
                members: self.list(|s| JoinGroupMember {
                    member: s.member(),
                    instance: s.instance(),
                    metadata: s.bytes(),
                }),
            }
            .into(),
            Api::SyncGroup => SyncGroupResponse {
                error: self.error(),
                protocol_type: self.maybe(Self::text),
                protocol_name: self.maybe(Self::text),
                assignment: self.bytes(),
            }
            .into(),
            Api::Heartbeat => HeartbeatResponse { error: self.error() }.into(),
            Api::LeaveGroup => LeaveGroupResponse {
                error: self.error(),
                members: self.list(|s| LeavingMemberResponse {
                    member: s.member(),
                    instance: s.instance(),
                    error: s.error(),
                }),
            }
            .into(),
            Api::ConsumerGroupHeartbeat => ConsumerGroupHeartbeatResponse {
                error: self.error(),
                error_message: self.maybe(Self::text),
                member: self.maybe(Self::member),
                member_epoch: self.int(),
                heartbeat_interval_ms: self.int(),
                assignment: self.maybe(Self::partitions_by_topic),
            }
            .into(),
            _ => self.offsets_or_groups_response(api),
        }
    }

    fn offsets_or_groups_response(&mut self, api: Api) -> Response {
        match api {
            Api::OffsetCommit => OffsetCommitResponse { partitions: self.list(|s| (s.partition(), s.error())) }.into(),
            Api::OffsetFetch => OffsetFetchResponse { groups: self.list(Self::offset_fetch_group_response) }.into(),
            Api::TxnOffsetCommit => {
                TxnOffsetCommitResponse { partitions: self.list(|s| (s.partition(), s.error())) }.into()
            }
            Api::WriteTxnMarkers => WriteTxnMarkersResponse {
                markers: self.list(|s| (ProducerId(s.long()), s.list(|s| (s.partition(), s.error())))),
            }
            .into(),
            Api::OffsetDelete => {
                OffsetDeleteResponse { error: self.error(), partitions: self.list(|s| (s.partition(), s.error())) }
                    .into()
            }
            Api::ListGroups => ListGroupsResponse {
                error: self.error(),
                groups: self.list(|s| ListedGroup {
                    group: s.group(),
                    protocol_type: s.text(),
                    state: s.text(),
                    group_type: s.text(),
                }),
            }
            .into(),
            Api::DescribeGroups => DescribeGroupsResponse { groups: self.list(Self::described_group) }.into(),
            Api::ConsumerGroupDescribe => {
                ConsumerGroupDescribeResponse { groups: self.list(Self::described_consumer_group) }.into()
            }
            Api::DeleteGroups => DeleteGroupsResponse { results: self.list(|s| (s.group(), s.error())) }.into(),
            other => panic!("{} is not said to group coordinators", other.name()),
        }
    }

    fn offset_fetch_group_response(&mut self) -> OffsetFetchGroupResponse {
        OffsetFetchGroupResponse {
            group: self.group(),
            error: self.error(),
            partitions: self.list(|s| OffsetFetchPartitionResponse {
                partition: s.partition(),
                error: s.error(),
                offset: s.long(),
                leader_epoch: s.leader_epoch(),
                metadata: s.text(),
            }),
        }
    }

    fn described_group(&mut self) -> DescribedGroup {
        DescribedGroup {
            error: self.error(),
            error_message: self.maybe(Self::text),
            group: self.group(),
            state: self.text(),
            protocol_type: self.text(),
            protocol: self.text(),
            members: self.list(|s| DescribedGroupMember {
                member: s.member(),
                instance: s.instance(),
                client_id: s.text(),
                client_host: s.text(),
                metadata: s.bytes(),
                assignment: s.bytes(),
            }),
        }
    }

    fn described_consumer_group(&mut self) -> DescribedConsumerGroup {
        DescribedConsumerGroup {
            error: self.error(),
            error_message: self.maybe(Self::text),
            group: self.group(),
            state: self.text(),
            group_epoch: self.int(),
            assignment_epoch: self.int(),
            assignor: self.text(),
            members: self.list(|s| DescribedConsumerGroupMember {
                member: s.member(),
                instance: s.instance(),
                rack: s.maybe(Self::text),
                member_epoch: s.int(),
                client_id: s.text(),
                client_host: s.text(),
                subscribed_topic_names: s.list(Self::text),
                subscribed_topic_regex: s.maybe(Self::text),
                assignment: s.described_assignment(),
                target_assignment: s.described_assignment(),
                member_type: if s.flag() { 1 } else { 0 },
            }),
        }
    }
}
