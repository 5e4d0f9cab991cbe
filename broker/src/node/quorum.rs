//! The quorum lane: the metadata log's member, the controller above it, and the loader
//! that turns what is committed into updates for the broker (`SharedServer`, `ControllerServer`).

use std::sync::Arc;

use super::channels_config;
use super::config::NodeConfig;
use super::controller_registration::ControllerRegistration;
use super::loader::{Loaded, Loader, UnreadableMetadata};
use crate::api::connections::{Incoming, Listener, ServerConnections};
use crate::api::metadata_answer::answer_api_versions;
use crate::api::outgoing::{ChannelKey, ChannelOutput, ChannelPurpose, Channels};
use crate::context::Context;
use crate::controller::{Controller, ControllerConfig, ControllerOutput};
use crate::effects::Output;
use crate::event::{ExitReason, LifecycleEvent};
use crate::ids::{CONTROLLER_PORT, Endpoint, NodeId};
use crate::input::{Input, Internal, Lane};
use crate::message::{ErrorCode, Request, Response};
use crate::metadata::{MetadataImage, MetadataRecord, bootstrap_records};
use crate::raft::{CommittedBatch, Raft, RaftConfig, RaftOutput};
use crate::storage::StorageResult;
use crate::time::{Time, earliest};

/// The directory of the metadata log on every machine.
pub(super) const METADATA_DIRECTORY: &str = "metadata";

/// The token of the one registration that may be in flight; the quorum member counts its own up from below.
const REGISTRATION_TOKEN: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QuorumLane {
    config: Arc<NodeConfig>,
    raft: Raft,
    loader: Loader,
    /// Present exactly when the process has the controller role.
    controller: Option<Controller>,
    registration: Option<ControllerRegistration>,
    /// Who talks to this controller's listener.
    connections: ServerConnections,
    /// This member's connections to the others.
    channels: Channels,
    /// When the next snapshot is due by time, if anything new was committed.
    snapshot_due: Time,
    /// What was last said of the leader, so that it is said only when it changes.
    announced: (NodeId, Option<Endpoint>),
}

impl QuorumLane {
    pub(super) fn recover(config: &Arc<NodeConfig>, ctx: &mut Context) -> StorageResult<QuorumLane> {
        let is_controller = config.role.is_controller();
        let raft = Raft::recover(
            ctx,
            RaftConfig {
                settings: config.raft.clone(),
                node: config.node,
                endpoint: is_controller.then(|| Endpoint { host: config.host, port: CONTROLLER_PORT }),
                directory_id: config.metadata_directory,
                cluster_id: config.cluster_id,
                bootstrap: config.voters.iter().map(|voter| voter.endpoint.clone()).collect(),
                directory: METADATA_DIRECTORY.to_owned(),
                behaviour: config.behaviour.clone(),
            },
        )?;
        let features: Vec<(&str, i16)> = config.features.iter().map(|(name, level)| (name.as_str(), *level)).collect();
        let controller = is_controller.then(|| {
            Controller::new(ControllerConfig {
                node: config.node,
                cluster_id: config.cluster_id,
                settings: config.controller.clone(),
                log: config.log.clone(),
                log_manager: config.log_manager.clone(),
                group_coordinator: config.group_coordinator.clone(),
                max_idle_interval: config.raft.max_idle_interval,
                kraft_version: 1,
                bootstrap_records: bootstrap_records(&features),
                behaviour: config.behaviour.clone(),
            })
        });
        if is_controller {
            ctx.output(Output::Listen { port: CONTROLLER_PORT });
        }
        let mut lane = QuorumLane {
            config: config.clone(),
            raft,
            loader: Loader::new(config.behaviour.clone()),
            controller,
            registration: is_controller.then(|| ControllerRegistration::new(config, ctx)),
            connections: ServerConnections::new(Listener::Controller),
            channels: Channels::new(channels_config(Lane::Quorum, config)),
            snapshot_due: ctx.now.monotonic + config.raft.snapshot_interval,
            announced: (NodeId::NONE, None),
        };
        lane.settle(ctx);
        Ok(lane)
    }

