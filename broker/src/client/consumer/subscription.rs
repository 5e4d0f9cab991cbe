//! What a consumer wants to read, and which partitions it has: the rest of Kafka's `SubscriptionState`.
//!
//! ```text
//!   nothing ──assign──▶ partitions that the application chose
//!      │ subscribe
//!      ▼
//!   topics, or a pattern ──the group decides──▶ partitions (revoked, lost, assigned: events)
//! ```
//!
//! Simplified: of a pattern that the coordinator matches Kafka's consumer asks the metadata of the topics that it is
//! assigned, by id; here it asks for all, as for a pattern of its own. A classic member refreshes its metadata before each
//! join to find new topics at once; here it waits for a refresh that is under way, and finds the others at the next one.

use std::collections::BTreeSet;
use std::time::Duration;

use regex::Regex;

use super::position::Position;
use super::{Consumer, Raised};
use crate::client::cluster::Cluster;
use crate::client::failed;
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{ClientEvent, CommitCause, PositionReason};
use crate::ids::{LeaderEpoch, Offset, Ticket, TopicName, TopicPartition};
use crate::message::ErrorCode;

/// Where a consumer's partitions come from (`SubscriptionType`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Subscription {
    /// Nowhere.
    #[default]
    None,
    /// The application chose them (`USER_ASSIGNED`).
    Partitions,
    /// The group decides, of these topics (`AUTO_TOPICS`).
    Topics(BTreeSet<TopicName>),
    /// The group decides, of the topics that this pattern matches: the consumer looks for them (`AUTO_PATTERN`).
    Pattern {
        /// The pattern.
        pattern: String,
        /// The metadata's version with which it was last matched.
        seen: Option<u64>,
        /// The topics that it matched then.
        topics: BTreeSet<TopicName>,
    },
    /// The same, and the coordinator looks for them (`AUTO_PATTERN_RE2J`, KIP-848).
    ServerPattern(String),
}

/// An offset to commit: the next one to read, with the epoch of the last record read.
pub(crate) type Consumed = (TopicPartition, Offset, Option<LeaderEpoch>);

impl Consumer {
    /// Whether a deliberate bug is on.
    pub(crate) fn is(&self, switch: Switch) -> bool {
        self.behaviour.is(switch)
    }

    /// Whether a hazard of Kafka 4.1 is mended.
    pub(crate) fn mends(&self, hazard: Hazard) -> bool {
        self.behaviour.mends(hazard)
    }

    /// Whether the group decides what it reads.
    pub(crate) fn is_subscribed(&self) -> bool {
        match &self.subscription {
            Subscription::None | Subscription::Partitions => false,
            Subscription::Topics(_) | Subscription::Pattern { .. } | Subscription::ServerPattern(_) => true,
        }
    }

    /// Whether records of this partition may be asked for and returned now (`isFetchableAndSubscribed`): its topic is still
    /// among the named ones, though the group has not decided yet.
    pub(super) fn fetchable_position(&self, partition: &TopicPartition) -> Option<Position> {
        match &self.subscription {
            Subscription::Topics(topics) if !topics.contains(&partition.topic) => None,
            Subscription::None
            | Subscription::Partitions
            | Subscription::Topics(_)
            | Subscription::Pattern { .. }
            | Subscription::ServerPattern(_) => self.partitions.get(partition)?.fetchable_position(),
        }
    }

    /// The topics it subscribes to.
    pub(crate) fn topics(&self) -> &BTreeSet<TopicName> {
        static NONE: BTreeSet<TopicName> = BTreeSet::new();
        match &self.subscription {
            Subscription::None | Subscription::Partitions | Subscription::ServerPattern(_) => &NONE,
            Subscription::Topics(topics) | Subscription::Pattern { topics, .. } => topics,
        }
    }

    /// The pattern that its coordinator shall match.
    pub(crate) fn server_pattern(&self) -> Option<&str> {
        match &self.subscription {
            Subscription::ServerPattern(pattern) => Some(pattern),
            Subscription::None | Subscription::Partitions | Subscription::Topics(_) | Subscription::Pattern { .. } => {
                None
            }
        }
    }

    /// Whether it subscribes by a pattern that it has not matched yet: its metadata says of no topic yet.
    pub(crate) fn waits_for_names(&self) -> bool {
        matches!(self.subscription, Subscription::Pattern { seen: None, .. })
    }

    /// Matches its own pattern with the names that the metadata knows now (`updatePatternSubscription`).
    pub(crate) fn match_pattern(&mut self, ctx: &mut Context, cluster: &mut Cluster) {
        let version = cluster.metadata.update_version();
        let Subscription::Pattern { pattern, seen, topics } = &mut self.subscription else { return };
        if *seen == Some(version) || cluster.metadata.is_wanted() {
            return;
        }
        *seen = Some(version);
        let Ok(regex) = whole(pattern) else { return };
        let matched: BTreeSet<TopicName> =
            cluster.metadata.topic_names().filter(|name| regex.is_match(name.as_str())).cloned().collect();
        if matched != *topics {
            for topic in &matched {
                cluster.metadata.add_topic(topic, ctx.now.monotonic);
            }
            *topics = matched;
        }
    }

