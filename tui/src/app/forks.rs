//! Doing something to the world: each deed is a fork, a run of its own that is the same up to then.
//!
//! ```text
//!   run 1   ──────────────┬───────────────▶ end
//!   run 2                 └ kill leader ──────────┬──────▶ end
//!   run 3                                         └ heal ──────▶ end
//! ```
//!
//! A fork at the end of a recording is how one goes on in the present. Runs stay open and can be switched, compared from
//! where they part, and saved as scenario files that do the same again without a window.

use std::collections::BTreeSet;

use trial_broker::time::Time;
use trial_sim::internal::machine::ProcessState;
use trial_sim::internal::scenario::trace::{Told, Weight};
use trial_sim::internal::scenario::{Scenario, Span, UNSAVED, words};
use trial_sim::internal::session::{Kept, MachinePart, Tape};
use trial_sim::internal::step::{Fact, Step};

use super::{
    Effect, Form, Lesson, Macro, Model, Pane, Place, Saved, Screen, Status, Subject, compare, lesson, menu, place,
};

/// Behind an action: what the scenario and earlier forks do later is left out.
pub(super) const DROP_LATER: &str = "--drop-later";

/// What can be typed beside the actions of scenario files.
pub(super) const COMMANDS: &[&str] = &["save", "record", "run", "runs", "compare"];

/// A run that is open.
#[derive(Debug)]
pub struct Run {
    /// What was done to make it.
    pub name: String,
    /// Which run it was forked from, and when; none for the first.
    pub parent: Option<(usize, Time)>,
    /// Its recording, unless it is the one that is shown.
    pub shelved: Option<Box<Tape>>,
    /// Its questions, unless it is the one that is shown: steps have other numbers in every run.
    pub lesson: Option<Lesson>,
    /// Its bookmarks, unless it is the one that is shown.
    pub bookmarks: BTreeSet<u64>,
    /// Whether it lies in a file.
    pub is_saved: bool,
}

impl Run {
    /// The run that the window was opened on.
    pub(super) fn first(tape: &Tape) -> Run {
        Run::new(format!("as {} says", tape.scenario.path), None)
    }

    fn new(name: String, parent: Option<(usize, Time)>) -> Run {
        Run { name, parent, shelved: None, lesson: None, bookmarks: BTreeSet::new(), is_saved: false }
    }
}

/// What would be lost with the window, in words: runs that were made here and lie in no file, and bookmarks.
pub(super) fn unsaved(model: &Model) -> Option<String> {
    let runs = model.runs.iter().filter(|run| run.parent.is_some() && !run.is_saved).count();
    let marks = model.bookmarks.len() + model.runs.iter().map(|run| run.bookmarks.len()).sum::<usize>();
    let some = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        many => Some(format!("{many} {what}s")),
    };
    let lost: Vec<String> = some(runs, "unsaved run").into_iter().chain(some(marks, "bookmark")).collect();
    let how = if runs > 0 { " (`:save FILE` keeps a run)" } else { "" };
    (!lost.is_empty()).then(|| format!("with the window go {}{how}", lost.join(" and ")))
}

/// Places behind steps that tell of a change, in order.
pub(super) fn news_of(tape: &Tape) -> Vec<u64> {
    let mut news: Vec<u64> = told_as_news(&tape.lines).collect();
    news.extend(tape.violations.iter().map(|violation| violation.step + 1));
    news.sort_unstable();
    news.dedup();
    news
}

/// Places behind the steps of those lines that tell of a change.
pub(super) fn told_as_news(lines: &[Told]) -> impl Iterator<Item = u64> {
    lines.iter().filter(|line| line.weight >= Weight::News).map(|line| line.step + 1)
}

fn refuse(model: &mut Model, reason: impl Into<String>) -> Vec<Effect> {
    model.status = Some(Status::Refused(reason.into()));
    Vec::new()
}

/// Does what was typed.
pub(super) fn command(model: &mut Model, text: &str) -> Vec<Effect> {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some(("save", path)) => save(model, path.trim()),
        Some(("record", path)) => record(model, path.trim()),
        Some(("compare", number)) => compare::with(model, number.trim()),
        Some(("run", number)) => match number.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            Some(index) if index < model.runs.len() => switch(model, index),
            _ => refuse(model, format!("there are runs 1 to {}", model.runs.len())),
        },
        None if text == "runs" => {
            menu::of_runs(model);
            Vec::new()
        }
        _ if COMMANDS.contains(&text) => refuse(
            model,
            format!("`{text}` needs a word behind it: `save FILE`, `record FILE`, `run NUMBER`, `compare NUMBER`"),
        ),
        _ => fork(model, text),
    }
}

