//! A broker's life as the controller sees it: registration, heartbeats, controlled
//! shutdown (`BrokerLifecycleManager`, KIP-631, KIP-858, KIP-966).
//!
//! ```text
//!  NOT_RUNNING ─start─▶ STARTING ─caught up─▶ RECOVERY ─unfenced─▶ RUNNING
//!                          │                     │                    │ stop
//!                          │ not registered      │ stop               ▼
//!                          │ in 60 s: exit       │        PENDING_CONTROLLED_SHUTDOWN
//!                          ▼                     ▼                    │ granted, or 5 min
//!                      SHUTTING_DOWN ◀───────────┴────────────────────┘
//! ```
//!
//! One communication is in flight at a time; the next follows after
//!
//! | what happened | the next communication |
//! | --- | --- |
//! | registered; ready to unfence; a directory failed; a stop was asked for | at once, or when the one in flight is over |
//! | a heartbeat answered while STARTING | 10 ms |
//! | the first answer that does not yet grant the shutdown | 50 ms |
//! | any other heartbeat answered | broker.heartbeat.interval.ms |
//! | any refusal, any silence | broker.heartbeat.interval.ms |
//!
//! A heartbeat that meets STALE_BROKER_EPOCH is an ordinary failure: the broker keeps
//! trying under its old epoch. All deadlines are monotonic.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::ControllerSettings;
use crate::context::Context;
use crate::event::{BrokerState, ExitReason, LifecycleEvent};
use crate::ids::{BrokerEpoch, ClusterId, DirectoryId, Endpoint, IncarnationId, NodeId, Offset, UNKNOWN_OFFSET};
use crate::message::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, Request,
    Response,
};
use crate::time::{Time, earliest};

#[cfg(test)]
mod tests;

/// The next heartbeat while the broker catches up with the metadata.
const STARTING_INTERVAL: Duration = Duration::from_millis(10);
/// The second heartbeat of a controlled shutdown: often the first has sufficed by then.
const FIRST_SHUTDOWN_INTERVAL: Duration = Duration::from_millis(50);
/// How long a stopping broker waits for the controller's leave (`BrokerServer.shutdown`).
const CONTROLLED_SHUTDOWN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What a broker says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LifecycleConfig {
    /// The broker.
    pub node: NodeId,
    /// The cluster in its `meta.properties`.
    pub cluster_id: ClusterId,
    /// Where clients and other brokers reach it.
    pub listeners: Vec<Endpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The features it supports: (name, lowest, highest).
    pub features: Vec<(String, i16, i16)>,
    /// Its log directories that work at the start.
    pub log_directories: Vec<DirectoryId>,
    /// The broker epoch that its clean-shutdown files agree on; NONE if they do not (KIP-966).
    pub previous_broker_epoch: BrokerEpoch,
    /// Intervals and time-outs.
    pub settings: ControllerSettings,
    /// The switch `RefusedBrokerGivesUp`.
    pub gives_up_when_refused: bool,
}

/// What the lifecycle wants from its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LifecycleOutput {
    /// Send this to the active controller, on the heartbeat channel; answered by
    /// [`BrokerLifecycle::handle_response`].
    Send {
        /// By which the answer finds its way back.
        token: u64,
        /// A registration or a heartbeat.
        request: Request,
    },
    /// The broker is registered, under this epoch.
    Registered {
        /// The epoch.
        broker_epoch: BrokerEpoch,
    },
    /// The broker has caught up with the metadata for the first time: load the logs, then
    /// call [`BrokerLifecycle::set_ready_to_unfence`].
    CaughtUp,
    /// The broker is unfenced for the first time: serve clients.
    Unfenced,
    /// The controlled shutdown is over, by the controller's leave or after five minutes:
    /// close the logs and stop.
    ShutDownGranted,
    /// The process must end.
    Exit(ExitReason),
}

