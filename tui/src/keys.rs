//! The tables of keys: what they do, and in which words footer and help say so; and what they do while something is typed.
//!
//! Nothing else knows a key. Presentation clickers send PgUp, PgDn, `.` and `b`: they step, pause and blank.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::{Action, Ask, Macro, Message, Screen, Typed};

/// A key, with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const fn key(code: KeyCode) -> Key {
    Key { code, modifiers: KeyModifiers::NONE }
}

const fn letter(letter: char) -> Key {
    key(KeyCode::Char(letter))
}

const fn shift(code: KeyCode) -> Key {
    Key { code, modifiers: KeyModifiers::SHIFT }
}

const fn control(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), modifiers: KeyModifiers::CONTROL }
}

/// One line of the table.
pub struct Binding {
    /// Under which heading help shows it.
    pub group: &'static str,
    /// The keys, as people call them.
    pub shown: &'static str,
    /// What they do, in a few words.
    pub does: &'static str,
    /// The word in the footer; none if it is only in the help.
    pub footer: Option<&'static str>,
    /// The keys that do it, and what exactly each does.
    pub keys: &'static [(Key, Action)],
}

/// Every key of the window.
pub const BINDINGS: &[Binding] = &[
    Binding {
        group: "Time",
        shown: "Space .",
        does: "play, pause",
        footer: Some("play"),
        keys: &[(letter(' '), Action::PlayOrPause), (letter('.'), Action::PlayOrPause)],
    },
    Binding {
        group: "Time",
        shown: "← →  h l",
        does: "one step back, forward",
        footer: Some("step"),
        keys: &[
            (key(KeyCode::Left), Action::Step(-1)),
            (key(KeyCode::Right), Action::Step(1)),
            (letter('h'), Action::Step(-1)),
            (letter('l'), Action::Step(1)),
        ],
    },
    Binding {
        group: "Time",
        shown: "↑ ↓  k j  PgUp PgDn",
        does: "to the line before, after",
        footer: Some("line"),
        keys: &[
            (key(KeyCode::Up), Action::Line(-1)),
            (key(KeyCode::Down), Action::Line(1)),
            (letter('k'), Action::Line(-1)),
            (letter('j'), Action::Line(1)),
            (key(KeyCode::PageUp), Action::Line(-1)),
            (key(KeyCode::PageDown), Action::Line(1)),
        ],
    },
    Binding {
        group: "Time",
        shown: "Shift+← Shift+→  H L",
        does: "to the line before, after, of what is selected",
        footer: None,
        keys: &[
            (shift(KeyCode::Left), Action::LineOfSelected(-1)),
            (shift(KeyCode::Right), Action::LineOfSelected(1)),
            (letter('H'), Action::LineOfSelected(-1)),
            (letter('L'), Action::LineOfSelected(1)),
        ],
    },
    Binding {
        group: "Time",
        shown: "[ ]",
        does: "to the news before, after: elections, in-sync sets, faults, violations",
        footer: Some("news"),
        keys: &[(letter('['), Action::News(-1)), (letter(']'), Action::News(1))],
    },
    Binding {
        group: "Time",
        shown: "{ }",
        does: "a twentieth of the run back, forward",
        footer: None,
        keys: &[(letter('{'), Action::Scrub(-1)), (letter('}'), Action::Scrub(1))],
    },
    Binding {
        group: "Time",
        shown: "g G",
        does: "to time zero, to the end",
        footer: None,
        keys: &[
            (letter('g'), Action::ToZero),
            (key(KeyCode::Home), Action::ToZero),
            (letter('G'), Action::ToEnd),
            (key(KeyCode::End), Action::ToEnd),
        ],
    },
    Binding {
        group: "Time",
        shown: "- +",
        does: "slower, faster",
        footer: Some("speed"),
        keys: &[(letter('-'), Action::Faster(-1)), (letter('+'), Action::Faster(1)), (letter('='), Action::Faster(1))],
    },
    Binding {
        group: "Time",
        shown: "t",
        does: "go to a time or a step",
        footer: Some("go to"),
        keys: &[(letter('t'), Action::AskPlace)],
    },
    Binding {
        group: "Time",
        shown: "m",
        does: "set or take away a bookmark",
        footer: None,
        keys: &[(letter('m'), Action::Bookmark)],
    },
    Binding {
        group: "Time",
        shown: "( )",
        does: "to the bookmark before, after",
        footer: None,
        keys: &[(letter('('), Action::ToBookmark(-1)), (letter(')'), Action::ToBookmark(1))],
    },
    Binding {
        group: "Screens",
        shown: "1 2 3 4 5 6 7",
        does: "cluster, partition, lanes, controller, disk, checks, groups",
        footer: Some("screens"),
        keys: &[
            (letter('1'), Action::Show(Screen::Cluster)),
            (letter('2'), Action::Show(Screen::Partition)),
            (letter('3'), Action::Show(Screen::Lanes)),
            (letter('4'), Action::Show(Screen::Controller)),
            (letter('5'), Action::Show(Screen::Disk)),
            (letter('6'), Action::Show(Screen::Checks)),
            (letter('7'), Action::Show(Screen::Groups)),
        ],
    },
    Binding {
        group: "Screens",
        shown: "Tab Shift+Tab",
        does: "select the next, the one before; at a question, another screen above it",
        footer: Some("select"),
        keys: &[
            (key(KeyCode::Tab), Action::Select(1)),
            (key(KeyCode::BackTab), Action::Select(-1)),
            (shift(KeyCode::BackTab), Action::Select(-1)),
        ],
    },
    Binding {
        group: "Screens",
        shown: "Enter",
        does: "open what is selected; on checks, jump to the violation",
        footer: None,
        keys: &[(key(KeyCode::Enter), Action::Open)],
    },
    Binding {
        group: "Screens",
        shown: "/",
        does: "show only lines and messages with these words (-word: without it)",
        footer: None,
        keys: &[(letter('/'), Action::AskFilter)],
    },
    Binding {
        group: "Screens",
        shown: "F",
        does: "follow the selected message, or a record, on its way; or no longer",
        footer: None,
        keys: &[(letter('F'), Action::Follow)],
    },
    Binding {
        group: "Screens",
        shown: "x",
        does: "explain the last event, or not",
        footer: Some("explain"),
        keys: &[(letter('x'), Action::Explain)],
    },
    Binding {
        group: "Screens",
        shown: "M",
        does: "metrics as operators know them, or not",
        footer: None,
        keys: &[(letter('M'), Action::Metrics)],
    },
    Binding {
        group: "Screens",
        shown: "< >",
        does: "the rows before, after, where a screen or a pane has more than there is room for",
        footer: None,
        keys: &[(letter('<'), Action::Turn(-1)), (letter('>'), Action::Turn(1))],
    },
    Binding {
        group: "Screens",
        shown: "e",
        does: "the lines alone, as large as the window; and back",
        footer: None,
        keys: &[(letter('e'), Action::Zoom)],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: ":",
        does: "do something: `kill leader=orders-0`, `partition 1 | 2 3`; `save FILE`; Tab completes",
        footer: Some("do"),
        keys: &[(letter(':'), Action::AskCommand)],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: "d",
        does: "what can be done to the selected machine, link, partition or message",
        footer: Some("menu"),
        keys: &[(letter('d'), Action::Menu)],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: "K r u",
        does: "kill the leader, start all that stopped, heal the network",
        footer: None,
        keys: &[
            (letter('K'), Action::Macro(Macro::KillLeader)),
            (letter('r'), Action::Macro(Macro::StartStopped)),
            (letter('u'), Action::Macro(Macro::Heal)),
        ],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: "a A",
        does: "align the controllers' election timers (a split vote), spread them",
        footer: None,
        keys: &[(letter('a'), Action::Macro(Macro::AlignTimers)), (letter('A'), Action::Macro(Macro::SpreadTimers))],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: "f",
        does: "show the other run, at the same time; of several, choose",
        footer: None,
        keys: &[(letter('f'), Action::NextRun)],
    },
    Binding {
        group: "Doing things (each makes another run)",
        shown: "c",
        does: "go to where the run and the one it was forked from part, and see both",
        footer: None,
        keys: &[(letter('c'), Action::Compare)],
    },
    Binding {
        group: "Window",
        shown: "b",
        does: "blank the screen, and back",
        footer: None,
        keys: &[(letter('b'), Action::Blank)],
    },
    Binding {
        group: "Window",
        shown: "?",
        does: "this help, or not",
        footer: Some("help"),
        keys: &[(letter('?'), Action::Help), (key(KeyCode::F(1)), Action::Help)],
    },
    Binding { group: "Window", shown: "Esc", does: "back", footer: None, keys: &[(key(KeyCode::Esc), Action::Back)] },
    Binding {
        group: "Window",
        shown: "Ctrl+Z",
        does: "back to the shell for a while; `fg` returns",
        footer: None,
        keys: &[(control('z'), Action::Suspend)],
    },
    Binding {
        group: "Window",
        shown: "q Ctrl+C",
        does: "quit; with unsaved runs or bookmarks when it is pressed again",
        footer: Some("quit"),
        keys: &[(letter('q'), Action::Quit), (control('c'), Action::Interrupt)],
    },
];

