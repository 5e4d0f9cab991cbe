//! Lessons 2, 5 and 8 as transcripts. Their numbers follow from the rules; see each test.

use super::*;

/// Latency 10 ms; both parked fetches are answered at the append (0), arrive at 10, ask again at 20: the high watermark
/// moves 20 ms after the append. It wakes nobody: the followers' next fetches are parked at 20, end 500 ms later, and
/// arrive at 530. (The lesson's clock starts 10 ms earlier, when the producer sends.)
#[test]
fn lesson_2_the_high_watermark_takes_two_fetches_and_followers_hear_of_it_when_their_fetch_expires() {
    let mut c = cluster(3, "2");
    c.run_until(1_000);
    // From here on time is counted from a moment at which both fetches are parked.
    c.run_until(1_100);
    c.begin();
    c.produce(LEADER, 900, Acks::All, &["a", "b", "c"]);
    c.run(600);
    insta::assert_snapshot!(c.transcript(), @r"
    1100 ms  b1 appends 0..3
    1100 ms  b1 parks the producer until the high watermark is 3
    1100 ms  b1 answers b2's fetch at 0 with records, high watermark 0
    1100 ms  b1 answers b3's fetch at 0 with records, high watermark 0
    1110 ms  b2 has copied up to 3
    1110 ms  b3 has copied up to 3
    1120 ms  b1 sees b2 at 3
    1120 ms  b1 parks b2's fetch at 3
    1120 ms  b1 sees b3 at 3
    1120 ms  b1 moves its high watermark from 0 to 3
    1120 ms  b1 answers the producer: NONE
    1120 ms  b1 parks b3's fetch at 3
    1620 ms  b1 answers b2's fetch at 3 without records, high watermark 3
    1620 ms  b1 answers b3's fetch at 3 without records, high watermark 3
    1630 ms  b2 moves its high watermark from 0 to 3
    1630 ms  b3 moves its high watermark from 0 to 3
    1640 ms  b1 parks b2's fetch at 3
    1640 ms  b1 parks b3's fetch at 3
    ");
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
}

#[test]
fn lesson_5_below_the_line_acks_1_records_stay_invisible_until_a_follower_is_back() {
    let mut c = cluster(2, "2");
    c.run_until(1_100);
    c.produce(LEADER, 900, Acks::All, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    c.run(700);
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
    c.kill(NodeId(2));
    c.change(PartitionChange { isr: Some(vec![LEADER]), ..PartitionChange::default() });
    c.begin();
    c.produce(LEADER, 901, Acks::All, &["refused"]);
    c.produce(LEADER, 902, Acks::Leader, &["10"]);
    c.produce(LEADER, 902, Acks::Leader, &["11"]);
    c.produce(LEADER, 902, Acks::Leader, &["12"]);
    c.state();
    assert_eq!(c.produce_error(901), Some(ErrorCode::NotEnoughReplicas));
    assert_eq!(c.produce_error(902), Some(ErrorCode::None));
    c.cut.clear();
    c.say("b2 is started again");
    c.start(NodeId(2));
    c.run(200);
    c.state();
    insta::assert_snapshot!(c.transcript(), @r"
    1800 ms  b1 refuses to append: NOT_ENOUGH_REPLICAS
    1800 ms  b1 appends 10..11
    1800 ms  b1 answers b2's fetch at 10 with records, high watermark 10
    1800 ms  b1 appends 11..12
    1800 ms  b1 appends 12..13
            b1: epoch 0, end 13, high watermark 10, leads, ISR {b1}
    1800 ms  b2 is started again
    1800 ms  b2 follows b1 in epoch 0
    1810 ms  b1 proposes ISR {b1 b2} instead of {b1}
    1810 ms  b1 answers b2's fetch at 10 with records, high watermark 10
    1820 ms  b1 has ISR {b1 b2}
    1820 ms  b2 moves its high watermark from 0 to 10
    1820 ms  b2 has copied up to 13
    1830 ms  b1 sees b2 at 13
    1830 ms  b1 moves its high watermark from 10 to 13
    1830 ms  b1 parks b2's fetch at 13
            b1: epoch 0, end 13, high watermark 13, leads, ISR {b1 b2}
            b2: epoch 0, end 13, high watermark 10, follows b1
    ");
}

#[test]
fn lesson_8_the_log_that_shrinks_b_was_never_committed_and_is_cut_where_the_epochs_part() {
    let mut c = cluster(3, "1");
    c.run_until(1_100);
    c.produce(LEADER, 900, Acks::All, &["A"]);
    c.run(700);
    // B reaches nobody: the links from b1 are cut, and so is its way to the controller.
    for other in [NodeId(2), NodeId(3)] {
        c.cut.insert((LEADER, other));
        c.cut.insert((other, LEADER));
    }
    c.cut.insert((LEADER, LEADER));
    c.begin();
    c.produce(LEADER, 901, Acks::Leader, &["B"]);
    c.elect(NodeId(2), &[2, 3]);
    c.run(100);
    c.produce(NodeId(2), 902, Acks::All, &["C"]);
    c.run(100);
    c.state();
    c.say("b1 is reachable again");
    c.cut.clear();
    c.catch_up(LEADER);
    c.run(100);
    c.state();
    insta::assert_snapshot!(c.transcript(), @r"
    1800 ms  b1 appends 1..2
    1800 ms  b1 answers b2's fetch at 1 with records, high watermark 1
    1800 ms  b1 answers b3's fetch at 1 with records, high watermark 1
    1800 ms  the controller makes b2 the leader
    1800 ms  b2 leads in epoch 1, from 1, ISR {b2 b3}
    1800 ms  b3 follows b2 in epoch 1
    1810 ms  b2 sees b3 at 1
    1810 ms  b2 parks b3's fetch at 1
    1900 ms  b2 appends 1..2
    1900 ms  b2 parks the producer until the high watermark is 2
    1900 ms  b2 answers b3's fetch at 1 with records, high watermark 1
    1910 ms  b3 has copied up to 2
    1920 ms  b2 sees b3 at 2
    1920 ms  b2 moves its high watermark from 1 to 2
    1920 ms  b2 answers the producer: NONE
    1920 ms  b2 parks b3's fetch at 2
            b1: epoch 0, end 2, high watermark 1, leads, ISR {b1 b2 b3}
            b2: epoch 1, end 2, high watermark 2, leads, ISR {b2 b3}
            b3: epoch 1, end 2, high watermark 1, follows b2
    2000 ms  b1 is reachable again
    2000 ms  b1 follows b2 in epoch 1
    2010 ms  b2 tells b1 that epoch 0 ends at 1
    2010 ms  b2 answers b1's fetch at 2 without records, high watermark 2
    2020 ms  b1 cuts its log from 2 to 1
    2030 ms  b2 sees b1 at 1
    2030 ms  b2 answers b1's fetch at 1 with records, high watermark 2
    2040 ms  b1 moves its high watermark from 1 to 2
    2040 ms  b1 has copied up to 2
    2050 ms  b2 sees b1 at 2
    2050 ms  b2 proposes ISR {b1 b2 b3} instead of {b2 b3}
    2050 ms  b2 parks b1's fetch at 2
    2060 ms  b2 has ISR {b1 b2 b3}
            b1: epoch 1, end 2, high watermark 2, follows b2
            b2: epoch 1, end 2, high watermark 2, leads, ISR {b1 b2 b3}
            b3: epoch 1, end 2, high watermark 1, follows b2
    ");
    assert_eq!(c.partition(LEADER).log().epoch_entries(), c.partition(NodeId(2)).log().epoch_entries());
}
