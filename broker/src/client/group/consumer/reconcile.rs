//! From what a KIP-848 member has to what it shall have (`AbstractMembershipManager.maybeReconcile`).
//!
//! ```text
//!   names of all topics known? ─▶ commit what was read ─▶ revoke ─▶ assign ─▶ acknowledge
//!     else: metadata                (if by itself)
//! ```
//!
//! What another member still holds is not part of the target yet: the coordinator leaves it
//! out until it is free.

use std::collections::BTreeSet;

use super::super::Turn;
use super::super::commit::CommitOutcome;
use super::{ConsumerMember, LocalAssignment, MemberState};
use crate::client::cluster::Cluster;
use crate::event::{CommitCause, MembershipEvent};
use crate::ids::TopicPartition;
use crate::message::{ErrorCode, PartitionsByTopic};
use crate::time::Time;

/// A reconciliation that waits for its commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reconciliation {
    resolved: LocalAssignment,
    assigned: BTreeSet<TopicPartition>,
    /// How often the commit has failed.
    failures: u32,
    /// When the commit is not tried again any more. One that is under way is waited for: without a coordinator for as long as there is
    /// none (`CommitRequestManager.maybeAutoCommitSyncBeforeRebalance`).
    ends: Time,
}

impl ConsumerMember {
    /// Goes on towards the target. What must be committed first waits for a poll: `may_commit`.
    pub(super) fn reconcile(&mut self, turn: &mut Turn, may_commit: bool) {
        if self.reconciliation.is_some() {
            self.go_on(turn);
            return;
        }
        // The commit of a reconciliation that was given up for another join keeps the next one waiting (`reconciliationInProgress`).
        let is_in_progress = turn.shared.commits.is_pending(CommitCause::Rebalance);
        if self.state != MemberState::Reconciling || self.current == self.target || is_in_progress {
            return;
        }
        let (resolved, assigned) = self.resolve(turn.cluster);
        if !self.current.is_none() && resolved.partitions == self.current.partitions {
            self.current = resolved;
            self.state = MemberState::Acknowledging;
            turn.shared.moved = true;
            return;
        }
        let auto_commit = turn.shared.settings.timers.enable_auto_commit;
        if auto_commit && !may_commit {
            return;
        }
        let revoked: BTreeSet<TopicPartition> = turn.consumer.assigned().difference(&assigned).cloned().collect();
        turn.consumer.mark_pending_revocation(&revoked);
        let interval = turn.shared.settings.timers.max_poll_interval;
        self.reconciliation =
            Some(Reconciliation { resolved, assigned, failures: 0, ends: turn.ctx.now.monotonic + interval });
        turn.shared.commits.before_rebalance = None;
        if auto_commit {
            turn.shared.commits.begin(turn.ctx, CommitCause::Rebalance, None, turn.consumer.consumed(), Some(interval));
        } else {
            turn.shared.commits.before_rebalance = Some(CommitOutcome::Done);
        }
        turn.shared.moved = true;
        self.go_on(turn);
    }

    /// The part of the target whose topics have names; metadata is asked for the rest.
    fn resolve(&mut self, cluster: &mut Cluster) -> (LocalAssignment, BTreeSet<TopicPartition>) {
        let mut partitions = PartitionsByTopic::new();
        let mut assigned = BTreeSet::new();
        let mut unknown = false;
        for (topic_id, indexes) in &self.target.partitions {
            let name = cluster.metadata.topic_named(*topic_id).or_else(|| self.names.get(topic_id).cloned());
            let Some(name) = name else {
                unknown = true;
                continue;
            };
            self.names.insert(*topic_id, name.clone());
            partitions.insert(*topic_id, indexes.clone());
            assigned.extend(indexes.iter().map(|index| TopicPartition { topic: name.clone(), partition: *index }));
        }
        if unknown {
            cluster.metadata.request_update_at_once();
        }
        (LocalAssignment { number: self.target.number, partitions }, assigned)
    }

    /// Revokes and assigns, once the commit has ended.
    fn go_on(&mut self, turn: &mut Turn) {
        let Some(waiting) = &mut self.reconciliation else { return };
        let is_over = turn.ctx.now.monotonic >= waiting.ends;
        match turn.shared.commits.before_rebalance {
            None => return,
            // A topic that is gone would keep the rebalance waiting: `autoCommitSyncBeforeRebalanceWithRetries` does not ask again.
            Some(CommitOutcome::Retriable(error)) if !is_over && error != ErrorCode::UnknownTopicOrPartition => {
                turn.shared.commits.before_rebalance = None;
                let (time, wait) =
                    (waiting.ends.since(turn.ctx.now.monotonic), turn.shared.backoff.after(turn.ctx, waiting.failures));
                waiting.failures += 1;
                turn.shared.commits.begin_later(turn.ctx, turn.consumer.consumed(), time, wait, waiting.failures);
                turn.shared.moved = true;
                return;
            }
            // A commit that failed for good changes nothing: the coordinator has decided.
            Some(CommitOutcome::Done | CommitOutcome::Retriable(_) | CommitOutcome::Failed { .. }) => {}
        }
        turn.shared.commits.before_rebalance = None;
        let Some(Reconciliation { resolved, assigned, .. }) = self.reconciliation.take() else { return };
        turn.shared.moved = true;
        if self.state != MemberState::Reconciling {
            return;
        }
        let group = turn.shared.settings.group.clone();
        let owned = turn.consumer.assigned();
        let revoked: Vec<TopicPartition> = owned.difference(&assigned).cloned().collect();
        if !revoked.is_empty() {
            turn.ctx.emit(MembershipEvent::PartitionsRevoked { group: group.clone(), partitions: revoked });
        }
        let added: Vec<TopicPartition> = assigned.difference(&owned).cloned().collect();
        let total = assigned.len();
        turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, assigned);
        turn.ctx.emit(MembershipEvent::PartitionsAssigned { group, partitions: added, owned: total });
        self.current = resolved;
        turn.shared.restart_auto_commit(turn.ctx.now.monotonic);
        self.state = MemberState::Acknowledging;
    }
}
