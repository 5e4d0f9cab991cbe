//! A session shows what the run did, forwards and backwards.

use std::collections::BTreeSet;

use trial_broker::event::{Event, PartitionEvent};
use trial_broker::ids::{NodeId, TopicPartition};
use trial_broker::message::Api;

use super::*;
use crate::fault::MessageKind;
use crate::scenario::run::run;
use crate::step::{InputKind, StepKind};

const SMALL: &str = r#"
format = 1
id = "small"
title = "Ten records, a crash and a return"
seed = 0x5
[cluster]
brokers = 3
controllers = 1
latency = "10ms"
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
[[client]]
name = "p1"
producer = { acks = "all" }
[[client]]
name = "r1"
consumer = { assign = ["orders-0"] }
[[step]]
at = "1s"
note = "It begins."
produce = { client = "p1", topic = "orders", count = 10, every = "1ms" }
[[step]]
at = "2s"
kill = { broker = 3 }
[[step]]
at = "15s"
start = { broker = 3 }
[[step]]
at = "30s"
expect = { client = "p1", acked = 10 }
"#;

fn scenario() -> Scenario {
    Scenario::parse("small.toml", SMALL).expect("a valid scenario")
}

fn recorded(scenario: Scenario) -> (Session, Tape) {
    let session = Session::open(scenario);
    loop {
        match session.wait() {
            Some(News::Progress { .. }) => {}
            Some(News::Recorded(tape)) => return (session, *tape),
            other => panic!("a run ends with its tape, not with {other:?}"),
        }
    }
}

fn seen(session: &Session, steps: u64, wanted: Wanted) -> Seen {
    session.look(steps, wanted);
    match session.wait() {
        Some(News::Seen(seen)) => *seen,
        other => panic!("a question is answered, not with {other:?}"),
    }
}

#[test]
fn a_recorded_run_is_the_run() {
    let (_, tape) = recorded(scenario());
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    let report = run(&scenario(), options, &mut |_| true);
    assert_eq!(tape.report, report);
    assert_eq!(tape.steps.last().map(|step| step.fingerprint), Some(report.fingerprint));
    assert_eq!(tape.end(), report.steps);
    assert_eq!(tape.moments.len(), 4, "one moment a step");
}

#[test]
fn every_step_is_shown_as_it_was_whether_one_comes_from_before_or_from_behind() {
    let (session, tape) = recorded(scenario());
    let places: Vec<u64> = (0..=20).map(|part| tape.end() * part / 20).collect();
    let look = |steps| {
        let seen = seen(&session, steps, Wanted::default());
        assert_eq!(seen.snapshot.steps, steps);
        let last = steps.checked_sub(1).map(|index| &tape.steps[index as usize]);
        let is_input = last.is_some_and(|step| matches!(step.kind, StepKind::Input { .. }));
        assert_eq!(seen.detail.is_some(), is_input, "what went into the machine by the step that led to {steps}");
        serde_json::to_string(&seen.snapshot).expect("a snapshot is JSON")
    };
    let forwards: Vec<String> = places.iter().map(|steps| look(*steps)).collect();
    let mut backwards: Vec<String> = places.iter().rev().map(|steps| look(*steps)).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let one_by_one = |steps: u64| [look(steps), look(steps - 1), look(steps)];
    let [once, before, again] = one_by_one(tape.zero() + 700);
    assert_eq!(once, again);
    assert_ne!(once, before);
}

