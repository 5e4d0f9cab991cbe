//! The scenario file as types: what may be written, and where each word stood.

pub mod expect;
pub mod file;
pub mod step;
pub mod value;

pub use expect::{Condition, ErrorName, ErrorPattern, EventPattern};
pub use file::{Always, Client, Cluster, File, Latency, Lesson, Node, Topic};
pub use step::{Action, Step, Target, Which};
pub use value::{ClientSettings, Names, Numbers, Seed, Setting, Settings, Span, Spanned, Spans};
