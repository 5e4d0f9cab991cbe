//! Registrations of broker and controller processes (`ClusterControlManager`, KIP-631, KIP-919).
//!
//! ```text
//!   another process of this id has a live session?  DUPLICATE_BROKER_REGISTRATION
//!   same incarnation?                                same epoch, flags kept
//!   new incarnation                                  epoch = next offset, fenced; whatever the old
//!                                                    process was in sync with is cleaned up first
//! ```
//!
//! A restart counts as clean if the broker names the epoch that it had when it stopped and the
//! controller still has that epoch in its books (KIP-966). After an unclean one the broker may have
//! lost records that it had acknowledged: it leaves every ISR and ELR before it is registered anew.

use super::elections::BrokerChange;
use super::{Controller, Decision, Refusal, refuse};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{ControllerEvent, PartitionChangeReason};
use crate::ids::{BrokerEpoch, DirectoryId, NodeId};
use crate::message::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, ControllerRegistrationRequest,
    ControllerRegistrationResponse, ErrorCode,
};
use crate::metadata::{METADATA_VERSION, MetadataImage, MetadataRecord};

impl Controller {
    pub(super) fn register_broker(&mut self, ctx: &mut Context<'_>, request: &BrokerRegistrationRequest) -> Decision {
        match self.try_register_broker(ctx, request) {
            Ok(decision) => decision,
            Err(Refusal(error, _)) => {
                if error == ErrorCode::DuplicateBrokerRegistration {
                    ctx.emit(ControllerEvent::RegistrationRefused { broker: request.broker });
                }
                Decision::new().answer(BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE })
            }
        }
    }

    fn try_register_broker(
        &mut self,
        ctx: &Context<'_>,
        request: &BrokerRegistrationRequest,
    ) -> Result<Decision, Refusal> {
        if request.cluster_id != self.config.cluster_id {
            return refuse(ErrorCode::InconsistentClusterId, "the broker belongs to another cluster");
        }
        let broker = request.broker;
        let image = self.image().clone();
        let existing = image.broker(broker);
        let takes_over = self.is(Switch::RegistrationKeepsOldEpoch);
        let same_incarnation = existing.filter(|known| known.incarnation_id == request.incarnation_id || takes_over);
        if let Some(known) = existing
            && same_incarnation.is_none()
            && self.heartbeats().has_valid_session(broker, known.broker_epoch, ctx.now.monotonic)
        {
            return refuse(ErrorCode::DuplicateBrokerRegistration, "another process of that id has a live session");
        }
        check_directories(&image, broker, &request.log_directories)?;
        self.check_features(&image, &request.features)?;

        let mut decision = Decision::new();
        let next_write_offset = self.active.as_ref().map_or(0, |active| active.next_write_offset);
        let (broker_epoch, fenced, in_controlled_shutdown) = match same_incarnation {
            Some(known) => (known.broker_epoch, known.fenced, known.in_controlled_shutdown),
            None => {
                let clean = existing.is_some_and(|known| known.broker_epoch == request.previous_broker_epoch);
                self.clean_up_after(&image, &mut decision, broker, clean);
                let broker_epoch = match existing.filter(|_| self.is(Switch::BrokerEpochFalls)) {
                    Some(known) => BrokerEpoch(known.broker_epoch.0 - 1),
                    None => BrokerEpoch(next_write_offset),
                };
                decision.fact(ControllerEvent::BrokerRegistered { broker, broker_epoch, clean });
                // In Kafka there is no session before the first heartbeat.
                if self.config.behaviour.mends(Hazard::LateRegistrationWins) {
                    self.heartbeats().contact(broker, broker_epoch, ctx.now.monotonic);
                }
                (broker_epoch, true, false)
            }
        };
        // Last, so that a controller that fails in between leaves the broker to register once more.
        decision.records.push(MetadataRecord::RegisterBroker {
            broker,
            incarnation_id: request.incarnation_id,
            broker_epoch,
            endpoints: request.listeners.clone(),
            features: request.features.clone(),
            rack: request.rack.clone(),
            fenced,
            in_controlled_shutdown,
            log_directories: request.log_directories.clone(),
        });
        Ok(decision.answer(BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch }))
    }

    /// Takes the broker's former process out of the partitions.
    fn clean_up_after(&self, image: &MetadataImage, decision: &mut Decision, broker: NodeId, clean: bool) {
        if self.keeps_elr(image) && !clean && !self.is(Switch::ElrSurvivesUncleanShutdown) {
            let reason = PartitionChangeReason::UncleanShutdown;
            let change = BrokerChange::UncleanShutdown(broker);
            self.update_partitions(image, decision, change, reason, |p| p.isr.contains(&broker));
            self.update_partitions(image, decision, change, reason, |p| p.elr.contains(&broker));
        } else {
            let reason = PartitionChangeReason::BrokerFenced;
            self.update_partitions(image, decision, BrokerChange::Removed(broker), reason, |p| p.isr.contains(&broker));
        }
    }

    /// Every finalized feature, kraft.version included, must lie in the broker's range; a feature that
    /// the broker does not name it supports at level 0 only.
    fn check_features(&self, image: &MetadataImage, features: &[(String, i16, i16)]) -> Result<(), Refusal> {
        if !features.iter().any(|(name, _, _)| name == METADATA_VERSION) {
            return refuse(ErrorCode::InvalidRegistration, "metadata.version is not among the features");
        }
        let kraft_version = ("kraft.version".to_owned(), self.config.kraft_version);
        let finalized = image.features().iter().map(|(name, level)| (name.clone(), *level)).chain([kraft_version]);
        for (name, level) in finalized {
            let range = features.iter().find(|(feature, _, _)| *feature == name);
            let (lowest, highest) = range.map_or((0, 0), |(_, lowest, highest)| (*lowest, *highest));
            if !(lowest..=highest).contains(&level) {
                let reason = format!("{name} is at level {level}, the broker supports {lowest} to {highest}");
                return refuse(ErrorCode::UnsupportedVersion, &reason);
            }
        }
        Ok(())
    }

    pub(super) fn register_controller(&self, request: &ControllerRegistrationRequest) -> Decision {
        let mut decision = Decision::atomic();
        decision.records.push(MetadataRecord::RegisterController {
            controller: request.controller,
            incarnation_id: request.incarnation_id,
            endpoints: request.listeners.clone(),
            features: request.features.clone(),
        });
        decision.answer(ControllerRegistrationResponse { error: ErrorCode::None })
    }
}

/// Directories must be there, real, different, and nobody else's.
fn check_directories(image: &MetadataImage, broker: NodeId, directories: &[DirectoryId]) -> Result<(), Refusal> {
    let invalid = |reason: &str| refuse(ErrorCode::InvalidRegistration, reason);
    if directories.is_empty() {
        return invalid("no directories");
    }
    // The first hundred ids are reserved.
    if directories.iter().any(|directory| directory.0.as_u128() < 100) {
        return invalid("a reserved directory id");
    }
    for (index, directory) in directories.iter().enumerate() {
        if directories[..index].contains(directory) {
            return invalid("a directory id twice");
        }
        let owner = image.brokers().values().find(|known| known.directories.contains(directory));
        if owner.is_some_and(|owner| owner.broker != broker) {
            return invalid("a directory of another broker");
        }
    }
    Ok(())
}