/// Whether the recording can be forked here, or why not.
fn may_fork(model: &Model) -> Result<(), &'static str> {
    let tape = model.tape.as_deref().ok_or("there is nothing yet that something could be done to")?;
    assert!(model.forking.is_none(), "what makes a run waits for the one that is being made");
    if model.is_growing {
        return Err("the run is still being made: something can be done to it when it is over");
    }
    if model.place.at < tape.cast.zero() {
        return Err("before time zero the cluster is only being set up: g goes to time zero");
    }
    Ok(())
}

/// Whether something can be done here: all there is of the run is there, and no promise is broken before.
pub(super) fn can_do_something(model: &Model) -> bool {
    let is_broken = |tape: &Tape| {
        let at = next_instant(tape, model.place);
        tape.violations.first().is_some_and(|violation| violation.at < at)
    };
    model.forking.is_none() && may_fork(model).is_ok() && !model.tape.as_deref().is_some_and(is_broken)
}

/// A run in which everything starts that is stopped, all of it in one instant.
fn start_everything(model: &mut Model) -> Vec<Effect> {
    if let Err(reason) = may_fork(model) {
        return refuse(model, reason);
    }
    let is_stopped = |machine: &&MachinePart| matches!(machine.state, ProcessState::Stopped | ProcessState::Off);
    let stopped = model.machines().iter().filter(is_stopped);
    let lines = stopped.map(|machine| words::line(&format!("start {}", menu::called(model, machine))));
    match lines.collect::<Result<Vec<String>, String>>() {
        Ok(lines) if lines.is_empty() => refuse(model, nothing_stopped(model)),
        Ok(lines) => fork_with(model, "start everything", &lines, false),
        Err(reason) => refuse(model, reason),
    }
}

/// Why nothing can be started: who was asked to stop in order may still be at it.
fn nothing_stopped(model: &Model) -> String {
    let stopping = model.machines().iter().filter(|machine| machine.is_stopping).map(|machine| machine.name.as_str());
    match stopping.collect::<Vec<&str>>().as_slice() {
        [] => "nothing is stopped: there is nothing to start".to_owned(),
        [one] => format!("{one} is stopping: it can be started when its process has ended"),
        several => format!("{} are stopping: they can be started when their processes have ended", several.join(", ")),
    }
}

/// A run with one thing more, from here.
fn fork(model: &mut Model, typed: &str) -> Vec<Effect> {
    let (words, drops_later) = match typed.strip_suffix(DROP_LATER) {
        Some(before) => (before.trim_end(), true),
        None => (typed, false),
    };
    let name = words.split_whitespace().next().unwrap_or("");
    if !words::names().any(|known| known == name) {
        return refuse(model, no_such(name));
    }
    if let Some(reason) = unknown_machine(model, name, words) {
        return refuse(model, reason);
    }
    // What is wrong with the words is said first: that no waiting mends.
    let line = match words::line(words) {
        Ok(line) => line,
        Err(reason) => return refuse(model, reason),
    };
    if let Err(reason) = may_fork(model) {
        return refuse(model, reason);
    }
    if name == "heal" && model.is_current() && model.snapshot().is_some_and(|seen| !seen.interference.is_cut) {
        return refuse(model, "nothing is cut and nothing is clogged: there is nothing to heal, and no run is made");
    }
    fork_with(model, typed, &[line], drops_later)
}

/// What to say of a word beside a target that names nothing: that it is another target is the smaller mistake.
fn unknown_machine(model: &Model, name: &str, words: &str) -> Option<String> {
    let told: Vec<&str> = words.split_whitespace().skip(1).collect();
    let is_target =
        |word: &&str| ["leader=", "follower=", "broker=", "controller="].iter().any(|way| word.starts_with(way));
    if !told.iter().any(is_target) {
        return None;
    }
    // A bare word is read as a client, where it is neither a broker's name nor a controller's.
    let is_name = |word: &&&str| {
        !word.contains(['=', '|', ':'])
            && !word.starts_with('-')
            && words::line(&format!("{name} {word}")).is_ok_and(|line| line.contains("client = "))
    };
    let wrong = told.iter().filter(is_name).find(|word| model.machines().iter().all(|part| part.name != **word))?;
    Some(format!("there is no machine `{wrong}`"))
}

