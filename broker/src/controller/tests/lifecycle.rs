//! Brokers come, go and come back.

use super::{Bench, Options, clock, directory};
use crate::config::Switch;
use crate::context::Context;
use crate::ids::*;
use crate::message::{AllocateProducerIdsRequest, BrokerHeartbeatRequest};
use crate::metadata::MetadataRecord;
use crate::time::{Now, Time, WallTime};

fn with_orders(options: Options) -> Bench {
    let mut bench = Bench::with_brokers(Options { min_insync_replicas: Some(2), ..options });
    bench.create("orders", &[1, 2, 3], &[]);
    bench.take();
    bench
}

#[test]
fn activation_of_an_empty_log_writes_the_bootstrap_transaction() {
    let mut bench = Bench::new(Options { min_insync_replicas: Some(2), ..Options::default() });
    let image = bench.controller.committed_image().clone();
    let features: Vec<(&str, i16)> = image.features().iter().map(|(name, level)| (name.as_str(), *level)).collect();
    assert_eq!(
        features,
        [
            ("eligible.leader.replicas.version", 1),
            ("group.version", 1),
            ("metadata.version", 27),
            ("transaction.version", 2)
        ]
    );
    let cluster = image.config(&crate::message::ConfigResource::Cluster).expect("set by the bootstrap records");
    assert_eq!(cluster.get("min.insync.replicas").map(String::as_str), Some("2"));
    // Offsets 1 to 7: begin, four features, the configuration, end.
    assert_eq!(bench.log_end_offset, 8);
    insta::assert_snapshot!(bench.take(), @"Activated { epoch: LeaderEpoch(1) }");
}

