//! A test of one's own against a Kafka that fails: orders are placed, brokers die, and every order is read back.
//!
//! ```text
//! cargo test -p trial-sim --example orders         a few seeds, as in any test suite
//! cargo run -p trial-sim --example orders          more of them; TRIAL_SEEDS=5000 says how many
//! ```

use std::time::Duration;

use trial_sim::{CallFailed, Cluster, Profile, Trial};

const ORDERS: usize = 40;

/// Places orders for half a minute, one after the other, and reads them back when the storm is over.
async fn every_order_is_read_back(cluster: Cluster) -> Result<(), CallFailed> {
    let producer = cluster.producer();
    for number in 0..ORDERS {
        // Kafka's producer retries by itself, for `delivery.timeout.ms`: two minutes.
        producer.send(("orders", format!("customer {}", number % 7), format!("order {number}"))).await?;
        cluster.sleep(Duration::from_millis(700)).await;
    }
    cluster.recovered().await;

    let mut read: Vec<String> = Vec::new();
    let mut consumer = cluster.consumer("orders");
    while read.len() < ORDERS {
        read.push(consumer.next().await?.value_text());
    }
    read.sort_by_key(|order| (order.len(), order.clone()));
    let placed: Vec<String> = (0..ORDERS).map(|number| format!("order {number}")).collect();
    assert_eq!(read, placed, "what was acknowledged is there, once");
    Ok(())
}

fn trial() -> Trial {
    Trial::new()
        .brokers(3)
        .topic_with("orders", 3, 3, [("min.insync.replicas", "2")])
        .faults(Profile::Default)
        .faults_for(Duration::from_secs(30))
}

#[test]
fn every_order_is_read_back_whatever_fails() {
    trial().seeds(10).run(every_order_is_read_back);
}

#[expect(clippy::print_stdout, reason = "an example tells what it has done")]
fn main() {
    let passed = trial().seeds(200).run(every_order_is_read_back);
    println!(
        "{} seeds, {} orders acknowledged, {} faults; fingerprint {:016x}",
        passed.seeds, passed.records_acknowledged, passed.faults_executed, passed.fingerprint
    );
}
