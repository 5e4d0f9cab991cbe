//! The command as a shell sees it: exit codes, streams, the last line.

mod shell;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

#[cfg(unix)]
use shell::interrupt;
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
fn a_switch_brings_a_bug_back_and_the_line_to_paste_says_so() {
    assert_eq!(trial(&["run", PIECE, "--trace", "none"]).status.code(), Some(0));
    let output = trial(&["run", PIECE, "--trace", "none", "--switch", "truncate-to-high-watermark"]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("again: trial run") && stdout.contains("--switch truncate-to-high-watermark"), "{stdout}");
}

#[test]
fn a_switch_that_does_not_exist_is_answered_with_the_nearest_that_does() {
    let output = trial(&["run", PIECE, "--switch", "truncate-to-low-watermark"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("did you mean `truncate-to-high-watermark`?"), "{stderr}");
    assert!(!stderr.contains("vote-twice"), "not with all of a hundred: {stderr}");
    let far = text(&trial(&["run", PIECE, "--switch", "x"]).stderr);
    assert!(far.contains("no switch has a name like that") && far.contains("vote-twice"), "{far}");
}

#[test]
fn the_museum_says_which_check_finds_a_bug() {
    let output = trial(&["museum", "rep-01", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let piece: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("one piece, one line");
    assert_eq!((&piece["piece"], &piece["verdict"], &piece["found"]), (&"REP-01".into(), &"pass".into(), &true.into()));
    assert_eq!(piece["found_by"], "acked-record-not-lost");
    assert_eq!(trial(&["museum", "no-such-piece"]).status.code(), Some(2));
}

#[test]
fn a_hunt_that_no_campaign_ends_is_exit_code_1_and_the_table_says_what_exploration_saw() {
    // Nobody finds it in one seed a campaign: the clusters of most seeds have not what it needs.
    let output = trial(&["museum", "isr-03", "--seeds", "1", "--shrink", "0"]);
    let said = text(&output.stdout);
    let (head, piece) = said.trim_end().split_once('\n').expect("a head and a piece");
    assert!(head.contains("found by") && head.contains("explored by"), "{said}");
    assert!(piece.contains("NOT FOUND") && piece.contains("- (0 of 5)"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}

/// What was not run is not told as not found.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_hunt_and_what_was_not_run_is_no_result() {
    let arguments = ["museum", "rep-01", "--seeds", "1000000", "--shrink", "0", "--format", "json"];
    let mut child =
        command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    assert_ne!(stderr.read_line(&mut line).expect("readable"), 0, "it says which piece it plays");
    interrupt(&child);
    let mut said = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut said).expect("readable");
    let (status, complaint) = ended(child, stderr);
    assert_eq!(status.code(), Some(130), "{complaint}");
    let piece: serde_json::Value = serde_json::from_str(&said).expect("one piece, one line");
    assert_eq!((&piece["interrupted"], &piece["exploration"]), (&true.into(), &"interrupted".into()), "{piece}");
    assert_eq!((&piece["seeds_median"], &piece["steps_shrunk"]), (&().into(), &().into()), "{piece}");
    assert!(!complaint.contains("not found in") && complaint.contains("interrupted: 1 of 1 pieces"), "{complaint}");
}

#[test]
fn a_piece_that_cannot_be_read_is_named_and_the_others_are_shown() {
    let folder = Folder::new("museum");
    let piece = std::fs::read(root().join(PIECE)).expect("a piece");
    folder.file("rep-01-truncation-to-high-watermark.toml", &piece);
    folder.file("rep-02-bad.toml", b"format = 1\nid = 7\n");
    folder.file("kr-99-bad.toml", b"not a scenario");
    let output = trial(&["museum", "rep", "--folder", &folder.path("")]);
    let (table, complaint) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(table.contains("REP-01") && table.contains("acked-record-not-lost"), "{table}");
    assert!(complaint.contains("rep-02-bad.toml") && !complaint.contains("kr-99"), "{complaint}");
    assert!(complaint.contains("1 pieces are not in the table"), "{complaint}");
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

/// What came of a process that is read to its end.
#[cfg(unix)]
fn ended(mut child: Child, mut rest: impl Read) -> (ExitStatus, String) {
    let mut text = String::new();
    rest.read_to_string(&mut text).expect("readable");
    (child.wait().expect("it ends"), text)
}

/// A cluster on which nothing happens for a day of virtual time, which takes minutes: it is interrupted when its first
/// line is there, and must then end by itself.
#[cfg(unix)]
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
    interrupt(&child);
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

#[cfg(unix)]
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
    interrupt(&child);
    let (status, complaint) = ended(child, stderr);
    assert_eq!(status.code(), Some(130), "{complaint}");
    assert!(complaint.contains("interrupted"), "{complaint}");
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
    let claim = small.replace("fingerprint = \"", "fingerprint = \"0");
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

/// A recording whose last line has the digest of what stands before it, without the build.
fn sealed(recording: &str) -> String {
    let [_, head, rest] = recording.splitn(3, '\n').collect::<Vec<_>>()[..] else { panic!("{recording}") };
    let (scenario, _) = rest.rsplit_once("\nend of recording ").expect("it is whole");
    let (begin, build) = head.split_once("\"build\":\"").expect("it says who made it");
    let (_, end) = build.split_once('"').expect("a name");
    let digest = xxhash_rust::xxh3::xxh3_64(format!("{begin}\"build\":\"\"{end}\n{scenario}").as_bytes());
    format!("trial recording 2\n{head}\n{scenario}\nend of recording {digest:016x}\n")
}

/// A recording is one run, not a scenario: it is made again and compared with its marks, and `trial run` says what to use.
#[test]
fn a_recording_is_repeated_and_compared_and_is_no_scenario() {
    let folder = Folder::new("recordings");
    let path = folder.0.join("lesson.recording").to_str().expect("a plain path").to_owned();
    assert_eq!(trial(&["export", LESSON, "--recording", &path]).status.code(), Some(0));
    let replayed = trial(&["replay", &path]);
    let said = text(&replayed.stdout);
    assert_eq!(replayed.status.code(), Some(0), "{said}");
    assert!(said.contains("the same run, step for step") && said.contains("\nreplayed: pass  seed: 0x2"), "{said}");
    let whole = std::fs::read_to_string(&path).expect("it was written");
    let other = whole.replacen("\"seed\":\"0x2\"", "\"seed\":\"0x3\"", 1);
    assert_ne!(whole, other);
    let replayed = trial(&["replay", &folder.file("damaged.recording", other.as_bytes())]);
    assert_eq!(replayed.status.code(), Some(2));
    assert!(text(&replayed.stderr).contains("is damaged"), "{}", text(&replayed.stderr));
    let replayed = trial(&["replay", &folder.file("other.recording", sealed(&other).as_bytes())]);
    assert_eq!(replayed.status.code(), Some(5), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("another run from one of the steps 0 to "), "{}", text(&replayed.stdout));
    let run = trial(&["run", &path]);
    assert_eq!(run.status.code(), Some(2));
    let complaint = text(&run.stderr);
    assert!(complaint.contains("is a recording of one run") && complaint.contains("hint: `trial play"), "{complaint}");
}

#[test]
fn a_drawing_of_nothing_is_refused_and_not_written() {
    let folder = Folder::new("drawings");
    let path = folder.0.join("lanes.svg");
    let file = path.to_str().expect("a plain path");
    for (arguments, said) in [
        (["--from", "5s", "--to", "1s"], "nothing lies between --from 5s and --to 1s"),
        (["--from", "0s", "--filter", "nosuchword"], "nothing can be drawn"),
    ] {
        let output = trial(&[["export", LESSON, "--svg", file].as_slice(), &arguments].concat());
        assert_eq!((output.status.code(), path.exists()), (Some(2), false));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

/// As `:save` in the window: what is there stays, and what is written is told.
#[test]
fn an_export_overwrites_nothing_and_says_what_it_wrote() {
    let folder = Folder::new("exports");
    let there = folder.file("there.svg", b"mine");
    let path = folder.0.join("lanes.svg");
    let new = path.to_str().expect("a plain path");
    let refused = trial(&["export", LESSON, "--recording", new, "--svg", &there]);
    assert_eq!((refused.status.code(), path.exists()), (Some(2), false), "nothing is written where one cannot be");
    assert!(text(&refused.stderr).contains("which stays as it is"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(&there).expect("it is there"), b"mine");
    let written = trial(&["export", LESSON, "--svg", new]);
    let length = std::fs::metadata(&path).expect("it was written").len();
    assert_eq!(text(&written.stdout), format!("wrote {new}: {length} bytes\n"), "{}", text(&written.stderr));
}

/// What `:record` saved in the window becomes what its scenario would: the same page, film and drawing, to the byte.
#[test]
fn a_recording_is_exported_as_its_scenario_is_and_only_as_the_run_that_it_was() {
    let folder = Folder::new("recording-exports");
    let path = |name: &str| folder.0.join(name).to_str().expect("a plain path").to_owned();
    let recording = path("lesson.recording");
    assert_eq!(trial(&["export", LESSON, "--recording", &recording]).status.code(), Some(0));
    for (form, name) in [("--svg", "lanes.svg"), ("--cast", "film.cast")] {
        let (of_file, of_recording) = (path(name), path(&format!("again-{name}")));
        assert_eq!(trial(&["export", LESSON, form, &of_file]).status.code(), Some(0));
        let made = trial(&["export", &recording, form, &of_recording]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
        let read = |path: &str| std::fs::read(path).expect("it was written");
        assert!(!read(&of_file).is_empty() && read(&of_file) == read(&of_recording), "{form}");
    }
    let whole = std::fs::read_to_string(&recording).expect("it was written");
    let other =
        folder.file("other.recording", sealed(&whole.replacen("\"seed\":\"0x2\"", "\"seed\":\"0x3\"", 1)).as_bytes());
    let none = path("none.svg");
    for (arguments, said) in [
        (["export", &other, "--svg", &none].as_slice(), "this is not what was recorded"),
        (&["export", &recording, "--svg", &none, "--switch", "truncate-to-high-watermark"], "name it alone"),
    ] {
        let refused = trial(arguments);
        assert_eq!((refused.status.code(), std::path::Path::new(&none).exists()), (Some(2), false));
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
}
