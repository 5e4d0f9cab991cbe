//! What must never happen: each property with whether it held, was excused, or which events prove that it was broken.

use std::collections::BTreeMap;

use ratatui::text::Line;
use trial_broker::event::{Event, LogEvent, PartitionEvent};
use trial_sim::internal::check::{Evidence, PROPERTIES, Violation, event_words};
use trial_sim::internal::scenario::Excuse;
use trial_sim::internal::session::Tape;

use crate::app::{Model, Spot};
use crate::theme::{Glyph, Role};
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{counted, grouped, heading, line, seconds, word, wrapped};

/// The rows around a proof in a low window: headings, two properties, and how many rows have no room.
const AROUND: usize = 6;

/// So many rows a proof has wherever there is room for them.
const LEAST: usize = 10;

/// The properties, and below them the selected one in words.
pub fn rows(model: &Model, width: u16, most: u16) -> Vec<Row> {
    let Some(tape) = &model.tape else { return Vec::new() };
    // A proof has half of the room, and in a low window most of it: the event where we are is in sight.
    let half = usize::from(most) / 2;
    let story = story(model, tape, width, half.max(usize::from(most).saturating_sub(AROUND).min(LEAST)));
    let table = Table {
        columns: vec![column("", 0), column("property", 0), column("in this run", 0)],
        rows: PROPERTIES.iter().map(|property| row(model, tape, property.name)).collect(),
        selected: Some(model.property),
    };
    let mut rows = table.rows(model.look, width).into_iter();
    let names = rows.next();
    let rows = rows.enumerate().map(|(index, row)| row.meaning(Spot::Property(index)));
    let rows: Vec<Row> = names.into_iter().chain(rows).collect();
    // The table keeps a third of the room, whatever a long list of findings says.
    let findings = findings(model, tape, width, usize::from(most) / 3);
    let room = usize::from(most).saturating_sub(story.len() + findings.len() + 2).max(3);
    let count = rows.len() - 1;
    let (names, rows) = rows.split_at(1);
    let places = window(count, model.property, room - 1);
    let title = match places.len() {
        all if all == count => "WHAT MUST NEVER HAPPEN".to_owned(),
        _ => {
            let more = if model.mode.is_picture() { "" } else { ", Tab FOR MORE" };
            format!("WHAT MUST NEVER HAPPEN: {} TO {} OF {count}{more}", places.start + 1, places.end)
        }
    };
    let mut shown = vec![Row::title(heading(model.look, &title, width))];
    shown.extend(names.iter().chain(&rows[places]).cloned());
    let selected = Row::title(heading(model.look, "THE SELECTED ONE", width));
    let story = std::iter::once(selected).chain(story);
    let is_broken = PROPERTIES.get(model.property).is_some_and(|one| violation(model, tape, one.name).is_some());
    match model.mode.is_picture() && is_broken {
        // On a page nobody is to look for the proof below all that held.
        true => shown.splice(0..0, story).for_each(drop),
        false => shown.extend(story),
    }
    shown.extend(findings.into_iter().map(Row::from));
    shown
}

/// What else the run came to: its fingerprint, expectations that did not come true or are another run's, a cluster that did
/// not recover, a crash.
fn findings(model: &Model, tape: &Tape, width: u16, most: usize) -> Vec<Line<'static>> {
    let look = model.look;
    if !model.may_tell_end() {
        return Vec::new();
    }
    let title = format!("WHAT THE RUN CAME TO: fingerprint {:016x}", tape.report.fingerprint);
    let mut lines = vec![heading(look, &title, width)];
    lines.extend(
        tape.report.excused.iter().take(most.max(1)).map(|excuse| line(look, Role::Warning, excuse.to_string())),
    );
    if tape.report.failures.is_empty() || tape.report.property.is_some() {
        return lines;
    }
    let said = tape.report.findings();
    let said: Vec<&str> = said.lines().collect();
    let room = most.saturating_sub(lines.len() + 1).max(1);
    lines.extend(said.iter().take(room).map(|text| line(look, Role::Bad, (*text).to_owned())));
    if said.len() > room {
        lines.push(line(
            look,
            Role::Bad,
            format!("... {} more: `trial run` prints them", counted((said.len() - room) as i64, "line")),
        ));
    }
    lines
}

/// Which of so many rows there is room for, one of them among them.
fn window(count: usize, wanted: usize, room: usize) -> std::ops::Range<usize> {
    let first = (wanted + 1).saturating_sub(room).min(count.saturating_sub(room));
    first..(first + room).min(count)
}

fn violation<'a>(model: &Model, tape: &'a Tape, name: &str) -> Option<&'a Violation> {
    tape.violations.iter().find(|violation| violation.property.name == name && model.may_tell(violation.step))
}

fn row(model: &Model, tape: &Tape, name: &str) -> Vec<Cell> {
    let look = model.look;
    match violation(model, tape, name) {
        Some(violation) => vec![
            styled(Role::Bad, look.sign(Glyph::No).to_string()),
            styled(Role::Bad, name),
            styled(
                Role::Bad,
                format!("broken at {}, step {}", seconds(tape.cast.micros(violation.at)), grouped(violation.step)),
            ),
        ],
        None => match excuses(model, tape, name) {
            Some(excuses) => vec![
                styled(Role::Warning, look.sign(Glyph::Excused).to_string()),
                cell(name),
                styled(Role::Warning, excuses),
            ],
            None => {
                let held = if model.may_tell_end() { "held" } else { "held so far" };
                vec![styled(Role::Good, look.sign(Glyph::Yes).to_string()), cell(name), styled(Role::Good, held)]
            }
        },
    }
}

