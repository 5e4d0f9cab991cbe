//! Names that are told again and again: topics in every event, hosts in every address. Each text is kept once, for as long as
//! the program runs, so that a name is copied as a number is, and two names are the same where they lie at one place.
//!
//! A cluster has few names. A program that reads ever new ones keeps them all: some bytes for each.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// All names of this program. Nobody reads them in order, so what a run does cannot depend on who else runs.
static KEPT: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());

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
        let known = KEPT.read().unwrap_or_else(PoisonError::into_inner).get(text).copied();
        Name(known.unwrap_or_else(|| keep(text)))
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

/// Keeps a text, unless somebody else has just done so.
fn keep(text: &str) -> &'static str {
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(Box::from(text));
    kept.insert(text);
    text
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
    fn texts_that_are_equal_are_one_name_whoever_reads_them() {
        let here = Name::new("orders");
        let elsewhere = std::thread::spawn(|| Name::from(String::from("orders"))).join().expect("a thread that ends");
        assert_eq!(here, elsewhere);
        assert!(std::ptr::eq(here.as_str(), elsewhere.as_str()));
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
