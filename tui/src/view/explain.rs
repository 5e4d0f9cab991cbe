//! The last event explained: what was said, the rule behind it, its source, and the raw fields.

use std::collections::BTreeSet;

use trial_broker::ids::NodeId;
use trial_sim::internal::MachineId;
use trial_sim::internal::check::event_words;
use trial_sim::internal::scenario::trace::meaning_of;
use trial_sim::internal::session::Tape;

use crate::app::Model;
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::{cut, heading, line, wrapped};

/// So much of what a machine asked for is shown.
const LONGEST: usize = 160;

/// The switches that are on for a machine of the cluster: those of all, and its own.
fn switches_of<'a>(model: &Model, tape: &'a Tape, machine: MachineId) -> Vec<&'a str> {
    let is_node = model.machines().iter().any(|part| part.id == machine && part.work.is_node());
    let file = &tape.scenario.file;
    let own = file.nodes.iter().filter(|node| tape.cast.node_name(NodeId(node.id.value)) == tape.cast.name(machine));
    let all = file.cluster.switches.iter().chain(own.flat_map(|node| &node.switches));
    all.filter(|_| is_node).map(|switch| switch.value.as_str()).collect()
}

/// The last line of the transcript, and the events of the last step.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let look = model.look;
    let mut rows = vec![Row::title(heading(look, "EXPLAINED", width))];
    let Some(tape) = &model.tape else { return rows };
    let paragraph = |role: Role, text: &str| -> Vec<Row> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text).into()).collect()
    };
    if let Some(last) = model.told().last() {
        // A note is about nothing in particular.
        let about = if last.what.is_empty() { String::new() } else { format!(" {}", last.what) };
        rows.extend(paragraph(Role::Heading, &format!("{}{about}: {}", last.event, last.cause)));
        if let Some(meaning) = meaning_of(last.event) {
            rows.extend(paragraph(Role::Plain, meaning.rule));
            rows.extend(paragraph(Role::Leader, meaning.source));
            let switches =
                last.machines.iter().flat_map(|machine| switches_of(model, tape, *machine)).collect::<BTreeSet<_>>();
            for switch in switches {
                let text = format!("Here {switch} is switched on, a deliberate bug: what happened may break the rule.");
                rows.extend(paragraph(Role::Warning, &text));
            }
        }
    }
    let Some(index) = model.place.steps.checked_sub(1) else { return rows };
    rows.push(Row::title(heading(look, "THE LAST STEP", width)));
    rows.extend(paragraph(Role::Plain, &tape.sentence(index)));
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
