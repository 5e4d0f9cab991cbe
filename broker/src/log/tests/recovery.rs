//! What loading makes of what a crash leaves: `LogLoaderTest`, and the small files beside a log.

use std::collections::BTreeMap;

use super::*;
use crate::config::{Behaviour, CleanupPolicy, Switch};
use crate::event::LogEvent;
use crate::ids::{BrokerEpoch, ClusterId, DirectoryId, NodeId, TopicId};
use crate::log::LEADER_EPOCHS;
use crate::log::checkpoint::CheckpointError;
use crate::log::clean_shutdown::CleanShutdown;
use crate::log::meta_properties::MetaProperties;
use crate::record::{BatchView, stamp};
use crate::storage::StorageError;

/// Thirty batches of one record, about six to a segment.
fn thirty() -> Fixture {
    let mut fixture = Fixture::new(Fixture::small(records(1).len() as i32 * 6));
    for offset in 0..30 {
        fixture.append_records(1, offset / 10);
    }
    fixture
}

fn unclean(recovery_point: Offset) -> LoadOptions {
    LoadOptions { recovery_point, ..LoadOptions::default() }
}

fn name(offset: Offset, suffix: &str) -> String {
    format!("{offset:020}{suffix}")
}

/// `LogLoaderTest.testCorruptLog`: junk behind the last batch and in the index is cut off.
#[test]
fn torn_tail_is_cut_and_nothing_else() {
    let mut fixture = thirty();
    let before = fixture.read_all();
    for length in [1_usize, 11, 12, 60, 61, 200] {
        let active = fixture.log().active_segment_base_offset();
        let (log, index) = (fixture.file(&name(active, ".log")), fixture.file(&name(active, ".index")));
        let junk: Vec<u8> = (0..length).map(|byte| (byte * 37 % 251) as u8).collect();
        fixture.storage.append(log, &junk).expect("works");
        fixture.storage.append(index, &junk).expect("works");
        fixture.log = None;
        fixture.load(unclean(24));
        assert_eq!(fixture.log().log_end_offset(), 30, "{length} bytes of junk");
        assert_eq!(fixture.read_all(), before);
        assert!(matches!(
            fixture.events.last(),
            Some(Event::Log(LogEvent::LogLoaded { dropped_bytes, .. })) if *dropped_bytes == length as u64
        ));
        fixture.log.as_mut().expect("open");
    }
}

#[test]
fn bad_batch_ends_the_log_and_later_segments_go() {
    let mut fixture = thirty();
    let log = fixture.file(&name(12, ".log"));
    let one = records(1).len() as u64;
    fixture.storage.write(log, one * 2 + 65, b"X").expect("works");
    fixture.log = None;
    fixture.load(unclean(0));
    assert_eq!(fixture.log().log_end_offset(), 14, "offsets 12 and 13 come before the bad batch");
    assert_eq!(fixture.log().segments().map(|(base, _)| base).collect::<Vec<_>>(), [0, 6, 12]);
    assert_eq!(entries(fixture.log()), [(0, 0), (1, 10)], "epoch 2 began behind the end");
    assert!(fixture.file_names().contains(&name(18, ".log.deleted")));
    let due = fixture.log().next_deadline().expect("files wait to be removed");
    fixture.now.monotonic = due.max(Time::from_millis(60_000));
    fixture.with(|log, ctx| log.on_timers(ctx)).expect("works");
    assert!(!fixture.file_names().iter().any(|name| name.ends_with(".deleted")));
}

/// A hazard that is Kafka's own: recovery stops at a bad batch, but a segment that a power cut shortened by
/// whole batches has none, so the next segment is kept and the log has a hole that no checksum shows.
#[test]
fn gap_between_segments_is_not_noticed() {
    let mut fixture = thirty();
    let log = fixture.file(&name(12, ".log"));
    let one = records(1).len() as u64;
    fixture.storage.truncate(log, one * 4).expect("works");
    fixture.log = None;
    fixture.load(unclean(0));
    assert_eq!(fixture.log().log_end_offset(), 30);
    let offsets: Vec<_> = fixture.read_all().iter().map(crate::record::BatchView::base_offset).collect();
    assert_eq!(offsets, (0..16).chain(18..30).collect::<Vec<_>>(), "offsets 16 and 17 are missing");
}

#[test]
fn hole_between_segments_ends_the_log_where_the_hazard_is_mended_and_in_a_compacted_log_too() {
    for cleanup_policy in [CleanupPolicy::DELETE, CleanupPolicy::COMPACT] {
        let mut fixture = thirty();
        fixture.settings.cleanup_policy = cleanup_policy;
        let log = fixture.file(&name(12, ".log"));
        fixture.storage.truncate(log, records(1).len() as u64 * 4).expect("works");
        fixture.log = None;
        fixture.load(LoadOptions { behaviour: Behaviour::mended(), ..unclean(0) });
        assert_eq!(fixture.log().log_end_offset(), 16, "{cleanup_policy:?}: nobody knows what 16 and 17 were");
    }
}

