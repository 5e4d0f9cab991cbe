//! Conditions and patterns: what they are about, and whether that exists.

use std::ops::Range;

use trial_broker::message::ErrorCode;

use super::super::diagnostic::{Diagnostic, listed, suggestion};
use super::super::format::{Condition, ErrorName, EventPattern, Spanned, Which};
use super::super::vocabulary;
use super::Scope;
use super::administration::GROUP_STATES;

/// The states of a quorum member, as conditions name them.
const STATES: &[&str] = &["unattached", "follower", "prospective", "candidate", "leader", "resigned"];

/// The code that a name or a number means; none if there is no such error.
pub(crate) fn error_code(name: &ErrorName) -> Option<ErrorCode> {
    match name {
        ErrorName::Code(-1) => Some(ErrorCode::UnknownServerError),
        ErrorName::Code(code) => {
            Some(ErrorCode::from_code(*code)).filter(|error| *error != ErrorCode::UnknownServerError)
        }
        ErrorName::Name(name) => all_errors().find(|error| error.name() == name),
    }
}

fn all_errors() -> impl Iterator<Item = ErrorCode> {
    (0..=200)
        .map(ErrorCode::from_code)
        .filter(|error| *error != ErrorCode::UnknownServerError)
        .chain([ErrorCode::UnknownServerError])
}

impl Scope {
    /// Complains unless this is an error that Kafka has.
    pub(super) fn error(&mut self, error: &Spanned<ErrorName>) {
        if error_code(&error.value).is_some() {
            return;
        }
        let (title, label) = match &error.value {
            ErrorName::Code(code) => {
                (format!("no error has the number {code}"), "expected one of Kafka's error codes".to_owned())
            }
            ErrorName::Name(name) => (
                format!("there is no error `{name}`"),
                suggestion(name, all_errors().map(ErrorCode::name).collect::<Vec<_>>()),
            ),
        };
        self.mistake(Diagnostic::new(title, error.span.clone(), label));
    }

    /// Complains unless a condition is about something that exists and says something about it.
    pub(super) fn condition(&mut self, condition: &Condition, span: &Range<usize>) {
        self.subjects(condition, span);
        let c = condition;
        let about_partition = [
            ("leo", place(&c.leo)),
            ("hw", place(&c.hw)),
            ("lso", place(&c.lso)),
            ("log-start", place(&c.log_start)),
            ("values", place(&c.values)),
            ("epochs", place(&c.epochs)),
            ("replica", place(&c.replica)),
            ("isr", place(&c.isr)),
            ("isr-size", place(&c.isr_size)),
            ("elr", place(&c.elr)),
            ("leader", place(&c.leader)),
            ("leader-epoch", place(&c.leader_epoch)),
            ("partition-epoch", place(&c.partition_epoch)),
        ];
        let about_client = [
            ("acked", place(&c.acked)),
            ("failed", place(&c.failed)),
            ("pending", place(&c.pending)),
            ("error", place(&c.error)),
            ("consumed", place(&c.consumed)),
            ("consumed-values", place(&c.consumed_values)),
            ("position", place(&c.position)),
        ];
        let about_broker = [("fenced", place(&c.fenced)), ("running", place(&c.running))];
        let about_group = [
            ("group-type", place(&c.group_type)),
            ("members", place(&c.members)),
            ("assignor", place(&c.assignor)),
            ("coordinator", place(&c.coordinator)),
            ("committed", place(&c.committed)),
        ];
        // What a group has as well: without a subject it is asked of a controller.
        let about_controller = [("state", place(&c.state)), ("epoch", place(&c.epoch))];
        let about_file = [("on", place(&c.on)), ("exists", place(&c.exists)), ("bytes", place(&c.bytes))];
        self.needs("partition", "\"orders-0\"", c.partition.is_some(), &about_partition);
        self.needs("client", "\"p1\"", c.client.is_some(), &about_client);
        self.needs("broker", "1", c.broker.is_some(), &about_broker);
        self.needs("group", "\"billing\"", c.group.is_some(), &about_group);
        self.needs("controller", "\"active\"", c.controller.is_some() || c.group.is_some(), &about_controller);
        self.needs("file", "\"data-0/…\"", c.file.is_some(), &about_file);
        if let (Some(position), None) = (&c.position, &c.partition) {
            let label = "a consumer has one in each partition: add `partition = \"orders-0\"`";
            self.mistake(Diagnostic::new("the position in which partition?", position.span.clone(), label));
        }
        if let (Some(committed), None) = (&c.committed, &c.partition) {
            let label = "a group has an offset in each partition: add `partition = \"orders-0\"`";
            self.mistake(Diagnostic::new("committed in which partition?", committed.span.clone(), label));
        }
        if let (Some(file), None) = (&c.file, &c.on) {
            let label = "each machine has a disk of its own: add `on = \"b1\"`";
            self.mistake(Diagnostic::new("the file on which machine?", file.span.clone(), label));
        }
        let said = [&about_partition[..], &about_client, &about_broker, &about_group, &about_controller, &about_file]
            .concat()
            .iter()
            .filter(|(name, place)| place.is_some() && !matches!(*name, "replica" | "on"))
            .count();
        if said == 0 && c.active_controllers.is_none() {
            let label = "nothing is expected here";
            self.mistake(Diagnostic::new("this condition says nothing", span.clone(), label).with_help(
                "say what must hold: { partition = \"orders-0\", leo = 13, hw = 10, isr = [1] }, \
                     { client = \"p1\", acked = 10 }, { broker = 1, fenced = true }, { group = \"billing\", state = \"Stable\" }",
            ));
        }
    }

