//! Tables from Kafka's own tests: who grants which vote, what a restart makes of the quorum-state
//! file, where the high watermark stands, how a fetch position fits.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::disk::Disk;
use super::harness::{Script, config, endpoint, voter};
use crate::config::{Behaviour, RaftSettings, Switch};
use crate::context::Context;
use crate::event::{QuorumStateName, VoteRefusal};
use crate::ids::{DirectoryId, LeaderEpoch, NodeId, Offset};
use crate::message::{EpochEndOffset, ReplicaKey, SnapshotId};
use crate::raft::accumulator::Accumulator;
use crate::raft::election::EpochElection;
use crate::raft::leader::{Leader, LeaderStart};
use crate::raft::metadata_log::{FetchPosition, MetadataLog};
use crate::raft::quorum_file::ElectionState;
use crate::raft::snapshots::{SnapshotContent, encode};
use crate::raft::state::{Candidate, Follower, Prospective, Resigned, State, Unattached};
use crate::raft::transitions::initial_state;
use crate::raft::voters::VoterSet;
use crate::record::BatchBuilder;
use crate::time::{Now, Time, WallTime};

fn key(id: i32) -> ReplicaKey {
    voter(id).replica
}

fn seats(ids: &[i32]) -> VoterSet {
    VoterSet::new(ids.iter().map(|id| voter(*id)).collect())
}

fn unattached(leader: Option<i32>, voted: Option<ReplicaKey>) -> State {
    let leader = leader.map(NodeId);
    State::Unattached(Unattached {
        epoch: LeaderEpoch(5),
        leader,
        voted,
        high_watermark: None,
        election_deadline: Time::NEVER,
    })
}

fn prospective(leader: Option<i32>, voted: Option<ReplicaKey>) -> State {
    State::Prospective(Prospective {
        epoch: LeaderEpoch(5),
        leader: leader.map(NodeId),
        leader_endpoint: None,
        voted,
        high_watermark: None,
        election: EpochElection::new(&seats(&[1, 2, 3]), NodeId(1)),
        election_deadline: Time::NEVER,
    })
}

fn follower(has_fetched: bool) -> State {
    State::Follower(Follower {
        epoch: LeaderEpoch(5),
        leader: NodeId(3),
        endpoint: endpoint(NodeId(3)),
        voted: None,
        high_watermark: None,
        fetch_deadline: Time::NEVER,
        has_fetched,
        fetching_snapshot: None,
    })
}

fn candidate() -> State {
    State::Candidate(Candidate {
        epoch: LeaderEpoch(5),
        own_key: key(1),
        high_watermark: None,
        election: EpochElection::new(&seats(&[1, 2, 3]), NodeId(1)),
        election_deadline: Time::NEVER,
    })
}

fn resigned() -> State {
    State::Resigned(Resigned {
        epoch: LeaderEpoch(5),
        own_id: NodeId(1),
        own_endpoint: None,
        unacknowledged: [NodeId(2), NodeId(3)].into(),
        preferred_successors: Vec::new(),
        election_deadline: Time::NEVER,
    })
}

fn leader_of(voters: &[i32], epoch_start_offset: Offset, behaviour: &Behaviour) -> Leader {
    let start = LeaderStart {
        epoch: LeaderEpoch(5),
        own_key: key(1),
        own_endpoint: endpoint(NodeId(1)),
        epoch_start_offset,
        voters: &seats(voters),
        granting_voters: Vec::new(),
        accumulator: Accumulator::new(LeaderEpoch(5), epoch_start_offset, Duration::ZERO, 1 << 20),
        fetch_timeout: Duration::from_millis(2_000),
        behaviour,
    };
    Leader::new(Time::ZERO, start)
}

