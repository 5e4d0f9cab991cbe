//! Taking away: steps, clients, topics, settings; in large pieces first, then in smaller ones.

use std::collections::BTreeSet;
use std::ops::Range;

use super::groups::{forget_topic_of_joins, group_of, groups, without_groups};
use super::mention::{Subject, forget};
use super::search::Search;
use crate::scenario::Seed;
use crate::scenario::format::{ClientSettings, File, Settings, Span};
use crate::scenario::format::{Spanned, Step};
use crate::scenario::run::is_expectation;

/// A list in a file of which some can be missed.
struct List {
    len: fn(&File) -> usize,
    without: fn(&File, Range<usize>) -> File,
}

pub(super) fn take_away_steps(search: &mut Search) {
    search.accepts(without_expectations(search.best()));
    take_away(search, &List { len: |file| file.steps.len(), without: without_steps });
    take_away_pairs(search);
    take_away(search, &List { len: |file| file.interventions.len(), without: without_interventions });
}

pub(super) fn take_away_groups(search: &mut Search) {
    take_away(search, &List { len: |file| groups(file).len(), without: without_groups });
}

pub(super) fn take_away_clients(search: &mut Search) {
    take_away(search, &List { len: |file| file.clients.len(), without: without_clients });
}

pub(super) fn take_away_topics(search: &mut Search) {
    take_away(search, &List { len: |file| file.topics.len(), without: without_topics });
}

pub(super) fn take_away_settings(search: &mut Search) {
    take_away(search, &List { len: |file| all_settings(file).len(), without: without_settings });
    for plainer in PLAINER {
        let mut candidate = search.best().clone();
        plainer(&mut candidate);
        search.accepts(candidate);
    }
}

/// Everything else that a reader need not know if it does not matter.
const PLAINER: &[fn(&mut File)] = &[
    |file| file.lesson = None,
    |file| file.museum = None,
    |file| file.hazard = None,
    |file| file.found = None,
    forget_resolved,
    |file| file.nodes.clear(),
    |file| file.cluster.value.racks.clear(),
    |file| file.cluster.value.elr = None,
    |file| file.cluster.value.latency = Some(Spanned::nowhere(constant(10))),
    |file| file.cluster.value.latency = Some(Spanned::nowhere(constant(1))),
    |file| file.cluster.value.warmup = Some(false),
    |file| file.always.clear(),
    |file| file.allow.clear(),
    |file| file.swarm.clear(),
    |file| file.liveness = None,
    |file| file.until = None,
];

/// In a smaller file symbolic targets may mean others, and other times come.
fn forget_resolved(file: &mut File) {
    for step in file.steps.iter_mut().chain(&mut file.interventions) {
        step.value.resolved = None;
    }
}

fn constant(millis: i64) -> crate::scenario::format::Latency {
    crate::scenario::format::Latency::Constant(Span::from_millis(millis))
}

/// Delta debugging over one list, from its end: what comes after the failure goes first.
fn take_away(search: &mut Search, list: &List) {
    let mut size = (list.len)(search.best()).div_ceil(2);
    while size > 0 && !search.is_over() {
        take_away_pieces(search, list, size);
        size /= 2;
    }
}

fn take_away_pieces(search: &mut Search, list: &List, size: usize) {
    let mut end = (list.len)(search.best());
    while end > 0 && !search.is_over() {
        let pieces: Vec<Range<usize>> = pieces_before(end, size);
        let candidates = pieces.iter().map(|piece| (list.without)(search.best(), piece.clone())).collect();
        match search.first_that_fails(candidates) {
            Some(found) => end = pieces[found].start,
            None => return,
        }
    }
}

/// The pieces of this size below an index, the last first.
fn pieces_before(end: usize, size: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut end = end;
    while end > 0 {
        let start = end.saturating_sub(size);
        pieces.push(start..end);
        end = start;
    }
    pieces
}

/// The longest list of steps of which pairs are tried: their number grows with its square.
const FEW_STEPS: usize = 16;

/// A kill and its start, a partition and its heal: neither can go alone, but both can.
fn take_away_pairs(search: &mut Search) {
    loop {
        let count = search.best().steps.len();
        if count > FEW_STEPS || search.is_over() {
            return;
        }
        let pairs = (0..count).flat_map(|first| (first + 1..count).map(move |second| (first, second)));
        let candidates = pairs
            .map(|(first, second)| {
                let mut file = search.best().clone();
                file.steps.remove(second);
                file.steps.remove(first);
                file
            })
            .collect();
        if search.first_that_fails(candidates).is_none() {
            return;
        }
    }
}

/// With how many other seeds a step is tried to be taken away, once nothing more goes with the scenario's own.
const SCHEDULES: u64 = 3;

