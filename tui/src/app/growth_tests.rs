//! A run that is still being made: its first pictures, and the keys that are pressed before there are any.

use super::tests::{said, tape};
use super::*;
use crate::stage::{LESSON, Stage};

/// Lesson 5 with so many records that its run takes a while.
fn long() -> String {
    let few = "produce = { client = \"p1\", topic = \"orders\", count = 10 }";
    let many = "produce = { client = \"p1\", topic = \"orders\", count = 6000, every = \"3ms\" }";
    let long = LESSON.replacen(few, many, 1);
    assert_ne!(long, LESSON);
    long
}

#[test]
fn keys_that_are_pressed_before_there_is_anything_to_see_are_not_lost() {
    let mut stage = Stage::waiting(LESSON);
    stage.press("]]G4t2s<Enter>");
    assert!(said(&stage).contains("this waits until there is something to see"), "{}", said(&stage));
    stage.record();
    let zero = tape(&stage).cast.zero();
    assert_eq!(stage.model.place.at.since(zero), Duration::from_secs(2), "what was typed came last");
    assert_eq!((stage.model.screen, stage.model.prompt.clone()), (Screen::Controller, None));
    let mut stage = Stage::waiting(LESSON);
    stage.press("]G");
    stage.record();
    assert_eq!(stage.model.place.steps, tape(&stage).end());
}

/// What one selects, does and follows needs a picture, and is done in the order in which it was asked for.
#[test]
fn deeds_offsets_and_what_comes_behind_them_wait_too() {
    let mut stage = Stage::waiting(LESSON);
    stage.press("F3<Enter>");
    assert!(said(&stage).contains("this waits until there is something to see"), "{}", said(&stage));
    stage.record();
    let way = stage.model.way.clone().expect("it is followed");
    assert_eq!(way.words(tape(&stage)), "record 3 of orders-0");
    let mut stage = Stage::waiting(LESSON);
    stage.press("]K");
    assert!(said(&stage).contains("this waits until there is something to see"), "no fork is being made");
    stage.record();
    assert_eq!((stage.model.runs.len(), stage.model.current), (2, 1), "{}", said(&stage));
    let deed = stage.model.runs[1].parent.expect("it is a fork").1;
    assert!(deed > tape(&stage).cast.zero(), "at the news to which the key before led");
    let mut stage = Stage::waiting(LESSON);
    stage.press("<Tab><Tab><Enter>2");
    stage.record();
    assert_eq!(stage.model.screen, Screen::Partition, "the last key comes last");
    assert!(matches!(stage.model.selected, Some(Subject::Machine(_))), "and the first ones selected on the cluster");
}

/// The first picture is one of the world, and not of empty tables.
#[test]
fn until_the_world_has_been_seen_the_window_says_that_it_is_being_recorded() {
    let mut stage = Stage::lesson(Look::default());
    assert!(stage.shown(100, 30).contains("PARTITIONS"));
    stage.model.seen = None;
    assert!(stage.shown(100, 30).contains("recording ..."), "{}", stage.shown(100, 30));
}

#[test]
fn what_there_is_of_a_long_run_can_be_looked_at_while_it_is_made() {
    let mut stage = Stage::growing(&long());
    let far = tape(&stage).end();
    assert!(stage.model.is_growing && stage.model.is_current());
    assert!(stage.shown(120, 40).contains("still being made"), "{}", stage.shown(120, 40));
    stage.go_on();
    let further = tape(&stage).end();
    assert!(further > far && further - far < far / 2, "it grows steadily: {far}, {further}");
    assert_eq!(stage.model.news, forks::news_of(tape(&stage)));
    assert!(!stage.shown(120, 40).contains("ends in"), "nobody knows yet");
    stage.press("t1.2s<Enter>");
    let here = stage.model.place;
    assert!(stage.model.is_current() && tape(&stage).cast.micros(here.at) == 1_200_000, "{}", said(&stage));
    for (keys, reason) in
        [(":kill b3<Enter>", "something can be done to it when it is over"), (":save x<Enter>", "not known yet")]
    {
        stage.press(keys);
        assert!(said(&stage).contains(reason), "{keys}: {}", said(&stage));
    }
    stage.record();
    assert!(!stage.model.is_growing && tape(&stage).end() > far);
    assert_eq!(stage.model.place, here, "whoever looks stays where he is");
    assert!(said(&stage).contains("the run is over"), "{}", said(&stage));
    stage.press("<Right>:kill b3<Enter>");
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
}

/// Whoever has not gone anywhere is led to what was broken, as if it had been opened then.
#[test]
fn a_long_run_that_breaks_a_promise_opens_there_when_that_is_known() {
    let mut stage = Stage::growing(&long());
    let planted = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let other = Stage::open(planted, Look::default(), None);
    let mut whole = stage.model.tape.clone().expect("there is something");
    whole.violations = tape(&other).violations.clone();
    let step = whole.zero() + 50;
    whole.violations[0].step = step;
    stage.happen(Message::News(News::Recorded(whole)));
    assert_eq!((stage.model.screen, stage.model.place.steps), (Screen::Checks, step + 1));
}
