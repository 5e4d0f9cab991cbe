//! Kafka's bytes, worked out by hand from its message definitions, and the two laws of every record:
//! what is written is read back, and nothing that is read can break the reader.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::{
    ClassicMemberMetadata, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue, GroupMetadataMember, GroupMetadataValue,
    GroupRecord, GroupRecordError, OffsetCommitValue,
};
use crate::flexible::RecordDecodeError;
use crate::ids::{GroupId, GroupInstanceId, LeaderEpoch, MemberId, TopicId, TopicPartition};
use crate::message::PartitionsByTopic;

fn committed(offset: i64, epoch: i32, expire_timestamp_ms: i64, topic_id: u128) -> OffsetCommitValue {
    OffsetCommitValue {
        offset,
        leader_epoch: LeaderEpoch(epoch),
        metadata: "note".to_owned(),
        commit_timestamp_ms: 1000,
        expire_timestamp_ms,
        topic_id: TopicId(Uuid::from_u128(topic_id)),
    }
}

fn commit(value: Option<OffsetCommitValue>) -> GroupRecord {
    GroupRecord::OffsetCommit { group: GroupId::new("g1"), partition: TopicPartition::new("orders", 3), value }
}

/// Type 1, then two texts with their lengths in two bytes, and the partition.
const COMMIT_KEY: &[u8] = b"\0\x01\0\x02g1\0\x06orders\0\0\0\x03";

#[test]
fn a_committed_offset_has_kafkas_bytes_of_version_4() {
    let record = commit(Some(committed(42, 7, -1, 0)));
    assert_eq!(record.key_bytes(), COMMIT_KEY);
    let mut expected = vec![0, 4]; // version 4, flexible
    expected.extend(42i64.to_be_bytes());
    expected.extend(7i32.to_be_bytes());
    expected.extend(b"\x05note"); // compact: length + 1
    expected.extend(1000i64.to_be_bytes());
    expected.push(0); // no tagged fields: the topic's id is zero
    assert_eq!(record.value_bytes().as_deref(), Some(&expected[..]));

    let with_id = commit(Some(committed(42, 7, -1, 9)));
    *expected.last_mut().unwrap() = 1; // one tagged field:
    expected.extend([0, 16]); // tag 0, 16 bytes
    expected.extend(9u128.to_be_bytes());
    assert_eq!(with_id.value_bytes().as_deref(), Some(&expected[..]));
}

#[test]
fn an_offset_with_an_expiry_is_written_at_version_1_which_has_no_leader_epoch() {
    let record = commit(Some(committed(42, 7, 5000, 9)));
    let mut expected = vec![0, 1];
    expected.extend(42i64.to_be_bytes());
    expected.extend(b"\0\x04note");
    expected.extend(1000i64.to_be_bytes());
    expected.extend(5000i64.to_be_bytes());
    assert_eq!(record.value_bytes().as_deref(), Some(&expected[..]));
    let read = GroupRecord::read(COMMIT_KEY, Some(&expected));
    assert_eq!(read, Ok(commit(Some(committed(42, -1, 5000, 0)))));
}

#[test]
fn offsets_of_older_brokers_are_read_at_versions_0_2_and_3_and_from_the_oldest_key() {
    let mut old = vec![0, 0];
    old.extend(42i64.to_be_bytes());
    old.extend(b"\0\x04note");
    old.extend(1000i64.to_be_bytes());
    let expected = Ok(commit(Some(committed(42, -1, -1, 0))));
    assert_eq!(GroupRecord::read(COMMIT_KEY, Some(&old)), expected);
    old[1] = 2;
    assert_eq!(GroupRecord::read(COMMIT_KEY, Some(&old)), expected);
    old[1] = 0;
    let mut legacy_key = COMMIT_KEY.to_vec();
    legacy_key[1] = 0;
    assert_eq!(GroupRecord::read(&legacy_key, Some(&old)), expected);

    let mut newer = vec![0, 3];
    newer.extend(42i64.to_be_bytes());
    newer.extend(7i32.to_be_bytes());
    newer.extend(b"\0\x04note");
    newer.extend(1000i64.to_be_bytes());
    assert_eq!(GroupRecord::read(COMMIT_KEY, Some(&newer)), Ok(commit(Some(committed(42, 7, -1, 0)))));
}

