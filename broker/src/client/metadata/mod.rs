//! What a client knows of the cluster: Kafka's `Metadata`, `ProducerMetadata`,
//! `ConsumerMetadata` and the metadata updater of `NetworkClient`.
//!
//! ```text
//!   leader epochs only grow:   answer epoch ≥ last seen epoch   else the old entry stays
//!   when to ask:   max( asked for ? now : last success + metadata.max.age,
//!                       last answer or failure + retry back-off )
//! ```
//!
//! Leaders also arrive with error answers (KIP-951), and a client that can reach none
//! of the nodes it knows begins again from its bootstrap servers (KIP-899, KIP-1102).

mod learning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::retry::Backoff;
use super::view::KnownLeader;
use crate::ids::{Endpoint, LeaderEpoch, NodeId, TopicId, TopicName, TopicPartition};
use crate::message::{ErrorCode, MetadataRequest};
use crate::time::Time;

/// `metadata.max.idle.ms`: a producer forgets a topic that it has not sent to for this long.
const MAX_IDLE: Duration = Duration::from_secs(300);

/// How metadata is kept fresh.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MetadataSettings {
    pub max_age: Duration,
    pub retry_backoff: Backoff,
    pub rebootstrap_trigger: Duration,
    pub bootstrap: Vec<Endpoint>,
    /// Whether a client that begins again from its bootstrap servers still knows its topics: Kafka's does not
    /// (`Hazard::RebootstrapForgetsEpochs`).
    pub keeps_topics: bool,
    /// Producers forget topics that they do not use; consumers and admins do not.
    pub forgets_idle_topics: bool,
    /// Producers and consumers ask brokers to create topics that do not exist; a broker
    /// does so when `auto.create.topics.enable` says so.
    pub creates_topics: bool,
}

/// A partition as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KnownPartition {
    pub leader: NodeId,
    pub leader_epoch: LeaderEpoch,
    /// Kept only where brokers have racks: nobody asks for another reason.
    pub replicas: Vec<NodeId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KnownTopic {
    pub id: TopicId,
    pub partitions: BTreeMap<i32, KnownPartition>,
}

/// The leader of a partition: a node only if the client knows where it listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LeaderAndEpoch {
    pub leader: Option<NodeId>,
    pub epoch: Option<LeaderEpoch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct InProgress {
    request_version: u64,
    partial: bool,
}

/// The metadata of one client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Metadata {
    settings: MetadataSettings,
    nodes: BTreeMap<NodeId, Endpoint>,
    /// Of those nodes that have one.
    racks: BTreeMap<NodeId, Arc<str>>,
    controller: Option<NodeId>,
    topics: BTreeMap<TopicName, KnownTopic>,
    errors: BTreeMap<TopicName, ErrorCode>,
    /// Survives a rebootstrap, but tells an older answer only if the topic's id is known as well: without it, the
    /// topic counts as created anew.
    last_seen_epochs: BTreeMap<TopicPartition, LeaderEpoch>,
    /// The topics to ask for, each with the instant at which it is forgotten if unused.
    wanted: BTreeMap<TopicName, Time>,
    /// Whether every topic is asked for, whatever it is called: a pattern is to be matched with all names.
    wants_all: bool,
    /// Those of `wanted` that no answer has mentioned yet.
    new_topics: BTreeSet<TopicName>,
    need_full: bool,
    need_partial: bool,
    /// Grows with every answer.
    update_version: u64,
    /// Grows when a topic is added, so that an answer to an older question is known as such.
    request_version: u64,
    /// The last answer or failure; `None` allows a request at once.
    last_refresh: Option<Time>,
    last_success: Option<Time>,
    attempts: u32,
    /// Answers in a row that told nothing new.
    equivalent_answers: u32,
    backoff: Duration,
    equivalent_backoff: Duration,
    in_progress: Option<InProgress>,
    /// When the present run of unsuccessful attempts began.
    attempt_start: Option<Time>,
    rebootstrap_asked: bool,
}

impl Metadata {
    pub fn new(settings: MetadataSettings) -> Metadata {
        let mut metadata = Metadata {
            settings,
            nodes: BTreeMap::new(),
            racks: BTreeMap::new(),
            controller: None,
            topics: BTreeMap::new(),
            errors: BTreeMap::new(),
            last_seen_epochs: BTreeMap::new(),
            wanted: BTreeMap::new(),
            wants_all: false,
            new_topics: BTreeSet::new(),
            need_full: true,
            need_partial: false,
            update_version: 0,
            request_version: 0,
            last_refresh: None,
            last_success: None,
            attempts: 0,
            equivalent_answers: 0,
            backoff: Duration::ZERO,
            equivalent_backoff: Duration::ZERO,
            in_progress: None,
            attempt_start: None,
            rebootstrap_asked: false,
        };
        metadata.bootstrap();
        metadata
    }

