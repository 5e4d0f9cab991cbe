//! Less work and plainer faults: fewer records, no keys, losses that are named instead of drawn.

use super::search::Search;
use crate::scenario::format::action::{Lose, Produce};
use crate::scenario::format::{File, Spanned};

pub(super) fn fewer_records(search: &mut Search) {
    for index in 0..search.best().steps.len() {
        while !search.is_over() {
            let file = search.best();
            let count = count_of(file, index);
            let candidates = [1, count / 2, count.saturating_sub(1)]
                .into_iter()
                .filter(|fewer| (1..count).contains(fewer))
                .map(|fewer| with_produce(file, index, |produce| produce.count = Some(Spanned::nowhere(fewer))))
                .collect();
            if search.first_that_fails(candidates).is_none() {
                break;
            }
        }
        for plainer in PLAINER {
            if search.best().steps.get(index).is_some_and(|step| step.produce.is_some()) {
                search.accepts(with_produce(search.best(), index, plainer));
            }
        }
    }
}

const PLAINER: &[fn(&mut Produce)] = &[
    |produce| produce.keys.clear(),
    |produce| produce.values.clear(),
    |produce| produce.together = None,
    |produce| produce.every = None,
    |produce| produce.count = produce.count.take().filter(|count| count.value != 1),
];

/// How many records a step sends; 0 if it sends none.
fn count_of(file: &File, index: usize) -> u32 {
    let produce = file.steps.get(index).and_then(|step| step.produce.as_ref());
    produce.map_or(0, |produce| produce.count.as_ref().map_or(1, |count| count.value))
}

fn with_produce(file: &File, index: usize, change: impl FnOnce(&mut Produce)) -> File {
    let mut file = file.clone();
    if let Some(produce) = &mut file.steps[index].value.produce {
        change(&mut produce.value);
    }
    file
}

/// What a power cut destroys is easier to read as "all" or "none" than as a draw.
pub(super) fn plainer_faults(search: &mut Search) {
    for index in 0..search.best().steps.len() {
        let candidates: Vec<File> = [Lose::All, Lose::None]
            .into_iter()
            .filter_map(|lose| {
                let mut file = search.best().clone();
                let cut = file.steps.get_mut(index)?.value.power_cut.as_mut().filter(|cut| cut.lose.is_none())?;
                cut.value.draw = None;
                cut.value.lose = Some(Spanned::nowhere(lose));
                Some(file)
            })
            .collect();
        search.first_that_fails(candidates);
    }
}
