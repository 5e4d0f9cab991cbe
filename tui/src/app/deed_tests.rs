//! What is done to the world: each deed makes another run, by command, menu or mouse, and nothing else changes.

use trial_sim::internal::machine::ProcessState;
use trial_sim::internal::scenario::Scenario;

use super::tests::{said, stage, tape};
use super::*;
use crate::stage::Stage;

/// In the past: the runs are the same up to the deed. Both stay open, and part where they are compared.
#[test]
fn what_is_done_in_the_past_makes_another_run_from_there() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>:kill lea<Tab><Enter>");
    assert_eq!((stage.model.current, stage.model.runs.len()), (1, 2), "{}", said(&stage));
    let last = tape(&stage).lines_until(stage.model.place.steps).last().expect("a line").clone();
    assert_eq!((last.event, last.what.as_str()), ("kill", "b1"));
    assert_eq!(tape(&stage).cast.micros(last.at), 2_500_000);
    let first = stage.model.runs[0].shelved.as_deref().expect("the first run is still there");
    let steps = first.steps_before(last.at) as usize;
    assert!(
        first.steps[..steps].iter().zip(&tape(&stage).steps).all(|(one, other)| one.fingerprint == other.fingerprint)
    );
    stage.press("Gc");
    assert_eq!((stage.model.place.at, stage.model.pane), (last.at, Pane::Compare));
    assert!(stage.shown(120, 40).contains("THE SAME TIME IN TWO RUNS"), "{}", stage.shown(120, 40));
    stage.press("f");
    assert_eq!(stage.model.current, 0);
    assert!(
        stage.model.is_current() && tape(&stage).lines.iter().all(|line| line.at != last.at || line.event != "kill")
    );
    stage.press("f");
    assert_eq!(stage.model.current, 1);
}

/// In the present: what is done at the end of a recording goes on from there.
#[test]
fn what_is_done_at_the_end_goes_on_from_there() {
    let mut stage = stage();
    let end = tape(&stage).time_at(tape(&stage).end());
    stage.press("GK");
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    assert!(stage.model.place.at > end);
    stage.press("G");
    assert!(stage.model.place.at > end + Duration::from_secs(20), "one sees what comes of it");
}

#[test]
fn a_fork_is_saved_as_a_scenario_that_does_the_same_again() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>K:save fork.toml<Enter>");
    let [Effect::Save { path, text, .. }] = stage.asked.as_slice() else { panic!("{:?}", stage.asked) };
    assert_eq!(path, "fork.toml");
    assert!(text.starts_with("#:schema"), "what people wrote stays as it was");
    let saved = Scenario::parse(path, text).expect("a valid scenario");
    let report = trial_sim::internal::scenario::run::run(&saved, Default::default(), &mut |_| true);
    assert_eq!(report.fingerprint, tape(&stage).report.fingerprint);
}

/// What stands on the screen until then is the run before it.
#[test]
fn a_run_that_is_being_made_is_not_saved_before_it_is_over() {
    let mut stage = stage();
    stage.model.forking = Some(stage.model.place);
    for keys in [":save x<Enter>", ":record x<Enter>"] {
        stage.press(keys);
        assert!(said(&stage).contains("another run is being made here"), "{keys}: {}", said(&stage));
    }
}

