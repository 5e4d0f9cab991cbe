//! A broker's coordinator of three partitions: what it puts together, what it refuses, and what metadata does to it.
//!
//! Of three partitions group `c` belongs to 0, `a` to 1 and `b` to 2: Java's hashes of these names are 99, 97 and 98.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::choice::LowestChoice;
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::group::contract::RequestContext;
use crate::group::coordinator::{Broker, GroupCoordinator};
use crate::group::runtime::tests::{FakeLog, FakePartition};
use crate::ids::*;
use crate::message::*;
use crate::metadata::{GROUP_VERSION, MetadataImage, MetadataRecord, MetadataUpdate, PartitionRegistration};
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

const ME: NodeId = NodeId(1);
const OFFSETS: TopicId = TopicId(Uuid::from_u128(1));
const ORDERS: TopicId = TopicId(Uuid::from_u128(2));

struct Stage {
    coordinator: GroupCoordinator,
    log: FakeLog,
    image: MetadataImage,
    now_ms: u64,
    loads: Vec<i32>,
    next_request: i32,
    next_record: i64,
}

impl Stage {
    /// The coordinator has started, and nothing is loaded.
    fn started() -> Stage {
        let settings = GroupCoordinatorSettings { offsets_topic_partitions: 3, ..GroupCoordinatorSettings::default() };
        let partitions = (0..3).map(|partition| (partition, FakePartition::led()));
        let mut stage = Stage {
            coordinator: GroupCoordinator::new(ME, Arc::new(settings), Behaviour::default()),
            log: FakeLog { partitions: partitions.collect() },
            image: MetadataImage::default(),
            now_ms: 1000,
            loads: Vec::new(),
            next_request: 0,
            next_record: 0,
        };
        let led = |topic_id, partition| {
            let mut registration = PartitionRegistration::new(vec![ME], vec![DirectoryId::UNASSIGNED], vec![ME]);
            (registration.leader, registration.leader_epoch) = (ME, LeaderEpoch(1));
            MetadataRecord::Partition { partition, topic_id, registration }
        };
        let topic = |name: &str, topic_id| MetadataRecord::Topic { name: TopicName::new(name), topic_id };
        let mut records = vec![topic("__consumer_offsets", OFFSETS), topic("orders", ORDERS), led(ORDERS, 0)];
        records.extend((0..3).map(|partition| led(OFFSETS, partition)));
        records.push(MetadataRecord::FeatureLevel { name: GROUP_VERSION.to_owned(), level: 1 });
        for record in records {
            stage.image.try_apply(stage.next_record, &record).expect("the records fit together");
            stage.next_record += 1;
        }
        stage.step(|ctx, coordinator, broker| coordinator.start(ctx, broker));
        stage
    }

    fn serving() -> Stage {
        let mut stage = Stage::started();
        stage.load();
        stage
    }

    fn step<T>(&mut self, act: impl FnOnce(&mut Context, &mut GroupCoordinator, &mut Broker) -> T) -> T {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        let now = Now { monotonic: Time::from_millis(self.now_ms), wall: WallTime(self.now_ms * 1000) };
        let mut ctx = Context::new(now, &mut storage, &mut choices);
        let result = act(&mut ctx, &mut self.coordinator, &mut Broker { log: &mut self.log, image: &self.image });
        self.loads.extend(self.coordinator.take_reads());
        result
    }

    fn load(&mut self) {
        while let Some(partition) = self.loads.pop() {
            self.step(|ctx, coordinator, broker| coordinator.go_on_loading(ctx, broker, partition));
        }
    }

    fn ask_at(&mut self, version: i16, request: impl Into<Request>) -> Option<Response> {
        self.next_request += 1;
        let handle =
            RequestHandle { connection: ConnectionId(ConnectionId::ACCEPTED), correlation_id: self.next_request };
        let who = RequestContext { handle, version, client_id: "c".to_owned(), client_host: "/c".to_owned() };
        let request = request.into();
        self.step(|ctx, coordinator, broker| coordinator.handle(ctx, broker, &who, request));
        self.answers().remove(&handle)
    }

    fn ask(&mut self, request: impl Into<Request>) -> Option<Response> {
        let request = request.into();
        self.ask_at(crate::api::versions::latest(request.api()), request)
    }

    fn answers(&mut self) -> BTreeMap<RequestHandle, Response> {
        self.coordinator.take_answers().into_iter().collect()
    }

