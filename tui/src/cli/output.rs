//! The two streams of the process. A reader that goes away (`| head`) is no mistake.

use std::io::{self, Write};

/// Writes to the standard output.
///
/// # Errors
/// Whatever the stream says; a closed pipe too, so that the caller can stop early.
pub fn print(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes a line to the standard error. There is nobody to tell if that fails.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
