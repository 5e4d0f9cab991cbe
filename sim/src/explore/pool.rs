//! The farm's hands: work that several threads share out, and the first of many tries that comes to something.
//!
//! ```text
//!   items, in order ──▶ worker ──┐
//!                  └──▶ worker ──┴──▶ results, as they come ──▶ who asked
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Hands the items out in their order to so many workers, or one for each item, and tells each result as it comes. A worker ends when no item is
/// left or its work answers nothing.
///
/// # Panics
/// With what a worker panicked with: nothing new is begun then. A world's broken assertion is caught inside of the world,
/// so this is a mistake of Trial's own, and no answer to anything.
pub(crate) fn share_out<I: Send, R: Send>(
    jobs: NonZeroUsize,
    items: impl Iterator<Item = I> + Send,
    work: &(dyn Fn(I) -> Option<R> + Sync),
    arrived: &mut dyn FnMut(R),
) {
    let workers = items.size_hint().1.map_or(jobs.get(), |most| most.min(jobs.get()));
    // A counter that every worker raises would begin again at zero behind the largest seed; what is handed out ends.
    let items = Mutex::new(Some(items.fuse()));
    let broken: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Iterator::next);
    let worker = |results: mpsc::Sender<R>| {
        while let Some(item) = next() {
            match catch_unwind(AssertUnwindSafe(|| work(item))) {
                Ok(Some(result)) => {
                    if results.send(result).is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(panic) => {
                    *items.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let (results, arriving) = mpsc::channel();
        for _ in 0..workers {
            let (results, worker) = (results.clone(), &worker);
            scope.spawn(move || worker(results));
        }
        drop(results);
        arriving.into_iter().for_each(arrived);
    });
    if let Some(panic) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        resume_unwind(panic);
    }
}

/// Works on the items in their order until one of them is the last, and gives what each came to, that one included. What ran
/// behind it ran for nothing, so what comes out does not depend on the number of jobs. `arrived` hears every result as it
/// comes; when it breaks off, what is under way is finished and nothing new is begun.
pub(crate) fn until_last<I: Send, R: Send>(
    jobs: NonZeroUsize,
    items: impl Iterator<Item = I> + Send,
    work: &(dyn Fn(I) -> R + Sync),
    is_last: &(dyn Fn(&R) -> bool + Sync),
    arrived: &mut dyn FnMut(&R) -> ControlFlow<()>,
) -> Vec<R> {
    let last = AtomicUsize::new(usize::MAX);
    let one = |(number, item)| {
        if number > last.load(Ordering::Relaxed) {
            return None;
        }
        let result = work(item);
        if is_last(&result) {
            last.fetch_min(number, Ordering::Relaxed);
        }
        Some((number, result))
    };
    let mut all = BTreeMap::new();
    share_out(jobs, items.enumerate(), &one, &mut |(number, result)| {
        if arrived(&result).is_break() {
            last.store(0, Ordering::Relaxed);
        }
        all.insert(number, result);
    });
    let mut came: Vec<R> = Vec::new();
    for (number, result) in all {
        // What was broken off may have a gap.
        if number != came.len() {
            break;
        }
        let ends = is_last(&result);
        came.push(result);
        if ends {
            break;
        }
    }
    came
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).expect("at least one")
    }

    #[test]
    fn what_comes_up_to_the_last_does_not_depend_on_how_many_work_and_nobody_waits_for_the_slowest() {
        for count in 1..=4 {
            let is_last = |it: &u64| it.is_multiple_of(7);
            let came = until_last(jobs(count), 1..100_u64, &|it| it, &is_last, &mut |_| ControlFlow::Continue(()));
            assert_eq!(came, [1, 2, 3, 4, 5, 6, 7], "{count} jobs");
        }
    }

    #[test]
    fn who_has_heard_enough_gets_what_was_done_without_a_gap() {
        for count in 1..=4 {
            let mut heard = 0;
            // They would never come to an end by themselves.
            let came = until_last(jobs(count), 0_usize.., &|it| it, &|_| false, &mut |_| {
                heard += 1;
                if heard == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(!came.is_empty() && came.iter().copied().eq(0..came.len()), "{count} jobs: {}", came.len());
        }
    }
}
