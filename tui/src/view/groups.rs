//! Groups of consumers: what their coordinator knows of them, who reads what, what is committed, and how far behind they are.
//!
//! ```text
//!   GROUP billing: classic, Stable, generation 3, range; coordinator b2; 12 records behind
//!   member            epoch  has              gives up  shall have        as the coordinator knows it
//!   client  at  …     reads        at  committed  can read up to          as its members do
//! ```

use trial_broker::config::GroupProtocol;
use trial_broker::group::{GroupMemberView, GroupStateName};
use trial_broker::ids::TopicPartition;
use trial_sim::internal::session::{CoordinatorPart, GroupPart, MemberPart, ReadPart};

use super::words;
use crate::app::Model;
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{counted, heading, line};

/// Each group: a row a member as the coordinator knows it, then a row a member and partition.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let groups = model.snapshot().map_or(&[][..], |snapshot| &snapshot.groups);
    if groups.is_empty() {
        return vec![line(model.look, Role::Plain, "there is no group").into()];
    }
    let mut rows = Vec::new();
    for group in groups {
        rows.extend(titles(model, &title(model, group), width));
        if let Some(told) = group.told.as_ref().filter(|told| !told.view.members.is_empty()) {
            rows.extend(members(told).without(&model.hidden_columns()).rows(model.look, width));
        }
        let reads = reads(model, group);
        if !reads.rows.is_empty() {
            rows.extend(reads.without(&model.hidden_columns()).rows(model.look, width));
        }
    }
    rows
}

/// The title; where it has no room, what stands behind a semicolon in lines of its own.
fn titles(model: &Model, title: &str, width: u16) -> Vec<Row> {
    if title.chars().count() < usize::from(width) {
        return vec![Row::title(heading(model.look, title, width))];
    }
    let mut parts = title.split("; ");
    let first = parts.next().map(|first| Row::title(heading(model.look, first, width)));
    first.into_iter().chain(parts.map(|part| line(model.look, Role::Heading, part.to_owned()).into())).collect()
}

/// `GROUP billing: classic, Stable, generation 3, range; coordinator b2; 12 records behind`.
fn title(model: &Model, group: &GroupPart) -> String {
    let is_hidden = |name: &str| model.hidden_columns().iter().any(|hidden| hidden == name);
    let behind = if is_hidden("behind") { "?".to_owned() } else { counted(group.lag, "record") };
    let name = group.group.as_str();
    let Some(CoordinatorPart { node, view }) = &group.told else {
        let coordinator = words::nodes(model, &group.coordinators);
        return format!("GROUP {name}: no coordinator knows it; its members ask {coordinator}; {behind} behind");
    };
    let (protocol, epoch) = match view.protocol {
        GroupProtocol::Classic => ("classic", "generation"),
        GroupProtocol::Consumer => ("KIP-848", "epoch"),
    };
    let number = if is_hidden("generation") || is_hidden("epoch") { "?".to_owned() } else { view.epoch.to_string() };
    let state = if is_hidden("state") { "?" } else { view.state.name() };
    let assignor = view.assignor.as_ref().map_or_else(String::new, |assignor| format!(", {assignor}"));
    let coordinator = words::node(model, *node);
    format!("GROUP {name}: {protocol}, {state}, {epoch} {number}{assignor}; coordinator {coordinator}; {behind} behind")
}

/// The role of a group's state: whether it is at rest.
pub fn state_role(state: GroupStateName) -> Role {
    match state {
        GroupStateName::Stable => Role::Good,
        GroupStateName::Empty => Role::Plain,
        GroupStateName::Dead => Role::Bad,
        GroupStateName::PreparingRebalance
        | GroupStateName::CompletingRebalance
        | GroupStateName::Assigning
        | GroupStateName::Reconciling => Role::Warning,
    }
}

/// The members as the coordinator knows them.
fn members(told: &CoordinatorPart) -> Table {
    let row = |member: &GroupMemberView| {
        let who = match &member.instance {
            Some(instance) => format!("{} (static {})", member.client_id, instance.as_str()),
            None => member.client_id.clone(),
        };
        let epoch = if member.epoch == told.view.epoch { Role::Plain } else { Role::Warning };
        let gives_up = if member.revoking.is_empty() { Role::Plain } else { Role::Warning };
        let shall_have = if member.target == member.assigned { Role::Plain } else { Role::Warning };
        vec![
            cell(who),
            styled(epoch, member.epoch.to_string()),
            cell(by_topic(&member.assigned)),
            styled(gives_up, by_topic(&member.revoking)),
            styled(shall_have, by_topic(&member.target)),
        ]
    };
    Table {
        columns: vec![
            column("for its coordinator", 0),
            column("generation or epoch", 1),
            column("has", 0),
            column("gives up", 0),
            column("shall have", 0),
        ],
        rows: told.view.members.iter().map(row).collect(),
        selected: None,
    }
}

/// `orders-0 1 2  bills-4`: partitions under their topics' names; `-` for none.
fn by_topic(partitions: &[TopicPartition]) -> String {
    let mut words = String::new();
    let mut topic = None;
    for partition in partitions {
        if topic == Some(&partition.topic) {
            words += &format!(" {}", partition.partition);
        } else {
            let gap = if words.is_empty() { "" } else { "  " };
            words += &format!("{gap}{partition}");
            topic = Some(&partition.topic);
        }
    }
    if words.is_empty() { "-".to_owned() } else { words }
}

/// What members read, as they see it, and what is committed beside it.
fn reads(model: &Model, group: &GroupPart) -> Table {
    let mut rows = Vec::new();
    for member in &group.members {
        if member.reads.is_empty() {
            rows.push(row(model, Some(member), None));
        }
        rows.extend(member.reads.iter().map(|read| row(model, Some(member), Some(read))));
    }
    rows.extend(group.left.iter().map(|read| row(model, None, Some(read))));
    Table {
        columns: vec![
            column("member", 0),
            column("generation or epoch", 4),
            column("state", 3),
            column("reads", 0),
            column("at", 0),
            column("committed", 0),
            column("can read up to", 2),
            column("behind", 1),
        ],
        rows,
        selected: None,
    }
}

fn row(model: &Model, member: Option<&MemberPart>, read: Option<&ReadPart>) -> Vec<Cell> {
    let name = member.map_or("nobody", |member| model.tape.as_ref().map_or("?", |tape| tape.cast.name(member.machine)));
    let epoch = match member {
        Some(member) if member.epoch > 0 => member.epoch.to_string(),
        Some(_) => "in none".to_owned(),
        None => "-".to_owned(),
    };
    let state = match member {
        Some(member) if member.is_settled => styled(Role::Good, "settled"),
        Some(_) => styled(Role::Warning, "joins, or waits"),
        None => cell("-"),
    };
    let number = |offset: Option<i64>, none: &str| offset.map_or_else(|| none.to_owned(), |offset| offset.to_string());
    let of = |offset: fn(&ReadPart) -> Option<i64>, none: &str| {
        cell(read.map_or_else(|| "-".to_owned(), |read| number(offset(read), none)))
    };
    let behind = match read.and_then(ReadPart::lag) {
        Some(0) => styled(Role::Good, "nothing"),
        Some(records) => styled(Role::Warning, counted(records, "record")),
        None => cell("-"),
    };
    vec![
        cell(name),
        cell(epoch),
        state,
        cell(read.map_or_else(|| "nothing".to_owned(), |read| read.partition.to_string())),
        of(|read| read.position, if member.is_some() { "?" } else { "-" }),
        of(|read| read.committed, "nothing"),
        of(|read| read.end, "?"),
        behind,
    ]
}
