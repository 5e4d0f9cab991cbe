//! `trial run`: read a scenario, run it, say what came of it.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trial_sim::internal::history::History;
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run_watched};
use trial_sim::internal::scenario::{Report, Scenario, Seed, Span};
use trial_sim::internal::session::Kept;

use super::interrupt::{self, INTERRUPTED};
use super::output::{complain, print};
use super::subject::mend;
use super::{Format, Run, Trace, WRONG_USE};

/// Runs a scenario. Returns the exit code.
pub fn run(arguments: &Run) -> u8 {
    let Some(mut scenario) = read(&arguments.file) else { return WRONG_USE };
    for switch in &arguments.switches {
        scenario.turn_on(switch);
    }
    mend(&mut scenario, &arguments.mended);
    let trace = match arguments.trace {
        Trace::Lanes => TraceKind::Lanes,
        Trace::Full => TraceKind::Full,
        Trace::Json => TraceKind::Json,
        Trace::None => TraceKind::None,
    };
    let options = RunOptions { seed: arguments.seed, until: arguments.until, trace };
    let started = Instant::now();
    let mut kept = String::new();
    let mut reader_left = false;
    interrupt::watch();
    let position = Arc::new(Position::default());
    // How long a recovery takes is not known before.
    let own_end = scenario.file.until.as_ref().filter(|_| scenario.file.liveness.is_none());
    let end = arguments.until.or(own_end.map(|until| until.value));
    let patience = Patience::start(position.clone(), end);
    let mut keep_reading = |text: &str| {
        if arguments.out.is_some() {
            kept.push_str(text);
        }
        reader_left = reader_left || print(text).is_err();
        // Whoever wants files wants the whole run.
        !reader_left || arguments.out.is_some() || arguments.history.is_some()
    };
    let mut is_interrupted = false;
    let mut history = arguments.history.as_ref().map(|_| History::default());
    let report = run_watched(&scenario, options, &mut keep_reading, &mut |world, step| {
        position.micros.store(world.now().0, Ordering::Relaxed);
        position.steps.store(step.map_or(0, |step| step.index), Ordering::Relaxed);
        if let (Some(history), Some(step)) = (&mut history, step) {
            history.observe(world, step);
        }
        is_interrupted = interrupt::asked();
        if is_interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(patience);
    if !leave_history(arguments.history.as_deref(), history.as_ref()) {
        return WRONG_USE;
    }
    if is_interrupted {
        return interrupted(arguments, &kept, &report);
    }
    if reader_left && arguments.out.is_none() {
        return 0;
    }
    let verdict = report.verdict_line(started.elapsed());
    let text = match format_of(arguments) {
        Format::Text => format!("{}{}{verdict}\n", findings(&report), window_line(arguments, &report)),
        Format::Json => format!("{}\n", report.to_json(&scenario)),
    };
    // A reader that has gone is no failure of the run.
    let _ = print(&text);
    if let Some(folder) = &arguments.out
        && let Err(error) = leave(folder, arguments.trace, &kept, &report, &scenario)
    {
        complain(&format!("error: cannot write to {}: {error}", folder.display()));
        return WRONG_USE;
    }
    report.verdict.exit_code()
}

/// Whoever reads JSON lines wants nothing else among them.
fn format_of(arguments: &Run) -> Format {
    let usual = if arguments.trace == Trace::Json { Format::Json } else { Format::Text };
    arguments.format.unwrap_or(usual)
}

/// Ctrl-C ended the run: what was found so far, and how far it came. There is no verdict, so there is no report of it.
fn interrupted(arguments: &Run, kept: &str, report: &Report) -> u8 {
    match format_of(arguments) {
        Format::Text => {
            let _ = print(&findings(report));
        }
        Format::Json => report.failures.iter().for_each(|failure| complain(&failure.to_string())),
    }
    if let Some(folder) = &arguments.out
        && let Err(error) = leave_trace(folder, arguments.trace, kept)
    {
        complain(&format!("error: cannot write to {}: {error}", folder.display()));
    }
    let at = Span { micros: i64::try_from(report.virtual_micros).unwrap_or(i64::MAX) };
    complain(&format!("interrupted at {at}, world step {}, seed {}; there is no verdict", report.steps, report.seed));
    INTERRUPTED
}

/// How far a run is, as its own thread tells it to whoever waits.
#[derive(Default)]
struct Position {
    /// Virtual microseconds since the machines were started.
    micros: AtomicU64,
    steps: AtomicU64,
}

/// Says how far a long run is, until it is dropped: soon where somebody watches, now and then where the lines are kept.
struct Patience {
    done: Option<mpsc::Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Patience {
    /// How long a run may take without a word on a terminal, and elsewhere.
    const SILENCE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

    fn start(position: Arc<Position>, end: Option<Span>) -> Self {
        let [on_terminal, elsewhere] = Self::SILENCE;
        let silence = if io::stderr().is_terminal() { on_terminal } else { elsewhere };
        let (done, wait) = mpsc::channel();
        let teller = thread::spawn(move || {
            let started = Instant::now();
            while wait.recv_timeout(silence) == Err(RecvTimeoutError::Timeout) {
                complain(&position.said(started.elapsed(), end));
            }
        });
        Patience { done: Some(done), teller: Some(teller) }
    }
}

impl Position {
    fn said(&self, wall: Duration, end: Option<Span>) -> String {
        let (micros, steps) = (self.micros.load(Ordering::Relaxed), self.steps.load(Ordering::Relaxed));
        let seconds = |micros: u64| format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10);
        let of = end.map_or(String::new(), |end| format!(" of {}", seconds(end.micros.unsigned_abs())));
        format!("still running: {}{of}, {steps} steps, for {} s", seconds(micros), wall.as_secs())
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(teller) = self.teller.take() {
            let _ = teller.join();
        }
    }
}

/// Runs a scenario for what it comes to, without a trace.
pub(super) fn silently(scenario: &Scenario) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    trial_sim::internal::scenario::run::run(scenario, options, &mut |_| true)
}

/// The line to paste that opens a failed run in a window.
fn window_line(arguments: &Run, report: &Report) -> String {
    if report.failures.is_empty() {
        return String::new();
    }
    let switches: String = arguments.switches.iter().map(|name| format!(" --switch {name}")).collect();
    let mended: String = arguments.mended.iter().map(|name| format!(" --mended {name}")).collect();
    let file = arguments.file.display().to_string();
    format!("look: trial play {} --seed {}{switches}{mended}\n\n", quoted(&file), report.seed)
}

/// The findings, with empty lines around each, what was forgiven, and what Kafka allows by design.
pub(super) fn findings(report: &Report) -> String {
    let mut text = String::new();
    for failure in &report.failures {
        text.push_str(&format!("\n{failure}\n"));
    }
    if !report.failures.is_empty() {
        text.push('\n');
    }
    for excused in &report.excused {
        text.push_str(&format!("excused: {excused}\n"));
    }
    for allowed in &report.by_design {
        text.push_str(&format!("by design: {allowed}\n"));
    }
    text
}

/// Writes what the clients saw to a file, if somebody asked for it. Answers whether that went well.
fn leave_history(file: Option<&Path>, history: Option<&History>) -> bool {
    let (Some(file), Some(history)) = (file, history) else { return true };
    let written = fs::write(file, history.to_edn());
    if let Err(error) = &written {
        complain(&format!("error: cannot write to {}: {error}", file.display()));
    }
    written.is_ok()
}

/// Runs a scenario for what it comes to, without a trace, and leaves its history in a file. Gives nothing if that cannot be
/// written.
pub(super) fn silently_with_history(scenario: &Scenario, file: &Path) -> Option<Report> {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    let mut history = History::default();
    let report = run_watched(scenario, options, &mut |_| true, &mut |world, step| {
        if let Some(step) = step {
            history.observe(world, step);
        }
        ControlFlow::Continue(())
    });
    leave_history(Some(file), Some(&history)).then_some(report)
}

/// Leaves trace and report in a folder.
fn leave(folder: &Path, trace: Trace, kept: &str, report: &Report, scenario: &Scenario) -> io::Result<()> {
    leave_trace(folder, trace, kept)?;
    fs::write(folder.join("report.json"), format!("{}\n", report.to_json(scenario)))
}

/// Leaves the trace in a folder.
fn leave_trace(folder: &Path, trace: Trace, kept: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match trace {
        Trace::Lanes | Trace::Full => fs::write(folder.join("trace.txt"), kept),
        Trace::Json => fs::write(folder.join("trace.jsonl"), kept),
        Trace::None => Ok(()),
    }
}

/// Scenario files are written by people and by shrinkers; both stay far below this, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// What to try where there is no such file: a seed is no file.
fn where_to_look(name: &str) -> String {
    if Seed::parse(name).is_ok() {
        format!(
            "hint: this is a seed: `trial replay {name}` runs it, `trial explore --print-scenario {name}` shows its scenario"
        )
    } else {
        "hint: lessons are in scenarios/lessons/; `trial --help` shows what else there is".to_owned()
    }
}

/// Reads a scenario file, or says why not.
pub(super) fn read(path: &Path) -> Option<Scenario> {
    let shown = path.display().to_string();
    let source = match text_of(path) {
        Ok(source) => source,
        Err(reason) => {
            complain(&format!("error: cannot read {shown}: {reason}"));
            complain(&where_to_look(&shown));
            return None;
        }
    };
    if Kept::is_one(source.as_bytes()) {
        complain(&format!("error: {shown} is a recording of one run, and this takes a scenario"));
        let shown = quoted(&shown);
        complain(&format!(
            "hint: `trial play {shown}` opens it, `trial replay {shown}` makes it again and compares, `trial export {shown}` \
             makes a page, a film or a drawing of it"
        ));
        return None;
    }
    // No scenario begins so; the results of an exploration, which lie beside the scenarios that it found, do.
    if source.starts_with('{') {
        complain(&format!("error: {shown} is JSON, and this takes a scenario, which is TOML"));
        complain(&format!(
            "hint: `trial merge {}` says what results of `trial explore` came to; what was found lies beside them, as NAME.toml",
            quoted(&shown)
        ));
        return None;
    }
    match Scenario::parse(&shown, &source) {
        Ok(scenario) => Some(scenario),
        Err(invalid) => {
            complain(&invalid.to_string());
            None
        }
    }
}

/// The text of a file that could be a scenario. It reads no more than that takes, whatever the path names.
fn text_of(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("it is a folder, and a run takes one file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("it is larger than {} MiB, and so is no scenario", LARGEST_FILE >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        format!("it is no UTF-8 text, from line {} on", line + 1)
    })?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text)
}
