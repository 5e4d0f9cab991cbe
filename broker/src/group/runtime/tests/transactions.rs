//! Offsets of transactions and the markers that end them (`CoordinatorRuntimeTest.testScheduleTransactionalWriteOp`,
//! `testScheduleTransactionCompletion`; KAFKA-5247).

use std::collections::BTreeSet;

use super::*;
use crate::config::Switch;
use crate::group::answers::refusal;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::record::NO_SEQUENCE;

const PRODUCER: ProducerId = ProducerId(7);

impl Stage {
    /// Somebody who is in no group sends an offset of orders-0 along with a transaction.
    fn commit_in_transaction(&mut self, offset: Offset) {
        let who = self.who();
        let partition = OffsetCommitPartition {
            partition: TopicPartition::new("orders", 0),
            offset,
            leader_epoch: LeaderEpoch::NONE,
            metadata: None,
        };
        let request = TxnOffsetCommitRequest {
            transactional_id: "t".to_owned(),
            group: GroupId::new("g"),
            producer_id: PRODUCER,
            producer_epoch: ProducerEpoch(0),
            generation_or_member_epoch: -1,
            member: MemberId::default(),
            instance: None,
            partitions: vec![partition],
        };
        self.step(|ctx, coordinators, log, image| coordinators.write(ctx, log, image, 0, &who, &request.into()))
            .expect("it serves");
    }

    fn end(&mut self, committed: bool) -> Result<(), ErrorCode> {
        let who = self.who();
        self.step(|ctx, coordinators, log, image| {
            coordinators.complete_transaction(ctx, log, image, 0, &who, &marker(committed))
        })
    }

    fn committed_now(&mut self) -> String {
        self.replicate();
        self.answers();
        self.fetch(false).expect("it serves");
        self.answers().remove(0)
    }
}

fn marker(committed: bool) -> TxnMarker {
    TxnMarker {
        producer_id: PRODUCER,
        producer_epoch: ProducerEpoch(0),
        committed,
        coordinator_epoch: 0,
        partitions: vec![TopicPartition::new("__consumer_offsets", 0)],
    }
}

#[test]
fn offsets_of_a_transaction_are_a_batch_of_their_own_written_at_once_behind_what_waits() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.commit_in_transaction(9);
    assert_eq!(
        (stage.partition().log_end_offset, stage.partition().batches.len()),
        (2, 2),
        "nobody waits for a linger"
    );
    let batches = stage.partition().batches.clone();
    let views: Vec<BatchView> = batches.iter().map(|batch| BatchView::parse(batch).expect("a batch")).collect();
    assert!(!views[0].is_transactional() && !views[0].producer_id().is_some());
    assert!(views[1].is_transactional() && !views[1].is_control());
    assert_eq!((views[1].producer_id(), views[1].base_sequence()), (PRODUCER, NO_SEQUENCE));
    stage.replicate();
    assert_eq!(stage.answers(), ["commit NONE", "pending NONE"]);
}

#[test]
fn they_count_when_the_transaction_is_committed_and_are_answered_when_its_marker_is_replicated() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.commit_in_transaction(9);
    assert_eq!(stage.committed_now(), "fetch 5");
    stage.fetch(true).expect("it serves");
    assert_eq!(stage.answers(), ["fetch UNSTABLE_OFFSET_COMMIT"], "KIP-447");
    stage.end(true).expect("it serves");
    assert_eq!(stage.answers(), [""; 0]);
    stage.replicate();
    assert_eq!(stage.answers(), ["marker NONE"]);
    assert_eq!(stage.committed_now(), "fetch 9");
}

#[test]
fn they_never_count_when_it_is_aborted() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.commit_in_transaction(9);
    stage.end(false).expect("it serves");
    assert_eq!(stage.committed_now(), "fetch 5");
}

/// Written 9, then 5, then the end: the 5 stands behind the 9. The next coordinator reads the same.
#[test]
fn an_offset_that_was_committed_behind_them_counts_and_not_with_the_switch_that_brings_the_bug_back() {
    let switched = BTreeSet::from([Switch::PendingOffsetsAlwaysApply]);
    for (switches, counts) in [(BTreeSet::new(), "fetch 5"), (switched, "fetch 9")] {
        let mut stage = Stage::with(Behaviour { switches, ..Behaviour::default() });
        stage.elect(1);
        stage.load();
        stage.commit_in_transaction(9);
        stage.commit(5).expect("it serves");
        stage.end(true).expect("it serves");
        assert_eq!(stage.partition().log_end_offset, 3, "the marker stands behind what was in the batch");
        assert_eq!(stage.committed_now(), counts);
        stage.resign(2);
        stage.partition().leads = true;
        stage.elect(3);
        stage.load();
        assert_eq!(stage.committed_now(), counts);
    }
}

#[test]
fn a_marker_that_the_log_refuses_is_taken_back() {
    let mut stage = Stage::serving();
    stage.commit_in_transaction(9);
    stage.partition().refusal = Some(ErrorCode::InvalidProducerEpoch);
    stage.end(true).expect("it serves");
    stage.replicate();
    assert_eq!(stage.answers(), ["marker INVALID_PRODUCER_EPOCH", "pending NONE"]);
    assert_eq!(stage.committed_now(), "fetch nothing");
    stage.end(true).expect("it serves");
    assert_eq!(stage.committed_now(), "fetch 9", "it was pending still");
}

#[test]
fn a_transaction_coordinator_hears_none_of_a_group_coordinators_errors() {
    let mut stage = Stage::new();
    assert_eq!(stage.end(true), Err(ErrorCode::NotCoordinator));
    stage.elect(1);
    assert_eq!(stage.end(true), Err(ErrorCode::CoordinatorLoadInProgress));
    let request = WriteTxnMarkersRequest { markers: vec![marker(true)] }.into();
    for (error, told) in [
        (ErrorCode::NotCoordinator, ErrorCode::NotLeaderOrFollower),
        (ErrorCode::CoordinatorLoadInProgress, ErrorCode::NotLeaderOrFollower),
        (ErrorCode::RequestTimedOut, ErrorCode::RequestTimedOut),
    ] {
        let Response::WriteTxnMarkers(refused) = refusal(&request, 1, error) else { panic!("another answer") };
        assert_eq!(refused.markers[0].1[0].1, told);
    }
}
