//! Arbitrary plain values, made from a string of bytes that proptest draws and shrinks:
//! when it runs out, everything is zero or empty.

use bytes::Bytes;
use uuid::Uuid;

use crate::ids::*;
use crate::message::*;
use crate::name::Name;

pub(super) struct Source<'a> {
    entropy: std::slice::Iter<'a, u8>,
}

impl<'a> Source<'a> {
    pub(super) fn new(entropy: &'a [u8]) -> Self {
        Source { entropy: entropy.iter() }
    }

    fn byte(&mut self) -> u8 {
        self.entropy.next().copied().unwrap_or(0)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Small numbers mostly, extremes sometimes.
    pub(super) fn long(&mut self) -> i64 {
        match self.byte() {
            255 => i64::MAX,
            254 => i64::MIN,
            253 => -1,
            252 => i64::from(u32::MAX) + 1,
            small => i64::from(small),
        }
    }

    pub(super) fn int(&mut self) -> i32 {
        match self.byte() {
            255 => i32::MAX,
            254 => i32::MIN,
            253 => -1,
            small => i32::from(small),
        }
    }

    pub(super) fn short(&mut self) -> i16 {
        match self.byte() {
            255 => i16::MAX,
            254 => i16::MIN,
            253 => -1,
            small => i16::from(small),
        }
    }

    pub(super) fn text(&mut self) -> String {
        let length = self.byte() % 6;
        (0..length).map(|_| char::from(b'a' + self.byte() % 26)).chain((length == 5).then_some('é')).collect()
    }

    fn uuid(&mut self) -> Uuid {
        match self.byte() {
            255 => Uuid::from_u128(u128::MAX),
            small => Uuid::from_u128(u128::from(small) << (small % 120)),
        }
    }

    pub(super) fn bytes(&mut self) -> Bytes {
        let length = self.byte() % 10;
        (0..length).map(|_| self.byte()).collect()
    }

    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.byte() % 4;
        (0..length).map(|_| item(self)).collect()
    }

