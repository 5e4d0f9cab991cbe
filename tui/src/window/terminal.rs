//! The terminal, lent and given back: on every way out it is as it was.
//!
//! The end, a signal, a panic: each goes through [`give_back`]. A panic of a world's thread is a finding of the run and not
//! the end of the window, so only a panic of the thread that draws gives the terminal back before it is told.

use std::io::{self, Write, stdout};
use std::panic;
use std::process;
use std::thread;

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use signal_hook::consts::SIGTSTP;

/// A terminal that is ours until this is dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Whole>>,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// What the terminal answers.
    pub fn take(has_mouse: bool) -> io::Result<Screen> {
        give_back_in_a_panic();
        // A theme decides about colours; what the environment says has been heard by then.
        force_color_output(true);
        lend(has_mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(Whole::default())).inspect_err(|_| give_back())?;
        Ok(Screen { terminal, has_mouse })
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// What the terminal answers.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// How large it is.
    ///
    /// # Errors
    /// What the terminal answers.
    pub fn area(&self) -> io::Result<Rect> {
        self.terminal.size().map(|size| Rect::new(0, 0, size.width, size.height))
    }

    /// Gives the terminal back and stops this process, as a shell expects; takes it again when the process goes on.
    ///
    /// # Errors
    /// What the terminal answers.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        lend(self.has_mouse)?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// The way out for frames: each leaves in one piece, as an update that the terminal is asked to show at once (mode 2026;
/// terminals without it ignore the request). A frame that a panic leaves unfinished never leaves.
#[derive(Debug, Default)]
struct Whole {
    /// What was drawn since the last frame left.
    pending: Vec<u8>,
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            queue!(self.pending, BeginSynchronizedUpdate)?;
        }
        self.pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        queue!(self.pending, EndSynchronizedUpdate)?;
        let mut out = stdout().lock();
        out.write_all(&self.pending)?;
        self.pending.clear();
        out.flush()
    }
}

fn lend(has_mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste).inspect_err(|_| give_back())?;
    if has_mouse { execute!(stdout(), EnableMouseCapture).inspect_err(|_| give_back()) } else { Ok(()) }
}

/// Gives the terminal back although the thread that draws does not, and ends the process before that thread could draw again:
/// it waits behind this one for the way out. The terminal that takes nothing holds this up like a frame.
pub fn leave(code: i32) -> ! {
    let _out = stdout().lock();
    give_back();
    process::exit(code)
}

/// Makes the terminal what it was. It has no use for errors: there is nobody left who could do more.
fn give_back() {
    let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic of this thread gives the terminal back first, and is told then.
fn give_back_in_a_panic() {
    let drawing = thread::current().id();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == drawing {
            give_back();
        }
        usual(info);
    }));
}
