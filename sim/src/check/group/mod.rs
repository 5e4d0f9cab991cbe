//! Groups: who owns what, and what becomes of committed offsets.
//!
//! ```text
//!   members: joined in epoch e ─▶ assigned p ─▶ commit p at o ─▶ revoked p      what clients live by
//!   coordinator: generations, members' epochs, accepted commits                 what it lets them do
//! ```
//!
//! One file a property. Some listen to what members live by, some look into the coordinator when it has decided something
//! (`targets.rs`): then no member has noticed yet. That owners of partitions fit their members is asserted there after every
//! step.
//!
//! Nothing is asked any more once something of `__consumer_offsets` was lost beyond the loss budget: then coordinators know
//! less than they have told.

mod commit_of_current_member;
mod commits_only_grow;
mod committed_offset_not_lost;
mod coordinator_is_replay;
mod group_epochs_only_grow;
mod members_are_known;
mod one_owner_in_a_group;
mod shares_are_even;
mod stable_group_has_its_target;
mod static_member_disturbs_nobody;
mod target_covers_subscriptions;
mod targets;

use trial_broker::event::{ClientEvent, Event};

use super::model::Model;
use super::{Finding, PossibleLoss, Seen};
use crate::fault::MachineId;
use crate::step::{Fact, Step};
use crate::world::World;
pub(super) use commit_of_current_member::PROPERTY as COMMIT_OF_CURRENT_MEMBER;
pub(super) use commits_only_grow::PROPERTY as COMMITS_ONLY_GROW;
pub(super) use committed_offset_not_lost::PROPERTY as COMMITTED_OFFSET_NOT_LOST;
pub(super) use coordinator_is_replay::PROPERTY as COORDINATOR_IS_REPLAY;
pub(super) use group_epochs_only_grow::PROPERTY as GROUP_EPOCHS_ONLY_GROW;
pub(super) use members_are_known::PROPERTY as MEMBERS_ARE_KNOWN;
pub(super) use one_owner_in_a_group::PROPERTY as ONE_OWNER_IN_A_GROUP;
pub(super) use shares_are_even::PROPERTY as SHARES_ARE_EVEN;
pub(super) use stable_group_has_its_target::PROPERTY as STABLE_GROUP_HAS_ITS_TARGET;
pub(super) use static_member_disturbs_nobody::PROPERTY as STATIC_MEMBER_DISTURBS_NOBODY;
pub(super) use target_covers_subscriptions::PROPERTY as TARGET_COVERS_SUBSCRIPTIONS;

/// The topic in which coordinators keep what they know.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

const COORDINATORS_LOST: &str = "more of __consumer_offsets was lost than the loss budget covers";

/// All that is known of groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    owners: one_owner_in_a_group::Check,
    epochs: group_epochs_only_grow::Check,
    sent: commits_only_grow::Check,
    committed: committed_offset_not_lost::Check,
    current: commit_of_current_member::Check,
    known: members_are_known::Check,
    shares: shares_are_even::Check,
    returns: static_member_disturbs_nobody::Check,
    replayed: coordinator_is_replay::Check,
}

impl Check {
    /// Processes that are gone own nothing.
    pub(super) fn observe_facts(&mut self, step: &Step) {
        for fact in &step.facts {
            if let Fact::Killed { machine } | Fact::Exited { machine, .. } | Fact::PowerCut { machine, .. } = fact {
                self.gone(*machine);
            }
        }
    }

    fn gone(&mut self, machine: MachineId) {
        self.owners.gone(machine);
        self.sent.gone(machine);
        self.committed.gone(machine);
        self.current.forget(machine);
        self.known.gone(machine);
        self.shares.forget(machine);
        self.returns.forget(machine);
        self.replayed.forget(machine);
    }

    /// Takes in an event.
    pub(super) fn observe(&mut self, seen: &Seen) -> Vec<PossibleLoss> {
        let found = match seen.event {
            Event::Membership(event) => {
                self.known.observe_member(seen, event);
                let lost = self.committed.observe_member(seen, event);
                let owned = self.owners.observe_member(seen, event);
                let fallen = self.epochs.observe(seen, event);
                let back = self.sent.observe(seen, event);
                self.returns.observe_member(seen, event);
                [lost, owned, fallen, back].into_iter().flatten().collect()
            }
            Event::Group(event) => {
                self.owners.observe_coordinator(event);
                self.epochs.observe_coordinator(event);
                self.committed.observe_coordinator(event);
                self.replayed.observe(seen, event);
                let outdated = self.current.observe(seen, event);
                let illegal = target_covers_subscriptions::observe(seen, event);
                let uneven = self.shares.observe(seen, event);
                let unfinished = stable_group_has_its_target::observe(seen, event);
                let nameless = self.known.observe_coordinator(seen, event);
                let disturbed = self.returns.observe(seen, event);
                [outdated, illegal, uneven, unfinished, disturbed, nameless].into_iter().flatten().collect()
            }
            Event::Client(ClientEvent::PositionSet { partition, offset, reason }) => {
                self.sent.moved(seen, partition);
                self.committed.moved(seen, partition, *offset, *reason).into_iter().collect()
            }
            _ => Vec::new(),
        };
        found.into_iter().map(|finding| judged(seen.world, seen.model, finding)).collect()
    }

    /// Compares coordinators with their logs.
    pub(super) fn sweep(&mut self, world: &World, model: &Model) -> Option<PossibleLoss> {
        self.replayed.sweep(world).map(|finding| judged(world, model, finding))
    }

    /// The same, from the beginning of every log.
    pub(super) fn sweep_all(&mut self, world: &World, model: &Model) -> Option<PossibleLoss> {
        self.replayed.sweep_all(world).map(|finding| judged(world, model, finding))
    }
}

/// A finding with what excuses it.
fn judged(world: &World, model: &Model, finding: Finding) -> PossibleLoss {
    let mut offsets = model.partitions.iter().filter(|(partition, _)| partition.topic.as_str() == OFFSETS_TOPIC);
    let was_lost =
        offsets.any(|(partition, known)| known.rebased_in.is_some() || model.excuse(world, partition).is_some());
    PossibleLoss { finding, excuse: was_lost.then_some(COORDINATORS_LOST) }
}
