//! Channels as stories: what leaves, what comes back, and when.

use super::*;
use crate::api::connections::Listener;
use crate::api::metadata_answer::answer_api_versions;
use crate::choice::LowestChoice;
use crate::ids::BrokerEpoch;
use crate::message::{
    AllocateProducerIdsRequest, BrokerHeartbeatRequest, BrokerHeartbeatResponse, ErrorCode, MetadataRequest,
};
use crate::metadata::MetadataImage;
use crate::storage::MemoryStorage;
use crate::time::Now;

struct Fixture {
    channels: Channels,
    now: Time,
    storage: MemoryStorage,
    transcript: String,
    /// The request that was sent last on each connection: (API, version, correlation id).
    sent: BTreeMap<ConnectionId, (Api, i16, CorrelationId)>,
}

fn controller(number: u16) -> Endpoint {
    Endpoint::new(&format!("c{number}"), 9093)
}

fn heartbeat() -> Request {
    BrokerHeartbeatRequest {
        broker: NodeId(1),
        broker_epoch: BrokerEpoch(5),
        current_metadata_offset: 9,
        want_fence: false,
        want_shut_down: false,
        offline_log_directories: Vec::new(),
    }
    .into()
}

fn heartbeat_answer(error: ErrorCode) -> Response {
    BrokerHeartbeatResponse { error, is_caught_up: true, is_fenced: false, should_shut_down: false }.into()
}

