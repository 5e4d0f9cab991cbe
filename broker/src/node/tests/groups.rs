//! A member's life on one broker, message by message: it joins, is given its partitions, commits, and its coordinator is
//! killed and started again.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::api::Message;
use crate::api::wire::{decode_response, encode_request};
use crate::api::{Body, versions};
use crate::effects::Output;
use crate::ids::{GroupId, MemberId, TopicPartition};
use crate::message::*;
use crate::time::{Time, WallTime};

const MEMBER: ConnectionId = ConnectionId(ConnectionId::ACCEPTED | 1);

/// A broker that leads everything there is, and one connection to it.
struct Broker {
    process: Process,
    now: Time,
    next_request: i32,
    answers: Vec<(i32, Response)>,
}

impl Broker {
    /// Started on what the disk holds, with the metadata of the cluster.
    fn start(process: Process, now: Time) -> Broker {
        let mut broker = Broker { process, now, next_request: 1, answers: Vec::new() };
        let mut records = records_of(10, "__consumer_offsets");
        records.extend(records_of(20, "orders"));
        broker.tell(update(10, records));
        broker.tell(Internal::LoadLogs);
        broker.step(Input::Accepted { connection: MEMBER, port: BROKER_PORT });
        broker
    }

    /// The process is killed; the machine's page cache keeps what it wrote.
    fn killed_and_started_again(self) -> Broker {
        let mut storage = self.process.storage;
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        let node = Node::recover(config(), &mut ctx).expect("a sound disk");
        Broker::start(Process { node, storage }, self.now)
    }

    fn tell(&mut self, input: Internal) {
        self.step(Input::Internal { lane: Lane::Data, input });
    }

    /// One step, and those that the data lane asks for itself.
    fn step(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
            let mut choices = LowestChoice;
            let mut ctx = Context::new(now, &mut self.process.storage, &mut choices);
            self.process.node.step(&mut ctx, input);
            let effects = ctx.take_effects();
            self.process.node.assert_invariants();
            for output in effects.outputs {
                match output {
                    Output::Internal { to: Lane::Data, input } => {
                        inputs.push_back(Input::Internal { lane: Lane::Data, input });
                    }
                    Output::Send { connection: MEMBER, message } => self.take_answer(&message),
                    _ => {}
                }
            }
        }
    }

    fn take_answer(&mut self, message: &Message) {
        assert!(matches!(message.body, Body::Response(_)), "a broker only answers its clients");
        self.answers.push((message.correlation_id, decode_response(message).expect("a sound answer")));
    }

    /// Lets time go by, timer by timer.
    fn sleep(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.process.node.next_deadline(Lane::Data).filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.step(Input::Timers { lane: Lane::Data });
        }
        self.now = end;
    }

    fn send(&mut self, request: impl Into<Request>) -> i32 {
        let request = request.into();
        self.next_request += 1;
        let version = versions::latest(request.api());
        let message = encode_request(request, version, self.next_request, "c1".into());
        self.step(Input::Received { connection: MEMBER, message: Arc::new(message) });
        self.next_request
    }

    /// The answer, and after how long it came.
    fn ask(&mut self, request: impl Into<Request>) -> (Response, Duration) {
        let sent = self.now;
        let id = self.send(request);
        for _ in 0..10_000 {
            if let Some(at) = self.answers.iter().position(|(answered, _)| *answered == id) {
                return (self.answers.remove(at).1, self.now.since(sent));
            }
            self.sleep(Duration::from_millis(1));
        }
        panic!("nobody answers");
    }
}

fn join(member: &MemberId) -> JoinGroupRequest {
    JoinGroupRequest {
        group: GroupId::new("billing"),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        member: member.clone(),
        instance: None,
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupProtocol { name: "range".to_owned(), metadata: Bytes::from_static(b"orders") }],
        reason: None,
    }
}

fn heartbeat(member: &MemberId, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest { group: GroupId::new("billing"), generation, member: member.clone(), instance: None }
}

fn commit(member: &MemberId, generation: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitPartition {
        partition: TopicPartition::new("orders", 0),
        offset,
        leader_epoch: LeaderEpoch(0),
        metadata: None,
    };
    let nowhere = OffsetCommitPartition { partition: TopicPartition::new("absent", 0), ..partition.clone() };
    OffsetCommitRequest {
        group: GroupId::new("billing"),
        generation_or_member_epoch: generation,
        member: member.clone(),
        instance: None,
        retention_time_ms: -1,
        partitions: vec![partition, nowhere],
    }
}

fn committed_offset(broker: &mut Broker) -> i64 {
    let group = OffsetFetchGroup {
        group: GroupId::new("billing"),
        member: None,
        member_epoch: -1,
        partitions: Some(vec![TopicPartition::new("orders", 0)]),
    };
    let (answer, _) = broker.ask(OffsetFetchRequest { groups: vec![group], require_stable: true });
    let Response::OffsetFetch(answer) = answer else { panic!("another answer: {answer:?}") };
    assert_eq!(answer.groups[0].error, ErrorCode::None);
    answer.groups[0].partitions[0].offset
}

