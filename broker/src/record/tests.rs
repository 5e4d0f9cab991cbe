//! Batches against numbers from Kafka and against another implementation of the format.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId};

fn example() -> Bytes {
    BatchBuilder::new(0)
        .leader_epoch(LeaderEpoch(0))
        .producer(ProducerId(0), ProducerEpoch(0), 0)
        .append(1_662_649_069_768, Some(b"1"), Some(b"hello"), &[])
        .build()
}

#[test]
fn batch_of_kafkas_dump_tool_is_reproduced_byte_for_byte() {
    let bytes = example();
    assert_eq!(bytes.len(), 74);
    let batch = BatchView::parse(&bytes).expect("a whole batch");
    assert_eq!(batch.checksum(), 3_775_885_203);
    assert!(batch.is_valid());
    let records = batch.records().expect("well formed");
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].offset, records[0].timestamp), (0, 1_662_649_069_768));
    assert_eq!(records[0].key.as_deref(), Some(&b"1"[..]));
    assert_eq!(records[0].value.as_deref(), Some(&b"hello"[..]));
}

/// `Crc32CTest`.
#[test]
fn checksum_is_crc_32c() {
    assert_eq!(crc32c::crc32c(b"Some String"), 608_512_271);
}

#[test]
fn stamping_leaves_the_checksum_alone_unless_a_timestamp_changes() {
    let bytes = example();
    let batch = BatchView::parse(&bytes).expect("whole");
    let stamped = BatchView::parse(&stamp(&batch, 41, LeaderEpoch(7), batch.max_timestamp())).expect("whole");
    assert_eq!((stamped.base_offset(), stamped.leader_epoch()), (41, LeaderEpoch(7)));
    assert_eq!(stamped.checksum(), batch.checksum());
    assert!(stamped.is_valid());
    let other = BatchView::parse(&stamp(&batch, 41, LeaderEpoch(7), 5)).expect("whole");
    assert!(other.is_valid() && other.checksum() != batch.checksum());
}

#[test]
fn one_flipped_bit_behind_the_header_breaks_the_checksum() {
    let bytes = example();
    for position in 21..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[position] ^= 0x10;
        let batch = BatchView::parse(&Bytes::from(damaged)).expect("length and magic are whole");
        assert!(!batch.is_valid(), "bit flip at {position} went unnoticed");
    }
}

#[test]
fn partial_batch_ends_a_concatenation_and_a_malformed_one_is_an_error_once() {
    let one = example();
    let mut cut = one.to_vec();
    cut.extend_from_slice(&one[..40]);
    let found: Vec<_> = batches(&Bytes::from(cut)).collect();
    assert_eq!(found.len(), 1);
    let mut malformed = one.to_vec();
    malformed.extend_from_slice(&[0; 61]);
    let found: Vec<_> = batches(&Bytes::from(malformed)).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], Err(RecordError::InvalidSize(0)));
}

#[test]
fn what_a_scan_peeks_at_is_what_the_whole_header_says_also_where_it_is_wrong() {
    let whole = example();
    let peeked = |bytes: &[u8]| {
        let parsed = BatchHeader::parse(bytes).map(|header| (header.last_offset(), header.size));
        assert_eq!(BatchHeader::peek(bytes), parsed, "{bytes:?}");
        parsed.is_ok()
    };
    assert!(peeked(&whole));
    for length in 0..whole.len() {
        assert_eq!(peeked(&whole[..length]), length >= HEADER_SIZE);
    }
    let mut refused = 0;
    for (position, bit) in (0..HEADER_SIZE).flat_map(|position| (0..8).map(move |bit| (position, bit))) {
        let mut damaged = whole.to_vec();
        damaged[position] ^= 1 << bit;
        refused += usize::from(!peeked(&damaged));
    }
    assert!(refused > 8, "every bit of the magic number, and some of the length");
}

