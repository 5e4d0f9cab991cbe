//! The cluster: a row a machine, a row a partition, a row a client.

use ratatui::text::Span;
use trial_broker::ids::NodeId;
use trial_sim::internal::machine::ProcessState;
use trial_sim::internal::session::{MachinePart, PartitionPart, ReplicaPart, ReplicaRole};

use super::arrows::held_up;
use super::groups::state_role;
use super::words;
use crate::app::{Model, Spot, Subject};
use crate::theme::{Glyph, Role};
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{bytes, counted, heading, line, word, wrapped};

/// The tables; where there is no room for them, the machines in brief and the tables without headings; where there is none
/// for these either, the partitions first.
pub fn rows(model: &Model, width: u16, most: u16) -> Vec<Row> {
    let of = |table: Table, subjects: Vec<Subject>| {
        let rows = table.without(&model.hidden_columns()).rows(model.look, width);
        // The first row has the names of the columns.
        let spots = std::iter::once(None).chain(subjects.into_iter().map(Some)).chain(std::iter::repeat(None));
        let at = |(row, subject): (Row, Option<Subject>)| match subject {
            Some(subject) => row.meaning(Spot::Subject(subject)),
            None => row,
        };
        rows.into_iter().zip(spots).map(at).collect::<Vec<Row>>()
    };
    let (is_node, is_client) =
        (|machine: &MachinePart| machine.work.is_node(), |machine: &MachinePart| !machine.work.is_node());
    let nodes = of(nodes(model), machines_that(model, is_node));
    let partitions = of(partitions(model, width), partitions_shown(model));
    let clients = of(clients(model), machines_that(model, is_client));
    // Without a group there is nothing but names of columns.
    let groups = of(groups(model), Vec::new());
    let groups = if groups.len() > 1 { groups } else { Vec::new() };
    let held = held_up(model).map_or_else(Vec::new, |held| wrapped(&held, width));
    let held: Vec<Row> = held.into_iter().map(|held| line(model.look, Role::Warning, held).into()).collect();
    let headings = 3 + usize::from(!groups.is_empty()) + usize::from(!held.is_empty());
    let full = nodes.len() + held.len() + partitions.len() + groups.len() + clients.len() + headings;
    if full > usize::from(most) {
        let machines = in_brief(model, width);
        // A row may be needed for how many more there are.
        let parts = match machines.len() + partitions.len() >= usize::from(most) {
            true => [partitions, machines, held, groups, clients],
            false => [machines, held, partitions, groups, clients],
        };
        return parts.into_iter().flatten().collect();
    }
    let parts = [
        ("MACHINES", nodes),
        ("MESSAGES THAT ARE HELD UP", held),
        ("PARTITIONS", partitions),
        ("GROUPS", groups),
        ("CLIENTS", clients),
    ];
    let parts = parts.into_iter().filter(|(_, rows)| !rows.is_empty());
    parts.flat_map(|(title, rows)| [vec![Row::title(heading(model.look, title, width))], rows].concat()).collect()
}

fn machines_that(model: &Model, is_wanted: fn(&MachinePart) -> bool) -> Vec<Subject> {
    let machines = model.machines().iter().filter(|machine| is_wanted(machine));
    machines.map(|machine| Subject::Machine(machine.id)).collect()
}

fn partitions_shown(model: &Model) -> Vec<Subject> {
    model.partitions().iter().map(|partition| Subject::Partition(partition.name.clone())).collect()
}

/// Where the cursor is, if it is in one of these.
fn cursor(model: &Model, subjects: &[Subject]) -> Option<usize> {
    let selected = model.subject()?;
    subjects.iter().position(|subject| *subject == selected)
}