/// A step may be needed for nothing but the moments at which others come: where the failure rests on the schedule it goes
/// with another seed, under which messages take other times. The seed is the scenario's from then on.
pub(super) fn take_away_steps_on_other_schedules(search: &mut Search) {
    if search.best().steps.len() > FEW_STEPS {
        return;
    }
    for index in (0..search.best().steps.len()).rev() {
        if search.is_over() {
            return;
        }
        let candidates = (1..=SCHEDULES).map(|seed| {
            let mut file = without_steps(search.best(), index..index + 1);
            file.seed = Some(Seed(seed));
            file
        });
        search.first_that_fails(candidates.collect());
    }
}

/// How long a run goes on after its last step when nothing is expected of it any more.
const LONG_ENOUGH: Span = Span::from_millis(60_000);

/// A broken promise needs nobody who expects something; it needs the time in which it shows.
fn without_expectations(file: &File) -> File {
    let mut file = file.clone();
    let last = file.steps.iter().filter_map(|step| step.at.as_ref()).map(|at| at.value.micros).max().unwrap_or(0);
    file.steps.retain(|step| !step.actions().iter().any(|action| is_expectation(action)));
    file.until.get_or_insert_with(|| Spanned::nowhere(Span { micros: last + LONG_ENOUGH.micros }));
    file
}

/// Steps without a time of their own run right after the one before: what follows a gap is given the time it had.
fn without_steps(file: &File, piece: Range<usize>) -> File {
    let mut file = file.clone();
    let starts_at = file.steps[piece.clone()].iter().rev().find_map(|step| step.at.clone());
    file.steps.drain(piece.clone());
    if let Some(next) = file.steps.get_mut(piece.start)
        && has_no_time(&next.value)
    {
        next.value.at = starts_at;
    }
    file
}

fn without_interventions(file: &File, piece: Range<usize>) -> File {
    let mut file = file.clone();
    file.interventions.drain(piece);
    file
}

fn has_no_time(step: &Step) -> bool {
    step.at.is_none() && step.after.is_none() && step.when.is_none() && step.when_event.is_none()
}

fn without_clients(file: &File, piece: Range<usize>) -> File {
    let mut file = file.clone();
    for client in file.clients.drain(piece).collect::<Vec<_>>() {
        forget(&mut file, &Subject::Client(client.name.value));
    }
    file
}

fn without_topics(file: &File, piece: Range<usize>) -> File {
    let mut file = file.clone();
    for topic in file.topics.drain(piece).collect::<Vec<_>>() {
        let name = topic.name.value;
        forget_topic_of_joins(&mut file, &name);
        forget(&mut file, &Subject::Topic(name.clone()));
        let of_topic =
            |partition: &Spanned<String>| partition.value.rsplit_once('-').is_some_and(|(topic, _)| topic == name);
        for consumer in file.clients.iter_mut().filter_map(|client| client.consumer.as_mut()) {
            consumer.value.assign.retain(|partition| !of_topic(partition));
            consumer.value.subscribe.retain(|subscribed| subscribed.value != name);
        }
        // A consumer that reads nothing is no consumer, but if it joins later.
        let joins: BTreeSet<String> =
            file.steps.iter().filter_map(|step| Some(step.join.as_ref()?.value.client.value.clone())).collect();
        let reads = |consumer: &Spanned<ClientSettings>| {
            !consumer.value.assign.is_empty() || !consumer.value.subscribe.is_empty()
        };
        file.clients.retain(|client| {
            let joins_later = group_of(client).is_some() && joins.contains(&client.name.value);
            joins_later || client.consumer.as_ref().is_none_or(reads)
        });
    }
    file
}

/// Where a setting stands: the table by its number, and the setting's name in it.
type Place = (usize, String);

/// All tables of settings, always in the same order.
fn tables(file: &mut File) -> Vec<&mut Settings> {
    let mut tables = vec![&mut file.cluster.value.config];
    tables.extend(file.nodes.iter_mut().map(|node| &mut node.config));
    tables.extend(file.topics.iter_mut().map(|topic| &mut topic.config));
    for client in &mut file.clients {
        let sections = [&mut client.producer, &mut client.consumer, &mut client.admin];
        tables.extend(sections.into_iter().flatten().map(|section| &mut section.value.settings));
    }
    tables
}

fn all_settings(file: &File) -> Vec<Place> {
    let mut file = file.clone();
    let mut places = Vec::new();
    for (table, settings) in tables(&mut file).into_iter().enumerate() {
        places.extend(settings.0.keys().map(|name| (table, name.value.clone())));
    }
    places
}

fn without_settings(file: &File, piece: Range<usize>) -> File {
    let gone: Vec<Place> = all_settings(file).drain(piece).collect();
    let mut file = file.clone();
    for (table, settings) in tables(&mut file).into_iter().enumerate() {
        settings.0.retain(|name, _| !gone.iter().any(|(of, gone)| *of == table && *gone == name.value));
    }
    file
}
