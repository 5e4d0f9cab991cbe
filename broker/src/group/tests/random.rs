//! Random walks of a coordinator's shard: requests, time, failing writes, other coordinators, in any order.
//!
//! After every step the bench holds the shard's invariants, and its hard state is the replay of
//! the log. Beyond that a walk holds what a group promises: one generation after the other, and
//! what members of a Stable group have is what the next coordinator would read.

use std::collections::BTreeMap;
use std::vec;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::classic::{ClassicGroup, ClassicState};
use super::super::kind::Group;
use super::super::offsets::value_of;
use super::stage::{group_id, partition, subscription};
use super::*;
use crate::config::Properties;

/// What is drawn for a step at most: which one it is, who does it, and its choices.
const DRAWS: usize = 48;

/// What was drawn for one step, in turn; nothing is left once all is used, and nothing means the first of all choices. So a
/// failing walk becomes short, and its steps plain.
#[derive(Debug, Default)]
struct Draws(vec::IntoIter<u16>);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.0.next().unwrap_or_default()) % bound
    }

    fn happens(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

struct Walk {
    bench: Bench,
    draws: Draws,
    /// The id that each client was given last.
    ids: BTreeMap<u64, MemberId>,
    /// The clients behind requests.
    senders: BTreeMap<RequestHandle, u64>,
    /// Whether a write was given up that is in the log all the same: then live and written may differ for ever.
    has_timed_out: bool,
    reached: Reached,
}

/// What a walk has seen: a walk that sees nothing proves nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    stable: u64,
    failed: u64,
    fail_overs: u64,
    replaced: u64,
    commits: u64,
    forgotten: u64,
}

impl Walk {
    fn new() -> Walk {
        let said = [
            ("group.max.size", "4"),
            ("offsets.retention.minutes", "2"),
            ("offsets.retention.check.interval.ms", "30000"),
        ];
        let properties: Properties =
            said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let settings = GroupCoordinatorSettings::from_properties(&properties).expect("legal settings");
        Walk {
            bench: Bench::new(settings, Behaviour::default()),
            draws: Draws::default(),
            ids: BTreeMap::new(),
            senders: BTreeMap::new(),
            has_timed_out: false,
            reached: Reached::default(),
        }
    }

    fn group(&self) -> Option<Arc<ClassicGroup>> {
        self.bench.shard.classic_group(&self.bench.shard.hard, &group_id())
    }

    fn step(&mut self, draws: Vec<u16>) {
        self.draws = Draws(draws.into_iter());
        let client = self.draws.below(6);
        match self.draws.below(26) {
            0..=5 => self.join(client),
            6..=9 => self.sync(client),
            10 | 11 => self.beat(client),
            12 => self.leave(client),
            13 | 14 => self.commit(client),
            15 => self.transaction(client),
            16 => {
                let producer = ProducerId(self.draws.below(2) as i64);
                let committed = self.draws.happens(2);
                self.bench.end_transaction(producer, committed);
            }
            17 => self.bench.wait(1 + 5_000u64.min(1 << self.draws.below(14))),
            18 if self.draws.happens(3) => self.bench.wait(150_000),
            19 => self.bench.holds_writes = true,
            20 | 21 => {
                self.bench.holds_writes = false;
                self.bench.step(|_, _| Vec::new());
            }
            22 => self.break_something(),
            23 => self.forget(),
            _ => self.gather(),
        }
        self.take_answers();
        self.check();
    }

    /// Three clients do what honest members do, so that a group is Stable at times: somebody always disturbs one who joins alone.
    fn gather(&mut self) {
        self.bench.holds_writes = false;
        // Twice: who has no id yet is given one first.
        for client in (0..3).chain(0..3) {
            self.join(client);
            self.take_answers();
        }
        let is_joined = |walk: &Walk| walk.group().is_some_and(|it| it.state == ClassicState::CompletingRebalance);
        for _ in 0..25 {
            if is_joined(self) {
                break;
            }
            self.bench.wait(1_000);
            self.take_answers();
        }
        for client in 0..3 {
            self.sync(client);
            self.take_answers();
        }
    }

    fn break_something(&mut self) {
        self.reached.failed += u64::from(!self.bench.pending.is_empty());
        match self.draws.below(6) {
            0 => {
                self.has_timed_out |= !self.bench.pending.is_empty();
                self.bench.time_out();
            }
            1 => {
                self.bench.fail_over();
                self.has_timed_out = false;
                self.reached.fail_overs += 1;
            }
            _ => self.bench.fail(ErrorCode::NotEnoughReplicas),
        }
    }

