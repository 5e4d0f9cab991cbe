//! Runs: what a deed's run came to, how it is found among others, and how a violation is walked back to its cause.

use trial_sim::internal::scenario::{Scenario, UNSAVED};

use super::tests::{said, tape};
use super::*;
use crate::stage::Stage;

/// Lesson 5 with an expectation that never comes true.
fn wrong_lesson() -> String {
    let wrong = crate::stage::LESSON.replacen("leo = 10, hw = 10, isr", "leo = 11, hw = 11, isr", 1);
    assert_ne!(wrong, crate::stage::LESSON);
    wrong
}

/// The file of the first run does something else: who pastes the line must not run that.
#[test]
fn what_a_fork_came_to_is_run_again_from_its_own_file() {
    // What is wrong before the deed is wrong in the fork, too.
    let mut stage = Stage::open(&wrong_lesson(), Look::default(), None);
    stage.press("t5s<Enter>K");
    let again = |stage: &Stage| tape(stage).report.findings();
    assert!(again(&stage).contains(&format!("again: {UNSAVED}")), "{}", again(&stage));
    stage.happen(Message::Saved(Ok(Saved { path: "my forks/it's.toml".to_owned(), form: Form::Scenario })));
    let line = r"trial run 'my forks/it'\''s.toml'";
    assert!(again(&stage).contains(&format!("again: {line}")) && !again(&stage).contains(UNSAVED), "{}", again(&stage));
    let Some(Status::Said(said)) = &stage.model.status else { panic!("{:?}", stage.model.status) };
    assert!(said.contains(&format!("saved run 2 (kill leader=orders-0 at 5s): `{line}`")), "{said}");
    assert_eq!(tape(&stage).scenario.path, "my forks/it's.toml");
}

/// Whoever has gone back to look at the first run, and then saves, has saved that one.
#[test]
fn what_is_saved_is_named_by_its_number_and_what_was_done() {
    let mut stage = Stage::lesson(Look::default());
    let mut said_of = |keys: &str, form: Form| {
        stage.press(keys);
        stage.happen(Message::Saved(Ok(Saved { path: "it.toml".to_owned(), form })));
        said(&stage).to_owned()
    };
    assert!(
        said_of("t2.5s<Enter>K", Form::Scenario).starts_with("saved run 2 (kill leader=orders-0 at 2.5s): `trial run")
    );
    let first = said_of("f", Form::Scenario);
    assert!(first.starts_with("saved run 1 (as the file says): `trial run it.toml` does the same"), "{first}");
    assert!(said_of("", Form::Recording).starts_with("saved run 1 (as the file says): `trial play it.toml`"));
}

#[test]
fn a_long_list_of_findings_leaves_room_for_the_checks() {
    let mut stage = Stage::open(&wrong_lesson(), Look::default(), None);
    stage.press("t5s<Enter>KG6");
    for (width, height) in [(80, 24), (100, 30)] {
        let shown = stage.shown(width, height);
        assert!(
            shown.contains("more: `trial run` prints them") && shown.contains("behind the intervention"),
            "{shown}"
        );
        assert!(shown.matches('✓').count() >= 3, "{shown}");
    }
}

#[test]
fn of_many_runs_one_is_chosen_from_a_list() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t2.5s<Enter>:pause broker=3<Enter>:pause broker=2<Enter>");
    assert_eq!((stage.model.runs.len(), stage.model.current), (3, 2));
    stage.press("f");
    let shown = stage.shown(120, 40);
    assert!(shown.contains("run 2: pause broker=3 at 2.5s   from run 1"), "{shown}");
    stage.press("<Up><Enter>");
    assert_eq!((stage.model.current, stage.model.menu.clone()), (1, None));
    stage.press(":runs<Enter>");
    assert_eq!(stage.model.menu.as_ref().map(|menu| (menu.items.len(), menu.chosen)), Some((3, 1)));
    stage.press("<Esc>:run <Tab>");
    let offers = stage.model.prompt.as_ref().map(|prompt| prompt.offers.clone());
    assert_eq!(offers, Some(vec!["1".to_owned(), "2".to_owned(), "3".to_owned()]));
}