fn generation() -> GroupRecord {
    let member = GroupMetadataMember {
        member: MemberId::new("c-1"),
        instance: None,
        client_id: "c".to_owned(),
        client_host: "h".to_owned(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 45_000,
        subscription: Bytes::from_static(b"\x01\x02"),
        assignment: Bytes::new(),
    };
    let value = GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: 5,
        protocol: Some("range".to_owned()),
        leader: None,
        current_state_timestamp_ms: 77,
        members: vec![member],
    };
    GroupRecord::GroupMetadata { group: GroupId::new("g1"), value: Some(value) }
}

#[test]
fn a_classic_generation_has_kafkas_bytes_of_version_3() {
    let mut expected = vec![0, 3];
    expected.extend(b"\0\x08consumer\0\0\0\x05\0\x05range\xff\xff"); // no leader: −1
    expected.extend(77i64.to_be_bytes());
    expected.extend(1i32.to_be_bytes()); // one member
    expected.extend(b"\0\x03c-1\xff\xff\0\x01c\0\x01h");
    expected.extend(300_000i32.to_be_bytes());
    expected.extend(45_000i32.to_be_bytes());
    expected.extend(b"\0\0\0\x02\x01\x02\0\0\0\0");
    assert_eq!(generation().key_bytes(), &b"\0\x02\0\x02g1"[..]);
    assert_eq!(generation().value_bytes().as_deref(), Some(&expected[..]));
}

#[test]
fn a_classic_generation_of_version_4_is_read_though_nobody_writes_it_yet() {
    let mut value = vec![0, 4];
    value.extend(b"\x09consumer\0\0\0\x05\x06range\0"); // compact texts; null is 0
    value.extend(77i64.to_be_bytes());
    value.push(2); // one member
    value.extend(b"\x04c-1\0\x02c\x02h");
    value.extend(300_000i32.to_be_bytes());
    value.extend(45_000i32.to_be_bytes());
    value.extend(b"\x03\x01\x02\x01"); // two bytes, none
    value.extend([0, 0]); // no tagged fields of the member, of the group
    assert_eq!(GroupRecord::read(b"\0\x02\0\x02g1", Some(&value)), Ok(generation()));
}

#[test]
fn a_member_of_the_new_protocol_has_kafkas_bytes() {
    let classic = ClassicMemberMetadata {
        session_timeout_ms: 1,
        supported_protocols: vec![("range".to_owned(), Bytes::from_static(b"\x07"))],
    };
    let value = ConsumerGroupMemberMetadataValue {
        instance: None,
        rack: Some("r".to_owned()),
        client_id: "c".to_owned(),
        client_host: "h".to_owned(),
        subscribed_topic_names: vec!["t".to_owned()],
        subscribed_topic_regex: None,
        rebalance_timeout_ms: 2,
        server_assignor: None,
        classic: Some(classic),
    };
    let record = GroupRecord::ConsumerGroupMemberMetadata {
        group: GroupId::new("g1"),
        member: MemberId::new("m"),
        value: Some(value),
    };
    assert_eq!(record.key_bytes(), &b"\0\x05\0\x02g1\0\x01m"[..]);
    let mut expected = b"\0\0\0\x02r\x02c\x02h\x02\x02t\0\0\0\0\x02\0".to_vec();
    let field = b"\x01\0\0\0\x01\x02\x06range\x02\x07\0\0"; // not null, 1 ms, one protocol of 1 byte, no tags twice
    expected.extend([1, 0, field.len() as u8]);
    expected.extend(field);
    assert_eq!(record.value_bytes().as_deref(), Some(&expected[..]));
}

#[test]
fn what_a_member_owns_has_kafkas_bytes() {
    let topic = TopicId(Uuid::from_u128(9));
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: 4,
        previous_member_epoch: 3,
        state: 1,
        assigned: PartitionsByTopic::from([(topic, BTreeSet::from([0, 2]))]),
        pending_revocation: PartitionsByTopic::new(),
    };
    let record = GroupRecord::ConsumerGroupCurrentMemberAssignment {
        group: GroupId::new("g1"),
        member: MemberId::new("m"),
        value: Some(value),
    };
    let mut expected = b"\0\0\0\0\0\x04\0\0\0\x03\x01\x02".to_vec(); // version 0, 4, 3, state 1, one topic
    expected.extend(9u128.to_be_bytes());
    expected.extend(b"\x03\0\0\0\0\0\0\0\x02\0\x01\0"); // two partitions; no tags; no topics; no tags
    assert_eq!(record.value_bytes().as_deref(), Some(&expected[..]));
}