/// Pre-vote and vote, each for a candidate whose log is up to date and for one whose log is behind:
/// `g` granted, and the first letter of the refusal otherwise.
fn verdicts(state: &State, candidate: ReplicaKey, behaviour: &Behaviour) -> String {
    let cases = [(true, true), (true, false), (false, true), (false, false)];
    let letter = |(pre_vote, up_to_date)| match state.can_grant_vote(candidate, up_to_date, pre_vote, behaviour) {
        Ok(()) => 'g',
        Err(VoteRefusal::LogBehind) => 'b',
        Err(VoteRefusal::AlreadyVoted) => 'v',
        Err(VoteRefusal::LeaderKnown) => 'l',
        Err(VoteRefusal::LeaderAlive) => 'a',
        Err(VoteRefusal::OwnCandidacy) => 'o',
    };
    cases.into_iter().map(letter).collect()
}

/// `UnattachedStateTest`, `ProspectiveStateTest`, `CandidateStateTest`, `FollowerStateTest`, `ResignedStateTest`.
#[test]
fn each_state_grants_the_votes_that_kafkas_tables_say() {
    let none = Behaviour::default();
    let same_id_other_disk = ReplicaKey { directory_id: DirectoryId(Uuid::from_u128(9)), ..key(2) };
    let without_directory = ReplicaKey { directory_id: DirectoryId::UNASSIGNED, ..key(2) };
    let leading = State::Leader(Box::new(leader_of(&[1, 2, 3], 0, &none)));
    // (state, candidate, pre-vote up to date, pre-vote behind, vote up to date, vote behind)
    let table = [
        ("unattached", unattached(None, None), key(2), "gbgb"),
        ("unattached, voted for it", unattached(None, Some(key(2))), key(2), "gbgg"),
        ("unattached, voted for its id on another disk", unattached(None, Some(same_id_other_disk)), key(2), "gbvv"),
        ("unattached, voted for its id, disk unknown", unattached(None, Some(without_directory)), key(2), "gbgg"),
        ("unattached, voted for another", unattached(None, Some(key(3))), key(2), "gbvv"),
        ("unattached, leader known", unattached(Some(3), None), key(2), "gbll"),
        ("prospective", prospective(None, None), key(2), "gbgb"),
        ("prospective, voted for it", prospective(None, Some(key(2))), key(2), "gbgg"),
        ("prospective, voted for another", prospective(None, Some(key(3))), key(2), "gbvv"),
        ("prospective, leader known", prospective(Some(3), None), key(2), "gbll"),
        ("candidate", candidate(), key(2), "gboo"),
        ("follower that has not fetched yet", follower(false), key(2), "gbll"),
        ("follower in contact with its leader", follower(true), key(2), "aall"),
        ("leader", leading.clone(), key(2), "oooo"),
        ("resigned", resigned(), key(2), "gboo"),
    ];
    for (what, state, candidate, expected) in table {
        assert_eq!(verdicts(&state, candidate, &none), expected, "{what}");
    }
}

#[test]
fn the_planted_bugs_change_exactly_their_own_cells_of_the_table() {
    let twice = Behaviour { switches: [Switch::VoteTwice].into(), ..Behaviour::default() };
    assert_eq!(verdicts(&unattached(None, Some(key(3))), key(2), &twice), "gbgg");
    assert_eq!(verdicts(&follower(true), key(2), &twice), "aagg");
    let pre_vote = Behaviour { switches: [Switch::PreVoteGrantedByFollower].into(), ..Behaviour::default() };
    assert_eq!(verdicts(&follower(true), key(2), &pre_vote), "gbll");
}

