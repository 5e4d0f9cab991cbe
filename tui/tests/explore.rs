//! `trial explore` and what takes it on (`merge`, `shrink`, `replay`) as a shell sees them.

mod shell;

#[cfg(unix)]
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Output;
#[cfg(unix)]
use std::process::Stdio;

#[cfg(unix)]
use shell::signal;
use shell::{Folder, command, root, text, trial};

/// A deliberate bug that nearly every seed shows: the leader answers before its followers have the record.
const BUG: &str = "ack-before-replication";

/// The cheapest seeds.
fn explore(more: &[&str]) -> Output {
    let arguments: Vec<&str> = ["explore", "--profile", "lite"].iter().chain(more).copied().collect();
    trial(&arguments)
}

fn last_line(output: &Output) -> String {
    let said = text(&output.stdout);
    said.lines().last().unwrap_or_else(|| panic!("it said nothing: {}", text(&output.stderr))).to_owned()
}

/// The last line without the one thing in it that a clock decides.
fn without_rate(line: &str) -> String {
    line.split("  ").filter(|part| !part.starts_with("rate: ")).collect::<Vec<_>>().join("  ")
}

/// It must say this and exit with 2, having run nothing.
fn refuses(arguments: &[&str], reason: &str) {
    let output = trial(arguments);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    assert!(complaint.contains(reason) && !complaint.contains("panicked"), "{arguments:?}: {complaint}");
}

#[test]
fn the_last_line_is_the_one_that_scripts_read() {
    let output = explore(&["--seeds", "0..3"]);
    let line = last_line(&output);
    let parts: Vec<(&str, &str)> =
        line.split("  ").map(|part| part.split_once(": ").expect("a name and a value")).collect();
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    let wanted = ["explored", "failures", "excused", "signatures", "unreached-marks", "rate", "fingerprint"];
    assert_eq!(names, wanted, "{line}");
    assert_eq!(parts[0].1, "3 seeds");
    for (name, value) in &parts[1..5] {
        assert!(value.parse::<u64>().is_ok(), "{name}: {value}");
    }
    assert!(parts[5].1.strip_suffix("/s").is_some_and(|rate| rate.parse::<u64>().is_ok()), "{line}");
    assert!(parts[6].1.len() == 16 && u64::from_str_radix(parts[6].1, 16).is_ok(), "{line}");
    assert_eq!(output.status.code() == Some(0), parts[1].1 == "0", "the exit code says whether something failed");
}

