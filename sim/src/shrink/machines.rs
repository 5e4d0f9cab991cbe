//! A smaller cluster: fewer partitions, replicas, brokers and controllers.

use super::mention::{Subject, forget};
use super::search::Search;
use crate::scenario::format::{File, Spanned, Topic};

pub(super) fn fewer_partitions(search: &mut Search) {
    while !search.is_over() {
        let file = search.best();
        let topics = 0..file.topics.len();
        let last = topics.clone().filter_map(|topic| with_topic(file, topic, without_last_partition));
        let replica = topics.filter_map(|topic| with_topic(file, topic, without_last_replica));
        let candidates = last.chain(replica).collect();
        if search.first_that_fails(candidates).is_none() {
            return;
        }
    }
}

pub(super) fn fewer_machines(search: &mut Search) {
    while !search.is_over() {
        let file = search.best();
        let candidates = [one_broker_less(file), controllers_less(file, 2), controllers_less(file, 1)];
        if search.first_that_fails(candidates.into_iter().flatten().collect()).is_none() {
            return;
        }
    }
}

fn with_topic(file: &File, topic: usize, change: fn(&mut File, usize) -> Option<()>) -> Option<File> {
    let mut file = file.clone();
    change(&mut file, topic)?;
    Some(file)
}

/// The topic loses its last partition, and whoever spoke of that partition is silent.
fn without_last_partition(file: &mut File, index: usize) -> Option<()> {
    let topic = &mut file.topics[index];
    let left = match (&mut topic.replicas, &mut topic.partitions) {
        (Some(lists), _) if lists.value.len() > 1 => {
            lists.value.pop();
            lists.value.len()
        }
        (None, Some(count)) if count.value > 1 => {
            count.value -= 1;
            count.value as usize
        }
        _ => return None,
    };
    let gone = format!("{}-{left}", topic.name.value);
    forget(file, &Subject::Partition(gone.clone()));
    for consumer in file.clients.iter_mut().filter_map(|client| client.consumer.as_mut()) {
        consumer.value.assign.retain(|partition| partition.value != gone);
    }
    Some(())
}

/// Each partition of the topic loses its last replica.
fn without_last_replica(file: &mut File, index: usize) -> Option<()> {
    let topic = &mut file.topics[index];
    match (&mut topic.replicas, &mut topic.replication_factor) {
        (Some(lists), _) if lists.value.iter().all(|list| list.value.len() > 1) => {
            for list in &mut lists.value {
                list.value.pop();
            }
            Some(())
        }
        (None, Some(factor)) if factor.value > 1 => {
            factor.value -= 1;
            Some(())
        }
        _ => None,
    }
}

/// The broker with the highest id goes, and whatever was asked of it.
fn one_broker_less(file: &File) -> Option<File> {
    let mut file = file.clone();
    let cluster = &mut file.cluster.value;
    let count = cluster.brokers.as_mut().or(cluster.combined.as_mut()).filter(|count| count.value > 1)?;
    let gone = count.value;
    count.value -= 1;
    cluster.racks.truncate(gone as usize - 1);
    // A topic with more replicas than there are brokers cannot be created.
    for (_, value) in cluster.config.0.iter_mut().filter(|(name, _)| name.value == "offsets.topic.replication.factor") {
        value.value.0 = value.0.parse::<u32>().map_or(1, |factor| factor.min(gone - 1)).to_string();
    }
    file.topics.iter_mut().for_each(|topic| without_replica(topic, gone));
    forget(&mut file, &Subject::Broker(gone));
    without_node(&mut file, gone);
    Some(file)
}

fn without_replica(topic: &mut Topic, gone: u32) {
    for list in topic.replicas.iter_mut().flat_map(|lists| &mut lists.value) {
        list.value.retain(|replica| i64::from(replica.value) != i64::from(gone));
    }
    if let Some(factor) = &mut topic.replication_factor {
        factor.value = factor.value.min(gone - 1);
    }
}

/// The controllers with the highest ids go; one is always left.
fn controllers_less(file: &File, less: u32) -> Option<File> {
    let mut file = file.clone();
    let count = file.cluster.value.controllers.as_mut().filter(|count| count.value > less)?;
    let before = count.value;
    count.value -= less;
    for id in (before - less + 1..=before).map(|number| 100 + number) {
        forget(&mut file, &Subject::Controller(id));
        without_node(&mut file, id);
    }
    Some(file)
}

fn without_node(file: &mut File, gone: u32) {
    let is_gone = |id: &Spanned<i32>| i64::from(id.value) == i64::from(gone);
    file.nodes.retain(|node| !is_gone(&node.id));
}