/// A broker's registration, heartbeats and stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerLifecycle {
    config: LifecycleConfig,
    incarnation_id: IncarnationId,
    state: BrokerState,
    broker_epoch: BrokerEpoch,
    is_registered: bool,
    ready_to_unfence: bool,
    metadata_offset: Offset,
    /// Directories that failed since the start, and whether the controller has acknowledged them.
    offline_directories: BTreeMap<DirectoryId, bool>,
    /// The directory that failed last, and when the broker gives up if the controller has
    /// not acknowledged it. As in Kafka, a failure replaces the deadline of the one before.
    directory_deadline: Option<(DirectoryId, Time)>,
    in_flight: Option<Communication>,
    /// A communication was due while another was in flight.
    next_is_immediate: bool,
    communicate_at: Option<Time>,
    /// `None` as soon as the first registration succeeded.
    registration_deadline: Option<Time>,
    shutdown_deadline: Option<Time>,
    got_shutdown_response: bool,
    next_token: u64,
    outbox: Vec<LifecycleOutput>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Communication {
    token: u64,
    /// The failed directories that the heartbeat spoke of.
    offline_directories: Vec<DirectoryId>,
}

impl BrokerLifecycle {
    /// A process that has just started; nothing happens before [`BrokerLifecycle::start`].
    pub fn new(config: LifecycleConfig, ctx: &mut Context) -> Self {
        BrokerLifecycle {
            config,
            incarnation_id: IncarnationId(ctx.choose_uuid()),
            state: BrokerState::NotRunning,
            broker_epoch: BrokerEpoch::NONE,
            is_registered: false,
            ready_to_unfence: false,
            metadata_offset: UNKNOWN_OFFSET,
            offline_directories: BTreeMap::new(),
            directory_deadline: None,
            in_flight: None,
            next_is_immediate: false,
            communicate_at: None,
            registration_deadline: None,
            shutdown_deadline: None,
            got_shutdown_response: false,
            next_token: 0,
            outbox: Vec::new(),
        }
    }

    /// Begins to register.
    pub fn start(&mut self, ctx: &mut Context) {
        assert_eq!(self.state, BrokerState::NotRunning, "a broker starts once");
        self.enter(ctx, BrokerState::Starting);
        self.registration_deadline = Some(ctx.now.monotonic + self.config.settings.initial_broker_registration_timeout);
        self.send_registration();
    }

    /// The broker has applied the metadata up to this offset.
    pub fn metadata_applied(&mut self, offset: Offset) {
        self.metadata_offset = self.metadata_offset.max(offset);
    }

    /// All logs are loaded: the heartbeats ask to be unfenced from now on.
    pub fn set_ready_to_unfence(&mut self, ctx: &mut Context) {
        self.ready_to_unfence = true;
        self.schedule(ctx, Duration::ZERO);
    }

    /// A log directory failed: the controller must be told.
    pub fn directory_failed(&mut self, ctx: &mut Context, directory: DirectoryId) {
        if self.state == BrokerState::ShuttingDown {
            return;
        }
        ctx.emit(LifecycleEvent::LogDirectoryFailed { directory });
        let deadline = ctx.now.monotonic + self.config.settings.log_dir_failure_timeout;
        self.offline_directories.insert(directory, false);
        self.directory_deadline = Some((directory, deadline));
        if self.is_registered {
            self.schedule(ctx, Duration::ZERO);
        }
    }

    /// The process was asked to stop.
    pub fn begin_controlled_shutdown(&mut self, ctx: &mut Context) {
        match self.state {
            BrokerState::Running if self.config.settings.controlled_shutdown_enable => {
                self.enter(ctx, BrokerState::PendingControlledShutdown);
                self.shutdown_deadline = Some(ctx.now.monotonic + CONTROLLED_SHUTDOWN_LIMIT);
                self.schedule(ctx, Duration::ZERO);
            }
            BrokerState::NotRunning | BrokerState::Starting | BrokerState::Recovery | BrokerState::Running => {
                self.shut_down(ctx);
            }
            // Asked twice: expected when somebody is impatient.
            BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown => {}
        }
    }

