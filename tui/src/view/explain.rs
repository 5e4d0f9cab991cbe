//! The last event explained: what was said, the rule behind it, its source, and the raw fields.

use std::collections::BTreeSet;

use trial_broker::ids::NodeId;
use trial_sim::internal::check::{Violation, event_words};
use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::scenario::bug_named;
use trial_sim::internal::scenario::trace::meaning_of;
use trial_sim::internal::session::Tape;
use trial_sim::internal::{MachineId, Step};

use crate::app::Model;
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::{cut, heading, line, wrapped};

/// So much of what a machine asked for is shown.
const LONGEST: usize = 160;

/// The switches that are on for a machine: those of all, and its own.
fn switches_of(tape: &Tape, machine: MachineId) -> impl Iterator<Item = &str> {
    let file = &tape.scenario.file;
    let is_it = move |id: i32| tape.cast.node_name(NodeId(id)) == tape.cast.name(machine);
    let own = file.nodes.iter().filter(move |node| is_it(node.id.value));
    file.cluster.switches.iter().chain(own.flat_map(|node| &node.switches)).map(|switch| switch.value.as_str())
}

/// The deliberate bugs that are on where something has just happened: on the machines of the last line, on that of the last step,
/// and all of them where a promise is broken.
fn bugs_here(model: &Model, tape: &Tape) -> Vec<String> {
    let last = model.place.steps.checked_sub(1).and_then(|index| tape.steps.get(usize::try_from(index).ok()?));
    let machines = model.told().last().into_iter().flat_map(|line| line.machines.iter().copied());
    let machines = machines.chain(last.and_then(Step::machine));
    let mut switches: BTreeSet<&str> = machines.flat_map(|machine| switches_of(tape, machine)).collect();
    if broken_here(model, tape).next().is_some() {
        switches.extend(tape.scenario.bugs());
    }
    switches.into_iter().map(bug_words).collect()
}

/// What a bug does, and what Kafka does there: the words of the code that has it.
fn bug_words(switch: &str) -> String {
    let Some(bug) = bug_named(switch) else { return format!("{switch} is on, a deliberate bug.") };
    let kafka = bug.kafka.as_ref().map_or_else(String::new, |kafka| format!(" In Kafka 4.1 {kafka}"));
    format!("{switch} is on, a deliberate bug: {}{kafka}", bug.does)
}

/// The promises that the last step broke.
fn broken_here<'a>(model: &Model, tape: &'a Tape) -> impl Iterator<Item = &'a Violation> {
    let steps = model.place.steps;
    tape.violations.iter().filter(move |violation| violation.step + 1 == steps)
}

/// What the messages say that the last step took and sent.
fn said(model: &Model, tape: &Tape) -> Vec<String> {
    let Some(contents) = model.contents() else { return Vec::new() };
    let taken = contents.taken.iter().map(|words| format!("It says: {words}."));
    let sent = contents.sent.iter().map(|sent| {
        let kind = match sent.kind {
            MessageKind::Request => "Asks",
            MessageKind::Response => "Answers",
        };
        format!("{kind} {} ({}): {}.", tape.cast.name(sent.to), sent.api.name(), sent.words)
    });
    taken.chain(sent).collect()
}

/// The last line of the transcript, and the events of the last step.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let look = model.look;
    let mut rows = vec![Row::title(heading(look, "EXPLAINED", width))];
    let Some(tape) = &model.tape else { return rows };
    let paragraph = |role: Role, text: &str| -> Vec<Row> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text).into()).collect()
    };
    for violation in broken_here(model, tape).filter(|violation| model.may_tell(violation.step)) {
        rows.extend(paragraph(Role::Bad, &format!("{} is broken: {}", violation.property.name, violation.message)));
    }
    for words in bugs_here(model, tape) {
        rows.extend(paragraph(Role::Warning, &words));
    }
    if let Some(last) = model.told().last() {
        // A note is about nothing in particular.
        let about = if last.what.is_empty() { String::new() } else { format!(" {}", last.what) };
        rows.extend(paragraph(Role::Heading, &format!("{}{about}: {}", last.event, last.cause)));
        if let Some(meaning) = meaning_of(last.event) {
            rows.extend(paragraph(Role::Plain, meaning.rule));
            rows.extend(paragraph(Role::Leader, meaning.source));
        }
    }
    let Some(index) = model.place.steps.checked_sub(1) else { return rows };
    rows.push(Row::title(heading(look, "THE LAST STEP", width)));
    rows.extend(paragraph(Role::Plain, &tape.sentence(index)));
    for words in said(model, tape) {
        rows.extend(paragraph(Role::Leader, &words));
    }
    let step = tape.steps.get(index as usize);
    for event in step.iter().flat_map(|step| &step.events) {
        rows.extend(paragraph(Role::Plain, &event_words(event)));
    }
    if let Some(detail) = model.seen.as_ref().filter(|_| model.is_current()).and_then(|seen| seen.detail.as_ref()) {
        for (choice, answer) in &detail.choices {
            rows.extend(paragraph(Role::Plain, &format!("drew {:?}: {answer}", choice.purpose)));
        }
        for output in &detail.outputs {
            // A message may hold many records.
            let asked = cut(&format!("{output:?}"), LONGEST, look);
            rows.extend(paragraph(Role::Plain, &format!("asks for {asked}")));
        }
    }
    rows
}
