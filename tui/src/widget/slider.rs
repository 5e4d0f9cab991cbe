//! The slider: where we are between power on and the end, with marks for what was done and what happened.

use ratatui::text::{Line, Span};

use super::word;
use crate::theme::{Glyph, Look, Role};

/// A mark on the slider. Later ones hide earlier ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Where, from 0 to 1.
    pub at: f64,
    /// Its sign.
    pub glyph: Glyph,
    /// Its role.
    pub role: Role,
}

/// The slider in one line of this width.
pub fn slider(look: Look, here: f64, marks: &[Mark], width: u16) -> Line<'static> {
    let width = usize::from(width);
    if width == 0 {
        return Line::default();
    }
    let place = |part: f64| ((part.clamp(0.0, 1.0) * (width - 1) as f64).round() as usize).min(width - 1);
    let here = place(here);
    let mut cells: Vec<(char, Role)> = (0..width)
        .map(|index| (look.sign(if index < here { Glyph::Passed } else { Glyph::Rule }), Role::Plain))
        .collect();
    for mark in marks {
        cells[place(mark.at)] = (look.sign(mark.glyph), mark.role);
    }
    cells[here] = (look.sign(Glyph::Here), Role::Leader);
    let spans: Vec<Span> = cells.into_iter().map(|(sign, role)| word(look, role, sign.to_string())).collect();
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slider_shows_what_has_passed_and_where_faults_are() {
        let look = Look { alphabet: crate::theme::Alphabet::Ascii, ..Look::default() };
        let fault = Mark { at: 0.75, glyph: Glyph::Fault, role: Role::Done };
        assert_eq!(slider(look, 0.5, &[fault], 9).to_string(), "====#-^--");
        assert_eq!(slider(look, 7.0, &[], 3).to_string(), "==#");
        assert_eq!(slider(look, 0.5, &[fault], 0).to_string(), "");
    }
}
