//! What every step looks up, and what seldom comes and goes: machines, connections, hosted partitions, what is known of replicas.
//!
//! A `BTreeMap` keeps keys and values of a node beside each other, and walks from node to node. Here the keys lie together, so
//! that a search among some dozens of them reads one or two cache lines. To add or take something away costs a move of what
//! lies behind it: what is in these tables comes and goes far less often than it is looked up.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Index;

/// So many keys are searched one by one.
const FEW: usize = 16;

/// A map in the order of its keys. It hashes as a `BTreeMap` of the same entries does.
#[derive(Clone, PartialEq, Eq)]
pub struct Table<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table { keys: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord, V> Table<K, V> {
    #[inline]
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.keys.binary_search(key)
    }

    /// Where a key is. Few are compared one by one: to see that two are the same takes less than to order them.
    #[inline]
    fn find(&self, key: &K) -> Option<usize> {
        match self.keys.len() {
            0..=FEW => self.keys.iter().position(|known| known == key),
            _ => self.place(key).ok(),
        }
    }

    /// The value under a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|place| &self.values[place])
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).map(|place| &mut self.values[place])
    }

    /// The value under a key, made if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.values.insert(place, make());
                self.keys.insert(place, key);
                place
            }
        };
        &mut self.values[place]
    }

    /// The value under a borrowed key, which is copied only where there is none.
    #[inline]
    pub fn get_or_default(&mut self, key: &K) -> &mut V
    where
        K: Clone,
        V: Default,
    {
        match self.find(key) {
            Some(place) => &mut self.values[place],
            None => self.get_or_insert_with(key.clone(), V::default),
        }
    }

    /// Puts a value under a key. Answers the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.values[place], value)),
            Err(place) => {
                self.keys.insert(place, key);
                self.values.insert(place, value);
                None
            }
        }
    }

    /// Whether there is a value under a key.
    #[inline]
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_some()
    }

    /// The entries from a key on, in order.
    pub fn iter_from(&self, first: &K) -> impl Iterator<Item = (&K, &V)> {
        let place = self.place(first).unwrap_or_else(|place| place);
        self.keys[place..].iter().zip(&self.values[place..])
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
    }

    /// Takes the value under a key away.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        self.keys.remove(place);
        Some(self.values.remove(place))
    }

    /// Keeps the entries of which something holds.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K, &mut V) -> bool) {
        let kept = self.iter_mut().map(|(key, value)| is_kept(key, value)).collect::<Vec<bool>>();
        let (mut of_keys, mut of_values) = (kept.iter(), kept.iter());
        self.keys.retain(|_| of_keys.next() == Some(&true));
        self.values.retain(|_| of_values.next() == Some(&true));
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.keys.iter()
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter()
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().zip(&self.values)
    }

    /// The same, to change the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.keys.iter().zip(&mut self.values)
    }
}

impl<K: Ord, V> Index<&K> for Table<K, V> {
    type Output = V;

    #[inline]
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("an entry of the table")
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Hash, V: Hash> Hash for Table<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.keys.len());
        for entry in self.iter() {
            entry.hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::Table;

    fn digest(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_table_is_the_map_of_its_entries_and_hashes_as_that() {
        let mut table = Table::default();
        let mut map = BTreeMap::new();
        for key in [7, 3, 9, 3, 1] {
            assert_eq!(table.insert(key, key * 10), map.insert(key, key * 10));
        }
        assert_eq!(*table.get_or_insert_with(5, || 0), *map.entry(5).or_insert(0));
        assert_eq!(*table.get_or_insert_with(9, || 0), *map.entry(9).or_insert(0));
        *table.get_or_default(&4) += *map.entry(4).or_default() + 8;
        *map.get_mut(&4).expect("an entry") += 8;
        *table.get_mut(&1).expect("an entry") += 1;
        *map.get_mut(&1).expect("an entry") += 1;
        assert_eq!((table.remove(&7), table.remove(&8)), (map.remove(&7), map.remove(&8)));
        table.retain(|key, _| key % 3 != 0);
        map.retain(|key, _| key % 3 != 0);
        assert!(table.iter().eq(map.iter()));
        assert_eq!((table.get(&2), table[&5], table.len()), (None, 0, map.len()));
        assert_eq!(digest(&table), digest(&map));
        assert_eq!(format!("{table:?}"), format!("{map:?}"));
        assert!(table.iter_from(&4).eq(map.range(4..)) && table.iter_from(&6).eq(map.range(6..)));
        assert!(table.contains_key(&5) && !table.contains_key(&6));
        table.clear();
        assert!(table.is_empty());
    }
}
