//! One Kafka message on a connection: header and body.
//!
//! Machines hand messages over as values. [`Message::to_bytes`] and
//! [`Message::from_bytes`] are the path that a real socket takes: the same header
//! versions and the same bytes as Kafka's own, without the four bytes of size that a
//! socket puts before each message.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::versions::spoken;
use super::wire::{self, WireError, plain_fetch};
use crate::ids::CorrelationId;
use crate::message::{Api, FetchRequest, FetchResponse};
use crate::name::Name;

/// A request or a response as it travels, handed over as a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Which API.
    pub api: Api,
    /// At which version the body would be encoded.
    pub version: i16,
    /// By which a response finds its request, on one connection.
    pub correlation_id: CorrelationId,
    /// Who asks (`client.id`); none in responses.
    pub client_id: Option<Name>,
    /// What is asked or answered.
    pub body: Body,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A request.
    Request(RequestBody),
    /// A response.
    Response(ResponseBody),
}

/// A request as it travels.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestBody {
    /// The newest version of Fetch, as its reader has it.
    Fetch(FetchRequest),
    /// Any other, in Kafka's own types.
    Wire(Box<RequestKind>),
}

/// A response as it travels.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseBody {
    /// The answer to the newest version of Fetch, as its reader has it.
    Fetch(FetchResponse),
    /// Any other, in Kafka's own types.
    Wire(Box<ResponseKind>),
}

/// What a reader of bytes expects them to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A request: its header names the API and the version.
    Request,
    /// A response: its header holds only the correlation id, so the reader must remember
    /// what it asked.
    Response {
        /// The API that was asked.
        api: Api,
        /// At which version.
        version: i16,
    },
}