/// A follower copies a log that was compacted at its leader: its own segments lie around a gap of which no cleaner of its
/// own knows.
#[test]
fn gap_that_a_follower_copies_is_no_hole() {
    let copied = |behaviour: Behaviour| {
        let mut fixture = Fixture::new(Fixture::small(records(1).len() as i32));
        fixture.log = None;
        fixture.load(LoadOptions { behaviour: behaviour.clone(), ..unclean(0) });
        for offset in [0, 7] {
            let batch = BatchView::parse(&records(1)).expect("whole");
            let batch = stamp(&batch, offset, LeaderEpoch(0), batch.max_timestamp());
            fixture.with(|log, ctx| log.append_as_follower(ctx, batch, LeaderEpoch(0))).expect("accepted");
        }
        let bases: Vec<Offset> = fixture.log().segments().map(|(base, _)| base).collect();
        fixture.log = None;
        fixture.load(LoadOptions { behaviour, ..unclean(0) });
        (bases, fixture.log().log_end_offset())
    };
    assert_eq!(copied(Behaviour::default()), (vec![0, 7], 8), "as Kafka names it");
    assert_eq!(copied(Behaviour::mended()), (vec![0, 1], 8));
}

#[test]
fn bad_batch_before_the_recovery_point_is_not_looked_at() {
    let mut fixture = thirty();
    let log = fixture.file(&name(0, ".log"));
    fixture.storage.write(log, 65, b"X").expect("works");
    fixture.log = None;
    fixture.load(unclean(13));
    assert_eq!(fixture.log().log_end_offset(), 30, "what was flushed is believed");
    assert_eq!(fixture.log().recovery_point(), 13, "recovery flushes nothing, so it vouches for nothing");
}

/// The planted bug: checksums are not checked, so a damaged batch stays.
#[test]
fn recovery_that_keeps_a_torn_tail_serves_damaged_batches() {
    let mut fixture = thirty();
    let log = fixture.file(&name(24, ".log"));
    fixture.storage.write(log, 65, b"X").expect("works");
    fixture.log = None;
    let mut options = unclean(0);
    options.behaviour.switches.insert(Switch::RecoveryKeepsTornTail);
    fixture.load(options);
    assert_eq!(fixture.log().log_end_offset(), 30);
    assert!(fixture.read_all().iter().any(|batch| !batch.is_valid()));
}

/// A power cut has brought records of epoch 2 back; the log had been cut to 20, and epochs 1 and 3 wrote there since.
#[test]
fn records_that_came_back_end_a_log_whose_epochs_know_of_others_there() {
    let loaded = |treatment: Behaviour| {
        let mut fixture = thirty();
        let epochs = fixture.file(LEADER_EPOCHS);
        fixture.storage.truncate(epochs, 0).expect("works");
        fixture.storage.append(epochs, b"0\n3\n0 0\n1 10\n3 25\n").expect("works");
        fixture.log = None;
        fixture.load(LoadOptions { behaviour: treatment, ..unclean(0) });
        fixture.log().log_end_offset()
    };
    assert_eq!(loaded(Behaviour::mended()), 20);
    assert_eq!(loaded(Behaviour::default()), 30, "Kafka looks at checksums only");
}

/// `LogLoaderTest.testLogRecoversToCorrectOffset`.
#[test]
fn recovery_point_moves_only_when_something_was_flushed() {
    let mut fixture = thirty();
    let plan = fixture.with(|log, _| log.take_flush()).expect("rolls asked for one");
    assert_eq!((fixture.log().recovery_point(), plan.up_to), (0, 24));
    assert_eq!(plan.directories, [DIRECTORY]);
    // Four rolled segments of three files, and the four snapshots of their rolls; no transaction was aborted.
    assert_eq!(plan.files.len(), 4 * 3 + 4);
    fixture.with(|log, _| log.flushed(24));
    assert_eq!(fixture.log().recovery_point(), 24);
    fixture.with(|log, ctx| log.flush(ctx)).expect("works");
    assert_eq!(fixture.log().recovery_point(), 30);
    fixture.with(|log, ctx| log.truncate_to(ctx, 20)).expect("works");
    assert_eq!(fixture.log().recovery_point(), 20);
}