#[test]
fn the_same_campaign_in_other_processes_with_other_jobs_and_in_shards_is_the_same() {
    let folder = Folder::new("shards");
    let whole = explore(&["--seeds", "0..6", "--jobs", "1", "--faithful-one-in", "3"]);
    let two = explore(&["--seeds", "0..6", "--jobs", "2", "--faithful-one-in", "3"]);
    assert_eq!(without_rate(&last_line(&whole)), without_rate(&last_line(&two)));
    let parts = [folder.path("part-0"), folder.path("part-1")];
    for (part, shard) in parts.iter().zip(["0/2", "1/2"]) {
        let output = explore(&["--seeds", "0..6", "--shard", shard, "--out", part, "--faithful-one-in", "3"]);
        assert!(last_line(&output).starts_with("explored: 3 seeds  "), "{}", last_line(&output));
    }
    let files = parts.each_ref().map(|part| format!("{part}/results.jsonl"));
    // The second part twice: a seed counts once.
    let merged = trial(&["merge", &files[1], &files[0], &files[1]]);
    assert_eq!(without_rate(&last_line(&merged)), without_rate(&last_line(&whole)), "{}", text(&merged.stderr));
    assert_eq!(merged.status.code(), whole.status.code());
    assert!(!last_line(&merged).contains("rate: ") && !text(&merged.stderr).contains("incomplete"), "nothing was run");
    let half = trial(&["merge", &files[0]]);
    let complaint = text(&half.stderr);
    assert!(complaint.contains("profile lite 3 seeds between 0x0 and 0x5 have no result"), "{complaint}");
    assert!(complaint.contains("there is no part 1/2") && complaint.contains("\nhint: "), "{complaint}");
    assert!(
        text(&half.stdout).contains("\nincomplete: of what was joined there are 3 seeds"),
        "{}",
        text(&half.stdout)
    );
    let strict = trial(&["merge", "--complete", &files[0]]);
    assert!(matches!(strict.status.code(), Some(1..=5)) && strict.stdout == half.stdout, "{}", strict.status);
    let cut = std::fs::read_to_string(&files[1]).expect("results");
    let cut = folder.file("cut.jsonl", cut.trim_end().as_bytes().split_last().expect("a line").1);
    let complaint = text(&trial(&["merge", &files[0], &cut]).stderr);
    assert!(complaint.contains("incomplete: the last line of ") && complaint.contains("cut off"), "{complaint}");
    let json = |files: &[&str]| {
        let merged = trial(&[["merge", "--format", "json"].as_slice(), files].concat());
        serde_json::from_str::<serde_json::Value>(&text(&merged.stdout)).expect("one object")
    };
    assert_eq!(json(&[&files[0]])["incomplete"], true);
    let both = json(&[&files[0], &files[1]]);
    assert_eq!((&both["incomplete"], &both["interrupted"]), (&false.into(), &false.into()));
    let unreached = both["unreached_marks"].as_u64().expect("a number");
    assert!(last_line(&merged).contains(&format!("  unreached-marks: {unreached}  ")), "{}", last_line(&merged));
    let other = explore(&["--seeds", "1..7", "--faithful-one-in", "3"]);
    assert_ne!(without_rate(&last_line(&other)), without_rate(&last_line(&whole)));
}

/// Whole traces, and not only what is hashed of them.
#[test]
fn one_seed_has_the_same_trace_in_two_processes() {
    let folder = Folder::new("traces");
    let scenario = text(&explore(&["--print-scenario", "0x3"]).stdout);
    assert_eq!(scenario, text(&explore(&["--print-scenario", "3"]).stdout));
    // A bug is said in a line of its own, so that the file fails as the seed does, and is drawn into nothing else.
    let switched = text(&explore(&["--print-scenario", "3", "--switch", BUG]).stdout);
    let apart = format!("switches = [\"{BUG}\"]\n");
    assert_eq!(switched.matches(&apart).count(), 1, "{switched}");
    assert_eq!(switched.replace(&apart, ""), scenario);
    let file = folder.file("seed.toml", scenario.as_bytes());
    let trace = || {
        let output = trial(&["run", &file, "--trace", "json", "--format", "json"]);
        text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, other) = (trace(), trace());
    assert!(one.len() > 100, "a trace of {} lines", one.len());
    let parts = one.iter().zip(&other).position(|(a, b)| a != b);
    assert_eq!(parts.map(|index| (&one[index], &other[index])), None, "the first lines that differ");
    assert_eq!(one.len(), other.len());
}

#[test]
fn a_range_without_seeds_and_a_part_that_does_not_exist_are_refused() {
    refuses(&["explore", "--seeds", "5..5"], "there is no seed in 5..5");
    refuses(&["explore", "--seeds", "7..5"], "there is no seed in 7..5");
    refuses(&["explore", "--seeds", "five"], "expected a range such as 0..1000");
    refuses(&["explore", "--seeds", "0.."], "error: these seeds have no end");
    for shard in ["2/2", "3/2", "0/0", "1"] {
        refuses(&["explore", "--seeds", "0..4", "--shard", shard], "expected a part and how many there are");
    }
    refuses(&["explore", "--seeds", "0..4", "--shard", "5/8"], "part 5/8 takes none of the seeds 0..4");
    refuses(&["explore", "--budget", "0s"], "a budget of no time is over before the first seed");
    refuses(&["explore", "--profile", "everyday"], "expected one of default, lite, disk");
}

