//! A group coordinator in the world: found, joined, asked to remember, and lost.
//!
//! The member is a toy that hands over requests which the test writes itself.

use super::kafka::{ADMIN, cluster_of, create_topic};
use super::*;
use trial_broker::api::wire::{decode_response, encode_request};
use trial_broker::api::{Direction, Message, versions};
use trial_broker::ids::{GroupId, LeaderEpoch, MemberId, NodeId, TopicPartition};
use trial_broker::message::*;

const MEMBER: MachineId = MachineId(1003);

/// Three brokers whose offsets topic has one partition, a topic to read, and somebody to join.
struct Class {
    world: World,
    asked: i32,
}

impl Class {
    fn new(seed: u64) -> Class {
        let mut world = cluster_of(seed, true, |config| config.group_coordinator.offsets_topic_partitions = 1);
        let program = ProgramConfig::Toy(ToyConfig::default());
        world.add_machine(MEMBER, MachineConfig { name: "m1".into(), program });
        at(&mut world, Time::ZERO, Fault::Start { machine: MEMBER });
        call(&mut world, ms(9000), ADMIN, 9000, create_topic());
        world.run_until(ms(11_000));
        Class { world, asked: 0 }
    }

    fn sleep(&mut self, span: Duration) {
        let end = self.world.now() + span;
        self.world.run_until(end);
    }

    /// What a broker answers; none if it does not within ten seconds.
    fn ask(&mut self, broker: NodeId, request: impl Into<Request>) -> Option<Response> {
        let request = request.into();
        self.asked += 1;
        let (api, version) = (request.api(), versions::latest(request.api()));
        let bytes = encode_request(request, version, self.asked, "m1".into()).to_bytes();
        let record = ProducerRecord { topic: format!("b{broker}"), partition: None, key: None, value: Some(bytes) };
        let (now, before) = (self.world.now(), self.answers().len());
        let ticket = self.asked as u64;
        call(&mut self.world, now + us(1), MEMBER, ticket, Call::SendAll(vec![record]));
        while self.answers().len() == before {
            if self.world.now() > now + Duration::from_secs(10) {
                return None;
            }
            self.sleep(us(500));
        }
        let answer = self.answers()[before].clone();
        let answer = Message::from_bytes(answer, Direction::Response { api, version }).expect("sound bytes");
        Some(decode_response(&answer).expect("a sound answer"))
    }

    fn answers(&self) -> &[Bytes] {
        &self.world.machine(MEMBER).expect("it is there").toy().expect("a toy").answers
    }

    /// The coordinator of the group, as a broker knows it.
    fn coordinator(&mut self, as_known_by: NodeId) -> Result<NodeId, ErrorCode> {
        let keys = vec!["billing".to_owned()];
        match self.ask(as_known_by, FindCoordinatorRequest { kind: CoordinatorKind::Group, keys }) {
            Some(Response::FindCoordinator(found)) => {
                found.coordinators[0].node.clone().map(|(node, _)| node).ok_or(found.coordinators[0].error)
            }
            other => panic!("not an answer to FindCoordinator: {other:?}"),
        }
    }

    /// Asks again until there is a coordinator, and it is not `but`.
    fn find_coordinator(&mut self, as_known_by: NodeId, but: Option<NodeId>) -> NodeId {
        for _ in 0..600 {
            match self.coordinator(as_known_by) {
                Ok(node) if Some(node) != but => return node,
                Ok(_) | Err(ErrorCode::CoordinatorNotAvailable) => self.sleep(Duration::from_millis(100)),
                Err(error) => panic!("FindCoordinator: {}", error.name()),
            }
        }
        panic!("nobody coordinates the group")
    }

    fn heartbeat(&mut self, coordinator: NodeId, member: &MemberId) -> ErrorCode {
        let group = GroupId::new("billing");
        let request = HeartbeatRequest { group, generation: 1, member: member.clone(), instance: None };
        match self.ask(coordinator, request) {
            Some(Response::Heartbeat(answer)) => answer.error,
            other => panic!("not an answer to Heartbeat: {other:?}"),
        }
    }