#[test]
fn broker_registers_catches_up_and_is_unfenced() {
    let mut bench = Bench::new(Options::default());
    bench.take();
    bench.register(1, 11, BrokerEpoch::NONE);
    // The registration lies at offset 8: at 7 the broker does not know itself yet.
    bench.heartbeat(1, |request| request.current_metadata_offset = 7);
    bench.heartbeat(1, |request| request.want_fence = true);
    bench.heartbeat(1, |_| {});
    bench.heartbeat(1, |request| request.broker_epoch = BrokerEpoch(5));
    insta::assert_snapshot!(bench.take(), @"
    > 0.000 s: register broker 1, process 11
    broker 1 registered, epoch 8, unclean
    < NONE epoch 8
    < NONE caught up false fenced true stop false
    < NONE caught up true fenced true stop false
    BrokerUnfenced { broker: NodeId(1) }
    < NONE caught up true fenced false stop false
    < STALE_BROKER_EPOCH caught up false fenced true stop false
    ");
}

#[test]
fn silent_broker_is_fenced_at_the_first_check_after_nine_seconds() {
    let mut bench = with_orders(Options::default());
    // Checks lie at k × 1.125 s. At 9.000 s exactly nine seconds have passed, which is not more than nine.
    bench.live_until(9_000, &[2, 3]);
    assert_eq!(bench.take(), "");
    bench.live_until(10_124, &[2, 3]);
    assert_eq!(bench.take(), "");
    bench.live_until(10_125, &[2, 3]);
    insta::assert_snapshot!(bench.take(), @"
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader 2 in epoch 1, ISR [2, 3], ELR [], version 1 (BrokerFenced)
    ");
    // The next check comes 10 ms later, and only then after the whole period again.
    assert_eq!(bench.controller.next_deadline(), Some(Time::from_millis(10_135)));
    bench.live_until(10_135, &[2, 3]);
    assert_eq!(bench.controller.next_deadline(), Some(Time::from_millis(10_135 + 1_125)));
}

#[test]
fn two_silent_brokers_are_fenced_one_after_the_other() {
    let mut bench = with_orders(Options::default());
    bench.live_until(10_125, &[3]);
    assert!(bench.take().contains("leader 2 in epoch 1"), "first it goes to a broker that is dead as well");
    bench.live_until(10_135, &[3]);
    insta::assert_snapshot!(bench.take(), @"
    BrokerFenced { broker: NodeId(2), reason: SessionExpired }
    orders-0: leader 3 in epoch 2, ISR [3], ELR [2], version 2 (BrokerFenced)
    ");
}

#[test]
fn restarted_broker_is_refused_while_its_former_session_lives() {
    let mut bench = with_orders(Options::default());
    bench.live_until(5_000, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    // The same process may register as often as it likes, and keeps its epoch.
    bench.register(1, 1, BrokerEpoch::NONE);
    bench.live_until(9_001, &[2, 3]);
    // The session is over, although no check has fenced the broker yet.
    bench.register(1, 21, BrokerEpoch::NONE);
    insta::assert_snapshot!(bench.take(), @"
    > 5.000 s: register broker 1, process 21
    RegistrationRefused { broker: NodeId(1) }
    < DUPLICATE_BROKER_REGISTRATION epoch -1
    > 5.000 s: register broker 1, process 1
    < NONE epoch 8
    > 9.001 s: register broker 1, process 21
    orders-0: leader 2 in epoch 1, ISR [2, 3], ELR [], version 1 (UncleanShutdown)
    broker 1 registered, epoch 17, unclean
    < NONE epoch 17
    ");
}

#[test]
fn elr_holds_the_committed_records_while_the_isr_shrinks() {
    // The walk of KIP-966 with min.insync.replicas 2, as lesson 11 tells it.
    let mut bench = with_orders(Options::default());
    bench.propose("orders", &[1, 3]);
    bench.propose("orders", &[1]);
    bench.live_until(10_125, &[2, 3]);
    bench.live_until(12_000, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.heartbeat(1, |_| {});
    insta::assert_snapshot!(bench.take(), @"
    > orders-0: the leader proposes [1, 3]
    orders-0: leader 1 in epoch 0, ISR [1, 3], ELR [], version 1 (AlterPartition)
    < NONE ISR [1, 3] version 1
    > orders-0: the leader proposes [1]
    orders-0: leader 1 in epoch 0, ISR [1], ELR [3], version 2 (AlterPartition)
    < NONE ISR [1] version 2
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader 3 in epoch 1, ISR [3], ELR [1], version 3 (BrokerFenced)
    > 12.000 s: register broker 1, process 21
    orders-0: leader 3 in epoch 1, ISR [3], ELR [], version 4 (UncleanShutdown)
    broker 1 registered, epoch 20, unclean
    < NONE epoch 20
    BrokerUnfenced { broker: NodeId(1) }
    < NONE caught up true fenced false stop false
    ");
    bench.propose("orders", &[3, 1]);
    bench.propose("orders", &[3, 1, 2]);
    assert_eq!(bench.partition("orders").elr, []);
}

#[test]
fn elr_member_that_stopped_cleanly_leads_again_and_the_others_wait_for_it() {
    let mut bench = with_orders(Options::default());
    bench.propose("orders", &[1]);
    // 1 dies, and it was all that was in sync; 2 and 3 dropped out below min ISR and are eligible.
    bench.live_until(10_125, &[]);
    bench.live_until(10_145, &[]);
    insta::assert_snapshot!(bench.take(), @"
    > orders-0: the leader proposes [1]
    orders-0: leader 1 in epoch 0, ISR [1], ELR [2, 3], version 1 (AlterPartition)
    < NONE ISR [1] version 1
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader 2 in epoch 1, ISR [2], ELR [1, 3], version 2 (BrokerFenced)
    BrokerFenced { broker: NodeId(2), reason: SessionExpired }
    orders-0: leader 3 in epoch 2, ISR [3], ELR [1, 2], version 3 (BrokerFenced)
    BrokerFenced { broker: NodeId(3), reason: SessionExpired }
    orders-0: leader -1 in epoch 3, ISR [], ELR [1, 2, 3], version 4 (BrokerFenced)
    ");
    assert_eq!(bench.partition("orders").last_known_elr, [NodeId(3)]);
    let epoch = bench.epoch_of(2);
    bench.register(2, 22, epoch);
    bench.heartbeat(2, |_| {});
    insta::assert_snapshot!(bench.take(), @"
    > 10.145 s: register broker 2, process 22
    broker 2 registered, epoch 23, clean
    < NONE epoch 23
    BrokerUnfenced { broker: NodeId(2) }
    orders-0: leader 2 in epoch 4, ISR [2], ELR [1, 3], version 5 (BrokerUnfenced)
    < NONE caught up true fenced false stop false
    ");
}

#[test]
fn last_known_leader_is_elected_uncleanly_when_nobody_is_eligible() {
    let mut bench = with_orders(Options::default());
    bench.propose("orders", &[1, 2]);
    bench.live_until(10_155, &[]);
    bench.take();
    // Everybody lost power: one after the other returns without a clean stop and leaves the ELR.
    for broker in [1, 2] {
        bench.register(broker, 20 + broker as u128, BrokerEpoch::NONE);
        bench.heartbeat(broker, |_| {});
    }
    insta::assert_snapshot!(bench.take(), @"
    > 10.155 s: register broker 1, process 21
    orders-0: leader -1 in epoch 2, ISR [], ELR [2], version 4 (UncleanShutdown)
    broker 1 registered, epoch 22, unclean
    < NONE epoch 22
    BrokerUnfenced { broker: NodeId(1) }
    < NONE caught up true fenced false stop false
    > 10.155 s: register broker 2, process 22
    orders-0: leader -1 in epoch 2, ISR [], ELR [], version 5 (UncleanShutdown)
    broker 2 registered, epoch 25, unclean
    < NONE epoch 25
    BrokerUnfenced { broker: NodeId(2) }
    orders-0: leader 2 in epoch 3, ISR [2], ELR [], version 6 (BrokerUnfenced, UNCLEAN)
    < NONE caught up true fenced false stop false
    ");
}

#[test]
fn without_elr_the_last_in_sync_replica_is_waited_for() {
    let mut bench = with_orders(Options { without_elr: true, ..Options::default() });
    bench.propose("orders", &[1]);
    bench.live_until(10_125, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.heartbeat(1, |_| {});
    insta::assert_snapshot!(bench.take(), @"
    > orders-0: the leader proposes [1]
    orders-0: leader 1 in epoch 0, ISR [1], ELR [], version 1 (AlterPartition)
    < NONE ISR [1] version 1
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader -1 in epoch 1, ISR [1], ELR [], version 2 (BrokerFenced)
    > 10.125 s: register broker 1, process 21
    broker 1 registered, epoch 17, unclean
    < NONE epoch 17
    BrokerUnfenced { broker: NodeId(1) }
    orders-0: leader 1 in epoch 2, ISR [1], ELR [], version 3 (BrokerUnfenced)
    < NONE caught up true fenced false stop false
    ");
}

#[test]
fn unclean_election_takes_the_first_live_replica_in_assignment_order() {
    // Lesson 10: the assignment decides, not the length of the log.
    let mut bench = Bench::with_brokers(Options::default());
    bench.create("orders", &[1, 3, 2], &[("unclean.leader.election.enable", "true")]);
    bench.propose("orders", &[1]);
    bench.take();
    bench.live_until(10_125, &[2, 3]);
    insta::assert_snapshot!(bench.take(), @"
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader 3 in epoch 1, ISR [3], ELR [], version 2 (BrokerFenced, UNCLEAN)
    ");
}

#[test]
fn controlled_shutdown_moves_leaderships_and_ends_when_the_others_know() {
    let mut bench = with_orders(Options::default());
    let stop = |request: &mut BrokerHeartbeatRequest| request.want_shut_down = true;
    bench.heartbeat(1, stop);
    // The others have not read that far yet.
    bench.heartbeat(2, |request| request.current_metadata_offset = 16);
    bench.heartbeat(3, |request| request.current_metadata_offset = 16);
    bench.heartbeat(1, stop);
    bench.heartbeat(2, |_| {});
    bench.heartbeat(3, |_| {});
    bench.heartbeat(1, stop);
    insta::assert_snapshot!(bench.take(), @"
    ControlledShutdownStarted { broker: NodeId(1) }
    orders-0: leader 2 in epoch 1, ISR [2, 3], ELR [], version 1 (ControlledShutdown)
    < NONE caught up true fenced false stop false
    < NONE caught up true fenced false stop false
    < NONE caught up true fenced false stop false
    < NONE caught up true fenced false stop false
    < NONE caught up true fenced false stop false
    < NONE caught up true fenced false stop false
    BrokerFenced { broker: NodeId(1), reason: ShutDown }
    ControlledShutdownGranted { broker: NodeId(1) }
    < NONE caught up true fenced true stop true
    ");
    // A clean restart within the session is refused as well.
    let epoch = bench.epoch_of(1);
    bench.register(1, 21, epoch);
    assert!(bench.take().contains("DUPLICATE_BROKER_REGISTRATION"));
}

#[test]
fn leadership_goes_home_at_the_next_check_every_three_hundred_seconds() {
    let mut bench = with_orders(Options::default());
    bench.live_until(10_125, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.heartbeat(1, |_| {});
    bench.propose("orders", &[2, 3, 1]);
    bench.live_until(299_999, &[1, 2, 3]);
    bench.take();
    bench.live_until(300_000, &[1, 2, 3]);
    insta::assert_snapshot!(bench.take(), @"orders-0: leader 1 in epoch 2, ISR [2, 3, 1], ELR [], version 3 (PreferredElection)");
}

#[test]
fn failed_directory_takes_its_replicas_out_and_no_others() {
    let mut bench = with_orders(Options { two_directories: true, ..Options::default() });
    bench.create("second", &[1, 2, 3], &[]);
    assert_eq!(bench.partition("orders").directories, [1, 2, 3].map(|broker| directory(broker, 0)));
    assert_eq!(bench.partition("second").directories, [1, 2, 3].map(|broker| directory(broker, 1)));
    bench.take();
    bench.heartbeat(1, |request| request.offline_log_directories = vec![directory(1, 0)]);
    insta::assert_snapshot!(bench.take(), @"
    orders-0: leader 2 in epoch 1, ISR [2, 3], ELR [], version 1 (DirectoryFailed)
    < NONE caught up true fenced false stop false
    ");
    let directories =
        |bench: &Bench| bench.controller.image().broker(NodeId(1)).expect("registered").directories.clone();
    assert_eq!(directories(&bench), [directory(1, 1)]);
    // The broker goes on to name it; the controller knows already.
    bench.heartbeat(1, |request| request.offline_log_directories = vec![directory(1, 0)]);
    assert_eq!(bench.take(), "< NONE caught up true fenced false stop false\n");
    // An empty list of directories cannot be written: the last one stays in the books (the broker stops anyway).
    bench.heartbeat(1, |request| request.offline_log_directories = vec![directory(1, 1)]);
    assert_eq!(directories(&bench), [directory(1, 1)]);
}

#[test]
fn answers_wait_for_the_commit_and_a_deposed_controller_forgets_what_was_not_committed() {
    let mut bench = with_orders(Options::default());
    let before = bench.controller.image().clone();
    bench.hold_commits = true;
    bench.propose("orders", &[1, 2]);
    // Nothing to write, but made from what is not committed yet: it waits as well.
    bench.heartbeat(2, |_| {});
    bench.ask(AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: bench.epoch_of(1) });
    assert_eq!(bench.take(), "> orders-0: the leader proposes [1, 2]\n");
    assert_eq!(bench.controller.pending_writes(), 3);
    assert_ne!(*bench.controller.image(), before);
    bench.run(|controller, ctx| controller.deactivate(ctx));
    insta::assert_snapshot!(bench.take(), @"
    Deactivated { epoch: LeaderEpoch(1) }
    < NOT_CONTROLLER
    < NOT_CONTROLLER caught up false fenced true stop false
    < NOT_CONTROLLER from 0
    ");
    assert_eq!(*bench.controller.image(), before);
    bench.heartbeat(2, |_| {});
    assert_eq!(bench.take(), "< NOT_CONTROLLER caught up false fenced true stop false\n");
}

#[test]
fn new_active_controller_aborts_an_open_transaction_and_gives_fresh_sessions() {
    let mut bench = with_orders(Options::default());
    bench.live_until(8_000, &[2, 3]);
    bench.run(|controller, ctx| controller.deactivate(ctx));
    let open = vec![
        (bench.log_end_offset, MetadataRecord::BeginTransaction { name: "half".to_owned() }),
        (bench.log_end_offset + 1, MetadataRecord::FeatureLevel { name: "group.version".to_owned(), level: 0 }),
    ];
    bench.log_end_offset += 2;
    let last = bench.log_end_offset - 1;
    bench.run(|controller, ctx| controller.replay_committed(ctx, last, &open));
    assert_eq!(bench.controller.committed_image().feature("group.version"), 1, "the transaction is open");
    let end = bench.log_end_offset;
    bench.run(|controller, ctx| controller.activate(ctx, LeaderEpoch(3), end));
    assert_eq!(bench.controller.image().feature("group.version"), 1);
    assert_eq!(bench.log_end_offset, end + 1, "one AbortTransaction");
    bench.take();
    // Broker 1 was silent since 0 s: it has until 17 s, and is fenced at 8 + 9 × 1.125 s.
    bench.live_until(18_124, &[2, 3]);
    assert_eq!(bench.take(), "", "{}", clock(bench.now));
    bench.live_until(18_125, &[2, 3]);
    assert!(bench.take().starts_with("BrokerFenced { broker: NodeId(1)"));
}

#[test]
fn control_record_between_writes_moves_what_is_expected() {
    let mut bench = Bench::new(Options::default());
    bench.hold_commits = true;
    // The quorum wrote a control record of its own: the registration lies one further than expected.
    bench.log_end_offset += 1;
    bench.register(1, 11, BrokerEpoch::NONE);
    bench.heartbeat(1, |request| request.current_metadata_offset = 8);
    bench.take();
    bench.commit();
    insta::assert_snapshot!(bench.take(), @"
    broker 1 registered, epoch 8, unclean
    < NONE epoch 8
    < NONE caught up false fenced true stop false
    ");
}

#[test]
fn switches_bring_their_bugs() {
    let mut bench = with_orders(Options { switches: vec![Switch::LeaderChangeKeepsEpoch], ..Options::default() });
    bench.live_until(10_125, &[2, 3]);
    assert!(bench.take().contains("leader 2 in epoch 0, ISR [2, 3], ELR [], version 1"));
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.take();

    let mut bench = with_orders(Options { switches: vec![Switch::ElectAnyReplica], ..Options::default() });
    bench.propose("orders", &[1, 2]);
    bench.live_until(10_135, &[3]);
    // Neither in sync nor eligible, and nothing says so.
    assert!(bench.take().ends_with("orders-0: leader 3 in epoch 2, ISR [], ELR [1, 2], version 3 (BrokerFenced)\n"));

    let mut bench = with_orders(Options { switches: vec![Switch::ElrSurvivesUncleanShutdown], ..Options::default() });
    bench.propose("orders", &[2, 1]);
    bench.propose("orders", &[1]);
    bench.live_until(10_125, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    assert_eq!(bench.partition("orders").elr, [NodeId(1)], "it may have lost what made it eligible");

    let mut bench = with_orders(Options { switches: vec![Switch::NeverUnfence], ..Options::default() });
    bench.live_until(10_125, &[2, 3]);
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.take();
    bench.heartbeat(1, |_| {});
    assert_eq!(bench.take(), "< NONE caught up true fenced true stop false\n");
}

#[test]
fn standby_follows_the_log_and_says_when_it_contradicts_itself() {
    let mut bench = Bench::new(Options::default());
    bench.run(|controller, ctx| controller.deactivate(ctx));
    bench.take();
    let now = Now { monotonic: bench.now, wall: WallTime(0) };
    let gone = MetadataRecord::RemoveTopic { topic_id: TopicId::ZERO };
    let mut ctx = Context::new(now, &mut bench.storage, &mut bench.choices);
    bench.controller.replay_committed(&mut ctx, 8, &[(8, gone)]);
    let outputs = bench.controller.take_outputs();
    assert!(matches!(outputs[..], [super::ControllerOutput::FatalFault { .. }]), "{outputs:?}");
}

#[test]
fn no_op_record_is_written_every_half_second() {
    let mut config = Bench::new(Options::default()).controller.config().clone();
    config.max_idle_interval = std::time::Duration::from_millis(500);
    let mut bench = Bench::new(Options::default());
    bench.controller = super::Controller::new(config);
    bench.log_end_offset = 1;
    bench.run(|controller, ctx| controller.activate(ctx, LeaderEpoch(1), 1));
    let activated = bench.log_end_offset;
    bench.advance_to(1_499);
    assert_eq!(bench.log_end_offset, activated + 2);
    bench.advance_to(1_500);
    assert_eq!(bench.log_end_offset, activated + 3);
    assert_eq!(bench.controller.committed_image().last_offset(), activated + 2);
}