#[test]
fn a_folder_that_cannot_be_written_and_one_with_results_are_left_alone() {
    let folder = Folder::new("unwritable");
    let file = folder.file("a-file", b"of somebody");
    refuses(&["explore", "--seeds", "0..1", "--out", &format!("{file}/below")], "cannot write");
    assert_eq!(std::fs::read(&file).expect("still there"), b"of somebody");
    let results = folder.file("results.jsonl", b"an earlier campaign\n");
    refuses(&["explore", "--seeds", "0..1", "--out", &folder.path("")], "holds the results of an earlier campaign");
    assert_eq!(std::fs::read(&results).expect("still there"), b"an earlier campaign\n");
    let other = Folder::new("scenarios");
    let scenario = other.file("safety.toml", b"of somebody");
    refuses(&["explore", "--seeds", "0..1", "--out", &other.path("")], "might be overwritten");
    assert_eq!(std::fs::read(&scenario).expect("still there"), b"of somebody");
    assert!(!other.0.join("results.jsonl").exists());
}

#[test]
fn results_of_another_build_or_another_campaign_are_not_joined() {
    let folder = Folder::new("merge");
    let out = folder.path("here");
    explore(&["--seeds", "0..1", "--out", &out]);
    let here = format!("{out}/results.jsonl");
    let all = std::fs::read_to_string(&here).expect("results");
    let head = all.lines().next().expect("the campaign's own line");
    let line = all.lines().nth(1).expect("a result below it");
    let result: serde_json::Value = serde_json::from_str(line).expect("a result is JSON");
    let variant = |name: &str, key: &str, value: serde_json::Value| {
        let mut other = result.clone();
        other[key] = value;
        other["seed"] = "0x1".into();
        folder.file(name, format!("{head}\n{other}\n").as_bytes())
    };
    let elsewhere = variant("elsewhere.jsonl", "build", "0123456789abcdef".into());
    refuses(&["merge", &here, &elsewhere], "results of different builds");
    // Before the format had a number, files began with a result, or with a head that said less.
    let older = folder.file("older.jsonl", format!("{line}\n").as_bytes());
    refuses(&["merge", &here, &older], "older.jsonl, line 1: these results have no number of their format");
    let newer = all.replacen("\"format\":1", "\"format\":2", 1);
    let newer = folder.file("newer.jsonl", newer.as_bytes());
    refuses(&["merge", &newer, &here], "these results are of format 2, and this build of Trial reads format 1");
    let switched = variant("switched.jsonl", "switches", serde_json::json!([BUG]));
    refuses(&["merge", &here, &switched], "--profile lite --switch ack-before-replication");
    refuses(
        &["merge", &here, &folder.file("other.jsonl", b"{}\n")],
        "other.jsonl, line 1: these results have no number",
    );
    refuses(&["merge", &folder.path("nothing.jsonl")], "cannot read");
    refuses(&["merge", &folder.file("empty.jsonl", b"")], "there is nothing to join: no seed has a result");
    let only = folder.file("only-a-head.jsonl", format!("{head}\n").as_bytes());
    refuses(&["merge", &only], "there is nothing to join: no seed has a result");
    assert_eq!(std::fs::read_to_string(&here).expect("still there"), all);
}

