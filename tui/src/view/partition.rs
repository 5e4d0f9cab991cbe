//! One partition: its replicas' logs side by side, aligned by offset.
//!
//! ```text
//!   b1  ★ leader, epoch 1   log 0 to 13   high watermark 10   stable 10   synced up to 0
//!       epochs   0000000000111        digits on ground: committed; underlined: not committed
//!       disk     ░░░░░░░░░░░░░        █ on the medium, ░ only in the page cache
//!       marks    S         H╌╌E       log start, high watermark, end; what is not committed lies from H to E
//! ```

use ratatui::text::{Line, Span};
use trial_broker::ids::Offset;
use trial_sim::internal::session::{IsrPhase, LogBatch, LogPart, ParkedPart, PartitionPart, ReplicaPart, ReplicaRole};

use super::words;
use crate::app::Model;
use crate::theme::{Glyph, Look, Role};
use crate::widget::row::{Row, rows as plain_rows};
use crate::widget::{heading, line, seconds, word, wrapped};

/// What stands before a row of cells.
const MARGIN: usize = 13;

/// The partition, replica by replica.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let Some(partition) = model.shown_partition() else {
        return vec![line(model.look, Role::Plain, "no partition exists yet").into()];
    };
    if !model.hidden_columns().is_empty() {
        return vec![line(model.look, Role::Plain, "hidden until the question about it is answered").into()];
    }
    let mut rows = vec![Row::title(heading(model.look, &title(model, partition), width))];
    let logs = model.snapshot().map_or(&[][..], |snapshot| &snapshot.logs);
    let window = Window::around(partition, usize::from(width).saturating_sub(MARGIN + 1));
    rows.push(Row::names(offsets(model, &window)));
    for replica in &partition.replicas {
        let log = logs.iter().find(|log| log.node == replica.node);
        rows.extend(plain_rows(replica_lines(model, replica, log, &window, width)));
    }
    rows.extend(plain_rows(legend(model, width)));
    rows
}

fn title(model: &Model, partition: &PartitionPart) -> String {
    let leader = words::node(model, partition.leader);
    format!(
        "{}: leader {leader}, leader epoch {}, in sync {}, min ISR {}",
        partition.name,
        partition.leader_epoch,
        words::nodes(model, &partition.isr),
        partition.min_isr
    )
}

/// The offsets that there is room for.
struct Window {
    first: Offset,
    cells: usize,
}

impl Window {
    /// The end of the longest log is always in it.
    fn around(partition: &PartitionPart, cells: usize) -> Window {
        let end = partition.replicas.iter().map(|replica| replica.log_end_offset).max().unwrap_or(0);
        // The marker of the end stands behind the last record.
        let first = (end + 1 - cells as Offset).max(0);
        Window { first, cells }
    }

    fn offsets(&self) -> impl Iterator<Item = Offset> {
        (self.first..).take(self.cells)
    }
}

fn margin(model: &Model, text: &str) -> Span<'static> {
    word(model.look, Role::Plain, format!("    {text:<9}"))
}

/// Every tenth offset by its number.
fn offsets(model: &Model, window: &Window) -> Line<'static> {
    let mut ruler = String::new();
    for offset in window.offsets() {
        let column = (offset - window.first) as usize;
        if offset % 10 == 0 && column >= ruler.len() && column + 6 <= window.cells {
            ruler.push_str(&" ".repeat(column - ruler.len()));
            ruler.push_str(&offset.to_string());
            ruler.push(' ');
        }
    }
    Line::from(vec![margin(model, "offsets"), word(model.look, Role::Plain, ruler)])
}

fn replica_lines(
    model: &Model,
    replica: &ReplicaPart,
    log: Option<&LogPart>,
    window: &Window,
    width: u16,
) -> Vec<Line<'static>> {
    let batches = log.map_or(&[][..], |log| log.batches.as_slice());
    let mut lines = vec![facts(model, replica, log, width)];
    // Of an empty log there is nothing to draw.
    if !batches.is_empty() {
        lines.push(Line::from(epochs(model, replica, batches, window)));
        lines.push(Line::from(durability(model, batches, window)));
    }
    if replica.role.is_some() {
        lines.push(Line::from(vec![
            margin(model, "marks"),
            word(model.look, Role::Heading, marks(model.look, replica, window)),
        ]));
    }
    let parked = parked(model, replica);
    if !parked.is_empty() {
        let room = width.saturating_sub(MARGIN as u16);
        let titles = std::iter::once("waiting").chain(std::iter::repeat(""));
        let rows = wrapped(&parked, room).into_iter().zip(titles);
        lines.extend(
            rows.map(|(text, title)| Line::from(vec![margin(model, title), word(model.look, Role::Warning, text)])),
        );
    }
    lines
}