/// The keys of a binding in signs that a font without arrows has.
pub fn in_ascii(shown: &str) -> String {
    [("←", "Left"), ("→", "Right"), ("↑", "Up"), ("↓", "Down")]
        .iter()
        .fold(shown.to_owned(), |text, (sign, name)| text.replace(sign, name))
}

/// What a key does while something is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Editing {
    /// Takes a letter away.
    Backspace,
    /// Goes on as far as there is only one way to.
    Complete,
    /// Done.
    Enter,
    /// Never mind.
    Escape,
    /// The screen becomes empty, or not.
    Blank,
    /// The next screen above what is asked, or the one before.
    Screen(i8),
    /// The line that was typed before, or after.
    Recall(i8),
}

/// One line of the table of keys of a prompt; letters that stand in none are typed.
pub struct PromptBinding {
    /// The keys, as people call them.
    pub shown: &'static str,
    /// What they do, in a word or two.
    pub does: &'static str,
    /// The keys themselves.
    keys: &'static [Key],
    /// What they do.
    pub edits: Editing,
}

impl PromptBinding {
    /// What they do where counts are typed instead of votes: a digit is part of one.
    pub fn does_in_a_poll(&self) -> &'static str {
        if self.edits == Editing::Backspace { "a digit back" } else { self.does }
    }
}

