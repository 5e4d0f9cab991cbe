//! Record batches of format v2, byte for byte (KIP-98, `DefaultRecordBatch`).

mod batch;
mod builder;
mod compression;
mod control;
mod varint;
mod view;

pub use batch::{Header, NO_SEQUENCE, NO_TIMESTAMP, Record, RecordError, TimestampType};
pub use builder::BatchBuilder;
pub use compression::Compression;
pub use control::{ControlType, EndTransactionMarker};
pub use view::{BatchIterator, BatchView, batches};
