//! Producers, consumers and administrators in the hands of a test: Kafka's Java clients, to be awaited.
//!
//! Behind each stands a pure machine on a host of its own, which is stepped, recorded and checked like a broker.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use trial_broker::client::{Call, CallResult, ConsumedRecord, GroupDescription, GroupListing, ProducerRecord};
use trial_broker::ids::{GroupId, NodeId, Offset, TopicName, TopicPartition};
use trial_broker::message::{ConfigResource, ElectionType};

use crate::people::{Answer, CallFailed, Person};
use crate::scenario::run::view;
use crate::world::World;

/// Where an acknowledged record lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordMetadata {
    /// The partition that its key chose, or the producer's sticky partitioner.
    pub partition: TopicPartition,
    /// Its offset; −1 with `acks=0`.
    pub offset: Offset,
}

/// A producer: see [`Cluster::producer`](crate::Cluster::producer). Its clones are the same producer.
#[derive(Clone)]
pub struct Producer(pub(crate) Person);

impl Producer {
    /// Sends a record: `("orders", "value")`, `("orders", "key", "value")`, or a [`ProducerRecord`].
    ///
    /// The record is handed to the producer at once; the future is resolved when it is acknowledged as `acks`
    /// demands. So several can be under way, in the order in which they were sent. Dropping the future takes nothing
    /// back that is in a batch: like Kafka's own, it is only a receipt. A record that still waits for metadata or memory
    /// is forgotten, as when the thread that sends is interrupted.
    ///
    /// # Errors
    /// The future ends in an error when the record was given up, after `delivery.timeout.ms` at the latest (120 s
    /// unless set). It may be in the log or not.
    pub fn send(&self, record: impl Into<ProducerRecord>) -> Sending {
        Sending(self.0.call(Call::Send(record.into())))
    }

    /// Sends what is waiting for company (`linger.ms`), and waits until everything is answered.
    ///
    /// # Errors
    /// When the producer is gone.
    pub async fn flush(&self) -> Result<(), CallFailed> {
        self.0.done(Call::Flush).await
    }
}

/// A record on its way.
#[must_use = "who does not await it never learns whether the record arrived"]
pub struct Sending(Answer);

impl Future for Sending {
    type Output = Result<RecordMetadata, CallFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|result| match result {
            CallResult::Sent { partition, offset } => Ok(RecordMetadata { partition, offset }),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a send was answered with {other:?}"),
        })
    }
}

/// A consumer with assigned partitions: see [`Cluster::consumer`](crate::Cluster::consumer).
///
/// It is a member of no group: see [`Member`] for one that is.
pub struct Consumer {
    person: Person,
    partitions: Vec<TopicPartition>,
    /// Records that a poll brought and [`Consumer::next`] has not handed out.
    polled: VecDeque<ConsumedRecord>,
}

/// How long one poll waits where the caller waits for ever.
const POLL: Duration = Duration::from_millis(100);

impl Consumer {
    pub(super) fn new(person: Person, partitions: Vec<TopicPartition>) -> Self {
        Consumer { person, partitions, polled: VecDeque::new() }
    }

    /// The partitions that it reads.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// Waits for records, for at most this long (whole milliseconds): in offset order within a partition, none if none
    /// came.
    ///
    /// # Errors
    /// What the application of a Kafka consumer would be told: an offset out of range without
    /// `auto.offset.reset`, for example.
    pub async fn poll(&mut self, at_most: Duration) -> Result<Vec<ConsumedRecord>, CallFailed> {
        if !self.polled.is_empty() {
            return Ok(self.polled.drain(..).collect());
        }
        let timeout_ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        match self.person.call(Call::Poll { timeout_ms }).await {
            CallResult::Records { records } => Ok(records),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a poll was answered with {other:?}"),
        }
    }

