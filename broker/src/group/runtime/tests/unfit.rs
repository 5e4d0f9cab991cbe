//! Records that cannot follow from those before them: bugs, of this coordinator or of one before it
//! (`CoordinatorRuntime.CoordinatorContext.append`, `CoordinatorLoaderImpl.doLoad`).

use super::*;
use crate::group::contract::Decision;
use crate::group::record::GroupRecord;

/// A KIP-848 group has targets of epoch 1, and then it is deleted though it has them still.
fn deleted_too_early() -> Vec<GroupRecord> {
    let group = GroupId::new("h");
    vec![
        GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: group.clone(), assignment_epoch: Some(1) },
        GroupRecord::ConsumerGroupMetadata { group, value: None },
    ]
}

#[test]
fn a_coordinator_does_not_load_what_does_not_fit_together() {
    let mut stage = Stage::new();
    for written in deleted_too_early() {
        stage.partition().put(&record(&written.key_bytes(), written.value_bytes().as_deref()));
    }
    stage.elect(1);
    stage.load();
    let failed = GroupEvent::ShardLoadFailed { partition: 0, error: ErrorCode::UnknownServerError };
    assert_eq!(stage.events.last(), Some(&failed));
    assert_eq!(stage.fetch(false), Err(ErrorCode::NotCoordinator));
}

#[test]
fn a_decision_that_does_not_fit_fails_its_whole_batch_and_the_coordinator_serves_on() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.step(|ctx, coordinators, log, image| {
        let decision = Decision { records: deleted_too_early(), ..Decision::default() };
        let run = |ctx: &mut Context, active: &mut Active, around: &mut Around| {
            active.carry_out(ctx, around, decision, 0);
        };
        coordinators.with_active(ctx, log, image, 0, run).expect("it serves");
    });
    assert_eq!(stage.answers(), ["commit UNKNOWN_SERVER_ERROR"], "who shares the batch shares its fate");
    assert_eq!(stage.partition().log_end_offset, 0);
    stage.commit(6).expect("it serves");
    stage.at(1005);
    stage.replicate();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["commit NONE", "fetch 6"]);
}
