//! What a client process is started with.

use super::{OffsetReset, Work};
use crate::config::{Behaviour, ConfigError, ConsumerSettings, Membership, ProducerSettings, Properties};
use crate::ids::{Endpoint, TopicName, TopicPartition};
use crate::message::{Acks, IsolationLevel};
use crate::name::Name;

/// The configuration of one client process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientConfig {
    /// `client.id`: also the machine's name.
    pub client_id: Name,
    /// `bootstrap.servers`.
    pub bootstrap_servers: Vec<Endpoint>,
    /// What kind of client it is.
    pub kind: ClientKind,
    /// The failures of Kafka 4.1's clients that it does not have; switches are those of nodes.
    pub behaviour: Behaviour,
}

/// The three kinds of client, each with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// Sends records. [`ClientKind::producer`] makes it from properties; values that do not go together start no client.
    Producer {
        /// `acks`.
        acks: Acks,
        /// The rest. `enable_idempotence` is already what it is in effect.
        settings: ProducerSettings,
    },
    /// Reads records.
    Consumer {
        /// `isolation.level`.
        isolation: IsolationLevel,
        /// `auto.offset.reset`.
        offset_reset: OffsetReset,
        /// Partitions to read from the start.
        assign: Vec<TopicPartition>,
        /// Topics to subscribe to from the start, with the group; none if it reads the partitions of `assign`.
        subscribe: Vec<TopicName>,
        /// Its group, if it has one.
        group: Option<Box<Membership>>,
        /// Whether its application polls for ever by itself, as a consumer loop does.
        polls_by_itself: bool,
        /// How the application of a consumer that polls by itself works.
        work: Work,
        /// The rest.
        settings: ConsumerSettings,
    },
    /// Administers.
    Admin {
        /// The settings that producers and admins share (timeouts, back-offs).
        settings: ProducerSettings,
    },
}

impl ClientKind {
    /// A producer as its properties say, `acks` among them: what was not said gives way to what was, as in Kafka.
    ///
    /// # Errors
    /// A value of the wrong kind or outside its range, or said values that Kafka does not take together.
    pub fn producer(properties: &Properties) -> Result<Self, ConfigError> {
        let (acks, settings) = ProducerSettings::of_producer(properties)?;
        Ok(ClientKind::Producer { acks, settings })
    }

    /// An admin client as its properties say.
    ///
    /// # Errors
    /// A value of the wrong kind or outside its range.
    pub fn admin(properties: &Properties) -> Result<Self, ConfigError> {
        Ok(ClientKind::Admin { settings: ProducerSettings::of_admin(properties)? })
    }
}
