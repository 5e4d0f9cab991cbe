//! From the text of a file to its sections, with TOML's and serde's complaints turned into diagnostics.

use std::ops::Range;

use serde::Deserialize;

use super::diagnostic::{Diagnostic, listed, nearest};
use super::format::{Action, File, Spanned};
use super::mistakes;
use super::validate::{FORMAT, unknown_format};

/// Reads a file.
///
/// # Errors
/// The mistakes of its form, with their places, in the order of the file.
pub(super) fn parse(source: &str) -> Result<File, Vec<Diagnostic>> {
    mistakes::read(source).map_err(|errors| {
        if let Some(other) = other_format(source) {
            return vec![other];
        }
        let explained = errors.iter().map(|error| explain(error.message(), error.span(), source));
        let mut mistakes: Vec<Diagnostic> = explained.collect();
        mistakes.sort_by_key(|mistake| mistake.primary.0.start);
        mistakes
    })
}

/// What a file says of its format, whatever else stands in it.
#[derive(Deserialize)]
struct Head {
    format: Spanned<u32>,
}

/// A file of another format is not to be told that its keys are unknown.
fn other_format(source: &str) -> Option<Diagnostic> {
    let Head { format } = toml::from_str(source).ok()?;
    (format.value != FORMAT).then(|| unknown_format(&format))
}

/// Turns serde's message into one that a person can use.
fn explain(message: &str, span: Option<Range<usize>>, source: &str) -> Diagnostic {
    let span = span.unwrap_or(0..source.len().min(1));
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_key(rest, span);
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let name = rest.trim_end_matches('`');
        return Diagnostic::new(format!("`{name}` is missing"), span, format!("this needs `{name}`"));
    }
    if let Some(rest) = message.strip_prefix("duplicate field `") {
        let name = rest.trim_end_matches('`');
        return Diagnostic::new(format!("`{name}` stands here twice"), span, "once is enough");
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        return unknown_variant(rest, span);
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "something else"));
        let expected = in_words(expected);
        return Diagnostic::new("this has the wrong type", span, format!("expected {expected}, found {found}"));
    }
    if let Some(rest) = message.strip_prefix("invalid value: ") {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "something else"));
        let expected = in_words(expected);
        return Diagnostic::new("this value is not possible", span, format!("expected {expected}, found {found}"));
    }
    let mut lines = message.lines();
    let first = lines.next().unwrap_or("this is not TOML").to_owned();
    let label = lines.next().map_or_else(|| first.clone(), str::to_owned);
    let title = if label == first { "this cannot be read".to_owned() } else { first };
    Diagnostic::new(title, span, label)
}

/// Rust's names of types as a reader of scenario files would say them.
fn in_words(expected: &str) -> &str {
    match expected {
        "u32" | "u64" => "a whole number, not below 0",
        "i16" | "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// Splits serde's "kil`, expected one of `at`, `after`" into the name and the names that were possible.
fn names_of(rest: &str) -> (&str, Vec<&str>) {
    let (name, expected) = rest.split_once('`').unwrap_or((rest, ""));
    let expected = expected.split('`').skip(1).step_by(2).collect();
    (name, expected)
}

fn unknown_key(rest: &str, span: Range<usize>) -> Diagnostic {
    let (name, expected) = names_of(rest);
    let in_a_step = expected.contains(&"kill") && expected.contains(&"at");
    let what = if in_a_step { "action" } else { "key" };
    let mut diagnostic = Diagnostic::new(format!("unknown {what} `{name}`"), span, "not known here");
    if let Some(near) = nearest(name, expected.iter().copied()) {
        diagnostic.primary.1 = format!("did you mean `{near}`?");
    } else if in_a_step {
        diagnostic = diagnostic.with_help(format!("the actions are {}", listed(Action::NAMES)));
    } else if !expected.is_empty() {
        diagnostic = diagnostic.with_help(format!("expected one of {}", listed(&expected)));
    }
    diagnostic
}

fn unknown_variant(rest: &str, span: Range<usize>) -> Diagnostic {
    let (name, expected) = names_of(rest);
    let label = match nearest(name, expected.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("expected one of {}", listed(&expected)),
    };
    Diagnostic::new(format!("`{name}` is not possible here"), span, label)
}
