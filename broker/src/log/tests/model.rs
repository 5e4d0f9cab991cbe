//! The log against a simple model, under random histories; and against random damage.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::event::LogStartReason;
use crate::record::BatchView;

/// What can happen to a log.
#[derive(Clone, Debug)]
enum Action {
    /// The leader appends; its epoch may be new.
    Plain { count: usize, new_epoch: bool },
    /// An idempotent or transactional producer's next batch.
    Producer { id: i64, count: usize },
    /// The coordinator ends the producer's transaction, open or not.
    Marker { id: i64, commit: bool },
    /// Cut at the beginning of one of the batches.
    Truncate { at: Index },
    /// The high watermark moves somewhere between where it is and the end.
    Raise { to: Index },
    /// Records are given up to the beginning of one of the batches below the high watermark.
    GiveUp { to: Index },
    /// The process stops in order, or dies.
    Restart { clean: bool },
    /// The background flush that a roll asked for happens.
    Flush,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1_usize..4, proptest::bool::weighted(0.2)).prop_map(|(count, new_epoch)| Action::Plain { count, new_epoch }),
        5 => (1_i64..5, 1_usize..4).prop_map(|(id, count)| Action::Producer { id, count }),
        2 => (3_i64..5, any::<bool>()).prop_map(|(id, commit)| Action::Marker { id, commit }),
        2 => any::<Index>().prop_map(|at| Action::Truncate { at }),
        2 => any::<Index>().prop_map(|to| Action::Raise { to }),
        1 => any::<Index>().prop_map(|to| Action::GiveUp { to }),
        2 => any::<bool>().prop_map(|clean| Action::Restart { clean }),
        1 => Just(Action::Flush),
    ]
}

/// First offset to producer.
type OpenTransactions = BTreeMap<Offset, i64>;

/// Producers 3 and 4 are transactional.
fn is_transactional(id: i64) -> bool {
    id >= 3
}

/// The model: every batch that the log holds, and nothing else.
#[derive(Default)]
struct Model {
    batches: Vec<BatchView>,
    start: Offset,
    epoch: i32,
    /// Next sequence by producer.
    sequences: BTreeMap<i64, i32>,
    /// Whether records were given up: then producers may be known whose records are gone.
    gave_up: bool,
}

impl Model {
    fn end(&self) -> Offset {
        self.batches.last().map_or(self.start, BatchView::next_offset)
    }

    fn readable(&self) -> Vec<BatchView> {
        self.batches.iter().filter(|batch| batch.last_offset() >= self.start).cloned().collect()
    }

    /// (first offset, producer) of open transactions, and (producer, first, marker) of aborted ones.
    fn transactions(&self) -> (OpenTransactions, Vec<(i64, Offset, Offset)>) {
        let mut open: BTreeMap<i64, Offset> = BTreeMap::new();
        let mut aborted = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.is_transactional()) {
            let id = batch.producer_id().0;
            match batch.end_transaction_marker() {
                None => drop(open.entry(id).or_insert(batch.base_offset())),
                Some((marker, _)) => {
                    if let Some(first) = open.remove(&id)
                        && !marker.commit
                    {
                        aborted.push((id, first, batch.base_offset()));
                    }
                }
            }
        }
        (open.into_iter().map(|(id, first)| (first, id)).collect(), aborted)
    }

    /// After a truncation the producers go on from what is left.
    fn recount_sequences(&mut self) {
        self.sequences.clear();
        for batch in self.batches.iter().filter(|batch| batch.producer_id().is_some() && !batch.is_control()) {
            self.sequences.insert(batch.producer_id().0, batch.last_sequence() + 1);
        }
    }
}

