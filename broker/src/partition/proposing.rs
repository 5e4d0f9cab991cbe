//! What leaders tell the controller: in-sync sets (`AlterPartitionManager`, `Partition.submitAlterPartition`).

use super::alter_partition::RETRY_BACKOFF;
use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use crate::context::Context;
use crate::ids::TopicPartition;
use crate::message::{AlterPartitionProposal, AlterPartitionRequest, AlterPartitionResponse, ErrorCode};

impl ReplicaManager {
    /// Queues a partition's proposal, and sends it if nothing is in flight.
    pub(super) fn submit_proposal(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        proposal: AlterPartitionProposal,
    ) {
        if self.alter_partition.submit(proposal) {
            self.send_proposals();
        } else if let Ok((partition, _)) = self.online(name) {
            // An older proposal of this partition, of an earlier leader epoch, is still on its way.
            partition.proposal_not_attempted();
            ctx.emit(crate::event::PartitionEvent::IsrChangeRefused {
                partition: name.clone(),
                error: ErrorCode::OperationNotAttempted,
            });
        }
    }

    pub(super) fn send_proposals(&mut self) {
        let Some(partitions) = self.alter_partition.next_request() else { return };
        let request = AlterPartitionRequest { broker: self.config.node, broker_epoch: self.broker_epoch, partitions };
        self.outbox.push(PartitionOutput::SendAlterPartition { request });
    }

    /// The answer to a `SendAlterPartition`; `Err` when there was none.
    pub fn handle_alter_partition_response(&mut self, ctx: &mut Context, result: Result<AlterPartitionResponse, ()>) {
        let sent = self.alter_partition.answered();
        match result {
            Ok(response) if response.error.is_none() => {
                for proposal in sent {
                    self.proposal_answered(ctx, &proposal, &response);
                }
                self.send_proposals();
            }
            Ok(_) | Err(()) => self.alter_partition.retry_at(ctx.now.monotonic + RETRY_BACKOFF),
        }
        self.settle(ctx);
    }

    fn proposal_answered(
        &mut self,
        ctx: &mut Context,
        proposal: &AlterPartitionProposal,
        response: &AlterPartitionResponse,
    ) {
        let answer = response
            .partitions
            .iter()
            .find(|answer| answer.topic_id == proposal.topic_id && answer.partition == proposal.partition);
        // A proposal that was left out of the answer is sent again.
        let Some(answer) = answer else { return };
        self.alter_partition.settle(proposal);
        let Some(topic) = self.image.topic_name(proposal.topic_id).cloned() else { return };
        let name = TopicPartition { topic, partition: proposal.partition };
        let Ok((partition, around)) = self.online(&name) else { return };
        let outcome = if answer.error.is_none() { Ok(answer) } else { Err(answer.error) };
        let moved = partition.proposal_answered(ctx, &around, proposal, outcome);
        self.after_move(ctx, &name, moved);
    }
}
