//! Pieces that every screen is made of: lines of styled words, tables that give way when the window is narrow, the slider.
//!
//! A view is a list of lines. So it can be cut off anywhere, at any size, and written to other places than a terminal.

pub mod row;
pub mod slider;
pub mod table;

use ratatui::text::{Line, Span};

use crate::theme::{Look, Role};

/// A word in a role.
pub fn word(look: Look, role: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), look.style(role))
}

/// A line of one word.
pub fn line(look: Look, role: Role, text: impl Into<String>) -> Line<'static> {
    Line::from(word(look, role, text))
}

/// The heading of a block, with a rule behind it to the end of the line.
pub fn heading(look: Look, text: &str, width: u16) -> Line<'static> {
    let text = format!("{text} ");
    let rest = usize::from(width).saturating_sub(text.chars().count());
    let rule: String = std::iter::repeat_n(look.sign(crate::theme::Glyph::Rule), rest).collect();
    Line::from(vec![word(look, Role::Heading, text), word(look, Role::Plain, rule)])
}

/// A text in lines no longer than this, broken between words.
pub fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width).max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A text in this many columns, with a sign at its end where something is missing.
pub fn cut(text: &str, room: usize, look: Look) -> String {
    if Span::raw(text).width() <= room {
        return text.to_owned();
    }
    let mut shown = String::new();
    for letter in text.chars() {
        if Span::raw(shown.as_str()).width() + Span::raw(letter.to_string()).width() >= room {
            break;
        }
        shown.push(letter);
    }
    if room > 0 {
        shown.push(look.sign(crate::theme::Glyph::Cut));
    }
    shown
}

/// A line in this many columns, with a sign at its end where words are missing.
pub fn cut_line(line: Line<'static>, room: usize, look: Look) -> Line<'static> {
    let width = line.width();
    let blank_end = line.spans.iter().rev().flat_map(|span| span.content.chars().rev()).take_while(|sign| *sign == ' ');
    if room == 0 || width - blank_end.count() <= room {
        return line;
    }
    let mut left = room;
    let mut spans = Vec::new();
    for span in line.spans {
        let width = span.width();
        // The sign needs a place, and what follows a full line is missing.
        if width < left {
            left -= width;
            spans.push(span);
            continue;
        }
        let text = cut(&format!("{}  ", span.content), left, look);
        spans.push(Span::styled(text, span.style));
        break;
    }
    Line::from(spans)
}

/// So many of something: `1 record`, `2 records`.
pub fn counted(count: i64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// A number with its digits in groups: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Microseconds as seconds: `41.500 s`, with microseconds where there are any.
pub fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (whole, millis, rest) = (micros / 1_000_000, micros / 1000 % 1000, micros % 1000);
    let rest = if rest == 0 { String::new() } else { format!("{rest:03}") };
    format!("{sign}{whole}.{millis:03}{rest} s")
}

/// Bytes as people say them.
pub fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{} KiB", count / 1024),
        _ => format!("{} MiB", count / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!((grouped(7), grouped(1234), grouped(1_234_567)), ("7".into(), "1,234".into(), "1,234,567".into()));
        assert_eq!(seconds(41_500_000), "41.500 s");
        assert_eq!(seconds(-1_000_123), "-1.000123 s");
        assert_eq!((counted(1, "record"), counted(0, "record")), ("1 record".into(), "0 records".into()));
        assert_eq!((bytes(12), bytes(4096), bytes(3 << 20)), ("12 B".into(), "4 KiB".into(), "3 MiB".into()));
    }

    #[test]
    fn what_has_no_room_ends_in_a_sign() {
        let look = Look::default();
        assert_eq!(
            (cut("abcdef", 6, look), cut("abcdef", 4, look), cut("ab", 0, look)),
            ("abcdef".into(), "abc…".into(), "".into())
        );
        let line = |room: usize| {
            let words = [word(look, Role::Plain, "abc"), word(look, Role::Good, "def"), word(look, Role::Plain, "   ")];
            cut_line(Line::from(words.to_vec()), room, look).to_string()
        };
        assert_eq!(line(6), "abcdef   ", "blanks at the end are nothing that is missing");
        assert_eq!((line(5), line(4), line(3), line(1)), ("abcd…".into(), "abc…".into(), "ab…".into(), "…".into()));
    }

    #[test]
    fn text_is_broken_between_words_at_any_width() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two", 0), ["one", "two"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
