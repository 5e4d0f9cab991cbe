//! Where there is no room for all rows, the window says so, and shows the others on request: every screen and pane, at every size.

use ratatui::layout::Rect;

use trial_sim::internal::scenario::Scenario;

use super::block::Block;
use super::tests::GROUP;
use super::{SMALLEST, blocks};
use crate::app::{Mode, Pane, Screen};
use crate::stage::Stage;
use crate::theme::Look;
use crate::widget::row::{Kind, Row};

const WIDTHS: [u16; 5] = [SMALLEST.0, 60, 80, 100, 120];

fn heights() -> impl Iterator<Item = u16> {
    (SMALLEST.1..=20).chain([24, 30, 40])
}

/// Which of the blocks between the rows around the screen is meant.
#[derive(Clone, Copy, Debug)]
enum Part {
    Screen,
    Pane,
}

/// The rows of a part of the window, as they stand in a window of this size.
fn rows_of(stage: &Stage, part: Part, (width, height): (u16, u16)) -> Vec<String> {
    let blocks = blocks(&stage.model, Rect::new(0, 0, width, height));
    let is_body = |block: &&Block| block.area.y >= 2 && block.area.bottom() <= height - 3;
    let mut body = blocks.iter().filter(is_body);
    let block = match part {
        Part::Screen => body.next(),
        Part::Pane => body.next_back(),
    };
    block.expect("it is shown").rows.iter().map(|row| row.line.to_string()).collect()
}

/// The pages of a part, from the first to where they begin again.
fn pages(stage: &mut Stage, part: Part, size: (u16, u16)) -> Vec<String> {
    stage.model.page = 0;
    let mut pages = vec![rows_of(stage, part, size).join("\n")];
    loop {
        stage.press(">");
        let page = rows_of(stage, part, size).join("\n");
        if page == pages[0] {
            return pages;
        }
        assert!(pages.len() < 100, "{part:?} at {size:?} never begins again:\n{page}");
        pages.push(page);
    }
}

/// Each of these words stands on some page; where the first has not all of them, it says that there is more.
fn all_can_be_read(stage: &mut Stage, part: Part, words: &[String]) -> usize {
    assert!(words.len() > 2, "{words:?}");
    let mut cut = 0;
    for size in WIDTHS.into_iter().flat_map(|width| heights().map(move |height| (width, height))) {
        let pages = pages(stage, part, size);
        let has = |page: &String, word: &String| page.split([' ', '\n', ',', ':']).any(|said| said == word);
        for word in words {
            assert!(pages.iter().any(|page| has(page, word)), "{word} at {size:?}:\n{}", pages.join("\n\n"));
        }
        if !words.iter().all(|word| has(&pages[0], word)) {
            assert!(pages[0].contains(" more: > shows them"), "at {size:?}:\n{}", pages[0]);
            cut += 1;
        }
    }
    cut
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_row_of_every_screen_can_be_read_in_every_window() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t2s<Enter>");
    let of_screens = [
        (Screen::Cluster, names(&["b1", "b2", "b3", "c1", "orders-0", "orders-1", "p1", "g1", "g2", "billing"])),
        (Screen::Partition, names(&["offsets", "b1", "b2", "b3", "marks"])),
        (Screen::Controller, names(&["b1", "b2", "b3", "c1", "QUORUM"])),
        (Screen::Disk, names(&["b1", "b2", "b3", "c1"])),
        (Screen::Groups, names(&["GROUP", "g1", "g2", "orders-0", "orders-1"])),
    ];
    for (screen, words) in of_screens {
        stage.press(&(1 + Screen::ALL.iter().position(|one| *one == screen).expect("a screen")).to_string());
        assert!(all_can_be_read(&mut stage, Part::Screen, &words) > 0, "{screen:?} has room for all in every window");
    }
}

#[test]
fn every_row_of_the_metrics_and_of_what_is_explained_can_be_read_in_every_window() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t3.5s<Enter>M");
    let (tape, snapshot) = (stage.model.tape.as_ref().expect("a run"), stage.model.snapshot().expect("a place"));
    let metrics: Vec<String> = tape.metrics(snapshot).iter().map(|metric| metric.name.replace(' ', "")).collect();
    let metrics: Vec<String> = metrics.into_iter().filter(|name| !name.contains("lag")).collect();
    assert!(all_can_be_read(&mut stage, Part::Pane, &metrics) > 0);
    stage.press("x");
    assert_eq!(stage.model.pane, Pane::Explain);
    assert!(all_can_be_read(&mut stage, Part::Pane, &names(&["EXPLAINED", "LAST", "STEP"])) > 0);
}

/// The end of the log and the high watermark of the leader are what a class looks at: they have a column in every window.
#[test]
fn where_the_leader_stands_can_be_read_in_every_window() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t12.6s<Enter>");
    for size in WIDTHS.into_iter().flat_map(|width| heights().map(move |height| (width, height))) {
        let pages = pages(&mut stage, Part::Screen, size).join("\n");
        let row = pages.lines().find(|row| row.starts_with("orders-0")).unwrap_or_else(|| panic!("{size:?}\n{pages}"));
        assert!(row.contains("13/10"), "{size:?}:\n{pages}");
    }
}

/// What holds for rows holds for the items of a menu.
#[test]
fn a_menu_that_is_cut_says_which_of_its_items_it_shows() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t3s<Enter><Tab>d");
    let (low, high) = (stage.shown(60, 14), stage.shown(100, 50));
    let count = stage.model.menu.as_ref().expect("it is open").items.len();
    assert!(low.contains(&format!(" OF {count})")), "{low}");
    assert!(!high.contains(" OF "), "{high}");
}

