//! What administrators are asked for: topics, settings and groups that can be.

use trial_broker::config::{GroupSettings, LogSettings};

use super::super::diagnostic::{Diagnostic, suggestion};
use super::super::format::administration::{CreateTopic, DeleteTopic};
use super::super::format::{Action, Spanned};
use super::{Kind, OFFSETS_TOPIC, Scope, cluster};

/// Of both protocols (`ClassicGroupState`, `ConsumerGroup.ConsumerGroupState`).
pub(super) const GROUP_STATES: &[&str] =
    &["PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "Stable", "Empty", "Dead"];
/// `Group.GroupType`, as far as Trial has them.
const GROUP_TYPES: &[&str] = &["classic", "consumer"];

impl Scope {
    pub(super) fn administration(&mut self, action: &Action) {
        let client = match action {
            Action::CreateTopic(topic) => &topic.client,
            Action::DeleteTopic(topic) => &topic.client,
            Action::CreatePartitions(partitions) => &partitions.client,
            Action::AlterConfig(config) => &config.client,
            Action::ElectLeader(elect) => &elect.client,
            Action::Reassign(reassign) => &reassign.client,
            Action::DeleteRecords(records) => &records.client,
            Action::ListGroups(list) => &list.client,
            Action::DescribeGroup(one) | Action::DeleteGroup(one) => &one.client,
            Action::DeleteOffsets(delete) => &delete.client,
            _ => &None,
        };
        if let Some(client) = client {
            self.client(client, Some(Kind::Admin));
        }
        match action {
            Action::CreateTopic(topic) => self.create_topic(topic),
            Action::DeleteTopic(topic) => self.delete_topic(topic),
            Action::CreatePartitions(more) => {
                if self.topic(&more.topic.value, &more.topic.span) {
                    let place = more.count.span.clone();
                    self.topics.insert(more.topic.value.clone(), (more.count.value, place));
                }
                for (index, list) in more.replicas.iter().flat_map(|lists| lists.value.iter()).enumerate() {
                    cluster::check_replica_list(list, index, self);
                }
            }
            Action::AlterConfig(config) => {
                if let Some(topic) = config.topic.as_ref().filter(|topic| topic.value != OFFSETS_TOPIC) {
                    self.topic(&topic.value, &topic.span);
                }
                if let Some(broker) = &config.broker {
                    self.broker(broker.value, &broker.span);
                }
                if config.group.is_some() {
                    cluster::check_settings(&config.set, &[GroupSettings::DEFINITIONS], &[], self);
                    cluster::check_values(&config.set, |given| GroupSettings::from_properties(given).map(|_| ()), self);
                } else {
                    cluster::check_settings(&config.set, &[LogSettings::DEFINITIONS], &[], self);
                    cluster::check_values(&config.set, |given| LogSettings::from_properties(given).map(|_| ()), self);
                }
            }
            Action::ElectLeader(elect) => {
                if let Some(partition) = &elect.partition {
                    self.partition(&partition.value, &partition.span);
                }
            }
            Action::DeleteRecords(records) => {
                self.partition(&records.partition.value, &records.partition.span);
            }
            Action::DeleteOffsets(delete) => {
                for partition in &delete.partitions {
                    self.partition(&partition.value, &partition.span);
                }
            }
            Action::ListGroups(list) => {
                self.one_of(&list.states, GROUP_STATES, "state");
                self.one_of(&list.types, GROUP_TYPES, "type");
            }
            Action::Reassign(reassign) => {
                self.partition(&reassign.partition.value, &reassign.partition.span);
                if let Some(replicas) = &reassign.replicas {
                    cluster::check_replica_list(replicas, 0, self);
                }
            }
            _ => {}
        }
    }

    /// A broker lists no group for a name that it does not know, and says nothing.
    fn one_of(&mut self, names: &[Spanned<String>], known: &[&str], what: &str) {
        for name in names.iter().filter(|name| !known.contains(&name.value.as_str())) {
            let label = suggestion(&name.value, known.to_vec());
            self.mistake(Diagnostic::new(format!("no group has such a {what}"), name.span.clone(), label));
        }
    }

    /// The name is free from now on.
    fn delete_topic(&mut self, topic: &DeleteTopic) {
        if self.topic(&topic.name.value, &topic.name.span) {
            self.deleted.insert(topic.name.value.clone());
        }
    }

    fn create_topic(&mut self, topic: &CreateTopic) {
        cluster::check_topic_name(&topic.name, self);
        let partitions = cluster::check_placement(
            topic.partitions.as_ref(),
            topic.replication_factor.as_ref(),
            topic.replicas.as_ref(),
            &topic.name,
            self,
        );
        cluster::check_settings(&topic.config, &[LogSettings::DEFINITIONS], &[], self);
        cluster::check_values(&topic.config, |given| LogSettings::from_properties(given).map(|_| ()), self);
        self.topics.insert(topic.name.value.clone(), (partitions, topic.name.span.clone()));
    }
}
