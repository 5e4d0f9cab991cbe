//! What people write can be read to its end: notes, questions, outcomes, times, keys; and where it is cut it says so.

use std::fs;
use std::path::Path;

use trial_sim::internal::scenario::{self, Scenario};

use super::tests::{SIZES, stage};
use crate::app::{Cover, Question};
use crate::keys::BINDINGS;
use crate::stage::Stage;
use crate::theme::Look;

/// No time and no number is cut on the lanes: a part of it would be another one.
#[test]
fn on_the_lanes_every_time_is_read_to_its_end() {
    let mut stage = stage(Look::default());
    stage.press("3");
    for (width, height) in SIZES.into_iter().take(2).chain([(160, 50)]) {
        let shown = stage.shown(width, height);
        let times = shown.lines().filter(|row| row.contains("arrives "));
        assert!(times.clone().count() > 3, "{shown}");
        for row in times {
            assert!(row.trim_end_matches(['"', ' ']).ends_with(" s"), "{row} at {width}:\n{shown}");
        }
    }
}

/// A note is a sentence for the class, however long it is.
#[test]
fn a_long_note_is_read_to_its_end() {
    let mut stage = stage(Look::default());
    stage.press("t12.56s<Enter>");
    let told = stage.model.tape.as_ref().expect("it is recorded").lines_until(stage.model.place.steps).to_vec();
    let note = told.iter().rev().find(|line| line.event == "note").expect("the lesson notes something").cause.clone();
    assert!(note.len() > 40, "{note}");
    assert!(running_text(&stage, (80, 24)).contains(&note), "{note}:\n{}", stage.shown(80, 24));
}

/// Where it has no room it ends in a sign: half a sentence is none.
#[test]
fn a_long_note_in_the_first_row_ends_in_a_sign_where_it_goes_on() {
    let mut stage = stage(Look::default());
    stage.press("t17.8s<Enter>e");
    let tape = stage.model.tape.as_ref().expect("it is recorded");
    let told = tape.lines_until(stage.model.place.steps);
    let note = told.iter().rev().find(|line| line.event == "note").expect("the lesson notes something").cause.clone();
    let mut cut = 0;
    for height in 10..50 {
        let shown = stage.shown(72, height);
        let text = running_text(&stage, (72, height));
        if text.contains(&note[..10]) && !text.contains(&note) {
            let first = shown.lines().skip_while(|row| !row.contains("LINES UP TO NOW")).nth(1).expect("a row");
            assert!(first.contains(&note[..10]) && first.trim_end_matches(['"', ' ']).ends_with('…'), "{shown}");
            cut += 1;
        }
    }
    assert!(cut > 0, "no height cuts it: {note}\n{}", stage.shown(72, 30));
}

/// What an author notes is about the run that he has seen.
#[test]
fn a_note_behind_a_deed_says_that_it_was_written_for_the_first_run() {
    let mut stage = Stage::open(include_str!("../../../scenarios/lessons/07-leader-loss.toml"), Look::default(), None);
    stage.press("t9.5s<Enter>:kill b2<Enter>G");
    let note = |stage: &Stage| {
        let text = running_text(stage, (160, 50));
        let promised = text.find("p2 was told that its record is safe").expect("the lesson notes it");
        text[..promised].ends_with("(written for run 1) ")
    };
    assert!(note(&stage), "{}", stage.shown(160, 50));
    stage.press("fG");
    assert!(!note(&stage), "in the first run it is true:\n{}", stage.shown(160, 50));
}

/// Every question of the course, as if it stood where that of the lesson on the stage stands.
fn questions(stage: &Stage) -> Vec<Question> {
    let here = &stage.model.lesson.as_ref().expect("a lesson").questions[0];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let files = fs::read_dir(&folder).expect("there are lessons").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let steps = sources.flat_map(|path| {
        let source = fs::read_to_string(&path).expect("a text");
        Scenario::parse(&path.display().to_string(), &source).expect("a valid scenario").steps
    });
    let asked = steps.filter_map(|step| match step.action.value {
        scenario::Action::Predict(predict) => Some(Question {
            answer: predict.choices.iter().position(|choice| *choice == predict.answer.value),
            ask: predict.ask,
            choices: predict.choices,
            why: predict.why,
            ..here.clone()
        }),
        _ => None,
    });
    asked.collect()
}

