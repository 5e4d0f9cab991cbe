//! The other end: producers, consumers and admins as pure machines.

mod call;
mod config;

pub use call::*;
pub use config::*;