/// For what reasons a property did not have to hold, and how often each; none if it held, or the run is not over.
fn excuses(model: &Model, tape: &Tape, name: &str) -> Option<String> {
    let mut reasons = BTreeMap::<&str, usize>::new();
    for excuse in &tape.report.excused {
        match excuse {
            Excuse::LossBudget(forgiven) if forgiven.property == name => {
                *reasons.entry(forgiven.reason).or_default() += 1
            }
            Excuse::LossBudget(_) | Excuse::Liveness(_) | Excuse::Hazard { .. } | Excuse::Intervention { .. } => {}
        }
    }
    let said: Vec<String> = reasons.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
    (model.may_tell_end() && !said.is_empty()).then(|| format!("excused: {}", said.join("; ")))
}

/// The selected property: if it was broken how, with the events that prove it, the one where we are among them; and its rule.
fn story(model: &Model, tape: &Tape, width: u16, most: usize) -> Vec<Row> {
    let look = model.look;
    let Some(property) = PROPERTIES.get(model.property) else { return Vec::new() };
    let paragraph = |role: Role, text: &str| -> Vec<Row> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text).into()).collect()
    };
    let mut rows = Vec::new();
    if let Some(violation) = violation(model, tape, property.name) {
        rows.extend(paragraph(Role::Bad, &violation.message));
        let here = violation.evidence.iter().rposition(|event| event.step < model.place.steps).unwrap_or(0);
        let count = violation.evidence.len();
        let places = window(count, here, most.saturating_sub(rows.len() + 2).max(2));
        if places.len() < count {
            let text = format!("events {} to {} of {count}:", places.start + 1, places.end);
            rows.extend(paragraph(Role::Heading, &text));
        }
        rows.extend(violation.evidence[places].iter().map(|event| proof(model, tape, event)));
        // Nobody can press a key of a picture.
        if !model.mode.is_picture() {
            rows.push(keys(model).into());
        }
    }
    rows.extend(paragraph(Role::Plain, &format!("{} ({})", property.rule, property.source)));
    rows
}

/// The keys that lead along a proof.
fn keys(model: &Model) -> Line<'static> {
    let keys =
        [("up", " and "), ("down", " walk along the proof, "), ("Enter", " goes to its end, "), ("x", " explains")];
    let words = |(key, does)| [word(model.look, Role::Key, key), word(model.look, Role::Plain, does)];
    Line::from(keys.into_iter().flat_map(words).collect::<Vec<_>>())
}

/// An event of a proof that has no line of its own: what logs came to hold, and whom they follow, in words, with the epoch first;
/// any other with its fields.
fn proof_words(tape: &Tape, event: &Event) -> String {
    match event {
        Event::Log(LogEvent::RecordsAppended {
            partition, base_offset, log_end_offset, batches, as_leader, ..
        }) => {
            let mut epochs: Vec<String> = batches.iter().map(|batch| batch.leader_epoch.to_string()).collect();
            epochs.dedup();
            let (many, all) = (if epochs.len() == 1 { "" } else { "s" }, epochs.join(", "));
            let offsets = match log_end_offset - 1 {
                last if last == *base_offset => format!("offset {last}"),
                last => format!("offsets {base_offset} to {last}"),
            };
            let how = if *as_leader { "as its leader" } else { "from its leader" };
            format!("append {partition}: epoch{many} {all}, {offsets}, {how}")
        }
        Event::Partition(PartitionEvent::BecameFollower { partition, leader, leader_epoch, .. }) => {
            let whom = if leader.is_some() { tape.cast.node_name(*leader) } else { "nobody".to_owned() };
            format!("follow {partition}: epoch {leader_epoch}, {whom} leads")
        }
        other => event_words(other),
    }
}

/// One event of the proof, in the words of the transcript where it has a line of its own. Its raw fields stand in the pane that
/// explains.
fn proof(model: &Model, tape: &Tape, event: &Evidence) -> Row {
    let step = usize::try_from(event.step).ok().and_then(|step| tape.steps.get(step));
    let index = step.and_then(|step| step.events.iter().position(|said| *said == event.event));
    let mut lines = tape.lines_until(event.step + 1).iter().rev().take_while(|line| line.step == event.step);
    let words = match lines.find(|line| index.is_some() && line.of_event == index) {
        Some(line) => format!("{} {}: {}", line.event, line.what, line.cause),
        None => proof_words(tape, &event.event),
    };
    let is_here = event.step + 1 == model.place.steps;
    let cursor = if is_here { model.look.sign(Glyph::Cursor) } else { ' ' };
    let (at, name) = (seconds(tape.cast.micros(event.at)), tape.cast.name(event.machine));
    let text = format!("{cursor}{at:>13}  step {:>9}  {name:<4} {words}", grouped(event.step));
    let role = if is_here { Role::Heading } else { Role::Plain };
    Row::at(line(model.look, role, text), Spot::Step(event.step))
}
