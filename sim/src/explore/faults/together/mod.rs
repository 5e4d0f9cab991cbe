//! Faults that are made for each other: what one of them opens, another hits.
//!
//! ```text
//!   membership     a follower returns       away ─────── back · proposals are late ─────────── they arrive
//!                                                          └─ somebody of the partition is hit ──┘
//!                  a second life            a follower returns, is proposed, and loses its power; the proposal arrives
//!                                           when it is back
//!                  the leader alone         its followers do not reach it, and leave the ISR; then it goes
//!                  what it knew goes too    one follower leaves the ISR, the other does not hear of what that commits,
//!                                           and leads
//!                  a decision between       a follower is proposed, late; meanwhile another is taken out, and comes back to
//!                                           the controllers, not to the leader
//!   reigns         nobody tells it          a broker hears no news of the cluster ───── it hears them all at once
//!                                                └─ leadership goes round, comes back ────┘
//!                  the same leader again    a broker hears no news, with a record that the next leader lacks
//!                  they take turns          two replicas that only ever see each other dead
//!                  nobody looks             readers stand still while what they have read is cut off and written over
//!   clients        answers are lost         several batches are under way, and none of their answers arrives
//!   power          the power goes           everything is on the disk, a large batch comes, and the power goes
//!                  a swap is interrupted    a slow disk, a cleaner that is never idle, and the power goes
//!   rebalances     a generation goes by     a member leaves, and returns; another does not hear how the group stood between
//!   coordinators   a log ends in nothing    a group is deleted; what is written behind that is cut off, twice
//! ```
//!
//! Faults that are drawn one by one come together like this once in many thousand seeds. These are the moments at which one
//! machine acts on what another no longer holds for true, and most were learned from bugs that Kafka has had: the page of the
//! museum says which piece taught which story. None reads a switch. When they come follows from the cluster's settings: who
//! is killed is missed after its session, who is slow leaves the ISR after its lag.

mod clients;
mod coordinators;
mod membership;
mod power;
mod rebalances;
mod reigns;

use super::incident::{Incident, incident, once};
use super::victim::Victim;
use super::{Kind, Stage};
use crate::explore::Profile;
use crate::explore::beside::{self, Beside, Room};
use crate::explore::cluster::TopicShape;
use crate::explore::draw::{Aspect, Draw};
use crate::explore::text::{if_possible, names, said, spanned};
use crate::scenario::format::action::{Heal, MessageKind, Messages, Partition, Produce};
use crate::scenario::format::administration::ElectLeader;
use crate::scenario::format::{Names, Spanned, Step};

/// In how many seeds of a hundred faults are aimed together like this. Some stories are drawn by themselves (`beside`).
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Replication => 100,
        Profile::Network | Profile::Everything => 50,
        Profile::Disk => 40,
        Profile::Default => 20,
        Profile::Lite | Profile::Controllers | Profile::Groups => 0,
    }
}

/// A partition with several replicas: its name, and who holds it.
struct Replicated {
    name: String,
    /// The preferred leader first.
    replicas: Vec<i32>,
    /// Whether its topic allows unclean elections.
    is_unclean: bool,
}

impl Replicated {
    /// The preferred leader, who is next in turn, and the last in turn, if there are three.
    fn three(&self) -> Option<(i32, i32, i32)> {
        match self.replicas.as_slice() {
            [first, next, .., last] => Some((*first, *next, *last)),
            _ => None,
        }
    }
}

/// The ways in which faults are made for each other. The order is part of every seed: each has a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    FollowerReturns = 1,
    NobodyTellsIt = 2,
    SameLeaderAgain = 3,
    TheyTakeTurns = 4,
    SecondLife = 5,
    LeaderAlone = 6,
    WhatItKnewGoesToo = 7,
    AnswersAreLost = 8,
    DecisionBetween = 9,
    PowerGoes = 10,
    NobodyLooks = 11,
}

/// All that are drawn of a seed.
pub(super) fn together(stage: &Stage) -> Vec<Incident> {
    let mut draw = Draw::new(stage.seed, Aspect::Together, 0);
    let is_crowded = beside::room(stage.profile, stage.seed) == Room::Nothing;
    if !draw.percent(percent(stage.profile)) || is_crowded {
        return Vec::new();
    }
    let Some(partition) = replicated(stage, &mut draw) else { return Vec::new() };
    let stories = possible(stage, &partition);
    if stories.is_empty() {
        return Vec::new();
    }
    let (story, twice) = (draw.pick(&stories), draw.percent(30));
    let mut draw = Draw::new(stage.seed, Aspect::Together, story as u64);
    let mut all = told(story, stage, &partition, &mut draw);
    if twice && stage.profile != Profile::Disk {
        // Clients go on beside whatever happens to brokers.
        all.extend(told(Story::AnswersAreLost, stage, &partition, &mut draw));
    }
    all
}

