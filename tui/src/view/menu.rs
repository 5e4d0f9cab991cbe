//! What can be done to what is selected: a line an item.

use crate::app::{Menu, Spot};
use crate::theme::{Look, Role};
use crate::widget::row::Row;
use crate::widget::{heading, line};

/// As many items as there is room for, the chosen one among them.
pub fn rows(look: Look, menu: &Menu, width: u16, height: u16) -> Vec<Row> {
    let room = usize::from(height).saturating_sub(2).max(1);
    let first = (menu.chosen + 1).saturating_sub(room);
    let count = menu.items.len();
    let part = match count > room {
        true => format!(" ({} TO {} OF {count})", first + 1, first + room),
        false => String::new(),
    };
    let title = format!("WHAT CAN BE DONE: {}{part}", menu.title);
    let mut rows = vec![Row::from(heading(look, &title, width))];
    for (index, item) in menu.items.iter().enumerate().skip(first).take(room) {
        let role = if index == menu.chosen { Role::Selected } else { Role::Plain };
        rows.push(Row::at(line(look, role, format!("  {}", item.words)), Spot::Item(index)));
    }
    rows.push(line(look, Role::Plain, "up and down choose, Enter does it, Esc does nothing").into());
    rows
}
