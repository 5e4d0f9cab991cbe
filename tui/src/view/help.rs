//! The help: the table of keys, group by group, in as many columns as there is room for.

use ratatui::text::{Line, Span};

use crate::keys::{BINDINGS, Binding, in_ascii};
use crate::theme::{Alphabet, Look, Role};
use crate::widget::word;

/// Every key and what it does.
pub fn lines(look: Look, height: u16, width: u16) -> Vec<Line<'static>> {
    let shown = |binding: &Binding| match look.alphabet {
        Alphabet::Unicode => binding.shown.to_owned(),
        Alphabet::Ascii => in_ascii(binding.shown),
    };
    let widest = BINDINGS.iter().map(|binding| shown(binding).chars().count()).max().unwrap_or(0);
    let mut rows: Vec<Vec<Span<'static>>> = Vec::new();
    let mut group = "";
    for binding in BINDINGS {
        if binding.group != group {
            if !rows.is_empty() {
                rows.push(Vec::new());
            }
            group = binding.group;
            rows.push(vec![word(look, Role::Heading, group)]);
        }
        rows.push(vec![
            word(look, Role::Key, format!("  {:<widest$}  ", shown(binding))),
            word(look, Role::Plain, binding.does),
        ]);
    }
    if rows.len() <= usize::from(height) {
        return rows.into_iter().map(Line::from).collect();
    }
    in_columns(rows, usize::from(height), usize::from(width))
}

/// Rows that do not fit below each other, beside each other.
fn in_columns(rows: Vec<Vec<Span<'static>>>, height: usize, width: usize) -> Vec<Line<'static>> {
    let height = height.max(1);
    let columns = rows.len().div_ceil(height);
    let room = (width / columns).max(1);
    let mut lines: Vec<Vec<Span<'static>>> = vec![Vec::new(); height.min(rows.len())];
    for (index, row) in rows.into_iter().enumerate() {
        let line = &mut lines[index % height];
        let mut left = room.saturating_sub(1);
        for span in row {
            let text: String = span.content.chars().take(left).collect();
            left -= text.chars().count();
            line.push(Span::styled(text, span.style));
        }
        line.push(Span::raw(" ".repeat(left + 1)));
    }
    lines.into_iter().map(Line::from).collect()
}
