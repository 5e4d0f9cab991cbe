//! A quorum leader that reaches a majority of the voters is not disturbed by a voter that it does not reach (KIP-996).
//!
//! ```text
//!   c1 leads in epoch e ── c2 follows, and has fetched: c1 and c2 are a majority of three
//!                                │ refuses its pre-vote
//!   c3 comes back ── Prospective ┴─▶ no majority for it: it must not become Candidate in e + 1
//! ```
//!
//! *Reaches a majority* means: the leader, and enough voters to make more than half with it, have been leader and its
//! followers in one epoch without a break, each follower with something fetched, since before the other voter began to
//! ask. An answer that is late may be of its last round: its request was under way for the request timeout at most, so
//! "before" is twice that earlier, and a time in which that voter stood still is not counted.
//!
//! What disturbs a leader is the higher epoch, so the rule is about whoever raises it. An epoch that was raised while no
//! majority was reached may depose a leader long after: that is Kafka's design, and no violation.

use std::collections::BTreeMap;
use std::time::Duration;

use trial_broker::event::{Event, QuorumStateName, QuorumTransitionReason, RaftEvent};
use trial_broker::ids::{LeaderEpoch, NodeId};
use trial_broker::node::Node;
use trial_broker::time::Time;

use super::model::machine_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;
use crate::step::{Fact, Step};

pub(super) const PROPERTY: Property = Property {
    name: "healthy-leader-undisturbed",
    rule: "no voter raises the quorum's epoch while a leader has a majority of voters, itself included, that fetch from it",
    source: "KIP-996 (Pre-Vote)",
};

/// A member of the quorum, as its events have it.
#[derive(Clone, Copy, Debug)]
struct Member {
    state: QuorumStateName,
    epoch: LeaderEpoch,
    leader: NodeId,
    /// Since when it is all that.
    since: Time,
    /// When it first fetched something in this state.
    fetched: Option<Time>,
}

/// Every member, and the last time that each stood still.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    members: BTreeMap<MachineId, Member>,
    pauses: BTreeMap<MachineId, (Time, Time)>,
}

impl Check {
    /// Takes in what the world did to machines: a process that has ended neither leads nor follows.
    pub(super) fn observe_facts(&mut self, step: &Step) {
        for fact in &step.facts {
            match fact {
                Fact::Killed { machine } | Fact::Exited { machine, .. } | Fact::PowerCut { machine, .. } => {
                    self.members.remove(machine);
                }
                Fact::Paused { machine } => {
                    self.pauses.insert(*machine, (step.at, Time::NEVER));
                }
                Fact::Resumed { machine } => {
                    self.pauses.entry(*machine).or_insert((step.at, step.at)).1 = step.at;
                }
                _ => {}
            }
        }
    }

    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let now = seen.world.now();
        match seen.event {
            Event::Raft(RaftEvent::StateChanged { to, epoch, leader, reason }) => {
                let member = Member { state: *to, epoch: *epoch, leader: *leader, since: now, fetched: None };
                let before = self.members.insert(seen.machine, member);
                // Whoever stood before it stopped stands again: that was decided when it stood first.
                let raises = *to == QuorumStateName::Candidate && *reason != QuorumTransitionReason::Started;
                if !raises {
                    return None;
                }
                let began = before.filter(|before| before.state == QuorumStateName::Prospective);
                self.raised(seen, began.map_or(now, |before| before.since), *epoch)
            }
            Event::Raft(
                RaftEvent::MetadataAppended { as_leader: false, .. } | RaftEvent::QuorumHighWatermarkAdvanced { .. },
            ) => {
                if let Some(member) = self.members.get_mut(&seen.machine) {
                    member.fetched.get_or_insert(now);
                }
                None
            }
            _ => None,
        }
    }

    /// A member stands in a new epoch, and has asked for that since `began`.
    fn raised(&self, seen: &Seen, began: Time, epoch: LeaderEpoch) -> Option<Finding> {
        let timeout = node_on(seen, seen.machine)?.config().raft.request_timeout;
        let mut from = earlier(began, timeout * 2);
        if let Some((paused, resumed)) = self.pauses.get(&seen.machine)
            && *resumed >= from
        {
            from = earlier(from.min(*paused), timeout * 2);
        }
        let leaders = self.members.iter().filter(|(_, member)| member.state == QuorumStateName::Leader);
        let healthy = leaders.filter(|(_, leader)| leader.since <= from).find_map(|(machine, leader)| {
            let node = node_on(seen, *machine)?;
            let voters = node.raft().voters();
            let follows = |id: NodeId| {
                self.members.get(&machine_of(id)).is_some_and(|member| {
                    member.state == QuorumStateName::Follower
                        && (member.leader, member.epoch) == (node.config().node, leader.epoch)
                        && member.fetched.is_some_and(|fetched| fetched <= from)
                })
            };
            let followers = voters.iter().map(|voter| voter.replica.id).filter(|id| follows(*id));
            let followers: Vec<String> = followers.map(|id| id.to_string()).collect();
            ((followers.len() + 1) * 2 > voters.len()).then_some((*machine, leader.epoch, followers))
        });
        healthy.map(|(leader, led, followers)| Finding {
            property: PROPERTY,
            partition: None,
            message: format!(
                "{} stands for epoch {epoch}, although {} leads in epoch {led} and its followers [{}] had \
                 fetched from it before {} began to ask, and follow it still",
                seen.who(),
                seen.name(leader),
                followers.join(", "),
                seen.who()
            ),
            proof: vec![
                Proof::on(seen.machine, Kind::Quorum),
                Proof::on(leader, Kind::Quorum),
                Proof::of(Kind::Vote),
                Proof::of(Kind::Quorum),
            ],
        })
    }
}

fn node_on<'a>(seen: &Seen<'a>, machine: MachineId) -> Option<&'a Node> {
    seen.world.machine(machine)?.node()
}

fn earlier(time: Time, by: Duration) -> Time {
    Time(time.0.saturating_sub(by.as_micros() as u64))
}
