//! What the window looks like: pictures of every screen at three sizes, and no size at which it fails.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use clap::ValueEnum;
use proptest::prelude::*;
use ratatui::layout::Rect;
use trial_sim::internal::scenario::{self, Scenario};

use crate::app::{Action, Ask, Cover, Message, Pane, Pointing, Prompt, Question, Screen, Subject, Typed};
use crate::keys::BINDINGS;
use crate::stage::{LESSON, Stage};
use crate::theme::{Alphabet, Look, Theme};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

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

/// What a question hides is nowhere to be read until it is answered, and stands there when nothing is asked: for every question
/// of every lesson.
#[test]
fn no_screen_of_a_lesson_shows_what_its_questions_hide() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let files = fs::read_dir(&folder).expect("there are lessons").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let sources = sources.map(|path| (path.clone(), fs::read_to_string(path).expect("a text")));
    let mut questions = 0;
    for (path, source) in sources.filter(|(_, source)| source.contains("hide = [")) {
        let mut stage = Stage::questions_of(&source);
        while stage.model.place.steps < stage.model.tape.as_ref().expect("it is recorded").end() {
            stage.happen(Message::Do(Action::ToEnd));
            let Some(Prompt { ask: Ask::Prediction(_), .. }) = stage.model.prompt else { continue };
            if !stage.model.hidden_columns().is_empty() {
                questions += 1;
                nothing_hidden_is_read(&mut stage, &path.display().to_string());
            }
            stage.happen(Message::Type(Typed::Enter));
        }
    }
    assert!(questions >= 5, "{questions} questions hide something");
}

/// What stands under the columns of these names, wherever they are: by their names, or by one word of them.
fn cells_under(shown: &str, names: &[String]) -> Vec<String> {
    let is_named =
        |title: &str| names.iter().any(|name| title == name || title.split([' ', '/']).any(|word| word == name));
    let mut cells = Vec::new();
    // Where columns with such names begin, in the table under whose names we are.
    let mut places: Vec<usize> = Vec::new();
    for row in shown.lines() {
        let row = row.trim_matches('"');
        let letters: Vec<char> = row.chars().collect();
        let begins = |at: usize| letters[at] != ' ' && (at == 0 || at >= 2 && letters[at - 2..at] == [' ', ' ']);
        let text = |at: usize| letters[at..].iter().collect::<String>();
        let word = |at: usize| text(at).split("  ").next().unwrap_or("").trim_end().to_owned();
        let starts: Vec<usize> = (0..letters.len()).filter(|at| begins(*at)).collect();
        let is_names = ["partition", "group", "member", "for its coordinator", "name"]
            .iter()
            .any(|first| row.starts_with(&format!("{first} ")) && starts.len() > 3);
        if is_names {
            places = starts.into_iter().filter(|at| is_named(&word(*at))).collect();
        } else if row.contains('─') || row.trim().is_empty() {
            places.clear();
        } else {
            cells.extend(places.iter().filter(|at| **at < letters.len()).map(|at| word(*at)));
        }
    }
    cells
}

fn nothing_hidden_is_read(stage: &mut Stage, lesson: &str) {
    let prompt = stage.model.prompt.clone();
    let hidden = stage.model.hidden_columns();
    let mut could_be_read = false;
    for screen in Screen::ALL {
        stage.happen(Message::Do(Action::Show(screen)));
        stage.model.prompt = prompt.clone();
        let asked = stage.shown(160, 50);
        let told = cells_under(&asked, &hidden);
        assert!(told.iter().all(|cell| cell == "?"), "{lesson}: {told:?} under {hidden:?} on {screen:?}:\n{asked}");
        // The marks on the ruler of a partition say the same.
        let is_ruler = |row: &str| row.starts_with("\"    marks");
        assert!(!asked.lines().any(is_ruler), "{lesson} on {screen:?}:\n{asked}");
        stage.model.prompt = None;
        let open = stage.shown(160, 50);
        could_be_read |= cells_under(&open, &hidden).iter().any(|cell| cell != "?");
    }
    stage.model.prompt = prompt;
    assert!(could_be_read, "{lesson}: {hidden:?} hides nothing that is shown otherwise");
}

/// Any column of any table can be hidden: the state of a group, who leads, how far somebody is behind.
#[test]
fn every_column_that_a_question_names_is_hidden() {
    for name in ["leader", "epoch", "state", "generation", "behind", "committed", "high", "in sync"] {
        let question = format!(
            "predict = {{ ask = \"What?\", choices = [\"this\", \"that\"], answer = \"this\", hide = [\"{name}\"] }}"
        );
        let source = GROUP.replace("note = \"The group does not know yet.\"", &question);
        let mut stage = Stage::questions_of(&source);
        stage.happen(Message::Do(Action::ToEnd));
        assert!(stage.model.hidden_columns().contains(&name.to_owned()), "{name}: it is asked");
        nothing_hidden_is_read(&mut stage, name);
    }
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
                stage.model.is_picture = false;
                named += keys_in(&stage, height).len();
                stage.model.is_picture = true;
                assert_eq!(keys_in(&stage, height), Vec::<&str>::new(), "{}", stage.shown(100, height));
            }
        }
        assert!(named > 0, "the window itself names them");
    }
}

