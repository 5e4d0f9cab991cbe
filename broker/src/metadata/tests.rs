//! Records as bytes, and images as the sum of records.

use uuid::Uuid;

use super::*;
use crate::config::LogSettings;
use crate::ids::*;
use crate::message::{ConfigResource, LeaderRecoveryState};

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn topic_id() -> TopicId {
    TopicId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10))
}

fn registration() -> PartitionRegistration {
    PartitionRegistration {
        elr: nodes(&[3]),
        last_known_elr: nodes(&[2]),
        leader_recovery_state: LeaderRecoveryState::Recovering,
        ..PartitionRegistration::new(nodes(&[1, 2]), vec![DirectoryId::LOST; 2], nodes(&[1]))
    }
}

fn register_broker() -> MetadataRecord {
    MetadataRecord::RegisterBroker {
        broker: NodeId(1),
        incarnation_id: IncarnationId(Uuid::from_u128(9)),
        broker_epoch: BrokerEpoch(8),
        endpoints: vec![Endpoint::new("b1", 9092)],
        features: supported_features(),
        rack: Some("r".to_owned()),
        fenced: true,
        in_controlled_shutdown: false,
        log_directories: vec![DirectoryId(Uuid::from_u128(1001))],
    }
}

/// One of each, with every optional field present in at least one.
fn records() -> Vec<MetadataRecord> {
    let full_change = PartitionChange {
        isr: Some(nodes(&[1, 2])),
        leader: Some(NodeId::NONE),
        replicas: Some(nodes(&[1, 2, 3])),
        directories: Some(vec![DirectoryId::UNASSIGNED; 3]),
        removing_replicas: Some(Vec::new()),
        adding_replicas: Some(nodes(&[3])),
        elr: Some(Vec::new()),
        last_known_elr: Some(nodes(&[2])),
        leader_recovery_state: Some(LeaderRecoveryState::Recovered),
    };
    let registration_change =
        |fenced, in_controlled_shutdown, log_directories| MetadataRecord::BrokerRegistrationChange {
            broker: NodeId(1),
            broker_epoch: BrokerEpoch(8),
            fenced,
            in_controlled_shutdown,
            log_directories,
        };
    let topic = TopicName::new("orders");
    let config = |resource, value: Option<&str>| MetadataRecord::Config {
        resource,
        name: "retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    vec![
        MetadataRecord::FeatureLevel { name: METADATA_VERSION.to_owned(), level: 27 },
        register_broker(),
        registration_change(Some(false), None, None),
        registration_change(Some(true), None, None),
        registration_change(None, Some(true), None),
        registration_change(None, None, Some(vec![DirectoryId(Uuid::from_u128(1001))])),
        MetadataRecord::Topic { name: topic.clone(), topic_id: topic_id() },
        MetadataRecord::Partition { partition: 0, topic_id: topic_id(), registration: registration() },
        MetadataRecord::PartitionChange { partition: 0, topic_id: topic_id(), change: full_change },
        MetadataRecord::PartitionChange { partition: 0, topic_id: topic_id(), change: PartitionChange::default() },
        config(ConfigResource::Topic(topic.clone()), Some("5")),
        config(ConfigResource::Broker(NodeId(3)), None),
        config(ConfigResource::Cluster, Some("")),
        MetadataRecord::ProducerIds { broker: NodeId(1), broker_epoch: BrokerEpoch(8), next_producer_id: 1_000 },
        MetadataRecord::NoOp,
        MetadataRecord::BeginTransaction { name: "Bootstrap records".to_owned() },
        MetadataRecord::EndTransaction,
        MetadataRecord::AbortTransaction { reason: "Controller failover".to_owned() },
        MetadataRecord::RegisterController {
            controller: NodeId(101),
            incarnation_id: IncarnationId(Uuid::from_u128(5)),
            endpoints: vec![Endpoint::new("c1", 9093)],
            features: supported_features(),
        },
        MetadataRecord::ClearElr { topic: None },
        MetadataRecord::ClearElr { topic: Some(topic) },
        MetadataRecord::RemoveTopic { topic_id: topic_id() },
        MetadataRecord::UnregisterBroker { broker: NodeId(1), broker_epoch: BrokerEpoch(8) },
    ]
}

