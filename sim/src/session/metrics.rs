//! The numbers that operators meet at work, under the names that they have there.
//!
//! Gauges are read from a snapshot; counters are counted over events since time zero, where Kafka shows their rate.

use std::collections::BTreeMap;

use serde::Serialize;
use trial_broker::event::{Event, PartitionEvent};

use super::snapshot::Snapshot;
use crate::scenario::trace::Cast;
use crate::step::Step;

/// A number and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// As Kafka calls it, without the `PerSec` of a rate: here it is a count.
    pub name: &'static str,
    /// What it is now.
    pub value: i64,
    /// What it is in a healthy cluster, if there is such a number.
    pub healthy: Option<i64>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counter {
    IsrShrinks,
    IsrExpands,
    FailedProduceRequests,
    FailedIsrUpdates,
}

/// Every change of every counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    /// The steps that counted, in order.
    steps: BTreeMap<Counter, Vec<u64>>,
}

impl Counters {
    /// Counts what a step says of partitions that are part of the story: gauges are of these too.
    pub(super) fn observe(&mut self, cast: &Cast, step: &Step) {
        for event in &step.events {
            let Event::Partition(event) = event else { continue };
            let (counter, partition) = match event {
                PartitionEvent::IsrChangeProposed { partition, from, to } if to.len() < from.len() => {
                    (Counter::IsrShrinks, partition)
                }
                PartitionEvent::IsrChangeProposed { partition, .. } => (Counter::IsrExpands, partition),
                PartitionEvent::ProduceRefused { partition, .. } => (Counter::FailedProduceRequests, partition),
                PartitionEvent::ProduceCompleted { partition, error, .. } if !error.is_none() => {
                    (Counter::FailedProduceRequests, partition)
                }
                PartitionEvent::IsrChangeRefused { partition, .. } => (Counter::FailedIsrUpdates, partition),
                _ => continue,
            };
            if cast.is_hidden(partition) {
                continue;
            }
            self.steps.entry(counter).or_default().push(step.index);
        }
    }

    fn at(&self, counter: Counter, steps: u64) -> i64 {
        self.steps.get(&counter).map_or(0, |known| known.partition_point(|step| *step < steps)) as i64
    }

    /// All numbers at a place.
    pub(super) fn metrics(&self, snapshot: &Snapshot) -> Vec<Metric> {
        let partitions = &snapshot.partitions;
        let machines = &snapshot.machines;
        let count = |number: usize| number as i64;
        let active = machines.iter().filter_map(|machine| machine.quorum.as_ref());
        let brokers = || machines.iter().filter_map(|machine| machine.broker.as_ref());
        let counted = |counter| self.at(counter, snapshot.steps);
        let metric = |name, value, healthy| Metric { name, value, healthy };
        vec![
            metric(
                "ActiveControllerCount",
                count(active.filter(|quorum| quorum.active_epoch.is_some()).count()),
                Some(1),
            ),
            metric("OfflinePartitionsCount", count(partitions.iter().filter(|p| !p.leader.is_some()).count()), Some(0)),
            metric(
                "UnderReplicatedPartitions",
                count(partitions.iter().filter(|p| p.is_under_replicated).count()),
                Some(0),
            ),
            metric(
                "UnderMinIsrPartitionCount",
                count(partitions.iter().filter(|p| p.is_under_min_isr).count()),
                Some(0),
            ),
            metric("FencedBrokerCount", count(brokers().filter(|broker| broker.is_fenced).count()), Some(0)),
            metric("ActiveBrokerCount", count(brokers().filter(|broker| !broker.is_fenced).count()), None),
            metric("IsrShrinks", counted(Counter::IsrShrinks), None),
            metric("IsrExpands", counted(Counter::IsrExpands), None),
            metric("FailedIsrUpdates", counted(Counter::FailedIsrUpdates), Some(0)),
            metric("FailedProduceRequests", counted(Counter::FailedProduceRequests), Some(0)),
            metric("records-lag-max", lag(snapshot), Some(0)),
        ]
    }
}

/// The largest distance of a consumer from the end of what it may read: the leader's high watermark.
fn lag(snapshot: &Snapshot) -> i64 {
    let positions = snapshot.machines.iter().filter_map(|machine| machine.client.as_ref());
    let lags = positions.flat_map(|client| &client.positions).filter_map(|position| {
        let partition = snapshot.partition(&position.partition)?;
        let leader = partition.replicas.iter().find(|replica| replica.node == partition.leader)?;
        Some(leader.high_watermark - position.offset?)
    });
    lags.max().unwrap_or(0).max(0)
}
