//! Golden transcripts: what a run showed when somebody last looked at it and found it right.
//!
//! ```text
//!   transcript, as `trial run` prints it ──compare──▶ NAME.transcript.txt beside the scenario
//!                                                        ▲
//!                                       TRIAL_GOLDEN=NAME│ rewrites this one, and no other
//! ```
//!
//! Long stretches in which nothing new happens are counted in the transcript, with a hash over their lines: any change
//! of a line shows, and people can read the rest.
//!
//! There is no switch that rewrites all of them: a changed golden is read before it is
//! committed, and a commit says which rule changed which lines.

use std::fs;
use std::path::Path;

/// Names the one golden that is rewritten.
pub const VARIABLE: &str = "TRIAL_GOLDEN";

/// Compares a text with the golden at `path`, or rewrites it if this golden is the one that is asked for.
///
/// # Errors
/// The first line that differs, with its neighbours, and how to rewrite the golden.
pub fn compare(name: &str, path: &Path, found: &str) -> Result<(), String> {
    if std::env::var(VARIABLE).is_ok_and(|asked| asked == name) {
        return fs::write(path, found).map_err(|error| format!("{}: {error}", path.display()));
    }
    let again = format!("if it is right as it is now: {VARIABLE}={name} cargo test -p trial-tests --test lessons");
    let golden = match fs::read_to_string(path) {
        Ok(golden) => golden,
        Err(error) => return Err(format!("{}: {error}\n{again}", path.display())),
    };
    if golden == found {
        return Ok(());
    }
    let (golden, found): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), found.lines().collect());
    let same = golden.iter().zip(&found).take_while(|(one, other)| one == other).count();
    let shown = |mark: &str, lines: &[&str]| -> String {
        lines[same.min(lines.len())..].iter().take(6).map(|line| format!("{mark} {line}\n")).collect()
    };
    let before: String = golden[same.saturating_sub(3)..same].iter().map(|line| format!("  {line}\n")).collect();
    Err(format!(
        "the transcript of {name} differs from its golden at line {}:\n{before}{}{}{again}",
        same + 1,
        shown("-", &golden),
        shown("+", &found)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_shown_where_it_begins() {
        let path = std::env::temp_dir().join(format!("trial-golden-{}.txt", std::process::id()));
        fs::write(&path, "one\ntwo\nthree\n").expect("a temporary file can be written");
        assert_eq!(compare("x", &path, "one\ntwo\nthree\n"), Ok(()));
        let difference = compare("x", &path, "one\n2\nthree\n").expect_err("line 2 differs");
        assert!(difference.contains("at line 2:\n  one\n- two\n- three\n+ 2\n+ three\n"), "{difference}");
        fs::remove_file(&path).expect("the file is there");
        assert!(compare("x", &path, "one\n").is_err(), "no golden, no pass");
    }
}
