//! Whether a condition holds now, and if not, what is otherwise.

use std::ops::Range;

use trial_broker::config::GroupProtocol;
use trial_broker::ids::{GroupId, NodeId};

use super::execute::Run;
use super::view;
use crate::fault::MachineId;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::format::expect::GroupType;
use crate::scenario::format::{Condition, Numbers, Spanned, Which};
use crate::scenario::validate::{Machine, error_code, partition_named};

/// One fact that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Where the fact is said.
    span: Range<usize>,
    /// What was found instead.
    found: String,
}

/// Collects what is not as it should be.
struct Judge<'a, 'r> {
    run: &'a Run<'r>,
    mismatches: Vec<Mismatch>,
}

/// What is not as a condition says; nothing if it holds.
pub(super) fn judge(run: &Run, condition: &Condition) -> Vec<Mismatch> {
    let mut judge = Judge { run, mismatches: Vec::new() };
    judge.partition(condition);
    judge.client(condition);
    judge.group(condition);
    judge.broker(condition);
    judge.controllers(condition);
    judge.file(condition);
    judge.mismatches
}

/// The mismatches of an expectation as one diagnostic.
pub(super) fn as_diagnostic(title: String, mismatches: &[Mismatch], fallback: Range<usize>) -> Diagnostic {
    match mismatches.split_first() {
        None => Diagnostic::new(title, fallback, "this holds"),
        Some((first, rest)) => {
            let mut diagnostic = Diagnostic::new(title, first.span.clone(), first.found.clone());
            for mismatch in rest {
                diagnostic = diagnostic.with_context(mismatch.span.clone(), mismatch.found.clone());
            }
            diagnostic
        }
    }
}

impl Judge<'_, '_> {
    fn differs(&mut self, span: &Range<usize>, found: impl Into<String>) {
        self.mismatches.push(Mismatch { span: span.clone(), found: found.into() });
    }

    /// Compares one number, if it is said.
    fn number(&mut self, what: &str, wanted: &Option<Spanned<Numbers>>, found: Option<i64>) {
        let Some(wanted) = wanted else { return };
        match found {
            Some(found) if wanted.value.accepts(found) => {}
            Some(found) => self.differs(&wanted.span, format!("expected {what} {}, found {found}", wanted.value)),
            None => self.differs(&wanted.span, format!("expected {what} {}, found none", wanted.value)),
        }
    }

    /// Compares one list of nodes, in any order, if it is said.
    fn nodes(&mut self, what: &str, wanted: &Option<Spanned<Vec<i32>>>, found: &[NodeId]) {
        let Some(wanted) = wanted else { return };
        let mut expected = wanted.value.clone();
        let mut actual: Vec<i32> = found.iter().map(|node| node.0).collect();
        expected.sort_unstable();
        actual.sort_unstable();
        if expected != actual {
            self.differs(&wanted.span, format!("expected {what} {expected:?}, found {actual:?}"));
        }
    }

