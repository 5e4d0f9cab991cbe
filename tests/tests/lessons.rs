//! Every lesson is a test: its expectations hold, no promise is broken, and it looks as it did.

use std::time::Instant;

use trial_sim::scenario::Verdict;
use trial_sim::scenario::run::{RunOptions, TraceKind, run};
use trial_tests::{golden, lessons, parallel};

/// Runs one lesson; what is wrong with it, if anything is.
fn check(name: &str) -> Result<(), String> {
    let scenario = lessons::read(name);
    let mut transcript = String::new();
    let options = RunOptions { trace: TraceKind::Lanes, ..RunOptions::default() };
    let started = Instant::now();
    let report = run(&scenario, options, &mut |text| {
        transcript.push_str(text);
        true
    });
    if report.verdict != Verdict::Pass {
        let findings = report.failures.join("\n");
        return Err(format!("{name}: {}\n{findings}", report.verdict_line(started.elapsed())));
    }
    let path = lessons::folder().join(format!("{name}.transcript.txt"));
    golden::compare(name, &path, &golden::fold(&transcript))
}

#[test]
fn every_lesson_passes_and_looks_as_it_did() {
    let names = lessons::names();
    assert!(names.len() >= 25, "lessons are missing: {names:?}");
    let names = match std::env::var(golden::VARIABLE) {
        // Only the one whose golden is rewritten: the others have nothing to say now.
        Ok(asked) => {
            assert!(names.contains(&asked), "there is no lesson {asked}");
            vec![asked]
        }
        Err(_) => names,
    };
    let findings: Vec<String> = parallel::map(&names, |name| check(name)).into_iter().filter_map(Result::err).collect();
    assert!(findings.is_empty(), "{} lessons are wrong:\n\n{}", findings.len(), findings.join("\n\n"));
}

#[test]
fn no_transcript_without_its_lesson() {
    let names = lessons::names();
    let files = std::fs::read_dir(lessons::folder()).expect("the lessons are there");
    for file in files.flatten() {
        let file = file.file_name().to_string_lossy().into_owned();
        if let Some(name) = file.strip_suffix(".transcript.txt") {
            assert!(names.iter().any(|known| known == name), "{file} belongs to no lesson");
        }
    }
}
