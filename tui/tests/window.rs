//! The real command in a real terminal: it opens, answers keys and sizes, and gives the terminal back on every way out.
//!
//! The terminal is tmux's, on a server of the test's own. Where tmux is missing the test says so and passes: the gate
//! installs it.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const LESSON: &str = "scenarios/lessons/02-log-end-and-high-watermark.toml";

/// The root of the workspace, in which every command is started.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at a screen, one like the other, until it counts as standing still.
const STILL: u32 = 3;

/// A terminal of 100 columns and 30 rows with a shell in it.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// None where there is no tmux.
    #[expect(clippy::print_stdout, reason = "whoever reads the test's output must see that it looked at nothing")]
    fn open(name: &str) -> Option<Terminal> {
        if Command::new("tmux").arg("-V").output().is_err() {
            println!("skipped: this test needs tmux, and there is none");
            return None;
        }
        let terminal = Terminal { socket: format!("trial-{name}-{}", std::process::id()) };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "env PS1='ready> ' sh"]);
        terminal.wait_for("ready>");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments).current_dir(root()).env_remove("TMUX");
        command.output().expect("tmux runs")
    }

    /// Types a line into the shell.
    fn run(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    /// Starts a window, and waits until it has its recording.
    fn play(&self, more: &str) {
        self.run(&format!("{} play {LESSON} {more}; echo left with $?", env!("CARGO_BIN_EXE_trial")));
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// What stands on the screen.
    fn shown(&self) -> String {
        text(&self.tmux(&["capture-pane", "-p"]).stdout)
    }

    fn wait_for(&self, words: &str) -> String {
        self.wait_until(|shown| shown.contains(words), words)
    }

    /// Waits for a screen with all of these words: one frame shows some of them before the next shows the rest.
    fn wait_for_all(&self, words: &[&str]) -> String {
        self.wait_until(|shown| words.iter().all(|word| shown.contains(word)), &words.join("` and `"))
    }

    /// Waits for a screen of which this holds, and that stands still: a frame reaches the terminal in pieces, and
    /// half a frame shows what never stood together.
    fn wait_until(&self, holds: impl Fn(&str) -> bool, what: &str) -> String {
        let started = Instant::now();
        let (mut last, mut seen) = (String::new(), 0);
        loop {
            let shown = self.shown();
            seen = if shown == last { seen + 1 } else { 1 };
            if seen == STILL && holds(&shown) {
                return shown;
            }
            seen = seen.min(STILL - 1);
            assert!(started.elapsed() < PATIENCE, "waited for `{what}`; there is:\n{shown}");
            last = shown;
            sleep(Duration::from_millis(50));
        }
    }

    /// The terminal is as a shell needs it: its own screen, a cursor, lines that are echoed.
    fn is_given_back(&self) {
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]);
        assert_eq!(text(&flags.stdout).trim(), "0 1 0", "alternate screen, cursor, mouse");
        self.run("clear; stty -a");
        let settings = self.wait_for("echok");
        for wanted in ["icanon", "echo", "isig", "icrnl"] {
            assert!(settings.split_whitespace().any(|word| word == wanted), "{wanted} is not set:\n{settings}");
        }
    }

    /// The number of the process behind the window.
    fn window(&self) -> String {
        let shell = text(&self.tmux(&["display-message", "-p", "#{pane_pid}"]).stdout);
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", shell.trim()]).output().expect("there is a ps");
        text(&children.stdout).split_whitespace().next().expect("a window runs").to_owned()
    }

    /// Sends a signal to the window.
    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.window()]).status().expect("there is a kill");
        assert!(status.success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn it_opens_answers_keys_and_a_new_size_and_gives_the_terminal_back() {
    let Some(terminal) = Terminal::open("keys") else { return };
    terminal.play("");
    terminal.wait_for_all(&["PARTITIONS", "ends in", "The log end and the high watermark", "0.000 s", "paused"]);
    terminal.press("?");
    terminal.wait_for("play, pause");
    terminal.press("?");
    terminal.wait_for("PARTITIONS");
    terminal.press("]");
    terminal.press("2");
    terminal.wait_for("min ISR");
    terminal.tmux(&["resize-window", "-x", "60", "-y", "15"]);
    // A narrow window says less of its keys, and ends with help all the same.
    let is_narrow = |shown: &str| shown.lines().all(|line| line.chars().count() <= 60);
    let says_less = |shown: &str| shown.contains("? help") && !shown.contains("explain") && shown.contains("offsets");
    terminal.wait_until(|shown| is_narrow(shown) && says_less(shown), "it is narrow");
    terminal.press("t");
    terminal.wait_for("go to (");
    terminal.press("q");
    terminal.wait_for("number): q");
    // Escape and a letter right behind it would be another key.
    terminal.press("Escape");
    terminal.wait_until(|shown| !shown.contains("number):"), "the prompt is closed");
    terminal.press("q");
    terminal.wait_for("left with 0");
    terminal.is_given_back();
}

/// A class may look at one moment for half an hour, on a laptop without a plug.
#[test]
fn where_nothing_happens_nothing_is_drawn() {
    let Some(terminal) = Terminal::open("quiet") else { return };
    terminal.play("");
    terminal.wait_for_all(&["PARTITIONS", "ends in", "paused"]);
    let written = std::env::temp_dir().join(format!("trial-quiet-{}", std::process::id()));
    terminal.tmux(&["pipe-pane", &format!("cat > {}", written.display())]);
    let length = || std::fs::metadata(&written).map_or(0, |file| file.len());
    let started = Instant::now();
    loop {
        let before = length();
        sleep(Duration::from_secs(1));
        if length() == before {
            break;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "a window that stands still wrote {} bytes in its last second",
            length() - before
        );
    }
    let before = length();
    terminal.press("]");
    terminal.wait_until(|_| length() > before, "what a key changes is drawn");
    let _ = std::fs::remove_file(&written);
}

#[test]
fn a_signal_ends_it_in_order() {
    let Some(terminal) = Terminal::open("signals") else { return };
    for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-INT", 130)] {
        terminal.run("clear");
        terminal.play("");
        terminal.wait_for("PARTITIONS");
        terminal.signal(signal);
        terminal.wait_for(&format!("left with {code}"));
        terminal.is_given_back();
    }
}

