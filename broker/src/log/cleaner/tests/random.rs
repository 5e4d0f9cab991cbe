//! Random logs: however they were written, cut, cleaned and started again, reading them gives the last value of each key.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that happens to the log.
#[derive(Clone, Debug)]
enum Action {
    /// Some keys are written; an odd value deletes the key.
    Write(Vec<(u8, u8)>),
    Roll,
    Commit,
    /// A pass with room for so many keys, from where the last one ended.
    Clean(i64),
    /// What is not committed is cut off, after a crash.
    Cut,
    Kill,
    Wait(u32),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => prop::collection::vec((0u8..12, any::<u8>()), 1..4).prop_map(Action::Write),
        2 => Just(Action::Roll),
        2 => Just(Action::Commit),
        3 => (2i64..20).prop_map(Action::Clean),
        1 => Just(Action::Cut),
        1 => Just(Action::Kill),
        1 => (0u32..100).prop_map(Action::Wait),
    ]
}

/// What a reader of the whole log believes: the last value of each key, and none of those that were deleted.
fn read(log: &mut Fixture) -> BTreeMap<Bytes, Bytes> {
    let mut values = BTreeMap::new();
    for record in log.records_of(false) {
        let key = record.key.expect("every record has one");
        match record.value {
            Some(value) => values.insert(key, value),
            None => values.remove(&key),
        };
    }
    values
}

fn write(log: &mut Fixture, records: &[(u8, u8)], history: &mut Vec<(Bytes, Option<Bytes>)>) {
    let mut builder = BatchBuilder::new(0);
    for (key, value) in records {
        let (key, value) = (Bytes::from(vec![*key]), (value % 2 == 0).then(|| Bytes::from(vec![*value])));
        builder.push(START_MILLIS, Some(&key), value.as_deref(), &[]);
        history.push((key, value));
    }
    log.append(builder.build(), 0).expect("accepted");
}

fn last_values(history: &[(Bytes, Option<Bytes>)]) -> BTreeMap<Bytes, Bytes> {
    let mut values = BTreeMap::new();
    for (key, value) in history {
        match value {
            Some(value) => values.insert(key.clone(), value.clone()),
            None => values.remove(key),
        };
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn compacted_log_is_the_map_of_last_values(actions in prop::collection::vec(action(), 1..60)) {
        let mut log = compacted(400);
        // What was written, by offset.
        let mut history: Vec<(Bytes, Option<Bytes>)> = Vec::new();
        let (mut checkpoint, mut committed) = (None, 0);
        for action in actions {
            match action {
                Action::Write(records) => write(&mut log, &records, &mut history),
                Action::Roll => log.roll(),
                Action::Commit => {
                    log.commit_all();
                    committed = log.log().log_end_offset();
                }
                Action::Clean(room) => {
                    let dirt = log.with(|log, ctx| log.dirt(ctx, checkpoint)).expect("the disk works");
                    if dirt.cleanable_bytes > 0 {
                        checkpoint = Some(log.run_pass(&dirt, &room_for(room)).expect("the log can be read"));
                    }
                }
                Action::Cut => {
                    log.with(|log, ctx| log.truncate_to(ctx, committed)).expect("the disk works");
                    history.truncate(committed as usize);
                    let active = log.log().active_segment_base_offset();
                    checkpoint = checkpoint.map(|offset: Offset| offset.min(active));
                }
                Action::Kill => {
                    log.kill_and_restart();
                    log.with(|log, ctx| log.update_high_watermark(ctx, committed));
                }
                Action::Wait(part) => {
                    let now = log.now.wall.millis();
                    log.at(now + RETENTION * i64::from(part) / 50);
                }
            }
            prop_assert_eq!(read(&mut log), last_values(&history));
            prop_assert_eq!(log.log().log_end_offset(), history.len() as Offset);
        }
    }
}
