//! Randomness in keyed streams, so that taking one draw away leaves the others as they were.
//!
//! A stream is ChaCha8 with the key (root seed, purpose, subject): no hashing, hence no
//! collisions, and no two purposes share a sequence. Streams are created at their first
//! draw and copied with the world. The reduction to a range is this module's own: the
//! `rand` crate does not promise that its reductions stay the same, and every recorded
//! seed depends on them.

use std::hash::{Hash, Hasher};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::register::Register;

/// What the world itself draws. Choices of machines have their own purposes, numbered after these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamPurpose {
    /// How long messages of a link take; the subject is (from, to).
    Latency,
    /// What background writeback saves; the subject is the machine.
    Writeback,
    /// What a power cut takes; keyed by the entry's own draw.
    PowerCut,
    /// New directory ids of a replaced disk; keyed by the entry's own draw.
    Directory,
    /// The choices of a machine; the first subject is the machine, the second the purpose.
    Choice,
    /// What the explorer draws of a scenario; the subject is (aspect, index).
    Explore,
}

/// One stream of randomness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The stream of this purpose and subject under this root seed.
    pub fn new(root: u64, purpose: StreamPurpose, subject: (u64, u64)) -> Self {
        let mut key = [0; 32];
        for (part, word) in key.chunks_exact_mut(8).zip([root, purpose as u64, subject.0, subject.1]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        Stream { generator: ChaCha8Rng::from_seed(key) }
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range {low}..={high}");
        let word = self.generator.next_u64();
        match (high - low).checked_add(1) {
            // The bias is at most span / 2^64: nothing that a run could show.
            Some(span) => low + ((u128::from(word) * u128::from(span)) >> 64) as u64,
            None => word,
        }
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.between(0, 999) < chance
    }

    /// A number with 53 random bits in `[0, 1)`.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.generator.get_word_pos().hash(state);
    }
}

/// The streams of one world, created at first use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Streams {
    root: u64,
    streams: Register<(StreamPurpose, u64, u64), Stream>,
}

impl Streams {
    /// No streams yet.
    pub fn new(root: u64) -> Self {
        Streams { root, streams: Register::default() }
    }

    /// The seed that all streams descend from.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// The stream of this purpose and subject.
    pub fn get(&mut self, purpose: StreamPurpose, subject: (u64, u64)) -> &mut Stream {
        let number = self.number(purpose, subject);
        self.numbered(number)
    }

    /// The same stream's number, for whoever draws from it often.
    pub(crate) fn number(&mut self, purpose: StreamPurpose, subject: (u64, u64)) -> usize {
        let root = self.root;
        self.streams.number((purpose, subject.0, subject.1), || Stream::new(root, purpose, subject))
    }

    /// The stream of a number.
    pub(crate) fn numbered(&mut self, number: usize) -> &mut Stream {
        self.streams.get_mut(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_apart_a_draw_of_one_does_not_move_another() {
        let mut one = Streams::new(7);
        let mut other = Streams::new(7);
        let _ = one.get(StreamPurpose::Latency, (1, 2)).between(0, 99);
        let draws = |streams: &mut Streams| -> Vec<u64> {
            (0..8).map(|_| streams.get(StreamPurpose::Latency, (2, 1)).between(0, u64::MAX)).collect()
        };
        assert_eq!(draws(&mut one), draws(&mut other));
        assert_ne!(one, other, "the first stream has moved");
    }

    #[test]
    fn ranges_are_kept_and_reached_at_both_ends() {
        let mut stream = Stream::new(1, StreamPurpose::Choice, (0, 0));
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| stream.between(10, 13)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13]);
    }

    #[test]
    fn the_sequence_is_a_constant_of_the_project() {
        let mut stream = Stream::new(5, StreamPurpose::Latency, (1, 2));
        let drawn: Vec<u64> = (0..4).map(|_| stream.between(0, 999)).collect();
        assert_eq!(drawn, CONSTANTS, "every recorded seed depends on this sequence");
    }

    const CONSTANTS: [u64; 4] = [4, 932, 397, 320];
}
