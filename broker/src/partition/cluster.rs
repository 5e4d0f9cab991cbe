//! What replication asks of the cluster's metadata (`MetadataCache` as `Partition` and `ReplicaManager` use it).

use crate::ids::{BrokerEpoch, NodeId};
use crate::message::{LeaderHint, NodeEndpoint};
use crate::metadata::MetadataImage;

/// The epoch of a broker's registration; `None` while it is fenced or not registered.
pub(super) fn alive_broker_epoch(image: &MetadataImage, broker: NodeId) -> Option<BrokerEpoch> {
    image.broker(broker).filter(|registration| !registration.fenced).map(|registration| registration.broker_epoch)
}

/// Whether a follower that fetched under `fetched_epoch` may be in an ISR (KIP-841, KIP-903).
///
/// It must be registered, not fenced, not on its way out, and the process that fetched must be the one that is
/// registered: else a restarted, empty disk could enter under the name of the one it replaced.
pub(super) fn is_isr_eligible(image: &MetadataImage, broker: NodeId, fetched_epoch: Option<BrokerEpoch>) -> bool {
    let Some(registration) = image.broker(broker) else { return false };
    let Some(fetched_epoch) = fetched_epoch else { return false };
    registration.is_active() && (fetched_epoch == BrokerEpoch::NONE || fetched_epoch == registration.broker_epoch)
}

/// The endpoint of a broker that clients may see, for a KIP-951 hint.
pub(super) fn node_endpoint(image: &MetadataImage, hint: LeaderHint) -> Option<NodeEndpoint> {
    let registration = image.broker(hint.leader).filter(|registration| !registration.fenced)?;
    Some(NodeEndpoint {
        node: hint.leader,
        endpoint: registration.endpoint()?.clone(),
        rack: registration.rack.clone(),
    })
}