/// How many rows of the screen are neither headings nor names of columns.
fn contents(stage: &Stage, size: (u16, u16)) -> usize {
    let blocks = blocks(&stage.model, Rect::new(0, 0, size.0, size.1));
    let is_banner = |block: &&Block| block.rows.iter().any(|row| row.line.to_string().starts_with("WATCH FOR"));
    let body = blocks.iter().filter(|block| !is_banner(block)).find(|block| block.area.y >= 2);
    let rows = body.map_or(&[][..], |block| &block.rows);
    let is_content = |row: &&Row| row.kind == Kind::Content && !row.line.to_string().contains(" more: ");
    rows.iter().filter(is_content).filter(|row| !row.line.to_string().trim().is_empty()).count()
}

/// Headings and names of columns alone tell nothing: in the lowest window every screen has a row of what it is about, in a lesson
/// and beside whatever pane is open.
#[test]
fn in_the_lowest_window_every_screen_says_something() {
    let mut lesson = Stage::with_questions();
    lesson.press("t2s<Enter>");
    let mut group = Stage::open(GROUP, Look::default(), None);
    group.press("t3.5s<Enter>");
    for stage in [&mut lesson, &mut group] {
        for screen in "1234567".chars() {
            for pane in ["", "x", "M"] {
                stage.press(&format!("{screen}{pane}"));
                for size in [SMALLEST, (80, 10), (40, 12)] {
                    assert!(
                        contents(stage, size) > 0,
                        "screen {screen} with {pane:?}:\n{}",
                        stage.shown(size.0, size.1)
                    );
                }
                stage.model.pane = Pane::None;
            }
        }
    }
}

/// A number means nothing without the name of its column.
#[test]
fn the_names_of_columns_stand_on_every_page() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t3.5s<Enter>5");
    let size = (80, 24);
    let pages = pages(&mut stage, Part::Screen, size);
    assert!(pages.len() > 2, "{pages:#?}");
    for page in &pages {
        let rows: Vec<&str> = page.lines().collect();
        assert!(rows[0].contains(": ● running"), "whose disk it is:\n{page}");
        assert!(rows[1].starts_with("file ") && rows[1].contains("may be lost"), "{page}");
    }
    // Nothing is left out between two pages.
    let all = pages.join("\n");
    for machine in stage.model.machines().iter().filter(|machine| machine.work.is_node()) {
        assert!(all.contains(&format!("{}: ● running", machine.name)), "{}: {pages:#?}", machine.name);
        let ends = machine.files.iter().filter(|file| file.length > 0).map(|file| file.path.rsplit('/').next());
        for end in ends.flatten() {
            assert!(all.contains(end.trim_start_matches('0')), "{end} of {}: {pages:#?}", machine.name);
        }
    }
}

/// In a window that has one row for it the last line stands without a heading: what picks it out is told beside the screens.
#[test]
fn what_is_picked_out_is_told_in_every_window() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t12.47s<Enter>/refuse<Enter>");
    for size in [(40, 10), (80, 24), (120, 40)] {
        let shown = stage.shown(size.0, size.1);
        assert!(shown.contains("/refuse"), "{shown}");
        assert!(shown.lines().any(|row| row.contains("refuse") && row.contains(" s b1 ")), "{shown}");
    }
    stage.model.mode = Mode::Lesson { is_poll: false, is_presented: true };
    assert!(stage.shown(80, 24).contains("LINES UP TO NOW WITH refuse"), "{}", stage.shown(80, 24));
}

/// Columns that have no room are counted: nobody takes the table for whole.
#[test]
fn columns_without_room_are_counted() {
    let mut stage = Stage::lesson(Look::default());
    stage.press("t12.6s<Enter>");
    let row = |shown: String| shown.lines().find(|row| row.contains("partition  leader")).expect("names").to_owned();
    assert!(row(stage.shown(40, 12)).contains("end/high …5"), "{}", stage.shown(40, 12));
    assert!(!row(stage.shown(160, 48)).contains('…'), "{}", stage.shown(160, 48));
    // What a disk may lose is never left out: the path before it is cut.
    stage.press("5");
    let disk = stage.shown(40, 12);
    assert!(disk.lines().any(|row| row.contains("file  ") && row.contains("may be lost")), "{disk}");
}

/// Whoever walks along a proof sees the event where he is, from its end to its beginning.
#[test]
fn of_a_proof_the_event_where_we_are_is_in_sight() {
    let source = include_str!("../../../scenarios/museum/rep-04-fast-fail-over.toml");
    let scenario = Scenario::parse("a.toml", source).expect("a valid scenario").with_its_bug();
    let mut stage = Stage::of(scenario);
    stage.record();
    let proof = stage.model.tape.as_ref().expect("it is recorded").violations[0].evidence.clone();
    assert!(proof.len() > 4, "{proof:?}");
    for event in proof.iter().rev() {
        let step = format!("step {:>9}  ", crate::widget::grouped(event.step));
        for (width, height) in [(80, 24), (120, 40)] {
            let shown = stage.shown(width, height);
            let row = shown.lines().find(|row| row.contains(&step)).unwrap_or_else(|| panic!("{step}:\n{shown}"));
            assert!(row.starts_with("\"›"), "{row}\n{shown}");
            assert!(shown.contains("✗  log-matching"), "{shown}");
        }
        stage.press("<Up>");
    }
}