#[test]
fn unknown_types_unknown_versions_and_damage_are_told_apart() {
    // Share groups (10) and streams groups (17) are not Trial's.
    for other in [9i16, 10, 15, 17, -1] {
        let key = [&other.to_be_bytes()[..], b"\0\x02g1"].concat();
        assert_eq!(GroupRecord::read(&key, Some(b"\0\0")), Err(GroupRecordError::UnknownType(other)));
    }
    let unknown = GroupRecordError::UnknownVersion { record_type: 1, version: 5 };
    assert_eq!(GroupRecord::read(COMMIT_KEY, Some(b"\0\x05")), Err(unknown));
    let cut = GroupRecordError::Damaged(RecordDecodeError::Truncated);
    assert_eq!(GroupRecord::read(&COMMIT_KEY[..7], None), Err(cut));
    assert_eq!(GroupRecord::read(COMMIT_KEY, Some(b"\0")), Err(cut));
    assert_eq!(GroupRecord::read(b"", None), Err(cut));
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé]{0,6}"
}

fn partitions() -> impl Strategy<Value = PartitionsByTopic> {
    let topic = any::<u128>().prop_map(|id| TopicId(Uuid::from_u128(id)));
    proptest::collection::btree_map(topic, proptest::collection::btree_set(0..100i32, 0..4), 0..3)
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from)
}

fn offset_commit() -> impl Strategy<Value = Option<OffsetCommitValue>> {
    let value = (any::<i64>(), any::<i32>(), text(), any::<i64>(), any::<i64>(), any::<u128>(), any::<bool>());
    proptest::option::of(value.prop_map(|(offset, epoch, metadata, commit_timestamp_ms, expiry, id, expires)| {
        // The version with an expiry has neither leader epoch nor topic id; −1 is none.
        let expires = expires && expiry != -1;
        OffsetCommitValue {
            offset,
            leader_epoch: if expires { LeaderEpoch::NONE } else { LeaderEpoch(epoch) },
            metadata,
            commit_timestamp_ms,
            expire_timestamp_ms: if expires { expiry } else { -1 },
            topic_id: if expires { TopicId::ZERO } else { TopicId(Uuid::from_u128(id)) },
        }
    }))
}

fn group_metadata() -> impl Strategy<Value = Option<GroupMetadataValue>> {
    let member = (text(), proptest::option::of(text()), text(), any::<i32>(), any::<i32>(), some_bytes(), some_bytes());
    let member =
        member.prop_map(|(id, instance, client, rebalance, session, subscription, assignment)| GroupMetadataMember {
            member: MemberId::new(&id),
            instance: instance.as_deref().map(GroupInstanceId::new),
            client_id: client.clone(),
            client_host: client,
            rebalance_timeout_ms: rebalance,
            session_timeout_ms: session,
            subscription,
            assignment,
        });
    let value = (text(), any::<i32>(), proptest::option::of(text()), proptest::option::of(text()), any::<i64>());
    let value = (value, proptest::collection::vec(member, 0..3)).prop_map(
        |((protocol_type, generation, protocol, leader, current_state_timestamp_ms), members)| GroupMetadataValue {
            protocol_type,
            generation,
            protocol,
            leader: leader.as_deref().map(MemberId::new),
            current_state_timestamp_ms,
            members,
        },
    );
    proptest::option::of(value)
}

fn member_metadata() -> impl Strategy<Value = Option<ConsumerGroupMemberMetadataValue>> {
    let some_text = || proptest::option::of(text());
    let classic = (any::<i32>(), proptest::collection::vec((text(), some_bytes()), 0..3)).prop_map(
        |(session_timeout_ms, supported_protocols)| ClassicMemberMetadata { session_timeout_ms, supported_protocols },
    );
    let names = proptest::collection::vec(text(), 0..3);
    let value = (some_text(), text(), names, some_text(), any::<i32>(), proptest::option::of(classic)).prop_map(
        |(one, client, subscribed_topic_names, other, rebalance_timeout_ms, classic)| {
            ConsumerGroupMemberMetadataValue {
                instance: one.as_deref().map(GroupInstanceId::new),
                rack: other.clone(),
                client_id: client.clone(),
                client_host: client,
                subscribed_topic_names,
                subscribed_topic_regex: other,
                rebalance_timeout_ms,
                server_assignor: one,
                classic,
            }
        },
    );
    proptest::option::of(value)
}

