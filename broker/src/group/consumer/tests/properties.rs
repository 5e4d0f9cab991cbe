//! What holds of any group, whatever its members do, whatever is lost, and whatever times out.
//!
//! Clients are honest: they own what they heard of and took, and say so when they acknowledge. Everything else may
//! happen to them: answers are lost, writes are taken back, the coordinator moves, they are silent for too long.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::bench::{Bench, joining, owners, plain};
use crate::config::{Behaviour, Hazard, Switch};
use crate::ids::{GroupInstanceId, MemberId, TopicId};
use crate::message::{ConsumerGroupHeartbeatRequest, PartitionsByTopic};

/// Two dynamic members, a static one, and two that share an instance id: only one of these is in at a time.
const MEMBERS: usize = 5;

/// What a client may match, and which topics that are: one expression finds all, one a topic, one nothing.
const PATTERNS: [(&str, &[&str]); 3] = [("t.", &["t1", "t2"]), ("t1", &["t1"]), ("x.*", &[])];

#[derive(Clone, Debug)]
enum Deed {
    /// A client joins, or says that it wants other topics; bit 0 is t1, bit 1 is t2.
    Want {
        client: usize,
        topics: u8,
        heard: bool,
    },
    /// The same with an expression that the coordinator matches, and no topics by name.
    Match {
        client: usize,
        pattern: usize,
        heard: bool,
    },
    /// A heartbeat without a word of what it owns.
    Beat {
        client: usize,
        heard: bool,
    },
    /// The client takes what it was told, and says so.
    Acknowledge {
        client: usize,
        heard: bool,
    },
    Leave {
        client: usize,
        for_a_while: bool,
    },
    Wait {
        millis: u64,
    },
    Grow,
    Reload,
    LoseNextWrite,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let client = || 0..MEMBERS;
    let deed = prop_oneof![
        3 => (client(), 1..4u8, prop::bool::weighted(0.8)).prop_map(|(client, topics, heard)| Deed::Want { client, topics, heard }),
        2 => (client(), 0..PATTERNS.len(), prop::bool::weighted(0.8)).prop_map(|(client, pattern, heard)| Deed::Match { client, pattern, heard }),
        4 => (client(), prop::bool::weighted(0.8)).prop_map(|(client, heard)| Deed::Beat { client, heard }),
        6 => (client(), prop::bool::weighted(0.8)).prop_map(|(client, heard)| Deed::Acknowledge { client, heard }),
        1 => (client(), any::<bool>()).prop_map(|(client, for_a_while)| Deed::Leave { client, for_a_while }),
        2 => prop_oneof![Just(5_000), Just(20_000), Just(46_000)].prop_map(|millis| Deed::Wait { millis }),
        1 => Just(Deed::Grow),
        1 => Just(Deed::Reload),
        1 => Just(Deed::LoseNextWrite),
    ];
    prop::collection::vec(deed, 1..60)
}

#[derive(Clone, Debug, Default)]
struct Client {
    /// −1 while it is no member, as far as it knows.
    epoch: i32,
    /// How often it has come back as another process: a static member has another id each time.
    process: usize,
    owns: PartitionsByTopic,
    told: Option<PartitionsByTopic>,
    wants: Vec<&'static str>,
    /// The expression, if it has one: its place in [`PATTERNS`].
    pattern: Option<usize>,
    /// Whether an answer was missed: then the next request says everything, and is told everything.
    says_all: bool,
}

struct World {
    bench: Bench,
    clients: Vec<Client>,
    partitions: i32,
    /// The highest epoch that each member had, as long as it is one.
    epochs: BTreeMap<MemberId, i32>,
}

fn instance(client: usize) -> Option<GroupInstanceId> {
    match client {
        0 | 1 => None,
        2 => Some(GroupInstanceId::new("alone")),
        _ => Some(GroupInstanceId::new("shared")),
    }
}

impl Client {
    /// The same client as a member of nothing.
    fn outside(&self) -> Client {
        Client {
            epoch: -1,
            process: self.process,
            wants: self.wants.clone(),
            pattern: self.pattern,
            ..Client::default()
        }
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.wants.iter().map(|name| (*name).to_owned()).collect())
    }

    /// What it says of its expression: an empty one takes back what it said before.
    fn regex(&self) -> Option<String> {
        Some(self.pattern.map_or("", |pattern| PATTERNS[pattern].0).to_owned())
    }

    /// The topics that it reads.
    fn topics(&self) -> impl Iterator<Item = TopicId> {
        let matched = self.pattern.map_or(&[] as &[&str], |pattern| PATTERNS[pattern].1);
        self.wants.iter().chain(matched).map(|name| super::reconcile::topic(name))
    }
}

