//! The proof of encode and decode: every API, every version, arbitrary values.
//!
//! ```text
//!   plain ──encode──▶ Message ──to_bytes──▶ bytes ──from_bytes──▶ Message ──decode──▶ plain
//! ```
//!
//! Two laws. *What is handed over as a value is what the bytes would have been*: the
//! message read back from its bytes equals the message written, at every version; so a
//! field that a version cannot carry must not travel in the value either. *Nothing is
//! lost but what a version cannot carry*: the plain value comes back as it was, except
//! for the fields that `carried` names, which come back as their defaults; and what came
//! back has the same bytes again.

use kafka_protocol::protocol::Encodable;
use proptest::prelude::*;

use super::samples::Source;
use super::*;
use crate::api::Direction;
use crate::api::versions::{latest, spoken};
use crate::message::*;
use crate::name::Name;

fn check_request(api: Api, source: &mut Source) -> Result<(), TestCaseError> {
    let request = source.request(api);
    prop_assert_eq!(request.api(), api);
    for version in spoken(api).lowest..=latest(api) {
        let message = encode_request(request.clone(), version, 7, Name::from("producer-1"));
        let bytes = message.to_bytes();
        prop_assert_eq!(message.encoded_size(), bytes.len() + 4);
        let again = Message::from_bytes(bytes, Direction::Request);
        prop_assert_eq!(again.as_ref(), Ok(&message), "{} v{}", api.name(), version);
        let decoded = decode_request(&message);
        let expected = carried::request(request.clone(), version);
        prop_assert_eq!(decoded.as_ref(), Ok(&expected), "{} v{}", api.name(), version);
        // First with another who holds the message, then without.
        let shared = Arc::new(message.clone());
        for held in [Arc::clone(&shared), shared] {
            let taken = take_request(held);
            prop_assert_eq!(taken.as_ref(), Ok(&expected), "{} v{}", api.name(), version);
        }
        let once_more = encode_request(expected, version, 7, Name::from("producer-1"));
        prop_assert_eq!(once_more.to_bytes(), message.to_bytes(), "{} v{}", api.name(), version);
    }
    let newest = encode_request(request.clone(), latest(api), 7, Name::from("producer-1"));
    prop_assert_eq!(decode_response(&newest), Err(WireError::WrongBody { api }));
    Ok(())
}

