//! Which replica a consumer is told to read from (KIP-392): `ReplicaManagerTest` and `RackAwareReplicaSelectorTest`.

use super::leader_numbers::{ask, fetch_request};
use super::*;
use crate::config::ReplicaSelector;

/// Brokers 1, 2 and 3 in racks a, b and b, and ten committed records.
fn racks(selector: ReplicaSelector) -> Cluster {
    let settings = ReplicationSettings { replica_selector: selector, ..ReplicationSettings::default() };
    let mut c = Cluster::new(3, "2", &[], settings);
    let stands = |(node, rack): (i32, &str)| register_in(NodeId(node), BrokerEpoch(10), Some(rack));
    c.publish([(1, "a"), (2, "b"), (3, "b")].map(stands).into());
    c.run(100);
    c.produce(LEADER, 1, Acks::All, &["x"; 10]);
    c.run(1_000);
    assert_eq!(c.produce_error(1), Some(ErrorCode::None));
    c
}

/// What the leader answers to a consumer of this rack: whom it names, and how many bytes it sends.
fn read(c: &mut Cluster, rack: &str, at: Offset) -> (i32, bool) {
    let request = FetchRequest { rack_id: rack.to_owned(), ..fetch_request(-1, at, 0, -1) };
    let answer = ask(c, request);
    assert_eq!((answer.error, answer.high_watermark), (ErrorCode::None, 10));
    (answer.preferred_read_replica.0, !answer.records.is_empty())
}

#[test]
fn consumer_is_sent_to_the_most_caught_up_replica_of_its_rack() {
    let mut c = racks(ReplicaSelector::RackAware);
    assert_eq!(read(&mut c, "b", 0), (3, false), "both are at the end: the larger id");
    c.kill(NodeId(3));
    c.produce(LEADER, 2, Acks::All, &["y"; 2]);
    c.run(300);
    let request = FetchRequest { rack_id: "b".to_owned(), ..fetch_request(-1, 0, 0, -1) };
    assert_eq!(ask(&mut c, request).preferred_read_replica, NodeId(2), "it has the larger end");
}

#[test]
fn leader_serves_its_own_rack_and_racks_without_a_replica_and_consumers_that_name_none() {
    let mut c = racks(ReplicaSelector::RackAware);
    for rack in ["a", "c", ""] {
        assert_eq!(read(&mut c, rack, 0), (-1, true), "{rack}");
    }
    let mut without = racks(ReplicaSelector::Leader);
    assert_eq!(read(&mut without, "b", 0), (-1, true));
}

#[test]
fn replica_is_named_only_if_it_is_in_sync_and_holds_the_offset() {
    let mut c = racks(ReplicaSelector::RackAware);
    assert_eq!(read(&mut c, "b", 10), (3, false), "the end is what comes next");
    c.change(PartitionChange { isr: Some(vec![LEADER, NodeId(2)]), ..PartitionChange::default() });
    assert_eq!(read(&mut c, "b", 0), (2, false));
    c.change(PartitionChange { isr: Some(vec![LEADER]), ..PartitionChange::default() });
    assert_eq!(read(&mut c, "b", 0), (-1, true));
}

#[test]
fn follower_serves_what_lies_below_its_own_high_watermark() {
    let mut c = racks(ReplicaSelector::RackAware);
    c.produce(LEADER, 2, Acks::Leader, &["y"; 5]);
    // One fetch has brought the records, none has brought the high watermark.
    c.run(30);
    let follower = c.partition(NodeId(2)).log();
    assert_eq!((follower.log_end_offset(), follower.high_watermark()), (15, 10));
    for (at, error, has_records) in
        [(0, ErrorCode::None, true), (10, ErrorCode::None, false), (12, ErrorCode::None, false)]
    {
        let request = FetchRequest { rack_id: "b".to_owned(), ..fetch_request(-1, at, 0, -1) };
        c.step(NodeId(2), |manager, ctx| manager.fetch(ctx, client_handle(990), request));
        let Some(Response::Fetch(response)) = c.take_answer(990) else { panic!("no answer") };
        let answer = &response.partitions[0];
        assert_eq!((answer.error, !answer.records.is_empty(), answer.high_watermark), (error, has_records, 10), "{at}");
    }
    let beyond = fetch_request(-1, 16, 0, -1);
    c.step(NodeId(2), |manager, ctx| manager.fetch(ctx, client_handle(990), beyond));
    let Some(Response::Fetch(response)) = c.take_answer(990) else { panic!("no answer") };
    assert_eq!(response.partitions[0].error, ErrorCode::OffsetOutOfRange, "beyond its end");
}
