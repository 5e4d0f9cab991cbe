//! A coordinator that serves its groups: what it has written, what is committed, and who waits (`CoordinatorContext`).
//!
//! ```text
//!   last committed ≤ last written ≤ the batch's next offset
//!        │                │                │
//!        │                │                └─ the shard as it is: replayed, perhaps never written
//!        │                └─ in the log: answered when the high watermark passes
//!        └─ what reads see
//! ```
//!
//! A write that is not committed in offsets.commit.timeout.ms is answered with an error, and stays: it may yet be
//! committed. Only a batch that the log refuses is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::batch::{Batch, encode};
use super::{Around, WaitingId};
use crate::config::Switch;
use crate::context::Context;
use crate::event::GroupEvent;
use crate::group::answers::refusal;
use crate::group::consumer::is_tombstone;
use crate::group::contract::{AfterWrite, Decision, FailedReply, ReplyWhen, WriteOutcome};
use crate::group::record::GroupRecord;
use crate::group::shard::{Shard, ShardSnapshot};
use crate::ids::{Offset, ProducerEpoch, ProducerId, RequestHandle};
use crate::message::{ErrorCode, Response};
use crate::time::{Time, earliest};

/// A coordinator that serves its groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Active {
    pub(super) partition: i32,
    pub shard: Shard,
    last_written: Offset,
    last_committed: Offset,
    /// The shard at the last committed offset.
    committed: ShardSnapshot,
    /// The shard at the end of each batch that is written and not committed.
    snapshots: BTreeMap<Offset, ShardSnapshot>,
    batch: Option<Batch>,
    /// Who waits for the high watermark, by the offset that it must reach.
    deferred: BTreeMap<Offset, Vec<WaitingId>>,
    waiting: BTreeMap<WaitingId, Waiting>,
    /// When each of them is given up.
    deadlines: BTreeSet<(Time, WaitingId)>,
    next_id: WaitingId,
    /// Answers that may leave.
    outbox: Vec<(RequestHandle, Response)>,
    /// The log holds something else than this coordinator thinks: it must be loaded anew.
    pub out_of_step: bool,
    /// It has been given up: what a shard still decides comes to nothing.
    is_closed: bool,
}

/// The end of a write, waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    pub(super) replies: Vec<WaitingReply>,
    pub(super) then: Option<AfterWrite>,
    pub(super) deadline: Time,
    /// At which version the request came.
    pub(super) version: i16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WaitingReply {
    pub(super) handle: RequestHandle,
    pub(super) response: Response,
    pub(super) on_failure: FailedReply,
}

/// What a decision wants written.
struct Writing<'a> {
    records: &'a [GroupRecord],
    producer: Option<(ProducerId, ProducerEpoch)>,
    may_be_parted: bool,
}

impl Active {
    /// A coordinator whose shard has replayed its partition up to `end_offset`.
    pub fn new(
        partition: i32,
        shard: Shard,
        end_offset: Offset,
        high_watermark: Offset,
        snapshots: BTreeMap<Offset, ShardSnapshot>,
    ) -> Active {
        let mut active = Active {
            partition,
            shard,
            last_written: end_offset,
            last_committed: 0,
            committed: ShardSnapshot::default(),
            snapshots,
            batch: None,
            deferred: BTreeMap::new(),
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_id: 0,
            outbox: Vec::new(),
            out_of_step: false,
            is_closed: false,
        };
        active.advance(high_watermark);
        active
    }

    /// The shard at the last committed offset: what reads see.
    pub fn committed(&self) -> &ShardSnapshot {
        &self.committed
    }

    /// The shard at the end of its log, and where that is: without what a batch still waits to write.
    pub fn written(&self) -> (Offset, ShardSnapshot) {
        let shard = self.batch.as_ref().map_or_else(|| self.shard.snapshot(), |batch| batch.before.clone());
        (self.last_written, shard)
    }

    /// Whether something is in the log that is not committed.
    pub fn has_uncommitted(&self) -> bool {
        self.last_committed < self.last_written
    }

    /// Whether the high watermark has risen since it was last looked at.
    pub fn is_behind(&self, high_watermark: Offset) -> bool {
        self.last_committed < high_watermark
    }

    pub fn take_answers(&mut self) -> Vec<(RequestHandle, Response)> {
        std::mem::take(&mut self.outbox)
    }

    pub fn answer(&mut self, handle: RequestHandle, response: Response) {
        self.outbox.push((handle, response));
    }

