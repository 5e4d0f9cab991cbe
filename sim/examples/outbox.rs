//! A service of one's own on the cluster's timeline: an outbox whose relay is right until a leader dies.
//!
//! A shop writes each order into an outbox, and a relay sends what lies there to Kafka: a common way to change a
//! database and tell the world in one step. The hasty relay gives a send two seconds and then sends again. That
//! never happens while all is well, where an answer takes milliseconds. But a leader that dies is missed for nine
//! seconds (`broker.session.timeout.ms`), the first record was not lost, it was only waiting, and an order is shipped
//! twice. An idempotent producer does not help: it knows its own retries, not the application's.
//!
//! The service is written on tokio: a channel, a task, a timer, a timeout. Under madsim these run in the same virtual
//! time as the brokers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use trial_sim::{Cluster, Faults, Producer, Trial};

/// What the relay does when Kafka does not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It sends the order again.
    Hasty,
    /// It leaves that to the producer, whose retries are recognized.
    Patient,
}

/// Takes orders out of the outbox and sends them, one after the other, until nobody places any more.
async fn relay(mut outbox: mpsc::UnboundedReceiver<String>, producer: Producer, manner: Manner) {
    let mut looks = interval(Duration::from_millis(100));
    let mut waiting = VecDeque::new();
    loop {
        looks.tick().await;
        while let Ok(order) = outbox.try_recv() {
            waiting.push_back(order);
        }
        while let Some(order) = waiting.front() {
            let sending = producer.send(("shipments", order.clone()));
            let is_sent = match manner {
                Manner::Hasty => matches!(timeout(Duration::from_secs(2), sending).await, Ok(Ok(_))),
                Manner::Patient => sending.await.is_ok(),
            };
            if !is_sent {
                break; // At the next look it is sent again.
            }
            waiting.pop_front();
        }
        if outbox.is_closed() && outbox.is_empty() && waiting.is_empty() {
            return;
        }
    }
}

/// Thirty customers, one each half a second; in the end every order must have been shipped exactly once.
async fn shop(cluster: Cluster, manner: Manner) {
    let (place, outbox) = mpsc::unbounded_channel();
    let relay = tokio::spawn(relay(outbox, cluster.producer(), manner));
    let mut customers = interval(Duration::from_millis(500));
    for number in 0..30 {
        customers.tick().await;
        place.send(format!("order {number}")).expect("the relay lives as long as the shop");
    }
    drop(place);
    relay.await.expect("the relay ends in order");
    cluster.recovered().await;

    let mut shipped: BTreeMap<String, u32> = BTreeMap::new();
    for record in cluster.consumer("shipments").read_to_end().await.expect("the cluster serves") {
        *shipped.entry(record.value_text()).or_default() += 1;
    }
    assert_eq!(shipped.len(), 30, "every order is shipped");
    shipped.retain(|_, times| *times > 1);
    assert!(shipped.is_empty(), "shipped more than once: {shipped:?}");
}

fn trial() -> Trial {
    Trial::new().topic_with("shipments", 1, 3, [("min.insync.replicas", "2")])
}

/// The leader of the one partition dies while orders are placed.
const LEADER_LOSS: &str = r#"
[[step]]
at = "5s"
kill = { leader = "shipments-0" }

[[step]]
at = "25s"
start = { broker = "stopped" }
"#;

#[test]
fn while_all_is_well_haste_does_no_harm() {
    trial().seeds(5).run(|cluster| shop(cluster, Manner::Hasty));
}

#[test]
fn a_hasty_relay_ships_twice_when_a_leader_dies() {
    let failed = trial()
        .faults(Faults::listed(LEADER_LOSS))
        .seeds(5)
        .try_run(|cluster| shop(cluster, Manner::Hasty))
        .expect_err("the relay sends again what was only late");
    assert!(failed.findings[0].contains("shipped more than once"), "{failed}");
    assert_eq!(failed.steps.1, 1, "the death of the leader is enough: {failed}");
}

#[test]
fn a_patient_relay_ships_once_whatever_happens() {
    trial().faults(Faults::listed(LEADER_LOSS)).seeds(5).run(|cluster| shop(cluster, Manner::Patient));
    trial().faults(trial_sim::Profile::Lite).seeds(5).run(|cluster| shop(cluster, Manner::Patient));
}

#[expect(clippy::print_stdout, reason = "an example tells what it has found")]
fn main() {
    for manner in [Manner::Patient, Manner::Hasty] {
        match trial().faults(Faults::listed(LEADER_LOSS)).seeds(20).try_run(|cluster| shop(cluster, manner)) {
            Ok(passed) => println!("{manner:?}: {} seeds, and every order was shipped once\n", passed.seeds),
            Err(failed) => println!("{manner:?}: {failed}"),
        }
    }
}
