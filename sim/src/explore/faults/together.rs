//! Faults that are made for each other: what one of them opens, another hits.
//!
//! ```text
//!   a follower returns     away ────────── back · proposals are late ───────────── they arrive
//!                                             └─ somebody of the partition is hit ──┘
//!   nobody tells it        a broker hears no news of the cluster ──────────────── it hears them all at once
//!                                └─ leadership goes round, and comes back ─────────┘
//!   a second life          a follower returns, is proposed, and loses its power; the proposal arrives when it is back
//!   the same leader again  a broker hears no news, with a record that the next leader lacks
//!   they take turns        two replicas that only ever see each other dead
//! ```
//!
//! Faults that are drawn one by one come together like this once in many thousand seeds. Nothing here knows what it may
//! find: these are the moments at which one machine acts on what another no longer holds for true.

use super::incident::{Incident, incident, once, power_cut};
use super::victim::Victim;
use super::{Kind, Stage};
use crate::explore::Profile;
use crate::explore::cluster::TopicShape;
use crate::explore::draw::{Aspect, Draw};
use crate::explore::text::{if_possible, names, said, spanned};
use crate::scenario::format::action::{ElectLeader, Heal, MessageKind, Messages, Partition};
use crate::scenario::format::{Names, Spanned, Step};

/// In how many seeds of a hundred faults are aimed together like this.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Network | Profile::Everything => 50,
        Profile::Default => 20,
        Profile::Lite | Profile::Disk | Profile::Controllers => 0,
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

