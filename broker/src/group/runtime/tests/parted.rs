//! Writes that may be parted: tombstones of what has expired (`GroupCoordinatorShard.cleanupGroupMetadata`, which is not
//! atomic; `CoordinatorRuntimeTest.testScheduleNonAtomicWriteOperation`).

use super::*;

/// A week, how long offsets are kept, and a little more than the ten minutes between two looks.
const EXPIRED_MS: u64 = 7 * 24 * 3_600_000 + 700_000;

/// Forty offsets of one group are committed and replicated, in batches of at most 1000 bytes.
fn forty_offsets() -> Stage {
    let mut stage = Stage::serving();
    for partition in 0..40 {
        stage.commit_of(partition, 5, "").expect("it serves");
    }
    stage.at(1005);
    stage.replicate();
    stage.answers();
    stage
}

#[test]
fn tombstones_that_do_not_fit_into_one_batch_are_written_in_several() {
    let mut stage = forty_offsets();
    let (batches, written) = (stage.partition().batches.len(), stage.partition().log_end_offset);
    stage.at(1000 + EXPIRED_MS);
    stage.at(1005 + EXPIRED_MS);
    let of = stage.partition();
    assert_eq!(of.log_end_offset - written, 41, "one for each offset, and one for the group");
    assert!(of.batches.len() > batches + 1);
    assert!(of.batches.iter().all(|batch| batch.len() <= 1000));
    stage.replicate();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch nothing"]);
}

#[test]
fn tombstones_of_the_batches_before_one_that_is_refused_are_written_all_the_same() {
    let mut stage = forty_offsets();
    let written = stage.partition().log_end_offset;
    // The first batch of tombstones is refused: nothing of this write is in the log, and the next look finds all of it again.
    stage.partition().refusal = Some(ErrorCode::MessageTooLarge);
    stage.at(1000 + EXPIRED_MS);
    assert_eq!(stage.partition().log_end_offset, written);
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"]);

    // The last one is refused: those before it stand.
    stage.at(1000 + EXPIRED_MS + 600_000);
    stage.partition().refusal = Some(ErrorCode::MessageTooLarge);
    stage.at(1005 + EXPIRED_MS + 600_000);
    let tombstones = stage.partition().log_end_offset - written;
    assert!((1..41).contains(&tombstones), "{tombstones} are written");
    stage.replicate();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"], "the offsets of the batch that was refused are there still");
    stage.at(1000 + EXPIRED_MS + 1_200_000);
    stage.at(1005 + EXPIRED_MS + 1_200_000);
    assert_eq!(stage.partition().log_end_offset - written, 41, "the next look wrote the rest");
}