impl World {
    fn new(behaviour: Behaviour) -> World {
        let mut bench = Bench::default();
        bench.behaviour = behaviour;
        bench.set_topic("t1", 4);
        bench.set_topic("t2", 3);
        let client = Client { epoch: -1, wants: vec!["t1"], ..Client::default() };
        World { bench, clients: vec![client; MEMBERS], partitions: 4, epochs: BTreeMap::new() }
    }

    fn id(&self, client: usize) -> String {
        format!("m{client}-{}", self.clients[client].process)
    }

    fn send(&mut self, client: usize, mut request: ConsumerGroupHeartbeatRequest, heard: bool) {
        request.instance = instance(client);
        if std::mem::take(&mut self.clients[client].says_all) && request.member_epoch >= 0 {
            let state = &mut self.clients[client];
            // See [`a_member_that_says_too_little_loses_what_it_is_about_to_take`].
            state.owns = state.told.take().unwrap_or(std::mem::take(&mut state.owns));
            request = ConsumerGroupHeartbeatRequest {
                rebalance_timeout_ms: 60_000,
                subscribed_topic_names: state.names(),
                subscribed_topic_regex: state.regex(),
                owned: Some(state.owns.clone()),
                ..request
            };
        }
        let outcome = self.bench.beat(&request);
        self.check();
        let state = &mut self.clients[client];
        if !heard {
            state.says_all = true;
            return;
        }
        match outcome {
            Ok(response) if response.member_epoch < 0 => {}
            Ok(response) => {
                state.epoch = response.member_epoch;
                if let Some(told) = response.assignment {
                    // What is not assigned any more is given up at once, and said to be with the next acknowledgement.
                    state.owns = common(&state.owns, &told);
                    state.told = Some(told);
                }
            }
            Err(refusal) if refusal.error == ErrorCode::CoordinatorNotAvailable => state.says_all = true,
            // Static members are not let in while their former selves live.
            Err(refusal) if refusal.error == ErrorCode::UnreleasedInstanceId => {}
            Err(_) => *state = state.outside(),
        }
    }

    fn join(&mut self, client: usize, heard: bool) {
        if instance(client).is_some() {
            self.clients[client].process += 1;
        }
        self.clients[client].owns = PartitionsByTopic::new();
        self.clients[client].told = None;
        let state = &self.clients[client];
        let mut request = joining(&self.id(client), &state.wants);
        request.subscribed_topic_regex = state.pattern.and(state.regex());
        self.send(client, request, heard);
    }

    fn beat(&mut self, client: usize, owned: Option<PartitionsByTopic>, heard: bool) {
        if self.clients[client].epoch < 0 {
            return self.join(client, heard);
        }
        let mut request = plain(&self.id(client), self.clients[client].epoch);
        request.owned = owned;
        self.send(client, request, heard);
    }

    fn acknowledge(&mut self, client: usize, heard: bool) {
        if let Some(told) = self.clients[client].told.take() {
            self.clients[client].owns = told;
        }
        let owned = self.clients[client].owns.clone();
        self.beat(client, Some(owned), heard);
    }

    fn perform(&mut self, deed: &Deed) {
        match deed {
            Deed::Want { client, topics, heard } => {
                let names = [("t1", 1), ("t2", 2)];
                let wants = names.iter().filter(|(_, bit)| topics & bit != 0).map(|(name, _)| *name).collect();
                (self.clients[*client].wants, self.clients[*client].pattern) = (wants, None);
                self.subscribe(*client, *heard);
            }
            Deed::Match { client, pattern, heard } => {
                (self.clients[*client].wants, self.clients[*client].pattern) = (Vec::new(), Some(*pattern));
                self.subscribe(*client, *heard);
            }
            Deed::Beat { client, heard } => self.beat(*client, None, *heard),
            Deed::Acknowledge { client, heard } => self.acknowledge(*client, *heard),
            Deed::Leave { client, for_a_while } => self.leave(*client, *for_a_while),
            Deed::Wait { millis } => self.bench.wait(Duration::from_millis(*millis)),
            Deed::Grow => {
                self.partitions = (self.partitions + 1).min(6);
                self.bench.set_topic("t1", self.partitions);
            }
            Deed::Reload => self.bench.reload(),
            Deed::LoseNextWrite => self.bench.lose_next_write = true,
        }
        self.check();
    }

    /// It says what it wants now.
    fn subscribe(&mut self, client: usize, heard: bool) {
        let state = &self.clients[client];
        if state.epoch < 0 {
            return self.join(client, heard);
        }
        let mut request = plain(&self.id(client), state.epoch);
        (request.subscribed_topic_names, request.subscribed_topic_regex) = (state.names(), state.regex());
        self.send(client, request, heard);
    }

