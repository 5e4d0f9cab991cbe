//! The fingerprint: one number for everything that a run has done.
//!
//! Each step's fields are appended, little-endian, to one buffer, which is then folded by
//! one-shot XXH3 seeded with the number so far. (Streaming many small writes into a hash
//! costs four times as much.) A message is hashed once, as its encoded bytes, when it is
//! sent: that also gives its size, and proves that it can be encoded; its delivery folds
//! only its number. Text made for people is never hashed.

use std::hash::{Hash, Hasher};

use bytes::BytesMut;
use trial_broker::api::Message;
use trial_broker::choice::Choice;
use trial_broker::effects::Output;
use trial_broker::input::Input;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes that make up one step. A [`Hasher`] so that whatever can be hashed can be appended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    /// Where messages are encoded. Empty between two of them; only its room is kept.
    wire: BytesMut,
}

impl Scratch {
    /// Folds what was appended into the number so far, and is empty again.
    pub(crate) fn fold(&mut self, so_far: u64) -> u64 {
        let folded = xxh3_64_with_seed(&self.bytes, so_far);
        self.bytes.clear();
        folded
    }

    /// Appends an input. A received message is told by its number: its bytes were folded when it was sent.
    pub(crate) fn input(&mut self, input: &Input) {
        match input {
            Input::Accepted { connection, port } => (0u8, connection, port).hash(self),
            Input::Connected { connection } => (1u8, connection).hash(self),
            Input::Closed { connection, reason } => (2u8, connection, reason).hash(self),
            Input::Received { connection, message } => (3u8, connection, message.correlation_id).hash(self),
            Input::Timers { lane } => (4u8, lane).hash(self),
            Input::Internal { lane, input } => (5u8, lane, input).hash(self),
            Input::Flushed { token, result } => (6u8, token, result).hash(self),
            Input::Call { ticket, call } => (7u8, ticket, call).hash(self),
            Input::Abandon { ticket } => (8u8, ticket).hash(self),
            Input::Stop => 9u8.hash(self),
        }
    }

    /// Appends an output; a message as the hash of its bytes, which is answered with their number.
    pub(crate) fn output(&mut self, output: &Output) -> Option<(u32, u64)> {
        match output {
            Output::Listen { port } => (0u8, port).hash(self),
            Output::StopListening { port } => (1u8, port).hash(self),
            Output::Connect { connection, to } => (2u8, connection, to).hash(self),
            Output::Send { connection, message } => {
                let (bytes, digest) = self.weigh(message);
                (3u8, connection, digest).hash(self);
                return Some((bytes, digest));
            }
            Output::Close { connection } => (4u8, connection).hash(self),
            Output::Internal { to, input } => (5u8, to, input).hash(self),
            Output::Flush { token, files, directories } => (6u8, token, files, directories).hash(self),
            Output::Resolve { ticket, result } => (7u8, ticket, result).hash(self),
            Output::Exit { reason } => (8u8, reason).hash(self),
        }
        None
    }

    /// Appends answered choices.
    pub(crate) fn choices(&mut self, choices: &[(Choice, u64)]) {
        for (choice, answer) in choices {
            (choice.purpose, answer).hash(self);
        }
    }

    /// A message's size on the wire, its length prefix included, and the hash of its bytes.
    fn weigh(&mut self, message: &Message) -> (u32, u64) {
        self.wire.clear();
        message.append_to(&mut self.wire);
        (self.wire.len() as u32 + 4, xxh3_64(&self.wire))
    }
}

impl Hasher for Scratch {
    fn finish(&self) -> u64 {
        xxh3_64(&self.bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn write_u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn write_u16(&mut self, value: u16) {
        self.write(&value.to_le_bytes());
    }

    fn write_u32(&mut self, value: u32) {
        self.write(&value.to_le_bytes());
    }

    fn write_u64(&mut self, value: u64) {
        self.write(&value.to_le_bytes());
    }

    fn write_u128(&mut self, value: u128) {
        self.write(&value.to_le_bytes());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_i8(&mut self, value: i8) {
        self.write_u8(value as u8);
    }

    fn write_i16(&mut self, value: i16) {
        self.write_u16(value as u16);
    }

    fn write_i32(&mut self, value: i32) {
        self.write_u32(value as u32);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_i128(&mut self, value: i128) {
        self.write_u128(value as u128);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }
}
