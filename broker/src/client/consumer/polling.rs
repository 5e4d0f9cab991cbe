//! One turn of `poll`: what the group needs, then positions, then records to whoever waits, then the next fetches
//! (`KafkaConsumer.poll`, `updateAssignmentMetadataIfNeeded`, `pollForFetches`).
//!
//! Whoever polls drives it: without a poll nothing of this is decided, and only what runs beside polls goes on
//! (`Group::background`).

use std::collections::BTreeSet;

use super::{Consumer, OffsetReset};
use crate::client::cluster::Cluster;
use crate::client::group::Group;
use crate::client::{CallResult, failed, resolve};
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::TopicPartition;
use crate::message::ErrorCode;

impl Consumer {
    /// Whether somebody polls.
    pub(crate) fn is_active(&self) -> bool {
        let polls = self.polls_by_itself && self.application.is_polling();
        self.ended.is_none() && !self.closing && (polls || self.warming || !self.polls.is_empty())
    }

    /// One turn of `poll`. Gives whether anything was done.
    pub(crate) fn run(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        if let Some(partitions) = self.to_assign.take() {
            self.assign(ctx, cluster, partitions);
        }
        if let Some(topics) = self.to_subscribe.take() {
            self.subscribe(ctx, cluster, topics);
        }
        let mut moved = self.application.run(ctx);
        if self.is_active() {
            moved |= self.turn(ctx, cluster);
        }
        moved |= self.with_group(ctx, |group, ctx, consumer| group.background(ctx, cluster, consumer));
        moved
    }

    /// Lets the group do something; gives whether anything came of it.
    pub(super) fn with_group(
        &mut self,
        ctx: &mut Context,
        act: impl FnOnce(&mut Group, &mut Context, &mut Consumer),
    ) -> bool {
        let Some(mut group) = self.group.take() else { return false };
        act(&mut group, ctx, self);
        let moved = group.take_moved();
        self.group = Some(group);
        moved
    }

    /// One turn of a poll.
    fn turn(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let mut is_member = true;
        let mut moved = self.with_group(ctx, |group, ctx, consumer| is_member = group.poll(ctx, cluster, consumer));
        self.see_leaders(cluster);
        if is_member {
            moved |= self.validate_positions(ctx, cluster);
            let mut looked_up = true;
            moved |= self.with_group(ctx, |group, ctx, consumer| {
                looked_up = group.look_up_committed(ctx, cluster, consumer);
            });
            if looked_up {
                self.reset_initializing();
            }
            moved |= self.reset_positions(ctx, cluster);
        }
        moved |= self.return_records(ctx, cluster);
        if self.warming {
            self.drop_bare_answers(ctx, cluster);
        }
        if self.is_active() {
            moved |= self.send_fetches(ctx, cluster);
        }
        self.expire_polls(ctx);
        moved
    }

    /// Compares the positions' leaders with the metadata, if that is new.
    fn see_leaders(&mut self, cluster: &Cluster) {
        let version = cluster.metadata.update_version();
        if self.seen_version == Some(version) {
            return;
        }
        self.seen_version = Some(version);
        for (partition, state) in self.partitions.iter_mut() {
            state.see_leader(cluster.metadata.current_leader(partition), &self.behaviour);
        }
    }

    fn reset_initializing(&mut self) {
        let initializing = self.initializing();
        self.reset_initializing_of(&initializing);
    }

    /// Partitions among these that have no position are looked up by `auto.offset.reset`.
    pub(super) fn reset_initializing_of(&mut self, asked: &BTreeSet<TopicPartition>) {
        let policy = self.offset_reset;
        let mut missing = Vec::new();
        for (partition, state) in self.partitions.iter_mut() {
            if state.is_initializing() && asked.contains(partition) {
                if policy == OffsetReset::None {
                    missing.push(partition.to_string());
                } else {
                    state.reset(policy);
                }
            }
        }
        if !missing.is_empty() {
            let message = format!("Undefined offset with no reset policy for partitions: [{}]", missing.join(", "));
            self.raise(ErrorCode::OffsetOutOfRange, message);
        }
    }

    pub(super) fn raise(&mut self, error: ErrorCode, message: String) {
        self.raised.get_or_insert((error, message));
    }

    /// Hands records, or an error, to whoever polls.
    fn return_records(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let mut returned = false;
        while self.is_active() && (self.polls_by_itself || !self.polls.is_empty()) {
            let outcome = match self.raised.take() {
                Some(raised) => Err(raised),
                None => self.collect(ctx, cluster),
            };
            match outcome {
                Ok((_, false)) => return returned,
                Ok((records, true)) => {
                    if self.polls_by_itself {
                        self.application.take(ctx, &records);
                    }
                    if let Some(poll) = self.polls.pop_front() {
                        resolve(ctx, Some(poll.ticket), CallResult::Records { records });
                    }
                    if !self.is_active() {
                        // The next fetches leave as poll returns, while the application is at work.
                        self.send_fetches(ctx, cluster);
                    }
                }
                // A poll that throws sends nothing.
                Err((error, message)) => match self.polls.pop_front() {
                    Some(poll) => failed(ctx, Some(poll.ticket), error, &message),
                    // A loop ends with the exception that its poll raises.
                    None => {
                        self.ended = Some(error);
                        ctx.emit(ClientEvent::ApplicationEnded { error });
                    }
                },
            }
            returned = true;
        }
        returned
    }

    /// Takes answers without records, as a poll would: what they say of the log's end is
    /// what a warm consumer knows.
    fn drop_bare_answers(&mut self, ctx: &mut Context, cluster: &mut Cluster) {
        while self.completed.front().is_some_and(|fetch| fetch.answer.records.is_empty()) {
            if let Err((error, message)) = self.open(ctx, cluster) {
                self.raise(error, message);
            }
            self.completed.pop_front();
        }
    }

    fn expire_polls(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        self.polls.retain(|poll| {
            let over = poll.deadline <= now;
            if over {
                resolve(ctx, Some(poll.ticket), CallResult::Records { records: Vec::new() });
            }
            !over
        });
    }
}
