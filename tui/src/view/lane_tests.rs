//! The lanes: only what a filter lets through, in order of time, and what is held up however long ago it was sent.

use std::time::Duration;

use trial_broker::message::Api;
use trial_sim::internal::session::{Fate, Passage};

use super::tests::GROUP;
use crate::app::{Message, Whereto};
use crate::stage::Stage;
use crate::theme::{Alphabet, Look};

const LEADER_LOSS: &str = include_str!("../../../scenarios/lessons/07-leader-loss.toml");

/// The rows of the lanes, without what stands around them.
fn lanes(stage: &Stage) -> Vec<String> {
    let shown = stage.shown(160, 50);
    let rows = shown.lines().map(|row| row.trim_matches('"').trim_end().to_owned());
    let rows = rows.skip_while(|row| !row.starts_with("LANES")).take_while(|row| !row.starts_with("LINES UP TO NOW"));
    rows.collect()
}

fn count(rows: &[String], words: &str) -> usize {
    rows.iter().filter(|row| row.contains(words)).count()
}

/// Ten records whose keys take turns, each in a request of its own: five requests and five answers name each partition.
#[test]
fn the_lanes_show_of_one_partition_what_names_it() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t1.2s<Enter>3");
    let mut of_one = |partition: &str| {
        stage.press(&format!("/produce {partition}<Enter>"));
        let rows = lanes(&stage);
        assert!(rows[0].contains(&format!("only with produce {partition}")), "{rows:?}");
        (count(&rows, "Produce"), count(&rows, "Produce answer"))
    };
    assert_eq!(of_one("orders-0"), (10, 5));
    assert_eq!(of_one("orders-1"), (10, 5));
    assert_eq!(of_one("orders-10"), (0, 0), "there is none of this name");
    assert!(lanes(&stage).iter().any(|row| row.contains("no message of this kind so far")), "{:#?}", lanes(&stage));
    // Until the thread of the world has read them nobody says that there is none.
    stage.model.seen.as_mut().expect("a place").named = None;
    assert!(lanes(&stage).iter().any(|row| row.contains("messages of the run are being read")), "{:#?}", lanes(&stage));
    // While the run is made nobody reads them: the window says when.
    stage.model.is_growing = true;
    assert!(lanes(&stage).iter().any(|row| row.contains("when the run is over")), "{:#?}", lanes(&stage));
    stage.model.is_growing = false;
    stage.press("/orders-1 fetch<Enter>");
    let rows = lanes(&stage);
    assert!(count(&rows, "Fetch answer") > 0, "{rows:#?}");
    assert_eq!(count(&rows, "Produce"), 0, "{rows:#?}");
}

/// A note is made later than the last step before it: it stands behind what that step sent.
#[test]
fn on_the_lanes_time_runs_down() {
    for (source, at) in [(LEADER_LOSS, "10.02s"), (LEADER_LOSS, "18.53s"), (crate::stage::LESSON, "12.6s")] {
        let mut stage = Stage::open(source, Look::default(), None);
        stage.press(&format!("t{at}<Enter>3"));
        let rows = lanes(&stage);
        assert!(count(&rows, " note ") > 0, "there is a note at {at}: {rows:#?}");
        let time = |row: &String| row.split_once(" s ").and_then(|(time, _)| time.trim().parse::<f64>().ok());
        let times: Vec<f64> = rows.iter().filter_map(time).collect();
        assert!(times.len() > 10 && times.is_sorted(), "{times:?}\n{rows:#?}");
    }
}

/// What is held was sent long ago; that it still is stands above, and on the cluster, until it is released.
#[test]
fn what_is_held_is_told_at_every_place_until_it_is_released() {
    const HELD: &str = "held: 1 from b2 to b1";
    let mut stage = Stage::lesson(Look::default());
    stage.press("t2.5s<Enter>3:hold from=broker:2 to=broker:1 api=Fetch kind=request<Enter>t4s<Enter>");
    assert!(count(&lanes(&stage), HELD) == 1, "{:#?}", lanes(&stage));
    stage.press("1");
    assert!(stage.shown(120, 50).contains("MESSAGES THAT ARE HELD UP"), "{}", stage.shown(120, 50));
    for size in [(120, 50), (80, 24)] {
        assert!(stage.shown(size.0, size.1).contains(HELD), "{}", stage.shown(size.0, size.1));
    }
    stage.press(":release from=broker:2 to=broker:1 api=Fetch kind=request<Enter>t4.2s<Enter>");
    assert!(!stage.shown(120, 50).contains("HELD UP"), "{}", stage.shown(120, 50));
}

