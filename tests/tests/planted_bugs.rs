//! Proof that every check can fail: each property has a deliberate bug that breaks it in a whole world.
//!
//! ```text
//!   planted/NAME.toml ──switch on──▶ the check NAME reports it
//!                     ──switch off─▶ pass
//! ```
//!
//! `planted/more/SWITCH.toml` are further bugs, each named by its switch, that the same checks find.
//!
//! A check that has never failed is no check. The scenarios are those of lessons, with a bug in
//! the machine (`trial_broker::config::Switch`), and expectations that hold without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use trial_sim::internal::check::PROPERTIES;
use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::{Excuse, Report, Scenario, Verdict};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planted")
}

fn read(name: &str) -> Scenario {
    let path = folder().join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).expect("a planted bug has a scenario of its property's name");
    Scenario::parse(&path_of(name), &text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

/// Where a planted bug lies, seen from the root of the workspace: what a line to paste says.
fn path_of(name: &str) -> String {
    format!("tests/tests/planted/{name}.toml")
}

fn play(scenario: &Scenario) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run(scenario, options, &mut |_| true)
}

/// With the bug the run ends with this verdict, found by this check; without it, all is well.
fn assert_caught(file: &str, name: &str, verdict: Verdict) {
    let mut scenario = read(file);
    let report = play(&scenario);
    let found = report.findings();
    let again = scenario.again(report.seed, None);
    assert_eq!(report.verdict, verdict, "{name}: the planted bug is not found: {found}\n{again}");
    assert!(found.contains(&format!("{name}: ")), "{name}: another check found the planted bug: {found}");
    if file == name && verdict == Verdict::Safety {
        assert_proved(name, &found);
    }

    scenario.file.cluster.value.switches.clear();
    scenario.file.nodes.iter_mut().for_each(|node| node.switches.clear());
    let without = format!("sed '/^switches/d' {} > without.toml && trial run without.toml", path_of(file));
    scenario.command = Some(without);
    let report = play(&scenario);
    assert_eq!(report.verdict, Verdict::Pass, "{name}: without the bug: {}", report.findings());
}

/// The events that the violation of each property must be shown with, as often as they stand here.
const PROOFS: &[(&str, &[&str])] = &[
    ("order-of-positions", &["log-start-offset-moved", "became-leader", "records-appended"]),
    ("high-watermark-monotonic", &["high-watermark-advanced", "high-watermark-advanced"]),
    ("end-offset-monotonic", &["end-offset-listed", "end-offset-listed", "became-leader"]),
    ("committed-below-high-watermark", &["high-watermark-advanced", "records-appended"]),
    ("log-matching", &["records-appended", "records-appended"]),
    ("acked-record-not-lost", &["produce-completed", "records-appended", "partition-changed"]),
    ("leader-completeness", &["became-leader", "high-watermark-advanced", "partition-changed"]),
    ("one-leader-per-epoch", &["state-changed", "state-changed", "vote-granted"]),
    ("deposed-leader-resigns", &["state-changed", "state-changed"]),
    ("caught-up-broker-unfenced", &["broker-registered", "heartbeat-answered"]),
    ("replication-quorum-superset", &["isr-change-proposed", "partition-changed"]),
    ("isr-within-replicas", &["partition-changed", "partition-changed"]),
    ("epochs-only-grow", &["partition-changed", "partition-changed"]),
    ("metadata-not-lost", &["quorum-high-watermark-advanced", "records-appended"]),
    ("healthy-leader-undisturbed", &["state-changed", "state-changed", "vote-granted"]),
    ("snapshot-at-log-start", &["log-start-offset-moved", "snapshot-created"]),
    ("broker-image-is-replay", &["metadata-applied", "records-appended"]),
    ("producer-sequence", &["records-appended", "records-appended"]),
    ("no-double-assignment", &["member-moved", "member-moved"]),
    ("idempotent-record-once", &["records-appended", "batch-sent", "producer-id-assigned", "producer-id-assigned"]),
    ("on-disk-truth", &["records-appended", "log-loaded"]),
    ("recovery-point-durable", &["records-appended", "segment-rolled"]),
    ("retention-keeps-young", &["records-appended", "log-start-offset-moved"]),
    ("compaction-keeps-last", &["segments-compacted", "records-appended"]),
    ("inconsistent-offsets", &["records-consumed", "batch-acked"]),
    ("duplicate", &["records-consumed", "records-consumed"]),
    ("lost-write", &["batch-acked", "records-consumed"]),
    ("poll-skip", &["records-consumed", "batch-acked"]),
    ("nonmonotonic-poll", &["records-consumed", "position-set"]),
    ("internal-poll-skip", &["records-consumed", "batch-acked"]),
    ("internal-nonmonotonic-poll", &["records-consumed", "position-set"]),
    ("nonmonotonic-send", &["batch-acked", "batch-acked"]),
    ("internal-nonmonotonic-send", &["batch-acked", "batch-acked"]),
    ("unseen", &["batch-acked", "became-leader"]),
    ("truncation-noticed", &["records-consumed", "records-consumed", "records-appended"]),
    ("reset-only-when-gone", &["position-set", "position-set", "fetch-answered"]),
    ("one-owner-in-a-group", &["partitions-assigned", "partitions-assigned"]),
    ("group-epochs-only-grow", &["group-joined", "generation-completed"]),
    ("commit-of-current-member", &["generation-completed", "offset-committed"]),
    ("committed-offset-not-lost", &["position-set", "commit-done", "partitions-assigned"]),
    ("commits-only-grow", &["commit-sent", "commit-sent"]),
    ("members-are-known", &["generation-completed", "join-sent"]),
    ("target-covers-subscriptions", &["target-assigned"]),
    ("stable-group-has-its-target", &["member-moved", "target-assigned"]),
    ("shares-are-even", &["target-assigned", "target-assigned"]),
    ("coordinator-is-replay", &["offset-forgotten", "records-appended"]),
    ("static-member-disturbs-nobody", &["member-replaced", "rebalance-begun", "partitions-revoked"]),
];

