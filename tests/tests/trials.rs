//! The project's own use of what it offers to others: programs that rely on a promise of Kafka's, over many seeds.

use std::collections::BTreeMap;
use std::time::Duration;

use trial_sim::{CallFailed, Cluster, Faults, Profile, TopicPartition, Trial};

/// Two of three replicas must have a record before it is acknowledged.
fn trial() -> Trial {
    Trial::new().topic_with("orders", 2, 3, [("min.insync.replicas", "2")]).faults_for(Duration::from_secs(20))
}

/// Sends for twenty seconds, whatever happens; answers what was acknowledged, by its place.
async fn send_for_a_while(cluster: &Cluster) -> BTreeMap<(TopicPartition, i64), String> {
    let producer = cluster.producer();
    let mut acknowledged = BTreeMap::new();
    for number in 0..40 {
        let value = format!("record {number}");
        if let Ok(sent) = producer.send(("orders", format!("key {}", number % 5), value.clone())).await {
            acknowledged.insert((sent.partition, sent.offset), value);
        }
        cluster.sleep(Duration::from_millis(500)).await;
    }
    acknowledged
}

/// What was acknowledged lies in the end where its producer was told, whoever led meanwhile.
async fn records_stay_where_they_were_acknowledged(cluster: Cluster) -> Result<(), CallFailed> {
    let acknowledged = send_for_a_while(&cluster).await;
    assert!(!acknowledged.is_empty());
    cluster.recovered().await;
    let read = cluster.consumer("orders").read_to_end().await?;
    let read: BTreeMap<(TopicPartition, i64), String> =
        read.into_iter().map(|record| ((record.partition.clone(), record.offset), record.value_text())).collect();
    for (place, value) in &acknowledged {
        assert_eq!(read.get(place), Some(value), "at {place:?}");
    }
    Ok(())
}

#[test]
fn records_stay_where_they_were_acknowledged_under_every_profile() {
    for profile in Profile::ALL {
        let passed = trial().faults(*profile).seeds(4).run(records_stay_where_they_were_acknowledged);
        assert!(passed.faults_executed > 0, "{profile}: nothing failed");
        assert!(passed.excused < passed.seeds, "{profile}: nothing was asked of any cluster");
    }
}

/// A reader that follows while leaders come and go sees each offset once, in order, and what it has seen stays.
async fn what_a_reader_has_seen_stays(cluster: Cluster) -> Result<(), CallFailed> {
    let mut reader = cluster.consumer("orders");
    let writer = tokio::spawn({
        let cluster = cluster.clone();
        async move { send_for_a_while(&cluster).await }
    });
    let mut seen = Vec::new();
    while !writer.is_finished() {
        seen.extend(reader.poll(Duration::from_millis(200)).await?);
    }
    let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for record in &seen {
        let expected = next.entry(record.partition.clone()).or_default();
        assert_eq!(record.offset, *expected, "the next offset of {}", record.partition);
        *expected += 1;
    }
    cluster.recovered().await;
    let all = cluster.consumer("orders").read_to_end().await?;
    for record in &seen {
        assert!(all.contains(record), "{record:?} was seen, and is not there any more");
    }
    Ok(())
}

#[test]
fn what_a_reader_has_seen_stays_although_leaders_come_and_go() {
    for profile in [Profile::Lite, Profile::Network] {
        trial().faults(profile).seeds(4).run(what_a_reader_has_seen_stays);
    }
}

/// A topic whose creation was acknowledged is known to whoever controls next.
async fn a_created_topic_is_there(cluster: Cluster) -> Result<(), CallFailed> {
    let admin = cluster.admin();
    let mut created = Vec::new();
    for number in 0..10 {
        let name = format!("topic-{number}");
        if admin.create_topic(&name, 1, 3, []).await.is_ok() {
            created.push(name);
        }
        cluster.sleep(Duration::from_secs(2)).await;
    }
    assert!(!created.is_empty());
    cluster.recovered().await;
    for name in created {
        assert_eq!(cluster.partitions(&name).len(), 1, "{name}");
        assert_eq!(cluster.isr(&name, 0).len(), 3, "{name}");
    }
    Ok(())
}

#[test]
fn a_created_topic_is_there_although_controllers_fall() {
    trial().faults(Profile::Controllers).seeds(8).run(a_created_topic_is_there);
}

/// The quorum's leader dies again and again: somebody leads it each time, and brokers notice nothing.
#[test]
fn records_flow_while_one_controller_after_the_other_dies() {
    let storm = r#"
[[step]]
at = "2s"
kill = { controller = "active" }
[[step]]
at = "6s"
start = { controller = "stopped" }
[[step]]
at = "8s"
power-cut = { controller = "active" }
[[step]]
at = "12s"
start = { controller = "stopped" }
"#;
    trial().faults(Faults::listed(storm)).seeds(8).run(async |cluster: Cluster| {
        let before = [0, 1].map(|partition| cluster.leader("orders", partition));
        let acknowledged = send_for_a_while(&cluster).await;
        assert_eq!(acknowledged.len(), 40, "every record is acknowledged");
        assert!(cluster.now() < Duration::from_secs(21), "and at once: {:?}", cluster.now());
        assert_eq!([0, 1].map(|partition| cluster.leader("orders", partition)), before);
    });
}

/// The only machine that has a topic's records loses them: whatever was acknowledged is gone, and nobody can be asked for it.
#[test]
#[should_panic(expected = "the trial has shown nothing")]
fn a_trial_that_is_forgiven_in_every_seed_has_shown_nothing() {
    let loss = r#"
[[step]]
at = "10s"
power-cut = { broker = 1, lose = "all" }
[[step]]
at = "12s"
start = { broker = 1 }
"#;
    let alone = Trial::new().brokers(1).topic_with("orders", 1, 1, [("min.insync.replicas", "1")]);
    alone.faults(Faults::listed(loss)).seeds(2).run(async |cluster: Cluster| {
        send_for_a_while(&cluster).await;
    });
}
