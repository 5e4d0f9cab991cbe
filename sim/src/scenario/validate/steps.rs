//! The steps: one action each, in an order that time allows.

use std::ops::Range;

use trial_broker::message::Api;

use super::super::diagnostic::{Diagnostic, listed, suggestion};
use super::super::format::action::{Messages, Partition, Produce};
use super::super::format::{Action, File, Names, Resolved, Span, Spanned, Spans, Step};
use super::starts::{Clock, Start, check_starts, start_of};
use super::{Kind, Scope};

/// A step that makes sense: when it starts, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Where it stands.
    pub span: Range<usize>,
    /// When it starts.
    pub start: Start,
    /// How long it may take to hold.
    pub within: Option<Spanned<Spans>>,
    /// Words for the reader.
    pub note: Option<String>,
    /// Whether it is left out when its target is nobody.
    pub optional: bool,
    /// Whether the question before it is answered where it starts.
    pub reveal: bool,
    /// What it came to in the run for which the file was saved.
    pub resolved: Option<Resolved>,
    /// What it does.
    pub action: Spanned<Action>,
}

/// All that a scenario does.
pub(in crate::scenario) struct Plan {
    /// One after the other.
    pub steps: Vec<PlannedStep>,
    /// Each at its time, in order of time.
    pub interventions: Vec<PlannedStep>,
}

/// Interventions are numbered from here on, so that what they draw is not what a step draws.
pub(crate) const FIRST_INTERVENTION: usize = 500_000;

/// Checks all steps.
pub(super) fn plan(file: &File, scope: &mut Scope) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    let mut clock = Clock { earliest: Span::default(), said: None };
    let mut is_asked = false;
    for (index, step) in file.steps.iter().enumerate() {
        clock.check(step, scope);
        let start = start_of(step);
        check_starts(step, scope);
        let Some(action) = action_of(step, scope) else { continue };
        check_within(step, &action, scope);
        scope.action(&action);
        if step.reveal && !is_asked {
            let label = "no `predict` stands between this and the `reveal` before";
            scope.mistake(Diagnostic::new("nothing was asked that could be answered here", step.span.clone(), label));
        }
        is_asked = matches!(action.value, Action::Predict(_)) || (is_asked && !step.reveal);
        steps.push(PlannedStep {
            number: index + 1,
            span: step.span.clone(),
            start,
            within: step.within.clone(),
            note: step.note.clone(),
            optional: step.optional,
            reveal: step.reveal,
            resolved: step.resolved.clone(),
            action,
        });
    }
    if let Some(until) = &file.until
        && until.value < clock.earliest
    {
        let mut mistake = Diagnostic::new(
            "the run would end before its last step",
            until.span.clone(),
            format!("the end is at {}", until.value),
        );
        if let Some(said) = clock.said {
            mistake = mistake.with_context(said, format!("this step cannot run before {}", clock.earliest));
        }
        scope.mistake(mistake);
    }
    steps
}

/// Checks what is done besides the steps: at a time, and to the world.
pub(super) fn plan_interventions(file: &File, scope: &mut Scope) -> Vec<PlannedStep> {
    let mut planned = Vec::new();
    for (index, step) in file.interventions.iter().enumerate() {
        check_starts(step, scope);
        let Some(action) = action_of(step, scope) else { continue };
        let Some(at) = &step.at else {
            let label = "an intervention stands in no order: it must say `at` which time";
            scope.mistake(Diagnostic::new("an intervention without a time", step.span.clone(), label));
            continue;
        };
        if at.value.micros < 0 {
            let label = "time zero is the first instant that an intervention can have";
            scope.mistake(Diagnostic::new("this lies in the past", at.span.clone(), label));
        }
        if !super::super::words::names().any(|name| name == action.name()) {
            let title = format!("`{}` does nothing to the world", action.name());
            let label = "what is asked or expected is a `[[step]]`";
            scope.mistake(Diagnostic::new(title, action.span.clone(), label));
        }
        if step.reveal {
            let label = "what is answered is asked by a `[[step]]`";
            scope.mistake(Diagnostic::new("an intervention answers no question", step.span.clone(), label));
        }
        check_within(step, &action, scope);
        scope.action(&action);
        planned.push(PlannedStep {
            number: FIRST_INTERVENTION + index,
            span: step.span.clone(),
            start: Start::At(at.value),
            within: None,
            note: step.note.clone(),
            optional: step.optional,
            reveal: step.reveal,
            resolved: step.resolved.clone(),
            action,
        });
    }
    planned.sort_by_key(|step| match step.start {
        Start::At(at) => at.micros,
        _ => 0,
    });
    planned
}

