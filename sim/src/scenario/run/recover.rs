//! The end of a run that must recover: the core is healed, the rest is given up, and the goals are waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use trial_broker::event::BrokerState;
use trial_broker::time::Time;

use super::build::latency_model;
use super::execute::{Run, Stop};
use super::view;
use crate::check::liveness::{self, Core, Depth, Marks};
use crate::fault::{Entry, Fault, MachineId, MessageFilter};
use crate::machine::{Machine, ProcessState, ProgramConfig};
use crate::scenario::format::{Liveness, Outside};
use crate::scenario::report::Verdict;
use crate::scenario::{Excuse, Span, What};

/// How long lies between two looks at the goals.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Run<'_> {
    /// Heals the core and gives it the time that its settings promise, and says what has not recovered by then.
    pub(super) fn recover(&mut self, wanted: &Liveness) -> Result<(), Stop> {
        let core = self.core(wanted);
        self.heal(&core, wanted.outside)?;
        let healed = self.world.now();
        let bound = liveness::bound(&self.world, &core);
        let deadline = healed + bound;
        let stop = self.options.until.map_or(Time::NEVER, |until| self.cast.zero() + until.duration());
        let mut marks = Marks::default();
        let (mut unmet, mut excused) = self.survey(&core, &mut marks, Depth::FirstUnmet);
        while !unmet.is_empty() && self.world.now() < deadline.min(stop) {
            let next = (self.world.now() + LOOK_EVERY).min(deadline).min(stop);
            self.wait(next, |_| false)?;
            (unmet, excused) = self.survey(&core, &mut marks, Depth::FirstUnmet);
        }
        if !unmet.is_empty() {
            (unmet, excused) = self.survey(&core, &mut marks, Depth::Everything);
        }
        self.excused = excused;
        if unmet.is_empty() {
            self.recovery = Some(self.world.now().since(healed));
            self.checks.recovered();
        } else if self.world.now() >= deadline {
            self.did_not_recover(unmet, bound);
        }
        Ok(())
    }

    fn did_not_recover(&mut self, goals: Vec<String>, bound: Duration) {
        self.found(What::NotRecovered { bound: Span { micros: bound.as_micros() as i64 }, goals });
        self.property.get_or_insert(liveness::PROPERTY.name);
        self.worsen(Verdict::Liveness);
    }

    /// The machines of the core: those that are named, else those whose process runs and is not about to end.
    fn core(&self, wanted: &Liveness) -> Core {
        match &wanted.core {
            Some(core) => core.value.iter().map(|id| MachineId(id.value as u32)).collect(),
            None => {
                let stays = |machine: &Machine| machine.node().is_some() && !machine.is_stopping();
                self.world.machines().filter(|(_, machine)| stays(machine)).map(|(id, _)| id).collect()
            }
        }
    }

    /// Ends every fault that touches the core, starts what does not run of it, and gives up the rest. All of this is
    /// entries of the list, at one instant.
    fn heal(&mut self, core: &Core, outside: Outside) -> Result<(), Stop> {
        let at = self.floor();
        self.advance(at)?;
        self.note_recovery(at, core, outside);
        let mut faults = self.heal_network();
        let (clients, nodes): (Vec<MachineId>, Vec<MachineId>) =
            self.world.machines().map(|(id, _)| id).partition(|id| self.is_client(*id));
        for id in core.iter().chain(&clients) {
            faults.extend(self.world.machine(*id).map(|machine| heal_machine(*id, machine)).unwrap_or_default());
        }
        let rest: Vec<MachineId> = nodes.into_iter().filter(|id| !core.contains(id)).collect();
        match outside {
            Outside::Dead => {
                let alive = rest.into_iter().filter(|id| view::is_running(&self.world, *id));
                faults.extend(alive.map(|machine| Fault::Kill { machine }));
            }
            Outside::CutOff if rest.is_empty() => {}
            Outside::CutOff => {
                let inside = core.iter().chain(&clients);
                let pairs = inside.flat_map(|one| rest.iter().flat_map(|other| [(*one, *other), (*other, *one)]));
                faults.push(Fault::Partition { pairs: pairs.collect() });
            }
        }
        for fault in faults {
            self.world.schedule(Entry::new(at, fault));
        }
        // What mends is no fault.
        let faults_executed = self.counts.faults_executed;
        self.execute_entries(at)?;
        self.counts.faults_executed = faults_executed;
        Ok(())
    }

    fn is_client(&self, machine: MachineId) -> bool {
        self.world.machine(machine).is_some_and(|machine| matches!(machine.config().program, ProgramConfig::Client(_)))
    }

    /// The faults are over: who must recover now.
    fn note_recovery(&mut self, at: Time, core: &Core, outside: Outside) {
        let names: Vec<&str> = core.iter().map(|machine| self.cast.name(*machine)).collect();
        let rest = match outside {
            Outside::Dead => "the rest is dead",
            Outside::CutOff => "the rest is cut off",
        };
        self.note(at, format!("the faults are over: {} must recover, {rest}", names.join(", ")));
    }

    /// Links are again what they were at time zero, and nothing is held. What nobody has touched needs no mending.
    fn heal_network(&self) -> Vec<Fault> {
        let all = BTreeSet::new;
        let touched = self.world.network_interference();
        let latency = self.scenario.file.cluster.latency.as_ref().map(|latency| latency_model(&latency.value));
        let mut faults = Vec::new();
        if touched.is_cut {
            faults.push(Fault::Heal { from: all(), to: all() });
        }
        if touched.holds_messages {
            faults.push(Fault::Release { filter: MessageFilter::default() });
        }
        if touched.has_other_links {
            faults.push(Fault::Latency { from: all(), to: all(), latency: latency.unwrap_or_default() });
            faults.push(Fault::Bandwidth { from: all(), to: all(), bytes_per_second: None });
        }
        faults
    }

    /// What does not hold, in words, and what is excused.
    fn survey(&self, core: &Core, marks: &mut Marks, depth: Depth) -> (Vec<String>, Vec<Excuse>) {
        let survey = liveness::survey(&self.world, core, marks, depth);
        let mut unmet: Vec<String> = survey.unmet.iter().map(ToString::to_string).collect();
        for (name, machine) in &self.clients {
            unmet.extend(self.waits_for_answers(name, *machine));
        }
        (unmet, survey.excused.into_iter().map(Excuse::Liveness).collect())
    }

    /// Records of a producer that have neither been acknowledged nor given up.
    fn waits_for_answers(&self, name: &str, machine: MachineId) -> Option<String> {
        let pending =
            self.ledger.clients.get(&machine).map(|client| client.pending()).filter(|pending| *pending > 0)?;
        Some(format!("{name} does not know what became of {pending} records"))
    }
}

