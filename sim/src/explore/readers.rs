//! What readers of a seed meet: replicas next to them (KIP-392), and logs whose beginnings are given up (KIP-107).
//!
//! Each is drawn of an aspect of its own, so that a seed without it is what it was.
//!
//! Simplified: nobody reads at a follower where a topic allows unclean elections. A follower that has heard of the new leader and
//! has not been told yet where the logs part shows what lies below its old high watermark: its reader then stands above the cut, in
//! an epoch whose leader has confirmed its position before.

use super::Profile;
use super::cluster::Shape;
use super::draw::{Aspect, Draw};
use super::text::{if_possible, said, set, spanned};
use crate::scenario::Seed;
use crate::scenario::format::administration::DeleteRecords;
use crate::scenario::format::{Client, Cluster, Step};

/// In how many clusters with racks of a hundred leaders name replicas.
fn nearby_percent(profile: Profile) -> u64 {
    match profile {
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Controllers
        | Profile::Everything
        | Profile::Replication => 60,
        // Here members read at leaders: what happens to groups is enough.
        Profile::Groups => 0,
    }
}

/// In some clusters with racks leaders name replicas, and some consumers say in which rack they are.
pub(super) fn read_nearby(profile: Profile, seed: Seed, shape: &Shape, cluster: &mut Cluster, clients: &mut [Client]) {
    let mut draw = Draw::new(seed, Aspect::NearbyReads, 0);
    let is_unclean = shape.topics.iter().any(|topic| topic.is_unclean);
    if cluster.racks.is_empty() || is_unclean || !draw.percent(nearby_percent(profile)) {
        return;
    }
    set(&mut cluster.config, "replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector");
    for (client, index) in clients.iter_mut().zip(1..) {
        let mut draw = Draw::new(seed, Aspect::NearbyReads, index);
        let Some(consumer) = &mut client.consumer else { continue };
        if draw.percent(80) {
            let rack = &cluster.racks[draw.between(0, cluster.racks.len() as u64 - 1) as usize];
            set(&mut consumer.value.settings, "client.rack", rack);
        }
    }
}

/// In how many seeds of a hundred records are given up on request.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Everything => 20,
        Profile::Default | Profile::Disk | Profile::Network | Profile::Replication => 10,
        // Where there are groups it is a fault among others.
        Profile::Lite | Profile::Controllers | Profile::Groups => 0,
    }
}

/// Requests to give up the first records of partitions, some of them of more than there is. The time in microseconds, and the step.
pub(super) fn give_up_records(profile: Profile, seed: Seed, shape: &Shape) -> Vec<(i64, Step)> {
    let mut draw = Draw::new(seed, Aspect::DeleteRecords, 0);
    let partitions = shape.partitions();
    if partitions.is_empty() || !draw.percent(percent(profile)) {
        return Vec::new();
    }
    let count = draw.between(1, 6);
    (0..count)
        .map(|_| {
            let at = draw.between(100_000, shape.duration.micros as u64 - 1) as i64;
            let partition = partitions[draw.between(0, partitions.len() as u64 - 1) as usize].clone();
            let before = (!draw.percent(25)).then(|| spanned(draw.scale(1, 300) as i64));
            let request = DeleteRecords { client: None, partition: spanned(partition), before };
            (at, if_possible(Step { delete_records: said(request), ..Step::default() }))
        })
        .collect()
}