/// `QuorumStateTest.testInitializeAs…`.
#[test]
fn a_restart_makes_of_the_quorum_state_file_what_kafka_makes_of_it() {
    use QuorumStateName::{Candidate, Follower, Resigned, Unattached};
    let stored = |leader: Option<i32>, voted: Option<ReplicaKey>| ElectionState {
        epoch: LeaderEpoch(5),
        leader: leader.map(NodeId),
        voted,
    };
    let other_disk = ReplicaKey { directory_id: DirectoryId(Uuid::from_u128(9)), ..key(1) };
    // (what is stored, the log's last epoch) → (state, epoch, leader, vote)
    let table = [
        (ElectionState::INITIAL, 0, (Unattached, 0, None, None)),
        (stored(None, None), 5, (Unattached, 5, None, None)),
        (stored(None, Some(key(2))), 5, (Unattached, 5, None, Some(key(2)))),
        (stored(None, Some(key(1))), 4, (Candidate, 5, None, Some(key(1)))),
        (stored(None, Some(other_disk)), 4, (Unattached, 5, None, Some(other_disk))),
        (stored(Some(1), None), 5, (Resigned, 5, Some(1), None)),
        (stored(Some(2), None), 5, (Follower, 5, Some(2), None)),
        (stored(Some(2), Some(key(3))), 5, (Follower, 5, Some(2), Some(key(3)))),
        (stored(Some(9), None), 5, (Unattached, 5, Some(9), None)),
        // The log is ahead of the file: whatever the file says is from an epoch gone by.
        (stored(Some(1), None), 6, (Unattached, 6, None, None)),
        (stored(None, Some(key(1))), 6, (Unattached, 6, None, None)),
    ];
    for (stored, last_epoch, expected) in table {
        let (mut disk, mut script) = (Disk::default(), Script::default());
        let mut ctx = Context::new(Now::default(), &mut disk, &mut script);
        let config = config(1, 3, &Behaviour::default());
        let state = initial_state(&mut ctx, &config, stored, LeaderEpoch(last_epoch), &seats(&[1, 2, 3]));
        let election = state.election();
        let got = (state.name(), election.epoch.0, election.leader.map(|id| id.0), election.voted);
        assert_eq!(got, expected, "from {stored:?} with a log of epoch {last_epoch}");
    }
}

/// `LeaderStateTest.testUpdateHighWatermarkQuorumSizeThree`: epoch start 10, own end 15.
#[test]
fn the_high_watermark_is_what_a_majority_holds_and_never_before_the_epochs_own_record() {
    let voters = seats(&[1, 2, 3]);
    let mut leader = leader_of(&[1, 2, 3], 10, &Behaviour::default());
    assert!(!leader.update_local(15, &voters));
    assert!(!leader.update_replica(Now::default(), key(2), 10));
    assert!(!leader.update_replica(Now::default(), key(3), 10));
    assert_eq!(leader.high_watermark, None, "two of three hold offset 9, which is from before the epoch");
    assert!(leader.update_replica(Now::default(), key(2), 15));
    assert_eq!(leader.high_watermark, Some(15));
    assert!(!leader.update_local(20, &voters));
    assert_eq!(leader.high_watermark, Some(15));
    assert!(leader.update_replica(Now::default(), key(2), 20));
    assert_eq!(leader.high_watermark, Some(20));
    assert!(!leader.update_replica(Now::default(), key(2), 15), "a follower that fetches from before lost data");
    assert_eq!(leader.high_watermark, Some(20), "what was committed stays committed");
}

/// `LeaderStateTest`: a fetch offset may fall (10 → 5 keeps 10); a follower on another disk does not count.
#[test]
fn a_replica_on_another_disk_is_an_observer_and_commits_nothing() {
    let voters = seats(&[1, 2]);
    let mut leader = leader_of(&[1, 2], 10, &Behaviour::default());
    leader.update_local(15, &voters);
    let other_disk = ReplicaKey { directory_id: DirectoryId(Uuid::from_u128(9)), ..key(2) };
    assert!(!leader.update_replica(Now::default(), other_disk, 15));
    assert_eq!(leader.high_watermark, None);
    assert!(leader.update_replica(Now::default(), key(2), 15));
}

