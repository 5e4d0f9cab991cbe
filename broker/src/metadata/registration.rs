//! What the image knows of one broker, one controller, one topic, one partition.

use std::collections::BTreeMap;

use super::{PartitionChange, PartitionRegistration};
use crate::ids::{BrokerEpoch, DirectoryId, Endpoint, IncarnationId, NodeId, Offset, TopicId, TopicName};
use crate::message::LeaderRecoveryState;

/// A broker as the controller registered it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerRegistration {
    /// The broker.
    pub broker: NodeId,
    /// The registration's epoch.
    pub broker_epoch: BrokerEpoch,
    /// The process.
    pub incarnation_id: IncarnationId,
    /// Where it listens; the first is for clients and other brokers.
    pub endpoints: Vec<Endpoint>,
    /// Feature ranges it supports: (name, lowest, highest).
    pub features: Vec<(String, i16, i16)>,
    /// Its rack.
    pub rack: Option<String>,
    /// Whether it is fenced: it leads nothing and clients do not see it.
    pub fenced: bool,
    /// Whether it hands its leaderships over.
    pub in_controlled_shutdown: bool,
    /// Its log directories that work.
    pub directories: Vec<DirectoryId>,
    /// The offset of its last RegisterBroker record: a broker that has replayed it may be unfenced.
    pub registration_offset: Offset,
}

impl BrokerRegistration {
    /// Where clients and other brokers reach it.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoints.first()
    }

    /// Neither fenced nor on its way out.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether a directory of this broker works, as far as is known: the reserved ids
    /// for "unassigned" and "migrating" count as working, "lost" does not.
    pub fn has_online_directory(&self, directory: DirectoryId) -> bool {
        match directory {
            DirectoryId::UNASSIGNED | DirectoryId::MIGRATING => true,
            DirectoryId::LOST => false,
            // A broker whose last directory failed stops; until then nothing is known (KAFKA-16162).
            _ if self.directories.is_empty() => true,
            id => self.directories.contains(&id),
        }
    }
}

/// A controller process as it registered itself (KIP-919).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerRegistration {
    /// The controller.
    pub controller: NodeId,
    /// The process.
    pub incarnation_id: IncarnationId,
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// Feature ranges it supports.
    pub features: Vec<(String, i16, i16)>,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicImage {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// Its partitions by index.
    pub partitions: BTreeMap<i32, PartitionRegistration>,
}

/// A broker-level setting that is a default of topics, by its topic-level name
/// (`ServerTopicConfigSynonyms`); other names are returned as they are.
pub fn topic_config_name(broker_config: &str) -> &str {
    match broker_config {
        "log.segment.bytes" => "segment.bytes",
        "log.roll.ms" => "segment.ms",
        "log.retention.ms" => "retention.ms",
        "log.retention.bytes" => "retention.bytes",
        "log.index.interval.bytes" => "index.interval.bytes",
        "log.index.size.max.bytes" => "segment.index.bytes",
        "log.message.timestamp.after.max.ms" => "message.timestamp.after.max.ms",
        "log.message.timestamp.type" => "message.timestamp.type",
        "log.flush.interval.messages" => "flush.messages",
        "log.segment.delete.delay.ms" => "file.delete.delay.ms",
        "log.cleanup.policy" => "cleanup.policy",
        "log.cleaner.min.cleanable.ratio" => "min.cleanable.dirty.ratio",
        "log.cleaner.min.compaction.lag.ms" => "min.compaction.lag.ms",
        "log.cleaner.max.compaction.lag.ms" => "max.compaction.lag.ms",
        "log.cleaner.delete.retention.ms" => "delete.retention.ms",
        "message.max.bytes" => "max.message.bytes",
        name => name,
    }
}

impl PartitionRegistration {
    /// The registration after a change: its version rises, and with a named leader its leader epoch.
    pub fn apply(&mut self, change: &PartitionChange) {
        if let Some(replicas) = &change.replicas {
            self.directories = replicas.iter().map(|replica| self.directory(*replica)).collect();
            self.replicas = replicas.clone();
        }
        if let Some(directories) = &change.directories {
            self.directories = directories.clone();
        }
        if let Some(isr) = &change.isr {
            self.isr = isr.clone();
        }
        if let Some(removing) = &change.removing_replicas {
            self.removing_replicas = removing.clone();
        }
        if let Some(adding) = &change.adding_replicas {
            self.adding_replicas = adding.clone();
        }
        if let Some(elr) = &change.elr {
            self.elr = elr.clone();
        }
        if let Some(last_known) = &change.last_known_elr {
            self.last_known_elr = last_known.clone();
        }
        if let Some(leader) = change.leader {
            self.leader = leader;
            self.leader_epoch = self.leader_epoch.next();
        }
        if let Some(state) = change.leader_recovery_state {
            self.leader_recovery_state = state;
        }
        self.partition_epoch = self.partition_epoch.next();
    }

    /// The directory of one replica; UNASSIGNED for a node that is none.
    pub fn directory(&self, replica: NodeId) -> DirectoryId {
        let index = self.replicas.iter().position(|node| *node == replica);
        index.and_then(|index| self.directories.get(index).copied()).unwrap_or(DirectoryId::UNASSIGNED)
    }

    /// Whether replicas are on their way in or out.
    pub fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    /// The replica that leads when all is well.
    pub fn preferred_leader(&self) -> NodeId {
        self.replicas.first().copied().unwrap_or(NodeId::NONE)
    }

    /// A registration of a new partition: the given replicas, all of `isr` in sync, the first of it leading.
    pub fn new(replicas: Vec<NodeId>, directories: Vec<DirectoryId>, isr: Vec<NodeId>) -> PartitionRegistration {
        assert_eq!(replicas.len(), directories.len(), "one directory a replica");
        PartitionRegistration {
            leader: isr.first().copied().unwrap_or(NodeId::NONE),
            replicas,
            directories,
            isr,
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader_recovery_state: LeaderRecoveryState::Recovered,
            leader_epoch: crate::ids::LeaderEpoch(0),
            partition_epoch: crate::ids::PartitionEpoch(0),
        }
    }
}
