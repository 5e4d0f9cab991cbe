//! The data lane: partitions, replica fetchers and the clients' connections (`BrokerServer`, `KafkaApis`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::channels_config;
use super::config::NodeConfig;
use super::format::data_directory;
use super::groups::{Groups, OFFSETS_TOPIC_TOKEN};
use super::quorum::exit;
use crate::api::connections::{Incoming, Listener, ServerConnections};
use crate::api::forwarding::{Forwarded, Forwarding, PRODUCER_IDS_TOKEN, is_forwarded};
use crate::api::metadata_answer::{answer_api_versions, answer_metadata, complete_topics};
use crate::api::outgoing::{ChannelFailure, ChannelKey, ChannelOutput, ChannelPurpose, Channels};
use crate::api::producer_ids::ProducerIdManager;
use crate::context::Context;
use crate::effects::Output;
use crate::event::{ExitReason, LifecycleEvent};
use crate::group::coordinator::GroupCoordinator;
use crate::ids::{BROKER_PORT, BrokerEpoch, Endpoint, NodeId, RequestHandle};
use crate::input::{Input, Internal, Lane};
use crate::message::{InitProducerIdRequest, Request, Response};
use crate::metadata::{MetadataImage, MetadataUpdate};
use crate::partition::{LogDirectory, PartitionOutput, ReplicaManager, ReplicaManagerConfig};
use crate::time::{Time, earliest};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DataLane {
    config: Arc<NodeConfig>,
    manager: ReplicaManager,
    /// The broker's own view of the cluster: what it answers Metadata requests from.
    image: MetadataImage,
    /// Who talks to this broker's listener.
    connections: ServerConnections,
    /// This broker's connections to leaders and to the active controller.
    channels: Channels,
    forwarding: Forwarding,
    producer_ids: ProducerIdManager,
    broker_epoch: BrokerEpoch,
    /// The groups that this broker coordinates.
    groups: Groups,
    service: Service,
}

/// Whether the lane still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Service {
    /// It does.
    Open,
    /// The logs are closed: nothing may touch their files any more, though the process may still have to leave the
    /// quorum.
    Closed,
}

/// The token of the one AlterPartition request that may be in flight.
const ALTER_PARTITION_TOKEN: u64 = 0;

impl DataLane {
    /// The data directories with the numbers in `offline` cannot be used until the next start.
    pub(super) fn new(config: &Arc<NodeConfig>, offline: &BTreeSet<usize>, ctx: &mut Context) -> DataLane {
        let directories = config
            .data_directories
            .iter()
            .enumerate()
            .map(|(index, id)| LogDirectory {
                path: data_directory(index),
                id: *id,
                is_usable: !offline.contains(&index),
            })
            .collect();
        let manager = ReplicaManager::new(
            ReplicaManagerConfig {
                node: config.node,
                directories,
                replication: config.replication.clone(),
                log: config.log.clone(),
                log_manager: config.log_manager.clone(),
                behaviour: config.behaviour.clone(),
            },
            ctx,
        );
        DataLane {
            config: config.clone(),
            manager,
            image: MetadataImage::default(),
            connections: ServerConnections::new(Listener::Broker),
            channels: Channels::new(channels_config(Lane::Data, config)),
            forwarding: Forwarding::default(),
            producer_ids: ProducerIdManager::new(config.node),
            broker_epoch: BrokerEpoch::NONE,
            groups: Groups::new(config),
            service: Service::Open,
        }
    }

    /// The registration that the last clean stop belonged to; NONE after any other stop.
    pub(super) fn previous_broker_epoch(&mut self, ctx: &mut Context) -> BrokerEpoch {
        self.manager.previous_broker_epoch(ctx)
    }

