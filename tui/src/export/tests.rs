//! What is exported is what the window shows, the same every time, and needs nothing from anywhere.

use serde_json::Value;
use trial_broker::time::Time;

use super::*;
use crate::theme::Theme;

const LESSON: &str = include_str!("../../../scenarios/lessons/02-log-end-and-high-watermark.toml");

fn lesson() -> Film {
    let scenario = Scenario::parse("a.toml", LESSON).expect("a valid scenario");
    Looked::at(scenario, Look::default()).expect("a run comes to its end").film((100, 30), Height::AsNeeded)
}

/// The lanes of the lesson's first 600 ms.
fn drawing(filter: &str) -> String {
    let scenario = Scenario::parse("a.toml", LESSON).expect("a valid scenario");
    let mut looked = Looked::at(scenario, Look::default()).expect("a run comes to its end");
    looked.filter(crate::app::Filter::parse(filter));
    let tape = looked.model.tape.as_deref().expect("it is recorded");
    let zero = tape.cast.zero();
    svg::svg(&looked.model, tape, zero, zero + std::time::Duration::from_millis(600))
}

#[test]
fn the_drawing_has_a_lane_a_machine_an_arrow_a_message_and_needs_nothing() {
    let drawing = drawing("");
    for name in [">b1<", ">b2<", ">b3<", ">p1<"] {
        assert!(drawing.contains(name), "{name}");
    }
    assert!(drawing.contains(">Produce<") && drawing.contains(">Fetch answer<"), "{drawing}");
    assert!(drawing.contains(">0.010 s<") && drawing.contains("prod orders-0"), "{drawing}");
    assert_eq!(drawing.matches("http").count(), 1, "the name of the format, and no other address");
    assert!(drawing.matches("<line class=\"m\"").count() > 5 && drawing.ends_with("</svg>\n"));
}

#[test]
fn the_drawing_is_the_same_every_time_and_leaves_out_what_the_filter_does() {
    assert_eq!(drawing(""), drawing(""));
    let produce = drawing("produce");
    assert!(produce.contains(">Produce<") && !produce.contains(">Fetch<"), "{produce}");
}

#[test]
fn the_same_run_makes_the_same_page_and_the_same_film() {
    let (one, other) = (lesson(), lesson());
    assert_eq!(html::page(&one, Look::default()), html::page(&other, Look::default()));
    assert_eq!(cast::cast(&one, 0), cast::cast(&other, 0));
}

#[test]
fn the_page_holds_every_moment_on_every_screen_and_fetches_nothing() {
    let film = lesson();
    assert!(film.frames.len() > 5 && film.frames.len() <= MOST, "{} moments", film.frames.len());
    assert_eq!(film.frames[0].micros, 0, "it begins at time zero");
    assert!(film.frames.windows(2).all(|pair| pair[0].micros <= pair[1].micros));
    let page = html::page(&film, Look::default());
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let data = page.split_once("const frames=").and_then(|(_, rest)| rest.split_once(",rows=")).expect("the moments").0;
    let frames: Vec<Value> = serde_json::from_str(data).expect("the moments are JSON");
    assert_eq!(frames.len(), film.frames.len());
    assert!(frames.iter().all(|frame| frame["p"].as_array().is_some_and(|pictures| pictures.len() == SCREENS.len())));
    let last = film.frames[film.frames.len() - 1].micros;
    assert_eq!(frames[frames.len() - 1]["m"].as_i64(), Some(last));
    assert!(page.contains(&format!("min=\"0\" max=\"{last}\"")), "the slider is time");
    assert!(page.contains(&format!("{} moments from 0.000 s to ", film.frames.len())), "it tells its range");
    assert!(page.contains("not on the medium"), "the disk is a screen like others");
    assert!(page.contains("PARTITIONS") && page.contains("METADATA QUORUM"));
    // The page has its own slider and buttons, and nobody can press a key of a picture.
    for outside in ["? help", "q quit", "1-7", "paused", "2 Partition", "◆"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("</script>").count(), 1);
}

