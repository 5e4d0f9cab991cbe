//! What a screen reads of a run: its steps, its lines, its messages, and what it came to.

use std::collections::BTreeMap;

use trial_broker::event::Event;
use trial_broker::ids::CorrelationId;
use trial_broker::message::Api;
use trial_broker::time::Time;

use super::aside::Following;
use super::metrics::{Counters, Metric};
use super::snapshot::Snapshot;
use super::tally::{Tallies, Tally};
use crate::check::{Violation, event_words};
use crate::fault::{Fault, MachineId, MessageId, MessageKind};
use crate::scenario::run::{Aftermath, Moment, Resolutions};
use crate::scenario::saved::CameTo;
use crate::scenario::trace::{Cast, Repetitions, Teller, Told, Weight};
use crate::scenario::{Report, Scenario, Text, UNSAVED};
use crate::step::{Fact, InputKind, Step, StepKind};

/// In microseconds: a step of the scenario that waits for something begins so much behind it, and what it notes belongs to that.
const TICK: u64 = 1;

/// A recording, whole or as far as it has come, as far as it can be read without a world.
#[derive(Clone, Debug)]
pub struct Tape {
    /// What was run.
    pub scenario: Scenario,
    /// Who is who, and when time zero is.
    pub cast: Cast,
    /// Whether time zero was reached.
    pub booted: bool,
    /// Every step, in order of their numbers, from 0; without details.
    pub steps: Vec<Step>,
    /// The lines of all steps, in order.
    pub lines: Vec<Told>,
    /// Every message that was sent, in order.
    pub passages: Vec<Passage>,
    /// When the start of each of the scenario's steps came.
    pub moments: Vec<Moment>,
    /// Whom symbolic targets meant.
    pub resolutions: Resolutions,
    /// What the run came to.
    pub report: Report,
    /// Every broken promise, in order.
    pub violations: Vec<Violation>,
    by_message: BTreeMap<MessageId, usize>,
    tallies: Tallies,
    counters: Counters,
    reader: Reader,
}

/// What the words of the next step depend on.
#[derive(Clone, Debug)]
struct Reader {
    teller: Teller,
    repetitions: Repetitions,
    following: Following,
}

/// What has come to a recording that is still being made.
#[derive(Clone, Debug)]
pub struct Part {
    /// The steps that came next, in order.
    pub(super) steps: Vec<Step>,
    /// Those of the scenario's steps whose start came meanwhile.
    pub(super) moments: Vec<Moment>,
}

/// One message on its way from one machine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Which.
    pub message: MessageId,
    /// Who sent it.
    pub from: MachineId,
    /// Whom it is for.
    pub to: MachineId,
    /// A request or a response.
    pub kind: MessageKind,
    /// Of which API.
    pub api: Api,
    /// By which a response finds its request.
    pub correlation_id: CorrelationId,
    /// Its size on the wire.
    pub bytes: u32,
    /// The step that sent it.
    pub sent: (u64, Time),
    /// What became of it.
    pub fate: Fate,
    /// Whether it only keeps replicas of partitions alike that are no part of the story: of the topic that clients are warmed
    /// with, or of the cluster's own.
    pub is_aside: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was on its way when the recording ended, or its connection was gone before it arrived.
    Open,
    /// It arrived, with this step.
    Arrived(u64, Time),
    /// An intervention took it, with this step.
    Dropped(u64, Time),
}

impl Tape {
    /// Reads a run's steps once, from the first to the last.
    pub(super) fn new(scenario: Scenario, aftermath: Aftermath, steps: Vec<Step>) -> Tape {
        let Aftermath { report, cast, booted, moments, resolutions, violations } = aftermath;
        let mut tape = Tape::begun(scenario, cast);
        tape.grow(Part { steps, moments });
        Tape { booted, resolutions, report, violations, ..tape }
    }

