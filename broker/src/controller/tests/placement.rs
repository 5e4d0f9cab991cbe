//! The vectors of `StripedReplicaPlacerTest`, drawn as Kafka's `MockRandom` draws.

use std::collections::BTreeMap;

use super::super::placement::{UsableBroker, place};
use super::nodes;
use crate::choice::{Choice, Choices};
use crate::context::Context;
use crate::ids::NodeId;
use crate::storage::MemoryStorage;
use crate::time::Now;

/// Kafka's `MockRandom(17)` behind `java.util.Random.nextInt(bound)`.
struct MockRandom(u64);

impl MockRandom {
    fn next_31_bits(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        (self.0 >> 33) as i32
    }
}

impl Choices for MockRandom {
    fn choose(&mut self, choice: Choice) -> u64 {
        let bound = (choice.high - choice.low + 1) as i32;
        let mut drawn = self.next_31_bits();
        if bound & (bound - 1) == 0 {
            return choice.low + ((i64::from(bound) * i64::from(drawn)) >> 31) as u64;
        }
        loop {
            let answer = drawn % bound;
            if drawn.wrapping_sub(answer).wrapping_add(bound - 1) >= 0 {
                return choice.low + answer as u64;
            }
            drawn = self.next_31_bits();
        }
    }
}

fn broker(id: i32, rack: Option<&str>, fenced: bool) -> UsableBroker {
    UsableBroker { broker: NodeId(id), rack: rack.map(str::to_owned), fenced }
}

fn placed(brokers: &[UsableBroker], partitions: usize, factor: i32) -> Result<Vec<Vec<NodeId>>, String> {
    let (mut storage, mut choices) = (MemoryStorage::default(), MockRandom(17));
    place(&mut Context::new(Now::default(), &mut storage, &mut choices), brokers, partitions, factor)
}

#[test]
fn placement_fenced_brokers_come_last() {
    // testAvoidFencedReplicaIfPossibleOnSingleRack; the fifth was shuffled.
    let brokers = [3, 1, 0, 4, 2].map(|id| broker(id, None, id == 1));
    let expected = [[3, 4, 0, 2], [4, 0, 2, 3], [0, 2, 3, 4], [2, 3, 4, 0], [0, 4, 3, 2]];
    assert_eq!(placed(&brokers, 5, 4), Ok(expected.iter().map(|replicas| nodes(replicas)).collect()));
    // testPlacementOnFencedReplicaOnSingleRack
    let brokers = [3, 1, 2].map(|id| broker(id, None, id == 1));
    let expected = [[3, 2, 1], [2, 3, 1], [3, 2, 1], [2, 3, 1]];
    assert_eq!(placed(&brokers, 4, 3), Ok(expected.iter().map(|replicas| nodes(replicas)).collect()));
}

#[test]
fn placement_spreads_over_racks() {
    // testRackListWithMultipleRacks
    let mut brokers: Vec<UsableBroker> =
        [(11, "1"), (10, "1"), (30, "3"), (31, "3"), (21, "2")].map(|(id, rack)| broker(id, Some(rack), false)).into();
    brokers.push(broker(20, Some("2"), true));
    let expected = [[11, 21, 31, 10], [21, 30, 10, 20], [31, 11, 21, 30]];
    assert_eq!(placed(&brokers, 3, 4), Ok(expected.iter().map(|replicas| nodes(replicas)).collect()));
    // testRackListWithInvalidRacks: racks 2 and 3 have no broker that may lead.
    let unfenced = [11, 10, 41];
    let brokers = [(11, "1"), (10, "1"), (30, "3"), (31, "3"), (20, "2"), (21, "2"), (41, "4"), (40, "4")]
        .map(|(id, rack)| broker(id, Some(rack), !unfenced.contains(&id)));
    let expected = [[41, 11, 21, 30], [10, 20, 31, 41], [41, 21, 30, 11]];
    assert_eq!(placed(&brokers, 3, 4), Ok(expected.iter().map(|replicas| nodes(replicas)).collect()));
}

#[test]
fn placement_stripes_and_is_even_in_the_long_run() {
    // testSuccessfulPlacement, testEvenDistribution
    let brokers = [0, 3, 2, 1].map(|id| broker(id, None, false));
    let expected = [[2, 3, 0], [3, 0, 1], [0, 1, 2], [1, 2, 3], [1, 0, 2]];
    assert_eq!(placed(&brokers, 5, 3), Ok(expected.iter().map(|replicas| nodes(replicas)).collect()));
    let mut counts: BTreeMap<(i32, i32), usize> = BTreeMap::new();
    for replicas in placed(&[0, 1, 2, 3].map(|id| broker(id, None, false)), 200, 2).expect("four brokers are enough") {
        *counts.entry((replicas[0].0, replicas[1].0)).or_default() += 1;
    }
    let counts: Vec<usize> = counts.into_values().collect();
    assert_eq!(counts, [14, 22, 14, 17, 17, 16, 13, 17, 20, 20, 19, 11]);
    // testMultiPartitionTopicPlacementOnSingleUnfencedBroker
    let lonely = [broker(0, None, false), broker(1, None, true)];
    assert_eq!(placed(&lonely, 3, 1), Ok(vec![nodes(&[0]); 3]));
}

#[test]
fn placement_refuses_what_cannot_be() {
    let two = |fenced| [11, 10].map(|id| broker(id, Some("1"), fenced));
    assert_eq!(placed(&two(true), 1, 1), Err("All brokers are currently fenced.".to_owned()));
    let too_many = "The target replication factor of 3 cannot be reached because only 2 broker(s) are registered.";
    assert_eq!(placed(&two(false), 1, 3), Err(too_many.to_owned()));
    let none = "Invalid replication factor 0: the replication factor must be positive.";
    assert_eq!(placed(&two(false), 1, 0), Err(none.to_owned()));
}
