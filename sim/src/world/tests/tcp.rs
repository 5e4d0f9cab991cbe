//! What TCP makes impossible does not happen.

use std::collections::BTreeSet;

use super::*;
use crate::fault::{Lose, MessageFilter, MessageTarget};
use crate::network::HeldBy;
use trial_broker::input::CloseReason;

fn closed(world: &World, machine: MachineId) -> Vec<CloseReason> {
    let toy = world.machine(machine).and_then(|machine| machine.toy()).expect("the toy runs");
    toy.closed.iter().map(|(_, reason)| *reason).collect()
}

fn received(world: &World) -> Vec<i32> {
    world.machine(B).and_then(|machine| machine.toy()).expect("the toy runs").received.clone()
}

#[test]
fn handshake_and_request_take_two_round_trips_to_be_answered() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    ping(&mut world, ms(200), 2);
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps), [(1, ms(140), true), (2, ms(220), true)]);
}

#[test]
fn nobody_listens_connect_is_refused_after_one_round_trip() {
    let mut world = two();
    at(&mut world, ms(50), Fault::Kill { machine: B });
    ping(&mut world, ms(100), 1);
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps), [(1, ms(120), false)]);
    assert_eq!(closed(&world, A), [CloseReason::Refused]);
}

#[test]
fn same_machine_costs_nothing_and_crosses_every_partition() {
    let mut world = two();
    at(&mut world, ms(50), Fault::Partition { pairs: vec![(A, A), (A, B), (B, A)] });
    call(&mut world, ms(100), A, 1, Call::DeleteTopic { name: "a".to_owned() });
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps), [(1, ms(100), true)]);
}

#[test]
fn killed_receiver_what_it_wrote_arrives_before_the_end_of_the_stream() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    ping(&mut world, ms(200), 2);
    // The answer to the second request leaves at 210 ms, just before the process dies.
    at(&mut world, Time(211_000), Fault::Kill { machine: B });
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps), [(1, ms(140), true), (2, ms(220), true)]);
    assert_eq!(closed(&world, A), [CloseReason::Closed]);
}

#[test]
fn killed_receiver_with_unread_input_resets() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    at(&mut world, ms(150), Fault::Pause { machine: B });
    ping(&mut world, ms(200), 2);
    at(&mut world, ms(250), Fault::Kill { machine: B });
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps), [(1, ms(140), true), (2, ms(260), false)]);
    assert_eq!(closed(&world, A), [CloseReason::Reset]);
}

#[test]
fn request_of_a_client_that_closed_is_still_executed() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    ping(&mut world, ms(200), 2);
    call(&mut world, ms(201), A, 3, Call::RefreshMetadata);
    steps(&mut world, ms(300));
    assert_eq!(received(&world), [1, 2], "what was received before an orderly close is executed");
    assert_eq!(closed(&world, B), [CloseReason::Closed]);
}

#[test]
fn power_cut_leaves_the_survivor_half_open_until_it_speaks_to_the_new_boot() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    at(&mut world, ms(200), Fault::PowerCut { machine: B, lose: Lose::None, draw: 1 });
    ping(&mut world, ms(300), 2);
    steps(&mut world, ms(1000));
    assert!(closed(&world, A).is_empty(), "nobody told the survivor");
    assert_eq!(world.in_flight()[0].held, Some(HeldBy::PowerOff));
    at(&mut world, ms(2000), Fault::Start { machine: B });
    let steps = steps(&mut world, ms(3000));
    // Sent again, it reaches a kernel that does not know the connection: reset after a round trip.
    assert_eq!(resolutions(&steps), [(2, ms(2020), false)]);
    assert_eq!(closed(&world, A), [CloseReason::Reset]);
}

#[test]
fn two_way_partition_holds_all_and_delivers_in_order_after_the_heal() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    at(&mut world, ms(190), Fault::Partition { pairs: vec![(A, B), (B, A)] });
    for (ticket, time) in [(2, 200), (3, 210), (4, 220)] {
        ping(&mut world, ms(time), ticket);
    }
    at(&mut world, ms(5000), Fault::Heal { from: BTreeSet::new(), to: BTreeSet::new() });
    let steps = steps(&mut world, ms(6000));
    assert_eq!(received(&world), [1, 2, 3, 4]);
    let answered: Vec<(u64, Time, bool)> = resolutions(&steps).split_off(1);
    assert_eq!(answered, [(2, ms(5020), true), (3, ms(5020), true), (4, ms(5020), true)]);
    assert!(closed(&world, A).is_empty(), "loss shows as delay");
}

#[test]
fn one_way_partition_nobody_can_connect_in_either_direction() {
    for pairs in [vec![(A, B)], vec![(B, A)]] {
        let mut world = two();
        at(&mut world, ms(50), Fault::Partition { pairs });
        ping(&mut world, ms(100), 1);
        steps(&mut world, ms(5000));
        assert!(received(&world).is_empty());
        at(&mut world, ms(5001), Fault::Heal { from: BTreeSet::new(), to: BTreeSet::new() });
        let steps = steps(&mut world, ms(9000));
        // SYNs leave at 100, 1100, 3100 and 7100 ms.
        assert_eq!(resolutions(&steps), [(1, ms(7140), true)]);
    }
}

