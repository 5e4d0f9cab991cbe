//! The history of a run: what its clients asked for and what they got to hear, in the shape of Jepsen's operations.
//!
//! ```text
//!   steps ─▶ History (invocations and completions, one logical process each) ─▶ EDN, one operation a line
//! ```
//!
//! Jepsen's workload for Kafka (`jepsen.tests.kafka`) reads such a history, so a run here can be judged by the same analysis
//! as a cluster of real machines. What Jepsen asks of a history decides what is written:
//!
//! * *Processes are sequential.* A producer that has five records under way is five processes, each with one operation at a
//!   time; what is called one after the other, each after the answer to the one before, is one process. `:client` names the
//!   client. A process whose operation ends as `:info` does nothing any more.
//! * *Values are unique.* Texts of a scenario need not be, so a record is called by its number in the order of the run's sends,
//!   and its text stands beside it. What a poll returns is the record that was acknowledged at that offset, or else one of the
//!   same content of which nobody knows where it is.
//! * *A poll begins where the last one ended*, unless partitions were assigned between them. So a seek, and a reset by
//!   `auto.offset.reset`, are written as leaving the partition and coming back to it.
//!
//! Collecting costs what a copy of the records' texts costs, and only those pay who ask for it.

mod collect;
mod edn;
mod operation;
mod processes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use trial_broker::client::ClientKind;
use trial_broker::event::Event;
use trial_broker::ids::Ticket;

use crate::fault::{Fault, MachineId};
use crate::machine::ProgramConfig;
use crate::step::{Fact, Step, StepKind};
use crate::world::World;
use collect::{OpenSend, Reader};
use operation::{Operation, Sent};
use processes::Processes;

/// What the clients of one run saw, collected step by step.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    /// Every record that was handed to a producer, in order.
    sends: Vec<Sent>,
    /// Records of which nothing is known yet, by the tickets of their calls, with the operation each belongs to.
    waiting: BTreeMap<Ticket, (usize, u64)>,
    /// Send operations that are not over, by a number of their own.
    open: BTreeMap<u64, OpenSend>,
    next_open: u64,
    readers: BTreeMap<MachineId, Reader>,
    processes: Processes,
    /// How clients are called.
    names: BTreeMap<MachineId, String>,
}

impl History {
    /// Takes in a step that the world has just made.
    pub fn observe(&mut self, world: &World, step: &Step) {
        let is_ignored = step.facts.iter().any(|fact| matches!(fact, Fact::Ignored { .. }));
        if let StepKind::Entry(Fault::Call { machine, ticket, call }) = &step.kind
            && !is_ignored
        {
            self.called(step.at, *machine, *ticket, call);
        }
        if let StepKind::Entry(Fault::Abandon { machine, ticket }) = &step.kind {
            self.abandoned(step.at, *machine, *ticket);
        }
        for fact in &step.facts {
            self.observe_fact(world, step, fact);
        }
        let Some(machine) = step.machine() else { return };
        for event in &step.events {
            match event {
                Event::Client(event) => self.observe_event(step.at, machine, event),
                Event::Membership(event) => self.rebalanced(machine, event),
                _ => {}
            }
        }
        for resolution in &step.resolutions {
            self.resolved(step.at, resolution.machine, resolution.ticket, &resolution.result);
        }
        self.turn_over(step.at, machine);
    }

    fn observe_fact(&mut self, world: &World, step: &Step, fact: &Fact) {
        match fact {
            Fact::Started { machine } => {
                let Some(host) = world.machine(*machine) else { return };
                let ProgramConfig::Client(config) = &host.config().program else { return };
                self.names.insert(*machine, config.client_id.to_string());
                if let ClientKind::Consumer { assign, subscribe, polls_by_itself, .. } = &config.kind {
                    self.reader_started(step.at, *machine, assign, subscribe, *polls_by_itself);
                }
            }
            Fact::Killed { machine } | Fact::PowerCut { machine, .. } => self.gone(step.at, *machine, true),
            Fact::Exited { machine, .. } => self.gone(step.at, *machine, false),
            _ => {}
        }
    }

    /// The history so far as EDN, one operation a line. Operations that are not over are left without an end, as a test of
    /// Jepsen's that is stopped leaves them.
    pub fn to_edn(&self) -> String {
        edn::write(self)
    }
}
