//! Logical processes: Jepsen's are sequential, clients are not.

use std::collections::BTreeMap;

use super::operation::Process;
use crate::fault::MachineId;

/// The processes of every client.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    next: Process,
    /// Those of a client that have nothing under way, the oldest last.
    idle: BTreeMap<MachineId, Vec<Process>>,
}

impl Processes {
    /// A process of this client that has nothing under way: its oldest, or a new one.
    pub fn take(&mut self, machine: MachineId) -> Process {
        if let Some(idle) = self.idle.get_mut(&machine).and_then(Vec::pop) {
            return idle;
        }
        self.next += 1;
        self.next - 1
    }

    /// A process has come to the end of what it did.
    pub fn give_back(&mut self, machine: MachineId, process: Process) {
        let idle = self.idle.entry(machine).or_default();
        let index = idle.partition_point(|other| *other > process);
        idle.insert(index, process);
    }

    /// None of a client's processes does anything any more.
    pub fn retire(&mut self, machine: MachineId) {
        self.idle.remove(&machine);
    }
}