    /// Forgets the cluster and knows only the bootstrap servers, numbered −1, −2, …; where that is mended, also its topics.
    fn bootstrap(&mut self) {
        self.need_full = true;
        self.update_version += 1;
        if !self.settings.keeps_topics {
            self.topics.clear();
        }
        self.errors.clear();
        self.controller = None;
        let server = |(index, endpoint): (usize, &Endpoint)| (NodeId(-1 - index as i32), endpoint.clone());
        self.nodes = self.settings.bootstrap.iter().enumerate().map(server).collect();
        assert!(!self.nodes.is_empty(), "a client needs at least one bootstrap server");
    }

    /// Starts again from the bootstrap servers (KIP-899).
    pub fn rebootstrap(&mut self, now: Time) {
        self.bootstrap();
        self.rebootstrap_asked = false;
        self.attempt_start = Some(now);
    }

    // ---- What is known ------------------------------------------------------------

    pub fn nodes(&self) -> &BTreeMap<NodeId, Endpoint> {
        &self.nodes
    }

    pub fn endpoint(&self, node: NodeId) -> Option<&Endpoint> {
        self.nodes.get(&node)
    }

    pub fn controller(&self) -> Option<NodeId> {
        self.controller.filter(|node| self.nodes.contains_key(node))
    }

    /// The controller named so far is not it: the next answer names another.
    pub fn forget_controller(&mut self) {
        self.controller = None;
        self.request_update();
    }

    /// Grows with each answer: tells whoever waits that there may be news.
    pub fn update_version(&self) -> u64 {
        self.update_version
    }

    /// Whether the nodes known are still the bootstrap servers.
    pub fn is_bootstrapped_only(&self) -> bool {
        self.nodes.keys().all(|node| !node.is_some())
    }

    pub fn topic(&self, name: &TopicName) -> Option<&KnownTopic> {
        self.topics.get(name)
    }

    pub fn topic_error(&self, name: &TopicName) -> ErrorCode {
        self.errors.get(name).copied().unwrap_or(ErrorCode::None)
    }

    pub fn partition_count(&self, name: &TopicName) -> Option<i32> {
        self.topics.get(name).map(|topic| topic.partitions.len() as i32).filter(|count| *count > 0)
    }

    /// The racks of a partition's replicas, alive or not.
    pub fn racks_of(&self, partition: &TopicPartition) -> BTreeSet<Arc<str>> {
        let replicas = self.partition(partition).into_iter().flat_map(|known| &known.replicas);
        replicas.filter_map(|replica| self.racks.get(replica).cloned()).collect()
    }

    pub fn topic_id(&self, name: &TopicName) -> TopicId {
        self.topics.get(name).map_or(TopicId::ZERO, |topic| topic.id)
    }

