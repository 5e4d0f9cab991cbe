//! What each key asks for, done to the model: one table of keys says which key that is.

use trial_broker::ids::TopicPartition;

use super::coming::Needs;
use super::{
    Action, Ask, Cover, Effect, Model, Pane, Prompt, SPEEDS, Screen, Status, Subject, compare, follow, forks, menu,
    place,
};

/// Does what a key asks for.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    model.status = None;
    let was_warned = std::mem::take(&mut model.is_leaving);
    if model.menu.is_some() {
        match action {
            Action::Line(direction) | Action::Select(direction) => {
                menu::turn(model, direction);
                return Vec::new();
            }
            Action::Open => return menu::choose(model, None),
            Action::Back | Action::Menu => {
                model.menu = None;
                return Vec::new();
            }
            // Whoever does something else no longer wants the menu.
            _ => model.menu = None,
        }
    }
    if let (Cover::Help { first }, Action::Line(direction)) = (&mut model.cover, action) {
        let last = crate::keys::BINDINGS.len() - 1;
        *first = first.saturating_add_signed(isize::from(direction)).min(last);
        return Vec::new();
    }
    match action {
        Action::PlayOrPause => {
            place::play_or_pause(model);
            Vec::new()
        }
        Action::Step(_)
        | Action::Line(_)
        | Action::LineOfSelected(_)
        | Action::News(_)
        | Action::Scrub(_)
        | Action::ToZero
        | Action::ToEnd
        | Action::ToBookmark(_) => place::move_on(model, action),
        Action::Faster(direction) => {
            let speed = model.speed.saturating_add_signed(isize::from(direction));
            model.speed = speed.min(SPEEDS.len() - 1);
            Vec::new()
        }
        Action::AskPlace => ask(model, Ask::Place),
        Action::AskCommand => ask(model, Ask::Command),
        Action::AskFilter => ask(model, Ask::Filter),
        Action::Menu => menu::open(model),
        Action::Follow => follow::toggle(model),
        Action::Macro(which) => forks::perform(model, which),
        Action::NextRun => forks::next(model),
        Action::Compare => compare::compare(model),
        Action::Bookmark => {
            if !model.bookmarks.remove(&model.place.steps) {
                model.bookmarks.insert(model.place.steps);
            }
            Vec::new()
        }
        Action::Show(screen) => show(model, screen),
        Action::NextScreen(direction) => show(model, beside(model.screen, direction)),
        Action::Select(direction) => select(model, direction),
        Action::Open => open(model),
        Action::Explain => toggle_pane(model, Pane::Explain),
        Action::Metrics => toggle_pane(model, Pane::Metrics),
        Action::Turn(direction) => {
            model.page = model.page.wrapping_add(i32::from(direction));
            Vec::new()
        }
        Action::Zoom => cover(model, Cover::Lines),
        Action::Blank => cover(model, Cover::Blank),
        Action::Help => cover(model, Cover::Help { first: 0 }),
        Action::Back => {
            back(model);
            Vec::new()
        }
        Action::Suspend => vec![Effect::Suspend],
        Action::Quit => leave(model, was_warned, Effect::Quit),
        Action::Interrupt => leave(model, was_warned, Effect::Interrupt),
    }
}

/// What there must be for an action.
pub(super) fn needs(action: Action) -> Needs {
    match action {
        Action::PlayOrPause
        | Action::Step(_)
        | Action::Line(_)
        | Action::LineOfSelected(_)
        | Action::News(_)
        | Action::Scrub(_)
        | Action::ToZero
        | Action::ToEnd
        | Action::Bookmark
        | Action::ToBookmark(_)
        | Action::Select(_)
        | Action::Menu
        | Action::Open => Needs::Picture,
        Action::Macro(_) | Action::NextRun | Action::Compare => Needs::Runs,
        Action::Faster(_)
        | Action::Show(_)
        | Action::NextScreen(_)
        | Action::Turn(_)
        | Action::Explain
        | Action::Metrics
        | Action::Zoom
        | Action::Back => Needs::Order,
        // What opens a line is done at once, so that what is typed then goes into it.
        Action::AskPlace
        | Action::AskCommand
        | Action::AskFilter
        | Action::Follow
        | Action::Blank
        | Action::Help
        | Action::Suspend
        | Action::Quit
        | Action::Interrupt => Needs::Nothing,
    }
}

/// Leaves; where something would be lost, only whoever has been told so.
fn leave(model: &mut Model, was_warned: bool, end: Effect) -> Vec<Effect> {
    let Some(lost) = forks::unsaved(model).filter(|_| !was_warned) else { return vec![end] };
    (model.is_leaving, model.is_playing) = (true, false);
    model.status = Some(Status::Refused(format!("{lost}; once more quits all the same")));
    Vec::new()
}