#[test]
fn a_snapshot_tells_who_leads_what_is_committed_and_what_is_only_in_the_page_cache() {
    let (session, tape) = recorded(scenario());
    let orders = trial_broker::ids::TopicPartition::new("orders", 0);
    let wanted = Wanted { logs_of: Some(orders.clone()), files: true, metadata: true, named: false };
    let end = seen(&session, tape.end(), wanted).snapshot;
    let partition = end.partition(&orders).expect("the topic is there");
    assert_eq!((partition.leader.0, partition.isr.len(), partition.is_under_replicated), (1, 3, false));
    let leader = &partition.replicas[0];
    assert_eq!((leader.log_end_offset, leader.high_watermark), (10, 10));
    assert_eq!(end.logs.len(), 3);
    let held: i64 = end.logs[0].batches.iter().map(|batch| batch.last - batch.first + 1).sum();
    assert_eq!(held, 10);
    assert!(end.logs[0].batches.iter().all(|batch| !batch.is_durable), "Kafka trusts replication and does not sync");
    let b1 = end.machines.iter().find(|machine| machine.name == "b1").expect("b1 is there");
    let elected =
        end.metadata.iter().find(|record| record.kind == "PartitionChange" && record.words.contains("orders-0"));
    assert!(elected.is_some_and(|record| record.is_committed), "b3 left the in-sync set: {:?}", end.metadata);
    let checkpoint = b1.files.iter().find(|file| file.path.contains("replication-offset-checkpoint"));
    assert!(checkpoint.is_some_and(|file| file.synced.is_some()), "Kafka syncs its checkpoints: {:?}", b1.files);
    assert!(b1.dirty_bytes > 0 && b1.files.iter().any(|file| file.path.contains("orders-0")));
    assert!(
        end.machines.iter().all(|machine| machine.name != "admin"),
        "who creates the topics is no part of the story"
    );
    let client = |name: &str| end.machines.iter().find(|machine| machine.name == name).map(|machine| machine.id);
    let tally = |name| tape.tally(client(name).expect("a client"), tape.end());
    assert_eq!((tally("p1").sent, tally("p1").acked, tally("r1").consumed), (10, 10, 10));
    assert_eq!(tape.tally(client("p1").expect("a client"), tape.zero()), Tally::default());
}

#[test]
fn without_what_comes_later_a_run_is_the_same_up_to_then_and_ends_otherwise() {
    let (_, tape) = recorded(scenario());
    let at = crate::scenario::Span { micros: 5_000_000 };
    let zero = tape.cast.zero();
    let begun = tape.moments.iter().filter(|moment| tape.cast.micros(moment.at) < at.micros).count();
    assert_eq!(begun, 2, "the records and the kill");
    let fork = scenario().without_later(at, begun).expect("its first half is a scenario");
    let fork = fork.with_intervention(at, "kill = { broker = 2 }").expect("valid");
    let (_, fork) = recorded(fork);
    let before = tape.steps.iter().filter(|step| step.at < zero + at.duration()).count();
    assert!(before > 1000, "{before} steps");
    let same = tape.steps.iter().zip(&fork.steps).take(before);
    assert!(same.into_iter().all(|(one, other)| one.fingerprint == other.fingerprint));
    let starts = |tape: &Tape| tape.lines_after(tape.zero()).iter().filter(|line| line.event == "start").count();
    assert_eq!((starts(&tape), starts(&fork)), (1, 0), "b3 was to start after 15 s");
}

/// What the author saw at a step came in another run.
#[test]
fn in_a_saved_fork_nothing_is_noted_from_the_deed_on() {
    let notes_after = |deed: &str| {
        let at = crate::scenario::Span::parse(deed).expect("a time");
        let fork = scenario().with_intervention(at, "kill = { broker = 2 }").expect("valid");
        let saved = Scenario::parse("fork.toml", &fork.source).expect("what is saved is valid");
        let mut transcript = String::new();
        run(&saved, RunOptions::default(), &mut |text| {
            transcript.push_str(text);
            true
        });
        let (_, tape) = recorded(saved);
        let told = tape.lines.iter().filter(|line| line.event == "note").count();
        assert_eq!(told, transcript.matches("It begins.").count(), "transcript and window tell the same");
        told
    };
    assert_eq!([notes_after("500ms"), notes_after("1s"), notes_after("1.000001s")], [0, 0, 1]);
}

/// Whoever reads `it cuts back` in a run in which a bug keeps it from cutting believes the note: what an author expects is told as
/// of the run that he saw. What he only says while something is done is so in both runs. A fork is no other run in this.
#[test]
fn with_a_bug_on_what_the_author_expects_is_noted_as_of_the_run_without_it() {
    let expecting =
        "\n[[step]]\nafter = \"100ms\"\nnote = \"All is well.\"\nexpect = { partition = \"orders-0\", leo = 10 }\n";
    let piece = Scenario::parse("small.toml", &format!("{SMALL}{expecting}")).expect("valid");
    let mut with_bug = piece.clone();
    with_bug.turn_on("truncate-to-high-watermark");
    let mut mended = piece.clone();
    mended.mend("truncation-returns");
    let at = crate::scenario::Span::parse("31s").expect("a time");
    let fork = with_bug.with_intervention(at, "kill = { broker = 2 }").expect("valid");
    let notes_in = |scenario: Scenario| {
        let mut transcript = String::new();
        run(&scenario, RunOptions::default(), &mut |text| {
            transcript.push_str(text);
            true
        });
        let (_session, tape) = recorded(scenario);
        let notes = tape.lines.iter().filter(|line| line.event == "note").map(|line| line.cause.clone());
        let notes: Vec<String> = notes.collect();
        assert!(notes.iter().all(|note| transcript.contains(&format!("-- {note}"))), "{notes:?}\n{transcript}");
        notes
    };
    assert_eq!(notes_in(piece), ["It begins.", "All is well."]);
    assert_eq!(notes_in(with_bug), ["It begins.", "without the bug: All is well."]);
    assert_eq!(notes_in(fork), ["It begins.", "without the bug: All is well."]);
    assert_eq!(notes_in(mended), ["It begins.", "with the hazard: All is well."]);
}

