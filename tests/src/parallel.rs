//! The same work for many, on two threads: results in the order of the work, whoever finishes first.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many at a time: a laptop and a build machine have at least as many cores.
const THREADS: usize = 2;

/// Does the work for each item. A panic of one is a panic of the whole, after the others have ended.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    results.lock().expect("no holder of the lock panics")[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().expect("no holder of the lock panics");
    results.into_iter().map(|result| result.expect("every item was worked on")).collect()
}