fn ask(model: &mut Model, ask: Ask) -> Vec<Effect> {
    model.is_playing = false;
    model.prompt = Some(Prompt::new(ask));
    Vec::new()
}

/// Puts something in front of the screen, or takes it away.
fn cover(model: &mut Model, cover: Cover) -> Vec<Effect> {
    let is_there = std::mem::discriminant(&model.cover) == std::mem::discriminant(&cover);
    model.cover = if is_there { Cover::None } else { cover };
    Vec::new()
}

fn toggle_pane(model: &mut Model, pane: Pane) -> Vec<Effect> {
    // Lines that fill the window have no room for a pane.
    let is_hidden = std::mem::take(&mut model.cover) != Cover::None;
    model.pane = if model.pane == pane && !is_hidden { Pane::None } else { pane };
    model.page = 0;
    Vec::new()
}

/// The screen that comes behind another one in the order of their digits, or before it.
fn beside(screen: Screen, direction: i8) -> Screen {
    let index = Screen::ALL.iter().position(|one| *one == screen).unwrap_or(0) as i64;
    Screen::ALL[(index + i64::from(direction)).rem_euclid(Screen::ALL.len() as i64) as usize]
}

fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    if screen == Screen::Partition {
        choose_partition(model);
    }
    (model.screen, model.cover, model.page) = (screen, Cover::None, 0);
    model.look_here()
}

/// Lets the screens of one partition show the one that is selected, or else the one that the filter is about; where that is not
/// there, says so.
pub(super) fn choose_partition(model: &mut Model) {
    if let Some(Subject::Partition(name)) = model.subject() {
        model.partition = Some(name);
        return;
    }
    let Some(filter) = &model.filter else { return };
    let names: Vec<&TopicPartition> = model.partitions().iter().map(|partition| &partition.name).collect();
    if let Some(name) = filter.partition(&names) {
        model.partition = Some(name.clone());
    } else if let (Some(word), Some(shown)) = (filter.may_be_about(), model.shown_partition()) {
        let text = format!("the filter is about {word}, which is not there now: this is {}", shown.name);
        model.status = Some(Status::Said(text));
    }
}

/// Closes the topmost of what is open.
fn back(model: &mut Model) {
    model.page = 0;
    if model.cover != Cover::None {
        model.cover = Cover::None;
    } else if model.pane != Pane::None {
        model.pane = Pane::None;
    } else if model.way.is_some() {
        model.way = None;
    } else if model.filter.is_some() {
        model.filter = None;
    } else if model.selected.is_some() {
        model.selected = None;
    } else {
        model.screen = Screen::Cluster;
    }
}

fn select(model: &mut Model, direction: i8) -> Vec<Effect> {
    let turned = |index: usize, count: usize| match count {
        0 => 0,
        count => (index as i64 + i64::from(direction)).rem_euclid(count as i64) as usize,
    };
    match model.screen {
        Screen::Checks => {
            model.property = turned(model.property, trial_sim::internal::check::PROPERTIES.len());
            Vec::new()
        }
        Screen::Partition => {
            let shown = model.shown_partition().map(|partition| partition.name.clone());
            let names: Vec<TopicPartition> =
                model.partitions().iter().map(|partition| partition.name.clone()).collect();
            let index = names.iter().position(|name| Some(name) == shown.as_ref()).unwrap_or(0);
            model.partition = names.get(turned(index, names.len())).cloned();
            model.look_here()
        }
        Screen::Cluster | Screen::Lanes | Screen::Controller | Screen::Disk | Screen::Groups => {
            let subjects = model.subjects();
            let index = subjects.iter().position(|subject| Some(subject) == model.selected.as_ref());
            let index = match index {
                Some(index) => turned(index, subjects.len()),
                // The first from above, or from below.
                None if direction > 0 => 0,
                None => subjects.len().saturating_sub(1),
            };
            model.selected = subjects.into_iter().nth(index);
            Vec::new()
        }
    }
}

fn open(model: &mut Model) -> Vec<Effect> {
    // Whoever has voted with Enter goes on with it.
    if model.lesson.as_ref().is_some_and(|lesson| lesson.revealing.is_some()) {
        place::play_or_pause(model);
        return Vec::new();
    }
    match model.screen {
        Screen::Checks => place::to_violation(model),
        _ => match model.subject() {
            Some(Subject::Partition(_)) => show(model, Screen::Partition),
            Some(Subject::Machine(_)) => show(model, Screen::Disk),
            Some(Subject::Message(_) | Subject::Link(..)) => menu::open(model),
            None => {
                model.status = Some(Status::Said("nothing is selected: Tab selects".to_owned()));
                Vec::new()
            }
        },
    }
}
