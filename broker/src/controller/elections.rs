//! Who leads: after brokers come and go, on request, and from time to time.

use super::partition_change::{BuiltChange, Election, PartitionChangeBuilder};
use super::{Controller, Decision, Fact, MAX_ELECTIONS};
use crate::config::{Hazard, LogSettings, Switch};
use crate::event::PartitionChangeReason;
use crate::ids::{DirectoryId, NodeId, TopicName, TopicPartition};
use crate::message::{ElectLeadersRequest, ElectLeadersResponse, ElectionType, ErrorCode};
use crate::metadata::{MetadataImage, MetadataRecord, PartitionRegistration};

/// What happened to one broker, seen from the partitions.
#[derive(Clone, Copy, Debug)]
pub(super) enum BrokerChange {
    /// It may lead nothing and is in no ISR; it may stay eligible.
    Removed(NodeId),
    /// It may lead.
    Added(NodeId),
    /// It came back and may have lost records: neither in sync nor eligible.
    UncleanShutdown(NodeId),
}

impl Controller {
    /// Registered, unfenced, not shutting down.
    pub(super) fn is_active(&self, broker: NodeId) -> bool {
        self.newest.image.broker(broker).is_some_and(|registration| registration.is_active())
    }

    /// The settings in force for a topic, as the controller resolves them.
    pub(super) fn log_settings(&self, image: &MetadataImage, topic: &TopicName) -> LogSettings {
        image.log_settings(topic, &self.config.log, self.config.node)
    }

    /// min.insync.replicas of a topic, never more than its replicas (`getTopicEffectiveMinIsr`).
    pub(super) fn effective_min_isr(&self, image: &MetadataImage, topic: &TopicName) -> usize {
        let configured = self.log_settings(image, topic).min_insync_replicas.max(0) as usize;
        let replicas = image.partition(topic, 0).map_or(configured, |partition| partition.replicas.len());
        configured.min(replicas)
    }