/// What a replica says of itself, or of one that does not run its files; where the window is narrow in fewer words, which the legend has too.
fn facts(model: &Model, replica: &ReplicaPart, log: Option<&LogPart>, width: u16) -> Line<'static> {
    let look = model.look;
    let name = word(look, Role::Heading, format!("{:<4}", words::node(model, replica.node)));
    let Some(role) = &replica.role else {
        let process = words::process(look, replica.process);
        let held = log.and_then(|log| Some((log.batches.first()?.first, log.batches.last()?.last + 1)));
        let held = held.map_or_else(|| "no record".to_owned(), |(start, end)| format!("log {start} to {end}"));
        let text = format!("{}: its files hold {held}", process.text);
        return Line::from(vec![name, word(look, process.role, text)]);
    };
    let (style, text) = match role {
        ReplicaRole::Leader { isr, .. } => {
            let pending = match isr {
                IsrPhase::Committed => String::new(),
                IsrPhase::PendingExpand(node) => format!(", wants {} in", words::node(model, *node)),
                IsrPhase::PendingShrink(nodes) => format!(", wants {} out", words::nodes(model, nodes)),
            };
            (Role::Leader, format!("{} leader in epoch {}{pending}", look.sign(Glyph::Leader), replica.leader_epoch))
        }
        ReplicaRole::Follower { leader } if leader.is_some() => {
            (Role::Plain, format!("follows {} in epoch {}", words::node(model, *leader), replica.leader_epoch))
        }
        ReplicaRole::Follower { .. } => (Role::Warning, format!("knows no leader in epoch {}", replica.leader_epoch)),
    };
    let positions = |gap: &str, high: &str, synced: &str| {
        let (start, end, stable) = (replica.log_start_offset, replica.log_end_offset, replica.last_stable_offset);
        format!(
            "{gap}log {start} to {end}{gap}{high} {}{gap}stable {stable}{gap}{synced} {}",
            replica.high_watermark, replica.recovery_point
        )
    };
    let of = |positions: String| {
        Line::from(vec![name.clone(), word(look, style, text.clone()), word(look, Role::Plain, positions)])
    };
    let whole = of(positions("   ", "high watermark", "synced to"));
    if whole.width() <= usize::from(width) { whole } else { of(positions("  ", "high", "synced")) }
}

/// Why requests wait at a replica.
fn parked(model: &Model, replica: &ReplicaPart) -> String {
    let words: Vec<String> = replica
        .parked
        .iter()
        .map(|parked| match parked {
            ParkedPart::Produce { required_offset, deadline } => {
                format!("produce waits for high watermark {required_offset} until {}", until(model, *deadline))
            }
            ParkedPart::Fetch { replica, fetch_offset, .. } if replica.is_some() => {
                format!("{}'s fetch waits at {fetch_offset}", words::node(model, *replica))
            }
            ParkedPart::Fetch { fetch_offset, .. } => format!("a consumer's fetch waits at {fetch_offset}"),
        })
        .collect();
    words.join("; ")
}

fn until(model: &Model, deadline: trial_broker::time::Time) -> String {
    model.tape.as_ref().map_or_else(String::new, |tape| seconds(tape.cast.micros(deadline)))
}

fn batch_at(batches: &[LogBatch], offset: Offset) -> Option<&LogBatch> {
    let behind = batches.partition_point(|batch| batch.first <= offset);
    batches[..behind].last().filter(|batch| offset <= batch.last)
}

/// A digit a record: its leader epoch; `C` for a control record.
fn epochs(model: &Model, replica: &ReplicaPart, batches: &[LogBatch], window: &Window) -> Vec<Span<'static>> {
    let mut spans = vec![margin(model, "epochs")];
    for offset in window.offsets() {
        let Some(batch) = batch_at(batches, offset) else {
            spans.push(word(model.look, Role::Plain, " "));
            continue;
        };
        let epoch = batch.leader_epoch.0.rem_euclid(10);
        let sign = if batch.is_control { "C".to_owned() } else { epoch.to_string() };
        let role = match replica.role {
            Some(_) if offset < replica.high_watermark => Role::Committed(epoch as u8),
            Some(_) => Role::Uncommitted,
            // What of its files is committed nobody says while it does not run.
            None => Role::Plain,
        };
        spans.push(word(model.look, role, sign));
    }
    spans
}

fn durability(model: &Model, batches: &[LogBatch], window: &Window) -> Vec<Span<'static>> {
    let signs: String = window
        .offsets()
        .map(|offset| match batch_at(batches, offset) {
            Some(batch) if batch.is_durable => model.look.sign(Glyph::Durable),
            Some(_) => model.look.sign(Glyph::Cached),
            None => ' ',
        })
        .collect();
    vec![margin(model, "disk"), word(model.look, Role::Plain, signs)]
}

/// Letters on the offsets that they mean; where several meet, the first in this list wins the place. A record behind the high
/// watermark that has no letter has the sign of what is not committed: it begins at `H` and ends before `E`.
fn marks(look: Look, replica: &ReplicaPart, window: &Window) -> String {
    let letters = [
        ('E', replica.log_end_offset),
        ('H', replica.high_watermark),
        ('L', replica.last_stable_offset),
        ('R', replica.recovery_point),
        ('S', replica.log_start_offset),
    ];
    let at = |offset: Offset| letters.iter().filter(move |(_, place)| *place == offset);
    window
        .offsets()
        .map(|offset| match (at(offset).next(), at(offset).count()) {
            (Some(('E', _)), 2..) if replica.high_watermark == offset => 'B',
            (Some((letter, _)), _) => *letter,
            (None, _) if (replica.high_watermark..replica.log_end_offset).contains(&offset) => {
                look.sign(Glyph::Pending)
            }
            (None, _) => ' ',
        })
        .collect()
}

/// What the signs mean, in one line or in two.
fn legend(model: &Model, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let [durable, cached, pending] = [Glyph::Durable, Glyph::Cached, Glyph::Pending].map(|glyph| look.sign(glyph));
    let mut signs = vec![
        word(look, Role::Plain, "    "),
        word(look, Role::Committed(0), "0"),
        word(look, Role::Plain, " committed "),
        word(look, Role::Uncommitted, "0"),
        word(look, Role::Plain, format!(" not committed: H{pending}E  {durable} on disk  {cached} page cache  ")),
    ];
    let marks = word(look, Role::Plain, "S start  R synced  L stable  H high  E end  B = H and E");
    let length: usize = signs.iter().map(Span::width).sum();
    if length + marks.width() <= usize::from(width) {
        signs.push(marks);
        return vec![Line::from(signs)];
    }
    vec![Line::from(signs), Line::from(vec![word(look, Role::Plain, "    "), marks])]
}
