//! What a broker or controller process is started with: its `server.properties`.

use crate::config::{
    Behaviour, ConfigError, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings, Properties,
    RaftSettings, ReplicationSettings, Role, Voter,
};
use crate::ids::{ClusterId, DirectoryId, NodeId};
use crate::name::Name;

/// The configuration of one process. Everything in it is fixed while the process lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeConfig {
    /// `node.id`.
    pub node: NodeId,
    /// `process.roles`.
    pub role: Role,
    /// The machine's host name: `b1`, `c2`.
    pub host: Name,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The cluster that the storage was formatted for.
    pub cluster_id: ClusterId,
    /// `controller.quorum.bootstrap.servers`, with the keys that the first voters were formatted with.
    pub voters: Vec<Voter>,
    /// The id of the metadata directory on this machine's disk.
    pub metadata_directory: DirectoryId,
    /// The ids of the data directories on this machine's disk: `data-0`, `data-1`, …
    pub data_directories: Vec<DirectoryId>,
    /// Feature levels that the cluster was formatted with instead of 4.1's (`kafka-storage.sh format --feature`).
    pub features: Vec<(String, i16)>,
    /// The properties as written, from which the groups below were read.
    pub properties: Properties,
    /// Replication settings.
    pub replication: ReplicationSettings,
    /// Defaults of topics' logs.
    pub log: LogSettings,
    /// Log background settings.
    pub log_manager: LogManagerSettings,
    /// Metadata quorum settings.
    pub raft: RaftSettings,
    /// Broker life and controller settings.
    pub controller: ControllerSettings,
    /// Settings of the group coordinator.
    pub group_coordinator: GroupCoordinatorSettings,
    /// Which Kafka it behaves as.
    pub behaviour: Behaviour,
}

impl NodeConfig {
    /// Fills the groups of settings from `self.properties`.
    ///
    /// # Errors
    /// The first value of the wrong kind or outside its range, or the first that does not go with another
    /// (`KafkaConfig.validateValues`).
    pub fn read_properties(&mut self) -> Result<(), ConfigError> {
        self.replication = ReplicationSettings::from_properties(&self.properties)?;
        self.log = LogSettings::from_properties(&self.properties)?;
        self.log_manager = LogManagerSettings::from_properties(&self.properties)?;
        self.raft = RaftSettings::from_properties(&self.properties)?;
        self.controller = ControllerSettings::from_properties(&self.properties)?;
        self.group_coordinator = GroupCoordinatorSettings::from_properties(&self.properties)?;
        self.replication.agree()?;
        self.log.agree_as_defaults()
    }
}