/// From where a promise was seen broken back to each event that proves it, and forward again.
#[test]
fn a_violation_is_walked_along_its_proof() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let mut stage = Stage::open(PLANTED, Look::default(), None);
    let violation = tape(&stage).violations.first().expect("the bug is planted").clone();
    let mut steps: Vec<u64> = violation.evidence.iter().map(|event| event.step + 1).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.retain(|step| *step <= violation.step);
    assert!(!steps.is_empty(), "{violation:?}");
    for step in steps.iter().rev() {
        stage.press("<Up>");
        assert_eq!(stage.model.place.steps, *step);
    }
    assert!(stage.shown(120, 40).contains("walk along the proof"), "{}", stage.shown(120, 40));
    stage.press("<Enter>");
    assert_eq!(stage.model.place.steps, violation.step + 1);
    stage.press("x");
    assert!(stage.shown(160, 50).contains("is on, a deliberate bug"), "{}", stage.shown(160, 50));
}

/// A step that decides for a whole group says several things: the proof shows the one that proves it.
#[test]
fn each_event_of_a_proof_is_told_in_its_own_words() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/more/assignor-gives-twice.toml");
    let mut stage = Stage::open(PLANTED, Look::default(), None);
    stage.press("6");
    let shown = stage.shown(160, 50);
    let told: Vec<&str> = shown.lines().filter(|line| line.contains("  step ")).collect();
    assert!(told.len() >= 3, "{shown}");
    for event in ["for epoch 1, uniform", "may own 4", "for epoch 2, uniform"] {
        assert_eq!(told.iter().filter(|line| line.contains(event)).count(), 1, "{event}: {shown}");
    }
}

/// The seed and the switch of the command line stand in no file: what is saved has them, in the text as its author wrote it.
#[test]
fn what_is_saved_under_another_seed_and_a_switch_keeps_its_authors_text_and_does_the_same_again() {
    let mut scenario = trial_sim::internal::scenario::Scenario::parse("a.toml", crate::stage::LESSON).expect("valid");
    scenario.file.seed = Some(trial_sim::internal::scenario::Seed(0x77));
    scenario.turn_on("high-watermark-below-min-isr");
    let mut stage = Stage::of(scenario);
    stage.record();
    for keys in [":save seed.toml<Enter>", "g:kill broker=3<Enter>:save fork.toml<Enter>"] {
        stage.press(keys);
        let Some(Effect::Save { path, text, .. }) = stage.asked.pop() else { panic!("nothing is saved") };
        let author = crate::stage::LESSON.lines().filter(|line| !line.starts_with("seed"));
        assert!(author.clone().all(|line| text.lines().any(|kept| kept == line)), "{text}");
        assert!(
            text.contains("seed = 0x77") && text.contains("switches = [\"high-watermark-below-min-isr\"]"),
            "{text}"
        );
        let saved = trial_sim::internal::scenario::Scenario::parse(&path, &text).expect("a valid scenario");
        let report = trial_sim::internal::scenario::run::run(&saved, Default::default(), &mut |_| true);
        assert_eq!(report.fingerprint, tape(&stage).report.fingerprint, "{path}");
        stage.happen(Message::Saved(Ok(Saved { path, form: Form::Scenario })));
        let Some(Status::Said(said)) = &stage.model.status else { panic!("{:?}", stage.model.status) };
        assert!(said.contains("of the command line are written into it"), "{said}");
    }
}

/// What nobody has saved is gone with the window: so it asks, once.
#[test]
fn who_quits_with_unsaved_runs_or_bookmarks_is_told_once() {
    for (key, end) in [("q", Effect::Quit), ("", Effect::Interrupt)] {
        let quit = |stage: &mut Stage| match key {
            "" => stage.happen(Message::Do(Action::Interrupt)),
            key => stage.press(key),
        };
        let mut stage = Stage::lesson(Look::default());
        stage.press("t2.5s<Enter>Km");
        quit(&mut stage);
        let Some(Status::Refused(said)) = &stage.model.status else { panic!("{:?}", stage.model.status) };
        assert!(said.contains("1 unsaved run and 1 bookmark") && said.contains("`:save FILE`"), "{said}");
        assert_eq!(stage.asked, []);
        stage.press("<Right>");
        quit(&mut stage);
        assert_eq!(stage.asked, [], "whoever went on is told again");
        stage.happen(Message::Saved(Ok(Saved { path: "fork.toml".to_owned(), form: Form::Scenario })));
        stage.press("<Left>");
        quit(&mut stage);
        let said = format!("{:?}", stage.model.status);
        assert!(!said.contains("unsaved") && said.contains("1 bookmark"), "{said}");
        quit(&mut stage);
        assert_eq!(stage.asked, [end]);
    }
    let mut stage = Stage::lesson(Look::default());
    stage.press("q");
    assert_eq!(stage.asked, [Effect::Quit], "nothing would be lost");
}