    fn partition(&mut self, condition: &Condition) {
        let Some(name) = &condition.partition else { return };
        let Some(partition) = partition_named(&name.value) else { return };
        let world = &self.run.world;
        let registration = view::registration(world, &partition).cloned();
        if condition.client.is_none() && condition.group.is_none() && registration.is_none() {
            self.differs(&name.span, "no controller knows this partition");
            return;
        }
        if let Some(registration) = &registration {
            self.nodes("isr", &condition.isr, &registration.isr);
            self.nodes("elr", &condition.elr, &registration.elr);
            self.number("isr-size", &condition.isr_size, Some(registration.isr.len() as i64));
            self.number("leader-epoch", &condition.leader_epoch, Some(i64::from(registration.leader_epoch.0)));
            self.number("partition-epoch", &condition.partition_epoch, Some(i64::from(registration.partition_epoch.0)));
            if let Some(wanted) = &condition.leader
                && wanted.value != registration.leader.0
            {
                self.differs(&wanted.span, format!("expected leader {}, found {}", wanted.value, registration.leader));
            }
        }
        // Positions are those of the replica that is named, else of the leader.
        let replica = condition.replica.as_ref().map(|replica| NodeId(replica.value));
        let replica = replica.or(registration.map(|registration| registration.leader)).filter(|node| node.is_some());
        let machine = replica.map(|node| MachineId(node.0 as u32));
        let positions = machine.and_then(|machine| view::positions(&self.run.world, machine, &partition));
        self.number("leo", &condition.leo, positions.map(|found| found.log_end_offset));
        self.number("hw", &condition.hw, positions.map(|found| found.high_watermark));
        self.number("lso", &condition.lso, positions.map(|found| found.last_stable_offset));
        self.number("log-start", &condition.log_start, positions.map(|found| found.log_start_offset));
        if condition.values.is_some() || condition.epochs.is_some() {
            let records =
                machine.map(|machine| view::records(&self.run.world, machine, &partition)).unwrap_or_default();
            if let Some(wanted) = &condition.values {
                let found: Vec<String> = records.iter().map(|record| record.value.clone()).collect();
                if wanted.value != found {
                    self.differs(&wanted.span, format!("expected {:?}, found {found:?}", wanted.value));
                }
            }
            if let Some(wanted) = &condition.epochs {
                let found: Vec<i32> = records.iter().map(|record| record.leader_epoch.0).collect();
                if wanted.value != found {
                    self.differs(&wanted.span, format!("expected epochs {:?}, found {found:?}", wanted.value));
                }
            }
        }
    }

    fn client(&mut self, condition: &Condition) {
        let Some(name) = &condition.client else { return };
        let Some(machine) = self.run.client(&name.value) else { return };
        let ledger = self.run.ledger.clients.get(&machine).cloned().unwrap_or_default();
        self.number("acked", &condition.acked, Some(ledger.acked));
        self.number("failed", &condition.failed, Some(ledger.failed));
        self.number("pending", &condition.pending, Some(ledger.sent - ledger.acked - ledger.failed));
        let partition = condition.partition.as_ref().and_then(|name| partition_named(&name.value));
        let consumed = match &partition {
            Some(partition) => ledger.consumed.get(partition).copied().unwrap_or(0),
            None => ledger.consumed.values().sum(),
        };
        self.number("consumed", &condition.consumed, Some(consumed));
        if let Some(partition) = &partition {
            self.number("position", &condition.position, ledger.positions.get(partition).copied());
        }
        if let Some(wanted) = &condition.consumed_values {
            let of_partition =
                ledger.values.iter().filter(|(from, _)| partition.as_ref().is_none_or(|partition| partition == from));
            let found: Vec<String> = of_partition.map(|(_, value)| value.clone()).collect();
            if wanted.value != found {
                self.differs(&wanted.span, format!("expected {:?}, found {found:?}", wanted.value));
            }
        }
        if let Some(wanted) = &condition.error {
            let expected = error_code(&wanted.value);
            let found = ledger.last_error.map(|(_, error)| error);
            if found != expected {
                let expected = expected.map_or("?", |error| error.name());
                let found = found.map_or("none", |error| error.name());
                self.differs(&wanted.span, format!("expected error {expected}, found {found}"));
            }
        }
    }

