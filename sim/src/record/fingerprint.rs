//! The fingerprint: one number for everything that a run has done.
//!
//! Each step's fields are appended, little-endian, to one buffer, which is then folded by
//! one-shot XXH3 seeded with the number so far. (Streaming many small writes into a hash
//! costs four times as much.) A message is hashed once, as its encoded bytes, when it is
//! sent: that also gives its size, and proves that it can be encoded; its delivery folds
//! only its number. Text made for people is never hashed.

use std::hash::{Hash, Hasher};

use trial_broker::api::Message;
use trial_broker::choice::Choice;
use trial_broker::effects::Output;
use trial_broker::input::Input;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The room of a first step: most steps need less.
const LEAST_ROOM: usize = 1024;

/// Bytes that make up one step. A [`Hasher`] so that whatever can be hashed can be appended.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The bytes so far, and room for more behind them: a number is then written where it belongs, without a call.
    room: Vec<u8>,
    /// How many of them are written.
    length: usize,
    /// Where messages are encoded. Empty between two of them; only its room is kept.
    wire: Vec<u8>,
}

impl Scratch {
    /// Folds what was appended into the number so far, and is empty again.
    pub(crate) fn fold(&mut self, so_far: u64) -> u64 {
        let folded = xxh3_64_with_seed(self.bytes(), so_far);
        self.length = 0;
        folded
    }

    fn bytes(&self) -> &[u8] {
        &self.room[..self.length]
    }

    /// Writes a few bytes whose number is known.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.room.len() - self.length < N {
            self.grow(N);
        }
        self.room[self.length..][..N].copy_from_slice(&bytes);
        self.length += N;
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let wanted = (self.length + more).next_power_of_two().max(LEAST_ROOM);
        self.room.resize(wanted, 0);
    }

    /// Appends an input.
    pub(crate) fn input(&mut self, input: &Input) {
        hash_input(input, self);
    }

    /// Appends an output; a message as the hash of its bytes, which is answered with their number.
    pub(crate) fn output(&mut self, output: &Output) -> Option<(u32, u64)> {
        hash_output(output, self);
        let Output::Send { message, .. } = output else { return None };
        let (bytes, digest) = self.weigh(message);
        digest.hash(self);
        Some((bytes, digest))
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

/// Hashes an input. A received message is told by its number: its bytes were folded when it was sent.
pub(crate) fn hash_input<H: Hasher>(input: &Input, state: &mut H) {
    match input {
        Input::Accepted { connection, port } => (0u8, connection, port).hash(state),
        Input::Connected { connection } => (1u8, connection).hash(state),
        Input::Closed { connection, reason } => (2u8, connection, reason).hash(state),
        Input::Received { connection, message } => (3u8, connection, message.correlation_id).hash(state),
        Input::Timers { lane } => (4u8, lane).hash(state),
        Input::Internal { lane, input } => (5u8, lane, input).hash(state),
        Input::Flushed { token, result } => (6u8, token, result).hash(state),
        Input::Call { ticket, call } => (7u8, ticket, call).hash(state),
        Input::Abandon { ticket } => (8u8, ticket).hash(state),
        Input::Stop => 9u8.hash(state),
    }
}

/// Hashes an output, but for the bytes of a message.
pub(crate) fn hash_output<H: Hasher>(output: &Output, state: &mut H) {
    match output {
        Output::Listen { port } => (0u8, port).hash(state),
        Output::StopListening { port } => (1u8, port).hash(state),
        Output::Connect { connection, to } => (2u8, connection, to).hash(state),
        Output::Send { connection, .. } => (3u8, connection).hash(state),
        Output::Close { connection } => (4u8, connection).hash(state),
        Output::Internal { to, input } => (5u8, to, input).hash(state),
        Output::Flush { token, files, directories } => (6u8, token, files, directories).hash(state),
        Output::Resolve { ticket, result } => (7u8, ticket, result).hash(state),
        Output::Exit { reason } => (8u8, reason).hash(state),
    }
}

/// A copy has what was written, and no more room than that.
impl Clone for Scratch {
    fn clone(&self) -> Self {
        Scratch { room: self.bytes().to_vec(), length: self.length, wire: Vec::new() }
    }
}

impl Hasher for Scratch {
    fn finish(&self) -> u64 {
        xxh3_64(self.bytes())
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.room.len() - self.length < bytes.len() {
            self.grow(bytes.len());
        }
        self.room[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn write_u8(&mut self, value: u8) {
        self.put([value]);
    }

    fn write_u16(&mut self, value: u16) {
        self.put(value.to_le_bytes());
    }

    fn write_u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    fn write_u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    fn write_u128(&mut self, value: u128) {
        self.put(value.to_le_bytes());
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
