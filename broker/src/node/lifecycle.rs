//! The lifecycle lane: a broker's registration, heartbeats and controlled shutdown.
//!
//! It touches no file, so that a broker with a stalled disk still says that it lives.

use std::sync::Arc;

use super::config::NodeConfig;
use super::quorum::exit;
use super::channels_config;
use crate::api::outgoing::{ChannelOutput, ChannelPurpose, Channels};
use crate::config::Role;
use crate::context::Context;
use crate::effects::Output;
use crate::event::{BrokerState, ExitReason};
use crate::ids::{BROKER_PORT, BrokerEpoch, Endpoint, IncarnationId};
use crate::input::{Input, Internal, Lane};
use crate::lifecycle::{Lifecycle, LifecycleConfig, LifecycleOutput};
use crate::metadata::supported_features;
use crate::time::Time;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LifecycleLane {
    role: Role,
    lifecycle: Lifecycle,
    /// This broker's connection to the active controller for registration and heartbeats.
    channels: Channels,
}

impl LifecycleLane {
    pub(super) fn new(config: &Arc<NodeConfig>, previous_broker_epoch: BrokerEpoch, ctx: &mut Context) -> Self {
        let incarnation_id = IncarnationId(ctx.choose_uuid());
        let lifecycle = Lifecycle::new(
            LifecycleConfig {
                node: config.node,
                cluster_id: config.cluster_id,
                incarnation_id,
                listeners: vec![Endpoint { host: config.host.clone(), port: BROKER_PORT }],
                features: supported_features(),
                rack: config.rack.clone(),
                log_directories: config.data_directories.clone(),
                previous_broker_epoch,
                settings: config.controller.clone(),
            },
            ctx,
        );
        let channels = Channels::new(channels_config(Lane::Lifecycle, config));
        LifecycleLane { role: config.role, lifecycle, channels }
    }

    pub(super) fn step(&mut self, ctx: &mut Context, input: Input) {
        match input {
            Input::Connected { connection } => self.channels.connected(ctx, connection),
            Input::Closed { connection, .. } => self.channels.closed(ctx, connection),
            Input::Received { connection, message } => self.channels.received(ctx, connection, &message),
            Input::Timers { .. } => {
                self.channels.on_timers(ctx);
                self.lifecycle.on_timers(ctx);
            }
            Input::Stop => self.lifecycle.begin_controlled_shutdown(ctx),
            Input::Internal { input, .. } => self.on_internal(ctx, input),
            Input::Accepted { .. } | Input::Flushed { .. } | Input::Call { .. } | Input::Abandon { .. } => {}
        }
        self.settle(ctx);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        [self.lifecycle.next_deadline(), self.channels.next_deadline()].into_iter().flatten().min()
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
            Internal::LogsLoaded => self.lifecycle.logs_loaded(ctx),
            Internal::LogsClosed => self.leave(ctx),
            Internal::DirectoryFailed { directory } => self.lifecycle.directory_failed(ctx, directory),
            // These are said to other lanes.
            Internal::Metadata(_)
            | Internal::Registered { .. }
            | Internal::LoadLogs
            | Internal::LoadNextLog
            | Internal::Serve
            | Internal::ControlledShutdownStarted
            | Internal::ShutDown
            | Internal::LeaveQuorum => {}
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
            LifecycleOutput::ControlledShutdownStarted => tell_data(Internal::ControlledShutdownStarted),
            LifecycleOutput::ShutDownGranted => tell_data(Internal::ShutDown),
            LifecycleOutput::Exit { reason } => exit(ctx, reason),
        }
    }
}
