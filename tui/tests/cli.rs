//! The command as a shell sees it: exit codes, streams, the last line.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn trial(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trial"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

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

#[test]
fn an_unknown_file_is_named_and_nothing_runs() {
    let output = trial(&["run", "no-such-file.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no-such-file.toml"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
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
    for trace in ["lanes", "json", "none"] {
        let output = trial(&["run", LESSON, "--trace", trace]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let stdout = text(&output.stdout);
        let last = stdout.lines().last().expect("a run says something");
        assert!(last.starts_with("verdict: pass  seed: 0x2  fingerprint: "), "{last}");
        assert!(stdout.ends_with('\n') && output.stderr.is_empty());
    }
}

#[test]
fn json_is_json_line_by_line() {
    let output = trial(&["run", LESSON, "--trace", "json", "--format", "json"]);
    let stdout = text(&output.stdout);
    let lines: Vec<serde_json::Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let last = lines.last().expect("a run says something");
    assert_eq!((&last["verdict"], &last["seed"]), (&"pass".into(), &"0x2".into()));
    assert!(lines.iter().any(|line| line["event"] == "high-watermark-advanced"));
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
    assert!(text(&output.stdout).contains("expected leo 4, found 3"), "{}", text(&output.stdout));
    let invalid = folder.join("invalid.toml");
    std::fs::write(&invalid, lesson.replace("brokers = 3", "brokers = \"three\"")).expect("written");
    let output = trial(&["run", invalid.to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("nothing was run"), "{}", text(&output.stderr));
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