    fn ask(&mut self, client: u64, version: i16, request: impl Into<Request>) {
        let next = RequestHandle { connection: ConnectionId(1), correlation_id: self.bench.next_handle + 1 };
        self.senders.insert(next, client);
        self.bench.ask(&format!("c{client}"), version, request);
    }

    fn id(&mut self, client: u64) -> MemberId {
        if self.draws.happens(12) { MemberId::default() } else { self.ids.get(&client).cloned().unwrap_or_default() }
    }

    /// Every other client is a static member.
    fn instance(client: u64) -> Option<GroupInstanceId> {
        client.is_multiple_of(2).then(|| GroupInstanceId::new(&format!("s{client}")))
    }

    fn join(&mut self, client: u64) {
        let topics: &[&str] = if self.draws.happens(4) { &["t", "u"] } else { &["t"] };
        let metadata = subscription(topics);
        let names: &[&str] = if self.draws.happens(4) { &["sticky"] } else { &["range", "sticky"] };
        let protocols = names.iter().map(|it| JoinGroupProtocol { name: (*it).to_owned(), metadata: metadata.clone() });
        let request = JoinGroupRequest {
            group: group_id(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: if self.draws.happens(3) { 4_000 } else { 20_000 },
            member: self.id(client),
            instance: Self::instance(client),
            protocol_type: "consumer".to_owned(),
            protocols: protocols.collect(),
            reason: None,
        };
        let version = if self.draws.happens(4) { 3 } else { 9 };
        self.ask(client, version, request);
    }

    fn sync(&mut self, client: u64) {
        let (group, member) = (self.group(), self.id(client));
        let generation = group.as_ref().map_or(0, |group| group.generation) - i32::from(self.draws.happens(10));
        let is_leader = group.as_ref().is_some_and(|group| group.is_leader(&member));
        let members = group.iter().filter(|_| is_leader).flat_map(|group| group.members.keys());
        // The same for each of a generation: the leader may send it twice.
        let assignments = members.map(|it| (it.clone(), Bytes::from(format!("{generation}{it}")))).collect();
        let (protocol_type, protocol_name, instance) = (None, None, Self::instance(client));
        let group = group_id();
        let request =
            SyncGroupRequest { group, generation, member, instance, protocol_type, protocol_name, assignments };
        self.ask(client, 5, request);
    }

    fn beat(&mut self, client: u64) {
        let generation = self.group().map_or(0, |group| group.generation);
        let (group, member, instance) = (group_id(), self.id(client), Self::instance(client));
        self.ask(client, 4, HeartbeatRequest { group, generation, member, instance });
    }

    fn leave(&mut self, client: u64) {
        let member = self.id(client);
        let leaving = LeavingMember { member, instance: Self::instance(client), reason: None };
        self.ask(client, 5, LeaveGroupRequest { group: group_id(), members: vec![leaving] });
    }

    fn offset(&mut self) -> OffsetCommitPartition {
        let partition = partition(["t-0", "t-1", "v-0"][self.draws.below(3) as usize]);
        let offset = self.draws.below(1_000) as i64;
        OffsetCommitPartition { partition, offset, leader_epoch: LeaderEpoch::NONE, metadata: None }
    }

    fn commit(&mut self, client: u64) {
        let is_nobody = self.draws.happens(3);
        let generation = self.group().map_or(-1, |group| group.generation);
        let request = OffsetCommitRequest {
            group: group_id(),
            generation_or_member_epoch: if is_nobody { -1 } else { generation },
            member: if is_nobody { MemberId::default() } else { self.id(client) },
            instance: None,
            retention_time_ms: if self.draws.happens(5) { 1_000 } else { -1 },
            partitions: vec![self.offset()],
        };
        self.ask(client, 9, request);
    }

    fn transaction(&mut self, client: u64) {
        let request = TxnOffsetCommitRequest {
            transactional_id: "tx".to_owned(),
            group: group_id(),
            producer_id: ProducerId(self.draws.below(2) as i64),
            producer_epoch: ProducerEpoch(0),
            generation_or_member_epoch: if self.draws.happens(2) { -1 } else { 1 },
            member: if self.draws.happens(2) { MemberId::default() } else { self.id(client) },
            instance: None,
            partitions: vec![self.offset()],
        };
        self.bench.ask_transactional(5, &request);
    }

    fn forget(&mut self) {
        match self.draws.below(3) {
            0 => self.ask(0, 2, DeleteGroupsRequest { groups: vec![group_id()] }),
            1 => {
                let partitions = vec![self.offset().partition];
                self.ask(0, 0, OffsetDeleteRequest { group: group_id(), partitions });
            }
            _ => {
                let deleted = vec![self.offset().partition];
                let change = super::super::contract::MetadataChange { deleted, ..Default::default() };
                self.bench.step(|shard, ctx| shard.metadata_changed(ctx, &MetadataImage::default(), &change));
            }
        }
    }

    fn take_answers(&mut self) {
        for (handle, answer) in std::mem::take(&mut self.bench.answers) {
            let client = self.senders.remove(&handle).expect("somebody asked");
            let Answer::Said(Response::JoinGroup(join)) = answer else { continue };
            match join.error {
                ErrorCode::None | ErrorCode::MemberIdRequired => self.ids.insert(client, join.member),
                _ => self.ids.remove(&client),
            };
        }
        for event in std::mem::take(&mut self.bench.events) {
            match event {
                GroupEvent::MemberReplaced { .. } => self.reached.replaced += 1,
                GroupEvent::OffsetCommitted { .. } => self.reached.commits += 1,
                GroupEvent::OffsetForgotten { .. } | GroupEvent::GroupForgotten { .. } => self.reached.forgotten += 1,
                _ => {}
            }
        }
    }

    /// What members of a Stable group have is what is written.
    fn check(&mut self) {
        let Some(group) = self.group().filter(|group| group.state == ClassicState::Stable) else { return };
        self.reached.stable += 1;
        if self.has_timed_out {
            return;
        }
        let Some(Group::Classic(written)) = self.bench.shard.hard.groups.get(&group_id()).map(Arc::as_ref) else {
            panic!("the group exists");
        };
        let next = ClassicGroup::from_written(&group_id(), written.metadata.as_ref());
        assert_eq!(next.generation, group.generation, "the next coordinator knows the generation");
        assert_eq!(next.leader, group.leader, "and who leads");
        let has = |group: &ClassicGroup| -> BTreeMap<MemberId, Bytes> {
            group.members.values().map(|member| (member.id.clone(), member.assignment.clone())).collect()
        };
        assert_eq!(has(&next), has(&group), "and what each has");
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<u16>>> {
    prop::collection::vec(prop::collection::vec(any::<u16>(), DRAWS), 1..500)
}

fn walked(steps: Vec<Vec<u16>>) -> Walk {
    let mut walk = Walk::new();
    steps.into_iter().for_each(|draws| walk.step(draws));
    walk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_happens_the_log_tells_what_a_shard_promised(steps in steps()) {
        walked(steps);
    }
}

/// A walk that comes to nothing proves nothing.
#[test]
fn a_few_walks_come_to_all_that_they_are_about() {
    let mut runner = TestRunner::deterministic();
    let mut seen = Reached::default();
    for _ in 0..10 {
        let steps = steps().new_tree(&mut runner).expect("steps can be drawn").current();
        let Reached { stable, failed, fail_overs, replaced, commits, forgotten } = walked(steps).reached;
        seen.stable += stable;
        seen.failed += failed;
        seen.fail_overs += fail_overs;
        seen.replaced += replaced;
        seen.commits += commits;
        seen.forgotten += forgotten;
    }
    let Reached { stable, failed, fail_overs, replaced, commits, forgotten } = seen;
    assert!(stable > 0 && failed > 0 && fail_overs > 0 && replaced > 0 && commits > 0 && forgotten > 0, "{seen:?}");
}

/// A walk that cannot fail proves nothing.
#[test]
#[should_panic(expected = "what is live is what is in the log")]
fn what_is_changed_beside_the_log_is_seen() {
    let mut walk = Walk::new();
    let value = Some(value_of(&walk.offset(), 0, -1));
    let record = GroupRecord::OffsetCommit { group: group_id(), partition: partition("t-0"), value };
    walk.bench.shard.replay(0, None, record).expect("an offset follows from anything");
    walk.bench.step(|_, _| Vec::new());
}
