//! The command as a shell sees it: exit codes, streams, the last line.

mod export;
#[cfg(unix)]
mod interrupt;
mod museum;
#[path = "../shell/mod.rs"]
mod shell;
mod shrink;

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use shell::{Folder, command, root, text, trial};

const LESSON: &str = "scenarios/lessons/02-log-end-and-high-watermark.toml";

#[test]
fn without_arguments_it_helps_and_says_that_it_was_used_wrongly() {
    let output = trial(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("trial run scenarios/lessons"), "{}", text(&output.stderr));
}

#[test]
fn help_is_a_success_on_the_standard_output() {
    for arguments in [["--help"].as_slice(), &["run", "--help"]] {
        let output = trial(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Usage: trial"), "{}", text(&output.stdout));
    }
}

/// A run that cannot begin says what it was given, why that will not do, and where to look; on the standard error.
fn refuses(path: &str, reason: &str) {
    let output = trial(&["run", path]);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(output.stdout.is_empty());
    assert!(complaint.contains(&format!("cannot read {path}: {reason}")), "{complaint}");
    assert!(complaint.contains("hint: lessons are in scenarios/lessons/"), "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
}

#[test]
fn what_is_no_scenario_is_named_and_nothing_runs() {
    let folder = Folder::new("no-scenarios");
    refuses("no-such-file.toml", "No such file");
    refuses("scenarios/lessons", "it is a folder");
    refuses(&folder.file("empty.toml", b""), "it is empty");
    refuses(&folder.file("blank.toml", b" \n\n"), "it is empty");
    refuses(&folder.file("binary.toml", &[0x7f, b'E', b'L', b'F', b'\n', 0xff, 0xfe, 0, 0]), "it is no UTF-8 text");
    refuses(&folder.file("large.toml", &b"# much ado\n".repeat(1_000_000)), "it is larger than 1 MiB");
    if Path::new("/dev/zero").exists() {
        refuses("/dev/zero", "it is larger than 1 MiB");
    }
}

/// The largest file that is read at all, and in it a mistake at the very end.
#[test]
fn a_long_scenario_with_a_mistake_is_shown_by_its_line() {
    let folder = Folder::new("long-scenario");
    let mut source = b"# much ado\n".repeat(95_000);
    source.extend(b"about = nothing\n\0");
    let output = trial(&["run", &folder.file("long.toml", &source)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("long.toml:9500"), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_argument_is_wrong_use() {
    for arguments in
        [["run", LESSON, "--seed", "0xzz"], ["run", LESSON, "--until", "60"], ["run", LESSON, "--trace", "all"]]
    {
        assert_eq!(trial(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_verdict_stands_alone_on_the_last_line() {
    for arguments in [["--trace", "lanes"].as_slice(), &["--trace", "json", "--format", "text"], &["--trace", "none"]] {
        let output = trial(&[["run", LESSON].as_slice(), arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let stdout = text(&output.stdout);
        let last = stdout.lines().last().expect("a run says something");
        assert!(last.starts_with("verdict: pass  seed: 0x2  fingerprint: "), "{last}");
        assert!(stdout.ends_with('\n') && output.stderr.is_empty());
    }
}

#[test]
fn json_is_json_line_by_line() {
    let output = trial(&["run", LESSON, "--trace", "json"]);
    let stdout = text(&output.stdout);
    let lines: Vec<serde_json::Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let last = lines.last().expect("a run says something");
    assert_eq!((&last["verdict"], &last["seed"]), (&"pass".into(), &"0x2".into()));
    assert!(lines.iter().any(|line| line["event"] == "high-watermark-advanced"));
    let unnamed = lines.iter().find(|line| line["machine"].is_number());
    assert!(unnamed.is_none(), "machines have names: {unnamed:?}");
}

#[test]
fn a_failed_expectation_is_exit_code_1_and_an_invalid_scenario_2() {
    let folder = std::env::temp_dir().join(format!("trial-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let lesson = std::fs::read_to_string(root().join(LESSON)).expect("the lesson exists");
    let failing = folder.join("failing.toml");
    std::fs::write(&failing, lesson.replace("leo = 3, hw = 0", "leo = 4, hw = 0")).expect("written");
    let output = trial(&["run", failing.to_str().expect("a plain path"), "--trace", "none"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("expected leo 4, found 3"), "{said}");
    let look = format!("\nlook: trial play {} --seed 0x", failing.display());
    assert!(said.contains(&look), "how to open it in a window: {said}");
    let invalid = folder.join("invalid.toml");
    std::fs::write(&invalid, lesson.replace("brokers = 3", "brokers = \"three\"")).expect("written");
    let output = trial(&["run", invalid.to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("nothing was run"), "{}", text(&output.stderr));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_cluster_that_does_not_recover_is_exit_code_3() {
    let output = trial(&["run", "tests/tests/planted/liveness.toml", "--trace", "none"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("\nliveness: ") && said.contains("broker 3 of the core is not registered, or fenced"),
        "{said}"
    );
    assert!(said.lines().last().is_some_and(|last| last.starts_with("verdict: liveness  seed: 0x1  ")), "{said}");
}

/// Two quorum members lead the same epoch, and the checks that would say so are told to look away: the run goes on
/// until a member finds that an answer does not follow on its own log, which no rule of the protocol allows.
#[test]
fn a_machine_that_contradicts_itself_is_exit_code_4_and_the_line_to_paste_does_it_again() {
    let folder = Folder::new("crash");
    let source = "scenarios/museum/kr-01-leader-again-in-the-same-epoch.toml";
    let mut piece = std::fs::read_to_string(root().join(source)).expect("a piece");
    piece.push_str("\n[allow]\nlog-matching = \"the assertion is the point\"\nmetadata-not-lost = \"so it is here\"\n");
    let file = folder.file("crash.toml", piece.as_bytes());
    let bugs = ["--switch", "raft-no-flush", "--switch", "raft-resume-leader-same-epoch"];
    let output = trial(&[["run", &file, "--trace", "none", "--seed", "1"].as_slice(), &bugs].concat());
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("crash: an answer to another fetch was appended") && said.contains("  at broker/src/raft/"),
        "{said}"
    );
    assert!(said.lines().last().is_some_and(|last| last.starts_with("verdict: crash  seed: 0x1  ")), "{said}");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));

    let line = said.lines().find_map(|line| line.strip_prefix("again: trial ")).expect("a line to paste");
    let again = trial(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(again.status.code(), Some(4), "{line}");
}

const PIECE: &str = "scenarios/museum/rep-01-truncation-to-high-watermark.toml";

#[test]
fn the_schema_is_printed_as_it_is_checked_in() {
    let checked_in = std::fs::read_to_string(root().join("scenarios/schema/scenario.json")).expect("it is checked in");
    assert_eq!(text(&trial(&["schema"]).stdout), checked_in);
}

#[test]
fn a_folder_gets_trace_and_report() {
    let folder = std::env::temp_dir().join(format!("trial-out-{}", std::process::id()));
    let shown = folder.to_str().expect("a plain path");
    assert_eq!(trial(&["run", LESSON, "--out", shown]).status.code(), Some(0));
    let trace = std::fs::read_to_string(folder.join("trace.txt")).expect("the trace is there");
    assert!(trace.contains("min LEO of ISR"));
    let report = std::fs::read_to_string(folder.join("report.json")).expect("the report is there");
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["verdict"], "pass");
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// `trial run … | head -1`: whoever reads may leave at any time.
#[test]
fn a_reader_that_leaves_is_no_panic() {
    let mut child = command(&["run", "scenarios/lessons/07-leader-loss.toml", "--trace", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut first = [0; 16];
    child.stdout.take().expect("piped").read_exact(&mut first).expect("something is printed");
    let mut complaints = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut complaints).expect("readable");
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}