    pub(super) fn step(&mut self, ctx: &mut Context, input: Input) {
        if self.service == Service::Closed {
            return;
        }
        match input {
            Input::Accepted { connection, .. } => self.connections.accepted(connection),
            Input::Connected { connection } => self.channels.connected(ctx, connection),
            Input::Closed { connection, reason } if connection.is_accepted() => {
                self.connections.closed(connection, reason);
            }
            Input::Closed { connection, .. } => self.channels.closed(ctx, connection),
            Input::Received { connection, message } if connection.is_accepted() => {
                if let Some(incoming) = self.connections.received(ctx, connection, message) {
                    self.handle_request(ctx, incoming);
                }
            }
            Input::Received { connection, message } => self.channels.received(ctx, connection, message),
            Input::Timers { .. } => self.on_timers(ctx),
            Input::Flushed { token, result } => self.manager.flushed(ctx, token, result),
            Input::Internal { input, .. } => self.on_internal(ctx, input),
            Input::Call { .. } | Input::Abandon { .. } | Input::Stop => {}
        }
        self.settle(ctx);
    }

    fn on_timers(&mut self, ctx: &mut Context) {
        self.channels.on_timers(ctx);
        self.manager.on_timers(ctx);
        self.groups.on_timers(ctx, &mut self.manager, &self.image);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        if self.service == Service::Closed {
            return None;
        }
        earliest([self.manager.next_deadline(), self.channels.next_deadline(), self.groups.next_deadline()])
    }

    pub(super) fn replicas(&self) -> &ReplicaManager {
        &self.manager
    }

    pub(super) fn image(&self) -> &MetadataImage {
        &self.image
    }

    pub(super) fn groups(&self) -> &GroupCoordinator {
        self.groups.coordinator()
    }

    fn on_internal(&mut self, ctx: &mut Context, input: Internal) {
        match input {
            Internal::Metadata(update) => self.apply_metadata(ctx, &update),
            Internal::ControllerChanged { endpoint, .. } => {
                self.channels.controller_changed(ctx, endpoint);
            }
            Internal::Registered { broker_epoch } => {
                self.broker_epoch = broker_epoch;
                self.manager.registered(broker_epoch);
            }
            Internal::LoadLogs => {
                self.manager.start_loading(ctx);
                again(ctx);
            }
            Internal::LoadNextLog => {
                if self.manager.load_next_log(ctx) {
                    again(ctx);
                }
            }
            Internal::LoadCoordinator { partition } => {
                self.groups.go_on_loading(ctx, &mut self.manager, &self.image, partition);
            }
            Internal::Serve => ctx.output(Output::Listen { port: BROKER_PORT }),
            Internal::ControlledShutdownStarted => self.manager.controlled_shutdown_started(),
            Internal::ShutDown => {
                ctx.output(Output::StopListening { port: BROKER_PORT });
                self.connections.close_all(ctx);
                self.channels.close_all(ctx);
                self.groups.stop();
                self.manager.shut_down(ctx, self.broker_epoch);
                self.service = Service::Closed;
            }
            // These are said to other lanes.
            Internal::MetadataApplied { .. }
            | Internal::LogsLoaded
            | Internal::LogsClosed
            | Internal::DirectoryFailed { .. }
            | Internal::LeaveQuorum => {}
        }
    }

    fn apply_metadata(&mut self, ctx: &mut Context, update: &MetadataUpdate) {
        let old = self.image.clone();
        if update.is_snapshot {
            self.image = MetadataImage::default();
        }
        for (offset, record) in &update.records {
            self.image.apply(*offset, record);
        }
        self.image.set_last_offset(update.last_offset);
        self.manager.apply_metadata(ctx, &self.image, update);
        self.groups.apply_metadata(ctx, &mut self.manager, (&old, &self.image), update);
        let offset = update.last_offset;
        if !update.records.is_empty() {
            ctx.emit(LifecycleEvent::MetadataApplied { offset });
        }
        ctx.output(Output::Internal { to: Lane::Lifecycle, input: Internal::MetadataApplied { offset } });
    }

