//! As whom a process speaks to others: Kafka's `client.id` of each kind of channel.

use std::hash::{Hash, Hasher};

use super::ChannelPurpose;
use crate::ids::NodeId;
use crate::name::Name;

/// The client ids of a process's channels, written once. They follow from the node's id: equal configurations have
/// equal ones, so they are no part of the state that is compared and hashed.
#[derive(Clone, Debug)]
pub(super) struct ClientIds {
    fetcher: Name,
    raft: Name,
    other: Name,
}

impl ClientIds {
    pub fn new(node: NodeId) -> Self {
        ClientIds {
            fetcher: Name::from(format!("broker-{node}-fetcher-0")),
            raft: Name::from(format!("raft-client-{node}")),
            other: Name::from(node.to_string()),
        }
    }

    pub fn of(&self, purpose: ChannelPurpose) -> Name {
        match purpose {
            ChannelPurpose::Fetcher => self.fetcher,
            ChannelPurpose::Raft => self.raft,
            ChannelPurpose::Heartbeat
            | ChannelPurpose::AlterPartition
            | ChannelPurpose::Forwarding
            | ChannelPurpose::Registration => self.other,
        }
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