    /// Waits for the next record, however long it takes: records as a stream.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    pub async fn next(&mut self) -> Result<ConsumedRecord, CallFailed> {
        loop {
            if let Some(record) = self.polled.pop_front() {
                return Ok(record);
            }
            self.polled = self.poll(POLL).await?.into();
        }
    }

    /// Reads on until it has seen every record that was acknowledged before this call, or was only appended by then and
    /// is kept: to the log end offset that each leader has now, or will have when it is elected. Answers what was read
    /// on the way, in offset order within a partition. Waits for as long as a partition has no leader, or too few
    /// replicas in sync for its last records to be seen.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    pub async fn read_to_end(&mut self) -> Result<Vec<ConsumedRecord>, CallFailed> {
        let mut ends = None;
        let mut read = Vec::new();
        loop {
            ends = ends.or_else(|| self.person.look(|world| self.ends(world)));
            if ends.as_ref().is_some_and(|ends| self.has_reached(ends)) {
                return Ok(read);
            }
            read.extend(self.poll(POLL).await?);
        }
    }

    /// The ends of its partitions' logs; none while one of them has no leader.
    fn ends(&self, world: &World) -> Option<BTreeMap<TopicPartition, Offset>> {
        let end = |partition: &TopicPartition| {
            Some((partition.clone(), view::leader_positions(world, partition)?.log_end_offset))
        };
        self.partitions.iter().map(end).collect()
    }

    /// Whether it stands at these ends. What a former leader had alone, and another has cut off since, is not waited for.
    fn has_reached(&self, wanted: &BTreeMap<TopicPartition, Offset>) -> bool {
        let (positions, ends) = self.person.look(|world| {
            let client = world.machine(self.person.machine()).and_then(|machine| machine.client());
            (client.map(|client| client.positions()).unwrap_or_default(), self.ends(world))
        });
        let Some(ends) = ends.filter(|_| self.polled.is_empty()) else { return false };
        let offset = |partition: &TopicPartition| positions.iter().find(|view| view.partition == *partition)?.offset;
        wanted.iter().all(|(partition, end)| offset(partition) >= Some(*end.min(&ends[partition])))
    }

    /// Reads these partitions instead.
    ///
    /// # Errors
    /// When the consumer is gone.
    pub async fn assign(&mut self, partitions: Vec<TopicPartition>) -> Result<(), CallFailed> {
        self.partitions.clone_from(&partitions);
        self.polled.clear();
        self.person.done(Call::Assign(partitions)).await
    }

    /// Goes on from an offset of one of its partitions.
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub async fn seek(&mut self, partition: TopicPartition, offset: Offset) -> Result<(), CallFailed> {
        self.polled.retain(|record| record.partition != partition);
        self.person.done(Call::Seek { partition, offset }).await
    }
}

/// A member of a group: see [`Cluster::member`](crate::Cluster::member). Like Kafka's own it is a member only while it
/// polls: who polls too late (`max.poll.interval.ms`) has left.
pub struct Member(pub(super) Person);