    /// The recording of a run that has come to time zero, and of which nothing has been read yet. What it comes to nobody knows.
    pub(super) fn begun(scenario: Scenario, cast: Cast) -> Tape {
        let report = Report { seed: scenario.file.seed.unwrap_or_default(), ..Report::default() };
        let reader = Reader {
            teller: Teller::new(cast.clone()),
            repetitions: Repetitions::default(),
            following: Following::default(),
        };
        Tape {
            scenario,
            cast,
            booted: true,
            steps: Vec::new(),
            lines: Vec::new(),
            passages: Vec::new(),
            moments: Vec::new(),
            resolutions: Resolutions::new(),
            report,
            violations: Vec::new(),
            by_message: BTreeMap::new(),
            tallies: Tallies::default(),
            counters: Counters::default(),
            reader,
        }
    }

    /// Reads what has come: what was read before stays as it is.
    pub fn grow(&mut self, part: Part) {
        let Part { steps, moments } = part;
        let read = self.lines.len();
        for step in &steps {
            let told = self.reader.teller.tell(step);
            let cast = &self.cast;
            let is_seen = |line: &Told| line.machines.is_empty() || line.machines.iter().any(|at| cast.is_seen(*at));
            self.lines.extend(told.into_iter().filter(is_seen));
            self.follow_messages(step);
            if step.at >= self.cast.zero() {
                self.tallies.observe(step);
                self.counters.observe(&self.cast, step);
            }
        }
        self.lines.extend(moments.iter().filter_map(|moment| note(&self.scenario, &self.cast, moment)));
        // A note stands behind what had happened when it was made.
        self.lines[read..].sort_by_key(|line| line.step);
        self.reader.repetitions.mark(&mut self.lines[read..]);
        self.steps.extend(steps);
        self.moments.extend(moments);
    }

    /// Follows messages from their senders to their receivers.
    fn follow_messages(&mut self, step: &Step) {
        self.reader.following.observe(&self.cast, step);
        let arrived = match &step.kind {
            StepKind::Input { input: InputKind::Received(message), .. }
            | StepKind::Arrived { input: InputKind::Received(message), .. } => Some(*message),
            _ => None,
        };
        if let Some(message) = arrived {
            self.close(message, Fate::Arrived(step.index, step.at));
        }
        for fact in &step.facts {
            match fact {
                Fact::MessageSent { message, from, to, kind, api, correlation_id, bytes, .. } => {
                    let (ends, what) = ((*from, *to), (*api, *kind));
                    let is_aside = self.reader.following.is_aside(&self.cast, ends, what, (*message, *correlation_id));
                    self.by_message.insert(*message, self.passages.len());
                    self.passages.push(Passage {
                        message: *message,
                        from: *from,
                        to: *to,
                        kind: *kind,
                        api: *api,
                        correlation_id: *correlation_id,
                        bytes: *bytes,
                        sent: (step.index, step.at),
                        fate: Fate::Open,
                        is_aside,
                    });
                }
                Fact::MessageDropped { message, .. } => self.close(*message, Fate::Dropped(step.index, step.at)),
                _ => {}
            }
        }
    }

    fn close(&mut self, message: MessageId, fate: Fate) {
        if let Some(index) = self.by_message.get(&message)
            && self.passages[*index].fate == Fate::Open
        {
            self.passages[*index].fate = fate;
        }
    }

    /// The run as a scenario file, with what it came to.
    pub fn text(&self) -> Text {
        let moments: Vec<(Moment, i64)> =
            self.moments.iter().map(|moment| (*moment, self.cast.micros(moment.at))).collect();
        let (report, resolutions) = (&self.report, &self.resolutions);
        self.scenario.text_of_run(CameTo { report, moments: &moments, resolutions })
    }

    /// How many steps had run when time zero came.
    pub fn zero(&self) -> u64 {
        if self.booted { self.steps_before(self.cast.zero()) } else { 0 }
    }

    /// How many steps ran before an instant.
    pub fn steps_before(&self, at: Time) -> u64 {
        self.steps.partition_point(|step| step.at < at) as u64
    }

