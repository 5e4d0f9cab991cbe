//! Resets: `auto.offset.reset` is for offsets that are not there, and for nothing else.
//!
//! A consumer that stands in a partition is sent to its beginning or its end if its offset lies outside of the leader's log: below
//! the start, because retention took it, or above the end, because the log was cut. An offset between the two is a reason for
//! neither, whoever says otherwise: a follower that does not know yet that the offset is committed (KIP-392), or a leader whose
//! place somebody else has taken.
//!
//! What a consumer does that has no position yet is another matter: there the reset is its beginning.

use trial_broker::event::PositionReason;
use trial_broker::ids::TopicPartition;

use super::Known;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};

pub(in crate::check) const RESET_ONLY_WHEN_GONE: Property = Property {
    name: "reset-only-when-gone",
    rule: "auto.offset.reset moves a consumer that stands somewhere only if the log does not hold its offset",
    source: "documentation of auto.offset.reset; KIP-392; FetchCollector.handleInitializeErrors",
};

impl Known {
    /// A consumer goes elsewhere: if that is a reset, its offset must have been gone.
    pub(super) fn was_reset(&self, seen: &Seen, partition: &TopicPartition, reason: PositionReason) -> Option<Finding> {
        let stood = self.readers.get(&seen.machine)?.next().filter(|_| reason == PositionReason::Reset)?;
        let end = seen.model.partitions.get(partition)?.committed_end;
        let start = seen.model.replicas.of(partition).map(|(_, replica)| replica.highest_log_start_offset).max()?;
        if stood < start || stood > end || seen.model.had_another(&partition.topic) {
            return None;
        }
        let message = format!(
            "{partition}: {} stood at offset {stood}, and is reset; every log begins at {start} or before, and what lies \
             below {end} is committed",
            seen.who()
        );
        let proof = vec![
            Proof::on(seen.machine, Kind::Position),
            Proof::on(seen.machine, Kind::Read),
            Proof::at(stood, Kind::HighWatermark),
            Proof::of(Kind::Fetched),
        ];
        Some(Finding { property: RESET_ONLY_WHEN_GONE, partition: Some(partition.clone()), message, proof })
    }
}