    /// Handles one input, and then everything that the parts want of each other.
    pub(super) fn step(&mut self, ctx: &mut Context, input: Input) {
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
            Input::Internal { input: Internal::LeaveQuorum, .. } | Input::Stop => self.raft.shut_down(ctx),
            Input::Internal { .. } | Input::Flushed { .. } | Input::Call { .. } | Input::Abandon { .. } => {}
        }
        self.settle(ctx);
    }

    fn on_timers(&mut self, ctx: &mut Context) {
        self.channels.on_timers(ctx);
        self.raft.on_timers(ctx);
        if let Some(registration) = &mut self.registration {
            registration.on_timers(ctx);
        }
        if let Some(controller) = &mut self.controller {
            controller.on_timers(ctx);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        earliest([
            self.raft.next_deadline(),
            self.controller.as_ref().and_then(Controller::next_deadline),
            self.channels.next_deadline(),
            self.registration.as_ref().and_then(ControllerRegistration::next_deadline),
        ])
    }

    pub(super) fn raft(&self) -> &Raft {
        &self.raft
    }

    pub(super) fn controller(&self) -> Option<&Controller> {
        self.controller.as_ref()
    }

    pub(super) fn committed_metadata(&self) -> &MetadataImage {
        self.loader.image()
    }

    fn handle_request(&mut self, ctx: &mut Context, incoming: Incoming) {
        let Incoming { handle, request, .. } = incoming;
        match request {
            Request::Vote(_)
            | Request::BeginQuorumEpoch(_)
            | Request::EndQuorumEpoch(_)
            | Request::Fetch(_)
            | Request::FetchSnapshot(_)
            | Request::DescribeQuorum(_) => self.raft.handle_request(ctx, handle, request),
            Request::ApiVersions(_) => {
                let response = answer_api_versions(self.loader.image(), Listener::Controller);
                self.connections.respond(ctx, handle, response.into());
            }
            request => match &mut self.controller {
                Some(controller) if Controller::handles(&request) => controller.handle_request(ctx, handle, request),
                _ => self.connections.close(ctx, handle.connection),
            },
        }
    }

    /// Carries what one part wants to the other, until nobody wants anything.
    fn settle(&mut self, ctx: &mut Context) {
        loop {
            self.announce_controller(ctx);
            self.maybe_register(ctx);
            let mut raft_outputs = self.raft.take_outputs();
            let controller_outputs = self.controller.as_mut().map(Controller::take_outputs).unwrap_or_default();
            let mut channel_outputs = self.channels.take_outputs();
            let ready = self.connections.take_ready();
            if raft_outputs.is_empty() && controller_outputs.is_empty() && channel_outputs.is_empty() && ready.is_none()
            {
                break;
            }
            for output in raft_outputs.drain(..) {
                self.on_raft_output(ctx, output);
            }
            self.raft.reuse(raft_outputs);
            for output in controller_outputs {
                self.on_controller_output(ctx, output);
            }
            for output in channel_outputs.drain(..) {
                self.on_channel_output(ctx, output);
            }
            self.channels.reuse(channel_outputs);
            if let Some(incoming) = ready {
                self.handle_request(ctx, incoming);
            }
        }
    }

    fn on_raft_output(&mut self, ctx: &mut Context, output: RaftOutput) {
        match output {
            RaftOutput::Send { to, token, request } => {
                let key = ChannelKey { purpose: ChannelPurpose::Raft, to: to.endpoint };
                self.channels.send(ctx, key, token, request);
            }
            RaftOutput::Reply { handle, response } => self.connections.respond(ctx, handle, response),
            RaftOutput::Committed { batches } => self.on_committed(ctx, &batches),
            RaftOutput::SnapshotLoaded { id, records } => {
                let loaded = self.loader.load_snapshot(id, &records);
                self.publish(ctx, loaded, true);
            }
            RaftOutput::LeaderChanged { leader, .. } => self.on_leader_changed(ctx, leader),
            RaftOutput::ActiveLeader { epoch } => {
                let log_end_offset = self.raft.log_end_offset();
                if let Some(controller) = &mut self.controller {
                    controller.activate(ctx, epoch, log_end_offset);
                }
            }
            RaftOutput::Exited => exit(ctx, ExitReason::Stopped),
            RaftOutput::FatalFault => exit(ctx, ExitReason::FatalFault),
            RaftOutput::Failed { .. } => exit(ctx, ExitReason::MetadataLogFailed),
        }
    }

    fn on_committed(&mut self, ctx: &mut Context, batches: &[CommittedBatch]) {
        let loaded = self.loader.load_batches(batches);
        self.publish(ctx, loaded, false);
        self.maybe_snapshot(ctx);
    }

    /// Gives what was loaded to the controller and to the broker beside it.
    fn publish(&mut self, ctx: &mut Context, loaded: Result<Loaded, UnreadableMetadata>, is_snapshot: bool) {
        let Ok(Loaded { records, last_offset, update }) = loaded else {
            return exit(ctx, ExitReason::FatalFault);
        };
        if let Some(controller) = &mut self.controller {
            match is_snapshot {
                true => {
                    let records: Vec<MetadataRecord> = records.into_iter().map(|(_, record)| record).collect();
                    controller.load_snapshot(ctx, last_offset, &records);
                }
                false => controller.replay_committed(ctx, last_offset, &records),
            }
        }
        if let (Some(update), true) = (update, self.config.role.is_broker()) {
            ctx.output(Output::Internal { to: Lane::Data, input: Internal::Metadata(update) });
        }
    }

    /// Writes a snapshot when enough was committed since the last one, or enough time has passed.
    fn maybe_snapshot(&mut self, ctx: &mut Context) {
        let Some((id, last_timestamp, bytes)) = self.loader.snapshot_candidate() else { return };
        let by_size = bytes >= self.config.raft.snapshot_max_new_record_bytes;
        let by_time = self.config.raft.snapshot_interval.as_millis() > 0 && ctx.now.monotonic >= self.snapshot_due;
        if !by_size && !by_time {
            return;
        }
        let records = self.loader.image().to_records().iter().map(MetadataRecord::encode).collect();
        self.snapshot_due = ctx.now.monotonic + self.config.raft.snapshot_interval;
        match self.raft.create_snapshot(ctx, id, last_timestamp, records) {
            Ok(_) => self.loader.snapshot_written(),
            Err(_) => exit(ctx, ExitReason::MetadataLogFailed),
        }
    }

    /// Another leader, or none: this controller is no longer active then.
    fn on_leader_changed(&mut self, ctx: &mut Context, leader: NodeId) {
        if let Some(controller) = &mut self.controller
            && controller.active_epoch().is_some()
            && leader != self.config.node
        {
            controller.deactivate(ctx);
        }
    }

    /// Tells everybody who speaks to the active controller where it is, when that has changed. Asked of the member
    /// rather than waited for: a leader can be known before its address is (`RaftControllerNodeProvider`).
    fn announce_controller(&mut self, ctx: &mut Context) {
        let (leader, _) = self.raft.leader_and_epoch();
        let endpoint = self.raft.leader_endpoint();
        if self.announced.0 == leader && self.announced.1.as_ref() == endpoint {
            return;
        }
        let endpoint = endpoint.cloned();
        self.announced = (leader, endpoint.clone());
        self.channels.controller_changed(ctx, endpoint.clone());
        if self.config.role.is_broker() {
            for to in [Lane::Lifecycle, Lane::Data] {
                let input = Internal::ControllerChanged { leader, endpoint: endpoint.clone() };
                ctx.output(Output::Internal { to, input });
            }
        }
    }

    fn on_controller_output(&mut self, ctx: &mut Context, output: ControllerOutput) {
        match output {
            ControllerOutput::Append { write_id, records, atomic } => self.append(ctx, write_id, &records, atomic),
            ControllerOutput::Reply { handle, response } => self.connections.respond(ctx, handle, response),
            ControllerOutput::FatalFault { .. } => exit(ctx, ExitReason::FatalFault),
        }
    }

    fn append(&mut self, ctx: &mut Context, write_id: u64, records: &[MetadataRecord], atomic: bool) {
        let Some(controller) = &mut self.controller else { return };
        let Some(epoch) = controller.active_epoch() else { return };
        let encoded = records.iter().map(MetadataRecord::encode).collect();
        match self.raft.prepare_append(ctx, epoch, encoded, atomic) {
            Ok(last_offset) => controller.appended(ctx, write_id, last_offset),
            // The quorum has moved on; its `LeaderChanged` deactivates the controller.
            Err(_) => controller.deactivate(ctx),
        }
    }

    fn on_channel_output(&mut self, ctx: &mut Context, output: ChannelOutput) {
        match output {
            ChannelOutput::Response { token, response, .. } => self.raft.handle_response(ctx, token, Ok(response)),
            ChannelOutput::Failed { token, .. } => self.raft.handle_response(ctx, token, Err(())),
            ChannelOutput::FromController { response, .. } => {
                let result = match response {
                    Response::ControllerRegistration(response) => Ok(response.error),
                    _ => Err(()),
                };
                self.on_registration_answer(ctx, result);
            }
            ChannelOutput::ControllerFailed { .. } => self.on_registration_answer(ctx, Err(())),
        }
    }
}

impl QuorumLane {
    fn on_registration_answer(&mut self, ctx: &mut Context, result: Result<ErrorCode, ()>) {
        if let Some(registration) = &mut self.registration {
            registration.completed(ctx, result);
        }
    }

    /// Registers this controller with the active one, if that is still to be done.
    fn maybe_register(&mut self, ctx: &mut Context) {
        let image = self.loader.image();
        if let Some(request) = self.registration.as_mut().and_then(|registration| registration.request(image)) {
            self.channels.send_to_controller(ctx, ChannelPurpose::Registration, REGISTRATION_TOKEN, request.into());
        }
    }
}

/// Ends the process, and says why.
pub(super) fn exit(ctx: &mut Context, reason: ExitReason) {
    ctx.emit(LifecycleEvent::ProcessExited { reason });
    ctx.output(Output::Exit { reason });
}
