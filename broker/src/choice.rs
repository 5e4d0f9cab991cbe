//! Named choices: what Kafka draws at random, a machine asks for by name.
//!
//! A machine holds no random generator. Where Kafka draws (an election timeout,
//! the jitter of a back-off, a session id), the machine names the draw and its
//! range; the world answers from a stream of randomness kept for that purpose and
//! that machine, records the answer with the step, and may let a scenario or a
//! model checker answer instead.

use serde::{Deserialize, Serialize};

/// What is being drawn. Each purpose has a stream of its own on each machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// How long a voter waits before it stands for election (KIP-595): microseconds.
    ElectionTimeout,
    /// Which bootstrap server a quorum member without a leader asks next: an index.
    BootstrapServer,
    /// The id of a new fetch session (KIP-227): any `i32` except 0.
    FetchSessionId,
    /// The next partition of a producer that sends without keys (KIP-480, KIP-794).
    StickyPartition,
    /// The ±20 % by which clients spread their retries: per mille, 800..=1200.
    BackoffJitter,
    /// The node that a client asks for metadata when several are equally loaded.
    LeastLoadedNode,
    /// Where the striped replica placer starts (rack, or broker within a rack).
    ReplicaPlacement,
    /// Half of a 128-bit id: topic, incarnation, directory, cluster.
    Uuid,
}

/// One draw: its purpose and the range it is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Choice {
    /// What the number is for.
    pub purpose: Purpose,
    /// The smallest possible answer.
    pub low: u64,
    /// The largest possible answer; never below `low`.
    pub high: u64,
}

/// Whoever answers choices: the world, a recording, or a model checker.
pub trait Choices {
    /// A number in `choice.low..=choice.high`.
    fn choose(&mut self, choice: Choice) -> u64;
}

/// Answers every choice with its lowest value. For tests that want one known run.
#[derive(Clone, Copy, Debug, Default)]
pub struct LowestChoice;

impl Choices for LowestChoice {
    fn choose(&mut self, choice: Choice) -> u64 {
        choice.low
    }
}
