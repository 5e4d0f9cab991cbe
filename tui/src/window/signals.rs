//! Signals: whoever ends or stops this process gets a terminal that is as it was.
//!
//! Usually the loop that draws hears of a signal with its next frame. Where it does not in time, another thread ends the
//! process and gives the terminal back itself: on a machine with other work a frame can take as long as that, and nobody may
//! be left with a terminal that echoes nothing. A terminal that is gone may hold the loop in a read that never ends, and
//! whoever took it away need not have told this process; that is noticed here, too.

use std::io::{self, IsTerminal};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag;
use signal_hook::iterator;

use super::terminal;

/// How long the loop that draws has to hear of a signal.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a terminal has to take what gives it back. One that takes nothing (a line that hangs) cannot be given back, and
/// keeps no process alive.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether the terminal is still there.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The end; the signal's number.
    End(i32),
    /// To the shell for a while.
    Suspend,
}

/// Remembers the last signal until somebody asks.
#[derive(Debug)]
pub struct Signals {
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on these signals are remembered instead of obeyed.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn watch() -> io::Result<Signals> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGHUP, SIGINT, SIGTERM, SIGTSTP] {
            flag::register_usize(signal, Arc::clone(&last), signal as usize)?;
        }
        let mut ends = iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        thread::Builder::new().name("trial-signals".to_owned()).spawn(move || {
            let signal = loop {
                // A terminal that is gone answers no question any more, not even whether it is one.
                let hung_up = (!io::stdin().is_terminal()).then_some(SIGHUP);
                if let Some(signal) = ends.pending().next().or(hung_up) {
                    break signal;
                }
                thread::sleep(LOOKS_EVERY);
            };
            let code = 128 + signal;
            thread::sleep(PATIENCE);
            let _ = thread::Builder::new().spawn(move || terminal::leave(code));
            thread::sleep(LAST_PATIENCE);
            process::exit(code);
        })?;
        Ok(Signals { last })
    }

    /// The last signal that came since this was asked before.
    pub fn heard(&self) -> Option<Signal> {
        match self.last.swap(0, Ordering::Relaxed) as i32 {
            0 => None,
            SIGTSTP => Some(Signal::Suspend),
            number => Some(Signal::End(number)),
        }
    }
}
