//! A table whose least important columns give way when the window is narrow. What there is no room for is told: columns that
//! gave way are counted behind the names of the others, and a value that is cut ends in a sign.

use ratatui::text::{Line, Span};

use super::row::Row;
use super::{cut, word};
use crate::theme::{Glyph, Look, Role};

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub title: String,
    /// How important it is: the largest numbers give way first, 0 never does.
    pub gives_way: u8,
    /// Whether the ends of its values tell more than their beginnings: of a path the name of the file.
    keeps_ends: bool,
}

impl Column {
    /// The same, cut at the beginning where a value has no room.
    pub fn keeping_ends(self) -> Column {
        Column { keeps_ends: true, ..self }
    }
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
    Column { title: title.to_owned(), gives_way, keeps_ends: false }
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

/// A cell of a column of this title, without the value of this name. What stands behind the values of the title (a third one, a
/// word) goes with the last of them.
fn veiled(shown: Cell, title: &str, name: &str) -> Cell {
    let values: Vec<&str> = title.rsplit(' ').next().unwrap_or(title).split('/').collect();
    match values.iter().position(|value| *value == name) {
        Some(place) if values.len() > 1 && title != name => {
            let parts: Vec<&str> = shown.text.splitn(values.len(), '/').collect();
            // Nothing stands there: `-`.
            if parts.len() < values.len() {
                return shown;
            }
            let kept = |(index, part): (usize, &&str)| if index == place { "?".to_owned() } else { (*part).to_owned() };
            Cell { text: parts.iter().enumerate().map(kept).collect::<Vec<String>>().join("/"), ..shown }
        }
        _ if title == name || title.split([' ', '/']).any(|word| word == name) => cell("?"),
        _ => shown,
    }
}

/// Between two columns.
const GAP: usize = 2;

/// For the sign that columns gave way, and how many, a blank before it.
const SIGN: usize = 3;

/// No column is cut to less.
const NARROWEST: usize = 4;

impl Table {
    /// The same with `?` in every cell of these columns: by their names, or by one word of them; of a column of several values,
    /// `end/high`, in the place of that value alone.
    pub fn without(mut self, hidden: &[String]) -> Table {
        for (place, column) in self.columns.iter().enumerate() {
            for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(place)) {
                *cell = hidden.iter().fold(cell.clone(), |cell, name| veiled(cell, &column.title, name));
            }
        }
        self
    }

    /// Its rows, the names of the columns first.
    pub fn rows(&self, look: Look, width: u16) -> Vec<Row> {
        let width = usize::from(width);
        let kept = self.kept(width);
        let widths = self.narrowed(&kept, width);
        let names: Vec<Cell> = self.columns.iter().map(|column| styled(Role::Heading, column.title.clone())).collect();
        let mut names = row(look, &names, &widths, false);
        let left_out = kept.iter().filter(|is_kept| !**is_kept).count();
        // One blank before the sign is enough.
        if let Some(gap) = names.spans.last_mut().filter(|_| left_out > 0) {
            gap.content = " ".repeat(gap.content.len().saturating_sub(1)).into();
        }
        names.spans.extend(left_out_words(look, left_out, width.saturating_sub(names.width())));
        let mut rows = vec![Row::names(names)];
        for (index, cells) in self.rows.iter().enumerate() {
            let placed = cells.iter().zip(&self.columns).zip(&widths);
            let cells: Vec<Cell> = placed.map(|((cell, column), width)| fitted(look, cell, column, *width)).collect();
            rows.push(row(look, &cells, &widths, self.selected == Some(index)).into());
        }
        rows
    }

    /// Whether there is room for every column that gives way no sooner than those of this number.
    pub fn has_room_down_to(&self, gives_way: u8, width: u16) -> bool {
        let kept: Vec<bool> = self.columns.iter().map(|column| column.gives_way <= gives_way).collect();
        needed(&self.widths(), &kept) <= usize::from(width)
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
    fn kept(&self, width: usize) -> Vec<bool> {
        let widths = self.widths();
        let mut kept = vec![true; self.columns.len()];
        while needed(&widths, &kept) > width {
            let weakest = (0..kept.len())
                .filter(|index| kept[*index] && self.columns[*index].gives_way > 0)
                .max_by_key(|index| (self.columns[*index].gives_way, *index));
            match weakest {
                Some(index) => kept[index] = false,
                None => break,
            }
        }
        kept
    }

    /// How wide each column is drawn, nothing for one that gave way. Where those that never do have no room, the widest of them
    /// is cut.
    fn narrowed(&self, kept: &[bool], width: usize) -> Vec<Option<usize>> {
        let mut widths = self.widths();
        let shown: Vec<usize> = (0..kept.len()).filter(|index| kept[*index]).collect();
        while needed(&widths, kept) > width {
            let widest = shown.iter().rev().copied().max_by_key(|index| widths[*index]);
            match widest.filter(|index| widths[*index] > NARROWEST) {
                Some(index) => widths[index] -= 1,
                None => break,
            }
        }
        (0..kept.len()).map(|index| kept[index].then_some(widths[index])).collect()
    }
}

/// How many columns of the window these columns take, with the gaps between them and the sign that others gave way.
fn needed(widths: &[usize], kept: &[bool]) -> usize {
    let used: usize = (0..kept.len()).filter(|index| kept[*index]).map(|index| widths[index] + GAP).sum();
    let is_whole = kept.iter().all(|is_kept| *is_kept);
    used.saturating_sub(GAP) + if is_whole { 0 } else { SIGN }
}

/// How many columns have no room: in as many words as there is room for, and always with a sign.
fn left_out_words(look: Look, count: usize, room: usize) -> Option<Span<'static>> {
    let sign = look.sign(Glyph::Cut);
    let more = format!("{sign} {} more", super::counted(count as i64, "column"));
    let ways = [format!("{more} in a wider window"), more, format!("{sign}{count}")];
    let words = ways.into_iter().find(|words| words.chars().count() <= room).unwrap_or_else(|| sign.to_string());
    (count > 0).then(|| word(look, Role::Plain, words))
}

