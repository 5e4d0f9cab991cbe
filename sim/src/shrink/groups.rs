//! Fewer groups: a group goes with its members and with all that is done to it. Single members go as clients do.

use std::collections::BTreeSet;
use std::ops::Range;

use super::mention::{Subject, forget};
use crate::scenario::format::action::JoinGroup;
use crate::scenario::format::{Client, File};

/// The groups of a file, in the order of their names.
pub(super) fn groups(file: &File) -> Vec<String> {
    let named: BTreeSet<String> = file.clients.iter().filter_map(group_of).collect();
    named.into_iter().collect()
}

/// The group to which a client belongs.
pub(super) fn group_of(client: &Client) -> Option<String> {
    client.consumer.as_ref()?.settings.get("group.id").map(|value| value.0.clone())
}

/// The file without some of its groups.
pub(super) fn without_groups(file: &File, piece: Range<usize>) -> File {
    let mut file = file.clone();
    for group in groups(&file).drain(piece) {
        let is_member = |client: &Client| group_of(client).as_ref() == Some(&group);
        let (members, others): (Vec<Client>, Vec<Client>) = file.clients.drain(..).partition(is_member);
        file.clients = others;
        for member in members {
            forget(&mut file, &Subject::Client(member.name.value));
        }
        forget(&mut file, &Subject::Group(group));
    }
    file
}

/// Nobody joins for a topic that is no more; who joined for nothing else does not join.
pub(super) fn forget_topic_of_joins(file: &mut File, topic: &str) {
    for join in file.steps.iter_mut().filter_map(|step| step.value.join.as_mut()) {
        join.value.topics.retain(|wanted| wanted.value != topic);
    }
    file.steps.retain(|step| {
        let wants =
            |join: &JoinGroup| !join.topics.is_empty() || join.pattern.is_some() || join.server_pattern.is_some();
        step.join.as_ref().is_none_or(|join| wants(&join.value))
    });
}
