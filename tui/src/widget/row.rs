//! A line of the window, and what somebody means who points at it.

use std::ops::Range;

use ratatui::text::{Line, Span};

use crate::app::Spot;

/// What a row is to those below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Something of its own.
    #[default]
    Content,
    /// The heading of a block.
    Title,
    /// The names of columns.
    Names,
}

/// A line, and the columns of it that can be pointed at.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What is drawn.
    pub line: Line<'static>,
    /// Whether rows below it are read with it: such rows are repeated on later pages.
    pub kind: Kind,
    /// From which column to which (exclusive), counted from the left of the line.
    spots: Vec<(Range<u16>, Spot)>,
}

impl From<Line<'static>> for Row {
    fn from(line: Line<'static>) -> Row {
        Row { line, kind: Kind::Content, spots: Vec::new() }
    }
}

impl Row {
    /// The heading of a block.
    pub fn title(line: Line<'static>) -> Row {
        Row { kind: Kind::Title, ..Row::from(line) }
    }

    /// The names of columns.
    pub fn names(line: Line<'static>) -> Row {
        Row { kind: Kind::Names, ..Row::from(line) }
    }

    /// A line that means one thing wherever it is pointed at.
    pub fn at(line: Line<'static>, spot: Spot) -> Row {
        Row::from(line).meaning(spot)
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
        Row { spots, ..Row::from(Line::from(spans)) }
    }

    /// The same, meant wherever it is pointed at.
    pub fn meaning(self, spot: Spot) -> Row {
        Row { spots: vec![(0..u16::MAX, spot)], ..self }
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
