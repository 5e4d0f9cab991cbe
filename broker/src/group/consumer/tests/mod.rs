//! Tests of KIP-848 groups: Kafka's own numbers, stories of groups, and what must hold of any group.

mod bench;
mod properties;
mod reconcile;
mod stories;
