//! Stories of one log, told as commands and what the log says and holds after each.
//!
//! Each line that begins with `>` is a command. Below it stand the events, then the log:
//!
//! ```text
//!   0..7 hw 2 flushed 4 epochs 3@0 5@4   [0 4]   log start .. log end, high watermark, recovery
//!                                               point, epochs with their first offsets, segments
//! ```

use std::fmt::Write;

use super::*;
use crate::event::LogEvent;

/// Runs the commands of a story.
fn tell(segment_batches: i32, story: &str) -> String {
    let mut fixture = Fixture::without_log(Fixture::small(records(1).len() as i32 * segment_batches));
    let mut told = String::from("\n");
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        writeln!(told, "> {line}").expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        command(&mut fixture, &words, &mut told);
        for event in std::mem::take(&mut fixture.events) {
            if let Event::Log(event) = event {
                writeln!(told, "  {}", spoken(&event)).expect("text");
            }
        }
        let state = fixture.log.as_ref().map_or("(not running)".to_owned(), picture);
        writeln!(told, "  {state}").expect("text");
    }
    told
}

fn number(words: &[&str], position: usize) -> i64 {
    words[position].parse().expect("a number")
}

fn command(fixture: &mut Fixture, words: &[&str], told: &mut String) {
    match words[0] {
        "open" => fixture.load(LoadOptions::default()),
        // append COUNT batches of one record as leader of EPOCH
        "append" => fixture.append_many(number(words, 1) as usize, number(words, 2) as i32),
        "commit" => drop(fixture.with(|log, ctx| log.update_high_watermark(ctx, number(words, 1)))),
        "truncate" => drop(fixture.with(|log, ctx| log.truncate_to(ctx, number(words, 1))).expect("works")),
        "restart-at" => fixture.with(|log, ctx| log.truncate_fully_and_start_at(ctx, number(words, 1))).expect("works"),
        "flushed" => {
            let plan = fixture.with(|log, _| log.take_flush()).expect("a roll asked for it");
            writeln!(told, "  {} files, {} directory", plan.files.len(), plan.directories.len()).expect("text");
            fixture.with(|log, _| log.flushed(plan.up_to));
        }
        "kill" => {
            let recovery_point = fixture.log.take().expect("open").recovery_point();
            fixture.load(LoadOptions { recovery_point, ..LoadOptions::default() });
        }
        "stop" => fixture.stop_and_restart(),
        // spoil BYTE of the segment at OFFSET
        "spoil" => {
            let file = fixture.file(&format!("{:020}.log", number(words, 2)));
            fixture.storage.write(file, number(words, 1) as u64, b"?").expect("works");
        }
        "files" => {
            for name in fixture.file_names() {
                writeln!(told, "  {}", name.trim_start_matches("0000000000000000000")).expect("text");
            }
        }
        other => panic!("no such command: {other}"),
    }
}

fn spoken(event: &LogEvent) -> String {
    match event {
        LogEvent::RecordsAppended { base_offset, log_end_offset, leader_epoch, .. } => {
            format!("appended {base_offset}..{log_end_offset} in epoch {leader_epoch}")
        }
        LogEvent::SegmentRolled { base_offset, .. } => format!("rolled a segment at {base_offset}"),
        LogEvent::LogTruncated { from, to, .. } => format!("truncated from {from} to {to}"),
        LogEvent::LogStartedAnew { offset, .. } => format!("started anew at {offset}"),
        LogEvent::LogLoaded { log_start_offset, log_end_offset, clean, dropped_bytes, .. } => {
            let how = if *clean { "after a clean stop" } else { "and recovered it" };
            format!("loaded {log_start_offset}..{log_end_offset} {how}, dropping {dropped_bytes} bytes")
        }
        other => format!("{other:?}"),
    }
}

fn picture(log: &Log) -> String {
    let epochs: Vec<String> = entries(log).iter().map(|(epoch, start)| format!("{epoch}@{start}")).collect();
    let segments: Vec<String> = log.segments().map(|(base, _)| base.to_string()).collect();
    format!(
        "{}..{} hw {} flushed {} epochs {} [{}]",
        log.log_start_offset(),
        log.log_end_offset(),
        log.high_watermark(),
        log.recovery_point(),
        epochs.join(" "),
        segments.join(" ")
    )
}

