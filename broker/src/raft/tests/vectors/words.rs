//! The words of these texts: what others ask, and how requests and answers are written down.

use bytes::Bytes;

use crate::ids::{BrokerEpoch, ClusterId, LeaderEpoch, NodeId, Offset, TopicName};
use crate::message::*;
use crate::raft::METADATA_TOPIC_ID;
use crate::raft::tests::harness::{endpoint, name, voter};
use crate::record::BatchBuilder;
use crate::tests::argument;

pub(super) fn member(word: &str) -> NodeId {
    NodeId(word.strip_prefix('c').and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no member: {word}")))
}

pub(super) fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

/// The word `e5`.
pub(super) fn epoch(words: &[&str]) -> LeaderEpoch {
    let epoch = words.iter().find_map(|word| word.strip_prefix('e').and_then(|epoch| epoch.parse().ok()));
    LeaderEpoch(epoch.unwrap_or_else(|| panic!("no epoch: {words:?}")))
}

/// `12-3`: an offset with an epoch.
pub(super) fn position(word: &str) -> (Offset, LeaderEpoch) {
    let dash = word[1..].find('-').map(|at| at + 1).unwrap_or_else(|| panic!("no position: {word}"));
    let (offset, epoch) = (&word[..dash], &word[dash + 1..]);
    (offset.parse().expect("an offset"), LeaderEpoch(epoch.parse().expect("an epoch")))
}

pub(super) fn snapshot(word: &str) -> SnapshotId {
    let (end_offset, epoch) = position(word);
    SnapshotId { end_offset, epoch }
}

pub(super) fn known(node: NodeId) -> String {
    if node.is_some() { format!("c{node}") } else { "none".to_owned() }
}

/// A batch as a leader of its epoch wrote it.
pub(super) fn batch(base_offset: Offset, count: i64, epoch: LeaderEpoch) -> Bytes {
    let mut builder = BatchBuilder::new(base_offset).leader_epoch(epoch);
    (0..count).for_each(|_| builder.push(0, None, Some(b"x"), &[]));
    builder.build()
}

/// `3e1`: how many records of which epoch.
pub(super) fn records(word: &str) -> (i64, LeaderEpoch) {
    let (count, epoch) = word.split_once('e').unwrap_or_else(|| panic!("no records: {word}"));
    (count.parse().expect("a number"), LeaderEpoch(epoch.parse().expect("an epoch")))
}

pub(super) fn is_records(word: &str) -> bool {
    word.split_once('e').is_some_and(|(count, epoch)| count.parse::<i64>().is_ok() && epoch.parse::<i32>().is_ok())
}

/// What others ask of `own`.
pub(super) fn request(words: &[&str], own: NodeId) -> Request {
    let (from, epoch) = (member(words[1]), epoch(words));
    let cluster_id = Some(ClusterId(uuid::Uuid::from_u128(if words.contains(&"stranger") { 8 } else { 7 })));
    let asker = voter(from.0).replica;
    let meant = voter(after(words, "to").map_or(own, member).0).replica;
    let leader_endpoint = Some(endpoint(from));
    match words[0] {
        "vote" | "pre-vote" => {
            let (last_epoch_end_offset, last_epoch) = position(after(words, "log").expect("a position"));
            let pre_vote = words[0] == "pre-vote";
            VoteRequest {
                cluster_id,
                voter: meant,
                candidate: asker,
                epoch,
                last_epoch,
                last_epoch_end_offset,
                pre_vote,
            }
            .into()
        }
        "begin" => BeginQuorumEpochRequest { cluster_id, voter: meant, leader: from, epoch, leader_endpoint }.into(),
        "end" => {
            let at = words.iter().position(|word| *word == "prefers").map_or(words.len(), |at| at + 1);
            let preferred_candidates = words[at..]
                .iter()
                .filter(|word| word.starts_with('c'))
                .map(|word| voter(member(word).0).replica)
                .collect();
            let leader = from;
            EndQuorumEpochRequest { cluster_id, leader, epoch, preferred_candidates, leader_endpoint }.into()
        }
        "fetch" => {
            let (fetch_offset, last_fetched_epoch) = position(after(words, "at").expect("a position"));
            let partition = FetchPartition {
                topic_id: METADATA_TOPIC_ID,
                topic: TopicName::default(),
                partition: 0,
                current_leader_epoch: epoch,
                fetch_offset,
                last_fetched_epoch,
                log_start_offset: 0,
                max_bytes: i32::MAX,
                replica_directory_id: asker.directory_id,
                high_watermark: argument(words, "knows"),
            };
            FetchRequest {
                cluster_id,
                replica_id: from,
                replica_epoch: BrokerEpoch::NONE,
                max_wait_ms: argument(words, "wait").unwrap_or(0) as i32,
                min_bytes: 0,
                max_bytes: i32::MAX,
                isolation: IsolationLevel::ReadUncommitted,
                session_id: 0,
                session_epoch: -1,
                by_name: false,
                partitions: vec![partition],
                forgotten: Vec::new(),
                rack_id: String::new(),
            }
            .into()
        }
        "fetch-snapshot" => FetchSnapshotRequest {
            cluster_id,
            replica: asker,
            current_leader_epoch: epoch,
            snapshot_id: snapshot(words[3]),
            position: argument(words, "from").expect("a position"),
            max_bytes: argument(words, "max").expect("a size") as i32,
        }
        .into(),
        other => panic!("nobody asks for {other}"),
    }
}

/// What a leader answers to a fetch.
pub(super) fn fetched(
    request: &FetchPartition,
    words: &[&str],
    error: ErrorCode,
    hint: LeaderHint,
) -> FetchPartitionResponse {
    let mut end = request.fetch_offset;
    let mut bytes = Vec::new();
    for word in words.iter().filter(|word| is_records(word)) {
        let (count, epoch) = records(word);
        bytes.extend_from_slice(&batch(end, count, epoch));
        end += count;
    }
    let diverging = after(words, "diverging").map(position);
    FetchPartitionResponse {
        topic_id: METADATA_TOPIC_ID,
        topic: TopicName::default(),
        partition: 0,
        error,
        high_watermark: argument(words, "hw").unwrap_or(-1),
        last_stable_offset: -1,
        log_start_offset: 0,
        diverging_epoch: diverging.map(|(end_offset, epoch)| EpochEndOffset { epoch, end_offset }),
        current_leader: Some(hint),
        snapshot_id: after(words, "snapshot").map(snapshot),
        aborted_transactions: Vec::new(),
        preferred_read_replica: NodeId::NONE,
        records: bytes.into(),
    }
}

pub(super) fn error_named(word: &str) -> ErrorCode {
    let known = [
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::BrokerNotAvailable,
        ErrorCode::SnapshotNotFound,
        ErrorCode::UnsupportedVersion,
    ];
    known.into_iter().find(|error| error.name() == word).unwrap_or(ErrorCode::None)
}

pub(super) fn asked(request: &Request) -> String {
    let names = |keys: &[ReplicaKey]| match keys {
        [] => " nobody".to_owned(),
        keys => keys.iter().map(|key| format!(" c{}", key.id)).collect(),
    };
    match request {
        Request::Vote(request) => {
            let kind = if request.pre_vote { "pre-vote" } else { "vote" };
            format!("{kind} e{} log {}-{}", request.epoch, request.last_epoch_end_offset, request.last_epoch)
        }
        Request::BeginQuorumEpoch(request) => format!("begin e{}", request.epoch),
        Request::EndQuorumEpoch(request) => {
            format!("end e{} prefers{}", request.epoch, names(&request.preferred_candidates))
        }
        Request::Fetch(request) => {
            let partition = &request.partitions[0];
            let (offset, last) = (partition.fetch_offset, partition.last_fetched_epoch);
            format!("fetch e{} at {offset}-{last}", partition.current_leader_epoch)
        }
        Request::FetchSnapshot(request) => {
            format!(
                "fetch-snapshot e{} {} from {}",
                request.current_leader_epoch,
                name(request.snapshot_id),
                request.position
            )
        }
        other => other.api().name().to_owned(),
    }
}

pub(super) fn answered(response: &Response) -> String {
    let common = |error: ErrorCode, epoch, leader| format!("{} e{epoch} leader {}", error.name(), known(leader));
    match response {
        Response::Vote(answer) => {
            let granted = if answer.vote_granted { "granted" } else { "rejected" };
            format!("{} {granted}", common(answer.error, answer.epoch, answer.leader))
        }
        Response::BeginQuorumEpoch(answer) => common(answer.error, answer.epoch, answer.leader),
        Response::EndQuorumEpoch(answer) => common(answer.error, answer.epoch, answer.leader),
        Response::Fetch(answer) => match answer.partitions.first() {
            None => answer.error.name().to_owned(),
            Some(partition) => {
                let hint = partition.current_leader.expect("quorum members name the leader");
                let records: Vec<String> = crate::record::batches(&partition.records)
                    .flatten()
                    .map(|batch| format!("{}..{}", batch.base_offset(), batch.next_offset()))
                    .collect();
                let what = match (partition.diverging_epoch, partition.snapshot_id) {
                    (Some(end), _) => format!("diverging {}-{}", end.end_offset, end.epoch),
                    (_, Some(id)) => format!("snapshot {}", name(id)),
                    _ if records.is_empty() => "empty".to_owned(),
                    _ => records.join(" "),
                };
                let common = common(partition.error, hint.epoch, hint.leader);
                format!("{common} hw {} {what}", partition.high_watermark)
            }
        },
        Response::FetchSnapshot(answer) => {
            let end = answer.position + answer.bytes.len() as i64;
            let common = common(answer.error, answer.epoch, answer.leader);
            format!("{common} {} bytes {}..{end} of {}", name(answer.snapshot_id), answer.position, answer.size)
        }
        Response::DescribeQuorum(answer) => {
            let replica = |of: &QuorumReplica| {
                let (end, fetch, caught_up) = (of.log_end_offset, of.last_fetch_timestamp, of.last_caught_up_timestamp);
                format!("c{} {end} fetched {fetch} caught up {caught_up}", of.replica.id)
            };
            let list = |of: &[QuorumReplica]| of.iter().map(replica).collect::<Vec<_>>().join(", ");
            let common = common(answer.error, answer.epoch, answer.leader);
            format!("{common} hw {} [{}] [{}]", answer.high_watermark, list(&answer.voters), list(&answer.observers))
        }
        other => other.api().name().to_owned(),
    }
}

/// Whether the bytes of an answer `… bytes 0..7 of 7` reach from the beginning to the end.
pub(super) fn piece(answer: &str) -> String {
    let (_, bytes) = answer.split_once("bytes ").expect("a piece of a snapshot");
    let (range, size) = bytes.split_once(" of ").expect("a size");
    let (start, end) = range.split_once("..").expect("a range");
    let what = match (start, end == size) {
        ("0", true) => "whole",
        (_, true) => "to the end",
        (_, false) => "from within",
    };
    what.to_owned()
}
