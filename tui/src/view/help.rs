//! The help: the table of keys, group by group: below each other, else in columns where no line is cut, else a part of it.

use ratatui::text::{Line, Span};

use crate::keys::{BINDINGS, Binding, in_ascii};
use crate::theme::{Alphabet, Look, Role};
use crate::widget::{line, word, wrapped};

/// Between two columns.
const GAP: usize = 2;

/// Every key and what it does; where there is no room for all, from the line `first` of the table on.
pub fn lines(look: Look, first: usize, height: u16, width: u16) -> Vec<Line<'static>> {
    let (height, width) = (usize::from(height).max(1), usize::from(width));
    let whole = below_each_other(look, 0, usize::MAX);
    let widest = whole.iter().map(Line::width).max().unwrap_or(0);
    if whole.len() <= height && widest <= width {
        return whole;
    }
    let columns = whole.len().div_ceil(height);
    if columns * (widest + GAP) <= width + GAP {
        return in_columns(whole, height, widest + GAP);
    }
    let mut part = below_each_other(look, first, width);
    if first > 0 || part.len() > height {
        part.truncate(height - 1);
        part.push(line(look, Role::Heading, "up and down: more of it; Esc: back"));
    }
    part
}

/// The table from one of its lines on, in lines that are no longer than this.
fn below_each_other(look: Look, first: usize, width: usize) -> Vec<Line<'static>> {
    let shown = |binding: &Binding| match look.alphabet {
        Alphabet::Unicode => binding.shown.to_owned(),
        Alphabet::Ascii => in_ascii(binding.shown),
    };
    let widest = BINDINGS.iter().map(|binding| shown(binding).chars().count()).max().unwrap_or(0);
    let indent = widest + 4;
    // Where there is hardly room beside the keys, what they do stands below them.
    let (beside, room) = match width.saturating_sub(indent) {
        0..20 => (false, width.saturating_sub(4)),
        room => (true, room),
    };
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut group = "";
    for binding in BINDINGS.iter().skip(first) {
        if binding.group != group {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            group = binding.group;
            lines.push(line(look, Role::Heading, group));
        }
        let mut keys = word(look, Role::Key, format!("  {:<widest$}  ", shown(binding)));
        if !beside {
            lines.push(Line::from(keys));
            keys = Span::raw("    ");
        }
        let blank = Span::raw(" ".repeat(keys.width()));
        for (index, text) in wrapped(binding.does, u16::try_from(room).unwrap_or(u16::MAX)).into_iter().enumerate() {
            let before = if index == 0 { keys.clone() } else { blank.clone() };
            lines.push(Line::from(vec![before, word(look, Role::Plain, text)]));
        }
    }
    lines
}

/// Lines that do not fit below each other, beside each other.
fn in_columns(lines: Vec<Line<'static>>, height: usize, width: usize) -> Vec<Line<'static>> {
    let mut rows: Vec<Line<'static>> = vec![Line::default(); height.min(lines.len())];
    for (index, line) in lines.into_iter().enumerate() {
        let row = &mut rows[index % height];
        let gap = (index / height * width).saturating_sub(row.width());
        row.spans.push(Span::raw(" ".repeat(gap)));
        row.spans.extend(line.spans);
    }
    rows
}