/// `★ c1  ● b1  ✗ b2 stopped`: every node with its sign and, unless it simply runs, the word for it; in as many rows as that
/// takes.
fn in_brief(model: &Model, width: u16) -> Vec<Row> {
    let mut rows: Vec<Vec<(Span<'static>, Option<Spot>)>> = vec![Vec::new()];
    let mut used = 0;
    for machine in model.machines().iter().filter(|machine| machine.work.is_node()) {
        let name = brief(model, machine);
        let needed = name.width() + 2;
        if used > 0 && used + needed > usize::from(width) {
            rows.push(Vec::new());
            used = 0;
        }
        used += needed;
        let spot = Spot::Subject(Subject::Machine(machine.id));
        let between = (word(model.look, Role::Plain, "  "), None);
        rows.iter_mut().rev().take(1).for_each(|row| row.extend([(name.clone(), Some(spot.clone())), between.clone()]));
    }
    rows.into_iter().map(Row::of).collect()
}

/// A node's sign, its name, and the words for what is not as it should be.
fn brief(model: &Model, machine: &MachinePart) -> Span<'static> {
    let state = words::process(model.look, machine.state);
    let is_active = machine.quorum.as_ref().is_some_and(|quorum| quorum.active_epoch.is_some());
    let is_fenced = machine.broker.as_ref().is_some_and(|broker| broker.is_fenced);
    let (sign, is) = state.text.split_once(' ').unwrap_or((&state.text, ""));
    let sign = if is_active { model.look.sign(Glyph::Leader).to_string() } else { sign.to_owned() };
    let is = if machine.state == ProcessState::Running { String::new() } else { format!(" {is}") };
    let fenced = if is_fenced { " fenced" } else { "" };
    let role = match model.subject() {
        Some(Subject::Machine(id)) if id == machine.id => Role::Selected,
        _ if is_active => Role::Leader,
        _ => state.role,
    };
    word(model.look, role, format!("{sign} {}{is}{fenced}", machine.name))
}

fn nodes(model: &Model) -> Table {
    let machines: Vec<&MachinePart> = model.machines().iter().filter(|machine| machine.work.is_node()).collect();
    let subjects = machines_that(model, |machine| machine.work.is_node());
    Table {
        columns: vec![
            column("name", 0),
            column("process", 0),
            column("quorum", 1),
            column("broker", 1),
            column("not on disk", 3),
            column("wall clock", 4),
            column("waits", 2),
        ],
        rows: machines.into_iter().map(|machine| node_row(model, machine)).collect(),
        selected: cursor(model, &subjects),
    }
}

fn node_row(model: &Model, machine: &MachinePart) -> Vec<Cell> {
    let dirty = match machine.dirty_bytes {
        0 => cell("all durable"),
        dirty => styled(Role::Warning, bytes(dirty)),
    };
    let clock = match machine.wall_offset_micros {
        0 => cell("right"),
        micros => styled(Role::Warning, format!("{:+} ms", micros as f64 / 1e3)),
    };
    let waits = match (machine.paying.as_slice(), machine.waiting) {
        ([], 0) => cell("-"),
        ([], waiting) => cell(counted(waiting as i64, "input")),
        (_, waiting) => styled(Role::Warning, format!("for its disk, {} behind", counted(waiting as i64, "input"))),
    };
    vec![
        cell(machine.name.clone()),
        words::process(model.look, machine.state),
        words::quorum(model.look, machine.quorum.as_ref()),
        words::broker(machine.broker.as_ref()),
        dirty,
        clock,
        waits,
    ]
}

/// How a column of a replica's positions gives way: behind what else is known of a partition, but for its marks.
const OF_REPLICAS: u8 = 2;

/// The partitions with the positions of every replica; where there is no room for all of these, with the leader's alone, which
/// never give way.
fn partitions(model: &Model, width: u16) -> Table {
    let every = partitions_with(model, &Positions::OfReplicas(brokers(model)));
    match every.has_room_down_to(OF_REPLICAS, width) {
        true => every,
        false => partitions_with(model, &Positions::OfLeader),
    }
}

/// Whose log ends and high watermarks have columns.
enum Positions {
    /// One for each of these brokers.
    OfReplicas(Vec<NodeId>),
    /// One for the leader of each partition.
    OfLeader,
}

