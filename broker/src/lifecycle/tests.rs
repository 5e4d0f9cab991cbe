//! A broker's life as text: what it sends, what it becomes, and when.

use super::*;
use crate::choice::LowestChoice;
use crate::config::Properties;
use crate::event::Event;
use crate::message::ErrorCode;
use crate::storage::MemoryStorage;
use crate::time::Now;

struct Fixture {
    lifecycle: BrokerLifecycle,
    storage: MemoryStorage,
    transcript: String,
    /// The token of the last request.
    token: u64,
}

fn directory(number: u128) -> DirectoryId {
    DirectoryId(uuid::Uuid::from_u128(number))
}

impl Fixture {
    fn new() -> Self {
        let mut storage = MemoryStorage::default();
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        let config = LifecycleConfig {
            node: NodeId(1),
            cluster_id: ClusterId(uuid::Uuid::from_u128(1)),
            listeners: vec![Endpoint::new("b1", 9092)],
            rack: None,
            features: Vec::new(),
            log_directories: vec![directory(101), directory(100)],
            previous_broker_epoch: BrokerEpoch::NONE,
            settings: ControllerSettings::from_properties(&Properties::new()).expect("defaults are legal"),
            gives_up_when_refused: false,
        };
        let lifecycle = BrokerLifecycle::new(config, &mut ctx);
        Fixture { lifecycle, storage, transcript: String::new(), token: 0 }
    }

    fn at(&mut self, millis: u64, what: &str, step: impl FnOnce(&mut BrokerLifecycle, &mut Context)) {
        let mut choices = LowestChoice;
        let now = Now { monotonic: Time::from_millis(millis), ..Now::default() };
        let mut ctx = Context::new(now, &mut self.storage, &mut choices);
        step(&mut self.lifecycle, &mut ctx);
        self.transcript.push_str(&format!("{millis} {what}\n"));
        for event in ctx.take_effects().events {
            if let Event::Lifecycle(LifecycleEvent::BrokerStateChanged { to }) = event {
                self.transcript.push_str(&format!("    becomes {to:?}\n"));
            }
        }
        for output in self.lifecycle.take_outputs() {
            let said = match output {
                LifecycleOutput::Send { token, request } => {
                    self.token = token;
                    describe(&request)
                }
                other => format!("=> {other:?}"),
            };
            self.transcript.push_str(&format!("    {said}\n"));
        }
    }

    fn start(&mut self, millis: u64) {
        self.at(millis, "start", BrokerLifecycle::start);
    }

    fn answer(&mut self, millis: u64, what: &str, response: impl Into<Response>) {
        let (token, response) = (self.token, response.into());
        self.at(millis, what, |lifecycle, ctx| lifecycle.handle_response(ctx, token, Ok(response)));
    }

    fn register(&mut self, millis: u64) {
        let response = BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch: BrokerEpoch(7) };
        self.answer(millis, "registered", response);
    }

    fn timers(&mut self, millis: u64) {
        assert_eq!(self.lifecycle.next_deadline(), Some(Time::from_millis(millis)), "{}", self.transcript);
        self.at(millis, "timers", BrokerLifecycle::on_timers);
    }

    fn run(&mut self) {
        self.start(0);
        self.register(1);
        self.answer(2, "caught up", beat(true, true, false));
        self.at(3, "logs loaded", BrokerLifecycle::set_ready_to_unfence);
        self.answer(4, "unfenced", beat(true, false, false));
        self.transcript.clear();
    }
}

fn describe(request: &Request) -> String {
    match request {
        Request::BrokerRegistration(_) => "send registration".to_owned(),
        Request::BrokerHeartbeat(body) => {
            let mut said = format!("send heartbeat at {}", body.current_metadata_offset);
            if body.want_fence {
                said.push_str(", wants to be fenced");
            }
            if body.want_shut_down {
                said.push_str(", wants to shut down");
            }
            if !body.offline_log_directories.is_empty() {
                said.push_str(&format!(", {} directories offline", body.offline_log_directories.len()));
            }
            said
        }
        other => format!("send {}", other.api().name()),
    }
}