    /// Everything is written and replicated; what was answered then.
    fn settle(&mut self) -> Vec<Response> {
        self.now_ms += 5;
        self.step(|ctx, coordinator, broker| coordinator.on_timers(ctx, broker));
        self.log.partitions.values_mut().for_each(FakePartition::replicate);
        self.step(|ctx, coordinator, broker| coordinator.look_at_high_watermarks(ctx, broker));
        let answers = self.answers().into_values().collect();
        self.coordinator.assert_invariants();
        answers
    }

    fn apply(&mut self, record: MetadataRecord) {
        let old = self.image.clone();
        self.image.try_apply(self.next_record, &record).expect("the record fits");
        let update = MetadataUpdate {
            is_snapshot: false,
            last_offset: self.next_record,
            last_epoch: LeaderEpoch(1),
            records: vec![(self.next_record, record)],
        };
        self.next_record += 1;
        self.step(|ctx, coordinator, broker| coordinator.apply_metadata(ctx, broker, &old, &update));
    }

    /// Somebody who is in no group commits offsets for these.
    fn commit(&mut self, groups: &[&str]) {
        for group in groups {
            assert_eq!(self.ask(commit(group, &[("orders", 0)])), None, "{group}: not before it is committed");
        }
        assert_eq!(self.settle().len(), groups.len());
    }
}

fn commit(group: &str, partitions: &[(&str, i32)]) -> OffsetCommitRequest {
    let partition = |(topic, partition): &(&str, i32)| OffsetCommitPartition {
        partition: TopicPartition::new(topic, *partition),
        offset: 7,
        leader_epoch: LeaderEpoch::NONE,
        metadata: None,
    };
    OffsetCommitRequest {
        group: GroupId::new(group),
        generation_or_member_epoch: -1,
        member: MemberId::default(),
        instance: None,
        retention_time_ms: -1,
        partitions: partitions.iter().map(partition).collect(),
    }
}

fn fetch(groups: &[&str], require_stable: bool) -> OffsetFetchRequest {
    let group = |group: &&str| OffsetFetchGroup {
        group: GroupId::new(group),
        member: None,
        member_epoch: -1,
        partitions: None,
    };
    OffsetFetchRequest { groups: groups.iter().map(group).collect(), require_stable }
}

/// Of each group: its name, its error, and how many offsets it has.
fn fetched(answer: Option<Response>) -> Vec<(String, ErrorCode, usize)> {
    let Some(Response::OffsetFetch(answer)) = answer else { panic!("no offsets: {answer:?}") };
    answer.groups.iter().map(|group| (group.group.to_string(), group.error, group.partitions.len())).collect()
}

fn group(name: &str) -> GroupId {
    GroupId::new(name)
}

#[test]
fn answers_about_several_groups_come_in_the_order_in_which_they_were_asked_for() {
    let mut stage = Stage::serving();
    stage.commit(&["a", "c"]);
    let answer = stage.ask(fetch(&["c", "b", "a"], false));
    let expected = [("c", 1), ("b", 0), ("a", 1)].map(|(name, count)| (name.to_owned(), ErrorCode::None, count));
    assert_eq!(fetched(answer), expected);

    let Some(Response::DescribeGroups(told)) =
        stage.ask(DescribeGroupsRequest { groups: vec![group("c"), group("b"), group("a")] })
    else {
        panic!("not described")
    };
    let told: Vec<_> = told.groups.iter().map(|told| (told.group.as_str(), told.error)).collect();
    let expected = [("c", ErrorCode::None), ("b", ErrorCode::GroupIdNotFound), ("a", ErrorCode::None)];
    assert_eq!(told, expected);

    let delete = DeleteGroupsRequest { groups: vec![group("c"), group("b")] };
    assert_eq!(stage.ask(delete), None, "c is gone when that is committed");
    let answers = stage.settle();
    let results = vec![(group("c"), ErrorCode::None), (group("b"), ErrorCode::GroupIdNotFound)];
    assert_eq!(answers, [DeleteGroupsResponse { results }.into()]);
}