fn brokers(model: &Model) -> Vec<NodeId> {
    let brokers = model.tape.as_ref().map_or(&[][..], |tape| tape.cast.brokers());
    brokers.iter().map(|(node, _)| *node).collect()
}

fn partitions_with(model: &Model, positions: &Positions) -> Table {
    let mut columns = vec![column("partition", 0), column("leader", 0)];
    if matches!(positions, Positions::OfLeader) {
        columns.push(column("end/high", 0));
    }
    columns.extend([column("epoch", 4), column("in sync", 3), column("out of sync", 5), column("eligible", 6)]);
    if let Positions::OfReplicas(brokers) = positions {
        let title = |node: &NodeId| format!("{} end/high", words::node(model, *node));
        columns.extend(brokers.iter().map(|node| column(&title(node), OF_REPLICAS)));
    }
    columns.push(column("marks", 1));
    let subjects = partitions_shown(model);
    Table {
        columns,
        rows: model.partitions().iter().map(|partition| partition_row(model, positions, partition)).collect(),
        selected: cursor(model, &subjects),
    }
}

fn partition_row(model: &Model, positions: &Positions, partition: &PartitionPart) -> Vec<Cell> {
    let leader = match partition.leader.is_some() {
        true => {
            styled(Role::Leader, format!("{} {}", model.look.sign(Glyph::Leader), words::node(model, partition.leader)))
        }
        false => styled(Role::Bad, format!("{} none", model.look.sign(Glyph::No))),
    };
    let out = &partition.out_of_sync;
    let of = |node: NodeId, none: &str| {
        let replica = partition.replicas.iter().find(|replica| replica.node == node);
        replica.map_or_else(|| cell(none), |replica| positions_of(replica, partition))
    };
    let mut cells = vec![cell(partition.name.to_string()), leader];
    if matches!(positions, Positions::OfLeader) {
        cells.push(of(partition.leader, "-"));
    }
    cells.extend([
        cell(partition.leader_epoch.0.to_string()),
        styled(if out.is_empty() { Role::Good } else { Role::Plain }, words::nodes(model, &partition.isr)),
        styled(if out.is_empty() { Role::Plain } else { Role::Warning }, words::nodes(model, out)),
        cell(words::nodes(model, &partition.elr)),
    ]);
    if let Positions::OfReplicas(brokers) = positions {
        cells.extend(brokers.iter().map(|node| of(*node, "")));
    }
    cells.push(marks(partition));
    cells
}

/// `13/10`: the end of a replica's log, and its high watermark; `13/10/7` where its last stable offset is lower still.
fn positions_of(replica: &ReplicaPart, partition: &PartitionPart) -> Cell {
    if !matches!(replica.process, ProcessState::Running | ProcessState::Paused) || replica.role.is_none() {
        return cell("-");
    }
    let is_leader = matches!(replica.role, Some(ReplicaRole::Leader { .. }));
    let believes = if is_leader && replica.node != partition.leader { " leads too" } else { "" };
    // A last stable offset below the high watermark is that of an open transaction.
    let stable = match replica.last_stable_offset {
        stable if stable < replica.high_watermark => format!("/{stable}"),
        _ => String::new(),
    };
    let text = format!("{}/{}{stable}{believes}", replica.log_end_offset, replica.high_watermark);
    let role = match (is_leader, replica.node == partition.leader) {
        (true, true) => Role::Leader,
        (true, false) => Role::Bad,
        (false, _) => Role::Plain,
    };
    styled(role, text)
}

