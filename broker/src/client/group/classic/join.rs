//! A rebalance from the member's side: before the join, the join, the leader's assignment, the assignment's arrival
//! (`joinGroupIfNeeded`, `onJoinPrepare`, `onLeaderElected`, `onJoinComplete`).

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::assignor::{Assignments, RebalanceProtocol, Trust};
use super::super::commit::CommitOutcome;
use super::super::{Shared, Turn};
use super::{Asked, ClassicMember, Generation, Join, JoinFailure, MemberState, PartitionSnapshot};
use crate::api::consumer_protocol;
use crate::client::network::Asker;
use crate::config::{Assignor, Hazard, Switch};
use crate::event::{CommitCause, MembershipEvent, MembershipLoss};
use crate::ids::{TopicName, TopicPartition};
use crate::message::{
    ConsumerAssignment, ConsumerSubscription, ErrorCode, JoinGroupProtocol, JoinGroupRequest, SyncGroupRequest,
};
use crate::time::Time;

/// `ConsumerProtocol.PROTOCOL_TYPE`.
pub(super) const PROTOCOL_TYPE: &str = "consumer";
/// `AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_TIMEOUT_LAPSE: std::time::Duration = std::time::Duration::from_secs(5);

impl ClassicMember {
    /// Goes on with the rebalance as far as it goes now; gives whether the member has its assignment.
    pub(super) fn join_if_needed(&mut self, turn: &mut Turn) -> bool {
        while self.needs_rejoin(turn.consumer) {
            if !turn.shared.ensure_coordinator(turn.ctx, turn.cluster, turn.consumer) {
                return false;
            }
            if self.needs_prepare {
                if !self.prepare(turn) {
                    return false;
                }
                self.needs_prepare = false;
            }
            match std::mem::replace(&mut self.join, Join::Idle) {
                Join::Idle => {
                    if self.retry_at.is_some_and(|at| at > turn.ctx.now.monotonic) {
                        return false;
                    }
                    self.retry_at = None;
                    self.state = MemberState::Preparing;
                    self.join = Join::Joining;
                    self.send_join(turn);
                    return false;
                }
                Join::Joining => {
                    self.join = Join::Joining;
                    self.send_join(turn);
                    return false;
                }
                waiting @ (Join::Leading { .. } | Join::Syncing(_) | Join::Synced) => {
                    self.join = waiting;
                    return false;
                }
                Join::Done(Ok(bytes)) => self.finish(turn, &bytes),
                Join::Done(Err(failure)) => {
                    if !self.join_failed(turn, failure) {
                        return false;
                    }
                }
            }
            turn.shared.moved = true;
        }
        true
    }

    /// Gives whether to try again at once.
    fn join_failed(&mut self, turn: &mut Turn, failure: JoinFailure) -> bool {
        match failure {
            JoinFailure::MemberIdRequired => true,
            JoinFailure::Again(error) => {
                self.request_rejoin(&format!("rebalance failed due to {}", error.name()));
                true
            }
            JoinFailure::Later(error) => {
                self.request_rejoin(&format!("rebalance failed due to {}", error.name()));
                self.retry_at = Some(turn.ctx.now.monotonic + turn.shared.retry_backoff);
                false
            }
            JoinFailure::Fatal(error, message) => {
                self.request_rejoin(&format!("rebalance failed due to {}", error.name()));
                turn.consumer.raise_from_group((error, message));
                false
            }
        }
    }

    // ---- Before the join --------------------------------------------------------------

