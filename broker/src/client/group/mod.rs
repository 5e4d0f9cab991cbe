//! A consumer's membership in a group.

pub mod assignor;
