//! Which versions of which APIs Trial speaks, and what each listener announces.
//!
//! As in Kafka, a connection begins with ApiVersions: the server lists its ranges, and
//! for each API the client uses the highest version that both sides know (KIP-35). A
//! controller's listener announces other APIs than a broker's (KIP-591).
//!
//! The ranges are Kafka 4.1's stable ones, for the APIs that Trial speaks.
//! Simplified: Trial's own machines fetch by topic id only, so they ask no server that
//! knows no version 13; they answer readers who do not.

use crate::message::{Api, ApiVersionsResponse};

/// The versions of one API that one side speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionRange {
    /// The lowest version.
    pub lowest: i16,
    /// The highest version.
    pub highest: i16,
}

impl VersionRange {
    /// Whether the range contains this version.
    pub fn contains(self, version: i16) -> bool {
        (self.lowest..=self.highest).contains(&version)
    }

    /// The highest version that both ranges contain.
    pub fn highest_common(self, other: VersionRange) -> Option<i16> {
        let highest = self.highest.min(other.highest);
        (highest >= self.lowest && highest >= other.lowest).then_some(highest)
    }
}

/// The versions of an API that Trial can read and write.
pub fn spoken(api: Api) -> VersionRange {
    let (lowest, highest) = match api {
        Api::Produce => (3, 13),
        Api::Fetch => (4, 18),
        Api::ListOffsets => (1, 10),
        Api::Metadata => (0, 13),
        // Version 10 of OffsetCommit and OffsetFetch (topic ids) is not stable in 4.1.
        Api::OffsetCommit => (2, 9),
        Api::OffsetFetch => (1, 9),
        Api::FindCoordinator => (0, 6),
        Api::JoinGroup => (0, 9),
        Api::Heartbeat => (0, 4),
        Api::LeaveGroup => (0, 5),
        Api::SyncGroup => (0, 5),
        Api::DescribeGroups => (0, 6),
        Api::ListGroups => (0, 5),
        Api::ApiVersions => (0, 4),
        Api::CreateTopics => (2, 7),
        Api::DeleteTopics => (1, 6),
        Api::DeleteRecords => (0, 2),
        // Version 6 (two-phase commit) is not stable in 4.1.
        Api::InitProducerId => (0, 5),
        Api::OffsetForLeaderEpoch => (2, 4),
        Api::CreatePartitions => (0, 3),
        Api::DeleteGroups => (0, 2),
        Api::ElectLeaders => (0, 2),
        Api::IncrementalAlterConfigs => (0, 1),
        Api::AlterPartitionReassignments => (0, 1),
        Api::OffsetDelete => (0, 0),
        Api::WriteTxnMarkers => (1, 1),
        Api::TxnOffsetCommit => (0, 5),
        Api::Vote => (0, 2),
        Api::BeginQuorumEpoch => (0, 1),
        Api::EndQuorumEpoch => (0, 1),
        Api::DescribeQuorum => (0, 2),
        Api::AlterPartition => (2, 3),
        Api::FetchSnapshot => (0, 1),
        Api::BrokerRegistration => (0, 4),
        Api::BrokerHeartbeat => (0, 1),
        Api::AllocateProducerIds => (0, 0),
        Api::ConsumerGroupHeartbeat => (0, 1),
        Api::ConsumerGroupDescribe => (0, 1),
        Api::ControllerRegistration => (0, 0),
    };
    VersionRange { lowest, highest }
}

/// The versions of an API at which Trial's own machines ask.
pub fn asked(api: Api) -> VersionRange {
    let range = spoken(api);
    match api {
        Api::Fetch => VersionRange { lowest: 13, ..range },
        _ => range,
    }
}

/// The newest version of an API: what two machines of Trial negotiate.
pub fn latest(api: Api) -> i16 {
    spoken(api).highest
}

/// Whether a broker's client listener serves the API.
pub fn served_by_broker(api: Api) -> bool {
    match api {
        Api::Produce
        | Api::Fetch
        | Api::ListOffsets
        | Api::Metadata
        | Api::OffsetCommit
        | Api::OffsetFetch
        | Api::FindCoordinator
        | Api::JoinGroup
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::SyncGroup
        | Api::DescribeGroups
        | Api::ListGroups
        | Api::DeleteGroups
        | Api::OffsetDelete
        | Api::TxnOffsetCommit
        | Api::WriteTxnMarkers
        | Api::ConsumerGroupHeartbeat
        | Api::ConsumerGroupDescribe
        | Api::ApiVersions
        | Api::CreateTopics
        | Api::DeleteTopics
        | Api::DeleteRecords
        | Api::InitProducerId
        | Api::OffsetForLeaderEpoch
        | Api::CreatePartitions
        | Api::ElectLeaders
        | Api::IncrementalAlterConfigs
        | Api::AlterPartitionReassignments
        | Api::DescribeQuorum => true,
        Api::Vote
        | Api::BeginQuorumEpoch
        | Api::EndQuorumEpoch
        | Api::AlterPartition
        | Api::FetchSnapshot
        | Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::ControllerRegistration => false,
    }
}