#[test]
fn the_film_has_a_head_and_a_picture_a_moment_in_order_of_time() {
    let film = lesson();
    let text = cast::cast(&film, 0);
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    let head = lines.next().expect("a head");
    assert_eq!((head["version"].as_i64(), head["width"].as_i64()), (Some(2), Some(100)));
    let times: Vec<f64> = lines.map(|line| line[0].as_f64().expect("a time")).collect();
    assert_eq!(times.len(), film.frames.len());
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
}

/// A run of fifty seconds in which hundreds of records flow: no second of it is without a picture, from time zero to its end.
#[test]
fn a_page_of_a_long_run_has_pictures_in_between() {
    let scenario = include_str!("../../../scenarios/lessons/07-leader-loss.toml");
    let scenario = Scenario::parse("a.toml", scenario).expect("a valid scenario");
    let looked = Looked::at(scenario, Look::default()).expect("a run comes to its end");
    let tape = looked.model.tape.as_deref().expect("it is recorded");
    let drawing = svg::svg(&looked.model, tape, tape.cast.zero(), Time(u64::MAX));
    assert!(
        svg::left_out(&drawing).is_some_and(|said| said.contains(" more instants are not drawn")),
        "so has its drawing"
    );
    let second = tape.cast.zero() + std::time::Duration::from_secs(1);
    assert_eq!(svg::left_out(&svg::svg(&looked.model, tape, tape.cast.zero(), second)), None);
    let (moments, range) = moments(tape);
    assert!(moments.len() <= MOST && range.contains(&format!("{} moments", moments.len())), "{range}");
    let places = moments.into_iter().map(|message| match message {
        Message::Go(Whereto::Time(span)) => span.micros,
        Message::Go(Whereto::Step(step)) => tape.cast.micros(tape.time_at(step + 1)),
        Message::Do(Action::ToEnd) => tape.cast.micros(tape.time_at(tape.end())),
        other => {
            if let Message::Do(Action::ToZero) = other {
                0
            } else {
                panic!("{other:?}")
            }
        }
    });
    let places: Vec<i64> = places.collect();
    assert!(places.is_sorted(), "{places:?}");
    let longest = places.windows(2).map(|pair| pair[1] - pair[0]).max().expect("moments");
    assert!(longest <= 2_000_000, "{longest} us without a picture, in {range}: {places:?}");
    assert_eq!((regular(50_000_000), regular(300_000), regular(0)), (1_000_000, 10_000, 10_000));
}

/// Where there are too many changes, the last one has its picture all the same.
#[test]
fn of_too_many_moments_as_many_go_from_each_part() {
    let mut steps: Vec<u64> = (0..100).collect();
    thin(&mut steps, 10);
    assert_eq!(steps, [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]);
    thin(&mut steps, 10);
    assert_eq!(steps.len(), 10);
}

/// A run that broke a promise opens where a window opens it: at that step, with its proof.
#[test]
fn the_page_of_a_run_that_broke_a_promise_opens_there() {
    const PLANTED: &str = include_str!("../../../tests/tests/planted/high-watermark-monotonic.toml");
    let scenario = Scenario::parse("a.toml", PLANTED).expect("a valid scenario");
    let mut looked = Looked::at(scenario, Look::default()).expect("a run comes to its end");
    let film = looked.film((100, 30), Height::AsNeeded);
    let violation = looked.model.tape.as_ref().expect("it is recorded").violations[0].clone();
    let (moment, screen) = film.opens;
    assert_eq!((film.frames[moment].steps, SCREENS[screen]), (violation.step + 1, Screen::Checks));
    let proof = html::page(&film, Look::default());
    let first: String = film.frames[moment].pictures[screen].rows[1].iter().map(|words| words.text.as_str()).collect();
    assert!(first.starts_with("THE SELECTED ONE"), "its proof stands above what held: {first}");
    assert!(proof.contains(&format!("opens=[{moment},{screen}]")), "the page says where");
    // What was done and what was broken are told apart by sign and by word, for eyes and for ears.
    let kinds = |kind: MarkKind| film.marks.iter().filter(|mark| mark.kind == kind).count();
    assert!(kinds(MarkKind::Done) > 0 && kinds(MarkKind::Broken) == 1, "{:?}", film.marks);
    for (sign, words) in [("▲", "done to the world"), ("✗", "a promise broken")] {
        assert!(proof.contains(&format!("{sign}</span> {words}")), "the legend has {sign}");
        assert!(proof.contains(&format!(" s {words}: ")) && proof.contains(&format!("\">{sign}</button>")), "{sign}");
    }
}