/// On its way, held, lost: each is drawn in its own way, in signs that every font has too.
#[test]
fn what_is_held_or_lost_is_drawn_otherwise_than_what_is_on_its_way() {
    let drawn = |look: Look, deed: &str| {
        let mut stage = Stage::lesson(look);
        stage.press(&format!("t2.5s<Enter>3{deed}/fetch request b2<Enter>"));
        let tape = stage.model.tape.as_ref().expect("a run");
        let from = tape.cast.zero() + Duration::from_millis(2500);
        let is_it = |passage: &&Passage| {
            let names = (tape.cast.name(passage.from), tape.cast.name(passage.to));
            names == ("b2", "b1") && passage.api == Api::Fetch && passage.sent.1 > from
        };
        let first = tape.passages.iter().find(is_it).expect("followers fetch");
        let step = match first.fate {
            Fate::Dropped(step, _) => step,
            Fate::Arrived(..) | Fate::Open => first.sent.0,
        };
        stage.happen(Message::Go(Whereto::Step(step)));
        lanes(&stage).into_iter().rfind(|row| row.contains("Fetch")).expect("it is drawn")
    };
    const HOLD: &str = ":hold from=broker:2 to=broker:1 api=Fetch kind=request<Enter>";
    const DROP: &str = ":drop from=broker:2 to=broker:1 api=Fetch kind=request<Enter>";
    let look = Look::default();
    let [way, held, lost] = ["", HOLD, DROP].map(|deed| drawn(look, deed));
    assert!(way.contains(" ─") && way.contains('←') && !way.contains('‖') && !way.contains('✗'), "{way}");
    assert!(held.contains(" ─") && held.contains('‖') && !held.contains('←'), "{held}");
    assert!(lost.contains("──") && lost.contains('✗') && !lost.contains('←'), "{lost}");
    let plain = Look { alphabet: Alphabet::Ascii, ..look };
    let [way, held, lost] = ["", HOLD, DROP].map(|deed| drawn(plain, deed));
    assert!(way.contains('<') && held.contains('=') && lost.contains('X'), "{way}\n{held}\n{lost}");
}

/// Lost connections are said again and again: counted, as in a transcript, unless somebody asks for them.
#[test]
fn what_is_only_said_again_is_counted_unless_it_is_picked_out() {
    const COUNTED: &str = " lines of what was said before: ";
    let mut stage = Stage::open(LEADER_LOSS, Look::default(), None);
    let rows = |stage: &Stage, words: &str| stage.shown(160, 50).lines().filter(|row| row.contains(words)).count();
    stage.press("t17s<Enter>e");
    assert!(rows(&stage, COUNTED) >= 1, "{}", stage.shown(160, 50));
    assert!(rows(&stage, " kill ") == 1, "what was done is in sight:\n{}", stage.shown(160, 50));
    let counted = rows(&stage, "discon");
    stage.press("e3");
    assert!(lanes(&stage).iter().any(|row| row.contains(COUNTED)), "{:#?}", lanes(&stage));
    stage.press("1e/discon<Enter>");
    assert!(rows(&stage, COUNTED) == 0 && rows(&stage, "discon") > 2 * counted, "{}", stage.shown(160, 50));
    stage.press("<Esc><Esc>t12s<Enter>:pause broker=3<Enter>ct17s<Enter>");
    assert!(rows(&stage, COUNTED) >= 1 && rows(&stage, "THE SAME TIME") == 1, "{}", stage.shown(160, 50));
    assert_eq!(rows(&stage, "≠"), 1, "where the runs part is in sight:\n{}", stage.shown(160, 50));
}

/// The ruler shows the end of the longest log; of one that ended long before, the words say where.
#[test]
fn of_a_stopped_replica_one_reads_what_its_files_hold() {
    let mut stage = Stage::open(LEADER_LOSS, Look::default(), None);
    stage.press("t9.5s<Enter>:kill b2<Enter>t45s<Enter>2");
    let shown = stage.shown(100, 40);
    let row = shown.lines().find(|row| row.contains("✗ stopped")).expect("b2 is stopped");
    let end = row
        .split("its files hold log 0 to ")
        .nth(1)
        .and_then(|rest| rest.split([' ', '"']).next()?.parse::<i64>().ok());
    assert!(end.is_some_and(|end| (90..110).contains(&end)), "one record each 100 ms until 9.5 s: {row}\n{shown}");
}
