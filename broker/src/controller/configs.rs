//! Dynamic configuration (KIP-339), and what KIP-966 asks of min.insync.replicas.
//!
//! Whoever changes min.insync.replicas changes what "eligible" means, so the eligible leader
//! replicas of every affected partition are forgotten with the same write.

use super::{Controller, Decision, Refusal, refuse};
use crate::config::{GroupCoordinatorSettings, LogSettings, Properties};
use crate::message::{ConfigResource, ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use crate::metadata::{MetadataImage, MetadataRecord, topic_config_name};

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
/// `Short.MAX_VALUE`: no value may be longer.
const MAX_VALUE_LENGTH: usize = 32_767;

impl Controller {
    pub(super) fn incremental_alter_configs(&self, request: &IncrementalAlterConfigsRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::atomic();
        let mut resources = Vec::new();
        for (index, (resource, changes)) in request.resources.iter().enumerate() {
            if request.resources[..index].iter().any(|(earlier, _)| earlier == resource) {
                continue;
            }
            let is_duplicate = request.resources[index + 1..].iter().any(|(later, _)| later == resource);
            let result = if is_duplicate {
                refuse(ErrorCode::InvalidRequest, "Duplicate resource.")
            } else {
                self.check_resource(&image, resource)
                    .and_then(|()| config_records(&image, &self.config.group_coordinator, resource, changes))
            };
            match result {
                Ok(records) => {
                    decision.records.extend(records);
                    resources.push((resource.clone(), ErrorCode::None, None));
                }
                Err(Refusal(error, message)) => resources.push((resource.clone(), error, Some(message))),
            }
        }
        let clearing = clear_elr_records(&image, &decision.records);
        decision.records.extend(clearing);
        let decision = if request.validate_only { decision.without_records() } else { decision };
        decision.answer(IncrementalAlterConfigsResponse { resources })
    }

    fn check_resource(&self, image: &MetadataImage, resource: &ConfigResource) -> Result<(), Refusal> {
        match resource {
            ConfigResource::Cluster => Ok(()),
            ConfigResource::Broker(node) if node.0 < 0 => {
                refuse(ErrorCode::InvalidRequest, "Invalid negative broker ID.")
            }
            // Simplified: Kafka also accepts the ids of quorum voters; here a controller must have registered.
            ConfigResource::Broker(node)
                if image.broker(*node).is_none()
                    && !image.controllers().contains_key(node)
                    && *node != self.config.node =>
            {
                refuse(ErrorCode::BrokerIdNotRegistered, &format!("No node with id {node} found."))
            }
            ConfigResource::Broker(_) => Ok(()),
            ConfigResource::Topic(topic) if image.topic(topic).is_none() => {
                refuse(ErrorCode::UnknownTopicOrPartition, &format!("The topic '{topic}' does not exist."))
            }
            ConfigResource::Group(group) if group.is_empty() => {
                refuse(ErrorCode::InvalidRequest, "Default group resources are not allowed.")
            }
            // A group may have settings before it has members.
            ConfigResource::Topic(_) | ConfigResource::Group(_) => Ok(()),
        }
    }
}

/// The records that set these values, after Kafka's checks.
pub(super) fn config_records(
    image: &MetadataImage,
    groups: &GroupCoordinatorSettings,
    resource: &ConfigResource,
    changes: &[(String, Option<String>)],
) -> Result<Vec<MetadataRecord>, Refusal> {
    let existing = image.config(resource);
    let mut all = existing.cloned().unwrap_or_default();
    let mut records = Vec::new();
    for (name, value) in changes {
        let is_topic = matches!(resource, ConfigResource::Topic(_));
        // Brokers reload what they are told again (KAFKA-14136), so it is written even if it is the same.
        if is_topic && existing.and_then(|values| values.get(name)) == value.as_ref() {
            continue;
        }
        check_value(image, resource, name, value.as_deref())?;
        match value {
            Some(value) => all.insert(name.clone(), value.clone()),
            None => all.remove(name),
        };
        records.push(MetadataRecord::Config { resource: resource.clone(), name: name.clone(), value: value.clone() });
    }
    match resource {
        ConfigResource::Topic(_) => check_topic_configs(&all)?,
        ConfigResource::Broker(_) | ConfigResource::Cluster => check_broker_configs(&all)?,
        ConfigResource::Group(_) => {
            groups.check_group(&all).map_err(|reason| Refusal(ErrorCode::InvalidConfig, reason))?;
        }
    }
    Ok(records)
}

fn check_value(
    image: &MetadataImage,
    resource: &ConfigResource,
    name: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    if name == MIN_INSYNC_REPLICAS && image.is_elr_enabled() {
        match resource {
            ConfigResource::Broker(_) => {
                let reason = "Broker-level min.insync.replicas cannot be altered while ELR is enabled.";
                return refuse(ErrorCode::InvalidConfig, reason);
            }
            ConfigResource::Cluster if value.is_none() => {
                let reason = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.";
                return refuse(ErrorCode::InvalidConfig, reason);
            }
            ConfigResource::Cluster | ConfigResource::Topic(_) | ConfigResource::Group(_) => {}
        }
    }
    if value.is_some_and(|value| value.len() > MAX_VALUE_LENGTH) {
        let reason = format!("The value exceeds the maximum value size of {MAX_VALUE_LENGTH} bytes.");
        return refuse(ErrorCode::InvalidConfig, &reason);
    }
    Ok(())
}

/// `LogConfig.validate`. Simplified: the topic settings of Kafka that Trial has no use for are unknown here.
fn check_topic_configs(configs: &Properties) -> Result<(), Refusal> {
    for name in configs.keys() {
        if !LogSettings::DEFINITIONS.iter().any(|definition| definition.name == name) {
            return refuse(ErrorCode::InvalidConfig, &format!("Unknown topic config name: {name}"));
        }
    }
    match LogSettings::from_properties(configs).and_then(|settings| settings.agree()) {
        Ok(()) => Ok(()),
        Err(error) => refuse(ErrorCode::InvalidConfig, &error.to_string()),
    }
}

/// Simplified: in Kafka the broker that forwards the request checks these values; the controller takes
/// what comes. Here the controller checks those that are defaults of topics.
fn check_broker_configs(configs: &Properties) -> Result<(), Refusal> {
    let as_topic = configs.iter().map(|(name, value)| (topic_config_name(name).to_owned(), value.clone())).collect();
    match LogSettings::from_properties(&as_topic) {
        Ok(_) => Ok(()),
        Err(error) => refuse(ErrorCode::InvalidConfig, &error.to_string()),
    }
}

/// With ELR on, one ClearElr behind the writes for each change of min.insync.replicas.
pub(super) fn clear_elr_records(image: &MetadataImage, records: &[MetadataRecord]) -> Vec<MetadataRecord> {
    if !image.is_elr_enabled() {
        return Vec::new();
    }
    let clearing = records.iter().filter_map(|record| match record {
        MetadataRecord::Config { resource, name, .. } if name == MIN_INSYNC_REPLICAS => match resource {
            ConfigResource::Topic(topic) => Some(MetadataRecord::ClearElr { topic: Some(topic.clone()) }),
            ConfigResource::Broker(_) | ConfigResource::Cluster => Some(MetadataRecord::ClearElr { topic: None }),
            ConfigResource::Group(_) => None,
        },
        _ => None,
    });
    clearing.collect()
}