impl Fixture {
    fn new() -> Self {
        let config = ChannelsConfig {
            node: NodeId(1),
            first_connection: 1,
            connection_stride: 1,
            raft_request_timeout: Duration::from_secs(2),
            heartbeat_interval: Duration::from_secs(2),
            request_timeout: Duration::from_secs(30),
        };
        Fixture {
            channels: Channels::new(config),
            now: Time::ZERO,
            storage: MemoryStorage::default(),
            transcript: String::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Does something at so many milliseconds, and writes down what follows from it.
    fn at(&mut self, millis: u64, what: &str, step: impl FnOnce(&mut Channels, &mut Context)) {
        self.now = Time::from_millis(millis);
        let mut choices = LowestChoice;
        let now = Now { monotonic: self.now, ..Now::default() };
        let mut ctx = Context::new(now, &mut self.storage, &mut choices);
        step(&mut self.channels, &mut ctx);
        self.transcript.push_str(&format!("{millis:>5} {what}\n"));
        for output in ctx.take_effects().outputs {
            let said = match output {
                Output::Connect { connection, to } => format!("connect {} to {}", connection.0, to.host),
                Output::Close { connection } => format!("close {}", connection.0),
                Output::Send { connection, message } => {
                    self.sent.insert(connection, (message.api, message.version, message.correlation_id));
                    format!("send {} on {}", message.api.name(), connection.0)
                }
                other => format!("{other:?}"),
            };
            self.transcript.push_str(&format!("        {said}\n"));
        }
        for output in self.channels.take_outputs() {
            let said = match output {
                ChannelOutput::Response { token, response, .. } => format!("{token}: {}", response.api().name()),
                ChannelOutput::Failed { token, reason, .. } => format!("{token}: {reason:?}"),
                ChannelOutput::FromController { token, response, .. } => {
                    format!("{token}: {} from the controller", response.api().name())
                }
                ChannelOutput::ControllerFailed { token, reason, .. } => format!("{token}: {reason:?}, given up"),
            };
            self.transcript.push_str(&format!("        => {said}\n"));
        }
    }

    fn answer(&mut self, millis: u64, connection: u64, response: impl Into<Response>) {
        let response = response.into();
        let connection = ConnectionId(connection);
        let (api, version, correlation_id) = self.sent[&connection];
        assert_eq!(api, response.api());
        let message = Arc::new(wire::encode_response(response, version, correlation_id));
        let what = format!("{} answered on {}", api.name(), connection.0);
        self.at(millis, &what, |channels, ctx| channels.received(ctx, connection, message));
    }

    fn shake_hands(&mut self, millis: u64, connection: u64) {
        self.at(millis, &format!("{connection} connected"), |channels, ctx| {
            channels.connected(ctx, ConnectionId(connection));
        });
        self.answer(millis + 1, connection, answer_api_versions(&MetadataImage::default(), Listener::Controller));
    }

    fn timers(&mut self, millis: u64) {
        assert!(self.channels.next_deadline().is_some_and(|deadline| deadline <= Time::from_millis(millis)));
        self.at(millis, "timers", Channels::on_timers);
    }
}

#[test]
fn handshake_first_then_one_request_at_a_time() {
    let mut it = Fixture::new();
    it.at(0, "controller is c1; two heartbeats", |channels, ctx| {
        channels.controller_changed(ctx, Some(controller(1)));
        channels.send_to_controller(ctx, ChannelPurpose::Heartbeat, 1, heartbeat());
        channels.send_to_controller(ctx, ChannelPurpose::Heartbeat, 2, heartbeat());
    });
    it.shake_hands(1, 1);
    it.answer(3, 1, heartbeat_answer(ErrorCode::None));
    it.answer(4, 1, heartbeat_answer(ErrorCode::None));
    insta::assert_snapshot!(it.transcript, @"
        0 controller is c1; two heartbeats
            connect 1 to c1
        1 1 connected
            send ApiVersions on 1
        2 ApiVersions answered on 1
            send BrokerHeartbeat on 1
        3 BrokerHeartbeat answered on 1
            send BrokerHeartbeat on 1
            => 1: BrokerHeartbeat from the controller
        4 BrokerHeartbeat answered on 1
            => 2: BrokerHeartbeat from the controller
    ");
}

#[test]
fn not_controller_the_request_goes_to_whoever_leads_by_then() {
    let mut it = Fixture::new();
    it.at(0, "controller is c1; a heartbeat", |channels, ctx| {
        channels.controller_changed(ctx, Some(controller(1)));
        channels.send_to_controller(ctx, ChannelPurpose::Heartbeat, 1, heartbeat());
    });
    it.shake_hands(1, 1);
    // The broker has not heard of c2 yet: it would ask c1 again, after the back-off.
    it.answer(3, 1, heartbeat_answer(ErrorCode::NotController));
    it.timers(53);
    it.shake_hands(54, 2);
    it.at(60, "controller is c2", |channels, ctx| channels.controller_changed(ctx, Some(controller(2))));
    it.answer(61, 2, heartbeat_answer(ErrorCode::NotController));
    it.shake_hands(62, 3);
    it.answer(64, 3, heartbeat_answer(ErrorCode::None));
    insta::assert_snapshot!(it.transcript, @"
        0 controller is c1; a heartbeat
            connect 1 to c1
        1 1 connected
            send ApiVersions on 1
        2 ApiVersions answered on 1
            send BrokerHeartbeat on 1
        3 BrokerHeartbeat answered on 1
            close 1
       53 timers
            connect 2 to c1
       54 2 connected
            send ApiVersions on 2
       55 ApiVersions answered on 2
            send BrokerHeartbeat on 2
       60 controller is c2
       61 BrokerHeartbeat answered on 2
            close 2
            connect 3 to c2
       62 3 connected
            send ApiVersions on 3
       63 ApiVersions answered on 3
            send BrokerHeartbeat on 3
       64 BrokerHeartbeat answered on 3
            => 1: BrokerHeartbeat from the controller
    ");
}

#[test]
fn silence_a_heartbeat_is_given_up_after_its_interval_and_the_connection_with_it() {
    let mut it = Fixture::new();
    it.at(0, "controller is c1; a heartbeat", |channels, ctx| {
        channels.controller_changed(ctx, Some(controller(1)));
        channels.send_to_controller(ctx, ChannelPurpose::Heartbeat, 1, heartbeat());
    });
    it.shake_hands(1, 1);
    // Sent at 2, so the connection is given up at 2002: the request is older than 2 s then.
    it.timers(2002);
    insta::assert_snapshot!(it.transcript, @"
        0 controller is c1; a heartbeat
            connect 1 to c1
        1 1 connected
            send ApiVersions on 1
        2 ApiVersions answered on 1
            send BrokerHeartbeat on 1
     2002 timers
            close 1
            => 1: TimedOut, given up
    ");
}

#[test]
fn no_controller_a_request_waits_for_one_and_forwarding_gives_up_after_60_s() {
    let mut it = Fixture::new();
    it.at(0, "two requests, no controller", |channels, ctx| {
        let ask = AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: BrokerEpoch(5) };
        channels.send_to_controller(ctx, ChannelPurpose::Forwarding, 1, ask.into());
        channels.send_to_controller(ctx, ChannelPurpose::AlterPartition, 2, heartbeat());
    });
    it.timers(60_000);
    it.at(90_000, "controller is c1", |channels, ctx| channels.controller_changed(ctx, Some(controller(1))));
    insta::assert_snapshot!(it.transcript, @"
        0 two requests, no controller
    60000 timers
            => 1: TimedOut, given up
    90000 controller is c1
            connect 1 to c1
    ");
}

#[test]
fn raft_a_broken_connection_fails_all_its_requests_and_the_next_attempts_wait_longer() {
    let mut it = Fixture::new();
    let key = ChannelKey { purpose: ChannelPurpose::Raft, to: controller(2) };
    let ask = |it: &mut Fixture, millis, token| {
        it.at(millis, &format!("request {token}"), |channels, ctx| {
            let request = MetadataRequest { topics: None, allow_auto_topic_creation: false };
            channels.send(ctx, key.clone(), token, request.into());
        });
    };
    let refuse = |it: &mut Fixture, millis, connection| {
        it.at(millis, "refused", |channels, ctx| channels.closed(ctx, ConnectionId(connection)));
    };
    ask(&mut it, 0, 1);
    ask(&mut it, 0, 2);
    refuse(&mut it, 1, 1);
    // The lowest draw of the jitter: 50 ms × 0.8, then 100 ms × 0.8.
    ask(&mut it, 2, 3);
    it.timers(41);
    refuse(&mut it, 42, 2);
    ask(&mut it, 43, 4);
    it.timers(122);
    insta::assert_snapshot!(it.transcript, @"
        0 request 1
            connect 1 to c2
        0 request 2
        1 refused
            => 1: Disconnected
            => 2: Disconnected
        2 request 3
       41 timers
            connect 2 to c2
       42 refused
            => 3: Disconnected
       43 request 4
      122 timers
            connect 3 to c2
    ");
}

#[test]
fn fetcher_asks_no_versions_and_fails_what_the_other_side_does_not_serve_elsewhere() {
    let mut it = Fixture::new();
    let metadata = || MetadataRequest { topics: None, allow_auto_topic_creation: false };
    it.at(0, "a fetcher's request", |channels, ctx| {
        let key = ChannelKey { purpose: ChannelPurpose::Fetcher, to: Endpoint::new("b2", 9092) };
        channels.send(ctx, key, 1, metadata().into());
    });
    it.at(1, "1 connected", |channels, ctx| channels.connected(ctx, ConnectionId(1)));
    // A controller's listener does not serve Metadata, as its ApiVersions says.
    it.at(2, "a request that a controller does not serve", |channels, ctx| {
        let key = ChannelKey { purpose: ChannelPurpose::Raft, to: controller(1) };
        channels.send(ctx, key, 2, metadata().into());
    });
    it.shake_hands(3, 2);
    insta::assert_snapshot!(it.transcript, @"
        0 a fetcher's request
            connect 1 to b2
        1 1 connected
            send Metadata on 1
        2 a request that a controller does not serve
            connect 2 to c1
        3 2 connected
            send ApiVersions on 2
        4 ApiVersions answered on 2
            => 2: UnsupportedVersion
    ");
}
