//! Text tests that hold the numbers of Kafka's own tests.
//!
//! A vector is a text: commands to a machine, what came of them, and what Kafka's test asserts.
//!
//! ```text
//!   # Kafka: UnifiedLogTest.testDuplicateAppends
//!   # A comment tells the story.
//!   command arguments
//!       what happened, indented by four
//!   = a fact: its value
//! ```
//!
//! The indented lines are a transcript: when a rule changes them, the difference is read and taken over. A line
//! that begins with `=` is what Kafka's test asserts. It is never rewritten: a machine that says otherwise is wrong.
//! Each room has its own commands and facts (`log/tests/vectors.rs` and its like); the files lie beside them. The page
//! `docs/src/vectors.md` lists which of Kafka's tests is held where.

/// A machine in a test, and how it is spoken to.
pub(crate) trait Stage {
    /// Does what a line asks for; what happened, a line each.
    fn command(&mut self, words: &[&str]) -> Vec<String>;

    /// The present value of a fact.
    fn fact(&mut self, words: &[&str]) -> String;
}

/// Plays a vector's commands, holds its facts, and writes the text anew with what happened.
fn replay(file: &str, text: &str, stage: &mut impl Stage) -> String {
    let origin = text.starts_with("# Kafka: ") || text.starts_with("# kafka-tlaplus: ");
    assert!(origin, "{file} begins with the test that it holds");
    let mut facts = 0;
    let mut replayed = String::new();
    for line in text.lines().filter(|line| !line.starts_with("    ")) {
        replayed.push_str(line);
        replayed.push('\n');
        if let Some(fact) = line.strip_prefix("= ") {
            let (name, value) = fact.split_once(": ").unwrap_or_else(|| panic!("{file}: a fact has a value: {line}"));
            let words: Vec<&str> = name.split(' ').collect();
            assert_eq!(stage.fact(&words), value, "{file}: Kafka's test asserts {name}; so far:\n{replayed}");
            facts += 1;
        } else if !line.is_empty() && !line.starts_with('#') {
            let words: Vec<&str> = line.split_whitespace().collect();
            for said in stage.command(&words) {
                replayed.push_str("    ");
                replayed.push_str(&said);
                replayed.push('\n');
            }
        }
    }
    assert!(facts > 0, "{file} asserts nothing");
    replayed
}

/// A vector goes as its file says.
pub(crate) fn assert_vector(file: &str, text: &str, stage: &mut impl Stage) {
    let replayed = replay(file, text, stage);
    assert!(replayed == text, "{file} goes otherwise now:\n=====\n{replayed}=====");
}

/// One test for each file in the folder `vectors` beside the calling file.
macro_rules! vectors {
    ($stage:expr; $($(#[$attribute:meta])* $name:ident = $file:literal;)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            let text = include_str!(concat!("vectors/", $file));
            crate::tests::assert_vector($file, text, &mut $stage);
        }
    )*};
}
pub(crate) use vectors;

/// The number behind a name in a command: `sequence 5`.
pub(crate) fn argument(words: &[&str], name: &str) -> Option<i64> {
    let at = words.iter().position(|word| *word == name)?;
    let number = words.get(at + 1).and_then(|word| word.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name} is followed by a number: {words:?}")))
}

/// The number at a place in a command.
pub(crate) fn number(words: &[&str], at: usize) -> i64 {
    words.get(at).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("word {at} is a number: {words:?}"))
}

mod itself {
    //! A check that cannot fail holds nothing.

    use super::{Stage, replay};

    struct Counter(i64);

    impl Stage for Counter {
        fn command(&mut self, words: &[&str]) -> Vec<String> {
            self.0 += super::number(words, 1);
            vec![format!("now {}", self.0)]
        }

        fn fact(&mut self, _: &[&str]) -> String {
            self.0.to_string()
        }
    }

    #[test]
    fn a_vector_is_written_anew_with_what_happened() {
        let text = "# Kafka: a test\nadd 2\n    now 9\n= sum: 2\n";
        assert_eq!(replay("itself", text, &mut Counter(0)), "# Kafka: a test\nadd 2\n    now 2\n= sum: 2\n");
    }

    #[test]
    #[should_panic(expected = "Kafka's test asserts sum")]
    fn a_fact_that_does_not_hold_fails() {
        replay("itself", "# Kafka: a test\nadd 2\n    now 2\n= sum: 3\n", &mut Counter(0));
    }

    #[test]
    #[should_panic(expected = "asserts nothing")]
    fn a_vector_without_a_fact_fails() {
        replay("itself", "# Kafka: a test\nadd 2\n    now 2\n", &mut Counter(0));
    }
}
