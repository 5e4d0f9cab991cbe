//! What of a transcript is worth reading: news stays, records that flow and repetitions are counted.
//!
//! ```text
//!     59.950    .  .  .  clog    network                       b3>b1 Fetch                      news
//!     60.010    L  .  .  prod    orders-0     0  123     …     p1 acks=all n=1                  ┐ the beginning of a
//!     60.020    L  +  .  fetch   orders-0     0  123     …     data to b2                       ┘ stretch of flow
//!               ... 4167 lines until 89.740: 597 prod, 597 fetch, … [0f36a2d1]                  its middle, counted
//!     89.910    L  .  .  prod    orders-0     0  12      …     p1 acks=all n=1                    its end
//! ```
//!
//! A *stretch* is a run of lines in which records only flow, or in which somebody says again
//! what was said since the last news. A stall of more than a second ends it. The number in
//! brackets is a hash over the lines that are not shown: where it is the same, they are.

use std::collections::{BTreeSet, VecDeque};

use xxhash_rust::xxh3::Xxh3;

/// Events of records that flow as they should: many of them in a row say nothing new.
const FLOW: &[&str] = &["prod", "fetch", "hw", "ack", "read"];

/// Events that come again and again while something lasts.
const REPEATING: &[&str] = &["discon", "retry", "refuse", "prevote", "read!", "beat!", "regist!", "nothing"];

/// Whether an event is one of records that flow as they should.
pub(super) fn is_flow(event: &str) -> bool {
    FLOW.contains(&event)
}

/// Whether an event comes again and again while something lasts.
pub(super) fn is_repeating(event: &str) -> bool {
    REPEATING.contains(&event)
}

/// How many lines of flow are shown at the beginning of a stretch.
const HEAD: usize = 12;

/// How many lines of flow are shown at its end.
const TAIL: usize = 6;

/// So many lines between them are shown as well.
const MIDDLE: usize = 14;

/// So many repetitions are shown as well.
const REPETITIONS: usize = 4;

/// Records that stood still for longer than this begin anew, in microseconds.
const STALL: i64 = 1_000_000;

/// One line before it is known whether it is shown.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) micros: i64,
    /// The word in the event column.
    pub(super) event: &'static str,
    /// What it says apart from when, and where the logs are.
    pub(super) says: String,
    pub(super) text: String,
}

/// What happens all the time while records flow; everything else tells a story.
const DAILY: &[&str] = &["prod", "fetch", "hw", "read", "ack", "discon", "learn", "retry", "load", "serve", "rewind"];

/// What becomes of the lines of which there are many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    /// They are counted.
    #[default]
    Counted,
    /// Every line is shown.
    Shown,
    /// What is daily is left out, and the others are shown.
    LeftOut,
}

/// Takes lines in, and gives out those that are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    way: Way,
    /// What was said since the last news, of that which repeats.
    said: BTreeSet<String>,
    /// When records flowed last.
    flowed: Option<i64>,
    /// How many lines of this stretch's beginning have been shown.
    head: usize,
    middle: Middle,
    tail: VecDeque<Line>,
    text: String,
}

/// The part of a stretch that may not be shown.
#[derive(Clone, Default)]
struct Middle {
    lines: usize,
    repetitions: usize,
    /// How many of each event, in the order of their first.
    counts: Vec<(&'static str, usize)>,
    until: i64,
    hash: Xxh3,
    /// The lines themselves, as long as they are few.
    few: Vec<String>,
}

impl std::fmt::Debug for Middle {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Middle").field("lines", &self.lines).field("repetitions", &self.repetitions).finish()
    }
}

impl Fold {
    /// Shows every line.
    pub(super) fn off() -> Self {
        Fold { way: Way::Shown, ..Fold::default() }
    }

    /// Shows every line of an event that tells a story.
    pub(super) fn story() -> Self {
        Fold { way: Way::LeftOut, ..Fold::default() }
    }

    /// Whether a line of this event is wanted at all.
    pub(super) fn takes(&self, event: &str) -> bool {
        self.way != Way::LeftOut || !DAILY.contains(&event)
    }

    /// Takes in a line of the transcript.
    pub(super) fn line(&mut self, line: Line) {
        if self.way != Way::Counted {
            self.show(&line.text);
        } else if FLOW.contains(&line.event) {
            self.flow(line);
        } else if self.said.contains(&line.says) {
            self.repetition(line);
        } else {
            self.news(line);
        }
    }

    /// Takes in a line that is always shown.
    pub(super) fn words(&mut self, text: &str) {
        self.end_stretch();
        self.show(text);
    }

    /// The lines that are ready, and forgets them.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// All lines.
    pub(super) fn finish(&mut self) -> String {
        self.end_stretch();
        self.take()
    }

    fn flow(&mut self, line: Line) {
        if self.flowed.is_some_and(|before| line.micros - before > STALL) {
            self.end_stretch();
        }
        self.flowed = Some(line.micros);
        if self.head < HEAD && self.middle.lines == 0 && self.tail.is_empty() {
            self.head += 1;
            self.show(&line.text);
            return;
        }
        self.tail.push_back(line);
        if self.tail.len() > TAIL
            && let Some(line) = self.tail.pop_front()
        {
            self.middle.add(line);
        }
    }