/// The loop that draws may stand still, or be slow on a machine with other work: a signal ends the window in order all the same.
#[test]
fn a_signal_ends_a_window_that_hangs_and_the_terminal_is_given_back() {
    let Some(terminal) = Terminal::open("hangs") else { return };
    for (signal, code) in [("-TERM", 143), ("-HUP", 129), ("-INT", 130)] {
        terminal.run("clear");
        terminal.play("--trouble hang");
        terminal.wait_for("recording ...");
        terminal.signal(signal);
        terminal.wait_for(&format!("left with {code}"));
        terminal.is_given_back();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let Some(terminal) = Terminal::open("crash") else { return };
    terminal.play("--trouble crash");
    let told = terminal.wait_for("left with 101");
    assert!(told.contains("asked to crash"), "{told}");
    terminal.is_given_back();
}

#[test]
fn it_stops_for_the_shell_and_goes_on_where_it_was() {
    let Some(terminal) = Terminal::open("suspend") else { return };
    // A shell with jobs: `fg` is one of its words.
    terminal.run("set -m");
    terminal.run(&format!("{} play {LESSON}", env!("CARGO_BIN_EXE_trial")));
    terminal.wait_for_all(&["PARTITIONS", "ends in"]);
    terminal.press("2");
    terminal.wait_for("min ISR");
    terminal.press("C-z");
    // The shell's prompt with what was typed stands there at once: the shell itself speaks when it has the terminal.
    terminal.wait_for("Stopped");
    terminal.is_given_back();
    terminal.run("fg; echo left with $?");
    terminal.wait_for("min ISR");
    terminal.press("q");
    terminal.wait_for("left with 0");
    terminal.is_given_back();
}

/// Nobody can quit a window whose terminal is gone.
#[test]
fn it_ends_with_its_terminal() {
    let Some(terminal) = Terminal::open("gone") else { return };
    terminal.play("");
    terminal.wait_for("PARTITIONS");
    let process = terminal.window();
    terminal.tmux(&["kill-server"]);
    let started = Instant::now();
    while Command::new("kill").args(["-0", &process]).output().is_ok_and(|output| output.status.success()) {
        assert!(started.elapsed() < PATIENCE, "process {process} still runs");
        sleep(Duration::from_millis(50));
    }
}

/// From its start to its reveal and its end: what a class sees, with what it must not see before its time.
#[test]
fn a_lesson_is_played_from_its_start_to_its_reveal_and_what_is_done_in_it_is_another_run() {
    let Some(terminal) = Terminal::open("lesson") else { return };
    terminal.run(&format!("{} lesson 5; echo left with $?", env!("CARGO_BIN_EXE_trial")));
    let start = terminal.wait_for_all(&["WATCH FOR", "PARTITIONS", "orders-0", "paused", "0.000 s", "quit"]);
    assert!(!start.contains("ends in") && !start.contains("pass"), "the end is told at the start:\n{start}");
    // As fast as it goes: the run stops at the question by itself.
    for _ in 0..4 {
        terminal.press("+");
    }
    terminal.press("Space");
    let asked = terminal.wait_for_all(&["PREDICT", "1  3 records", "2  nothing", "Enter goes on"]);
    assert!(!asked.contains("not even computed") && !asked.contains("✓ nothing"), "{asked}");
    terminal.press("2");
    terminal.wait_for("● 1");
    terminal.press("Enter");
    terminal.wait_for_all(&["WHAT CAME", "✓ nothing  ● 1", "not even computed", "under min ISR"]);
    terminal.press("Space");
    terminal.wait_for_all(&["NOW CHANGE ONE THING", "pass"]);
    terminal.press("K");
    terminal.wait_for("run 2 of 2");
    // Nobody has saved that run: Ctrl+C says so once, and is told of itself to the shell.
    terminal.press("C-c");
    terminal.wait_for("once more quits all the same");
    terminal.press("C-c");
    terminal.wait_for("left with 130");
    terminal.is_given_back();
}

/// What a click does is tested without a terminal; here that one arrives, and that bytes which no mouse sends end nothing.
#[test]
fn a_click_reaches_the_window_and_one_at_column_nought_ends_nothing() {
    let Some(terminal) = Terminal::open("click") else { return };
    terminal.play("");
    let shown = terminal.wait_for_all(&["PARTITIONS", "ends in", "2 Partition"]);
    let row = shown.lines().position(|row| row.contains("2 Partition")).expect("the screens");
    let column = shown.lines().nth(row).and_then(|row| row.find("2 Partition")).expect("the screens");
    terminal.tmux(&["send-keys", "-l", "\x1b[<0;30;0M"]);
    terminal.tmux(&["send-keys", "-l", &format!("\x1b[<0;{};{}M", column + 3, row + 1)]);
    terminal.wait_for("min ISR");
    terminal.press("q");
    terminal.wait_for("left with 0");
    terminal.is_given_back();
}

/// What a click does is tested without a terminal.
#[test]
fn the_mouse_is_asked_for_and_given_back_or_left_to_the_terminal() {
    let Some(terminal) = Terminal::open("mouse") else { return };
    let listens = || text(&terminal.tmux(&["display-message", "-p", "#{mouse_any_flag}"]).stdout).trim().to_owned();
    for (more, wanted) in [("", "1"), ("--no-mouse", "0")] {
        terminal.run("clear");
        terminal.play(more);
        terminal.wait_for("PARTITIONS");
        assert_eq!(listens(), wanted, "with `{more}`");
        terminal.press("q");
        terminal.wait_for("left with 0");
        terminal.is_given_back();
    }
}

/// The class sees the window; the teacher's terminal knows where it is and what comes.
#[test]
fn the_teachers_notes_follow_the_window_on_another_terminal() {
    let (Some(class), Some(teacher)) = (Terminal::open("class"), Terminal::open("teacher")) else { return };
    let place = std::env::temp_dir().join(format!("trial-place-{}", std::process::id()));
    let (command, file) = (env!("CARGO_BIN_EXE_trial"), place.display());
    teacher.run(&format!("{command} lesson 5 --presenter {file}; echo left with $?"));
    teacher.wait_for_all(&["not open yet", "THE NEXT QUESTION", "✓ nothing"]);
    class.run(&format!("{command} lesson 5 --present --poll --tell {file}; echo left with $?"));
    class.wait_for("WATCH FOR");
    teacher.wait_for("the class is at 0.000 s");
    class.press("G");
    let alone = |shown: &str| !shown.contains("LINES UP TO NOW") && !shown.contains("q quit");
    class.wait_until(|shown| shown.contains("PREDICT") && alone(shown), "the question, and nothing beside it");
    teacher.wait_until(|shown| shown.contains("the class is at 12."), "the notes follow");
    class.press("Escape");
    // Without a vote it plays on, in which no screen stands still, and stops where the outcome is to be seen.
    class.wait_for_all(&["WHAT CAME", "Space Enter . go on"]);
    class.press("q");
    class.wait_for("left with 0");
    teacher.wait_for("the window of the class was closed");
    teacher.press("Escape");
    teacher.wait_for("left with 0");
    teacher.is_given_back();
    let _ = std::fs::remove_file(place);
}

/// A recording is written, opened, and refused where it is another build's or not whole.
#[test]
fn a_recording_opens_in_a_window_and_a_wrong_one_is_refused_before_it() {
    let Some(terminal) = Terminal::open("recording") else { return };
    let folder = std::env::temp_dir().join(format!("trial-recordings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("lesson.recording");
    let command = env!("CARGO_BIN_EXE_trial");
    let written = Command::new(command)
        .args(["export", LESSON, "--recording", path.to_str().expect("a plain path")])
        .current_dir(root())
        .output()
        .expect("it starts");
    assert!(written.status.success(), "{}", text(&written.stderr));
    terminal.run(&format!("{command} play {}; echo left with $?", path.display()));
    // The end is told in the frame that would complain.
    let opened = terminal.wait_for_all(&["PARTITIONS", "ends in", "quit"]);
    assert!(!opened.contains("not what was recorded"), "{opened}");
    terminal.press("q");
    terminal.wait_for("left with 0");
    let whole = std::fs::read_to_string(&path).expect("it was written");
    let build = whole.split("\"build\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a build");
    for (name, content, said) in [
        ("cut.recording", whole[..whole.len() - 100].to_owned(), "cut short"),
        ("foreign.recording", whole.replacen(build, "0000000000000000", 1), "made by build 0000000000000000"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("written");
        let refused = Command::new(command).arg("play").arg(&path).stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(refused.status.code(), Some(2));
        let complaint = text(&refused.stderr);
        assert!(complaint.contains(said) && complaint.contains("hint:"), "{complaint}");
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// What was done in the window is done again without one: the file that it saves has the fingerprint of what it showed.
#[test]
fn a_fork_that_was_saved_runs_headless_to_the_same_fingerprint() {
    let Some(terminal) = Terminal::open("fork") else { return };
    let folder = std::env::temp_dir().join(format!("trial-forks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (scenario, recording) = (folder.join("fork.toml"), folder.join("fork.recording"));
    terminal.play("--at 35ms");
    terminal.wait_for_all(&["PARTITIONS", "ends in", "quit"]);
    let typed = |command: &str, answer: &str| {
        terminal.press(":");
        terminal.wait_for("do:");
        terminal.tmux(&["send-keys", "-l", command]);
        terminal.press("Enter");
        terminal.wait_for(answer);
    };
    typed("kill broker=3", "run 2 of 2");
    typed(&format!("save {}", scenario.display()), "`trial run");
    typed(&format!("record {}", recording.display()), "`trial play");
    terminal.press("q");
    terminal.wait_for("left with 0");
    let kept = std::fs::read_to_string(&recording).expect("it was written");
    let shown = kept.split("\"fingerprint\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has one");
    let headless = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_trial")).args(arguments).arg(&scenario).output().expect("it starts");
        text(&output.stdout) + &text(&output.stderr)
    };
    let run = headless(&["run", "--trace", "none"]);
    assert!(run.contains(&format!("fingerprint: {shown}")), "{shown} in the window, without one:\n{run}");
    let mut original = Command::new(env!("CARGO_BIN_EXE_trial"));
    let original = original.args(["run", "--trace", "none", LESSON]).current_dir(root()).output().expect("it starts");
    let original = text(&original.stdout);
    assert!(original.contains("fingerprint: ") && !original.contains(shown), "the fork is another run: {original}");
    let replayed = headless(&["replay"]);
    assert!(replayed.contains(shown), "{shown} in the window, replayed:\n{replayed}");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn where_there_is_no_terminal_it_says_so_and_what_to_do_instead() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trial"));
    let output = command.args(["play", LESSON]).current_dir(root()).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("needs a terminal") && said.contains("trial run"), "{said}");
    assert!(output.stdout.is_empty());
}
