//! The coordinators of one broker: one for each partition of `__consumer_offsets` that it leads (`CoordinatorRuntime`).
//!
//! ```text
//!            elected                read to the end
//!   (none) ──────────▶ Loading ──────────────────────▶ Active ──┐
//!     ▲                   │ the log cannot be read        │     │ the log is not what it should be
//!     │                   ▼                               │     ▼
//!     │                 Failed ◀──────────────────────────┼── (loaded anew)
//!     └───────────────────┴───────────────────────────────┘
//!                       resigned
//! ```
//!
//! A request for a partition that is loading is told COORDINATOR_LOAD_IN_PROGRESS; one for a partition that failed, or
//! that is not here, NOT_COORDINATOR.
//!
//! Simplified: Kafka's coordinators have threads of their own, so that a long replay holds up no produce request; these
//! run in the data lane, one read of the log a step. What Kafka queues as events is done at once, in the same order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Behaviour, GroupCoordinatorSettings, Switch};
use crate::context::Context;
use crate::event::GroupEvent;
use crate::ids::{LeaderEpoch, Offset, RequestHandle};
use crate::message::{ErrorCode, Request, Response, TxnMarker};
use crate::metadata::MetadataImage;
use crate::time::Time;

use super::contract::{MetadataChange, RequestContext};
use super::shard::{Shard, ShardSnapshot};

mod active;
mod batch;
mod loading;
mod log;
mod marker;
#[cfg(test)]
pub(super) mod tests;

use active::Active;
use loading::{Loading, Progress};
pub use log::{LogRead, OffsetsLog};

/// Numbers the writes of one coordinator whose end is waited for.
type WaitingId = u64;

/// What a coordinator sees of the broker around it.
pub struct Around<'a> {
    /// The logs of the offsets topic.
    pub log: &'a mut dyn OffsetsLog,
    /// The cluster's metadata.
    pub image: &'a MetadataImage,
    settings: &'a Arc<GroupCoordinatorSettings>,
    behaviour: &'a Behaviour,
}

/// All coordinators of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinators {
    settings: Arc<GroupCoordinatorSettings>,
    behaviour: Behaviour,
    coordinators: BTreeMap<i32, Coordinator>,
    outbox: Vec<(RequestHandle, Response)>,
    /// Partitions to read on in, each in a step of its own.
    reads: Vec<i32>,
}

/// One partition's coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Coordinator {
    /// The leader epoch in which this broker was elected, the newest that was heard of.
    epoch: LeaderEpoch,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Its partition is being read.
    Loading(Box<Loading>),
    /// It serves.
    Active(Box<Active>),
    /// Its partition could not be read; a new epoch tries again.
    Failed,
}

impl Coordinators {
    /// No coordinators yet.
    pub fn new(settings: Arc<GroupCoordinatorSettings>, behaviour: Behaviour) -> Coordinators {
        Coordinators { settings, behaviour, coordinators: BTreeMap::new(), outbox: Vec::new(), reads: Vec::new() }
    }

    /// The broker stops: nobody is told, because nobody can be answered any more.
    pub fn clear(&mut self) {
        self.coordinators.clear();
        self.outbox.clear();
        self.reads.clear();
    }

    /// Answers that may leave.
    pub fn take_answers(&mut self) -> Vec<(RequestHandle, Response)> {
        std::mem::take(&mut self.outbox)
    }

