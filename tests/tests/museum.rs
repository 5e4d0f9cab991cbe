//! The museum: known bugs of Kafka, each behind a switch, each with the scenario that shows it.
//!
//! ```text
//!   scenarios/museum/NAME.toml ──as it stands────────────▶ pass
//!                              ──with its own switches──▶ the check that it names reports it
//! ```
//!
//! A piece without switches shows what Kafka promises and what it does not; it has only the first line.

use std::collections::BTreeSet;
use std::fs;

use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::vocabulary::switch_names;
use trial_sim::internal::scenario::{Finding, Scenario, Span, Verdict};
use trial_tests::stories::{assert_all, file_stem, in_folder, play, root};

fn pieces() -> Vec<Scenario> {
    in_folder("scenarios/museum")
}

fn has_a_bug(piece: &Scenario) -> bool {
    piece.file.museum.as_ref().is_some_and(|museum| !museum.switches.is_empty())
}

#[test]
fn every_piece_passes_as_it_stands() {
    assert_all(&pieces(), |piece| {
        let report = play(piece);
        let found = report.findings();
        (report.verdict != Verdict::Pass).then(|| format!("{}: {}: {found}", piece.path, report.verdict))
    });
}

#[test]
fn every_bug_is_found_by_the_check_that_its_piece_names() {
    let bugs: Vec<Scenario> = pieces().into_iter().filter(has_a_bug).collect();
    assert_all(&bugs, |piece| {
        let museum = piece.file.museum.as_ref()?;
        let wanted = museum.property.as_ref().map(|property| property.value.as_str());
        let with_its_bug = piece.with_its_bug();
        let report = play(&with_its_bug);
        let seen_from_outside = matches!(report.verdict, Verdict::Safety | Verdict::Liveness);
        let found = report.findings();
        (!seen_from_outside || report.property != wanted).then(|| {
            let (verdict, property) = (report.verdict, report.property);
            let again = with_its_bug.again(report.seed, None);
            let path = &piece.path;
            format!("{path}: expected {wanted:?}, found {property:?} and the verdict {verdict}: {found}\n{again}")
        })
    });
}

/// What a pasted line ran until, if it says so.
fn until_of(command: &str) -> Option<Span> {
    let (_, until) = command.split_once(" --until ")?;
    Some(Span::parse(until).expect("a time"))
}

#[test]
fn every_line_to_paste_shows_again_what_it_stands_under() {
    let bugs: Vec<Scenario> = pieces().iter().filter(|piece| has_a_bug(piece)).map(Scenario::with_its_bug).collect();
    assert_all(&bugs, |piece| {
        let report = play(piece);
        let is_shown = |found: &Finding, command: &String| {
            let options = RunOptions { until: until_of(command), trace: TraceKind::None, ..RunOptions::default() };
            run(piece, options, &mut |_| true).failures.iter().any(|again| again.what == found.what)
        };
        let hidden = report.failures.iter().find(|found| found.again.as_ref().is_some_and(|it| !is_shown(found, it)));
        hidden.map(|found| format!("{}: {:?} does not show {}", piece.path, found.again, found.told()))
    });
}

#[test]
fn every_file_of_the_museum_is_a_piece_named_by_its_number() {
    for piece in pieces() {
        let museum = piece.file.museum.as_ref().unwrap_or_else(|| panic!("{}: no [museum] section", piece.path));
        let number = museum.piece.to_lowercase();
        let name = file_stem(&piece);
        assert!(name.starts_with(&number), "{}: the file's name does not begin with {number}", piece.path);
        assert_eq!(piece.file.id.value, name, "{}: id and file name differ", piece.path);
    }
}

#[test]
fn every_piece_has_a_page_in_the_book() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).expect("the book has a summary");
    for piece in pieces() {
        let museum = piece.file.museum.as_ref().expect("a piece");
        let page = format!("museum/{}.md", museum.piece.to_lowercase());
        let text = fs::read_to_string(root().join("docs/src").join(&page))
            .unwrap_or_else(|error| panic!("docs/src/{page}: {error}"));
        assert!(summary.contains(&page), "docs/src/SUMMARY.md does not link {page}");
        assert!(text.contains(&piece.path), "docs/src/{page} does not say how to run {}", piece.path);
    }
}

/// The names of the switches that some scenario turns on: those of the museum, and those of the planted bugs.
fn switches_that_are_proved() -> BTreeSet<String> {
    let planted = ["tests/tests/planted", "tests/tests/planted/more"].into_iter().flat_map(in_folder);
    let all: Vec<Scenario> = pieces().into_iter().chain(planted).collect();
    let of_file = |scenario: &Scenario| {
        let file = &scenario.file;
        let museum = file.museum.iter().flat_map(|museum| museum.switches.iter());
        let nodes = file.nodes.iter().flat_map(|node| node.switches.iter());
        museum.chain(&file.cluster.switches).chain(nodes).map(|switch| switch.value.clone()).collect::<Vec<_>>()
    };
    all.iter().flat_map(of_file).collect()
}

#[test]
fn every_switch_is_proved_by_a_piece_or_a_planted_bug() {
    let there_are: BTreeSet<String> = switch_names().into_iter().collect();
    let proved = switches_that_are_proved();
    let unproved: Vec<&String> = there_are.difference(&proved).collect();
    assert!(unproved.is_empty(), "a switch that nothing turns on may do nothing: {unproved:?}");
}
