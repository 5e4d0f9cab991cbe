//! What an operation is, and what a record is called in it.

use std::ops::Range;

use trial_broker::event::{ContentFact, RecordFact};
use trial_broker::ids::{Offset, TopicName, TopicPartition};
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use crate::fault::MachineId;

/// A logical process: one client, one operation at a time.
pub(super) type Process = u32;

/// The begin or the end of something that a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub at: Time,
    pub process: Process,
    pub machine: MachineId,
    pub kind: Kind,
    pub what: What,
    /// Why it failed, or why nobody knows.
    pub error: Option<ErrorCode>,
}

/// Where in its life an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It begins.
    Invoke,
    /// It is done.
    Ok,
    /// It surely did not happen.
    Fail,
    /// It may have happened, or may yet.
    Info,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It hands these records to its producer, in one call.
    Send(Range<usize>),
    /// Its consumer returns these, and its group has given it or taken from it these partitions meanwhile.
    Poll(Vec<Read>, Vec<TopicPartition>),
    /// It chooses the partitions that it reads.
    Assign(Vec<TopicPartition>),
    /// It subscribes to these topics.
    Subscribe(Vec<TopicName>),
    /// It subscribes to the topics whose names this matches.
    SubscribePattern(String),
    /// Its process dies.
    Crash,
}

/// A record that was handed to a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub topic: TopicName,
    /// The partition, once it is chosen.
    pub partition: Option<TopicPartition>,
    pub content: ContentFact,
    pub text: String,
    /// Where it is, as its producer was told.
    pub offset: Option<Offset>,
}

/// A record that a poll returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub partition: TopicPartition,
    pub record: RecordFact,
}
