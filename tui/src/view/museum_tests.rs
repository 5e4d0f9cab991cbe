//! A bug of the museum, opened where it breaks a promise: whoever does not know it reads what went wrong, and where.

use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::session::{Fate, Passage};

use crate::stage::Stage;

const TURNS: &str = include_str!("../../../scenarios/museum/rep-04-fast-fail-over.toml");

/// REP-04 with its bug on, where `log-matching` is broken.
fn stage() -> Stage {
    let mut scenario = Scenario::parse("rep-04.toml", TURNS).expect("a valid scenario");
    scenario.turn_on("epoch-reply-without-epoch");
    let mut stage = Stage::of(scenario);
    stage.record();
    stage
}

/// The window as running text; it is so narrow that the pane that explains stands in the place of the lines.
fn explained(stage: &Stage) -> String {
    let shown = stage.shown(99, 70);
    let words = shown.lines().flat_map(|row| row.trim_matches('"').split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// The last fetch of b2, or its answer, that arrived before the end.
fn last_fetch(stage: &Stage, kind: MessageKind) -> (Passage, u64) {
    let tape = stage.model.tape.as_ref().expect("it is recorded");
    let is_it = |passage: &&Passage| {
        let asks = if kind == MessageKind::Request { passage.from } else { passage.to };
        passage.kind == kind && passage.api.name() == "Fetch" && !passage.is_aside && tape.cast.name(asks) == "b2"
    };
    let arrived = |passage: &Passage| match passage.fate {
        Fate::Arrived(step, _) => Some((*passage, step)),
        Fate::Open | Fate::Dropped(..) => None,
    };
    tape.passages.iter().filter(is_it).filter_map(arrived).next_back().expect("b2 has fetched")
}

#[test]
fn at_the_violation_one_reads_what_is_broken_which_bug_is_on_and_what_kafka_does() {
    let mut stage = stage();
    stage.press("1x");
    let text = explained(&stage);
    assert!(
        text.contains("log-matching is broken: orders-0, offset 3, epoch 2: b2 has the same batch as b1"),
        "{text}"
    );
    assert!(text.contains("epoch-reply-without-epoch is on, a deliberate bug: A leader asked for the end"), "{text}");
    assert!(text.contains("In Kafka 4.1 the answer names the epoch that it is about"), "{text}");
}

/// The follower's last record is of epoch 3, of which the leader never heard; and yet it answers with records.
#[test]
fn walking_back_one_reads_what_the_follower_asked_and_what_it_was_answered() {
    let mut stage = stage();
    let (_, answered) = last_fetch(&stage, MessageKind::Response);
    let (_, asked) = last_fetch(&stage, MessageKind::Request);
    assert!(asked < answered);
    let go = |stage: &mut Stage, step: u64| stage.press(&format!("t{step}<Enter>"));
    stage.press("1x");
    go(&mut stage, answered);
    let text = explained(&stage);
    let answer = "orders-0 offsets 3 to 4 of epochs 2, 4, high watermark 5";
    assert!(text.contains(&format!("b2 takes a Fetch response from b1 It says: {answer}.")), "{text}");
    go(&mut stage, asked);
    let text = explained(&stage);
    let question = "orders-0 from offset 3 in epoch 4, its last record of epoch 3";
    assert!(text.contains(&format!("b1 takes a Fetch request from b2 It says: {question}.")), "{text}");
    let wide = stage.shown(140, 40);
    assert!(wide.contains(&format!("b1 takes a Fetch request from b2: {question}")), "{wide}");
    assert!(text.contains(&format!("Answers b2 (Fetch): {answer}.")), "{text}");
}

/// The proof on the screen of checks is read without knowing how events are spelled: in sentences, and each to its end.
#[test]
fn the_proof_says_which_epochs_were_appended_and_who_followed_whom() {
    let stage = stage();
    let shown = stage.shown(120, 36);
    for words in [
        "step     2,814  b1   append orders-0: epoch 2, offset 3, as its leader",
        "step     4,111  b2   follow orders-0: epoch 4, b1 leads",
        "step     4,121  b2   append orders-0: epochs 2, 4, offsets 3 to 4, from its leader",
        "b2 has the same batch as b1, but after offset 2 of epoch 3, where",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    assert!(!shown.contains("CRC") && !shown.contains("records-appended"), "{shown}");
}
