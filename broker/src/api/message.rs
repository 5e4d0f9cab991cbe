//! One Kafka message on a connection: header and body.

use std::sync::Arc;

use kafka_protocol::messages::{RequestKind, ResponseKind};

use crate::ids::CorrelationId;
use crate::message::Api;

/// A request or a response as it travels: Kafka's own types, handed over as values.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Which API.
    pub api: Api,
    /// At which version the body would be encoded.
    pub version: i16,
    /// By which a response finds its request, on one connection.
    pub correlation_id: CorrelationId,
    /// Who asks (`client.id`); empty in responses.
    pub client_id: Arc<str>,
    /// What is asked or answered.
    pub body: Body,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A request.
    Request(RequestKind),
    /// A response.
    Response(ResponseKind),
}