    /// The name of a topic id, if it is known.
    pub fn topic_named(&self, id: TopicId) -> Option<TopicName> {
        self.topics.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.clone())
    }

    fn partition(&self, partition: &TopicPartition) -> Option<&KnownPartition> {
        self.topics.get(&partition.topic)?.partitions.get(&partition.partition)
    }

    /// The leader's node, if there is one and its endpoint is known.
    pub fn leader(&self, partition: &TopicPartition) -> Option<NodeId> {
        let leader = self.partition(partition)?.leader;
        self.nodes.contains_key(&leader).then_some(leader)
    }

    /// Whether a partition has a leader that can be reached.
    pub fn has_leader(&self, topic: &TopicName, partition: i32) -> bool {
        let known = self.topics.get(topic).and_then(|topic| topic.partitions.get(&partition));
        known.is_some_and(|known| self.nodes.contains_key(&known.leader))
    }

    /// The leader's epoch.
    pub fn leader_epoch(&self, partition: &TopicPartition) -> Option<LeaderEpoch> {
        self.partition(partition).map(|known| known.leader_epoch).filter(|epoch| epoch.is_some())
    }

    /// Leader and epoch, unless the cached entry is older than an epoch seen elsewhere
    /// (`Metadata.currentLeader`): then only that epoch.
    pub fn current_leader(&self, partition: &TopicPartition) -> LeaderAndEpoch {
        let last_seen = self.last_seen_epochs.get(partition).copied();
        match self.partition(partition) {
            Some(known) if last_seen.is_none_or(|epoch| epoch == known.leader_epoch) => {
                LeaderAndEpoch { leader: self.leader(partition), epoch: self.leader_epoch(partition) }
            }
            _ => LeaderAndEpoch { leader: None, epoch: last_seen },
        }
    }

    /// The partitions that a node leads, in order.
    pub fn led_by(&self, node: NodeId) -> impl Iterator<Item = TopicPartition> {
        self.topics.iter().flat_map(move |(name, topic)| {
            let led = topic.partitions.iter().filter(move |(_, known)| known.leader == node);
            led.map(|(partition, _)| TopicPartition { topic: name.clone(), partition: *partition })
        })
    }

    /// The partitions of a topic, in order.
    pub fn partitions_of<'a>(&'a self, name: &'a TopicName) -> impl Iterator<Item = TopicPartition> + 'a {
        let partitions = self.topics.get(name).into_iter().flat_map(|topic| topic.partitions.keys());
        partitions.map(|partition| TopicPartition { topic: name.clone(), partition: *partition })
    }

    pub fn known_leaders(&self) -> Vec<KnownLeader> {
        let leader = |name: &TopicName, index: &i32, known: &KnownPartition| KnownLeader {
            partition: TopicPartition { topic: name.clone(), partition: *index },
            leader: known.leader,
            epoch: known.leader_epoch,
        };
        self.topics
            .iter()
            .flat_map(|(name, topic)| topic.partitions.iter().map(move |(index, known)| leader(name, index, known)))
            .collect()
    }

    // ---- What to ask --------------------------------------------------------------

    /// Asks for everything again, as soon as the back-off allows.
    pub fn request_update(&mut self) {
        self.need_full = true;
    }

    /// Asks for everything again, whether or not the last answers told anything new.
    pub fn request_update_at_once(&mut self) {
        self.need_full = true;
        self.equivalent_answers = 0;
        self.equivalent_backoff = Duration::ZERO;
    }

    /// Wants this topic known, and not forgotten for a while.
    pub fn add_topic(&mut self, name: &TopicName, now: Time) {
        if self.wanted.insert(name.clone(), now + MAX_IDLE).is_none() {
            self.new_topics.insert(name.clone());
            self.request_update_for_new_topics();
        }
    }

    /// Asks for all topics from now on, or only for those that were named (`ConsumerMetadata`).
    pub fn ask_for_all(&mut self, all: bool) {
        if all && !self.wants_all {
            self.need_full = true;
            self.request_update_for_new_topics();
        }
        self.wants_all = all;
    }

    /// The topics that are known, internal ones left out (`exclude.internal.topics`).
    pub fn topic_names(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys().filter(|name| !is_internal(name))
    }

    /// Asks for news of one topic.
    pub fn request_update_for_topic(&mut self, name: &TopicName) {
        if self.new_topics.contains(name) { self.request_update_for_new_topics() } else { self.request_update() }
    }

    fn request_update_for_new_topics(&mut self) {
        self.last_refresh = None;
        self.need_partial = true;
        self.equivalent_answers = 0;
        self.equivalent_backoff = Duration::ZERO;
        self.request_version += 1;
    }

    /// When the next request may and should leave; in the past if it is overdue.
    pub fn next_update(&self) -> Time {
        let wanted_at = match self.last_success {
            Some(success) if !(self.need_full || self.need_partial) => success + self.settings.max_age,
            _ => Time::ZERO,
        };
        let Some(last_refresh) = self.last_refresh else { return wanted_at };
        // An update because of age does not wait for answers that told nothing new.
        let aged = self.last_success.is_none_or(|success| success + self.settings.max_age <= wanted_at);
        let equivalent = if aged { Duration::ZERO } else { self.equivalent_backoff };
        wanted_at.max(last_refresh + self.backoff.max(equivalent))
    }

    /// Whether a request should leave now: no other request goes first then.
    pub fn is_update_due(&self, now: Time) -> bool {
        self.in_progress.is_none() && self.next_update() <= now
    }

    pub fn is_in_progress(&self) -> bool {
        self.in_progress.is_some()
    }

    /// Whether anything was asked for that no answer has satisfied.
    pub fn is_wanted(&self) -> bool {
        self.need_full || self.need_partial || self.in_progress.is_some()
    }

    /// A run of attempts to get metadata begins, unless one is under way.
    pub fn note_attempt(&mut self, now: Time) {
        self.attempt_start.get_or_insert(now);
    }

    /// Whether the client must start again from its bootstrap servers: no answer for
    /// `metadata.recovery.rebootstrap.trigger.ms`, or a broker said so (KIP-1102).
    pub fn needs_rebootstrap(&self, now: Time) -> bool {
        self.rebootstrap_asked || self.rebootstrap_at().is_some_and(|at| at <= now)
    }

    /// When the client starts again if no answer comes.
    pub fn rebootstrap_at(&self) -> Option<Time> {
        self.attempt_start.map(|start| start + self.settings.rebootstrap_trigger + Duration::from_micros(1))
    }

    /// The next request, which is under way from now on.
    pub fn begin_request(&mut self, now: Time) -> MetadataRequest {
        let fresh = self.last_success.is_some_and(|success| success + self.settings.max_age > now);
        let partial = !self.need_full && fresh && self.settings.forgets_idle_topics;
        self.in_progress = Some(InProgress { request_version: self.request_version, partial });
        let topics =
            if partial { self.new_topics.iter().cloned().collect() } else { self.wanted.keys().cloned().collect() };
        MetadataRequest {
            topics: Some(topics).filter(|_| !self.wants_all),
            allow_auto_topic_creation: self.settings.creates_topics,
        }
    }
}

/// A topic that Kafka keeps for itself: no pattern means it.
fn is_internal(name: &TopicName) -> bool {
    matches!(name.as_str(), "__consumer_offsets" | "__transaction_state")
}
