//! The lifecycle lane: a broker's registration, heartbeats and controlled shutdown.
//!
//! It touches no file, so that a broker with a stalled disk still says that it lives.

use std::sync::Arc;

use super::channels_config;
use super::config::NodeConfig;
use super::quorum::exit;
use crate::api::outgoing::{ChannelOutput, ChannelPurpose, Channels};
use crate::config::{Role, Switch};
use crate::context::Context;
use crate::effects::Output;
use crate::event::{BrokerState, ExitReason};
use crate::ids::{BROKER_PORT, BrokerEpoch, DirectoryId, Endpoint};
use crate::input::{Input, Internal, Lane};
use crate::lifecycle::{BrokerLifecycle, LifecycleConfig, LifecycleOutput};
use crate::metadata::supported_features;
use crate::time::{Time, earliest};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LifecycleLane {
    role: Role,
    lifecycle: BrokerLifecycle,
    /// This broker's connection to the active controller for registration and heartbeats.
    channels: Channels,
}

impl LifecycleLane {
    /// `log_directories` are those that could be used when the process started.
    pub(super) fn new(
        config: &Arc<NodeConfig>,
        log_directories: Vec<DirectoryId>,
        previous_broker_epoch: BrokerEpoch,
        ctx: &mut Context,
    ) -> Self {
        // Simplified: a directory that fails while the process starts is registered as if it worked, and reported as
        // failed by the first heartbeat; Kafka leaves it out of the registration.
        let mut lifecycle = BrokerLifecycle::new(
            LifecycleConfig {
                node: config.node,
                cluster_id: config.cluster_id,
                listeners: vec![Endpoint { host: config.host, port: BROKER_PORT }],
                features: supported_features(),
                rack: config.rack.clone(),
                log_directories,
                previous_broker_epoch,
                settings: config.controller.clone(),
                gives_up_when_refused: config.behaviour.is(Switch::RefusedBrokerGivesUp),
            },
            ctx,
        );
        lifecycle.start(ctx);
        let channels = Channels::new(channels_config(Lane::Lifecycle, config));
        let mut lane = LifecycleLane { role: config.role, lifecycle, channels };
        lane.settle(ctx);
        lane
    }

    pub(super) fn step(&mut self, ctx: &mut Context, input: Input) {
        match input {
            Input::Connected { connection } => self.channels.connected(ctx, connection),
            Input::Closed { connection, .. } => self.channels.closed(ctx, connection),
            Input::Received { connection, message } => self.channels.received(ctx, connection, message),
            Input::Timers { .. } => {
                self.channels.on_timers(ctx);
                self.lifecycle.on_timers(ctx);
            }
            Input::Stop => self.stop(ctx),
            Input::Internal { input, .. } => self.on_internal(ctx, input),
            Input::Accepted { .. } | Input::Flushed { .. } | Input::Call { .. } | Input::Abandon { .. } => {}
        }
        self.settle(ctx);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        earliest([self.lifecycle.next_deadline(), self.channels.next_deadline()])
    }

    pub(super) fn state(&self) -> BrokerState {
        self.lifecycle.state()
    }

    fn on_internal(&mut self, ctx: &mut Context, input: Internal) {
        match input {
            Internal::ControllerChanged { endpoint, .. } => {
                self.channels.controller_changed(ctx, endpoint);
            }
            Internal::MetadataApplied { offset } => self.lifecycle.metadata_applied(offset),
            Internal::LogsLoaded => self.lifecycle.set_ready_to_unfence(ctx),
            Internal::LogsClosed => self.leave(ctx),
            Internal::DirectoryFailed { directory } => self.lifecycle.directory_failed(ctx, directory),
            // These are said to other lanes.
            Internal::Metadata(_)
            | Internal::Registered { .. }
            | Internal::LoadLogs
            | Internal::LoadNextLog
            | Internal::LoadCoordinator { .. }
            | Internal::Serve
            | Internal::ControlledShutdownStarted
            | Internal::ShutDown
            | Internal::LeaveQuorum => {}
        }
    }

    /// Asked to stop: the controller is asked for leave first, where it still can be.
    fn stop(&mut self, ctx: &mut Context) {
        self.lifecycle.begin_controlled_shutdown(ctx);
        if self.lifecycle.state() == BrokerState::PendingControlledShutdown {
            ctx.output(Output::Internal { to: Lane::Data, input: Internal::ControlledShutdownStarted });
        }
    }

    /// The logs are closed. A voter still has to leave the quorum in order; a broker just ends.
    fn leave(&mut self, ctx: &mut Context) {
        match self.role {
            Role::Combined => {
                ctx.output(Output::Internal { to: Lane::Quorum, input: Internal::LeaveQuorum });
            }
            Role::Broker | Role::Controller => exit(ctx, ExitReason::Stopped),
        }
    }

    fn settle(&mut self, ctx: &mut Context) {
        loop {
            let lifecycle_outputs = self.lifecycle.take_outputs();
            let channel_outputs = self.channels.take_outputs();
            if lifecycle_outputs.is_empty() && channel_outputs.is_empty() {
                break;
            }
            for output in lifecycle_outputs {
                self.on_lifecycle_output(ctx, output);
            }
            for output in channel_outputs {
                match output {
                    ChannelOutput::FromController { token, response, .. } => {
                        self.lifecycle.handle_response(ctx, token, Ok(response));
                    }
                    ChannelOutput::ControllerFailed { token, .. } => {
                        self.lifecycle.handle_response(ctx, token, Err(()));
                    }
                    // This lane speaks to nobody but the active controller.
                    ChannelOutput::Response { .. } | ChannelOutput::Failed { .. } => {}
                }
            }
        }
    }

    fn on_lifecycle_output(&mut self, ctx: &mut Context, output: LifecycleOutput) {
        let mut tell_data = |input| ctx.output(Output::Internal { to: Lane::Data, input });
        match output {
            LifecycleOutput::Send { token, request } => {
                self.channels.send_to_controller(ctx, ChannelPurpose::Heartbeat, token, request);
            }
            LifecycleOutput::Registered { broker_epoch } => tell_data(Internal::Registered { broker_epoch }),
            LifecycleOutput::CaughtUp => tell_data(Internal::LoadLogs),
            LifecycleOutput::Unfenced => tell_data(Internal::Serve),
            LifecycleOutput::ShutDownGranted => tell_data(Internal::ShutDown),
            LifecycleOutput::Exit(reason) => exit(ctx, reason),
        }
    }
}
