//! What transactions ask of a broker's group coordinator: offsets to write in their name, and their ends
//! (`KafkaApis.handleTxnOffsetCommitRequest`, `handleWriteTxnMarkersRequest`; KIP-98, KIP-447).
//!
//! ```text
//!   TxnOffsetCommit ──▶ __consumer_offsets: a batch in the producer's name ──▶ pending
//!   WriteTxnMarkers ──▶ __consumer_offsets: a marker                       ──▶ what was pending counts, or never will
//! ```
//!
//! Simplified: there is no transaction coordinator, and producers write no transactional records. Markers for other topics
//! than `__consumer_offsets` are refused with UNKNOWN_TOPIC_OR_PARTITION. So are, as in Kafka, those for its partitions of which
//! this broker has no replica; here the metadata says whether it has one, there the replica manager, which counts none whose log
//! directory is offline.

use super::contract::RequestContext;
use super::coordinator::{Access, Broker, GroupCoordinator, exists};
use super::gathering::Gathering;
use super::leadership::offsets_topic;
use crate::context::Context;
use crate::ids::TopicPartition;
use crate::message::{
    ErrorCode, Request, TxnMarker, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

impl GroupCoordinator {
    /// Offsets of partitions that do not exist are refused here; the coordinator is asked for the others.
    pub(super) fn commit_transactional_offsets(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        mut body: TxnOffsetCommitRequest,
    ) {
        let (known, unknown): (Vec<_>, Vec<_>) =
            body.partitions.into_iter().partition(|of| exists(broker.image, &of.partition));
        let unknown = unknown.into_iter().map(|of| (of.partition, ErrorCode::UnknownTopicOrPartition)).collect();
        let so_far = TxnOffsetCommitResponse { partitions: unknown };
        if known.is_empty() {
            return self.answer(who.handle, so_far.into());
        }
        body.partitions = known;
        let request = Request::TxnOffsetCommit(body);
        if !so_far.partitions.is_empty() {
            self.gathering.insert(who.handle, Gathering::new(request.clone(), 1, so_far.into()));
        }
        self.ask(ctx, broker, who, &request, Access::Write);
    }

    /// Each marker is written to each of its partitions by itself.
    pub(super) fn write_markers(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        body: WriteTxnMarkersRequest,
    ) {
        let (node, image) = (self.node, broker.image);
        let is_ours = |partition: &TopicPartition| {
            let registration = image.partition(&partition.topic, partition.partition);
            partition.topic == offsets_topic() && registration.is_some_and(|it| it.replicas.contains(&node))
        };
        let foreign = |marker: &TxnMarker| {
            let partitions = marker.partitions.iter().filter(|partition| !is_ours(partition));
            let errors: Vec<_> = partitions.map(|it| (it.clone(), ErrorCode::UnknownTopicOrPartition)).collect();
            (!errors.is_empty()).then_some((marker.producer_id, errors))
        };
        let so_far = WriteTxnMarkersResponse { markers: body.markers.iter().filter_map(foreign).collect() };
        let parts: Vec<(TxnMarker, TopicPartition)> = body
            .markers
            .iter()
            .flat_map(|marker| marker.partitions.iter().map(move |partition| (marker, partition)))
            .filter(|(_, partition)| is_ours(partition))
            .map(|(marker, partition)| {
                (TxnMarker { partitions: vec![partition.clone()], ..marker.clone() }, partition.clone())
            })
            .collect();
        if !self.gather(who, body.into(), parts.len(), so_far.into()) {
            return;
        }
        for (marker, TopicPartition { partition, .. }) in parts {
            let Broker { log, image } = broker;
            let asked = self.coordinators.complete_transaction(ctx, *log, image, partition, who, &marker);
            if let Err(error) = asked {
                let request = WriteTxnMarkersRequest { markers: vec![marker] }.into();
                self.refuse(ctx, who, &request, error);
            }
        }
    }
}
