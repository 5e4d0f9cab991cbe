//! Which partition a record goes to: Kafka's `BuiltInPartitioner` (KIP-480, KIP-794).
//!
//! With a key: a hash of the key modulo the number of partitions, so that adding
//! partitions moves keys. Without: stay with one partition for about `batch.size`
//! bytes, then draw another, shorter queues more likely than longer ones.

use crate::choice::Purpose;
use crate::context::Context;

/// MurmurHash2 with Kafka's seed, as `Utils.murmur2` computes it.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(M);
        mixed ^= mixed >> R;
        mixed = mixed.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ mixed;
    }
    if !tail.is_empty() {
        for (position, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash as i32
}

/// The partition of a keyed record, out of `partitions`, which must be positive.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// How likely each partition is drawn: a running sum over the partitions with a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LoadTable {
    /// Strictly rising.
    cumulative: Vec<u64>,
    partitions: Vec<i32>,
}

/// The partition that records without a key go to at present, of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct StickyPartitioner {
    current: Option<i32>,
    produced_bytes: i32,
    table: Option<LoadTable>,
}

impl StickyPartitioner {
    /// The current partition; drawn if there is none yet. `available` are the partitions
    /// with a leader, `all` every partition.
    pub fn current(&mut self, ctx: &mut Context, available: &[i32], all: &[i32]) -> i32 {
        if let Some(partition) = self.current {
            return partition;
        }
        let partition = self.draw(ctx, available, all);
        self.current = Some(partition);
        partition
    }

    /// Counts what was appended to the current partition and moves on when enough was:
    /// `batch_size` bytes if the last batch is full, twice that in any case.
    pub fn appended(
        &mut self,
        ctx: &mut Context,
        bytes: i32,
        batch_size: i32,
        last_batch_is_full: bool,
        partitions: (&[i32], &[i32]),
    ) {
        self.produced_bytes = self.produced_bytes.saturating_add(bytes);
        let limit = batch_size.max(1);
        if (self.produced_bytes >= limit && last_batch_is_full) || self.produced_bytes >= limit.saturating_mul(2) {
            self.current = Some(self.draw(ctx, partitions.0, partitions.1));
            self.produced_bytes = 0;
        }
    }

    fn draw(&self, ctx: &mut Context, available: &[i32], all: &[i32]) -> i32 {
        if let Some(table) = &self.table {
            let total = *table.cumulative.last().expect("a load table is never empty");
            let drawn = ctx.choose(Purpose::StickyPartition, 0, total - 1);
            let index = table.cumulative.partition_point(|sum| *sum <= drawn);
            return table.partitions[index];
        }
        let among = if available.is_empty() { all } else { available };
        match among {
            [only] => *only,
            _ => among[ctx.choose(Purpose::StickyPartition, 0, among.len() as u64 - 1) as usize],
        }
    }

    /// Takes the lengths of the partitions' queues: (partition, batches waiting) for those
    /// with a leader, out of `queues` queues in all. Empty when not every partition has a
    /// queue yet: then the draw is uniform.
    pub fn update_load(&mut self, lengths: &[(i32, u64)], queues: usize) {
        self.table = None;
        if lengths.is_empty() || queues < 2 {
            return;
        }
        let longest = lengths.iter().map(|(_, length)| *length).max().unwrap_or(0);
        let all_equal = lengths.iter().all(|(_, length)| *length == longest);
        if all_equal && lengths.len() == queues {
            return;
        }
        let mut sum = 0;
        let cumulative = lengths
            .iter()
            .map(|(_, length)| {
                sum += longest + 1 - length;
                sum
            })
            .collect();
        self.table =
            Some(LoadTable { cumulative, partitions: lengths.iter().map(|(partition, _)| *partition).collect() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Choice, Choices};
    use crate::storage::MemoryStorage;
    use crate::time::Now;

    #[test]
    fn hash_of_a_key_is_kafkas_murmur2() {
        // UtilsTest.testMurmur2
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn keys_move_when_a_partition_is_added() {
        // The table of lesson L01.
        let names = ["alice", "bob", "carol", "dave", "erin", "frank"];
        let with = |count| names.map(|name| partition_for_key(name.as_bytes(), count));
        assert_eq!(with(3), [0, 0, 2, 1, 2, 1]);
        assert_eq!(with(4), [1, 2, 2, 2, 0, 3]);
    }

    /// Answers the draws from a list.
    struct Drawn(Vec<u64>);
    impl Choices for Drawn {
        fn choose(&mut self, choice: Choice) -> u64 {
            assert_eq!(choice.purpose, Purpose::StickyPartition);
            self.0.remove(0)
        }
    }

    #[test]
    fn unkeyed_records_stay_until_a_full_batch_and_then_move() {
        // BuiltInPartitionerTest.testStickyPartitioning: 1, 2, … bytes until the batch size is produced.
        let mut storage = MemoryStorage::default();
        let mut drawn = Drawn(vec![1, 2, 0]);
        let mut ctx = Context::new(Now::default(), &mut storage, &mut drawn);
        let partitions: (&[i32], &[i32]) = (&[0, 1, 2], &[0, 1, 2]);
        let mut sticky = StickyPartitioner::default();
        assert_eq!(sticky.current(&mut ctx, partitions.0, partitions.1), 1);
        sticky.appended(&mut ctx, 99, 100, true, partitions);
        assert_eq!(sticky.current(&mut ctx, partitions.0, partitions.1), 1);
        sticky.appended(&mut ctx, 1, 100, false, partitions);
        assert_eq!(sticky.current(&mut ctx, partitions.0, partitions.1), 1, "the batch is not full: it stays");
        sticky.appended(&mut ctx, 1, 100, true, partitions);
        assert_eq!(sticky.current(&mut ctx, partitions.0, partitions.1), 2);
        sticky.appended(&mut ctx, 200, 100, false, partitions);
        assert_eq!(sticky.current(&mut ctx, partitions.0, partitions.1), 0, "twice the size moves in any case");
    }

    #[test]
    fn shorter_queues_are_drawn_more_often() {
        // BuiltInPartitioner.updatePartitionLoadStats: queues 0 3 1 become the sums 4 5 8.
        let mut storage = MemoryStorage::default();
        let mut sticky = StickyPartitioner::default();
        sticky.update_load(&[(0, 0), (1, 3), (2, 1)], 3);
        let draws = [(0, 0), (3, 0), (4, 1), (5, 2), (7, 2)];
        for (drawn, partition) in draws {
            let mut choices = Drawn(vec![drawn]);
            let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
            assert_eq!(sticky.draw(&mut ctx, &[], &[]), partition, "drawn {drawn}");
        }
    }
}