#[test]
fn records_survive_being_written_and_read() {
    for record in records() {
        assert_eq!(MetadataRecord::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn records_as_bytes_worked_out_from_the_schemas() {
    // Frame 1, key 20, version 0, no tagged fields.
    assert_eq!(MetadataRecord::NoOp.encode()[..], [1, 20, 0, 0]);
    // Key 2: compact string (length + 1), 16 bytes of id, no tagged fields.
    let topic = MetadataRecord::Topic { name: TopicName::new("foo"), topic_id: topic_id() };
    let id: Vec<u8> = (1..=16).collect();
    assert_eq!(topic.encode()[..], [&[1, 2, 0, 4, b'f', b'o', b'o'][..], &id, &[0]].concat());
    // Key 4: int8 type TOPIC = 2, names, a null value is a 0.
    let config = MetadataRecord::Config {
        resource: ConfigResource::Topic(TopicName::new("t")),
        name: "x".to_owned(),
        value: None,
    };
    assert_eq!(config.encode()[..], [1, 4, 0, 2, 2, b't', 2, b'x', 0, 0]);
    // Key 12.
    let feature = MetadataRecord::FeatureLevel { name: "f".to_owned(), level: 27 };
    assert_eq!(feature.encode()[..], [1, 12, 0, 2, b'f', 0, 27, 0]);
    // Key 5 version 2: int32 partition, id, then tags 0 (ISR: size 9, two int32) and 1 (leader: size 4).
    let change = PartitionChange { isr: Some(nodes(&[2, 3])), leader: Some(NodeId(2)), ..PartitionChange::default() };
    let change = MetadataRecord::PartitionChange { partition: 7, topic_id: topic_id(), change };
    let tags = [2, 0, 9, 3, 0, 0, 0, 2, 0, 0, 0, 3, 1, 4, 0, 0, 0, 2];
    assert_eq!(change.encode()[..], [&[1, 5, 2, 0, 0, 0, 7][..], &id, &tags].concat());
    // Key 17: unfencing is version 0 with the int8 −1 in tag 0; controlled shutdown is version 1 with 1 in tag 1.
    let changed = |fenced, in_controlled_shutdown| MetadataRecord::BrokerRegistrationChange {
        broker: NodeId(1),
        broker_epoch: BrokerEpoch(8),
        fenced,
        in_controlled_shutdown,
        log_directories: None,
    };
    let broker = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8];
    assert_eq!(changed(Some(false), None).encode()[..], [&[1, 17, 0][..], &broker, &[1, 0, 1, 255]].concat());
    assert_eq!(changed(None, Some(true)).encode()[..], [&[1, 17, 1][..], &broker, &[1, 1, 1, 1]].concat());
    // Key 3 version 2: arrays, leader, epochs, directories; the usual recovery state and empty ELRs are left out.
    let partition = PartitionRegistration::new(nodes(&[1]), vec![DirectoryId::LOST], nodes(&[1]));
    let partition = MetadataRecord::Partition { partition: 0, topic_id: topic_id(), registration: partition };
    let one = [2, 0, 0, 0, 1];
    let rest = [&one[..], &one, &[1], &[1], &[0, 0, 0, 1], &[0; 4], &[0; 4], &[2], &[0; 15], &[1], &[0]].concat();
    assert_eq!(partition.encode()[..], [&[1, 3, 2, 0, 0, 0, 0][..], &id, &rest].concat());
}

#[test]
fn records_of_older_kinds_and_versions_are_read() {
    // FenceBroker (7) and UnfenceBroker (8) of clusters before 3.3.
    let broker = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    for (key, fenced) in [(7, true), (8, false)] {
        let read = MetadataRecord::decode(&[&[1, key, 0][..], &broker].concat());
        let expected = MetadataRecord::BrokerRegistrationChange {
            broker: NodeId(1),
            broker_epoch: BrokerEpoch(8),
            fenced: Some(fenced),
            in_controlled_shutdown: None,
            log_directories: None,
        };
        assert_eq!(read, Ok(expected));
    }
    // An unknown tagged field (tag 9, one byte) is skipped.
    let with_unknown_tag = [1, 20, 0, 1, 9, 1, 77];
    assert_eq!(MetadataRecord::decode(&with_unknown_tag), Ok(MetadataRecord::NoOp));
}

#[test]
fn damaged_records_are_refused_and_never_panic() {
    assert_eq!(MetadataRecord::decode(&[]), Err(RecordDecodeError::Truncated));
    assert_eq!(MetadataRecord::decode(&[2, 20, 0, 0]), Err(RecordDecodeError::UnknownFrame(2)));
    assert_eq!(MetadataRecord::decode(&[1, 10, 0, 0]), Err(RecordDecodeError::UnknownType(10)));
    assert_eq!(MetadataRecord::decode(&[1, 20, 1, 0]), Err(RecordDecodeError::UnknownVersion(20, 1)));
    assert_eq!(MetadataRecord::decode(&[1, 20, 0, 0, 5]), Err(RecordDecodeError::TrailingBytes(1)));
    for record in records() {
        let bytes = record.encode();
        for length in 0..bytes.len() {
            assert!(MetadataRecord::decode(&bytes[..length]).is_err(), "{record:?} cut to {length}");
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[position] ^= 1 << bit;
                // Whatever it is taken for: it must not panic.
                let _ = MetadataRecord::decode(&damaged);
            }
        }
    }
}

/// A record that is damaged and can still be read says something that nobody meant. Kafka's broker logs what contradicts
/// its image and goes on; so an image must bear every one of them.
#[test]
fn damaged_records_that_can_be_read_break_no_image() {
    let mut image = MetadataImage::default();
    for (offset, record) in (0..).zip(records()) {
        let bytes = record.encode();
        for position in 0..bytes.len() {
            for bit in [0, 1, 7] {
                let mut damaged = bytes.to_vec();
                damaged[position] ^= 1 << bit;
                let Ok(read) = MetadataRecord::decode(&damaged) else { continue };
                let mut image = image.clone();
                image.apply(offset, &read);
                image.apply(offset + 1, &record);
                let mut again = MetadataImage::default();
                image.to_records().iter().for_each(|record| again.apply(offset, record));
            }
        }
        image.apply(offset, &record);
    }
}

#[test]
fn image_is_the_same_from_its_snapshot() {
    let mut image = MetadataImage::default();
    let before_removal = records().len() - 2;
    for (offset, record) in (0..).zip(records().iter().take(before_removal)) {
        image.try_apply(offset, record).expect("the records follow from each other");
    }
    let partition = image.partition(&TopicName::new("orders"), 0).expect("created").clone();
    // Two changes and one ClearElr that had something to clear; the leader was named once.
    assert_eq!((partition.partition_epoch, partition.leader_epoch), (PartitionEpoch(3), LeaderEpoch(1)));
    assert_eq!((partition.elr, partition.last_known_elr), (Vec::new(), Vec::new()));
    let mut again = MetadataImage::default();
    let last = image.last_offset();
    for record in image.to_records() {
        again.try_apply(last, &record).expect("a snapshot follows from itself");
    }
    // A broker's registration offset is not in a snapshot: it is the snapshot's own.
    assert_eq!(again.to_records(), image.to_records());
    assert_eq!(again.topics().collect::<Vec<_>>(), image.topics().collect::<Vec<_>>());
    assert_eq!(again.configs(), image.configs());
    let broker = image.broker(NodeId(1)).expect("registered");
    assert_eq!((broker.fenced, broker.in_controlled_shutdown, broker.registration_offset), (true, true, 1));
}

#[test]
fn image_keeps_what_it_had_when_a_record_contradicts_it() {
    let mut image = MetadataImage::default();
    image.apply(0, &register_broker());
    let before = image.clone();
    let stale = MetadataRecord::UnregisterBroker { broker: NodeId(1), broker_epoch: BrokerEpoch(7) };
    assert!(image.try_apply(0, &stale).is_err());
    assert!(image.try_apply(0, &MetadataRecord::RemoveTopic { topic_id: topic_id() }).is_err());
    assert_eq!(image, before);
}

#[test]
fn topic_setting_beats_the_brokers_the_clusters_and_the_files() {
    let mut image = MetadataImage::default();
    let orders = TopicName::new("orders");
    let file = LogSettings { min_insync_replicas: 2, ..LogSettings::default() };
    let in_force = |image: &MetadataImage, broker| {
        let settings = image.log_settings(&orders, &file, NodeId(broker));
        (settings.min_insync_replicas, settings.retention_bytes)
    };
    let set = |resource, name: &str, value: &str, image: &mut MetadataImage| {
        let (name, value) = (name.to_owned(), Some(value.to_owned()));
        image.apply(0, &MetadataRecord::Config { resource, name, value });
    };
    assert_eq!(in_force(&image, 1), (2, -1));
    set(ConfigResource::Cluster, "min.insync.replicas", "3", &mut image);
    set(ConfigResource::Cluster, "log.retention.bytes", "100", &mut image);
    assert_eq!(in_force(&image, 1), (3, 100));
    set(ConfigResource::Broker(NodeId(1)), "min.insync.replicas", "4", &mut image);
    assert_eq!((in_force(&image, 1), in_force(&image, 2)), ((4, 100), (3, 100)));
    set(ConfigResource::Topic(orders.clone()), "min.insync.replicas", "5", &mut image);
    assert_eq!(in_force(&image, 1), (5, 100));
    set(ConfigResource::Topic(orders.clone()), "retention.bytes", "nonsense", &mut image);
    assert_eq!(in_force(&image, 1), (5, 100), "what cannot be read does not count");
}

#[test]
fn transaction_counts_when_it_ends_and_not_when_it_is_aborted() {
    let mut filter = TransactionFilter::default();
    let begin = || MetadataRecord::BeginTransaction { name: "t".to_owned() };
    assert_eq!(filter.admit(1, MetadataRecord::NoOp).len(), 1);
    assert_eq!(filter.admit(2, begin()), []);
    assert_eq!(filter.admit(3, MetadataRecord::NoOp), []);
    assert_eq!(filter.open_since(), Some(2));
    assert_eq!(filter.admit(4, MetadataRecord::EndTransaction), [(3, MetadataRecord::NoOp)]);
    filter.admit(5, begin());
    filter.admit(6, MetadataRecord::NoOp);
    assert_eq!(filter.admit(7, MetadataRecord::AbortTransaction { reason: String::new() }), []);
    assert_eq!(filter.open_since(), None);
}
