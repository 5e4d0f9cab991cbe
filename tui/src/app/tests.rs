//! The window's logic without a terminal: each key ends at an exact place, and back is where one came from.

use std::time::Duration;

use trial_sim::internal::scenario::Span;

use super::*;
use crate::stage::Stage;

pub(super) fn stage() -> Stage {
    Stage::lesson(Look::default())
}

pub(super) fn tape(stage: &Stage) -> &Tape {
    stage.model.tape.as_deref().expect("it is recorded")
}

pub(super) fn said(stage: &Stage) -> &str {
    match &stage.model.status {
        Some(Status::Said(text) | Status::Refused(text)) => text,
        // A line that was refused stays open with the reason.
        None => stage.model.prompt.as_ref().and_then(|prompt| prompt.answer.as_deref()).unwrap_or_default(),
    }
}

#[test]
fn a_window_opens_at_time_zero_unless_it_is_told_where() {
    let stage = stage();
    assert_eq!(stage.model.place.at, tape(&stage).cast.zero());
    assert_eq!(stage.model.place.steps, tape(&stage).zero());
    assert!(stage.model.is_current());
    let at = Whereto::parse("12.5s").expect("a time");
    let later = Stage::open(crate::stage::LESSON, Look::default(), Some(at));
    assert_eq!(tape(&later).cast.micros(later.model.place.at), 12_500_000);
}

#[test]
fn a_step_back_is_where_the_step_forward_began() {
    let mut stage = stage();
    stage.press("]]");
    let here = stage.model.place;
    stage.press("<Right><Right><Right>");
    assert_eq!(stage.model.place.steps, here.steps + 3);
    stage.press("<Left><Left><Left>");
    assert_eq!(stage.model.place, here);
    assert!(stage.model.is_current());
}

#[test]
fn keys_at_the_ends_say_that_there_is_nothing_further() {
    let mut stage = stage();
    stage.press("G<Right>");
    assert_eq!(stage.model.place.steps, tape(&stage).end());
    assert!(said(&stage).contains("no further step"), "{}", said(&stage));
    stage.press(" ");
    assert!(!stage.model.is_playing && said(&stage).contains("end of the recording"), "{}", said(&stage));
    stage.press("g[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    assert!(said(&stage).contains("no further news"), "{}", said(&stage));
}

#[test]
fn news_lead_from_fault_to_consequence_and_back() {
    let mut stage = stage();
    let last = |stage: &Stage| {
        let steps = stage.model.place.steps;
        tape(stage).lines_until(steps).last().map(|line| line.event)
    };
    let mut forward = Vec::new();
    for _ in 0..8 {
        stage.press("]");
        forward.push((stage.model.place, last(&stage)));
    }
    assert_eq!(forward[0].1, Some("kill"), "records that flow are no news");
    assert!(forward.iter().any(|(_, event)| *event == Some("isr")), "{forward:?}");
    forward.reverse();
    for (place, _) in &forward {
        assert_eq!(stage.model.place, *place);
        stage.press("[");
    }
}

#[test]
fn what_is_selected_is_followed_from_line_to_line() {
    let mut stage = stage();
    stage.press("<Tab><Tab>LLLL");
    let Some(Subject::Machine(b2)) = stage.model.subject() else { panic!("the second row is b2") };
    let line = tape(&stage).lines_until(stage.model.place.steps).last().expect("there is a line");
    assert!(line.machines.contains(&b2), "{line:?}");
}

#[test]
fn time_runs_as_fast_as_it_is_told_and_stops_at_the_end() {
    let mut stage = stage();
    stage.press(" ");
    stage.happen(Message::Tick(Duration::from_millis(500)));
    assert_eq!(tape(&stage).cast.micros(stage.model.place.at), 500_000);
    stage.press("++");
    stage.happen(Message::Tick(Duration::from_millis(100)));
    assert_eq!(tape(&stage).cast.micros(stage.model.place.at), 1_000_000, "five times as fast");
    stage.happen(Message::Tick(Duration::from_secs(3600)));
    assert_eq!(stage.model.place.steps, tape(&stage).end());
    assert!(!stage.model.is_playing);
}

#[test]
fn one_goes_to_a_time_or_a_step_and_a_wrong_word_is_told_what_was_expected() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>");
    assert_eq!(tape(&stage).cast.micros(stage.model.place.at), 2_500_000);
    stage.press("t1234<Enter>");
    assert_eq!(stage.model.place.steps, 1235);
    let here = stage.model.place;
    stage.press("tnoon<Enter>");
    assert_eq!(stage.model.place, here);
    assert!(said(&stage).contains("expected a time with its unit"), "{}", said(&stage));
    stage.press("<Esc>t99999999<Enter>");
    assert_eq!(stage.model.place.steps, tape(&stage).end());
    assert!(said(&stage).contains("there is no step 99,999,999: the last one is"), "{}", said(&stage));
    for (typed, answer) in
        [("t-999s<Enter>", "the power comes on at"), ("t9999s<Enter>", "there is no 9999.000 s: the run ends at")]
    {
        stage.press(typed);
        assert!(said(&stage).contains(answer), "{}", said(&stage));
    }
    let late = Some(Whereto::parse("9999s").expect("a time"));
    let opened = Stage::open(crate::stage::LESSON, Look::default(), late);
    assert!(said(&opened).contains("the run ends at"), "{}", said(&opened));
    stage.press("t5s<Backspace><Esc>");
    assert_eq!((stage.model.prompt.clone(), stage.model.place.steps), (None, tape(&stage).end()));
}