/// Whoever looks at something else while the run is made is not torn away from it.
#[test]
fn who_has_gone_elsewhere_while_a_run_is_made_stays_there_and_is_told() {
    let mut stage = stage();
    stage.is_slow = true;
    stage.press("t2.5s<Enter>:kill broker=2<Enter>t1s<Enter>");
    let here = stage.model.place;
    assert!(stage.model.is_current(), "the run that is shown can be looked at all the while");
    let is_told = |stage: &Stage| stage.shown(80, 24).contains("run 2 is being made");
    assert!(is_told(&stage), "whatever another key has said since: {}", stage.shown(80, 24));
    stage.record();
    assert!(!is_told(&stage));
    assert_eq!((stage.model.current, stage.model.place, stage.model.runs.len()), (0, here, 2));
    assert_eq!(said(&stage), "run 2 is there, with kill broker=2 at 2.5s: f shows it");
    stage.press("<Right>f");
    assert_eq!((stage.model.current, stage.model.is_current()), (1, true));
    assert!(tape(&stage).lines.iter().any(|line| line.event == "kill" && line.what == "b2"));
    stage.press(":kill broker=3<Enter><Left>");
    stage.record();
    assert_eq!((stage.model.current, stage.model.runs.len()), (1, 3));
    assert!(said(&stage).contains("`:run 3` shows it"), "{}", said(&stage));
}

/// What is about the run that is being made, or makes another, is done when it is there.
#[test]
fn what_needs_the_run_that_is_being_made_waits_for_it() {
    let mut stage = stage();
    stage.is_slow = true;
    stage.press("t2.5s<Enter>:kill broker=2<Enter>c");
    assert!(said(&stage).contains("this waits until the new run is made"), "{}", said(&stage));
    stage.record();
    assert_eq!((stage.model.current, stage.model.pane), (1, Pane::Compare), "{}", said(&stage));
    assert!(said(&stage).contains("runs 2 and 1 are the same for"), "{}", said(&stage));
    stage.press(":pause broker=3<Enter>:resume broker=3<Enter>");
    stage.record();
    stage.record();
    assert_eq!((stage.model.runs.len(), stage.model.current), (4, 3), "{}", said(&stage));
    assert_eq!(
        stage.model.runs[3].parent.map(|(run, _)| run),
        Some(2),
        "what was typed next is done to what came of it"
    );
}

#[test]
fn a_command_that_means_nothing_is_refused_with_a_hint_and_changes_nothing() {
    let mut stage = stage();
    for (typed, reason) in [
        (":kil b1<Enter>", "did you mean `kill`?"),
        (":kill b9<Enter>", "there is no broker 9; this cluster has brokers 1 to 3"),
        (":kill b2 b3<Enter>", "takes one `broker=`"),
        (":crash broker=1<Enter>", "`crash` takes no `broker=`: it takes client="),
        (":kill leader=order-0<Enter>", "there is no topic `order`"),
        (":run 7<Enter>", "there are runs 1 to 1"),
        (":save<Enter>", "needs a word behind it"),
    ] {
        stage.press(typed);
        assert!(said(&stage).contains(reason), "{typed}: {}", said(&stage));
        assert_eq!((stage.model.runs.len(), stage.model.forking), (1, None));
        stage.press("<Esc>");
    }
    stage.press("t-1s<Enter>K");
    assert!(said(&stage).contains("before time zero"), "{}", said(&stage));
    stage.press("fc");
    assert!(said(&stage).contains("not forked"), "{}", said(&stage));
}

#[test]
fn what_is_typed_is_completed_as_far_as_there_is_one_way() {
    let mut stage = stage();
    let typed = |stage: &Stage| stage.model.prompt.clone().map(|prompt| (prompt.text, prompt.offers.len()));
    stage.press(":par<Tab>");
    assert_eq!(typed(&stage), Some(("partition ".to_owned(), 0)));
    stage.press("<Esc>:kill lea<Tab>");
    assert_eq!(typed(&stage), Some(("kill leader=orders-0 ".to_owned(), 0)));
    stage.press("<Esc>:re<Tab>");
    let (text, offers) = typed(&stage).expect("a prompt");
    assert!(text == "re" && offers > 2, "{text}: {offers}");
}

