//! Executing entries of the list. Each does what it says, with the targets that it names.

use trial_broker::config::Switch;
use trial_broker::input::{Input, Lane};

use super::World;
use super::run::Outcome;
use crate::disk::Disk;
use crate::fault::{Fault, Lose, MachineId};
use crate::machine::{ProgramConfig, Waiting};
use crate::network::{Action, LinkSetting};
use crate::queue::Subject;

use crate::step::{Fact, InputKind};

impl World {
    /// Does what an entry says.
    pub(super) fn apply(&mut self, fault: &Fault, outcome: &mut Outcome) {
        if let Some(machine) = fault.machine()
            && !self.machines.contains_key(&machine)
        {
            return ignored(outcome, "there is no such machine");
        }
        match fault {
            Fault::Start { .. }
            | Fault::Kill { .. }
            | Fault::PowerCut { .. }
            | Fault::Stop { .. }
            | Fault::Pause { .. }
            | Fault::Resume { .. }
            | Fault::Restart { .. }
            | Fault::Replace { .. }
            | Fault::Upgrade { .. }
            | Fault::Skew { .. } => self.apply_to_machine(fault, outcome),
            Fault::Partition { .. }
            | Fault::Heal { .. }
            | Fault::Clog { .. }
            | Fault::Unclog { .. }
            | Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Drop { .. }
            | Fault::Delay { .. }
            | Fault::Hold { .. }
            | Fault::Release { .. } => self.apply_to_network(fault, outcome),
            Fault::Slow { .. }
            | Fault::Stall { .. }
            | Fault::Fail { .. }
            | Fault::Rot { .. }
            | Fault::Shorten { .. }
            | Fault::Misdirect { .. }
            | Fault::SyncNow { .. } => self.apply_to_disk(fault, outcome),
            Fault::Call { machine, ticket, call } => {
                let input = Input::Call { ticket: *ticket, call: call.clone() };
                self.tell(*machine, input, InputKind::Call(*ticket), outcome);
            }
            Fault::Abandon { machine, ticket } => {
                self.tell(*machine, Input::Abandon { ticket: *ticket }, InputKind::Abandon(*ticket), outcome);
            }
            Fault::Answer { machine, purpose, values } => {
                let key = (*machine, *purpose);
                if values.is_empty() {
                    self.answers.remove(&key);
                } else {
                    self.answers.entry(key).or_default().extend(values);
                }
            }
        }
    }

    fn apply_to_machine(&mut self, fault: &Fault, outcome: &mut Outcome) {
        match fault {
            Fault::Start { machine } => self.start(*machine, outcome),
            Fault::Kill { machine } => self.kill(*machine, outcome),
            Fault::PowerCut { machine, lose, draw } => self.power_cut(*machine, *lose, *draw, outcome),
            Fault::Stop { machine } => self.tell(*machine, Input::Stop, InputKind::Stop, outcome),
            Fault::Pause { machine } => self.pause(*machine, outcome),
            Fault::Resume { machine } => self.resume(*machine, outcome),
            Fault::Restart { machine } => {
                if self.machines[machine].process.is_some() {
                    self.kill(*machine, outcome);
                }
                self.start(*machine, outcome);
            }
            Fault::Replace { machine, draw } => {
                if self.machines[machine].process.is_some() {
                    self.kill(*machine, outcome);
                }
                self.renew_directories(*machine, *draw);
                let disk = Disk::new(self.settings.sync_cost);
                self.machine_mut(*machine).disk = disk;
                self.format(*machine);
                outcome.facts.push(Fact::Replaced { machine: *machine });
            }
            Fault::Upgrade { machine, switches } => {
                let switches: std::collections::BTreeSet<Switch> = switches.clone();
                match &mut self.machine_mut(*machine).config.program {
                    ProgramConfig::Node(config) => config.behaviour.switches = switches,
                    ProgramConfig::Client(_) => ignored(outcome, "a client has no switches"),
                    #[cfg(test)]
                    ProgramConfig::Toy(_) => ignored(outcome, "a toy has no switches"),
                }
            }
            Fault::Skew { machine, wall_offset_micros, drift_ppm } => {
                let now = self.now;
                self.machine_mut(*machine).clock.set(now, *wall_offset_micros, *drift_ppm);
                for lane in Lane::ALL {
                    self.arm_timer(*machine, lane);
                }
            }
            _ => unreachable!("only faults of machines come here"),
        }
    }

