//! The two streams of the process, and files that are always whole. A reader that goes away (`| head`) is no mistake; a disk
//! that is full is one.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::WRONG_USE;

/// Whether something could not be written though somebody wanted to read it.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Writes to the standard output. What is lost is told here, and [`exit_code`] says it again.
///
/// # Errors
/// Whatever the stream says; a closed pipe too, so that the caller can stop early.
pub fn print(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::BrokenPipe
        && !IS_LOST.swap(true, Ordering::Relaxed)
    {
        complain(&format!("error: cannot write to the standard output: {error}"));
    }
    written
}

/// The exit code of the process whose command came to this one: a success that nobody can read is none.
pub fn exit_code(code: u8) -> u8 {
    if code == 0 && IS_LOST.load(Ordering::Relaxed) { WRONG_USE } else { code }
}

/// Writes a line to the standard error. There is nobody to tell if that fails.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a file so that whoever looks sees the old one or the new one, and never half of one: under another name first.
///
/// # Errors
/// Whatever the disk says; what was there before is still there then.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!("{name}.{}.part", std::process::id()));
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Best effort: what went wrong is told, and a part that stays harms nobody.
        let _ = fs::remove_file(&part);
    }
    written
}
