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
//! What happens to several brokers at one instant is one line.

use trial_broker::ids::{NodeId, TopicPartition};

use super::cast::Cast;
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
    pending: Option<Drawn>,
    text: String,
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
            Lanes { cast, picture, memory: super::rows::Memory::default(), pending: None, text: String::new() };
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
        self.text.push_str(&format!("{}   -- {text}\n", time(micros)));
    }

    /// The lines that are ready, and forgets them.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// All lines, the last one too.
    pub fn finish(&mut self) -> String {
        self.flush();
        self.take()
    }

    fn heading(&mut self) {
        let lanes: String =
            self.cast.brokers().iter().map(|(_, machine)| format!("{:<3}", self.cast.name(*machine))).collect();
        let width = self.cast.brokers().len() * POSITION;
        let line = format!(
            "{:>9}    {lanes}{:<8}{:<13}{:<3}{:<8}{:<width$} cause",
            "t(s)", "event", "what", "ep", "isr", "leo/hw"
        );
        self.text.push_str(&line);
        self.text.push('\n');
    }

    fn draw(&mut self, micros: i64, row: Row) {
        let cells = self.cells(&row);
        let (epoch, isr, positions) = self.columns(&row);
        let drawn = Drawn { micros, row, cells, epoch, isr, positions };
        if let Some(pending) = &mut self.pending
            && pending.micros == drawn.micros
            && pending.row.joins(&drawn.row)
        {
            pending.join(drawn);
            return;
        }
        self.flush();
        self.pending = Some(drawn);
    }

    fn flush(&mut self) {
        let Some(drawn) = self.pending.take() else { return };
        let cells: String = drawn.cells.iter().map(|cell| format!("{cell}  ")).collect();
        let positions: String =
            drawn.positions.iter().map(|position| format!("{position:<0$} ", POSITION - 1)).collect();
        let line = format!(
            "{} {cells}{:<8}{:<13}{:<3}{:<8}{positions} {}",
            time(drawn.micros),
            drawn.row.event,
            drawn.row.what,
            drawn.epoch,
            drawn.isr,
            drawn.row.cause(&self.cast),
        );
        self.text.push_str(line.trim_end());
        self.text.push('\n');
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
                format!("{}/{}", replica.log_end_offset, replica.high_watermark)
            }
            _ => "-".to_owned(),
        }
    }
}

impl Drawn {
    /// Adds the same thing on another broker: later columns are the newer ones.
    fn join(&mut self, other: Drawn) {
        for (cell, new) in self.cells.iter_mut().zip(&other.cells) {
            if *cell != '+' {
                *cell = *new;
            }
        }
        (self.epoch, self.isr, self.positions) = (other.epoch, other.isr, other.positions);
        self.row.at.extend(other.row.at);
    }
}

/// Microseconds as seconds in ten columns: `     0.010   `, `     0.010123`.
fn time(micros: i64) -> String {
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
