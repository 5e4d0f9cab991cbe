//! The administrator and groups: who is asked, in which order, and what is asked again.

use super::admin::admin;
use super::*;

fn readers() -> GroupId {
    GroupId::new("readers")
}

fn found(result: Result<i32, ErrorCode>) -> FindCoordinatorResponse {
    let (error, node) = match result {
        Ok(id) => (ErrorCode::None, Some((NodeId(id), Endpoint::new(&format!("b{id}"), BROKER_PORT)))),
        Err(error) => (error, None),
    };
    FindCoordinatorResponse {
        coordinators: vec![FoundCoordinator { key: "readers".to_owned(), error, error_message: None, node }],
    }
}

fn deleted(error: ErrorCode) -> DeleteGroupsResponse {
    DeleteGroupsResponse { results: vec![(readers(), error)] }
}

#[test]
fn a_group_is_deleted_by_its_coordinator_which_is_looked_up_first() {
    let mut script = admin();
    script.call(Call::DeleteGroup { group: readers() });
    script.answer("b1", found(Ok(2)));
    script.answer("b2", deleted(ErrorCode::None));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 connect b2
    0 → b2 DeleteGroups
    0 group readers is deleted
    0 call 1 done
    ");
}

// AdminApiDriver.clearInflightRequest: only a coordinator is given time, not the look-up.
#[test]
fn a_look_up_is_repeated_at_once_and_a_request_to_the_same_coordinator_after_its_back_off() {
    let mut script = admin();
    script.call(Call::DeleteGroup { group: readers() });
    script.answer("b1", found(Err(ErrorCode::CoordinatorNotAvailable)));
    script.answer("b1", found(Ok(2)));
    script.answer("b2", deleted(ErrorCode::NotCoordinator));
    script.answer("b1", found(Ok(2)));
    script.until(100);
    script.answer("b2", deleted(ErrorCode::CoordinatorLoadInProgress));
    script.until(300);
    script.answer("b2", deleted(ErrorCode::NonEmptyGroup));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 → b1 FindCoordinator
    0 connect b2
    0 → b2 DeleteGroups
    0 → b1 FindCoordinator
    100 → b2 DeleteGroups
    300 → b2 DeleteGroups
    300 group readers: Delete fails: NON_EMPTY_GROUP
    300 call 1 failed: NON_EMPTY_GROUP
    ");
}

#[test]
fn a_coordinator_that_is_lost_is_looked_up_again() {
    let mut script = admin();
    script.call(Call::DeleteGroup { group: readers() });
    script.answer("b1", found(Ok(2)));
    script.reset("b2");
    script.answer("b1", found(Ok(3)));
    script.answer("b3", deleted(ErrorCode::None));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 connect b2
    0 → b2 DeleteGroups
    0 lost node 2, 1 in flight: Disconnected
    0 → b1 FindCoordinator
    0 connect b3
    0 → b3 DeleteGroups
    0 group readers is deleted
    0 call 1 done
    ");
}

#[test]
fn an_error_of_the_look_up_that_time_does_not_mend_is_final() {
    let mut script = admin();
    script.call(Call::DeleteGroup { group: readers() });
    script.answer("b1", found(Err(ErrorCode::InvalidRequest)));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 group readers: Delete fails: INVALID_REQUEST
    0 call 1 failed: INVALID_REQUEST
    ");
}

#[test]
fn offsets_of_a_topic_that_is_read_stay_and_those_beside_them_go() {
    let mut script = admin();
    let partitions = vec![TopicPartition::new("orders", 0), TopicPartition::new("bills", 1)];
    script.call(Call::DeleteOffsets { group: readers(), partitions: partitions.clone() });
    script.answer("b1", found(Ok(1)));
    let errors = [ErrorCode::GroupSubscribedToTopic, ErrorCode::None];
    let partitions = partitions.into_iter().zip(errors).collect();
    script.answer("b1", OffsetDeleteResponse { error: ErrorCode::None, partitions });
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 → b1 OffsetDelete
    0 group readers: deleted offsets of [bills-1]
    0 call 1 failed: GROUP_SUBSCRIBED_TO_TOPIC
    ");
}

#[test]
fn a_group_that_is_none_of_kip_848_is_described_as_a_classic_one() {
    let mut script = admin();
    script.call(Call::DescribeGroup { group: readers() });
    script.answer("b1", found(Ok(1)));
    let unknown = DescribedConsumerGroup {
        error: ErrorCode::GroupIdNotFound,
        error_message: Some("Group readers is not a consumer group.".to_owned()),
        group: readers(),
        state: String::new(),
        group_epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        members: Vec::new(),
    };
    script.answer("b1", ConsumerGroupDescribeResponse { groups: vec![unknown] });
    script.until(100);
    let known = DescribedGroup {
        error: ErrorCode::None,
        error_message: None,
        group: readers(),
        state: "Empty".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocol: String::new(),
        members: Vec::new(),
    };
    script.answer("b1", DescribeGroupsResponse { groups: vec![known] });
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 FindCoordinator
    0 → b1 ConsumerGroupDescribe
    100 → b1 DescribeGroups
    100 group readers: classic, Empty, 0 members, at 1
    100 call 1 0 members
    ");
}

#[test]
fn the_list_of_groups_is_complete_when_every_broker_has_told_its_part() {
    let mut script = admin();
    script.call(Call::ListGroups { states: Vec::new(), types: Vec::new() });
    let part = |error, names: &[&str]| ListGroupsResponse {
        error,
        groups: names
            .iter()
            .map(|name| ListedGroup {
                group: GroupId::new(name),
                protocol_type: "consumer".to_owned(),
                state: "Stable".to_owned(),
                group_type: "classic".to_owned(),
            })
            .collect(),
    };
    script.answer("b3", part(ErrorCode::None, &["writers"]));
    script.answer("b1", part(ErrorCode::CoordinatorLoadInProgress, &[]));
    script.answer("b2", part(ErrorCode::None, &[]));
    script.until(100);
    script.answer("b1", part(ErrorCode::None, &["readers"]));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 Metadata
    0 → b1 ListGroups
    0 connect b2
    0 connect b3
    0 → b2 ListGroups
    0 → b3 ListGroups
    100 → b1 ListGroups
    100 groups [readers writers]
    100 call 1 2 groups
    ");
}

#[test]
fn a_broker_that_does_not_tell_its_part_fails_the_list_after_a_minute() {
    let mut script = admin();
    script.down.insert("b3".to_owned());
    script.call(Call::ListGroups { states: Vec::new(), types: Vec::new() });
    let none = || ListGroupsResponse { error: ErrorCode::None, groups: Vec::new() };
    script.answer("b1", none());
    script.answer("b2", none());
    script.until(60_000);
    let said = script.said();
    assert!(said.ends_with("60000 call 1 failed: REQUEST_TIMED_OUT\n"), "{said}");
}
