//! Lists of what a part wants done: taken as a whole by whoever carries it on, and written again in the same room.
//!
//! Nearly every step fills one or two of them with an entry or so. Without this each would ask for memory of its own. Only
//! room is handed on, never an entry: lists that are equal stay equal.

/// Takes what is in a list; an empty list keeps its room.
pub(crate) fn take_filled<T>(list: &mut Vec<T>) -> Vec<T> {
    if list.is_empty() { Vec::new() } else { std::mem::take(list) }
}

/// Gives a list the room of another one that was emptied, unless it has some by now.
pub(crate) fn give_room<T>(list: &mut Vec<T>, emptied: Vec<T>) {
    debug_assert!(emptied.is_empty(), "what is in a list is not thrown away");
    if list.capacity() == 0 {
        *list = emptied;
    }
}
