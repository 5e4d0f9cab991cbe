//! What the window looks like: pictures of every screen at three sizes, and what stands in their tables.

use ratatui::layout::Rect;

use crate::app::{Message, Mode, Pointing, Subject};
use crate::stage::{LESSON, Stage};
use crate::theme::{Alphabet, Look, Theme};

pub(super) const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

/// The window at a moment of lesson 5 in which the leader is alone and has taken records that nobody can read.
pub(super) fn stage(look: Look) -> Stage {
    let mut stage = Stage::lesson(look);
    stage.press("t12.6s<Enter>");
    stage
}

pub(super) fn pictures(stage: &Stage) -> String {
    let pictures = SIZES.map(|(width, height)| format!("{width} x {height}\n{}", stage.shown(width, height)));
    without_fingerprint(&pictures.join("\n"))
}

/// The same whatever the build does: a fingerprint is of every event, and no picture is its witness.
pub(super) fn without_fingerprint(text: &str) -> String {
    let mut parts = text.split("fingerprint ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, after| {
        let digits = after.chars().take_while(char::is_ascii_hexdigit).count();
        format!("{text}fingerprint {}{}", "0".repeat(digits), &after[digits..])
    })
}

/// A test that a picture after these keys is the one that is kept.
macro_rules! picture {
    ($name:ident, $keys:literal) => {
        #[test]
        fn $name() {
            let mut stage = stage(Look::default());
            stage.press($keys);
            insta::assert_snapshot!(pictures(&stage));
        }
    };
}
pub(super) use picture;

picture!(cluster_below_min_isr, "1");
picture!(partition_below_min_isr, "2");
picture!(lanes_below_min_isr, "3");
picture!(controller_below_min_isr, "4");
picture!(disk_of_the_leader, "<Tab>5");
picture!(help_in_parts_where_it_is_small, "?");
picture!(a_line_explained, "x");

/// Two members of a group, of whom one dies at 3 s.
pub(super) const GROUP: &str = r#"
format = 1
id = "group"
title = "Two members of a group, one of whom dies"
seed = 0x1
[cluster]
brokers = 3
controllers = 1
latency = "10ms"
config = { "offsets.topic.num.partitions" = 1 }
[[topic]]
name = "orders"
replicas = [[1, 2, 3], [2, 3, 1]]
[[client]]
name = "p1"
producer = { acks = "all" }
[[client]]
name = "g1"
consumer = { subscribe = ["orders"], "group.id" = "billing" }
[[client]]
name = "g2"
consumer = { subscribe = ["orders"], "group.id" = "billing" }
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 10, keys = ["alice", "dave"] }
[[step]]
at = "3s"
crash = { client = "g2" }
[[step]]
at = "4s"
note = "The group does not know yet."
"#;

#[test]
fn a_group_shows_who_reads_what_and_how_far_behind() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t2s<Enter>7");
    let both = stage.shown(120, 30);
    assert!(both.contains("GROUP billing: classic, Stable") && both.contains("0 records behind"), "{both}");
    let members = |shown: &str| shown.lines().filter(|line| line.contains("settled")).count();
    assert_eq!(members(&both), 2, "{both}");
    stage.press("t3.5s<Enter>");
    let one = stage.shown(120, 30);
    assert_eq!(members(&one), 1, "{one}");
    stage.press("1");
    let cluster = stage.shown(120, 40);
    assert!(cluster.contains("GROUPS") && cluster.contains("1 of 1 settled"), "{cluster}");
}

/// The coordinator's side and the members': what each has, and what is committed beside where each stands.
#[test]
fn a_group_is_shown_as_its_coordinator_knows_it_with_what_is_committed() {
    let mut stage = Stage::open(GROUP, Look::default(), None);
    stage.press("t3.9s<Enter>7");
    let shown = stage.shown(120, 30);
    assert!(shown.contains("GROUP billing: classic, Stable, generation 1, range; coordinator b"), "{shown}");
    // g2 has crashed, and its session lasts: the coordinator still counts on it.
    let row =
        |words: &str| shown.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {shown}"));
    assert!(row("\"g2 ").contains("orders-1"), "{shown}");
    assert!(row("nobody").contains("orders-1"), "what g2 committed at its start is left:\n{shown}");
}

/// The table is as high as there is room for, and moves along with the selected property; its heading says what is shown.
#[test]
fn the_checks_scroll_where_they_have_no_room() {
    let mut stage = stage(Look::default());
    stage.press("6");
    let count = trial_sim::internal::check::PROPERTIES.len();
    for property in trial_sim::internal::check::PROPERTIES {
        let shown = stage.shown(80, 24);
        assert!(shown.lines().any(|row| row.contains(&format!("✓  {}", property.name))), "{}:\n{shown}", property.name);
        assert!(shown.contains(&format!(" OF {count}")), "{shown}");
        stage.press("<Tab>");
    }
    assert!(stage.shown(80, 24).contains("1 TO "), "from the last on to the first:\n{}", stage.shown(80, 24));
    assert!(!stage.shown(120, 90).contains(" OF "), "all of them:\n{}", stage.shown(120, 90));
}