/// The one action of a step.
fn action_of(step: &Spanned<Step>, scope: &mut Scope) -> Option<Spanned<Action>> {
    let mut actions = step.actions();
    match actions.len() {
        0 if step.note.is_some() => Some(Spanned { value: Action::Note, span: step.span.clone() }),
        0 => {
            let label = "this step does nothing";
            scope.mistake(
                Diagnostic::new("a step without an action", step.span.clone(), label)
                    .with_help(format!("the actions are {}", listed(Action::NAMES))),
            );
            None
        }
        1 => actions.pop(),
        _ => {
            let (first, second) = (&actions[0], &actions[1]);
            let title = format!("a step does one thing: `{}` or `{}`", first.name(), second.name());
            scope.mistake(
                Diagnostic::new(title, second.span.clone(), "the second thing")
                    .with_context(first.span.clone(), "the first thing")
                    .with_help("write two steps; the second may say `after = \"0s\"`"),
            );
            None
        }
    }
}

/// How many records one step may send: each is kept until its producer has been told.
const MOST_RECORDS: u32 = 1_000_000;

/// Only what can be waited for takes `within`.
fn check_within(step: &Step, action: &Spanned<Action>, scope: &mut Scope) {
    let Some(within) = &step.within else { return };
    scope.waits(within);
    let waits = step.when.is_some()
        || step.when_event.is_some()
        || matches!(
            action.value,
            Action::Expect(_)
                | Action::ExpectError(_)
                | Action::ExpectEvent(_)
                | Action::Never(_)
                | Action::NeverEvent(_)
        );
    if !waits {
        let title = format!("`{}` happens at once", action.name());
        let label = "only expectations, `when` and `when-event` can take a while";
        scope.mistake(Diagnostic::new(title, within.span.clone(), label));
    }
}