    fn leave(&mut self, client: usize, for_a_while: bool) {
        if self.clients[client].epoch < 0 {
            return;
        }
        let epoch = if for_a_while && instance(client).is_some() { LEAVE_STATIC_EPOCH } else { LEAVE_EPOCH };
        // It gives everything up, and then says goodbye.
        self.clients[client] = self.clients[client].outside();
        self.send(client, plain(&self.id(client), epoch), true);
    }

    /// In every state that can be reached.
    fn check(&mut self) {
        let Some(group) = &self.bench.group else { return };
        for ((topic, partition), members) in owners(group) {
            assert!(members.len() == 1, "{topic}-{partition} is owned by {members:?}");
        }
        assert!(group.target_epoch <= group.epoch, "a target for the future");
        self.epochs.retain(|id, _| group.member(id).is_some());
        for member in group.members() {
            assert!(member.epoch <= group.target_epoch.max(0), "{} is ahead of the target", member.id);
            let highest = self.epochs.entry(member.id.clone()).or_insert(i32::MIN);
            // A member that joins again begins anew in epoch 0, and reaches the target with the same heartbeat.
            if member.epoch >= 0 {
                assert!(member.epoch >= *highest, "{}: epoch {} after {highest}", member.id, member.epoch);
                *highest = member.epoch;
            }
        }
        self.clients_own_what_they_may();
    }

    /// What a client owns, the coordinator knows it owns, as long as it is a member.
    fn clients_own_what_they_may(&self) {
        let group = self.bench.group.as_ref().expect("there is a group");
        for (index, client) in self.clients.iter().enumerate().filter(|(_, client)| client.epoch > 0) {
            let Some(member) = group.member(&MemberId::new(&self.id(index))) else { continue };
            // A member in another epoch than it knows is either told so with its next answer, or fenced.
            if client.epoch != member.epoch && client.epoch != member.previous_epoch {
                continue;
            }
            let known: Vec<(TopicId, i32)> = all(&member.assigned).chain(all(&member.pending_revocation)).collect();
            for owned in all(&client.owns) {
                assert!(known.contains(&owned), "{} owns {owned:?}, which the coordinator does not know", member.id);
            }
        }
    }

    /// Everybody lives and acknowledges: every target is reached.
    ///
    /// Faithful to Kafka 4.1 a new coordinator begins it, since the old one may know a member without a session: see
    /// [`a_goodbye_that_cannot_be_written_leaves_a_member_for_ever`].
    fn settle(&mut self) {
        self.bench.lose_next_write = false;
        if !self.bench.behaviour.mends(Hazard::GoodbyeLeavesGhost) {
            self.bench.reload();
        }
        for _ in 0..12 {
            for client in 0..MEMBERS {
                self.acknowledge(client, true);
            }
            self.bench.wait(Duration::from_secs(5));
            self.check();
        }
        // A static member whose former self did not say goodbye comes in when that one's session is over.
        for _ in 0..24 {
            self.bench.wait(Duration::from_secs(5));
            for client in 0..MEMBERS {
                self.acknowledge(client, true);
            }
        }
        let group = self.bench.group.as_ref().expect("members joined");
        assert_eq!(group.state(), GroupState::Stable, "after {} records", self.bench.log.len());
        let inside = |(index, _): &(usize, &Client)| group.member(&MemberId::new(&self.id(*index))).is_some();
        let wanted: Vec<TopicId> =
            self.clients.iter().enumerate().filter(inside).flat_map(|(_, client)| client.topics()).collect();
        let counts = self.bench.topics();
        let expected = counts.iter().filter(|(topic, _)| wanted.contains(topic)).map(|(_, count)| *count).sum::<i32>();
        assert_eq!(owners(group).len(), usize::try_from(expected).expect("a count"), "every wanted partition is owned");
        for (index, client) in self.clients.iter().enumerate().filter(inside) {
            let member = group.member(&MemberId::new(&self.id(index))).expect("it is in");
            assert_eq!((&client.owns, client.epoch), (&member.assigned, member.epoch), "client {index}");
        }
        let count = self.clients.iter().enumerate().filter(inside).count();
        assert_eq!(count, MEMBERS - 1, "of those who share an instance id one is in, and all others");
    }
}

fn common(one: &PartitionsByTopic, other: &PartitionsByTopic) -> PartitionsByTopic {
    super::super::reconcile::intersection(one, other)
}

