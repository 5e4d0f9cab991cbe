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

use super::Finding;
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
        let finding = Signature::told_by(report);
        let seen = finding.map_or(String::new(), |finding| without_names_and_numbers(&finding.sentence()));
        let place = finding.and_then(Finding::place_in_code);
        let place = place.map_or(String::new(), |place| format!(" at {}", without_numbers(place)));
        Some(Signature(format!("{} {seen}{place}", report.verdict)))
    }

    /// The finding, of all that a run made, of which its signature is made; none of a run that passed.
    pub fn told_by(report: &Report) -> Option<&Finding> {
        Signature::telling(report.verdict, &report.failures)
    }

    /// Of all that a run with this verdict found, as findings or in words, the one that says what it failed by.
    pub fn telling<T>(verdict: Verdict, failures: &[T]) -> Option<&T> {
        match verdict {
            Verdict::Pass => None,
            // Unmet expectations follow from the first; and that two runs differ stands before what they found.
            Verdict::Expectation | Verdict::Nondeterminism => failures.first(),
            // What breaks a promise, or a machine, ends the run and is told last.
            Verdict::Safety | Verdict::Liveness | Verdict::Crash => failures.last(),
        }
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

    use crate::check::Property;
    use crate::scenario::{Position, Span, What};

    fn failed(verdict: Verdict, failures: Vec<What>) -> Report {
        let failures = failures.into_iter().map(|what| Finding { what, again: None }).collect();
        Report { verdict, failures, ..Report::default() }
    }

    fn broken(rule: &'static str, message: &str) -> What {
        let property = Property { name: rule, rule: "a rule", source: "a source" };
        let position = "safety at 5.1s, world step 88 on b1, seed 0x1".to_owned();
        What::Broken { property, message: message.to_owned(), position, evidence: Vec::new() }
    }

    fn crash(message: &str) -> What {
        let at = Span { micros: 5_000_000 };
        let position = Position { step: Some((3, "a.toml:37".to_owned())), at, world_step: 9 };
        What::Crash { message: message.to_owned(), place: "log.rs:12".to_owned(), position }
    }

    fn signature(verdict: Verdict, what: What) -> Option<String> {
        Signature::of(&failed(verdict, vec![what])).map(|it| it.to_string())
    }

    #[test]
    fn the_same_rule_broken_elsewhere_is_the_same_failure() {
        let seen = ["b1 and b2 differ at 41 in [1, 2, 3]", "b3 and b1 differ at 7 in [1, 3]"];
        let [one, two] = seen.map(|seen| signature(Verdict::Safety, broken("log-matching", seen)));
        assert_eq!(one, two);
        assert_eq!(one.as_deref(), Some("safety log-matching: b# and b# differ at # in [#]"));
    }

    #[test]
    fn one_bug_is_one_in_whatever_topic_it_shows() {
        let of = |seen: &str| signature(Verdict::Safety, broken("log-matching", seen));
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
        let named = |verdict, what| {
            let signature = Signature::of(&failed(verdict, vec![what])).expect("it failed");
            let name = signature.file_name();
            let (words, number) = name.rsplit_once('-').expect("words and a number");
            assert_eq!(number.len(), 8, "{name}");
            (words.to_owned(), signature.in_short())
        };
        let lost = named(Verdict::Safety, broken("acked-record-not-lost", "t0-0: broker 1 may lead"));
        assert_eq!(lost, ("safety-acked-record-not-lost".into(), "acked-record-not-lost is broken".into()));
        let goals = vec!["t1-0 has ISR [1], but its replicas in the core are [1, 2]".to_owned()];
        let waits = named(Verdict::Liveness, What::NotRecovered { bound: Span { micros: 1_000_000 }, goals });
        assert_eq!(waits, ("liveness-has-isr-but-its-replicas-in".into(), "liveness is broken".into()));
        let crash = named(Verdict::Crash, crash("index 7 is beyond 6"));
        assert_eq!(crash, ("crash-index-is-beyond-at-log-rs".into(), "an assertion is broken".into()));
    }

    #[test]
    fn another_rule_is_another_failure_and_a_pass_is_none() {
        let of = |rule| signature(Verdict::Safety, broken(rule, "b1 differs"));
        assert_ne!(of("log-matching"), of("order-of-positions"));
        assert_eq!(Signature::of(&failed(Verdict::Pass, Vec::new())), None);
    }

    #[test]
    fn of_several_failures_the_one_that_ended_the_run_counts() {
        let title = "step 3 (expect): leader is 2".to_owned();
        let unmet = What::Step { shown: format!("error: {title}\n --> a.toml:37"), title };
        let report = failed(Verdict::Crash, vec![unmet.clone(), crash("index 7 is beyond 6\n left: 7")]);
        assert_eq!(
            Signature::of(&report).map(|it| it.to_string()).as_deref(),
            Some("crash crash: index # is beyond # at log.rs:#")
        );
        let first = signature(Verdict::Expectation, unmet);
        assert_eq!(first.as_deref(), Some("expectation error: step # (expect): leader is #"));
    }
}
