//! Trials: what passes, what fails and how it is told; the same seed is the same run.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trial_broker::ids::TopicPartition;

use super::environment::Environment;
use super::*;
use crate::people::CallFailed;

/// An environment that says nothing, but for the number of jobs.
fn jobs(count: usize) -> Environment {
    let environment = Environment::read(|_| None).expect("nothing is said");
    Environment { jobs: NonZeroUsize::new(count), ..environment }
}

fn small() -> Trial {
    Trial::new().combined(3).topic_with("orders", 1, 3, [("min.insync.replicas", "2")])
}

/// One leader dies, and starts again.
const LEADER_DIES: &str = r#"
[[step]]
at = "1s"
slow = { broker = 3, sync = "1ms" }

[[step]]
at = "2s"
kill = { leader = "orders-0" }

[[step]]
at = "9s"
start = { broker = "stopped" }
"#;

async fn place_orders(cluster: Cluster) -> Result<(), CallFailed> {
    let producer = cluster.producer();
    for number in 0..8 {
        producer.send(("orders", format!("order {number}"))).await?;
        cluster.sleep(Duration::from_millis(500)).await;
    }
    cluster.recovered().await;
    let read = cluster.consumer("orders").read_to_end().await?;
    assert_eq!(read.len(), 8, "at {:?}", cluster.now());
    Ok(())
}

#[test]
fn the_same_seeds_are_the_same_runs_however_many_run_at_once() {
    let trial = || small().faults(crate::Profile::Lite).faults_for(Duration::from_secs(6)).seeds(3);
    let one = trial().try_run_in(&jobs(1), place_orders).unwrap_or_else(|failed| panic!("{failed}"));
    let two = trial().try_run_in(&jobs(2), place_orders).unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(one, two);
    assert_eq!((one.seeds, one.records_acknowledged), (3, 24));
    assert!(one.faults_executed > 0 && one.events_checked > 0, "{one:?}");
    let other = trial().seeds(2).try_run_in(&jobs(2), place_orders).unwrap_or_else(|failed| panic!("{failed}"));
    assert_ne!(one.fingerprint, other.fingerprint);
}

#[test]
fn the_largest_seeds_end_where_they_end_however_many_run_at_once() {
    const SEEDS: std::ops::Range<u64> = u64::MAX - 3..u64::MAX;
    let environment = Environment { seeds: Some(SEEDS), ..jobs(4) };
    let passed = small().try_run_in(&environment, async |cluster: Cluster| {
        assert!(SEEDS.contains(&cluster.seed()), "a foreign seed {:#x}", cluster.seed());
    });
    assert_eq!(passed.map(|passed| passed.seeds).map_err(|failed| failed.to_string()), Ok(3));
}

#[test]
fn an_assertion_of_the_program_fails_its_seed_and_only_the_faults_it_needs_are_left() {
    let faults = Faults::listed(LEADER_DIES);
    let failed = small()
        .faults(faults)
        .seeds(2)
        .try_run_in(&jobs(1), async |cluster: Cluster| {
            let first = cluster.leader("orders", 0);
            cluster.recovered().await;
            assert_eq!(cluster.leader("orders", 0), first, "the leader is another one");
        })
        .expect_err("a leader that dies is followed by another");
    assert_eq!((failed.seed, failed.passed, failed.property), (0, 0, None));
    let told = failed.to_string();
    assert!(told.contains("program: assertion `left == right` failed: the leader is another one"), "{told}");
    assert!(told.contains("trial/tests.rs:"), "{told}");
    assert_eq!(failed.steps, (3, 1), "{told}");
    assert!(failed.faults.contains("kill = { leader = \"orders-0\" }"), "{told}");
    let line =
        "again: TRIAL_SEED=0x0 cargo test -p trial-sim --lib trial::tests::an_assertion_of_the_program_fails_its_seed";
    assert!(told.contains(line), "{told}");
    // What is left is a list that fails in the same way.
    let again = small().faults(Faults::listed(failed.faults.clone())).seeds(1).try_run_in(
        &jobs(1),
        async |cluster: Cluster| {
            let first = cluster.leader("orders", 0);
            cluster.recovered().await;
            assert_eq!(cluster.leader("orders", 0), first, "the leader is another one");
        },
    );
    assert!(again.is_err());
}