    /// Commits what was read, if that is done by itself, and gives up what must be given up (`onJoinPrepare`). Gives
    /// whether the join may be sent.
    fn prepare(&mut self, turn: &mut Turn) -> bool {
        let now = turn.ctx.now.monotonic;
        let ends = *self.prepare_ends.get_or_insert(now + turn.shared.settings.timers.max_poll_interval);
        if !self.commit_before_join(turn, ends) {
            return false;
        }
        let group = turn.shared.settings.group.clone();
        let owned = turn.consumer.assigned();
        if self.generation.id == -1 || self.generation.member.is_empty() {
            if !owned.is_empty() {
                turn.ctx.emit(MembershipEvent::PartitionsLost { group, partitions: owned.into_iter().collect() });
                turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, BTreeSet::new());
            }
        } else if self.protocol == RebalanceProtocol::Eager
            && turn.consumer.is(Switch::MemberKeepsPartitionsWhenJoining)
        {
            // The switch: it goes on reading.
        } else if self.protocol == RebalanceProtocol::Eager {
            if !owned.is_empty() {
                turn.ctx.emit(MembershipEvent::PartitionsRevoked { group, partitions: owned.into_iter().collect() });
            }
            turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, BTreeSet::new());
        } else {
            let topics = turn.consumer.topics();
            let (kept, gone): (BTreeSet<_>, BTreeSet<_>) =
                owned.into_iter().partition(|partition| topics.contains(&partition.topic));
            if !gone.is_empty() {
                turn.ctx.emit(MembershipEvent::PartitionsRevoked { group, partitions: gone.into_iter().collect() });
                turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, kept);
            }
        }
        self.is_leader = false;
        self.group_topics.clear();
        self.prepare_ends = None;
        turn.shared.commits.before_rebalance = None;
        turn.shared.moved = true;
        true
    }

    /// Gives whether the commit is done, has failed for good, or is not waited for any longer.
    fn commit_before_join(&mut self, turn: &mut Turn, ends: Time) -> bool {
        if !turn.shared.settings.timers.enable_auto_commit {
            return true;
        }
        let now = turn.ctx.now.monotonic;
        let pending = turn.shared.commits.is_pending(CommitCause::Rebalance);
        if !pending && turn.shared.commits.before_rebalance.is_none() {
            if self.retry_at.is_some_and(|at| at > now) {
                return now >= ends;
            }
            self.retry_at = None;
            if self.protocol == RebalanceProtocol::Eager {
                // What is fetched from now on would be returned, and not committed.
                turn.consumer.mark_pending_revocation(&turn.consumer.assigned());
            }
            let time = ends.since(now);
            turn.shared.commits.begin(turn.ctx, CommitCause::Rebalance, None, turn.consumer.consumed(), Some(time));
            turn.shared.run_commits_soon();
        }
        match turn.shared.commits.before_rebalance {
            _ if now >= ends => true,
            None => false,
            Some(CommitOutcome::Done | CommitOutcome::Failed { .. }) => true,
            Some(CommitOutcome::Retriable(_)) => {
                turn.shared.commits.before_rebalance = None;
                self.retry_at = Some(now + turn.shared.retry_backoff);
                false
            }
        }
    }

    // ---- The join ---------------------------------------------------------------------

    fn send_join(&mut self, turn: &mut Turn) {
        if self.asked.values().any(|asked| matches!(asked, Asked::Join(_))) {
            return;
        }
        if turn.shared.coordinator.ready(turn.ctx, turn.cluster).is_none() {
            return;
        }
        let subscription = ConsumerSubscription {
            topics: turn.consumer.topics().iter().cloned().collect(),
            user_data: None,
            owned: turn.consumer.assigned().into_iter().collect(),
            generation: Some(self.generation.id).filter(|id| *id >= 0),
            rack: turn.shared.settings.rack.as_deref().map(str::to_owned),
        };
        self.joined_topics = Some(turn.consumer.topics().clone());
        let protocol = |assignor: &Assignor| {
            let subscription =
                ConsumerSubscription { user_data: self.memory.user_data(*assignor), ..subscription.clone() };
            let metadata = consumer_protocol::encode_subscription(&subscription);
            JoinGroupProtocol { name: assignor.name().to_owned(), metadata }
        };
        let timers = &turn.shared.settings.timers;
        let request = JoinGroupRequest {
            group: turn.shared.settings.group.clone(),
            session_timeout_ms: timers.session_timeout.as_millis() as i32,
            rebalance_timeout_ms: timers.max_poll_interval.as_millis() as i32,
            member: self.generation.member.clone(),
            instance: turn.shared.settings.instance.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: turn.shared.settings.assignors.iter().map(protocol).collect(),
            reason: Some(self.rejoin_reason.clone()),
        };
        // The coordinator answers when everybody has joined, or the rebalance's time is over.
        let timeout = turn.shared.request_timeout.max(timers.max_poll_interval + JOIN_TIMEOUT_LAPSE);
        let connection = turn.shared.coordinator.ready(turn.ctx, turn.cluster).expect("asked above");
        let token = turn.consumer.next_token();
        turn.cluster.network.send_for(turn.ctx, connection, Asker::Member, token, request.into(), timeout);
        self.asked.insert(token, Asked::Join(self.generation.clone()));
        let (group, member) = (turn.shared.settings.group.clone(), self.generation.member.clone());
        turn.ctx.emit(MembershipEvent::JoinSent { group, member, reason: self.rejoin_reason.clone() });
        turn.shared.moved = true;
    }

    // ---- The leader -------------------------------------------------------------------

    /// Assigns, once the metadata of all the group's topics is fresh (`onLeaderElected`). One answer is waited for and not
    /// all that is wanted (`ConsumerNetworkClient.ensureFreshMetadata`): a topic that was deleted is asked for again for ever.
    pub(super) fn lead(&mut self, turn: &mut Turn) {
        let Join::Leading { assignor, members, skip, waits_beyond } = &mut self.join else { return };
        let topics: BTreeSet<_> =
            members.values().flat_map(|member| member.subscription.topics.iter().cloned()).collect();
        if self.group_topics != topics {
            // From now on the leader watches all of them.
            for topic in &topics {
                turn.cluster.metadata.add_topic(topic, turn.ctx.now.monotonic);
            }
            self.group_topics = topics;
            turn.shared.moved = true;
        }
        let version = turn.cluster.metadata.update_version();
        match *waits_beyond {
            None if turn.cluster.metadata.is_wanted() => {
                *waits_beyond = Some(version);
                return;
            }
            Some(before) if version <= before => return,
            None | Some(_) => {}
        }
        let (assignor, members, skip) = (*assignor, members.clone(), *skip);
        self.is_leader = true;
        let all = self.partitions_of(turn.cluster, turn.consumer.topics());
        let snapshot = all.clone().seen_by(turn.shared);
        self.partitions = (Some(turn.cluster.metadata.update_version()), snapshot.clone());
        let only_newest = turn.consumer.is(Switch::StickyTrustsOnlyMaxGeneration);
        let trust = if only_newest { Trust::NewestGeneration } else { Trust::Everybody };
        let assign = || {
            let mut assignments = assignor.assign(&all.counts, &all.replicas, &members, trust);
            if turn.consumer.is(Switch::AssignorFavoursFirst) {
                favour_first(&mut assignments);
            }
            assigned_bytes(assignments)
        };
        let assignments = if skip { Vec::new() } else { assign() };
        // Of what was assigned a leader that keeps the assignment knows nothing. Kafka's takes it for what there is now.
        let overlooks = !turn.consumer.mends(Hazard::StaticLeaderOverlooksPartitions);
        self.assigned_partitions = Some(if skip && !overlooks { PartitionSnapshot::default() } else { snapshot });
        self.join = Join::Syncing(self.sync_request(turn.shared, assignments));
        turn.shared.moved = true;
    }

    pub(super) fn sync_request(
        &self,
        shared: &Shared,
        assignments: Vec<(crate::ids::MemberId, Bytes)>,
    ) -> SyncGroupRequest {
        SyncGroupRequest {
            group: shared.settings.group.clone(),
            generation: self.generation.id,
            member: self.generation.member.clone(),
            instance: shared.settings.instance.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: self.generation.protocol.map(|assignor| assignor.name().to_owned()),
            assignments,
        }
    }

    pub(super) fn send_sync(&mut self, turn: &mut Turn) {
        let Join::Syncing(request) = &self.join else { return };
        let token = turn.consumer.next_token();
        if turn.shared.coordinator.send(turn.ctx, turn.cluster, Asker::Member, token, request.clone()) {
            self.asked.insert(token, Asked::Sync(self.generation.clone()));
            self.join = Join::Synced;
            turn.shared.moved = true;
        } else if !turn.shared.coordinator.is_known(turn.ctx, turn.cluster) {
            self.join = Join::Done(Err(JoinFailure::Later(ErrorCode::CoordinatorNotAvailable)));
            turn.shared.moved = true;
        }
    }

    // ---- The assignment's arrival -----------------------------------------------------

    /// Takes the assignment, unless the generation was lost meanwhile.
    ///
    /// Simplified: bytes that are no assignment fail one poll, and the member is in its generation without partitions; Kafka's
    /// consumer reads them anew with each poll, and each fails.
    fn finish(&mut self, turn: &mut Turn, bytes: &Bytes) {
        let was_reset = self.generation.id == -1 && self.generation.protocol.is_none();
        if was_reset || self.state != MemberState::Stable {
            self.reset(turn.ctx, turn.shared, MembershipLoss::RebalanceOvertaken, false);
            return;
        }
        self.complete(turn, bytes);
        self.needs_prepare = true;
    }

    fn complete(&mut self, turn: &mut Turn, bytes: &Bytes) {
        if !self.is_leader {
            self.assigned_partitions = None;
        }
        let Some(ConsumerAssignment { partitions, .. }) = consumer_protocol::decode_assignment(bytes) else {
            // Kafka's consumer throws an IllegalStateException; the application's loop ends with it.
            let message = "there are insufficient bytes available to read the assignment".to_owned();
            turn.consumer.raise_from_group((ErrorCode::UnknownServerError, message));
            return;
        };
        if partitions.iter().any(|partition| !turn.consumer.wants(&partition.topic)) {
            self.request_rejoin("received assignment does not match the current subscription");
            return;
        }
        let group = turn.shared.settings.group.clone();
        let owned = turn.consumer.assigned();
        let assigned: BTreeSet<TopicPartition> = partitions.iter().cloned().collect();
        let added: Vec<TopicPartition> = assigned.difference(&owned).cloned().collect();
        if self.protocol == RebalanceProtocol::Cooperative {
            let revoked: Vec<TopicPartition> = owned.difference(&assigned).cloned().collect();
            if !revoked.is_empty() {
                turn.ctx.emit(MembershipEvent::PartitionsRevoked { group: group.clone(), partitions: revoked });
                self.request_rejoin("need to revoke partitions and re-join");
            }
        }
        let given: BTreeSet<TopicName> = partitions.iter().map(|partition| partition.topic.clone()).collect();
        let added_topics: BTreeSet<TopicName> = given.difference(turn.consumer.topics()).cloned().collect();
        turn.consumer.take_from_leader(turn.ctx, turn.cluster, &added_topics);
        if let Some(joined) = &mut self.joined_topics {
            joined.extend(added_topics);
        }
        self.memory.on_assignment(self.generation.id, &partitions);
        turn.shared.restart_auto_commit(turn.ctx.now.monotonic);
        let total = assigned.len();
        turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, assigned);
        turn.ctx.emit(MembershipEvent::PartitionsAssigned { group, partitions: added, owned: total });
    }

    /// Whether nothing has changed since a request was sent.
    pub(super) fn is_unchanged(&self, sent: &Generation) -> bool {
        self.generation == *sent
    }
}

fn assigned_bytes(assignments: Assignments) -> Vec<(crate::ids::MemberId, Bytes)> {
    let bytes = |partitions| consumer_protocol::encode_assignment(&ConsumerAssignment { partitions, user_data: None });
    assignments.into_iter().map(|(member, partitions)| (member, bytes(partitions))).collect()
}

/// The switch: the first member gets a partition of the last one that has some.
fn favour_first(assignments: &mut Assignments) {
    let given = assignments.values_mut().skip(1).rev().find_map(Vec::pop);
    assignments.values_mut().take(1).for_each(|first| first.extend(given.clone()));
}
