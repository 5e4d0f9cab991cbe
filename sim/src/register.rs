//! What is made at its first use and stays: links between machines, streams of randomness. Whoever has looked something up
//! keeps its number, and needs no search the next time.

use std::hash::{Hash, Hasher};

/// A map that only grows, in the order of its keys. It hashes as a `BTreeMap` of the same entries does: numbers depend on what
/// was used first, and are nobody's state.
#[derive(Clone, Debug)]
pub(crate) struct Register<K, V> {
    /// The keys in order, each with the number of its value.
    order: Vec<(K, usize)>,
    values: Vec<V>,
}

impl<K, V> Default for Register<K, V> {
    fn default() -> Self {
        Register { order: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord, V> Register<K, V> {
    /// The number of the value under a key, which is made if there is none.
    pub(crate) fn number(&mut self, key: K, make: impl FnOnce() -> V) -> usize {
        match self.order.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(place) => self.order[place].1,
            Err(place) => {
                let number = self.values.len();
                self.values.push(make());
                self.order.insert(place, (key, number));
                number
            }
        }
    }

    /// The value of a number.
    pub(crate) fn get_mut(&mut self, number: usize) -> &mut V {
        &mut self.values[number]
    }

    /// All entries, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.iter().map(|(key, number)| (key, &self.values[*number]))
    }

    /// Changes values, in the order of their keys.
    pub(crate) fn for_each_mut(&mut self, mut change: impl FnMut(&K, &mut V)) {
        for (key, number) in &self.order {
            change(key, &mut self.values[*number]);
        }
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Register<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Eq> Eq for Register<K, V> {}

impl<K: Ord + Hash, V: Hash> Hash for Register<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.order.len());
        for entry in self.iter() {
            entry.hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::Register;

    fn digest(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn numbers_stay_and_do_not_show() {
        let mut register = Register::default();
        let seven = register.number(7, || "seven".to_owned());
        let three = register.number(3, || "three".to_owned());
        assert_eq!(register.number(7, || unreachable!("it is there")), seven);
        register.get_mut(seven).push('!');
        register.for_each_mut(|key, value| value.push_str(&key.to_string()));
        assert_eq!(register.get_mut(three), "three3");

        let map: BTreeMap<i32, String> = [(3, "three3".to_owned()), (7, "seven!7".to_owned())].into();
        assert!(register.iter().eq(&map));
        assert_eq!(digest(&register), digest(&map));

        let mut other = Register::default();
        other.number(3, || "three3".to_owned());
        other.number(7, || "seven!7".to_owned());
        assert!(register == other, "made in another order, they are the same");
    }
}
