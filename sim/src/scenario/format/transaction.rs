//! What transactions do to a group's offsets: the tables behind `commit-in-transaction` and `end-transaction`.
//!
//! Simplified: Trial's producers have no transactions (`begin`, `commit` and `abort` are kept for them). An administrator that
//! is not in the scenario writes offsets in the name of a producer, and ends its transaction as a transaction coordinator
//! would. Only offsets belong to such a transaction, no records.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Spanned;

/// Offsets that count when a transaction is committed (`Producer.sendOffsetsToTransaction`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommitInTransaction {
    /// Of which group.
    pub group: Spanned<String>,
    /// The id of the producer whose transaction it is; not one that a producer of the scenario was given.
    pub producer: Spanned<i64>,
    /// The next offset to read, by partition: `{ "orders-0" = 5 }`.
    pub offsets: BTreeMap<Spanned<String>, Spanned<i64>>,
}

/// The end of a producer's transaction for the offsets of one group (WriteTxnMarkers).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndTransaction {
    /// Of which group.
    pub group: Spanned<String>,
    /// The id of the producer whose transaction it is.
    pub producer: Spanned<i64>,
    /// How it ends.
    pub outcome: TransactionOutcome,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionOutcome {
    /// Its offsets count, unless others were committed behind them.
    Commit,
    /// Its offsets never count.
    Abort,
}
