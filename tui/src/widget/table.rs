//! A table whose least important columns give way when the window is narrow.

use ratatui::text::{Line, Span};

use super::word;
use crate::theme::{Look, Role};

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub title: String,
    /// How important it is: the largest numbers give way first, 0 never does.
    pub gives_way: u8,
}

/// One place of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// In which role.
    pub role: Role,
    /// What it says.
    pub text: String,
}

/// A cell like others.
pub fn cell(text: impl Into<String>) -> Cell {
    Cell { role: Role::Plain, text: text.into() }
}

/// A cell in a role.
pub fn styled(role: Role, text: impl Into<String>) -> Cell {
    Cell { role, text: text.into() }
}

/// A column that stays as long as those with smaller numbers.
pub fn column(title: &str, gives_way: u8) -> Column {
    Column { title: title.to_owned(), gives_way }
}

/// Rows under their columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// The row on which the cursor is.
    pub selected: Option<usize>,
}

/// Between two columns.
const GAP: usize = 2;

impl Table {
    /// The same with `?` in every cell of these columns: by their names, or by one word of them.
    pub fn without(mut self, hidden: &[String]) -> Table {
        let is_hidden = |column: &Column| {
            let has = |name: &String| column.title == *name || column.title.split([' ', '/']).any(|word| word == name);
            hidden.iter().any(has)
        };
        let places: Vec<usize> = (0..self.columns.len()).filter(|index| is_hidden(&self.columns[*index])).collect();
        for row in &mut self.rows {
            for place in &places {
                if let Some(hidden) = row.get_mut(*place) {
                    *hidden = cell("?");
                }
            }
        }
        self
    }

    /// Its lines, the names of the columns first.
    pub fn lines(&self, look: Look, width: u16) -> Vec<Line<'static>> {
        let widths = self.widths();
        let kept = self.kept(&widths, usize::from(width));
        let heading: Vec<Cell> =
            self.columns.iter().map(|column| styled(Role::Heading, column.title.clone())).collect();
        let mut lines = vec![row(look, &heading, &widths, &kept, false)];
        for (index, cells) in self.rows.iter().enumerate() {
            lines.push(row(look, cells, &widths, &kept, self.selected == Some(index)));
        }
        lines
    }

    /// How wide it is when every column has given way that does so before those of this number.
    pub fn width_down_to(&self, gives_way: u8) -> usize {
        let widths = self.widths().into_iter().zip(&self.columns).filter(|(_, column)| column.gives_way <= gives_way);
        widths.map(|(width, _)| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    fn widths(&self) -> Vec<usize> {
        let length = |text: &str| Span::raw(text).width();
        let widest = |index: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| length(&cell.text));
            cells.max().unwrap_or(0).max(length(&column.title))
        };
        self.columns.iter().enumerate().map(|(index, column)| widest(index, column)).collect()
    }

    /// Which columns there is room for.
    fn kept(&self, widths: &[usize], width: usize) -> Vec<bool> {
        let mut kept = vec![true; self.columns.len()];
        loop {
            let used: usize = (0..kept.len()).filter(|index| kept[*index]).map(|index| widths[index] + GAP).sum();
            if used <= width + GAP {
                return kept;
            }
            let weakest = (0..kept.len())
                .filter(|index| kept[*index] && self.columns[*index].gives_way > 0)
                .max_by_key(|index| (self.columns[*index].gives_way, *index));
            match weakest {
                Some(index) => kept[index] = false,
                None => return kept,
            }
        }
    }
}

fn row(look: Look, cells: &[Cell], widths: &[usize], kept: &[bool], is_selected: bool) -> Line<'static> {
    let mut spans = Vec::new();
    for (index, cell) in cells.iter().enumerate().filter(|(index, _)| kept.get(*index) == Some(&true)) {
        let room = widths.get(index).copied().unwrap_or(0) + GAP;
        let padding = room.saturating_sub(Span::raw(cell.text.as_str()).width());
        let role = if is_selected { Role::Selected } else { cell.role };
        spans.push(word(look, role, cell.text.clone()));
        spans.push(word(look, if is_selected { Role::Selected } else { Role::Plain }, " ".repeat(padding)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            columns: vec![column("name", 0), column("process", 1), column("clock", 2)],
            rows: vec![vec![cell("b1"), cell("running"), cell("+0 ms")]],
            selected: None,
        }
    }

    fn text(width: u16) -> Vec<String> {
        table().lines(Look::default(), width).iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_would_give_an_answer_away_is_a_question_mark() {
        let hidden = table().without(&["process".to_owned()]);
        let lines: Vec<String> = hidden.lines(Look::default(), 40).iter().map(|line| line.to_string()).collect();
        assert!(lines[1].starts_with("b1    ?        +0 ms"), "{lines:?}");
    }

    #[test]
    fn the_least_important_column_gives_way_first_and_the_first_never() {
        assert_eq!(text(40), ["name  process  clock", "b1    running  +0 ms"]);
        assert_eq!(text(15), ["name  process", "b1    running"]);
        assert_eq!(text(3), ["name", "b1"]);
    }
}