/// A mouse does what keys do, on what it points at.
#[test]
fn a_click_selects_another_one_asks_what_can_be_done_and_an_item_does_it() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>");
    stage.click("b2 ", Pointing::Click);
    let Some(Subject::Machine(b2)) = stage.model.subject() else { panic!("{:?}", stage.model.selected) };
    assert_eq!(tape(&stage).cast.name(b2), "b2");
    stage.click("b2 ", Pointing::Click);
    assert!(stage.shown(120, 40).contains("WHAT CAN BE DONE: b2"), "{}", stage.shown(120, 40));
    stage.click("kill its process", Pointing::Click);
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    let last = tape(&stage).lines_until(stage.model.place.steps).last().expect("a line").clone();
    assert_eq!((last.event, last.what.as_str()), ("kill", "b2"));
    stage.click("3 Lanes", Pointing::Click);
    assert_eq!(stage.model.screen, Screen::Lanes);
    stage.click("? help", Pointing::Click);
    assert_eq!(stage.model.cover, Cover::Help { first: 0 });
}

#[test]
fn a_menu_is_walked_with_keys_and_left_without_a_deed() {
    let mut stage = stage();
    stage.press("d");
    assert!(said(&stage).contains("nothing is selected"), "{}", said(&stage));
    stage.press("<Tab>d<Down><Down><Up>");
    assert_eq!(stage.model.menu.as_ref().map(|menu| menu.chosen), Some(1));
    stage.press("<Esc>");
    assert_eq!((stage.model.menu.clone(), stage.model.runs.len()), (None, 1));
    assert!(stage.model.selected.is_some());
}

/// A message on its way is held: in the other run it is still there a second later.
#[test]
fn a_message_on_its_way_is_selected_and_held() {
    let mut stage = stage();
    stage.press("t1.005s<Enter>3/produce request p1<Enter>");
    let shown = stage.shown(120, 40);
    assert!(shown.contains("is on its way"), "{shown}");
    stage.click("is on its way", Pointing::Click);
    let Some(Subject::Message(message)) = stage.model.subject() else { panic!("{:?}", stage.model.selected) };
    stage.press("d");
    stage.click("hold it", Pointing::Click);
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    stage.press("t2s<Enter>");
    let held = stage.model.snapshot().expect("seen").in_flight.iter().find(|one| one.id == message).map(|one| one.held);
    assert!(matches!(held, Some(Some(_))), "{held:?}");
    assert!(stage.shown(120, 40).contains("is held"), "{}", stage.shown(120, 40));
    stage.press("d");
    stage.click("release it", Pointing::Click);
    stage.press("t2.5s<Enter>");
    assert!(stage.model.snapshot().expect("seen").in_flight.iter().all(|one| one.id != message));
}

#[test]
fn a_fork_may_leave_out_what_comes_later() {
    let mut stage = stage();
    let all = tape(&stage).scenario.steps.len();
    stage.press("t2s<Enter>:kill broker=3 --drop-later<Enter>");
    let (whole, fork) = (stage.model.runs[0].shelved.as_deref().expect("it was shown"), tape(&stage));
    assert!(fork.scenario.steps.len() < all, "{} of {all} steps", fork.scenario.steps.len());
    assert!(stage.model.runs[1].name.contains("--drop-later"), "{}", stage.model.runs[1].name);
    let at = stage.model.runs[1].parent.expect("it is a fork").1;
    let before = whole.steps_before(at) as usize;
    assert!(before > 100);
    let same = whole.steps.iter().zip(&fork.steps).take(before);
    assert!(same.into_iter().all(|(one, other)| one.fingerprint == other.fingerprint));
    let later = |tape: &Tape, event: &str| tape.lines.iter().filter(|line| line.at > at && line.event == event).count();
    assert_eq!((later(whole, "kill") > 0, later(fork, "kill")), (true, 0), "the lesson's own kills are left out");
}