/// The story that is told beside everything else, where a seed tells it.
pub(super) fn told_beside(stage: &Stage) -> Vec<Incident> {
    let Some(story) = Beside::of(stage.profile, stage.seed) else { return Vec::new() };
    let mut draw = story.draw(stage.seed);
    match story {
        Beside::GenerationGoesBy => rebalances::a_generation_goes_by(stage, &mut draw),
        Beside::SwapIsInterrupted => power::a_swap_is_interrupted(stage, &mut draw),
        Beside::LogEndsInNothing => coordinators::a_log_ends_in_nothing(stage, &mut draw),
    }
}

/// The stories that can be told of a partition; the longer ones stand twice, for more of them come to nothing.
fn possible(stage: &Stage, partition: &Replicated) -> Vec<Story> {
    let loses_power = stage.profile.kinds().contains(&Kind::PowerCut) && stage.shape.loss_budget() > 0;
    if stage.profile == Profile::Disk {
        return if loses_power { vec![Story::PowerGoes] } else { Vec::new() };
    }
    if partition.is_unclean && stage.profile != Profile::Network {
        let mut all = vec![Story::TheyTakeTurns, Story::TheyTakeTurns, Story::SameLeaderAgain, Story::FollowerReturns];
        if stage.clients.iter().any(|name| name.starts_with('r')) {
            all.extend([Story::NobodyLooks; 2]);
        }
        return all;
    }
    let mut all = vec![
        Story::FollowerReturns,
        Story::FollowerReturns,
        Story::NobodyTellsIt,
        Story::LeaderAlone,
        Story::AnswersAreLost,
    ];
    if partition.replicas.len() > 2 {
        all.extend([Story::SameLeaderAgain; 3]);
        all.extend([Story::WhatItKnewGoesToo; 2]);
        if !stage.shape.is_combined() {
            all.push(Story::DecisionBetween);
        }
    }
    // Members of one quorum that do not ask each other for records have no news either, and nobody is unfenced without.
    if loses_power && !stage.shape.is_combined() {
        all.extend([Story::SecondLife; 2]);
    }
    all
}

fn told(story: Story, stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    match story {
        Story::FollowerReturns => membership::a_follower_returns(stage, partition, draw),
        Story::NobodyTellsIt => reigns::nobody_tells_it(stage, partition, draw),
        Story::SameLeaderAgain => reigns::the_same_leader_again(stage, partition, draw),
        Story::TheyTakeTurns => reigns::they_take_turns(stage, partition, draw),
        Story::SecondLife => membership::a_second_life(stage, partition, draw),
        Story::LeaderAlone => membership::the_leader_alone(stage, partition, draw),
        Story::WhatItKnewGoesToo => membership::what_it_knew_goes_too(stage, partition, draw),
        Story::DecisionBetween => membership::a_decision_between(stage, partition, draw),
        Story::AnswersAreLost => clients::answers_are_lost(stage, partition, draw),
        Story::NobodyLooks => reigns::nobody_looks(stage, partition, draw),
        Story::PowerGoes => power::the_power_goes(stage, partition, draw),
    }
}

/// A partition with several replicas, of a topic that allows unclean elections if there is one.
fn replicated(stage: &Stage, draw: &mut Draw) -> Option<Replicated> {
    let of = |topic: &TopicShape| {
        let partition = |(index, replicas): (usize, &Vec<i32>)| Replicated {
            name: format!("{}-{index}", topic.name),
            replicas: replicas.clone(),
            is_unclean: topic.is_unclean,
        };
        topic.replicas.iter().enumerate().map(partition).collect::<Vec<_>>()
    };
    let all = stage.shape.topics.iter().flat_map(of);
    let mut several: Vec<Replicated> = all.filter(|partition| partition.replicas.len() > 1).collect();
    if several.iter().any(|partition| partition.is_unclean) {
        several.retain(|partition| partition.is_unclean);
    }
    if several.is_empty() {
        return None;
    }
    Some(several.swap_remove(draw.between(0, several.len() as u64 - 1) as usize))
}

/// When a story begins that needs so many microseconds: early enough to be told to its end, if the run is long enough. Where
/// it is what the seed is about it begins while everybody still does what the settings say.
fn begin(stage: &Stage, needed: i64, draw: &mut Draw) -> i64 {
    let latest = match stage.profile {
        Profile::Replication => 2_500_000,
        _ => (stage.shape.duration.micros - needed).max(1_500_000),
    };
    draw.between(300_000, latest as u64) as i64
}

/// How long a dead broker is believed in at most, until its partitions have other leaders: the controller looks for lapsed
/// sessions eight times in each.
fn missed(stage: &Stage) -> i64 {
    stage.shape.session_micros as i64 * 9 / 8 + 300_000
}

/// A span of so many milliseconds, each equally likely.
fn millis(draw: &mut Draw, low: u64, high: u64) -> i64 {
    draw.between(low * 1000, high * 1000) as i64
}

/// So many records for one partition, as fast as they can be sent.
fn records(client: &str, partition: &str, count: u64) -> Produce {
    let (topic, index) = partition.rsplit_once('-').expect("a partition is named TOPIC-NUMBER");
    Produce {
        client: spanned(client.to_owned()),
        topic: spanned(topic.to_owned()),
        partition: Some(spanned(index.parse().expect("the name of a partition ends with its number"))),
        count: said(count as u32),
        every: None,
        keys: Vec::new(),
        values: Vec::new(),
        tombstones: None,
        together: None,
    }
}

