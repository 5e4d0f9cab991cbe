//! Which topics a group's members want, and a hash of what those topics are.
//!
//! The hash stands in the group's record: if partitions or racks of a wanted topic change, it does, and the group epoch
//! grows (KIP-1101, `Utils.computeGroupHash`).

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use super::{ConsumerGroup, Member};
use crate::group::assignor::SubscriptionType;
use crate::ids::TopicName;
use crate::metadata::{MetadataImage, TopicImage};

/// By how many members a topic is named, and by how many of the expressions that were looked up (`SubscriptionCount`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    members: usize,
    regexes: usize,
}

/// What is wanted in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    topics: BTreeMap<String, Count>,
    /// How many members use each expression.
    regexes: BTreeMap<String, usize>,
    members: usize,
}

impl Subscriptions {
    /// As if `replaced` were gone, and `with` there.
    ///
    /// What an expression named counts as long as somebody uses it, or nobody ever did.
    pub fn of(group: &ConsumerGroup, replaced: &[&Member], with: Option<&Member>) -> Subscriptions {
        let stays = |member: &&Member| !replaced.iter().any(|gone| gone.id == member.id);
        let mut wanted = Subscriptions::of_members(group.members().filter(stays).chain(with));
        let orphaned = |regex: &str| {
            !wanted.regexes.contains_key(regex) && replaced.iter().any(|gone| gone.regex() == Some(regex))
        };
        for resolved in group.regexes.iter().filter(|(regex, _)| !orphaned(regex)).map(|(_, resolved)| resolved) {
            for topic in &resolved.topics {
                wanted.topics.entry(topic.clone()).or_default().regexes += 1;
            }
        }
        wanted
    }

    /// What these members want by name.
    pub fn of_members<'a>(members: impl Iterator<Item = &'a Member>) -> Subscriptions {
        let mut topics: BTreeMap<String, Count> = BTreeMap::new();
        let mut regexes: BTreeMap<String, usize> = BTreeMap::new();
        let mut count = 0;
        for member in members {
            count += 1;
            for topic in &member.metadata.subscribed_topic_names {
                topics.entry(topic.clone()).or_default().members += 1;
            }
            if let Some(regex) = member.regex() {
                *regexes.entry(regex.to_owned()).or_default() += 1;
            }
        }
        Subscriptions { topics, regexes, members: count }
    }

    /// As the group is.
    pub fn now(group: &ConsumerGroup) -> Subscriptions {
        Subscriptions::of(group, &[], None)
    }

    /// The topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// The expressions that somebody uses, each with the number of members.
    pub fn regexes(&self) -> &BTreeMap<String, usize> {
        &self.regexes
    }

    /// Whether all members want the same (`ConsumerGroup.subscriptionType`).
    pub fn kind(&self) -> SubscriptionType {
        let same = match self.regexes.values().next() {
            None => self.topics.values().all(|count| count.members == self.members),
            // All use the one expression, and nothing else.
            Some(users) if *users == self.members => {
                self.topics.values().all(|count| count.regexes == 1 && count.members == 0)
            }
            Some(_) => false,
        };
        if same { SubscriptionType::Homogeneous } else { SubscriptionType::Heterogeneous }
    }

    /// The hash of the wanted topics that exist; 0 if none does.
    pub fn metadata_hash(&self, image: &MetadataImage) -> i64 {
        metadata_hash(self.topics(), image)
    }
}

/// The hash of these topics, which come in ascending order.
pub fn metadata_hash<'a>(topics: impl Iterator<Item = &'a str>, image: &MetadataImage) -> i64 {
    let mut existing = topics.filter_map(|name| image.topic(&TopicName::new(name))).peekable();
    if existing.peek().is_none() {
        return 0;
    }
    let mut hash = Xxh3::new();
    for topic in existing {
        hash.update(&topic_hash(topic, image).to_le_bytes());
    }
    hash.digest().cast_signed()
}

/// The hash of one topic: its id, name and partitions, with the racks on which each stands.
fn topic_hash(topic: &TopicImage, image: &MetadataImage) -> i64 {
    let mut hash = Xxh3::new();
    let (high, low) = topic.topic_id.0.as_u64_pair();
    hash.update(&[0]);
    hash.update(&high.to_le_bytes());
    hash.update(&low.to_le_bytes());
    put_string(&mut hash, topic.name.as_str());
    put_count(&mut hash, topic.partitions.len());
    for (index, (_, partition)) in topic.partitions.iter().enumerate() {
        put_count(&mut hash, index);
        let brokers = partition.replicas.iter().filter_map(|replica| image.broker(*replica));
        let mut racks: Vec<&str> = brokers.filter_map(|broker| broker.rack.as_deref()).collect();
        racks.sort_unstable();
        for rack in racks {
            put_count(&mut hash, rack.encode_utf16().count());
            put_string(&mut hash, rack);
        }
    }
    hash.digest().cast_signed()
}

fn put_count(hash: &mut Xxh3, count: usize) {
    hash.update(&i32::try_from(count).expect("a count of partitions or letters").to_le_bytes());
}

/// Java's letters, two bytes each, then their number (`HashSink.putString` of hash4j).
fn put_string(hash: &mut Xxh3, text: &str) {
    for letter in text.encode_utf16() {
        hash.update(&letter.to_le_bytes());
    }
    put_count(hash, text.encode_utf16().count());
}
