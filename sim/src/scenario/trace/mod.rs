//! What a run looks like from outside: a transcript for people, JSON lines for programs.
//!
//! Both are folds over the steps of a world: they ask no machine anything, so that what
//! they show is exactly what was published.

mod call_rows;
mod cast;
mod event_rows;
mod fault_rows;
mod fold;
mod glossary;
mod group_rows;
mod json;
mod lanes;
mod membership_rows;
mod picture;
mod rows;
#[cfg(test)]
mod tests;
mod told;

pub use cast::Cast;
pub use glossary::{MEANINGS, Meaning, meaning_of};
pub use json::json_lines;
pub use lanes::Lanes;
pub use picture::{Picture, ReplicaPicture};
pub(crate) use told::Repetitions;
pub use told::{Teller, Told, Weight};
