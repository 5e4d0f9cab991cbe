//! Where new partitions go (`StripedReplicaPlacer`): spread over racks, then over brokers.
//!
//! Each partition starts one rack further than the one before it, and within a rack one broker
//! further, from a drawn start. The leader must be unfenced; fenced brokers come last; brokers in
//! controlled shutdown are not used.

use std::collections::BTreeMap;

use crate::choice::Purpose;
use crate::context::Context;
use crate::ids::NodeId;

/// A broker that replicas may be placed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsableBroker {
    pub(super) broker: NodeId,
    pub(super) rack: Option<String>,
    pub(super) fenced: bool,
}

/// Brokers of one rack and one kind, handed out in turn.
#[derive(Clone, Debug, Default)]
struct BrokerList {
    brokers: Vec<NodeId>,
    /// How many were handed out for the partition of this epoch.
    index: usize,
    /// Where the partition of this epoch begins.
    offset: usize,
    epoch: usize,
}

impl BrokerList {
    fn initialize(&mut self, ctx: &mut Context<'_>) {
        if !self.brokers.is_empty() {
            self.brokers.sort();
            self.offset = draw(ctx, self.brokers.len());
        }
    }

    fn next(&mut self, epoch: usize) -> Option<NodeId> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.index >= self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.index + self.offset) % self.brokers.len()];
        self.index += 1;
        Some(broker)
    }
}

#[derive(Clone, Debug, Default)]
struct Rack {
    fenced: BrokerList,
    unfenced: BrokerList,
}

impl Rack {
    fn next(&mut self, epoch: usize) -> Option<NodeId> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

fn draw(ctx: &mut Context<'_>, count: usize) -> usize {
    ctx.choose(Purpose::ReplicaPlacement, 0, count as u64 - 1) as usize
}

fn shuffle<T>(ctx: &mut Context<'_>, items: &mut [T]) {
    for size in (2..=items.len()).rev() {
        items.swap(size - 1, draw(ctx, size));
    }
}

/// The racks, and where the next partition begins.
struct RackList {
    racks: BTreeMap<Option<String>, Rack>,
    names: Vec<Option<String>>,
    total: usize,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

impl RackList {
    fn new(ctx: &mut Context<'_>, brokers: &[UsableBroker]) -> RackList {
        let mut racks: BTreeMap<Option<String>, Rack> = BTreeMap::new();
        for broker in brokers {
            let rack = racks.entry(broker.rack.clone()).or_default();
            let list = if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced };
            list.brokers.push(broker.broker);
        }
        for rack in racks.values_mut() {
            rack.fenced.initialize(ctx);
            rack.unfenced.initialize(ctx);
        }
        let names: Vec<Option<String>> = racks.keys().cloned().collect();
        let offset = if names.is_empty() { 0 } else { draw(ctx, names.len()) };
        let unfenced = brokers.iter().filter(|broker| !broker.fenced).count();
        RackList { racks, names, total: brokers.len(), unfenced, epoch: 0, offset }
    }

    fn rack(&mut self, index: usize) -> &mut Rack {
        self.racks.get_mut(&self.names[index]).expect("every rack name has its rack")
    }

    fn place(&mut self, ctx: &mut Context<'_>, replication_factor: usize) -> Vec<NodeId> {
        // After as many partitions as there are brokers the pattern would repeat itself.
        if self.epoch == self.unfenced && self.unfenced > 1 {
            shuffle(ctx, &mut self.names);
            for rack in self.racks.values_mut() {
                shuffle(ctx, &mut rack.fenced.brokers);
                shuffle(ctx, &mut rack.unfenced.brokers);
            }
            self.epoch = 0;
        }
        if self.offset == self.names.len() {
            self.offset = 0;
        }
        let epoch = self.epoch;
        let mut placed = Vec::with_capacity(replication_factor);
        let mut leader_rack = self.offset;
        loop {
            if let Some(leader) = self.rack(leader_rack).unfenced.next(epoch) {
                placed.push(leader);
                break;
            }
            leader_rack = (leader_rack + 1) % self.names.len();
        }
        // In the first round the leader's rack has had its turn already.
        let mut skip = Some(leader_rack);
        let mut index = self.offset;
        while placed.len() < replication_factor {
            if skip == Some(index) {
                skip = None;
            } else if let Some(replica) = self.rack(index).next(epoch) {
                placed.push(replica);
            }
            index = (index + 1) % self.names.len();
        }
        self.epoch += 1;
        self.offset += 1;
        placed
    }
}

/// Replicas for a number of partitions, the preferred leader first.
///
/// # Errors
/// In words: too many replicas for the brokers there are, or no unfenced broker.
pub(super) fn place(
    ctx: &mut Context<'_>,
    brokers: &[UsableBroker],
    partitions: usize,
    replication_factor: i32,
) -> Result<Vec<Vec<NodeId>>, String> {
    if replication_factor <= 0 {
        return Err(format!(
            "Invalid replication factor {replication_factor}: the replication factor must be positive."
        ));
    }
    let mut racks = RackList::new(ctx, brokers);
    if racks.unfenced == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    let replicas = replication_factor as usize;
    if replicas > racks.total {
        return Err(format!(
            "The target replication factor of {replicas} cannot be reached because only {} broker(s) are registered.",
            racks.total
        ));
    }
    Ok((0..partitions).map(|_| racks.place(ctx, replicas)).collect())
}