    /// How many steps had run when the entries of an instant had: they stand before all else of it.
    pub fn entries_until(&self, at: Time) -> u64 {
        let before = self.steps_before(at);
        let here = self.steps.iter().skip(before as usize);
        let entries = here.take_while(|step| step.at == at && matches!(step.kind, StepKind::Entry(_)));
        before + entries.count() as u64
    }

    /// How many steps had run when an instant was over.
    pub fn steps_until(&self, at: Time) -> u64 {
        self.steps.partition_point(|step| step.at <= at) as u64
    }

    /// How many steps there are.
    pub fn end(&self) -> u64 {
        self.steps.len() as u64
    }

    /// The instant that so many steps have come to; at the end the last that the scenario waited for, if that is later: what
    /// it notes and expects there is of that instant, though nothing in the world changes any more.
    pub fn time_at(&self, steps: u64) -> Time {
        let last = self.moments.iter().map(|moment| moment.at).max().filter(|_| steps == self.end());
        self.time_of_step_before(steps).max(last.unwrap_or(Time::ZERO))
    }

    fn time_of_step_before(&self, steps: u64) -> Time {
        let before = usize::try_from(steps).ok().and_then(|steps| steps.checked_sub(1));
        before.and_then(|index| self.steps.get(index)).map_or(Time::ZERO, |step| step.at)
    }

    /// The lines of the first so many steps.
    pub fn lines_until(&self, steps: u64) -> &[Told] {
        &self.lines[..self.lines.partition_point(|line| line.step < steps)]
    }

    /// The lines of the first so many steps, of what the scenario notes behind the last of them only what was noted up to an
    /// instant: nothing may happen for a while, and then a note comes before the next step.
    pub fn lines_at(&self, steps: u64, at: Time) -> &[Told] {
        &self.lines[..self.lines.partition_point(|line| line.step < steps && line.at.0 <= at.0 + TICK)]
    }

    /// The instant at which all is told that is told of the last of so many steps, notes behind it too.
    pub fn told_at(&self, steps: u64) -> Time {
        let (last, behind) = (self.time_at(steps), self.lines_until(steps).last());
        behind.map(|line| line.at).filter(|at| at.0 > last.0 + TICK).unwrap_or(last)
    }

    /// The lines that come after so many steps.
    pub fn lines_after(&self, steps: u64) -> &[Told] {
        &self.lines[self.lines.partition_point(|line| line.step < steps)..]
    }

    /// The same, without what the scenario notes at its own steps behind the one of this number: a note may stand at the instant
    /// of a question and tell its answer.
    pub fn lines_until_asked(&self, steps: u64, at: Time, number: usize) -> &[Told] {
        let lines = self.lines_at(steps, at);
        let asked = self.moments.iter().position(|moment| moment.number == number);
        let later = asked.map_or(&[][..], |asked| &self.moments[asked + 1..]);
        let hidden = later
            .iter()
            .filter(|moment| {
                moment.steps <= steps
                    && moment.at.0 <= at.0 + TICK
                    && note(&self.scenario, &self.cast, moment).is_some()
            })
            .count();
        // Notes stand behind all else of their step, in the order of their moments.
        let notes = lines.iter().rev().take_while(|line| line.event == "note").count();
        &lines[..lines.len() - hidden.min(notes)]
    }

    /// What a client has done between time zero and the end of so many steps.
    pub fn tally(&self, client: MachineId, steps: u64) -> Tally {
        self.tallies.at(client, steps)
    }

    /// The numbers that operators know, at the place of a snapshot.
    pub fn metrics(&self, snapshot: &Snapshot) -> Vec<Metric> {
        self.counters.metrics(snapshot)
    }

    /// A message by its number.
    pub fn passage(&self, message: MessageId) -> Option<&Passage> {
        self.by_message.get(&message).map(|index| &self.passages[*index])
    }