fn act(fixture: &mut Fixture, model: &mut Model, action: &Action) {
    match action {
        Action::Plain { count, new_epoch } => {
            model.epoch += i32::from(*new_epoch);
            append(fixture, model, records(*count), AppendOrigin::Client);
        }
        Action::Producer { id, count } => {
            // Whose records are gone is sometimes forgotten, and then begins anew: the log says so.
            let known = fixture.log().producer_state().producer(ProducerId(*id));
            let sequence = match known {
                Some(entry) if model.gave_up => entry.last_sequence() + 1,
                _ => model.sequences.get(id).copied().unwrap_or(0),
            };
            let batch = producer_records(*id, 0, sequence, *count, is_transactional(*id));
            append(fixture, model, batch.clone(), AppendOrigin::Client);
            model.sequences.insert(*id, sequence + *count as i32);
            let again = fixture.append(batch, model.epoch).expect("a duplicate is no error");
            assert!(again.duplicate && again.log_end_offset == model.end(), "sent again, appended again");
        }
        Action::Marker { id, commit } => append(fixture, model, marker(*id, 0, *commit, 0), AppendOrigin::Coordinator),
        Action::Truncate { at } => {
            let readable = model.readable();
            if readable.is_empty() {
                return;
            }
            // A follower never truncates below its log start in these histories.
            let offset = at.get(&readable).base_offset().max(model.start);
            fixture.with(|log, ctx| log.truncate_to(ctx, offset)).expect("works");
            model.batches.retain(|batch| batch.last_offset() < offset);
            model.recount_sequences();
        }
        Action::Raise { to } => {
            let low = fixture.log().high_watermark();
            let to = low + to.index((model.end() - low + 1) as usize) as Offset;
            fixture.with(|log, ctx| log.update_high_watermark(ctx, to));
        }
        Action::GiveUp { to } => {
            let high_watermark = fixture.log().high_watermark();
            let below = |batch: &BatchView| batch.base_offset() <= high_watermark && batch.base_offset() >= model.start;
            let candidates: Vec<Offset> =
                model.batches.iter().filter(|batch| below(batch)).map(BatchView::base_offset).collect();
            if candidates.is_empty() {
                return;
            }
            let offset = *to.get(&candidates);
            let reason = LogStartReason::DeleteRecords;
            fixture.with(|log, ctx| log.increment_log_start_offset(ctx, offset, reason)).expect("works");
            fixture.with(|log, ctx| log.delete_old_segments(ctx)).expect("works");
            model.start = offset;
            model.gave_up = true;
        }
        Action::Restart { clean: true } => fixture.stop_and_restart(),
        Action::Restart { clean: false } => {
            let log = fixture.log.take().expect("open");
            let log_start_offset = log.log_start_to_checkpoint().unwrap_or(0);
            let recovery_point = log.recovery_point();
            fixture.load(LoadOptions { recovery_point, log_start_offset, ..LoadOptions::default() });
        }
        Action::Flush => {
            if let Some(plan) = fixture.with(|log, _| log.take_flush()) {
                fixture.with(|log, _| log.flushed(plan.up_to));
            }
        }
    }
}

fn append(fixture: &mut Fixture, model: &mut Model, batch: Bytes, origin: AppendOrigin) {
    let epoch = LeaderEpoch(model.epoch);
    let expected = crate::record::stamp(&BatchView::parse(&batch).expect("whole"), model.end(), epoch, START_MILLIS);
    let info = fixture.with(|log, ctx| log.append_as_leader(ctx, batch, epoch, origin)).expect("the history is legal");
    assert_eq!(info.base_offset, model.end());
    model.batches.push(BatchView::parse(&expected).expect("whole"));
    assert_eq!(info.log_end_offset, model.end());
}

