//! Lessons: what a question does to the window, and to the other runs of its lesson.

use std::time::Duration;

use super::*;
use crate::stage::{LESSON, Stage};

/// Whether the place is one of the run that is shown: so many steps had run at this time.
fn is_of_its_run(stage: &Stage) -> bool {
    let (tape, place) = (stage.model.tape.as_deref().expect("it is recorded"), stage.model.place);
    let next = tape.steps.get(place.steps as usize).map_or(place.at, |step| step.at);
    tape.time_at(place.steps) <= place.at && place.at <= next && stage.model.is_current()
}

fn lesson(stage: &Stage) -> &Lesson {
    stage.model.lesson.as_ref().expect("a lesson")
}

/// The numbers of steps are another run's: each has its own questions, and none that were asked of another world.
#[test]
fn a_fork_of_a_lesson_has_its_own_places_and_asks_nothing_about_another_run() {
    let mut stage = Stage::with_questions();
    let first = lesson(&stage).questions[0].clone();
    stage.press("t2s<Enter>:produce client=p2 topic=orders count=30<Enter>");
    assert_eq!((stage.model.current, lesson(&stage).questions.len()), (1, 0), "{:?}", stage.model.status);
    for key in ["G", "{", "]", "]", "<Right>", "[", "<Left>", "<Down>", "g", "G"] {
        stage.press(key);
        assert!(is_of_its_run(&stage), "after {key}: {:?}", stage.model.place);
        assert_eq!(stage.model.prompt, None);
    }
    stage.press("f");
    assert_eq!((stage.model.current, stage.model.place), (0, first.asked), "no further than what nobody has answered");
    assert!(is_of_its_run(&stage));
}

/// What was voted on stays voted on, but what the lesson says of the outcome is said of its own run alone.
#[test]
fn a_fork_between_question_and_outcome_keeps_the_votes_and_leaves_the_outcome_open() {
    let mut stage = Stage::with_questions();
    stage.press("G2<Enter> K");
    assert_eq!(stage.model.current, 1, "{:?}", stage.model.status);
    let question = lesson(&stage).questions[0].clone();
    assert_eq!((question.votes, question.answer), (Some(vec![0, 1, 0]), None));
    stage.press("G");
    assert_eq!(lesson(&stage).revealing, Some(0));
    let shown = stage.shown(100, 40);
    assert!(shown.contains("something else was done before the outcome") && !shown.contains('✓'), "{shown}");
    assert!(is_of_its_run(&stage));
}

/// Something is done late in a run in which something else was done early: what was asked between the two was asked of the
/// lesson's own run, and would tell of a world that is gone.
#[test]
fn a_fork_of_a_fork_asks_nothing_that_stands_behind_the_first_deed() {
    let mut stage = Stage::with_questions();
    let asked = lesson(&stage).questions[0].asked;
    stage.press(
        "t2s<Enter>:produce client=p2 topic=orders count=30<Enter>G:produce client=p2 topic=orders count=1<Enter>",
    );
    assert_eq!(stage.model.current, 2, "{:?}", stage.model.status);
    assert!(stage.model.place.at > asked.at && lesson(&stage).questions.is_empty(), "{:?}", lesson(&stage).questions);
    stage.press("gG");
    assert_eq!(stage.model.prompt, None);
}

#[test]
fn a_question_is_seen_whatever_stood_in_front_of_the_screen() {
    for keys in ["?", "e", "b", "<Tab>d"] {
        let mut stage = Stage::with_questions();
        stage.press(keys);
        stage.model.is_playing = true;
        stage.happen(Message::Tick(Duration::from_secs(60)));
        assert_eq!((stage.model.cover, &stage.model.menu), (Cover::None, &None));
        assert!(stage.shown(100, 30).contains("PREDICT"), "{keys}: {}", stage.shown(100, 30));
    }
}

/// Whoever holds a clicker has four keys.
#[test]
fn a_clicker_leads_through_a_question_and_blanks_it() {
    for next in ["<PgDn>", "."] {
        let mut stage = Stage::with_questions();
        stage.press("Gb");
        assert_eq!(stage.model.cover, Cover::Blank);
        stage.press("b1");
        let shown = stage.shown(100, 30);
        assert!(shown.contains("PREDICT") && shown.contains("Enter PgDn . go on"), "{shown}");
        stage.press(next);
        assert_eq!((stage.model.prompt.clone(), stage.model.is_playing), (None, true));
        assert_eq!(lesson(&stage).questions[0].votes, Some(vec![1, 0, 0]));
    }
}

/// What the lesson says to watch for was written of its own run: behind what was done here it would be untrue.
#[test]
fn behind_its_deed_a_fork_of_a_lesson_has_a_banner_of_its_own() {
    let mut stage = Stage::with_questions();
    stage.press("t2.5s<Enter>:kill b3<Enter>");
    assert_eq!(stage.model.current, 1, "{:?}", stage.model.status);
    let shown = stage.shown(100, 30);
    assert!(shown.contains("YOUR RUN  kill b3 at 2.5s") && !shown.contains("WATCH FOR"), "{shown}");
    stage.press("t1s<Enter>");
    assert!(stage.shown(100, 30).contains("WATCH FOR"), "before it the two runs are one");
    stage.press("t4s<Enter>:pause b1<Enter>t3s<Enter>");
    assert_eq!(stage.model.current, 2, "{:?}", stage.model.status);
    assert!(stage.shown(100, 30).contains("YOUR RUN  kill b3 at 2.5s"), "{}", stage.shown(100, 30));
    stage.press("G");
    let shown = stage.shown(100, 30);
    assert!(shown.contains("YOUR RUN  pause b1 at 4s") && !shown.contains("NOW CHANGE"), "{shown}");
}

/// Whoever has voted with Enter presses it again.
#[test]
fn enter_goes_on_where_an_outcome_is_shown() {
    for key in ["<Enter>", " ", "."] {
        let mut stage = Stage::with_questions();
        stage.press("G2<Enter>");
        stage.happen(Message::Tick(Duration::from_secs(60)));
        assert_eq!((lesson(&stage).revealing, stage.model.is_playing), (Some(0), false));
        assert!(stage.shown(100, 30).contains("Space Enter go on"), "{}", stage.shown(100, 30));
        stage.model.mode = Mode::Lesson { is_poll: false, is_presented: true };
        assert!(stage.shown(100, 30).contains("Space Enter . go on"), "{}", stage.shown(100, 30));
        stage.press(key);
        assert!(stage.model.is_playing, "{key}: {:?}", stage.model.status);
    }
}

/// The step that says so is the one at which the answer can be seen; and the run goes on behind it.
#[test]
fn a_question_is_answered_at_the_step_that_reveals_it() {
    let unrevealed = LESSON.replacen("reveal = true\n", "", 1);
    let later = unrevealed.replacen("within = \"1s\"\nexpect", "within = \"1s\"\nreveal = true\nexpect", 1);
    assert!(unrevealed != LESSON && later != unrevealed);
    let mut stage = Stage::questions_of(&later);
    let revealed = lesson(&stage).questions[0].revealed;
    let usual = lesson(&Stage::with_questions()).questions[0].revealed;
    assert!(revealed.at > usual.at, "{revealed:?} and {usual:?}");
    stage.press("G2<Enter>");
    stage.happen(Message::Tick(Duration::from_secs(60)));
    assert_eq!((stage.model.place, lesson(&stage).revealing), (revealed, Some(0)));
    let status = format!("{:?}", stage.model.status);
    assert!(!status.contains("end of the recording"), "{status}");
}
