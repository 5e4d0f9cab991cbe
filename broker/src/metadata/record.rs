//! Records of the metadata log, at the versions that Kafka 4.1 writes (metadata.version 4.1-IV1).

use serde::Serialize;

use crate::ids::{
    BrokerEpoch, DirectoryId, Endpoint, IncarnationId, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicName,
};
use crate::message::{ConfigResource, LeaderRecoveryState};

/// One record of the metadata log. Kafka's record types keep their names and API keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "type")]
pub enum MetadataRecord {
    /// Key 0, version 3: a broker process is registered; it starts fenced.
    RegisterBroker {
        /// The broker.
        broker: NodeId,
        /// This process.
        incarnation_id: IncarnationId,
        /// The registration's epoch.
        broker_epoch: BrokerEpoch,
        /// Where it listens.
        endpoints: Vec<Endpoint>,
        /// Feature ranges it supports.
        features: Vec<(String, i16, i16)>,
        /// Its rack.
        rack: Option<String>,
        /// Whether it is fenced.
        fenced: bool,
        /// Whether it shuts down.
        in_controlled_shutdown: bool,
        /// Its log directories.
        log_directories: Vec<DirectoryId>,
    },
    /// Key 1, version 0: a broker is removed from the cluster.
    UnregisterBroker {
        /// The broker.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
    },
    /// Key 2, version 0: a topic exists.
    Topic {
        /// Its name.
        name: TopicName,
        /// Its id.
        topic_id: TopicId,
    },
    /// Key 3, version 2: a partition exists.
    Partition {
        /// Its index.
        partition: i32,
        /// Its topic.
        topic_id: TopicId,
        /// What is known of it.
        registration: PartitionRegistration,
    },
    /// Key 4, version 0: a configuration value was set, or removed.
    Config {
        /// Of what.
        resource: ConfigResource,
        /// The setting's name.
        name: String,
        /// Its value; none removes it.
        value: Option<String>,
    },
    /// Key 5, version 2: something about a partition changed. `None`: unchanged.
    PartitionChange {
        /// Its index.
        partition: i32,
        /// Its topic.
        topic_id: TopicId,
        /// What changed.
        change: PartitionChange,
    },
    /// Key 9, version 0: a topic is gone.
    RemoveTopic {
        /// Which.
        topic_id: TopicId,
    },
    /// Key 12, version 0: a feature has this level.
    FeatureLevel {
        /// Its name.
        name: String,
        /// Its level.
        level: i16,
    },
    /// Key 15, version 0: producer ids were given to a broker.
    ProducerIds {
        /// The broker.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// The first id not yet given.
        next_producer_id: i64,
    },
    /// Key 17, version 2: a broker's registration changed. `None`: unchanged.
    BrokerRegistrationChange {
        /// The broker.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Fenced, or unfenced.
        fenced: Option<bool>,
        /// Whether it began its controlled shutdown.
        in_controlled_shutdown: Option<bool>,
        /// Its log directories that work.
        log_directories: Option<Vec<DirectoryId>>,
    },
    /// Key 20, version 0: nothing; keeps offsets moving.
    NoOp,
    /// Key 23, version 0: a metadata transaction begins.
    BeginTransaction {
        /// What for.
        name: String,
    },
    /// Key 24, version 0: it ends.
    EndTransaction,
    /// Key 25, version 0: it is undone.
    AbortTransaction {
        /// Why.
        reason: String,
    },
    /// Key 27, version 0: a controller process is registered.
    RegisterController {
        /// The controller.
        controller: NodeId,
        /// This process.
        incarnation_id: IncarnationId,
        /// Where it listens.
        endpoints: Vec<Endpoint>,
        /// Feature ranges it supports.
        features: Vec<(String, i16, i16)>,
    },
    /// Key 28, version 0: forget the eligible leader replicas (KIP-966) of a topic, or of all.
    ClearElr {
        /// The topic; none for all.
        topic: Option<TopicName>,
    },
}

/// What the controller knows of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PartitionRegistration {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Each replica's log directory, in the order of `replicas`.
    pub directories: Vec<DirectoryId>,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas on their way out.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas on their way in.
    pub adding_replicas: Vec<NodeId>,
    /// Eligible leader replicas: outside the ISR, yet holding every committed record (KIP-966).
    pub elr: Vec<NodeId>,
    /// The last leader before the partition became leaderless.
    pub last_known_elr: Vec<NodeId>,
    /// The leader; NONE if there is none.
    pub leader: NodeId,
    /// Whether the leader recovers from an unclean election.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Grows when the leader changes.
    pub leader_epoch: LeaderEpoch,
    /// Grows with every change.
    pub partition_epoch: PartitionEpoch,
}

/// A change of a partition's registration: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct PartitionChange {
    /// The new in-sync replicas.
    pub isr: Option<Vec<NodeId>>,
    /// The new leader. Present means: the leader epoch rises, even if it is the same node.
    pub leader: Option<NodeId>,
    /// The new replicas.
    pub replicas: Option<Vec<NodeId>>,
    /// The new directories.
    pub directories: Option<Vec<DirectoryId>>,
    /// The new set on its way out.
    pub removing_replicas: Option<Vec<NodeId>>,
    /// The new set on its way in.
    pub adding_replicas: Option<Vec<NodeId>>,
    /// The new eligible leader replicas.
    pub elr: Option<Vec<NodeId>>,
    /// The new last known leader.
    pub last_known_elr: Option<Vec<NodeId>>,
    /// The new recovery state.
    pub leader_recovery_state: Option<LeaderRecoveryState>,
}
