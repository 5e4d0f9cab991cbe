//! Links: what lies between two machines, one way, and what interventions do there.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use trial_broker::api::Message;
use trial_broker::time::Time;

use super::connection::kind_of;
use super::latency::LatencyModel;
use crate::fault::{MachineId, MessageFilter};
use crate::register::Register;
use crate::stream::{StreamPurpose, Streams};

/// What lies between one machine and another, one way.
#[derive(Clone, Debug)]
struct Link {
    route: Route,
    latency: LatencyModel,
    bytes_per_second: Option<u64>,
    /// When the last message sent will have left the wire, on a link with a bandwidth.
    busy_until: Time,
    /// The number of the stream that latencies are drawn from, since one was.
    stream: Option<usize>,
}

impl Hash for Link {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.latency, self.bytes_per_second, self.busy_until).hash(state);
    }
}

/// From one machine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Route {
    from: MachineId,
    to: MachineId,
}

/// All links, partitions and clogs.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Links {
    default_latency: LatencyModel,
    links: Register<Route, Link>,
    /// What entries said about links, in order: a link that is used for the first time obeys them all.
    rules: Vec<LinkRule>,
    blocked: BTreeSet<(MachineId, MachineId)>,
    clogs: Vec<MessageFilter>,
}

#[derive(Clone, Debug, Hash)]
struct LinkRule {
    from: BTreeSet<MachineId>,
    to: BTreeSet<MachineId>,
    what: LinkSetting,
}

/// What an entry can say about links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LinkSetting {
    Latency(LatencyModel),
    Bandwidth(Option<u64>),
}

fn is_among(machine: MachineId, set: &BTreeSet<MachineId>) -> bool {
    set.is_empty() || set.contains(&machine)
}

impl Link {
    fn set(&mut self, what: LinkSetting) {
        match what {
            LinkSetting::Latency(latency) => self.latency = latency,
            LinkSetting::Bandwidth(bytes_per_second) => self.bytes_per_second = bytes_per_second,
        }
    }
}

impl Links {
    pub(crate) fn new(default_latency: LatencyModel) -> Self {
        Links { default_latency, ..Links::default() }
    }

    fn link(&mut self, route: (MachineId, MachineId)) -> &mut Link {
        let number = self.number(route);
        self.links.get_mut(number)
    }

    /// The number of a link, for whoever sends on it often.
    pub(crate) fn number(&mut self, route: (MachineId, MachineId)) -> usize {
        let (default, rules) = (self.default_latency, &self.rules);
        let route = Route { from: route.0, to: route.1 };
        self.links.number(route, || {
            let mut link =
                Link { route, latency: default, bytes_per_second: None, busy_until: Time::ZERO, stream: None };
            for rule in rules.iter().filter(|rule| is_among(route.from, &rule.from) && is_among(route.to, &rule.to)) {
                link.set(rule.what);
            }
            link
        })
    }

    /// Links from these to those machines obey this from now on.
    pub(crate) fn set(&mut self, from: BTreeSet<MachineId>, to: BTreeSet<MachineId>, what: LinkSetting) {
        self.links.for_each_mut(|route, link| {
            if is_among(route.from, &from) && is_among(route.to, &to) {
                link.set(what);
            }
        });
        self.rules.push(LinkRule { from, to, what });
    }

    /// When something of this size arrives that is sent now on the link of a number.
    pub(crate) fn arrival(&mut self, number: usize, bytes: u32, now: Time, streams: &mut Streams) -> Time {
        let link = self.links.get_mut(number);
        let mut sent = now;
        if let Some(bytes_per_second) = link.bytes_per_second {
            let micros = u64::from(bytes) * 1_000_000 / bytes_per_second.max(1);
            sent = link.busy_until.max(now) + Duration::from_micros(micros);
            link.busy_until = sent;
        }
        let latency = match link.latency.constant() {
            Some(latency) => latency,
            None => {
                let subject = (u64::from(link.route.from.0), u64::from(link.route.to.0));
                let of_link = || streams.number(StreamPurpose::Latency, subject);
                let stream = *link.stream.get_or_insert_with(of_link);
                link.latency.draw(streams.numbered(stream))
            }
        };
        sent + latency
    }

    /// What a segment usually takes that nobody sees: an acknowledgement, a retransmission.
    pub(crate) fn typical(&mut self, route: (MachineId, MachineId)) -> Duration {
        self.link(route).latency.typical()
    }

    /// The same, of the link of a number.
    pub(crate) fn typical_of(&mut self, number: usize) -> Duration {
        self.links.get_mut(number).latency.typical()
    }

    pub(crate) fn partition(&mut self, pairs: &[(MachineId, MachineId)]) {
        self.blocked.extend(pairs.iter().copied());
    }

    pub(crate) fn clog(&mut self, filter: MessageFilter) {
        self.clogs.push(filter);
    }

    pub(crate) fn unclog(&mut self, filter: &MessageFilter) {
        if *filter == MessageFilter::default() {
            self.clogs.clear();
        } else {
            self.clogs.retain(|clog| clog != filter);
        }
    }

    /// Ends partitions and clogs between these machines; all of them when both sets are empty.
    pub(crate) fn heal(&mut self, from: &BTreeSet<MachineId>, to: &BTreeSet<MachineId>) {
        self.blocked.retain(|route| !(is_among(route.0, from) && is_among(route.1, to)));
        let is_within = |named: &BTreeSet<MachineId>, healed: &BTreeSet<MachineId>| {
            healed.is_empty() || (!named.is_empty() && named.is_subset(healed))
        };
        self.clogs.retain(|clog| !(is_within(&clog.from, from) && is_within(&clog.to, to)));
    }

    /// Whether anything is blocked or clogged.
    pub(crate) fn is_cut(&self) -> bool {
        !self.blocked.is_empty() || !self.clogs.is_empty()
    }

    /// Whether an entry has ever set a link.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    pub(crate) fn is_blocked(&self, route: (MachineId, MachineId)) -> bool {
        !self.blocked.is_empty() && self.blocked.contains(&route)
    }

    /// Whether a clog holds this message; with none, whether one holds a bare segment.
    pub(crate) fn is_clogged(&self, route: (MachineId, MachineId), message: Option<&Message>) -> bool {
        !self.clogs.is_empty() && self.clogs.iter().any(|clog| matches(clog, route, message))
    }
}

/// Whether a filter means this message. A segment without a message is meant only by filters that name no kind of message.
pub(crate) fn matches(filter: &MessageFilter, route: (MachineId, MachineId), message: Option<&Message>) -> bool {
    is_among(route.0, &filter.from)
        && is_among(route.1, &filter.to)
        && filter.api.is_none_or(|api| message.is_some_and(|message| message.api == api))
        && filter.kind.is_none_or(|kind| message.is_some_and(|message| kind_of(message) == kind))
}
