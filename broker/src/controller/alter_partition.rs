//! AlterPartition (KIP-497, KIP-841, KIP-903): a leader proposes an in-sync set, and the controller decides.

use super::{Controller, Decision};
use crate::config::Switch;
use crate::context::Context;
use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicPartition};
use crate::message::{
    AlterPartitionProposal, AlterPartitionRequest, AlterPartitionResponse, AlterPartitionResult, ErrorCode,
    LeaderRecoveryState,
};
use crate::metadata::{MetadataImage, PartitionRegistration};

impl Controller {
    pub(super) fn alter_partition(&self, ctx: &mut Context<'_>, request: &AlterPartitionRequest) -> Decision {
        if !self.has_broker_epoch(request.broker, request.broker_epoch) {
            let error = ErrorCode::StaleBrokerEpoch;
            return Decision::new().answer(AlterPartitionResponse { error, partitions: Vec::new() });
        }
        let image = self.image().clone();
        let mut decision = Decision::new();
        let mut partitions = Vec::new();
        for proposal in &request.partitions {
            let result = self.try_alter_partition(&image, &mut decision, request.broker, proposal);
            // NEW_LEADER_ELECTED refuses nothing: the proposal is written, and more with it.
            if let Err(error) = result
                && error != ErrorCode::NewLeaderElected
                && let Some(topic) = image.topic_name(proposal.topic_id).cloned()
            {
                let partition = TopicPartition { topic, partition: proposal.partition };
                ctx.emit(ControllerEvent::AlterPartitionRefused { partition, error });
            }
            partitions.push(result_of(proposal, result));
        }
        decision.answer(AlterPartitionResponse { error: ErrorCode::None, partitions })
    }

    /// The registration as it will be; NEW_LEADER_ELECTED is an error although something is written.
    fn try_alter_partition(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        broker: NodeId,
        proposal: &AlterPartitionProposal,
    ) -> Result<PartitionRegistration, ErrorCode> {
        let topic = image.topic_name(proposal.topic_id).ok_or(ErrorCode::UnknownTopicId)?;
        let name = TopicPartition { topic: topic.clone(), partition: proposal.partition };
        let partition =
            image.partition_by_id(proposal.topic_id, proposal.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.check_proposal(image, broker, partition, proposal)?;
        let election = self.election_of(image, topic);
        let built = self.with_builder(image, &name, partition, election, &|node| self.is_active(node), |builder| {
            builder.target_isr = proposal.new_isr.iter().map(|(node, _)| *node).collect();
            builder.target_leader_recovery_state = proposal.leader_recovery_state;
        });
        let mut after = partition.clone();
        let Some(built) = built else { return Ok(after) };
        after.apply(&built.change);
        let new_leader = built.change.leader.is_some_and(|leader| leader != broker);
        self.record_change(image, decision, &name, built, PartitionChangeReason::AlterPartition);
        // The proposal completed a reassignment that takes the leadership away from the proposer.
        if new_leader { Err(ErrorCode::NewLeaderElected) } else { Ok(after) }
    }

    /// The checks, in Kafka's order: the first that fails is the answer (`validateAlterPartitionData`).
    fn check_proposal(
        &self,
        image: &MetadataImage,
        broker: NodeId,
        partition: &PartitionRegistration,
        proposal: &AlterPartitionProposal,
    ) -> Result<(), ErrorCode> {
        let check_partition_epoch = !self.is(Switch::AlterPartitionIgnoresPartitionEpoch);
        let new_isr: Vec<NodeId> = proposal.new_isr.iter().map(|(node, _)| *node).collect();
        // Somebody knows more than this controller: there must be a newer one.
        if proposal.leader_epoch > partition.leader_epoch {
            return Err(ErrorCode::NotController);
        }
        if check_partition_epoch && proposal.partition_epoch > partition.partition_epoch {
            return Err(ErrorCode::NotController);
        }
        if proposal.leader_epoch < partition.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if broker != partition.leader {
            return Err(ErrorCode::InvalidRequest);
        }
        if check_partition_epoch && proposal.partition_epoch < partition.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let is_set = new_isr.iter().enumerate().all(|(index, node)| !new_isr[..index].contains(node));
        let is_within = new_isr.iter().all(|node| partition.replicas.contains(node));
        if !is_set || !is_within || !new_isr.contains(&partition.leader) {
            return Err(ErrorCode::InvalidRequest);
        }
        let recovering = proposal.leader_recovery_state == LeaderRecoveryState::Recovering;
        let was_recovered = partition.leader_recovery_state == LeaderRecoveryState::Recovered;
        if recovering && (new_isr.len() > 1 || was_recovered) {
            return Err(ErrorCode::InvalidRequest);
        }
        if proposal.new_isr.iter().any(|(node, epoch)| !self.is_eligible(image, *node, *epoch)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        Ok(())
    }

    /// Registered, in service, and the very process that fetched (unless the leader does not know which).
    fn is_eligible(&self, image: &MetadataImage, node: NodeId, epoch: BrokerEpoch) -> bool {
        let Some(broker) = image.broker(node) else { return false };
        let in_service = broker.is_active() || self.is(Switch::IsrAcceptsFenced);
        let same_process = !epoch.is_some() || broker.broker_epoch == epoch;
        in_service && (same_process || self.is(Switch::AlterPartitionIgnoresBrokerEpoch))
    }
}

fn result_of(
    proposal: &AlterPartitionProposal,
    result: Result<PartitionRegistration, ErrorCode>,
) -> AlterPartitionResult {
    let empty = AlterPartitionResult {
        topic_id: proposal.topic_id,
        partition: proposal.partition,
        error: ErrorCode::None,
        // Kafka's defaults of the response's fields.
        leader: NodeId(0),
        leader_epoch: LeaderEpoch(0),
        isr: Vec::new(),
        leader_recovery_state: LeaderRecoveryState::Recovered,
        partition_epoch: PartitionEpoch(0),
    };
    match result {
        Err(error) => AlterPartitionResult { error, ..empty },
        Ok(registration) => AlterPartitionResult {
            leader: registration.leader,
            leader_epoch: registration.leader_epoch,
            isr: registration.isr,
            leader_recovery_state: registration.leader_recovery_state,
            partition_epoch: registration.partition_epoch,
            ..empty
        },
    }
}
