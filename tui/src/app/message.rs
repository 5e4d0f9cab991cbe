//! The words between the window and the world outside: what can be asked, what can happen, what is wanted.

use std::time::Duration;

use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::session::{Kept, News, Wanted};

use super::{Subject, Whereto};

/// What the window shows above its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    /// Machines, partitions, clients.
    #[default]
    Cluster,
    /// One partition's logs side by side.
    Partition,
    /// Messages between machines in time.
    Lanes,
    /// The metadata quorum.
    Controller,
    /// Files and what of them is durable.
    Disk,
    /// What must never happen, and whether it did.
    Checks,
    /// Groups of consumers.
    Groups,
}

impl Screen {
    /// All of them, in the order of their digits.
    pub const ALL: [Screen; 7] = [
        Screen::Cluster,
        Screen::Partition,
        Screen::Lanes,
        Screen::Controller,
        Screen::Disk,
        Screen::Checks,
        Screen::Groups,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Screen::Cluster => "Cluster",
            Screen::Partition => "Partition",
            Screen::Lanes => "Lanes",
            Screen::Controller => "Controller",
            Screen::Disk => "Disk",
            Screen::Checks => "Checks",
            Screen::Groups => "Groups",
        }
    }
}

/// What stands in front of the screen: one thing at a time. A question takes it away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// Nothing.
    #[default]
    None,
    /// The help, from this line of the table of keys on where there is no room for all.
    Help {
        /// Its place in the table, from 0.
        first: usize,
    },
    /// The lines of the transcript, as large as the window.
    Lines,
    /// An empty picture.
    Blank,
}

/// What a key can ask for. Numbers are directions: −1 back, 1 forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lets time run, or stand.
    PlayOrPause,
    /// One step.
    Step(i8),
    /// To the next line of the transcript.
    Line(i8),
    /// To the next line about what is selected.
    LineOfSelected(i8),
    /// To the next line that tells of a change.
    News(i8),
    /// A twentieth of the run.
    Scrub(i8),
    /// To time zero.
    ToZero,
    /// To the last step.
    ToEnd,
    /// Slower or faster.
    Faster(i8),
    /// Asks where to go.
    AskPlace,
    /// Asks what to do to the world.
    AskCommand,
    /// Asks which lines and messages to show.
    AskFilter,
    /// What can be done to what is selected.
    Menu,
    /// Follows the selected message, or a record of the selected partition, on its way; or no longer.
    Follow,
    /// Does something to the world that lecturers often do.
    Macro(Macro),
    /// Shows the next run of those that are open.
    NextRun,
    /// Goes to where this run and another part, the one that it was forked from unless said, and shows both.
    Compare,
    /// Sets or takes away a bookmark.
    Bookmark,
    /// To the next bookmark.
    ToBookmark(i8),
    /// Another screen.
    Show(Screen),
    /// The next screen, or the one before.
    NextScreen(i8),
    /// Selects the next machine, partition or property.
    Select(i8),
    /// Opens what is selected.
    Open,
    /// The pane that explains.
    Explain,
    /// The pane of metrics.
    Metrics,
    /// Another page of what has more rows than there is room for.
    Turn(i8),
    /// The lines alone.
    Zoom,
    /// An empty screen.
    Blank,
    /// The help.
    Help,
    /// Back from whatever is open.
    Back,
    /// To the shell for a while.
    Suspend,
    /// The end.
    Quit,
    /// The end, as a shell knows it of Ctrl+C.
    Interrupt,
}

/// Something on the window that somebody can point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The name of a screen.
    Screen(Screen),
    /// A column of the slider, and how many it has.
    Slider {
        /// From 0.
        column: u16,
        /// At least 1.
        width: u16,
    },
    /// A machine, a partition, a message.
    Subject(Subject),
    /// The line of this step.
    Step(u64),
    /// A property, by its place among all.
    Property(usize),
    /// The name of a key.
    Key(Action),
    /// The name of a key of the prompt that is open.
    Typed(Typed),
    /// An item of the menu that is open.
    Item(usize),
    /// A choice of the question that is open, from 1.
    Choice(usize),
}

/// How somebody points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointing {
    /// The first button: selects, and what is selected opens its menu.
    Click,
    /// The second button: opens the menu.
    Second,
    /// With the first button held.
    Drag,
}

/// What lecturers often do, on single keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Macro {
    /// The leader of the shown or selected partition dies.
    KillLeader,
    /// The first broker that does not run starts.
    StartStopped,
    /// Partitions and clogs end.
    Heal,
    /// All voters' next election timeouts become equal: a split vote.
    AlignTimers,
    /// They differ.
    SpreadTimers,
}

/// What is typed into a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A character, or several that were pasted.
    Text(String),
    /// Takes the last one away.
    Backspace,
    /// Goes on as far as there is only one way to.
    Complete,
    /// Done.
    Enter,
    /// Never mind.
    Escape,
    /// The line that was typed before (−1), or after (1).
    Recall(i8),
    /// At a question a letter that asks for something else to be typed: what follows it are no votes.
    Astray(char),
}

/// What can happen to the window.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed that does something.
    Do(Action),
    /// Something was typed while a prompt is open.
    Type(Typed),
    /// Somebody points at something.
    Point(Spot, Pointing),
    /// Somebody wants to be at a place.
    Go(Whereto),
    /// Time has passed outside.
    Tick(Duration),
    /// The session has something to tell.
    News(News),
    /// The session's thread has ended.
    Lost,
    /// A file was written, or why not.
    Saved(Result<Saved, String>),
    /// How a path can go on that is being typed.
    Listed(Vec<String>),
    /// The run that was recorded is shown again: what it must be.
    Keep(Box<Kept>),
}

/// What a file is that the window writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A scenario, which `trial run` takes.
    Scenario,
    /// A recording, which `trial play` takes.
    Recording,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where.
    pub path: String,
    /// What it is.
    pub form: Form,
}

impl Saved {
    /// The line to paste that does the same again, or shows it.
    pub fn command(&self) -> String {
        let path = quoted(&self.path);
        match self.form {
            Form::Scenario => format!("trial run {path}"),
            Form::Recording => format!("trial play {path}"),
        }
    }
}

/// What the window wants of the world outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the session for this place.
    Look {
        /// How many steps had run.
        steps: u64,
        /// What to tell beside what is always told.
        wanted: Wanted,
    },
    /// Open a session beside those that are open. What it has to tell is heard too; what is looked at is still the present one.
    Fork(Box<Scenario>),
    /// Go on with another of the open sessions: its number, from 0.
    Switch(usize),
    /// Close the session that was opened last: nothing came of it.
    Discard,
    /// List the files and folders whose paths begin so, a folder with a slash at its end.
    List(String),
    /// Write a file.
    Save {
        /// Where.
        path: String,
        /// What.
        text: String,
        /// What that is.
        form: Form,
    },
    /// Give the terminal back for a while.
    Suspend,
    /// Give the terminal back.
    Quit,
    /// Give the terminal back, as Ctrl+C does.
    Interrupt,
}

/// A word at the bottom of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Said(String),
    /// What was asked for cannot be.
    Refused(String),
}

/// The pane beside the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Nothing but the lines.
    #[default]
    None,
    /// The last event explained.
    Explain,
    /// Numbers that operators know.
    Metrics,
    /// The lines of another run beside those of this one.
    Compare,
}