/// A run without a broken promise has a property that did not hold all the same: the page says whose fault that was.
#[test]
fn the_page_tells_an_excused_property_from_one_that_held() {
    const UNCLEAN: &str = include_str!("../../../scenarios/museum/rep-04-fast-fail-over.toml");
    let scenario = Scenario::parse("a.toml", UNCLEAN).expect("a valid scenario");
    let mut looked = Looked::at(scenario, Look::default()).expect("a run comes to its end");
    let film = looked.film((100, 30), Height::AsNeeded);
    let checks = SCREENS.iter().position(|screen| *screen == Screen::Checks).expect("a screen of its own");
    let last = film.frames.last().expect("a run has a last moment");
    let rows = last.pictures[checks].rows.iter();
    let last: Vec<String> = rows.map(|row| row.iter().map(|words| words.text.as_str()).collect()).collect();
    let row = last.iter().find(|row| row.contains("leader-completeness")).expect("a row of the property");
    assert!(row.contains('≈') && row.contains("excused: an unclean election (1)"), "{row}");
    assert!(html::page(&film, Look::default()).contains("excused: an unclean election (1)"));
}

/// A page in the light theme is light: its black letters and the black ground of an epoch can be read there.
#[test]
fn a_page_is_as_light_as_its_theme() {
    let film = Film { frames: Vec::new(), marks: Vec::new(), ..lesson() };
    for (theme, ground, letters) in [
        (Theme::Default, "pre{background:#000}", ".r>i{color:#000}"),
        (Theme::Mono, "pre{background:#000}", ".r>i{color:#000}"),
        (Theme::Light, "pre{background:#f6f6f6}", ".r>i{color:#fff}"),
    ] {
        let page = html::page(&film, Look { theme, ..Look::default() });
        assert!(page.contains(ground) && page.contains(letters), "{theme:?}: {page}");
    }
}

/// A page scrolls: what a screen has to say stands on its picture, however long it is. A film is a terminal.
#[test]
fn on_a_page_no_row_of_a_screen_is_missing() {
    let text = |picture: &Picture| -> String {
        let rows = picture.rows.iter();
        rows.map(|row| row.iter().map(|words| words.text.as_str()).collect::<String>() + "\n").collect()
    };
    let cut = |film: &Film| {
        let pictures = film.frames.iter().flat_map(|frame| &frame.pictures).map(text);
        pictures.filter(|text| text.contains(" more: a higher picture") || text.contains("HAPPEN: 1 TO")).count()
    };
    let scenario = Scenario::parse("a.toml", LESSON).expect("a valid scenario");
    let mut looked = Looked::at(scenario, Look::default()).expect("a run comes to its end");
    let [fixed, needed] = [Height::Fixed, Height::AsNeeded].map(|height| looked.film((80, 24), height));
    assert!(cut(&fixed) > 0 && fixed.frames[0].pictures.iter().all(|picture| picture.rows.len() == 24));
    assert_eq!(cut(&needed), 0);
    assert!(needed.frames[0].pictures.iter().any(|picture| picture.rows.len() > 24));
}
