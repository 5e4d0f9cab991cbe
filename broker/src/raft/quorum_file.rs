//! The `quorum-state` file: epoch, leader and vote, durable before any answer (`FileQuorumStateStore`).
//!
//! ```text
//!   quorum-state.tmp ── fsync ──▶ rename to quorum-state ──▶ fsync of the directory ──▶ answer
//! ```
//!
//! One line of JSON. With kraft.version 0 (data version 0) it knows no directory id of the
//! vote; with 1 it does. A member that restarts without its vote could vote twice in one
//! epoch, and then two leaders of that epoch could write different records at one offset.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::{Behaviour, Switch};
use crate::context::Context;
use crate::event::LogEvent;
use crate::ids::{DirectoryId, LeaderEpoch, NodeId};
use crate::message::ReplicaKey;
use crate::storage::{StorageError, StorageResult};

/// What a member remembers of elections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ElectionState {
    pub(super) epoch: LeaderEpoch,
    pub(super) leader: Option<NodeId>,
    pub(super) voted: Option<ReplicaKey>,
}

impl ElectionState {
    /// What a member knows that has never taken part in an election.
    pub(super) const INITIAL: ElectionState = ElectionState { epoch: LeaderEpoch(0), leader: None, voted: None };
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VoterJson {
    voter_id: i32,
}

/// The fields in the order in which Kafka's generated converter writes them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voted_directory_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_offset: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current_voters: Option<Vec<VoterJson>>,
    #[serde(rename = "data_version")]
    data_version: i16,
}

fn path(directory: &str) -> String {
    format!("{directory}/quorum-state")
}

/// Writes the state so that it survives a loss of power.
///
/// Simplified: [`Switch::VoteNotDurable`] leaves the vote out of the file, [`Switch::QuorumEpochNotDurable`] the epoch.
pub(super) fn write(
    ctx: &mut Context,
    directory: &str,
    state: ElectionState,
    kraft_version: i16,
    voters: &[NodeId],
    behaviour: &Behaviour,
) -> StorageResult<()> {
    let voted = if behaviour.is(Switch::VoteNotDurable) { None } else { state.voted };
    let epoch = if behaviour.is(Switch::QuorumEpochNotDurable) { 0 } else { state.epoch.0 };
    let with_directory = kraft_version >= 1;
    let json = StateJson {
        cluster_id: (!with_directory).then(String::new),
        leader_id: state.leader.unwrap_or(NodeId::NONE).0,
        leader_epoch: epoch,
        voted_id: voted.map_or(-1, |key| key.id.0),
        voted_directory_id: with_directory
            .then(|| voted.map_or(DirectoryId::UNASSIGNED, |key| key.directory_id).to_string()),
        applied_offset: (!with_directory).then_some(0),
        current_voters: (!with_directory).then(|| voters.iter().map(|id| VoterJson { voter_id: id.0 }).collect()),
        data_version: i16::from(with_directory),
    };
    let text = serde_json::to_string(&json).expect("plain numbers and strings have a JSON form");
    let temporary = format!("{}.tmp", path(directory));
    let file = ctx.storage.create(&temporary)?;
    ctx.storage.truncate(file, 0)?;
    ctx.storage.append(file, text.as_bytes())?;
    ctx.storage.sync(file)?;
    ctx.storage.rename(&temporary, &path(directory))?;
    ctx.storage.sync_directory(directory)
}

