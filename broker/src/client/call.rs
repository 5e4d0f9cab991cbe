//! What a person asks of a client machine, and what they get to hear.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{GroupDescription, GroupListing};
use crate::context::Context;
use crate::effects::Output;
use crate::event::{ContentFact, RecordFact};
use crate::ids::{GroupId, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Ticket, TopicPartition};
use crate::message::{ConfigResource, ElectionType, ErrorCode};

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProducerRecord {
    /// The topic's name.
    pub topic: String,
    /// The partition, if the caller chooses it.
    pub partition: Option<i32>,
    /// The key, which chooses the partition otherwise.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
}

impl ProducerRecord {
    /// A record without a key: the producer's sticky partitioner chooses where it goes.
    pub fn new(topic: &str, value: impl Into<Bytes>) -> Self {
        ProducerRecord { topic: topic.to_owned(), partition: None, key: None, value: Some(value.into()) }
    }

    /// The same with a key, which chooses the partition.
    #[must_use]
    pub fn with_key(self, key: impl Into<Bytes>) -> Self {
        ProducerRecord { key: Some(key.into()), ..self }
    }

    /// What it holds, as events tell it.
    pub fn content(&self) -> ContentFact {
        ContentFact::of(self.key.as_deref(), self.value.as_deref())
    }

    /// The same for a partition that the caller chooses.
    #[must_use]
    pub fn to_partition(self, partition: i32) -> Self {
        ProducerRecord { partition: Some(partition), ..self }
    }
}

/// Topic and value.
impl<V: Into<Bytes>> From<(&str, V)> for ProducerRecord {
    fn from((topic, value): (&str, V)) -> Self {
        ProducerRecord::new(topic, value)
    }
}

/// Topic, key and value.
impl<K: Into<Bytes>, V: Into<Bytes>> From<(&str, K, V)> for ProducerRecord {
    fn from((topic, key, value): (&str, K, V)) -> Self {
        ProducerRecord::new(topic, value).with_key(key)
    }
}

/// How a consumer closes (`CloseOptions`, KIP-1092).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CloseOptions {
    /// For how long it tries, in milliseconds; 30 s unless said. Never longer than `request.timeout.ms`.
    pub timeout_ms: Option<u64>,
    /// What becomes of its membership.
    pub membership: GroupMembershipOperation,
}

/// What becomes of a membership when its consumer closes (`CloseOptions.GroupMembershipOperation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupMembershipOperation {
    /// Dynamic members leave, static ones remain.
    #[default]
    Default,
    /// It leaves the group, a static member too.
    LeaveGroup,
    /// It says nothing; of the KIP-848 protocol static members still say that they come back.
    RemainInGroup,
}