    /// A step in one plain sentence.
    pub fn sentence(&self, index: u64) -> String {
        let step = usize::try_from(index).ok().and_then(|index| self.steps.get(index));
        step.map_or_else(|| "nothing has happened yet".to_owned(), |step| self.words(step))
    }

    fn words(&self, step: &Step) -> String {
        let name = |machine: MachineId| self.cast.name(machine);
        match &step.kind {
            StepKind::Input { machine, input, pays_until, .. } => {
                let pays = if pays_until.is_some() { ", and has to wait for its disk" } else { "" };
                // What one thread of a machine hands to another is plain from what came of it.
                let came = step.events.first().filter(|_| *input == InputKind::Internal);
                let came = came.map_or_else(String::new, |event| format!(": {}", event_name(event)));
                format!("{}{came}{pays}", self.input_words(name(*machine), *input))
            }
            StepKind::Paid { machine, step, .. } => {
                format!("{}: the disk is done; what step {step} said is published", name(*machine))
            }
            StepKind::Arrived { machine, input } => {
                format!("{}; it has to wait", self.input_words(name(*machine), *input))
            }
            StepKind::Network => "the network: a connection is opened, closed or reset".to_owned(),
            StepKind::Disk { machine } => format!("{}: bytes reach the medium of its disk", name(*machine)),
            StepKind::Entry(Fault::Call { machine, .. }) => format!("{}: its application calls", name(*machine)),
            StepKind::Entry(_) => match self
                .lines_after(step.index)
                .first()
                .filter(|line| line.step == step.index && line.event != "note")
            {
                Some(line) => format!("an entry of the list: {} {}: {}", line.event, line.what, line.cause),
                None => "an entry of the list is executed".to_owned(),
            },
        }
    }

    fn input_words(&self, name: &str, input: InputKind) -> String {
        match input {
            InputKind::Accepted => format!("{name} accepts a connection"),
            InputKind::Connected => format!("{name} is connected"),
            InputKind::Closed(_) => format!("{name} loses a connection"),
            InputKind::Received(message) => match self.passage(message) {
                Some(passage) => {
                    let kind = match passage.kind {
                        MessageKind::Request => "request",
                        MessageKind::Response => "response",
                    };
                    let from = self.cast.name(passage.from);
                    let api = passage.api.name();
                    let article = if api.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
                    format!("{name} takes {article} {api} {kind} from {from}")
                }
                None => format!("{name} takes a message"),
            },
            InputKind::Timers => format!("{name}: a timer is due"),
            InputKind::Internal => format!("{name}: work goes from one of its threads to another"),
            InputKind::Flushed => format!("{name}: a flush in the background is done"),
            InputKind::Call(_) => format!("{name}: its application calls"),
            InputKind::Abandon(_) => format!("{name}: its application no longer waits"),
            InputKind::Stop => format!("{name} is asked to stop"),
        }
    }
}

/// What the scenario says at the start of a step, as a line; nothing from the first intervention of its file on: what its
/// author saw then was another run. A fork that lies in no file yet keeps it: the window says of which run it was written.
fn note(scenario: &Scenario, cast: &Cast, moment: &Moment) -> Option<Told> {
    let is_fork = scenario.command.as_deref() == Some(UNSAVED);
    let first = scenario.first_intervention().filter(|_| !is_fork);
    if first.is_some_and(|first| moment.at >= cast.zero() + first.duration()) {
        return None;
    }
    let step = scenario.steps.get(moment.number.checked_sub(1)?)?;
    Some(Told {
        step: moment.steps.saturating_sub(1),
        of_event: None,
        at: moment.at,
        event: "note",
        what: String::new(),
        cause: scenario.note_of(step)?,
        partition: None,
        machines: Vec::new(),
        weight: Weight::News,
        is_again: false,
    })
}

/// The name of an event, without its fields.
fn event_name(event: &Event) -> String {
    event_words(event).split_whitespace().next().unwrap_or("something").to_owned()
}