impl Scope {
    /// Complains about whatever an action names that does not exist or is not possible.
    fn action(&mut self, action: &Spanned<Action>) {
        let span = &action.span;
        match &action.value {
            Action::Kill(target)
            | Action::Stop(target)
            | Action::Resume(target)
            | Action::Start(target)
            | Action::Restart(target)
            | Action::Replace(target)
            | Action::SyncNow(target) => self.target(target, span),
            Action::PowerCut(cut) => self.target(&cut.target(), span),
            Action::Pause(pause) => {
                self.target(&pause.target(), span);
                self.length(pause.length.as_ref());
            }
            Action::Skew(skew) => {
                self.target(&skew.target(), span);
                self.field("by", "how far", skew.by.is_some(), span);
            }
            Action::Slow(slow) => {
                self.target(&slow.target(), span);
                self.field("sync", "how long a sync takes", slow.sync.is_some(), span);
                self.length(slow.sync.as_ref());
            }
            Action::Stall(stall) => {
                self.target(&stall.target(), span);
                self.field("length", "how long", stall.length.is_some(), span);
                self.length(stall.length.as_ref());
            }
            Action::Fail(fail) => {
                self.target(&fail.target(), span);
                self.field("error", "with which error", fail.error.is_some(), span);
            }
            Action::Partition(partition) => self.network_partition(partition, span),
            Action::Heal(heal) => self.names([&heal.from, &heal.to]),
            Action::Drop(messages) | Action::Hold(messages) => self.messages(messages),
            Action::Clog(messages) | Action::Unclog(messages) | Action::Release(messages) => {
                self.messages(messages);
                if let Some(nth) = messages.nth.as_ref().or(messages.in_flight.as_ref()) {
                    let title = format!("`{}` is about all messages of a kind", action.name());
                    let label = "only `drop`, `delay` and `hold` take a single one";
                    self.mistake(Diagnostic::new(title, nth.span.clone(), label));
                }
            }
            Action::Delay(delay) => {
                self.names([&delay.from, &delay.to]);
                self.length(Some(&delay.by));
                self.api(&delay.api);
                self.one_message(&delay.nth, &delay.in_flight);
            }
            Action::SetLatency(latency) => {
                self.names([&latency.from, &latency.to]);
                self.latency(&latency.is);
            }
            Action::Produce(produce) => self.produce(produce),
            Action::Poll(poll) => {
                self.client(&poll.client, Some(Kind::Consumer));
            }
            Action::Seek(seek) => {
                self.client(&seek.client, Some(Kind::Consumer));
                self.partition(&seek.partition.value, &seek.partition.span);
            }
            Action::RefreshMetadata(one) | Action::Crash(one) => {
                self.client(&one.client, None);
            }
            Action::CommitOffsets(commit) => self.commit_offsets(commit),
            Action::CommitInTransaction(commit) => self.commit_in_transaction(commit),
            Action::EndTransaction(end) => self.transaction(&end.producer),
            Action::Leave(one) => self.leave(one),
            Action::Close(close) => self.close(close),
            Action::Join(join) => self.join(join),
            Action::Work(work) => {
                self.client(&work.client, Some(Kind::Consumer));
                self.length(Some(&work.is));
            }
            Action::PausePartitions(some) | Action::ResumePartitions(some) => {
                self.client(&some.client, Some(Kind::Consumer));
                for partition in &some.partitions {
                    self.partition(&partition.value, &partition.span);
                }
            }
            Action::CreateTopic(_)
            | Action::DeleteTopic(_)
            | Action::CreatePartitions(_)
            | Action::AlterConfig(_)
            | Action::ElectLeader(_)
            | Action::Reassign(_)
            | Action::DeleteRecords(_)
            | Action::ListGroups(_)
            | Action::DescribeGroup(_)
            | Action::DeleteGroup(_)
            | Action::DeleteOffsets(_) => self.administration(&action.value),
            Action::Expect(condition) | Action::Never(condition) => self.condition(condition, span),
            Action::ExpectError(pattern) => {
                if let Some(client) = &pattern.client {
                    self.client(client, None);
                }
                self.error(&pattern.error);
            }
            Action::ExpectEvent(pattern) | Action::NeverEvent(pattern) => self.pattern(pattern),
            Action::Predict(predict) => {
                if !predict.choices.contains(&predict.answer.value) {
                    let choices: Vec<&str> = predict.choices.iter().map(String::as_str).collect();
                    let label = suggestion(&predict.answer.value, choices);
                    let title = "the answer is none of the choices";
                    self.mistake(Diagnostic::new(title, predict.answer.span.clone(), label));
                }
            }
            Action::AlignTimers(_) | Action::SpreadTimers(_) | Action::PauseHere(_) | Action::Note => {}
            Action::Upgrade(_) | Action::Rot(_) | Action::Begin(_) | Action::Commit(_) | Action::Abort(_) => {
                self.not_yet(action)
            }
        }
    }

    /// The actions of later versions: known by name, so that nobody takes them for a typing mistake.
    fn not_yet(&mut self, action: &Spanned<Action>) {
        let needs = match action.value {
            Action::Begin(_) | Action::Commit(_) | Action::Abort(_) => "transactions",
            Action::Upgrade(_) => "older versions of Kafka",
            _ => "decaying disks",
        };
        let title = format!("`{}` is part of the vocabulary, but not yet of Trial", action.name());
        let label = format!("this needs {needs}, which come in a later version");
        self.mistake(Diagnostic::new(title, action.span.clone(), label));
    }

    fn field(&mut self, name: &str, meaning: &str, given: bool, span: &Range<usize>) {
        if !given {
            let title = format!("`{name}` is missing");
            self.mistake(Diagnostic::new(title, span.clone(), format!("this must say {meaning}: `{name} = …`")));
        }
    }

