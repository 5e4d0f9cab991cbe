//! Stories that a person wrote, made small: what is left is short, and nothing in it speaks of what is gone.
//!
//! ```text
//!   scenarios/hazards/NAME.toml ──as it stands───────▶ fails ──shrunk──▶ a few steps, each at its time ──▶ fails so too
//!   scenarios/museum/NAME.toml  ──with its switches──▶ fails ──shrunk──▶
//! ```

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use trial_sim::internal::scenario::{Scenario, Signature};
use trial_sim::internal::shrink::{Failing, Limits, Small, Until};
use trial_tests::stories::{in_folder, play};

/// The scenario of this folder with this id, with the bug that it shows.
fn story(folder: &str, id: &str) -> Scenario {
    let found = in_folder(folder).into_iter().find(|scenario| scenario.file.id.value == id);
    found.unwrap_or_else(|| panic!("there is no {id} in {folder}")).with_its_bug()
}

fn shrunk(story: &Scenario, runs: usize) -> Small {
    let failing = Failing::of(story.clone(), &play(story)).expect("it fails").named("small");
    let limits = Limits { runs, jobs: NonZeroUsize::new(2).expect("two") };
    failing.shrunk(&story.path, limits, &Until::new(&|| false, None), &mut |_| ControlFlow::Continue(()))
}

/// What can be said of every story that was made small.
fn assert_small(story: &Scenario, small: &Small) {
    let Small { text, .. } = small;
    let file = Scenario::parse("small.toml", text).unwrap_or_else(|invalid| panic!("{invalid}"));
    assert!(file.steps.len() <= 6, "{} steps are left:\n{text}", file.steps.len());
    assert!(file.file.steps.iter().all(|step| step.at.is_some() && step.within.is_none()), "{text}");
    for word in ["expect", "note =", "predict", "[museum]", "[hazard]"] {
        let is_left = text.lines().any(|line| line.starts_with(word));
        assert!(!is_left, "{word:?} was said of the whole story:\n{text}");
    }
    // Of all that the run found it tells what the signature was made of, and no lines of another text.
    let heading: Vec<&str> = text.lines().take_while(|line| !line.starts_with("# What happens:")).collect();
    assert!(heading.iter().all(|line| !line.contains("error: ") && !line.contains("--> ")), "{text}");
    assert!(file.file.title.contains(&format!("is broken (shrunk from {})", story.file.id.value)), "{text}");
    let (before, after) = (Signature::of(&play(story)), Signature::of(&play(&file)));
    assert!(before.is_some() && before == after, "{before:?} became {after:?}:\n{text}");
}

#[test]
fn a_hazard_is_left_with_what_is_done_and_when() {
    let story = story("scenarios/hazards", "recovery-point-follows-log-start");
    assert_small(&story, &shrunk(&story, 25));
}

#[test]
fn a_piece_of_the_museum_is_left_with_what_is_done_and_when() {
    let story = story("scenarios/museum", "rep-01-truncation-to-high-watermark");
    assert_small(&story, &shrunk(&story, 60));
}

/// The first candidate is the whole story with the pace that its run had: nothing but the words is gone yet.
#[test]
fn who_only_looks_does_not_change_the_run_and_may_go() {
    for (folder, id, does) in [
        ("scenarios/hazards", "commit-retry-goes-back", 7),
        ("scenarios/museum", "rep-01-truncation-to-high-watermark", 4),
    ] {
        let story = story(folder, id);
        let paced = shrunk(&story, 1).shrunk;
        assert_eq!(paced.scenario.steps.len(), does, "{id}:\n{}", paced.scenario.source);
        assert_eq!(play(&paced.scenario).fingerprint, play(&story).fingerprint, "{id}:\n{}", paced.scenario.source);
    }
}
