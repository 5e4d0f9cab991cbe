//! As whom a process speaks to others: Kafka's `client.id` of each kind of channel.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::ChannelPurpose;
use crate::ids::NodeId;

/// The client ids of a process's channels, written once. They follow from the node's id: equal configurations have
/// equal ones, so they are no part of the state that is compared and hashed.
#[derive(Clone, Debug)]
pub(super) struct ClientIds {
    fetcher: Arc<str>,
    raft: Arc<str>,
    other: Arc<str>,
}

impl ClientIds {
    pub fn new(node: NodeId) -> Self {
        ClientIds {
            fetcher: Arc::from(format!("broker-{node}-fetcher-0")),
            raft: Arc::from(format!("raft-client-{node}")),
            other: Arc::from(node.to_string()),
        }
    }

    pub fn of(&self, purpose: ChannelPurpose) -> Arc<str> {
        let id = match purpose {
            ChannelPurpose::Fetcher => &self.fetcher,
            ChannelPurpose::Raft => &self.raft,
            ChannelPurpose::Heartbeat
            | ChannelPurpose::AlterPartition
            | ChannelPurpose::Forwarding
            | ChannelPurpose::Registration => &self.other,
        };
        Arc::clone(id)
    }
}

impl PartialEq for ClientIds {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ClientIds {}

impl Hash for ClientIds {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
