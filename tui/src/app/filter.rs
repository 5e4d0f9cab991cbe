//! What is left out of lines and lanes: everything that does not have all words of the filter, or has one with `-` before it.

use trial_broker::ids::TopicPartition;
use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{Named, Passage, Tape};

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

    /// Whether one of its words may be that of a partition or of a topic among these, so that messages must be known by the
    /// partitions that they name.
    pub fn may_name_partition(&self, topics: &[&str]) -> bool {
        let mut words = self.wanted.iter().chain(&self.unwanted);
        words.any(|word| may_be_partition(word) || topics.iter().any(|topic| topic.to_lowercase() == *word))
    }

    /// The partition among these that it is about: the one of a word, or the first of the topic of a word.
    pub fn partition<'a>(&self, partitions: &[&'a TopicPartition]) -> Option<&'a TopicPartition> {
        let is_wanted = |name: &str| self.wanted.iter().any(|word| *word == name.to_lowercase());
        let itself = partitions.iter().find(|partition| is_wanted(&partition.to_string()));
        itself.or_else(|| partitions.iter().find(|partition| is_wanted(partition.topic.as_str()))).copied()
    }

    /// A word that may be the name of a partition.
    pub fn may_be_about(&self) -> Option<&str> {
        self.wanted.iter().map(String::as_str).find(|word| may_be_partition(word))
    }

    /// Whether a message is shown: by its API, `request` or `response`, the names at both ends, and the partitions that it
    /// names, as far as these are known.
    pub fn lets_passage(&self, tape: &Tape, named: Option<&Named>, passage: &Passage) -> bool {
        let kind = match passage.kind {
            MessageKind::Request => "request",
            MessageKind::Response => "response answer",
        };
        let (from, to) = (tape.cast.name(passage.from), tape.cast.name(passage.to));
        let partitions = named.map_or(&[][..], |named| named.by(passage.message));
        let partitions: String = partitions.iter().map(|partition| format!(" {partition}")).collect();
        self.lets(&format!("{} {kind} {from} {to} from={from} to={to}{partitions}", passage.api.name()))
    }

    fn lets(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.wanted.iter().all(|word| has(&text, word)) && !self.unwanted.iter().any(|word| has(&text, word))
    }
}

/// Whether a word ends as the names of partitions do.
fn may_be_partition(word: &str) -> bool {
    let index = word.rsplit_once('-').map(|(_, index)| index);
    index.is_some_and(|index| !index.is_empty() && index.chars().all(|sign| sign.is_ascii_digit()))
}

/// Whether a text has a word or a part of one; of a number all digits, so that `orders-1` is not in `orders-10`, nor `b1` in `b10`.
fn has(text: &str, word: &str) -> bool {
    let is_digit = |sign: Option<char>| sign.is_some_and(|sign| sign.is_ascii_digit());
    let (begins, ends) = (is_digit(word.chars().next()), is_digit(word.chars().next_back()));
    text.match_indices(word).any(|(at, _)| {
        let (before, behind) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !((begins && is_digit(before)) || (ends && is_digit(behind)))
    })
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

    #[test]
    fn numbers_are_meant_with_all_their_digits() {
        let lets = |word: &str, text: &str| Filter::parse(word).expect("a word").lets(text);
        assert!(lets("orders-1", "data of orders-1 to b2") && lets("orders-1", "orders-10, orders-1"));
        assert!(!lets("orders-1", "orders-10") && !lets("b1", "from=b10") && !lets("0", "to 10"));
        assert!(lets("order", "orders-10") && lets("-orders-1", "orders-10"));
    }

    #[test]
    fn only_a_word_that_may_be_a_partition_or_a_topic_needs_the_messages_read() {
        let may = |typed: &str| Filter::parse(typed).expect("words").may_name_partition(&["orders"]);
        assert!(may("fetch orders-1") && may("Orders") && may("-__consumer_offsets-0"));
        assert!(!may("fetch b2") && !may("order") && !may("pre-vote -b3"));
    }
}
