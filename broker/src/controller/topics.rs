//! Topics and partitions come and go (`ReplicationControlManager`).

use super::configs::{clear_elr_records, config_records};
use super::placement::{self, UsableBroker};
use super::{Controller, Decision, Fact, Refusal, refuse};
use crate::context::Context;
use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::{NodeId, TopicId, TopicName};
use crate::message::{
    ConfigResource, CreatableTopic, CreatableTopicResult, CreatePartitionsRequest, CreatePartitionsResponse,
    CreatePartitionsTopic, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    ErrorCode,
};
use crate::metadata::{MetadataImage, MetadataRecord, PartitionRegistration};

/// The most partitions that one request may create.
const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;
/// Where the controllers keep their records; not a topic for anybody.
const CLUSTER_METADATA: &str = "__cluster_metadata";

impl Controller {
    pub(super) fn create_topics(&mut self, ctx: &mut Context<'_>, request: &CreateTopicsRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::atomic();
        let too_many = self.count_new_partitions(request) > MAX_PARTITIONS_PER_REQUEST;
        let mut topics = Vec::new();
        for (index, topic) in request.topics.iter().enumerate() {
            if is_repeated(index, &request.topics, |topic| &topic.name) {
                continue;
            }
            let is_duplicate = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let result = if too_many {
                refuse(ErrorCode::PolicyViolation, "Excessively large number of partitions per request.")
            } else if is_duplicate {
                refuse(ErrorCode::InvalidRequest, "Duplicate topic name.")
            } else {
                self.create_topic(ctx, &image, &mut decision, topic)
            };
            topics.push(result.unwrap_or_else(|Refusal(error, message)| CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: TopicId::ZERO,
                error,
                error_message: Some(message),
                num_partitions: -1,
                replication_factor: -1,
            }));
        }
        let decision = if request.validate_only { decision.without_records() } else { decision };
        decision.answer(CreateTopicsResponse { topics })
    }

    fn count_new_partitions(&self, request: &CreateTopicsRequest) -> i64 {
        let count = |topic: &CreatableTopic| match (topic.assignments.len(), topic.num_partitions) {
            (0, -1) => i64::from(self.config.log_manager.num_partitions),
            (0, partitions) => i64::from(partitions.max(0)),
            (assigned, _) => assigned as i64,
        };
        request.topics.iter().map(count).sum()
    }

    fn create_topic(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        decision: &mut Decision,
        topic: &CreatableTopic,
    ) -> Result<CreatableTopicResult, Refusal> {
        check_new_name(image, &topic.name)?;
        let resource = ConfigResource::Topic(topic.name.clone());
        let configs: Vec<(String, Option<String>)> =
            topic.configs.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        let mut settings = config_records(image, &self.config.group_coordinator, &resource, &configs)?;
        settings.extend(clear_elr_records(image, &settings));
        let assignments = self.new_topic_assignments(ctx, image, topic)?;
        let registrations = self.register_partitions(image, &assignments, 0, topic.assignments.is_empty())?;

        let topic_id = TopicId(ctx.choose_uuid());
        let partitions = registrations.len() as i32;
        decision.fact(ControllerEvent::TopicCreated { topic: topic.name.clone(), topic_id, partitions });
        decision.records.push(MetadataRecord::Topic { name: topic.name.clone(), topic_id });
        // Configurations come between the topic and its partitions.
        decision.records.extend(settings);
        push_partitions(decision, topic_id, 0, registrations);
        Ok(CreatableTopicResult {
            name: topic.name.clone(),
            topic_id,
            error: ErrorCode::None,
            error_message: None,
            num_partitions: partitions,
            replication_factor: assignments.first().map_or(-1, |replicas| replicas.len() as i16),
        })
    }

    fn new_topic_assignments(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        topic: &CreatableTopic,
    ) -> Result<Vec<Vec<NodeId>>, Refusal> {
        if !topic.assignments.is_empty() {
            if topic.replication_factor != -1 {
                let reason = "A manual partition assignment was specified, but replication factor was not set to -1.";
                return refuse(ErrorCode::InvalidRequest, reason);
            }
            if topic.num_partitions != -1 {
                let reason = "A manual partition assignment was specified, but numPartitions was not set to -1.";
                return refuse(ErrorCode::InvalidRequest, reason);
            }
            let mut replication_factor = None;
            for replicas in &topic.assignments {
                self.check_assignment(replicas, replication_factor)?;
                replication_factor = Some(replicas.len());
            }
            return Ok(topic.assignments.clone());
        }
        let default_factor = i16::try_from(self.config.log_manager.default_replication_factor).unwrap_or(i16::MAX);
        let (partitions, replication_factor) = match (topic.num_partitions, topic.replication_factor) {
            (_, factor) if factor < -1 || factor == 0 => {
                let reason = "Replication factor must be larger than 0, or -1 to use the default value.";
                return refuse(ErrorCode::InvalidReplicationFactor, reason);
            }
            (partitions, _) if partitions < -1 || partitions == 0 => {
                let reason = "Number of partitions was set to an invalid non-positive value.";
                return refuse(ErrorCode::InvalidPartitions, reason);
            }
            (-1, -1) => (self.config.log_manager.num_partitions, default_factor),
            (-1, factor) => (self.config.log_manager.num_partitions, factor),
            (partitions, -1) => (partitions, default_factor),
            (partitions, factor) => (partitions, factor),
        };
        self.place(ctx, image, partitions as usize, replication_factor.into())
    }

    fn place(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        partitions: usize,
        replication_factor: i32,
    ) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let rack = |broker: NodeId| image.broker(broker).and_then(|known| known.rack.clone());
        let usable: Vec<UsableBroker> = self
            .heartbeats()
            .usable()
            .map(|(broker, fenced)| UsableBroker { broker, rack: rack(broker), fenced })
            .collect();
        placement::place(ctx, &usable, partitions, replication_factor).map_err(|reason| {
            let message = format!("Unable to replicate the partition {replication_factor} time(s): {reason}");
            Refusal(ErrorCode::InvalidReplicationFactor, message)
        })
    }

    /// An assignment by hand names registered brokers, each once, as many as the other partitions have.
    pub(super) fn check_assignment(
        &self,
        replicas: &[NodeId],
        replication_factor: Option<usize>,
    ) -> Result<(), Refusal> {
        let invalid = |reason: String| refuse(ErrorCode::InvalidReplicaAssignment, &reason);
        if replicas.is_empty() {
            return invalid("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut sorted = replicas.to_vec();
        sorted.sort();
        for (index, broker) in sorted.iter().enumerate() {
            if self.image().broker(*broker).is_none() {
                return invalid(format!(
                    "The manual partition assignment includes broker {broker}, but no such broker is registered."
                ));
            }
            if index > 0 && sorted[index - 1] == *broker {
                return invalid(format!(
                    "The manual partition assignment includes the broker {broker} more than once."
                ));
            }
        }
        match replication_factor {
            Some(expected) if expected != replicas.len() => invalid(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
                 with previous partitions, which have {expected} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    /// New partitions: those of their replicas that are in service are in sync, the first of them leads.
    fn register_partitions(
        &self,
        image: &MetadataImage,
        assignments: &[Vec<NodeId>],
        first_partition: usize,
        placed: bool,
    ) -> Result<Vec<PartitionRegistration>, Refusal> {
        let mut registrations: Vec<PartitionRegistration> = Vec::new();
        for (index, replicas) in assignments.iter().enumerate() {
            let isr: Vec<NodeId> = replicas.iter().copied().filter(|node| self.is_active(*node)).collect();
            if isr.is_empty() && placed {
                let reason = format!(
                    "Unable to replicate the partition {} time(s): All brokers are currently fenced or in controlled \
                     shutdown.",
                    replicas.len()
                );
                return refuse(ErrorCode::InvalidReplicationFactor, &reason);
            }
            if isr.is_empty() {
                let reason = format!(
                    "All brokers specified in the manual partition assignment for partition {} are fenced or in \
                     controlled shutdown.",
                    first_partition + index
                );
                return refuse(ErrorCode::InvalidReplicaAssignment, &reason);
            }
            let directories =
                replicas.iter().map(|node| self.default_directory(image, &registrations, *node)).collect();
            registrations.push(PartitionRegistration::new(replicas.clone(), directories, isr));
        }
        Ok(registrations)
    }

    pub(super) fn delete_topics(&self, request: &DeleteTopicsRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::atomic();
        let mut topics = Vec::new();
        for (index, name) in request.topics.iter().enumerate() {
            if is_repeated(index, &request.topics, |name| name) {
                continue;
            }
            let is_duplicate = request.topics.iter().filter(|other| *other == name).count() > 1;
            let (topic_id, error) = match image.topic_id(name) {
                _ if is_duplicate => (TopicId::ZERO, ErrorCode::InvalidRequest),
                None => (TopicId::ZERO, ErrorCode::UnknownTopicOrPartition),
                Some(topic_id) => {
                    decision.records.push(MetadataRecord::RemoveTopic { topic_id });
                    decision.fact(ControllerEvent::TopicDeleted { topic: name.clone(), topic_id });
                    (topic_id, ErrorCode::None)
                }
            };
            topics.push((name.clone(), topic_id, error));
        }
        decision.answer(DeleteTopicsResponse { topics })
    }

    pub(super) fn create_partitions(&mut self, ctx: &mut Context<'_>, request: &CreatePartitionsRequest) -> Decision {
        let image = self.image().clone();
        let mut decision = Decision::atomic();
        let mut topics = Vec::new();
        for (index, topic) in request.topics.iter().enumerate() {
            if is_repeated(index, &request.topics, |topic| &topic.name) {
                continue;
            }
            let is_duplicate = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let result = if is_duplicate {
                refuse(ErrorCode::InvalidRequest, "Duplicate topic name.")
            } else {
                self.add_partitions(ctx, &image, &mut decision, topic)
            };
            topics.push(match result {
                Ok(()) => (topic.name.clone(), ErrorCode::None, None),
                Err(Refusal(error, message)) => (topic.name.clone(), error, Some(message)),
            });
        }
        let decision = if request.validate_only { decision.without_records() } else { decision };
        decision.answer(CreatePartitionsResponse { topics })
    }

    fn add_partitions(
        &mut self,
        ctx: &mut Context<'_>,
        image: &MetadataImage,
        decision: &mut Decision,
        request: &CreatePartitionsTopic,
    ) -> Result<(), Refusal> {
        let Some(topic) = image.topic(&request.name) else {
            return refuse(ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.");
        };
        let present = topic.partitions.len();
        let wanted = usize::try_from(request.count).unwrap_or(0);
        if wanted == present {
            return refuse(ErrorCode::InvalidPartitions, &format!("Topic already has {present} partition(s)."));
        }
        if wanted < present {
            let reason = format!(
                "The topic {} currently has {present} partition(s); {} would not be an increase.",
                request.name, request.count
            );
            return refuse(ErrorCode::InvalidPartitions, &reason);
        }
        let additional = wanted - present;
        let replication_factor = topic.partitions.values().next().map_or(0, |partition| partition.replicas.len());
        let placed = request.assignments.is_empty();
        let assignments = if placed {
            self.place(ctx, image, additional, replication_factor as i32)?
        } else {
            if request.assignments.len() != additional {
                let reason = format!(
                    "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                    request.assignments.len()
                );
                return refuse(ErrorCode::InvalidReplicaAssignment, &reason);
            }
            for replicas in &request.assignments {
                self.check_assignment(replicas, Some(replication_factor))?;
            }
            request.assignments.clone()
        };
        let registrations = self.register_partitions(image, &assignments, present, placed)?;
        push_partitions(decision, topic.topic_id, present as i32, registrations);
        Ok(())
    }
}

/// Whether the same name came before: what is named twice is refused, and answered once.
fn is_repeated<T>(index: usize, topics: &[T], name: impl Fn(&T) -> &TopicName) -> bool {
    topics[..index].iter().any(|earlier| name(earlier) == name(&topics[index]))
}

fn push_partitions(decision: &mut Decision, topic_id: TopicId, first: i32, registrations: Vec<PartitionRegistration>) {
    for (partition, registration) in (first..).zip(registrations) {
        decision.facts.push(Fact::PartitionChanged {
            record: decision.records.len(),
            reason: PartitionChangeReason::Created,
            unclean: false,
        });
        decision.records.push(MetadataRecord::Partition { partition, topic_id, registration });
    }
}

/// Kafka's rules for topic names: 1 to 249 of `[a-zA-Z0-9._-]`, and no two that differ only in `.` and `_`.
fn check_new_name(image: &MetadataImage, name: &TopicName) -> Result<(), Refusal> {
    let text = name.as_str();
    let invalid = |reason: String| refuse(ErrorCode::InvalidTopicException, &reason);
    if text == CLUSTER_METADATA {
        return refuse(ErrorCode::InvalidRequest, &format!("Creation of internal topic {text} is prohibited."));
    }
    if text.is_empty() {
        return invalid("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if text == "." || text == ".." {
        return invalid(format!("Topic name is invalid: '{text}' is not allowed"));
    }
    if text.len() > 249 {
        return invalid(format!("Topic name is invalid: the length of '{text}' is longer than 249 characters"));
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return invalid(format!("Topic name is invalid: '{text}' contains other characters than [a-zA-Z0-9._-]"));
    }
    if image.topic(name).is_some() {
        return refuse(ErrorCode::TopicAlreadyExists, &format!("Topic '{text}' already exists."));
    }
    let unify = |name: &str| name.replace('.', "_");
    match image.topic_ids().keys().find(|existing| unify(existing.as_str()) == unify(text)) {
        Some(existing) => invalid(format!("Topic '{text}' collides with existing topic: {existing}")),
        None => Ok(()),
    }
}