    fn handle_request(&mut self, ctx: &mut Context, incoming: Incoming) {
        if incoming.request.api().is_about_groups() {
            return self.handle_group_request(ctx, incoming);
        }
        let Incoming { handle, request, .. } = incoming;
        match request {
            Request::Produce(mut request) => {
                complete_topics(&self.image, &mut request);
                self.manager.produce(ctx, handle, request);
            }
            Request::Fetch(request) => self.manager.fetch(ctx, handle, request),
            Request::ListOffsets(request) => self.manager.list_offsets(ctx, handle, request),
            Request::DeleteRecords(request) => self.manager.delete_records(ctx, handle, &request),
            Request::OffsetForLeaderEpoch(request) => self.manager.offset_for_leader_epoch(ctx, handle, request),
            Request::Metadata(request) => {
                let response = answer_metadata(&self.image, &request);
                self.connections.respond(ctx, handle, response.into());
            }
            Request::ApiVersions(_) => {
                let response = answer_api_versions(&self.image, Listener::Broker);
                self.connections.respond(ctx, handle, response.into());
            }
            Request::InitProducerId(request) => self.init_producer_id(ctx, handle, &request),
            request if is_forwarded(request.api()) => {
                self.forwarding.forward(ctx, &mut self.channels, handle, request);
            }
            _ => self.connections.close(ctx, handle.connection),
        }
    }

    fn handle_group_request(&mut self, ctx: &mut Context, incoming: Incoming) {
        let handle = incoming.handle;
        if let Some(response) = self.groups.handle(ctx, &mut self.manager, &self.image, incoming) {
            self.connections.respond(ctx, handle, response);
        }
        if let Some(request) = self.groups.take_topic_request() {
            let purpose = ChannelPurpose::Forwarding;
            self.channels.send_to_controller(ctx, purpose, OFFSETS_TOPIC_TOKEN, request.into());
        }
    }

    /// Carries what one part wants to the other, until nobody wants anything.
    fn settle(&mut self, ctx: &mut Context) {
        loop {
            let group_answers = self.groups.settle(ctx, &mut self.manager, &self.image);
            let mut partition_outputs = self.manager.take_outputs();
            let mut channel_outputs = self.channels.take_outputs();
            let ready = self.connections.take_ready();
            let is_quiet = partition_outputs.is_empty() && channel_outputs.is_empty() && group_answers.is_empty();
            if is_quiet && ready.is_none() {
                break;
            }
            for (handle, response) in group_answers {
                self.connections.respond(ctx, handle, response);
            }
            for output in partition_outputs.drain(..) {
                self.on_partition_output(ctx, output);
            }
            self.manager.reuse(partition_outputs);
            for output in channel_outputs.drain(..) {
                self.on_channel_output(ctx, output);
            }
            self.channels.reuse(channel_outputs);
            if let Some(incoming) = ready {
                self.handle_request(ctx, incoming);
            }
        }
    }

    fn on_partition_output(&mut self, ctx: &mut Context, output: PartitionOutput) {
        match output {
            PartitionOutput::Reply { handle, response } => self.connections.respond(ctx, handle, response),
            PartitionOutput::NoReply { handle } => self.connections.no_response(ctx, handle),
            PartitionOutput::CloseConnection { handle } => self.connections.close(ctx, handle.connection),
            PartitionOutput::SendToLeader { leader, token, request } => {
                self.send_to_leader(ctx, leader, token, request);
            }
            PartitionOutput::CloseLeaderConnection { leader } => {
                if let Some(endpoint) = self.endpoint_of(leader) {
                    self.channels.close(ctx, &fetcher_channel(endpoint));
                }
            }
            PartitionOutput::SendAlterPartition { request } => {
                let purpose = ChannelPurpose::AlterPartition;
                self.channels.send_to_controller(ctx, purpose, ALTER_PARTITION_TOKEN, request.into());
            }
            PartitionOutput::Flush { token, plan } => {
                ctx.output(Output::Flush { token, files: plan.files, directories: plan.directories });
            }
            PartitionOutput::DirectoryFailed { directory } => {
                let input = Internal::DirectoryFailed { directory };
                ctx.output(Output::Internal { to: Lane::Lifecycle, input });
            }
            PartitionOutput::AllDirectoriesFailed => exit(ctx, ExitReason::AllLogDirectoriesFailed),
            PartitionOutput::LogsLoaded => {
                self.groups.start(ctx, &mut self.manager, &self.image);
                ctx.output(Output::Internal { to: Lane::Lifecycle, input: Internal::LogsLoaded });
            }
            PartitionOutput::LogsClosed => {
                ctx.output(Output::Internal { to: Lane::Lifecycle, input: Internal::LogsClosed });
            }
        }
    }

