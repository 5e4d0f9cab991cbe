//! Golden transcripts: what a run showed when somebody last looked at it and found it right.
//!
//! ```text
//!   transcript ──fold──▶ text ──compare──▶ NAME.transcript.txt beside the scenario
//!                                              ▲
//!                             TRIAL_GOLDEN=NAME│ rewrites this one, and no other
//! ```
//!
//! There is no switch that rewrites all of them: a changed golden is read before it is
//! committed, and a commit says which rule changed which lines.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// Names the one golden that is rewritten.
pub const VARIABLE: &str = "TRIAL_GOLDEN";

/// Events of records that flow as they should: many of them in a row say nothing new.
const FLOW: &[&str] = &["prod", "fetch", "hw", "ack", "read"];

/// So many lines of flow in a row are shown in full.
const LONGEST_STRETCH: usize = 48;

/// How many lines of a longer stretch are shown at its beginning, and at its end.
const SHOWN: (usize, usize) = (18, 12);

/// Where the word for the event stands in a line of the transcript.
const EVENT_COLUMN: usize = 2;

/// A transcript with each long stretch in which records only flow folded to its beginning, its end, and one line with
/// the number and the hash of what lies between: any change of a line shows, and people can read the rest.
pub fn fold(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    let mut text = String::new();
    let mut from = 0;
    while from < lines.len() {
        let stretch = lines[from..].iter().take_while(|line| is_flow(line)).count();
        if stretch > LONGEST_STRETCH {
            let (first, last) = (from + SHOWN.0, from + stretch - SHOWN.1);
            push(&mut text, &lines[from..first]);
            let folded = lines[first..last].join("\n");
            let hash = xxh3_64(folded.as_bytes());
            text.push_str(&format!("               ... {} lines in which records flow, {hash:016x}\n", last - first));
            push(&mut text, &lines[last..from + stretch]);
        } else {
            push(&mut text, &lines[from..from + stretch.max(1)]);
        }
        from += stretch.max(1);
    }
    text
}

fn push(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
}

/// Whether a line tells only that records flow. The lanes stand between time and event, one word each.
fn is_flow(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_time = words.next().is_some_and(|word| word.parse::<f64>().is_ok());
    is_time && words.find(|word| word.len() >= EVENT_COLUMN).is_some_and(|word| FLOW.contains(&word))
}

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

    fn flow(count: usize) -> String {
        (0..count).map(|at| format!("    0.{at:03}    L  +  .  fetch   orders-0     0  123\n")).collect()
    }

    #[test]
    fn short_stretch_stays_as_it_is() {
        let text = format!("A  -1s  c1 is active\n\n{}    1.000    L  X  .  kill    b2\n", flow(48));
        assert_eq!(fold(&text), text);
    }

    #[test]
    fn long_stretch_is_folded_and_every_line_of_it_still_counts() {
        let text = format!("{}    1.000    L  X  .  kill    b2     0.999\n", flow(100));
        let folded = fold(&text);
        assert_eq!(folded.lines().count(), 18 + 1 + 12 + 1);
        assert!(folded.contains("... 70 lines in which records flow"), "{folded}");
        assert_ne!(fold(&text.replace("0.050 ", "0.050x")), folded);
        assert!(folded.ends_with("0.999\n"));
    }

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