    /// Partitions in which to read on with [`Coordinators::go_on_loading`], each in another step, so that a crash or
    /// another leader can fall between two reads.
    pub fn take_reads(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.reads)
    }

    /// The shards that serve, by partition.
    pub fn shards(&self) -> impl Iterator<Item = (i32, &Shard)> {
        self.coordinators.iter().filter_map(|(partition, coordinator)| match &coordinator.state {
            State::Active(active) => Some((*partition, &active.shard)),
            State::Loading(_) | State::Failed => None,
        })
    }

    /// What the shards that serve have written, by partition: the offset behind it, and what it adds up to.
    pub fn written(&self) -> impl Iterator<Item = (i32, Offset, ShardSnapshot)> {
        self.coordinators.iter().filter_map(|(partition, coordinator)| match &coordinator.state {
            State::Active(active) => {
                let (offset, shard) = active.written();
                Some((*partition, offset, shard))
            }
            State::Loading(_) | State::Failed => None,
        })
    }

    /// This broker leads the partition in this epoch.
    pub fn elected(&mut self, ctx: &mut Context, partition: i32, epoch: LeaderEpoch) {
        match self.coordinators.get_mut(&partition) {
            Some(coordinator) if coordinator.epoch >= epoch => {}
            Some(coordinator) => {
                coordinator.epoch = epoch;
                if coordinator.state == State::Failed {
                    self.load(ctx, partition);
                }
            }
            None => {
                self.coordinators.insert(partition, Coordinator { epoch, state: State::Failed });
                self.load(ctx, partition);
            }
        }
    }

    fn load(&mut self, ctx: &mut Context, partition: i32) {
        let shard = Shard::new(self.settings.clone(), self.behaviour.clone());
        let Some(coordinator) = self.coordinators.get_mut(&partition) else { return };
        coordinator.state = State::Loading(Box::new(Loading::new(shard)));
        ctx.emit(GroupEvent::ShardLoading { partition, leader_epoch: coordinator.epoch });
        let is_first = coordinator.epoch == LeaderEpoch(0);
        if is_first || !self.behaviour.is(Switch::CoordinatorNeverTakesOver) {
            self.reads.push(partition);
        }
    }

    /// This broker does not lead the partition any more, since this epoch; without an epoch, the partition is gone.
    pub fn resigned(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
        epoch: Option<LeaderEpoch>,
    ) {
        let known = self.coordinators.get(&partition).map(|coordinator| coordinator.epoch);
        if known.is_none_or(|known| epoch.is_some_and(|epoch| known >= epoch)) {
            return;
        }
        let Some(coordinator) = self.coordinators.remove(&partition) else { return };
        if let State::Active(mut active) = coordinator.state {
            let mut around = Around { log, image, settings: &self.settings, behaviour: &self.behaviour };
            active.unload(ctx, &mut around);
            self.outbox.extend(active.take_answers());
        }
    }

    /// One more read of a partition that is loading.
    pub fn go_on_loading(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
    ) {
        let Coordinators { settings, behaviour, coordinators, reads, .. } = self;
        let Some(coordinator) = coordinators.get_mut(&partition) else { return };
        let State::Loading(loading) = &mut coordinator.state else { return };
        let mut around = Around { log, image, settings, behaviour };
        match loading.read(ctx, &mut around, partition) {
            Ok(Progress::More) => reads.push(partition),
            Ok(Progress::Never) => {}
            Ok(Progress::Done { end_offset }) => {
                let State::Loading(loading) = std::mem::replace(&mut coordinator.state, State::Failed) else { return };
                let high_watermark = around.log.high_watermark(partition).unwrap_or(0);
                let Loading { shard, snapshots, .. } = *loading;
                let mut active = Active::new(partition, shard, end_offset, high_watermark, snapshots);
                ctx.emit(GroupEvent::ShardLoaded { partition, groups: active.shard.group_count() });
                for decision in active.shard.loaded(ctx, image) {
                    active.carry_out(ctx, &mut around, decision, 0);
                }
                coordinator.state = State::Active(Box::new(active));
                self.settle(ctx, partition);
            }
            Err(error) => {
                coordinator.state = State::Failed;
                ctx.emit(GroupEvent::ShardLoadFailed { partition, error });
            }
        }
    }

    /// Lets a coordinator that serves do something; it is told whether one does.
    fn with_active<T>(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
        run: impl FnOnce(&mut Context, &mut Active, &mut Around) -> T,
    ) -> Result<T, ErrorCode> {
        let Coordinators { settings, behaviour, coordinators, .. } = self;
        let coordinator = coordinators.get_mut(&partition).ok_or(ErrorCode::NotCoordinator)?;
        let active = match &mut coordinator.state {
            State::Active(active) => active,
            State::Loading(_) => return Err(ErrorCode::CoordinatorLoadInProgress),
            State::Failed => return Err(ErrorCode::NotCoordinator),
        };
        let result = run(ctx, active, &mut Around { log, image, settings, behaviour });
        if active.out_of_step {
            active.unload(ctx, &mut Around { log, image, settings, behaviour });
        }
        self.settle(ctx, partition);
        Ok(result)
    }

    /// Takes the answers of a coordinator, and loads it anew if its log is not what it believed.
    fn settle(&mut self, ctx: &mut Context, partition: i32) {
        let Some(coordinator) = self.coordinators.get_mut(&partition) else { return };
        let State::Active(active) = &mut coordinator.state else { return };
        self.outbox.extend(active.take_answers());
        if active.out_of_step {
            self.load(ctx, partition);
        }
    }

    /// A request that may write (`scheduleWriteOperation`).
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS: nothing will be answered.
    pub fn write(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
        who: &RequestContext,
        request: &Request,
    ) -> Result<(), ErrorCode> {
        self.with_active(ctx, log, image, partition, |ctx, active, around| {
            let decision = active.shard.handle(ctx, image, who, request);
            active.carry_out(ctx, around, decision, who.version);
        })
    }

    /// The end of a transaction for one partition (`scheduleTransactionCompletion`).
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS: nothing will be answered.
    pub fn complete_transaction(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
        who: &RequestContext,
        marker: &TxnMarker,
    ) -> Result<(), ErrorCode> {
        self.with_active(ctx, log, image, partition, |ctx, active, around| {
            active.complete_transaction(ctx, around, who, marker);
        })
    }

    /// A request that reads what is committed (`scheduleReadOperation`).
    ///
    /// # Errors
    /// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS: nothing will be answered.
    pub fn read(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        partition: i32,
        who: &RequestContext,
        request: &Request,
    ) -> Result<(), ErrorCode> {
        self.with_active(ctx, log, image, partition, |ctx, active, _| {
            let response = active.shard.read(ctx, image, active.committed(), who, request);
            active.answer(who.handle, response);
        })
    }

    /// The partitions that have a coordinator here, whatever its state.
    pub fn partitions(&self) -> Vec<i32> {
        self.coordinators.keys().copied().collect()
    }

    /// The cluster's metadata changed: shards that serve are told.
    pub fn metadata_changed(
        &mut self,
        ctx: &mut Context,
        log: &mut dyn OffsetsLog,
        image: &MetadataImage,
        change: &MetadataChange,
    ) {
        for partition in self.partitions() {
            // Those that do not serve yet see the new image when they do.
            let _ = self.with_active(ctx, log, image, partition, |ctx, active, around| {
                for decision in active.shard.metadata_changed(ctx, image, change) {
                    active.carry_out(ctx, around, decision, 0);
                }
            });
        }
    }

    /// Looks whether high watermarks have risen past what waits for them.
    pub fn look_at_high_watermarks(&mut self, ctx: &mut Context, log: &mut dyn OffsetsLog, image: &MetadataImage) {
        let risen = |(partition, coordinator): (&i32, &Coordinator)| match &coordinator.state {
            State::Active(active) if active.has_uncommitted() => {
                log.high_watermark(*partition).filter(|high| active.is_behind(*high)).map(|high| (*partition, high))
            }
            State::Active(_) | State::Loading(_) | State::Failed => None,
        };
        let risen: Vec<_> = self.coordinators.iter().filter_map(risen).collect();
        for (partition, high_watermark) in risen {
            let _ = self.with_active(ctx, log, image, partition, |ctx, active, around| {
                active.committed_up_to(ctx, around, high_watermark);
            });
        }
    }

    /// When [`Coordinators::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        let deadline = |coordinator: &Coordinator| match &coordinator.state {
            State::Active(active) => active.next_deadline(self.settings.append_linger),
            State::Loading(_) | State::Failed => None,
        };
        self.coordinators.values().filter_map(deadline).min()
    }

    /// Does what is due.
    pub fn on_timers(&mut self, ctx: &mut Context, log: &mut dyn OffsetsLog, image: &MetadataImage) {
        let now = ctx.now.monotonic;
        let is_due = |coordinator: &Coordinator| match &coordinator.state {
            State::Active(active) => active.next_deadline(self.settings.append_linger).is_some_and(|at| at <= now),
            State::Loading(_) | State::Failed => false,
        };
        let due: Vec<i32> =
            self.coordinators.iter().filter(|(_, coordinator)| is_due(coordinator)).map(|(at, _)| *at).collect();
        for partition in due {
            let _ = self.with_active(ctx, log, image, partition, |ctx, active, around| active.on_timers(ctx, around));
        }
    }

    fn active(&self) -> impl Iterator<Item = &Active> {
        self.coordinators.values().filter_map(|coordinator| match &coordinator.state {
            State::Active(active) => Some(active.as_ref()),
            State::Loading(_) | State::Failed => None,
        })
    }

    /// What a step has found is done before it ends.
    pub fn assert_nothing_is_left(&self) {
        assert!(self.outbox.is_empty(), "answers of coordinators were left behind: {:?}", self.outbox);
        assert!(self.reads.is_empty(), "partitions to read were left behind: {:?}", self.reads);
        self.active().for_each(Active::assert_nothing_is_left);
    }

    /// What must hold between steps.
    pub fn assert_invariants(&self) {
        self.assert_nothing_is_left();
        self.active().for_each(Active::assert_invariants);
    }
}