    fn endpoint_of(&self, broker: NodeId) -> Option<Endpoint> {
        self.image.broker(broker).and_then(|registration| registration.endpoint()).cloned()
    }

    fn send_to_leader(&mut self, ctx: &mut Context, leader: NodeId, token: u64, request: Request) {
        match self.endpoint_of(leader) {
            Some(endpoint) => self.channels.send(ctx, fetcher_channel(endpoint), token, request),
            None => self.manager.handle_leader_response(ctx, leader, token, Err(())),
        }
    }

    fn on_channel_output(&mut self, ctx: &mut Context, output: ChannelOutput) {
        match output {
            ChannelOutput::Response { key, token, response } => {
                let leader = self.leader_at(&key.to);
                self.manager.handle_leader_response(ctx, leader, token, Ok(response));
            }
            ChannelOutput::Failed { key, token, .. } => {
                let leader = self.leader_at(&key.to);
                self.manager.handle_leader_response(ctx, leader, token, Err(()));
            }
            ChannelOutput::FromController { purpose, token, response } => {
                self.on_controller_answer(ctx, purpose, token, Ok(response));
            }
            ChannelOutput::ControllerFailed { purpose, token, reason } => {
                self.on_controller_answer(ctx, purpose, token, Err(reason));
            }
        }
    }

    /// The broker that listens at this endpoint, as far as the metadata knows.
    fn leader_at(&self, endpoint: &Endpoint) -> NodeId {
        self.image
            .brokers()
            .iter()
            .find(|(_, registration)| registration.endpoint() == Some(endpoint))
            .map_or(NodeId::NONE, |(node, _)| *node)
    }

    fn on_controller_answer(
        &mut self,
        ctx: &mut Context,
        purpose: ChannelPurpose,
        token: u64,
        result: Result<Response, ChannelFailure>,
    ) {
        match (purpose, result) {
            (ChannelPurpose::AlterPartition, Ok(Response::AlterPartition(response))) => {
                self.manager.handle_alter_partition_response(ctx, Ok(response));
            }
            (ChannelPurpose::AlterPartition, _) => self.manager.handle_alter_partition_response(ctx, Err(())),
            (ChannelPurpose::Forwarding, result) if token == PRODUCER_IDS_TOKEN => {
                let response = match result {
                    Ok(Response::AllocateProducerIds(response)) => Some(response),
                    Ok(_) | Err(_) => None,
                };
                self.producer_ids.handle_response(ctx, response);
                self.ask_for_producer_ids(ctx);
            }
            (ChannelPurpose::Forwarding, _) if token == OFFSETS_TOPIC_TOKEN => self.groups.topic_answered(),
            (ChannelPurpose::Forwarding, result) => match self.forwarding.completed(token, result) {
                Some(Forwarded::Reply { handle, response }) => self.connections.respond(ctx, handle, response),
                Some(Forwarded::CloseConnection { handle }) => self.connections.close(ctx, handle.connection),
                None => {}
            },
            // Other lanes' purposes.
            (
                ChannelPurpose::Fetcher
                | ChannelPurpose::Raft
                | ChannelPurpose::Heartbeat
                | ChannelPurpose::Registration,
                _,
            ) => {}
        }
    }

    fn init_producer_id(&mut self, ctx: &mut Context, handle: RequestHandle, request: &InitProducerIdRequest) {
        let response = self.producer_ids.init_producer_id(ctx, request, self.broker_epoch);
        self.connections.respond(ctx, handle, response.into());
        self.ask_for_producer_ids(ctx);
    }

    fn ask_for_producer_ids(&mut self, ctx: &mut Context) {
        if let Some(request) = self.producer_ids.take_request() {
            let purpose = ChannelPurpose::Forwarding;
            self.channels.send_to_controller(ctx, purpose, PRODUCER_IDS_TOKEN, request.into());
        }
    }
}

fn fetcher_channel(to: Endpoint) -> ChannelKey {
    ChannelKey { purpose: ChannelPurpose::Fetcher, to }
}

/// Asks for another step of this lane, so that a crash can fall between two logs.
fn again(ctx: &mut Context) {
    ctx.output(Output::Internal { to: Lane::Data, input: Internal::LoadNextLog });
}
