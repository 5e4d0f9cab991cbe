//! A scenario as text: what a generator drew, a shrinker kept or a screen saved, as a person would have written it.
//!
//! ```text
//!   text ──parse──▶ format::File ──print──▶ text ──parse──▶ the same File
//! ```
//!
//! The sections stand in the order of the format, every action on one line as an inline
//! table, and comments where a [`Story`] puts them. What is read back is equal to what was
//! printed; a test says so for every scenario that is checked in.

mod fields;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::format::{File, Seed};
use fields::{Field, fields, inline};

/// What is said around a scenario: comments, and where its schema is. Said of a file, never read back from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Where the JSON Schema lies, seen from the file; none leaves the line out.
    pub schema: Option<String>,
    /// Comment above everything: what happens here and why it is kept. Any number of lines, without `#`.
    pub heading: String,
    /// Comments above single steps, by the step's index from 0.
    pub before_step: BTreeMap<usize, String>,
}

impl Default for Story {
    fn default() -> Self {
        Story {
            schema: Some("../schema/scenario.json".to_owned()),
            heading: String::new(),
            before_step: BTreeMap::new(),
        }
    }
}

/// The file as text without comments.
pub fn print(file: &File) -> String {
    print_with(file, &Story::default())
}

/// The file as text with a story around it.
pub fn print_with(file: &File, story: &Story) -> String {
    let mut text = String::new();
    if let Some(schema) = &story.schema {
        let _ = writeln!(text, "#:schema {schema}");
    }
    comment(&mut text, &story.heading);
    // The fields of a file are its scalars first, and then its sections, each a table or a list of tables.
    let head = File { seed: None, ..file.clone() };
    for field in fields(&head).into_iter().filter(|field| !is_section(&field.name)) {
        line(&mut text, &field);
        if field.name == "title" && file.seed.is_some() {
            let _ = writeln!(text, "seed = {}", seed(file.seed.unwrap_or_default()));
        }
    }
    section(&mut text, "lesson", file.lesson.as_ref());
    section(&mut text, "museum", file.museum.as_ref());
    section(&mut text, "hazard", file.hazard.as_ref());
    section(&mut text, "found", file.found.as_ref());
    section(&mut text, "cluster", Some(&file.cluster));
    sections(&mut text, "node", &file.nodes);
    sections(&mut text, "topic", &file.topics);
    sections(&mut text, "client", &file.clients);
    for (index, step) in file.steps.iter().enumerate() {
        text.push('\n');
        comment(&mut text, story.before_step.get(&index).map_or("", String::as_str));
        table(&mut text, "[[step]]", step);
    }
    sections(&mut text, "intervention", &file.interventions);
    sections(&mut text, "always", &file.always);
    section(&mut text, "allow", (!file.allow.is_empty()).then_some(&file.allow));
    section(&mut text, "swarm", (!file.swarm.is_empty()).then_some(&file.swarm));
    text
}

/// Whether a field of a file has a heading of its own.
fn is_section(name: &str) -> bool {
    matches!(
        name,
        "lesson"
            | "museum"
            | "hazard"
            | "found"
            | "cluster"
            | "node"
            | "topic"
            | "client"
            | "step"
            | "intervention"
            | "always"
            | "allow"
            | "swarm"
    )
}

fn section(text: &mut String, name: &str, section: Option<&impl Serialize>) {
    if let Some(section) = section {
        text.push('\n');
        table(text, &format!("[{name}]"), section);
    }
}

fn sections(text: &mut String, name: &str, sections: &[impl Serialize]) {
    for section in sections {
        text.push('\n');
        table(text, &format!("[[{name}]]"), section);
    }
}

fn table(text: &mut String, heading: &str, section: &impl Serialize) {
    let _ = writeln!(text, "{heading}");
    for field in fields(section) {
        line(text, &field);
    }
}

fn line(text: &mut String, field: &Field) {
    let _ = writeln!(text, "{} = {}", field.name, field.value);
}

fn comment(text: &mut String, words: &str) {
    for line in words.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}

/// A seed in hexadecimal; as a string where TOML's whole numbers end.
pub(super) fn seed(seed: Seed) -> String {
    if i64::try_from(seed.0).is_ok() { seed.to_string() } else { inline(&seed) }
}

/// A value in one line, as it stands behind a key.
pub(super) fn value(value: &impl Serialize) -> String {
    inline(value)
}

#[cfg(test)]
mod tests;
