//! The scenarios by which speed is measured, R1 before all, and the yardstick beside which their cost is told.
//!
//! ```text
//!   node 1 ──▶ node 2 ──▶ … ──▶ node 6 ──▶ node 1      tokens on bare endpoints of madsim
//! ```
//!
//! Machines differ, so a cost per message says little alone. A message between two bare
//! endpoints of madsim, measured in the same run, is the unit: it is routed, delayed and
//! delivered, and means nothing.

mod cleaner;
pub mod group;

pub use cleaner::{CLEANED_RECORDS, DirtyLog};
use madsim::net::Endpoint;
use madsim::runtime::Runtime;

/// The path under which R1 is checked in.
pub const R1_PATH: &str = "scenarios/bench/r1.toml";

/// The text of R1.
pub const R1: &str = include_str!("../../scenarios/bench/r1.toml");

/// Scenarios in which there is more of something than in R1: what there is more of, path and text.
pub const GROWN: [(&str, &str, &str); 2] = [
    ("30 brokers", "scenarios/bench/brokers-30.toml", include_str!("../../scenarios/bench/brokers-30.toml")),
    (
        "3000 partitions",
        "scenarios/bench/partitions-3000.toml",
        include_str!("../../scenarios/bench/partitions-3000.toml"),
    ),
];

/// The path under which ten idle minutes of a cluster are checked in.
pub const IDLE_PATH: &str = "scenarios/bench/idle.toml";

/// Their text.
pub const IDLE: &str = include_str!("../../scenarios/bench/idle.toml");

/// How many machines pass tokens around.
const NODES: u64 = 6;

/// How many tokens each machine starts with.
const TOKENS: u64 = 4;

/// A number for a scenario's text by which figures can be compared: XXH3-64 of its bytes.
pub fn digest(source: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(source.as_bytes())
}

/// Delivers messages between bare madsim endpoints: at least as many as asked for. Returns how many.
///
/// It owns a runtime: it must not be called inside of one. Measure its wall time from outside.
pub fn pass_tokens(messages: u64) -> u64 {
    let runtime = Runtime::new();
    let each = messages.div_ceil(NODES);
    let address = |node: u64| -> std::net::SocketAddr {
        let node = u8::try_from(node % NODES + 1).expect("a handful of nodes");
        ([10, 0, 0, node], 1).into()
    };
    let nodes: Vec<_> = (0..NODES).map(|node| runtime.create_node().ip(address(node).ip()).build()).collect();
    runtime.block_on(async {
        let mut endpoints = Vec::new();
        for (node, number) in nodes.iter().zip(0..) {
            let bound = node.spawn(Endpoint::bind(address(number))).await.expect("the node runs");
            endpoints.push(bound.expect("the address is free"));
        }
        let mut tasks = Vec::new();
        for ((node, number), endpoint) in nodes.iter().zip(0..).zip(endpoints) {
            let next = address(number + 1);
            tasks.push(node.spawn(async move {
                for token in 0..TOKENS {
                    endpoint.send_to_raw(next, 0, Box::new(token)).await.expect("the network works");
                }
                for taken in 1..=each {
                    let (token, _) = endpoint.recv_from_raw(0).await.expect("the network works");
                    // The last tokens go no further.
                    if taken + TOKENS <= each {
                        endpoint.send_to_raw(next, 0, token).await.expect("the network works");
                    }
                }
            }));
        }
        for task in tasks {
            task.await.expect("a task that does not panic");
        }
    });
    each * NODES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn the_scenarios_that_are_measured_are_valid() {
        let grown = GROWN.map(|(_, path, text)| (path, text));
        for (path, text) in [(R1_PATH, R1), (IDLE_PATH, IDLE)].into_iter().chain(grown) {
            assert!(Scenario::parse(path, text).is_ok(), "{path}");
        }
    }

    #[test]
    fn tokens_arrive() {
        assert_eq!(pass_tokens(100), 102);
    }
}