/// Reads the state; none where the file does not exist.
///
/// # Errors
/// The disk's, and [`StorageError::InputOutput`] for a file that cannot be understood: Kafka
/// does not start with one, for it cannot know whom it has voted for.
pub(super) fn read(ctx: &mut Context, directory: &str) -> StorageResult<Option<ElectionState>> {
    let file = match ctx.storage.open(&path(directory)) {
        Ok(file) => file,
        Err(StorageError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = ctx.storage.length(file)?;
    let bytes = ctx.storage.read(file, 0, length as usize)?;
    parse(&bytes).map(Some).ok_or_else(|| {
        ctx.emit(LogEvent::StorageFailed { path: path(directory), error: StorageError::InputOutput });
        StorageError::InputOutput
    })
}

fn parse(bytes: &[u8]) -> Option<ElectionState> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let json: StateJson = serde_json::from_slice(line).ok()?;
    if !(0..=1).contains(&json.data_version) {
        return None;
    }
    let directory_id = match &json.voted_directory_id {
        Some(text) => parse_directory_id(text)?,
        None => DirectoryId::UNASSIGNED,
    };
    let voted = (json.voted_id >= 0).then_some(ReplicaKey { id: NodeId(json.voted_id), directory_id });
    let leader = (json.leader_id >= 0).then_some(NodeId(json.leader_id));
    Some(ElectionState { epoch: LeaderEpoch(json.leader_epoch), leader, voted })
}

/// Reads Kafka's URL-safe base64 of an id: 22 digits of 6 bits, the last of which carries 2.
fn parse_directory_id(text: &str) -> Option<DirectoryId> {
    if text.len() != 22 {
        return None;
    }
    let mut bits: u128 = 0;
    for (index, digit) in text.bytes().enumerate() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = if index < 21 { bits << 6 | u128::from(value) } else { bits << 2 | u128::from(value >> 4) };
    }
    Some(DirectoryId(Uuid::from_u128(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::LowestChoice;
    use crate::storage::{MemoryStorage, Storage};
    use crate::time::Now;

    fn content(storage: &mut MemoryStorage) -> String {
        let file = storage.open("m/quorum-state").unwrap();
        let length = storage.length(file).unwrap() as usize;
        String::from_utf8(storage.read(file, 0, length).unwrap().to_vec()).unwrap()
    }

    fn written(state: ElectionState, kraft_version: i16, behaviour: &Behaviour) -> (String, Option<ElectionState>) {
        let mut storage = MemoryStorage::default();
        storage.create_directory("m").unwrap();
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        write(&mut ctx, "m", state, kraft_version, &[NodeId(1), NodeId(2)], behaviour).unwrap();
        let back = read(&mut ctx, "m").unwrap();
        (content(&mut storage), back)
    }

    fn voted() -> ElectionState {
        let key = ReplicaKey { id: NodeId(2), directory_id: DirectoryId(Uuid::from_u128(0x1234_5678_9abc)) };
        ElectionState { epoch: LeaderEpoch(7), leader: None, voted: Some(key) }
    }

    #[test]
    fn with_kraft_version_1_the_file_is_data_version_1_and_keeps_the_directory_of_the_vote() {
        let (text, back) = written(voted(), 1, &Behaviour::default());
        assert_eq!(
            text,
            r#"{"leaderId":-1,"leaderEpoch":7,"votedId":2,"votedDirectoryId":"AAAAAAAAAAAAABI0VniavA","data_version":1}"#
        );
        assert_eq!(back, Some(voted()));
    }

    #[test]
    fn with_kraft_version_0_the_file_is_data_version_0_and_forgets_the_directory() {
        let (text, back) = written(voted(), 0, &Behaviour::default());
        assert_eq!(
            text,
            r#"{"clusterId":"","leaderId":-1,"leaderEpoch":7,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}"#
        );
        let key = back.unwrap().voted.unwrap();
        assert_eq!((key.id, key.directory_id), (NodeId(2), DirectoryId::UNASSIGNED));
    }

    #[test]
    fn the_switch_vote_not_durable_loses_the_vote_and_nothing_else() {
        let behaviour = Behaviour { switches: [Switch::VoteNotDurable].into(), ..Behaviour::default() };
        let (_, back) = written(voted(), 1, &behaviour);
        assert_eq!(back, Some(ElectionState { voted: None, ..voted() }));
    }

    #[test]
    fn a_torn_file_is_an_error_not_a_panic() {
        let mut storage = MemoryStorage::default();
        storage.create_directory("m").unwrap();
        let file = storage.create("m/quorum-state").unwrap();
        storage.append(file, br#"{"leaderId":-1,"leaderE"#).unwrap();
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        assert_eq!(read(&mut ctx, "m"), Err(StorageError::InputOutput));
    }
}