/// What to say of a word that neither does nor means anything.
fn no_such(name: &str) -> String {
    match name {
        "quit" | "q" | "q!" | "exit" => format!("there is no action `{name}`: the key q quits, without `:`"),
        _ => words::unknown(name, COMMANDS),
    }
}

/// A run with some lines more, all at one instant, from here.
fn fork_with(model: &mut Model, what: &str, lines: &[String], drops_later: bool) -> Vec<Effect> {
    let Some(tape) = model.tape.as_deref() else { return Vec::new() };
    let at = next_instant(tape, model.place);
    if let Some(violation) = tape.violations.first().filter(|violation| violation.at < at) {
        let name = violation.property.name;
        let reason = format!(
            "a run ends where it breaks a promise, here {name}: nothing can be done behind that; [ goes back, and what is done there may prevent it"
        );
        return refuse(model, reason);
    }
    let span = Span { micros: tape.cast.micros(at) };
    let kept = if drops_later { tape.scenario.without_later(span, begun(tape, at)) } else { Ok(tape.scenario.clone()) };
    let with = |scenario: Result<Scenario, _>, line: &String| scenario.and_then(|it| it.with_intervention(span, line));
    match lines.iter().fold(kept, with) {
        Ok(scenario) => {
            let name = format!("{what} at {span}");
            model.status = Some(Status::Said(format!("recording a run with {name}")));
            model.runs.push(Run::new(name, Some((model.current, at))));
            (model.forking, model.is_playing) = (Some(model.place), false);
            vec![Effect::Fork(Box::new(scenario))]
        }
        Err(invalid) => {
            let reason = invalid.mistakes.first().map(words::in_words);
            refuse(model, reason.unwrap_or_else(|| "this cannot be done".to_owned()))
        }
    }
}

/// How many of the scenario's steps had begun before an instant.
fn begun(tape: &Tape, at: Time) -> usize {
    tape.moments.iter().filter(|moment| moment.at < at).map(|moment| moment.number).max().unwrap_or(0)
}

/// The first instant of which nothing has been seen: what was seen stays as it was.
fn next_instant(tape: &Tape, place: Place) -> Time {
    let is_seen = tape.steps_before(place.at) < place.steps || place.steps == tape.end();
    if is_seen { Time(place.at.0 + 1) } else { place.at }
}

/// The fork that was asked for is there: it is shown from its deed on. Who has gone elsewhere meanwhile stays there.
pub(super) fn recorded(model: &mut Model, tape: Box<Tape>) -> Vec<Effect> {
    let asked_at = model.forking.take();
    let index = model.runs.len() - 1;
    let at = model.runs[index].parent.map_or(Time::ZERO, |(_, at)| at);
    if let Some(reason) = without_effect(&tape, at) {
        return discard(model, reason, &whom(&tape, at));
    }
    let first = first_deed(model, index).unwrap_or(at);
    let own = model.lesson.as_ref().map(|before| Lesson::of_fork(&tape, first, before));
    if asked_at != Some(model.place) || model.is_playing {
        let key = if model.runs.len() == 2 { "f".to_owned() } else { format!("`:run {}`", index + 1) };
        let text = format!("run {} is there, with {}: {key} shows it", index + 1, model.runs[index].name);
        model.status = Some(Status::Said(text));
        (model.runs[index].shelved, model.runs[index].lesson) = (Some(tape), own);
        return Vec::new();
    }
    shelve(model);
    (model.current, model.compared) = (index, None);
    model.lesson = own;
    let steps = tape.entries_until(at);
    let broken = tape.violations.first().map(|violation| violation.property.name);
    model.status = Some(match broken {
        Some(name) => Status::Refused(format!("this run breaks {name}: 6 shows where")),
        None => Status::Said(format!("run {}: {}", index + 1, model.runs[index].name)),
    });
    model.news = news_of(&tape);
    model.tape = Some(tape);
    let mut effects = vec![Effect::Switch(index)];
    effects.extend(place::go(model, Place { steps, at }));
    effects
}

/// Why nothing came of what was done at an instant, where the world says so: the run is the one that it leaves.
fn without_effect(tape: &Tape, at: Time) -> Option<&'static str> {
    if tape.time_at(tape.end()) < at {
        return Some("the run ends before that, as the one that it leaves does");
    }
    let first = usize::try_from(tape.steps_before(at)).ok()?;
    let last = usize::try_from(tape.entries_until(at)).ok()?;
    let mut reasons = tape.steps.get(first..last)?.iter().map(|step| match step.facts.as_slice() {
        [Fact::Ignored { reason }] => Some(*reason),
        _ => None,
    });
    let first = reasons.next()??;
    reasons.all(|reason| reason.is_some()).then_some(first)
}