    fn join(&mut self, coordinator: NodeId, member: &MemberId) -> JoinGroupResponse {
        let request = JoinGroupRequest {
            group: GroupId::new("billing"),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 300_000,
            member: member.clone(),
            instance: None,
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupProtocol { name: "range".to_owned(), metadata: Bytes::from_static(b"orders") }],
            reason: None,
        };
        match self.ask(coordinator, request) {
            Some(Response::JoinGroup(answer)) => answer,
            other => panic!("not an answer to JoinGroup: {other:?}"),
        }
    }

    /// Joins and syncs; the coordinator may still be loading when it is found.
    fn become_a_member(&mut self, coordinator: NodeId) -> MemberId {
        let mut first = self.join(coordinator, &MemberId::default());
        while matches!(first.error, ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator) {
            self.sleep(Duration::from_millis(100));
            first = self.join(coordinator, &MemberId::default());
        }
        assert_eq!(first.error, ErrorCode::MemberIdRequired);
        let joined = self.join(coordinator, &first.member);
        assert_eq!((joined.error, joined.generation), (ErrorCode::None, 1));
        let sync = SyncGroupRequest {
            group: GroupId::new("billing"),
            generation: 1,
            member: first.member.clone(),
            instance: None,
            protocol_type: joined.protocol_type,
            protocol_name: joined.protocol_name,
            assignments: vec![(first.member.clone(), Bytes::from_static(b"orders-0"))],
        };
        let Some(Response::SyncGroup(synced)) = self.ask(coordinator, sync) else { panic!("no answer to SyncGroup") };
        assert_eq!((synced.error, &synced.assignment[..]), (ErrorCode::None, &b"orders-0"[..]));
        first.member
    }

    fn commit(&mut self, coordinator: NodeId, member: &MemberId, offset: i64) -> ErrorCode {
        let partition = OffsetCommitPartition {
            partition: TopicPartition::new("orders", 0),
            offset,
            leader_epoch: LeaderEpoch(0),
            metadata: None,
        };
        let request = OffsetCommitRequest {
            group: GroupId::new("billing"),
            generation_or_member_epoch: 1,
            member: member.clone(),
            instance: None,
            retention_time_ms: -1,
            partitions: vec![partition],
        };
        match self.ask(coordinator, request) {
            Some(Response::OffsetCommit(answer)) => answer.partitions[0].1,
            other => panic!("not an answer to OffsetCommit: {other:?}"),
        }
    }

    fn committed(&mut self, coordinator: NodeId) -> Result<i64, ErrorCode> {
        let partitions = Some(vec![TopicPartition::new("orders", 0)]);
        let group = OffsetFetchGroup { group: GroupId::new("billing"), member: None, member_epoch: -1, partitions };
        match self.ask(coordinator, OffsetFetchRequest { groups: vec![group], require_stable: true }) {
            Some(Response::OffsetFetch(answer)) if answer.groups[0].error.is_none() => {
                Ok(answer.groups[0].partitions[0].offset)
            }
            Some(Response::OffsetFetch(answer)) => Err(answer.groups[0].error),
            other => panic!("not an answer to OffsetFetch: {other:?}"),
        }
    }

    /// Asks again until the coordinator has loaded the group.
    fn committed_when_loaded(&mut self, coordinator: NodeId) -> i64 {
        for _ in 0..100 {
            match self.committed(coordinator) {
                Ok(offset) => return offset,
                Err(ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator) => {
                    self.sleep(Duration::from_millis(100));
                }
                Err(error) => panic!("OffsetFetch: {}", error.name()),
            }
        }
        panic!("the coordinator never loads")
    }
}

/// GR-09: what was answered is in the offsets topic on every replica that may lead it, and so are the members.
#[test]
fn committed_offsets_and_members_outlive_the_power_cut_of_their_coordinator() {
    let tell = |seed| {
        let mut class = Class::new(seed);
        let first = class.coordinator(NodeId(1));
        assert_eq!(first, Err(ErrorCode::CoordinatorNotAvailable), "the offsets topic is made when somebody asks");
        let old = class.find_coordinator(NodeId(1), None);
        let member = class.become_a_member(old);
        assert_eq!(class.heartbeat(old, &member), ErrorCode::None);
        assert_eq!(class.commit(old, &member, 7), ErrorCode::None);

        let machine = MachineId(old.0 as u32);
        class.world.schedule(Entry::new(
            class.world.now() + us(1),
            Fault::PowerCut { machine, lose: crate::fault::Lose::All, draw: 0 },
        ));
        let survivor = NodeId(old.0 % 3 + 1);
        let new = class.find_coordinator(survivor, Some(old));
        assert_eq!(class.committed_when_loaded(new), 7);
        assert_eq!(class.heartbeat(new, &member), ErrorCode::None, "no rebalance: the generation was in the log");
        let third = (1..=3).map(NodeId).find(|node| *node != old && *node != new).expect("three brokers");
        assert_eq!(class.committed(third), Err(ErrorCode::NotCoordinator));
        assert_eq!(class.commit(new, &member, 8), ErrorCode::None);
        assert_eq!(class.committed(new), Ok(8));
        (class.world.fingerprint(), class.world.steps())
    };
    assert_eq!(tell(11), tell(11));
}
