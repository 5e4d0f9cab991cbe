//! The window as a pure fold: a model, messages, and what each message asks of the world outside.
//!
//! ```text
//!   keys, ticks, news of the session ──▶ update(model, message) ──▶ effects: look, quit, suspend
//!                                              │
//!                                              ▼
//!                                        view: draws the model
//! ```
//!
//! Nothing here knows a terminal, a thread or a clock: time passes in messages. And nothing here computes a fact of Kafka: the
//! model holds a recording and moves along it.

mod act;
mod coming;
mod compare;
#[cfg(test)]
mod deed_tests;
mod filter;
mod follow;
mod forks;
#[cfg(test)]
mod growth_tests;
mod lesson;
#[cfg(test)]
mod lesson_tests;
mod menu;
mod message;
mod place;
mod point;
mod prompt;
#[cfg(test)]
mod prompt_tests;
#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
mod whereabouts;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use trial_broker::ids::TopicPartition;
use trial_broker::time::Time;
use trial_sim::internal::MachineId;
use trial_sim::internal::fault::MessageId;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{
    Contents, Kept, MachinePart, Metric, News, PartitionPart, Seen, Snapshot, Tape, Wanted,
};

use crate::theme::Look;
pub use coming::Early;
pub use compare::{Pair, aligned, first_differences, other, told_by_other};
pub use filter::Filter;
pub use follow::{Followed, Way};
pub use forks::{Run, deed_of};
pub use lesson::{Lesson, Question};
pub use menu::Menu;
pub use message::{Action, Cover, Effect, Form, Macro, Message, Pane, Pointing, Saved, Screen, Spot, Status, Typed};
pub use place::Whereto;
pub use prompt::{Ask, Prompt};
pub use whereabouts::Whereabouts;

/// Where in the recording the window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How many steps have run.
    pub steps: u64,
    /// The time, which runs between steps too while it plays.
    pub at: Time,
}

/// How fast time runs, slowest first: a hundredth and a tenth of the world's own pace, …, and as fast as possible.
pub const SPEEDS: [f64; 10] = [0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0, f64::INFINITY];

/// As fast as possible, the whole of a run passes in so many frames, so that something is seen of it.
const FEWEST_FRAMES: f64 = 60.0;

/// The world's own pace.
const OWN_PACE: usize = 4;

/// What the window is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A run, played on a terminal.
    #[default]
    Play,
    /// A lesson, with questions.
    Lesson {
        /// Whether answers are the counts of a class's votes.
        is_poll: bool,
        /// Whether it is shown to a class: less at once, and large.
        is_presented: bool,
    },
    /// A run that is drawn for a page, which has a slider and buttons of its own, and no keys.
    Picture,
}

impl Mode {
    /// Whether it asks questions.
    pub fn is_lesson(self) -> bool {
        matches!(self, Mode::Lesson { .. })
    }

    /// Whether answers are the counts of a class's votes.
    pub fn is_poll(self) -> bool {
        matches!(self, Mode::Lesson { is_poll: true, .. })
    }

    /// Whether it is shown to a class.
    pub fn is_presented(self) -> bool {
        matches!(self, Mode::Lesson { is_presented: true, .. })
    }

    /// Whether it is drawn for a page.
    pub fn is_picture(self) -> bool {
        self == Mode::Picture
    }
}