/// Whether a controller's listener serves the API.
pub fn served_by_controller(api: Api) -> bool {
    match api {
        Api::Produce
        | Api::ListOffsets
        | Api::Metadata
        | Api::OffsetCommit
        | Api::OffsetFetch
        | Api::FindCoordinator
        | Api::JoinGroup
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::SyncGroup
        | Api::DescribeGroups
        | Api::ListGroups
        | Api::DeleteGroups
        | Api::OffsetDelete
        | Api::TxnOffsetCommit
        | Api::WriteTxnMarkers
        | Api::ConsumerGroupHeartbeat
        | Api::ConsumerGroupDescribe
        | Api::DeleteRecords
        | Api::InitProducerId
        | Api::OffsetForLeaderEpoch => false,
        Api::Fetch
        | Api::ApiVersions
        | Api::CreateTopics
        | Api::DeleteTopics
        | Api::CreatePartitions
        | Api::ElectLeaders
        | Api::IncrementalAlterConfigs
        | Api::AlterPartitionReassignments
        | Api::Vote
        | Api::BeginQuorumEpoch
        | Api::EndQuorumEpoch
        | Api::DescribeQuorum
        | Api::AlterPartition
        | Api::FetchSnapshot
        | Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::ControllerRegistration => true,
    }
}

/// What a broker's client listener announces: (API key, lowest, highest), by key.
///
/// Produce is announced from version 0 although the broker serves it from 3, as Kafka
/// does for clients that take the absence of version 0 to mean no produce at all
/// (KAFKA-18659).
pub fn supported_by_broker() -> Vec<(i16, i16, i16)> {
    announced(served_by_broker)
}

/// What a controller's listener announces: (API key, lowest, highest), by key.
pub fn supported_by_controller() -> Vec<(i16, i16, i16)> {
    announced(served_by_controller)
}

fn announced(served: fn(Api) -> bool) -> Vec<(i16, i16, i16)> {
    Api::ALL
        .iter()
        .filter(|api| served(**api))
        .map(|api| {
            let range = spoken(*api);
            let lowest = if *api == Api::Produce { 0 } else { range.lowest };
            (*api as i16, lowest, range.highest)
        })
        .collect()
}

/// The version to use with a server that answered ApiVersions like this; `None` if the
/// server does not serve the API, or at no version that Trial speaks.
pub fn negotiate(api: Api, answer: &ApiVersionsResponse) -> Option<i16> {
    let (_, lowest, highest) = *answer.api_keys.iter().find(|(key, _, _)| *key == api as i16)?;
    asked(api).highest_common(VersionRange { lowest, highest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(api_keys: Vec<(i16, i16, i16)>) -> ApiVersionsResponse {
        ApiVersionsResponse {
            error: crate::message::ErrorCode::None,
            api_keys,
            finalized_features: Vec::new(),
            finalized_features_epoch: -1,
            supported_features: Vec::new(),
        }
    }

    #[test]
    fn the_highest_common_version_wins_and_none_means_none() {
        assert_eq!(negotiate(Api::Fetch, &answer(supported_by_broker())), Some(18));
        assert_eq!(negotiate(Api::Produce, &answer(vec![(0, 0, 12)])), Some(12));
        assert_eq!(negotiate(Api::Fetch, &answer(vec![(1, 4, 12)])), None);
        assert_eq!(negotiate(Api::Vote, &answer(supported_by_broker())), None);
        assert_eq!(negotiate(Api::Vote, &answer(supported_by_controller())), Some(2));
    }

    #[test]
    fn every_api_is_served_somewhere_and_keys_are_announced_in_order() {
        for api in Api::ALL {
            assert!(served_by_broker(*api) || served_by_controller(*api), "{}", api.name());
        }
        for list in [supported_by_broker(), supported_by_controller()] {
            assert!(list.windows(2).all(|pair| pair[0].0 < pair[1].0), "{list:?}");
        }
    }
}