#[test]
fn flush_does_not_vouch_for_what_was_written_after_a_truncation() {
    let mut fixture = thirty();
    let plan = fixture.with(|log, _| log.take_flush()).expect("rolls asked for one");
    fixture.with(|log, ctx| log.truncate_to(ctx, 15)).expect("works");
    for _ in 0..10 {
        fixture.append_records(1, 7);
    }
    fixture.with(|log, _| log.flushed(plan.up_to));
    assert_eq!(fixture.log().recovery_point(), 15);
}

/// The roll that precedes the deletion of all segments asks for a flush; what it would have synced is gone when its turn comes.
#[test]
fn flush_that_passes_deleted_segments_sees_to_it_that_they_stay_deleted() {
    let synced = |treatment: Behaviour| {
        let one = records(1).len() as i32;
        let mut fixture = Fixture::without_log(LogSettings { retention_bytes: 0, ..Fixture::small(one * 5) });
        fixture.load(LoadOptions { behaviour: treatment, ..LoadOptions::default() });
        fixture.append_many(30, 0);
        fixture.with(|log, ctx| log.update_high_watermark(ctx, 30));
        fixture.with(|log, ctx| log.delete_old_segments(ctx)).expect("works");
        assert_eq!(fixture.log().segments().collect::<Vec<_>>(), [(30, 0)]);
        let plan = fixture.with(|log, _| log.take_flush()).unwrap_or_default();
        fixture.with(|log, _| log.flushed(plan.up_to));
        assert_eq!(fixture.log().recovery_point(), 30);
        plan.directories
    };
    assert_eq!(synced(Behaviour::mended()), [DIRECTORY]);
    assert!(synced(Behaviour::default()).is_empty(), "a power cut can bring them back, and nobody recovers them");
}

/// `LogLoaderTest.testLogEndLessThanStartAfterReopen`.
#[test]
fn log_that_ends_before_its_promised_start_begins_anew_there() {
    let mut fixture = thirty();
    let log = fixture.file(&name(6, ".log"));
    fixture.storage.write(log, 65, b"X").expect("works");
    fixture.log = None;
    fixture.load(LoadOptions { log_start_offset: 10, ..unclean(0) });
    assert_eq!((fixture.log().log_start_offset(), fixture.log().log_end_offset()), (10, 10));
    assert_eq!(fixture.log().segments().collect::<Vec<_>>(), [(10, 0)]);
    assert!(entries(fixture.log()).is_empty());
    fixture.append_records(1, 3);
    assert_eq!(entries(fixture.log()), [(3, 10)]);
}

#[test]
fn checkpointed_log_start_comes_back_and_moves_the_first_epoch() {
    let mut fixture = thirty();
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 30));
    let reason = crate::event::LogStartReason::DeleteRecords;
    assert_eq!(fixture.with(|log, ctx| log.increment_log_start_offset(ctx, 13, reason)), Ok(true));
    assert_eq!(fixture.log().log_start_to_checkpoint(), Some(13));
    assert_eq!(entries(fixture.log()), [(1, 13), (2, 20)]);
    fixture.stop_and_restart();
    assert_eq!((fixture.log().log_start_offset(), fixture.log().high_watermark()), (13, 13));
    assert_eq!(entries(fixture.log()), [(1, 13), (2, 20)]);
    assert_eq!(fixture.with(|log, ctx| log.read(ctx, 12, 100, 30, true)), Err(ReadError::OutOfRange));
}

#[test]
fn leftovers_of_interrupted_work_are_swept_away() {
    let mut fixture = thirty();
    let before = fixture.read_all();
    for leftover in [
        name(6, ".log.deleted"),
        name(40, ".index"),
        name(41, ".timeindex"),
        name(12, ".log.cleaned"),
        name(18, ".index.swap"),
    ] {
        let path = format!("{DIRECTORY}/{leftover}");
        fixture.storage.create(&path).expect("works");
    }
    let raft_snapshot = "00000000000000000012-0000000003.checkpoint.deleted";
    fixture.storage.create(&format!("{DIRECTORY}/{raft_snapshot}")).expect("works");
    fixture.kill_and_restart();
    assert_eq!(fixture.read_all(), before);
    let names = fixture.file_names();
    assert!(names.contains(&raft_snapshot.to_owned()), "the quorum's own files are not the log's affair");
    let sweepings = [".swap", ".cleaned", ".log.deleted"];
    assert!(!names.iter().any(|name| sweepings.iter().any(|suffix| name.ends_with(suffix))), "{names:?}");
    assert!(!names.contains(&name(40, ".index")) && !names.contains(&name(41, ".timeindex")));
}