#[test]
fn one_group_waits_and_the_whole_answer_waits_with_it() {
    let mut stage = Stage::serving();
    stage.commit(&["a"]);
    assert_eq!(stage.ask(commit("b", &[("orders", 0)])), None);
    assert_eq!(stage.ask(fetch(&["a", "b"], true)), None, "b has a write that is not committed");
    let answers = stage.settle();
    let offsets = answers.into_iter().find(|answer| matches!(answer, Response::OffsetFetch(_)));
    let expected = [("a", 1), ("b", 1)].map(|(name, count)| (name.to_owned(), ErrorCode::None, count));
    assert_eq!(fetched(offsets), expected);
}

#[test]
fn groups_are_listed_when_all_coordinators_have_loaded() {
    let mut stage = Stage::serving();
    stage.commit(&["a", "b", "c"]);
    let list = ListGroupsRequest { states: Vec::new(), types: Vec::new() };
    let Some(Response::ListGroups(all)) = stage.ask(list.clone()) else { panic!("no list") };
    assert_eq!((all.error, all.groups.len()), (ErrorCode::None, 3));

    let mut stage = Stage::started();
    let Some(Response::ListGroups(none)) = stage.ask(list.clone()) else { panic!("no list") };
    assert_eq!((none.error, none.groups.len()), (ErrorCode::CoordinatorLoadInProgress, 0));
    stage.log.partitions.get_mut(&2).expect("three partitions").leads = false;
    stage.load();
    let Some(Response::ListGroups(rest)) = stage.ask(list) else { panic!("no list") };
    assert_eq!(rest.error, ErrorCode::None, "a coordinator that could not load has no groups to tell of");
}

#[test]
fn while_a_coordinator_loads_members_are_told_so_but_for_heartbeats_which_are_let_pass() {
    let mut stage = Stage::started();
    let heartbeat = HeartbeatRequest { group: group("a"), generation: 1, member: MemberId::new("m"), instance: None };
    let Some(Response::Heartbeat(answer)) = stage.ask(heartbeat) else { panic!("no heartbeat") };
    assert_eq!(answer.error, ErrorCode::None);
    let leave = LeaveGroupRequest { group: group("a"), members: Vec::new() };
    let Some(Response::LeaveGroup(answer)) = stage.ask(leave) else { panic!("no leave") };
    assert_eq!(answer.error, ErrorCode::CoordinatorLoadInProgress);
    let expected = [("a".to_owned(), ErrorCode::CoordinatorLoadInProgress, 0)];
    assert_eq!(fetched(stage.ask(fetch(&["a"], true))), expected);
    // The first version has no place for an error of the group: each partition has it.
    let mut old = fetch(&["a"], false);
    old.groups[0].partitions = Some(vec![TopicPartition::new("orders", 0)]);
    let Some(Response::OffsetFetch(answer)) = stage.ask_at(1, old) else { panic!("no offsets") };
    assert_eq!(answer.groups[0].partitions[0].error, ErrorCode::CoordinatorLoadInProgress);
}

#[test]
fn a_partition_that_moves_takes_its_groups_with_it() {
    let mut stage = Stage::serving();
    stage.commit(&["a", "b"]);
    let mut elsewhere = PartitionRegistration::new(vec![ME], vec![DirectoryId::UNASSIGNED], vec![ME]);
    (elsewhere.leader, elsewhere.leader_epoch) = (NodeId(2), LeaderEpoch(2));
    stage.apply(MetadataRecord::Partition { partition: 1, topic_id: OFFSETS, registration: elsewhere.clone() });
    assert_eq!(fetched(stage.ask(fetch(&["a"], false)))[0].1, ErrorCode::NotCoordinator);
    assert_eq!(fetched(stage.ask(fetch(&["b"], false)))[0].1, ErrorCode::None);

    (elsewhere.leader, elsewhere.leader_epoch) = (ME, LeaderEpoch(3));
    stage.apply(MetadataRecord::Partition { partition: 1, topic_id: OFFSETS, registration: elsewhere });
    assert_eq!(fetched(stage.ask(fetch(&["a"], false)))[0].1, ErrorCode::CoordinatorLoadInProgress);
    stage.load();
    assert_eq!(fetched(stage.ask(fetch(&["a"], false))), [("a".to_owned(), ErrorCode::None, 1)]);
}

#[test]
fn the_offsets_of_a_deleted_topic_are_forgotten() {
    let mut stage = Stage::serving();
    stage.commit(&["a", "b"]);
    stage.apply(MetadataRecord::RemoveTopic { topic_id: ORDERS });
    stage.settle();
    let expected = ["a", "b"].map(|name| (name.to_owned(), ErrorCode::None, 0));
    assert_eq!(fetched(stage.ask(fetch(&["a", "b"], false))), expected);
}

