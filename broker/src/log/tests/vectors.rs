//! Kafka's tests of producers, transactions and positions of a log, as texts: `UnifiedLogTest`,
//! `ProducerStateManagerTest`. What a vector is says [`crate::tests`].
//!
//! ```text
//!   log [batches N] [of M]                 a fresh log; N batches of M records (1) fill a segment
//!   plain COUNT [timestamp T]              a batch of COUNT records without a producer id
//!   write PRODUCER COUNT                   … of an idempotent producer
//!   transact PRODUCER COUNT                … of a transaction
//!   commit PRODUCER, abort PRODUCER        a marker
//!   replicate COMMAND…                     the same, copied from a leader, at the log's end or `at OFFSET`
//!   high-watermark N  log-start N  retention  truncate N  start-anew N  roll  stop  kill
//!   wait HOURS  forget-expired             time passes; the check of each ten minutes
//! ```
//!
//! `write` and `transact` go on with the producer's sequence unless `sequence N` says otherwise; `epoch E` is the
//! producer's epoch (0), `coordinator C` a marker's (0), `times N` repeats. Beneath each command stands what came of it and
//! where the log is: `3..8 hw 5 stable to 4` is log start, log end, high watermark and last stable offset.

use std::collections::BTreeMap;

use super::*;
use crate::event::LogStartReason;
use crate::record::{BatchView, stamp};
use crate::tests::{Stage, argument, number, vectors};

#[derive(Default)]
struct LogStage {
    fixture: Option<Fixture>,
    /// The next sequence of each producer in its latest epoch.
    sequences: BTreeMap<i64, (i16, i32)>,
    last: String,
}

impl LogStage {
    fn fixture(&mut self) -> &mut Fixture {
        self.fixture.as_mut().expect("a vector begins with a log")
    }

