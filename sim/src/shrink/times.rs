//! Shorter waits and rounder times: a reader remembers `5s`, not `7.318442s`.

use super::search::Search;
use crate::scenario::format::{File, Span, Spanned, Step};

/// Grains to which times are rounded, in microseconds, the coarsest first.
const GRAINS: &[i64] = &[10_000_000, 5_000_000, 1_000_000, 500_000, 100_000, 10_000, 1_000];

/// The time between each step and the one before it becomes as short as it can be.
pub(super) fn shorter_waits(search: &mut Search) {
    for index in 0..search.best().steps.len() {
        while let Some(wait) = wait_before(search.best(), index).filter(|wait| *wait > 0) {
            let file = search.best();
            let candidates = [wait, wait / 2, wait / 4].into_iter().filter(|less| *less > 0);
            let candidates = candidates.map(|less| all_earlier_by(file, index, less)).collect();
            if search.is_over() || search.first_that_fails(candidates).is_none() {
                break;
            }
        }
    }
    while let Some(rest) = wait_at_the_end(search.best()).filter(|rest| *rest > 0) {
        let file = search.best();
        let candidates = [rest, rest / 2, rest / 4].into_iter().filter(|less| *less > 0);
        let candidates = candidates.map(|less| all_earlier_by(file, file.steps.len(), less)).collect();
        if search.is_over() || search.first_that_fails(candidates).is_none() {
            break;
        }
    }
}

/// All times at once, then one by one, each to the coarsest grain that leaves the failure in place.
pub(super) fn rounder_times(search: &mut Search) {
    let together = GRAINS.iter().map(|grain| rounded(search.best(), *grain)).collect();
    search.first_that_fails(together);
    for place in 0..places(&mut search.best().clone()).len() {
        if search.is_over() {
            return;
        }
        let candidates = GRAINS.iter().filter_map(|grain| with_place_rounded(search.best(), place, *grain)).collect();
        search.first_that_fails(candidates);
    }
}

/// How long before a step nothing is scripted, in microseconds; none for a step without a time of its own.
fn wait_before(file: &File, index: usize) -> Option<i64> {
    let at = file.steps.get(index)?.at.as_ref()?.value.micros;
    let before = file.steps[..index].iter().rev().find_map(|step| step.at.as_ref());
    Some(at - before.map_or(0, |before| before.value.micros))
}

/// How long the run goes on after its last timed step, in microseconds; none if it ends with its last step.
fn wait_at_the_end(file: &File) -> Option<i64> {
    let last = file.steps.iter().rev().find_map(|step| step.at.as_ref());
    Some(file.until.as_ref()?.value.micros - last.map_or(0, |last| last.value.micros))
}

/// The step at the index, and all after it, some microseconds earlier; so is the end of the run.
fn all_earlier_by(file: &File, index: usize, less: i64) -> File {
    let mut file = file.clone();
    let later = file.steps.iter_mut().skip(index).filter_map(|step| step.value.at.as_mut());
    for at in later.chain(file.until.as_mut()) {
        at.value.micros = (at.value.micros - less).max(0);
    }
    file
}

/// Every length and time of a file that a fault or a workload is told, in its order.
fn places(file: &mut File) -> Vec<&mut Span> {
    file.steps.iter_mut().flat_map(|step| places_of(&mut step.value)).chain(file.until.iter_mut().map(value)).collect()
}

fn places_of(step: &mut Step) -> Vec<&mut Span> {
    let lengths = [
        step.at.as_mut(),
        step.after.as_mut(),
        step.pause.as_mut().and_then(|pause| pause.value.length.as_mut()),
        step.stall.as_mut().and_then(|stall| stall.value.length.as_mut()),
        step.slow.as_mut().and_then(|slow| slow.value.sync.as_mut()),
        step.skew.as_mut().and_then(|skew| skew.value.by.as_mut()),
        step.delay.as_mut().map(|delay| &mut delay.value.by),
        step.produce.as_mut().and_then(|produce| produce.value.every.as_mut()),
    ];
    lengths.into_iter().flatten().map(value).collect()
}

fn value(spanned: &mut Spanned<Span>) -> &mut Span {
    &mut spanned.value
}

fn rounded(file: &File, grain: i64) -> File {
    let mut file = file.clone();
    places(&mut file).into_iter().for_each(|span| span.micros = nearest(span.micros, grain));
    file
}

/// None if the place is as round as that already.
fn with_place_rounded(file: &File, place: usize, grain: i64) -> Option<File> {
    let mut file = file.clone();
    let mut spans = places(&mut file);
    let span = spans.get_mut(place)?;
    let round = nearest(span.micros, grain);
    if round == span.micros {
        return None;
    }
    span.micros = round;
    Some(file)
}

/// The nearest multiple of the grain.
fn nearest(micros: i64, grain: i64) -> i64 {
    (micros + grain / 2).div_euclid(grain) * grain
}