#[test]
fn offsets_of_partitions_that_do_not_exist_are_refused_without_asking_the_coordinator() {
    let mut stage = Stage::serving();
    let nowhere = commit("a", &[("orders", 1), ("absent", 0)]);
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let expected = [(TopicPartition::new("orders", 1), unknown), (TopicPartition::new("absent", 0), unknown)];
    let answer = stage.ask(nowhere);
    assert_eq!(answer, Some(OffsetCommitResponse { partitions: expected.to_vec() }.into()));
}

#[test]
fn whether_there_is_a_group_whose_offsets_may_go_the_coordinator_says_also_of_partitions_that_do_not_exist() {
    // KafkaApis.handleOffsetDeleteRequest asks whatever is left of the request, and an error of the group is the whole answer.
    let mut stage = Stage::serving();
    let delete = OffsetDeleteRequest { group: group("a"), partitions: vec![TopicPartition::new("absent", 0)] };
    let no_group = OffsetDeleteResponse { error: ErrorCode::GroupIdNotFound, partitions: Vec::new() };
    assert_eq!(stage.ask(delete.clone()), Some(no_group.into()));
    stage.commit(&["a"]);
    let partitions = vec![(TopicPartition::new("absent", 0), ErrorCode::UnknownTopicOrPartition)];
    let unknown = OffsetDeleteResponse { error: ErrorCode::None, partitions };
    assert_eq!(stage.ask(delete), Some(unknown.into()));
}

#[test]
fn a_marker_is_refused_by_partition_where_there_is_no_replica_and_where_another_coordinates() {
    let mut stage = Stage::serving();
    let offsets = |partition| TopicPartition::new("__consumer_offsets", partition);
    let on = |replicas: Vec<NodeId>| {
        let directories = vec![DirectoryId::UNASSIGNED; replicas.len()];
        let mut registration = PartitionRegistration::new(replicas.clone(), directories, replicas);
        (registration.leader, registration.leader_epoch) = (NodeId(2), LeaderEpoch(2));
        registration
    };
    stage.apply(MetadataRecord::Partition { partition: 1, topic_id: OFFSETS, registration: on(vec![NodeId(2)]) });
    stage.apply(MetadataRecord::Partition { partition: 2, topic_id: OFFSETS, registration: on(vec![NodeId(2), ME]) });
    let partitions = vec![offsets(0), offsets(1), offsets(2), TopicPartition::new("orders", 0)];
    let (producer_id, producer_epoch) = (ProducerId(9), ProducerEpoch(0));
    let marker = TxnMarker { producer_id, producer_epoch, committed: true, coordinator_epoch: 0, partitions };
    assert_eq!(stage.ask(WriteTxnMarkersRequest { markers: vec![marker] }), None, "one of four is to be written");
    let [Response::WriteTxnMarkers(answer)] = &stage.settle()[..] else { panic!("no answer, or several") };
    let told: BTreeMap<TopicPartition, ErrorCode> = answer.markers.iter().flat_map(|(_, told)| told.clone()).collect();
    let expected = [
        (offsets(0), ErrorCode::None),
        (offsets(1), ErrorCode::UnknownTopicOrPartition),
        (offsets(2), ErrorCode::NotLeaderOrFollower),
        (TopicPartition::new("orders", 0), ErrorCode::UnknownTopicOrPartition),
    ];
    assert_eq!(told, BTreeMap::from(expected));
    assert!(answer.markers.iter().all(|(producer, _)| *producer == producer_id));
}

/// A first heartbeat as it should be.
fn first_heartbeat() -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group: group("a"),
        member: MemberId::new("m"),
        member_epoch: 0,
        instance: None,
        rack: None,
        rebalance_timeout_ms: 300_000,
        subscribed_topic_names: Some(vec!["orders".to_owned()]),
        subscribed_topic_regex: None,
        server_assignor: None,
        owned: Some(PartitionsByTopic::new()),
    }
}

