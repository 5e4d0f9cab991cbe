//! What a machine had not made durable: power that goes at a moment at which much depends on it.

use super::{
    Replicated, a_large_batch, begin, if_possible, kept, millis, missed, names, of_api, once, records, said, start,
};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::{Incident, power_cut, power_cut_of_some};
use crate::explore::faults::victim::{self, Victim};
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{MessageKind, Messages, Produce};

/// Records of a few keys come in batches, behind some of keys that stay. When all of them are on the disk of a replica that syncs slowly,
/// its cleaner puts one new segment after the other in the place of old ones; there the power goes, now and then in the
/// middle of such an exchange.
pub(super) fn a_swap_is_interrupted(stage: &Stage, draw: &mut Draw) -> Vec<Incident> {
    let topic = &stage.shape.topics[0];
    let index = draw.between(0, topic.replicas.len() as u64 - 1) as usize;
    let producers: Vec<&String> = stage.clients.iter().filter(|name| name.starts_with('p')).collect();
    let partition = format!("{}-{index}", topic.name);
    let victim = Victim::Broker(draw.pick(&topic.replicas[index]));
    let slow = |sync| Step { slow: said(victim::slow(&victim, sync)), ..Step::default() };
    let durable = || if_possible(Step { sync_now: said(victim.target()), ..Step::default() });
    let (stay, change) = (draw.between(2, 4), draw.between(2, 3));
    let mut at = begin(stage, stage.shape.duration.micros, draw);
    let mut all = Vec::new();
    for turn in 0..draw.between(4, 8) {
        let keys = if turn == 0 { 0..stay } else { stay..stay + change };
        let client = draw.pick(&producers);
        let count = if turn == 0 { stay } else { draw.between(7, 14) };
        let produce = Produce {
            every: said(Span { micros: millis(draw, 10, 30) }),
            keys: keys.map(|key| format!("k{key}")).collect(),
            ..records(client, &partition, count)
        };
        all.push(once(at, &victim, Step { produce: said(produce), ..Step::default() }));
        if turn > 0 {
            let sync = Span { micros: millis(draw, 50, 150) };
            all.push(once(at, &victim, slow(sync)).and(3_000_000, slow(Span::default())));
        }
        at += 650_000;
        if turn > 0 {
            // What comes meanwhile is not on the disk, and might leave a hole: so nothing comes.
            all.extend(arrivals(&victim).map(|messages| kept(at - 300_000, 1_000_000, &victim, messages)));
            all.push(once(at, &victim, durable()));
            at += millis(draw, 20, 700);
            let down = millis(draw, 100, 500);
            all.push(power_cut_of_some(at, down, &victim, stage, draw, start(&victim)));
            at += (down + missed(stage) + millis(draw, 500, 1_500)).max(3_000_000);
        }
    }
    all
}

/// By what records come to a broker: from those who write, and from other brokers.
fn arrivals(broker: &Victim) -> [Messages; 2] {
    let to_it = |messages| Messages { to: said(names(&[broker.name()])), ..messages };
    [to_it(of_api("Produce", Some(MessageKind::Request))), to_it(of_api("Fetch", Some(MessageKind::Response)))]
}

/// A replica's machine loses its power, once or again and again. Often everything that it has is on its disk before, and then
/// comes a batch of many sectors that nobody has synced when the power goes: some of it is there afterwards. Where the last
/// batch is cut through, and not the one before it, recovery must find that out by itself. What is said of the log beside it,
/// snapshots of producers, indexes, checkpoints, is newer or older than the log then.
pub(super) fn the_power_goes(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let producers: Vec<&String> = stage.clients.iter().filter(|name| name.starts_with('p')).collect();
    let mut at = begin(stage, 4_000_000, draw);
    let mut all = Vec::new();
    for _ in 0..draw.pick(&[1, 1, 2, 3]) {
        let victim = Victim::Broker(draw.pick(&partition.replicas));
        if draw.percent(60) && !producers.is_empty() {
            let client = producers[draw.between(0, producers.len() as u64 - 1) as usize];
            let batch = a_large_batch(client, partition, draw);
            let durable = if_possible(Step { sync_now: said(victim.target()), ..Step::default() });
            all.push(once(at, &victim, durable).and(1_000, batch));
        }
        at += millis(draw, 20, 600);
        all.push(power_cut(at, &victim, stage, draw, start(&victim)));
        at += missed(stage) * 2 + millis(draw, 3_000, 8_000);
    }
    all
}
