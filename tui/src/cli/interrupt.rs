//! Ctrl-C: the first one asks for an orderly end, the second one does not wait for it. So with the signal by which schedulers of
//! jobs say that their time is over (SIGTERM), and with a terminal that goes away (SIGHUP).
//!
//! A world takes thousands of steps a second, so whoever runs one looks at [`asked`] after
//! each of them; what was printed so far is kept. A second Ctrl-C ends the process at once,
//! for a step that never comes to its end.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell says of a process that was ended by SIGINT: 128 and the signal's number.
pub const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is a question instead of the end. Where no handler can be installed, it stays the end.
pub fn watch() {
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(INTERRUPTED));
        }
    });
}

/// Whether somebody pressed Ctrl-C, or asked for an end in another way.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