fn check(fixture: &mut Fixture, model: &Model) {
    assert_eq!(fixture.log().log_end_offset(), model.end());
    assert_eq!(fixture.log().log_start_offset(), model.start);
    assert_eq!(fixture.read_all(), model.readable());
    let mut epochs: Vec<(i32, Offset)> = Vec::new();
    for batch in &model.readable() {
        if epochs.last().is_none_or(|(epoch, _)| *epoch != batch.leader_epoch().0) {
            epochs.push((batch.leader_epoch().0, batch.base_offset().max(model.start)));
        }
    }
    // A log start at a segment's base is not in the checkpoint, and the epoch file is written late: after a
    // kill the first epochs may begin before the log start. Kafka has that too.
    let mut known = entries(fixture.log());
    while known.len() > 1 && known[1].1 <= model.start {
        known.remove(0);
    }
    if let Some(first) = known.first_mut() {
        first.1 = first.1.max(model.start);
    }
    if model.readable().is_empty() {
        assert!(known.len() <= 1, "an empty log knows at most the epoch it was given up in: {known:?}");
    } else {
        assert_eq!(known, epochs);
    }
    if model.gave_up {
        return;
    }
    let (open, aborted) = model.transactions();
    let state = fixture.log().producer_state();
    let ongoing: BTreeMap<Offset, i64> =
        state.ongoing_transactions().iter().map(|(first, span)| (*first, span.producer_id.0)).collect();
    assert_eq!(ongoing, open);
    let indexed: Vec<_> = fixture
        .log()
        .aborted_transaction_entries()
        .iter()
        .map(|entry| (entry.producer_id.0, entry.first_offset, entry.last_offset))
        .collect();
    assert_eq!(indexed, aborted);
    let sequences: BTreeMap<i64, i32> = state
        .producers()
        .iter()
        .filter(|(_, entry)| !entry.batches.is_empty())
        .map(|(id, entry)| (id.0, entry.last_sequence() + 1))
        .collect();
    for (id, next) in &sequences {
        assert_eq!(model.sequences.get(id), Some(next), "producer {id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn log_holds_what_the_model_holds(segment_bytes in 150_i32..800, interval in 0_i32..300, actions in proptest::collection::vec(action(), 1..60)) {
        let settings = LogSettings { index_interval_bytes: interval, retention: None, ..Fixture::small(segment_bytes) };
        let mut fixture = Fixture::new(settings);
        let mut model = Model::default();
        for action in &actions {
            act(&mut fixture, &mut model, action);
            check(&mut fixture, &model);
        }
    }

    /// A power cut keeps what was synced and any part of the rest: here every file behind the recovery
    /// point is cut anywhere. What is loaded holds what was flushed and nothing that was not appended; it is a
    /// prefix, unless a segment lost whole batches (see `gap_between_segments_is_not_noticed`).
    #[test]
    fn power_cut_keeps_what_was_flushed_and_invents_nothing(
        actions in proptest::collection::vec(action(), 5..40),
        cuts in proptest::collection::vec(any::<Index>(), 1..8),
        flush in any::<bool>(),
        tear in proptest::option::of(any::<u8>()),
    ) {
        let mut fixture = Fixture::new(LogSettings { index_interval_bytes: 0, ..Fixture::small(300) });
        let mut model = Model::default();
        for action in &actions {
            act(&mut fixture, &mut model, action);
        }
        if flush && let Some(plan) = fixture.with(|log, _| log.take_flush()) {
            fixture.with(|log, _| log.flushed(plan.up_to));
        }
        let log = fixture.log.take().expect("open");
        let recovery_point = log.recovery_point();
        // The file that holds the recovery point was synced up to there: it is cut behind it or not at all.
        let unsynced: Vec<Offset> = log.segments().map(|(base, _)| base).filter(|base| *base >= recovery_point).collect();
        for (base, cut) in unsynced.iter().zip(cuts.iter().cycle()) {
            for suffix in [".log", ".index", ".timeindex", ".snapshot"] {
                let Ok(file) = fixture.storage.open(&format!("{DIRECTORY}/{base:020}{suffix}")) else { continue };
                let length = fixture.storage.length(file).expect("works");
                fixture.storage.truncate(file, cut.index(length as usize + 1) as u64).expect("works");
                if let Some(byte) = tear {
                    fixture.storage.append(file, &[byte; 70]).expect("works");
                }
            }
        }
        let log_start_offset = log.log_start_to_checkpoint().unwrap_or(0);
        fixture.load(LoadOptions { recovery_point, log_start_offset, ..LoadOptions::default() });
        prop_assert!(fixture.log().log_end_offset() >= recovery_point);
        let (found, expected) = (fixture.read_all(), model.readable());
        let flushed = expected.iter().take_while(|batch| batch.last_offset() < recovery_point).count();
        prop_assert!(found.starts_with(&expected[..flushed]));
        let mut rest = expected.iter();
        prop_assert!(found.iter().all(|batch| rest.any(|appended| appended == batch)), "in order, byte for byte");
        if tear.is_some() && !unsynced.is_empty() {
            prop_assert!(expected.starts_with(&found), "behind a torn batch nothing is kept");
        }
    }

    /// Whatever lies in the files: loading answers with a log or with an error, and a log that was
    /// loaded can be used. Panics would take a whole simulated cluster down with one bad disk.
    #[test]
    fn damaged_files_never_panic(
        actions in proptest::collection::vec(action(), 5..30),
        damages in proptest::collection::vec((any::<Index>(), any::<Index>(), proptest::collection::vec(any::<u8>(), 0..40), 0_u8..4), 1..4),
        clean in any::<bool>(),
        recovery_point in 0_i64..60,
        log_start_offset in 0_i64..20,
    ) {
        let mut fixture = Fixture::new(LogSettings { index_interval_bytes: 0, ..Fixture::small(300) });
        let mut model = Model::default();
        for action in &actions {
            act(&mut fixture, &mut model, action);
        }
        if clean {
            fixture.with(|log, ctx| log.close(ctx)).expect("works");
        }
        for (file, position, bytes, kind) in &damages {
            damage(&mut fixture, file, position, bytes, *kind);
        }
        fixture.log = None;
        if let Ok(log) = fixture.try_load(LoadOptions { clean, recovery_point, log_start_offset, ..LoadOptions::default() }) {
            fixture.log = Some(log);
            use_everything(&mut fixture);
        }
    }
}

fn damage(fixture: &mut Fixture, file: &Index, position: &Index, bytes: &[u8], kind: u8) {
    let names = fixture.file_names();
    let handle = fixture.file(&names[file.index(names.len())]);
    let length = fixture.storage.length(handle).expect("works");
    let at = position.index(length as usize + 1) as u64;
    match kind {
        0 => fixture.storage.truncate(handle, at).expect("works"),
        1 => fixture.storage.append(handle, bytes).expect("works"),
        2 => fixture.storage.remove(&format!("{DIRECTORY}/{}", names[file.index(names.len())])).expect("works"),
        _ => fixture.storage.write(handle, at, bytes).expect("works"),
    }
}

/// Calls every verb; what comes back does not matter.
fn use_everything(fixture: &mut Fixture) {
    fixture.with(|log, ctx| {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        log.update_high_watermark(ctx, end);
        for offset in [start, start + 1, end - 1, end] {
            let _ = log.read(ctx, offset, 500, end, true);
            let _ = log.position_of(ctx, offset);
            let _ = log.aborted_transactions(ctx, offset, end);
        }
        let _ = log.offset_for_timestamp(ctx, START_MILLIS);
        let _ = log.max_timestamp_offset(ctx);
        for batch in [records(1), producer_records(1, 0, 0, 2, false), producer_records(3, 0, 0, 2, true)] {
            let _ = log.append_as_leader(ctx, batch, LeaderEpoch(99), AppendOrigin::Client);
        }
        let _ = log.append_as_leader(ctx, marker(3, 0, false, 9), LeaderEpoch(99), AppendOrigin::Coordinator);
        let _ = log.delete_old_segments(ctx);
        let _ = log.take_flush();
        let middle = (start + log.log_end_offset()) / 2;
        if log.truncate_to(ctx, middle).is_ok() {
            let _ = log.append_as_leader(ctx, records(1), LeaderEpoch(100), AppendOrigin::Client);
            let _ = log.flush(ctx);
            let _ = log.truncate_fully_and_start_at(ctx, 1000);
            let _ = log.close(ctx);
        }
    });
}
