//! Signals: whoever ends or stops this process gets a terminal that is as it was.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag;

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