/// The letters that are typed while a class votes, and what they are: each digit a vote.
pub const VOTES: &[(&str, &str)] = &[("1-9", "vote")];

/// The same in a poll, where each number is the count of a choice.
pub const COUNTS: &[(&str, &str)] = &[("0-9", "a choice's count"), ("Space", "the next choice")];

/// The keys while a line is typed.
const OF_A_LINE: &[PromptBinding] = &[
    PromptBinding { shown: "Enter", does: "done", keys: &[key(KeyCode::Enter)], edits: Editing::Enter },
    PromptBinding { shown: "Tab", does: "complete", keys: &[key(KeyCode::Tab)], edits: Editing::Complete },
    PromptBinding { shown: "↑", does: "typed before", keys: &[key(KeyCode::Up)], edits: Editing::Recall(-1) },
    PromptBinding { shown: "↓", does: "after", keys: &[key(KeyCode::Down)], edits: Editing::Recall(1) },
    PromptBinding {
        shown: "Backspace",
        does: "a letter back",
        keys: &[key(KeyCode::Backspace)],
        edits: Editing::Backspace,
    },
    PromptBinding {
        shown: "Esc",
        does: "never mind",
        keys: &[key(KeyCode::Esc), control('c')],
        edits: Editing::Escape,
    },
];