    pub(super) fn maybe<T>(&mut self, item: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| item(self))
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.int())
    }

    pub(super) fn leader_epoch(&mut self) -> LeaderEpoch {
        LeaderEpoch(self.int())
    }

    fn broker_epoch(&mut self) -> BrokerEpoch {
        BrokerEpoch(self.long())
    }

    pub(super) fn topic(&mut self) -> TopicName {
        TopicName::new(["orders", "payments", ""][usize::from(self.byte() % 3)])
    }

    pub(super) fn topic_id(&mut self) -> TopicId {
        TopicId(self.uuid())
    }

    pub(super) fn partition(&mut self) -> TopicPartition {
        TopicPartition { topic: self.topic(), partition: self.int() }
    }

    fn directory(&mut self) -> DirectoryId {
        DirectoryId(self.uuid())
    }

    fn cluster(&mut self) -> ClusterId {
        ClusterId(self.uuid())
    }

    fn replica(&mut self) -> ReplicaKey {
        ReplicaKey { id: self.node(), directory_id: self.directory() }
    }

    pub(super) fn endpoint(&mut self) -> Endpoint {
        let host = Name::new(&self.text());
        Endpoint { host, port: u16::from(self.byte()) * 257 }
    }

    fn node_endpoint(&mut self) -> NodeEndpoint {
        NodeEndpoint { node: self.node(), endpoint: self.endpoint(), rack: self.maybe(Self::text) }
    }

    /// The quorum's answers carry no racks.
    fn quorum_endpoint(&mut self) -> NodeEndpoint {
        NodeEndpoint { rack: None, ..self.node_endpoint() }
    }

    /// A hint that says nothing (no leader, no epoch) is the same on the wire as no hint.
    fn hint(&mut self) -> Option<LeaderHint> {
        let hint = LeaderHint { leader: self.node(), epoch: self.leader_epoch() };
        self.flag().then_some(hint).filter(|hint| hint.leader.is_some() || hint.epoch.is_some())
    }

    pub(super) fn error(&mut self) -> ErrorCode {
        // Codes that Trial does not know read as UNKNOWN_SERVER_ERROR.
        ErrorCode::from_code(i16::from(self.byte()))
    }

    /// An error of a quorum partition: those of the whole request have a test of their own.
    fn quorum_error(&mut self) -> ErrorCode {
        match self.error() {
            ErrorCode::InconsistentClusterId | ErrorCode::UnsupportedVersion => ErrorCode::None,
            other => other,
        }
    }

    fn isolation(&mut self) -> IsolationLevel {
        if self.flag() { IsolationLevel::ReadCommitted } else { IsolationLevel::ReadUncommitted }
    }

    fn nodes(&mut self) -> Vec<NodeId> {
        self.list(Self::node)
    }

    fn features(&mut self) -> Vec<(String, i16, i16)> {
        self.list(|s| (s.text(), s.short(), s.short()))
    }

    fn recovery(&mut self) -> LeaderRecoveryState {
        if self.flag() { LeaderRecoveryState::Recovering } else { LeaderRecoveryState::Recovered }
    }

    fn config_resource(&mut self) -> ConfigResource {
        match self.byte() % 4 {
            0 => ConfigResource::Topic(self.topic()),
            1 => ConfigResource::Broker(self.node()),
            2 => ConfigResource::Group(GroupId::new(&self.text())),
            _ => ConfigResource::Cluster,
        }
    }

    pub(super) fn request(&mut self, api: Api) -> Request {
        match api {
            Api::Produce => ProduceRequest {
                transactional_id: self.maybe(Self::text),
                acks: [Acks::None, Acks::Leader, Acks::All][usize::from(self.byte() % 3)],
                timeout_ms: self.int(),
                partitions: self.list(|s| ProducePartition {
                    topic_id: s.topic_id(),
                    topic: s.topic(),
                    partition: s.int(),
                    records: s.bytes(),
                }),
            }
            .into(),
            Api::Fetch => self.fetch_request().into(),
            Api::ListOffsets => ListOffsetsRequest {
                replica_id: self.node(),
                isolation: self.isolation(),
                partitions: self.list(|s| ListOffsetsPartition {
                    partition: s.partition(),
                    current_leader_epoch: s.leader_epoch(),
                    spec: match s.byte() % 4 {
                        0 => OffsetSpec::Latest,
                        1 => OffsetSpec::Earliest,
                        2 => OffsetSpec::MaxTimestamp,
                        _ => OffsetSpec::AtTimestamp(s.long().max(0)),
                    },
                }),
            }
            .into(),
            Api::DeleteRecords => {
                DeleteRecordsRequest { partitions: self.list(|s| (s.partition(), s.long())), timeout_ms: self.int() }
                    .into()
            }
            Api::Metadata => {
                MetadataRequest { topics: self.maybe(|s| s.list(Self::topic)), allow_auto_topic_creation: self.flag() }
                    .into()
            }
            Api::OffsetCommit
            | Api::OffsetFetch
            | Api::FindCoordinator
            | Api::JoinGroup
            | Api::Heartbeat
            | Api::LeaveGroup
            | Api::SyncGroup
            | Api::DescribeGroups
            | Api::ListGroups
            | Api::DeleteGroups
            | Api::OffsetDelete
            | Api::TxnOffsetCommit
            | Api::WriteTxnMarkers
            | Api::ConsumerGroupHeartbeat
            | Api::ConsumerGroupDescribe => self.group_request(api),
            Api::ApiVersions => {
                ApiVersionsRequest { client_software_name: self.text(), client_software_version: self.text() }.into()
            }
            Api::InitProducerId => InitProducerIdRequest {
                transactional_id: self.maybe(Self::text),
                transaction_timeout_ms: self.int(),
                producer_id: ProducerId(self.long()),
                producer_epoch: ProducerEpoch(self.short()),
            }
            .into(),
            Api::OffsetForLeaderEpoch => OffsetForLeaderEpochRequest {
                // Other negative ids mean "a consumer" too, and read as −1.
                replica_id: NodeId(self.int().max(-1)),
                partitions: self.list(|s| OffsetForLeaderEpochPartition {
                    partition: s.partition(),
                    current_leader_epoch: s.leader_epoch(),
                    leader_epoch: s.leader_epoch(),
                }),
            }
            .into(),
            Api::CreateTopics
            | Api::DeleteTopics
            | Api::CreatePartitions
            | Api::ElectLeaders
            | Api::IncrementalAlterConfigs
            | Api::AlterPartitionReassignments => self.admin_request(api),
            Api::Vote | Api::BeginQuorumEpoch | Api::EndQuorumEpoch | Api::DescribeQuorum | Api::FetchSnapshot => {
                self.quorum_request(api)
            }
            Api::AlterPartition
            | Api::BrokerRegistration
            | Api::BrokerHeartbeat
            | Api::AllocateProducerIds
            | Api::ControllerRegistration => self.controller_request(api),
        }
    }

    fn fetch_request(&mut self) -> FetchRequest {
        FetchRequest {
            cluster_id: self.maybe(Self::cluster),
            replica_id: self.node(),
            replica_epoch: self.broker_epoch(),
            max_wait_ms: self.int(),
            min_bytes: self.int(),
            max_bytes: self.int(),
            isolation: self.isolation(),
            session_id: self.int(),
            session_epoch: self.int(),
            by_name: false,
            partitions: self.list(|s| FetchPartition {
                topic_id: s.topic_id(),
                topic: s.topic(),
                partition: s.int(),
                current_leader_epoch: s.leader_epoch(),
                fetch_offset: s.long(),
                last_fetched_epoch: s.leader_epoch(),
                log_start_offset: s.long(),
                max_bytes: s.int(),
                replica_directory_id: s.directory(),
                // Long.MAX is the field's default, which reads as "not said".
                high_watermark: s.maybe(|s| s.long().min(i64::MAX - 1)),
            }),
            forgotten: self.list(|s| FetchKey { topic_id: s.topic_id(), topic: s.topic(), partition: s.int() }),
            rack_id: self.text(),
        }
    }

    fn admin_request(&mut self, api: Api) -> Request {
        match api {
            Api::CreateTopics => CreateTopicsRequest {
                topics: self.list(|s| CreatableTopic {
                    name: s.topic(),
                    num_partitions: s.int(),
                    replication_factor: s.short(),
                    assignments: s.list(Self::nodes),
                    configs: s.list(|s| (s.text(), s.text())),
                }),
                timeout_ms: self.int(),
                validate_only: self.flag(),
            }
            .into(),
            Api::DeleteTopics => DeleteTopicsRequest { topics: self.list(Self::topic), timeout_ms: self.int() }.into(),
            Api::CreatePartitions => CreatePartitionsRequest {
                topics: self.list(|s| CreatePartitionsTopic {
                    name: s.topic(),
                    count: s.int(),
                    assignments: s.list(Self::nodes),
                }),
                timeout_ms: self.int(),
                validate_only: self.flag(),
            }
            .into(),
            Api::ElectLeaders => ElectLeadersRequest {
                election_type: if self.flag() { ElectionType::Unclean } else { ElectionType::Preferred },
                partitions: self.maybe(|s| s.list(Self::partition)),
                timeout_ms: self.int(),
            }
            .into(),
            Api::IncrementalAlterConfigs => IncrementalAlterConfigsRequest {
                resources: self.list(|s| (s.config_resource(), s.list(|s| (s.text(), s.maybe(Self::text))))),
                validate_only: self.flag(),
            }
            .into(),
            Api::AlterPartitionReassignments => AlterPartitionReassignmentsRequest {
                partitions: self.list(|s| (s.partition(), s.maybe(Self::nodes))),
                timeout_ms: self.int(),
            }
            .into(),
            other => panic!("{} is no administrator's API", other.name()),
        }
    }

    fn quorum_request(&mut self, api: Api) -> Request {
        match api {
            Api::Vote => VoteRequest {
                cluster_id: self.maybe(Self::cluster),
                voter: self.replica(),
                candidate: self.replica(),
                epoch: self.leader_epoch(),
                last_epoch: self.leader_epoch(),
                last_epoch_end_offset: self.long(),
                pre_vote: self.flag(),
            }
            .into(),
            Api::BeginQuorumEpoch => BeginQuorumEpochRequest {
                cluster_id: self.maybe(Self::cluster),
                voter: self.replica(),
                leader: self.node(),
                epoch: self.leader_epoch(),
                leader_endpoint: self.maybe(Self::endpoint),
            }
            .into(),
            Api::EndQuorumEpoch => EndQuorumEpochRequest {
                cluster_id: self.maybe(Self::cluster),
                leader: self.node(),
                epoch: self.leader_epoch(),
                preferred_candidates: self.list(Self::replica),
                leader_endpoint: self.maybe(Self::endpoint),
            }
            .into(),
            Api::DescribeQuorum => DescribeQuorumRequest.into(),
            Api::FetchSnapshot => FetchSnapshotRequest {
                cluster_id: self.maybe(Self::cluster),
                replica: self.replica(),
                current_leader_epoch: self.leader_epoch(),
                snapshot_id: SnapshotId { end_offset: self.long(), epoch: self.leader_epoch() },
                position: self.long(),
                max_bytes: self.int(),
            }
            .into(),
            other => panic!("{} is no API of the quorum", other.name()),
        }
    }

    fn controller_request(&mut self, api: Api) -> Request {
        match api {
            Api::AlterPartition => AlterPartitionRequest {
                broker: self.node(),
                broker_epoch: self.broker_epoch(),
                partitions: self.list(|s| AlterPartitionProposal {
                    topic_id: s.topic_id(),
                    partition: s.int(),
                    leader_epoch: s.leader_epoch(),
                    new_isr: s.list(|s| (s.node(), s.broker_epoch())),
                    leader_recovery_state: s.recovery(),
                    partition_epoch: PartitionEpoch(s.int()),
                }),
            }
            .into(),
            Api::BrokerRegistration => BrokerRegistrationRequest {
                broker: self.node(),
                cluster_id: self.cluster(),
                incarnation_id: IncarnationId(self.uuid()),
                listeners: self.list(Self::endpoint),
                features: self.features(),
                rack: self.maybe(Self::text),
                log_directories: self.list(Self::directory),
                previous_broker_epoch: self.broker_epoch(),
            }
            .into(),
            Api::BrokerHeartbeat => BrokerHeartbeatRequest {
                broker: self.node(),
                broker_epoch: self.broker_epoch(),
                current_metadata_offset: self.long(),
                want_fence: self.flag(),
                want_shut_down: self.flag(),
                offline_log_directories: self.list(Self::directory),
            }
            .into(),
            Api::AllocateProducerIds => {
                AllocateProducerIdsRequest { broker: self.node(), broker_epoch: self.broker_epoch() }.into()
            }
            Api::ControllerRegistration => ControllerRegistrationRequest {
                controller: self.node(),
                incarnation_id: IncarnationId(self.uuid()),
                listeners: self.list(Self::endpoint),
                features: self.features(),
            }
            .into(),
            other => panic!("{} is not said to controllers", other.name()),
        }
    }

    pub(super) fn response(&mut self, api: Api) -> Response {
        match api {
            Api::Produce => ProduceResponse {
                partitions: self.list(|s| ProducePartitionResponse {
                    topic_id: s.topic_id(),
                    topic: s.topic(),
                    partition: s.int(),
                    error: s.error(),
                    base_offset: s.long(),
                    log_append_time_ms: s.long(),
                    log_start_offset: s.long(),
                    current_leader: s.hint(),
                }),
                node_endpoints: self.list(Self::node_endpoint),
            }
            .into(),
            Api::Fetch => self.fetch_response().into(),
            Api::ListOffsets => ListOffsetsResponse {
                partitions: self.list(|s| ListOffsetsPartitionResponse {
                    partition: s.partition(),
                    error: s.error(),
                    timestamp: s.long(),
                    offset: s.long(),
                    leader_epoch: s.leader_epoch(),
                }),
            }
            .into(),
            Api::DeleteRecords => DeleteRecordsResponse {
                partitions: self.list(|s| DeleteRecordsPartitionResponse {
                    partition: s.partition(),
                    low_watermark: s.long(),
                    error: s.error(),
                }),
            }
            .into(),
            Api::Metadata => self.metadata_response().into(),
            Api::OffsetCommit
            | Api::OffsetFetch
            | Api::FindCoordinator
            | Api::JoinGroup
            | Api::Heartbeat
            | Api::LeaveGroup
            | Api::SyncGroup
            | Api::DescribeGroups
            | Api::ListGroups
            | Api::DeleteGroups
            | Api::OffsetDelete
            | Api::TxnOffsetCommit
            | Api::WriteTxnMarkers
            | Api::ConsumerGroupHeartbeat
            | Api::ConsumerGroupDescribe => self.group_response(api),
            Api::ApiVersions => ApiVersionsResponse {
                error: self.error(),
                api_keys: self.list(|s| (s.short(), s.short(), s.short())),
                finalized_features: self.list(|s| (s.text(), s.short())),
                finalized_features_epoch: self.long(),
                supported_features: self.features(),
            }
            .into(),
            Api::InitProducerId => InitProducerIdResponse {
                error: self.error(),
                producer_id: ProducerId(self.long()),
                producer_epoch: ProducerEpoch(self.short()),
            }
            .into(),
            Api::OffsetForLeaderEpoch => OffsetForLeaderEpochResponse {
                partitions: self.list(|s| OffsetForLeaderEpochPartitionResponse {
                    partition: s.partition(),
                    error: s.error(),
                    leader_epoch: s.leader_epoch(),
                    end_offset: s.long(),
                }),
            }
            .into(),
            Api::CreateTopics
            | Api::DeleteTopics
            | Api::CreatePartitions
            | Api::ElectLeaders
            | Api::IncrementalAlterConfigs
            | Api::AlterPartitionReassignments => self.admin_response(api),
            Api::Vote | Api::BeginQuorumEpoch | Api::EndQuorumEpoch | Api::DescribeQuorum | Api::FetchSnapshot => {
                self.quorum_response(api)
            }
            Api::AlterPartition
            | Api::BrokerRegistration
            | Api::BrokerHeartbeat
            | Api::AllocateProducerIds
            | Api::ControllerRegistration => self.controller_response(api),
        }
    }

    fn fetch_response(&mut self) -> FetchResponse {
        FetchResponse {
            error: self.error(),
            session_id: self.int(),
            partitions: self.list(|s| FetchPartitionResponse {
                topic_id: s.topic_id(),
                topic: s.topic(),
                partition: s.int(),
                error: s.error(),
                high_watermark: s.long(),
                last_stable_offset: s.long(),
                log_start_offset: s.long(),
                // "Unknown, unknown" is the wire's way to leave these out.
                diverging_epoch: s
                    .maybe(|s| EpochEndOffset { epoch: s.leader_epoch(), end_offset: s.long() })
                    .filter(|diverging| diverging.epoch.is_some() || diverging.end_offset != -1),
                current_leader: s.hint(),
                snapshot_id: s
                    .maybe(|s| SnapshotId { end_offset: s.long(), epoch: s.leader_epoch() })
                    .filter(|snapshot| snapshot.epoch.is_some() || snapshot.end_offset != -1),
                aborted_transactions: s
                    .list(|s| AbortedTransaction { producer_id: ProducerId(s.long()), first_offset: s.long() }),
                preferred_read_replica: s.node(),
                records: s.bytes(),
            }),
            node_endpoints: self.list(Self::node_endpoint),
        }
    }

    fn metadata_response(&mut self) -> MetadataResponse {
        MetadataResponse {
            error: self.error(),
            brokers: self.list(Self::node_endpoint),
            controller_id: self.node(),
            topics: self.list(|s| MetadataTopic {
                error: s.error(),
                name: s.topic(),
                topic_id: s.topic_id(),
                partitions: s.list(|s| MetadataPartition {
                    error: s.error(),
                    partition: s.int(),
                    leader: s.node(),
                    leader_epoch: s.leader_epoch(),
                    replicas: s.nodes(),
                    isr: s.nodes(),
                    offline_replicas: s.nodes(),
                }),
            }),
        }
    }

    fn admin_response(&mut self, api: Api) -> Response {
        match api {
            Api::CreateTopics => CreateTopicsResponse {
                topics: self.list(|s| CreatableTopicResult {
                    name: s.topic(),
                    topic_id: s.topic_id(),
                    error: s.error(),
                    error_message: s.maybe(Self::text),
                    num_partitions: s.int(),
                    replication_factor: s.short(),
                }),
            }
            .into(),
            Api::DeleteTopics => {
                DeleteTopicsResponse { topics: self.list(|s| (s.topic(), s.topic_id(), s.error())) }.into()
            }
            Api::CreatePartitions => {
                CreatePartitionsResponse { topics: self.list(|s| (s.topic(), s.error(), s.maybe(Self::text))) }.into()
            }
            Api::ElectLeaders => {
                ElectLeadersResponse { error: self.error(), partitions: self.list(|s| (s.partition(), s.error())) }
                    .into()
            }
            Api::IncrementalAlterConfigs => IncrementalAlterConfigsResponse {
                resources: self.list(|s| (s.config_resource(), s.error(), s.maybe(Self::text))),
            }
            .into(),
            Api::AlterPartitionReassignments => AlterPartitionReassignmentsResponse {
                error: self.error(),
                partitions: self.list(|s| (s.partition(), s.error(), s.maybe(Self::text))),
            }
            .into(),
            other => panic!("{} is no administrator's API", other.name()),
        }
    }

    fn quorum_response(&mut self, api: Api) -> Response {
        match api {
            Api::Vote => VoteResponse {
                error: self.quorum_error(),
                leader: self.node(),
                epoch: self.leader_epoch(),
                vote_granted: self.flag(),
                leader_endpoint: self.maybe(Self::quorum_endpoint),
            }
            .into(),
            Api::BeginQuorumEpoch => BeginQuorumEpochResponse {
                error: self.quorum_error(),
                leader: self.node(),
                epoch: self.leader_epoch(),
                leader_endpoint: self.maybe(Self::quorum_endpoint),
            }
            .into(),
            Api::EndQuorumEpoch => EndQuorumEpochResponse {
                error: self.quorum_error(),
                leader: self.node(),
                epoch: self.leader_epoch(),
                leader_endpoint: self.maybe(Self::quorum_endpoint),
            }
            .into(),
            Api::DescribeQuorum => DescribeQuorumResponse {
                error: self.quorum_error(),
                leader: self.node(),
                epoch: self.leader_epoch(),
                high_watermark: self.long(),
                voters: self.list(Self::quorum_replica),
                observers: self.list(Self::quorum_replica),
            }
            .into(),
            Api::FetchSnapshot => FetchSnapshotResponse {
                error: self.quorum_error(),
                snapshot_id: SnapshotId { end_offset: self.long(), epoch: self.leader_epoch() },
                leader: self.node(),
                epoch: self.leader_epoch(),
                size: self.long(),
                position: self.long(),
                bytes: self.bytes(),
                leader_endpoint: self.maybe(Self::quorum_endpoint),
            }
            .into(),
            other => panic!("{} is no API of the quorum", other.name()),
        }
    }

    fn quorum_replica(&mut self) -> QuorumReplica {
        QuorumReplica {
            replica: self.replica(),
            log_end_offset: self.long(),
            last_fetch_timestamp: self.long(),
            last_caught_up_timestamp: self.long(),
        }
    }

    fn controller_response(&mut self, api: Api) -> Response {
        match api {
            Api::AlterPartition => AlterPartitionResponse {
                error: self.error(),
                partitions: self.list(|s| AlterPartitionResult {
                    topic_id: s.topic_id(),
                    partition: s.int(),
                    error: s.error(),
                    leader: s.node(),
                    leader_epoch: s.leader_epoch(),
                    isr: s.nodes(),
                    leader_recovery_state: s.recovery(),
                    partition_epoch: PartitionEpoch(s.int()),
                }),
            }
            .into(),
            Api::BrokerRegistration => {
                BrokerRegistrationResponse { error: self.error(), broker_epoch: self.broker_epoch() }.into()
            }
            Api::BrokerHeartbeat => BrokerHeartbeatResponse {
                error: self.error(),
                is_caught_up: self.flag(),
                is_fenced: self.flag(),
                should_shut_down: self.flag(),
            }
            .into(),
            Api::AllocateProducerIds => AllocateProducerIdsResponse {
                error: self.error(),
                producer_id_start: ProducerId(self.long()),
                producer_id_len: self.int(),
            }
            .into(),
            Api::ControllerRegistration => ControllerRegistrationResponse { error: self.error() }.into(),
            other => panic!("{} is not said to controllers", other.name()),
        }
    }
}