/// The machines to which something was done at an instant.
fn whom(tape: &Tape, at: Time) -> String {
    let (first, last) = (tape.steps_before(at) as usize, tape.entries_until(at) as usize);
    let machines = tape.steps.get(first..last).unwrap_or_default().iter().filter_map(Step::machine);
    let names: BTreeSet<&str> = machines.map(|machine| tape.cast.name(machine)).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

/// A run that is no other one is not kept. Of a target that was named by what it is, one reads which machine that was.
fn discard(model: &mut Model, reason: &str, whom: &str) -> Vec<Effect> {
    let run = model.runs.pop();
    let name = run.map_or_else(String::new, |run| run.name);
    let is_said = ["leader=", "follower=", "coordinator=", "=active", "=any"].iter().any(|way| name.contains(way));
    let whom = if is_said && !whom.is_empty() { format!(" ({whom})") } else { String::new() };
    refuse(model, format!("{name}{whom} changes nothing: {reason}; no run is made"));
    vec![Effect::Discard]
}

/// A thread has ended: if a run was being made, nothing comes of it.
pub(super) fn lost(model: &mut Model) -> Vec<Effect> {
    if model.forking.take().is_none() {
        return Vec::new();
    }
    model.runs.pop();
    vec![Effect::Discard]
}

/// Puts away the run that is shown, with all that is said in numbers of its steps.
fn shelve(model: &mut Model) {
    if let Some(run) = model.runs.get_mut(model.current) {
        run.shelved = model.tape.take();
        run.lesson = model.lesson.take();
        run.bookmarks = std::mem::take(&mut model.bookmarks);
    }
    model.way = None;
}

/// Shows the other run; of more than two asks which.
pub(super) fn next(model: &mut Model) -> Vec<Effect> {
    match model.runs.len() {
        0 | 1 => {
            model.status = Some(Status::Said("there is one run: `:` does something and makes another".to_owned()));
            Vec::new()
        }
        2 => switch(model, 1 - model.current),
        // Of many one wants to see what there is.
        _ => {
            menu::of_runs(model);
            Vec::new()
        }
    }
}

/// Shows another run, at the same time.
pub(super) fn switch(model: &mut Model, index: usize) -> Vec<Effect> {
    let Some(tape) = model.runs[index].shelved.take() else { return Vec::new() };
    let left = model.lesson.clone();
    shelve(model);
    if model.pane == Pane::Compare {
        // The two change places.
        model.compared = Some(model.current);
    }
    model.current = index;
    model.lesson = model.runs[index].lesson.take();
    model.bookmarks = std::mem::take(&mut model.runs[index].bookmarks);
    if let (Some(own), Some(left)) = (&mut model.lesson, &left) {
        own.take_votes_of(left);
    }
    model.news = news_of(&tape);
    model.status = Some(Status::Said(format!("run {}: {}", index + 1, model.runs[index].name)));
    let last = tape.time_at(tape.end());
    let place = Place { steps: tape.steps_until(model.place.at), at: model.place.at.min(last) };
    let place = lesson::no_further_than_asked(model, place);
    model.tape = Some(tape);
    // Not a way from the other run's place: what lies before this one was seen there.
    model.place = place;
    let mut effects = vec![Effect::Switch(index)];
    effects.extend(place::go(model, place));
    effects
}

fn save(model: &mut Model, path: &str) -> Vec<Effect> {
    if model.is_growing {
        return refuse(model, "the run is still being made: what it comes to is not known yet");
    }
    if model.forking.is_some() {
        return refuse(model, "another run is being made here: save when it is over, and what you then see is saved");
    }
    let Some(tape) = &model.tape else { return Vec::new() };
    let own = tape.scenario.text().text;
    // What its author wrote stays as it is; of another run the file says what it came to.
    let is_his = own == tape.scenario.source && deed_of(model, tape).is_none();
    let text = if is_his { own } else { tape.text().text };
    // What is saved is promised to run: so it is read before.
    if let Err(invalid) = Scenario::parse(path, &text) {
        let reason = invalid.mistakes.first().map(words::in_words).unwrap_or_default();
        return refuse(model, format!("it is not saved, since it would not run: {reason}"));
    }
    vec![Effect::Save { path: path.to_owned(), text, form: Form::Scenario }]
}

/// The run lies in a file now: what it came to says how that is run again. Says so, which run it is, and what of the text is
/// not its author's.
pub(super) fn saved(model: &mut Model, file: &Saved) {
    let command = file.command();
    let which = which_run(model);
    if let Some(run) = model.runs.get_mut(model.current) {
        run.is_saved = true;
    }
    let fingerprint = model.tape.as_ref().map_or(0, |tape| tape.report.fingerprint);
    let mut said = match file.form {
        Form::Scenario => format!("saved {which}: `{command}` does the same again, to fingerprint {fingerprint:016x}"),
        Form::Recording => format!("saved {which}: `{command}` shows it again, to fingerprint {fingerprint:016x}"),
    };
    let is_scenario = file.form == Form::Scenario;
    said.push_str(not_its_authors(model).filter(|_| is_scenario).unwrap_or(""));
    model.status = Some(Status::Said(said));
    let Some(tape) = model.tape.as_mut().filter(|_| is_scenario) else { return };
    if tape.scenario.command.as_deref() == Some(UNSAVED) {
        (tape.scenario.path, tape.scenario.command) = (file.path.clone(), None);
        for finding in &mut tape.report.failures {
            finding.again = finding.again.take().map(|_| command.clone());
        }
    }
}

/// The run that is shown by its number, and what makes it another one than the others.
fn which_run(model: &Model) -> String {
    let run = model.runs.get(model.current).filter(|run| run.parent.is_some());
    let what = run.map_or("as the file says", |run| run.name.as_str());
    format!("run {} ({what})", model.current + 1)
}

/// What of the text that is saved its author has not written, beside what was done here.
fn not_its_authors(model: &Model) -> Option<&'static str> {
    let first = model.runs.first().and_then(|run| run.shelved.as_deref()).or(model.tape.as_deref())?;
    let scenario = &model.tape.as_deref()?.scenario;
    if scenario.text().is_reprinted {
        return Some(
            "; printed anew, without its author's comments: what was changed could not be written into his text",
        );
    }
    let is_changed = first.scenario.text().text != first.scenario.source;
    is_changed.then_some("; seed, switches and mended hazards of the command line are written into it")
}

