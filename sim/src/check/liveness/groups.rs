//! Groups of a healed core come to rest: whoever runs is a member, whoever does not is none any more, and each
//! partition that somebody wants is somebody's.
//!
//! That members read to the end of what they have is asked of them as of every consumer; with this, all that a group wants
//! is read. A group whose partition of `__consumer_offsets` the core cannot serve is excused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use trial_broker::client::{ClientKind, MembershipView};
use trial_broker::config::GroupCoordinatorSettings;
use trial_broker::group::find::{OFFSETS_TOPIC, partition_for};
use trial_broker::group::{GroupStateName, GroupView};
use trial_broker::ids::{GroupId, Offset, TopicName, TopicPartition};

use super::{Excused, Look, Unmet};
use crate::check::evidence::name_of;
use crate::machine::{ProcessState, ProgramConfig};
use crate::world::World;

/// Those who want to be in a group and run, with their names.
type Wanted = Vec<(String, MembershipView)>;

impl Look<'_> {
    /// Groups that have not come to rest; those of a partition that is stuck are excused.
    pub(super) fn groups(
        &self,
        world: &World,
        stuck: &BTreeSet<TopicPartition>,
        unmet: &mut Vec<Unmet>,
        excused: &mut Vec<Excused>,
    ) {
        for (group, members) in wanted(world) {
            let partition = self.partition_of(&group);
            let missing = match partition.as_ref().and_then(|partition| self.group(&group, partition)) {
                None => Some("its coordinator does not know it".to_owned()),
                Some(view) => self.restless(&view, &members),
            };
            let Some(missing) = missing else { continue };
            match partition.filter(|partition| stuck.contains(partition)) {
                None => unmet.push(Unmet { partition: None, message: format!("group {group}: {missing}") }),
                Some(partition) => {
                    let reason = format!("{partition} keeps group {group}");
                    excused.push(Excused { partition: Some(partition), goal: "stable group", reason });
                }
            }
        }
    }

    /// The partition of the offsets topic that keeps a group; none while the topic does not exist.
    pub(super) fn partition_of(&self, group: &GroupId) -> Option<TopicPartition> {
        let count = self.image.topic(&TopicName::new(OFFSETS_TOPIC))?.partitions.len();
        Some(TopicPartition::new(OFFSETS_TOPIC, partition_for(group.as_str(), i32::try_from(count).ok()?)))
    }

    fn group(&self, group: &GroupId, partition: &TopicPartition) -> Option<GroupView> {
        let leader = self.image.partition(&partition.topic, partition.partition)?.leader;
        self.node(leader)?.group(group)
    }

    /// Why a group has not come to rest.
    fn restless(&self, view: &GroupView, wanted: &Wanted) -> Option<String> {
        if view.state != GroupStateName::Stable {
            return Some(format!("it is {}", view.state.name()));
        }
        for member in &view.members {
            if !wanted.iter().any(|(_, known)| known.member == member.member) {
                return Some(format!("{} is a member still, and no consumer is it", member.member));
            }
        }
        for (name, known) in wanted {
            let Some(member) = view.members.iter().find(|member| member.member == known.member) else {
                return Some(format!("{name} is no member"));
            };
            if member.assigned != known.assigned {
                let (given, has) = (named(&member.assigned), named(&known.assigned));
                return Some(format!("{name} was given {given}, and has {has}"));
            }
        }
        let given: BTreeSet<&TopicPartition> = view.members.iter().flat_map(|member| &member.assigned).collect();
        let topics: BTreeSet<&TopicName> = wanted.iter().flat_map(|(_, known)| &known.topics).collect();
        let existing = topics.into_iter().filter_map(|topic| Some((topic, self.image.topic(topic)?)));
        let mut all = existing.flat_map(|(name, topic)| {
            topic.partitions.keys().map(|partition| TopicPartition { topic: name.clone(), partition: *partition })
        });
        all.find(|partition| !given.contains(partition)).map(|partition| format!("{partition} is nobody's"))
    }
}

/// Who wants to be in which group and runs. A group in which somebody polls only when it is asked to is in that person's hands,
/// and one whose application has ended in an error wants nothing any more.
fn wanted(world: &World) -> BTreeMap<GroupId, Wanted> {
    let mut groups: BTreeMap<GroupId, Wanted> = BTreeMap::new();
    let mut in_hands = BTreeSet::new();
    let running = world.machines().filter(|(_, machine)| machine.state() == ProcessState::Running);
    for (id, client) in running.filter_map(|(id, machine)| Some((id, machine.client()?))) {
        let Some(membership) = client.membership().filter(|membership| membership.subscribed) else { continue };
        if matches!(client.config().kind, ClientKind::Consumer { polls_by_itself: false, .. }) {
            in_hands.insert(membership.group.clone());
        }
        if client.application_error().is_none() {
            groups.entry(membership.group.clone()).or_default().push((name_of(world, id).to_owned(), membership));
        }
    }
    groups.retain(|group, _| !in_hands.contains(group));
    groups
}

/// How long a coordinator may take until its groups are what their members are: twice a session, and what it writes.
pub(super) fn coordinator_bound(settings: &GroupCoordinatorSettings) -> Duration {
    let session = settings.consumer_session_timeout + settings.consumer_heartbeat_interval;
    session * 2 + settings.offsets_commit_timeout + settings.classic_initial_rebalance_delay
}

/// How long members may take, the slowest of them: twice until one that is gone or stuck is given up, then the records
/// that nobody has read.
pub(super) fn member_bound(world: &World) -> Option<Duration> {
    let records = u32::try_from(records(world)).unwrap_or(u32::MAX);
    let of_member = |program: &ProgramConfig| {
        let ProgramConfig::Client(client) = program else { return None };
        let ClientKind::Consumer { group: Some(group), work, .. } = &client.kind else { return None };
        let timers = &group.timers;
        let given_up = timers.session_timeout + timers.max_poll_interval + timers.heartbeat_interval;
        Some(given_up * 2 + timers.default_api_timeout + work.per_record * records)
    };
    world.machines().filter_map(|(_, machine)| of_member(&machine.config().program)).max()
}

/// How many records there are to read at most.
fn records(world: &World) -> Offset {
    let of_node = |node: &trial_broker::node::Node| {
        let replicas = node.replicas().map(|replicas| replicas.partitions().keys().cloned().collect::<Vec<_>>());
        let ends = replicas.unwrap_or_default().into_iter().filter(|name| !name.topic.as_str().starts_with("__"));
        ends.filter_map(|name| Some(node.replicas()?.partition(&name)?.log().log_end_offset())).sum::<Offset>()
    };
    world.machines().filter_map(|(_, machine)| machine.node()).map(of_node).max().unwrap_or(0)
}

fn named(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    format!("[{}]", names.join(", "))
}
