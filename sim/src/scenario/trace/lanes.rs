//! The transcript: one line per event, fixed columns, one lane per broker.
//!
//! ```text
//!     t(s)     b1 b2 b3 event   what         ep isr     leo/hw                   cause
//!     0.010    L  .  .  prod    orders-0     0  123     3/0     0/0     0/0      p1 acks=all n=3
//!     0.020    L  +  +  fetch   orders-0     0  123     3/0     3/0     3/0      data to b2,b3
//!     0.030    L  .  .  hw      orders-0     0  123     3/3     3/0     3/0      min LEO of ISR
//!    19.000    X  L  .  lead    orders-0     1  23      -       9/8     9/8      b1 fenced
//! ```
//!
//! `L` takes itself for the leader, `+` is where it happened, `X` does not run, `P` stands
//! still. Times are in seconds since time zero; microseconds follow where there are any.
//! A broker's `leo/hw` is `-` while it does not run or has not loaded its log, and `7/?` until it says with which high
//! watermark it goes on. What happens to several brokers at one instant is one line, and so is what happens several
//! times.

use trial_broker::ids::{NodeId, TopicPartition};

use super::cast::Cast;
use super::fold::{Fold, Line};
use super::picture::Picture;
use super::rows::{Row, rows_of};
use crate::fault::MachineId;
use crate::step::Step;

/// Writes the transcript of a run, step by step.
#[derive(Clone, Debug)]
pub struct Lanes {
    cast: Cast,
    picture: Picture,
    memory: super::rows::Memory,
    /// The rows of this instant.
    pending: Vec<Drawn>,
    fold: Fold,
}

/// A row with the state that belongs to it, before it is written: the next one may join it.
#[derive(Clone, Debug)]
struct Drawn {
    micros: i64,
    row: Row,
    cells: Vec<char>,
    epoch: String,
    isr: String,
    positions: Vec<String>,
}

/// How wide a `leo/hw` column is.
const POSITION: usize = 8;

impl Lanes {
    /// A transcript that starts with its heading.
    pub fn new(cast: Cast, picture: Picture) -> Self {
        let mut lanes =
            Lanes { cast, picture, memory: super::rows::Memory::default(), pending: Vec::new(), fold: Fold::default() };
        lanes.heading();
        lanes
    }

    /// Somebody has come into the world since the transcript began.
    pub(crate) fn introduce(&mut self, machine: MachineId, name: &str) {
        self.cast.add(machine, name, None, false);
    }

    /// The same, but with every line: nothing is counted instead of shown.
    pub fn in_full(cast: Cast, picture: Picture) -> Self {
        Lanes::folded(Fold::off(), cast, picture)
    }

    /// The same, but without what happens all the time while records flow.
    pub fn as_a_story(cast: Cast, picture: Picture) -> Self {
        Lanes::folded(Fold::story(), cast, picture)
    }

    fn folded(fold: Fold, cast: Cast, picture: Picture) -> Self {
        let mut lanes = Lanes { fold, ..Lanes::new(cast, picture) };
        lanes.heading();
        lanes
    }

    /// Takes in one step.
    pub fn observe(&mut self, step: &Step) {
        let micros = self.cast.micros(step.at);
        for part in rows_of(&self.cast, &self.picture, &mut self.memory, step) {
            match part.change {
                Some(super::rows::Change::Fact(fact)) => self.picture.fact(fact),
                Some(super::rows::Change::Event(machine, event)) => self.picture.event(machine, event),
                None => {}
            }
            if let Some(row) = part.row {
                self.draw(micros, row);
            }
        }
    }

    /// A line of the person's own: the note of a step.
    pub fn note(&mut self, micros: i64, text: &str) {
        self.flush();
        self.fold.words(&format!("{}   -- {text}", time(micros)));
    }

    /// The lines that are ready, and forgets them.
    pub fn take(&mut self) -> String {
        self.fold.take()
    }

    /// All lines, the last one too.
    pub fn finish(&mut self) -> String {
        self.flush();
        self.fold.finish()
    }

    fn heading(&mut self) {
        let lane = self.lane_width();
        let lanes: String =
            self.cast.brokers().iter().map(|(_, machine)| format!("{:<lane$}", self.cast.name(*machine))).collect();
        let width = self.cast.brokers().len() * POSITION;
        let line = format!(
            "{:>9}    {lanes}{:<8}{:<13}{:<3}{:<8}{:<width$} cause",
            "t(s)", "event", "what", "ep", "isr", "leo/hw"
        );
        self.fold.words(&line);
    }

    /// How wide a broker's lane is: its name, and a space.
    fn lane_width(&self) -> usize {
        self.cast.brokers().iter().map(|(_, machine)| self.cast.name(*machine).len() + 1).max().unwrap_or(0)
    }