#[test]
fn a_heartbeat_that_contradicts_itself_is_refused_in_kafkas_words() {
    let mut stage = Stage::serving();
    type Change = fn(&mut ConsumerGroupHeartbeatRequest);
    let cases: [(Change, &str); 9] = [
        (|it| it.member = MemberId::new(" "), "MemberId can't be empty."),
        (|it| it.group = group(""), "GroupId can't be empty."),
        (|it| it.instance = Some(GroupInstanceId::new("")), "InstanceId can't be empty."),
        (|it| it.rack = Some(String::new()), "RackId can't be empty."),
        (|it| it.rebalance_timeout_ms = -1, "RebalanceTimeoutMs must be provided in first request."),
        (|it| it.owned = None, "TopicPartitions must be empty when (re-)joining."),
        (
            |it| it.subscribed_topic_names = None,
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (|it| it.member_epoch = -2, "InstanceId can't be null."),
        (|it| it.member_epoch = -3, "MemberEpoch is invalid."),
    ];
    for (change, words) in cases {
        let mut request = first_heartbeat();
        change(&mut request);
        let Some(Response::ConsumerGroupHeartbeat(answer)) = stage.ask(request) else { panic!("{words}: no answer") };
        assert_eq!((answer.error, answer.error_message.as_deref()), (ErrorCode::InvalidRequest, Some(words)));
    }
    let unknown = ConsumerGroupHeartbeatRequest { server_assignor: Some("best".to_owned()), ..first_heartbeat() };
    let Some(Response::ConsumerGroupHeartbeat(answer)) = stage.ask(unknown) else { panic!("no answer") };
    assert_eq!(answer.error, ErrorCode::UnsupportedAssignor);
    stage.apply(MetadataRecord::FeatureLevel { name: GROUP_VERSION.to_owned(), level: 0 });
    let Some(Response::ConsumerGroupHeartbeat(answer)) = stage.ask(first_heartbeat()) else { panic!("no answer") };
    assert_eq!(answer.error, ErrorCode::UnsupportedVersion);
}

#[test]
fn an_instance_that_has_not_been_released_is_told_whose_it_is_and_nothing_else() {
    let mut stage = Stage::serving();
    let of = |member: &str| ConsumerGroupHeartbeatRequest {
        member: MemberId::new(member),
        instance: Some(GroupInstanceId::new("s1")),
        ..first_heartbeat()
    };
    assert_eq!(stage.ask(of("m")), None, "not before it is committed");
    stage.settle();
    let words =
        "Static member n with instance id s1 cannot join the group because the instance id is owned by m member.";
    let expected = ConsumerGroupHeartbeatResponse {
        error: ErrorCode::UnreleasedInstanceId,
        error_message: Some(words.to_owned()),
        member: None,
        member_epoch: 0,
        heartbeat_interval_ms: 0,
        assignment: None,
    };
    assert_eq!(stage.ask(of("n")), Some(expected.into()));
}

#[test]
fn a_stale_epoch_is_refused_for_each_partition_of_a_commit_and_for_the_whole_group_of_a_fetch() {
    let mut stage = Stage::serving();
    assert_eq!(stage.ask(first_heartbeat()), None);
    let [Response::ConsumerGroupHeartbeat(joined)] = &stage.settle()[..] else { panic!("not joined") };
    let epoch = joined.member_epoch;
    let committed = |member_epoch| OffsetCommitRequest {
        member: MemberId::new("m"),
        generation_or_member_epoch: member_epoch,
        ..commit("a", &[("orders", 0)])
    };
    let stale = ErrorCode::StaleMemberEpoch;
    for wrong in [epoch - 1, epoch + 1] {
        let refused = OffsetCommitResponse { partitions: vec![(TopicPartition::new("orders", 0), stale)] };
        assert_eq!(stage.ask(committed(wrong)), Some(refused.into()));
        let mut asked = fetch(&["a"], false);
        (asked.groups[0].member, asked.groups[0].member_epoch) = (Some(MemberId::new("m")), wrong);
        asked.groups[0].partitions = Some(vec![TopicPartition::new("orders", 0)]);
        let refused = OffsetFetchGroupResponse { group: group("a"), error: stale, partitions: Vec::new() };
        assert_eq!(stage.ask(asked), Some(OffsetFetchResponse { groups: vec![refused] }.into()));
    }
    assert_eq!(stage.ask(committed(epoch)), None, "this one is written");
    let taken = OffsetCommitResponse { partitions: vec![(TopicPartition::new("orders", 0), ErrorCode::None)] };
    assert_eq!(stage.settle(), [taken.into()]);
}
