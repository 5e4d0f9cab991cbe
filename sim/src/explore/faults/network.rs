//! What the network does to one machine for a while: it is cut off, messages are lost, late or held, links are slow.

use std::slice;

use super::Stage;
use super::incident::Incident;
use super::victim::{self, Victim};
use crate::explore::draw::Draw;
use crate::explore::text::{if_possible, names, said, spanned};
use crate::scenario::Span;
use crate::scenario::format::action::{Delay, Heal, MessageKind, Messages, Partition, SetLatency};
use crate::scenario::format::{Latency, Step};

const APIS: &[&str] = &[
    "Fetch",
    "Fetch",
    "Produce",
    "AlterPartition",
    "BrokerHeartbeat",
    "BrokerRegistration",
    "Vote",
    "BeginQuorumEpoch",
    "Metadata",
    "FetchSnapshot",
    "OffsetForLeaderEpoch",
    "InitProducerId",
    "ListOffsets",
];

const GROUP_APIS: &[&str] = &[
    "FindCoordinator",
    "JoinGroup",
    "SyncGroup",
    "Heartbeat",
    "LeaveGroup",
    "OffsetCommit",
    "OffsetFetch",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupHeartbeat",
];

/// A fault of the network that is about to be drawn. What every kind of them draws is drawn first, needed or not: the
/// order of the draws is part of every seed.
pub(super) struct Disturbance<'a> {
    at: i64,
    victim: &'a Victim,
    stage: &'a Stage<'a>,
    draw: &'a mut Draw,
    everybody: Vec<String>,
    /// Some of the others, at least one if there is one.
    some: Vec<String>,
    /// For how long, in microseconds.
    length: i64,
}

/// What passes one way only, or neither: who is cut off, the others, and which of them.
struct Sides {
    settled: Victim,
    others: Vec<String>,
    /// Whether what it sends is lost, rather than what is sent to it.
    outward: bool,
}