#[test]
fn a_link_is_selected_by_keys_and_by_click_and_can_be_cut() {
    let mut stage = stage();
    stage.press("t1.5s<Enter>3<Tab><Tab>");
    let Some(Subject::Link(from, first)) = stage.model.selected.clone() else {
        panic!("the first machine's first link, and not {:?}", stage.model.selected)
    };
    stage.click("-b3", Pointing::Click);
    let Some(Subject::Link(same, other)) = stage.model.selected.clone() else { panic!("a click selects it") };
    assert!(same == from && other != first);
    let name = |machine| tape(&stage).cast.name(machine).to_owned();
    let title = format!("the link between {} and {}", name(from), name(other));
    assert!(stage.shown(120, 40).contains(&format!("LANES: {title}")), "{}", stage.shown(120, 40));
    stage.press("d");
    assert_eq!(stage.model.menu.as_ref().map(|menu| menu.title.clone()), Some(title));
    stage.press("<Enter>");
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    assert!(stage.model.runs[1].name.starts_with("partition "), "{}", stage.model.runs[1].name);
}

/// A row is one instant: in each of the two runs the first line that the other has not is marked, at every width.
#[test]
fn two_runs_stand_beside_each_other_in_order_of_time_with_their_first_differences_marked() {
    let mut stage = stage();
    stage.press("t1.005s<Enter>:kill broker=1<Enter>ct1.2s<Enter>");
    for (width, height) in [(160, 50), (100, 40), (80, 40), (60, 60)] {
        let shown = stage.shown(width, height);
        let marked: Vec<&str> = shown.lines().filter(|row| row.contains('≠')).collect();
        assert!(marked.len() == 2, "two lines at {width}:\n{shown}");
        assert!(marked[0].contains("kill"), "what was done here at {width}:\n{shown}");
        assert!(shown.contains("kill broker=1 at") || width < 100, "which run it is at {width}:\n{shown}");
    }
    let shown = stage.shown(160, 50);
    let times: Vec<f64> = shown
        .lines()
        .skip_while(|row| !row.contains("THE SAME TIME"))
        .filter_map(|row| row.trim_start_matches('"').split_whitespace().next()?.parse().ok())
        .collect();
    assert!(times.len() > 5 && times.is_sorted(), "{times:?} in\n{shown}");
    stage.press(":run 1<Enter>t2.5s<Enter>:kill broker=1<Enter>c");
    let parting = stage.shown(160, 50);
    let same = parting.lines().filter(|row| row.matches(" orders-0 ").count() == 2).count();
    assert!(same > 3, "what both tell stands in one row:\n{parting}");
}

/// Not only with the run that was left: any two, and they change places when the other one is shown.
#[test]
fn any_two_runs_can_be_compared() {
    let mut stage = stage();
    stage.press("t2s<Enter>:kill broker=2<Enter>:run 1<Enter>t2.5s<Enter>:kill broker=3<Enter>");
    assert_eq!(stage.model.current, 2);
    stage.press(":run 1<Enter>c");
    assert!(said(&stage).contains("with which run?"), "{}", said(&stage));
    stage.press(":run 3<Enter>:compare 2<Enter>");
    let two = |stage: &Stage| other(&stage.model).map(|(index, _)| index);
    assert_eq!((two(&stage), tape(&stage).cast.micros(stage.model.place.at)), (Some(1), 2_000_000), "{}", said(&stage));
    stage.press(":run 2<Enter>");
    assert_eq!((stage.model.current, two(&stage)), (1, Some(2)));
    stage.press(":compare 2<Enter>");
    assert!(said(&stage).contains("is the one that is shown"), "{}", said(&stage));
    stage.press(":compare 9<Enter>");
    assert!(said(&stage).contains("there are runs 1 to 3"), "{}", said(&stage));
}

