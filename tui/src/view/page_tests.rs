//! Where there is no room for all rows, the window says so, and shows the others on request: every screen and pane, at every size.

use ratatui::layout::Rect;

use super::block::Block;
use super::tests::GROUP;
use super::{SMALLEST, blocks};
use crate::app::{Pane, Screen};
use crate::stage::Stage;
use crate::theme::Look;

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
