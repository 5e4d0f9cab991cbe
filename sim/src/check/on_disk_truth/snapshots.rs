//! Producer snapshots: what they say of a producer is what the batches below them say (`ProducerStateManager`).
//!
//! One that cannot be decoded is no finding: it is synced later than it is written, so a power cut tears it, and
//! loading then takes the one before. A producer that wrote nothing for `producer.id.expiration.ms` is left out, so
//! that one that is missing is no finding either.

use std::collections::BTreeMap;

use trial_broker::ids::Offset;
use trial_broker::log::decode_snapshot;

use super::Segment;

/// What a snapshot says of a batch that the segments do not say.
pub(super) fn producers(
    end: Offset,
    content: &[u8],
    _: &Segment,
    segments: &BTreeMap<Offset, &Segment>,
) -> Option<String> {
    let first = segments.values().flat_map(|segment| segment.batches.first()).map(|batch| batch.first).next()?;
    for entry in decode_snapshot(content).ok()? {
        for said in &entry.batches {
            if said.last_offset < first {
                // What retention has deleted is remembered here alone.
                continue;
            }
            let segment = segments.range(..=said.last_offset).next_back().map(|(_, segment)| *segment);
            let held = segment.and_then(|segment| segment.batch_ending_at(said.last_offset)).map(|(_, batch)| batch);
            // Compaction keeps the last batch of each producer: what an older snapshot names may be gone.
            if held.is_none() && is_in_a_gap(said.last_offset, segments) {
                continue;
            }
            let written_by = held.and_then(|batch| batch.written_by);
            if said.last_offset >= end || written_by != Some((entry.producer_id, said.last_sequence)) {
                return Some(format!(
                    "producer {} ends with sequence {} at offset {}; the log has {written_by:?} there",
                    entry.producer_id.0, said.last_sequence, said.last_offset
                ));
            }
        }
    }
    None
}

/// Whether no batch has this offset though the log goes on behind it, with a batch or with a segment that begins there.
/// Only compaction makes such gaps, in the middle of a segment as well as at its end.
fn is_in_a_gap(offset: Offset, segments: &BTreeMap<Offset, &Segment>) -> bool {
    let batches = segments.range(..=offset).next_back().map_or(&[][..], |(_, segment)| &segment.batches);
    let next = batches.get(batches.partition_point(|batch| batch.last < offset));
    match next {
        Some(batch) => batch.first > offset,
        None => segments.range(offset + 1..).next().is_some(),
    }
}
