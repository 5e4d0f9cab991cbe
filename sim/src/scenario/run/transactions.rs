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
                let (group, producer_id) = (GroupId::new(&commit.group.value), ProducerId(commit.producer.value));
                let at = view::offsets_partition(&self.world, &group).ok_or(NO_OFFSETS_TOPIC)?;
                self.transactions.insert((producer_id, group.clone()), at.clone());
                let chosen = commit.offsets.iter();
                let offsets = chosen.filter_map(|(name, offset)| Some((partition_named(&name.value)?, offset.value)));
                Call::CommitInTransaction { at, group, producer_id, producer_epoch: EPOCH, offsets: offsets.collect() }
            }
            Action::EndTransaction(end) => {
                let (group, producer_id) = (GroupId::new(&end.group.value), ProducerId(end.producer.value));
                // A transaction coordinator knows where it has written, also while nobody lives who could be asked.
                let written = self.transactions.get(&(producer_id, group.clone())).cloned();
                let at = written.or_else(|| view::offsets_partition(&self.world, &group)).ok_or(NO_OFFSETS_TOPIC)?;
                let committed = end.outcome == TransactionOutcome::Commit;
                Call::EndTransaction { at, producer_id, producer_epoch: EPOCH, committed }
            }
            other => unreachable!("{} is no transaction's", other.name()),
        };
        Ok(Fault::Call { machine: ADMIN, ticket: self.ticket(), call })
    }
}

const NO_OFFSETS_TOPIC: &str = "nobody has asked for a coordinator yet: there is no __consumer_offsets";