#[test]
fn an_error_that_the_program_returns_and_a_panic_of_its_task_fail_it_too() {
    let returned = small().seeds(1).try_run_in(&jobs(1), async |_: Cluster| Err::<(), _>("no more stock"));
    let told = returned.expect_err("it returns an error").to_string();
    assert!(told.contains("program: it returned an error: no more stock"), "{told}");

    let spawned = small().seeds(1).try_run_in(&jobs(1), async |_: Cluster| {
        let task = madsim::task::spawn(async { panic!("the task has no more stock") });
        let _: Result<(), _> = task.await;
    });
    let told = spawned.expect_err("a task of it panics").to_string();
    assert!(told.contains("program: the task has no more stock"), "{told}");
}

#[test]
fn a_program_that_waits_for_ever_fails_when_its_patience_ends() {
    let trial = small().seeds(1).patience(Duration::from_secs(20));
    let failed = trial.try_run_in(&jobs(1), async |cluster: Cluster| {
        cluster.consumer("orders").next().await.expect("a record");
    });
    let told = failed.expect_err("nobody sends a record").to_string();
    assert!(told.contains("program: it has not ended 20s after the cluster was healed; 1 of its calls"), "{told}");
}

#[test]
fn a_program_that_depends_on_more_than_its_seed_is_found_out() {
    let runs = AtomicU64::new(1);
    let failed = small().seeds(2).try_run_in(&jobs(1), |cluster| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            cluster.sleep(Duration::from_millis(run)).await;
            cluster.producer().send(("orders", "one")).await
        }
    });
    let told = failed.expect_err("its runs differ").to_string();
    assert!(told.contains("nondeterminism: two runs of seed 0x0 differ"), "{told}");
    assert!(told.contains("they part at world step"), "{told}");
}

#[test]
fn a_bug_of_kafka_is_found_by_a_check_while_the_program_knows_nothing_of_it() {
    // ISR-10: a record that the leader alone holds is shown to consumers, although two replicas are asked for.
    let lonely = |trial: Trial| {
        trial.seeds(1).try_run_in(&jobs(1), async |cluster: Cluster| {
            let leader = cluster.leader("orders", 0).expect("it has a leader at time zero");
            let others: Vec<i32> = cluster.brokers().iter().copied().filter(|broker| *broker != leader).collect();
            for broker in &others {
                cluster.stop(*broker);
                cluster.sleep(Duration::from_secs(10)).await;
            }
            let producer = cluster.producer_with([("acks", "1"), ("enable.idempotence", "false")]);
            producer.send(("orders", "seen by one")).await?;
            cluster.sleep(Duration::from_secs(5)).await;
            cluster.kill(leader);
            others.iter().for_each(|broker| cluster.start(*broker));
            cluster.sleep(Duration::from_secs(30)).await;
            Ok::<_, CallFailed>(())
        })
    };
    let brokers = || Trial::new().topic_with("orders", 1, 3, [("min.insync.replicas", "2")]);
    lonely(brokers()).unwrap_or_else(|failed| panic!("{failed}"));
    let failed = lonely(brokers().switch("high-watermark-below-min-isr")).expect_err("a promise is broken");
    assert_eq!(failed.property, Some("leader-completeness"), "{failed}");
}

#[test]
fn what_the_program_breaks_is_healed_when_it_asks_for_it() {
    let trial = small().seeds(2);
    let passed = trial.try_run_in(&jobs(2), async |cluster: Cluster| {
        let leader = cluster.leader("orders", 0).expect("it has a leader at time zero");
        cluster.kill(leader);
        cluster.sleep(Duration::from_secs(12)).await;
        assert_eq!(cluster.isr("orders", 0).len(), 2);
        cluster.recovered().await;
        assert_eq!(cluster.isr("orders", 0).len(), 3);
        let after = cluster.now();
        cluster.recovered().await;
        assert_eq!(cluster.now(), after, "nothing is broken");
    });
    assert_eq!(
        passed.unwrap_or_else(|failed| panic!("{failed}")).faults_executed,
        2,
        "one leader in each of two seeds"
    );
}

