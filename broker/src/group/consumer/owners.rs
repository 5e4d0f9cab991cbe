//! In which epoch each partition of a group is owned (`ConsumerGroup.currentPartitionEpoch`).
//!
//! A partition is *free* if nobody owns it, which is the only reason for giving it to somebody. Its entry is the epoch
//! of the member that owns it or has yet to give it up; entries change with the members' records, and with nothing else.

use std::collections::BTreeMap;
use std::fmt;

use super::Member;
use super::reconcile::intersection;
use crate::ids::TopicId;
use crate::message::PartitionsByTopic;

/// The owner map of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartitionEpochs {
    epochs: BTreeMap<TopicId, BTreeMap<i32, i32>>,
}

/// A partition has an owner already, in this epoch or a later one. Kafka throws an IllegalStateException.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillOwned {
    topic: TopicId,
    partition: i32,
    epoch: i32,
    owned_in: i32,
}

impl fmt::Display for StillOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StillOwned { topic, partition, epoch, owned_in } = self;
        write!(f, "the epoch of {topic}-{partition} cannot be {epoch}: it is still owned in epoch {owned_in}")
    }
}

impl PartitionEpochs {
    /// The epoch in which a partition is owned, if it is.
    pub fn epoch(&self, topic: TopicId, partition: i32) -> Option<i32> {
        self.epochs.get(&topic)?.get(&partition).copied()
    }

    /// Whether nobody owns a partition.
    pub fn is_free(&self, topic: TopicId, partition: i32) -> bool {
        self.epoch(topic, partition).is_none()
    }

    /// All entries.
    pub fn all(&self) -> impl Iterator<Item = (TopicId, i32, i32)> {
        self.epochs.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, epoch)| (*topic, *partition, *epoch))
        })
    }

    /// A member owns nothing any more.
    pub fn remove(&mut self, member: &Member) {
        self.remove_each(&member.assigned, member.epoch);
        self.remove_each(&member.pending_revocation, member.epoch);
    }

    /// A member owns what it says now.
    ///
    /// # Errors
    ///
    /// Somebody else owns it.
    pub fn add(&mut self, member: &Member) -> Result<(), StillOwned> {
        self.add_each(&member.assigned, member.epoch)?;
        self.add_each(&member.pending_revocation, member.epoch)
    }

    /// GR-08, as before KAFKA-16147: what a member had to give up is taken for free even if the member has it back.
    ///
    /// Simulated: Kafka of that time kept a third list, of partitions yet to be assigned, and lost the entry on the way
    /// from one list to another; here it is lost where the lists change. Where two members own a partition then, the
    /// second entry counts, and Kafka's complaint is left out: it would stop one of the two.
    pub fn replace_losing_reassigned(&mut self, old: Option<&Member>, new: &Member) {
        if let Some(old) = old {
            self.remove(old);
        }
        for (topic, numbers) in new.assigned.iter().chain(&new.pending_revocation) {
            for number in numbers {
                self.epochs.entry(*topic).or_default().insert(*number, new.epoch);
            }
        }
        if let Some(old) = old {
            self.remove_each(&intersection(&old.pending_revocation, &new.assigned), new.epoch);
        }
    }

    fn remove_each(&mut self, partitions: &PartitionsByTopic, epoch: i32) {
        for (topic, numbers) in partitions {
            let Some(epochs) = self.epochs.get_mut(topic) else { continue };
            for number in numbers {
                if epochs.get(number) == Some(&epoch) {
                    epochs.remove(number);
                }
            }
            if epochs.is_empty() {
                self.epochs.remove(topic);
            }
        }
    }

    fn add_each(&mut self, partitions: &PartitionsByTopic, epoch: i32) -> Result<(), StillOwned> {
        for (topic, numbers) in partitions {
            for partition in numbers {
                let entry = self.epochs.entry(*topic).or_default().entry(*partition).or_insert(i32::MIN);
                if *entry >= epoch {
                    return Err(StillOwned { topic: *topic, partition: *partition, epoch, owned_in: *entry });
                }
                *entry = epoch;
            }
        }
        Ok(())
    }
}