/// `LogLoaderTest.testRecoveryAfterCrashDuringSplitPhase…`: a complete swap takes the old segments' place.
#[test]
fn complete_swap_is_finished() {
    let mut fixture = thirty();
    let before = fixture.read_all();
    let mut merged = Vec::new();
    for base in [6, 12] {
        let file = fixture.file(&name(base, ".log"));
        merged.extend_from_slice(&fixture.storage.read(file, 0, 1 << 20).expect("works"));
    }
    let swap = fixture.storage.create(&format!("{DIRECTORY}/{}", name(6, ".log.swap"))).expect("works");
    fixture.storage.append(swap, &merged).expect("works");
    fixture.log = None;
    fixture.load(unclean(0));
    assert_eq!(fixture.log().segments().map(|(base, _)| base).collect::<Vec<_>>(), [0, 6, 18, 24]);
    assert_eq!(fixture.read_all(), before);
}

#[test]
fn disk_errors_come_out_as_errors_and_are_told() {
    let mut fixture = thirty();
    fixture.storage.fail_next = Some(StorageError::NoSpace);
    let result = fixture.append(records(1), 2);
    assert_eq!(result, Err(AppendError::Storage(StorageError::NoSpace)));
    assert!(matches!(
        fixture.events.last(),
        Some(Event::Log(LogEvent::StorageFailed { error: StorageError::NoSpace, .. }))
    ));
    fixture.storage.fail_next = Some(StorageError::InputOutput);
    let read = fixture.with(|log, ctx| log.read(ctx, 0, 100, 30, true));
    assert_eq!(read, Err(ReadError::Storage(StorageError::InputOutput)));
    fixture.storage.fail_next = Some(StorageError::InputOutput);
    assert_eq!(fixture.try_load(unclean(0)).err(), Some(StorageError::InputOutput));
}

/// `LogManagerTest.testCleanShutdownFileWithBrokerEpoch`, and the other small files of a directory.
#[test]
fn small_files_are_read_as_they_are_written() {
    let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
    storage.create_directory("d").expect("works");
    let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
    let ctx = &mut ctx;
    assert_eq!(clean_shutdown::read(ctx, "d"), Ok(CleanShutdown::Absent));
    clean_shutdown::write(ctx, "d", BrokerEpoch(17)).expect("works");
    assert_eq!(clean_shutdown::read(ctx, "d"), Ok(CleanShutdown::Present(BrokerEpoch(17))));
    clean_shutdown::remove(ctx, "d", &Behaviour::default()).expect("works");
    clean_shutdown::remove(ctx, "d", &Behaviour::default()).expect("removing nothing is no error");

    let offsets: BTreeMap<_, _> = [(TopicPartition::new("a", 0), 5), (TopicPartition::new("b", 3), 0)].into();
    checkpoint::write_offsets(ctx, "d", checkpoint::HIGH_WATERMARKS, &offsets).expect("works");
    assert_eq!(checkpoint::read_offsets(ctx, "d", checkpoint::HIGH_WATERMARKS), Ok(offsets));
    assert_eq!(checkpoint::read_offsets(ctx, "d", "none"), Ok(BTreeMap::new()));
    let file = ctx.storage.create("d/bad").expect("works");
    for (content, outcome) in [
        ("", Ok(0)),
        ("0\n1\na 0 5\n", Ok(1)),
        ("1\n1\na 0 5\n", Err(CheckpointError::Malformed)),
        ("0\n2\na 0 5\n", Err(CheckpointError::Malformed)),
        ("0\n1\na 0\n", Err(CheckpointError::Malformed)),
        ("0\n1\na 0 x\n", Err(CheckpointError::Malformed)),
    ] {
        ctx.storage.truncate(file, 0).expect("works");
        ctx.storage.append(file, content.as_bytes()).expect("works");
        assert_eq!(checkpoint::read_offsets(ctx, "d", "bad").map(|offsets| offsets.len()), outcome, "{content:?}");
    }

    assert_eq!(meta_properties::read(ctx, "d"), Ok(None));
    let properties = MetaProperties {
        cluster_id: ClusterId(uuid::Uuid::from_u128(1 << 90)),
        node_id: NodeId(3),
        directory_id: DirectoryId(uuid::Uuid::from_u128(12345)),
    };
    meta_properties::write(ctx, "d", &properties).expect("works");
    let found = meta_properties::FoundProperties {
        cluster_id: Some(properties.cluster_id.to_string()),
        node_id: Some(properties.node_id),
        directory_id: Some(properties.directory_id),
    };
    assert_eq!(meta_properties::read(ctx, "d"), Ok(Some(found)));

    assert_eq!(partition_metadata::read(ctx, "d"), Ok(None));
    let id = TopicId(uuid::Uuid::from_u128(u128::MAX / 3));
    partition_metadata::write(ctx, "d", id).expect("works");
    assert_eq!(partition_metadata::read(ctx, "d"), Ok(Some(id)));
}
