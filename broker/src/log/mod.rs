//! One partition's log on disk.

mod append;
pub mod checkpoint;
pub mod clean_shutdown;
mod epoch_cache;
pub mod meta_properties;
pub mod partition_metadata;
mod types;
mod unified;

pub use types::*;
pub use unified::Log;