#[test]
fn bookmarks_are_found_again() {
    let mut stage = stage();
    stage.press("]]m");
    let marked = stage.model.place;
    stage.press("G(");
    assert_eq!(stage.model.place, marked);
    // In another run the same number is another step.
    stage.press("t2.5s<Enter>K(");
    assert!(said(&stage).contains("no bookmark"), "{}", said(&stage));
    stage.press("fG(");
    assert_eq!(stage.model.place, marked);
    stage.press("m(");
    assert!(said(&stage).contains("no bookmark"), "{}", said(&stage));
}

#[test]
fn metrics_remember_the_last_pause() {
    let mut stage = stage();
    stage.press(" ");
    assert!(
        stage.model.metrics_before.iter().all(|metric| metric.name != "UnderReplicatedPartitions" || metric.value == 0)
    );
    stage.happen(Message::Tick(Duration::from_secs(14)));
    stage.press(" M");
    assert!(stage.shown(120, 40).contains("was 0, now 1"), "{}", stage.shown(120, 40));
}

#[test]
fn escape_closes_one_thing_after_the_other() {
    let mut stage = stage();
    stage.press("2x?<Esc>");
    assert!(stage.model.cover == Cover::None && stage.model.pane == Pane::Explain);
    stage.press("<Esc>");
    assert_eq!((stage.model.pane, stage.model.screen), (Pane::None, Screen::Partition));
    stage.press("<Esc>");
    assert_eq!(stage.model.screen, Screen::Cluster);
}

#[test]
fn quit_and_suspend_are_asked_of_the_world_outside() {
    let mut stage = stage();
    stage.press("q");
    stage.happen(Message::Do(Action::Suspend));
    assert_eq!(stage.asked, [Effect::Quit, Effect::Suspend]);
}

#[test]
fn places_are_read_as_people_write_them() {
    let time = |text: &str| Whereto::Time(Span::parse(text).expect("a span"));
    assert_eq!(Whereto::parse(" 41.5s "), Ok(time("41.5s")));
    assert_eq!(Whereto::parse("-200ms"), Ok(time("-200ms")));
    assert_eq!(Whereto::parse("12,345"), Ok(Whereto::Step(12_345)));
    assert!(Whereto::parse("soon").is_err());
}

