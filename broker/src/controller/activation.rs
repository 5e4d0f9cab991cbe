//! Becoming the active controller, and ceasing to be it (`ActivationRecordsGenerator`).
//!
//! The first active controller of a new cluster writes the bootstrap records: feature levels and,
//! with ELR, a cluster-wide min.insync.replicas, all in one metadata transaction (KIP-868). A later
//! one aborts the transaction that its predecessor left open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::heartbeat::Heartbeats;
use super::{Active, Controller, ControllerOutput, Decision};
use crate::config::Switch;
use crate::context::Context;
use crate::event::ControllerEvent;
use crate::ids::{LeaderEpoch, Offset};
use crate::message::ConfigResource;
use crate::metadata::{ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION, MetadataRecord};

impl Controller {
    /// This node leads the quorum in `epoch`, has replayed all that was committed before it, and the
    /// next record will lie at `log_end_offset`.
    ///
    /// All sessions begin anew: contact times were in the predecessor's memory.
    pub fn activate(&mut self, ctx: &mut Context<'_>, epoch: LeaderEpoch, log_end_offset: Offset) {
        if let Some(active) = &mut self.active {
            // Led before, leads again, and nobody else in between.
            active.epoch = epoch;
            return;
        }
        let mut heartbeats = Heartbeats::new(self.config.settings.broker_session_timeout);
        for broker in self.newest.image.brokers().values() {
            heartbeats.register(broker.broker, broker.fenced);
            if !broker.fenced {
                heartbeats.contact(broker.broker, broker.broker_epoch, ctx.now.monotonic);
            }
        }
        self.active = Some(Active {
            epoch,
            next_write_offset: log_end_offset,
            next_write_id: 0,
            heartbeats,
            pending: VecDeque::new(),
            tasks: BTreeMap::new(),
            never_unfence: BTreeSet::new(),
        });
        ctx.emit(ControllerEvent::Activated { epoch });
        let decision = self.activation_records();
        self.write(ctx, None, decision);
        self.start_tasks(ctx);
    }

    fn activation_records(&self) -> Decision {
        let mut decision = Decision::new();
        let records = &mut decision.records;
        if self.newest.transaction.is_some() {
            records.push(MetadataRecord::AbortTransaction { reason: "Controller failover".to_owned() });
        }
        // What an open transaction wrote does not count: it is about to be aborted.
        let settled = self.newest.transaction.as_ref().map_or(&self.newest.image, |(_, before)| before);
        if settled.feature(METADATA_VERSION) != 0 {
            decision.atomic = true;
            return decision;
        }
        records.push(MetadataRecord::BeginTransaction { name: "Bootstrap records".to_owned() });
        records.extend(self.config.bootstrap_records.iter().cloned());
        let keeps_elr = self.config.bootstrap_records.iter().any(|record| {
            matches!(record, MetadataRecord::FeatureLevel { name, level }
                if name == ELIGIBLE_LEADER_REPLICAS_VERSION && *level > 0)
        });
        if keeps_elr {
            records.push(MetadataRecord::Config {
                resource: ConfigResource::Cluster,
                name: "min.insync.replicas".to_owned(),
                value: Some(self.config.log.min_insync_replicas.to_string()),
            });
        }
        records.push(MetadataRecord::EndTransaction);
        decision
    }

    /// This node no longer leads: back to the last committed state, NOT_CONTROLLER to all who wait.
    /// Does nothing on a standby.
    pub fn deactivate(&mut self, ctx: &mut Context<'_>) {
        let Some(active) = self.active.take() else { return };
        ctx.emit(ControllerEvent::Deactivated { epoch: active.epoch });
        for answer in active.pending.into_iter().filter_map(|pending| pending.answer) {
            self.outbox.push(ControllerOutput::Reply { handle: answer.handle, response: answer.if_deposed });
        }
        if self.is(Switch::ControllerKeepsUncommittedState) {
            self.committed = self.newest.clone();
        }
        self.newest = self.committed.clone();
    }
}
