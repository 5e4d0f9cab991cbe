//! All that is wrong with the form of a file: types, keys, values that cannot be.
//!
//! Reading ends at the first mistake. So what holds it is taken out, and the rest is read again:
//! an element of a list as a whole, a key of a section, a key of the file. What is missing only because it was
//! taken out is no mistake of its own.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

use super::format::File;

/// So many are shown: who made more has another file in mind.
const MOST: usize = 20;

/// Reads a file.
///
/// # Errors
/// Every mistake of its form, at least one, in the order in which they were met. A syntax error is the only one: what
/// follows it cannot be trusted.
pub(super) fn read(source: &str) -> Result<File, Vec<Error>> {
    toml::from_str(source).map_err(|first| mistakes(source).unwrap_or_else(|| vec![first]))
}

/// All mistakes of a file that has some; none where it is no TOML.
fn mistakes(source: &str) -> Option<Vec<Error>> {
    let mut table = DeTable::parse(source).ok()?;
    let mut taken = Taken::default();
    let mut mistakes = Vec::new();
    while let Err(error) = File::deserialize(Deserializer::from(table.clone())) {
        let place = error.span();
        if !taken.explains(&error) {
            mistakes.push(error);
        }
        let is_out = place.is_some_and(|place| take_out(table.get_mut(), &place, &mut taken));
        if !is_out || mistakes.len() == MOST {
            break;
        }
    }
    Some(mistakes)
}

/// What was taken out of a file.
#[derive(Default)]
struct Taken {
    keys: BTreeSet<String>,
}

impl Taken {
    /// Whether something is missing only because it was taken out, or because it was misspelled.
    fn explains(&self, error: &Error) -> bool {
        let missing = error.message().strip_prefix("missing field `").map(|rest| rest.trim_end_matches('`'));
        missing.is_some_and(|name| {
            let is_like = |key: &String| key == name || super::diagnostic::nearest(key, [name]).is_some();
            self.keys.iter().any(is_like)
        })
    }
}

/// Takes out the smallest part that can be missed and holds a place; false if there is none.
fn take_out(file: &mut DeTable, place: &Range<usize>, taken: &mut Taken) -> bool {
    let Some(key) = key_at(file, place) else { return false };
    let Some(value) = file.get_mut(key.as_str()) else { return false };
    let is_in_part = match value.get_mut() {
        DeValue::Array(elements) => {
            let rest: DeArray = elements.iter().filter(|element| !holds(element, place)).cloned().collect();
            let is_found = rest.len() < elements.len();
            *elements = rest;
            is_found
        }
        DeValue::Table(section) => match key_at(section, place) {
            Some(inner) => {
                section.remove(inner.as_str());
                taken.keys.insert(inner);
                true
            }
            None => false,
        },
        _ => false,
    };
    if !is_in_part {
        file.remove(key.as_str());
        taken.keys.insert(key);
    }
    true
}

/// The key under which a place lies, or which lies there itself.
fn key_at(table: &DeTable, place: &Range<usize>) -> Option<String> {
    let is_here =
        |(key, value): &(&Spanned<_>, &Spanned<DeValue>)| surrounds(&key.span(), place) || holds(value, place);
    table.iter().find(is_here).map(|(key, _)| key.get_ref().to_string())
}

/// Whether a place lies in a value. The span of a table that has a heading is its heading.
fn holds(value: &Spanned<DeValue>, place: &Range<usize>) -> bool {
    let inside = match value.get_ref() {
        DeValue::Array(elements) => elements.iter().any(|element| holds(element, place)),
        DeValue::Table(table) => key_at(table, place).is_some(),
        _ => false,
    };
    inside || surrounds(&value.span(), place)
}

fn surrounds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