/// A run that breaks a promise opens where that was seen, and Enter leads back there.
#[test]
fn a_window_opens_at_the_violation() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let mut stage = Stage::open(PLANTED, Look::default(), None);
    let step = tape(&stage).violations.first().expect("the bug is planted").step;
    assert_eq!((stage.model.screen, stage.model.place.steps), (Screen::Checks, step + 1));
    assert!(said(&stage).contains("high-watermark-monotonic is broken here"), "{}", said(&stage));
    stage.press("g<Enter>");
    assert_eq!(stage.model.place.steps, step + 1);
    assert!(stage.shown(120, 40).contains("broken at"), "{}", stage.shown(120, 40));
}

/// Predict first, then see: the run stops at the question, takes the votes of a class, and stops again where the answer shows.
#[test]
fn a_lesson_stops_at_its_question_takes_votes_and_shows_what_came() {
    let mut stage = Stage::with_questions();
    let question = stage.model.lesson.as_ref().expect("a lesson").questions[0].clone();
    assert!(stage.shown(100, 30).contains("WATCH FOR  LEO and HW of orders-0 at b1"), "{}", stage.shown(100, 30));
    stage.press("G");
    assert_eq!((stage.model.place, &stage.model.prompt), (question.asked, &Some(Prompt::new(Ask::Prediction(0)))));
    assert!(!stage.shown(100, 30).contains(question.why.as_deref().unwrap_or("?")), "{}", stage.shown(100, 30));
    stage.press("1a1<Backspace>223<Enter>");
    assert!(stage.model.is_playing);
    stage.happen(Message::Tick(Duration::from_secs(60)));
    assert_eq!((stage.model.place, stage.model.is_playing), (question.revealed, false));
    let lesson = stage.model.lesson.as_ref().expect("a lesson");
    assert_eq!((lesson.revealing, lesson.questions[0].votes.clone()), (Some(0), Some(vec![1, 2, 1])));
    let shown = stage.shown(100, 30);
    assert!(shown.contains("✓ nothing  ●● 2") && shown.contains("the high watermark is not even computed"), "{shown}");
    stage.press("G");
    assert_eq!(stage.model.place.steps, tape(&stage).end());
    assert!(stage.shown(100, 30).contains("NOW CHANGE ONE THING"), "{}", stage.shown(100, 30));
    stage.press("g");
    assert_eq!(stage.model.prompt, None, "what was answered is not asked again");
}

#[test]
fn whoever_does_not_want_to_predict_sees_the_rest_all_the_same() {
    let mut stage = Stage::with_questions();
    stage.press("G<Esc>");
    stage.happen(Message::Tick(Duration::from_secs(60)));
    stage.press("G");
    assert_eq!(stage.model.place.steps, tape(&stage).end());
}

#[test]
fn the_slider_is_taken_to_another_time_and_a_line_to_its_step() {
    let mut stage = stage();
    let end = tape(&stage).time_at(tape(&stage).end());
    stage.happen(Message::Point(Spot::Slider { column: 99, width: 100 }, Pointing::Drag));
    assert_eq!(stage.model.place.at, end);
    stage.happen(Message::Point(Spot::Slider { column: 0, width: 100 }, Pointing::Click));
    assert_eq!(stage.model.place.at, tape(&stage).cast.zero());
    stage.press("t12.6s<Enter>e");
    stage.click("NOT_ENOUGH_REPLICAS", Pointing::Click);
    let last = tape(&stage).lines_until(stage.model.place.steps).last().expect("a line");
    assert!(last.cause.contains("NOT_ENOUGH_REPLICAS"), "{last:?}");
}

