//! The other end: producers, consumers and admins as pure machines.

mod call;
mod config;
mod machine;
mod view;

pub use call::*;
pub use config::*;
pub use machine::Client;
pub use view::*;