/// The violation is told with the events that its message speaks of, and not with many more.
fn assert_proved(name: &str, found: &str) {
    let (_, wanted) = PROOFS.iter().find(|(property, _)| *property == name).expect("every property has its proof");
    let told: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("  step ")?.split(' ').nth(2)).collect();
    assert!((2..=6).contains(&told.len()), "{name}: {} events: {found}", told.len());
    for event in *wanted {
        let count = |events: &[&str]| events.iter().filter(|it| it == &event).count();
        assert!(count(&told) >= count(wanted), "{name} is not proved by {event}: {found}");
    }
}

/// With the bug this check says these words; without it, all is well.
fn assert_told(file: &str, name: &str, words: &str) {
    assert_caught(file, name, Verdict::Safety);
    let found = play(&read(file)).findings();
    assert!(found.contains(words), "{name} found something else: {found}");
}

/// With the bug the core does not recover, for these reasons among others; without it, it does.
fn assert_not_recovered(file: &str, reasons: &[&str]) {
    assert_caught(file, "liveness", Verdict::Liveness);
    let found = play(&read(file)).findings();
    for reason in reasons {
        assert!(found.contains(reason), "other goals failed, and not that {reason}: {found}");
    }
}

/// With the bug, and more lost than the promise covers, all is well; and what was forgiven is told.
fn assert_promised_nothing(file: &str) {
    let report = play(&read(file));
    assert_eq!(report.verdict, Verdict::Pass, "{file}: {}", report.findings());
    let told = report.excused.iter().any(|excused| matches!(excused, Excuse::LossBudget(_)));
    assert!(told, "{file}: {:?}", report.excused);
}

/// How a planted bug shows.
enum Shows {
    /// This check reports it.
    Check(&'static str),
    /// This check reports it, in these words.
    Words(&'static str, &'static str),
    /// The core does not recover, for these reasons.
    Stuck(&'static [&'static str]),
    /// Not at all: so much has really been lost that Kafka promises nothing.
    Nothing,
}

use Shows::{Check, Nothing, Stuck, Words};

/// One test a planted bug, so that they run beside each other, and the list of all that are played.
macro_rules! planted {
    ($($test:ident: $file:literal => $shows:expr;)*) => {
        /// The files that the tests below play.
        const PLAYED: &[(&str, Shows)] = &[$(($file, $shows)),*];

        $(
            #[test]
            fn $test() {
                match $shows {
                    Check(name) => assert_caught($file, name, Verdict::Safety),
                    Words(name, words) => assert_told($file, name, words),
                    Stuck(reasons) => assert_not_recovered($file, reasons),
                    Nothing => assert_promised_nothing($file),
                }
            }
        )*
    };
}

