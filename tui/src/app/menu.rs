//! What can be done to what is selected, as a list to choose from: the same words that the command line takes.

use trial_sim::internal::MachineId;
use trial_sim::internal::fault::{MessageId, MessageKind};
use trial_sim::internal::machine::ProcessState;
use trial_sim::internal::session::{MachinePart, Passage, Tape};

use super::{Action, Ask, Effect, Model, Prompt, Screen, Status, Subject, follow, prompt};

/// A menu that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// What it is about.
    pub title: String,
    /// What can be chosen.
    pub items: Vec<Item>,
    /// Where the cursor is.
    pub chosen: usize,
}

/// One thing that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// In a few words.
    pub words: String,
    /// What happens then.
    pub does: Deed,
}

/// What an item does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is done to the world, as if it had been typed.
    Command(String),
    /// It is put into the command line, to be completed there.
    Begin(String),
    /// Another screen.
    Show(Screen),
    /// The message, and its answer, are followed.
    Follow,
    /// Another of the runs that are open, by its place among them.
    Run(usize),
}

fn item(words: impl Into<String>, does: Deed) -> Item {
    Item { words: words.into(), does }
}

/// Something done to the world: its own words say what it is.
fn done(words: &str, command: String) -> Item {
    item(format!("{words}   :{command}"), Deed::Command(command))
}

/// Opens the menu of what is selected.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let menu = model.subject().and_then(|subject| of(model, &subject));
    match menu {
        Some(menu) => (model.menu, model.is_playing) = (Some(menu), false),
        None => model.status = Some(Status::Said("nothing is selected: Tab or a click selects".to_owned())),
    }
    Vec::new()
}

/// Opens the list of the runs that are open, each with what was done to make it.
pub(super) fn of_runs(model: &mut Model) {
    let run = |(index, run): (usize, &super::Run)| {
        let from = run.parent.map_or_else(String::new, |(parent, _)| format!("   from run {}", parent + 1));
        item(format!("run {}: {}{from}", index + 1, run.name), Deed::Run(index))
    };
    let items = model.runs.iter().enumerate().map(run).collect();
    let menu = Menu { title: "which run to see".to_owned(), items, chosen: model.current };
    (model.menu, model.is_playing) = (Some(menu), false);
}

fn of(model: &Model, subject: &Subject) -> Option<Menu> {
    let tape = model.tape.as_deref()?;
    let (title, items) = match subject {
        Subject::Machine(id) => {
            let machine = model.machines().iter().find(|machine| machine.id == *id)?;
            (machine.name.clone(), of_machine(model, machine))
        }
        Subject::Partition(partition) => {
            let name = partition.to_string();
            let mut items = vec![
                item("look at its logs", Deed::Show(Screen::Partition)),
                done("kill its leader", format!("kill leader={name}")),
                done("power cut at its leader", format!("power-cut leader={name} lose=all")),
                done("kill its first follower", format!("kill follower={name}")),
                done("elect its preferred leader", format!("elect-leader partition={name}")),
            ];
            items.push(item("follow a record", Deed::Follow));
            (name, items)
        }
        Subject::Link(from, to) => {
            let title = format!("the link between {} and {}", tape.cast.name(*from), tape.cast.name(*to));
            (title, of_link(model, tape, *from, *to))
        }
        Subject::Message(message) => {
            let passage = tape.passage(*message)?;
            (of_whom(tape, passage), of_message(model, tape, *message, passage))
        }
    };
    Some(Menu { title, items, chosen: 0 })
}

/// How a machine is called in commands.
pub(super) fn called(model: &Model, machine: &MachinePart) -> String {
    use trial_sim::internal::session::Work;
    match machine.work {
        Work::Broker | Work::Combined => format!("broker={}", machine.id.0),
        Work::Controller if !is_shared(model, machine) => machine.name.clone(),
        Work::Controller => format!("controller={}", machine.id.0),
        Work::Producer | Work::Consumer | Work::Admin => {
            let name = model.tape.as_ref().map_or("?", |tape| tape.cast.name(machine.id));
            format!("client={name}")
        }
    }
}

/// Whether somebody else has the name of this machine: a controller c1 and a consumer c1.
fn is_shared(model: &Model, machine: &MachinePart) -> bool {
    model.machines().iter().any(|other| other.id != machine.id && other.name == machine.name)
}

fn of_machine(model: &Model, machine: &MachinePart) -> Vec<Item> {
    let target = called(model, machine);
    if !machine.work.is_node() {
        let name = target.trim_start_matches("client=");
        return match machine.state {
            ProcessState::Running | ProcessState::Paused => vec![
                item("let it send or read ...", Deed::Begin(format!("produce {target} topic="))),
                done("crash it", format!("crash {target}")),
                done("nothing passes to or from it", isolated(model, machine.id, name)),
                done("heal all partitions and clogs", "heal".to_owned()),
            ],
            ProcessState::Stopped | ProcessState::Off => vec![done("start it", format!("start {target}"))],
        };
    }
    let mut items = vec![item("look at its disk", Deed::Show(Screen::Disk))];
    match machine.state {
        ProcessState::Running => items.extend([
            done("stop it in order", format!("stop {target}")),
            done("kill its process", format!("kill {target}")),
            done("power cut, all that was not synced is lost", format!("power-cut {target} lose=all")),
            done("let it stand still", format!("pause {target}")),
        ]),
        ProcessState::Paused => items.extend([
            done("let it go on", format!("resume {target}")),
            done("kill its process", format!("kill {target}")),
        ]),
        ProcessState::Stopped | ProcessState::Off => items.push(done("start it", format!("start {target}"))),
    }
    let name = model.tape.as_ref().map_or("?", |tape| tape.cast.name(machine.id));
    items.extend([
        done("isolate it: nothing passes to or from it", isolated(model, machine.id, name)),
        done("heal all partitions and clogs", "heal".to_owned()),
        done("its disk stalls for 5 s", format!("stall {target} length=5s")),
    ]);
    items
}

