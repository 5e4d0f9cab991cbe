//! What makes two failures the same failure: the broken rule and what was seen, without the numbers and the topics.
//!
//! ```text
//!   acked-record-not-lost: b2 is in the ISR of orders-0 and misses offset 41   (seed 0x12)
//!   acked-record-not-lost: b1 is in the ISR of warmup-2 and misses offset 7    (seed 0x9f)
//!                                      │
//!   safety acked-record-not-lost: b# is in the ISR of #-# and misses offset #
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
        if report.verdict == Verdict::Pass {
            return None;
        }
        let telling = Signature::told_by(report).unwrap_or_default();
        let seen = without_names_and_numbers(sentence(report.verdict, telling));
        let place = place(report.verdict, telling).map(|place| format!(" {}", without_numbers(place)));
        Some(Signature(format!("{} {seen}{}", report.verdict, place.unwrap_or_default())))
    }

    /// The failure, of all that a run found, of which its signature is made; none of a run that passed.
    pub fn told_by(report: &Report) -> Option<&str> {
        // What breaks a promise, or a machine, ends the run and is told last; unmet expectations follow from the first.
        let telling = match report.verdict {
            Verdict::Pass => None,
            Verdict::Expectation => report.failures.first(),
            Verdict::Safety | Verdict::Liveness | Verdict::Crash | Verdict::Nondeterminism => report.failures.last(),
        };
        telling.map(String::as_str)
    }

    /// The verdict, and what was seen.
    fn parts(&self) -> (&str, &str) {
        self.0.split_once(' ').unwrap_or((&self.0, ""))
    }

    /// What is broken, in a few words: the promise, and not who broke it.
    pub fn in_short(&self) -> String {
        let (verdict, seen) = self.parts();
        match (verdict, seen.split_once(':')) {
            ("safety", Some((promise, _))) => format!("{promise} is broken"),
            ("crash", _) => "an assertion is broken".to_owned(),
            _ => format!("{verdict} is broken"),
        }
    }

    /// A name for files: the promise, or the first words, and a number that is made of all of them.
    pub fn file_name(&self) -> String {
        let (verdict, seen) = self.parts();
        let named = seen.split_once(':').filter(|_| verdict == "safety").map_or(seen, |(promise, _)| promise);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let words: String = named.chars().map(plain).collect();
        // Of "b#" a letter is left that says nothing.
        let words = words.split('-').filter(|word| word.len() > 1).skip_while(|word| *word == verdict).take(6);
        let words: Vec<&str> = std::iter::once(verdict).chain(words).collect();
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

/// A partition becomes `#-#`, whatever its topic is called: one bug is one, in a topic of the scenario and in one of Kafka's
/// own. Other numbers become `#`, and so do lists of both, however long.
fn without_names_and_numbers(text: &str) -> String {
    let is_in_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut plain = String::new();
    for piece in text.split_inclusive(|c: char| !is_in_word(c)) {
        let word = piece.trim_end_matches(|c: char| !is_in_word(c) || c == '.');
        plain.push_str(if names_partition(word) { A_PARTITION } else { word });
        plain.push_str(&piece[word.len()..]);
    }
    let list = format!("{A_PARTITION}, {A_PARTITION}");
    while plain.contains(&list) {
        plain = plain.replace(&list, A_PARTITION);
    }
    without_numbers(&plain).replace(A_PARTITION, "#-#")
}

/// Stands for a partition while its number is no number yet.
const A_PARTITION: &str = "\u{1}";

fn names_partition(word: &str) -> bool {
    word.rsplit_once('-').is_some_and(|(topic, number)| !topic.is_empty() && number.parse::<u32>().is_ok())
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
    fn one_bug_is_one_in_whatever_topic_it_shows() {
        let of = |seen: &str| {
            let failure = format!("safety at 1s\nlog-matching: {seen}");
            Signature::of(&failed(Verdict::Safety, &[&failure])).map(|it| it.to_string())
        };
        let expected = Some("safety log-matching: #-#: b# differs from -#, in #-#.".to_owned());
        for partition in ["t0-0", "warmup-12", "__consumer_offsets-3", "my.topic-of_2026-7"] {
            assert_eq!(of(&format!("{partition}: b1 differs from -1, in {partition}.")), expected, "{partition}");
        }
        assert_eq!(of("b1 has [orders-0, orders-1, t-2]"), of("b2 has [t1-0]"), "a list is one, however long");
        assert_ne!(of("orders-0: b1 differs"), of("orders: b1 differs"), "the rest of the sentence counts");
        assert_eq!(
            of("b1 is well-known in re-election"),
            Some("safety log-matching: b# is well-known in re-election".into())
        );
    }

    #[test]
    fn a_file_is_named_by_the_promise_or_by_words_that_say_something() {
        let named = |verdict, failure: &str| {
            let signature = Signature::of(&failed(verdict, &[failure])).expect("it failed");
            let name = signature.file_name();
            let (words, number) = name.rsplit_once('-').expect("words and a number");
            assert_eq!(number.len(), 8, "{name}");
            (words.to_owned(), signature.in_short())
        };
        let lost = named(Verdict::Safety, "safety at 1s\nacked-record-not-lost: t0-0: broker 1 may lead");
        assert_eq!(lost, ("safety-acked-record-not-lost".into(), "acked-record-not-lost is broken".into()));
        let waits =
            named(Verdict::Liveness, "liveness at 1s\nt1-0 has ISR [1], but its replicas in the core are [1, 2]");
        assert_eq!(waits, ("liveness-has-isr-but-its-replicas-in".into(), "liveness is broken".into()));
        let crash = named(Verdict::Crash, "crash: index 7 is beyond 6\n  at log.rs:12");
        assert_eq!(crash, ("crash-index-is-beyond-at-log-rs".into(), "an assertion is broken".into()));
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
