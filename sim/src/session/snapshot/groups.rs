//! Groups as their members see them: who belongs to which, who coordinates it, and who reads what.

use std::collections::BTreeMap;

use serde::Serialize;
use trial_broker::client::PositionView;
use trial_broker::ids::{GroupId, MemberId, NodeId, Offset, TopicPartition};

use super::{MachinePart, PartitionPart};
use crate::fault::MachineId;

/// A group of consumers.
#[derive(Clone, Debug, Serialize)]
pub struct GroupPart {
    /// Its name.
    pub group: GroupId,
    /// Whom its members take for their coordinator: one broker, or for a while several.
    pub coordinators: Vec<NodeId>,
    /// Its members, in the order of their machines.
    pub members: Vec<MemberPart>,
    /// How many records its members have not read of the partitions that they have.
    pub lag: i64,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize)]
pub struct MemberPart {
    /// The client.
    pub machine: MachineId,
    /// Its id in the group; empty while it has none.
    pub member: MemberId,
    /// Its generation (classic) or member epoch (KIP-848); not positive while it is in none.
    pub epoch: i32,
    /// Whether it has its assignment and knows of no rebalance.
    pub is_settled: bool,
    /// What it reads.
    pub reads: Vec<ReadPart>,
}

/// A partition that a member has.
#[derive(Clone, Debug, Serialize)]
pub struct ReadPart {
    /// Which.
    pub partition: TopicPartition,
    /// The offset of the next record that it will read; none while unknown.
    pub position: Option<Offset>,
    /// Up to where there is something to read: the leader's high watermark; none while there is no leader.
    pub end: Option<Offset>,
}

impl ReadPart {
    /// How many records are left to read.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end? - self.position?).max(0))
    }
}

/// All groups that some client takes itself for a member of.
pub(super) fn groups(machines: &[MachinePart], partitions: &[PartitionPart]) -> Vec<GroupPart> {
    let mut groups: BTreeMap<GroupId, GroupPart> = BTreeMap::new();
    for machine in machines {
        let Some(client) = &machine.client else { continue };
        let Some(membership) = &client.membership else { continue };
        let group = groups.entry(membership.group.clone()).or_insert_with(|| GroupPart {
            group: membership.group.clone(),
            coordinators: Vec::new(),
            members: Vec::new(),
            lag: 0,
        });
        let coordinator = membership.coordinator.filter(|node| !group.coordinators.contains(node));
        group.coordinators.extend(coordinator);
        let reads: Vec<ReadPart> =
            membership.assigned.iter().map(|partition| read(partition, &client.positions, partitions)).collect();
        group.lag += reads.iter().filter_map(ReadPart::lag).sum::<i64>();
        group.members.push(MemberPart {
            machine: machine.id,
            member: membership.member.clone(),
            epoch: membership.epoch,
            is_settled: membership.settled,
            reads,
        });
    }
    groups.into_values().collect()
}

fn read(name: &TopicPartition, positions: &[PositionView], partitions: &[PartitionPart]) -> ReadPart {
    let position = positions.iter().find(|position| position.partition == *name);
    let known = partitions.iter().find(|partition| partition.name == *name);
    let leader = known.and_then(|known| known.replicas.iter().find(|replica| replica.node == known.leader));
    ReadPart {
        partition: name.clone(),
        position: position.and_then(|position| position.offset),
        end: leader.filter(|leader| leader.role.is_some()).map(|leader| leader.high_watermark),
    }
}
