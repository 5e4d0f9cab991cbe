//! A line of the window, and what somebody means who points at it.

use std::ops::Range;

use ratatui::text::{Line, Span};

use crate::app::Spot;

/// A line, and the columns of it that can be pointed at.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What is drawn.
    pub line: Line<'static>,
    /// From which column to which (exclusive), counted from the left of the line.
    spots: Vec<(Range<u16>, Spot)>,
}

impl From<Line<'static>> for Row {
    fn from(line: Line<'static>) -> Row {
        Row { line, spots: Vec::new() }
    }
}

impl Row {
    /// A line that means one thing wherever it is pointed at.
    pub fn at(line: Line<'static>, spot: Spot) -> Row {
        Row { line, spots: vec![(0..u16::MAX, spot)] }
    }

    /// Pieces beside each other, some of which can be pointed at.
    pub fn of(pieces: Vec<(Span<'static>, Option<Spot>)>) -> Row {
        let mut spots = Vec::new();
        let mut spans = Vec::new();
        let mut column: u16 = 0;
        for (span, spot) in pieces {
            let end = column.saturating_add(u16::try_from(span.width()).unwrap_or(u16::MAX));
            if let Some(spot) = spot {
                spots.push((column..end, spot));
            }
            column = end;
            spans.push(span);
        }
        Row { line: Line::from(spans), spots }
    }

    /// What somebody means who points at a column.
    pub fn spot(&self, column: u16) -> Option<&Spot> {
        self.spots.iter().find(|(columns, _)| columns.contains(&column)).map(|(_, spot)| spot)
    }
}

/// Lines that nobody can point at.
pub fn rows(lines: Vec<Line<'static>>) -> Vec<Row> {
    lines.into_iter().map(Row::from).collect()
}
