//! Names that are told again and again: topics in every event, hosts in every address. Each text is kept once, for as long as
//! the program runs, so that a name is copied as a number is, and two names are the same where they lie at one place.
//!
//! ```text
//!   shelf ─▶ orders ─▶ billing ─▶ …      a name, once written, stays: nobody waits for a lock to read it
//! ```
//!
//! A cluster has few names. A program that reads ever new ones keeps them all: some bytes for each.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many shelves there are, so that a search reads a few names.
const SHELVES: usize = 256;

/// All names of this program. Nobody sees in what order they came, so what a run does cannot depend on who else runs.
static KEPT: [Shelf; SHELVES] = [const { Shelf::new() }; SHELVES];

/// The first name of a shelf, once there is one, with the others behind it.
type Shelf = OnceLock<Kept>;

/// One name, and the next on its shelf.
struct Kept {
    text: Box<str>,
    next: Box<Shelf>,
}

/// The empty text, which stands where a name is left out.
static EMPTY: &str = "";

/// A text of which there is one.
#[derive(Clone, Copy)]
pub struct Name(&'static str);

impl Name {
    /// The name that this text is.
    pub fn new(text: &str) -> Name {
        if text.is_empty() {
            return Name::default();
        }
        let mut place = &KEPT[shelf_of(text)];
        loop {
            // Where nothing stands yet the name is put, unless another thread is faster: then its name stands there.
            let kept = place.get_or_init(|| Kept { text: Box::from(text), next: Box::default() });
            if *kept.text == *text {
                return Name(&kept.text);
            }
            place = &kept.next;
        }
    }

    /// The name as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Deref for Name {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.0
    }
}

/// Names of one cluster differ in their length or their last characters: `orders`, `b1`, `b2`, `raft-client-3`.
fn shelf_of(text: &str) -> usize {
    text.bytes().rev().take(4).fold(text.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHELVES
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Name::new(&text)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name::new(text)
    }
}

impl Default for Name {
    fn default() -> Self {
        Name(EMPTY)
    }
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Name {}

impl Ord for Name {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

impl PartialOrd for Name {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Name::from)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn texts_that_are_equal_are_one_name() {
        let texts: Vec<String> = (0..2_000).map(|number| format!("topic-{number}")).collect();
        let names: Vec<Name> = texts.iter().map(|text| Name::new(text)).collect();
        for (text, name) in texts.iter().zip(&names) {
            assert_eq!(*name, Name::from(text.clone()));
            assert_eq!(name.as_str(), text);
        }
        assert_ne!(names[0], names[1]);
        assert_eq!(Name::new(""), Name::default());
    }

    #[test]
    fn names_are_ordered_as_their_texts_are() {
        let texts = ["", "a", "aa", "b", "orders", "orders-0", "ordersx"];
        for one in texts {
            for other in texts {
                assert_eq!(Name::new(one).cmp(&Name::new(other)), one.cmp(other), "{one:?} and {other:?}");
            }
        }
    }
}
