//! Record batches of format v2, byte for byte (KIP-98, `DefaultRecordBatch`).
//!
//! What producers send, what lies in a log's files and what consumers fetch are the
//! same bytes: a concatenation of batches. A leader changes only a batch's base offset
//! and leader epoch, which the checksum leaves out.
//!
//! ```text
//!   BatchBuilder ──build──▶ Bytes ──batches──▶ BatchView … ──records──▶ Record …
//! ```

mod batch;
mod builder;
mod compression;
mod control;
mod validate;
mod varint;
mod view;

#[cfg(test)]
mod tests;

pub use crate::time::TimestampType;
pub(crate) use batch::{BatchHeader, HEADER_SIZE};
pub use batch::{Header, NO_SEQUENCE, NO_TIMESTAMP, Record, RecordError, add_to_sequence, subtract_from_sequence};
pub use builder::BatchBuilder;
pub use compression::Compression;
pub use control::{
    ControlType, EndTransactionMarker, LeaderChange, VoterRecord, decode_kraft_version, decode_snapshot_header,
    decode_voters, encode_voters, kraft_version, snapshot_footer, snapshot_header,
};
pub use validate::{BatchProblem, stamp, stamp_with_append_time, validate_client_batch};
pub(crate) use varint::Cursor;
pub use view::{BatchIterator, BatchView, batches};