planted! {
    what_is_about_to_be_cut_off_is_shown: "committed-below-high-watermark" => Check("committed-below-high-watermark");
    a_record_that_only_the_leader_acknowledged: "acked-record-not-lost" => Check("acked-record-not-lost");
    a_broker_that_skips_metadata: "broker-image-is-replay" => Check("broker-image-is-replay");
    a_change_of_leader_in_the_same_epoch: "epochs-only-grow" => Check("epochs-only-grow");
    a_high_watermark_that_falls: "high-watermark-monotonic" => Check("high-watermark-monotonic");
    a_leader_from_outside_of_the_isr: "isr-within-replicas" => Check("isr-within-replicas");
    a_leader_that_was_let_in_too_early: "leader-completeness" => Check("leader-completeness");
    logs_that_part_and_go_on: "log-matching" => Check("log-matching");
    a_pre_vote_against_a_leader_that_is_heard: "healthy-leader-undisturbed" => Check("healthy-leader-undisturbed");
    metadata_that_one_voter_commits: "metadata-not-lost" => Check("metadata-not-lost");
    half_a_batch_after_a_power_cut: "on-disk-truth" => Check("on-disk-truth");
    a_log_that_begins_behind_no_snapshot: "snapshot-at-log-start" => Check("snapshot-at-log-start");
    voters_that_vote_twice: "one-leader-per-epoch" => Check("one-leader-per-epoch");
    retention_of_what_is_not_committed: "order-of-positions" => Check("order-of-positions");
    a_recovery_point_that_nobody_synced: "recovery-point-durable" => Check("recovery-point-durable");
    retention_that_counts_from_the_oldest_record: "retention-keeps-young" => Check("retention-keeps-young");
    what_is_committed_outdated_by_what_is_not: "compaction-keeps-last" => Check("compaction-keeps-last");
    a_partition_that_two_members_may_own: "no-double-assignment" => Check("no-double-assignment");
    a_retry_that_is_written_again: "producer-sequence" => Check("producer-sequence");
    a_replica_that_is_dropped_before_the_controllers_agree: "replication-quorum-superset" =>
        Check("replication-quorum-superset");
    an_end_that_goes_back: "end-offset-monotonic" => Check("end-offset-monotonic");
    a_retry_under_a_new_epoch: "idempotent-record-once" => Check("idempotent-record-once");
    a_quorum_leader_that_nobody_follows: "deposed-leader-resigns" => Check("deposed-leader-resigns");
    a_producer_that_counts_from_one: "inconsistent-offsets" => Check("inconsistent-offsets");
    a_record_that_is_read_twice: "duplicate" => Check("duplicate");
    a_reader_that_loses_a_record: "lost-write" => Check("lost-write");
    a_reader_that_begins_behind_its_place: "poll-skip" => Check("poll-skip");
    a_reader_that_steps_back: "nonmonotonic-poll" => Check("nonmonotonic-poll");
    a_poll_with_a_hole: "internal-poll-skip" => Check("internal-poll-skip");
    a_poll_that_repeats_itself: "internal-nonmonotonic-poll" => Check("internal-nonmonotonic-poll");
    calls_that_are_overtaken: "nonmonotonic-send" => Check("nonmonotonic-send");
    a_call_whose_records_change_places: "internal-nonmonotonic-send" => Check("internal-nonmonotonic-send");
    a_record_that_nobody_will_ever_read: "unseen" => Check("unseen");
    a_cut_that_a_reader_does_not_notice: "truncation-noticed" => Check("truncation-noticed");
    a_reset_of_an_offset_that_is_there: "reset-only-when-gone" => Check("reset-only-when-gone");
    a_member_that_keeps_what_it_has: "one-owner-in-a-group" => Check("one-owner-in-a-group");
    generations_that_fall: "group-epochs-only-grow" => Check("group-epochs-only-grow");
    a_commit_of_somebody_who_is_no_member_any_more: "commit-of-current-member" => Check("commit-of-current-member");
    a_coordinator_that_forgets_offsets: "committed-offset-not-lost" => Check("committed-offset-not-lost");
    a_member_that_commits_less_than_before: "commits-only-grow" => Check("commits-only-grow");
    members_that_nobody_is: "members-are-known" => Check("members-are-known");
    an_assignor_that_leaves_out_a_partition: "target-covers-subscriptions" => Check("target-covers-subscriptions");
    a_member_that_waits_and_is_taken_for_content: "stable-group-has-its-target" => Check("stable-group-has-its-target");
    an_assignor_that_takes_nothing_from_anybody: "shares-are-even" => Check("shares-are-even");
    a_coordinator_that_writes_what_it_does_not_believe: "coordinator-is-replay" => Check("coordinator-is-replay");
    a_static_member_for_whose_return_everybody_is_called: "static-member-disturbs-nobody" =>
        Check("static-member-disturbs-nobody");
    a_broker_that_chases_the_end: "caught-up-broker-unfenced" => Check("caught-up-broker-unfenced");
    a_record_that_no_node_replays: "more/image-skips-records" => Check("broker-image-is-replay");
    a_voter_that_acknowledges_before_it_has_flushed: "more/fetch-before-flush" => Check("metadata-not-lost");
    an_eligible_leader_that_lost_what_it_held: "more/elr-survives-unclean-shutdown" => Check("acked-record-not-lost");
    a_broker_that_shows_its_whole_log_when_it_starts: "more/high-watermark-starts-at-log-end" =>
        Check("committed-below-high-watermark");
    a_new_leader_that_does_not_wait_for_its_followers: "more/high-watermark-ignores-unknown" =>
        Check("leader-completeness");
    a_last_stable_offset_behind_which_nothing_is_stable: "more/last-stable-offset-ignores-high-watermark" =>
        Check("order-of-positions");
    a_broker_that_leads_beside_the_one_that_was_elected: "more/preferred-replica-always-leads" =>
        Check("one-leader-per-epoch");
    a_voter_that_forgets_whom_it_has_voted_for: "more/vote-not-durable" => Check("one-leader-per-epoch");
    eligible_leaders_that_miss_what_is_committed_without_them: "more/elr-outlives-min-isr" =>
        Check("isr-within-replicas");
    an_offset_index_of_what_was_cut_off: "more/truncation-keeps-offset-index" =>
        Words("on-disk-truth", ".index: it has offset");
    a_time_index_of_what_was_cut_off: "more/truncation-keeps-time-index" =>
        Words("on-disk-truth", ".timeindex: it has timestamp");
    a_leader_epoch_that_no_file_knows: "more/epochs-not-checkpointed" =>
        Words("on-disk-truth", "leader-epoch-checkpoint: it says []");
    a_checkpoint_that_takes_what_is_written_for_committed: "more/high-watermark-checkpoint-ahead" =>
        Words("on-disk-truth", "replication-offset-checkpoint: it has orders-0 at");
    a_checkpoint_that_takes_what_is_written_for_synced: "more/recovery-point-checkpoint-ahead" =>
        Words("on-disk-truth", "recovery-point-offset-checkpoint: it has orders-0 at");
    a_checkpoint_that_gives_up_what_is_there: "more/log-start-checkpoint-ahead" =>
        Words("on-disk-truth", "log-start-offset-checkpoint: it has orders-0 at");
    a_snapshot_that_expects_the_batch_after_the_next: "more/snapshot-ahead-of-itself" =>
        Words("on-disk-truth", ".snapshot: producer");
    a_deletion_of_the_segment_that_is_written_to: "more/deletion-takes-active-segment" =>
        Words("on-disk-truth", "its segment files are gone");
    a_bug_beside_one_that_is_allowed: "more/allowed-beside-another" =>
        Words("isr-within-replicas", "the leader is not in the ISR");
    a_disk_that_is_wrong_in_two_ways_one_of_which_is_allowed: "more/allowed-in-a-sweep" =>
        Words("recovery-point-durable", "lies not on the medium up to there");
    a_loss_within_the_budget_is_a_bug: "more/loss-within-the-budget" => Check("acked-record-not-lost");
    a_loss_beyond_the_budget_is_nobodys_fault: "more/loss-beyond-the-budget" => Nothing;
    an_unclean_leader_that_nobody_allowed: "more/anybody-is-last-known-leader" => Check("acked-record-not-lost");
    a_broker_epoch_that_falls: "more/broker-epoch-falls" => Words("epochs-only-grow", "broker 3: broker epoch");
    a_voter_that_forgets_its_epoch: "more/quorum-epoch-not-durable" =>
        Words("epochs-only-grow", "quorum member c3: epoch");
    a_follower_that_starts_an_epoch_late: "more/follower-starts-an-epoch-late" =>
        Words("epochs-only-grow", "on b3: leader epoch 0 after 1");
    a_replica_that_was_taken_away_and_stays_in_sync: "more/isr-keeps-removed-replica" =>
        Words("isr-within-replicas", "the ISR names a broker that is no replica");
    a_replica_that_is_in_sync_and_eligible_at_once: "more/elr-keeps-in-sync-replicas" =>
        Words("isr-within-replicas", "ISR and ELR name a replica twice");
    a_partition_whose_only_replica_may_not_lead_again: "liveness" =>
        Stuck(&["alone-0 has no leader in the core: leader -1", "broker 3 of the core is not registered, or fenced"]);
    a_follower_that_is_never_in_sync_again: "more/never-expand-isr" =>
        Stuck(&["orders-0 has ISR [1, 2], but its replicas in the core are [1, 2, 3]"]);
    records_that_stay_unreadable_although_enough_replicas_live: "more/high-watermark-may-fall" =>
        Stuck(&["with high watermark 0"]);
    controllers_that_never_agree_again: "more/vote-only-once" => Stuck(&["the controllers do not agree who leads"]);
    a_leader_that_goes_on_following: "more/follower-never-leads" =>
        Stuck(&["orders-0: broker 2 does not act as leader of epoch 1"]);
    a_broker_that_does_not_ask_twice: "more/refused-broker-gives-up" => Stuck(&["b3 of the core does not run"]);
    a_consumer_that_waits_for_ever: "more/consumer-forgets-failed-fetch" =>
        Stuck(&["alone-0: r1 stands at 3, and could read to 6"]);
    groups_that_nobody_takes_over: "more/coordinator-never-takes-over" =>
        Stuck(&[" leads it and does not coordinate its groups", "group billing: its coordinator does not know it"]);
    a_partition_that_an_assignor_gives_to_nobody: "more/assignor-forgets-partition" =>
        Stuck(&["group billing: orders-1 is nobody's"]);
    a_member_that_never_gets_what_another_gave_up: "more/waiting-member-waits-for-ever" =>
        Stuck(&["group billing: it is Reconciling"]);
    a_member_that_died_and_stays_a_member: "more/sessions-never-end" =>
        Stuck(&[" is a member still, and no consumer is it"]);
    a_member_that_takes_not_all_that_it_is_given: "more/member-takes-no-more" =>
        Stuck(&["group billing: g1 was given [orders-0, orders-1, orders-2], and has [orders-0, orders-1]"]);
    a_member_that_was_removed_and_does_not_come_back: "more/fenced-member-stays-out" =>
        Stuck(&["group billing: g2 is no member"]);
    a_commit_of_an_epoch_that_is_over: "more/commit-of-another-epoch" => Words("commit-of-current-member", ", which is in 3");
    a_commit_of_whom_the_group_has_removed: "more/commit-of-a-removed-member" =>
        Words("commit-of-current-member", ", which was removed");
    a_partition_that_an_assignor_gives_to_two: "more/assignor-gives-twice" =>
        Words("target-covers-subscriptions", " gives orders-2 to ");
    a_partition_that_an_assignor_gives_to_who_does_not_want_it: "more/assignor-ignores-subscriptions" =>
        Words("target-covers-subscriptions", ", which is not subscribed to it");
    ranges_that_differ_by_two: "more/range-favours-first" => Words("shares-are-even", " of orders");
    a_share_that_another_wants: "more/unequal-wishes-favour-first" => Words("shares-are-even", ", which wants it too");
    a_generation_that_is_not_even: "more/round-robin-favours-first" => Words("shares-are-even", "(roundrobin) gives 3");
    a_share_that_is_taken_away: "more/assignor-begins-anew" => Words("shares-are-even", " that it had, and its share is ");
    a_return_for_which_others_give_something_up: "more/static-return-changes-the-target" =>
        Words("static-member-disturbs-nobody", " is told to give partitions up");
    an_offset_at_which_another_record_was_read: "more/answers-after-the-records" =>
        Words("inconsistent-offsets", "p1 is told offset 1, where another record is");
    a_producer_that_never_says_what_became_of_a_record: "more/producer-keeps-failure-to-itself" =>
        Stuck(&["p1 does not know what became of 3 records"]);
}

