//! `.kafka_cleanshutdown`: says that a directory's logs were closed in order.
//!
//! Since KIP-966 it also holds the broker epoch at the stop, by which the controller
//! tells a clean restart from an unclean one. It is written in place and synced, but its
//! directory is not: a power cut right after a clean stop can make the stop unclean.

use super::files;
use crate::config::{Behaviour, Hazard};
use crate::context::Context;
use crate::ids::BrokerEpoch;
use crate::storage::StorageResult;

const FILE: &str = ".kafka_cleanshutdown";

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
    let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{FILE}"))? else {
        return Ok(CleanShutdown::Absent);
    };
    let content: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let epoch = content.and_then(|content| content.get("brokerEpoch")?.as_i64());
    Ok(CleanShutdown::Present(epoch.map_or(BrokerEpoch::NONE, BrokerEpoch)))
}

/// Writes it, in place and synced (no directory sync, as Kafka).
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, broker_epoch: BrokerEpoch) -> StorageResult<()> {
    let file = ctx.storage.create(&format!("{directory}/{FILE}"))?;
    ctx.storage.truncate(file, 0)?;
    let content = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    ctx.storage.append(file, content.as_bytes())?;
    ctx.storage.sync(file)
}

/// Removes it if it is there. Kafka does not sync the directory: [`Hazard::CleanShutdownReturns`].
///
/// # Errors
/// The disk failed.
pub fn remove(ctx: &mut Context, directory: &str, behaviour: &Behaviour) -> StorageResult<()> {
    files::remove_if_exists(ctx, &format!("{directory}/{FILE}"))?;
    if behaviour.mends(Hazard::CleanShutdownReturns) { ctx.storage.sync_directory(directory) } else { Ok(()) }
}