#[test]
fn a_path_is_completed_as_far_as_there_is_one_way() {
    let mut stage = stage();
    let typed = |stage: &Stage| stage.model.prompt.clone().map(|prompt| (prompt.text, prompt.offers));
    let listed = |stage: &mut Stage, paths: &[&str]| {
        stage.happen(Message::Listed(paths.iter().map(|path| (*path).to_owned()).collect()));
    };
    stage.press(":save my ru<Tab>");
    assert_eq!(stage.asked.pop(), Some(Effect::List("my ru".to_owned())));
    listed(&mut stage, &["my runs/"]);
    assert_eq!(typed(&stage), Some(("save my runs/".to_owned(), Vec::new())));
    listed(&mut stage, &["my runs/fork-1.toml", "my runs/fork-2.toml"]);
    let both = ["fork-1.toml", "fork-2.toml"].map(str::to_owned).to_vec();
    assert_eq!(typed(&stage), Some(("save my runs/fork-".to_owned(), both)));
    listed(&mut stage, &[]);
    assert_eq!(typed(&stage), Some(("save my runs/fork-".to_owned(), Vec::new())));
    stage.press("<Esc>:record x<Tab>");
    assert_eq!(stage.asked.pop(), Some(Effect::List("x".to_owned())));
    // An answer that comes when something else is being typed changes nothing.
    stage.press("<Esc>:kill br<Tab>");
    let before = typed(&stage);
    listed(&mut stage, &["x"]);
    assert_eq!(typed(&stage), before);
}

/// Brokers, controllers and clients, however they stopped, by one key and in one run.
#[test]
fn one_key_starts_everything_that_is_stopped_and_none_where_nothing_is() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>r");
    assert_eq!(stage.model.runs.len(), 1);
    assert!(said(&stage).contains("nothing is stopped"), "{}", said(&stage));
    stage.press(
        ":kill broker=3<Enter>:power-cut broker=2 lose=none<Enter>:kill controller=101<Enter>:crash client=p1<Enter>",
    );
    let stopped = |stage: &Stage| {
        let machines = stage.model.machines().iter();
        machines.filter(|machine| matches!(machine.state, ProcessState::Stopped | ProcessState::Off)).count()
    };
    assert_eq!((stage.model.runs.len(), stopped(&stage)), (5, 4), "{}", said(&stage));
    stage.press("r");
    assert_eq!((stage.model.runs.len(), stopped(&stage)), (6, 0), "{}", said(&stage));
    assert!(said(&stage).contains("start everything at"), "{}", said(&stage));
}

/// Who was asked to stop in order hands its leaderships over first: it runs, and says why nothing can be started.
#[test]
fn who_is_still_stopping_is_named_by_the_key_that_starts_what_is_stopped() {
    let mut stage = stage();
    stage.press("t2.5s<Enter>:stop b2<Enter>r");
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    assert_eq!(said(&stage), "b2 is stopping: it can be started when its process has ended");
    stage.press("t10s<Enter>r");
    assert_eq!(stage.model.runs.len(), 3, "{}", said(&stage));
}

/// Only what runs again is promised to run again, and a bug that is switched on is in what is saved.
#[test]
fn a_piece_of_the_museum_with_its_bug_on_is_forked_and_saved() {
    let source = include_str!("../../../scenarios/museum/rep-01-truncation-to-high-watermark.toml");
    let piece = Scenario::parse("a.toml", source).expect("a valid scenario").with_its_bug();
    let mut stage = Stage::of(piece);
    stage.record();
    stage.press("t3s<Enter>:pause broker=3<Enter>");
    assert_eq!(stage.model.runs.len(), 2, "{}", said(&stage));
    stage.press(":save fork.toml<Enter>");
    let Some(Effect::Save { text, .. }) = stage.asked.pop() else { panic!("{}", said(&stage)) };
    assert!(text.contains("switches = [\"truncate-to-high-watermark\"]") && !text.contains("[museum]"), "{text}");
    let saved = Scenario::parse("fork.toml", &text).expect("a valid scenario");
    let report = trial_sim::internal::scenario::run::run(&saved, Default::default(), &mut |_| true);
    assert_eq!(report.fingerprint, tape(&stage).report.fingerprint);
}
