//! Lines for calls that came to nothing, where no event of the client says so.
//!
//! ```text
//!   call ─▶ kept by its ticket ─▶ answer ─▶ failed, and no event tells it: a line
//! ```

use std::collections::BTreeMap;

use trial_broker::client::{Call, CallResult};
use trial_broker::event::{ClientEvent, Event, MembershipEvent};
use trial_broker::ids::Ticket;

use super::cast::Cast;
use super::rows::{Row, row, shown};
use crate::fault::Fault;
use crate::step::{Resolution, Step, StepKind};

/// What tells that a call has failed, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing but a line of its own.
    Here,
    /// An event of a failed fetch, if that is why.
    AsFetch,
    /// An event of a failed commit.
    AsCommit,
    /// An event of what an administrator asked about a group.
    AsGroupCall,
}

/// Calls that have no answer yet, by their tickets: how Kafka names the method, and what tells its failure.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenCalls {
    calls: BTreeMap<Ticket, (&'static str, Told)>,
}

impl OpenCalls {
    /// The lines for the answers of a step.
    pub(super) fn rows(&mut self, cast: &Cast, step: &Step) -> Vec<Row> {
        if let StepKind::Entry(Fault::Call { ticket, call, .. }) = &step.kind
            && let Some(told) = told_of(call)
        {
            self.calls.insert(*ticket, (call.method(), told));
        }
        if let StepKind::Entry(Fault::Abandon { ticket, .. }) = &step.kind {
            self.calls.remove(ticket);
        }
        step.resolutions.iter().filter_map(|resolution| self.row(cast, step, resolution)).collect()
    }

    fn row(&mut self, cast: &Cast, step: &Step, resolution: &Resolution) -> Option<Row> {
        let (method, told) = self.calls.remove(&resolution.ticket)?;
        let CallResult::Failed { error, message } = &resolution.result else { return None };
        if step.events.iter().any(|event| tells(event, told)) {
            return None;
        }
        let cause = format!("{method}: {}: {message}", shown(*error));
        Some(row("call!", cast.name(resolution.machine), &[resolution.machine], cause))
    }
}

/// What tells that this call has failed; none for records, whose batches have events of their own.
fn told_of(call: &Call) -> Option<Told> {
    Some(match call {
        Call::Send(_) | Call::SendAll(_) => return None,
        Call::Poll { .. } => Told::AsFetch,
        Call::CommitSync | Call::CommitOffsets { .. } | Call::CommitAsync => Told::AsCommit,
        Call::DescribeGroup { .. } | Call::DeleteGroup { .. } | Call::DeleteOffsets { .. } => Told::AsGroupCall,
        _ => Told::Here,
    })
}

fn tells(event: &Event, told: Told) -> bool {
    match told {
        Told::Here => false,
        Told::AsFetch => matches!(event, Event::Client(ClientEvent::FetchFailed { .. })),
        Told::AsCommit => matches!(event, Event::Membership(MembershipEvent::CommitFailed { .. })),
        Told::AsGroupCall => matches!(event, Event::Client(ClientEvent::GroupCallFailed { .. })),
    }
}