/// The scenarios of a folder of planted bugs, by their names without extension, after `prefix`.
fn files(folder: &Path, prefix: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the planted bugs lie beside this file");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path()).filter(|path| path.is_file());
    paths.map(|path| format!("{prefix}{}", path.file_stem().unwrap_or_default().to_string_lossy())).collect()
}

#[test]
fn every_file_is_played() {
    let mut have = files(&folder(), "");
    have.extend(files(&folder().join("more"), "more/"));
    let played: BTreeSet<String> = PLAYED.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(played, have, "a file that nobody plays proves nothing");
    assert_eq!(played.len(), PLAYED.len(), "a file is played twice");
}

#[test]
fn every_property_has_a_planted_bug() {
    let caught = PLAYED.iter().filter_map(|(file, shows)| match shows {
        Check(name) if !file.starts_with("more/") => {
            assert_eq!(file, name, "a planted bug is named after the check that finds it");
            Some((*name).to_owned())
        }
        Check(_) | Words(..) | Stuck(_) | Nothing => None,
    });
    let wanted: BTreeSet<String> = PROPERTIES.iter().map(|property| property.name.to_owned()).collect();
    assert_eq!(caught.collect::<BTreeSet<_>>(), wanted, "a property without a planted bug may be one that cannot fail");
    assert!(PLAYED.iter().any(|(_, shows)| matches!(shows, Stuck(_))), "recovery has no planted bug");
}
