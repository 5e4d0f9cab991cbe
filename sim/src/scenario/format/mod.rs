//! The scenario file as types: what may be written, and where each word stood.

pub mod action;
pub mod administration;
pub mod expect;
pub mod file;
mod hazards;
pub mod liveness;
pub mod numbers;
pub mod settings;
pub mod step;
pub mod transaction;
pub mod value;

pub use action::{Target, Which};
pub use expect::{Condition, ErrorName, ErrorPattern, EventPattern, Origin};
pub use file::{Always, Client, Cluster, File, HazardShown, Latency, Lesson, Museum, Node, Topic};
pub use liveness::{Liveness, Outside};
pub use numbers::{Names, Numbers, Spans};
pub use settings::{ClientSettings, Setting, Settings};
pub use step::{Action, Resolved, Step};
pub use value::{Seed, Span, Spanned};