impl Member {
    /// Subscribes to topics; the first poll joins the group. Other topics than before begin a rebalance.
    ///
    /// # Errors
    /// When the consumer is gone.
    pub async fn subscribe<'t>(&self, topics: impl IntoIterator<Item = &'t str>) -> Result<(), CallFailed> {
        let topics = topics.into_iter().map(str::to_owned).collect();
        self.0.done(Call::Subscribe { topics }).await
    }

    /// Subscribes to the topics whose whole name a regular expression matches. `on_server`: the group's coordinator matches
    /// it (KIP-848), and sees new topics at once; otherwise the consumer does, with the topics of its metadata.
    ///
    /// # Errors
    /// When it is no regular expression, the consumer subscribes to topics by name already, or its group is a classic one
    /// and cannot match anything.
    pub async fn subscribe_pattern(&self, pattern: &str, on_server: bool) -> Result<(), CallFailed> {
        self.0.done(Call::SubscribePattern { pattern: pattern.to_owned(), on_server }).await
    }

    /// Gives its partitions up and leaves the group. Nothing is committed.
    ///
    /// # Errors
    /// When the consumer is gone.
    pub async fn unsubscribe(&self) -> Result<(), CallFailed> {
        self.0.done(Call::Unsubscribe).await
    }

    /// Waits for records, for at most this long (whole milliseconds); joins the group and takes part in its rebalances
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Consumer::poll`], and when the group does not take this member.
    pub async fn poll(&self, at_most: Duration) -> Result<Vec<ConsumedRecord>, CallFailed> {
        let timeout_ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        match self.0.call(Call::Poll { timeout_ms }).await {
            CallResult::Records { records } => Ok(records),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a poll was answered with {other:?}"),
        }
    }

    /// Commits the positions, that is everything that polls have returned, and waits until that is written.
    ///
    /// # Errors
    /// When it is no member any more (its partitions may belong to somebody else), or no coordinator could be reached
    /// within `default.api.timeout.ms`. A commit that is late may take effect all the same: in the protocol of KIP-848 even one that
    /// has not been sent by then is (`CommitRequestManager.RetriableRequestState.maybeExpire`).
    pub async fn commit(&self) -> Result<(), CallFailed> {
        self.0.done(Call::CommitSync).await
    }

    /// Commits the positions as `commitAsync` does, and waits for what its callback is told: the commit is sent once, and what
    /// fails is not tried again.
    ///
    /// # Errors
    /// As [`Member::commit`], and whenever another attempt might have succeeded. In the protocol of KIP-848 it waits for a coordinator for as long
    /// as there is none.
    pub async fn commit_async(&self) -> Result<(), CallFailed> {
        self.0.done(Call::CommitAsync).await
    }

    /// Commits these offsets, each the next one to read, and waits until that is written. Whether they fit what was read
    /// nobody looks at.
    ///
    /// # Errors
    /// As [`Member::commit`]; when an offset is negative.
    pub async fn commit_offsets(&self, offsets: Vec<(TopicPartition, Offset)>) -> Result<(), CallFailed> {
        self.0.done(Call::CommitOffsets { offsets, metadata: String::new() }).await
    }

    /// Wants no records of these partitions for now.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub async fn pause(&self, partitions: Vec<TopicPartition>) -> Result<(), CallFailed> {
        self.0.done(Call::Pause(partitions)).await
    }

    /// Wants records of these partitions again.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub async fn resume(&self, partitions: Vec<TopicPartition>) -> Result<(), CallFailed> {
        self.0.done(Call::Resume(partitions)).await
    }

    /// Commits, if that is done by itself, leaves the group unless it is a static member, and ends.
    ///
    /// # Errors
    /// When the consumer is gone.
    pub async fn close(&self) -> Result<(), CallFailed> {
        self.0.done(Call::Close).await
    }

    /// The partitions that it has now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.0.look(|world| {
            let client = world.machine(self.0.machine()).and_then(|machine| machine.client());
            client.and_then(|client| client.membership()).map(|membership| membership.assigned).unwrap_or_default()
        })
    }
}

/// An administrator: see [`Cluster::admin`](crate::Cluster::admin). Its clones are the same client.
#[derive(Clone)]
pub struct Admin(pub(super) Person);

impl Admin {
    /// Creates a topic; the controller places its replicas. Done when the controllers have committed it.
    ///
    /// # Errors
    /// What the controller answers, or `REQUEST_TIMED_OUT`.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
        configs: impl IntoIterator<Item = (&str, &str)>,
    ) -> Result<(), CallFailed> {
        let configs = configs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (name, replicas) = (name.to_owned(), Vec::new());
        self.0.done(Call::CreateTopic { name, partitions, replication_factor, replicas, configs }).await
    }

    /// Creates a topic on brokers that the caller chooses: for each partition a list, the preferred leader first.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn create_topic_on(
        &self,
        name: &str,
        replicas: &[&[i32]],
        configs: impl IntoIterator<Item = (&str, &str)>,
    ) -> Result<(), CallFailed> {
        let configs = configs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let replicas = replicas.iter().map(|list| list.iter().copied().map(NodeId).collect()).collect();
        let name = name.to_owned();
        self.0.done(Call::CreateTopic { name, partitions: -1, replication_factor: -1, replicas, configs }).await
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn delete_topic(&self, name: &str) -> Result<(), CallFailed> {
        self.0.done(Call::DeleteTopic { name: name.to_owned() }).await
    }

    /// Gives a topic more partitions: `count` in all.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<(), CallFailed> {
        self.0.done(Call::CreatePartitions { topic: topic.to_owned(), count, replicas: Vec::new() }).await
    }

    /// Overrides settings of a topic, by Kafka's names; none removes an override.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn alter_topic(
        &self,
        topic: &str,
        values: impl IntoIterator<Item = (&str, Option<&str>)>,
    ) -> Result<(), CallFailed> {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect();
        self.0.done(Call::AlterConfig { resource: ConfigResource::Topic(TopicName::new(topic)), values }).await
    }

    /// Gives every partition back to its preferred leader.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn elect_preferred_leaders(&self) -> Result<(), CallFailed> {
        self.0.done(Call::ElectLeaders { election_type: ElectionType::Preferred, partitions: None }).await
    }

    /// Moves a partition to these brokers, the preferred leader first. Done when the move has begun, not when it has
    /// ended.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub async fn reassign(&self, partition: TopicPartition, brokers: &[i32]) -> Result<(), CallFailed> {
        let replicas = Some(brokers.iter().copied().map(NodeId).collect());
        self.0.done(Call::Reassign { partition, replicas }).await
    }

    /// All groups, by their ids; the brokers are asked one and all.
    ///
    /// # Errors
    /// `REQUEST_TIMED_OUT` if a broker does not tell its part within a minute.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, CallFailed> {
        match self.0.call(Call::ListGroups { states: Vec::new(), types: Vec::new() }).await {
            CallResult::Groups { groups } => Ok(groups),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => unreachable!("{other:?} is no list of groups"),
        }
    }

    /// A group of either protocol, with its members.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, or `REQUEST_TIMED_OUT` while nobody coordinates it.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, CallFailed> {
        match self.0.call(Call::DescribeGroup { group: GroupId::new(group) }).await {
            CallResult::Group { description } => Ok(description),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => unreachable!("{other:?} is no group"),
        }
    }

    /// Deletes a group with its offsets.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP` while it has members; else as [`Admin::describe_group`].
    pub async fn delete_group(&self, group: &str) -> Result<(), CallFailed> {
        self.0.done(Call::DeleteGroup { group: GroupId::new(group) }).await
    }

    /// Deletes what a group has committed of these partitions.
    ///
    /// # Errors
    /// `GROUP_SUBSCRIBED_TO_TOPIC` if a member reads one of their topics; the others are deleted. Else as
    /// [`Admin::describe_group`].
    pub async fn delete_offsets(&self, group: &str, partitions: &[TopicPartition]) -> Result<(), CallFailed> {
        let (group, partitions) = (GroupId::new(group), partitions.to_vec());
        self.0.done(Call::DeleteOffsets { group, partitions }).await
    }
}
