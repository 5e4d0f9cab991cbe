//! Kafka's error codes: the numbers that responses carry.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// An error code of the protocol (`org.apache.kafka.common.protocol.Errors`).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        #[repr(i16)]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl ErrorCode {
            /// The number on the wire.
            pub fn code(self) -> i16 {
                self as i16
            }

            /// The error with this number; [`ErrorCode::UnknownServerError`] for numbers that Trial does not know.
            pub fn from_code(code: i16) -> ErrorCode {
                match code {
                    $($code => ErrorCode::$name,)*
                    _ => ErrorCode::UnknownServerError,
                }
            }

            /// Kafka's spelling: `NOT_LEADER_OR_FOLLOWER`.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)* }
            }
        }
    };
}

error_codes! {
    /// Something unexpected failed on the server.
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR";
    /// No error.
    #[default]
    None = 0, "NONE";
    /// The offset lies outside the log.
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE";
    /// A batch failed its checksum or is malformed.
    CorruptMessage = 2, "CORRUPT_MESSAGE";
    /// The broker does not host, or does not know, the partition.
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION";
    /// The partition has no leader at present.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE";
    /// The broker is not the leader (or not a replica) of the partition.
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER";
    /// What was waited for did not happen in time.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT";
    /// The broker is not available.
    BrokerNotAvailable = 8, "BROKER_NOT_AVAILABLE";
    /// The replica is not available.
    ReplicaNotAvailable = 9, "REPLICA_NOT_AVAILABLE";
    /// A batch is larger than max.message.bytes.
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE";
    /// An offset's metadata is longer than offset.metadata.max.bytes.
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE";
    /// The connection broke before a response came.
    NetworkException = 13, "NETWORK_EXCEPTION";
    /// The coordinator is loading its state, or producer ids are on their way.
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS";
    /// The coordinator of the group or transactional id is not available.
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE";
    /// This broker does not coordinate the group or transactional id.
    NotCoordinator = 16, "NOT_COORDINATOR";
    /// The topic's name is not legal.
    InvalidTopicException = 17, "INVALID_TOPIC_EXCEPTION";
    /// The batches are larger than a segment.
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE";
    /// Fewer in-sync replicas than min.insync.replicas; nothing was appended.
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS";
    /// Appended, but the in-sync replicas shrank below min.insync.replicas meanwhile.
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND";
    /// acks is none of −1, 0, 1.
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS";
    /// The request is of another generation than the group.
    IllegalGeneration = 22, "ILLEGAL_GENERATION";
    /// The member has no protocol type or assignor in common with the others.
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL";
    /// The group id is not legal.
    InvalidGroupId = 24, "INVALID_GROUP_ID";
    /// The coordinator knows no such member.
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID";
    /// The session timeout lies outside what the broker allows.
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT";
    /// The group is rebalancing: the member must join again.
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS";
    /// The committed offsets do not fit into a record.
    InvalidCommitOffsetSize = 28, "INVALID_COMMIT_OFFSET_SIZE";
    /// A timestamp lies outside the accepted range.
    InvalidTimestamp = 32, "INVALID_TIMESTAMP";
    /// The version of the request is not supported.
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION";
    /// A topic of that name exists.
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS";
    /// The number of partitions is not legal.
    InvalidPartitions = 37, "INVALID_PARTITIONS";
    /// The replication factor is not legal or cannot be met.
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR";
    /// The replica assignment is not legal.
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT";
    /// A configuration value is not legal.
    InvalidConfig = 40, "INVALID_CONFIG";
    /// A limit that administrators set would be broken.
    PolicyViolation = 44, "POLICY_VIOLATION";
    /// This controller is not the active one.
    NotController = 41, "NOT_CONTROLLER";
    /// The request contradicts itself or the protocol.
    InvalidRequest = 42, "INVALID_REQUEST";
    /// The message format does not support the operation.
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    /// A producer's sequence number has a gap before it.
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER";
    /// A producer's sequence number was seen before (not sent by a 4.1 broker).
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER";
    /// A newer instance of the producer exists.
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH";
    /// The transaction is not in a state that allows this.
    InvalidTxnState = 48, "INVALID_TXN_STATE";
    /// The producer id does not belong to the transactional id.
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING";
    /// Another transition of the transaction is under way.
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS";
    /// A newer transaction coordinator exists.
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED";
    /// The broker did not even send the request on (never on the wire).
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED";
    /// The disk failed.
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR";
    /// The log directory does not exist.
    LogDirNotFound = 57, "LOG_DIR_NOT_FOUND";
    /// The broker holds no state for the producer id (not sent by a 4.1 broker).
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID";
    /// A reassignment of the partition is under way.
    ReassignmentInProgress = 60, "REASSIGNMENT_IN_PROGRESS";
    /// The group has members and cannot be deleted.
    NonEmptyGroup = 68, "NON_EMPTY_GROUP";
    /// There is no such group.
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND";
    /// The broker holds no fetch session of that id.
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND";
    /// The fetch session expects another epoch.
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH";
    /// The listener to connect to does not exist on the leader.
    ListenerNotFound = 72, "LISTENER_NOT_FOUND";
    /// The leader epoch in the request is older than the broker's.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH";
    /// The leader epoch in the request is newer than the broker's.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH";
    /// The compression codec is not supported.
    UnsupportedCompressionType = 76, "UNSUPPORTED_COMPRESSION_TYPE";
    /// The broker epoch is older than the registered one.
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH";
    /// The leader's high watermark has not caught up since its election.
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE";
    /// The member must join again with the id that it was given (KIP-394).
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED";
    /// The preferred leader is not available.
    PreferredLeaderNotAvailable = 80, "PREFERRED_LEADER_NOT_AVAILABLE";
    /// The group is full.
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED";
    /// Another member has taken over the static member's id (KIP-345).
    FencedInstanceId = 82, "FENCED_INSTANCE_ID";
    /// No replica may become leader.
    EligibleLeadersNotAvailable = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE";
    /// The partition already has the leader that was to be elected.
    ElectionNotNeeded = 84, "ELECTION_NOT_NEEDED";
    /// No reassignment of the partition is under way.
    NoReassignmentInProgress = 85, "NO_REASSIGNMENT_IN_PROGRESS";
    /// A member of the group is subscribed to the topic.
    GroupSubscribedToTopic = 86, "GROUP_SUBSCRIBED_TO_TOPIC";
    /// A record breaks the rules of the log.
    InvalidRecord = 87, "INVALID_RECORD";
    /// An open transaction has offsets of the partition (KIP-447).
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT";
    /// A newer instance of the transactional producer exists.
    ProducerFenced = 90, "PRODUCER_FENCED";
    /// The quorum voter set does not contain what the request names.
    InconsistentVoterSet = 94, "INCONSISTENT_VOTER_SET";
    /// The partition's registration has another version.
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION";
    /// Feature levels could not be changed.
    FeatureUpdateFailed = 96, "FEATURE_UPDATE_FAILED";
    /// No such snapshot.
    SnapshotNotFound = 98, "SNAPSHOT_NOT_FOUND";
    /// The position lies outside the snapshot.
    PositionOutOfRange = 99, "POSITION_OUT_OF_RANGE";
    /// No topic of that id.
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID";
    /// Another process of the same broker id holds a live session.
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION";
    /// The broker is not registered.
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED";
    /// Topic id and topic name do not belong together.
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID";
    /// The cluster ids differ.
    InconsistentClusterId = 104, "INCONSISTENT_CLUSTER_ID";
    /// The fetch session was made with another form of topic ids.
    FetchSessionTopicIdError = 106, "FETCH_SESSION_TOPIC_ID_ERROR";
    /// A proposed in-sync replica is fenced, shutting down or of another broker epoch.
    IneligibleReplica = 107, "INELIGIBLE_REPLICA";
    /// The change was made and brought a new leader with it.
    NewLeaderElected = 108, "NEW_LEADER_ELECTED";
    /// The member's epoch is not the coordinator's: it must join again (KIP-848).
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH";
    /// The static member's id is still in use (KIP-848).
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID";
    /// The coordinator does not have the assignor (KIP-848).
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR";
    /// The member's epoch is older than the coordinator's: it must ask again with the new one (KIP-848).
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH";
    /// A broker's registration contradicts itself or another one.
    InvalidRegistration = 119, "INVALID_REGISTRATION";
    /// The transaction must be aborted.
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE";
    /// The voter key is not this voter's.
    InvalidVoterKey = 125, "INVALID_VOTER_KEY";
    /// The voter is in the set already.
    DuplicateVoter = 126, "DUPLICATE_VOTER";
    /// The voter is not in the set.
    VoterNotFound = 127, "VOTER_NOT_FOUND";
    /// The regular expression cannot be compiled (KIP-848).
    InvalidRegularExpression = 128, "INVALID_REGULAR_EXPRESSION";
    /// The client should start again from its bootstrap servers.
    RebootstrapRequired = 129, "REBOOTSTRAP_REQUIRED";
}

impl ErrorCode {
    /// Whether this says that nothing went wrong.
    pub fn is_none(self) -> bool {
        self == ErrorCode::None
    }
}