/// No time and no number is cut on the lanes: a part of it would be another one.
#[test]
fn on_the_lanes_every_time_is_read_to_its_end() {
    let mut stage = stage(Look::default());
    stage.press("3");
    for (width, height) in SIZES.into_iter().take(2).chain([(160, 50)]) {
        let shown = stage.shown(width, height);
        let times = shown.lines().filter(|row| row.contains("arrives "));
        assert!(times.clone().count() > 3, "{shown}");
        for row in times {
            assert!(row.trim_end_matches(['"', ' ']).ends_with(" s"), "{row} at {width}:\n{shown}");
        }
    }
}

/// A note is a sentence for the class, however long it is.
#[test]
fn a_long_note_is_read_to_its_end() {
    let mut stage = stage(Look::default());
    stage.press("t12.56s<Enter>");
    let told = stage.model.tape.as_ref().expect("it is recorded").lines_until(stage.model.place.steps).to_vec();
    let note = told.iter().rev().find(|line| line.event == "note").expect("the lesson notes something").cause.clone();
    assert!(note.len() > 40, "{note}");
    assert!(running_text(&stage, (80, 24)).contains(&note), "{note}:\n{}", stage.shown(80, 24));
}

/// Where it has no room it ends in a sign: half a sentence is none.
#[test]
fn a_long_note_in_the_first_row_ends_in_a_sign_where_it_goes_on() {
    let mut stage = stage(Look::default());
    stage.press("t17.8s<Enter>e");
    let tape = stage.model.tape.as_ref().expect("it is recorded");
    let told = tape.lines_until(stage.model.place.steps);
    let note = told.iter().rev().find(|line| line.event == "note").expect("the lesson notes something").cause.clone();
    let mut cut = 0;
    for height in 10..50 {
        let shown = stage.shown(72, height);
        let text = running_text(&stage, (72, height));
        if text.contains(&note[..10]) && !text.contains(&note) {
            let first = shown.lines().skip_while(|row| !row.contains("LINES UP TO NOW")).nth(1).expect("a row");
            assert!(first.contains(&note[..10]) && first.trim_end_matches(['"', ' ']).ends_with('…'), "{shown}");
            cut += 1;
        }
    }
    assert!(cut > 0, "no height cuts it: {note}\n{}", stage.shown(72, 30));
}

/// What an author notes is about the run that he has seen.
#[test]
fn a_note_behind_a_deed_says_that_it_was_written_for_the_first_run() {
    let mut stage = Stage::open(include_str!("../../../scenarios/lessons/07-leader-loss.toml"), Look::default(), None);
    stage.press("t9.5s<Enter>:kill b2<Enter>G");
    let note = |stage: &Stage| {
        let text = running_text(stage, (160, 50));
        let promised = text.find("p2 was told that its record is safe").expect("the lesson notes it");
        text[..promised].ends_with("(written for run 1) ")
    };
    assert!(note(&stage), "{}", stage.shown(160, 50));
    stage.press("fG");
    assert!(!note(&stage), "in the first run it is true:\n{}", stage.shown(160, 50));
}

/// Every question of the course, as if it stood where that of the lesson on the stage stands.
fn questions(stage: &Stage) -> Vec<Question> {
    let here = &stage.model.lesson.as_ref().expect("a lesson").questions[0];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let files = fs::read_dir(&folder).expect("there are lessons").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let steps = sources.flat_map(|path| {
        let source = fs::read_to_string(&path).expect("a text");
        Scenario::parse(&path.display().to_string(), &source).expect("a valid scenario").steps
    });
    let asked = steps.filter_map(|step| match step.action.value {
        scenario::Action::Predict(predict) => Some(Question {
            answer: predict.choices.iter().position(|choice| *choice == predict.answer.value),
            ask: predict.ask,
            choices: predict.choices,
            why: predict.why,
            ..here.clone()
        }),
        _ => None,
    });
    asked.collect()
}