#[test]
fn one_way_partition_data_flows_the_open_way_until_the_send_buffer_is_full() {
    let mut world = two_with(WorldSettings {
        latency: LatencyModel::Constant(Duration::from_millis(10)),
        send_buffer_bytes: 100,
        ..WorldSettings::default()
    });
    ping(&mut world, ms(100), 1);
    at(&mut world, ms(190), Fault::Partition { pairs: vec![(B, A)] });
    for ticket in 2..12 {
        ping(&mut world, ms(190 + 10 * ticket), ticket);
    }
    steps(&mut world, ms(1000));
    let arrived = received(&world).len();
    assert!((3..8).contains(&arrived), "{arrived} requests of some 30 bytes fitted into 100 bytes without an answer");
    assert_eq!(world.in_flight().iter().filter(|view| view.held == Some(HeldBy::SendBuffer)).count(), 11 - arrived);
    at(&mut world, ms(2000), Fault::Heal { from: BTreeSet::new(), to: BTreeSet::new() });
    steps(&mut world, ms(3000));
    assert_eq!(received(&world), (1..12).collect::<Vec<i32>>(), "all arrive, in order, once");
}

#[test]
fn connection_attempts_end_after_127_seconds() {
    let mut world = two();
    at(&mut world, ms(50), Fault::PowerCut { machine: B, lose: Lose::All, draw: 0 });
    ping(&mut world, ms(100), 1);
    steps(&mut world, ms(200_000));
    assert_eq!(closed(&world, A), [CloseReason::ConnectTimedOut]);
}

#[test]
fn held_message_holds_everything_behind_it_and_nothing_on_other_connections() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    let filter = MessageFilter { from: [A].into(), ..MessageFilter::default() };
    at(&mut world, ms(190), Fault::Hold { target: MessageTarget::Next { filter, nth: 2 } });
    for (ticket, time) in [(2, 200), (3, 210), (4, 220)] {
        ping(&mut world, ms(time), ticket);
    }
    call(&mut world, ms(230), B, 5, Call::DeleteTopic { name: "a".to_owned() });
    let before = steps(&mut world, ms(1000));
    let held: Vec<Option<HeldBy>> = world.in_flight().iter().map(|view| view.held).collect();
    assert_eq!(held, [Some(HeldBy::Hold), Some(HeldBy::InFront)]);
    assert_eq!(resolutions(&before).last(), Some(&(5, ms(270), true)));
    at(&mut world, ms(2000), Fault::Release { filter: MessageFilter::default() });
    let after = steps(&mut world, ms(3000));
    assert_eq!(resolutions(&after), [(3, ms(2010), true), (4, ms(2010), true)]);
}

#[test]
fn delayed_message_keeps_the_order() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    let target = MessageTarget::Next { filter: MessageFilter::default(), nth: 1 };
    at(&mut world, ms(190), Fault::Delay { target, by: Duration::from_millis(500) });
    ping(&mut world, ms(200), 2);
    ping(&mut world, ms(210), 3);
    let steps = steps(&mut world, ms(1000));
    assert_eq!(resolutions(&steps)[1..], [(2, ms(720), true), (3, ms(720), true)]);
}

#[test]
fn dropped_message_resets_its_connection() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    let filter = MessageFilter { kind: Some(crate::fault::MessageKind::Response), ..MessageFilter::default() };
    at(&mut world, ms(190), Fault::Drop { target: MessageTarget::Next { filter, nth: 1 } });
    ping(&mut world, ms(200), 2);
    let steps = steps(&mut world, ms(1000));
    assert_eq!(resolutions(&steps)[1..], [(2, ms(220), false)]);
    assert_eq!((closed(&world, A), closed(&world, B)), (vec![CloseReason::Reset], vec![CloseReason::Reset]));
    assert!(world.connections().is_empty());
}

#[test]
fn clogged_api_is_held_and_let_go_at_once() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    let filter = MessageFilter {
        to: [B].into(),
        api: Some(trial_broker::message::Api::ApiVersions),
        ..MessageFilter::default()
    };
    at(&mut world, ms(190), Fault::Clog { filter: filter.clone() });
    ping(&mut world, ms(200), 2);
    at(&mut world, ms(500), Fault::Unclog { filter });
    let steps = steps(&mut world, ms(1000));
    assert_eq!(resolutions(&steps)[1..], [(2, ms(510), true)], "it had come as far as the clog");
}

#[test]
fn bandwidth_delays_by_size() {
    let mut world = two();
    ping(&mut world, ms(100), 1);
    let fault = Fault::Bandwidth { from: [A].into(), to: BTreeSet::new(), bytes_per_second: Some(1000) };
    at(&mut world, ms(190), fault);
    ping(&mut world, ms(200), 2);
    let steps = steps(&mut world, ms(1000));
    let (_, answered, _) = resolutions(&steps)[1];
    let bytes = answered.since(ms(220)).as_millis();
    assert!((20..60).contains(&bytes), "a request of {bytes} bytes at a byte a millisecond");
}
