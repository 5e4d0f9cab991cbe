//! Which topic a name means: a topic that was deleted and created again is another one (KIP-516).
//!
//! Its partitions begin anew, at offset 0 and leader epoch 0, while a broker that has not heard of the deletion
//! may go on with the old ones under the same names.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::ids::{TopicId, TopicName};

/// The topics of every name that was heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Topics {
    current: BTreeMap<TopicName, TopicId>,
    deleted: BTreeSet<TopicId>,
    /// Names that a topic had which has them no longer.
    former: BTreeSet<TopicName>,
}

impl Topics {
    /// The topic that has this name now.
    pub(super) fn id(&self, name: &TopicName) -> Option<TopicId> {
        self.current.get(name).copied()
    }

    /// Whether another topic has had this name.
    pub(super) fn had_another(&self, name: &TopicName) -> bool {
        self.former.contains(name)
    }

    /// The names that are taken, each with its topic.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicName, TopicId)> {
        self.current.iter().map(|(name, id)| (name, *id))
    }

    /// Whether this is the topic that has the name now, as far as anybody has said.
    pub(super) fn is_current(&self, name: &TopicName, id: TopicId) -> bool {
        !self.deleted.contains(&id) && self.current.get(name).is_none_or(|current| *current == id)
    }

    /// Somebody speaks of a topic. Returns whether it is a new one, in the place of another: what is known of the
    /// name's partitions is then about the past.
    pub(super) fn heard(&mut self, name: &TopicName, id: TopicId) -> bool {
        if self.deleted.contains(&id) || self.current.get(name) == Some(&id) {
            return false;
        }
        // An id that nobody has deleted and that is not known yet is the newer one: ids are never used again.
        let older = self.current.insert(name.clone(), id);
        self.deleted.extend(older);
        if older.is_some() {
            self.former.insert(name.clone());
        }
        older.is_some()
    }

    /// A topic is deleted. Returns whether it was the one that has the name.
    pub(super) fn deleted(&mut self, name: &TopicName, id: TopicId) -> bool {
        self.deleted.insert(id);
        self.former.insert(name.clone());
        let is_current = self.current.get(name) == Some(&id);
        if is_current {
            self.current.remove(name);
        }
        is_current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_newest_topic_whoever_speaks_of_it_first() {
        let (name, old, new) = (TopicName::new("orders"), TopicId::ZERO, TopicId(uuid(7)));
        let mut topics = Topics::default();
        assert!(!topics.heard(&name, old), "the first of its name replaces nothing");
        assert!(topics.is_current(&name, old));
        assert!(topics.heard(&name, new), "a broker is ahead of what the controller has said");
        assert!(!topics.deleted(&name, old), "the name is another's by now");
        assert_eq!(topics.id(&name), Some(new));
        assert!(!topics.heard(&name, old), "a broker is behind");
        assert!(!topics.is_current(&name, old) && topics.is_current(&name, new));
        assert!(topics.deleted(&name, new));
        assert!(!topics.is_current(&name, new), "a broker that has not heard of it speaks of nothing");
    }

    fn uuid(number: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(number)
    }
}