    fn apply_to_network(&mut self, fault: &Fault, outcome: &mut Outcome) {
        let now_has_effect = self.with_wire(&mut outcome.facts, |network, wire| match fault {
            Fault::Partition { pairs } => {
                network.partition(pairs);
                true
            }
            Fault::Heal { from, to } => {
                network.heal(wire, from, to);
                true
            }
            Fault::Clog { filter } => {
                network.clog(filter.clone());
                true
            }
            Fault::Unclog { filter } => {
                network.unclog(wire, filter);
                true
            }
            Fault::Latency { from, to, latency } => {
                network.set_link(from.clone(), to.clone(), LinkSetting::Latency(*latency));
                true
            }
            Fault::Bandwidth { from, to, bytes_per_second } => {
                network.set_link(from.clone(), to.clone(), LinkSetting::Bandwidth(*bytes_per_second));
                true
            }
            Fault::Drop { target } => network.target(wire, target.clone(), Action::Drop),
            Fault::Delay { target, by } => network.target(wire, target.clone(), Action::Delay(*by)),
            Fault::Hold { target } => network.target(wire, target.clone(), Action::Hold),
            Fault::Release { filter } => network.release(wire, filter),
            _ => unreachable!("only faults of the network come here"),
        });
        if !now_has_effect {
            ignored(outcome, "there is no such message");
        }
    }

    fn apply_to_disk(&mut self, fault: &Fault, outcome: &mut Outcome) {
        let now = self.now;
        let machine = fault.machine().expect("a disk belongs to a machine");
        let disk = &mut self.machine_mut(machine).disk;
        let has_effect = match fault {
            Fault::Slow { path, sync, other, .. } => {
                disk.slow(path.clone(), *sync, *other);
                true
            }
            Fault::Stall { path, length, .. } => {
                match length.is_zero() {
                    true => disk.unstall(path),
                    false => disk.stall(path.clone(), now + *length),
                }
                true
            }
            Fault::Fail { path, failure, .. } => {
                disk.fail(path.clone(), *failure);
                true
            }
            Fault::Rot { path, position, bits, .. } => disk.rot(path, *position, *bits),
            Fault::Shorten { path, length, .. } => disk.shorten(path, *length),
            Fault::Misdirect { from, from_page, to, to_page, .. } => disk.misdirect(from, *from_page, to, *to_page),
            Fault::SyncNow { .. } => {
                disk.sync_now();
                true
            }
            _ => unreachable!("only faults of disks come here"),
        };
        if !has_effect {
            ignored(outcome, "there is no such byte on the disk");
        }
    }

    fn machine_mut(&mut self, machine: MachineId) -> &mut crate::machine::Machine {
        self.machines.get_mut(&machine).expect("the entry's machine exists")
    }

    /// Gives an input to a process, right after the entry and before everything else of this instant.
    fn tell(&mut self, machine: MachineId, input: Input, kind: InputKind, outcome: &mut Outcome) {
        let host = self.machine_mut(machine);
        let is_paused = host.is_paused;
        let Some(process) = host.process.as_mut() else {
            return ignored(outcome, "no process runs there");
        };
        let lane = process.program.lane_of(&input);
        let state = process.lane(lane);
        let waiting = Waiting { input, kind, message: None };
        if is_paused || state.paying.is_some() || !state.inbox.is_empty() {
            state.inbox.push_back(waiting);
            return;
        }
        self.step_machine(machine, lane, waiting, outcome);
    }

