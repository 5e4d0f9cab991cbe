//! What is left out of lines and lanes: everything that does not have all words of the filter, or has one with `-` before it.

use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{Passage, Tape};

/// Words that somebody typed behind `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl Filter {
    /// None if nothing but blanks was typed.
    pub fn parse(typed: &str) -> Option<Filter> {
        let mut filter = Filter::default();
        for word in typed.split_whitespace().map(str::to_lowercase) {
            match word.strip_prefix('-') {
                Some(unwanted) if !unwanted.is_empty() => filter.unwanted.push(unwanted.to_owned()),
                _ => filter.wanted.push(word),
            }
        }
        (filter != Filter::default()).then_some(filter)
    }

    /// As it was typed.
    pub fn words(&self) -> String {
        let unwanted = self.unwanted.iter().map(|word| format!("-{word}"));
        self.wanted.iter().cloned().chain(unwanted).collect::<Vec<_>>().join(" ")
    }

    /// Whether a line is shown: by its words, its partition and its machines' names.
    pub fn lets_line(&self, tape: &Tape, line: &Told) -> bool {
        let machines: Vec<&str> = line.machines.iter().map(|machine| tape.cast.name(*machine)).collect();
        self.lets(&format!("{} {} {} {}", line.event, line.what, line.cause, machines.join(" ")))
    }

    /// Whether a message is shown: by its API, `request` or `response`, and the names at both ends.
    pub fn lets_passage(&self, tape: &Tape, passage: &Passage) -> bool {
        let kind = match passage.kind {
            MessageKind::Request => "request",
            MessageKind::Response => "response answer",
        };
        let (from, to) = (tape.cast.name(passage.from), tape.cast.name(passage.to));
        self.lets(&format!("{} {kind} {from} {to} from={from} to={to}", passage.api.name()))
    }

    fn lets(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.wanted.iter().all(|word| text.contains(word.as_str()))
            && !self.unwanted.iter().any(|word| text.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_there_and_none_of_the_unwanted() {
        let filter = Filter::parse(" Fetch -b2 ").expect("words");
        assert_eq!(filter.words(), "fetch -b2");
        assert!(filter.lets("Fetch request b3 b1") && !filter.lets("Fetch request b2 b1") && !filter.lets("Produce"));
        assert_eq!(Filter::parse("  "), None);
        assert!(Filter::parse("-").expect("a word").lets("a-b"));
    }
}
