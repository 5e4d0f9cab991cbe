//! Kafka's tests about classic groups and offsets as texts; the vocabulary stands in [`super::stage`].

use super::stage::GroupStage;
use crate::tests::vectors;

vectors! { GroupStage::default();
    first_joins = "first_joins.txt";
    initial_delay = "initial_delay.txt";
    pending_members = "pending_members.txt";
    max_size = "max_size.txt";
    rejoins = "rejoins.txt";
    syncs = "syncs.txt";
    failed_writes = "failed_writes.txt";
    heartbeats = "heartbeats.txt";
    leaving = "leaving.txt";
    static_members = "static_members.txt";
    failover = "failover.txt";
    commits = "commits.txt";
    fetches = "fetches.txt";
    transactions = "transactions.txt";
    deleting = "deleting.txt";
    expiry = "expiry.txt";
    showing = "showing.txt";
    museum = "museum.txt";
}
