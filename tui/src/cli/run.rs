//! `trial run`: read a scenario, run it, say what came of it.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trial_sim::scenario::run::{RunOptions, TraceKind, run as run_scenario};
use trial_sim::scenario::{Report, Scenario};

use super::output::{complain, print};
use super::{Format, Run, Trace, WRONG_USE};

/// Runs a scenario. Returns the exit code.
pub fn run(arguments: &Run) -> u8 {
    let Some(scenario) = read(&arguments.file) else { return WRONG_USE };
    let trace = match arguments.trace {
        Trace::Lanes => TraceKind::Lanes,
        Trace::Json => TraceKind::Json,
        Trace::None => TraceKind::None,
    };
    let options = RunOptions { seed: arguments.seed, until: arguments.until, trace };
    let started = Instant::now();
    let mut kept = String::new();
    let mut reader_left = false;
    let patience = Patience::start();
    let report = run_scenario(&scenario, options, &mut |text| {
        if arguments.out.is_some() {
            kept.push_str(text);
        }
        reader_left = reader_left || print(text).is_err();
        // Whoever wants files wants the whole run.
        !reader_left || arguments.out.is_some()
    });
    drop(patience);
    if reader_left && arguments.out.is_none() {
        return 0;
    }
    let verdict = report.verdict_line(started.elapsed());
    let text = match arguments.format {
        Format::Text => said(&report, &verdict),
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

/// Says on a terminal that a long run is under way, until it is dropped.
struct Patience {
    done: Option<mpsc::Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Patience {
    /// How long a run may take without a word.
    const SILENCE: Duration = Duration::from_secs(2);

    fn start() -> Self {
        if !io::stderr().is_terminal() {
            return Patience { done: None, teller: None };
        }
        let (done, wait) = mpsc::channel();
        let teller = thread::spawn(move || {
            let started = Instant::now();
            while wait.recv_timeout(Self::SILENCE) == Err(RecvTimeoutError::Timeout) {
                complain(&format!("still running, for {} s", started.elapsed().as_secs()));
            }
        });
        Patience { done: Some(done), teller: Some(teller) }
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

/// The findings, and the verdict alone on the last line.
fn said(report: &Report, verdict: &str) -> String {
    let mut text = String::new();
    for failure in &report.failures {
        text.push('\n');
        text.push_str(failure);
        text.push('\n');
    }
    if !report.failures.is_empty() {
        text.push('\n');
    }
    text.push_str(verdict);
    text.push('\n');
    text
}

/// Leaves trace and report in a folder.
fn leave(folder: &Path, trace: Trace, kept: &str, report: &Report, scenario: &Scenario) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match trace {
        Trace::Lanes => fs::write(folder.join("trace.txt"), kept)?,
        Trace::Json => fs::write(folder.join("trace.jsonl"), kept)?,
        Trace::None => {}
    }
    fs::write(folder.join("report.json"), format!("{}\n", report.to_json(scenario)))
}

/// Reads a scenario file, or says why not.
fn read(path: &Path) -> Option<Scenario> {
    let shown = path.display().to_string();
    let source = match fs::read_to_string(path) {
        Ok(source) => source,
        Err(error) => {
            complain(&format!("error: cannot read {shown}: {error}"));
            complain("hint: lessons are in scenarios/lessons/; `trial --help` shows what else there is");
            return None;
        }
    };
    match Scenario::parse(&shown, &source) {
        Ok(scenario) => Some(scenario),
        Err(invalid) => {
            complain(&invalid.to_string());
            None
        }
    }
}
