//! The reference scenario R1, and the yardstick beside which its cost is told.
//!
//! ```text
//!   node 1 ──▶ node 2 ──▶ … ──▶ node 6 ──▶ node 1      tokens on bare endpoints of madsim
//! ```
//!
//! Machines differ, so a cost per message says little alone. A message between two bare
//! endpoints of madsim, measured in the same run, is the unit: it is routed, delayed and
//! delivered, and means nothing.

use madsim::net::Endpoint;
use madsim::runtime::Runtime;

/// The path under which R1 is checked in.
pub const R1_PATH: &str = "scenarios/bench/r1.toml";

/// The text of R1.
pub const R1: &str = include_str!("../../scenarios/bench/r1.toml");

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
    fn the_reference_scenario_is_valid() {
        assert!(Scenario::parse(R1_PATH, R1).is_ok());
    }

    #[test]
    fn tokens_arrive() {
        assert_eq!(pass_tokens(100), 102);
    }
}