/// All that the window knows.
#[derive(Debug, Default)]
pub struct Model {
    /// How it looks.
    pub look: Look,
    /// The title while there is no recording yet.
    pub opening: String,
    /// How far the run is while it is recorded.
    pub progress: Option<(u64, Time)>,
    /// The recording.
    pub tape: Option<Box<Tape>>,
    /// The runs that are open, the first one first; the recording of the shown one is [`Model::tape`].
    pub runs: Vec<Run>,
    /// Which of them is shown.
    pub current: usize,
    /// The run that the shown one is compared with, if somebody said which.
    pub compared: Option<usize>,
    /// Whether the recording is still being made: it is what there is of it so far.
    pub is_growing: bool,
    /// What was asked for before it could be done, in order.
    pub early: VecDeque<Early>,
    /// While a fork is being recorded, where the window was when it was asked for: the run that it leaves is shown until then.
    pub forking: Option<Place>,
    /// Whether somebody wanted to quit, and was told what would be lost.
    pub is_leaving: bool,
    /// Steps with a line that tells of a change, in order.
    pub news: Vec<u64>,
    /// What it is for.
    pub mode: Mode,
    /// The lesson's questions, once the run is recorded.
    pub lesson: Option<Lesson>,
    /// The recording that this run repeats, if it was read from a file.
    pub kept: Option<Box<Kept>>,
    /// Where to begin, if that was said.
    pub begin: Option<Whereto>,
    /// Where we are.
    pub place: Place,
    /// The last answer of the session; the place may be further by now.
    pub seen: Option<Box<Seen>>,
    /// Whether time runs.
    pub is_playing: bool,
    /// An index of [`SPEEDS`].
    pub speed: usize,
    /// What is shown.
    pub screen: Screen,
    /// What is shown beside the lines.
    pub pane: Pane,
    /// What stands in front of the screen, if anything does.
    pub cover: Cover,
    /// Which page is shown of what has more rows than there is room for, from 0: the window knows how many there are, and
    /// begins again behind the last.
    pub page: i32,
    /// What is selected, if anything is.
    pub selected: Option<Subject>,
    /// What can be done to it, while somebody chooses.
    pub menu: Option<Menu>,
    /// Which lines and messages are shown; all without one.
    pub filter: Option<Filter>,
    /// The record or message whose way alone is shown.
    pub way: Option<Way>,
    /// The partition that screens of one partition show.
    pub partition: Option<TopicPartition>,
    /// Which property the screen of checks has selected.
    pub property: usize,
    /// The numbers that operators know, as they were when time stood still last.
    pub metrics_before: Vec<Metric>,
    /// Bookmarked numbers of steps.
    pub bookmarks: BTreeSet<u64>,
    /// What is being asked.
    pub prompt: Option<Prompt>,
    /// The lines that were typed, each with what was asked, in order.
    pub typed: Vec<(Ask, String)>,
    /// A word at the bottom.
    pub status: Option<Status>,
}

/// Something that can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A machine.
    Machine(MachineId),
    /// The link between two machines, both directions: from the one that was selected to another.
    Link(MachineId, MachineId),
    /// A partition.
    Partition(TopicPartition),
    /// A message that was sent.
    Message(MessageId),
}

impl Model {
    /// A window that waits for its recording.
    pub fn new(look: Look, opening: String, begin: Option<Whereto>) -> Model {
        Model { look, opening, begin, speed: OWN_PACE, ..Model::default() }
    }