/// The keys while a class votes: those of a clicker among them.
const OF_A_QUESTION: &[PromptBinding] = &[
    PromptBinding {
        shown: "Enter PgDn .",
        does: "go on",
        keys: &[key(KeyCode::Enter), key(KeyCode::PageDown), letter('.')],
        edits: Editing::Enter,
    },
    PromptBinding {
        shown: "Backspace PgUp",
        does: "a vote back",
        keys: &[key(KeyCode::Backspace), key(KeyCode::PageUp)],
        edits: Editing::Backspace,
    },
    PromptBinding { shown: "Tab", does: "screen", keys: &[key(KeyCode::Tab)], edits: Editing::Screen(1) },
    PromptBinding {
        shown: "Shift+Tab",
        does: "back",
        keys: &[key(KeyCode::BackTab), shift(KeyCode::BackTab)],
        edits: Editing::Screen(-1),
    },
    PromptBinding { shown: "b", does: "blank", keys: &[letter('b')], edits: Editing::Blank },
    PromptBinding { shown: "Esc", does: "not now", keys: &[key(KeyCode::Esc), control('c')], edits: Editing::Escape },
];

/// The table of keys of a prompt.
pub fn of_prompt(ask: Ask) -> &'static [PromptBinding] {
    match ask {
        Ask::Prediction(_) => OF_A_QUESTION,
        Ask::Place | Ask::Command | Ask::Filter | Ask::Record => OF_A_LINE,
    }
}

/// What a key means here and now: to the prompt that is open, or else to the window.
pub fn message(event: KeyEvent, ask: Option<Ask>) -> Option<Message> {
    match ask {
        Some(ask) => typed(event, ask),
        None => action(event).map(Message::Do),
    }
}

fn typed(event: KeyEvent, ask: Ask) -> Option<Message> {
    // Escape, and a letter right behind it: terminals send the same for both.
    if matches!(event.code, KeyCode::Char(_)) && event.modifiers.contains(KeyModifiers::ALT) {
        return Some(Message::Type(Typed::Escape));
    }
    let pressed = Key::of(event);
    match of_prompt(ask).iter().find(|binding| binding.keys.contains(&pressed)) {
        Some(binding) => Some(binding.edits.message()),
        None => match event.code {
            KeyCode::Char(letter) if matches!(ask, Ask::Prediction(_)) && asks(event) => {
                Some(Message::Type(Typed::Astray(letter)))
            }
            KeyCode::Char(letter) if pressed.modifiers.is_empty() => {
                Some(Message::Type(Typed::Text(letter.to_string())))
            }
            _ => None,
        },
    }
}

/// Whether a key of the window asks for something that is typed.
fn asks(event: KeyEvent) -> bool {
    let asking = [Action::AskPlace, Action::AskCommand, Action::AskFilter, Action::Follow];
    action(event).is_some_and(|action| asking.contains(&action))
}

impl Editing {
    /// What is said to the window then.
    pub fn message(self) -> Message {
        match self {
            Editing::Backspace => Message::Type(Typed::Backspace),
            Editing::Complete => Message::Type(Typed::Complete),
            Editing::Enter => Message::Type(Typed::Enter),
            Editing::Escape => Message::Type(Typed::Escape),
            Editing::Blank => Message::Do(Action::Blank),
            Editing::Screen(direction) => Message::Do(Action::NextScreen(direction)),
            Editing::Recall(direction) => Message::Type(Typed::Recall(direction)),
        }
    }
}

/// What a key does while nothing is being typed.
fn action(event: KeyEvent) -> Option<Action> {
    let pressed = Key::of(event);
    BINDINGS.iter().flat_map(|binding| binding.keys).find(|(key, _)| *key == pressed).map(|(_, action)| *action)
}

impl Key {
    fn of(event: KeyEvent) -> Key {
        let mut modifiers = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::SHIFT);
        // A capital letter or a sign says by itself that shift was held.
        if matches!(event.code, KeyCode::Char(_)) {
            modifiers -= KeyModifiers::SHIFT;
        }
        Key { code: event.code, modifiers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let mut seen: Vec<Key> = Vec::new();
        for (key, action) in BINDINGS.iter().flat_map(|binding| binding.keys) {
            assert!(!seen.contains(key), "{key:?} does {action:?} and something else");
            seen.push(*key);
        }
    }

    #[test]
    fn a_capital_is_the_same_key_whether_or_not_the_terminal_tells_of_shift() {
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            assert_eq!(action(KeyEvent::new(KeyCode::Char('G'), modifiers)), Some(Action::ToEnd));
        }
        assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Action::Interrupt));
        assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE)), Some(Action::Compare));
    }
}