impl Message {
    /// The message as bytes: header and body, without the size that precedes them on a socket.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes.into()
    }

    /// Appends what [`Message::to_bytes`] answers, so that whoever only looks at the bytes can keep one buffer.
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        // A body that does not encode at its own version is a bug of `wire`, which made it.
        self.encode(bytes)
            .unwrap_or_else(|reason| panic!("{} v{} does not encode: {reason}", self.api.name(), self.version));
    }

    /// How many bytes the message has on a socket, its size prefix included.
    pub fn encoded_size(&self) -> usize {
        4 + self.to_bytes().len()
    }

    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), String> {
        self.encode_header(bytes);
        self.encode_body(bytes)
    }

    /// A header is a handful of fields: they are written here, without a value that would have to be made first.
    /// Reading goes by the codec, so whatever is read back compares the two.
    fn encode_header(&self, bytes: &mut Vec<u8>) {
        let key = api_key(self.api);
        let is_tagged = match &self.body {
            Body::Request(_) => {
                bytes.put_i16(self.api as i16);
                bytes.put_i16(self.version);
                bytes.put_i32(self.correlation_id);
                put_client_id(bytes, self.client_id.as_deref().unwrap_or_default());
                key.request_header_version(self.version) >= FIRST_TAGGED_REQUEST_HEADER
            }
            Body::Response(_) => {
                bytes.put_i32(self.correlation_id);
                key.response_header_version(self.version) >= FIRST_TAGGED_RESPONSE_HEADER
            }
        };
        if is_tagged {
            bytes.put_u8(NO_TAGGED_FIELDS);
        }
    }

    fn encode_body(&self, bytes: &mut Vec<u8>) -> Result<(), String> {
        match &self.body {
            Body::Request(RequestBody::Fetch(body)) => plain_fetch::write_request(bytes, body),
            Body::Response(ResponseBody::Fetch(body)) => plain_fetch::write_response(bytes, body),
            Body::Request(RequestBody::Wire(body)) => return self.encode_wire_request(body, bytes),
            Body::Response(ResponseBody::Wire(body)) => return self.encode_wire_response(body, bytes),
        }
        Ok(())
    }

    /// Produce, of which there are most, is written where it belongs; the others by a detour that costs more.
    fn encode_wire_request(&self, body: &RequestKind, bytes: &mut Vec<u8>) -> Result<(), String> {
        if let RequestKind::Produce(body) = body {
            return body.encode(bytes, self.version).map_err(text);
        }
        let mut detour = BytesMut::with_capacity(USUAL_BYTES);
        body.encode(&mut detour, self.version).map_err(text)?;
        bytes.extend_from_slice(&detour);
        Ok(())
    }

    fn encode_wire_response(&self, body: &ResponseKind, bytes: &mut Vec<u8>) -> Result<(), String> {
        if let ResponseKind::Produce(body) = body {
            return body.encode(bytes, self.version).map_err(text);
        }
        let mut detour = BytesMut::with_capacity(USUAL_BYTES);
        body.encode(&mut detour, self.version).map_err(text)?;
        bytes.extend_from_slice(&detour);
        Ok(())
    }

    /// Reads a message from its bytes, without the size prefix.
    ///
    /// Simplified: Kafka refuses an array that is said to be longer than the bytes that are left; `kafka-protocol` 0.18
    /// asks for its memory first. So bytes that nobody encoded, and whose lengths mean nothing, can end the process.
    ///
    /// # Errors
    /// An API that Trial does not speak, a version that the API does not have, or bytes
    /// that are no such message (too few or too many of them included).
    pub fn from_bytes(bytes: Bytes, direction: Direction) -> Result<Message, WireError> {
        match direction {
            Direction::Request => Self::request_from_bytes(bytes),
            Direction::Response { api, version } => Self::response_from_bytes(bytes, api, version),
        }
    }

    fn request_from_bytes(mut bytes: Bytes) -> Result<Message, WireError> {
        if bytes.len() < 4 {
            return Err(WireError::TooShort { bytes: bytes.len() });
        }
        let key = i16::from_be_bytes([bytes[0], bytes[1]]);
        let version = i16::from_be_bytes([bytes[2], bytes[3]]);
        let api = Api::from_key(key).ok_or(WireError::UnknownApi { key })?;
        check_version(api, version)?;
        let header = RequestHeader::decode(&mut bytes, api_key(api).request_header_version(version))
            .map_err(|error| WireError::malformed(api, version, &text(error)))?;
        let body = RequestKind::decode(api_key(api), &mut bytes, version)
            .map_err(|error| WireError::malformed(api, version, &text(error)))?;
        check_end(api, version, &bytes)?;
        Ok(Message {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: Some(Name::new(header.client_id.as_deref().unwrap_or_default())),
            body: Body::Request(wire::carried_request(body, version)),
        })
    }

    fn response_from_bytes(mut bytes: Bytes, api: Api, version: i16) -> Result<Message, WireError> {
        check_version(api, version)?;
        let header = ResponseHeader::decode(&mut bytes, api_key(api).response_header_version(version))
            .map_err(|error| WireError::malformed(api, version, &text(error)))?;
        let body = ResponseKind::decode(api_key(api), &mut bytes, version)
            .map_err(|error| WireError::malformed(api, version, &text(error)))?;
        check_end(api, version, &bytes)?;
        Ok(Message {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: None,
            body: Body::Response(wire::carried_response(body, version)),
        })
    }
}

/// The first versions of the headers that end with tagged fields (KIP-482).
const FIRST_TAGGED_REQUEST_HEADER: i16 = 2;
const FIRST_TAGGED_RESPONSE_HEADER: i16 = 1;
/// Few messages of those that take the detour have more bytes.
const USUAL_BYTES: usize = 512;
/// How many tagged fields a header has here.
const NO_TAGGED_FIELDS: u8 = 0;

/// A client id as a header has it: its length before it, −1 for none.
fn put_client_id(bytes: &mut Vec<u8>, client_id: &str) {
    match i16::try_from(client_id.len()) {
        Ok(0) => bytes.put_i16(-1),
        Ok(length) => {
            bytes.put_i16(length);
            bytes.put_slice(client_id.as_bytes());
        }
        Err(_) => panic!("a client id of {} bytes", client_id.len()),
    }
}

/// An error of the codec with its causes.
fn text(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

fn check_version(api: Api, version: i16) -> Result<(), WireError> {
    if spoken(api).contains(version) { Ok(()) } else { Err(WireError::UnsupportedVersion { api, version }) }
}

fn check_end(api: Api, version: i16, rest: &Bytes) -> Result<(), WireError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(WireError::malformed(api, version, &format!("{} bytes behind the body", rest.len())))
    }
}

fn api_key(api: Api) -> ApiKey {
    ApiKey::try_from(api as i16).expect("kafka-protocol knows every API that Trial speaks")
}