#[test]
fn a_signature_is_shrunk_beside_what_it_was_found_as_and_its_line_to_paste_runs_it_again() {
    let folder = Folder::new("found");
    let out = folder.path("found");
    let output = explore(&["--seeds", "0..2", "--switch", BUG, "--out", &out, "--shrink-budget", "20s"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    let files = |ending: &str| {
        let entries = std::fs::read_dir(&out).expect("the folder is there").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
        names.retain(|name| name.ends_with(ending));
        names
    };
    let shrunk = files(".shrunk.toml");
    assert_eq!((shrunk.len(), files(".toml").len()), (1, 2), "{said}");
    assert!(said.contains(&format!("  shrunk: {}: ", shrunk[0])), "{said}");
    assert!(said.contains(&format!("\n  look at the shrunk one: trial play {}\n", shrunk[0])), "{said}");
    let line =
        said.lines().find_map(|line| line.strip_prefix("  run the shrunk one: trial ")).expect("a line to paste");
    assert_eq!(trial(&line.split(' ').collect::<Vec<_>>()).status.code(), Some(1), "{line}");
    for file in files(".toml") {
        let replayed = trial(&["replay", &file]);
        assert_eq!(replayed.status.code(), Some(1), "{file}: {}", text(&replayed.stdout));
        assert!(text(&replayed.stdout).contains("\nthe same run: "), "{file}: {}", text(&replayed.stdout));
    }
    let small = std::fs::read_to_string(&shrunk[0]).expect("a scenario");
    assert!(small.matches("[[step]]").count() <= 2 && small.contains("# What happens:"), "{small}");

    let again = said.lines().find_map(|line| line.trim().strip_prefix("again: trial ")).expect("a line to paste");
    let replayed = trial(&again.split(' ').collect::<Vec<_>>());
    assert_eq!(replayed.status.code(), Some(1), "{again}: {}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("\nthe same run: "), "{again}: {}", text(&replayed.stdout));
    // The same line with the name of another build.
    let (drawn, build) = again.rsplit_once(':').expect("a build");
    let elsewhere = format!("{drawn}:{}", build.chars().rev().collect::<String>());
    let replayed = trial(&elsewhere.split(' ').collect::<Vec<_>>());
    assert!(text(&replayed.stdout).contains("although this is another build"), "{}", text(&replayed.stdout));
}

#[test]
fn without_a_folder_the_report_says_how_to_shrink_and_a_seed_is_shrunk_by_its_number() {
    let folder = Folder::new("shrink-seed");
    let output = explore(&["--seeds", "0..1", "--switch", BUG]);
    let said = text(&output.stdout);
    let shrink = said.lines().find_map(|line| line.strip_prefix("  to shrink it: trial ")).expect("a line to paste");
    assert_eq!(shrink, "shrink 0x0 --profile lite --switch ack-before-replication");
    let out = folder.path("small.toml");
    let arguments: Vec<&str> = shrink.split(' ').chain(["--out", &out, "--budget", "20s"]).collect();
    let shrunk = trial(&arguments);
    assert_eq!(shrunk.status.code(), Some(1), "the code of what was found: {}", text(&shrunk.stderr));
    let small = std::fs::read_to_string(&out).expect("the result is on disk");
    assert!(small.starts_with("#:schema ") || small.starts_with("# "), "{small}");
    assert!(small.contains("# Shrunk from 0x0 --profile lite --switch ack-before-replication: "), "{small}");
    refuses(&["shrink", "0x0", "--profile", "lite", "--seed", "3"], "the seed is said twice");
    refuses(&["shrink", "scenarios/bench/r1.toml", "--profile", "lite"], "and this is a file");
}

/// The sample is all seeds here, so the number is that of the whole campaign.
#[test]
fn what_passes_only_with_the_hazards_mended_is_counted_and_listed() {
    let output = explore(&["--seeds", "0..3", "--faithful-one-in", "1", "--excused", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("one object");
    assert_eq!(report["faithful"]["seeds"], 3, "{report}");
    let excused = report["excused"].as_array().expect("a list");
    let by_hazard = excused.iter().flat_map(|seed| seed["reasons"].as_array().cloned().unwrap_or_default());
    let by_hazard = by_hazard.filter(|reason| reason.as_str().is_some_and(|reason| reason.starts_with("hazard: ")));
    assert_eq!(report["faithful"]["failed"], by_hazard.count(), "{report}");
    let none = explore(&["--seeds", "0..1", "--faithful-one-in", "0"]);
    assert!(!text(&none.stdout).contains("faithful to Kafka"), "{}", text(&none.stdout));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_found() {
    ends_in_order("INT");
}

/// Without the seeds that were left when it was cut off: a line of one of them may be half there.
#[test]
fn an_interrupted_campaign_goes_on_where_it_was_and_comes_to_what_a_whole_one_comes_to() {
    let folder = Folder::new("resume");
    let (whole, part) = (folder.path("whole"), folder.path("part"));
    let campaign = ["--seeds", "0..6", "--jobs", "1", "--switch", BUG, "--no-shrink"];
    let in_folder = |out: &str, more: &[&str]| {
        let arguments: Vec<&str> = campaign.iter().copied().chain(["--out", out]).chain(more.iter().copied()).collect();
        explore(&arguments)
    };
    // Where nothing was begun it begins.
    let expected = in_folder(&whole, &["--resume"]);
    let all = std::fs::read_to_string(format!("{whole}/results.jsonl")).expect("results");
    // Killed in the middle of its fourth line, before it had kept a scenario.
    let three: usize = all.split_inclusive('\n').take(3).map(str::len).sum();
    std::fs::create_dir(&part).expect("a folder");
    let results = format!("{part}/results.jsonl");
    std::fs::write(&results, &all[..three + 40]).expect("written");
    refuses(&["explore", "--profile", "lite", "--seeds", "0..6", "--out", &part], "or go on with that one by --resume");
    let resumed = in_folder(&part, &["--resume"]);
    assert!(text(&resumed.stderr).contains("resumed: 2 seeds have a result already"), "{}", text(&resumed.stderr));
    assert_eq!(without_rate(&last_line(&resumed)), without_rate(&last_line(&expected)));
    assert_eq!(resumed.status.code(), expected.status.code());
    assert_eq!(
        std::fs::read_to_string(&results).expect("results"),
        all,
        "one worker: the same lines in the same order"
    );
    let scenarios = |folder: &str| -> std::collections::BTreeSet<_> {
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.collect()
    };
    assert_eq!(scenarios(&part), scenarios(&whole));
    // Once more: nothing is left to run, and the report is that of all.
    let again = in_folder(&part, &["--resume"]);
    assert_eq!(without_rate(&last_line(&again)), without_rate(&last_line(&expected)));
}

#[test]
fn a_campaign_goes_on_only_in_its_own_folder() {
    let folder = Folder::new("resume-other");
    let out = folder.path("found");
    explore(&["--seeds", "0..1", "--out", &out]);
    let results = format!("{out}/results.jsonl");
    let all = std::fs::read_to_string(&results).expect("results");
    let resume = |more: &[&'static str]| -> Vec<String> {
        let arguments = ["explore", "--profile", "lite"].iter().chain(more).copied().chain(["--resume", "--out"]);
        arguments.map(str::to_owned).chain([out.clone()]).collect()
    };
    let refused = |more: &[&'static str], reason: &str| {
        let arguments = resume(more);
        refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), reason);
    };
    refused(&["--seeds", "0..2"], "is of another campaign: it was begun with `--profile lite --seeds 0x0..0x1 ");
    refused(&["--seeds", "0..1", "--switch", BUG], "and this is `--profile lite --seeds 0x0..0x1 --switch");
    let head = all.lines().next().expect("a head");
    let build = serde_json::from_str::<serde_json::Value>(head).expect("JSON")["build"].clone();
    let build = build.as_str().expect("a build has a name");
    std::fs::write(&results, all.replace(build, "0123456789abcdef")).expect("written");
    refused(&["--seeds", "0..1"], "was begun by build 0123456789abcdef, and this is build");
    refuses(&["explore", "--seeds", "0..1", "--resume"], "--out");
}

/// What a scheduler sends when a job's time is over.
#[cfg(unix)]
#[test]
fn a_time_limit_keeps_what_was_found() {
    ends_in_order("TERM");
}

#[cfg(unix)]
fn ends_in_order(by: &str) {
    let folder = Folder::new(&format!("explore-ended-by-{by}"));
    let out = folder.path("found");
    let mut child = command(&["explore", "--profile", "lite", "--seeds", "0..1000000", "--out", &out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let results = Path::new(&out).join("results.jsonl");
    // The first line is the campaign's own.
    let count = || std::fs::read_to_string(&results).map_or(0, |text| text.lines().count().saturating_sub(1));
    while count() < 2 {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    signal(&child, by);
    let mut said = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_to_string(&mut said).expect("readable");
    let status = child.wait().expect("it ends");
    let last = said.lines().last().expect("it says what it found");
    assert!(last.starts_with(&format!("explored: {} seeds  ", count())), "{last}: {} results", count());
    assert!(said.contains(&format!("\ninterrupted: {} seeds have a result", count())), "{said}");
    assert!(said.contains("; the same command with --resume goes on\n"), "it has a folder: {said}");
    assert!(matches!(status.code(), Some(130 | 1 | 3 | 4)), "{status}");
}

#[test]
fn campaigns_in_the_book_are_commands_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/src/exploring.md")).expect("the page is there");
    let help = ["explore", "merge"].map(|command| text(&trial(&[command, "--help"]).stdout)).concat();
    // The page also names cargo's own commands.
    let lines = page.lines().filter(|line| !line.contains("cargo test"));
    let words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || c == '`'));
    let options =
        words.filter(|word| word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic)));
    let known: Vec<&str> = options.map(|word| word.trim_end_matches([',', '.', ':', ';', ')'])).collect();
    assert!(known.len() > 5, "{known:?}");
    for option in known.iter().filter(|option| **option != "--found") {
        assert!(help.contains(option), "{option} is no option of `trial explore` or `trial merge`");
    }
}

/// The results of an exploration lie beside the scenarios that it found, and a seed is easily taken for a file.
#[test]
fn who_names_results_or_a_seed_where_a_scenario_belongs_is_told_what_takes_them() {
    let folder = Folder::new("mistaken");
    let results = folder.file("results.jsonl", b"{\"profile\":\"lite\"}\n{\"seed\":\"0x0\"}\n");
    let merge = format!("hint: `trial merge {results}` says what results");
    refuses(&["run", &results], &merge);
    refuses(&["replay", &results], &merge);
    refuses(&["run", "0x2a"], "hint: this is a seed: `trial replay 0x2a` runs it");
    let list = folder.file("list.csv", b"root,0,0\n");
    refuses(&["merge", &list], "hint: name the results.jsonl of a folder");
}

#[test]
fn who_asks_for_no_runs_or_no_jobs_is_told_to_ask_for_one() {
    refuses(&["shrink", "0x0", "--runs", "0"], "expected a number from 1 on");
    for arguments in [&["explore", "--jobs", "0"], &["museum", "--jobs", "0"], &["explore", "--jobs", "1000000"]] {
        refuses(arguments, "expected a number from 1 to 1024");
    }
    refuses(&["explore", "--seeds", "10"], "expected a range: 0..10 are the first 10");
}

/// Two campaigns that were said in another order are one; results that differ are a finding, which the report names.
#[test]
fn folders_are_joined_however_their_switches_were_said_and_seeds_that_differ_are_in_the_report() {
    let folder = Folder::new("joined-folders");
    let (one, other) = (folder.path("one"), folder.path("other"));
    let (first, second) = ("--switch=vote-twice", "--switch=no-pre-vote");
    explore(&["--seeds", "0..2", "--no-shrink", "--out", &one, first, second]);
    explore(&["--seeds", "0..2", "--no-shrink", "--out", &other, second, first, second]);
    let same = text(&trial(&["merge", &one, &other]).stdout);
    assert!(same.contains("explored: 2 seeds") && !same.contains("differ"), "{same}");
    let results = Path::new(&other).join("results.jsonl");
    let lines = std::fs::read_to_string(&results).expect("its results");
    std::fs::write(&results, lines.replacen("\"fingerprint\":\"", "\"fingerprint\":\"0", 1)).expect("they are changed");
    let output = trial(&["merge", &one, &other]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert_eq!(said.matches("nondeterminism: profile lite seed ").count(), 1, "{said}");
    let report: serde_json::Value =
        serde_json::from_slice(&trial(&["merge", &one, &other, "--format", "json"]).stdout).expect("it is JSON");
    assert_eq!(report["differing"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["profile"], "lite");
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    for arguments in [&["explore", "--print-scenario", "0"][..], &["explore", "--seeds", "0..1", "--profile", "lite"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a disk that is always full");
        let output = command(arguments).stdout(full).output().expect("the command runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let complaint = text(&output.stderr);
        assert!(complaint.contains("error: cannot write to the standard output: "), "{arguments:?}: {complaint}");
    }
}