#[test]
fn sequences_wrap_within_the_non_negative_numbers() {
    assert_eq!(add_to_sequence(i32::MAX, 1), 0);
    assert_eq!(subtract_from_sequence(0, 1), i32::MAX);
    let batch = BatchBuilder::new(0).producer(ProducerId(1), ProducerEpoch(0), i32::MAX);
    let bytes = batch.append(0, None, None, &[]).append(0, None, None, &[]).build();
    assert_eq!(BatchView::parse(&bytes).expect("whole").last_sequence(), 0);
}

#[test]
fn client_batches_with_contradicting_numbers_are_refused() {
    let good = BatchBuilder::new(0).append(10, None, Some(b"a"), &[]).append(9, None, Some(b"b"), &[]);
    let bytes = good.clone().build();
    let view = |bytes: Bytes| BatchView::parse(&bytes).expect("whole");
    assert_eq!(validate_client_batch(&view(bytes.clone()), 10), Ok(10));
    assert_eq!(validate_client_batch(&view(bytes.clone()), 9), Err(BatchProblem::InvalidTimestamp));
    let mut count = bytes.to_vec();
    count[60] = 3;
    assert_eq!(validate_client_batch(&view(Bytes::from(count)), 10), Err(BatchProblem::InvalidOffsets));
    let mut gap = BatchBuilder::new(0);
    gap.push_at(1, 0, None, None, &[]);
    assert_eq!(validate_client_batch(&view(gap.build()), 10), Err(BatchProblem::InvalidOffsets));
    let control = BatchBuilder::new(0).append_control(0, ControlType::Abort, &[0; 6]).build();
    assert_eq!(validate_client_batch(&view(control), 10), Err(BatchProblem::ControlFromClient));
    let untimed = BatchBuilder::new(0).append(NO_TIMESTAMP, None, None, &[]).build();
    assert_eq!(validate_client_batch(&view(untimed), i64::MIN), Ok(NO_TIMESTAMP));
}

#[test]
fn control_record_values_survive_a_round_trip() {
    use crate::ids::{DirectoryId, Endpoint, NodeId};
    use crate::message::ReplicaKey;
    use uuid::Uuid;

    let key = |id: i32| ReplicaKey { id: NodeId(id), directory_id: DirectoryId(Uuid::from_u128(id as u128 + 77)) };
    let change = LeaderChange { leader: NodeId(2), voters: vec![key(1), key(2)], granting_voters: vec![key(2)] };
    assert_eq!(LeaderChange::decode(&change.encode()), Ok(change));
    let voters = vec![VoterRecord {
        key: key(3),
        endpoints: vec![("CONTROLLER".into(), Endpoint::new("c3", 9093))],
        min_supported_version: 0,
        max_supported_version: 1,
    }];
    assert_eq!(decode_voters(&encode_voters(&voters)), Ok(voters));
    assert_eq!(decode_snapshot_header(&snapshot_header(99)), Ok(99));
    assert_eq!(decode_kraft_version(&kraft_version(1)), Ok(1));
    let marker = EndTransactionMarker { commit: false, coordinator_epoch: 5 };
    let batch = BatchBuilder::new(3).transactional(true).producer(ProducerId(1), ProducerEpoch(0), NO_SEQUENCE);
    let bytes = batch.append_control(12, marker.control_type(), &marker.value()).build();
    assert_eq!(BatchView::parse(&bytes).expect("whole").end_transaction_marker(), Some((marker, 12)));
}