/// One call of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// `Producer.send`: resolved when the record is acknowledged or given up.
    Send(ProducerRecord),
    /// Several `Producer.send` before the sender's thread runs, so that they can share a batch. Record n is resolved
    /// by the call's ticket + n, as if each had been sent by a call of its own.
    SendAll(Vec<ProducerRecord>),
    /// `Producer.flush`: send everything now; resolved when nothing is left unsent.
    Flush,
    /// `Consumer.assign`: read these partitions.
    Assign(Vec<TopicPartition>),
    /// `Consumer.subscribe`: read these topics, as the group decides.
    Subscribe {
        /// The topics; none to unsubscribe.
        topics: Vec<String>,
    },
    /// `Consumer.subscribe` with a pattern: read the topics whose whole name it matches, as the group decides.
    SubscribePattern {
        /// The pattern; Java's and RE2's dialects are one here, that of the crate regex.
        pattern: String,
        /// Whether the coordinator matches it (`SubscriptionPattern`, KIP-848), not the consumer (`java.util.regex.Pattern`).
        on_server: bool,
    },
    /// `Consumer.unsubscribe`: read nothing, and leave the group.
    Unsubscribe,
    /// `Consumer.commitSync` of the positions: resolved when they are committed.
    CommitSync,
    /// `Consumer.commitSync` of offsets that the application chose, each the next one to read: resolved when they are committed.
    CommitOffsets {
        /// The offsets.
        offsets: Vec<(TopicPartition, Offset)>,
        /// What is remembered beside each of them; mostly nothing.
        metadata: String,
    },
    /// `Consumer.commitAsync` of the positions: sent once; resolved when its callback would be called.
    CommitAsync,
    /// `Consumer.pause`: no records of these partitions.
    Pause(Vec<TopicPartition>),
    /// `Consumer.resume`: records of these partitions again.
    Resume(Vec<TopicPartition>),
    /// The application of a consumer that polls by itself works on a record for so long from now on.
    Work {
        /// For how long, in milliseconds.
        per_record_ms: u64,
    },
    /// `Consumer.poll`: records, as soon as there are any, or none after the time given.
    Poll {
        /// How long to wait, in milliseconds.
        timeout_ms: u64,
    },
    /// `Consumer.seek`.
    Seek {
        /// Which partition.
        partition: TopicPartition,
        /// To which offset.
        offset: Offset,
    },
    /// `Admin.createTopics`.
    CreateTopic {
        /// Its name.
        name: String,
        /// How many partitions, if `replicas` does not say.
        partitions: i32,
        /// How many replicas, if `replicas` does not say.
        replication_factor: i16,
        /// Replicas by partition; empty to let the controller place them.
        replicas: Vec<Vec<NodeId>>,
        /// Overrides.
        configs: BTreeMap<String, String>,
    },
    /// `Admin.deleteTopics`.
    DeleteTopic {
        /// Its name.
        name: String,
    },
    /// `Admin.createPartitions`.
    CreatePartitions {
        /// The topic's name.
        topic: String,
        /// How many partitions it shall have.
        count: i32,
        /// Replicas of the new partitions; empty to let the controller place them.
        replicas: Vec<Vec<NodeId>>,
    },
    /// `Admin.incrementalAlterConfigs`.
    AlterConfig {
        /// Of what.
        resource: ConfigResource,
        /// Values to set; none removes an override.
        values: Vec<(String, Option<String>)>,
    },
    /// `Admin.electLeaders`.
    ElectLeaders {
        /// How.
        election_type: ElectionType,
        /// Which partitions; none for all.
        partitions: Option<Vec<TopicPartition>>,
    },
    /// `Admin.alterPartitionReassignments`.
    Reassign {
        /// Which partition.
        partition: TopicPartition,
        /// Its new replicas; none cancels.
        replicas: Option<Vec<NodeId>>,
    },
    /// `Admin.deleteRecords`: the partition shall start there.
    DeleteRecords {
        /// Which partition.
        partition: TopicPartition,
        /// Its new log start; none for the high watermark.
        before: Option<Offset>,
    },
    /// Offsets in the name of a transaction (`Producer.sendOffsetsToTransaction`). Simplified: producers have no
    /// transactions. An administrator stands for one, and says which partition of `__consumer_offsets` keeps the group.
    CommitInTransaction {
        /// The partition of `__consumer_offsets`; its leader coordinates the group.
        at: TopicPartition,
        /// The group.
        group: GroupId,
        /// Whose transaction it is.
        producer_id: ProducerId,
        /// Which instance of it.
        producer_epoch: ProducerEpoch,
        /// Each the next offset to read.
        offsets: Vec<(TopicPartition, Offset)>,
    },
    /// The end of a transaction in one partition. Simplified: an administrator stands for the transaction coordinator, as
    /// `Admin.abortTransaction` does.
    EndTransaction {
        /// The partition of `__consumer_offsets`.
        at: TopicPartition,
        /// Whose transaction it is.
        producer_id: ProducerId,
        /// Which instance of it.
        producer_epoch: ProducerEpoch,
        /// Commit rather than abort.
        committed: bool,
    },
    /// `Admin.listGroups`: the groups that the brokers coordinate.
    ListGroups {
        /// Only those in these states; empty for all.
        states: Vec<String>,
        /// Only those of these types, "classic" or "consumer"; empty for all.
        types: Vec<String>,
    },
    /// `Admin.describeConsumerGroups` of one group, of either protocol.
    DescribeGroup {
        /// The group.
        group: GroupId,
    },
    /// `Admin.deleteConsumerGroups` of one group: it is forgotten with its offsets, if nobody is in it.
    DeleteGroup {
        /// The group.
        group: GroupId,
    },
    /// `Admin.deleteConsumerGroupOffsets`: they are forgotten, if nobody in the group reads their topics.
    DeleteOffsets {
        /// The group.
        group: GroupId,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// `Admin.describeMetadataQuorum`.
    DescribeQuorum,
    /// Refresh the metadata now.
    RefreshMetadata,
    /// Learn everything that a long-running client of these topics would know: versions,
    /// metadata, a connection to each leader, a producer id (see "warm client" in the docs).
    Warm {
        /// The topics.
        topics: Vec<String>,
    },
    /// Close in order: flush, close connections.
    Close,
    /// `Consumer.close(CloseOptions)`, with which the application ends: its process exits when the consumer is closed.
    End(CloseOptions),
}