/// Each broker leads a partition of `warmup`, and the others follow it there: no line tells of it, so the lanes do not either.
#[test]
fn fetches_for_partitions_that_no_line_tells_of_are_aside() {
    let (_, tape) = recorded(scenario());
    let name = |machine| tape.cast.name(machine);
    let fetches = |from: &str, to: &str| -> Vec<bool> {
        let both = |passage: &&Passage| {
            let ends = match passage.kind {
                crate::fault::MessageKind::Request => [name(passage.from), name(passage.to)],
                crate::fault::MessageKind::Response => [name(passage.to), name(passage.from)],
            };
            passage.api == trial_broker::message::Api::Fetch && ends == [from, to]
        };
        let after = tape.passages.iter().filter(|passage| passage.sent.1 > tape.cast.zero());
        after.filter(both).map(|passage| passage.is_aside).collect()
    };
    let (of_warmup, of_orders) = (fetches("b3", "b2"), fetches("b2", "b1"));
    assert!(of_warmup.len() > 20 && of_warmup.iter().all(|aside| *aside), "{of_warmup:?}");
    assert!(of_orders.len() > 20 && of_orders.iter().all(|aside| !aside), "{of_orders:?}");
    assert!(fetches("r1", "b1").iter().all(|aside| !aside), "a consumer's are data");
}

#[test]
fn every_message_that_arrived_was_sent_before() {
    let (_, tape) = recorded(scenario());
    let received = tape.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Input { input: InputKind::Received(message), .. } => Some((step.index, *message)),
        _ => None,
    });
    let mut count = 0;
    for (step, message) in received {
        let passage = tape.passage(message).unwrap_or_else(|| panic!("nobody sent what step {step} received"));
        let Fate::Arrived(arrived, _) = passage.fate else { panic!("step {step} received what never arrived") };
        assert!(passage.sent.0 < arrived && arrived <= step, "{passage:?} at step {step}");
        count += 1;
    }
    assert!(count > 100, "{count} messages");
}

#[test]
fn the_lines_of_a_tape_are_those_of_a_transcript() {
    let (_, tape) = recorded(scenario());
    let events = |wanted: &str| tape.lines_after(tape.zero()).iter().filter(|line| line.event == wanted).count();
    assert_eq!((events("kill"), events("fence"), events("unfence")), (1, 1, 1));
    let kill = tape.lines.iter().find(|line| line.event == "kill").expect("somebody killed b3");
    assert_eq!(kill.weight, crate::scenario::trace::Weight::Done);
    assert!(tape.sentence(kill.step).contains("kill b3"), "{}", tape.sentence(kill.step));
}

/// A fork is the same run up to its time, step for step, and another one from then on; what it leaves as a file does the
/// same again.
#[test]
fn a_fork_changes_nothing_before_its_time_and_is_a_file_that_does_it_again() {
    let (_, tape) = recorded(scenario());
    for (at, typed) in
        [("1.005s", "kill leader=orders-0"), ("4.1s", "partition 1 | 2"), ("29.999999s", "pause b2 length=5s")]
    {
        let line = crate::scenario::words::line(typed).expect("an action");
        let at = crate::scenario::Span::parse(at).expect("a time");
        let fork = scenario().with_intervention(at, &line).expect("a valid fork");
        let (_, other) = recorded(fork.clone());
        let time = tape.cast.zero() + at.duration();
        let before = tape.steps_before(time) as usize;
        assert_eq!(other.steps_before(time) as usize, before, "{typed}");
        let same =
            tape.steps[..before].iter().zip(&other.steps).all(|(one, other)| one.fingerprint == other.fingerprint);
        assert!(same, "{typed} changed something before its time");
        assert!(matches!(&other.steps[before].kind, StepKind::Entry(_)), "{typed}: {:?}", other.steps[before]);
        assert_ne!(other.report.fingerprint, tape.report.fingerprint);
        let saved = Scenario::parse("saved.toml", &fork.source).expect("what is saved is valid");
        let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
        assert_eq!(run(&saved, options, &mut |_| true).fingerprint, other.report.fingerprint);
    }
}