/// What ends the faults of one machine, and starts it.
fn heal_machine(id: MachineId, machine: &Machine) -> Vec<Fault> {
    let mut faults = Vec::new();
    let everywhere = String::new;
    if !machine.disk().is_healthy() {
        faults.push(Fault::Fail { machine: id, path: everywhere(), failure: None });
        faults.push(Fault::Slow { machine: id, path: everywhere(), sync: Duration::ZERO, other: Duration::ZERO });
        faults.push(Fault::Stall { machine: id, path: everywhere(), length: Duration::ZERO });
    }
    if machine.clock().drift_ppm() != 0 {
        let wall_offset_micros = machine.clock().wall_offset_micros();
        faults.push(Fault::Skew { machine: id, wall_offset_micros, drift_ppm: 0 });
    }
    let is_node = matches!(machine.config().program, ProgramConfig::Node(_));
    match machine.state() {
        // A client that was killed is gone: nobody waits for its calls any more.
        ProcessState::Off | ProcessState::Stopped if is_node => faults.push(Fault::Start { machine: id }),
        ProcessState::Off | ProcessState::Stopped => {}
        ProcessState::Running | ProcessState::Paused if needs_restart(machine) => {
            faults.push(Fault::Restart { machine: id });
        }
        ProcessState::Paused => faults.push(Fault::Resume { machine: id }),
        ProcessState::Running => {}
    }
    faults
}

/// A process that is about to end, or has given up a log directory, helps nobody: Kafka never takes a directory back. A
/// broker that has not registered yet has spent part of the time that it gives itself for that.
fn needs_restart(machine: &Machine) -> bool {
    machine.node().is_some_and(|node| {
        let directories = node.replicas().map(|replicas| replicas.directories()).unwrap_or_default();
        let registers = node.broker_state() == Some(BrokerState::Starting);
        machine.is_stopping() || registers || directories.iter().any(|directory| !directory.online)
    })
}