impl Call {
    /// Whether a consumer's group, or what it gets from it, is concerned.
    pub(crate) fn is_about_a_group(&self) -> bool {
        matches!(
            self,
            Call::Subscribe { .. }
                | Call::SubscribePattern { .. }
                | Call::Unsubscribe
                | Call::CommitSync
                | Call::CommitOffsets { .. }
                | Call::CommitAsync
                | Call::Pause(_)
                | Call::Resume(_)
                | Call::Work { .. }
        )
    }

    /// How Kafka names its method.
    pub fn method(&self) -> &'static str {
        match self {
            Call::Send(_) | Call::SendAll(_) => "send",
            Call::Flush => "flush",
            Call::Assign(_) => "assign",
            Call::Subscribe { .. } | Call::SubscribePattern { .. } => "subscribe",
            Call::Unsubscribe => "unsubscribe",
            Call::CommitSync | Call::CommitOffsets { .. } => "commitSync",
            Call::CommitAsync => "commitAsync",
            Call::Pause(_) => "pause",
            Call::Resume(_) => "resume",
            Call::Work { .. } => "work",
            Call::Poll { .. } => "poll",
            Call::Seek { .. } => "seek",
            Call::CreateTopic { .. } => "createTopics",
            Call::DeleteTopic { .. } => "deleteTopics",
            Call::CreatePartitions { .. } => "createPartitions",
            Call::AlterConfig { .. } => "incrementalAlterConfigs",
            Call::ElectLeaders { .. } => "electLeaders",
            Call::Reassign { .. } => "alterPartitionReassignments",
            Call::DeleteRecords { .. } => "deleteRecords",
            Call::CommitInTransaction { .. } => "sendOffsetsToTransaction",
            Call::EndTransaction { .. } => "endTransaction",
            Call::ListGroups { .. } => "listGroups",
            Call::DescribeGroup { .. } => "describeConsumerGroups",
            Call::DeleteGroup { .. } => "deleteConsumerGroups",
            Call::DeleteOffsets { .. } => "deleteConsumerGroupOffsets",
            Call::DescribeQuorum => "describeMetadataQuorum",
            Call::RefreshMetadata => "refresh-metadata",
            Call::Warm { .. } => "warm",
            Call::Close | Call::End(_) => "close",
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum CallResult {
    /// The record is in the log, as far as its acks promise.
    Sent {
        /// Where.
        partition: TopicPartition,
        /// Its offset; −1 with acks=0.
        offset: Offset,
    },
    /// Records from one or more partitions.
    Records {
        /// In offset order within a partition.
        records: Vec<ConsumedRecord>,
    },
    /// Done; there is nothing to say about it.
    Done,
    /// The metadata quorum as its leader sees it.
    Quorum {
        /// The leader.
        leader: NodeId,
        /// Its epoch.
        epoch: LeaderEpoch,
        /// The quorum's high watermark.
        high_watermark: Offset,
        /// The voters and their log end offsets; −1 if unknown.
        voters: Vec<(NodeId, Offset)>,
        /// The observers and their log end offsets; −1 if unknown.
        observers: Vec<(NodeId, Offset)>,
    },
    /// The groups that were asked for.
    Groups {
        /// By their ids.
        groups: Vec<GroupListing>,
    },
    /// A group.
    Group {
        /// As its coordinator shows it.
        description: GroupDescription,
    },
    /// It failed.
    Failed {
        /// Why.
        error: ErrorCode,
        /// In words.
        message: String,
    },
}

/// One record as a consumer's application sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ConsumedRecord {
    /// Where from.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
}

impl ConsumedRecord {
    /// Its offset and what it holds, as events tell them.
    pub fn fact(&self) -> RecordFact {
        let content = ContentFact::of(self.key.as_deref(), self.value.as_deref());
        RecordFact { offset: self.offset, content }
    }

    /// Its value as text; empty for a tombstone. What is no UTF-8 is replaced.
    pub fn value_text(&self) -> String {
        text(self.value.as_ref())
    }

    /// Its key as text; empty if it has none. What is no UTF-8 is replaced.
    pub fn key_text(&self) -> String {
        text(self.key.as_ref())
    }
}

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or(String::new(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Tells whoever waits that a call failed.
pub(crate) fn failed(ctx: &mut Context, ticket: Option<Ticket>, error: ErrorCode, message: &str) {
    resolve(ctx, ticket, CallResult::Failed { error, message: message.to_owned() });
}

/// Tells whoever waits what became of a call.
pub(crate) fn resolve(ctx: &mut Context, ticket: Option<Ticket>, result: CallResult) {
    if let Some(ticket) = ticket {
        ctx.output(Output::Resolve { ticket, result });
    }
}
