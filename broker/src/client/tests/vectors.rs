//! Kafka's tests of a consumer's positions as texts: `OffsetFetcherTest`, `SubscriptionStateTest`, `FetcherTest`.
//! What a vector is says [`crate::tests`].
//!
//! ```text
//!   consumer earliest|latest|none [committed] [max N]    auto.offset.reset, isolation.level, max.poll.records
//!   leader BROKER epoch E                what the metadata says of orders-0 from now on
//!   assign PARTITION… | assign nothing   seek OFFSET   poll MILLISECONDS   refresh    what the application does
//!   answer BROKER offset N [epoch E]     to ListOffsets
//!   answer BROKER end EPOCH OFFSET       to OffsetForLeaderEpoch
//!   answer BROKER records COUNT from OFFSET epoch E | transaction commit|abort | nothing    to Fetch
//!   answer BROKER ERROR                  to either of them
//!   lose BROKER                          its connections break
//!   until MILLISECONDS
//! ```
//!
//! The facts: `position` and `state` of orders-0, `asked BROKER` (the oldest request without an answer),
//! `returned` (what the last poll gave).

use super::consumer::{epoch_ends, fetched, nothing_new, offset_is, orders, partition};
use super::*;
use crate::record::ControlType;
use crate::tests::{Stage, argument, number, vectors};

#[derive(Default)]
struct ConsumerStage {
    script: Option<Script>,
    returned: String,
}

fn error_named(name: &str) -> ErrorCode {
    let known = [
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::LeaderNotAvailable,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::OffsetNotAvailable,
        ErrorCode::OffsetOutOfRange,
        ErrorCode::UnknownLeaderEpoch,
    ];
    known.into_iter().find(|error| error.name() == name).unwrap_or_else(|| panic!("no such error here: {name}"))
}

fn consumer_of(words: &[&str]) -> ClientKind {
    let policy = match words[1] {
        "earliest" => OffsetReset::Earliest,
        "latest" => OffsetReset::Latest,
        "none" => OffsetReset::None,
        other => panic!("no reset policy: {other}"),
    };
    let isolation = match words.contains(&"committed") {
        true => IsolationLevel::ReadCommitted,
        false => IsolationLevel::ReadUncommitted,
    };
    let max = argument(words, "max").unwrap_or(500).to_string();
    let mut kind = consumer(policy, isolation, &[("max.poll.records", &max)]);
    if let ClientKind::Consumer { assign, polls_by_itself, .. } = &mut kind {
        assign.clear();
        *polls_by_itself = false;
    }
    kind
}

fn partitions(words: &[&str]) -> Vec<TopicPartition> {
    let named = words.iter().filter_map(|word| word.strip_prefix("orders-"));
    named.map(|partition| TopicPartition::new("orders", partition.parse().expect("a number"))).collect()
}

/// The answer to the request that waits.
fn answer_to(request: &Request, words: &[&str]) -> Response {
    let error = match words[2].chars().all(|letter| letter.is_ascii_uppercase() || letter == '_') {
        true => error_named(words[2]),
        false => ErrorCode::None,
    };
    match request {
        Request::ListOffsets(_) => {
            let mut answer = offset_is(argument(words, "offset").unwrap_or(5));
            answer.partitions[0].error = error;
            answer.partitions[0].leader_epoch = LeaderEpoch(argument(words, "epoch").unwrap_or(-1) as i32);
            answer.into()
        }
        Request::OffsetForLeaderEpoch(_) => match error {
            ErrorCode::None => epoch_ends(number(words, 3) as i32, number(words, 4)).into(),
            error => {
                let mut answer = epoch_ends(-1, -1);
                answer.partitions[0].error = error;
                answer.into()
            }
        },
        Request::Fetch(_) if error != ErrorCode::None => {
            // Kafka's tests put records beside the error.
            let partitions = vec![partition(error, 100, log_batch(1, 0, &["x", "x", "x"]).build())];
            FetchResponse { partitions, ..nothing_new(77) }.into()
        }
        Request::Fetch(_) if words[2] == "nothing" => nothing_new(77).into(),
        Request::Fetch(_) if words[2] == "transaction" => transaction(words[3]).into(),
        Request::Fetch(_) => {
            let (count, from) = (number(words, 3), argument(words, "from").expect("an offset"));
            let epoch = argument(words, "epoch").expect("an epoch") as i32;
            let values = vec!["x"; usize::try_from(count).expect("a count")];
            fetched(77, from + count, log_batch(from, epoch, &values).build()).into()
        }
        other => panic!("nothing to answer to {}", other.api().name()),
    }
}

