//! A picture of the window: rows of words, each in one style.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

/// Words in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// How they look.
    pub style: Style,
    /// What they say.
    pub text: String,
}

/// Rows of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// From the top.
    pub rows: Vec<Vec<Words>>,
}

impl Picture {
    /// What a terminal would show.
    pub fn of(buffer: &Buffer) -> Picture {
        let area = buffer.area();
        let row = |y: u16| {
            let mut row: Vec<Words> = Vec::new();
            for x in area.left()..area.right() {
                let cell = &buffer[(x, y)];
                match row.last_mut().filter(|words| words.style == cell.style()) {
                    Some(words) => words.text.push_str(cell.symbol()),
                    None => row.push(Words { style: cell.style(), text: cell.symbol().to_owned() }),
                }
            }
            row
        };
        Picture { rows: (area.top()..area.bottom()).map(row).collect() }
    }
}