/// The lowest window of all has room for what is asked and what can be answered, and then for what came.
#[test]
fn every_question_and_its_outcome_can_be_read_in_every_window() {
    const SIZES: [(u16, u16); 8] = [(40, 10), (40, 12), (60, 10), (60, 15), (60, 18), (60, 20), (80, 24), (120, 40)];
    let mut stage = Stage::with_questions();
    stage.press("G");
    let all = questions(&stage);
    assert!(all.len() > 30, "{} questions", all.len());
    let put = |stage: &mut Stage, question: &Question| {
        stage.model.lesson.as_mut().expect("a lesson").questions[0] = question.clone();
    };
    for question in &all {
        put(&mut stage, question);
        for (width, height) in SIZES {
            let asked = running_text(&stage, (width, height));
            assert!(asked.contains(&question.ask), "{width} x {height}:\n{}", stage.shown(width, height));
            for choice in &question.choices {
                assert!(
                    asked.contains(choice.as_str()),
                    "{choice}, {width} x {height}:\n{}",
                    stage.shown(width, height)
                );
            }
        }
    }
    stage.press("2<Enter>G");
    for question in questions(&stage) {
        put(&mut stage, &question);
        for (width, height) in SIZES {
            let came = running_text(&stage, (width, height));
            let shown = stage.shown(width, height);
            let answer = &question.choices[question.answer.expect("it is known")];
            assert!(came.contains(&format!("✓ {answer}")) && came.contains("go on"), "{shown}");
            // In the very lowest the reason may be cut, and says so.
            let why = question.why.as_deref().expect("it is explained");
            let begun: String = why.chars().take(60).collect();
            assert!(
                came.contains(&begun) && (came.contains(why) || came.contains('…')),
                "{width} x {height}:\n{shown}"
            );
        }
    }
}

/// What a window of this size shows, as one text with single blanks.
fn running_text(stage: &Stage, (width, height): (u16, u16)) -> String {
    let shown = stage.shown(width, height);
    shown.lines().flat_map(|row| row.trim_matches('"').split_whitespace()).collect::<Vec<_>>().join(" ")
}

/// Beside each other where there is room, else one after the other: no line of the help is ever cut.
#[test]
fn every_key_can_be_read_in_full_at_every_size() {
    for size in [(200, 60), (100, 30), (80, 24), (40, 12)] {
        let mut stage = stage(Look::default());
        stage.press("?");
        let mut read = running_text(&stage, size);
        for _ in BINDINGS {
            stage.press("<Down>");
            read.push_str(&running_text(&stage, size));
        }
        for binding in BINDINGS {
            assert!(read.contains(binding.does), "{:?} at {size:?}", binding.does);
        }
        stage.press("<Esc>");
        assert_eq!(stage.model.cover, Cover::None);
    }
}

/// In the lowest window an outcome still stands below its question and beside the other choices, as long as there are rows for it;
/// where there are none, it says that some are missing.
#[test]
fn in_a_low_window_an_outcome_keeps_its_question_and_its_choices() {
    let mut stage = Stage::questions_of(include_str!("../../../scenarios/lessons/17-rebalance-eager.toml"));
    stage.press("G2<Enter>G");
    let lesson = stage.model.lesson.as_ref().expect("a lesson");
    let question = lesson.questions[lesson.revealing.expect("it is shown")].clone();
    let low = running_text(&stage, (40, 12));
    assert!(low.contains(&question.ask), "{}", stage.shown(40, 12));
    for choice in &question.choices {
        assert!(low.contains(choice.as_str()), "{choice}:\n{}", stage.shown(40, 12));
    }
    assert!(!low.contains("without room"), "{}", stage.shown(40, 12));
    let lowest = running_text(&stage, (40, 10));
    assert!(lowest.contains(&question.ask) || lowest.contains("without room"), "{}", stage.shown(40, 10));
}
