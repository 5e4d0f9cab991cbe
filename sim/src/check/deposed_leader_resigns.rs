//! A quorum leader that has been replaced does not go on for ever.
//!
//! Two leaders at once are no violation as such: they lead different epochs, and only the newer one can
//! commit. But whoever still listens to the older one (a broker that can reach it, a client that asks it) waits
//! for something that will never come. So a leader that no majority fetches from gives up.
//!
//! ```text
//!   majority fetched last    newer leader elected      at the latest here the older one has resigned
//!          ├────── 1.5 × fetch timeout ──────┤               │
//!                               ├────── 2 × 1.5 × fetch timeout + 1 s ──────┤
//! ```
//!
//! Twice the timeout: voters that fetched just before the election and one that fetches just before
//! the timer ends are counted together and set it anew once. A second for fetches that were parked.

use std::collections::BTreeMap;
use std::time::Duration;

use trial_broker::event::{Event, QuorumStateName, RaftEvent};
use trial_broker::ids::LeaderEpoch;
use trial_broker::input::Lane;
use trial_broker::time::Time;

use super::evidence::name_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property};
use crate::fault::MachineId;
use crate::step::{Step, StepKind};
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "deposed-leader-resigns",
    rule: "a quorum leader that no majority fetches from any more resigns within a bounded time, though it hears of no other",
    source: "KAFKA-15489; KIP-595; LeaderState.timeUntilCheckQuorumExpires",
};

/// Who leads, and who led last.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    leading: BTreeMap<MachineId, LeaderEpoch>,
    newest: Option<(LeaderEpoch, Time)>,
    /// When each quorum lane made its last step, and since when it has made one every second.
    awake: BTreeMap<MachineId, (Time, Time)>,
}

impl Check {
    /// Looks at a step of a machine that still leads. One that stands still, or whose lane waits for its disk, makes none.
    pub(super) fn observe(&mut self, world: &World, step: &Step) -> Option<Finding> {
        let machine = step.machine()?;
        for event in &step.events {
            if let Event::Raft(RaftEvent::StateChanged { to, epoch, .. }) = event {
                self.changed(machine, *to, *epoch, step.at);
            }
        }
        let StepKind::Input { lane: Lane::Quorum, pays_until: None, .. } = step.kind else { return None };
        let (newest, since) = self.newest?;
        let own = self.leading.get(&machine).copied().filter(|own| *own < newest)?;
        let since = since.max(self.awake_since(machine, step.at));
        let node = world.machine(machine)?.node()?;
        let bound = node.config().raft.fetch_timeout * 3 + Duration::from_secs(1);
        let still_leads =
            node.raft().state_name() == QuorumStateName::Leader && node.raft().leader_and_epoch().1 == own;
        (still_leads && step.at > since + bound).then(|| Finding {
            property: PROPERTY,
            partition: None,
            message: format!(
                "{} still leads the quorum in epoch {own}, {} ms after a majority has elected the leader of epoch {newest}",
                name_of(world, machine),
                step.at.since(since).as_millis()
            ),
            proof: vec![Proof::on(machine, Kind::Quorum), Proof::of(Kind::Quorum)],
        })
    }

    /// Since when a machine takes part without a break. Its clocks went on while it stood still or waited for its disk,
    /// and what has come meanwhile is taken before its timers.
    fn awake_since(&mut self, machine: MachineId, now: Time) -> Time {
        let (last, since) = self.awake.entry(machine).or_insert((now, now));
        if now.since(*last) > Duration::from_secs(1) {
            *since = now;
        }
        *last = now;
        *since
    }

    fn changed(&mut self, machine: MachineId, to: QuorumStateName, epoch: LeaderEpoch, at: Time) {
        if to != QuorumStateName::Leader {
            self.leading.remove(&machine);
            return;
        }
        self.leading.insert(machine, epoch);
        if self.newest.is_none_or(|(newest, _)| epoch > newest) {
            self.newest = Some((epoch, at));
        }
    }
}