/// A partition of the network between one and all others.
fn isolated(model: &Model, one: MachineId, name: &str) -> String {
    let others = model.machines().iter().filter(|machine| machine.id != one);
    let others: Vec<String> = others.map(|part| named(model, part)).collect();
    let own = model
        .machines()
        .iter()
        .find(|machine| machine.id == one)
        .map_or_else(|| name.to_owned(), |part| named(model, part));
    format!("partition {own} | {}", others.join(" "))
}

/// What can be done to the link between two machines: to both directions, or to one.
fn of_link(model: &Model, tape: &Tape, from: MachineId, to: MachineId) -> Vec<Item> {
    let name = |machine: MachineId| {
        let part = model.machines().iter().find(|part| part.id == machine);
        part.map_or_else(|| tape.cast.name(machine).to_owned(), |part| named(model, part))
    };
    let both = format!("partition {} | {}", name(from), name(to));
    let mut items = vec![done("cut it in both directions", both)];
    for (from, to) in [(from, to), (to, from)] {
        let link = format!("from={} to={}", name(from), name(to));
        let way = format!("from {} to {}", tape.cast.name(from), tape.cast.name(to));
        items.extend([
            done(&format!("cut it {way}"), format!("partition {link}")),
            done(&format!("carry nothing further {way}, without a reset"), format!("clog {link}")),
            done(&format!("take 500 ms {way}"), format!("latency {link} is=500ms")),
        ]);
    }
    items.push(done("heal all partitions and clogs", "heal".to_owned()));
    items
}

/// A machine's name as lists of names have it.
fn named(model: &Model, machine: &MachinePart) -> String {
    use trial_sim::internal::session::Work;
    match machine.work {
        Work::Broker | Work::Combined => format!("broker:{}", machine.id.0),
        Work::Controller if !is_shared(model, machine) => machine.name.clone(),
        Work::Controller => format!("controller:{}", machine.id.0),
        Work::Producer | Work::Consumer | Work::Admin => format!("client:{}", machine.name),
    }
}

/// `Fetch request from b2 to b1`.
fn of_whom(tape: &Tape, passage: &Passage) -> String {
    let (from, to) = (tape.cast.name(passage.from), tape.cast.name(passage.to));
    format!("{} {} from {from} to {to}", passage.api.name(), kind(passage))
}

fn kind(passage: &Passage) -> &'static str {
    match passage.kind {
        MessageKind::Request => "request",
        MessageKind::Response => "response",
    }
}

fn of_message(model: &Model, tape: &Tape, message: MessageId, passage: &Passage) -> Vec<Item> {
    let mut items = vec![item("follow it, and its answer", Deed::Follow)];
    let name = |machine: MachineId| {
        let part = model.machines().iter().find(|part| part.id == machine);
        part.map_or_else(|| tape.cast.name(machine).to_owned(), |part| named(model, part))
    };
    let (from, to) = (name(passage.from), name(passage.to));
    let link = format!("from={from} to={to}");
    let kind_of = format!("{link} api={} kind={}", passage.api.name(), kind(passage));
    let in_flight = model.snapshot().map_or(&[][..], |snapshot| &snapshot.in_flight);
    let alike = in_flight.iter().filter(|other| {
        (other.from, other.to, other.api, other.kind) == (passage.from, passage.to, passage.api, passage.kind)
    });
    let place = alike.clone().position(|other| other.id == message);
    if let (Some(place), true) = (place, model.is_current()) {
        let this = format!("{kind_of} in-flight={}", place + 1);
        let is_held = alike.clone().any(|other| other.id == message && other.held.is_some());
        if is_held {
            items.push(done("release it, and those like it that are held", format!("release {kind_of}")));
        } else {
            items.push(done("hold it", format!("hold {this}")));
        }
        items.push(done("lose it, which resets its connection", format!("drop {this}")));
        items.push(done("let it come a second later", format!("delay {this} by=1s")));
    } else {
        items.push(done("hold the next like it", format!("hold {kind_of}")));
        items.push(done("lose the next like it", format!("drop {kind_of}")));
    }
    items.extend([
        done("clog this link for messages of this kind", format!("clog {kind_of}")),
        done("cut this link in this direction", format!("partition {link}")),
        done("this link takes 500 ms", format!("latency {link} is=500ms")),
        done("heal all partitions and clogs", "heal".to_owned()),
    ]);
    items
}

/// Moves the cursor.
pub(super) fn turn(model: &mut Model, direction: i8) {
    if let Some(menu) = &mut model.menu {
        let count = menu.items.len().max(1) as i64;
        menu.chosen = (menu.chosen as i64 + i64::from(direction)).rem_euclid(count) as usize;
    }
}

/// Does what is chosen.
pub(super) fn choose(model: &mut Model, index: Option<usize>) -> Vec<Effect> {
    let Some(menu) = model.menu.take() else { return Vec::new() };
    let Some(item) = menu.items.into_iter().nth(index.unwrap_or(menu.chosen)) else { return Vec::new() };
    match item.does {
        Deed::Command(command) => prompt::done_in_order(model, Ask::Command, command),
        Deed::Begin(text) => {
            model.prompt = Some(Prompt { text, ..Prompt::new(Ask::Command) });
            Vec::new()
        }
        Deed::Show(screen) => super::act::act(model, Action::Show(screen)),
        Deed::Follow => follow::begin(model),
        Deed::Run(index) if index == model.current => Vec::new(),
        Deed::Run(index) => prompt::done_in_order(model, Ask::Command, format!("run {}", index + 1)),
    }
}
