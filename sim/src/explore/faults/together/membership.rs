//! Who is in sync: followers that come and go while what is said of them is late.

use super::{
    Replicated, begin, cut_off, fetched, fetches, hit, kept, kill, killed, millis, missed, news, of_api, once, others,
    start,
};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::{Incident, power_cut_for};
use crate::explore::faults::victim::Victim;
use crate::explore::text::{if_possible, names, said, spanned};
use crate::scenario::Span;
use crate::scenario::format::action::{MessageKind, Messages, SetLatency};
use crate::scenario::format::{Latency, Step};

/// A follower is away until it has left the ISR. When it is back its leader proposes it; but proposals, or their answers, are
/// late, and perhaps it gets no more records, or somebody hears no news. Meanwhile something may happen to one of the three.
pub(super) fn a_follower_returns(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let (follower, other) = (draw.pick(&partition.replicas), draw.pick(&partition.replicas));
    let away = missed(stage) + millis(draw, 0, 2_000);
    let late = millis(draw, 2_000, 9_000);
    let at = begin(stage, away + late + 2_000_000, draw);
    let kind = draw.pick(&[None, Some(MessageKind::Request), Some(MessageKind::Response), Some(MessageKind::Response)]);
    let follower = Victim::Broker(follower);
    let leave = match draw.percent(50) {
        true => kill(&follower),
        false => if_possible(Step { stop: said(follower.target()), ..Step::default() }),
    };
    let back = at + away;
    let mut all = vec![once(at, &follower, leave).and(away, start(&follower))];
    all.push(kept(back, late, &follower, of_api("AlterPartition", kind)));
    if draw.percent(60) {
        // The one of whom it is said that it is back gets no records.
        let begin = back + millis(draw, 300, 4_000);
        all.push(kept(begin, back + late - begin + millis(draw, 500, 4_000), &follower, silence(stage, &follower)));
    }
    if draw.percent(30) {
        all.push(kept(back, late, &Victim::Broker(other), news(stage, other)));
    }
    let mut when = back;
    for number in 0..draw.pick(&[0, 0, 1, 1, 2]) {
        when += draw.span(50, 4_000).micros;
        let victims = [follower.clone(), Victim::Leader(partition.name.clone()), Victim::Broker(other)];
        let victim = victims[draw.between(0, 2) as usize].clone();
        all.push(hit(stage, when, &victim, number, draw));
    }
    all
}

/// A follower is back, and its leader proposes it. It loses its power, and what it had not synced; its next process is
/// registered, and gets no records. Only now the proposal arrives, which was made of the first one.
pub(super) fn a_second_life(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let follower = Victim::Broker(*partition.replicas.last().expect("a partition has replicas"));
    let at = begin(stage, 2 * missed(stage) + 10_000_000, draw);
    let back = at + missed(stage) + millis(draw, 0, 1_000);
    let cut = back + millis(draw, 1_500, 4_000);
    let down = millis(draw, 50, 500);
    let arrives = cut + missed(stage) + millis(draw, 1_000, 3_500);
    vec![
        killed(at, back - at, &follower),
        kept(back - 1, arrives - back, &follower, of_api("AlterPartition", Some(MessageKind::Request))),
        power_cut_for(cut, down, &follower, stage, draw, start(&follower)),
        kept(cut + 1, arrives - cut + millis(draw, 500, 3_000), &follower, silence(stage, &follower)),
    ]
}

/// A follower is back, and its leader's proposal is late. Meanwhile another one is cut off, and the controllers take it out;
/// what is written then it does not hold. It comes back to the controllers, and not yet to the leader: now the proposal
/// arrives, which was made when it was still a member.
pub(super) fn a_decision_between(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let Some((leader, member, returns)) = partition.three() else { return Vec::new() };
    let at = begin(stage, 2 * missed(stage) + 10_000_000, draw);
    let back = at + missed(stage) + millis(draw, 0, 1_000);
    let cut = back + millis(draw, 1_500, 4_000);
    let seen = cut + missed(stage) + millis(draw, 500, 2_000);
    let arrives = seen + millis(draw, 1_000, 3_500);
    let proposals = of_api("AlterPartition", Some(MessageKind::Request));
    vec![
        killed(at, back - at, &Victim::Broker(returns)),
        kept(back - 1, arrives - back, &Victim::Broker(returns), proposals),
        cut_off(stage, cut, seen - cut, &Victim::Broker(member), member, false),
        kept(seen + 2, arrives - seen + millis(draw, 500, 3_000), &Victim::Broker(member), fetches(member, leader)),
    ]
}

/// No follower reaches the leader, until it is the only one in the ISR, or nearly so. Then it goes, or stands still, or is
/// cut off; whoever leads next does not have what only it had.
pub(super) fn the_leader_alone(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let lag = stage.shape.lag_micros as i64;
    let (leader, followers) = partition.replicas.split_first().expect("a partition has replicas");
    let leader = Victim::Broker(*leader);
    let alone = lag * 3 / 2 + millis(draw, 200, 2_500);
    let at = begin(stage, alone + 2 * missed(stage), draw);
    let mut all = Vec::new();
    for follower in followers {
        let begin = at + millis(draw, 0, 500);
        let until = at + alone + millis(draw, 0, 2_000);
        all.push(kept(begin, until - begin, &leader, fetches(*follower, partition.replicas[0])));
    }
    all.push(hit(stage, at + alone, &leader, 0, draw));
    all
}

/// One follower does not reach the leader, and leaves the ISR: so what the others hold is committed, and acknowledged. The
/// next in turn does not hear of that, for the leader is gone at once. It leads, and the first follower asks it for what
/// comes after its own end; the answers take their time.
pub(super) fn what_it_knew_goes_too(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let Some((leader, next, slow)) = partition.three() else { return Vec::new() };
    let lag = stage.shape.lag_micros as i64;
    let at = begin(stage, lag * 3 / 2 + 2 * missed(stage) + 2_000_000, draw);
    // A leader looks for followers that lag twice in each lag: the slow one is out by then, and the other is not yet.
    let gone = at + lag * 31 / 20 + millis(draw, 20, 120);
    let deaf = at + lag * draw.between(60, 85) as i64 / 100;
    let away = missed(stage) + millis(draw, 1_000, 4_000);
    vec![
        kept(at, gone - at + 1_000, &Victim::Broker(slow), fetches(slow, leader)),
        kept(deaf, gone - deaf + 1_000, &Victim::Broker(next), fetched(leader, next)),
        slow_way(gone - 1, away + millis(draw, 0, 2_000), next, slow, stage, draw),
        killed(gone, away + millis(draw, 0, 3_000), &Victim::Broker(leader)),
    ]
}

/// What one broker says to another takes its time. It arrives, so that nothing waits behind it that was asked before.
fn slow_way(at: i64, length: i64, from: i32, to: i32, stage: &Stage, draw: &mut Draw) -> Incident {
    let name = |id: i32| said(names(&[format!("b{id}")]));
    let takes = |latency: Latency| {
        let set = SetLatency { from: name(from), to: name(to), is: spanned(latency) };
        Step { latency: said(set), ..Step::default() }
    };
    let slow = takes(Latency::Constant(Span { micros: millis(draw, 300, 1_200) }));
    once(at, &Victim::Broker(from), slow).and(length, takes(stage.shape.latency.clone()))
}

/// What a broker asks the others for records.
fn silence(stage: &Stage, broker: &Victim) -> Messages {
    Messages {
        from: said(names(&[broker.name()])),
        to: others(stage, broker),
        ..of_api("Fetch", Some(MessageKind::Request))
    }
}