fn check_response(api: Api, source: &mut Source) -> Result<(), TestCaseError> {
    let response = source.response(api);
    prop_assert_eq!(response.api(), api);
    for version in spoken(api).lowest..=latest(api) {
        let message = encode_response(response.clone(), version, 7);
        let again = Message::from_bytes(message.to_bytes(), Direction::Response { api, version });
        prop_assert_eq!(again.as_ref(), Ok(&message), "{} v{}", api.name(), version);
        let decoded = decode_response(&message);
        let expected = carried::response(response.clone(), version);
        prop_assert_eq!(decoded.as_ref(), Ok(&expected), "{} v{}", api.name(), version);
        // First with another who holds the message, then without.
        let shared = Arc::new(message.clone());
        for held in [Arc::clone(&shared), shared] {
            let taken = take_response(held);
            prop_assert_eq!(taken.as_ref(), Ok(&expected), "{} v{}", api.name(), version);
        }
        let once_more = encode_response(expected, version, 7);
        prop_assert_eq!(once_more.to_bytes(), message.to_bytes(), "{} v{}", api.name(), version);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_survives_the_wire(entropy in proptest::collection::vec(any::<u8>(), 0..400)) {
        for api in Api::ALL {
            check_request(*api, &mut Source::new(&entropy))?;
        }
    }

    #[test]
    fn every_response_survives_the_wire(entropy in proptest::collection::vec(any::<u8>(), 0..400)) {
        for api in Api::ALL {
            check_response(*api, &mut Source::new(&entropy))?;
        }
    }

    /// Only cut bytes, not changed ones: `kafka-protocol` 0.18 makes room for as many elements as an array's length says
    /// before it looks whether they are there, and a length out of nowhere ends the process for want of memory. In the
    /// simulated world nothing of that kind arrives: its TCP delivers what was sent.
    #[test]
    fn reading_cut_bytes_is_an_error_and_never_a_panic(
        entropy in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<proptest::sample::Index>(),
    ) {
        for api in Api::ALL {
            let request = Source::new(&entropy).request(*api);
            let mut bytes = encode_request(request.clone(), latest(*api), 7, Name::from("c")).to_bytes().to_vec();
            bytes.truncate(at.index(bytes.len()));
            prop_assert!(Message::from_bytes(bytes.into(), Direction::Request).is_err(), "{}", api.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fetch_that_travels_as_a_plain_value_has_the_codecs_bytes(entropy in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (Request::Fetch(request), Response::Fetch(response)) =
            (Source::new(&entropy).request(Api::Fetch), Source::new(&entropy).response(Api::Fetch))
        else {
            panic!("not a fetch")
        };
        let version = plain_fetch::VERSION;
        prop_assert_eq!(version, latest(Api::Fetch));
        let (mut own, mut codecs) = (Vec::new(), Vec::new());
        plain_fetch::write_request(&mut own, &plain_fetch::request(request.clone()));
        fetch::fetch_request(&request, version).encode(&mut codecs, version).expect("it encodes");
        prop_assert_eq!(&own, &codecs);
        own.clear();
        codecs.clear();
        plain_fetch::write_response(&mut own, &plain_fetch::response(response.clone()));
        fetch::fetch_response(&response, version).encode(&mut codecs, version).expect("it encodes");
        prop_assert_eq!(&own, &codecs);
    }
}

fn one_batch() -> ProduceRequest {
    ProduceRequest {
        transactional_id: None,
        acks: Acks::All,
        timeout_ms: 30_000,
        partitions: vec![ProducePartition {
            topic_id: crate::ids::TopicId(uuid::Uuid::from_u128(5)),
            topic: crate::ids::TopicName::new("orders"),
            partition: 2,
            records: bytes::Bytes::from_static(b"batch"),
        }],
    }
}

#[test]
fn produce_12_names_topics_and_13_gives_their_ids() {
    let read = |version| {
        let message = encode_request(one_batch().into(), version, 1, Name::from("p"));
        let Ok(Request::Produce(body)) = decode_request(&message) else { panic!("not a produce request") };
        (body.partitions[0].topic.to_string(), body.partitions[0].topic_id)
    };
    assert_eq!(read(12), ("orders".to_owned(), crate::ids::TopicId::ZERO));
    assert_eq!(read(13), (String::new(), crate::ids::TopicId(uuid::Uuid::from_u128(5))));
}

/// A fetch of one partition, by a reader that keeps no session.
fn one_fetch() -> FetchRequest {
    FetchRequest {
        cluster_id: None,
        replica_id: crate::ids::NodeId::NONE,
        replica_epoch: crate::ids::BrokerEpoch::NONE,
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation: IsolationLevel::ReadCommitted,
        session_id: 0,
        session_epoch: -1,
        by_name: true,
        partitions: vec![FetchPartition {
            topic_id: crate::ids::TopicId(uuid::Uuid::from_u128(5)),
            topic: crate::ids::TopicName::new("orders"),
            partition: 2,
            current_leader_epoch: crate::ids::LeaderEpoch(3),
            fetch_offset: 42,
            last_fetched_epoch: crate::ids::LeaderEpoch::NONE,
            log_start_offset: -1,
            max_bytes: 1 << 16,
            replica_directory_id: crate::ids::DirectoryId::UNASSIGNED,
            high_watermark: None,
        }],
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

#[test]
fn fetch_12_names_topics_and_13_gives_their_ids() {
    let read = |version| {
        let message = encode_request(one_fetch().into(), version, 1, Name::from("c"));
        let Ok(Request::Fetch(body)) = decode_request(&message) else { panic!("not a fetch request") };
        (body.by_name, body.partitions[0].topic.to_string(), body.partitions[0].topic_id)
    };
    assert_eq!(read(12), (true, "orders".to_owned(), crate::ids::TopicId::ZERO));
    assert_eq!(read(13), (false, String::new(), crate::ids::TopicId(uuid::Uuid::from_u128(5))));
}

#[test]
fn a_fetch_request_of_an_old_consumer_has_kafkas_bytes() {
    let bytes = encode_request(one_fetch().into(), 4, 258, Name::from("c")).to_bytes();
    let mut expected = Vec::new();
    expected.extend([0, 1, 0, 4]); // API key 1, version 4
    expected.extend([0, 0, 1, 2]); // correlation id 258
    expected.extend([0, 1, b'c']); // client id; header version 1 has no tagged fields
    expected.extend([0xff; 4]); // replica −1: a consumer
    expected.extend(500i32.to_be_bytes()); // max wait
    expected.extend(1i32.to_be_bytes()); // min bytes
    expected.extend((1i32 << 20).to_be_bytes()); // max bytes
    expected.push(1); // read_committed
    expected.extend(1i32.to_be_bytes()); // one topic
    expected.extend(b"\0\x06orders");
    expected.extend(1i32.to_be_bytes()); // one partition
    expected.extend(2i32.to_be_bytes()); // index 2
    expected.extend(42i64.to_be_bytes()); // offset
    expected.extend((1i32 << 16).to_be_bytes()); // max bytes of the partition
    assert_eq!(bytes, expected);
}

#[test]
fn versions_that_kafka_has_removed_are_refused() {
    let mut message = encode_request(one_fetch().into(), 4, 1, Name::from("c"));
    message.version = 3;
    let refusal = WireError::UnsupportedVersion { api: Api::Fetch, version: 3 };
    assert_eq!(decode_request(&message), Err(refusal));
    assert!(spoken(Api::Fetch).contains(4) && !spoken(Api::Fetch).contains(19));
}

#[test]
fn a_produce_request_has_kafkas_bytes() {
    let bytes = encode_request(one_batch().into(), 13, 258, Name::from("p")).to_bytes();
    let mut expected = Vec::new();
    expected.extend([0, 0, 0, 13]); // API key 0, version 13
    expected.extend([0, 0, 1, 2]); // correlation id 258
    expected.extend([0, 1, b'p']); // client id; never compact, so that any version can read it
    expected.push(0); // no tagged fields in header version 2
    expected.push(0); // no transactional id
    expected.extend([0xff, 0xff]); // acks −1
    expected.extend([0, 0, 0x75, 0x30]); // 30 s
    expected.push(2); // one topic, counted from 1
    expected.extend(5u128.to_be_bytes());
    expected.push(2); // one partition
    expected.extend([0, 0, 0, 2]); // index 2
    expected.extend(b"\x06batch"); // 5 bytes of records
    expected.extend([0, 0, 0]); // no tagged fields in partition, topic, request
    assert_eq!(bytes, expected);
}

#[test]
fn odd_values_are_refused_by_name() {
    let mut message = encode_request(one_batch().into(), 13, 1, Name::from("p"));
    let Body::Request(RequestBody::Wire(body)) = &mut message.body else { panic!("not a request in Kafka's types") };
    let RequestKind::Produce(body) = &mut **body else { panic!("not a produce request") };
    body.acks = 7;
    assert_eq!(decode_request(&message), Err(WireError::Value { field: "acks", value: "7".to_owned() }));
}

#[test]
fn an_error_of_the_whole_quorum_request_names_no_leader() {
    let response = VoteResponse {
        error: ErrorCode::InconsistentClusterId,
        leader: crate::ids::NodeId(1),
        epoch: crate::ids::LeaderEpoch(4),
        vote_granted: false,
        leader_endpoint: None,
    };
    let Ok(Response::Vote(read)) = decode_response(&encode_response(response.into(), 2, 1)) else {
        panic!("not a vote response")
    };
    assert_eq!(read.error, ErrorCode::InconsistentClusterId);
    assert_eq!((read.leader, read.epoch), (crate::ids::NodeId::NONE, crate::ids::LeaderEpoch::NONE));
}
