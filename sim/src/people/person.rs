//! People at client machines, and the answers that they await.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use trial_broker::client::{Call, CallResult};
use trial_broker::ids::Ticket;
use trial_broker::message::ErrorCode;

use super::desk::{Outgoing, Shared};
use crate::fault::MachineId;
use crate::world::World;

/// Where programs get a hold of client machines.
#[derive(Clone)]
pub struct People {
    pub(super) shared: Shared,
}

impl People {
    /// The person at this client machine, with every call there is.
    pub fn client(&self, machine: MachineId) -> Person {
        Person { shared: self.shared.clone(), machine }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailed {
    /// Kafka's error.
    pub error: ErrorCode,
    /// In words.
    pub message: String,
}

impl std::fmt::Display for CallFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error.name(), self.message)
    }
}

impl std::error::Error for CallFailed {}

/// A person at a client machine.
#[derive(Clone)]
pub struct Person {
    shared: Shared,
    machine: MachineId,
}

impl Person {
    /// The machine.
    pub fn machine(&self) -> MachineId {
        self.machine
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.lock().world)
    }

    /// Makes a call. It is made now, whether or not the answer is awaited; dropping the
    /// answer tells the machine that nobody waits any more.
    pub fn call(&self, call: Call) -> Answer {
        let ticket = self.shared.lock().ask(self.machine, call, 1);
        Answer { shared: self.shared.clone(), machine: self.machine, ticket }
    }

    /// Makes a call that is answered by success or failure alone.
    ///
    /// # Errors
    /// What the machine answers.
    pub async fn done(&self, call: Call) -> Result<(), CallFailed> {
        match self.call(call).await {
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            _ => Ok(()),
        }
    }
}

/// The answer to a call, to be awaited.
#[must_use = "dropping an answer abandons the call"]
pub struct Answer {
    shared: Shared,
    machine: MachineId,
    ticket: Ticket,
}

impl Answer {
    /// By which the call is known in the recording.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Future for Answer {
    type Output = CallResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut desk = self.shared.lock();
        let waiting = desk.open.get_mut(&self.ticket).expect("an answer is awaited once");
        match waiting.result.take() {
            Some(result) => {
                desk.open.remove(&self.ticket);
                Poll::Ready(result)
            }
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut desk = self.shared.lock();
        if desk.open.remove(&self.ticket).is_some_and(|waiting| waiting.result.is_none()) {
            desk.send(Outgoing::Abandon { machine: self.machine, ticket: self.ticket });
        }
    }
}