/// What was done at a screen is looked back at like everything else.
#[test]
fn a_fork_can_be_stepped_back_over_its_own_intervention() {
    let at = crate::scenario::Span::parse("1.0055s").expect("a time");
    let (session, tape) =
        recorded(scenario().with_intervention(at, "kill = { leader = \"orders-0\" }").expect("valid"));
    let steps = tape.steps_before(tape.cast.zero() + at.duration());
    let b1 = |steps: u64| seen(&session, steps, Wanted::default()).snapshot.machines[0].state;
    use crate::machine::ProcessState::{Running, Stopped};
    assert_eq!([b1(steps), b1(steps + 1), b1(steps), b1(tape.end())], [Running, Stopped, Running, Stopped]);
}

/// Written, read, run again: the same. Every way in which a file can be wrong is told, and what to do about it.
#[test]
fn a_recording_in_a_file_is_the_same_run_or_says_why_not() {
    let mut scenario = scenario();
    scenario.turn_on("truncate-to-high-watermark");
    let (_session, tape) = recorded(scenario);
    let text = Kept::of(&tape).to_text();
    let kept = Kept::parse(text.as_bytes()).expect("as it was written");
    assert!(Kept::is_one(text.as_bytes()) && kept.refusal().is_none());
    let again = kept.scenario().expect("its scenario");
    assert_eq!(again.turned_on().collect::<Vec<_>>(), ["truncate-to-high-watermark"]);
    let (_session, same) = recorded(again);
    assert_eq!(kept.difference(&same), None);
    let (_session, other) = recorded(Scenario::parse("small.toml", &SMALL.replace("0x5", "0x6")).expect("valid"));
    assert!(matches!(kept.difference(&other), Some((0, 255))), "{:?}", kept.difference(&other));
    let complaint = |text: &str| Kept::parse(text.as_bytes()).expect_err("it is wrong").0;
    assert!(complaint(&text[..text.len() - 40]).contains("cut short"), "{}", complaint(&text[..text.len() - 40]));
    assert!(complaint(&text[..200]).contains("ends in its head"));
    // A bit of the scenario, and a digit of the head: it is the recording that is damaged, whatever the scenario says then.
    assert!(complaint(&text.replace("count = 10", "count!= 10")).contains("damaged"));
    assert!(complaint(&text.replacen("\"seed\":\"0x5\"", "\"seed\":\"0x4\"", 1)).contains("damaged"));
    assert!(complaint(&format!("{text}more\n")).contains("damaged"));
    assert!(complaint(&text.replacen("recording 2", "recording 7", 1)).contains("format 7"));
    let foreign = text.replacen(crate::internal::BUILD, "0000000000000000", 1);
    let refusal = Kept::parse(foreign.as_bytes()).expect("whole").refusal().expect("another build's");
    assert!(refusal.0.contains("made by build 0000000000000000") && refusal.1.contains("--again"), "{refusal:?}");
}

/// The way of a record begins where its producer sends it and ends where its consumer has read it.
#[test]
fn the_way_of_a_record_leads_over_every_log() {
    let (_session, tape) = recorded(scenario());
    let partition = TopicPartition::new("orders", 0);
    let way = tape.way_of_record(&partition, 4);
    let machines: BTreeSet<&str> =
        way.iter().filter_map(|step| tape.steps[*step as usize].machine()).map(|id| tape.cast.name(id)).collect();
    assert_eq!(machines.into_iter().collect::<Vec<_>>(), ["b1", "b2", "b3", "p1", "r1"]);
    let heard = way.iter().flat_map(|step| &tape.steps[*step as usize].events).filter_map(|event| match event {
        Event::Partition(PartitionEvent::FollowerAdvanced { replica, .. }) => Some(*replica),
        _ => None,
    });
    assert_eq!(heard.collect::<BTreeSet<_>>(), BTreeSet::from([NodeId(2), NodeId(3)]), "both followers have said so");
    let sent = &tape.steps[way[0] as usize];
    assert_eq!(sent.machine().map(|id| tape.cast.name(id)), Some("p1"));
    assert!(tape.way_of_record(&partition, 10).is_empty(), "there are ten records");
    let request = tape.passages.iter().find(|passage| passage.sent.0 == sent.index).expect("it sends a request");
    let way = tape.way_of_message(request.message);
    assert_eq!(way.len(), 4, "sent, arrived, answered, and the answer arrived: {way:?}");
}