    /// Replays and appends what a shard has decided, and answers whom it answers.
    pub fn carry_out(&mut self, ctx: &mut Context, around: &mut Around, decision: Decision, version: i16) {
        let Decision { records, producer, may_be_parted, replies, then } = decision;
        let mut waiting = Vec::new();
        for reply in replies {
            match reply.when {
                ReplyWhen::Now => self.outbox.push((reply.handle, reply.response)),
                ReplyWhen::Committed { on_failure } => {
                    waiting.push(WaitingReply { handle: reply.handle, response: reply.response, on_failure });
                }
            }
        }
        if self.is_closed {
            let refused =
                |reply: WaitingReply| (reply.handle, refusal(&reply.on_failure.0, version, ErrorCode::NotCoordinator));
            return self.outbox.extend(waiting.into_iter().map(refused));
        }
        let deadline = ctx.now.monotonic + around.settings.offsets_commit_timeout;
        let id = self.wait(Waiting { replies: waiting, then, deadline, version });
        if records.is_empty() {
            self.wait_for_pending_writes(ctx, around, id);
        } else if let Err(error) = self.append(ctx, around, Writing { records: &records, producer, may_be_parted }, id)
        {
            // An earlier batch could not be written, and this write never came into one.
            self.complete(ctx, around, id, Err(error));
        }
    }

    /// Whoever waits for the end of a write gets a number; nobody is kept who wants to hear nothing.
    pub(super) fn wait(&mut self, waiting: Waiting) -> WaitingId {
        let id = self.next_id;
        self.next_id += 1;
        if !waiting.replies.is_empty() || waiting.then.is_some() {
            self.deadlines.insert((waiting.deadline, id));
            self.waiting.insert(id, waiting);
        }
        id
    }

    pub(super) fn wait_for_pending_writes(&mut self, ctx: &mut Context, around: &mut Around, id: WaitingId) {
        if let Some(batch) = &mut self.batch {
            batch.waiting.push(id);
        } else if self.has_uncommitted() {
            self.deferred.entry(self.last_written).or_default().push(id);
        } else {
            self.complete(ctx, around, id, Ok(()));
        }
    }

    /// A write goes into one batch or into none, and a transaction's into one of its own, written at once; unless it may be parted: then a record that has no room begins the next
    /// batch, and whoever waits, waits for the last one.
    ///
    /// # Errors
    /// A batch could not be written before the write was in one. Of a write that was parted the batches before it are in the log.
    fn append(
        &mut self,
        ctx: &mut Context,
        around: &mut Around,
        Writing { records, producer, may_be_parted }: Writing<'_>,
        id: WaitingId,
    ) -> Result<(), ErrorCode> {
        if producer.is_some() {
            // A batch is one producer's: whatever waits is written first.
            self.flush(ctx, around)?;
        }
        let now_ms = ctx.now.wall.millis();
        let encoded = encode(records);
        if !may_be_parted && self.batch.as_ref().is_some_and(|batch| !batch.has_room_for(&encoded, now_ms)) {
            self.flush(ctx, around)?;
        }
        for (record, bytes) in records.iter().zip(&encoded) {
            if may_be_parted && self.batch.as_ref().is_some_and(|batch| !batch.has_room_for_one(bytes, now_ms)) {
                self.flush(ctx, around)?;
            }
            let batch = match &mut self.batch {
                Some(batch) => batch,
                None => {
                    let max_bytes = around.log.max_batch_bytes(self.partition)?;
                    let before = self.shard.snapshot();
                    self.batch.insert(Batch::new(self.last_written, max_bytes, ctx.now.monotonic, before, producer))
                }
            };
            let is_left_out = is_tombstone(record) && around.behaviour.is(Switch::TombstonesNotReplayed);
            if !is_left_out && self.shard.replay(batch.next_offset, producer, record.clone()).is_err() {
                // A bug: what a shard decides follows from what it knows. The whole batch fails with it, as in Kafka.
                batch.waiting.push(id);
                if let Some(batch) = self.batch.take() {
                    self.fail_batch(ctx, around, batch, ErrorCode::UnknownServerError);
                }
                return Ok(());
            }
            batch.push(now_ms, bytes);
        }
        let Some(batch) = &mut self.batch else { return Ok(()) };
        batch.waiting.push(id);
        if producer.is_some() || around.settings.append_linger.is_zero() || batch.is_full() {
            // Whoever waits for this batch is told of its failure with the batch.
            let _ = self.flush(ctx, around);
        }
        Ok(())
    }