fn beat(is_caught_up: bool, is_fenced: bool, should_shut_down: bool) -> BrokerHeartbeatResponse {
    BrokerHeartbeatResponse { error: ErrorCode::None, is_caught_up, is_fenced, should_shut_down }
}

/// `BrokerLifecycleManagerTest.testSuccessfulRegistration`, and on to RUNNING.
#[test]
fn start_register_catch_up_load_unfence() {
    let mut it = Fixture::new();
    it.start(0);
    it.register(1);
    it.answer(2, "not caught up", beat(false, true, false));
    it.lifecycle.metadata_applied(7);
    it.timers(12);
    it.answer(13, "caught up", beat(true, true, false));
    it.timers(23);
    it.at(24, "logs loaded", BrokerLifecycle::set_ready_to_unfence);
    // What was due while one was in flight follows at once.
    it.answer(25, "still fenced", beat(true, true, false));
    it.answer(26, "unfenced", beat(true, false, false));
    it.timers(2026);
    insta::assert_snapshot!(it.transcript, @"
    0 start
        becomes Starting
        send registration
    1 registered
        => Registered { broker_epoch: BrokerEpoch(7) }
        send heartbeat at -1, wants to be fenced
    2 not caught up
    12 timers
        send heartbeat at 7, wants to be fenced
    13 caught up
        becomes Recovery
        => CaughtUp
    23 timers
        send heartbeat at 7, wants to be fenced
    24 logs loaded
    25 still fenced
        send heartbeat at 7
    26 unfenced
        becomes Running
        => Unfenced
    2026 timers
        send heartbeat at 7
    ");
}

/// `BrokerLifecycleManagerTest.testControlledShutdown`.
#[test]
fn stop_controlled_shutdown_asks_at_once_then_after_50_ms_then_every_2_s() {
    let mut it = Fixture::new();
    it.run();
    it.at(100, "stop", BrokerLifecycle::begin_controlled_shutdown);
    it.answer(101, "not yet", beat(true, false, false));
    it.timers(151);
    it.answer(152, "not yet", beat(true, false, false));
    it.timers(2152);
    it.answer(2153, "granted", beat(true, true, true));
    assert_eq!(it.lifecycle.next_deadline(), None);
    insta::assert_snapshot!(it.transcript, @"
    100 stop
        becomes PendingControlledShutdown
        send heartbeat at -1, wants to shut down
    101 not yet
    151 timers
        send heartbeat at -1, wants to shut down
    152 not yet
    2152 timers
        send heartbeat at -1, wants to shut down
    2153 granted
        becomes ShuttingDown
        => ShutDownGranted
    ");
}

#[test]
fn stop_a_controller_that_never_grants_it_delays_the_stop_by_five_minutes_at_most() {
    let mut it = Fixture::new();
    it.run();
    it.at(100, "stop", BrokerLifecycle::begin_controlled_shutdown);
    it.timers(300_100);
    insta::assert_snapshot!(it.transcript, @"
    100 stop
        becomes PendingControlledShutdown
        send heartbeat at -1, wants to shut down
    300100 timers
        becomes ShuttingDown
        => ShutDownGranted
    ");
}

#[test]
fn stop_before_running_there_is_nothing_to_hand_over() {
    let mut it = Fixture::new();
    it.start(0);
    it.at(1, "stop", BrokerLifecycle::begin_controlled_shutdown);
    insta::assert_snapshot!(it.transcript, @"
    0 start
        becomes Starting
        send registration
    1 stop
        becomes ShuttingDown
        => ShutDownGranted
    ");
}

/// `BrokerLifecycleManagerTest.testRegistrationTimeout`.
#[test]
fn registration_refused_is_tried_every_2_s_and_given_up_after_60_s() {
    let mut it = Fixture::new();
    it.start(0);
    let refused =
        BrokerRegistrationResponse { error: ErrorCode::DuplicateBrokerRegistration, broker_epoch: BrokerEpoch::NONE };
    it.answer(1, "refused", refused);
    it.timers(2001);
    let token = it.token;
    it.at(4001, "silence", |lifecycle, ctx| lifecycle.handle_response(ctx, token, Err(())));
    it.timers(6001);
    it.timers(60_000);
    insta::assert_snapshot!(it.transcript, @"
    0 start
        becomes Starting
        send registration
    1 refused
    2001 timers
        send registration
    4001 silence
    6001 timers
        send registration
    60000 timers
        becomes ShuttingDown
        => Exit(RegistrationTimedOut)
    ");
}

#[test]
fn stale_epoch_the_broker_keeps_running_and_trying() {
    let mut it = Fixture::new();
    it.run();
    it.timers(2004);
    let stale = BrokerHeartbeatResponse { error: ErrorCode::StaleBrokerEpoch, ..beat(false, true, false) };
    it.answer(2005, "stale", stale);
    it.timers(4005);
    assert_eq!(it.lifecycle.state(), BrokerState::Running);
    insta::assert_snapshot!(it.transcript, @"
    2004 timers
        send heartbeat at -1
    2005 stale
    4005 timers
        send heartbeat at -1
    ");
}

/// `BrokerLifecycleManagerTest.testOfflineDirFailure` and `testAlwaysSendsAccumulatedOfflineDirs`.
#[test]
fn directory_failed_the_controller_hears_at_once_or_the_broker_ends_after_30_s() {
    let mut it = Fixture::new();
    it.run();
    it.at(100, "directory fails", |lifecycle, ctx| lifecycle.directory_failed(ctx, directory(100)));
    it.answer(101, "acknowledged", beat(true, false, false));
    it.at(200, "another fails", |lifecycle, ctx| lifecycle.directory_failed(ctx, directory(101)));
    let token = it.token;
    it.at(2200, "silence", |lifecycle, ctx| lifecycle.handle_response(ctx, token, Err(())));
    it.timers(4200);
    it.timers(30_200);
    insta::assert_snapshot!(it.transcript, @"
    100 directory fails
        send heartbeat at -1, 1 directories offline
    101 acknowledged
    200 another fails
        send heartbeat at -1, 2 directories offline
    2200 silence
    4200 timers
        send heartbeat at -1, 2 directories offline
    30200 timers
        becomes ShuttingDown
        => Exit(DirectoryFailureNotAcknowledged)
    ");
}

/// A stop under way is no reason to be silent; a stop that was granted is.
#[test]
fn directory_failed_during_a_stop_the_controller_hears_of_it_until_the_stop_is_granted() {
    let mut it = Fixture::new();
    it.run();
    it.at(100, "stop", BrokerLifecycle::begin_controlled_shutdown);
    it.answer(101, "not yet", beat(true, false, false));
    it.at(102, "directory fails", |lifecycle, ctx| lifecycle.directory_failed(ctx, directory(100)));
    it.answer(103, "granted", beat(true, true, true));
    it.at(104, "another fails", |lifecycle, ctx| lifecycle.directory_failed(ctx, directory(101)));
    assert_eq!(it.lifecycle.next_deadline(), None, "nobody ends a process that closes its logs");
    it.at(40_000, "long afterwards", BrokerLifecycle::on_timers);
    insta::assert_snapshot!(it.transcript, @"
    100 stop
        becomes PendingControlledShutdown
        send heartbeat at -1, wants to shut down
    101 not yet
    102 directory fails
        send heartbeat at -1, wants to shut down, 1 directories offline
    103 granted
        becomes ShuttingDown
        => ShutDownGranted
    104 another fails
    40000 long afterwards
    ");
}