/// The run as a recording, which opens again as it is and as nothing else.
fn record(model: &mut Model, path: &str) -> Vec<Effect> {
    if model.is_growing {
        return refuse(model, "the run is still being made: it can be kept when it is over");
    }
    if model.forking.is_some() {
        return refuse(model, "another run is being made here: record when it is over, and what you then see is kept");
    }
    let Some(tape) = &model.tape else { return Vec::new() };
    vec![Effect::Save { path: path.to_owned(), text: Kept::of(tape).to_text(), form: Form::Recording }]
}

/// When a run left the first one: what the file says of later was written for that. None for the first itself.
pub fn deed_of(model: &Model, tape: &Tape) -> Option<Time> {
    let is_shown = model.tape.as_deref().is_some_and(|shown| std::ptr::eq(shown, tape));
    let shelved = |run: &Run| run.shelved.as_deref().is_some_and(|shelved| std::ptr::eq(shelved, tape));
    let index = if is_shown { Some(model.current) } else { model.runs.iter().position(shelved) };
    first_deed(model, index?)
}

/// The earliest deed of a run and of those that it was forked from.
fn first_deed(model: &Model, index: usize) -> Option<Time> {
    let parent = |index: usize| model.runs.get(index)?.parent;
    let deeds = std::iter::successors(parent(index), |(before, _)| parent(*before));
    deeds.map(|(_, at)| at).min()
}

/// Does what lecturers often do.
pub(super) fn perform(model: &mut Model, which: Macro) -> Vec<Effect> {
    let text = match which {
        Macro::KillLeader => {
            let selected = match model.subject() {
                Some(Subject::Partition(partition)) if model.screen != Screen::Partition => Some(partition.to_string()),
                _ => model.shown_partition().map(|partition| partition.name.to_string()),
            };
            // Who is faster than the first look at the world means the first partition.
            let topics = model.tape.iter().flat_map(|tape| &tape.scenario.file.topics);
            match selected.or_else(|| topics.map(|topic| format!("{}-0", topic.name.value)).next()) {
                Some(partition) => format!("kill leader={partition}"),
                None => return refuse(model, "there is no partition whose leader could die"),
            }
        }
        Macro::StartStopped => return start_everything(model),
        Macro::Heal => "heal".to_owned(),
        Macro::AlignTimers => "align-timers".to_owned(),
        Macro::SpreadTimers => "spread-timers by=300ms".to_owned(),
    };
    fork(model, &text)
}