    /// Writes the batch. If the log refuses it the shard is taken back, and everybody who waits for it is told.
    ///
    /// # Errors
    /// What the log said; NOT_COORDINATOR if the batch did not land where the shard believes it did.
    pub(super) fn flush(&mut self, ctx: &mut Context, around: &mut Around) -> Result<(), ErrorCode> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        match around.log.append(ctx, self.partition, batch.bytes()) {
            Ok(end_offset) if end_offset == batch.next_offset => {
                self.shard.appended();
                self.written_up_to(ctx, end_offset);
                self.deferred.entry(end_offset).or_default().extend(batch.waiting);
                Ok(())
            }
            Ok(_) => {
                self.out_of_step = true;
                self.fail_batch(ctx, around, batch, ErrorCode::NotCoordinator);
                Err(ErrorCode::NotCoordinator)
            }
            Err(error) => {
                self.fail_batch(ctx, around, batch, error);
                Err(error)
            }
        }
    }

    /// The log ends here, and the shard has taken in what is in it.
    pub(super) fn written_up_to(&mut self, ctx: &mut Context, end_offset: Offset) {
        self.last_written = end_offset;
        self.snapshots.insert(end_offset, self.shard.snapshot());
        ctx.emit(GroupEvent::GroupRecordsAppended { partition: self.partition, end_offset });
    }

    fn fail_batch(&mut self, ctx: &mut Context, around: &mut Around, batch: Batch, error: ErrorCode) {
        self.shard.revert(&batch.before);
        ctx.emit(GroupEvent::GroupRecordsReverted { partition: self.partition, error });
        for id in batch.waiting {
            self.complete(ctx, around, id, Err(error));
        }
    }

    /// Tells whoever waited how the write ended; once, whatever comes later.
    fn complete(&mut self, ctx: &mut Context, around: &mut Around, id: WaitingId, outcome: WriteOutcome) {
        let Some(waiting) = self.waiting.remove(&id) else { return };
        self.deadlines.remove(&(waiting.deadline, id));
        for reply in waiting.replies {
            let response = match outcome {
                Ok(()) => reply.response,
                Err(error) => refusal(&reply.on_failure.0, waiting.version, error),
            };
            self.outbox.push((reply.handle, response));
        }
        if let Some(then) = waiting.then {
            let decision = self.shard.write_ended(ctx, around.image, then, outcome);
            self.carry_out(ctx, around, decision, waiting.version);
        }
    }

    /// The high watermark has risen.
    pub fn committed_up_to(&mut self, ctx: &mut Context, around: &mut Around, high_watermark: Offset) {
        if high_watermark <= self.last_committed {
            return;
        }
        self.advance(high_watermark);
        ctx.emit(GroupEvent::GroupRecordsCommitted { partition: self.partition, offset: high_watermark });
        while let Some(entry) = self.deferred.first_entry() {
            if *entry.key() > high_watermark {
                break;
            }
            for id in entry.remove() {
                self.complete(ctx, around, id, Ok(()));
            }
        }
    }

    fn advance(&mut self, high_watermark: Offset) {
        self.last_committed = high_watermark;
        while let Some(entry) = self.snapshots.first_entry() {
            if *entry.key() > high_watermark {
                break;
            }
            self.committed = entry.remove();
        }
    }

    /// When [`Active::on_timers`] has something to do.
    pub fn next_deadline(&self, append_linger: Duration) -> Option<Time> {
        let linger = self.batch.as_ref().map(|batch| batch.opened_at + append_linger);
        let given_up = self.deadlines.first().map(|(deadline, _)| *deadline);
        earliest([linger, given_up, self.shard.next_deadline()])
    }

    /// Writes the batch whose linger is over, gives up writes that take too long, and lets the shard's timers fire.
    pub fn on_timers(&mut self, ctx: &mut Context, around: &mut Around) {
        let now = ctx.now.monotonic;
        if self.batch.as_ref().is_some_and(|batch| batch.opened_at + around.settings.append_linger <= now) {
            let _ = self.flush(ctx, around);
        }
        while let Some((deadline, id)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            self.complete(ctx, around, id, Err(ErrorCode::RequestTimedOut));
        }
        while !self.out_of_step && self.shard.next_deadline().is_some_and(|deadline| deadline <= now) {
            for decision in self.shard.on_timers(ctx, around.image) {
                self.carry_out(ctx, around, decision, 0);
            }
        }
    }

    /// This broker coordinates no longer: everybody who waits is told, and what was not written is gone.
    pub fn unload(&mut self, ctx: &mut Context, around: &mut Around) {
        self.is_closed = true;
        self.deferred.clear();
        if let Some(batch) = self.batch.take() {
            self.shard.revert(&batch.before);
        }
        for id in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.complete(ctx, around, id, Err(ErrorCode::NotCoordinator));
        }
        let told = self.shard.unloaded(ctx);
        self.outbox.extend(told.replies.into_iter().map(|reply| (reply.handle, reply.response)));
        ctx.emit(GroupEvent::ShardUnloaded { partition: self.partition });
    }

    pub fn assert_nothing_is_left(&self) {
        assert!(self.outbox.is_empty(), "offsets-{}: answers were left behind", self.partition);
    }

    pub fn assert_invariants(&self) {
        let partition = self.partition;
        let next = self.batch.as_ref().map_or(self.last_written, |batch| batch.next_offset);
        assert!(self.last_written <= next, "offsets-{partition}: written {} ≤ next {next}", self.last_written);
        assert!(self.batch.as_ref().is_none_or(|batch| !batch.is_empty()), "offsets-{partition}: an empty batch waits");
        assert_eq!(self.waiting.len(), self.deadlines.len(), "offsets-{partition}: everybody who waits has a deadline");
        self.shard.assert_invariants();
    }
}