#[test]
fn a_deed_that_changes_nothing_makes_no_run_and_says_why() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t2.5s<Enter>");
    let here = stage.model.place;
    for (keys, why) in [
        (":start b2<Enter>", "start b2 at 2.5s changes nothing: the process runs already"),
        (":resume broker=1<Enter>", "the process does not stand still"),
        ("u", "nothing is cut and nothing is clogged"),
    ] {
        stage.press(keys);
        let Some(Status::Refused(said)) = &stage.model.status else { panic!("{keys}: {:?}", stage.model.status) };
        assert!(said.contains(why), "{keys}: {said}");
        assert_eq!((stage.model.runs.len(), stage.model.current, stage.model.place), (1, 0, here));
    }
    // The run that is shown is still the one that is looked at.
    stage.press("<Right>");
    assert!(stage.model.is_current());
    stage.press(":partition 1 | 2 3<Enter>u");
    assert_eq!(stage.model.runs.len(), 3, "{:?}", stage.model.status);
}

/// A fork is no failure because its author expected another run; it is saved with what it came to.
#[test]
fn a_fork_ends_well_and_is_saved_with_its_fingerprint_and_whom_it_meant() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t2.5s<Enter>KG6");
    let fingerprint = format!("{:016x}", tape(&stage).report.fingerprint);
    let shown = stage.shown(120, 40);
    assert!(shown.contains("ends in: ✓ pass") && shown.contains("made for another run"), "{shown}");
    assert!(shown.contains(&format!("fingerprint {fingerprint}")), "{shown}");
    stage.press(":save fork.toml<Enter>");
    let Some(Effect::Save { path, text, form }) = stage.asked.pop() else { panic!("nothing is saved") };
    assert!(text.contains("resolved = { machines = { \"leader:orders-0\" = \"b1\" } }"), "{text}");
    assert!(text.contains("[found]") && text.contains(&fingerprint), "{text}");
    stage.happen(Message::Saved(Ok(Saved { path, form })));
    let Some(Status::Said(said)) = &stage.model.status else { panic!("{:?}", stage.model.status) };
    assert!(said.contains(&fingerprint), "{said}");
    stage.press("f:save own.toml<Enter>");
    let Some(Effect::Save { text, .. }) = stage.asked.pop() else { panic!("nothing is saved") };
    assert_eq!(text, crate::stage::LESSON, "what its author wrote stays as it is");
}

/// Nobody is to take a deliberate bug for Kafka: the title says it, and is cut elsewhere.
#[test]
fn the_title_says_which_deliberate_bug_is_on_and_a_seed_once() {
    let source = include_str!("../../../scenarios/museum/rep-01-truncation-to-high-watermark.toml");
    let piece = Scenario::parse("a.toml", source).expect("a valid scenario").with_its_bug();
    let mut stage = Stage::of(piece);
    stage.record();
    for (width, height) in [(120, 40), (80, 24)] {
        let shown = stage.shown(width, height);
        let title = shown.lines().next().expect("a row");
        assert!(title.contains("bug on: truncate-to-high-watermark"), "{title}");
    }
    assert!(tape(&stage).scenario.caption().ends_with("(bug on: truncate-to-high-watermark)"));
    let named = crate::stage::LESSON.replacen("title = \"Below", "title = \"Seed 0x5: below", 1);
    let mut stage = Stage::waiting(&named);
    stage.record();
    let shown = stage.shown(160, 40);
    assert_eq!(shown.lines().next().map(|title| title.matches("0x5").count()), Some(1), "{shown}");
}

/// A run that breaks a promise is over: what is done behind that would never be done, and what is done before makes a run in
/// which the promise may hold.
#[test]
fn behind_a_violation_nothing_can_be_done_and_the_step_before_it_is_named() {
    let source = include_str!("../../../scenarios/museum/rep-04-fast-fail-over.toml");
    let mut stage = Stage::of(Scenario::parse("a.toml", source).expect("a valid scenario").with_its_bug());
    stage.record();
    let broken = tape(&stage).violations.first().expect("its bug is on").clone();
    assert_eq!(stage.model.place.steps, broken.step + 1, "it opens there");
    stage.press(":kill b2<Enter>");
    let said = format!("{:?}", stage.model.status);
    assert!(said.contains("a run ends where it breaks a promise, here log-matching"), "{said}");
    assert_eq!(stage.model.runs.len(), 1);
    stage.press("<Left>:kill b2<Enter>");
    assert_eq!((stage.model.runs.len(), stage.model.current), (2, 1), "{:?}", stage.model.status);
    let fork = tape(&stage);
    assert!(fork.violations.is_empty() && fork.time_at(fork.end()) > broken.at, "{:?}", fork.violations);
}
