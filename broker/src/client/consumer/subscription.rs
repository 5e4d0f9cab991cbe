//! What a consumer wants to read, and which partitions it has: the rest of Kafka's `SubscriptionState`.
//!
//! ```text
//!   nothing ──assign──▶ partitions that the application chose
//!      │ subscribe
//!      ▼
//!   topics ──the group decides──▶ partitions (revoked, lost, assigned: events)
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

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
        matches!(self.subscription, Subscription::Topics(_))
    }

    /// The topics it subscribes to.
    pub(crate) fn topics(&self) -> BTreeSet<TopicName> {
        match &self.subscription {
            Subscription::None | Subscription::Partitions => BTreeSet::new(),
            Subscription::Topics(topics) => topics.clone(),
        }
    }

    /// The partitions it has.
    pub(crate) fn assigned(&self) -> BTreeSet<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }

    /// Everything it has read and returned: what a commit of positions commits (`allConsumed`).
    pub(crate) fn consumed(&self) -> Vec<Consumed> {
        let consumed = self.partitions.iter().filter_map(|(partition, state)| {
            let position = state.position()?;
            Some((partition.clone(), position.offset, position.offset_epoch))
        });
        consumed.collect()
    }

    /// Neither fetches nor returns anything of these partitions any more: they are about to be revoked.
    pub(crate) fn mark_pending_revocation(&mut self, partitions: &BTreeSet<TopicPartition>) {
        for (partition, state) in &mut self.partitions {
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
    /// `Consumer.subscribe`: these topics from the next poll on. Partitions stay until the group has decided.
    pub(crate) fn subscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster, topics: BTreeSet<TopicName>) {
        self.to_subscribe = None;
        self.to_assign = None;
        for topic in &topics {
            cluster.metadata.add_topic(topic, ctx.now.monotonic);
        }
        self.subscription = Subscription::Topics(topics);
    }

    /// Why this consumer may not subscribe now; none if it may.
    pub(crate) fn refuses_subscription(&self) -> Option<&'static str> {
        if self.group.is_none() {
            return Some("to subscribe to topics a consumer needs a group.id");
        }
        (self.subscription == Subscription::Partitions && !self.partitions.is_empty())
            .then_some("Subscription to topics, partitions and pattern are mutually exclusive")
    }

    /// `Consumer.unsubscribe`: it gives its partitions up and leaves its group.
    pub(crate) fn unsubscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster) {
        self.with_group(ctx, |group, ctx, consumer| group.unsubscribe(ctx, cluster, consumer));
        self.assign(ctx, cluster, Vec::new());
        self.subscription = Subscription::None;
    }

    /// `commitSync` or `commitAsync`, of the positions.
    pub(crate) fn commit(&mut self, ctx: &mut Context, cause: CommitCause, ticket: Ticket) {
        if self.group.is_none() {
            let message = "to commit offsets a consumer needs a group.id";
            failed(ctx, Some(ticket), ErrorCode::InvalidGroupId, message);
            return;
        }
        self.with_group(ctx, |group, ctx, consumer| group.commit(ctx, consumer, cause, ticket));
    }

    /// `Consumer.pause` and `Consumer.resume`: no records of these partitions, or again. Simplified: what was fetched
    /// before a pause is fetched again after it.
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