    /// The things that a condition is about exist.
    fn subjects(&mut self, condition: &Condition, span: &Range<usize>) {
        if let Some(partition) = &condition.partition {
            self.partition(&partition.value, &partition.span);
        }
        if let Some(client) = &condition.client {
            self.client(client, None);
        }
        for broker in [&condition.replica, &condition.broker].into_iter().flatten() {
            self.broker(broker.value, &broker.span);
        }
        for list in [&condition.isr, &condition.elr].into_iter().flatten() {
            for id in &list.value {
                self.broker(*id, &list.span);
            }
        }
        if let Some(leader) = &condition.leader
            && leader.value != -1
        {
            self.broker(leader.value, &leader.span);
        }
        if let Some(Spanned { value: Which::Id(id), span }) = &condition.controller {
            self.controller(*id, span);
        }
        if let Some(list) = &condition.active_controllers {
            for id in &list.value {
                self.controller(*id, &list.span);
            }
        }
        if let Some(names) = &condition.on {
            self.machines(&names.value.0, &names.span);
        }
        if let Some(error) = &condition.error {
            self.error(error);
        }
        let (subject, states) = match condition.group {
            Some(_) => ("group", GROUP_STATES),
            None => ("controller", STATES),
        };
        if let Some(state) = &condition.state
            && !states.contains(&state.value.as_str())
        {
            let title = format!("no {subject} is ever `{}`", state.value);
            self.mistake(Diagnostic::new(title, state.span.clone(), suggestion(&state.value, states.iter().copied())));
        }
        if let Some(coordinator) = condition.coordinator.as_ref().filter(|coordinator| coordinator.value != -1) {
            self.broker(coordinator.value, &coordinator.span);
        }
        // A consumer and a group have something to say of a partition; of two of the others it would be open which is meant.
        let subjects = [
            condition.client.is_some(),
            condition.broker.is_some(),
            condition.group.is_some(),
            condition.controller.is_some() && condition.group.is_some(),
        ];
        if subjects.into_iter().filter(|is_one| *is_one).count() > 1 {
            let label = "expected one subject: write two steps";
            self.mistake(Diagnostic::new("this is about two things", span.clone(), label));
        }
    }

    /// Complains about each fact that is said without its subject.
    fn needs(&mut self, subject: &str, example: &str, given: bool, facts: &[(&str, Option<Range<usize>>)]) {
        if given {
            return;
        }
        for (name, place) in facts {
            if let Some(place) = place {
                let label = format!("add `{subject} = {example}`");
                let title = format!("`{name}` says something about a {subject}, and none is named");
                self.mistake(Diagnostic::new(title, place.clone(), label));
            }
        }
    }

    /// Complains unless an event of this name exists and has these fields.
    pub(super) fn pattern(&mut self, pattern: &EventPattern) {
        let events = vocabulary::events();
        let Some(fields) = events.get(&pattern.event.value) else {
            let names: Vec<&str> = events.keys().map(String::as_str).collect();
            let title = format!("there is no event `{}`", pattern.event.value);
            let label = suggestion(&pattern.event.value, names);
            self.mistake(Diagnostic::new(title, pattern.event.span.clone(), label));
            return;
        };
        for name in pattern.fields.keys() {
            if !fields.contains(&name.value) {
                let names: Vec<&str> = fields.iter().map(String::as_str).collect();
                let title = format!("event `{}` has no field `{}`", pattern.event.value, name.value);
                let mut mistake =
                    Diagnostic::new(title, name.span.clone(), suggestion(&name.value, names.iter().copied()));
                let own = super::super::format::expect::PATTERN_KEYS;
                mistake = mistake.with_help(format!("besides its fields, a pattern takes {}", listed(own)));
                self.mistake(mistake);
            }
        }
        if let (Some(origin), None, None) = (&pattern.counted_from, &pattern.time, &pattern.since) {
            let label = "add the `time` or `since` that counts from here";
            self.mistake(Diagnostic::new("nothing is counted", origin.span.clone(), label));
        }
        if let Some(names) = &pattern.on {
            self.machines(&names.value.0, &names.span);
        }
        for name in ["partition", "topic_partition"] {
            let given = pattern.fields.iter().find(|(key, _)| key.value == name);
            if let Some((_, Spanned { value: toml::Value::String(partition), span })) = given {
                self.partition(partition, span);
            }
        }
    }
}

fn place<T>(field: &Option<Spanned<T>>) -> Option<Range<usize>> {
    field.as_ref().map(|field| field.span.clone())
}
