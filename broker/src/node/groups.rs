//! The data lane's group coordinator: what it needs of the broker around it, carried to and fro.

use std::sync::Arc;

use bytes::Bytes;

use super::config::NodeConfig;
use crate::api::connections::Incoming;
use crate::context::Context;
use crate::effects::Output;
use crate::group::contract::RequestContext;
use crate::group::coordinator::{Broker, GroupCoordinator};
use crate::group::find::{OFFSETS_TOPIC, create_offsets_topic, find_coordinators};
use crate::group::runtime::{LogRead, OffsetsLog};
use crate::ids::{Offset, RequestHandle, TopicName, TopicPartition};
use crate::input::{Internal, Lane};
use crate::message::{CreateTopicsRequest, ErrorCode, Request, Response};
use crate::metadata::{MetadataImage, MetadataUpdate};
use crate::partition::ReplicaManager;
use crate::time::Time;

/// The token under which the request for the offsets topic travels on the forwarding channel.
pub(super) const OFFSETS_TOPIC_TOKEN: u64 = u64::MAX;

/// The group coordinator of a broker, and the topic that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Groups {
    config: Arc<NodeConfig>,
    coordinator: GroupCoordinator,
    topic: TopicName,
    creation: TopicCreation,
}

/// The request for the offsets topic: one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TopicCreation {
    /// Nobody needs the topic, or the last answer has come.
    Idle,
    /// Somebody needs it.
    Wanted,
    /// The controller is asked.
    InFlight,
}

impl Groups {
    pub(super) fn new(config: &Arc<NodeConfig>) -> Groups {
        let settings = Arc::new(config.group_coordinator.clone());
        Groups {
            config: config.clone(),
            coordinator: GroupCoordinator::new(config.node, settings, config.behaviour.clone()),
            topic: TopicName::new(OFFSETS_TOPIC),
            creation: TopicCreation::Idle,
        }
    }

    pub(super) fn coordinator(&self) -> &GroupCoordinator {
        &self.coordinator
    }

    /// Lets the coordinator act on the broker.
    fn act<T>(
        &mut self,
        manager: &mut ReplicaManager,
        image: &MetadataImage,
        act: impl FnOnce(&mut GroupCoordinator, &mut Broker) -> T,
    ) -> T {
        let mut log = Logs { manager, topic: &self.topic };
        act(&mut self.coordinator, &mut Broker { log: &mut log, image })
    }

    /// The logs are loaded: the coordinator takes up what this broker leads.
    pub(super) fn start(&mut self, ctx: &mut Context, manager: &mut ReplicaManager, image: &MetadataImage) {
        self.act(manager, image, |coordinator, broker| coordinator.start(ctx, broker));
    }

    pub(super) fn stop(&mut self) {
        self.coordinator.stop();
    }

    /// A request; `Some` if it is answered at once.
    pub(super) fn handle(
        &mut self,
        ctx: &mut Context,
        manager: &mut ReplicaManager,
        image: &MetadataImage,
        incoming: Incoming,
    ) -> Option<Response> {
        let Incoming { handle, request, info } = incoming;
        if let Request::FindCoordinator(request) = &request {
            let found = find_coordinators(image, request, self.coordinator.partition_count());
            if found.topic_is_missing && self.creation == TopicCreation::Idle {
                self.creation = TopicCreation::Wanted;
            }
            return Some(found.response.into());
        }
        let who = RequestContext {
            handle,
            version: info.version,
            client_id: info.client_id.to_string(),
            client_host: format!("/{}", info.client_id),
        };
        self.act(manager, image, |coordinator, broker| coordinator.handle(ctx, broker, &who, request));
        None
    }

    /// A request for the offsets topic, if it is to be created.
    pub(super) fn take_topic_request(&mut self) -> Option<CreateTopicsRequest> {
        if self.creation != TopicCreation::Wanted {
            return None;
        }
        self.creation = TopicCreation::InFlight;
        let timeout_ms = i32::try_from(self.config.controller.request_timeout.as_millis()).unwrap_or(i32::MAX);
        Some(create_offsets_topic(&self.config.group_coordinator, timeout_ms))
    }

    /// The controller has answered, or could not be asked. Whoever asks next sees the topic, or has it asked for again.
    pub(super) fn topic_answered(&mut self) {
        self.creation = TopicCreation::Idle;
    }

    pub(super) fn apply_metadata(
        &mut self,
        ctx: &mut Context,
        manager: &mut ReplicaManager,
        (old, image): (&MetadataImage, &MetadataImage),
        update: &MetadataUpdate,
    ) {
        self.act(manager, image, |coordinator, broker| coordinator.apply_metadata(ctx, broker, old, update));
    }

    pub(super) fn go_on_loading(
        &mut self,
        ctx: &mut Context,
        manager: &mut ReplicaManager,
        image: &MetadataImage,
        partition: i32,
    ) {
        self.act(manager, image, |coordinator, broker| coordinator.go_on_loading(ctx, broker, partition));
    }

    pub(super) fn on_timers(&mut self, ctx: &mut Context, manager: &mut ReplicaManager, image: &MetadataImage) {
        self.act(manager, image, |coordinator, broker| coordinator.on_timers(ctx, broker));
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.coordinator.next_deadline()
    }

    /// What may be answered now that the partitions are what they are.
    pub(super) fn settle(
        &mut self,
        ctx: &mut Context,
        manager: &mut ReplicaManager,
        image: &MetadataImage,
    ) -> Vec<(RequestHandle, Response)> {
        self.act(manager, image, |coordinator, broker| coordinator.look_at_high_watermarks(ctx, broker));
        for partition in self.coordinator.take_reads() {
            ctx.output(Output::Internal { to: Lane::Data, input: Internal::LoadCoordinator { partition } });
        }
        self.coordinator.take_answers()
    }
}

/// The offsets topic's partitions on this broker, as its coordinators see them.
struct Logs<'a> {
    manager: &'a mut ReplicaManager,
    topic: &'a TopicName,
}

impl Logs<'_> {
    fn name(&self, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition }
    }
}

impl OffsetsLog for Logs<'_> {
    fn append(&mut self, ctx: &mut Context, partition: i32, batch: Bytes) -> Result<Offset, ErrorCode> {
        let name = self.name(partition);
        self.manager.append_for_coordinator(ctx, &name, batch)
    }

    fn read(
        &mut self,
        ctx: &mut Context,
        partition: i32,
        from: Option<Offset>,
        max_bytes: i32,
    ) -> Result<LogRead, ErrorCode> {
        let name = self.name(partition);
        let log = self.manager.led(&name)?.log();
        let (log_end_offset, high_watermark) = (log.log_end_offset(), log.high_watermark());
        let from = from.unwrap_or(log.log_start_offset());
        let records = self.manager.read_for_coordinator(ctx, &name, from, max_bytes)?;
        Ok(LogRead { records, from, log_end_offset, high_watermark })
    }

    fn max_batch_bytes(&self, partition: i32) -> Result<usize, ErrorCode> {
        let partition = self.manager.led(&self.name(partition))?;
        Ok(usize::try_from(partition.log().settings().max_message_bytes).unwrap_or(0))
    }

    fn high_watermark(&self, partition: i32) -> Option<Offset> {
        self.manager.led(&self.name(partition)).ok().map(|partition| partition.log().high_watermark())
    }
}
