//! `.kafka_cleanshutdown`: says that a directory's logs were closed in order (KIP-966 adds the broker epoch).

use crate::context::Context;
use crate::ids::BrokerEpoch;
use crate::storage::StorageResult;

/// What a clean-shutdown file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CleanShutdown {
    /// There is none: the stop was unclean.
    Absent,
    /// There is one; the epoch is −1 if the file does not say (or is unreadable).
    Present(BrokerEpoch),
}

/// Reads `directory/.kafka_cleanshutdown`.
///
/// # Errors
/// The disk failed.
pub fn read(ctx: &mut Context, directory: &str) -> StorageResult<CleanShutdown> {
    let _ = (ctx, directory);
    unimplemented!()
}
/// Writes it, in place and synced (no directory sync, as Kafka).
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, broker_epoch: BrokerEpoch) -> StorageResult<()> {
    let _ = (ctx, directory, broker_epoch);
    unimplemented!()
}
/// Removes it if it is there.
///
/// # Errors
/// The disk failed.
pub fn remove(ctx: &mut Context, directory: &str) -> StorageResult<()> {
    let _ = (ctx, directory);
    unimplemented!()
}