    /// The batch that a command describes.
    fn batch(&mut self, words: &[&str]) -> (Bytes, AppendOrigin) {
        let epoch = argument(words, "epoch").unwrap_or(0) as i16;
        let coordinator_epoch = argument(words, "coordinator").unwrap_or(0) as i32;
        match words[0] {
            "plain" => {
                let timestamp = argument(words, "timestamp").unwrap_or(START_MILLIS);
                let mut builder = BatchBuilder::new(0);
                (0..number(words, 1)).for_each(|_| builder.push(timestamp, None, Some(b"v"), &[]));
                (builder.build(), AppendOrigin::Client)
            }
            "write" | "transact" => {
                let (producer, count) = (number(words, 1), number(words, 2));
                let known = self.sequences.get(&producer).filter(|(of, _)| *of == epoch).map_or(0, |(_, next)| *next);
                let sequence = argument(words, "sequence").map_or(known, |sequence| sequence as i32);
                self.sequences.insert(producer, (epoch, sequence.wrapping_add(count as i32)));
                let transactional = words[0] == "transact";
                (producer_records(producer, epoch, sequence, count as usize, transactional), AppendOrigin::Client)
            }
            "commit" | "abort" => {
                let committed = words[0] == "commit";
                (marker(number(words, 1), epoch, committed, coordinator_epoch), AppendOrigin::Coordinator)
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn append(&mut self, words: &[&str]) -> String {
        let replicated = words[0] == "replicate";
        let before = self.sequences.clone();
        let (batch, origin) = self.batch(if replicated { &words[1..] } else { words });
        let end = self.fixture().log().log_end_offset();
        let result = if replicated {
            let view = BatchView::parse(&batch).expect("whole");
            let stored = stamp(&view, argument(words, "at").unwrap_or(end), LeaderEpoch(0), view.max_timestamp());
            self.fixture().with(|log, ctx| log.append_as_follower(ctx, stored, LeaderEpoch(0)))
        } else {
            self.fixture().with(|log, ctx| log.append_as_leader(ctx, batch, LeaderEpoch(0), origin))
        };
        match result {
            Ok(info) => {
                if info.duplicate {
                    self.sequences = before;
                }
                let what = if info.duplicate { "is a duplicate of" } else { "appended" };
                format!("{what} {}..{}", info.base_offset, info.last_offset + 1)
            }
            Err(error) => {
                self.sequences = before;
                match error {
                    AppendError::Refused(error, _) => format!("refused: {}", error.name()),
                    other => format!("refused: {other:?}"),
                }
            }
        }
    }

    /// What a command other than an append does; what came of it where that is not seen from the positions.
    fn act(&mut self, words: &[&str]) -> Option<String> {
        match words[0] {
            "log" => {
                let batches = argument(words, "batches").unwrap_or(1 << 20) as i32;
                let records = argument(words, "of").unwrap_or(1) as usize;
                let batch = producer_records(1, 0, 0, records, true).len() as i32;
                *self =
                    LogStage { fixture: Some(Fixture::new(Fixture::small(batch * batches))), ..LogStage::default() };
            }
            "high-watermark" => {
                let to = number(words, 1);
                let moved = self.fixture().with(|log, ctx| log.update_high_watermark(ctx, to));
                self.last = moved.map_or("none".to_owned(), |(_, to)| to.to_string());
            }
            "log-start" => {
                let (to, reason) = (number(words, 1), LogStartReason::DeleteRecords);
                self.fixture().with(|log, ctx| log.increment_log_start_offset(ctx, to, reason)).expect("works");
            }
            "retention" => {
                let deleted = self.fixture().with(|log, ctx| log.delete_old_segments(ctx)).expect("works");
                return Some(format!("segments deleted: {deleted}"));
            }
            "truncate" => {
                let to = number(words, 1);
                self.fixture().with(|log, ctx| log.truncate_to(ctx, to)).expect("works");
            }
            "start-anew" => {
                let at = number(words, 1);
                self.fixture().with(|log, ctx| log.truncate_fully_and_start_at(ctx, at)).expect("works");
            }
            "wait" => {
                let hours = number(words, 1).unsigned_abs();
                self.fixture().now.wall.0 += hours * 3_600_000_000;
            }
            "forget-expired" => self.fixture().with(|log, ctx| log.remove_expired_producers(ctx)),
            "roll" => self.fixture().with(|log, ctx| log.roll(ctx, None)).expect("works"),
            "stop" => self.fixture().stop_and_restart(),
            "kill" => self.fixture().kill_and_restart(),
            _ => {
                self.last = self.append(words);
                return Some(self.last.clone());
            }
        }
        None
    }

    fn positions(&mut self) -> String {
        let log = self.fixture().log();
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        format!("{start}..{end} hw {} stable to {}", log.high_watermark(), log.last_stable_offset())
    }

    fn producer(&mut self, id: i64) -> String {
        let Some(entry) = self.fixture().log().producer_state().producer(ProducerId(id)) else {
            return "unknown".to_owned();
        };
        let transaction = entry.current_transaction_first_offset.map_or("none".to_owned(), |first| first.to_string());
        let (epoch, sequence) = (entry.producer_epoch, entry.last_sequence());
        format!("epoch {epoch} sequence {sequence} transaction {transaction} coordinator {}", entry.coordinator_epoch)
    }
}

impl Stage for LogStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        let times = argument(words, "times").unwrap_or(1);
        let mut said = None;
        for _ in 0..times {
            said = self.act(words);
        }
        said.into_iter().chain([self.positions()]).collect()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        match words {
            // What the last append, or the last move of the high watermark, came to.
            ["it"] => self.last.clone(),
            ["producer", id] => self.producer(id.parse().expect("a producer id")),
            ["aborted", from, upper] => {
                let (from, upper) = (from.parse().expect("offset"), upper.parse().expect("offset"));
                let found = self.fixture().with(|log, ctx| log.aborted_transactions(ctx, from, upper)).expect("works");
                let lines: Vec<String> =
                    found.iter().map(|entry| format!("{} from {}", entry.producer_id.0, entry.first_offset)).collect();
                lines.join(", ")
            }
            ["readable", "committed", from] => {
                let (from, fixture) = (from.parse().expect("offset"), self.fixture());
                let bound = fixture.log().last_stable_offset();
                let bytes = fixture.with(|log, ctx| log.read(ctx, from, 1 << 20, bound, true)).expect("in range");
                let first = crate::record::batches(&bytes).flatten().next();
                first.map_or("nothing".to_owned(), |batch| format!("from {}", batch.base_offset()))
            }
            ["ongoing", id, epoch] => {
                let (id, epoch) = (id.parse().expect("an id"), epoch.parse().expect("an epoch"));
                let state = self.fixture().log().producer_state();
                state.has_ongoing_transaction(ProducerId(id), ProducerEpoch(epoch)).to_string()
            }
            _ => {
                let log = self.fixture().log();
                match words {
                    ["first", "unstable", "offset"] => {
                        log.first_unstable_offset().map_or("none".to_owned(), |offset| offset.to_string())
                    }
                    ["last", "stable", "offset"] => log.last_stable_offset().to_string(),
                    ["high", "watermark"] => log.high_watermark().to_string(),
                    ["log", "start"] => log.log_start_offset().to_string(),
                    ["log", "end"] => log.log_end_offset().to_string(),
                    ["active", "segment"] => log.active_segment_base_offset().to_string(),
                    ["index"] => {
                        let entries = log.aborted_transaction_entries();
                        let entry = |e: &AbortedTransactionEntry| {
                            format!("{}..{} stable {}", e.first_offset, e.last_offset, e.last_stable_offset)
                        };
                        entries.iter().map(entry).collect::<Vec<_>>().join(", ")
                    }
                    ["segments"] => log.segments().count().to_string(),
                    ["producers"] => log.producer_state().producers().len().to_string(),
                    ["snapshots"] => format!("{:?}", log.producer_state().snapshot_offsets()),
                    _ => panic!("no such fact: {words:?}"),
                }
            }
        }
    }
}

vectors! { LogStage::default();
    first_unstable_offset_moves_only_when_the_marker_is_committed = "first_unstable_offset.txt";
    two_open_transactions_end_one_after_the_other = "two_transactions.txt";
    aborted_transaction_may_span_segments = "aborted_over_segments.txt";
    read_committed_stops_at_the_last_stable_offset = "fetch_up_to_last_stable.txt";
    log_start_bounds_the_first_unstable_offset_from_below = "unstable_and_log_start.txt";
    #[should_panic(expected = "the log start cannot move to 26, behind the high watermark 25")]
    log_start_never_passes_the_high_watermark = "log_start_past_high_watermark.txt";
    deleted_records_take_whole_segments_with_them = "delete_records.txt";
    duplicate_is_answered_with_its_old_offsets = "duplicates.txt";
    follower_does_not_question_sequences = "follower_duplicates.txt";
    transaction_is_ongoing_in_its_epoch_until_its_marker = "ongoing.txt";
    zombie_coordinators_and_producers_are_fenced = "fencing.txt";
    marker_of_a_higher_epoch_starts_the_sequence_anew = "epoch_bump.txt";
    entry_of_a_producer_says_what_was_last = "producer_entries.txt";
    truncation_forgets_a_transaction_that_it_cuts_off = "truncate_unstable.txt";
    a_silent_producer_is_forgotten_unless_its_transaction_is_open = "expiry.txt";
    empty_transactions_leave_no_trace = "empty_transactions.txt";
    high_watermark_is_told_when_it_moved = "high_watermark.txt";
}