    fn group(&mut self, condition: &Condition) {
        let Some(name) = &condition.group else { return };
        let (world, id) = (&self.run.world, GroupId::new(&name.value));
        let (coordinator, group) = (view::coordinator(world, &id), view::group(world, &id));
        let partition = condition.partition.as_ref().and_then(|name| partition_named(&name.value));
        let committed = partition.and_then(|partition| view::committed(world, &id, &partition));
        if let Some(wanted) = &condition.coordinator {
            let found = coordinator.map_or(-1, |machine| machine.0 as i32);
            if found != wanted.value {
                self.differs(&wanted.span, format!("expected coordinator {}, found {found}", wanted.value));
            }
        }
        self.number("committed", &condition.committed, committed);
        let about_itself = condition.state.is_some() || condition.group_type.is_some() || condition.assignor.is_some();
        let about_members = condition.members.is_some() || condition.epoch.is_some();
        let Some(group) = group else {
            if about_itself || about_members {
                self.differs(
                    &name.span,
                    if coordinator.is_some() { "there is no such group" } else { "nobody coordinates it" },
                );
            }
            return;
        };
        self.number("members", &condition.members, Some(group.members.len() as i64));
        self.number("epoch", &condition.epoch, Some(i64::from(group.epoch)));
        self.text("state", &condition.state, group.state.name());
        let (group_type, found) = match group.protocol {
            GroupProtocol::Classic => (GroupType::Classic, "classic"),
            GroupProtocol::Consumer => (GroupType::Consumer, "consumer"),
        };
        if let Some(wanted) = condition.group_type.as_ref().filter(|wanted| wanted.value != group_type) {
            self.differs(&wanted.span, format!("expected another group-type, found {found}"));
        }
        self.text("assignor", &condition.assignor, group.assignor.as_deref().unwrap_or("none"));
    }

    /// Compares one word, if it is said.
    fn text(&mut self, what: &str, wanted: &Option<Spanned<String>>, found: &str) {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.value != found) {
            self.differs(&wanted.span, format!("expected {what} {}, found {found}", wanted.value));
        }
    }

    fn broker(&mut self, condition: &Condition) {
        let Some(broker) = &condition.broker else { return };
        let machine = MachineId(broker.value as u32);
        if let Some(wanted) = &condition.running {
            let found = view::is_running(&self.run.world, machine);
            if found != wanted.value {
                self.differs(&wanted.span, format!("expected running = {}, found {found}", wanted.value));
            }
        }
        if let Some(wanted) = &condition.fenced {
            match view::is_fenced(&self.run.world, NodeId(broker.value)) {
                Some(found) if found == wanted.value => {}
                Some(found) => {
                    self.differs(&wanted.span, format!("expected fenced = {}, found {found}", wanted.value));
                }
                None => self.differs(&wanted.span, "the broker has never registered"),
            }
        }
    }

    fn controllers(&mut self, condition: &Condition) {
        if let Some(wanted) = &condition.active_controllers {
            let active: Vec<NodeId> = self.run.ledger.active.keys().map(|machine| NodeId(machine.0 as i32)).collect();
            self.nodes("active controllers", &Some(wanted.clone()), &active);
        }
        let Some(which) = &condition.controller else { return };
        let machine = match which.value {
            Which::Id(id) => Some(MachineId(id as u32)),
            Which::Active | Which::Any => self.run.active_controller(),
            Which::Standby => self.run.resolve(&Machine::StandbyController).ok(),
            Which::Stopped => self.run.resolve(&Machine::StoppedController).ok(),
        };
        let member = machine.and_then(|machine| view::quorum_member(&self.run.world, machine));
        self.number("epoch", &condition.epoch, member.map(|(_, epoch)| i64::from(epoch.0)));
        if let Some(wanted) = &condition.state {
            let found = member.map_or("none", |(state, _)| state.word());
            if found != wanted.value {
                self.differs(&wanted.span, format!("expected state {}, found {found}", wanted.value));
            }
        }
    }

    fn file(&mut self, condition: &Condition) {
        let (Some(file), Some(on)) = (&condition.file, &condition.on) else { return };
        for name in &on.value.0 {
            let length = self
                .run
                .machine_called(name)
                .and_then(|machine| view::file_length(&self.run.world, machine, &file.value));
            if let Some(wanted) = &condition.exists
                && wanted.value != length.is_some()
            {
                let found = if length.is_some() { "it exists" } else { "it does not exist" };
                self.differs(&wanted.span, format!("{found} on {name}"));
            }
            self.number("bytes", &condition.bytes, length.map(|length| length as i64));
        }
    }
}
