//! Which replica a consumer should read from (`findPreferredReadReplica`, `RackAwareReplicaSelector`; KIP-392).
//!
//! A leader that is asked by a consumer of another rack answers without records, and names an in-sync replica of the
//! consumer's rack that holds the wanted offset. The consumer reads there for metadata.max.age.ms, and then asks the leader
//! again. A follower serves what lies below its own high watermark, which it learns one fetch late.

use super::leader::Surroundings;
use super::local_partition::Partition;
use super::read::FetchParameters;
use crate::config::ReplicaSelector;
use crate::ids::{NodeId, Offset};
use crate::time::Time;

impl Partition {
    /// The replica to name; none if this one shall answer itself.
    pub(super) fn preferred_read_replica(
        &self,
        around: &Surroundings,
        parameters: &FetchParameters,
        fetch_offset: Offset,
        now: Time,
    ) -> Option<NodeId> {
        let rack = parameters.rack.as_deref()?;
        if around.settings.replica_selector == ReplicaSelector::Leader || parameters.is_from_follower() {
            return None;
        }
        let leader = self.leader()?;
        let stands_there = |node: NodeId| {
            let broker = around.image.broker(node).filter(|broker| !broker.fenced);
            broker.is_some_and(|broker| broker.rack.as_deref() == Some(rack))
        };
        if stands_there(around.node) {
            return None;
        }
        // One that lags may be left behind for good by a consumer that goes on reading there.
        let holds = |(id, log_start, log_end): (NodeId, Offset, Offset)| {
            leader.isr.committed().contains(&id) && log_start <= fetch_offset && fetch_offset <= log_end
        };
        let suitable = leader
            .followers
            .iter()
            .filter(|(id, state)| holds((**id, state.log_start_offset, state.log_end_offset)) && stands_there(**id));
        // The most caught-up one: by its end, then by how lately it was at the leader's.
        let rank = |(id, state): &(&NodeId, &super::replica::FollowerState)| {
            let since = state.last_caught_up_time.map(|time| now.since(time));
            (state.log_end_offset, std::cmp::Reverse(since.unwrap_or(std::time::Duration::MAX)), **id)
        };
        suitable.max_by_key(rank).map(|(id, _)| *id)
    }
}
