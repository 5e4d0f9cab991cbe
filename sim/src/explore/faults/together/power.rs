//! What a machine had not made durable: power that goes at a moment at which much depends on it.

use super::{Replicated, begin, if_possible, millis, missed, once, said, spanned, start};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::{Incident, power_cut};
use crate::explore::faults::victim::Victim;
use crate::scenario::format::Step;
use crate::scenario::format::action::Produce;

/// A replica's machine loses its power, once or again and again. Often everything that it has is on its disk before, and then
/// comes a batch of many sectors that nobody has synced when the power goes: some of it is there afterwards. Where the last
/// batch is cut through, and not the one before it, recovery must find that out by itself. What is said of the log beside it,
/// snapshots of producers, indexes, checkpoints, is newer or older than the log then.
pub(super) fn the_power_goes(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let Some((topic, index)) = partition.name.rsplit_once('-') else { return Vec::new() };
    let producers: Vec<&String> = stage.clients.iter().filter(|name| name.starts_with('p')).collect();
    let mut at = begin(stage, 4_000_000, draw);
    let mut all = Vec::new();
    for _ in 0..draw.pick(&[1, 1, 2, 3]) {
        let victim = Victim::Broker(draw.pick(&partition.replicas));
        if draw.percent(60) && !producers.is_empty() {
            let client = producers[draw.between(0, producers.len() as u64 - 1) as usize];
            let produce = Produce {
                client: spanned(client.clone()),
                topic: spanned(topic.to_owned()),
                partition: index.parse().ok().map(spanned),
                count: said(draw.between(60, 200) as u32),
                every: None,
                keys: Vec::new(),
                values: Vec::new(),
                tombstones: None,
                together: Some(true),
            };
            let durable = if_possible(Step { sync_now: said(victim.target()), ..Step::default() });
            all.push(once(at, &victim, durable).and(1_000, Step { produce: said(produce), ..Step::default() }));
        }
        at += millis(draw, 20, 600);
        all.push(power_cut(at, &victim, stage, draw, start(&victim)));
        at += missed(stage) * 2 + millis(draw, 3_000, 8_000);
    }
    all
}