    fn draw(&mut self, micros: i64, row: Row) {
        let cells = self.cells(&row);
        let (epoch, isr, positions) = self.columns(&row);
        let drawn = Drawn { micros, row, cells, epoch, isr, positions };
        if self.pending.first().is_some_and(|first| first.micros != drawn.micros) {
            self.flush();
        }
        if let Some(index) = self.pending.iter().position(|earlier| earlier.row.is_elsewhere(&drawn.row)) {
            self.join(index, drawn);
            return;
        }
        if let Some(last) = self.pending.last_mut()
            && last.row.repeats(&drawn.row)
        {
            last.positions = drawn.positions;
            return;
        }
        self.pending.push(drawn);
    }

    /// Adds the same thing on another broker to an earlier row of this instant. That broker is where it is now in all
    /// rows since.
    fn join(&mut self, index: usize, drawn: Drawn) {
        let what = drawn.row.what.clone();
        for machine in &drawn.row.at {
            let Some(lane) = self.cast.lane(*machine) else { continue };
            if self.pending[index].cells[lane] != 'L' {
                self.pending[index].cells[lane] = drawn.cells[lane];
            }
            for row in self.pending[index..].iter_mut().filter(|row| row.row.what == what) {
                row.positions[lane].clone_from(&drawn.positions[lane]);
            }
        }
        let at = &mut self.pending[index].row.at;
        at.extend(drawn.row.at);
        at.sort_unstable();
    }

    fn flush(&mut self) {
        for drawn in std::mem::take(&mut self.pending) {
            if !self.fold.takes(drawn.row.event) {
                continue;
            }
            let line = self.line(&drawn);
            self.fold.line(line);
        }
    }

    fn line(&self, drawn: &Drawn) -> Line {
        let lane = self.lane_width();
        let cells: String = drawn.cells.iter().map(|cell| format!("{cell:<lane$}")).collect();
        let positions: String = drawn.positions.iter().map(|position| column(position, POSITION)).collect();
        let cause = drawn.row.cause(&self.cast);
        let line = format!(
            "{} {cells}{}{}{}{}{positions} {cause}",
            time(drawn.micros),
            column(drawn.row.event, 8),
            column(&drawn.row.what, 13),
            column(&drawn.epoch, 3),
            column(&drawn.isr, 8),
        );
        Line {
            micros: drawn.micros,
            event: drawn.row.event,
            says: format!("{} {} {} {cause}", drawn.row.event, drawn.row.what, drawn.epoch),
            text: line.trim_end().to_owned(),
        }
    }

    fn cells(&self, row: &Row) -> Vec<char> {
        self.cast.brokers().iter().map(|(_, machine)| self.cell(*machine, row)).collect()
    }

    fn cell(&self, machine: MachineId, row: &Row) -> char {
        if self.picture.down.contains(&machine) {
            return 'X';
        }
        if self.picture.paused.contains(&machine) {
            return 'P';
        }
        let leads = row
            .partition
            .as_ref()
            .and_then(|partition| self.picture.replica(partition, machine))
            .is_some_and(|r| r.leads);
        match (leads, row.at.contains(&machine)) {
            (true, _) => 'L',
            (false, true) => '+',
            (false, false) => '.',
        }
    }

    fn columns(&self, row: &Row) -> (String, String, Vec<String>) {
        let blank = || vec![String::new(); self.cast.brokers().len()];
        let Some(partition) = &row.partition else {
            return (row.epoch.map_or(String::new(), |epoch| epoch.to_string()), String::new(), blank());
        };
        let Some(known) = self.picture.partitions.get(partition) else {
            return (String::new(), String::new(), blank());
        };
        let positions = self.cast.brokers().iter().map(|(_, machine)| self.position(partition, *machine)).collect();
        (known.leader_epoch.to_string(), digits(&known.isr), positions)
    }

    fn position(&self, partition: &TopicPartition, machine: MachineId) -> String {
        match self.picture.replica(partition, machine) {
            Some(replica) if !self.picture.down.contains(&machine) => {
                let high_watermark = replica.high_watermark.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
                format!("{}/{high_watermark}", replica.log_end_offset)
            }
            _ => "-".to_owned(),
        }
    }
}

/// A word in a column of this width. What is wider moves what follows, and touches it not.
fn column(word: &str, width: usize) -> String {
    format!("{word:<0$} ", width - 1)
}

/// Microseconds as seconds in ten columns: `     0.010   `, `     0.010123`.
pub(super) fn time(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (seconds, millis, rest) = (micros / 1_000_000, micros / 1000 % 1000, micros % 1000);
    let seconds = format!("{sign}{seconds}");
    if rest == 0 { format!("{seconds:>5}.{millis:03}   ") } else { format!("{seconds:>5}.{millis:03}{rest:03}") }
}

/// An in-sync set: `123`, or `1,2,12` where one digit is not enough.
pub(super) fn digits(nodes: &[NodeId]) -> String {
    let mut ids: Vec<i32> = nodes.iter().map(|node| node.0).collect();
    ids.sort_unstable();
    let separator = if ids.iter().all(|id| *id < 10) { "" } else { "," };
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(separator)
}