/// `LeaderStateTest.testUpdateHighWatermarkRemovingFollowerFromVoterStates`.
#[test]
fn removing_a_voter_keeps_the_high_watermark_until_the_others_pass_it() {
    let mut leader = leader_of(&[1, 2, 3], 10, &Behaviour::default());
    leader.update_local(15, &seats(&[1, 2, 3]));
    leader.update_replica(Now::default(), key(2), 15);
    leader.update_replica(Now::default(), key(3), 10);
    assert_eq!(leader.high_watermark, Some(15));
    assert!(!leader.update_local(17, &seats(&[1, 3])));
    assert_eq!(leader.high_watermark, Some(15), "1 and 3 both hold only what lies before 10");
    assert!(leader.update_replica(Now::default(), key(3), 16));
    assert_eq!(leader.high_watermark, Some(16));
}

/// `LeaderStateTest.testNonFollowerAcknowledgement…`, `testCheckQuorum`.
#[test]
fn a_leader_wants_a_majority_of_fetches_within_three_seconds() {
    let at = Time::from_millis;
    let mut leader = leader_of(&[1, 2, 3, 4, 5], 10, &Behaviour::default());
    assert_eq!(leader.check_quorum_deadline(), at(3_000));
    leader.note_fetch(at(1_000), key(2));
    leader.note_fetch(at(1_500), key(2));
    assert_eq!(leader.check_quorum_deadline(), at(3_000), "one of four others, however often, is no majority of five");
    leader.note_fetch(at(2_000), key(4));
    assert_eq!(leader.check_quorum_deadline(), at(5_000), "the leader and two others are");
    let alone = leader_of(&[1], 10, &Behaviour::default());
    assert_eq!(alone.check_quorum_deadline(), Time::NEVER);
}

/// `LeaderStateTest.testGetNonLeaderFollowersByFetchOffsetDescending`.
#[test]
fn successors_are_named_in_the_order_of_their_fetch_offsets() {
    let mut leader = leader_of(&[1, 2, 3], 10, &Behaviour::default());
    leader.update_local(15, &seats(&[1, 2, 3]));
    leader.update_replica(Now::default(), key(2), 11);
    leader.update_replica(Now::default(), key(3), 13);
    assert_eq!(leader.successors(), [key(3), key(2)]);
}

#[test]
fn the_switch_commits_what_a_minority_holds() {
    let behaviour = Behaviour { switches: [Switch::CommitWithoutMajority].into(), ..Behaviour::default() };
    let mut leader = leader_of(&[1, 2, 3], 10, &behaviour);
    assert!(leader.update_local(15, &seats(&[1, 2, 3])));
    assert_eq!(leader.high_watermark, Some(15), "only the leader holds it");
}

/// One batch per call: `(records, epoch)` in order, and snapshots, as `KafkaMetadataLogTest` builds its logs.
fn log_with(batches: &[(Offset, i32)], snapshot: Option<(usize, SnapshotId)>) -> (Disk, MetadataLog) {
    let (mut disk, mut script) = (Disk::default(), Script::default());
    let mut ctx = Context::new(Now::default(), &mut disk, &mut script);
    let mut log = MetadataLog::load(&mut ctx, "metadata", &RaftSettings::default(), &Behaviour::default()).unwrap();
    let take = |ctx: &mut Context, log: &mut MetadataLog, at: usize| {
        if let Some((after, id)) = snapshot
            && after == at
        {
            let end_offset = log.end_offset();
            log.log.update_high_watermark(ctx, end_offset);
            let content = SnapshotContent { last_timestamp: 0, kraft_version: 0, voters: None, records: &[] };
            log.create_snapshot(ctx, id, &encode(id, 0, &content)).unwrap();
            log.delete_before(ctx, id).unwrap();
        }
    };
    for (index, (count, epoch)) in batches.iter().enumerate() {
        take(&mut ctx, &mut log, index);
        let mut batch = BatchBuilder::new(log.end_offset()).leader_epoch(LeaderEpoch(*epoch));
        for _ in 0..*count {
            batch.push(0, None, Some(b"x"), &[]);
        }
        log.append_as_leader(&mut ctx, batch.build(), LeaderEpoch(*epoch)).unwrap();
    }
    take(&mut ctx, &mut log, batches.len());
    (disk, log)
}