    /// The controller answered, or nobody did (`Err`) within the channel's time-out.
    pub fn handle_response(&mut self, ctx: &mut Context, token: u64, result: Result<Response, ()>) {
        if self.in_flight.as_ref().is_none_or(|communication| communication.token != token) {
            return;
        }
        let communication = self.in_flight.take().expect("looked at above");
        match result {
            Ok(Response::BrokerRegistration(response)) => self.handle_registration(ctx, response),
            Ok(Response::BrokerHeartbeat(response)) => self.handle_heartbeat(ctx, &communication, response),
            Ok(_) | Err(()) => self.schedule_after_failure(ctx),
        }
    }

    /// Does what is due.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        let is_due = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline <= ctx.now.monotonic);
        let (registration, shutdown) = (is_due(self.registration_deadline), is_due(self.shutdown_deadline));
        let (directory, communication) = (is_due(self.unheard_directory_deadline()), is_due(self.communicate_at));
        if registration {
            self.exit(ctx, ExitReason::RegistrationTimedOut);
        } else if directory {
            self.exit(ctx, ExitReason::DirectoryFailureNotAcknowledged);
        } else if shutdown {
            self.shut_down(ctx);
        } else if communication {
            self.communicate(ctx);
        }
    }

    /// When [`BrokerLifecycle::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        earliest([
            self.communicate_at,
            self.registration_deadline,
            self.shutdown_deadline,
            self.unheard_directory_deadline(),
        ])
    }

    /// What the lifecycle wants, in order.
    pub fn take_outputs(&mut self) -> Vec<LifecycleOutput> {
        std::mem::take(&mut self.outbox)
    }

    /// The state.
    pub fn state(&self) -> BrokerState {
        self.state
    }

    /// The registration's epoch; NONE before the first.
    pub fn broker_epoch(&self) -> BrokerEpoch {
        self.broker_epoch
    }

    /// This process.
    pub fn incarnation_id(&self) -> IncarnationId {
        self.incarnation_id
    }

    /// When the broker gives up on telling the controller of a failed directory.
    fn unheard_directory_deadline(&self) -> Option<Time> {
        let (directory, deadline) = self.directory_deadline?;
        (self.offline_directories.get(&directory) == Some(&false)).then_some(deadline)
    }

    fn handle_registration(&mut self, ctx: &mut Context, response: BrokerRegistrationResponse) {
        if !response.error.is_none() {
            ctx.emit(LifecycleEvent::RegistrationFailed { error: response.error });
            if self.config.gives_up_when_refused {
                self.exit(ctx, ExitReason::RegistrationTimedOut);
            } else {
                self.schedule_after_failure(ctx);
            }
            return;
        }
        self.broker_epoch = response.broker_epoch;
        self.is_registered = true;
        self.registration_deadline = None;
        ctx.emit(LifecycleEvent::RegistrationAccepted { broker_epoch: response.broker_epoch });
        self.outbox.push(LifecycleOutput::Registered { broker_epoch: response.broker_epoch });
        self.schedule(ctx, Duration::ZERO);
    }

    fn handle_heartbeat(
        &mut self,
        ctx: &mut Context,
        communication: &Communication,
        response: BrokerHeartbeatResponse,
    ) {
        if !response.error.is_none() {
            ctx.emit(LifecycleEvent::HeartbeatRefused { error: response.error });
            self.schedule_after_failure(ctx);
            return;
        }
        for directory in &communication.offline_directories {
            self.offline_directories.insert(*directory, true);
        }
        let interval = self.config.settings.broker_heartbeat_interval;
        match self.state {
            BrokerState::Starting => {
                if response.is_caught_up {
                    self.enter(ctx, BrokerState::Recovery);
                    self.outbox.push(LifecycleOutput::CaughtUp);
                }
                self.schedule(ctx, STARTING_INTERVAL);
            }
            BrokerState::Recovery => {
                if !response.is_fenced {
                    self.enter(ctx, BrokerState::Running);
                    self.outbox.push(LifecycleOutput::Unfenced);
                }
                self.schedule(ctx, interval);
            }
            BrokerState::Running => self.schedule(ctx, interval),
            BrokerState::PendingControlledShutdown if response.should_shut_down => self.shut_down(ctx),
            BrokerState::PendingControlledShutdown => {
                let is_first = !std::mem::replace(&mut self.got_shutdown_response, true);
                self.schedule(ctx, if is_first { FIRST_SHUTDOWN_INTERVAL } else { interval });
            }
            // Nobody waits for it any more.
            BrokerState::ShuttingDown => {}
            BrokerState::NotRunning => unreachable!("nothing is sent before the start"),
        }
    }

    fn schedule_after_failure(&mut self, ctx: &mut Context) {
        // Never at once after a failure, whatever was due meanwhile.
        self.next_is_immediate = false;
        self.schedule(ctx, self.config.settings.broker_heartbeat_interval);
    }

    /// Sets when to communicate next, in place of what was set before.
    fn schedule(&mut self, ctx: &mut Context, delay: Duration) {
        if matches!(self.state, BrokerState::NotRunning | BrokerState::ShuttingDown) {
            return;
        }
        if std::mem::take(&mut self.next_is_immediate) || delay.is_zero() {
            self.communicate(ctx);
        } else {
            self.communicate_at = Some(ctx.now.monotonic + delay);
        }
    }

    fn communicate(&mut self, ctx: &mut Context) {
        self.communicate_at = None;
        if self.in_flight.is_some() {
            self.next_is_immediate = true;
        } else if self.is_registered {
            self.send_heartbeat(ctx);
        } else {
            self.send_registration();
        }
    }

    fn send_registration(&mut self) {
        let mut log_directories = self.config.log_directories.clone();
        log_directories.sort();
        let request = BrokerRegistrationRequest {
            broker: self.config.node,
            cluster_id: self.config.cluster_id,
            incarnation_id: self.incarnation_id,
            listeners: self.config.listeners.clone(),
            features: self.config.features.clone(),
            rack: self.config.rack.clone(),
            log_directories,
            previous_broker_epoch: self.config.previous_broker_epoch,
        };
        self.send(request.into(), Vec::new());
    }

    fn send_heartbeat(&mut self, ctx: &mut Context) {
        let offline_log_directories: Vec<DirectoryId> = self.offline_directories.keys().copied().collect();
        let request = BrokerHeartbeatRequest {
            broker: self.config.node,
            broker_epoch: self.broker_epoch,
            current_metadata_offset: self.metadata_offset,
            want_fence: !self.ready_to_unfence,
            want_shut_down: self.state == BrokerState::PendingControlledShutdown,
            offline_log_directories: offline_log_directories.clone(),
        };
        ctx.emit(LifecycleEvent::HeartbeatSent { metadata_offset: self.metadata_offset });
        self.send(request.into(), offline_log_directories);
    }

    fn send(&mut self, request: Request, offline_directories: Vec<DirectoryId>) {
        assert!(self.in_flight.is_none(), "one communication at a time");
        let token = self.next_token;
        self.next_token += 1;
        self.in_flight = Some(Communication { token, offline_directories });
        self.outbox.push(LifecycleOutput::Send { token, request });
    }

    fn shut_down(&mut self, ctx: &mut Context) {
        self.end(ctx);
        self.outbox.push(LifecycleOutput::ShutDownGranted);
    }

    fn exit(&mut self, ctx: &mut Context, reason: ExitReason) {
        self.end(ctx);
        self.outbox.push(LifecycleOutput::Exit(reason));
    }

    fn end(&mut self, ctx: &mut Context) {
        self.enter(ctx, BrokerState::ShuttingDown);
        self.communicate_at = None;
        self.registration_deadline = None;
        self.shutdown_deadline = None;
        self.directory_deadline = None;
    }

    fn enter(&mut self, ctx: &mut Context, to: BrokerState) {
        assert!(self.state < to, "a broker's life goes from {:?} to {to:?}", self.state);
        self.state = to;
        ctx.emit(LifecycleEvent::BrokerStateChanged { to });
    }
}