    /// Whether its group's leader may give it partitions of this topic (`checkAssignmentMatchedSubscription`): the pattern decides, and
    /// not what it has matched so far.
    pub(crate) fn wants(&self, topic: &TopicName) -> bool {
        match &self.subscription {
            Subscription::Pattern { pattern, .. } => whole(pattern).is_ok_and(|regex| regex.is_match(topic.as_str())),
            Subscription::None
            | Subscription::Partitions
            | Subscription::Topics(_)
            | Subscription::ServerPattern(_) => self.topics().contains(topic),
        }
    }

    /// A leader knew more topics that its pattern matches: they belong to its subscription from now on
    /// (`maybeUpdateJoinedSubscription`).
    pub(crate) fn take_from_leader(&mut self, ctx: &Context, cluster: &mut Cluster, added: &BTreeSet<TopicName>) {
        let Subscription::Pattern { topics, .. } = &mut self.subscription else { return };
        for topic in added {
            cluster.metadata.add_topic(topic, ctx.now.monotonic);
            topics.insert(topic.clone());
        }
    }

    /// The partitions it has.
    pub(crate) fn assigned(&self) -> BTreeSet<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }

    /// Everything it has read and returned: what a commit of positions commits (`allConsumed`).
    pub(crate) fn consumed(&self) -> Vec<Consumed> {
        let consumed = self.partitions.iter().filter_map(|(partition, state)| {
            // A position that is not validated yet may be behind the end of the new leader's log.
            let position = state.valid_position()?;
            Some((partition.clone(), position.offset, position.offset_epoch))
        });
        consumed.collect()
    }

    /// Neither fetches nor returns anything of these partitions any more: they are about to be revoked.
    pub(crate) fn mark_pending_revocation(&mut self, partitions: &BTreeSet<TopicPartition>) {
        for (partition, state) in self.partitions.iter_mut() {
            state.pending_revocation |= partitions.contains(partition);
        }
    }

    /// The group decided: exactly these. What stays keeps its position.
    pub(crate) fn assign_from_subscribed(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        partitions: BTreeSet<TopicPartition>,
    ) {
        let kept = self.subscription.clone();
        self.assign(ctx, cluster, partitions.into_iter().collect());
        self.subscription = kept;
        for state in self.partitions.values_mut() {
            state.pending_revocation = false;
        }
    }

    /// Partitions whose position nobody knows yet.
    pub(crate) fn initializing(&self) -> BTreeSet<TopicPartition> {
        let unknown = self.partitions.iter().filter(|(_, state)| state.is_initializing());
        unknown.map(|(partition, _)| partition.clone()).collect()
    }

    /// The next poll fails with this.
    pub(crate) fn raise_from_group(&mut self, (error, message): Raised) {
        self.raise(error, message);
    }

    /// A number for a request that was never given before.
    pub(crate) fn next_token(&mut self) -> u64 {
        self.token()
    }
}

// ---- Calls --------------------------------------------------------------------------

