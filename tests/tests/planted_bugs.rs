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

use trial_sim::check::PROPERTIES;
use trial_sim::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::scenario::{Report, Scenario, Verdict};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planted")
}

fn read(name: &str) -> Scenario {
    let path = folder().join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).expect("a planted bug has a scenario of its property's name");
    Scenario::parse(&format!("{name}.toml"), &text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn play(scenario: &Scenario) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run(scenario, options, &mut |_| true)
}

/// With the bug the run ends with this verdict, found by the check of the file's name; without it, all is well.
fn assert_caught(name: &str, verdict: Verdict) {
    assert_caught_by(name, name, verdict);
}

fn assert_caught_by(file: &str, name: &str, verdict: Verdict) {
    let mut scenario = read(file);
    let report = play(&scenario);
    let found = report.failures.join("\n");
    assert_eq!(report.verdict, verdict, "{name}: the planted bug is not found: {found}");
    assert!(found.contains(&format!("{name}: ")), "{name}: another check found the planted bug: {found}");

    scenario.file.cluster.value.switches.clear();
    scenario.file.nodes.iter_mut().for_each(|node| node.switches.clear());
    let report = play(&scenario);
    assert_eq!(report.verdict, Verdict::Pass, "{name}: without the bug: {}", report.failures.join("\n"));
}

/// With the bug the core does not recover, for this reason; without it, it does.
fn assert_not_recovered(file: &str, reason: &str) {
    assert_caught_by(file, "liveness", Verdict::Liveness);
    let found = play(&read(file)).failures.join("\n");
    assert!(found.contains(reason), "another goal failed: {found}");
}

#[test]
fn every_property_has_a_planted_bug() {
    let files = fs::read_dir(folder()).expect("the planted bugs lie beside this file");
    let have: BTreeSet<String> = files
        .filter_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| path.is_file()))
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .filter(|name| name != "liveness")
        .collect();
    let wanted: BTreeSet<String> = PROPERTIES.iter().map(|property| property.name.to_owned()).collect();
    assert_eq!(have, wanted, "a property without a planted bug may be one that cannot fail");
}

/// One test a scenario, so that they run beside each other.
macro_rules! caught {
    ($($test:ident: $name:literal is $verdict:ident;)*) => {$(
        #[test]
        fn $test() {
            assert_caught($name, Verdict::$verdict);
        }
    )*};
}

caught! {
    what_is_about_to_be_cut_off_is_shown: "committed-below-high-watermark" is Safety;
    a_record_that_only_the_leader_acknowledged: "acked-record-not-lost" is Safety;
    a_broker_that_skips_metadata: "broker-image-is-replay" is Safety;
    a_change_of_leader_in_the_same_epoch: "epochs-only-grow" is Safety;
    a_high_watermark_that_falls: "high-watermark-monotonic" is Safety;
    a_leader_from_outside_of_the_isr: "isr-within-replicas" is Safety;
    a_leader_that_was_let_in_too_early: "leader-completeness" is Safety;
    logs_that_part_and_go_on: "log-matching" is Safety;
    a_pre_vote_against_a_leader_that_is_heard: "healthy-leader-undisturbed" is Safety;
    metadata_that_one_voter_commits: "metadata-not-lost" is Safety;
    half_a_batch_after_a_power_cut: "on-disk-truth" is Safety;
    a_log_that_begins_behind_no_snapshot: "snapshot-at-log-start" is Safety;
    voters_that_vote_twice: "one-leader-per-epoch" is Safety;
    retention_of_what_is_not_committed: "order-of-positions" is Safety;
    a_recovery_point_that_nobody_synced: "recovery-point-durable" is Safety;
    a_retry_that_is_written_again: "producer-sequence" is Safety;
    a_replica_that_is_dropped_before_the_controllers_agree: "replication-quorum-superset" is Safety;
    an_end_that_goes_back: "end-offset-monotonic" is Safety;
    a_retry_under_a_new_epoch: "idempotent-record-once" is Safety;
    a_quorum_leader_that_nobody_follows: "deposed-leader-resigns" is Safety;
    a_broker_that_chases_the_end: "caught-up-broker-unfenced" is Safety;
    a_broker_that_never_comes_back: "liveness" is Liveness;
}

#[test]
fn a_voter_that_acknowledges_before_it_has_flushed() {
    assert_caught_by("more/fetch-before-flush", "metadata-not-lost", Verdict::Safety);
}

#[test]
fn an_eligible_leader_that_lost_what_it_held() {
    assert_caught_by("more/elr-survives-unclean-shutdown", "leader-completeness", Verdict::Safety);
}

#[test]
fn a_broker_that_shows_its_whole_log_when_it_starts() {
    let name = "more/high-watermark-starts-at-log-end";
    assert_caught_by(name, "committed-below-high-watermark", Verdict::Safety);
}

#[test]
fn a_new_leader_that_does_not_wait_for_its_followers() {
    assert_caught_by("more/high-watermark-ignores-unknown", "leader-completeness", Verdict::Safety);
}

#[test]
fn a_last_stable_offset_behind_which_nothing_is_stable() {
    assert_caught_by("more/last-stable-offset-ignores-high-watermark", "order-of-positions", Verdict::Safety);
}

#[test]
fn a_broker_that_leads_beside_the_one_that_was_elected() {
    assert_caught_by("more/preferred-replica-always-leads", "one-leader-per-epoch", Verdict::Safety);
}

#[test]
fn a_partition_whose_only_replica_may_not_lead_again() {
    assert_not_recovered("liveness", "alone-0 has no leader in the core: leader -1");
}

#[test]
fn a_follower_that_is_never_in_sync_again() {
    assert_not_recovered(
        "more/never-expand-isr",
        "orders-0 has ISR [1, 2], but its replicas in the core are [1, 2, 3]",
    );
}

#[test]
fn records_that_stay_unreadable_although_enough_replicas_live() {
    assert_not_recovered("more/high-watermark-may-fall", "with high watermark 0");
}

#[test]
fn controllers_that_never_agree_again() {
    assert_not_recovered("more/vote-only-once", "the controllers do not agree who leads");
}

#[test]
fn a_voter_that_forgets_whom_it_has_voted_for() {
    assert_caught_by("more/vote-not-durable", "one-leader-per-epoch", Verdict::Safety);
}

#[test]
fn eligible_leaders_that_miss_what_is_committed_without_them() {
    assert_caught_by("more/elr-outlives-min-isr", "isr-within-replicas", Verdict::Safety);
}

#[test]
fn a_loss_within_the_budget_is_a_bug() {
    assert_caught_by("more/loss-within-the-budget", "leader-completeness", Verdict::Safety);
}

/// The same bug, and one replica more that has really lost the record: Kafka promises nothing then.
#[test]
fn a_loss_beyond_the_budget_is_nobodys_fault() {
    let report = play(&read("more/loss-beyond-the-budget"));
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.failures.join("\n"));
}
