//! Fetch sessions (KIP-227): Kafka's `FetchSessionTest` and `FetchSessionHandlerTest`.

use super::super::fetcher::{FetcherSession, SessionVerdict};
use super::super::session::FetchSessions;
use super::*;

fn partition(topic: u128, offset: Offset) -> FetchPartition {
    FetchPartition {
        topic_id: TopicId(Uuid::from_u128(topic)),
        topic: TopicName::default(),
        partition: 0,
        current_leader_epoch: LeaderEpoch::NONE,
        fetch_offset: offset,
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: -1,
        max_bytes: 100,
        replica_directory_id: DirectoryId::UNASSIGNED,
        high_watermark: None,
    }
}

fn request(session_id: i32, session_epoch: i32, partitions: Vec<FetchPartition>) -> FetchRequest {
    FetchRequest {
        cluster_id: None,
        replica_id: NodeId::NONE,
        replica_epoch: BrokerEpoch::NONE,
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1000,
        isolation: IsolationLevel::ReadUncommitted,
        session_id,
        session_epoch,
        by_name: false,
        partitions,
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

fn answer(topic: u128, high_watermark: Offset, records: &'static [u8]) -> FetchPartitionResponse {
    FetchPartitionResponse {
        topic_id: TopicId(Uuid::from_u128(topic)),
        topic: TopicName::default(),
        partition: 0,
        error: ErrorCode::None,
        high_watermark,
        last_stable_offset: high_watermark,
        log_start_offset: 0,
        diverging_epoch: None,
        current_leader: None,
        snapshot_id: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: NodeId::NONE,
        records: bytes::Bytes::from_static(records),
    }
}

/// One request and its answer: (error, session, the topics that the answer holds).
fn exchange(
    sessions: &mut FetchSessions,
    now_s: u64,
    follower: bool,
    request: &FetchRequest,
    answers: &[FetchPartitionResponse],
) -> (ErrorCode, i32, Vec<u128>) {
    let mut storage = MemoryStorage::default();
    let mut choices = LowestChoice;
    let now = Now { monotonic: Time::from_millis(now_s * 1000), wall: WallTime(0) };
    let mut ctx = Context::new(now, &mut storage, &mut choices);
    let parameters = FetchParameters {
        replica: if follower { NodeId(2) } else { NodeId::NONE },
        replica_epoch: BrokerEpoch::NONE,
        by_name: false,
        min_bytes: 1,
        max_bytes: 1000,
        bound: FetchBound::HighWatermark,
        rack: None,
    };
    let (context, asked) = sessions.accept(now.monotonic, request);
    let answers = asked
        .iter()
        .map(|asked| answers.iter().find(|answer| answer.topic_id == asked.topic_id).expect("an answer").clone())
        .collect();
    let response = sessions.answer(&mut ctx, &context, &parameters, &asked, answers, Vec::new());
    let topics = response.partitions.iter().map(|answer| answer.topic_id.0.as_u128()).collect();
    (response.error, response.session_id, topics)
}

#[test]
fn an_incremental_answer_holds_what_has_changed_and_what_gave_records_goes_to_the_end() {
    let mut s = FetchSessions::new(10, &Behaviour::default());
    let quiet = [answer(1, 10, b""), answer(2, 20, b""), answer(3, 30, b"")];
    let full = request(0, 0, vec![partition(1, 10), partition(2, 20), partition(3, 30)]);
    assert_eq!(exchange(&mut s, 0, false, &full, &quiet), (ErrorCode::None, 1, vec![1, 2, 3]));
    let nothing = exchange(&mut s, 0, false, &request(1, 1, vec![]), &quiet);
    assert_eq!(nothing, (ErrorCode::None, 1, vec![]));
    let moved = [answer(1, 11, b"r"), answer(2, 21, b""), answer(3, 30, b"")];
    let changed = exchange(&mut s, 0, false, &request(1, 2, vec![]), &moved);
    assert_eq!(changed, (ErrorCode::None, 1, vec![1, 2]));
    let order: Vec<u128> =
        s.iter().next().expect("one").1.partitions().map(|asked| asked.topic_id.0.as_u128()).collect();
    assert_eq!(order, [2, 3, 1]);
}

#[test]
fn after_an_error_the_recovery_is_sent_although_nothing_else_has_changed() {
    let mut s = FetchSessions::new(10, &Behaviour::default());
    let fine = [answer(1, 10, b"")];
    exchange(&mut s, 0, false, &request(0, 0, vec![partition(1, 10)]), &fine);
    let failed = [FetchPartitionResponse { error: ErrorCode::NotLeaderOrFollower, ..answer(1, -1, b"") }];
    assert_eq!(exchange(&mut s, 0, false, &request(1, 1, vec![]), &failed).2, [1]);
    assert_eq!(exchange(&mut s, 0, false, &request(1, 2, vec![]), &failed).2, [1], "errors are never left out");
    assert_eq!(exchange(&mut s, 0, false, &request(1, 3, vec![]), &fine).2, [1]);
    assert_eq!(exchange(&mut s, 0, false, &request(1, 4, vec![]), &fine).2, Vec::<u128>::new());
}

#[test]
fn a_request_that_does_not_fit_its_session_is_refused_and_an_empty_session_closes() {
    let mut s = FetchSessions::new(10, &Behaviour::default());
    let fine = [answer(1, 10, b"")];
    let unknown = exchange(&mut s, 0, false, &request(5, 1, vec![]), &fine);
    assert_eq!(unknown, (ErrorCode::FetchSessionIdNotFound, 0, vec![]));
    exchange(&mut s, 0, false, &request(0, 0, vec![partition(1, 10)]), &fine);
    let wrong = exchange(&mut s, 0, false, &request(1, 2, vec![]), &fine);
    assert_eq!(wrong, (ErrorCode::InvalidFetchSessionEpoch, 0, vec![]));
    let mut forget = request(1, 1, vec![]);
    forget.forgotten = vec![FetchKey::by_id((TopicId(Uuid::from_u128(1)), 0))];
    assert_eq!(exchange(&mut s, 0, false, &forget, &fine), (ErrorCode::None, 0, vec![]));
    assert_eq!(s.iter().count(), 0);
    let final_one = exchange(&mut s, 0, false, &request(0, -1, vec![partition(1, 10)]), &fine);
    assert_eq!(final_one, (ErrorCode::None, 0, vec![1]), "epoch -1 asks for no session");
}

/// `FetchSessionTest.testNewSessionId`, `testPrivilegedSession`, cache eviction: a newcomer replaces a session that has
/// not been used for 120 s, or one that is worth less; a follower's may replace any consumer's.
#[test]
fn a_full_cache_gives_way_to_followers_and_to_larger_sessions_but_not_to_small_new_consumers() {
    let answers = [answer(1, 10, b""), answer(2, 20, b"")];
    let small = || request(0, 0, vec![partition(1, 10)]);
    let large = || request(0, 0, vec![partition(1, 10), partition(2, 20)]);
    let mut s = FetchSessions::new(1, &Behaviour::default());
    assert_eq!(exchange(&mut s, 0, false, &small(), &answers).1, 1);
    assert_eq!(exchange(&mut s, 1, false, &large(), &answers).1, 0, "too young to be evicted by a consumer");
    assert_eq!(exchange(&mut s, 1, true, &small(), &answers).1, 1, "a follower's goes first");
    assert_eq!(exchange(&mut s, 2, false, &large(), &answers).1, 0);
    assert_eq!(exchange(&mut s, 122, false, &large(), &answers).1, 1, "121 s without use");
    // Used 121 s after it was made: old enough, and larger than the newcomer.
    exchange(&mut s, 243, false, &request(1, 1, vec![]), &answers);
    assert_eq!(exchange(&mut s, 244, false, &small(), &answers).1, 0);
    assert_eq!(exchange(&mut s, 244, false, &large(), &answers).1, 0, "id 0 ranks below the one that is there");
}

#[test]
fn a_fetcher_asks_anew_when_its_session_is_lost_and_closes_the_one_it_had() {
    let response =
        |error, session_id| FetchResponse { error, session_id, partitions: Vec::new(), node_endpoints: Vec::new() };
    let mut session = FetcherSession::default();
    assert_eq!(session.answered(&response(ErrorCode::None, 77)), SessionVerdict::Accepted);
    assert_eq!((session.id, session.epoch), (77, 1));
    assert_eq!(session.answered(&response(ErrorCode::None, 77)), SessionVerdict::Accepted);
    assert_eq!((session.id, session.epoch), (77, 2));
    assert_eq!(session.answered(&response(ErrorCode::InvalidFetchSessionEpoch, 0)), SessionVerdict::Lost);
    assert_eq!((session.id, session.epoch), (77, 0), "a full fetch that names the old session closes it");
    session.answered(&response(ErrorCode::None, 78));
    assert_eq!(session.answered(&response(ErrorCode::FetchSessionIdNotFound, 0)), SessionVerdict::Lost);
    assert_eq!((session.id, session.epoch), (0, 0));
}

/// `FetchSessionTest.testFetchSessionWithUnknownIdOldRequestVersion` and its kin: a session that goes by name does so for
/// as long as it lives.
#[test]
fn session_by_name_is_no_session_by_id() {
    let mut sessions = FetchSessions::new(10, &Behaviour::default());
    let named = |epoch, by_name| {
        let mut by_name_request = request(if epoch == 0 { 0 } else { 1 }, epoch, Vec::new());
        by_name_request.by_name = by_name;
        if by_name {
            let mut of_orders = partition(0, 0);
            of_orders.topic = TopicName::new("orders");
            by_name_request.partitions = vec![of_orders];
        }
        by_name_request
    };
    let mut of_orders = answer(0, 5, b"");
    of_orders.topic = TopicName::new("orders");
    let mut moved = of_orders.clone();
    moved.high_watermark = 6;
    let (error, id, _) = exchange(&mut sessions, 0, false, &named(0, true), &[of_orders.clone()]);
    assert_eq!((error, id), (ErrorCode::None, 1));
    assert!(sessions.iter().all(|(_, session)| session.by_name && session.len() == 1));
    let (error, ..) = exchange(&mut sessions, 1, false, &named(1, false), &[]);
    assert_eq!(error, ErrorCode::FetchSessionTopicIdError);
    // What is refused moves nothing: the next request by name is the one that was due.
    let (error, _, sent) = exchange(&mut sessions, 2, false, &named(1, true), &[of_orders]);
    assert_eq!((error, sent.len()), (ErrorCode::None, 0), "nothing has changed");
    let (error, _, sent) = exchange(&mut sessions, 3, false, &named(2, true), &[moved]);
    assert_eq!((error, sent.len()), (ErrorCode::None, 1));
}

#[test]
fn a_high_watermark_that_came_with_a_divergence_is_told_again_only_where_the_hazard_is_mended() {
    for (behaviour, again) in [(Behaviour::default(), vec![]), (Behaviour::mended(), vec![1])] {
        let mut s = FetchSessions::new(10, &behaviour);
        let quiet = [answer(1, 10, b"")];
        let diverging = [FetchPartitionResponse {
            diverging_epoch: Some(EpochEndOffset { epoch: LeaderEpoch(0), end_offset: 10 }),
            ..quiet[0].clone()
        }];
        let full = request(0, 0, vec![partition(1, 12)]);
        assert_eq!(exchange(&mut s, 0, true, &full, &diverging).2, vec![1]);
        let truncated = request(1, 1, vec![partition(1, 10)]);
        assert_eq!(exchange(&mut s, 0, true, &truncated, &quiet).2, again);
        assert_eq!(exchange(&mut s, 0, true, &request(1, 2, vec![]), &quiet).2, vec![], "it is told once");
    }
}
