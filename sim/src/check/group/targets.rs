//! Who shall own what, as the groups' coordinators know it: what the checks on targets and shares read.
//!
//! ```text
//!   KIP-848   the coordinator assigns: members, what they want, the target       ConsumerGroup
//!   classic   a member assigns: what each said that it reads, and what it got    bytes that the coordinator carries
//! ```

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::api::consumer_protocol::{decode_assignment, decode_subscription};
use trial_broker::group::classic::{ClassicGroup, ClassicState};
use trial_broker::group::consumer::{ConsumerGroup, Member};
use trial_broker::group::shard::Shard;
use trial_broker::ids::{GroupId, MemberId, TopicName, TopicPartition};
use trial_broker::message::PartitionsByTopic;
use trial_broker::metadata::MetadataImage;

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::world::World;

/// What each member of a group wants and shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    /// The topics that each member wants, those that exist.
    pub wants: BTreeMap<MemberId, BTreeSet<TopicName>>,
    /// What each shall have.
    pub has: BTreeMap<MemberId, BTreeSet<TopicPartition>>,
}

impl Shares {
    /// How many partitions a member shall have.
    pub fn load(&self, member: &MemberId) -> usize {
        self.has.get(member).map_or(0, BTreeSet::len)
    }

    /// Who wants a topic.
    pub fn subscribers<'a>(&'a self, topic: &'a TopicName) -> impl Iterator<Item = &'a MemberId> {
        self.wants.iter().filter(|(_, wants)| wants.contains(topic)).map(|(member, _)| member)
    }

    /// Every topic that somebody wants.
    pub fn topics(&self) -> BTreeSet<&TopicName> {
        self.wants.values().flatten().collect()
    }

    /// Whether all want the same.
    pub fn are_of_equals(&self) -> bool {
        let mut wants = self.wants.values();
        let first = wants.next();
        wants.all(|others| Some(others) == first)
    }
}

fn shards<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a Shard> {
    let coordinator = seen.world.machine(seen.machine).and_then(|machine| machine.node()?.groups());
    coordinator.into_iter().flat_map(|coordinator| coordinator.shards()).map(|(_, shard)| shard)
}

/// A KIP-848 group on the machine whose event it is, as the step has left it.
pub(super) fn consumer_group<'a>(seen: &Seen<'a>, id: &GroupId) -> Option<&'a ConsumerGroup> {
    shards(seen).find_map(|shard| shard.consumer_group(id))
}

/// A KIP-848 group of whose target a machine tells, if the step has left it as it was when it made this target: who leaves behind
/// that raises the group's epoch, and takes its part of the target along.
pub(super) fn newest_target<'a>(seen: &Seen<'a>, id: &GroupId, epoch: i32) -> Option<&'a ConsumerGroup> {
    consumer_group(seen, id).filter(|group| group.target_epoch == epoch && group.epoch == epoch)
}

/// A classic group on the machine whose event it is, as the step has left it.
fn classic_group<'a>(seen: &Seen<'a>, id: &GroupId) -> Option<&'a ClassicGroup> {
    shards(seen).find_map(|shard| shard.known_classic_group(id))
}

/// A classic group on the machine whose event it is, if the step has left it stable. A step that brings the leader's assignment
/// may bring the next member too (what waits for a write goes on when it is committed): then the assignment is not of those who
/// are members.
pub(super) fn stable_classic_group<'a>(seen: &Seen<'a>, id: &GroupId) -> Option<&'a ClassicGroup> {
    classic_group(seen, id).filter(|group| group.state == ClassicState::Stable)
}

/// Whether a coordinator, wherever it runs, has this member in the group.
pub(super) fn is_known(world: &World, id: &GroupId, member: &MemberId) -> bool {
    let coordinators = world.machines().filter_map(|(_, machine)| machine.node()?.groups());
    let mut shards = coordinators.flat_map(|coordinator| coordinator.shards()).map(|(_, shard)| shard);
    shards.any(|shard| {
        shard.consumer_group(id).is_some_and(|group| group.member(member).is_some())
            || shard.known_classic_group(id).is_some_and(|group| group.members.contains_key(member))
    })
}

/// The metadata from which the coordinator whose event it is decides.
pub(super) fn image_of<'a>(seen: &Seen<'a>) -> Option<&'a MetadataImage> {
    seen.world.machine(seen.machine)?.node()?.broker_metadata()
}

/// What a KIP-848 group's target is, with the names of this image; topics that are no more have none.
pub(super) fn shares_of_target(group: &ConsumerGroup, image: &MetadataImage) -> Shares {
    let mut shares = Shares::default();
    for member in group.members() {
        shares.wants.insert(member.id.clone(), wanted(group, member, image));
        shares.has.insert(member.id.clone(), named(group.target(&member.id), image));
    }
    shares
}

/// What a member wants by name and by expression, as far as it exists.
fn wanted(group: &ConsumerGroup, member: &Member, image: &MetadataImage) -> BTreeSet<TopicName> {
    let resolved = member.regex().and_then(|regex| group.resolved(regex));
    let names = member.metadata.subscribed_topic_names.iter();
    let names = names.chain(resolved.into_iter().flat_map(|resolved| &resolved.topics));
    names.map(|name| TopicName::new(name)).filter(|name| image.topic(name).is_some()).collect()
}

fn named(partitions: &PartitionsByTopic, image: &MetadataImage) -> BTreeSet<TopicPartition> {
    let mut named = BTreeSet::new();
    for (topic, numbers) in partitions {
        let Some(topic) = image.topic_name(*topic) else { continue };
        named.extend(numbers.iter().map(|partition| TopicPartition { topic: topic.clone(), partition: *partition }));
    }
    named
}

/// What the members of a classic group said that they read, and what its leader has given them; none if the bytes are
/// not those of consumers.
pub(super) fn shares_of_generation(group: &ClassicGroup) -> Option<Shares> {
    let protocol = group.protocol.as_deref()?;
    let mut shares = Shares::default();
    for (id, member) in &group.members {
        let said = member.protocols.iter().find(|known| known.name == protocol)?;
        let subscription = decode_subscription(&said.metadata)?;
        shares.wants.insert(id.clone(), subscription.topics.into_iter().collect());
        // Whoever the leader left out has no bytes.
        let given = decode_assignment(&member.assignment).map(|assignment| assignment.partitions);
        shares.has.insert(id.clone(), given.into_iter().flatten().collect());
    }
    Some(shares)
}

/// What is wrong with a group, as its coordinator knows it.
pub(super) fn finding(seen: &Seen, property: Property, group: &GroupId, wrong: &str) -> Finding {
    Finding {
        property,
        partition: None,
        message: format!("group {group}, coordinated by {}: {wrong}", seen.who()),
        proof: vec![Proof::on(seen.machine, Kind::Coordination)],
    }
}