/// What a producer sends names its partition, and so does the fetch with which a follower says that it has it; looking for it
/// changes nothing of what is seen.
#[test]
fn messages_are_known_by_the_partitions_that_they_name_when_somebody_asks() {
    let two = SMALL.replace("replicas = [[1, 2, 3]]", "replicas = [[1, 2, 3], [2, 3, 1]]");
    let two = two.replace("count = 10", "partition = 1, count = 10");
    let (session, tape) = recorded(Scenario::parse("two.toml", &two).expect("valid"));
    let plain = seen(&session, tape.end(), Wanted::default());
    assert!(plain.named.is_none(), "nobody has asked");
    let asked = seen(&session, tape.end(), Wanted { named: true, ..Wanted::default() });
    let named = asked.named.expect("somebody has asked");
    assert_eq!(format!("{:?}", asked.snapshot), format!("{:?}", plain.snapshot));
    let orders = |partition: i32| TopicPartition::new("orders", partition);
    let sent: Vec<&Passage> = tape.passages.iter().filter(|passage| passage.sent.1 >= tape.cast.zero()).collect();
    let by = |api: Api, kind: MessageKind| {
        let of_it = sent.iter().filter(move |passage| (passage.api, passage.kind) == (api, kind));
        of_it.map(|passage| named.by(passage.message)).collect::<Vec<_>>()
    };
    for kind in [MessageKind::Request, MessageKind::Response] {
        let produced = by(Api::Produce, kind);
        assert!(produced.len() >= 2, "{produced:?}");
        assert!(produced.iter().all(|named| *named == [orders(1)]), "{kind:?}: {produced:?}");
        let fetched = by(Api::Fetch, kind);
        let with = |partition: TopicPartition| fetched.iter().filter(|named| named.contains(&partition)).count();
        assert!(with(orders(1)) >= 2, "{kind:?}: both followers have the records: {fetched:?}");
        assert!(with(orders(1)) < fetched.len(), "{kind:?}: a fetch that brings nothing names nothing");
    }
    let of_groups = sent.iter().find(|passage| passage.api == Api::BrokerHeartbeat).expect("brokers send heartbeats");
    assert!(named.by(of_groups.message).is_empty());
}

/// While a long run is made, what there is of it is the beginning of what it will be, and can be looked at; and looking
/// changes nothing.
#[test]
fn a_growing_recording_is_the_beginning_of_the_whole_one() {
    let long = SMALL.replacen("count = 10", "count = 9000", 1);
    assert_ne!(long, SMALL);
    let scenario = Scenario::parse("long.toml", &long).expect("a valid scenario");
    let session = Session::open_growing(scenario.clone());
    let mut growing: Option<Tape> = None;
    let mut ends = Vec::new();
    let mut seen = Vec::new();
    let whole = loop {
        match session.wait().expect("a run comes to its end") {
            News::Progress { .. } => {}
            News::Begun(tape) => growing = Some(*tape),
            News::Grown(part) => growing.as_mut().expect("it has begun").grow(part),
            News::Seen(one) => {
                seen.push(one.snapshot.steps);
                continue;
            }
            News::Recorded(tape) => break tape,
        }
        if let Some(tape) = &growing
            && ends.last() != Some(&tape.end())
        {
            session.look(tape.zero() + 100, Wanted::default());
            ends.push(tape.end());
        }
    };
    let part = growing.expect("something is seen of a long run");
    assert!(ends.len() > 1 && whole.end() > part.end(), "{ends:?}, {} steps", whole.end());
    let longest = ends.windows(2).map(|two| two[1] - two[0]).max();
    assert!(
        longest.is_some_and(|longest| longest <= growth::EVERY as u64 + ASKED_EVERY),
        "it grows steadily: {ends:?}"
    );
    let fingerprints = |tape: &Tape| tape.steps.iter().map(|step| step.fingerprint).collect::<Vec<u64>>();
    assert!(fingerprints(&whole).starts_with(&fingerprints(&part)));
    assert!(whole.lines.starts_with(&part.lines) && whole.moments.starts_with(&part.moments));
    let sent = |tape: &Tape| tape.passages.iter().map(|passage| passage.message).collect::<Vec<_>>();
    assert!(sent(&whole).starts_with(&sent(&part)));
    assert!(seen.iter().all(|steps| *steps == whole.zero() + 100), "{seen:?}");
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    assert_eq!(run(&scenario, options, &mut |_| true).fingerprint, whole.report.fingerprint);
}
