//! Operations as Jepsen reads them: EDN, the literals of Clojure.
//!
//! ```text
//!   {:index 4, :time 1012000000, :type :invoke, :process 0, :f :send, :value [[:send "orders-0" 1]], :client "p1", …}
//!   {:index 5, :time 1034000000, :type :ok, :process 0, :f :send, :value [[:send "orders-0" [0 1]]], :client "p1", …}
//!   {:index 6, :time 1040000000, :type :ok, :process 1, :f :poll, :value [[:poll {"orders-0" [[0 1]]}]], :client "r1"}
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use trial_broker::event::ContentFact;
use trial_broker::ids::{Offset, TopicPartition};

use super::History;
use super::operation::{Kind, Operation, Read, Sent, What};

/// The whole history, one operation a line.
pub(super) fn write(history: &History) -> String {
    let mut names = Names::new(&history.sends);
    let mut text = String::new();
    for (index, operation) in history.operations.iter().enumerate() {
        let client = history.names.get(&operation.machine).map_or("?", String::as_str);
        line(&mut text, index, operation, client, &history.sends, &mut names);
    }
    text
}

fn line(text: &mut String, index: usize, operation: &Operation, client: &str, sends: &[Sent], names: &mut Names) {
    let Operation { at, process, kind, what, error, .. } = operation;
    let nanos = at.0 * 1_000;
    let (kind, function) = (kind_name(*kind), function_name(what));
    let value = value(operation, sends, names);
    // Writing to a text cannot fail.
    let _ = write!(
        text,
        "{{:index {index}, :time {nanos}, :type :{kind}, :process {process}, :f :{function}, :value {value}, :client {}",
        quoted(client)
    );
    if let Some(error) = error {
        let _ = write!(text, ", :error {}", quoted(error.name()));
    }
    if let What::SubscribePattern(pattern) = what {
        let _ = write!(text, ", :pattern {}", quoted(pattern));
    }
    if let What::Send(range) = what {
        let texts: Vec<String> = sends[range.clone()].iter().map(|sent| quoted(&sent.text)).collect();
        let _ = write!(text, ", :texts [{}]", texts.join(" "));
    }
    if let What::Poll(_, rebalanced) = what
        && !rebalanced.is_empty()
    {
        let keys: Vec<String> = rebalanced.iter().map(key).collect();
        let _ = write!(text, ", :rebalance-log [{{:keys [{}]}}]", keys.join(" "));
    }
    text.push_str("}\n");
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Invoke => "invoke",
        Kind::Ok => "ok",
        Kind::Fail => "fail",
        Kind::Info => "info",
    }
}

fn function_name(what: &What) -> &'static str {
    match what {
        What::Send(_) => "send",
        What::Poll(..) => "poll",
        What::Assign(_) => "assign",
        What::Subscribe(_) | What::SubscribePattern(_) => "subscribe",
        What::Crash => "crash",
    }
}

fn value(operation: &Operation, sends: &[Sent], names: &mut Names) -> String {
    match &operation.what {
        What::Crash => "nil".to_owned(),
        What::Assign(partitions) => {
            let keys: Vec<String> = partitions.iter().map(key).collect();
            format!("[{}]", keys.join(" "))
        }
        What::Subscribe(topics) => {
            let keys: Vec<String> = topics.iter().map(|topic| quoted(topic.as_str())).collect();
            format!("[{}]", keys.join(" "))
        }
        // No topic is named: which those are is for the names that there are to say.
        What::SubscribePattern(_) => "[]".to_owned(),
        What::Send(range) => {
            let sent = range.clone().map(|index| send(index, &sends[index], operation.kind));
            format!("[{}]", sent.collect::<Vec<_>>().join(" "))
        }
        What::Poll(..) if operation.kind == Kind::Invoke => "[[:poll]]".to_owned(),
        What::Poll(read, _) => format!("[[:poll {{{}}}]]", polled(read, names)),
    }
}

fn send(index: usize, sent: &Sent, kind: Kind) -> String {
    // A record that never got a partition is in none; its topic stands for it.
    let key = sent.partition.as_ref().map_or_else(|| quoted(sent.topic.as_str()), key);
    let number = number_of(index);
    match (kind, sent.offset) {
        (Kind::Invoke, _) => format!("[:send {key} {number}]"),
        (_, Some(offset)) => format!("[:send {key} [{offset} {number}]]"),
        (_, None) => format!("[:send {key} [nil {number}]]"),
    }
}

fn polled(read: &[Read], names: &mut Names) -> String {
    let mut by_partition: BTreeMap<&TopicPartition, Vec<String>> = BTreeMap::new();
    for Read { partition, record } in read {
        let number = names.of(partition, record.offset, record.content);
        by_partition.entry(partition).or_default().push(format!("[{} {number}]", record.offset));
    }
    let pairs = by_partition.iter().map(|(partition, records)| format!("{} [{}]", key(partition), records.join(" ")));
    pairs.collect::<Vec<_>>().join(", ")
}

fn key(partition: &TopicPartition) -> String {
    quoted(&partition.to_string())
}

/// A text as a literal of EDN.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// How a record is called: by its number among all that were handed to producers, from 1.
fn number_of(index: usize) -> usize {
    index + 1
}

/// Which record it is that was read somewhere.
struct Names {
    /// Where records are that their producers were told of, with what they hold.
    told: BTreeMap<(TopicPartition, Offset), Vec<(ContentFact, usize)>>,
    /// Records of which nobody was told where they are, in the order of their sends.
    untold: BTreeMap<(TopicPartition, ContentFact), VecDeque<usize>>,
    /// Any record of this content.
    any: BTreeMap<(TopicPartition, ContentFact), usize>,
    given: BTreeMap<(TopicPartition, Offset, ContentFact), usize>,
    next_stranger: usize,
}

impl Names {
    fn new(sends: &[Sent]) -> Names {
        let mut names = Names {
            told: BTreeMap::new(),
            untold: BTreeMap::new(),
            any: BTreeMap::new(),
            given: BTreeMap::new(),
            next_stranger: sends.len(),
        };
        for (index, sent) in sends.iter().enumerate() {
            let Some(partition) = &sent.partition else { continue };
            let content = (partition.clone(), sent.content);
            names.any.entry(content.clone()).or_insert(index);
            match sent.offset {
                Some(offset) => {
                    names.told.entry((partition.clone(), offset)).or_default().push((sent.content, index));
                }
                None => names.untold.entry(content).or_default().push_back(index),
            }
        }
        names
    }

    /// The number of a record that was read: that of the record which was acknowledged there, else of one with the same
    /// content that was not acknowledged, else of one that was acknowledged elsewhere and is there twice. A record that
    /// nobody has sent gets a number of its own.
    fn of(&mut self, partition: &TopicPartition, offset: Offset, content: ContentFact) -> usize {
        let place = (partition.clone(), offset, content);
        if let Some(given) = self.given.get(&place) {
            return *given;
        }
        let what = (partition.clone(), content);
        let here = self.told.get(&(partition.clone(), offset));
        let told = here.and_then(|here| here.iter().find(|(other, _)| *other == content)).map(|(_, index)| *index);
        let untold = || self.untold.get_mut(&what).and_then(VecDeque::pop_front);
        let index = told.or_else(untold).or_else(|| self.any.get(&what).copied()).unwrap_or_else(|| {
            self.next_stranger += 1;
            self.next_stranger - 1
        });
        self.given.insert(place, number_of(index));
        number_of(index)
    }
}