fn record() -> impl Strategy<Value = GroupRecord> {
    let group = || text().prop_map(|group| GroupId::new(&group));
    let member = || text().prop_map(|member| MemberId::new(&member));
    let maybe = |partitions| proptest::option::of(partitions);
    prop_oneof![
        (group(), text(), any::<i32>(), offset_commit()).prop_map(|(group, topic, partition, value)| {
            GroupRecord::OffsetCommit { group, partition: TopicPartition::new(&topic, partition), value }
        }),
        (group(), group_metadata()).prop_map(|(group, value)| GroupRecord::GroupMetadata { group, value }),
        (group(), proptest::option::of((any::<i32>(), any::<i64>()))).prop_map(|(group, value)| {
            let value = value.map(|(epoch, metadata_hash)| ConsumerGroupMetadataValue { epoch, metadata_hash });
            GroupRecord::ConsumerGroupMetadata { group, value }
        }),
        group().prop_map(|group| GroupRecord::ConsumerGroupPartitionMetadata { group }),
        (group(), member(), member_metadata())
            .prop_map(|(group, member, value)| GroupRecord::ConsumerGroupMemberMetadata { group, member, value }),
        (group(), proptest::option::of(any::<i32>())).prop_map(|(group, assignment_epoch)| {
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { group, assignment_epoch }
        }),
        (group(), member(), maybe(partitions())).prop_map(|(group, member, partitions)| {
            GroupRecord::ConsumerGroupTargetAssignmentMember { group, member, partitions }
        }),
        (group(), member(), proptest::option::of((any::<i32>(), any::<i8>(), partitions(), partitions()))).prop_map(
            |(group, member, value)| {
                let value = value.map(|(epoch, state, assigned, pending_revocation)| {
                    ConsumerGroupCurrentMemberAssignmentValue {
                        member_epoch: epoch,
                        previous_member_epoch: epoch.wrapping_sub(1),
                        state,
                        assigned,
                        pending_revocation,
                    }
                });
                GroupRecord::ConsumerGroupCurrentMemberAssignment { group, member, value }
            }
        ),
        (group(), text(), proptest::option::of((proptest::collection::vec(text(), 0..3), any::<i64>()))).prop_map(
            |(group, expression, value)| {
                let value = value.map(|(topics, version)| ConsumerGroupRegularExpressionValue {
                    topics,
                    version,
                    timestamp_ms: version.wrapping_add(1),
                });
                GroupRecord::ConsumerGroupRegularExpression { group, expression, value }
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_read_back_as_it_was_written(record in record()) {
        let (key, value) = (record.key_bytes(), record.value_bytes());
        prop_assert_eq!(GroupRecord::read(&key, value.as_deref()), Ok(record));
    }

    #[test]
    fn a_cut_record_is_damaged_and_never_a_panic(record in record(), at in any::<proptest::sample::Index>()) {
        let key = record.key_bytes();
        prop_assert!(GroupRecord::read(&key[..at.index(key.len())], None).is_err());
        if let Some(value) = record.value_bytes() {
            let damage = RecordDecodeError::Truncated;
            let read = GroupRecord::read(&key, Some(&value[..at.index(value.len())]));
            // A current assignment's tagged fields and the like stand last, and are not looked at where none is known.
            prop_assert!(read == Err(GroupRecordError::Damaged(damage)) || read == Ok(record));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_are_a_record_that_can_be_written(
        key in proptest::collection::vec(any::<u8>(), 0..20),
        kind in 0..17u8,
        value in proptest::collection::vec(any::<u8>(), 0..60),
        version in 0..5u8,
    ) {
        let key = [&[0, kind, 0, 1, b'g', 0, 1, b't'][..], &key].concat();
        let value = [&[0, version][..], &value].concat();
        if let Ok(record) = GroupRecord::read(&key, Some(&value)) {
            let (key, value) = (record.key_bytes(), record.value_bytes());
            prop_assert_eq!(GroupRecord::read(&key, value.as_deref()), Ok(record));
        }
    }
}
