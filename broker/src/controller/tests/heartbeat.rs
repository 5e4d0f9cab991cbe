//! The next-state table of `BrokerHeartbeatManagerTest`, and sessions.

use std::time::Duration;

use super::super::heartbeat::{BrokerControlState, Heartbeats};
use crate::ids::{BrokerEpoch, NodeId};
use crate::message::BrokerHeartbeatRequest;
use crate::time::Time;

#[test]
fn next_state_of_brokers_by_what_they_are_and_want() {
    use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
    // testCalculateNextBrokerState
    let mut heartbeats = Heartbeats::new(Duration::from_secs(9));
    let brokers = [(0, true, 100), (1, false, 98), (2, false, 100), (3, false, 100), (4, true, 100), (5, false, 99)];
    for (broker, fenced, offset) in brokers {
        heartbeats.register(NodeId(broker), true);
        heartbeats.touch(NodeId(broker), fenced, offset);
    }
    heartbeats.begin_controlled_shutdown(NodeId(5), 99);
    let next = |heartbeats: &Heartbeats, broker, fence, stop, offset, leads| {
        let request = BrokerHeartbeatRequest {
            broker: NodeId(broker),
            broker_epoch: BrokerEpoch(1),
            current_metadata_offset: offset,
            want_fence: fence,
            want_shut_down: stop,
            offline_log_directories: Vec::new(),
        };
        heartbeats.next_state(&request, 100, leads)
    };
    assert_eq!(next(&heartbeats, 0, false, true, -1, false), (Fenced, ShutdownNow));
    assert_eq!(next(&heartbeats, 0, false, false, 100, false), (Fenced, Unfenced));
    assert_eq!(next(&heartbeats, 0, false, false, 50, false), (Fenced, Fenced));
    assert_eq!(next(&heartbeats, 0, true, false, 100, false), (Fenced, Fenced));
    assert_eq!(next(&heartbeats, 1, false, true, -1, true), (Unfenced, ControlledShutdown));
    assert_eq!(next(&heartbeats, 1, false, true, -1, false), (Unfenced, ShutdownNow));
    assert_eq!(next(&heartbeats, 1, false, false, -1, false), (Unfenced, Unfenced));
    assert_eq!(next(&heartbeats, 1, true, false, -1, true), (Unfenced, Fenced));
    assert_eq!(next(&heartbeats, 1, true, true, -1, true), (Unfenced, ShutdownNow));
    assert_eq!(next(&heartbeats, 5, false, true, -1, true), (ControlledShutdown, ControlledShutdown));
    // Broker 1 has read up to 98 only: it could still take 5 for a leader.
    assert_eq!(next(&heartbeats, 5, false, true, -1, false), (ControlledShutdown, ControlledShutdown));
    heartbeats.fence(NodeId(1));
    assert_eq!(next(&heartbeats, 5, false, true, -1, false), (ControlledShutdown, ShutdownNow));
    assert_eq!(next(&heartbeats, 5, false, true, -1, true), (ControlledShutdown, ControlledShutdown));
}

#[test]
fn session_is_over_when_more_than_its_length_has_passed() {
    let mut heartbeats = Heartbeats::new(Duration::from_secs(9));
    let (broker, epoch) = (NodeId(1), BrokerEpoch(5));
    heartbeats.contact(broker, epoch, Time::from_millis(1_000));
    assert!(heartbeats.has_valid_session(broker, epoch, Time::from_millis(10_000)));
    assert_eq!(heartbeats.take_expired(Time::from_millis(10_000)), None);
    assert!(!heartbeats.has_valid_session(broker, epoch, Time(10_000_001)));
    assert!(!heartbeats.has_valid_session(broker, BrokerEpoch(6), Time::from_millis(2_000)), "another registration");
    assert_eq!(heartbeats.take_expired(Time(10_000_001)), Some((broker, epoch)));
    assert_eq!(heartbeats.take_expired(Time(10_000_001)), None, "one run takes a session once");
}
