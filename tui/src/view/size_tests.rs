//! Any size: the lowest window, one that is too small, and every other one, with whatever is open.

use std::sync::Mutex;

use clap::ValueEnum;
use proptest::prelude::*;

use super::tests::stage;
use crate::app::Cover;
use crate::stage::Stage;
use crate::theme::{Alphabet, Look, Theme};

/// What is said about a lesson takes no row from what it is about.
#[test]
fn a_lesson_shows_its_partition_in_the_lowest_window_too() {
    let shown = Stage::with_questions().shown(40, 12);
    assert!(shown.contains("WATCH FOR") && shown.contains("orders-0"), "{shown}");
}

#[test]
fn a_window_that_is_too_small_says_what_it_needs() {
    let stage = stage(Look::default());
    assert!(stage.shown(39, 9).contains("trial needs 40×10"), "{}", stage.shown(39, 9));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Every screen at every size, with whatever is open, in any look: nothing panics, and a window that is large enough shows its
    /// title.
    #[test]
    fn every_screen_can_be_drawn_at_every_size(
        width in prop_oneof![0u16..=30, 31u16..=60, 61u16..=300],
        height in prop_oneof![0u16..=10, 11u16..=120],
        keys in prop::collection::vec(prop::sample::select(KEYS), 0..4),
        is_asked in prop::bool::weighted(0.2),
        theme in prop::sample::select(Theme::value_variants()),
        alphabet in prop::sample::select(vec![Alphabet::Unicode, Alphabet::Ascii]),
    ) {
        static STAGES: Mutex<Option<(Stage, Stage)>> = Mutex::new(None);
        let mut kept = STAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (played, asked) = kept.get_or_insert_with(|| {
            let mut asked = Stage::with_questions();
            asked.press("G12");
            (stage(Look::default()), asked)
        });
        let stage = if is_asked { asked } else { played };
        stage.model.look = Look { theme, alphabet };
        for key in keys.iter().filter(|_| !is_asked) {
            stage.press(key);
        }
        let text = stage.shown(width, height);
        if !is_asked {
            // Whatever is open is left before the next one.
            (stage.model.cover, stage.model.prompt, stage.model.menu) = (Cover::None, None, None);
            stage.model.page = 0;
        }
        if width >= 40 && height >= 10 && !keys.contains(&"b") {
            prop_assert!(text.contains("Below the line"), "{text}");
        }
    }
}

/// Keys that open, close or select something.
const KEYS: &[&str] = &[
    "1", "2", "3", "4", "5", "6", "7", "x", "M", "e", "?", "b", "<Tab>", "]", "[", "d", ":", "c", "F", "/", ">",
    "<Esc>",
];