#[test]
fn administrators_and_streams_of_records_are_awaited_like_everything_else() {
    let passed = small().seeds(1).try_run_in(&jobs(1), async |cluster: Cluster| {
        let admin = cluster.admin();
        admin.create_topic("payments", 2, 3, [("min.insync.replicas", "2")]).await?;
        admin.create_partitions("payments", 3).await?;
        assert_eq!(cluster.partitions("payments").len(), 3);
        let mut consumer = cluster.consumer("payments");
        let producer = cluster.producer_with([("acks", "1"), ("enable.idempotence", "false")]);
        let sent = producer.send(("payments", "card", "12.50")).await?;
        let read = consumer.next().await?;
        assert_eq!((read.partition.clone(), read.offset), (sent.partition, sent.offset));
        assert_eq!((read.key_text(), read.value_text()), ("card".to_owned(), "12.50".to_owned()));
        let missing = admin.delete_topic("refunds").await.expect_err("there is no such topic");
        assert_eq!(missing.error, crate::ErrorCode::UnknownTopicOrPartition);
        let clerk = cluster.member("billing");
        clerk.subscribe(["payments"]).await?;
        clerk.poll(Duration::from_secs(20)).await?;
        let group = admin.describe_group("billing").await?;
        assert_eq!((group.state.as_str(), group.members.len()), ("Stable", 1));
        assert_eq!(admin.list_groups().await?.len(), 1);
        let refused = admin.delete_group("billing").await.expect_err("it has a member");
        assert_eq!(refused.error, crate::ErrorCode::NonEmptyGroup);
        clerk.unsubscribe().await?;
        admin.delete_offsets("billing", &[TopicPartition::new("payments", 0)]).await?;
        admin.delete_group("billing").await?;
        assert_eq!(admin.list_groups().await?, []);
        Ok::<_, CallFailed>(())
    });
    passed.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
#[should_panic(expected = "there is no broker 4")]
fn a_list_of_faults_that_makes_no_sense_is_refused_before_the_first_seed() {
    let list = "[[step]]\nat = \"1s\"\nkill = { broker = 4 }\n";
    let _ = small().faults(Faults::listed(list)).try_run_in(&jobs(1), async |_: Cluster| {});
}

#[test]
#[should_panic(expected = "Kafka makes a topic of this name itself")]
fn a_topic_that_is_kafkas_own_is_refused_before_the_first_seed() {
    let _ = small().topic("__consumer_offsets", 1, 3).try_run_in(&jobs(1), async |_: Cluster| {});
}

/// What a trial says of a program that makes a mistake with the cluster in its hands.
fn mistake<P, Fut>(trial: Trial, program: P) -> String
where
    P: Fn(Cluster) -> Fut + Sync,
    Fut: Future<Output = ()> + 'static,
{
    let told = trial.seeds(1).try_run_in(&jobs(1), program).expect_err("it is a mistake").to_string();
    // Whoever reads it finds their own line, not one of the library's.
    assert!(told.contains("at sim/src/trial/tests.rs:") || told.contains("at src/trial/tests.rs:"), "{told}");
    told
}

/// A test that breaks a broker which nobody has would pass, and prove nothing.
#[test]
fn whoever_breaks_a_node_that_does_not_exist_is_told_which_there_are() {
    let said = "program: there is no node 9: the brokers are 1, 2, the controllers 101";
    let two = || Trial::new().brokers(2).controllers(1);
    let told = mistake(two(), async |cluster: Cluster| cluster.kill(9));
    assert!(told.contains(said), "{told}");
    let told = mistake(two(), async |cluster: Cluster| cluster.isolate(9));
    assert!(told.contains(said), "{told}");
    let told = mistake(small(), async |cluster: Cluster| cluster.power_cut(-1));
    assert!(told.contains("program: there is no node -1: the nodes are 1, 2, 3"), "{told}");
}

/// Kafka warns of a setting that it does not know and goes on with its default: the test would say less than it seems to.
#[test]
fn whoever_misspells_a_setting_or_a_topic_is_told_what_was_meant() {
    let told = mistake(small(), async |cluster: Cluster| drop(cluster.producer_with([("ackz", "1")])));
    assert!(told.contains("a producer cannot be made so: unknown setting `ackz`: did you mean `acks`?"), "{told}");
    let told = mistake(small(), async |cluster: Cluster| drop(cluster.producer_with([("acks", "7")])));
    assert!(told.contains("a producer cannot be made so: acks = 7"), "{told}");
    let told = mistake(small(), async |cluster: Cluster| drop(cluster.producer_with([("transactional.id", "t")])));
    assert!(told.contains("producers with transactions are not simulated"), "{told}");
    let told = mistake(small(), async |cluster: Cluster| drop(cluster.consumer("order")));
    assert!(told.contains("there is no topic `order`: did you mean `orders`?"), "{told}");
}

#[test]
#[should_panic(expected = "begin it in a plain #[test]")]
fn a_trial_inside_of_a_simulation_is_refused_in_words() {
    madsim::runtime::Runtime::with_seed_and_config(0, madsim::Config::default()).block_on(async {
        let _ = small().try_run_in(&jobs(1), async |_: Cluster| {});
    });
}