impl<'a> Disturbance<'a> {
    pub(super) fn new(at: i64, victim: &'a Victim, stage: &'a Stage<'a>, draw: &'a mut Draw) -> Disturbance<'a> {
        let length = draw.span(100, 12_000).micros;
        let everybody = stage.shape.machines();
        let others = all_but(&everybody, &victim.name());
        let some = draw.between(1, others.len().max(1) as u64) as usize;
        let some = draw.some_of(&others, some);
        Disturbance { at, victim, stage, draw, everybody, some, length }
    }

    /// One step, if it is possible when it comes.
    fn once(&self, step: Step) -> Incident {
        Incident { at: self.at, steps: vec![(0, if_possible(step))], out_for: None, victim: self.victim.clone() }
    }

    /// Who is named by what it does cannot be left out of a list of ids: it is cut off from its clients too.
    fn settled(&mut self) -> Victim {
        victim::settled(self.victim, self.stage, self.draw)
    }

    fn sides(&mut self) -> Sides {
        let (settled, outward) = (self.settled(), self.draw.percent(50));
        let others = all_but(&self.everybody, &settled.name());
        Sides { settled, others, outward }
    }

    /// Nothing passes to a machine nor from it.
    pub(super) fn isolate(mut self) -> Incident {
        let Sides { settled, others, .. } = self.sides();
        let name = settled.name();
        let groups = vec![spanned(names(slice::from_ref(&name))), spanned(names(&others))];
        let cut = Partition { groups: said(groups), from: None, to: None };
        let heal_from = Heal { from: said(names(slice::from_ref(&name))), to: None };
        let heal_to = Heal { from: None, to: said(names(&[name])) };
        Incident { victim: settled, ..self.once(Step { partition: said(cut), ..Step::default() }) }
            .and(self.length, Step { heal: said(heal_from), ..Step::default() })
            .and(self.length, Step { heal: said(heal_to), ..Step::default() })
    }

    /// Nothing passes from one machine to some of the others, or from them to it.
    pub(super) fn one_way(mut self) -> Incident {
        let Sides { settled, others, outward } = self.sides();
        let name = settled.name();
        let partial = all_but(&self.some, &name);
        let far = if partial.is_empty() { others } else { partial };
        let (from, to) = if outward { (vec![name], far) } else { (far, vec![name]) };
        let cut = Partition { groups: None, from: said(names(&from)), to: said(names(&to)) };
        let heal = Heal { from: said(names(&from)), to: said(names(&to)) };
        Incident { victim: settled, ..self.once(Step { partition: said(cut), ..Step::default() }) }
            .and(self.length, Step { heal: said(heal), ..Step::default() })
    }

    /// The cluster falls into two groups.
    pub(super) fn split(self) -> Incident {
        let shuffled = self.draw.shuffled(&self.everybody);
        let cut = self.draw.between(1, shuffled.len() as u64 - 1) as usize;
        let groups = vec![spanned(names(&shuffled[..cut])), spanned(names(&shuffled[cut..]))];
        let cut = Partition { groups: said(groups), from: None, to: None };
        self.once(Step { partition: said(cut), ..Step::default() })
            .and(self.length, Step { heal: said(Heal::default()), ..Step::default() })
    }

    /// What a machine sends takes longer for a while.
    pub(super) fn latency(mut self) -> Incident {
        let slower = Latency::Exponential { min: Span { micros: 1_000 }, mean: self.draw.span(20, 300) };
        let from = said(names(&[self.settled().name()]));
        let set = SetLatency { from: from.clone(), to: None, is: spanned(slower) };
        let usual = SetLatency { from, to: None, is: spanned(self.stage.shape.latency.clone()) };
        self.once(Step { latency: said(set), ..Step::default() })
            .and(self.length, Step { latency: said(usual), ..Step::default() })
    }

    /// One message is late.
    pub(super) fn delay(mut self) -> Incident {
        let (filter, nth) = (self.messages(&self.victim.name()), self.draw.scale(1, 20) as u32);
        let delay = Delay {
            by: spanned(self.draw.span(20, 5_000)),
            from: filter.from,
            to: filter.to,
            api: filter.api,
            kind: filter.kind,
            nth: said(nth),
            in_flight: None,
        };
        self.once(Step { delay: said(delay), ..Step::default() })
    }

    /// One message is lost.
    pub(super) fn drop_one(mut self) -> Incident {
        let filter = self.messages(&self.victim.name());
        let drop = Messages { nth: said(self.draw.scale(1, 20) as u32), ..filter };
        self.once(Step { drop: said(drop), ..Step::default() })
    }

    /// One message is held for a while.
    pub(super) fn hold(mut self) -> Incident {
        let settled = self.settled();
        let filter = self.messages(&settled.name());
        let hold = Messages { nth: said(self.draw.scale(1, 10) as u32), ..filter.clone() };
        self.once(Step { hold: said(hold), ..Step::default() })
            .and(self.length, Step { release: said(filter), ..Step::default() })
    }

    /// Messages of a kind are held back for a while.
    pub(super) fn clog(mut self) -> Incident {
        let settled = self.settled();
        let filter = self.messages(&settled.name());
        self.once(Step { clog: said(filter.clone()), ..Step::default() })
            .and(self.length, Step { unclog: said(filter), ..Step::default() })
    }

    /// Messages from or to a machine, usually of one API.
    fn messages(&mut self, name: &str) -> Messages {
        let draw = &mut *self.draw;
        let (outward, any_api, api) = (draw.percent(50), draw.percent(20), draw.pick(APIS));
        let kind = draw.pick(&[None, Some(MessageKind::Request), Some(MessageKind::Response)]);
        // Drawn last, and only where there are groups: seeds without them are what they were.
        let about_groups = !self.stage.groups.is_empty() && draw.percent(40);
        let api = if about_groups { draw.pick(GROUP_APIS) } else { api };
        let machine = said(names(&[name]));
        let (from, to) = if outward { (machine, None) } else { (None, machine) };
        Messages {
            from,
            to,
            api: (!any_api).then(|| spanned(api.to_owned())),
            kind: kind.map(spanned),
            nth: None,
            in_flight: None,
        }
    }
}

fn all_but(machines: &[String], name: &str) -> Vec<String> {
    machines.iter().filter(|other| *other != name).cloned().collect()
}
