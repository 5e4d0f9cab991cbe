//! A step: anything that changes the world, and what it leaves for those who watch.

use std::sync::Arc;

use serde::Serialize;
use trial_broker::choice::Choice;
use trial_broker::client::CallResult;
use trial_broker::effects::{ExitReason, Output};
use trial_broker::event::Event;
use trial_broker::ids::{CorrelationId, Ticket};
use trial_broker::input::{CloseReason, Input, Lane};
use trial_broker::message::Api;
use trial_broker::storage::StorageError;
use trial_broker::time::Time;

use crate::disk::LossReport;
use crate::fault::{Fault, MachineId, MessageId, MessageKind};

/// One step of the world.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number, from 0.
    pub index: u64,
    /// When.
    pub at: Time,
    /// What it is.
    pub kind: StepKind,
    /// What the machine says of itself, *published by this step*: a lane that pays for a
    /// disk publishes with a later step, [`StepKind::Paid`].
    pub events: Vec<Event>,
    /// What the world did.
    pub facts: Vec<Fact>,
    /// Answers to people, published by this step.
    pub resolutions: Vec<Resolution>,
    /// What went in, and what the machine asked for; only if the world tells it: [`Telling::Details`].
    pub detail: Option<Arc<Detail>>,
    /// The fingerprint of everything up to and with this step.
    pub fingerprint: u64,
}

impl Step {
    /// The machine that the step belongs to, if it belongs to one.
    pub fn machine(&self) -> Option<MachineId> {
        match &self.kind {
            StepKind::Input { machine, .. }
            | StepKind::Paid { machine, .. }
            | StepKind::Arrived { machine, .. }
            | StepKind::Disk { machine } => Some(*machine),
            StepKind::Entry(fault) => fault.machine(),
            StepKind::Network => None,
        }
    }
}

/// How much a world tells of its steps, beside what happens: each costs time, and neither changes what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Telling {
    /// Events, facts and answers: all that checks and reports read.
    #[default]
    Events,
    /// Messages as they are sent, too: [`Fact::MessageSent`].
    Messages,
    /// And what went into machines, and what they asked for: [`Detail`].
    Details,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A machine took an input.
    Input {
        /// Which machine.
        machine: MachineId,
        /// In which lane.
        lane: Lane,
        /// What kind of input.
        input: InputKind,
        /// When this lane will have paid for the step's disk operations: until then nothing is published.
        /// None when they cost nothing.
        pays_until: Option<Time>,
    },
    /// A lane has paid: what an earlier step said and asked for is published.
    Paid {
        /// Which machine.
        machine: MachineId,
        /// Which lane.
        lane: Lane,
        /// The earlier step.
        step: u64,
    },
    /// Something arrived at a machine whose process cannot take it yet: it stands still, or its lane pays.
    Arrived {
        /// Which machine.
        machine: MachineId,
        /// What kind of input it will be.
        input: InputKind,
    },
    /// A segment without a message did something: a handshake, a reset.
    Network,
    /// A sync landed, or writeback made something durable.
    Disk {
        /// On which machine.
        machine: MachineId,
    },
    /// An entry of the list was executed.
    Entry(Fault),
}

/// What went into a machine, without the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Somebody connected.
    Accepted,
    /// A connection of its own is established.
    Connected,
    /// A connection is gone.
    Closed(CloseReason),
    /// A message arrived.
    Received(MessageId),
    /// Timers are due.
    Timers,
    /// Another lane said something.
    Internal,
    /// A background flush is done.
    Flushed,
    /// A person calls.
    Call(Ticket),
    /// A person no longer waits.
    Abandon(Ticket),
    /// The process is asked to stop.
    Stop,
}

/// An answer to a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Resolution {
    /// The machine that was called.
    pub machine: MachineId,
    /// Which call.
    pub ticket: Ticket,
    /// What became of it.
    pub result: CallResult,
}

/// What a step is made of. Kept only for those who read a recording.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// The input, if the step is a machine's.
    pub input: Option<Input>,
    /// What the machine asked for, in order.
    pub outputs: Vec<Output>,
    /// What it had drawn, and the answers.
    pub choices: Vec<(Choice, u64)>,
    /// What it said that this step does not publish, because its lane has to pay first.
    pub said: Vec<Event>,
}

/// What a message is that an intervention took, in the words that a reader of the run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct TakenMessage {
    /// Who sent it.
    pub from: MachineId,
    /// Whom it is for.
    pub to: MachineId,
    /// Of which API.
    pub api: Api,
    /// A request or a response.
    pub kind: MessageKind,
}

/// Something that the world did: the network, the disks, the machines under the processes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// A process started.
    Started {
        /// Where.
        machine: MachineId,
    },
    /// A process could not start.
    StartFailed {
        /// Where.
        machine: MachineId,
        /// What its disk answered.
        error: StorageError,
    },
    /// A process was killed.
    Killed {
        /// Where.
        machine: MachineId,
    },
    /// A process ended by itself.
    Exited {
        /// Where.
        machine: MachineId,
        /// Why.
        reason: ExitReason,
    },
    /// A machine lost its power.
    PowerCut {
        /// Which.
        machine: MachineId,
        /// What its disk lost.
        report: LossReport,
    },
    /// A machine got a new, empty disk.
    Replaced {
        /// Which.
        machine: MachineId,
    },
    /// A process stands still.
    Paused {
        /// Where.
        machine: MachineId,
    },
    /// A process goes on.
    Resumed {
        /// Where.
        machine: MachineId,
    },
    /// What a step did was undone, because its lane had not paid when its process died.
    Dropped {
        /// Where.
        machine: MachineId,
        /// Which step.
        step: u64,
    },
    /// A message was handed to a socket. Told only if the world tells of messages: [`Telling::Messages`].
    MessageSent {
        /// Which.
        message: MessageId,
        /// From which machine.
        from: MachineId,
        /// To which machine.
        to: MachineId,
        /// A request or a response.
        kind: MessageKind,
        /// Of which API.
        api: Api,
        /// By which a response finds its request.
        correlation_id: CorrelationId,
        /// Its size on the wire.
        bytes: u32,
        /// When it arrives, if nothing holds it up.
        due: Time,
    },
    /// An intervention holds a message.
    MessageHeld {
        /// Which.
        message: MessageId,
        /// What it is, and where it goes.
        what: TakenMessage,
    },
    /// An intervention makes a message late.
    MessageDelayed {
        /// Which.
        message: MessageId,
        /// What it is, and where it goes.
        what: TakenMessage,
    },
    /// A message was lost, and its connection is reset.
    MessageDropped {
        /// Which.
        message: MessageId,
        /// What it is, and where it goes.
        what: TakenMessage,
    },
    /// An entry of the list had no effect.
    Ignored {
        /// Why, in words.
        reason: &'static str,
    },
}
