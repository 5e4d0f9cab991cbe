//! The proof: tests that look at the whole workspace. The tests themselves are in `tests/tests/`;
//! here is what several of them need.

pub mod captured;
pub mod golden;
pub mod lessons;
pub mod parallel;
pub mod stories;