#[test]
fn a_filter_leaves_out_what_has_not_its_words() {
    let mut stage = stage();
    stage.press("t12.6s<Enter>/isr -b3<Enter>");
    let shown = stage.shown(120, 40);
    assert!(shown.contains("LINES UP TO NOW WITH isr -b3"), "{shown}");
    let filter = stage.model.filter.clone().expect("it was typed");
    let before = stage.model.place.steps;
    stage.press("<Up>");
    let here = stage.model.place.steps;
    assert!(here < before);
    let mut here_told = tape(&stage).lines_until(here).iter().filter(|line| line.step + 1 == here);
    assert!(here_told.any(|line| filter.lets_line(tape(&stage), line)), "step {here}");
    stage.press("/<Enter>");
    assert_eq!(stage.model.filter, None);
}

/// Between two steps nothing happens for a while, and the scenario notes something: it is told when it was noted, and not with
/// the step before.
#[test]
fn a_note_is_told_when_its_time_has_come_and_not_a_step_early() {
    const NOTE: &str = "Nothing has happened for a while.";
    let quiet = format!(
        "at = \"2.0004s\"\nnote = \"{NOTE}\"\nexpect = {{ partition = \"orders-0\", leo = 10 }}\n\n[[step]]\nat = \"3s\""
    );
    let source = crate::stage::LESSON.replacen("at = \"3s\"", &quiet, 1);
    assert_ne!(source, crate::stage::LESSON);
    let mut stage = Stage::open(&source, Look::default(), None);
    let note = tape(&stage).lines.iter().find(|line| line.cause == NOTE).expect("it is noted").clone();
    let is_told = |stage: &Stage| stage.model.told().iter().any(|line| line.cause == NOTE);
    stage.press(&format!("t{}<Enter><Left><Right>", note.step));
    let before = stage.model.place;
    assert!(before.steps == note.step + 1 && before.at < note.at, "{before:?}, {note:?}");
    assert!(!is_told(&stage), "its time has not come");
    for key in ["<Down>", "]"] {
        stage.press(key);
        assert_eq!((stage.model.place, is_told(&stage)), (Place { at: note.at, ..before }, true), "{key} goes to it");
        stage.press("<Left><Right>");
        assert_eq!((stage.model.place, is_told(&stage)), (before, false));
    }
    stage.press("<Right>");
    assert!(is_told(&stage), "with the step behind it it has been told");
    stage.press("<Down><Up>");
    while stage.model.place.steps > before.steps {
        stage.press("<Up>");
    }
    assert_eq!((stage.model.place.at, is_told(&stage)), (note.at, true), "and back to it");
}

/// Whoever looks for one partition's lines means its logs, too.
#[test]
fn a_filter_leads_the_screen_of_one_partition_to_the_one_that_it_names() {
    let two = crate::stage::LESSON.replacen("replicas = [[1, 2, 3]]", "replicas = [[1, 2, 3], [2, 3, 1]]", 1);
    assert_ne!(two, crate::stage::LESSON);
    let mut stage = Stage::open(&two, Look::default(), None);
    let shown = |stage: &Stage| stage.model.shown_partition().map(|partition| partition.name.to_string());
    stage.press("/Orders-1<Enter>2");
    assert_eq!((shown(&stage).as_deref(), said(&stage)), (Some("orders-1"), ""));
    assert!(stage.model.snapshot().is_some_and(|seen| !seen.logs.is_empty()) && stage.model.is_current());
    stage.press("/isr orders<Enter>");
    assert_eq!(shown(&stage).as_deref(), Some("orders-0"), "the first of the topic, at once where it is seen");
    stage.press("1/orders-7<Enter>2");
    assert_eq!(said(&stage), "the filter is about orders-7, which is not there now: this is orders-0");
    stage.press("1<Tab><Tab><Tab><Tab><Tab><Tab><Tab>");
    let Some(Subject::Partition(selected)) = stage.model.subject() else { panic!("{:?}", stage.model.selected) };
    stage.press("/orders-0<Enter>2");
    assert_eq!(shown(&stage), Some(selected.to_string()), "what is selected is meant before it");
}