/// Nobody can press a key of a picture, so none is named in it.
#[test]
fn a_picture_names_no_keys() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let keys_in = |stage: &Stage, height: u16| {
        let shown = stage.shown(100, height);
        ["Tab", "Enter", "Esc", " walk along "].into_iter().filter(|key| shown.contains(key)).collect::<Vec<_>>()
    };
    for source in [PLANTED, LESSON] {
        let mut stage = Stage::open(source, Look::default(), None);
        let mut named = 0;
        for screen in "1234567".chars() {
            stage.press(&screen.to_string());
            for height in [12, 24, 40] {
                stage.model.mode = Mode::Play;
                named += keys_in(&stage, height).len();
                stage.model.mode = Mode::Picture;
                assert_eq!(keys_in(&stage, height), Vec::<&str>::new(), "{}", stage.shown(100, height));
            }
        }
        assert!(named > 0, "the window itself names them");
    }
}

/// Where there is no room for a row a machine: each has its word unless it runs, is marked, and can be clicked.
#[test]
fn machines_in_brief_have_words_and_can_be_pointed_at() {
    let mut stage = stage(Look::default());
    let shown = stage.shown(80, 24);
    assert!(shown.contains("✗ b2 stopped") && !shown.contains("MACHINES"), "{shown}");
    let row = shown.lines().position(|row| row.contains("✗ b2 stopped")).expect("a row") as u16;
    let line = shown.lines().nth(usize::from(row)).expect("a row").trim_start_matches('"').to_owned();
    let column = line.split("b2").next().expect("before it").chars().count() as u16;
    let spot = super::spot_at(&stage.model, Rect::new(0, 0, 80, 24), column, row).expect("it can be pointed at");
    stage.happen(Message::Point(spot, Pointing::Click));
    let b2 = stage.model.machines().iter().find(|machine| machine.name == "b2").expect("a broker").id;
    assert_eq!(stage.model.subject(), Some(Subject::Machine(b2)));
    let reversed = |stage: &Stage| {
        let (_, buffer) = stage.drawn(80, 24);
        buffer[(column, row)].modifier.contains(ratatui::style::Modifier::REVERSED)
    };
    assert!(reversed(&stage), "the selected one stands out");
    // They take more than one row where they must, and none of them is cut.
    let narrow = stage.shown(44, 24);
    assert!(["b1", "b2 stopped", "b3 stopped", "c1", "c2", "c3"].iter().all(|name| narrow.contains(name)), "{narrow}");
}

/// Whose process is gone leads only in the metadata.
#[test]
fn a_partition_whose_leader_has_died_is_not_called_well() {
    let mut stage = Stage::open(include_str!("../../../scenarios/lessons/07-leader-loss.toml"), Look::default(), None);
    stage.press("t13s<Enter>");
    let shown = stage.shown(120, 40);
    let row = shown.lines().find(|row| row.contains("orders-0") && row.contains('★')).expect("a row of orders-0");
    assert!(row.contains("its leader is down") && !row.contains("full ISR"), "{shown}");
}

/// No picture: a check more is no change of the window.
#[test]
fn checks_that_held_are_listed_with_the_rule_of_the_selected_one() {
    let mut stage = stage(Look::default());
    stage.press("6");
    let shown = stage.shown(120, 40);
    assert!(shown.contains("✓  order-of-positions") && shown.contains("log start offset ≤ last stable"), "{shown}");
    assert!(!shown.contains('✗'), "{shown}");
}

/// After an unclean election the leader need not have everything: that property did not hold, and nobody broke it.
#[test]
fn what_the_loss_budget_excused_is_not_called_held() {
    const UNCLEAN: &str = include_str!("../../../scenarios/museum/rep-04-fast-fail-over.toml");
    for (alphabet, sign) in [(Alphabet::Unicode, '≈'), (Alphabet::Ascii, '~')] {
        let mut stage = Stage::open(UNCLEAN, Look { alphabet, ..Look::default() }, None);
        stage.press("6G");
        let shown = stage.shown(120, 50);
        let row = shown.lines().find(|row| row.contains("  leader-completeness ")).expect("a row of the property");
        assert!(row.contains(&format!("{sign}  leader-completeness")), "{row}");
        assert!(row.contains("excused: an unclean election (1)") && !row.contains("held"), "{row}");
        let held = shown.lines().filter(|row| row.contains("  held")).count();
        assert!(held > 10, "the others held: {shown}");
    }
}

/// Colours and weights: the same picture in two themes.
#[test]
fn styles_of_the_cluster_in_default_and_in_mono() {
    for theme in [Theme::Default, Theme::Mono] {
        let stage = stage(Look { theme, ..Look::default() });
        let (_, buffer) = stage.drawn(80, 24);
        insta::assert_snapshot!(format!("styles_{theme:?}").to_lowercase(), format!("{buffer:?}"));
    }
}

#[test]
fn ascii_needs_no_other_signs() {
    let mut stage = stage(Look { alphabet: Alphabet::Ascii, ..Look::default() });
    for screen in ["1", "2", "3", "4", "5", "6", "x", "M"] {
        stage.press(screen);
        let text = stage.shown(120, 40);
        let wrong: String = text.chars().filter(|sign| !sign.is_ascii()).collect();
        assert_eq!(wrong, "", "on {screen}");
    }
}