/// The lowest window of all has room for what is asked and what can be answered, and then for what came.
#[test]
fn every_question_and_its_outcome_can_be_read_in_every_window() {
    const SIZES: [(u16, u16); 8] = [(40, 10), (40, 12), (60, 10), (60, 15), (60, 18), (60, 20), (80, 24), (120, 40)];
    let mut stage = Stage::with_questions();
    stage.press("G");
    let all = questions(&stage);
    assert!(all.len() > 30, "{} questions", all.len());
    let put = |stage: &mut Stage, question: &Question| {
        stage.model.lesson.as_mut().expect("a lesson").questions[0] = question.clone();
    };
    for question in &all {
        put(&mut stage, question);
        for (width, height) in SIZES {
            let asked = running_text(&stage, (width, height));
            assert!(asked.contains(&question.ask), "{width} x {height}:\n{}", stage.shown(width, height));
            for choice in &question.choices {
                assert!(
                    asked.contains(choice.as_str()),
                    "{choice}, {width} x {height}:\n{}",
                    stage.shown(width, height)
                );
            }
        }
    }
    stage.press("2<Enter>G");
    for question in questions(&stage) {
        put(&mut stage, &question);
        for (width, height) in SIZES {
            let came = running_text(&stage, (width, height));
            let shown = stage.shown(width, height);
            let answer = &question.choices[question.answer.expect("it is known")];
            assert!(came.contains(&format!("✓ {answer}")) && came.contains("goes on"), "{shown}");
            // In the very lowest the reason may be cut, and says so.
            let why = question.why.as_deref().expect("it is explained");
            let begun: String = why.chars().take(60).collect();
            assert!(
                came.contains(&begun) && (came.contains(why) || came.contains('…')),
                "{width} x {height}:\n{shown}"
            );
        }
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

/// What is said about a lesson takes no row from what it is about.
#[test]
fn a_lesson_shows_its_partition_in_the_lowest_window_too() {
    let shown = Stage::with_questions().shown(40, 12);
    assert!(shown.contains("WATCH FOR") && shown.contains("orders-0"), "{shown}");
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

#[test]
fn what_comes_later_is_nowhere_to_be_read() {
    let mut stage = stage(Look::default());
    stage.press("t3s<Enter>");
    for screen in ["1", "2", "3", "4", "5", "6", "x", "M", "e"] {
        stage.press(screen);
        let text = stage.shown(120, 40);
        assert!(!text.contains("NOT_ENOUGH_REPLICAS"), "refused at 12 s, and told at 3 s on {screen}:\n{text}");
    }
}

/// Whoever predicts has read neither the rule behind the question nor a note that stands behind it, on no screen.
#[test]
fn at_no_question_below_the_line_its_answer_can_be_read() {
    for source in [
        include_str!("../../../scenarios/lessons/05-below-the-line.toml"),
        include_str!("../../../scenarios/lessons/05-below-the-line-before-3-7.toml"),
        include_str!("../../../scenarios/lessons/05-below-the-line-retries.toml"),
    ] {
        let mut stage = Stage::questions_of(source);
        let mut asked = 0;
        while stage.model.place.steps < stage.model.tape.as_ref().expect("it is recorded").end() {
            stage.happen(Message::Do(Action::ToEnd));
            let Some(Prompt { ask: Ask::Prediction(index), .. }) = stage.model.prompt else { continue };
            asked += 1;
            nothing_tells(&mut stage, index);
            stage.happen(Message::Type(Typed::Enter));
        }
        assert_eq!(asked, 1);
    }
}

fn nothing_tells(stage: &mut Stage, index: usize) {
    let question = stage.model.lesson.as_ref().expect("a lesson").questions[index].clone();
    let scenario = stage.model.tape.as_ref().expect("it is recorded").scenario.clone();
    let (before, behind) = scenario.steps.split_at(question.number);
    let begins = |text: &String| text.chars().take(40).collect::<String>();
    let known = |text: &String| before.iter().any(|step| step.note.as_ref().is_some_and(|note| note.contains(text)));
    let mut secret: Vec<String> = behind.iter().filter_map(|step| step.note.as_ref()).map(begins).collect();
    secret.extend(question.why.as_ref().map(begins));
    secret.retain(|text| !known(text) && !question.ask.contains(text));
    for screen in Screen::ALL {
        stage.happen(Message::Do(Action::Show(screen)));
        for pane in [Pane::None, Pane::Explain, Pane::Metrics] {
            stage.model.pane = pane;
            let shown = stage.shown(160, 50);
            let told = secret.iter().find(|text| shown.contains(text.as_str()));
            assert_eq!(told, None, "{} tells on {screen:?} with {pane:?}:\n{shown}", scenario.path);
        }
    }
    stage.model.pane = Pane::None;
}

/// What a window of this size shows, as one text with single blanks.
fn running_text(stage: &Stage, (width, height): (u16, u16)) -> String {
    let shown = stage.shown(width, height);
    shown.lines().flat_map(|row| row.trim_matches('"').split_whitespace()).collect::<Vec<_>>().join(" ")
}

/// Beside each other where there is room, else one after the other: no line of the help is ever cut.
#[test]
fn every_key_can_be_read_in_full_at_every_size() {
    for size in [(200, 60), (100, 30), (80, 24), (40, 12)] {
        let mut stage = stage(Look::default());
        stage.press("?");
        let mut read = running_text(&stage, size);
        for _ in BINDINGS {
            stage.press("<Down>");
            read.push_str(&running_text(&stage, size));
        }
        for binding in BINDINGS {
            assert!(read.contains(binding.does), "{:?} at {size:?}", binding.does);
        }
        stage.press("<Esc>");
        assert_eq!(stage.model.cover, Cover::None);
    }
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
