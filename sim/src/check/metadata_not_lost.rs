//! What the metadata quorum has committed stays: its leaders hold it, and its high watermark never falls.

use std::collections::BTreeMap;

use trial_broker::event::{BatchFact, Event, QuorumStateName, RaftEvent};
use trial_broker::ids::{LeaderEpoch, Offset, TopicPartition};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;
use crate::machine::{Machine, ProgramConfig};

pub(super) const PROPERTY: Property = Property {
    name: "metadata-not-lost",
    rule: "every leader of the quorum holds all committed metadata, a majority of voters holds it, and no member's high watermark falls",
    source: "Raft (leader completeness); RaftEventSimulationTest (MonotonicHighWatermark, MajorityReachedHighWatermark, ConsistentCommittedData)",
};

/// The committed part of the metadata log, as its leaders had it.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    committed: Vec<BatchFact>,
    /// For each of these the epoch of the leader that committed it: not older than the batch's own, and growing.
    committed_in: Vec<LeaderEpoch>,
    high_watermarks: BTreeMap<MachineId, Offset>,
    started: BTreeMap<MachineId, u32>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        match seen.event {
            Event::Raft(RaftEvent::StateChanged { to: QuorumStateName::Leader, epoch, .. }) => {
                let replica = seen.model.replica(&metadata_partition(), seen.machine)?;
                // Votes may arrive late, and a lane that pays publishes its election late: only what leaders of older epochs
                // committed binds this one, whoever wrote it.
                let older = self.committed_in.partition_point(|committed_in| committed_in < epoch);
                let missing = replica.first_missing(&self.committed[..older])?;
                let message = format!(
                    "{} leads the quorum in epoch {epoch} without the committed offsets {} to {}",
                    seen.who(),
                    missing.base_offset,
                    missing.last_offset
                );
                Some(finding(seen, Kind::Quorum, missing.base_offset, message))
            }
            Event::Raft(RaftEvent::QuorumHighWatermarkAdvanced { to, .. }) => self.advanced(seen, *to),
            _ => None,
        }
    }

    fn advanced(&mut self, seen: &Seen, high_watermark: Offset) -> Option<Finding> {
        // A process that starts again does not know its high watermark until it is told.
        let starts = seen.world.machine(seen.machine)?.starts();
        let forgotten = self.started.insert(seen.machine, starts) != Some(starts);
        let before = self.high_watermarks.insert(seen.machine, high_watermark);
        if let Some(before) = before.filter(|before| !forgotten && *before > high_watermark) {
            let message = format!("{}: the quorum's high watermark fell from {before} to {high_watermark}", seen.who());
            return Some(finding(seen, Kind::QuorumHighWatermark, high_watermark, message));
        }
        let node = seen.world.machine(seen.machine)?.node()?;
        let replica = seen.model.replica(&metadata_partition(), seen.machine)?;
        if node.raft().state_name() == QuorumStateName::Leader {
            self.commit(&replica.batches, high_watermark, node.raft().leader_and_epoch().1);
            return self.majority(seen, high_watermark);
        }
        let known = self.committed.partition_point(|batch| batch.last_offset < high_watermark);
        replica.first_missing(&self.committed[..known]).map(|missing| {
            let message = format!(
                "{} takes {high_watermark} for committed, but lacks {} to {}",
                seen.who(),
                missing.base_offset,
                missing.last_offset
            );
            finding(seen, Kind::QuorumHighWatermark, missing.base_offset, message)
        })
    }

    fn commit(&mut self, batches: &[BatchFact], high_watermark: Offset, epoch: LeaderEpoch) {
        let end = self.committed.last().map_or(0, |last| last.last_offset + 1);
        let from = batches.partition_point(|batch| batch.base_offset < end);
        self.committed.extend(batches[from..].iter().take_while(|batch| batch.last_offset < high_watermark));
        let newest = self.committed_in.last().map_or(epoch, |last| epoch.max(*last));
        self.committed_in.resize(self.committed.len(), newest);
    }

    fn majority(&self, seen: &Seen, high_watermark: Offset) -> Option<Finding> {
        let voters: Vec<MachineId> =
            seen.world.machines().filter(|(_, machine)| is_voter(machine)).map(|(id, _)| id).collect();
        let known = self.committed.partition_point(|batch| batch.last_offset < high_watermark);
        let holders = voters
            .iter()
            .filter(|voter| {
                seen.model
                    .replica(&metadata_partition(), **voter)
                    .is_some_and(|replica| replica.first_missing(&self.committed[..known]).is_none())
            })
            .count();
        (holders * 2 <= voters.len()).then(|| {
            let of = voters.len();
            let message =
                format!("{} commits offset {high_watermark}, which {holders} of {of} voters hold", seen.who());
            finding(seen, Kind::QuorumHighWatermark, high_watermark - 1, message)
        })
    }
}

fn is_voter(machine: &Machine) -> bool {
    match &machine.config().program {
        ProgramConfig::Node(config) => config.role.is_controller(),
        _ => false,
    }
}

fn metadata_partition() -> TopicPartition {
    TopicPartition::new(super::log_matching::METADATA_TOPIC, 0)
}

/// What this member last said of this kind, and who wrote and committed the offset in doubt.
fn finding(seen: &Seen, kind: Kind, doubtful: Offset, message: String) -> Finding {
    let proof = vec![
        Proof::on(seen.machine, kind),
        Proof::at(doubtful, Kind::Append),
        Proof::at(doubtful, Kind::QuorumHighWatermark),
        Proof::on(seen.machine, Kind::Bounds),
    ];
    Finding { property: PROPERTY, partition: None, message, proof }
}
