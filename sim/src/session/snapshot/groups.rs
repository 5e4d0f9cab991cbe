//! Groups from both sides: what the coordinator knows of each, and what its members believe and read.

use std::collections::BTreeMap;

use serde::Serialize;
use trial_broker::client::PositionView;
use trial_broker::group::GroupView;
use trial_broker::ids::{GroupId, MemberId, NodeId, Offset, TopicPartition};

use super::{MachinePart, PartitionPart};
use crate::fault::MachineId;
use crate::scenario::run::view;
use crate::world::World;

/// A group of consumers.
#[derive(Clone, Debug, Serialize)]
pub struct GroupPart {
    /// Its name.
    pub group: GroupId,
    /// What the broker knows that leads its partition of `__consumer_offsets`; none while nobody does, or where it knows
    /// no such group.
    pub told: Option<CoordinatorPart>,
    /// Whom its members take for their coordinator: one broker, or for a while several.
    pub coordinators: Vec<NodeId>,
    /// Its members as they see themselves, in the order of their machines.
    pub members: Vec<MemberPart>,
    /// Partitions with a committed offset that no member has.
    pub left: Vec<ReadPart>,
    /// How many records it has not read: its members of the partitions that they have, and nobody of those that are left.
    pub lag: i64,
}

/// A group as its coordinator knows it.
#[derive(Clone, Debug, Serialize)]
pub struct CoordinatorPart {
    /// The coordinator.
    pub node: NodeId,
    /// The group's state, epoch and members, as they are now, also where that is not committed.
    pub view: GroupView,
}

/// A member of a group, as it sees itself.
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

/// A partition that a group reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadPart {
    /// Which.
    pub partition: TopicPartition,
    /// The offset of the next record that it will read; none while unknown.
    pub position: Option<Offset>,
    /// What the coordinator has as committed: the next offset to read; none if nothing is.
    pub committed: Option<Offset>,
    /// Up to where there is something to read: the leader's high watermark; none while there is no leader.
    pub end: Option<Offset>,
}

impl ReadPart {
    /// How many records are left to read: from the position, or else from what is committed.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end? - self.position.or(self.committed)?).max(0))
    }
}

/// All groups that some coordinator knows, or some client takes itself for a member of.
pub(super) fn groups(world: &World, machines: &[MachinePart], partitions: &[PartitionPart]) -> Vec<GroupPart> {
    let mut groups: BTreeMap<GroupId, GroupPart> = BTreeMap::new();
    for told in coordinated(world) {
        groups.insert(told.view.group.clone(), GroupPart::new(told.view.group.clone(), Some(told)));
    }
    for machine in machines {
        let Some(client) = &machine.client else { continue };
        let Some(membership) = &client.membership else { continue };
        let group =
            groups.entry(membership.group.clone()).or_insert_with(|| GroupPart::new(membership.group.clone(), None));
        let coordinator = membership.coordinator.filter(|node| !group.coordinators.contains(node));
        group.coordinators.extend(coordinator);
        let reads = membership.assigned.iter().map(|partition| read(partition, &client.positions, partitions));
        group.members.push(MemberPart {
            machine: machine.id,
            member: membership.member.clone(),
            epoch: membership.epoch,
            is_settled: membership.settled,
            reads: reads.collect(),
        });
    }
    for group in groups.values_mut() {
        group.take_committed(committed(world, group), partitions);
        let reads = group.members.iter().flat_map(|member| &member.reads).chain(&group.left);
        group.lag = reads.filter_map(ReadPart::lag).sum();
    }
    groups.into_values().collect()
}

/// Every group at the broker that leads its partition of `__consumer_offsets`.
fn coordinated(world: &World) -> impl Iterator<Item = CoordinatorPart> {
    world.machines().flat_map(move |(id, machine)| {
        let views = machine.node().map(|node| node.group_views()).unwrap_or_default();
        let here = views.into_iter().filter(move |view| view::coordinator(world, &view.group) == Some(id));
        here.filter_map(move |view| Some(CoordinatorPart { node: NodeId(i32::try_from(id.0).ok()?), view }))
    })
}

fn committed(world: &World, group: &GroupPart) -> Vec<(TopicPartition, Offset)> {
    let coordinator = group.told.as_ref().and_then(|told| u32::try_from(told.node.0).ok()).map(MachineId);
    let node = coordinator.and_then(|machine| view::node(world, machine));
    node.map(|node| node.group_offsets(&group.group)).unwrap_or_default()
}

impl GroupPart {
    fn new(group: GroupId, told: Option<CoordinatorPart>) -> GroupPart {
        GroupPart { group, told, coordinators: Vec::new(), members: Vec::new(), left: Vec::new(), lag: 0 }
    }

    /// Puts committed offsets beside positions; what no member has is left.
    fn take_committed(&mut self, committed: Vec<(TopicPartition, Offset)>, partitions: &[PartitionPart]) {
        for (partition, offset) in committed {
            let reads = self.members.iter_mut().flat_map(|member| &mut member.reads);
            let mut is_read = false;
            for read in reads.filter(|read| read.partition == partition) {
                (read.committed, is_read) = (Some(offset), true);
            }
            if !is_read {
                self.left.push(ReadPart { committed: Some(offset), ..read(&partition, &[], partitions) });
            }
        }
    }
}

fn read(name: &TopicPartition, positions: &[PositionView], partitions: &[PartitionPart]) -> ReadPart {
    let position = positions.iter().find(|position| position.partition == *name);
    let known = partitions.iter().find(|partition| partition.name == *name);
    let leader = known.and_then(|known| known.replicas.iter().find(|replica| replica.node == known.leader));
    ReadPart {
        partition: name.clone(),
        position: position.and_then(|position| position.offset),
        committed: None,
        end: leader.filter(|leader| leader.role.is_some()).map(|leader| leader.high_watermark),
    }
}