    fn start(&mut self, machine: MachineId, outcome: &mut Outcome) {
        let host = self.machine_mut(machine);
        if host.process.is_some() {
            return ignored(outcome, "the process runs already");
        }
        let was_off = !host.is_powered;
        host.is_powered = true;
        host.boots += u32::from(was_off);
        self.start_process(machine, outcome);
        if was_off {
            // What others sent meanwhile arrives at a kernel that does not know their connections.
            self.with_wire(&mut outcome.facts, |network, wire| network.free(wire));
            self.expect_writeback(machine);
        }
    }

    fn kill(&mut self, machine: MachineId, outcome: &mut Outcome) {
        if self.machines[&machine].process.is_none() {
            return ignored(outcome, "no process runs there");
        }
        self.end_process(machine, outcome);
        outcome.facts.push(Fact::Killed { machine });
    }

    fn power_cut(&mut self, machine: MachineId, lose: Lose, draw: u64, outcome: &mut Outcome) {
        let now = self.now;
        let host = self.machine_mut(machine);
        if !host.is_powered {
            return ignored(outcome, "the machine is without power");
        }
        host.is_powered = false;
        host.is_paused = false;
        let process = host.process.take();
        if let Some(process) = &process {
            process.program.assert_all_invariants();
        }
        let report = host.disk.power_cut(now, lose, draw);
        if let Some(process) = &process {
            super::process::drop_unpaid(machine, process, outcome);
        }
        self.network.power_off(machine);
        outcome.facts.push(Fact::PowerCut { machine, report });
    }

    fn pause(&mut self, machine: MachineId, outcome: &mut Outcome) {
        let host = self.machine_mut(machine);
        if host.process.is_none() || host.is_paused {
            return ignored(outcome, "no process runs there");
        }
        host.is_paused = true;
        outcome.facts.push(Fact::Paused { machine });
    }

    /// The process goes on: it publishes what it has paid for meanwhile, takes what waits, and sees its timers.
    fn resume(&mut self, machine: MachineId, outcome: &mut Outcome) {
        let now = self.now;
        let host = self.machine_mut(machine);
        if !host.is_paused {
            return ignored(outcome, "the process does not stand still");
        }
        host.is_paused = false;
        outcome.facts.push(Fact::Resumed { machine });
        for lane in Lane::ALL {
            let state = self.process(machine).lane(lane);
            match &state.paying {
                Some(paying) => {
                    let (step, until) = (paying.step, paying.until.max(now));
                    self.queue.push(until, Subject::Paid { machine, lane, step });
                }
                None => {
                    self.make_ready(machine, lane);
                    self.arm_timer(machine, lane);
                }
            }
        }
    }
}

impl Fault {
    /// The one machine that the fault is about, if it is about one.
    pub fn machine(&self) -> Option<MachineId> {
        match self {
            Fault::Start { machine }
            | Fault::Kill { machine }
            | Fault::PowerCut { machine, .. }
            | Fault::Stop { machine }
            | Fault::Pause { machine }
            | Fault::Resume { machine }
            | Fault::Restart { machine }
            | Fault::Replace { machine, .. }
            | Fault::Upgrade { machine, .. }
            | Fault::Skew { machine, .. }
            | Fault::Slow { machine, .. }
            | Fault::Stall { machine, .. }
            | Fault::Fail { machine, .. }
            | Fault::Rot { machine, .. }
            | Fault::Shorten { machine, .. }
            | Fault::Misdirect { machine, .. }
            | Fault::SyncNow { machine }
            | Fault::Call { machine, .. }
            | Fault::Abandon { machine, .. }
            | Fault::Answer { machine, .. } => Some(*machine),
            Fault::Partition { .. }
            | Fault::Heal { .. }
            | Fault::Clog { .. }
            | Fault::Unclog { .. }
            | Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Drop { .. }
            | Fault::Delay { .. }
            | Fault::Hold { .. }
            | Fault::Release { .. } => None,
        }
    }
}

fn ignored(outcome: &mut Outcome, reason: &'static str) {
    outcome.facts.push(Fact::Ignored { reason });
}