/// What an operator would be told of it. What a leader that does not run would say nobody says: it is in the metadata only.
fn marks(partition: &PartitionPart) -> Cell {
    let leader = partition.replicas.iter().find(|replica| replica.node == partition.leader);
    match leader.map(|leader| leader.process) {
        Some(ProcessState::Stopped | ProcessState::Off) => return styled(Role::Bad, "its leader is down"),
        Some(ProcessState::Paused) => return styled(Role::Warning, "its leader stands still"),
        Some(ProcessState::Running) | None => {}
    }
    match (partition.leader.is_some(), partition.is_under_min_isr, partition.is_under_replicated) {
        (false, ..) => styled(Role::Bad, "offline"),
        (true, true, _) => styled(Role::Bad, format!("under min ISR ({})", partition.min_isr)),
        (true, false, true) => styled(Role::Warning, "under-replicated"),
        // Not "healthy": a member that lags or stands still counts as in sync until it is found out.
        (true, false, false) => styled(Role::Good, "full ISR"),
    }
}

fn groups(model: &Model) -> Table {
    let groups = model.snapshot().map_or(&[][..], |snapshot| &snapshot.groups);
    let rows = groups.iter().map(|group| {
        let settled = group.members.iter().filter(|member| member.is_settled).count();
        let role = if settled == group.members.len() { Role::Good } else { Role::Warning };
        let told = group.told.as_ref();
        let state = told.map_or_else(
            || styled(Role::Bad, "no coordinator"),
            |told| styled(state_role(told.view.state), told.view.state.name()),
        );
        vec![
            cell(group.group.as_str()),
            state,
            cell(told.map_or_else(|| "-".to_owned(), |told| words::node(model, told.node))),
            cell(told.map_or_else(|| "-".to_owned(), |told| told.view.epoch.to_string())),
            styled(role, format!("{settled} of {} settled", group.members.len())),
            cell(counted(group.lag, "record")),
        ]
    });
    Table {
        columns: vec![
            column("group", 0),
            column("state", 0),
            column("coordinator", 2),
            column("generation or epoch", 3),
            column("members", 2),
            column("behind", 1),
        ],
        rows: rows.collect(),
        selected: None,
    }
}

fn clients(model: &Model) -> Table {
    let machines: Vec<&MachinePart> = model.machines().iter().filter(|machine| !machine.work.is_node()).collect();
    let subjects = machines_that(model, |machine| !machine.work.is_node());
    Table {
        columns: vec![
            column("client", 0),
            column("is a", 2),
            column("process", 3),
            column("has done", 0),
            column("now", 1),
            column("last error", 1),
        ],
        rows: machines.into_iter().map(|machine| client_row(model, machine)).collect(),
        selected: cursor(model, &subjects),
    }
}

fn client_row(model: &Model, machine: &MachinePart) -> Vec<Cell> {
    use trial_sim::internal::session::Work;
    let steps = model.snapshot().map_or(0, |snapshot| snapshot.steps);
    let tally = model.tape.as_ref().map(|tape| tape.tally(machine.id, steps)).unwrap_or_default();
    let done = match machine.work {
        Work::Consumer => cell(format!("{} read", tally.consumed)),
        _ if tally.failed > 0 => {
            styled(Role::Warning, format!("{} sent, {} acked, {} failed", tally.sent, tally.acked, tally.failed))
        }
        Work::Producer => cell(format!("{} sent, {} acked", tally.sent, tally.acked)),
        _ => cell("-"),
    };
    let error = match tally.last_error {
        Some(error) => styled(Role::Warning, error.name()),
        None => cell("-"),
    };
    vec![
        cell(machine.name.clone()),
        cell(words::work(machine.work)),
        words::process(model.look, machine.state),
        done,
        cell(client_now(machine)),
        error,
    ]
}

/// What a client waits for, or where it stands.
fn client_now(machine: &MachinePart) -> String {
    let Some(client) = &machine.client else { return "-".to_owned() };
    let mut words = Vec::new();
    if !client.batches.is_empty() {
        let records: i32 = client.batches.iter().map(|batch| batch.records).sum();
        let wait = if records == 1 { "waits" } else { "wait" };
        words.push(format!("{} {wait}", counted(i64::from(records), "record")));
    }
    for position in &client.positions {
        let offset = position.offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
        words.push(format!("{} at {offset}", position.partition));
    }
    if words.is_empty() { "idle".to_owned() } else { words.join(", ") }
}
