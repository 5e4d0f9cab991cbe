//! One log a reader: a consumer hears of it when the log was cut below its position (KIP-320).
//!
//! ```text
//!   what it read     … 8 9         of epoch 4
//!   the log now      … 7 │ 8 9 10  of epoch 6: another 8 and another 9
//!   it reads on at         10      and has not read what lies before that
//! ```
//!
//! After an election that loses records a consumer may stand above the place where the logs part. It must not go on there as if
//! nothing had happened: it asks the new leader where the epoch of its last record ends, and goes back to that. So whenever a
//! consumer reads on under a newer epoch, the log that holds the new record must hold the last one it read as well. Of records
//! of one epoch that is true of itself (`log-matching`).
//!
//! Nothing is asked across a seek, a reset, or a rebalance: there the consumer is told where to go. And nothing where the last
//! record is no longer in that log, because retention or compaction took it.

use trial_broker::event::RecordFact;
use trial_broker::ids::{LeaderEpoch, Offset, TopicPartition};

use super::Known;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};

pub(in crate::check) const TRUNCATION_NOTICED: Property = Property {
    name: "truncation-noticed",
    rule: "a consumer that goes on reading has read, at its last offset, the record that lies there in the log that it goes on in",
    source: "KIP-320; SubscriptionState.maybeValidatePositionForCurrentLeader, OffsetsForLeaderEpochUtils",
};

/// A record that a consumer has returned.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastRead {
    offset: Offset,
    epoch: LeaderEpoch,
}

impl Known {
    /// A consumer has returned records, the first and the last of these epochs: was the log cut below it meanwhile?
    pub(super) fn read_on(
        &mut self,
        seen: &Seen,
        partition: &TopicPartition,
        read: &[RecordFact],
        (first_epoch, last_epoch): (LeaderEpoch, LeaderEpoch),
    ) -> Option<Finding> {
        let (first, last) = (read.first()?, read.last()?);
        let new = LastRead { offset: last.offset, epoch: last_epoch };
        let before = self.readers.get_mut(&seen.machine)?.last_read.replace(new)?;
        if first_epoch == before.epoch || first.offset <= before.offset {
            return None;
        }
        let epoch_there = epoch_before(seen, partition, (first.offset, first_epoch), before.offset)?;
        if epoch_there == before.epoch {
            return None;
        }
        let message = format!(
            "{partition}: {} reads on at offset {} of epoch {first_epoch}; it has read offset {} of epoch {}, and that log \
             has one of epoch {epoch_there} there",
            seen.who(),
            first.offset,
            before.offset,
            before.epoch,
        );
        let proof = vec![
            Proof::on(seen.machine, Kind::Read),
            Proof::at(before.offset, Kind::Append),
            Proof::of(Kind::Registration),
        ];
        Some(Finding { property: TRUNCATION_NOTICED, partition: Some(partition.clone()), message, proof })
    }
}

/// The epoch at `offset` in a log that holds this record; none if no log holds both.
fn epoch_before(
    seen: &Seen,
    partition: &TopicPartition,
    (held, epoch): (Offset, LeaderEpoch),
    offset: Offset,
) -> Option<LeaderEpoch> {
    let mut logs = seen.model.replicas.of(partition).map(|(_, replica)| replica).filter(|replica| {
        replica.batch_at(held).is_some_and(|batch| batch.leader_epoch == epoch) && offset >= replica.log_start_offset
    });
    logs.find_map(|replica| replica.batch_at(offset)).map(|batch| batch.leader_epoch)
}