    fn repetition(&mut self, line: Line) {
        for line in std::mem::take(&mut self.tail) {
            self.middle.add(line);
        }
        self.middle.repetitions += 1;
        self.middle.add(line);
    }

    fn news(&mut self, line: Line) {
        self.end_stretch();
        if !REPEATING.contains(&line.event) {
            self.said.clear();
        } else {
            self.said.insert(line.says);
        }
        self.show(&line.text);
    }

    fn end_stretch(&mut self) {
        let middle = std::mem::take(&mut self.middle);
        if middle.is_short() {
            for text in &middle.few {
                self.show(text);
            }
        } else {
            self.show(&middle.in_words());
        }
        for line in std::mem::take(&mut self.tail) {
            self.show(&line.text);
        }
        self.head = 0;
    }

    fn show(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

impl Middle {
    fn add(&mut self, line: Line) {
        self.lines += 1;
        self.until = line.micros;
        self.hash.update(line.text.as_bytes());
        self.hash.update(b"\n");
        match self.counts.iter_mut().find(|(event, _)| *event == line.event) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((line.event, 1)),
        }
        if self.is_short() {
            self.few.push(line.text);
        } else {
            self.few.clear();
        }
    }

    fn is_short(&self) -> bool {
        self.lines <= MIDDLE && self.repetitions <= REPETITIONS
    }

    fn in_words(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(event, count)| format!("{count} {event}")).collect();
        let until = super::lanes::time(self.until);
        let (lines, until, hash) = (self.lines, until.trim(), self.hash.digest() as u32);
        format!("               ... {lines} lines until {until}: {} [{hash:08x}]", counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(millis: i64, event: &'static str, says: &str) -> Line {
        let text = format!("{millis} {event} {says}");
        Line { micros: millis * 1000, event, says: format!("{event} {says}"), text }
    }

    fn shown(lines: impl IntoIterator<Item = Line>) -> Vec<String> {
        let mut fold = Fold::default();
        lines.into_iter().for_each(|line| fold.line(line));
        fold.finish().lines().map(str::to_owned).collect()
    }

    fn flow(lines: std::ops::Range<i64>) -> impl Iterator<Item = Line> {
        lines.map(|at| line(at, "fetch", &format!("{at}")))
    }

    #[test]
    fn short_stretch_is_shown_as_it_is() {
        assert_eq!(shown(flow(0..32)).len(), 32);
    }

    #[test]
    fn long_stretch_is_counted_and_every_line_of_it_counts() {
        let lines = shown(flow(0..100));
        assert_eq!(lines.len(), HEAD + 1 + TAIL);
        assert!(lines[HEAD].contains("... 82 lines until 0.093: 82 fetch ["), "{}", lines[HEAD]);
        let other = shown(flow(0..100).map(|mut line| {
            line.text = line.text.replace("50 fetch", "50 fetch!");
            line
        }));
        assert_ne!(lines[HEAD], other[HEAD], "a line that is not shown has changed");
    }

    #[test]
    fn news_in_a_stretch_is_shown_with_what_is_around_it() {
        let lines = shown(flow(0..50).chain([line(50, "kill", "b1")]).chain(flow(51..101)));
        assert_eq!(lines.len(), 2 * (HEAD + 1 + TAIL) + 1);
        assert_eq!(lines[HEAD + 1 + TAIL], "50 kill b1");
    }

    #[test]
    fn what_is_said_again_is_counted_until_there_is_news() {
        let again = |from: i64| (from..from + 20).map(|at| line(at * 1000, "prevote", "c2"));
        let lines = shown(again(0).chain([line(30_000, "elect", "c1")]).chain(again(40)));
        let counts: Vec<&str> = lines.iter().map(|line| line.split(" [").next().unwrap_or_default()).collect();
        assert_eq!(
            counts,
            [
                "0 prevote c2",
                "               ... 19 lines until 19.000: 19 prevote",
                "30000 elect c1",
                "40000 prevote c2",
                "               ... 19 lines until 59.000: 19 prevote",
            ]
        );
    }

    /// Two clients that fail in turn are no news to each other.
    #[test]
    fn repetitions_of_two_kinds_are_counted_together() {
        let turns = (0..20).map(|at| line(at * 1000, "discon", if at % 2 == 0 { "p1" } else { "c1" }));
        assert_eq!(shown(turns).len(), 3);
    }

    #[test]
    fn same_machine_killed_twice_is_news_twice() {
        let kills = (0..20).map(|at| line(at * 1000, "kill", "b1"));
        assert_eq!(shown(kills).len(), 20);
    }

    #[test]
    fn flow_after_a_stall_is_shown_from_its_beginning() {
        let lines = shown(flow(0..50).chain(flow(2000..2050)));
        assert!(lines.contains(&"2000 fetch 2000".to_owned()), "{lines:?}");
        assert!(lines.contains(&"49 fetch 49".to_owned()), "{lines:?}");
    }
}