/// Many records for one partition in one batch.
fn a_large_batch(client: &str, partition: &Replicated, draw: &mut Draw) -> Step {
    let produce = Produce { together: Some(true), ..records(client, &partition.name, draw.between(60, 200)) };
    Step { produce: said(produce), ..Step::default() }
}

fn kill(victim: &Victim) -> Step {
    if_possible(Step { kill: said(victim.target()), ..Step::default() })
}

fn start(victim: &Victim) -> Step {
    if_possible(Step { start: said(victim.target_when_stopped()), ..Step::default() })
}

/// Somebody is killed, and starts again after a while.
fn killed(at: i64, away: i64, victim: &Victim) -> Incident {
    once(at, victim, kill(victim)).and(away, start(victim))
}

/// The preferred leader is asked for again and again: it is elected as soon as it may be.
fn preferred(at: i64, partition: &Replicated, attempts: u64, draw: &mut Draw) -> Vec<Incident> {
    let leader = Victim::Broker(partition.replicas[0]);
    let elect = ElectLeader { client: None, partition: said(partition.name.clone()), unclean: None };
    let step = if_possible(Step { elect_leader: said(elect), ..Step::default() });
    let mut when = at;
    (0..attempts)
        .map(|_| {
            when += millis(draw, 300, 900);
            once(when, &leader, step.clone())
        })
        .collect()
}

/// A broker is cut off from everybody but one other, for a while; perhaps its clients do not reach it either.
fn cut_off(stage: &Stage, at: i64, length: i64, victim: &Victim, but: i32, clients_too: bool) -> Incident {
    let kept_with = [victim.name(), format!("b{but}")];
    let clients = stage.clients.iter().filter(|_| clients_too).cloned();
    let machines = stage.shape.machines().into_iter().chain(clients);
    let others: Vec<String> = machines.filter(|name| !kept_with.contains(name)).collect();
    if others.is_empty() {
        return once(at, victim, if_possible(Step { restart: said(victim.target()), ..Step::default() }));
    }
    let groups = vec![spanned(names(&[victim.name()])), spanned(names(&others))];
    let cut = Partition { groups: said(groups), from: None, to: None };
    let heal = |from: &[String], to: &[String]| Heal { from: said(names(from)), to: said(names(to)) };
    let (own, rest) = ([victim.name()], others);
    once(at, victim, if_possible(Step { partition: said(cut), ..Step::default() }))
        .and(length, Step { heal: said(heal(&own, &rest)), ..Step::default() })
        .and(length, Step { heal: said(heal(&rest, &own)), ..Step::default() })
}

/// A sharp fault of the profile.
fn hit(stage: &Stage, at: i64, victim: &Victim, number: u64, draw: &mut Draw) -> Incident {
    let sharp: Vec<Kind> = stage.profile.kinds().iter().copied().filter(|kind| kind.is_sharp()).collect();
    incident(draw.pick(&sharp), at, victim, stage, number, draw)
}

/// Messages that are kept back for a while.
fn kept(at: i64, length: i64, victim: &Victim, messages: Messages) -> Incident {
    let clog = Step { clog: said(messages.clone()), ..Step::default() };
    once(at, victim, clog).and(length, Step { unclog: said(messages), ..Step::default() })
}

fn of_api(api: &str, kind: Option<MessageKind>) -> Messages {
    Messages { from: None, to: None, api: said(api.to_owned()), kind: kind.map(spanned), nth: None, in_flight: None }
}

/// What one broker asks another for records.
fn fetches(from: i32, to: i32) -> Messages {
    let name = |id: i32| said(names(&[format!("b{id}")]));
    Messages { from: name(from), to: name(to), ..of_api("Fetch", Some(MessageKind::Request)) }
}

/// What one broker answers to that.
fn fetched(from: i32, to: i32) -> Messages {
    let name = |id: i32| said(names(&[format!("b{id}")]));
    Messages { from: name(from), to: name(to), ..of_api("Fetch", Some(MessageKind::Response)) }
}

/// What a broker reads of the metadata log.
fn news(stage: &Stage, broker: i32) -> Messages {
    let shape = stage.shape;
    let from: Vec<String> = match shape.is_combined() {
        true => shape.brokers.iter().filter(|id| **id != broker).map(|id| format!("b{id}")).collect(),
        false => shape.controllers.iter().map(|id| format!("c{}", id - 100)).collect(),
    };
    let to = said(names(&[format!("b{broker}")]));
    Messages { from: said(names(&from)), to, ..of_api("Fetch", Some(MessageKind::Response)) }
}

/// All other brokers.
fn others(stage: &Stage, victim: &Victim) -> Option<Spanned<Names>> {
    let own = victim.name();
    let all = stage.shape.brokers.iter().map(|id| format!("b{id}"));
    said(names(&all.filter(|name| *name != own).collect::<Vec<_>>()))
}