/// Two records of producer 1 at 0, and a marker at 2.
fn transaction(end: &str) -> FetchResponse {
    let kind = if end == "abort" { ControlType::Abort } else { ControlType::Commit };
    let records = log_batch(0, 0, &["x", "x"]).producer(ProducerId(1), ProducerEpoch(0), 0).transactional(true).build();
    let marker = BatchBuilder::new(2)
        .leader_epoch(LeaderEpoch(0))
        .producer(ProducerId(1), ProducerEpoch(0), -1)
        .transactional(true)
        .append_control(1, kind, &[0, 0, 0, 0, 0, 0])
        .build();
    let mut answer = fetched(77, 100, [records, marker].concat().into());
    if kind == ControlType::Abort {
        answer.partitions[0].aborted_transactions =
            vec![AbortedTransaction { producer_id: ProducerId(1), first_offset: 0 }];
    }
    answer
}

impl ConsumerStage {
    fn script(&mut self) -> &mut Script {
        self.script.as_mut().expect("the text begins with a consumer")
    }

    fn waiting_at(&self, host: &str) -> Option<Request> {
        let script = self.script.as_ref().expect("a consumer");
        let mut waiting = script.connections_to(host).into_iter().filter_map(|connection| {
            let (message, _) = script.waiting.get(&connection)?.front()?;
            Some(wire::decode_request(message).expect("a request"))
        });
        waiting.next()
    }
}

impl Stage for ConsumerStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "consumer" => self.script = Some(Script::new(consumer_of(words))),
            "leader" => {
                let broker = words[1].strip_prefix('b').and_then(|id| id.parse().ok()).expect("a broker");
                let epoch = argument(words, "epoch").expect("an epoch") as i32;
                self.script().leaders.insert(orders(), (broker, epoch));
            }
            "assign" => self.script().call(Call::Assign(partitions(words))),
            "seek" => self.script().call(Call::Seek { partition: orders(), offset: number(words, 1) }),
            "poll" => {
                let timeout_ms = number(words, 1).unsigned_abs();
                self.returned = "nothing".to_owned();
                self.script().call(Call::Poll { timeout_ms });
            }
            "refresh" => self.script().call(Call::RefreshMetadata),
            "answer" => {
                let request = self.waiting_at(words[1]).expect("a request waits");
                self.script().answer(words[1], answer_to(&request, words));
            }
            "lose" => self.script().reset(words[1]),
            "until" => self.script().until(number(words, 1).unsigned_abs()),
            other => panic!("no such command: {other}"),
        }
        let said: Vec<String> = self.script().said().lines().map(str::to_owned).collect();
        for line in &said {
            if let Some((_, result)) = line.split_once(" call ").and_then(|(_, result)| result.split_once(' '))
                && result != "done"
            {
                self.returned = result.to_owned();
            }
        }
        said.into_iter().filter(|line| !line.ends_with(" done")).collect()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        let views = self.script().client.positions();
        let view = views.iter().find(|view| view.partition == orders());
        match words[0] {
            "position" => match view.and_then(|view| view.offset) {
                Some(offset) => offset.to_string(),
                None => "none".to_owned(),
            },
            "state" => view.map_or("not assigned".to_owned(), |view| format!("{:?}", view.state)),
            "asked" => self.waiting_at(words[1]).map_or("nothing".to_owned(), |request| describe(&request)),
            "isolation" => match self.waiting_at(words[1]) {
                Some(Request::ListOffsets(request)) => format!("{:?}", request.isolation),
                Some(Request::Fetch(request)) => format!("{:?}", request.isolation),
                other => panic!("no isolation level in {other:?}"),
            },
            "returned" => self.returned.clone(),
            other => panic!("no such fact: {other}"),
        }
    }
}

vectors! {
    ConsumerStage::default();
    a_position_is_looked_up = "reset.txt";
    a_look_up_that_fails_is_tried_again = "reset_errors.txt";
    a_seek_or_an_assignment_overtakes_a_look_up = "reset_overtaken.txt";
    epochs_in_answers_are_learned = "reset_epochs.txt";
    a_position_is_validated = "validation.txt";
    truncation_is_an_error_without_a_reset_policy = "validation_without_policy.txt";
    an_answer_about_an_earlier_position_changes_nothing = "validation_overtaken.txt";
    a_position_out_of_range = "out_of_range.txt";
    committed_transactions_are_read_and_aborted_ones_skipped = "transactions.txt";
}
