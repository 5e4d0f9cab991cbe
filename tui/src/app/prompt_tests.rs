//! The line that is typed: how it goes on, what it answers, and what it takes for a place or a vote.

use super::tests::{said, stage};
use super::*;
use crate::stage::Stage;

fn text(stage: &Stage) -> String {
    stage.model.prompt.as_ref().expect("a prompt").text.clone()
}

#[test]
fn of_many_ways_to_go_on_tab_takes_one_after_the_other() {
    let mut stage = stage();
    stage.press(":hold api=<Tab>");
    let offers = stage.model.prompt.as_ref().expect("a prompt").offers.clone();
    assert!(offers.len() > 20, "{offers:?}");
    let mut seen = Vec::new();
    for _ in &offers {
        stage.press("<Tab>");
        seen.push(text(&stage));
        let next = offers[seen.len() % offers.len()].trim_start_matches("api=");
        assert!(stage.shown(100, 24).contains(next), "the next one can be read:\n{}", stage.shown(100, 24));
    }
    let wanted: Vec<String> = offers.iter().map(|offer| format!("hold {offer}")).collect();
    assert_eq!(seen, wanted, "none is out of reach");
    stage.press("<Tab>");
    assert_eq!(text(&stage), wanted[0], "and then from the first again");
    // What is typed then goes on from there.
    stage.press(" ki<Tab>");
    assert!(text(&stage).starts_with(&format!("{} kind=", wanted[0])), "{}", text(&stage));
}

#[test]
fn a_file_in_a_folder_is_reached_by_tab_and_keeps_its_folder() {
    let mut stage = stage();
    stage.press(":save my runs/<Tab>");
    let paths = ["my runs/one.toml", "my runs/two.toml"].map(str::to_owned).to_vec();
    stage.happen(Message::Listed(paths));
    stage.press("<Tab><Tab>");
    assert_eq!(text(&stage), "save my runs/two.toml");
}

#[test]
fn where_nothing_goes_on_tab_says_why() {
    let mut stage = stage();
    for (typed, answer) in [
        ("zzz", "there is no action `zzz`: such as kill"),
        ("kil broker", "there is no action `kil`: did you mean `kill`?"),
        ("kill broker=1 ", "Enter does it"),
        ("kill zzz", "`kill` takes nothing that begins with `zzz`: it takes broker="),
        ("hold api=Zz", "nothing is known for `api=` that begins with `Zz`"),
        ("run 7", "there are runs 1 to 1"),
    ] {
        stage.press(&format!(":{typed}<Tab>"));
        let shown = stage.shown(160, 40);
        assert!(shown.contains(answer), "{typed}: {shown}");
        assert_eq!(text(&stage), typed);
        stage.press("x");
        assert!(!stage.shown(160, 40).contains(answer), "an answer is for what was typed");
        stage.press("<Esc>");
    }
    stage.press(":save no<Tab>");
    stage.happen(Message::Listed(Vec::new()));
    assert!(stage.shown(120, 40).contains("no file begins so"), "{}", stage.shown(120, 40));
}

#[test]
fn leaving_out_what_comes_later_is_offered_to_who_asks_for_it() {
    let mut stage = stage();
    stage.press(":kill broker=1 <Tab>");
    assert!(!text(&stage).contains("--"), "not by a slip: {}", text(&stage));
    stage.press("-<Tab>");
    assert_eq!(text(&stage), "kill broker=1 --drop-later ");
}

/// Each in the language of the prompt, and with a way out.
#[test]
fn what_nobody_knows_is_answered_with_what_is_nearest() {
    let mut stage = stage();
    for (typed, answer) in [
        ("kill", "name one: broker=1, leader=orders-0"),
        ("frobnicate b1", "there is no action `frobnicate`: such as kill"),
        ("quit", "the key q quits"),
        ("recor", "did you mean `record`?"),
        ("kill leadr=orders-0", "`kill` takes no `leadr=`: did you mean `leader=`?"),
        ("drop", "this does not say which message; name one: from=b1, to=b2 or api=Fetch"),
        ("drop api=Fech", "did you mean `Fetch`?"),
    ] {
        stage.press(&format!(":{typed}<Enter>"));
        assert!(said(&stage).contains(answer), "{typed}: {}", said(&stage));
        assert_eq!(stage.model.runs.len(), 1);
        stage.press("<Esc>");
    }
}

