//! Sequence numbers under compaction (`LogCleanerTest`): the last batch of each producer stays, empty if it must, so that a
//! log that is read again knows what a producer has sent last.

use super::*;

/// Long after everything was written.
const LATER: i64 = START_MILLIS + 10 * RETENTION;

/// `testLogCleanerRetainsProducerLastSequence`.
#[test]
fn last_batch_of_each_producer_stays_for_its_sequence_number() {
    let mut log = compacted(1024);
    log.append(keyed(&[0]), 0).expect("accepted");
    let mut producers: Vec<Writer> = (1..=3).map(|id| Writer::new(id, false)).collect();
    for producer in &mut producers {
        producer.write(&mut log, &[0]);
    }
    producers[1].write(&mut log, &[1]);
    log.roll();
    log.clean(0);
    assert_eq!(log.last_offsets(), [1, 3, 4]);
    let sequences: Vec<(i64, i32)> =
        log.read_all().iter().map(|batch| (batch.producer_id().0, batch.last_sequence())).collect();
    assert_eq!(sequences, [(1, 0), (3, 0), (2, 1)]);
    assert_eq!((log.keys(), log.offsets()), (vec![0, 1], vec![3, 4]));
    log.kill_and_restart();
    let known = |log: &Fixture, id| log.log().producer_state().producer(ProducerId(id)).expect("known").last_sequence();
    assert_eq!([known(&log, 1), known(&log, 2), known(&log, 3)], [0, 1, 0]);
}

/// `testLogCleanerRetainsLastSequenceEvenIfTransactionAborted`.
#[test]
fn last_sequence_number_stays_even_if_its_transaction_was_aborted() {
    let mut log = compacted(1024);
    let mut producer = Writer::new(1, true);
    producer.write(&mut log, &[1]);
    producer.write(&mut log, &[2, 3]);
    producer.end(&mut log, false);
    log.roll();
    log.clean(0);
    assert_eq!((log.keys(), log.offsets(), log.last_offsets()), (vec![], vec![3], vec![2, 3]));
    assert_eq!(log.read_all()[0].last_sequence(), 2);
    producer.write(&mut log, &[1, 5]);
    log.roll();
    log.clean(0);
    assert_eq!((log.keys(), log.offsets(), log.last_offsets()), (vec![1, 5], vec![3, 4, 5], vec![3, 5]));
    assert_eq!(log.read_all()[1].last_sequence(), 4);
}

/// The last sequence number of each producer in the log.
fn last_sequences(log: &mut Fixture) -> Vec<(i64, i32)> {
    let batches = log.read_all();
    let of_producers = batches.iter().filter(|batch| batch.producer_id().is_some() && !batch.is_control());
    let last: std::collections::BTreeMap<i64, i32> =
        of_producers.map(|batch| (batch.producer_id().0, batch.last_sequence())).collect();
    last.into_iter().collect()
}

/// A producer sends its first batch again, as it did at first. Where the log says that it is.
fn again(log: &mut Fixture, id: i64, keys: &[i64]) -> (Offset, Offset) {
    let builder = BatchBuilder::new(0).producer(ProducerId(id), ProducerEpoch(0), 0);
    let end = log.log().log_end_offset();
    let info = log.append(batch_of(builder, keys), 0).expect("accepted");
    assert_eq!(log.log().log_end_offset(), end, "nothing was appended");
    (info.base_offset, info.last_offset)
}

/// `testDuplicateCheckAfterCleaning`.
#[test]
fn batch_that_comes_again_is_recognised_by_what_compaction_left_of_it() {
    let mut log = compacted(2048);
    for (id, keys) in [(1, &[1, 2, 3][..]), (2, &[3, 1, 4]), (3, &[1, 4])] {
        Writer::new(id, false).write(&mut log, keys);
    }
    log.roll();
    log.clean(0);
    assert_eq!(log.last_offsets(), [2, 5, 7]);
    assert_eq!(last_sequences(&mut log), [(1, 2), (2, 2), (3, 1)]);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 3, 1, 4], vec![1, 3, 6, 7]));
    log.stop_and_restart();
    assert_eq!(again(&mut log, 1, &[1, 2, 3]), (0, 2));
    assert_eq!(again(&mut log, 3, &[1, 4]), (6, 7));
    assert_eq!(again(&mut log, 2, &[3, 1, 4]), (3, 5));

    // Now nothing of the first producer's records is wanted: its batch stays without them.
    Writer::new(4, false).write(&mut log, &[2]);
    log.roll();
    log.clean(0);
    assert_eq!(last_sequences(&mut log), [(1, 2), (2, 2), (3, 1), (4, 0)]);
    assert_eq!(log.last_offsets(), [2, 5, 7, 8]);
    assert_eq!((log.keys(), log.offsets()), (vec![3, 1, 4, 2], vec![3, 6, 7, 8]));
    log.stop_and_restart();
    assert_eq!(again(&mut log, 1, &[1, 2, 3]), (0, 2));
    // Kafka's test reloads after a clean stop. What recovery reads says the same.
    log.kill_and_restart();
    assert_eq!(again(&mut log, 1, &[1, 2, 3]), (0, 2));
}

/// A transaction of one record with the sequence number 0, as group coordinators write them. Kafka's test appends it as if it were
/// replicated; what matters is that nobody looks at the number.
fn coordinators_transaction(log: &mut Fixture, key: i64) {
    let builder = BatchBuilder::new(0).producer(ProducerId(1), ProducerEpoch(0), 0).transactional(true);
    let batch = batch_of(builder, &[key]);
    log.with(|log, ctx| log.append_as_leader(ctx, batch, LeaderEpoch(0), AppendOrigin::Coordinator)).expect("accepted");
    Writer::new(1, true).end(log, true);
}

/// `testEmptyBatchRemovalWithSequenceReuse`.
#[test]
fn of_batches_that_use_one_sequence_number_again_only_the_last_is_kept_empty() {
    let mut log = compacted(2048);
    coordinators_transaction(&mut log, 1);
    coordinators_transaction(&mut log, 2);
    log.append(keyed(&[1]), 0).expect("accepted");
    log.append(keyed(&[2]), 0).expect("accepted");
    log.roll();
    let dirty = log.at(LATER).clean(0);
    assert_eq!((log.offsets(), log.last_offsets()), (vec![1, 3, 4, 5], vec![1, 2, 3, 4, 5]));
    let dirty = log.at(LATER).clean(dirty);
    log.at(LATER + RETENTION + 1).clean(dirty);
    assert_eq!((log.offsets(), log.last_offsets()), (vec![3, 4, 5], vec![2, 3, 4, 5]));
}
