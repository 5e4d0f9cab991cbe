//! A topic that is deleted and created again under its name is another topic (KIP-516): nothing that was promised of
//! the old one binds the new one, while some brokers may not have heard of it yet.

use std::time::Duration;

use trial_sim::internal::scenario::Scenario;
use trial_sim::{CallFailed, Cluster, Faults, Trial};

/// When the topic is deleted, for how long its name is free, and who gets the new one, the preferred leader first.
#[derive(Clone, Copy)]
struct Again {
    deleted_at: Duration,
    free_for: Duration,
    replicas: [i32; 3],
}

/// Records flow into a topic, of whose end a consumer asks, while it is deleted and created again; then the new one
/// takes ten more, and all its replicas hold them.
async fn orders_twice(cluster: Cluster, again: Again) -> Result<(), CallFailed> {
    let mut reader = cluster.consumer_with("orders", [("auto.offset.reset", "latest")]);
    tokio::spawn(async move { while reader.poll(Duration::from_secs(1)).await.is_ok() {} });
    let producer = cluster.producer_with([("linger.ms", "0")]);
    let old = tokio::spawn({
        let (cluster, producer) = (cluster.clone(), producer.clone());
        async move {
            for _ in 0..40 {
                // Whether the old topic takes it, or the new one, or nobody, is not asked.
                tokio::spawn(producer.send(("orders", "old")));
                cluster.sleep(Duration::from_millis(50)).await;
            }
        }
    });
    cluster.sleep(again.deleted_at).await;
    let admin = cluster.admin();
    admin.delete_topic("orders").await?;
    cluster.sleep(again.free_for).await;
    admin.create_topic_on("orders", &[&again.replicas], []).await?;
    old.await.expect("it ends");
    for _ in 0..10 {
        producer.send(("orders", "new")).await?;
    }
    cluster.recovered().await;
    let end = cluster.high_watermark("orders", 0).unwrap_or_default();
    assert!((10..=40).contains(&end), "{end} records in the new topic");
    Ok(())
}

/// Several seeds: the machines meet the deletion and each other's messages in other orders.
fn assert_passes(faults: &str, again: Again) {
    let trial = Trial::new().latency(Duration::from_millis(10)).topic("orders", 1, 3);
    trial.faults(Faults::listed(faults)).seeds(5).run(|cluster| orders_twice(cluster, again));
}

const AT_ONCE: Again =
    Again { deleted_at: Duration::from_secs(1), free_for: Duration::from_millis(100), replicas: [2, 3, 1] };

#[test]
fn the_same_replicas_begin_at_offset_0_and_epoch_0_again() {
    assert_passes("", Again { free_for: Duration::from_millis(300), replicas: [1, 2, 3], ..AT_ONCE });
}

#[test]
fn another_broker_leads_the_new_topic_in_the_epoch_of_the_old_one() {
    assert_passes("", AT_ONCE);
}

#[test]
fn a_leader_that_does_not_hear_of_the_deletion_goes_on_with_the_old_topic() {
    let deaf = r#"
[[step]]
at = "900ms"
note = "b1 leads, and hears nothing of the controllers."
partition = { from = ["b1"], to = ["c1", "c2", "c3"] }
[[step]]
at = "4.1s"
heal = {}
"#;
    assert_passes(deaf, AT_ONCE);
}

#[test]
fn a_broker_that_was_down_meanwhile_finds_a_log_of_the_old_topic() {
    let down = r#"
[[step]]
at = "900ms"
kill = { broker = 3 }
[[step]]
at = "13s"
start = { broker = 3 }
"#;
    assert_passes(down, Again { deleted_at: Duration::from_secs(11), replicas: [1, 2, 3], ..AT_ONCE });
}

/// Three brokers, and a topic on all of them.
const HEAD: &str = r#"format = 1
id = "topic-again"
title = "A topic of the same name"
[cluster]
brokers = 3
controllers = 3
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
"#;

#[test]
fn a_name_is_free_after_the_deletion_and_only_once() {
    let create = "[[step]]\ncreate-topic = { name = \"orders\", replicas = [[1, 2, 3]] }\n";
    let delete = "[[step]]\ndelete-topic = { name = \"orders\" }\n";
    let parse = |steps: &str| Scenario::parse("topic-again.toml", &format!("{HEAD}{steps}"));
    for taken in [create.to_owned(), format!("{delete}{create}{create}")] {
        let refused = parse(&taken).expect_err("the name is taken");
        assert!(refused.to_string().contains("topic `orders` exists twice"), "{refused}");
    }
    assert!(parse(&format!("{delete}{create}{delete}{create}")).is_ok());
}
