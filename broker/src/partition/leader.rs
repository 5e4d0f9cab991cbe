//! The leader's side of one partition: followers, in-sync set, and the high watermark they add up to.
//!
//! ```text
//!   log start ≤ high watermark ≤ log end offset of every member of the maximal ISR ≤ leader's log end offset
//! ```
//!
//! The high watermark is the promise to clients: what lies below it survives as long
//! as one member of the in-sync set does. It is the smallest log end offset over
//!
//! * the leader,
//! * the **maximal** ISR (see [`IsrState`]), because any of these sets may be in force, and
//! * replicas outside of it that are caught up and may enter: if the high watermark ran
//!   ahead of them, they would chase it for ever and never enter.
//!
//! A member that has not yet fetched from this leader has an unknown end and blocks any
//! advance. While the *committed* ISR is smaller than the effective min.insync.replicas the
//! high watermark is not evaluated at all (KIP-966, KAFKA-15583): what only the leader holds
//! must not become visible, because then it could not be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cluster;
use super::isr::IsrState;
use super::replica::FollowerState;
use crate::config::{Behaviour, Hazard, ReplicationSettings, Switch};
use crate::ids::{BrokerEpoch, NodeId, Offset};
use crate::log::Log;
use crate::metadata::MetadataImage;
use crate::time::Time;

/// What a partition sees of the broker around it.
pub(super) struct Surroundings<'a> {
    /// This broker.
    pub node: NodeId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// The cluster's metadata.
    pub image: &'a MetadataImage,
    /// Replication settings.
    pub settings: &'a ReplicationSettings,
    /// Deliberate bugs.
    pub behaviour: &'a Behaviour,
}

/// What is true only while this broker leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    /// The log end offset when this leader epoch began. A follower below it may lack records that an earlier
    /// leader committed, so it may not enter the ISR yet.
    pub epoch_start_offset: Offset,
    /// The in-sync set.
    pub isr: IsrState,
    /// The other replicas.
    pub followers: BTreeMap<NodeId, FollowerState>,
}

impl Leader {
    /// min.insync.replicas, but never more than there are replicas (those being added count).
    pub fn effective_min_isr(&self, min_insync_replicas: i32) -> usize {
        usize::try_from(min_insync_replicas).unwrap_or(0).min(self.followers.len() + 1)
    }

    /// Whether the committed ISR is too small: acks=all is refused and the high watermark stands still.
    pub fn is_under_min_isr(&self, min_insync_replicas: i32) -> bool {
        self.isr.committed().len() < self.effective_min_isr(min_insync_replicas)
    }

    /// The high watermark that the known ends allow; `None` while it may not be evaluated. May be smaller than the
    /// present one, which then stays.
    pub(super) fn high_watermark_candidate(
        &self,
        around: &Surroundings,
        log_end_offset: Offset,
        min_insync_replicas: i32,
        now: Time,
    ) -> Option<Offset> {
        if self.is_under_min_isr(min_insync_replicas) && !around.behaviour.is(Switch::HighWatermarkBelowMinIsr) {
            return None;
        }
        let committed_only = around.behaviour.is(Switch::HighWatermarkFromCommittedIsr);
        let ignores_unknown = around.behaviour.is(Switch::HighWatermarkIgnoresUnknown);
        let lag_max = around.settings.replica_lag_time_max;
        let counts_all = around.behaviour.is(Switch::HighWatermarkMayFall);
        let counts = |id: NodeId, follower: &FollowerState| {
            if counts_all {
                return true;
            }
            if committed_only {
                return self.isr.committed().contains(&id);
            }
            self.isr.is_in_maximal(id)
                || (follower.is_caught_up(log_end_offset, now, lag_max)
                    && cluster::is_isr_eligible(around.image, id, follower.broker_epoch))
        };
        let mut candidate = log_end_offset;
        for (id, follower) in &self.followers {
            if ignores_unknown && follower.log_end_offset < 0 {
                continue;
            }
            if follower.log_end_offset < candidate && counts(*id, follower) {
                candidate = follower.log_end_offset;
            }
        }
        Some(candidate)
    }

    /// Whether a follower may be proposed for the ISR now; asked only when it fetches.
    pub(super) fn should_expand(&self, around: &Surroundings, follower: NodeId, high_watermark: Offset) -> bool {
        let Some(state) = self.followers.get(&follower) else { return false };
        let reached =
            state.log_end_offset >= high_watermark || around.behaviour.is(Switch::IsrExpandBelowHighWatermark);
        self.isr.pending().is_none()
            && !self.isr.committed().contains(&follower)
            && !around.behaviour.is(Switch::NeverExpandIsr)
            && (cluster::is_isr_eligible(around.image, follower, state.broker_epoch)
                || around.behaviour.is(Switch::IsrAcceptsFenced))
            && reached
            && (state.log_end_offset >= self.epoch_start_offset
                || around.behaviour.is(Switch::IsrExpandBelowHighWatermark)
                || around.behaviour.is(Switch::IsrJoinIgnoresEpochStart))
    }

    /// Whether a follower would be let in below min.insync.replicas although it lags: the high watermark stands still
    /// there, and reaching it says little. Kafka does not ask: [`Hazard::IsrFlapsBelowMinIsr`].
    pub(super) fn would_flap(&self, around: &Surroundings, follower: NodeId, log: &Log, now: Time) -> bool {
        let lag_max = around.settings.replica_lag_time_max;
        let lags = |follower: &FollowerState| !follower.is_caught_up(log.log_end_offset(), now, lag_max);
        around.behaviour.mends(Hazard::IsrFlapsBelowMinIsr)
            && self.is_under_min_isr(log.settings().min_insync_replicas)
            && self.followers.get(&follower).is_some_and(lags)
    }

    /// Whether a follower would be let in with records that lie before this log's start: they cannot be compared with what
    /// was there. Kafka does not ask: [`Hazard::DivergenceBelowLogStart`].
    pub(super) fn is_beyond_comparison(&self, around: &Surroundings, follower: NodeId, log: &Log) -> bool {
        let starts_before = |follower: &FollowerState| follower.log_start_offset < log.log_start_offset();
        around.behaviour.mends(Hazard::DivergenceBelowLogStart)
            && self.followers.get(&follower).is_some_and(starts_before)
    }

    /// The members of the ISR that lag; empty while a change is pending.
    pub fn out_of_sync(&self, node: NodeId, log_end_offset: Offset, now: Time, lag_max: Duration) -> BTreeSet<NodeId> {
        if self.isr.pending().is_some() {
            return BTreeSet::new();
        }
        let lags = |id: &NodeId| {
            self.followers.get(id).is_none_or(|follower| !follower.is_caught_up(log_end_offset, now, lag_max))
        };
        self.isr.committed().iter().copied().filter(|id| *id != node && lags(id)).collect()
    }
}