/// The same records, written by the `kafka-protocol` crate's own codec.
fn foreign(records: &[Record]) -> Bytes {
    use kafka_protocol::records as foreign;
    let records: Vec<foreign::Record> = records
        .iter()
        .map(|record| foreign::Record {
            transactional: false,
            control: false,
            partition_leader_epoch: 3,
            producer_id: 9,
            producer_epoch: 2,
            delete_horizon: false,
            timestamp_type: foreign::TimestampType::Creation,
            offset: record.offset,
            sequence: 40 + record.offset_delta,
            timestamp: record.timestamp,
            key: record.key.clone(),
            value: record.value.clone(),
            headers: record
                .headers
                .iter()
                .map(|header| {
                    let key = String::from_utf8(header.key.to_vec()).expect("ASCII");
                    (kafka_protocol::protocol::StrBytes::from_string(key), header.value.clone())
                })
                .collect(),
        })
        .collect();
    let mut out = bytes::BytesMut::new();
    let options = foreign::RecordEncodeOptions { version: 2, compression: foreign::Compression::None };
    foreign::RecordBatchEncoder::encode(&mut out, &records, &options).expect("encodable");
    out.freeze()
}

fn build(records: &[Record], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(records[0].offset)
        .leader_epoch(LeaderEpoch(3))
        .producer(ProducerId(9), ProducerEpoch(2), 40)
        .compression(compression);
    for record in records {
        builder.push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
    }
    builder.build()
}

fn some_records() -> impl Strategy<Value = Vec<Record>> {
    let payload = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from));
    let header = ("[a-z]{1,8}", payload()).prop_map(|(key, value)| Header { key: Bytes::from(key), value });
    // Header names are distinct in the other codec: it keeps them in a map.
    let record = (0_i64..1 << 40, payload(), payload(), proptest::option::of(header));
    (0_i64..1 << 40, proptest::collection::vec(record, 1..20)).prop_map(|(base, records)| {
        let mut made = Vec::new();
        for (index, (timestamp, key, value, header)) in records.into_iter().enumerate() {
            let (offset, offset_delta) = (base + index as i64, index as i32);
            made.push(Record { offset, offset_delta, timestamp, key, value, headers: header.into_iter().collect() });
        }
        made
    })
}

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_is_built_is_read_back_with_every_codec(records in some_records()) {
        for codec in CODECS {
            let bytes = build(&records, codec);
            let batch = BatchView::parse(&bytes).expect("whole");
            prop_assert!(batch.is_valid());
            prop_assert_eq!(batch.compression(), Ok(codec));
            prop_assert_eq!(&batch.records().expect("well formed"), &records);
            prop_assert_eq!(batch.last_sequence(), 40 + records.len() as i32 - 1);
        }
    }

    /// The other codec counts timestamps from the smallest, Kafka's from the first: they agree when the first is smallest.
    #[test]
    fn another_implementation_writes_the_same_bytes(mut records in some_records()) {
        let smallest = records.iter().map(|record| record.timestamp).min().unwrap_or(0);
        records[0].timestamp = smallest;
        prop_assert_eq!(build(&records, Compression::None), foreign(&records));
    }

    #[test]
    fn another_implementation_reads_what_is_built(records in some_records()) {
        let mut bytes = build(&records, Compression::None);
        let read = kafka_protocol::records::RecordBatchDecoder::decode(&mut bytes).expect("decodable");
        prop_assert_eq!(read.records.len(), records.len());
        for (theirs, ours) in read.records.iter().zip(&records) {
            prop_assert_eq!((theirs.offset, theirs.timestamp), (ours.offset, ours.timestamp));
            prop_assert_eq!((&theirs.key, &theirs.value), (&ours.key, &ours.value));
        }
    }

    #[test]
    fn damaged_bytes_are_refused_without_panicking(
        records in some_records(), codec in 0_usize..5, damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8), cut in any::<u16>(),
    ) {
        let mut bytes = build(&records, CODECS[codec]).to_vec();
        for (position, value) in damage {
            let position = usize::from(position) % bytes.len();
            bytes[position] = value;
        }
        bytes.truncate(usize::from(cut) % (bytes.len() + 1));
        for batch in batches(&Bytes::from(bytes)).flatten() {
            let _ = (batch.is_valid(), batch.records(), batch.control_type(), batch.end_transaction_marker());
            let _ = validate_client_batch(&batch, 0);
        }
    }
}
