//! What an administrator is asked to do: the tables behind `create-topic`, `alter-config`, `delete-group` and their kin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::ReplicaLists;
use super::settings::Settings;
use super::value::Spanned;

/// A topic to create while the cluster runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CreateTopic {
    /// Who asks; an administrator that is not in the scenario unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Its name.
    pub name: Spanned<String>,
    /// How many partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Spanned<u32>>,
    /// How many replicas each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<Spanned<u32>>,
    /// The brokers of each partition, the preferred leader first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<ReplicaLists>>,
    /// Its settings.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub config: Settings,
}

/// A topic to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeleteTopic {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Its name.
    pub name: Spanned<String>,
}

/// Partitions to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CreatePartitions {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which topic.
    pub topic: Spanned<String>,
    /// How many it shall have.
    pub count: Spanned<u32>,
    /// The brokers of the new partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<ReplicaLists>>,
}

/// Settings to change: of a topic, of a broker, or of all brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AlterConfig {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Spanned<String>>,
    /// Of which broker; all unless a topic, a group or a broker is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<Spanned<i32>>,
    /// Of which group of the protocol of KIP-848.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Spanned<String>>,
    /// New values.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub set: Settings,
    /// Overrides to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Spanned<String>>,
}

/// Leaders to elect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ElectLeader {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which partition; of all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Spanned<String>>,
    /// The preferred leader unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclean: Option<bool>,
}

/// A partition to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reassign {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Which partition.
    pub partition: Spanned<String>,
    /// To which brokers; cancels a reassignment unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Spanned<Vec<Spanned<i32>>>>,
}

/// The first records of a partition to give up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeleteRecords {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which partition.
    pub partition: Spanned<String>,
    /// Those below this offset; all that are committed unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Spanned<i64>>,
}

/// Groups to list (`Admin.listGroups`): those that the brokers coordinate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ListGroups {
    /// Who asks; an administrator that is not in the scenario unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Only groups in these states, as Kafka writes them: ["Stable", "Empty"].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Spanned<String>>,
    /// Only groups of these types: ["classic"], ["consumer"].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<Spanned<String>>,
}

/// A group to ask about, or to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OneGroup {
    /// Who asks; an administrator that is not in the scenario unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Which group.
    pub group: Spanned<String>,
}

/// Committed offsets to forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeleteOffsets {
    /// Who asks; an administrator that is not in the scenario unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Spanned<String>>,
    /// Of which group.
    pub group: Spanned<String>,
    /// Of which partitions: ["orders-0"].
    pub partitions: Vec<Spanned<String>>,
}
