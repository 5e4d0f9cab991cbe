//! What fails is shrunk to a file that fails in the same way, and to nothing else.

use super::LESSON;
use super::shell::{Folder, root, text, trial};

#[test]
fn what_fails_is_shrunk_to_a_file_that_fails_in_the_same_way() {
    let folder = Folder::new("shrink");
    let out = folder.0.join("small.toml").to_str().expect("a plain path").to_owned();
    let output = trial(&["shrink", "tests/tests/planted/acked-record-not-lost.toml", "--out", &out]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "the code of what was found: {said}{}", text(&output.stderr));
    assert!(said.starts_with("safety acked-record-not-lost: "), "{said}");

    let small = std::fs::read_to_string(&out).expect("the result is on disk");
    assert_eq!(small.matches("[[step]]").count(), 1, "one record is all it takes:\n{small}");
    assert!(small.contains("# What happens:"), "{small}");
    assert!(small.starts_with("#:schema ") && small.contains("id = \"small\""), "named as its file: {small}");
    let again = trial(&["run", &out, "--trace", "none"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stdout).contains("acked-record-not-lost: "), "{}", text(&again.stdout));

    let replayed = trial(&["replay", &out]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(text(&replayed.stdout).contains("\nthe same run: "), "{}", text(&replayed.stdout));

    // The line to paste does what it says.
    assert!(said.ends_with(&format!("again: trial replay {out}\n")), "{said}");

    // A second time it would overwrite the first result.
    let output = trial(&["shrink", "tests/tests/planted/acked-record-not-lost.toml", "--out", &out]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).contains("small.toml exists: it is not overwritten"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(&out).expect("still there"), small);
    let names = std::fs::read_dir(&folder.0).expect("a folder").flatten().map(|entry| entry.file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["small.toml"], "no part of a file is left");

    // A file that claims another fingerprint of this build catches a world that is not deterministic.
    let (before, fingerprint) = small.split_once("fingerprint = \"").expect("the file says what it came to");
    let other = if fingerprint.starts_with('0') { '1' } else { '0' };
    let claim = format!("{before}fingerprint = \"{other}{}", &fingerprint[1..]);
    let replayed = trial(&["replay", &folder.file("other.toml", claim.as_bytes())]);
    assert_eq!(replayed.status.code(), Some(5), "{}", text(&replayed.stdout));
}

/// The budget is over within the first candidate: what fails stays as it is, and nothing is claimed of other seeds.
#[test]
fn a_budget_cuts_off_the_candidate_under_way_and_the_file_says_so() {
    let folder = Folder::new("shrink-budget");
    let out = folder.path("my small.toml");
    let arguments = ["shrink", "tests/tests/planted/acked-record-not-lost.toml", "--out", &out, "--budget", "1us"];
    let output = trial(&arguments);
    let (said, file) = (text(&output.stdout), std::fs::read_to_string(&out).expect("the best so far is on disk"));
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(said.contains("  runs: 0  ") && said.contains("other seeds: 0/0  (budget: more may go)"), "{said}");
    assert!(file.contains(" in 0 runs (budget: more may go). It was not tried with other seeds (budget)."), "{file}");
    // A path with a space in it is one word of the line to paste.
    assert!(said.contains(&format!("again: trial replay '{out}'\n")), "{said}");
    let replayed = trial(&["replay", &out]);
    assert!(text(&replayed.stdout).contains("\nthe same run: "), "{}", text(&replayed.stdout));
}

#[test]
fn a_file_that_says_nothing_of_an_earlier_run_is_run_twice_and_told_so() {
    let output = trial(&["replay", LESSON]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("nothing says what was found before; two runs now have the same verdict"), "{said}");
    assert!(said.contains("\nreplayed: pass  seed: 0x2  fingerprint: "), "{said}");
}

#[test]
fn what_is_to_be_shrunk_is_not_overwritten_by_it() {
    let folder = Folder::new("shrink-onto-itself");
    let planted = std::fs::read(root().join("tests/tests/planted/acked-record-not-lost.toml")).expect("a planted bug");
    let file = folder.file("bug.toml", &planted);
    let output = trial(&["shrink", &file, "--out", &file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("it would be overwritten"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(&file).expect("still there"), planted);
}

/// The keys of a format may be unknown to the next one: the format is what the reader must hear of.
#[test]
fn a_file_of_another_format_is_refused_by_its_format() {
    let folder = Folder::new("formats");
    let planted =
        std::fs::read_to_string(root().join("tests/tests/planted/acked-record-not-lost.toml")).expect("a bug");
    let older = planted.replace("format = 1", "format = 0\nauthor = \"of old\"");
    let file = folder.file("older.toml", older.as_bytes());
    for command in ["run", "replay", "shrink"] {
        let output = trial(&[command, &file]);
        let complaint = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command}: {complaint}");
        assert!(complaint.contains("this version of Trial reads format 1"), "{command}: {complaint}");
    }
    assert!(!folder.0.join("older.shrunk.toml").exists());
}

#[test]
fn an_expectation_that_does_not_hold_is_not_shrunk_to_nonsense() {
    let folder = Folder::new("shrink-expectation");
    let lesson = std::fs::read_to_string(root().join(LESSON)).expect("a lesson");
    let wrong = format!("{lesson}\n[[step]]\nexpect = {{ partition = \"orders-0\", leader = 3 }}\n");
    let output = trial(&["shrink", &folder.file("wrong.toml", wrong.as_bytes())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no promise is broken"), "{}", text(&output.stderr));
}

#[test]
fn what_passes_cannot_be_shrunk() {
    let output = trial(&["shrink", LESSON]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("passes: there is nothing to shrink"), "{}", text(&output.stderr));
}