impl Consumer {
    /// `Consumer.subscribe`: these topics from the next poll on. Partitions stay until the group has decided, but of other
    /// topics nothing is fetched or returned any more.
    pub(crate) fn subscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster, topics: BTreeSet<TopicName>) {
        self.to_subscribe = None;
        self.to_assign = None;
        for topic in &topics {
            cluster.metadata.add_topic(topic, ctx.now.monotonic);
        }
        for partition in self.assigned().iter().filter(|partition| !topics.contains(&partition.topic)) {
            self.drop_buffered(partition);
        }
        self.subscription = Subscription::Topics(topics);
    }

    /// `Consumer.subscribe` with a pattern.
    ///
    /// # Errors
    /// It is assigned partitions, or subscribes otherwise already; the pattern is none; its protocol is the classic one,
    /// and the coordinator shall match the pattern.
    pub(crate) fn subscribe_pattern(
        &mut self,
        cluster: &mut Cluster,
        pattern: String,
        on_server: bool,
    ) -> Result<(), String> {
        let wanted = if on_server {
            Subscription::ServerPattern(pattern.clone())
        } else {
            Subscription::Pattern { pattern: pattern.clone(), seen: None, topics: BTreeSet::new() }
        };
        if let Some(reason) = self.refuses(&wanted) {
            return Err(reason.to_owned());
        }
        if on_server && self.group.as_ref().is_some_and(|group| group.is_classic()) {
            return Err("Subscribe to RE2/J pattern is not supported when using the CLASSIC protocol".to_owned());
        }
        // What is wrong with one of its own the coordinator says.
        if !on_server && let Err(error) = whole(&pattern) {
            return Err(format!("`{pattern}` is not a pattern: {error}"));
        }
        self.to_subscribe = None;
        self.to_assign = None;
        cluster.metadata.ask_for_all(true);
        self.subscription = wanted;
        Ok(())
    }

    /// Why this consumer may not subscribe to topics now; none if it may.
    pub(crate) fn refuses_subscription(&self) -> Option<&'static str> {
        self.refuses(&Subscription::Topics(BTreeSet::new()))
    }

    /// Why it may not subscribe in this way (`SubscriptionState.setSubscriptionType`).
    fn refuses(&self, wanted: &Subscription) -> Option<&'static str> {
        if self.group.is_none() {
            return Some("to subscribe to topics a consumer needs a group.id");
        }
        let differs = match &self.subscription {
            Subscription::None => false,
            Subscription::Partitions => !self.partitions.is_empty(),
            known @ (Subscription::Topics(_) | Subscription::Pattern { .. } | Subscription::ServerPattern(_)) => {
                std::mem::discriminant(known) != std::mem::discriminant(wanted)
            }
        };
        differs.then_some("Subscription to topics, partitions and pattern are mutually exclusive")
    }

    /// Why this consumer may not be assigned partitions by its application now; none if it may.
    pub(crate) fn refuses_assignment(&self) -> Option<&'static str> {
        self.is_subscribed().then_some("Subscription to topics, partitions and pattern are mutually exclusive")
    }

    /// `Consumer.unsubscribe`: it gives its partitions up and leaves its group.
    pub(crate) fn unsubscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster) {
        self.with_group(ctx, |group, ctx, consumer| group.unsubscribe(ctx, cluster, consumer));
        self.assign(ctx, cluster, Vec::new());
        cluster.metadata.ask_for_all(false);
        self.subscription = Subscription::None;
    }

    /// `commitSync` or `commitAsync`, of the positions.
    pub(crate) fn commit(&mut self, ctx: &mut Context, cause: CommitCause, ticket: Ticket) {
        self.commit_offsets(ctx, cause, self.consumed(), ticket);
    }

    /// `commitSync` of offsets that the application chose, with what it wants remembered beside them; whether they fit the
    /// partitions nobody looks at.
    pub(crate) fn commit_chosen(
        &mut self,
        ctx: &mut Context,
        offsets: Vec<(TopicPartition, Offset)>,
        metadata: &str,
        ticket: Ticket,
    ) {
        if offsets.iter().any(|(_, offset)| *offset < 0) {
            return failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "Invalid negative offset");
        }
        let offsets = offsets.into_iter().map(|(partition, offset)| (partition, offset, None)).collect();
        self.commit_offsets(ctx, CommitCause::Chosen, offsets, ticket);
        self.with_group(ctx, |group, _, _| group.remember_with_commit(ticket, metadata));
    }

    fn commit_offsets(&mut self, ctx: &mut Context, cause: CommitCause, offsets: Vec<Consumed>, ticket: Ticket) {
        if self.group.is_none() {
            let message = "to commit offsets a consumer needs a group.id";
            return failed(ctx, Some(ticket), ErrorCode::InvalidGroupId, message);
        }
        self.with_group(ctx, |group, ctx, _| group.commit(ctx, cause, offsets, ticket));
    }

    /// `Consumer.pause` and `Consumer.resume`: no records of these partitions, or again. What was fetched before a
    /// pause is kept for after it.
    pub(crate) fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) -> Result<(), String> {
        if let Some(unknown) = partitions.iter().find(|partition| !self.partitions.contains_key(partition)) {
            return Err(format!("No current assignment for partition {unknown}"));
        }
        for partition in partitions {
            self.partitions.get_mut(partition).expect("looked up above").paused = paused;
        }
        Ok(())
    }

    /// The group has committed these of the offsets that were asked for. Who has a position by now keeps it; who has
    /// none gets one by `auto.offset.reset`.
    pub(crate) fn take_committed(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        asked: &BTreeSet<TopicPartition>,
        committed: &[Consumed],
    ) {
        for (partition, offset, epoch) in committed {
            if let Some(epoch) = epoch {
                cluster.metadata.see_epoch(partition, *epoch);
            }
            let leader = cluster.metadata.current_leader(partition);
            let Some(state) = self.partitions.get_mut(partition).filter(|state| state.is_initializing()) else {
                continue;
            };
            state.seek_unvalidated(Position { offset: *offset, offset_epoch: *epoch, leader });
            let (partition, reason) = (partition.clone(), PositionReason::Committed);
            ctx.emit(ClientEvent::PositionSet { partition, offset: *offset, reason });
        }
        self.reset_initializing_of(asked);
    }

    /// From now on the application works on a record for so long.
    pub(crate) fn set_work_per_record(&mut self, per_record: Duration) {
        self.application.set_work_per_record(per_record);
    }
}

/// What is wrong with a pattern that a consumer shall match itself; none if it is a regular expression.
pub fn pattern_mistake(pattern: &str) -> Option<String> {
    // The last line of the crate's message says it; those before draw the pattern.
    let error = whole(pattern).err()?.to_string();
    Some(error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
}

/// A pattern that must match a whole name.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(pattern).and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")))
}
