//! What makes two failures the same failure: the broken rule and what was seen, without the numbers.
//!
//! ```text
//!   acked-record-not-lost: b2 is in the ISR of orders-0 and misses offset 41   (seed 0x12)
//!   acked-record-not-lost: b1 is in the ISR of orders-2 and misses offset 7    (seed 0x9f)
//!                                      │
//!   safety acked-record-not-lost: b# is in the ISR of orders-# and misses offset #
//! ```
//!
//! A campaign that finds one bug a thousand times reports one bug, and a shrinker that looks
//! for a smaller form of one bug is not led to another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::{Report, Verdict};

/// Which failure this is, whatever its seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature(String);

impl Signature {
    /// The signature of a failed run; none of one that passed.
    pub fn of(report: &Report) -> Option<Signature> {
        // What breaks a promise, or a machine, ends the run and is told last; unmet expectations follow from the first.
        let telling = match report.verdict {
            Verdict::Pass => return None,
            Verdict::Expectation => report.failures.first(),
            Verdict::Safety | Verdict::Liveness | Verdict::Crash | Verdict::Nondeterminism => report.failures.last(),
        };
        let telling = telling.map_or("", String::as_str);
        let seen = without_numbers(sentence(report.verdict, telling));
        let place = place(report.verdict, telling).map(|place| format!(" {}", without_numbers(place)));
        Some(Signature(format!("{} {seen}{}", report.verdict, place.unwrap_or_default())))
    }
}

impl Signature {
    /// A name for files: the first words, and a number that is made of all of them.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let words: String = self.0.chars().map(plain).collect();
        let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).take(6).collect();
        format!("{}-{:08x}", words.join("-"), xxhash_rust::xxh3::xxh3_64(self.0.as_bytes()) as u32)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The line of a failure that says what was seen.
fn sentence(verdict: Verdict, failure: &str) -> &str {
    let mut lines = failure.lines().filter(|line| !line.starts_with("again: "));
    let first = lines.next().unwrap_or_default();
    match verdict {
        // The first line says when and where.
        Verdict::Safety | Verdict::Liveness => lines.next().unwrap_or(first),
        Verdict::Pass | Verdict::Expectation | Verdict::Crash | Verdict::Nondeterminism => first,
    }
}

/// Where in the code an assertion stands: the same words in two files are two failures.
fn place(verdict: Verdict, failure: &str) -> Option<&str> {
    let says_place = |line: &&str| line.trim_start().starts_with("at ");
    (verdict == Verdict::Crash).then(|| failure.lines().find(says_place)).flatten()
}

/// Numbers become `#`, and so do lists of them, however long.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for character in text.trim().chars() {
        match character {
            digit if digit.is_ascii_digit() => {
                if !plain.ends_with('#') {
                    plain.push('#');
                }
            }
            other => plain.push(other),
        }
    }
    while plain.contains("#, #") {
        plain = plain.replace("#, #", "#");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(verdict: Verdict, failures: &[&str]) -> Report {
        let failures = failures.iter().map(|failure| (*failure).to_owned()).collect();
        Report { verdict, failures, ..Report::default() }
    }

    #[test]
    fn the_same_rule_broken_elsewhere_is_the_same_failure() {
        let one = "safety at 5.1s, world step 88 on b1, seed 0x1\nlog-matching: b1 and b2 differ at 41 in [1, 2, 3]\n  rule: …";
        let two =
            "safety at 17s, world step 9 on b3, seed 0xff\nlog-matching: b3 and b1 differ at 7 in [1, 3]\n  rule: …";
        let signatures = [one, two].map(|failure| Signature::of(&failed(Verdict::Safety, &[failure])));
        assert_eq!(signatures[0], signatures[1]);
        let said = signatures[0].as_ref().map(Signature::to_string);
        assert_eq!(said.as_deref(), Some("safety log-matching: b# and b# differ at # in [#]"));
    }

    #[test]
    fn line_to_paste_is_no_part_of_what_was_seen() {
        let of = |seed: &str| {
            let failure = format!("time zero was not reached\nagain: trial run a.toml --seed {seed}");
            Signature::of(&failed(Verdict::Liveness, &[&failure])).map(|it| it.to_string())
        };
        assert_eq!(of("0xa").as_deref(), Some("liveness time zero was not reached"));
    }

    #[test]
    fn another_rule_is_another_failure_and_a_pass_is_none() {
        let broken = |rule: &str| {
            let failure = format!("safety at 1s\n{rule}: b1 differs");
            Signature::of(&failed(Verdict::Safety, &[&failure]))
        };
        assert_ne!(broken("log-matching"), broken("order-of-positions"));
        assert_eq!(Signature::of(&failed(Verdict::Pass, &[])), None);
    }

    #[test]
    fn of_several_failures_the_one_that_ended_the_run_counts() {
        let report = failed(Verdict::Crash, &["an expectation at 3s", "crash: index 7 is beyond 6\n  at log.rs:12"]);
        assert_eq!(
            Signature::of(&report).map(|it| it.to_string()).as_deref(),
            Some("crash crash: index # is beyond # at log.rs:#")
        );
    }
}
