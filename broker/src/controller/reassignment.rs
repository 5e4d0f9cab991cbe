//! Reassignment of replicas (KIP-455): what is on its way in and out, and when it is done.
//!
//! ```text
//!   [1,2,3] to [2,3,4]:  replicas [2,3,4,1]  adding [4]  removing [1]
//!        ── all of [2,3,4] in the ISR ─▶  replicas [2,3,4]
//! ```

use std::collections::BTreeSet;

use super::partition_change::{BuiltChange, Election};
use super::{Controller, Decision, Refusal, refuse};
use crate::event::PartitionChangeReason;
use crate::ids::{NodeId, TopicPartition};
use crate::message::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ErrorCode};
use crate::metadata::{MetadataImage, PartitionRegistration};

/// The replicas and the ISR after the reassignment, if the ISR says that it is complete.
pub(super) fn complete(
    removing: &[NodeId],
    adding: &[NodeId],
    replicas: &[NodeId],
    target_isr: &[NodeId],
) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    if removing.is_empty() && adding.is_empty() {
        return None;
    }
    let keep = |nodes: &[NodeId]| nodes.iter().copied().filter(|node| !removing.contains(node)).collect::<Vec<_>>();
    let (new_isr, new_replicas) = (keep(target_isr), keep(replicas));
    if !removing.is_empty() && (new_isr.is_empty() || new_replicas.is_empty()) {
        return None;
    }
    new_replicas.iter().all(|replica| new_isr.contains(replica)).then_some((new_replicas, new_isr))
}

/// What a reassignment that is under way goes back to: replicas, ISR, and whether records may be lost by it.
fn revert(partition: &PartitionRegistration) -> Result<(Vec<NodeId>, Vec<NodeId>, bool), Refusal> {
    let keep = |nodes: &[NodeId]| -> Vec<NodeId> {
        nodes.iter().copied().filter(|node| !partition.adding_replicas.contains(node)).collect()
    };
    let (replicas, isr) = (keep(&partition.replicas), keep(&partition.isr));
    if !isr.is_empty() {
        return Ok((replicas, isr, false));
    }
    match replicas.first().copied() {
        Some(first) => Ok((replicas, vec![first], true)),
        None => refuse(ErrorCode::InvalidReplicaAssignment, "addingReplicas contains all replicas."),
    }
}

impl Controller {
    pub(super) fn alter_partition_reassignments(&self, request: &AlterPartitionReassignmentsRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::atomic();
        let mut partitions = Vec::new();
        for (partition, target) in &request.partitions {
            let result = self.reassign_partition(&image, &mut decision, partition, target.as_deref());
            let (error, message) = match result {
                Ok(()) => (ErrorCode::None, None),
                Err(Refusal(error, message)) => (error, Some(message)),
            };
            partitions.push((partition.clone(), error, message));
        }
        decision.answer(AlterPartitionReassignmentsResponse { error: ErrorCode::None, partitions })
    }

    fn reassign_partition(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        name: &TopicPartition,
        target: Option<&[NodeId]>,
    ) -> Result<(), Refusal> {
        let Some(partition) = image.partition(&name.topic, name.partition) else {
            return refuse(ErrorCode::UnknownTopicOrPartition, &format!("Unable to find partition {name}."));
        };
        let built = match target {
            Some(target) => self.change_reassignment(image, name, partition, target)?,
            None => self.cancel_reassignment(image, name, partition)?,
        };
        if let Some(built) = built {
            self.record_change(image, decision, name, built, PartitionChangeReason::Reassignment);
        }
        Ok(())
    }

    fn change_reassignment(
        &self,
        image: &MetadataImage,
        name: &TopicPartition,
        partition: &PartitionRegistration,
        target: &[NodeId],
    ) -> Result<Option<BuiltChange>, Refusal> {
        self.check_assignment(target, None)?;
        let difference = |a: &[NodeId], b: &[NodeId]| -> Vec<NodeId> {
            let a: BTreeSet<NodeId> = a.iter().copied().collect();
            a.into_iter().filter(|node| !b.contains(node)).collect()
        };
        let removing = difference(&partition.replicas, target);
        let adding = difference(target, &partition.replicas);
        let replicas: Vec<NodeId> = target.iter().chain(&removing).copied().collect();
        Ok(self.with_builder(image, name, partition, Election::Online, &|node| self.is_active(node), |builder| {
            builder.target_replicas = replicas;
            // An empty set leaves what is under way as it is, in Kafka too.
            if !removing.is_empty() {
                builder.target_removing = removing;
            }
            if !adding.is_empty() {
                builder.target_adding = adding;
            }
        }))
    }

    fn cancel_reassignment(
        &self,
        image: &MetadataImage,
        name: &TopicPartition,
        partition: &PartitionRegistration,
    ) -> Result<Option<BuiltChange>, Refusal> {
        if !partition.is_reassigning() {
            return refuse(ErrorCode::NoReassignmentInProgress, "No partition reassignment is in progress.");
        }
        let (replicas, isr, unclean) = revert(partition)?;
        let unclean_allowed = self.log_settings(image, &name.topic).unclean_leader_election;
        if unclean && !unclean_allowed {
            let reason = format!(
                "Unable to revert partition assignment for {name} because it would require an unclean leader election."
            );
            return refuse(ErrorCode::InvalidReplicaAssignment, &reason);
        }
        let election = if unclean_allowed { Election::Unclean } else { Election::Online };
        Ok(self.with_builder(image, name, partition, election, &|node| self.is_active(node), |builder| {
            builder.target_isr = isr;
            builder.target_replicas = replicas;
            builder.target_removing = Vec::new();
            builder.target_adding = Vec::new();
        }))
    }
}