/// `UnifiedLog.maybeIncrementLogStartOffset` throws, and `RaftMetadataLogCleanerManager` tries again a minute later.
#[test]
fn a_member_that_has_not_heard_what_is_committed_cleans_nothing() {
    let ids = [3, 6].map(|end_offset| SnapshotId { end_offset, epoch: LeaderEpoch(1) });
    let (mut disk, mut written) = log_with(&[(3, 1), (3, 1), (3, 1)], None);
    let mut script = Script::default();
    let mut ctx = Context::new(Now::default(), &mut disk, &mut script);
    written.log.update_high_watermark(&mut ctx, 9);
    for id in ids {
        let content = SnapshotContent { last_timestamp: 0, kraft_version: 0, voters: None, records: &[] };
        written.create_snapshot(&mut ctx, id, &encode(id, 0, &content)).unwrap();
    }
    let settings = RaftSettings { metadata_max_retention_bytes: 1, ..RaftSettings::default() };
    let mut log = MetadataLog::load(&mut ctx, "metadata", &settings, &Behaviour::default()).unwrap();
    assert_eq!(log.log.high_watermark(), 0, "a process does not know it when it starts");
    log.clean(&mut ctx).unwrap();
    assert_eq!((log.start_offset(), log.earliest_snapshot()), (0, Some(ids[0])));
    log.log.update_high_watermark(&mut ctx, 6);
    log.clean(&mut ctx).unwrap();
    assert_eq!((log.start_offset(), log.earliest_snapshot()), (6, Some(ids[1])));
}

/// A snapshot without its last record cannot say when that was appended. Kafka logs it and goes on.
#[test]
fn a_snapshot_that_does_not_tell_its_age_is_kept_and_ends_nothing() {
    let ids = [3, 6].map(|end_offset| SnapshotId { end_offset, epoch: LeaderEpoch(1) });
    let (mut disk, _) = log_with(&[(3, 1), (3, 1), (3, 1)], None);
    let mut script = Script::default();
    let now = Now { monotonic: Time(1_000_000), wall: WallTime(1_000_000_000) };
    let mut ctx = Context::new(now, &mut disk, &mut script);
    let age = Some(Duration::from_millis(1));
    let settings = RaftSettings { metadata_max_retention: age, ..RaftSettings::default() };
    let mut log = MetadataLog::load(&mut ctx, "metadata", &settings, &Behaviour::default()).unwrap();
    log.log.update_high_watermark(&mut ctx, 9);
    for id in ids {
        log.create_snapshot(&mut ctx, id, &[Bytes::from_static(b"rotten")]).unwrap();
    }
    log.clean(&mut ctx).unwrap();
    assert_eq!((log.start_offset(), log.earliest_snapshot()), (0, Some(ids[0])));
}