/// The end of a text in this many columns, with a sign before it where something is missing.
fn cut_start(text: &str, room: usize, look: Look) -> String {
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    backwards(&cut(&backwards(text), room, look))
}

/// A cell of a column that may be cut at its beginning.
fn fitted(look: Look, cell: &Cell, column: &Column, width: Option<usize>) -> Cell {
    match width {
        Some(width) if column.keeps_ends => Cell { text: cut_start(&cell.text, width, look), ..cell.clone() },
        _ => cell.clone(),
    }
}

fn row(look: Look, cells: &[Cell], widths: &[Option<usize>], is_selected: bool) -> Line<'static> {
    let mut spans = Vec::new();
    for (cell, width) in cells.iter().zip(widths) {
        let Some(width) = *width else { continue };
        let text = cut(&cell.text, width, look);
        let padding = (width + GAP).saturating_sub(Span::raw(text.as_str()).width());
        let role = if is_selected { Role::Selected } else { cell.role };
        spans.push(word(look, role, text));
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
        table().rows(Look::default(), width).iter().map(|row| row.line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_would_give_an_answer_away_is_a_question_mark() {
        let hidden = table().without(&["process".to_owned()]);
        let lines: Vec<String> = hidden.rows(Look::default(), 40).iter().map(|row| row.line.to_string()).collect();
        assert!(lines[1].starts_with("b1    ?        +0 ms"), "{lines:?}");
    }

    /// How far a log goes may be known where nobody is to know how much of it is committed.
    #[test]
    fn of_a_column_of_two_values_one_can_be_hidden_alone() {
        let shown = |text: &str, hidden: &str| {
            let table = Table { columns: vec![column("b1 end/high", 0)], rows: vec![vec![cell(text)]], selected: None };
            table.without(&[hidden.to_owned()]).rows[0][0].text.clone()
        };
        assert_eq!(shown("13/10", "high"), "13/?");
        assert_eq!(shown("13/10", "end"), "?/10");
        assert_eq!(shown("13/10/7 leads too", "high"), "13/?");
        assert_eq!((shown("-", "high"), shown("13/10", "b1")), ("-".to_owned(), "?".to_owned()));
    }

    #[test]
    fn the_least_important_column_gives_way_first_and_the_first_never() {
        assert_eq!(text(40), ["name  process  clock", "b1    running  +0 ms"]);
        assert_eq!(text(20), ["name  process  clock", "b1    running  +0 ms"]);
        assert_eq!(text(19), ["name  process …1", "b1    running"]);
        assert_eq!(text(7), ["name …2", "b1"]);
        assert_eq!(text(9), ["name …2", "b1"]);
        assert_eq!(text(3), ["name …", "b1"]);
    }

    #[test]
    fn how_many_columns_have_no_room_is_told_in_as_many_words_as_there_is_room_for() {
        let mut table = table();
        table.columns.push(column("a long story", 3));
        table.rows[0].push(cell("that nobody reads in a window that is as narrow as this"));
        let names = |width: u16| table.rows(Look::default(), width)[0].line.to_string();
        assert_eq!(names(60), "name  process  clock … 1 column more in a wider window");
        assert_eq!(names(40), "name  process  clock … 1 column more");
        assert_eq!(names(30), "name  process  clock …1");
    }

    /// Behind a long value stands another one that nobody must miss.
    #[test]
    fn where_no_column_gives_way_the_widest_is_cut_and_says_so() {
        let table = Table {
            columns: vec![column("file", 0).keeping_ends(), column("may be lost", 0)],
            rows: vec![vec![cell("data-0/orders-0/0.log"), cell("nothing")]],
            selected: None,
        };
        let lines: Vec<String> = table.rows(Look::default(), 24).iter().map(|row| row.line.to_string()).collect();
        assert_eq!(lines[1].trim_end(), "…rs-0/0.log  nothing");
    }
}
