//! Which partitions a Produce or a Fetch names, in its request and in its answer.
//!
//! A recording keeps no bodies: who asks for these has the run stepped once more, and each message read as it is sent. A request
//! of a fetch session names only what has changed since the one before (KIP-227), and its answer only what has something new:
//! a fetch that brings nothing names nothing.

use std::collections::BTreeMap;

use trial_broker::api::wire::{decode_request, decode_response};
use trial_broker::api::{Body, Message};
use trial_broker::ids::{TopicId, TopicName, TopicPartition};
use trial_broker::message::{Api, Request, Response};

use super::contents::{message_of, resolved};
use crate::fault::MessageId;
use crate::step::{Fact, Step};
use crate::world::World;

/// The partitions that messages name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    by_message: BTreeMap<MessageId, Vec<TopicPartition>>,
}

impl Named {
    /// Those that a message names; of an API that is not read none.
    pub fn by(&self, message: MessageId) -> &[TopicPartition] {
        self.by_message.get(&message).map_or(&[], Vec::as_slice)
    }

    /// Takes in what a world has just sent.
    pub(super) fn observe(&mut self, world: &World, step: &Step) {
        for fact in &step.facts {
            let Fact::MessageSent { message: id, api: Api::Produce | Api::Fetch, .. } = fact else { continue };
            let sent = message_of(world, step, fact);
            let keys = sent.map_or_else(Vec::new, |message| keys(&message));
            let named: Vec<TopicPartition> = keys.into_iter().filter_map(|key| resolved(world, key)).collect();
            if !named.is_empty() {
                self.by_message.insert(*id, named);
            }
        }
    }
}

/// A partition as a message names it: by its topic's id, or, of older versions, by its name.
type Key = (TopicId, TopicName, i32);

fn keys(message: &Message) -> Vec<Key> {
    match message.body {
        Body::Request(_) => match decode_request(message) {
            Ok(Request::Produce(body)) => {
                body.partitions.into_iter().map(|one| (one.topic_id, one.topic, one.partition)).collect()
            }
            Ok(Request::Fetch(body)) => {
                body.partitions.into_iter().map(|one| (one.topic_id, one.topic, one.partition)).collect()
            }
            _ => Vec::new(),
        },
        Body::Response(_) => match decode_response(message) {
            Ok(Response::Produce(body)) => {
                body.partitions.into_iter().map(|one| (one.topic_id, one.topic, one.partition)).collect()
            }
            Ok(Response::Fetch(body)) => {
                body.partitions.into_iter().map(|one| (one.topic_id, one.topic, one.partition)).collect()
            }
            _ => Vec::new(),
        },
    }
}
