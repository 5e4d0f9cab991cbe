//! Metadata transactions (KIP-868): groups of records that count all together or not at all.
//!
//! ```text
//!   BeginTransaction … records … EndTransaction     they count, when the end is read
//!   BeginTransaction … records … AbortTransaction   they never happened
//! ```
//!
//! Whoever loads the log puts its records through [`TransactionFilter`] and applies what comes out.

use super::MetadataRecord;
use crate::ids::Offset;

/// Holds back the records of an open metadata transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransactionFilter {
    /// The offset of the open transaction's begin, and what was held back since.
    open: Option<(Offset, Vec<(Offset, MetadataRecord)>)>,
}

impl TransactionFilter {
    /// Where the open transaction began.
    pub fn open_since(&self) -> Option<Offset> {
        self.open.as_ref().map(|(offset, _)| *offset)
    }

    /// Takes one record in and gives those back that may be applied now, in order.
    pub fn admit(&mut self, offset: Offset, record: MetadataRecord) -> Vec<(Offset, MetadataRecord)> {
        match record {
            MetadataRecord::BeginTransaction { .. } => {
                self.open = Some((offset, Vec::new()));
                Vec::new()
            }
            MetadataRecord::EndTransaction => self.open.take().map(|(_, held)| held).unwrap_or_default(),
            MetadataRecord::AbortTransaction { .. } => {
                self.open = None;
                Vec::new()
            }
            record => match &mut self.open {
                Some((_, held)) => {
                    held.push((offset, record));
                    Vec::new()
                }
                None => vec![(offset, record)],
            },
        }
    }

    /// Forgets an open transaction, as when a snapshot replaces everything.
    pub fn clear(&mut self) {
        self.open = None;
    }
}
