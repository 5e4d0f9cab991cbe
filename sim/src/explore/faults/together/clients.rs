//! What clients are not told: answers that are lost while more requests are under way.

use super::{Replicated, begin, if_possible, millis, names, of_api, once, records, said};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::Incident;
use crate::explore::faults::victim::Victim;
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{MessageKind, Messages, Produce};

/// A producer sends several batches without waiting for answers. All are written; the answer to one is lost, and with it
/// their connection and all that come behind: so it sends them again. Perhaps the leader is another one by then.
pub(super) fn answers_are_lost(stage: &Stage, partition: &Replicated, draw: &mut Draw) -> Vec<Incident> {
    let producers: Vec<&String> = stage.clients.iter().filter(|name| name.starts_with('p')).collect();
    if producers.is_empty() {
        return Vec::new();
    }
    let mut at = begin(stage, 4_000_000, draw);
    let mut all = Vec::new();
    for _ in 0..draw.between(1, 3) {
        let client = producers[draw.between(0, producers.len() as u64 - 1) as usize];
        let victim = Victim::Leader(partition.name.clone());
        let answer = Messages {
            from: said(names(&[victim.name()])),
            to: said(names(&[client])),
            nth: said(draw.pick(&[1, 1, 1, 2, 3])),
            ..of_api("Produce", Some(MessageKind::Response))
        };
        let count = draw.between(4, 12);
        let every = said(Span { micros: millis(draw, 2, 15) });
        let produce = Produce { every, ..records(client, &partition.name, count) };
        let drop = if_possible(Step { drop: said(answer), ..Step::default() });
        all.push(once(at, &victim, drop).and(1_000, Step { produce: said(produce), ..Step::default() }));
        at += millis(draw, 1_000, 6_000);
    }
    all
}
