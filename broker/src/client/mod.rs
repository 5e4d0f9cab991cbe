//! The other end: producers, consumers and admins as pure machines.

mod call;

pub use call::*;