    /// The world as it was seen last.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.seen.as_ref().map(|seen| &seen.snapshot)
    }

    /// What the messages of the last step say; none while that is still being looked at.
    pub fn contents(&self) -> Option<&Contents> {
        self.seen.as_ref().filter(|_| self.is_current()).map(|seen| &seen.contents)
    }

    /// Machines of the cluster and clients, as they were seen last.
    pub fn machines(&self) -> &[MachinePart] {
        self.snapshot().map_or(&[], |snapshot| &snapshot.machines)
    }

    /// Partitions as they were seen last.
    pub fn partitions(&self) -> &[PartitionPart] {
        self.snapshot().map_or(&[], |snapshot| &snapshot.partitions)
    }

    /// What can be selected, in the order of the cluster's screen: the nodes, the partitions, the clients; on the lanes the
    /// links of the selected machine and the messages on their way as well.
    pub fn subjects(&self) -> Vec<Subject> {
        let machine = |machine: &MachinePart| {
            let links = self.links().into_iter().filter(|(from, _)| *from == machine.id);
            let links = links.map(|(from, to)| Subject::Link(from, to));
            std::iter::once(Subject::Machine(machine.id)).chain(links).collect::<Vec<Subject>>()
        };
        let (nodes, clients): (Vec<_>, Vec<_>) = self.machines().iter().partition(|machine| machine.work.is_node());
        let partitions = self.partitions().iter().map(|partition| Subject::Partition(partition.name.clone()));
        let in_flight = self.snapshot().filter(|_| self.screen == Screen::Lanes).into_iter();
        let in_flight = in_flight.flat_map(|snapshot| &snapshot.in_flight).map(|message| Subject::Message(message.id));
        let things = nodes.into_iter().flat_map(machine).chain(partitions).chain(clients.into_iter().flat_map(machine));
        things.chain(in_flight).collect()
    }

    /// On the lanes the links of the machine that is selected, or one of whose links is: to every other machine.
    pub fn links(&self) -> Vec<(MachineId, MachineId)> {
        let from = match self.selected {
            Some(Subject::Machine(from) | Subject::Link(from, _)) if self.screen == Screen::Lanes => from,
            _ => return Vec::new(),
        };
        let others = self.machines().iter().map(|machine| machine.id).filter(|other| *other != from);
        others.map(|other| (from, other)).collect()
    }

    /// What is selected.
    pub fn subject(&self) -> Option<Subject> {
        self.selected.clone()
    }

    /// Whether what a run came to may be read: in a lesson not before one has seen it.
    pub fn may_tell_end(&self) -> bool {
        !self.is_growing && self.is_seen_to_its_end()
    }

    fn is_seen_to_its_end(&self) -> bool {
        !self.mode.is_lesson() || self.tape.as_ref().is_some_and(|tape| self.place.steps >= tape.end())
    }

    /// Whether a broken promise may be read that was seen at a step: in a lesson not before one has come there.
    pub fn may_tell(&self, step: u64) -> bool {
        !self.mode.is_lesson() || step < self.place.steps
    }

    /// In a fork that is shown past its deed, what was done: of that nothing in the scenario's file speaks. In a fork of a fork the
    /// last of the deeds that have come.
    pub fn done_by_now(&self) -> Option<&str> {
        let parent = |index: &usize| self.runs.get(*index)?.parent.map(|(parent, _)| parent);
        let deeds = std::iter::successors(Some(self.current), parent).filter_map(|index| {
            let run = self.runs.get(index)?;
            Some((run.parent?.1, run.name.as_str()))
        });
        deeds.filter(|(at, _)| *at <= self.place.at).max_by_key(|(at, _)| *at).map(|(_, name)| name)
    }

    /// The lines up to now: where a question waits, without the note behind it, which may tell its answer.
    pub fn told(&self) -> &[Told] {
        let Some(tape) = &self.tape else { return &[] };
        match self.lesson.as_ref().and_then(Lesson::waiting) {
            Some(question) => tape.lines_until_asked(self.place.steps, self.place.at, question.number),
            None => tape.lines_at(self.place.steps, self.place.at),
        }
    }

    /// Columns that would give away the answer to the next question, from the last deed before it on; with the high watermark
    /// what readers may read and how far behind they are, which say the same.
    pub fn hidden_columns(&self) -> Vec<String> {
        let waiting = self.lesson.as_ref().and_then(Lesson::waiting);
        let question = waiting.filter(|question| question.hidden_from <= self.place.at);
        let mut hidden = question.map_or_else(Vec::new, |question| question.hide.clone());
        if hidden.iter().any(|name| name == "high") {
            hidden.extend(["can read up to".to_owned(), "behind".to_owned()]);
        }
        hidden
    }

    /// The partition that screens of one partition show: the chosen one, else the first.
    pub fn shown_partition(&self) -> Option<&PartitionPart> {
        let chosen = self.partition.as_ref().and_then(|name| self.snapshot()?.partition(name));
        chosen.or_else(|| self.partitions().first())
    }

    /// Whether what was seen last is where the window is.
    pub fn is_current(&self) -> bool {
        self.snapshot().is_some_and(|snapshot| snapshot.steps == self.place.steps)
    }

    fn wanted(&self) -> Wanted {
        let logs_of = match self.screen {
            Screen::Partition => self.shown_partition().map(|partition| partition.name.clone()),
            _ => None,
        };
        Wanted {
            logs_of,
            files: self.screen == Screen::Disk,
            metadata: self.screen == Screen::Controller,
            named: self.wants_named(),
        }
    }

    /// Whether the lanes show only what names a partition, so that the messages of the run must have been read.
    fn wants_named(&self) -> bool {
        let topics: Vec<&str> = self.partitions().iter().map(|partition| partition.name.topic.as_str()).collect();
        let is_named = |filter: &Filter| filter.may_name_partition(&topics);
        self.screen == Screen::Lanes && self.filter.as_ref().is_some_and(is_named)
    }

    /// Whether they are being read.
    pub fn waits_for_named(&self) -> bool {
        self.wants_named() && self.seen.as_ref().is_some_and(|seen| seen.named.is_none())
    }

    /// Whether it changes by itself as time goes by, without keys and without news: while it plays, and nobody is asked.
    pub fn is_moving(&self) -> bool {
        self.is_playing && self.prompt.is_none()
    }

    fn look_here(&self) -> Vec<Effect> {
        match self.tape {
            Some(_) => vec![Effect::Look { steps: self.place.steps, wanted: self.wanted() }],
            None => Vec::new(),
        }
    }
}