/// Joins as Kafka's consumer does: first for an id, then with it.
fn become_a_member(broker: &mut Broker) -> MemberId {
    let (Response::JoinGroup(first), _) = broker.ask(join(&MemberId::default())) else { panic!("no join") };
    assert_eq!(first.error, ErrorCode::MemberIdRequired);
    let (Response::JoinGroup(joined), waited) = broker.ask(join(&first.member)) else { panic!("no join") };
    assert_eq!((joined.error, joined.generation), (ErrorCode::None, 1));
    assert_eq!(waited, Duration::from_secs(3), "group.initial.rebalance.delay.ms");
    assert_eq!((&joined.leader, &joined.member), (&first.member, &first.member));
    let sync = SyncGroupRequest {
        group: GroupId::new("billing"),
        generation: 1,
        member: first.member.clone(),
        instance: None,
        protocol_type: joined.protocol_type.clone(),
        protocol_name: joined.protocol_name.clone(),
        assignments: vec![(first.member.clone(), Bytes::from_static(b"orders-0"))],
    };
    let (Response::SyncGroup(synced), waited) = broker.ask(sync) else { panic!("no sync") };
    assert_eq!((synced.error, &synced.assignment[..]), (ErrorCode::None, &b"orders-0"[..]));
    assert_eq!(waited, Duration::from_millis(5), "group.coordinator.append.linger.ms; one replica commits at once");
    first.member
}

#[test]
fn what_a_member_committed_survives_its_coordinator_and_so_does_its_membership() {
    let mut broker = Broker::start(Process::started(), Time::from_millis(1000));
    let member = become_a_member(&mut broker);
    let (Response::Heartbeat(alive), _) = broker.ask(heartbeat(&member, 1)) else { panic!("no heartbeat") };
    assert_eq!(alive.error, ErrorCode::None);

    let (Response::OffsetCommit(answer), _) = broker.ask(commit(&member, 1, 7)) else { panic!("no commit") };
    let expected = [
        (TopicPartition::new("absent", 0), ErrorCode::UnknownTopicOrPartition),
        (TopicPartition::new("orders", 0), ErrorCode::None),
    ];
    assert_eq!(answer.partitions, expected, "what does not exist is refused before the coordinator is asked");
    assert_eq!(committed_offset(&mut broker), 7);

    let mut broker = broker.killed_and_started_again();
    assert_eq!(committed_offset(&mut broker), 7);
    let (Response::Heartbeat(alive), _) = broker.ask(heartbeat(&member, 1)) else { panic!("no heartbeat") };
    assert_eq!(alive.error, ErrorCode::None, "the generation is in the log; its session begins anew");
    let (Response::Heartbeat(late), _) = broker.ask(heartbeat(&member, 0)) else { panic!("no heartbeat") };
    assert_eq!(late.error, ErrorCode::IllegalGeneration);
}

#[test]
fn requests_that_no_group_could_mean_are_refused_with_kafkas_errors() {
    let mut broker = Broker::start(Process::started(), Time::from_millis(1000));
    let nameless = JoinGroupRequest { group: GroupId::default(), ..join(&MemberId::default()) };
    let (Response::JoinGroup(answer), _) = broker.ask(nameless) else { panic!("no join") };
    assert_eq!(answer.error, ErrorCode::InvalidGroupId);
    let hasty = JoinGroupRequest { session_timeout_ms: 5999, ..join(&MemberId::default()) };
    let (Response::JoinGroup(answer), _) = broker.ask(hasty) else { panic!("no join") };
    assert_eq!(answer.error, ErrorCode::InvalidSessionTimeout);
    let (Response::Heartbeat(answer), _) = broker.ask(heartbeat(&MemberId::new("nobody"), 1)) else { panic!("no") };
    assert_eq!(answer.error, ErrorCode::UnknownMemberId);
    let silent = SyncGroupRequest {
        group: GroupId::new("billing"),
        generation: 1,
        member: MemberId::new("nobody"),
        instance: None,
        protocol_type: None,
        protocol_name: Some("range".to_owned()),
        assignments: Vec::new(),
    };
    let (Response::SyncGroup(answer), _) = broker.ask(silent) else { panic!("no sync") };
    assert_eq!(answer.error, ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn clients_do_not_write_to_the_offsets_topic() {
    let mut broker = Broker::start(Process::started(), Time::from_millis(1000));
    let batch = crate::record::BatchBuilder::new(0).append(0, Some(b"k"), Some(b"v"), &[]).build();
    let image = broker.process.node.broker_metadata().expect("a broker");
    let topic_id = image.topic_id(&TopicName::new("__consumer_offsets")).expect("it exists");
    let partition = ProducePartition { topic_id, topic: TopicName::default(), partition: 0, records: batch };
    let produce =
        ProduceRequest { transactional_id: None, acks: Acks::All, timeout_ms: 1000, partitions: vec![partition] };
    let (Response::Produce(answer), _) = broker.ask(produce) else { panic!("no produce") };
    assert_eq!(answer.partitions[0].error, ErrorCode::InvalidTopicException);
}

#[test]
fn the_coordinator_of_a_group_is_the_leader_of_its_partition() {
    let mut broker = Broker::start(Process::started(), Time::from_millis(1000));
    let question = FindCoordinatorRequest { kind: CoordinatorKind::Group, keys: vec!["billing".to_owned()] };
    let (Response::FindCoordinator(answer), _) = broker.ask(question) else { panic!("no coordinator") };
    assert_eq!(answer.coordinators[0].node, Some((NodeId(1), Endpoint::new("b1", BROKER_PORT))));
}
