//! Transactions that an administrator plays: which partition of `__consumer_offsets` is meant is known when the step runs.

use trial_broker::client::Call;
use trial_broker::ids::{GroupId, ProducerEpoch, ProducerId};

use super::actions::Unresolved;
use super::build::ADMIN;
use super::execute::Run;
use super::view;
use crate::fault::Fault;
use crate::scenario::format::Action;
use crate::scenario::format::transaction::TransactionOutcome;
use crate::scenario::validate::partition_named;

/// No producer is fenced by another instance of itself here.
const EPOCH: ProducerEpoch = ProducerEpoch(0);

impl Run<'_> {
    /// The call of the unseen administrator.
    pub(super) fn transaction(&mut self, action: &Action) -> Result<Fault, Unresolved> {
        let call = match action {
            Action::CommitInTransaction(commit) => {
                let group = GroupId::new(&commit.group.value);
                let chosen = commit.offsets.iter();
                let offsets = chosen.filter_map(|(name, offset)| Some((partition_named(&name.value)?, offset.value)));
                Call::CommitInTransaction {
                    at: view::offsets_partition(&self.world, &group).ok_or(NO_OFFSETS_TOPIC)?,
                    group,
                    producer_id: ProducerId(commit.producer.value),
                    producer_epoch: EPOCH,
                    offsets: offsets.collect(),
                }
            }
            Action::EndTransaction(end) => Call::EndTransaction {
                at: view::offsets_partition(&self.world, &GroupId::new(&end.group.value)).ok_or(NO_OFFSETS_TOPIC)?,
                producer_id: ProducerId(end.producer.value),
                producer_epoch: EPOCH,
                committed: end.outcome == TransactionOutcome::Commit,
            },
            other => unreachable!("{} is no transaction's", other.name()),
        };
        Ok(Fault::Call { machine: ADMIN, ticket: self.ticket(), call })
    }
}

const NO_OFFSETS_TOPIC: &str = "nobody has asked for a coordinator yet: there is no __consumer_offsets";
