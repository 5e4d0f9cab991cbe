//! What a request or a timer leads to, before it is written.

use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::NodeId;
use crate::message::{ErrorCode, Response};
use crate::metadata::MetadataRecord;

/// What a request or a timer leads to: records, and an answer to give once they are committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    pub(super) records: Vec<MetadataRecord>,
    /// What to tell when the records are committed.
    pub(super) facts: Vec<Fact>,
    pub(super) atomic: bool,
    pub(super) response: Option<Response>,
    /// A broker whose controlled shutdown is under way: this write is where it began, if none was before.
    pub(super) controlled_shutdown: Option<NodeId>,
}

/// Something that is true once the decision is committed.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Event(ControllerEvent),
    /// The record of this index changes a partition.
    PartitionChanged {
        record: usize,
        reason: PartitionChangeReason,
        unclean: bool,
    },
}

impl Decision {
    /// Records that may be split into several batches.
    pub(super) fn new() -> Decision {
        Decision::default()
    }

    /// Records that count all together or not at all.
    pub(super) fn atomic() -> Decision {
        Decision { atomic: true, ..Decision::default() }
    }

    pub(super) fn answer(mut self, response: impl Into<Response>) -> Decision {
        self.response = Some(response.into());
        self
    }

    pub(super) fn fact(&mut self, event: ControllerEvent) {
        self.facts.push(Fact::Event(event));
    }

    /// Only to see whether it would work: nothing is written.
    pub(super) fn without_records(mut self) -> Decision {
        self.records.clear();
        self.facts.clear();
        self
    }
}

/// Why something that was asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) ErrorCode, pub(super) String);

pub(super) fn refuse<T>(error: ErrorCode, reason: &str) -> Result<T, Refusal> {
    Err(Refusal(error, reason.to_owned()))
}