/// Nobody types a line a second time for the sake of one letter: it stays, with the reason behind it.
#[test]
fn a_line_that_is_refused_stays_to_be_mended() {
    let mut stage = stage();
    stage.press(":kill leadr=orders-0<Enter>");
    assert_eq!(text(&stage), "kill leadr=orders-0");
    assert!(stage.shown(160, 40).contains("did you mean `leader=`?"), "{}", stage.shown(160, 40));
    stage.press("<Esc>:kill leader=orders-0 or<Enter>");
    assert_eq!(said(&stage), "there is no machine `or`");
    stage.press("<Backspace><Backspace><Backspace><Enter>");
    assert_eq!((stage.model.runs.len(), stage.model.prompt.is_none()), (2, true), "{}", said(&stage));
}

#[test]
fn arrows_bring_back_what_was_typed_before_of_the_same_kind() {
    let mut stage = stage();
    stage.press("t1s<Enter>t2s<Enter>:frob<Enter><Esc>t<Up>");
    assert_eq!(text(&stage), "2s", "a command is no place");
    stage.press("<Up>");
    assert_eq!(text(&stage), "1s");
    stage.press("<Up><Down>");
    assert_eq!(text(&stage), "2s", "there is nothing before the first");
    stage.press("<Down>");
    assert_eq!(text(&stage), "");
    stage.press("<Up><Enter>");
    let tape = stage.model.tape.as_deref().expect("it is recorded");
    assert_eq!(tape.cast.micros(stage.model.place.at), 2_000_000);
}

/// What stands there already is a help, and no trap for whoever types the whole name.
#[test]
fn a_whole_name_behind_the_one_that_stands_there_is_taken() {
    let mut stage = stage();
    stage.press("t12.6s<Enter>F");
    assert_eq!(text(&stage), "orders-0@");
    stage.press("orders-0@3<Enter>");
    assert!(said(&stage).starts_with("following record 3 of orders-0"), "{}", said(&stage));
}

/// `leader=orders-0` does not say who that was when nothing came of it.
#[test]
fn of_a_target_that_is_named_by_what_it_is_one_reads_who_that_was() {
    let mut stage = stage();
    stage.press("t12.6s<Enter>:start leader=orders-0<Enter>");
    assert!(said(&stage).contains("start leader=orders-0 at 12.6s (b1) changes nothing"), "{}", said(&stage));
}

/// A class that is asked may look at everything that is not the answer.
#[test]
fn at_a_question_other_screens_can_be_looked_at_and_nothing_is_answered() {
    let mut stage = Stage::with_questions();
    stage.press("G2");
    stage.press("<Tab>");
    assert_eq!((stage.model.screen, text(&stage).as_str()), (Screen::Partition, "2"));
    let shown = stage.shown(120, 40);
    assert!(shown.contains("PREDICT") && shown.contains("hidden until the question about it is answered"), "{shown}");
    stage.click("4 Controller", Pointing::Click);
    assert_eq!((stage.model.screen, text(&stage).as_str()), (Screen::Controller, "2"));
    assert!(stage.shown(120, 40).contains("Tab or a click shows another screen"), "{}", stage.shown(120, 40));
    assert_eq!(stage.model.lesson.as_ref().expect("a lesson").questions[0].votes, None);
}

/// Esc goes on without an answer; whoever goes back comes to the question again.
#[test]
fn a_question_that_was_left_is_asked_again_when_one_comes_back_to_it() {
    let mut stage = Stage::with_questions();
    stage.press("G");
    let asked = stage.model.place;
    stage.press("<Esc>");
    assert!(stage.model.prompt.is_none());
    stage.press("g");
    assert!(stage.model.place.at < asked.at, "{:?}", stage.model.place);
    stage.press("G");
    assert_eq!(stage.model.place, asked);
    assert!(stage.model.prompt.is_some(), "it is asked again");
}

