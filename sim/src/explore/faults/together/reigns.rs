//! Who leads: leaderships that go round while somebody hears nothing of it, or nobody else is there.

use super::{
    Replicated, a_large_batch, begin, cut_off, fetches, hit, kept, kill, killed, millis, missed, news, once, preferred,
    start,
};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::Incident;
use crate::explore::faults::victim::{self, Victim};
use crate::explore::text::{if_possible, said, spanned};
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{MessageKind, Messages};

/// A broker hears nothing of what the controllers decide, and is heard. Meanwhile leadership goes to another replica, and
/// often back to the first, so that it hears of two changes at once or believes that there was none.
pub(super) fn nobody_tells_it(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let broker = draw.pick(&partition.replicas);
    let length = missed(stage) + millis(draw, 1_000, 8_000);
    let at = begin(stage, length + 2_000_000, draw);
    let mut all = vec![kept(at, length, &Victim::Broker(broker), news(stage, broker))];
    if draw.percent(40) {
        let leader = partition.replicas[0];
        all.push(kept(at, length, &Victim::Broker(broker), fetches(broker, leader)));
    }
    let mut when = at;
    for number in 0..draw.between(1, 2) {
        when += draw.span(20, 2_000).micros;
        all.push(hit(stage, when, &Victim::Leader(partition.name.clone()), number, draw));
    }
    let attempts = draw.between(0, 5);
    all.extend(preferred(when + 1_000_000, partition, attempts, draw));
    all
}

/// A record reaches the follower that is last in turn and not the one that is next. The leader is gone, and the next leads
/// without the record; the leader is back, cuts it off, and is elected again, as the preferred one: of all that the other
/// follower hears nothing, and perhaps it asks the old leader in its new reign before it hears.
pub(super) fn the_same_leader_again(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let Some((leader, next, stale)) = partition.three() else { return Vec::new() };
    let longest = (stage.shape.lag_micros / 1000).clamp(600, 2_500);
    let (ahead, away) = (millis(draw, 200, longest * 6 / 10), missed(stage) + millis(draw, 300, 1_500));
    let at = begin(stage, ahead + away + 8_000_000, draw);
    let (gone, back) = (at + ahead, at + ahead + away);
    let quiet_until = back + millis(draw, 1_500, 5_000);
    // Who was cut off, or has just started, takes some seconds to hear of the reign between, and to be in sync in it.
    let heard = if draw.percent(75) { quiet_until.max(back + 4_000_000) } else { back } + millis(draw, 200, 4_000);
    let (preferred_leader, last) = (Victim::Broker(leader), Victim::Broker(stale));
    let mut all = vec![
        kept(at, back - 200_000 - at, &Victim::Broker(next), fetches(next, leader)),
        kept(gone - 1, heard - gone, &last, news(stage, stale)),
    ];
    if draw.percent(60) {
        // It asks for nothing in the reign between.
        let quiet = back - millis(draw, 100, 600);
        all.push(kept(quiet, quiet_until - quiet, &last, fetches(stale, leader)));
    }
    if draw.percent(50) {
        all.push(killed(gone, away, &preferred_leader));
    } else {
        // It goes on leading, for the one that still reaches it.
        let clients_too = draw.percent(50);
        all.push(cut_off(stage, gone, away, &preferred_leader, stale, clients_too));
        if draw.percent(if clients_too { 80 } else { 40 }) {
            // Their connection breaks, and the next one begins with an answer that has nothing new.
            let answer =
                Messages { nth: said(1), kind: Some(spanned(MessageKind::Response)), ..super::fetched(leader, stale) };
            let step = if_possible(Step { drop: said(answer), ..Step::default() });
            all.push(once(gone + millis(draw, 100, 800), &last, step));
        }
    }
    all.extend(preferred(back, partition, 8, draw));
    all
}

/// Replicas that only ever see each other dead: whoever is back leads, unclean, and writes what the other does not have.
pub(super) fn they_take_turns(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let orderly = draw.percent(40);
    let leave = |broker: &Victim| match orderly {
        true => if_possible(Step { stop: said(broker.target()), ..Step::default() }),
        false => kill(broker),
    };
    // Who stops in order is missed at once; who is killed is missed after its session.
    let turn = if orderly { 2_000_000 } else { missed(stage).max(2_000_000) };
    let brokers: Vec<Victim> = partition.replicas.iter().map(|id| Victim::Broker(*id)).collect();
    let turns = draw.pick(&[3, 4, 4, 4, 5, 6]);
    let mut at = begin(stage, turns * (turn + 1_500_000) + 1_000_000, draw);
    // What has more replicas than two has them gone.
    let mut all: Vec<Incident> = brokers[2..].iter().map(|other| once(at, other, leave(other))).collect();
    for number in 0..turns {
        let (gone, back) = if number % 2 == 0 { (&brokers[0], &brokers[1]) } else { (&brokers[1], &brokers[0]) };
        all.push(once(at, gone, leave(gone)).and(draw.span(1, 500).micros, start(back)));
        at += turn + millis(draw, 300, 2_500);
    }
    all.extend(brokers.iter().map(|broker| once(at, broker, start(broker))));
    all
}

/// One replica is away while the others go on, and so lacks what they write; then they are, and it leads, unclean. When one of them
/// is back more is written than was cut off. Readers stand still all the while: at their offsets there are other records.
pub(super) fn nobody_looks(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let order = draw.shuffled(&partition.replicas);
    let (behind, ahead) = order.split_first().expect("a partition has replicas");
    let behind = Victim::Broker(*behind);
    let alone = missed(stage) + millis(draw, 500, 2_500);
    let at = begin(stage, alone + missed(stage) + 6_000_000, draw);
    let turn = at + alone;
    let led = turn + missed(stage) + millis(draw, 200, 1_000);
    let written = led + millis(draw, 500, 2_500);
    let mut all = vec![killed(at, alone + 1_000, &behind)];
    for broker in ahead.iter().map(|id| Victim::Broker(*id)) {
        all.push(killed(turn, led - turn + millis(draw, 0, 500), &broker));
    }
    let looks = written + millis(draw, 500, 3_000);
    for reader in stage.clients.iter().filter(|name| name.starts_with('r')) {
        let reader = Victim::Client(reader.clone());
        let pause = victim::pause(&reader, Span { micros: looks - turn });
        all.push(once(turn - 1_000, &reader, if_possible(Step { pause: said(pause), ..Step::default() })));
    }
    all.push(produced(stage, written, partition, draw));
    all
}

/// Somebody writes many records at once.
fn produced(stage: &Stage, at: i64, partition: &Replicated, draw: &mut Draw) -> Incident {
    let producers: Vec<&String> = stage.clients.iter().filter(|name| name.starts_with('p')).collect();
    let client = draw.pick(&producers);
    once(at, &Victim::Leader(partition.name.clone()), a_large_batch(client, partition, draw))
}
