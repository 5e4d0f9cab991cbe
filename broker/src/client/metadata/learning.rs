//! What comes back: answers about the cluster, failures, and leaders that arrive with other answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{KnownPartition, KnownTopic, Metadata, is_internal};
use crate::client::retry::is_stale_metadata;
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::{LeaderEpoch, NodeId, TopicName, TopicPartition};
use crate::message::{ErrorCode, LeaderHint, MetadataPartition, MetadataResponse, NodeEndpoint};
use crate::time::Time;

impl Metadata {
    /// The request failed, or its answer was of no use.
    pub fn on_failure(&mut self, ctx: &mut Context) {
        self.in_progress = None;
        self.last_refresh = Some(ctx.now.monotonic);
        self.attempts += 1;
        self.backoff = self.settings.retry_backoff.after(ctx, self.attempts - 1);
        self.equivalent_answers = 0;
        self.equivalent_backoff = Duration::ZERO;
    }

    /// A connection was lost: that may be the result of stale metadata.
    pub fn on_disconnect(&mut self, ctx: &mut Context) {
        if self.is_update_due(ctx.now.monotonic) {
            self.on_failure(ctx);
        }
        self.request_update();
    }

    /// An answer came.
    pub fn on_response(&mut self, ctx: &mut Context, response: &MetadataResponse) {
        let Some(in_progress) = self.in_progress.take() else { return };
        if response.error == ErrorCode::RebootstrapRequired {
            self.rebootstrap_asked = true;
            self.on_failure(ctx);
            return;
        }
        if response.brokers.is_empty() {
            // A broker that starts may not know anybody yet.
            self.on_failure(ctx);
            return;
        }
        let now = ctx.now.monotonic;
        self.need_partial = in_progress.request_version < self.request_version;
        self.last_refresh = Some(now);
        self.attempts = 0;
        self.update_version += 1;
        if !in_progress.partial {
            self.need_full = false;
            self.last_success = Some(now);
        }
        self.equivalent_answers += 1;
        self.apply(response, in_progress.partial, now);
        self.backoff = self.settings.retry_backoff.after(ctx, 0);
        self.equivalent_backoff = match self.equivalent_answers {
            0 => Duration::ZERO,
            answers => self.settings.retry_backoff.after(ctx, answers - 1),
        };
        self.attempt_start = None;
        ctx.emit(ClientEvent::MetadataUpdated { leaders: self.event_leaders() });
    }

    fn event_leaders(&self) -> Vec<(TopicPartition, NodeId, LeaderEpoch)> {
        self.known_leaders().into_iter().map(|known| (known.partition, known.leader, known.epoch)).collect()
    }

    fn retains(&mut self, name: &TopicName, now: Time) -> bool {
        let Some(expires) = self.wanted.get(name) else { return self.wants_all && !is_internal(name) };
        if !self.settings.forgets_idle_topics || self.new_topics.contains(name) || *expires > now {
            return true;
        }
        self.wanted.remove(name);
        false
    }

    fn apply(&mut self, response: &MetadataResponse, partial: bool, now: Time) {
        let old = self.topics.clone();
        if partial {
            let mentioned: BTreeSet<&TopicName> = response.topics.iter().map(|topic| &topic.name).collect();
            self.errors.retain(|name, _| !mentioned.contains(name));
            let names: Vec<TopicName> = self.topics.keys().cloned().collect();
            for name in names {
                if mentioned.contains(&name) || !self.retains(&name, now) {
                    self.topics.remove(&name);
                }
            }
        } else {
            self.topics.clear();
            self.errors.clear();
            self.nodes.clear();
        }
        self.nodes.retain(|node, _| node.is_some());
        self.nodes.extend(response.brokers.iter().map(|broker| (broker.node, broker.endpoint.clone())));
        let rack = |broker: &NodeEndpoint| Some((broker.node, Arc::from(broker.rack.as_deref()?)));
        self.racks = response.brokers.iter().filter_map(rack).collect();
        self.controller = Some(response.controller_id).filter(|node| node.is_some());
        for topic in &response.topics {
            if !self.retains(&topic.name, now) {
                continue;
            }
            self.new_topics.remove(&topic.name);
            if topic.error != ErrorCode::None {
                self.errors.insert(topic.name.clone(), topic.error);
                self.need_full |= is_stale_metadata(topic.error);
                continue;
            }
            let known = old.get(&topic.name);
            let recreated = !topic.topic_id.is_zero() && known.is_none_or(|known| known.id != topic.topic_id);
            let mut partitions = BTreeMap::new();
            for partition in &topic.partitions {
                self.need_full |= is_stale_metadata(partition.error);
                let cached = known.and_then(|known| known.partitions.get(&partition.partition));
                if let Some(known) = self.merge(&topic.name, partition, cached, recreated) {
                    partitions.insert(partition.partition, known);
                }
            }
            self.topics.insert(topic.name.clone(), KnownTopic { id: topic.topic_id, partitions });
        }
        let (wanted, known) = (&self.wanted, &self.topics);
        let is_kept = |topic: &TopicName| wanted.contains_key(topic) || known.contains_key(topic);
        self.last_seen_epochs.retain(|partition, _| is_kept(&partition.topic));
    }

