//! The disk under a machine's files: page cache above, medium below.

mod report;

pub use report::{FileLoss, LossReport};

/// The disk of one machine.
#[derive(Clone, Debug, Default)]
pub struct Disk {}
