//! The proof: tests that look at the whole workspace. The tests themselves are in `tests/tests/`.