/// `KafkaMetadataLogTest.testValidateOffsetAndEpoch…`.
#[test]
fn a_fetch_position_is_judged_as_kafka_judges_it() {
    let id = |end_offset, epoch| SnapshotId { end_offset, epoch: LeaderEpoch(epoch) };
    let diverging =
        |epoch, end_offset| FetchPosition::Diverging(EpochEndOffset { epoch: LeaderEpoch(epoch), end_offset });
    type Case<'a> = (&'a [(Offset, i32)], Option<(usize, SnapshotId)>, (Offset, i32), FetchPosition);
    let snapshot = Some((1, id(10, 1)));
    let table: &[Case] = &[
        // testValidateEpochGreaterThanLastKnownEpoch
        (&[(1, 1)], None, (1, 2), diverging(1, 1)),
        // testValidateEpochLessThanOldestSnapshotEpoch
        (&[(10, 1)], snapshot, (10, 0), FetchPosition::Snapshot(id(10, 1))),
        // testValidateOffsetLessThanOldestSnapshotOffset
        (&[(10, 1)], snapshot, (9, 1), FetchPosition::Snapshot(id(10, 1))),
        // testValidateOffsetEqualToOldestSnapshotOffset
        (&[(10, 1)], snapshot, (10, 1), FetchPosition::Valid),
        // testValidateUnknownEpochLessThanLastKnownGreaterThanOldestSnapshot
        (&[(10, 1), (5, 1), (5, 2), (5, 4)], snapshot, (100, 3), diverging(2, 20)),
        // testValidateEpochLessThanFirstEpochInLog
        (&[(10, 1), (5, 3)], snapshot, (100, 2), diverging(1, 10)),
        // testValidateOffsetGreatThanEndOffset
        (&[(1, 1)], None, (2, 1), diverging(1, 1)),
        // testValidateOffsetLessThanLEO
        (&[(10, 1), (10, 2)], None, (11, 1), diverging(1, 10)),
        // testValidateValidEpochAndOffset
        (&[(5, 1)], None, (5, 1), FetchPosition::Valid),
        (&[(5, 1)], None, (4, 1), FetchPosition::Valid),
        // An empty log fetches from nowhere.
        (&[(5, 1)], None, (0, 0), FetchPosition::Valid),
    ];
    for (batches, snapshot, (offset, epoch), expected) in table {
        let (_disk, log) = log_with(batches, *snapshot);
        let got = log.validate(*offset, LeaderEpoch(*epoch));
        assert_eq!(got, *expected, "({offset}, {epoch}) in {batches:?} with {snapshot:?}");
    }
}

/// `KafkaMetadataLogTest.testCreateSnapshot…`, `testCreateSnapshotInMiddleOfBatch`.
#[test]
fn a_snapshot_is_taken_only_where_a_committed_batch_ends() {
    let (mut disk, log) = log_with(&[(3, 1), (4, 1)], None);
    let mut script = Script::default();
    let mut ctx = Context::new(Now::default(), &mut disk, &mut script);
    let mut may = |end_offset, epoch, committed| {
        log.may_create(&mut ctx, SnapshotId { end_offset, epoch: LeaderEpoch(epoch) }, committed).unwrap()
    };
    assert!(may(3, 1, 7));
    assert!(may(7, 1, 7));
    assert!(!may(7, 1, 6), "not committed");
    assert!(!may(4, 1, 7), "in the middle of a batch");
    assert!(!may(3, 2, 7), "no such epoch");
}

#[test]
fn the_accumulator_gives_offsets_at_once_and_batches_after_the_linger() {
    let at = |millis| Now { monotonic: Time::from_millis(millis), ..Now::default() };
    let mut accumulator = Accumulator::new(LeaderEpoch(3), 40, Duration::from_millis(25), 1024);
    assert_eq!(accumulator.drain_deadline(), None);
    let record = Bytes::from_static(b"value");
    assert_eq!(accumulator.append(at(100), &[record.clone(), record.clone()]), 41);
    assert_eq!(accumulator.append(at(110), &[record]), 42);
    assert_eq!(accumulator.drain_deadline(), Some(Time::from_millis(125)), "from the first append on");
    let large = Bytes::from(vec![0; 930]);
    assert_eq!(accumulator.append(at(111), &[large]), 43);
    assert_eq!(accumulator.drain_deadline(), Some(Time::ZERO), "a full batch waits for nobody");
    let bases: Vec<Offset> =
        accumulator.drain().iter().map(|batch| crate::record::BatchView::parse(batch).unwrap().base_offset()).collect();
    assert_eq!(bases, [40, 43]);
    assert_eq!(accumulator.drain_deadline(), None);
}
