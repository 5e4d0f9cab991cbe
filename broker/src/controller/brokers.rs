//! Heartbeats and what follows from them: fencing, unfencing, controlled shutdown, failed directories.

use super::answers::{heartbeat_refusal, producer_ids_refusal};
use super::elections::BrokerChange;
use super::heartbeat::{BrokerControlState, Heartbeats};
use super::{Controller, Decision, Fact};
use crate::config::Switch;
use crate::context::Context;
use crate::event::{ControllerEvent, FenceReason, PartitionChangeReason};
use crate::ids::{BrokerEpoch, DirectoryId, NodeId, ProducerId};
use crate::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse, ErrorCode,
};
use crate::metadata::{MetadataImage, MetadataRecord, PartitionChange, PartitionRegistration};

/// How many producer ids a broker gets at once.
const PRODUCER_ID_BLOCK_SIZE: i32 = 1_000;

impl Controller {
    /// Heartbeat states follow what is replayed, as registrations do.
    pub(super) fn replay_to_heartbeats(heartbeats: &mut Heartbeats, image: &MetadataImage, record: &MetadataRecord) {
        match record {
            MetadataRecord::RegisterBroker { broker, fenced, .. } => {
                heartbeats.remove(*broker);
                heartbeats.register(*broker, *fenced);
            }
            MetadataRecord::UnregisterBroker { broker, .. } => heartbeats.remove(*broker),
            MetadataRecord::BrokerRegistrationChange { broker, .. } => {
                if let Some(registration) = image.broker(*broker) {
                    heartbeats.register(*broker, registration.fenced);
                }
            }
            _ => {}
        }
    }

    pub(super) fn has_broker_epoch(&self, broker: NodeId, epoch: BrokerEpoch) -> bool {
        self.newest.image.broker(broker).is_some_and(|registration| registration.broker_epoch == epoch)
    }

    pub(super) fn heartbeat(&mut self, ctx: &mut Context<'_>, request: &BrokerHeartbeatRequest) -> Decision {
        let now = ctx.now.monotonic;
        let (broker, epoch) = (request.broker, request.broker_epoch);
        // Liveness first, whatever becomes of the rest.
        self.heartbeats().contact(broker, epoch, now);
        if !self.has_broker_epoch(broker, epoch) {
            return Decision::new().answer(heartbeat_refusal(ErrorCode::StaleBrokerEpoch));
        }
        let image = self.image().clone();
        let registration_offset = match &self.active {
            Some(active) if self.is(Switch::UnfenceRequiresLeo) => active.next_write_offset - 1,
            _ => image.broker(broker).map_or(i64::MAX, |known| known.registration_offset),
        };
        let leads_something = image.partitions().any(|(_, _, partition)| partition.leader == broker);
        let (current, mut next) = self.heartbeats().next_state(request, registration_offset, leads_something);
        if next == BrokerControlState::Unfenced && self.is_never_unfenced(broker) {
            next = BrokerControlState::Fenced;
        }
        let mut decision = Decision::new();
        if next != current {
            match next {
                BrokerControlState::Fenced => {
                    self.fence(&image, &mut decision, broker, FenceReason::Asked);
                }
                BrokerControlState::ShutdownNow => {
                    self.fence(&image, &mut decision, broker, FenceReason::ShutDown);
                    decision.fact(ControllerEvent::ControlledShutdownGranted { broker });
                }
                BrokerControlState::Unfenced => self.unfence(&image, &mut decision, broker, epoch),
                BrokerControlState::ControlledShutdown => {
                    self.begin_controlled_shutdown(&image, &mut decision, broker, epoch);
                }
            }
        }
        self.heartbeats().touch(broker, next.is_fenced(), request.current_metadata_offset);
        self.take_directories_offline(&image, &mut decision, request);
        if next == BrokerControlState::ControlledShutdown {
            decision.controlled_shutdown = Some(broker);
        }
        let is_caught_up = request.current_metadata_offset >= registration_offset;
        decision.fact(ControllerEvent::HeartbeatAnswered {
            broker,
            metadata_offset: request.current_metadata_offset,
            is_caught_up,
            asks_to_serve: !request.want_fence && !request.want_shut_down,
            is_fenced: next.is_fenced(),
        });
        decision.answer(BrokerHeartbeatResponse {
            error: ErrorCode::None,
            is_caught_up,
            is_fenced: next.is_fenced(),
            should_shut_down: next == BrokerControlState::ShutdownNow,
        })
    }