/// From the producer's request to the consumer's poll, and nothing else.
#[test]
fn a_record_is_followed_from_its_producer_to_its_consumer() {
    let mut stage = stage();
    stage.press("3F");
    assert_eq!(stage.model.prompt.as_ref().map(|prompt| prompt.text.as_str()), Some("orders-0@"));
    stage.press("3<Enter>");
    let way = stage.model.way.clone().expect("it is followed");
    assert_eq!(stage.model.place.steps, way.steps[0] + 1);
    for _ in 1..way.steps.len() {
        stage.press("<Down>");
    }
    assert_eq!(stage.model.place.steps, way.steps[way.steps.len() - 1] + 1);
    let events: Vec<&str> =
        tape(&stage).lines.iter().filter(|line| way.has(line.step)).map(|line| line.event).collect();
    for event in ["prod", "fetch", "hw", "ack", "read"] {
        assert!(events.contains(&event), "{event} is not on the way: {events:?}");
    }
    let shown = stage.shown(120, 40);
    assert!(shown.contains("the way of record 3 of orders-0") && shown.contains("Produce"), "{shown}");
    stage.press("F");
    assert_eq!(stage.model.way, None);
    stage.press("Forders-0<Enter>");
    assert!(said(&stage).contains("expected a partition and an offset"), "{}", said(&stage));
    stage.press("<Esc>F99<Enter>");
    assert!(said(&stage).contains("there is no record 99"), "{}", said(&stage));
}

/// What a lesson comes to is told when one is there, and not before.
#[test]
fn a_lesson_keeps_its_end_to_itself() {
    let mut stage = Stage::with_questions();
    assert!(!stage.shown(120, 40).contains("ends in"), "{}", stage.shown(120, 40));
    stage.press("6");
    assert!(stage.shown(120, 40).contains("held so far"), "{}", stage.shown(120, 40));
    stage.press("G<Esc>");
    stage.happen(Message::Tick(Duration::from_secs(60)));
    stage.press("G");
    assert!(stage.shown(120, 40).contains("ends in"), "{}", stage.shown(120, 40));
}

#[test]
fn a_recording_is_saved_and_opens_as_the_same_run_or_says_that_it_is_another() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>K:record x.recording<Enter>");
    let [Effect::Save { text, form, .. }] = stage.asked.as_slice() else { panic!("{:?}", stage.asked) };
    assert_eq!(*form, Form::Recording);
    let kept = trial_sim::internal::session::Kept::parse(text.as_bytes()).expect("a recording");
    assert_eq!(kept.difference(tape(&stage)), None);
    let mut other = Stage::waiting(crate::stage::LESSON);
    other.happen(Message::Keep(Box::new(kept)));
    other.record();
    assert!(said(&other).contains("this is not what was recorded"), "{}", said(&other));
}

#[test]
fn in_a_poll_the_counts_themselves_are_typed_and_a_click_counts_one() {
    let mut stage = Stage::with_questions();
    stage.model.mode = Mode::Lesson { is_poll: true, is_presented: true };
    stage.press("G12 3");
    stage.click("an error", Pointing::Click);
    assert!(stage.shown(120, 40).contains("█ 12"), "{}", stage.shown(120, 40));
    stage.press("<Enter>");
    let lesson = stage.model.lesson.as_ref().expect("a lesson");
    assert_eq!(lesson.questions[0].votes, Some(vec![12, 3, 1]));
    stage.happen(Message::Tick(Duration::from_secs(60)));
    let shown = stage.shown(120, 40);
    assert!(shown.contains("WHAT CAME") && shown.contains("█ 12") && !shown.contains("LINES UP TO NOW"), "{shown}");
}

#[test]
fn flat_out_a_run_is_over_in_a_second_of_frames_and_something_is_seen_of_it() {
    let mut stage = stage();
    stage.press("+++++++++ ");
    let mut frames = 0;
    while stage.model.is_playing {
        stage.happen(Message::Tick(Duration::from_millis(16)));
        frames += 1;
    }
    assert!((30..=61).contains(&frames), "{frames} frames");
    assert_eq!(stage.model.place.steps, tape(&stage).end());
}