/// Appending never waits for the disk. A full segment is flushed in the background, and only the answer
/// to that flush moves the recovery point: the log vouches for no more than that.
#[test]
fn story_of_append_roll_and_flush() {
    insta::assert_snapshot!(tell(2, "
        open
        append 2 0
        append 1 0
        flushed
        append 2 1
        files
    "), @r"
    > open
      loaded 0..0 and recovered it, dropping 0 bytes
      0..0 hw 0 flushed 0 epochs  [0]
    > append 2 0
      appended 0..1 in epoch 0
      appended 1..2 in epoch 0
      0..2 hw 0 flushed 0 epochs 0@0 [0]
    > append 1 0
      rolled a segment at 2
      appended 2..3 in epoch 0
      0..3 hw 0 flushed 0 epochs 0@0 [0 2]
    > flushed
      4 files, 1 directory
      0..3 hw 0 flushed 2 epochs 0@0 [0 2]
    > append 2 1
      appended 3..4 in epoch 1
      rolled a segment at 4
      appended 4..5 in epoch 1
      0..5 hw 0 flushed 2 epochs 0@0 1@3 [0 2 4]
    > files
      0.index
      0.log
      0.timeindex
      2.index
      2.log
      2.snapshot
      2.timeindex
      4.index
      4.log
      4.snapshot
      4.timeindex
      leader-epoch-checkpoint
      0..5 hw 0 flushed 2 epochs 0@0 1@3 [0 2 4]
    ");
}

/// A follower was leader in epoch 3, appended what nobody copied, and learns of epoch 5: it cuts at the
/// diverging offset. The epoch of the cut records goes with them.
#[test]
fn story_of_a_follower_that_truncates() {
    insta::assert_snapshot!(tell(4, "
        open
        append 3 1
        append 3 3
        commit 2
        truncate 3
        append 2 5
        truncate 5
    "), @r"
    > open
      loaded 0..0 and recovered it, dropping 0 bytes
      0..0 hw 0 flushed 0 epochs  [0]
    > append 3 1
      appended 0..1 in epoch 1
      appended 1..2 in epoch 1
      appended 2..3 in epoch 1
      0..3 hw 0 flushed 0 epochs 1@0 [0]
    > append 3 3
      appended 3..4 in epoch 3
      rolled a segment at 4
      appended 4..5 in epoch 3
      appended 5..6 in epoch 3
      0..6 hw 0 flushed 0 epochs 1@0 3@3 [0 4]
    > commit 2
      0..6 hw 2 flushed 0 epochs 1@0 3@3 [0 4]
    > truncate 3
      truncated from 6 to 3
      0..3 hw 2 flushed 0 epochs 1@0 [0]
    > append 2 5
      appended 3..4 in epoch 5
      rolled a segment at 4
      appended 4..5 in epoch 5
      0..5 hw 2 flushed 0 epochs 1@0 5@3 [0 4]
    > truncate 5
      0..5 hw 2 flushed 0 epochs 1@0 5@3 [0 4]
    ");
}

/// A process is killed: its page cache lives, so nothing is lost, though everything behind the recovery
/// point is checked. One byte changes on the disk: a restart after an orderly stop believes what was
/// flushed, a restart after a crash reads it again and ends the log before the bad batch.
#[test]
fn story_of_recovery() {
    insta::assert_snapshot!(tell(3, "
        open
        append 7 0
        kill
        spoil 70 3
        stop
        kill
        append 1 1
        spoil 70 6
        kill
    "), @r"
    > open
      loaded 0..0 and recovered it, dropping 0 bytes
      0..0 hw 0 flushed 0 epochs  [0]
    > append 7 0
      appended 0..1 in epoch 0
      appended 1..2 in epoch 0
      appended 2..3 in epoch 0
      rolled a segment at 3
      appended 3..4 in epoch 0
      appended 4..5 in epoch 0
      appended 5..6 in epoch 0
      rolled a segment at 6
      appended 6..7 in epoch 0
      0..7 hw 0 flushed 0 epochs 0@0 [0 3 6]
    > kill
      loaded 0..7 and recovered it, dropping 0 bytes
      0..7 hw 0 flushed 0 epochs 0@0 [0 3 6]
    > spoil 70 3
      0..7 hw 0 flushed 0 epochs 0@0 [0 3 6]
    > stop
      loaded 0..7 after a clean stop, dropping 0 bytes
      0..7 hw 0 flushed 7 epochs 0@0 [0 3 6]
    > kill
      loaded 0..7 and recovered it, dropping 0 bytes
      0..7 hw 0 flushed 7 epochs 0@0 [0 3 6]
    > append 1 1
      appended 7..8 in epoch 1
      0..8 hw 0 flushed 7 epochs 0@0 1@7 [0 3 6]
    > spoil 70 6
      0..8 hw 0 flushed 7 epochs 0@0 1@7 [0 3 6]
    > kill
      loaded 0..6 and recovered it, dropping 150 bytes
      0..6 hw 0 flushed 6 epochs 0@0 [0 3 6]
    ");
}