    /// One partition's entry: the answer's, unless it is older than what was seen.
    fn merge(
        &mut self,
        topic: &TopicName,
        answer: &MetadataPartition,
        cached: Option<&KnownPartition>,
        recreated: bool,
    ) -> Option<KnownPartition> {
        let partition = TopicPartition { topic: topic.clone(), partition: answer.partition };
        let replicas = if self.racks.is_empty() { Vec::new() } else { answer.replicas.clone() };
        let news = KnownPartition { leader: answer.leader, leader_epoch: answer.leader_epoch, replicas };
        if !answer.leader_epoch.is_some() {
            self.last_seen_epochs.remove(&partition);
            self.equivalent_answers = 0;
            return Some(news);
        }
        match self.last_seen_epochs.get(&partition).copied() {
            Some(seen) if !recreated && answer.leader_epoch < seen => cached.cloned(),
            seen => {
                if recreated || seen.is_none_or(|seen| answer.leader_epoch > seen) {
                    self.equivalent_answers = 0;
                }
                self.last_seen_epochs.insert(partition, answer.leader_epoch);
                Some(news)
            }
        }
    }

    /// An answer carried a leader epoch: if it is newer than what is known, the cached
    /// leader is out of date.
    pub fn see_epoch(&mut self, partition: &TopicPartition, epoch: LeaderEpoch) {
        if let Some(seen) = self.last_seen_epochs.get_mut(partition)
            && epoch > *seen
        {
            *seen = epoch;
            self.need_full = true;
        }
    }

    /// Takes leaders from error answers (KIP-951): those that are newer than what is
    /// known and whose endpoint is known. Gives the partitions that changed.
    pub fn learn_leaders(
        &mut self,
        ctx: &mut Context,
        hints: &[(TopicPartition, LeaderHint)],
        endpoints: &[NodeEndpoint],
    ) -> Vec<TopicPartition> {
        let mut learned = Vec::new();
        for (partition, hint) in hints {
            if !hint.leader.is_some() || !hint.epoch.is_some() {
                continue;
            }
            if self.current_leader(partition).epoch.is_some_and(|known| hint.epoch <= known) {
                continue;
            }
            let endpoint = endpoints.iter().find(|endpoint| endpoint.node == hint.leader);
            if endpoint.is_none() && !self.nodes.contains_key(&hint.leader) {
                continue;
            }
            let Some(topic) = self.topics.get_mut(&partition.topic) else { continue };
            let Some(known) = topic.partitions.get_mut(&partition.partition) else { continue };
            (known.leader, known.leader_epoch) = (hint.leader, hint.epoch);
            self.last_seen_epochs.insert(partition.clone(), hint.epoch);
            learned.push(partition.clone());
            let event =
                ClientEvent::LeaderLearned { partition: partition.clone(), leader: hint.leader, epoch: hint.epoch };
            ctx.emit(event);
        }
        if !learned.is_empty() {
            self.nodes.extend(endpoints.iter().map(|endpoint| (endpoint.node, endpoint.endpoint.clone())));
        }
        learned
    }
}
