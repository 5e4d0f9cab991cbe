//! Signatures: when two failures are one.
//!
//! A campaign that finds one bug a thousand times reports one bug. A signature is (check,
//! message without its numbers, place): what differs from seed to seed, offsets, epochs,
//! ids, times, is taken out of the message.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::{Report, Verdict};

/// What failures have in common that are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// Which check found it: a property's name, `liveness`, `crash`, `expectation` or `nondeterminism`.
    pub check: String,
    /// What was found, with each number as `#` and each list of numbers as one.
    pub message: String,
    /// Where in the code, for a broken assertion; otherwise empty.
    pub place: String,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " ({})", self.place) }
    }
}

impl Signature {
    /// The signature of a run that did not pass.
    pub fn of(report: &Report) -> Option<Signature> {
        let first = report.failures.first()?;
        let mut lines = first.lines();
        let head = lines.next().unwrap_or_default();
        let second = lines.next().unwrap_or_default().trim();
        let (check, message, place) = match report.verdict {
            Verdict::Pass => return None,
            Verdict::Safety => {
                let (check, message) = second.split_once(": ").unwrap_or((second, ""));
                (check.to_owned(), message, "")
            }
            Verdict::Liveness => ("liveness".to_owned(), if second.is_empty() { head } else { second }, ""),
            Verdict::Crash => {
                // An assertion's message may have several lines; the place is said after them.
                let place = first.lines().find_map(|line| line.trim().strip_prefix("at ")).unwrap_or("");
                ("crash".to_owned(), head.trim_start_matches("crash: "), place)
            }
            verdict @ (Verdict::Expectation | Verdict::Nondeterminism) => (verdict.to_string(), head, ""),
        };
        Some(Signature { check, message: normalised(message), place: place.to_owned() })
    }

    /// A short name for files: the check, and a number made of the rest.
    pub fn file_name(&self) -> String {
        let rest = format!("{} {}", self.message, self.place);
        format!("{}-{:08x}", self.check, xxhash_rust::xxh3::xxh3_64(rest.as_bytes()) as u32)
    }
}

/// A message without what differs from seed to seed.
fn normalised(message: &str) -> String {
    let mut text = String::new();
    let mut in_number = false;
    for c in message.chars() {
        let digit = c.is_ascii_digit() || (in_number && c.is_ascii_hexdigit());
        if digit && !in_number {
            text.push('#');
        }
        if !digit {
            text.push(c);
        }
        in_number = digit;
    }
    // Lists of any length are one list, and signs and fractions belong to their numbers.
    for (long, short) in [("#.#", "#"), (" -#", " #"), ("[-#", "[#"), ("#ms", "#s"), ("#us", "#s")] {
        text = text.replace(long, short);
    }
    for element in ["#, #", "b#, b#", "NodeId(#), NodeId(#)", "t#-#, t#-#"] {
        let one = &element[..element.len() / 2 - 1];
        while text.contains(element) {
            text = text.replace(element, one);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict, failure: &str) -> Report {
        Report { verdict, failures: vec![failure.to_owned()], ..Report::default() }
    }

    #[test]
    fn failures_that_differ_in_numbers_are_one_and_those_that_differ_in_words_are_two() {
        let of = |text: &str| Signature::of(&report(Verdict::Safety, text)).expect("it failed");
        let one = of(
            "safety at 1.5s, world step 12 on b1, seed 0x5\nacked-record-not-lost: t1-0: broker 2 lacks 3..=9\n rule",
        );
        let two = of(
            "safety at 9s, world step 999 on b3, seed 0xff\nacked-record-not-lost: t2-1: broker 1 lacks 40..=41\n rule",
        );
        let other =
            of("safety at 9s, world step 999 on b3, seed 0xff\nacked-record-not-lost: t2-1: broker 1 leads\n rule");
        assert_eq!(one, two);
        assert_ne!(one, other);
        assert_eq!(one.check, "acked-record-not-lost");
    }

    #[test]
    fn lists_of_any_length_are_one_and_a_crash_has_its_place() {
        assert_eq!(normalised("ISR [1, 2, 3], not [1]"), "ISR [#], not [#]");
        let crash =
            Signature::of(&report(Verdict::Crash, "crash: offset 5 < 7\n  at broker/src/log/mod.rs:12\n  during"));
        let crash = crash.expect("it failed");
        assert_eq!((crash.message.as_str(), crash.place.as_str()), ("offset # < #", "broker/src/log/mod.rs:12"));
        assert_eq!(Signature::of(&report(Verdict::Pass, "")), None);
    }
}