/// Takes in what happened, and says what it asks for.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = happened(model, message);
    effects.extend(coming::do_what_waited(model));
    effects
}

fn happened(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Do(action) => coming::act_in_order(model, action),
        Message::Type(typed) => prompt::typed(model, typed),
        Message::Point(spot, how) => point::point(model, spot, how),
        Message::Go(whereto) => place::go_to(model, whereto),
        Message::Tick(passed) => tick(model, passed),
        Message::News(News::Progress { steps, at }) => {
            model.progress = Some((steps, at));
            Vec::new()
        }
        Message::News(News::Begun(tape)) => coming::begun(model, tape),
        Message::News(News::Grown(part)) => {
            coming::grown(model, part);
            Vec::new()
        }
        Message::News(News::Recorded(tape)) => coming::recorded(model, tape),
        Message::News(News::Seen(seen)) => {
            let is_first = model.seen.is_none();
            model.seen = Some(seen);
            // Which partition there is, only the first answer tells.
            if is_first && model.screen == Screen::Partition { model.look_here() } else { Vec::new() }
        }
        Message::Saved(Ok(file)) => {
            forks::saved(model, &file);
            Vec::new()
        }
        Message::Listed(paths) => {
            prompt::listed(model, &paths);
            Vec::new()
        }
        Message::Keep(kept) => {
            model.kept = Some(kept);
            Vec::new()
        }
        Message::Saved(Err(reason)) => {
            model.status = Some(Status::Refused(reason));
            Vec::new()
        }
        Message::Lost => {
            model.status =
                Some(Status::Refused("the world's thread has ended: nothing more can be looked at".to_owned()));
            forks::lost(model)
        }
    }
}

/// Lets time run.
fn tick(model: &mut Model, passed: Duration) -> Vec<Effect> {
    if !model.is_moving() {
        return Vec::new();
    }
    let Some(tape) = &model.tape else { return Vec::new() };
    let last = tape.time_at(tape.end());
    let micros = match SPEEDS[model.speed] {
        speed if speed.is_finite() => passed.as_secs_f64() * speed * 1e6,
        _ => (last.0.saturating_sub(tape.cast.zero().0) as f64 / FEWEST_FRAMES).ceil(),
    };
    let at = Time(model.place.at.0.saturating_add(micros as u64));
    let there = Place { steps: tape.steps_until(at), at: at.min(last) };
    let before = model.place;
    model.place = lesson::stop_between(model, before, there);
    // A question, or its answer, may stand before the end.
    if at >= last && model.place == there {
        model.is_playing = false;
        let end = if model.is_growing { "of what there is so far" } else { "of the recording" };
        model.status = Some(Status::Said(format!("this is the end {end}")));
    }
    if model.place.steps == before.steps { Vec::new() } else { model.look_here() }
}