    /// Makes one change: the builder starts from what is in force, `adjust` sets the targets.
    pub(super) fn with_builder(
        &self,
        image: &MetadataImage,
        name: &TopicPartition,
        partition: &PartitionRegistration,
        election: Election,
        acceptable: &dyn Fn(NodeId) -> bool,
        adjust: impl FnOnce(&mut PartitionChangeBuilder<'_>),
    ) -> Option<BuiltChange> {
        let may_lead = |node: NodeId| {
            let directory = partition.directory(node);
            let online = image.broker(node).is_some_and(|broker| broker.has_online_directory(directory));
            acceptable(node) && online
        };
        let default_directory = |node: NodeId| self.default_directory(image, &[], node);
        let min_isr = self.effective_min_isr(image, &name.topic);
        let mut builder =
            PartitionChangeBuilder::new(partition, &may_lead, &default_directory, min_isr, self.keeps_elr(image));
        builder.election = election;
        builder.elect_any_replica = self.is(Switch::ElectAnyReplica);
        builder.anybody_is_last_known_leader = self.is(Switch::AnybodyIsLastKnownLeader);
        builder.elr_of_replicas_only = self.config.behaviour.mends(Hazard::ElrKeepsRemovedReplica);
        builder.elr_outlives_min_isr = self.is(Switch::ElrOutlivesMinIsr);
        builder.isr_keeps_removed_replica = self.is(Switch::IsrKeepsRemovedReplica);
        builder.elr_keeps_in_sync_replicas = self.is(Switch::ElrKeepsInSyncReplicas);
        adjust(&mut builder);
        builder.build()
    }

    /// UNCLEAN where the topic allows it, whatever the event is.
    pub(super) fn election_of(&self, image: &MetadataImage, topic: &TopicName) -> Election {
        if self.log_settings(image, topic).unclean_leader_election { Election::Unclean } else { Election::Online }
    }

    /// Puts a change into a decision, as a record and as a fact.
    pub(super) fn record_change(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        name: &TopicPartition,
        built: BuiltChange,
        reason: PartitionChangeReason,
    ) {
        let topic_id = image.topic_id(&name.topic).expect("a change is made of a known topic");
        let record = MetadataRecord::PartitionChange { partition: name.partition, topic_id, change: built.change };
        let record = self.keep_epoch_if_switched(image, name, record);
        decision.facts.push(Fact::PartitionChanged { record: decision.records.len(), reason, unclean: built.unclean });
        decision.records.push(record);
    }

    /// The switch `LeaderChangeKeepsEpoch`. A change that names a leader always raises its epoch, so
    /// the planted bug writes the whole registration instead, with the old epoch.
    fn keep_epoch_if_switched(
        &self,
        image: &MetadataImage,
        name: &TopicPartition,
        record: MetadataRecord,
    ) -> MetadataRecord {
        match record {
            MetadataRecord::PartitionChange { partition, topic_id, change }
                if change.leader.is_some() && self.is(Switch::LeaderChangeKeepsEpoch) =>
            {
                let before = image.partition(&name.topic, partition).expect("a change is made of a known partition");
                let mut registration = before.clone();
                registration.apply(&change);
                registration.leader_epoch = before.leader_epoch;
                MetadataRecord::Partition { partition, topic_id, registration }
            }
            record => record,
        }
    }

    /// Adapts leaders and in-sync sets of the chosen partitions to what happened to a broker
    /// (`generateLeaderAndIsrUpdates`). The image still shows the broker as it was before.
    pub(super) fn update_partitions(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        broker_change: BrokerChange,
        reason: PartitionChangeReason,
        chosen: impl Fn(&PartitionRegistration) -> bool,
    ) {
        let acceptable = |node: NodeId| match broker_change {
            BrokerChange::Removed(removed) => node != removed && self.is_active(node),
            BrokerChange::Added(added) => node == added || self.is_active(node),
            BrokerChange::UncleanShutdown(back) => node != back && self.is_active(node),
        };
        let leaves_isr = match broker_change {
            BrokerChange::Removed(node) | BrokerChange::UncleanShutdown(node) => Some(node),
            BrokerChange::Added(_) => None,
        };
        for (name, _, partition) in image.partitions().filter(|(_, _, partition)| chosen(partition)) {
            let election = self.election_of(image, &name.topic);
            let built = self.with_builder(image, &name, partition, election, &acceptable, |builder| {
                builder.target_isr.retain(|node| Some(*node) != leaves_isr);
                if let BrokerChange::UncleanShutdown(node) = broker_change {
                    builder.unclean_shutdown_replicas = vec![node];
                }
            });
            if let Some(built) = built {
                self.record_change(image, decision, &name, built, reason);
            }
        }
    }

    /// Where a replica goes that has no directory yet: the broker's only one, or the one with the
    /// fewest replicas. `planned` are partitions that are about to be created.
    ///
    /// Simplified: in Kafka a broker with several directories chooses by itself and reports its
    /// choice with AssignReplicasToDirs; Trial does not speak that API, so the controller chooses.
    pub(super) fn default_directory(
        &self,
        image: &MetadataImage,
        planned: &[PartitionRegistration],
        broker: NodeId,
    ) -> DirectoryId {
        let Some(registration) = image.broker(broker) else { return DirectoryId::UNASSIGNED };
        match registration.directories[..] {
            [] => DirectoryId::MIGRATING,
            [only] => only,
            _ => {
                let load = |directory: &DirectoryId| {
                    let existing = image.partitions().map(|(_, _, partition)| partition);
                    existing.chain(planned).filter(|partition| partition.directory(broker) == *directory).count()
                };
                let least = registration.directories.iter().min_by_key(|directory| load(directory));
                least.copied().unwrap_or(DirectoryId::UNASSIGNED)
            }
        }
    }

    pub(super) fn elect_leaders(&self, request: &ElectLeadersRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::new();
        let mut results = Vec::new();
        let reason = PartitionChangeReason::ElectionRequested;
        match &request.partitions {
            Some(partitions) => {
                for name in partitions {
                    let error = self.elect_leader(&image, &mut decision, name, request.election_type, reason);
                    results.push((name.clone(), error));
                }
            }
            None => {
                for (name, _, _) in image.partitions() {
                    let error = self.elect_leader(&image, &mut decision, &name, request.election_type, reason);
                    // Asked for everything, Kafka is silent about what is as it should be.
                    if error != ErrorCode::ElectionNotNeeded {
                        results.push((name, error));
                    }
                }
            }
        }
        decision.answer(ElectLeadersResponse { error: ErrorCode::None, partitions: results })
    }

    fn elect_leader(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        name: &TopicPartition,
        election_type: ElectionType,
        reason: PartitionChangeReason,
    ) -> ErrorCode {
        let Some(partition) = image.partition(&name.topic, name.partition) else {
            return ErrorCode::UnknownTopicOrPartition;
        };
        let (election, is_needed, unavailable) = match election_type {
            ElectionType::Preferred => (
                Election::Preferred,
                partition.leader != partition.preferred_leader(),
                ErrorCode::PreferredLeaderNotAvailable,
            ),
            ElectionType::Unclean => {
                (Election::Unclean, !partition.leader.is_some(), ErrorCode::EligibleLeadersNotAvailable)
            }
        };
        if !is_needed {
            return ErrorCode::ElectionNotNeeded;
        }
        match self.with_builder(image, name, partition, election, &|node| self.is_active(node), |_| {}) {
            None => unavailable,
            Some(built) => {
                self.record_change(image, decision, name, built, reason);
                ErrorCode::None
            }
        }
    }

    /// Every 300 s: leadership goes home where the preferred replica is eligible again.
    pub(super) fn balance_leaders(&self) -> (Decision, bool) {
        let image = self.image().clone();
        let mut decision = Decision::new();
        for (name, _, partition) in image.partitions() {
            if decision.records.len() >= MAX_ELECTIONS {
                break;
            }
            if partition.leader == partition.preferred_leader() {
                continue;
            }
            let acceptable = |node| self.is_active(node);
            let built = self.with_builder(&image, &name, partition, Election::Preferred, &acceptable, |_| {});
            if let Some(built) = built {
                self.record_change(&image, &mut decision, &name, built, PartitionChangeReason::PreferredElection);
            }
        }
        let again = decision.records.len() >= MAX_ELECTIONS;
        (decision, again)
    }

    /// Every 300 s: an unclean leader for leaderless partitions of topics that allow it.
    pub(super) fn elect_unclean_leaders(&self) -> (Decision, bool) {
        let image = self.image().clone();
        let mut decision = Decision::new();
        for (name, _, _) in image.partitions().filter(|(_, _, partition)| !partition.leader.is_some()) {
            if decision.records.len() >= MAX_ELECTIONS {
                break;
            }
            if self.log_settings(&image, &name.topic).unclean_leader_election {
                let reason = PartitionChangeReason::UncleanElection;
                self.elect_leader(&image, &mut decision, &name, ElectionType::Unclean, reason);
            }
        }
        let again = decision.records.len() >= MAX_ELECTIONS;
        (decision, again)
    }
}
