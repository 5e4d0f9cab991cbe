//! What a log remembers of its producers is what its batches say (`ProducerStateManager`).
//!
//! The memory is made anew, from a snapshot and the batches behind it, whenever a log is opened or cut. A producer that is
//! forgotten may begin with any sequence number: what it sends again is written again, and nobody notices. Only who wrote
//! nothing for `producer.id.expiration.ms` may be forgotten.

use trial_broker::ids::{Offset, ProducerId};
use trial_broker::log::Log;
use trial_broker::time::WallTime;

use super::Held;

/// What a log does not remember of the batches from an offset on.
pub(super) fn compare<'a>(
    held: impl Iterator<Item = &'a Held>,
    from: Offset,
    log: &Log,
    now: WallTime,
) -> Option<String> {
    // Few producers and many batches: the list stays short.
    let mut last: Vec<(ProducerId, (i32, &Held))> = Vec::new();
    for batch in held.filter(|batch| batch.first >= from) {
        let Some((producer, sequence)) = batch.written_by else { continue };
        match last.iter_mut().find(|(known, _)| *known == producer) {
            Some((_, known)) => *known = (sequence, batch),
            None => last.push((producer, (sequence, batch))),
        }
    }
    last.sort_unstable_by_key(|(producer, _)| *producer);
    let memory = log.producer_state();
    last.into_iter().find_map(|(producer, (sequence, batch))| {
        let remembered = match memory.producer(producer) {
            None if memory.may_forget(batch.max_timestamp, now) => return None,
            None => None,
            Some(entry) => Some(entry.batches.back()?.last_sequence),
        };
        (remembered != Some(sequence)).then(|| {
            let at = batch.last;
            format!(
                ": producer {} ends with sequence {sequence} at offset {at}, the log remembers {remembered:?}",
                producer.0
            )
        })
    })
}
