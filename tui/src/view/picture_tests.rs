//! Pictures of what `tests.rs` has none of: groups, checks, panes, menus, questions, the presenter's window; and every screen
//! without a colour.

use ratatui::style::Color;
use trial_sim::internal::check::PROPERTIES;

use super::tests::{GROUP, picture, pictures, stage, without_fingerprint};
use crate::app::{Mode, Screen};
use crate::stage::Stage;
use crate::theme::{Alphabet, Look, Theme};

#[test]
fn a_group_of_which_one_member_has_died() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t3.9s<Enter>7");
    insta::assert_snapshot!(pictures(&stage));
}

/// How many checks there are is no matter of the window.
#[test]
fn a_check_that_did_not_hold_with_its_proof() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let stage = Stage::open(PLANTED, Look::default(), None);
    assert_eq!(stage.model.screen, Screen::Checks);
    insta::assert_snapshot!(pictures(&stage).replace(&format!(" OF {}", PROPERTIES.len()), " OF ALL"));
}

picture!(metrics_below_min_isr, "M");
picture!(a_menu_of_a_broker, "<Tab>d");
picture!(two_runs_beside_each_other, "t2.5s<Enter>Kt4s<Enter>c");
picture!(a_command_that_is_typed, ":kill b");

/// With two hands up for the second choice.
#[test]
fn a_question_and_what_came() {
    let mut stage = Stage::with_questions();
    stage.press("G122");
    insta::assert_snapshot!("a_question", pictures(&stage));
    stage.press("<Enter>G");
    insta::assert_snapshot!("what_came_of_it", pictures(&stage));
}

#[test]
fn a_question_and_a_screen_for_a_class() {
    let mut stage = Stage::with_questions();
    stage.model.mode = Mode::Lesson { is_poll: false, is_presented: true };
    stage.press("t2.5s<Enter>");
    insta::assert_snapshot!("a_screen_for_a_class", pictures(&stage));
    stage.press("G122");
    insta::assert_snapshot!("a_question_for_a_class", pictures(&stage));
}

/// Outside of questions a class sees the screen and what was said last: the screen has the rows that the list of lines had.
#[test]
fn for_a_class_the_screen_has_more_room_than_for_a_reader() {
    let mut stage = stage(Look::default());
    stage.model.mode = Mode::Lesson { is_poll: false, is_presented: false };
    stage.press("3");
    let rows = |stage: &Stage| {
        let shown = stage.shown(100, 40);
        shown.lines().filter(|row| row.contains("│")).count()
    };
    let read = rows(&stage);
    stage.model.mode = Mode::Lesson { is_poll: false, is_presented: true };
    let shown = stage.shown(100, 40);
    assert!(rows(&stage) >= read + 4, "{} and {read} rows:\n{shown}", rows(&stage));
    assert!(!shown.contains("LINES UP TO NOW"), "{shown}");
    let last = stage.model.told().last().expect("a line").cause.clone();
    assert!(shown.contains(&last), "{last}:\n{shown}");
}

/// Without a colour nothing is lost: the words are the same, and what stood out still does.
#[test]
fn every_screen_in_mono_has_the_same_words_and_its_own_weights() {
    for (number, screen) in (1..).zip(Screen::ALL) {
        let drawn = |theme: Theme| {
            let mut stage = match screen {
                Screen::Groups => Stage::open(GROUP, Look { theme, ..Look::default() }, None),
                _ => stage(Look { theme, ..Look::default() }),
            };
            stage.press(&format!("t2s<Enter>{number}<Tab>"));
            stage.drawn(80, 24)
        };
        let ((coloured, _), (plain, buffer)) = (drawn(Theme::Default), drawn(Theme::Mono));
        assert_eq!(coloured, plain, "{screen:?}");
        assert!(buffer.content().iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)), "{screen:?}");
        let styles = format!("{buffer:?}").replace(&format!(" OF {}", PROPERTIES.len()), " OF ALL");
        insta::assert_snapshot!(format!("mono_{}", screen.name().to_lowercase()), without_fingerprint(&styles));
    }
}

/// A quorum at rest writes a record that does nothing twice a second: what it decided before is not pushed out of sight by these.
#[test]
fn records_that_do_nothing_are_not_shown() {
    let mut stage = stage(Look::default());
    stage.press("4");
    let shown = stage.shown(120, 40);
    assert!(!shown.contains("NoOp"), "{shown}");
    assert!(shown.lines().any(|row| row.contains("PartitionChange")), "what was decided is in sight:\n{shown}");
}

/// What is not committed is told by a sign in every theme and alphabet, and of what a stopped broker holds nobody says either.
#[test]
fn what_is_not_committed_has_a_sign_of_its_own() {
    let row = |shown: &str, words: &str| {
        let row = shown.lines().position(|row| row.contains(words));
        row.unwrap_or_else(|| panic!("{words}:\n{shown}")) as u16
    };
    for (alphabet, sign) in [(Alphabet::Unicode, '╌'), (Alphabet::Ascii, '-')] {
        for theme in [Theme::Default, Theme::Mono] {
            let mut stage = stage(Look { theme, alphabet });
            stage.press("2");
            let (shown, buffer) = stage.drawn(80, 24);
            let ends = format!("H{sign}{sign}E");
            assert!(shown.lines().any(|row| row.contains("marks") && row.contains(&ends)), "{shown}");
            assert!(shown.contains(&format!("not committed: H{sign}E")), "the legend says it:\n{shown}");
            let below_b2 = row(&shown, "b2  ") + 1;
            let style = buffer[(13, below_b2)].modifier;
            assert!(style.is_empty(), "b2 is stopped, and its records look like {style:?}:\n{shown}");
        }
    }
}

/// Every font has the signs of all that is open too.
#[test]
fn panes_menus_and_questions_need_no_other_signs_in_ascii() {
    let look = Look { alphabet: Alphabet::Ascii, ..Look::default() };
    let all_ascii = |stage: &Stage, what: &str| {
        for (width, height) in [(120, 40), (80, 24), (40, 12)] {
            let shown = stage.shown(width, height);
            let wrong: String = shown.chars().filter(|sign| !sign.is_ascii()).collect();
            assert_eq!(wrong, "", "{what}:\n{shown}");
        }
    };
    for keys in ["7", "M", "x", "<Tab>d", "Kt4s<Enter>c", ":kill b", "?"] {
        let mut stage = stage(look);
        stage.press(&format!("t2.5s<Enter>{keys}"));
        all_ascii(&stage, keys);
    }
    let mut stage = Stage::with_questions();
    stage.model.look = look;
    stage.press("G12");
    all_ascii(&stage, "a question");
    stage.press("<Enter>G");
    all_ascii(&stage, "what came of it");
}
