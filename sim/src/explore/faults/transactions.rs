//! Offsets that a group gets in transactions while its members commit too.
//!
//! ```text
//!   offsets written, pending ──▶ the members commit as always ──▶ the transaction ends ──▶ whose offset counts?
//! ```
//!
//! An unseen administrator writes them in the name of a producer, for Trial's producers have no transactions. Members cannot
//! begin to read while an offset is pending (`UNSTABLE_OFFSET_COMMIT`). So each transaction is ended before the scenario is over, and
//! ended again in the same way with its last step, as a transaction coordinator does that has heard no answer.

use std::collections::BTreeMap;

use super::Stage;
use super::incident::{Incident, once};
use super::membership::{client, somewhen};
use crate::explore::Profile;
use crate::explore::draw::{Aspect, Draw};
use crate::explore::groups::GroupShape;
use crate::explore::text::{if_possible, said, spanned};
use crate::scenario::format::transaction::{CommitInTransaction, EndTransaction, TransactionOutcome};
use crate::scenario::format::{Spanned, Step};

/// The first id of a producer of these transactions: those of a scenario's own producers are given from 0 on.
const FIRST_PRODUCER: i64 = 9_000;

/// In how many groups of a hundred offsets come in transactions.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Groups => 25,
        Profile::Everything => 15,
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Controllers
        | Profile::Replication => 0,
    }
}

/// The transactions of all groups.
pub(super) fn transactions(stage: &Stage) -> Vec<Incident> {
    let mut producers = FIRST_PRODUCER..;
    let mut all = Vec::new();
    for (group, number) in stage.groups.iter().zip(0..) {
        let mut draw = Draw::new(stage.seed, Aspect::GroupTransactions, number);
        if draw.percent(percent(stage.profile)) {
            let count = draw.between(1, 3) as usize;
            all.extend(producers.by_ref().take(count).map(|producer| transaction(stage, group, producer, &mut draw)));
        }
    }
    all
}

/// One transaction, from its offsets to its end.
fn transaction(stage: &Stage, group: &GroupShape, producer: i64, draw: &mut Draw) -> Incident {
    // The last millisecond is left free, since steps of one instant are set apart by a little.
    let last = stage.shape.duration.micros - 1_000;
    let at = somewhen(stage, draw).min(last);
    let ends_after = draw.span(20, 15_000).micros.min(last - at);
    let outcome = if draw.percent(80) { TransactionOutcome::Commit } else { TransactionOutcome::Abort };
    let named = || (spanned(group.name.clone()), spanned(producer));
    let (name, writer) = named();
    let commit = CommitInTransaction { group: name, producer: writer, offsets: offsets(stage, group, draw) };
    let end = || {
        let (group, producer) = named();
        if_possible(Step { end_transaction: said(EndTransaction { group, producer, outcome }), ..Step::default() })
    };
    let begun = if_possible(Step { commit_in_transaction: said(commit), ..Step::default() });
    once(at, &client(&group.members[0]), begun).and(ends_after, end()).and(last - at, end())
}

/// Of some partitions that the group reads, each the first offset: another one might lie behind the end of its log, and nobody
/// commits what there is not yet.
fn offsets(stage: &Stage, group: &GroupShape, draw: &mut Draw) -> BTreeMap<Spanned<String>, Spanned<i64>> {
    let topics = &group.members[0].topics;
    let is_read =
        |partition: &String| topics.iter().any(|topic| partition.rsplit_once('-').is_some_and(|(own, _)| own == topic));
    let partitions: Vec<String> = stage.shape.partitions().into_iter().filter(is_read).collect();
    let count = draw.between(1, partitions.len() as u64) as usize;
    let chosen = draw.some_of(&partitions, count);
    chosen.into_iter().map(|partition| (spanned(partition), spanned(0))).collect()
}