    fn names<const N: usize>(&mut self, lists: [&Option<Spanned<Names>>; N]) {
        for names in lists.into_iter().flatten() {
            self.machines(&names.value.0, &names.span);
        }
    }

    fn messages(&mut self, messages: &Messages) {
        self.names([&messages.from, &messages.to]);
        self.api(&messages.api);
        self.one_message(&messages.nth, &messages.in_flight);
    }

    /// A single message is one that is yet to be sent, or one that is on its way.
    fn one_message(&mut self, nth: &Option<Spanned<u32>>, in_flight: &Option<Spanned<u32>>) {
        for number in [nth, in_flight].into_iter().flatten().filter(|number| number.value == 0) {
            self.mistake(Diagnostic::new("messages are counted from 1", number.span.clone(), "expected at least 1"));
        }
        if let (Some(_), Some(in_flight)) = (nth, in_flight) {
            let label = "`nth` counts messages that are yet to be sent, this one those that are on their way";
            self.mistake(Diagnostic::new("this names two messages", in_flight.span.clone(), label));
        }
    }

    fn api(&mut self, api: &Option<Spanned<String>>) {
        if let Some(api) = api
            && !Api::ALL.iter().any(|known| known.name() == api.value)
        {
            let label = suggestion(&api.value, Api::ALL.iter().map(|known| known.name()).collect::<Vec<_>>());
            self.mistake(Diagnostic::new(format!("there is no API `{}`", api.value), api.span.clone(), label));
        }
    }

    fn network_partition(&mut self, partition: &Partition, span: &Range<usize>) {
        self.names([&partition.from, &partition.to]);
        match (&partition.groups, &partition.from, &partition.to) {
            (Some(groups), None, None) => {
                let mut seen: Vec<(&String, &Range<usize>)> = Vec::new();
                for group in &groups.value {
                    self.machines(&group.value.0, &group.span);
                    for name in &group.value.0 {
                        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                            let title = format!("`{name}` is in two groups");
                            let first = (*first).clone();
                            self.mistake(
                                Diagnostic::new(title, group.span.clone(), "again here")
                                    .with_context(first, "first here"),
                            );
                        }
                        seen.push((name, &group.span));
                    }
                }
                if groups.value.len() < 2 {
                    let label = "expected at least two groups";
                    self.mistake(Diagnostic::new("one group is not a partition", groups.span.clone(), label));
                }
            }
            (None, Some(_), Some(_)) => {}
            _ => {
                let label = "expected `groups`, or `from` and `to`";
                self.mistake(Diagnostic::new("this does not say what is cut", span.clone(), label).with_help(
                    "{ groups = [[\"b1\"], [\"b2\", \"b3\", \"c1\"]] } cuts both ways, \
                     { from = \"b3\", to = \"b1\" } one way",
                ));
            }
        }
    }

    fn produce(&mut self, produce: &Produce) {
        self.client(&produce.client, Some(Kind::Producer));
        if let Some(count) = produce.count.as_ref().filter(|count| count.value > MOST_RECORDS) {
            let label = format!("expected at most {MOST_RECORDS}");
            self.mistake(Diagnostic::new(
                "a step sends no more records than a reader would wait for",
                count.span.clone(),
                label,
            ));
        }
        if self.topic(&produce.topic.value, &produce.topic.span)
            && let Some(partition) = &produce.partition
        {
            self.partition(&format!("{}-{}", produce.topic.value, partition.value), &partition.span);
        }
        if let Some(every) = &produce.every
            && every.value.micros <= 0
        {
            let label = "expected a time longer than 0";
            self.mistake(Diagnostic::new("records cannot follow each other so fast", every.span.clone(), label));
        }
        if let (Some(true), Some(every)) = (produce.together, &produce.every) {
            let label = "records of one batch are sent at the same time";
            self.mistake(Diagnostic::new("`together` and `every` exclude each other", every.span.clone(), label));
        }
    }
}