fn all(partitions: &PartitionsByTopic) -> impl Iterator<Item = (TopicId, i32)> {
    partitions.iter().flat_map(|(topic, numbers)| numbers.iter().map(|number| (*topic, *number)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_partition_has_two_owners_epochs_only_grow_and_every_target_is_reached(deeds in deeds()) {
        let mut world = World::new(Behaviour::default());
        deeds.iter().for_each(|deed| world.perform(deed));
        world.settle();
    }

    #[test]
    fn with_the_hazards_mended_no_other_coordinator_is_needed_to_reach_every_target(deeds in deeds()) {
        let mut world = World::new(Behaviour::mended());
        deeds.iter().for_each(|deed| world.perform(deed));
        world.settle();
    }
}

/// The checks above are no check if they cannot fail: with the owner map of before KAFKA-16147 they do.
#[test]
fn a_forgetful_owner_map_gives_a_partition_to_two_members() {
    let switches = [Switch::PartitionEpochLostOnReassign].into();
    let mut world = World::new(Behaviour { switches, ..Behaviour::default() });
    // m0 has all; m1 comes, and m0 must give some up; m1 leaves before that: m0 may keep them.
    world.join(0, true);
    world.acknowledge(0, true);
    world.join(1, true);
    world.beat(0, None, true);
    world.leave(1, false);
    world.acknowledge(0, true);
    world.acknowledge(0, true);
    // m1 comes again, and its share is taken for free although m0 has it.
    world.clients[1].wants = vec!["t1"];
    let request = joining(&world.id(1), &["t1"]);
    world.bench.beat(&request).expect("it may join");
    let group = world.bench.group.as_ref().expect("there is a group");
    let twice = owners(group).values().filter(|members| members.len() > 1).count();
    assert_eq!(twice, 2, "half of t1 has two owners: {:?}", owners(group));
}

/// Kafka stops the session of a member that leaves before the records are written, and does not begin it again when the
/// write fails (`consumerGroupFenceMembers`): the member is gone, and stays in the group until the coordinator moves.
#[test]
fn a_goodbye_that_cannot_be_written_leaves_a_member_for_ever() {
    let mut world = World::new(Behaviour::default());
    world.join(0, true);
    world.acknowledge(0, true);
    world.bench.lose_next_write = true;
    world.leave(0, false);
    world.bench.wait(Duration::from_secs(3_600));
    let is_member =
        |world: &World| world.bench.group.as_ref().expect("a group").member(&MemberId::new("m0-0")).is_some();
    assert!(is_member(&world), "nothing removes it");
    world.bench.reload();
    world.bench.wait(Duration::from_secs(46));
    assert!(!is_member(&world), "the next coordinator's session does");
}

/// The same with the hazard mended: its session goes on.
#[test]
fn a_goodbye_that_cannot_be_written_leaves_a_member_for_a_session_if_that_is_mended() {
    let mut world = World::new(Behaviour::mended());
    world.join(0, true);
    world.acknowledge(0, true);
    world.bench.lose_next_write = true;
    world.leave(0, false);
    let members = |world: &World| world.bench.group.as_ref().expect("a group").members().count();
    assert_eq!(members(&world), 1, "the write was taken back");
    world.bench.wait(Duration::from_secs(46));
    assert_eq!(members(&world), 0, "its session is over");
}

/// A member that joins again before its session is over is refused for as long as it is known in a later epoch (KAFKA-19233);
/// mended, it goes on from there.
#[test]
fn who_joins_again_too_early_is_fenced_unless_that_is_mended() {
    for (behaviour, is_taken) in [(Behaviour::default(), false), (Behaviour::mended(), true)] {
        let mut world = World::new(behaviour);
        world.join(0, true);
        world.acknowledge(0, true);
        world.join(1, true);
        world.acknowledge(0, true);
        let again = world.bench.beat(&joining("m0-0", &["t1"]));
        assert_eq!(again.is_ok(), is_taken, "{again:?}");
        let refused = again.is_err_and(|refusal| refusal.error == ErrorCode::FencedMemberEpoch);
        assert_eq!(refused, !is_taken);
    }
}

/// A member that was told what it may own, and says everything before it has taken it (its last answer was lost), says
/// that it owns nothing. Kafka gives away at once what it shall not keep, and cannot know that the member is about to
/// take it: the clients of this file therefore take first and speak then.
#[test]
fn a_member_that_says_too_little_loses_what_it_is_about_to_take() {
    let mut world = World::new(Behaviour::default());
    world.join(0, true);
    world.join(1, true);
    let mut request = plain("m0-0", 1);
    request.owned = Some(PartitionsByTopic::new());
    world.bench.beat(&request).expect("m0 is a member");
    world.beat(1, None, true);
    assert_eq!(all(&world.clients[0].told.clone().expect("it was told")).count(), 4, "m0 may take all of t1");
    assert_eq!(all(&world.clients[1].told.clone().expect("it was told")).count(), 2, "half of t1 is m1's");
}