    fn is_never_unfenced(&self, broker: NodeId) -> bool {
        self.is(Switch::NeverUnfence) && self.active.as_ref().is_some_and(|a| a.never_unfence.contains(&broker))
    }

    /// Out of every ISR and leadership first; the fence record comes last.
    fn fence(&self, image: &MetadataImage, decision: &mut Decision, broker: NodeId, reason: FenceReason) {
        let registration = image.broker(broker).expect("only registered brokers are fenced");
        if !registration.fenced {
            decision.fact(ControllerEvent::BrokerFenced { broker, reason });
        }
        let why = match reason {
            FenceReason::ShutDown => PartitionChangeReason::ControlledShutdown,
            FenceReason::SessionExpired | FenceReason::Asked => PartitionChangeReason::BrokerFenced,
        };
        self.update_partitions(image, decision, BrokerChange::Removed(broker), why, |p| p.isr.contains(&broker));
        decision.records.push(MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch: registration.broker_epoch,
            fenced: Some(true),
            in_controlled_shutdown: None,
            log_directories: None,
        });
    }

    /// It enters no ISR by itself, but it may be the one that leaderless partitions wait for.
    fn unfence(&self, image: &MetadataImage, decision: &mut Decision, broker: NodeId, broker_epoch: BrokerEpoch) {
        decision.fact(ControllerEvent::BrokerUnfenced { broker });
        decision.records.push(MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch,
            fenced: Some(false),
            in_controlled_shutdown: None,
            log_directories: None,
        });
        let image = self.assign_new_directories(image, decision, broker);
        let reason = PartitionChangeReason::BrokerUnfenced;
        self.update_partitions(&image, decision, BrokerChange::Added(broker), reason, |p| !p.leader.is_some());
    }

    /// A broker that came back with an exchanged disk has made its replicas anew in directories with other ids, and is not
    /// unfenced before it has. As long as its partitions name the old ones it cannot lead them
    /// (`ReplicationControlManager.handleAssignReplicasToDirs`). Returns the image with what is decided.
    ///
    /// Simplified: in Kafka the broker says where it has put each replica (`ReplicaManager.maybeUpdateTopicAssignment`,
    /// KIP-858); here the controller concludes it from a registration that names none of the old directories. In
    /// Kafka the two race: where the broker is unfenced first, a partition that waits for it alone has no leader before
    /// the next election, at the latest that of `leader.imbalance.check.interval.seconds`. A
    /// broker that misses only some of them makes nothing anew, in Kafka too (`LogManager.getOrCreateLog`).
    fn assign_new_directories(&self, image: &MetadataImage, decision: &mut Decision, broker: NodeId) -> MetadataImage {
        let registration = image.broker(broker).expect("only registered brokers are unfenced");
        let on_it = |partition: &PartitionRegistration| partition.replicas.contains(&broker);
        let held = || image.partitions().filter(|(_, _, partition)| on_it(partition));
        let mut image_after = image.clone();
        let is_known = |directory| registration.has_online_directory(directory);
        if held().any(|(_, _, partition)| is_known(partition.directory(broker))) {
            return image_after;
        }
        for (name, topic_id, partition) in held() {
            let directory = |replica: &NodeId| match *replica == broker {
                true => self.default_directory(&image_after, &[], broker),
                false => partition.directory(*replica),
            };
            let directories = Some(partition.replicas.iter().map(directory).collect());
            let change = PartitionChange { directories, ..PartitionChange::default() };
            let record = MetadataRecord::PartitionChange { partition: name.partition, topic_id, change };
            image_after.apply(image_after.last_offset(), &record);
            let (record_index, reason) = (decision.records.len(), PartitionChangeReason::DirectoryAssigned);
            decision.facts.push(Fact::PartitionChanged { record: record_index, reason, unclean: false });
            decision.records.push(record);
        }
        image_after
    }

    fn begin_controlled_shutdown(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        broker: NodeId,
        broker_epoch: BrokerEpoch,
    ) {
        if !image.broker(broker).is_some_and(|registration| registration.in_controlled_shutdown) {
            decision.fact(ControllerEvent::ControlledShutdownStarted { broker });
            decision.records.push(MetadataRecord::BrokerRegistrationChange {
                broker,
                broker_epoch,
                fenced: None,
                in_controlled_shutdown: Some(true),
                log_directories: None,
            });
        }
        let reason = PartitionChangeReason::ControlledShutdown;
        self.update_partitions(image, decision, BrokerChange::Removed(broker), reason, |p| p.isr.contains(&broker));
    }

    fn take_directories_offline(
        &self,
        image: &MetadataImage,
        decision: &mut Decision,
        request: &BrokerHeartbeatRequest,
    ) {
        let broker = request.broker;
        let registration = image.broker(broker).expect("its epoch was just checked");
        let (offline, online): (Vec<DirectoryId>, Vec<DirectoryId>) =
            registration.directories.iter().partition(|known| request.offline_log_directories.contains(known));
        if offline.is_empty() {
            return;
        }
        let reason = PartitionChangeReason::DirectoryFailed;
        self.update_partitions(image, decision, BrokerChange::Removed(broker), reason, |partition| {
            offline.contains(&partition.directory(broker))
        });
        decision.records.push(MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch: request.broker_epoch,
            fenced: None,
            in_controlled_shutdown: None,
            log_directories: Some(online),
        });
    }

    /// Fences one broker whose session is over. One at a time, so that the next decision sees the effect.
    pub(super) fn fence_stale_broker(&mut self, ctx: &Context<'_>) -> (Decision, bool) {
        let mut decision = Decision::new();
        let Some((broker, epoch)) = self.heartbeats().take_expired(ctx.now.monotonic) else {
            return (decision, false);
        };
        // The contact of an earlier registration, or of a stranger: nobody is to be fenced for it.
        if !self.has_broker_epoch(broker, epoch) {
            return (decision, true);
        }
        let image = self.image().clone();
        self.fence(&image, &mut decision, broker, FenceReason::SessionExpired);
        self.heartbeats().fence(broker);
        if let Some(active) = &mut self.active {
            active.never_unfence.insert(broker);
        }
        (decision, true)
    }

    /// Hands a block of ids to a broker. Blocks are never given twice: the record comes before the answer.
    pub(super) fn allocate_producer_ids(&self, request: &AllocateProducerIdsRequest) -> Decision {
        let (broker, broker_epoch) = (request.broker, request.broker_epoch);
        if !self.has_broker_epoch(broker, broker_epoch) {
            return Decision::new().answer(producer_ids_refusal(ErrorCode::StaleBrokerEpoch));
        }
        let start = self.image().next_producer_id();
        let Some(next_producer_id) = start.checked_add(i64::from(PRODUCER_ID_BLOCK_SIZE)) else {
            return Decision::new().answer(producer_ids_refusal(ErrorCode::UnknownServerError));
        };
        let mut decision = Decision::new();
        decision.records.push(MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id });
        decision.fact(ControllerEvent::ProducerIdsAllocated { broker, start });
        decision.answer(AllocateProducerIdsResponse {
            error: ErrorCode::None,
            producer_id_start: ProducerId(start),
            producer_id_len: PRODUCER_ID_BLOCK_SIZE,
        })
    }
}