/// Whoever wants to go elsewhere while a class is asked types a time: none of its digits is a vote, and Enter reveals nothing.
#[test]
fn what_is_typed_for_a_place_while_a_question_stands_is_no_vote() {
    let mut stage = Stage::with_questions();
    stage.press("G2t19s<Enter>");
    let question = |stage: &Stage| stage.model.lesson.as_ref().expect("a lesson").questions[0].clone();
    assert_eq!((text(&stage).as_str(), question(&stage).votes), ("2", None), "the question still stands");
    stage.press("t");
    assert!(stage.shown(120, 40).contains("`t` waits until the question is answered"), "{}", stage.shown(120, 40));
    stage.press("1");
    stage.click("an error", Pointing::Click);
    stage.press("1<Enter>");
    assert_eq!(question(&stage).votes, Some(vec![1, 1, 1]), "a click is meant, and Enter then ends the vote");
}

#[test]
fn a_vote_for_nothing_is_not_counted_and_says_so() {
    let mut stage = Stage::with_questions();
    stage.press("G150");
    assert!(stage.shown(120, 40).contains("there is no choice 0: there are 1 to 3"), "{}", stage.shown(120, 40));
    stage.press("5");
    assert!(stage.shown(120, 40).contains("there is no choice 5"), "{}", stage.shown(120, 40));
    stage.press("z");
    assert!(stage.shown(120, 40).contains("`z` is no vote"), "{}", stage.shown(120, 40));
    assert_eq!(text(&stage), "1");
}

/// Who has counted one choice more than there are is told so: nobody's hands become the end of another number.
#[test]
fn a_count_for_no_choice_is_not_glued_to_the_last_one() {
    let mut stage = Stage::with_questions();
    stage.model.mode = Mode::Lesson { is_poll: true, is_presented: false };
    stage.press("G12 3 1 5");
    assert!(stage.shown(120, 40).contains("there are 3 choices, and no further count"), "{}", stage.shown(120, 40));
    assert_eq!(text(&stage), "12 3 1 ");
    stage.press("<Backspace>0000");
    assert!(stage.shown(120, 40).contains("a count has at most 4 digits"), "{}", stage.shown(120, 40));
    stage.press(" 7<Enter>");
    let lesson = stage.model.lesson.as_ref().expect("a lesson");
    assert_eq!(lesson.questions[0].votes, Some(vec![12, 3, 1000]));
}

/// Three digits are one count there, and no three votes.
#[test]
fn in_a_poll_the_keys_below_speak_of_counts() {
    let mut stage = Stage::with_questions();
    stage.press("G");
    let shown = stage.shown(120, 40);
    assert!(shown.contains("1-9 vote  ") && shown.contains("a vote back") && shown.contains("votes: "), "{shown}");
    stage.model.mode = Mode::Lesson { is_poll: true, is_presented: false };
    let shown = stage.shown(120, 40);
    assert!(shown.contains("0-9 a choice's count  Space the next choice  Enter"), "{shown}");
    assert!(shown.contains("a digit back") && shown.contains("counts: "), "{shown}");
    assert!(!shown.contains("1-9 vote") && !shown.contains("a vote back"), "{shown}");
}

#[test]
fn a_time_is_taken_as_the_window_writes_it_and_a_step_before_time_zero_is_told() {
    let mut stage = stage();
    stage.press("t10.03<Enter>");
    let tape = stage.model.tape.as_deref().expect("it is recorded");
    assert_eq!(tape.cast.micros(stage.model.place.at), 10_030_000);
    stage.press("t30<Enter>");
    assert!(said(&stage).contains("step 30 lies before time zero: 30s is a time"), "{}", said(&stage));
}
