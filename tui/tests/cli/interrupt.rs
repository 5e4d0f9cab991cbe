//! Whoever started it may end it at any time: Ctrl-C ends what is under way, which tells how far it came.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};

use super::shell::{Folder, command, signal};

/// What was not run is not told as not found.
#[test]
fn ctrl_c_ends_a_hunt_and_what_was_not_run_is_no_result() {
    let arguments = ["museum", "rep-01", "--seeds", "1000000", "--shrink", "0", "--format", "json"];
    let mut child =
        command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    assert_ne!(stderr.read_line(&mut line).expect("readable"), 0, "it says which piece it plays");
    signal(&child, "INT");
    let mut said = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut said).expect("readable");
    let (status, complaint) = ended(child, stderr);
    assert_eq!(status.code(), Some(130), "{complaint}");
    let piece: serde_json::Value = serde_json::from_str(&said).expect("one piece, one line");
    assert_eq!((&piece["interrupted"], &piece["exploration"]), (&true.into(), &"interrupted".into()), "{piece}");
    assert_eq!((&piece["seeds_median"], &piece["steps_shrunk"]), (&().into(), &().into()), "{piece}");
    assert!(!complaint.contains("not found in") && complaint.contains("interrupted: 1 of 1 pieces"), "{complaint}");
}

/// What came of a process that is read to its end.
fn ended(mut child: Child, mut rest: impl Read) -> (ExitStatus, String) {
    let mut text = String::new();
    rest.read_to_string(&mut text).expect("readable");
    (child.wait().expect("it ends"), text)
}

/// A cluster on which nothing happens for a day of virtual time, which takes minutes: it is interrupted when its first
/// line is there, and must then end by itself.
#[test]
fn ctrl_c_ends_a_run_with_its_trace_and_says_how_far_it_came() {
    let folder = Folder::new("interrupted");
    let scenario = folder.file(
        "day.toml",
        b"format = 1\nid = \"day\"\ntitle = \"A day\"\nuntil = \"86400s\"\n[cluster]\nbrokers = 3\ncontrollers = 3\n\
          [[topic]]\nname = \"orders\"\nreplicas = [[1, 2, 3]]\n",
    );
    let out = folder.0.join("out");
    let arguments = ["run", &scenario, "--trace", "json", "--out", out.to_str().expect("a plain path")];
    let mut child =
        command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let stderr = child.stderr.take().expect("piped");
    let mut trace = String::new();
    stdout.read_line(&mut trace).expect("a run says something");
    signal(&child, "INT");
    stdout.read_to_string(&mut trace).expect("readable");
    let (status, complaint) = ended(child, stderr);
    assert_eq!(status.code(), Some(130), "{complaint}");
    assert!(complaint.starts_with("interrupted at ") && complaint.contains("world step "), "{complaint}");
    for line in trace.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is whole");
    }
    assert!(!trace.contains("verdict"), "nobody knows what it would have come to");
    assert_eq!(std::fs::read_to_string(out.join("trace.jsonl")).expect("the trace is kept"), trace);
    assert!(!out.join("report.json").exists());
}

#[test]
fn ctrl_c_ends_a_bench_after_the_run_under_way() {
    let mut child = command(&["bench", "--seeds", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("warming up") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).expect("readable"), 0, "it never warmed up");
    }
    signal(&child, "INT");
    let (status, complaint) = ended(child, stderr);
    assert_eq!(status.code(), Some(130), "{complaint}");
    assert!(complaint.contains("interrupted"), "{complaint}");
}