/// All that are drawn of a seed.
pub(super) fn together(stage: &Stage) -> Vec<Incident> {
    let mut draw = Draw::new(stage.seed, Aspect::Together, 0);
    if !draw.percent(percent(stage.profile)) {
        return Vec::new();
    }
    let (way, turns) = (draw.between(0, 99), draw.percent(85));
    let Some(partition) = replicated(stage, &mut draw) else { return Vec::new() };
    let of_story = |story| Draw::new(stage.seed, Aspect::Together, story);
    let loses_power = stage.profile.kinds().contains(&Kind::PowerCut);
    match way {
        _ if turns && partition.is_unclean => they_take_turns(stage, &partition, &mut of_story(4)),
        0..25 if loses_power => a_second_life(stage, &partition, &mut of_story(5)),
        0..50 => a_follower_returns(stage, &partition, &mut of_story(1)),
        50..65 => nobody_tells_it(stage, &partition, &mut of_story(2)),
        _ => the_same_leader_again(stage, &partition, &mut of_story(3)),
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

/// A follower is away until it has left the ISR. When it is back its leader proposes it; but proposals, or their answers, are
/// late, and perhaps the leader hears no news either. Meanwhile something happens to one of the three.
fn a_follower_returns(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let session_ms = stage.shape.session_micros / 1000;
    let (follower, other) = (draw.pick(&partition.replicas), draw.pick(&partition.replicas));
    let at = draw.between(100_000, stage.shape.duration.micros as u64 / 2) as i64;
    let away = draw.span(session_ms, session_ms * 2 + 2_000).micros;
    let (late, kind) =
        (draw.span(500, 8_000).micros, draw.pick(&[None, Some(MessageKind::Request), Some(MessageKind::Response)]));
    let follower = Victim::Broker(follower);
    let leave = match draw.percent(50) {
        true => Step { kill: said(follower.target()), ..Step::default() },
        false => Step { stop: said(follower.target()), ..Step::default() },
    };
    let back = if_possible(Step { start: said(follower.target()), ..Step::default() });
    let mut all = vec![once(at, &follower, if_possible(leave)).and(away, back)];
    let proposals = of_api("AlterPartition", kind);
    all.push(kept(at + away, late, &follower, proposals));
    if draw.percent(40) {
        // The one of whom it is said that it is back gets no records.
        let from_it =
            Messages { from: said(names(&[follower.name()])), to: others(stage, &follower), ..of_api("Fetch", None) };
        let begin = at + away + draw.span(50, 3_000).micros;
        all.push(kept(begin, draw.span(500, 8_000).micros, &follower, from_it));
    }
    if draw.percent(40) {
        all.push(kept(at + away, late, &Victim::Broker(other), news(stage, other)));
    }
    let hits = draw.between(1, 2);
    let mut when = at + away;
    for number in 0..hits {
        when += draw.span(50, 4_000).micros;
        let victims = [follower.clone(), Victim::Leader(partition.name.clone()), Victim::Broker(other)];
        let victim = victims[draw.between(0, 2) as usize].clone();
        all.push(hit(stage, when, &victim, number, draw));
    }
    all
}

/// A follower is back, and its leader proposes it. It loses its power, and what it had not synced; its next process is
/// registered, and gets no records. Only now the proposal arrives, which was made of the first one.
fn a_second_life(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let session = stage.shape.session_micros as i64;
    let follower = Victim::Broker(draw.pick(&partition.replicas));
    let at = draw.between(100_000, stage.shape.duration.micros as u64 / 3) as i64;
    let back = at + session + draw.span(1_200, 3_000).micros;
    let cut = back + draw.span(300, 1_500).micros;
    let arrives = cut + session + draw.span(1_200, 4_000).micros;
    let start = || if_possible(Step { start: said(follower.target()), ..Step::default() });
    let kill = if_possible(Step { kill: said(follower.target()), ..Step::default() });
    let silent = Messages {
        from: said(names(&[follower.name()])),
        to: others(stage, &follower),
        ..of_api("Fetch", Some(MessageKind::Request))
    };
    vec![
        once(at, &follower, kill).and(back - at, start()),
        kept(back - 1, arrives - back, &follower, of_api("AlterPartition", Some(MessageKind::Request))),
        power_cut(cut, &follower, stage, draw, start()),
        kept(cut + 1, arrives - cut + draw.span(500, 3_000).micros, &follower, silent),
    ]
}

/// A broker hears nothing of what the controllers decide, and is heard. Meanwhile leadership goes to another replica, and
/// often back to the first, so that it hears of two changes at once or believes that there was none.
fn nobody_tells_it(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let broker = draw.pick(&partition.replicas);
    let at = draw.between(100_000, stage.shape.duration.micros as u64 * 2 / 3) as i64;
    let length = draw.span(1_000, 12_000).micros;
    let mut all = vec![kept(at, length, &Victim::Broker(broker), news(stage, broker))];
    if draw.percent(40) {
        let to_leader = Messages { from: said(names(&[format!("b{broker}")])), ..of_api("Fetch", None) };
        all.push(kept(at, length, &Victim::Broker(broker), to_leader));
    }
    let mut when = at;
    for number in 0..draw.between(1, 2) {
        when += draw.span(20, 2_000).micros;
        all.push(hit(stage, when, &Victim::Leader(partition.name.clone()), number, draw));
    }
    for _ in 0..draw.between(0, 2) {
        when += draw.span(200, 4_000).micros;
        let elect = ElectLeader { client: None, partition: said(partition.name.clone()), unclean: None };
        let leader = Victim::Leader(partition.name.clone());
        all.push(once(when, &leader, if_possible(Step { elect_leader: said(elect), ..Step::default() })));
    }
    all
}

/// A record reaches one follower and not the other. The leader is gone, and the other leads without the record, and the
/// leader is back, cuts it off, and is elected again, as the preferred one: of all that the first follower hears nothing.
fn the_same_leader_again(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let session = stage.shape.session_micros as i64;
    let (preferred, rest) = partition.replicas.split_first().expect("a partition has replicas");
    let (stale, next) = (draw.pick(rest), draw.pick(rest));
    let leader = Victim::Broker(*preferred);
    let at = draw.between(100_000, stage.shape.duration.micros as u64 / 3) as i64;
    let (gone, away) = (at + draw.span(100, 1_500).micros, session + draw.span(500, 3_000).micros);
    let elected = gone + away + draw.span(500, 3_000).micros;
    let heard = elected + draw.span(100, 3_000).micros;
    let to_leader = |from: i32| {
        let (from, to) = (said(names(&[format!("b{from}")])), said(names(&[leader.name()])));
        Messages { from, to, ..of_api("Fetch", None) }
    };
    let mut all = vec![
        kept(at, gone + away - at, &leader, to_leader(next)),
        kept(gone - 1, heard - gone, &Victim::Broker(stale), news(stage, stale)),
    ];
    if draw.percent(70) {
        let quiet = gone + draw.span(1, 2_000).micros;
        all.push(kept(quiet, elected - quiet + draw.span(1, 2_000).micros, &Victim::Broker(stale), to_leader(stale)));
    }
    let leave = match draw.percent(50) {
        true => once(gone, &leader, if_possible(Step { kill: said(leader.target()), ..Step::default() }))
            .and(away, if_possible(Step { start: said(leader.target()), ..Step::default() })),
        // It goes on leading, for the one that still reaches it.
        false => cut_off(stage, gone, away, &leader, stale),
    };
    all.push(leave);
    let elect = ElectLeader { client: None, partition: said(partition.name.clone()), unclean: None };
    all.push(once(elected, &leader, if_possible(Step { elect_leader: said(elect), ..Step::default() })));
    all
}

/// Replicas that only ever see each other dead: whoever is back leads, unclean, and writes what the other does not have.
fn they_take_turns(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let orderly = draw.percent(60);
    // Who stops in order hands over at once; who is killed is missed after its session.
    let missed = if orderly { 0 } else { stage.shape.session_micros as i64 };
    let leave = |broker: &Victim| match orderly {
        true => if_possible(Step { stop: said(broker.target()), ..Step::default() }),
        false => if_possible(Step { kill: said(broker.target()), ..Step::default() }),
    };
    let start = |broker: &Victim| if_possible(Step { start: said(broker.target()), ..Step::default() });
    let brokers: Vec<Victim> = partition.replicas.iter().map(|id| Victim::Broker(*id)).collect();
    let mut at = draw.between(100_000, stage.shape.duration.micros as u64 / 4) as i64;
    // What has more replicas than two has them gone.
    let mut all: Vec<Incident> = brokers[2..].iter().map(|other| once(at, other, leave(other))).collect();
    for turn in 0..draw.between(3, 6) {
        let (gone, back) = if turn % 2 == 0 { (&brokers[0], &brokers[1]) } else { (&brokers[1], &brokers[0]) };
        all.push(once(at, gone, leave(gone)).and(draw.span(1, 500).micros, start(back)));
        at += missed + draw.span(1_500, 4_000).micros;
    }
    all.extend(brokers.iter().map(|broker| once(at, broker, start(broker))));
    all
}

/// A broker is cut off from everybody but one other, for a while.
fn cut_off(stage: &Stage, at: i64, length: i64, victim: &Victim, but: i32) -> Incident {
    let kept_with = [victim.name(), format!("b{but}")];
    let others: Vec<String> = stage.shape.machines().into_iter().filter(|name| !kept_with.contains(name)).collect();
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
