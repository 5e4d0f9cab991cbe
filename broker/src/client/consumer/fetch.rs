//! Fetching: requests to the leaders, answers into the buffer, the buffer to the
//! application (`AbstractFetch`, `FetchCollector`).

use super::records::FetchedRecords;
use super::session::{SessionFetch, SessionPartition};
use super::{Collected, CompletedFetch, Consumer, OffsetReset, PartitionState, Position, Raised};
use crate::client::ConsumedRecord;
use crate::client::cluster::Cluster;
use crate::client::network::{Asker, Completion, Outcome};
use crate::config::Switch;
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::{BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, TopicName, TopicPartition};
use crate::message::{ErrorCode, FetchKey, FetchPartition, FetchRequest, FetchResponse, LeaderHint, Response};
use crate::time::Time;

impl Consumer {
    /// Whether records of this partition wait for a poll.
    pub(super) fn is_buffered(&self, partition: &TopicPartition) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.partition == *partition && !reading.is_empty())
            || self.completed.iter().any(|fetch| fetch.partition == *partition)
            || self.set_aside.iter().any(|fetched| fetched.partition == *partition)
    }

    /// Drops what was fetched of a partition and is not returned yet.
    pub(super) fn drop_buffered(&mut self, partition: &TopicPartition) {
        self.reading = self.reading.take().filter(|reading| reading.partition != *partition);
        self.completed.retain(|fetch| fetch.partition != *partition);
        self.set_aside.retain(|fetched| fetched.partition != *partition);
    }

    fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).is_some_and(|state| state.paused)
    }

    /// Puts what is being read aside if its partition is paused; whether it was.
    fn set_paused_aside(&mut self) -> bool {
        let is_paused = self.reading.as_ref().is_some_and(|reading| self.is_paused(&reading.partition));
        if is_paused {
            self.set_aside.extend(self.reading.take());
        }
        is_paused
    }

    /// What was put aside first of those partitions that are not paused any more.
    ///
    /// Simplified: Kafka puts it at the end of its queue, before what arrives later; here it comes after that.
    fn take_resumed(&mut self) -> Option<FetchedRecords> {
        let resumed = self.set_aside.iter().position(|fetched| !self.is_paused(&fetched.partition))?;
        Some(self.set_aside.remove(resumed))
    }

    /// Sends a fetch to each node that leads partitions without buffered records, has no
    /// fetch in flight and leads none with buffered records: those would drop out of the
    /// session (KAFKA-17182). Gives whether any left.
    pub(super) fn send_fetches(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let now = ctx.now.monotonic;
        for state in self.partitions.values_mut() {
            // The leader has named a broker of which the metadata does not know, or no longer.
            if state.preferred(now).is_some_and(|preferred| cluster.metadata.endpoint(preferred).is_none()) {
                state.prefer_leader();
                cluster.metadata.request_update();
            }
        }
        let mut wanted: Vec<(NodeId, Vec<(TopicPartition, SessionPartition)>)> = Vec::new();
        let buffered = self.partitions.iter().filter(|(partition, _)| self.is_buffered(partition));
        let buffered_nodes: Vec<NodeId> =
            buffered.filter_map(|(_, state)| self.read_replica(cluster, state, now)).collect();
        for partition in &self.order {
            let state = &self.partitions[partition];
            let position = self.fetchable_position(partition).filter(|_| !self.is_buffered(partition));
            let Some(position) = position else { continue };
            let Some(node) = self.read_replica(cluster, state, now) else {
                cluster.metadata.request_update();
                continue;
            };
            if cluster.network.is_backing_off(node, now)
                || self.fetching.contains_key(&node)
                || buffered_nodes.contains(&node)
            {
                continue;
            }
            let entry = SessionPartition {
                topic_id: cluster.metadata.topic_id(&partition.topic),
                fetch_offset: position.offset,
                leader_epoch: position.leader.epoch.unwrap_or(LeaderEpoch::NONE),
            };
            match wanted.iter_mut().find(|(other, _)| *other == node) {
                Some((_, partitions)) => partitions.push((partition.clone(), entry)),
                None => wanted.push((node, vec![(partition.clone(), entry)])),
            }
        }
        let mut sent = false;
        for (node, partitions) in wanted {
            if cluster.ready(ctx, node) {
                let fetch = self.sessions.entry(node).or_default().build(partitions);
                self.send_fetch(ctx, cluster, node, &fetch);
                sent = true;
            }
        }
        sent
    }

    /// Where a partition is read: at the replica that its leader has named, while that is known and its time is not over
    /// (`selectReadReplica`).
    fn read_replica(&self, cluster: &Cluster, state: &PartitionState, now: Time) -> Option<NodeId> {
        let leader = state.valid_position()?.leader.leader?;
        let preferred = state.preferred(now).filter(|node| cluster.metadata.endpoint(*node).is_some());
        Some(preferred.unwrap_or(leader))
    }

    pub(super) fn send_fetch(&mut self, ctx: &mut Context, cluster: &mut Cluster, node: NodeId, fetch: &SessionFetch) {
        let partition = |(partition, held): &(TopicPartition, SessionPartition)| FetchPartition {
            topic_id: held.topic_id,
            topic: TopicName::default(),
            partition: partition.partition,
            current_leader_epoch: held.leader_epoch,
            fetch_offset: held.fetch_offset,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: -1,
            max_bytes: self.settings.max_partition_fetch_bytes,
            replica_directory_id: DirectoryId::UNASSIGNED,
            high_watermark: None,
        };
        let request = FetchRequest {
            cluster_id: None,
            replica_id: NodeId::NONE,
            replica_epoch: BrokerEpoch::NONE,
            max_wait_ms: self.settings.fetch_max_wait.as_millis() as i32,
            min_bytes: self.settings.fetch_min_bytes,
            max_bytes: self.settings.fetch_max_bytes,
            isolation: self.isolation,
            session_id: fetch.id,
            session_epoch: fetch.epoch,
            by_name: false,
            partitions: fetch.send.iter().map(partition).collect(),
            forgotten: fetch.forget.iter().copied().map(FetchKey::by_id).collect(),
            rack_id: self.settings.client_rack.as_deref().unwrap_or_default().to_owned(),
        };
        let token = self.token();
        self.fetching.insert(node, token);
        cluster.send(ctx, node, Asker::Fetch, token, request);
    }

    /// A fetch ended.
    pub(super) fn on_fetch(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let node = completion.node;
        let forgets = self.behaviour.is(Switch::ConsumerForgetsFailedFetch);
        let is_forgotten = forgets && !matches!(completion.outcome, Outcome::Answered(_));
        if self.fetching.get(&node) == Some(&completion.token) && !is_forgotten {
            self.fetching.remove(&node);
        }
        match &completion.outcome {
            Outcome::Answered(Response::Fetch(response)) => self.on_fetched(ctx, cluster, node, response),
            Outcome::Answered(_)
            | Outcome::Sent
            | Outcome::Disconnected
            | Outcome::TimedOut
            | Outcome::UnsupportedVersion => {
                if let Some(session) = self.sessions.get_mut(&node) {
                    session.on_error();
                    for partition in session.partitions() {
                        if let Some(state) = self.partitions.get_mut(partition) {
                            state.prefer_leader();
                        }
                    }
                }
            }
        }
    }

    fn on_fetched(&mut self, ctx: &mut Context, cluster: &mut Cluster, node: NodeId, response: &FetchResponse) {
        let Some(session) = self.sessions.get_mut(&node) else { return };
        if !session.on_response(response) {
            if response.error == ErrorCode::FetchSessionTopicIdError {
                cluster.metadata.request_update();
            }
            return;
        }
        for (partition, held) in session.left_out_of(response) {
            if let Some(state) = self.partitions.get_mut(partition) {
                state.without_news =
                    state.valid_position().is_some_and(|position| position.offset == held.fetch_offset);
            }
        }
        let mut hints: Vec<(TopicPartition, LeaderHint)> = Vec::new();
        for answer in &response.partitions {
            let found = session.find(answer.topic_id, answer.partition).cloned();
            let partition = found.expect("the session has made sure that it knows every partition of the answer");
            let held = session.partition(&partition).expect("found in the session");
            if matches!(answer.error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
                hints.extend(answer.current_leader.map(|hint| (partition.clone(), hint)));
            }
            if self.partitions.contains_key(&partition) {
                let fetch_offset = held.fetch_offset;
                self.completed.push_back(CompletedFetch { partition, fetch_offset, answer: answer.clone() });
            }
        }
        for partition in cluster.metadata.learn_leaders(ctx, &hints, &response.node_endpoints) {
            if let Some(state) = self.partitions.get_mut(&partition) {
                state.see_leader(cluster.metadata.current_leader(&partition), &self.behaviour);
            }
        }
    }

    // ---- From the buffer to the application -----------------------------------------

    /// Up to `max.poll.records` records, and whether any position moved.
    pub(super) fn collect(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> Result<Collected, Raised> {
        let mut records = Vec::new();
        let mut moved = false;
        let limit = self.settings.max_poll_records as usize;
        while records.len() < limit {
            if self.reading.as_ref().is_none_or(FetchedRecords::is_empty) {
                self.reading = None;
                let Some(fetch) = self.completed.front() else {
                    self.reading = self.take_resumed();
                    if self.reading.is_none() {
                        break;
                    }
                    continue;
                };
                let is_bare = fetch.answer.records.is_empty();
                match self.open(ctx, cluster) {
                    Ok(fetched) => {
                        self.completed.pop_front();
                        self.reading = fetched;
                        continue;
                    }
                    Err(raised) => {
                        // Records that were collected before the error are returned first.
                        if !records.is_empty() || moved {
                            break;
                        }
                        if is_bare {
                            self.completed.pop_front();
                        }
                        return Err(raised);
                    }
                }
            }
            if self.set_paused_aside() {
                continue;
            }
            match self.read_on(ctx, limit - records.len()) {
                Ok((more, advanced)) => {
                    moved |= advanced;
                    records.extend(more);
                }
                Err(raised) if records.is_empty() && !moved => return Err(raised),
                Err(_) => break,
            }
        }
        moved |= !records.is_empty();
        Ok((records, moved))
    }

    /// Opens the first answer of the buffer: its records, or what its error asks for.
    pub(super) fn open(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> Result<Option<FetchedRecords>, Raised> {
        let fetch = self.completed.front().expect("the caller has looked").clone();
        let CompletedFetch { partition, fetch_offset, answer } = fetch;
        if answer.error != ErrorCode::None {
            ctx.emit(ClientEvent::FetchFailed { partition: partition.clone(), error: answer.error });
            self.move_to_end(&partition);
        }
        let Some(state) = self.partitions.get_mut(&partition) else { return Ok(None) };
        let Some(position) = state.valid_position() else { return Ok(None) };
        if answer.error != ErrorCode::None {
            self.on_partition_error(cluster, &partition, position, fetch_offset, answer.error)?;
            return Ok(None);
        }
        if position.offset != fetch_offset {
            // The answer belongs to a position of the past.
            return Ok(None);
        }
        if answer.high_watermark >= 0 {
            state.high_watermark = Some(answer.high_watermark);
        }
        if answer.last_stable_offset >= 0 {
            state.last_stable_offset = Some(answer.last_stable_offset);
        }
        if answer.preferred_read_replica.is_some() {
            let now = ctx.now.monotonic;
            state.prefer(answer.preferred_read_replica, now + self.settings.metadata_max_age, now);
        }
        Ok(Some(FetchedRecords::decode(
            partition,
            fetch_offset,
            &answer.records,
            answer.aborted_transactions,
            self.isolation,
            self.settings.check_crcs,
        )))
    }

    fn on_partition_error(
        &mut self,
        cluster: &mut Cluster,
        partition: &TopicPartition,
        position: Position,
        fetch_offset: i64,
        error: ErrorCode,
    ) -> Result<(), Raised> {
        let believes_everybody = self.behaviour.is(Switch::FollowerOutOfRangeAboveHighWatermark);
        match error {
            ErrorCode::NotLeaderOrFollower
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId => {
                cluster.metadata.request_update();
                if let Some(state) = self.partitions.get_mut(partition) {
                    state.prefer_leader();
                }
            }
            // Another replica than the leader has no say in that.
            ErrorCode::OffsetOutOfRange
                if !believes_everybody
                    && self.partitions.get_mut(partition).is_some_and(PartitionState::prefer_leader) => {}
            ErrorCode::OffsetOutOfRange if fetch_offset != position.offset => {}
            ErrorCode::OffsetOutOfRange => {
                if self.offset_reset == OffsetReset::None {
                    let message = format!("Fetch position {fetch_offset} is out of range for partition {partition}");
                    return Err((error, message));
                }
                let policy = self.offset_reset;
                if let Some(state) = self.partitions.get_mut(partition) {
                    state.reset(policy);
                }
            }
            ErrorCode::UnknownLeaderEpoch | ErrorCode::UnknownServerError => {}
            other => {
                let message = format!("Error {} when fetching offset {fetch_offset} of {partition}", other.name());
                return Err((other, message));
            }
        }
        Ok(())
    }

    /// Reads on in the answer that is open.
    fn read_on(&mut self, ctx: &mut Context, limit: usize) -> Result<Collected, Raised> {
        let Some(partition) = self.reading.as_ref().map(|reading| reading.partition.clone()) else {
            return Ok((Vec::new(), false));
        };
        let position = self.fetchable_position(&partition);
        let Some(reading) = self.reading.as_mut() else { return Ok((Vec::new(), false)) };
        let state = self.partitions.get_mut(&partition);
        let (Some(state), Some(position)) = (state, position.filter(|position| position.offset == reading.next_offset))
        else {
            // The application has gone elsewhere since.
            self.reading = None;
            return Ok((Vec::new(), false));
        };
        let first_epoch = reading.next_epoch();
        let mut records = reading.take(limit).map_err(|_| {
            let message = format!("Record batch for partition {partition} at offset {} is invalid", position.offset);
            (ErrorCode::CorruptMessage, message)
        })?;
        if self.behaviour.is(Switch::ConsumerDropsRecord) && records.len() > 2 {
            records.remove(1);
        }
        if self.behaviour.is(Switch::ConsumerRepeatsRecord) && records.len() > 1 {
            records.insert(1, records[0].clone());
        }
        let (next_offset, last_epoch) = (reading.next_offset, reading.last_epoch);
        let advanced = next_offset > position.offset;
        if advanced {
            state.seek_validated(Position { offset: next_offset, offset_epoch: last_epoch, ..position });
        }
        if let Some(first) = records.first() {
            ctx.emit(ClientEvent::RecordsConsumed {
                partition: partition.clone(),
                first_offset: first.offset,
                position: next_offset,
                records: records.len() as i32,
                read: records.iter().map(ConsumedRecord::fact).collect(),
                epochs: (first_epoch.unwrap_or(LeaderEpoch::NONE), last_epoch.unwrap_or(LeaderEpoch::NONE)),
            });
            self.move_to_end(&partition);
        }
        Ok((records, advanced))
    }

    fn move_to_end(&mut self, partition: &TopicPartition) {
        if let Some(index) = self.order.iter().position(|other| other == partition) {
            let moved = self.order.remove(index);
            self.order.push(moved);
        }
    }
}
