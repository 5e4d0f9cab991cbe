//! The groups of settings, each with Kafka 4.1's names, defaults and ranges.

use std::sync::Arc;
use std::time::Duration;

use super::{
    CleanupPolicy, ConfigError, Properties, Ratio, ReplicaSelector, SettingDefinition, parsed, read, settings,
};
use crate::time::TimestampType;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const I32_MAX: i64 = i32::MAX as i64;
pub(super) const MIB: i32 = 1024 * 1024;

settings! {
    /// How partitions replicate: the leader's and the follower's side.
    ReplicationSettings {
        /// A follower that has not caught up for this long falls out of the ISR; checked every half of it.
        replica_lag_time_max: Duration = "replica.lag.time.max.ms", ms(30_000), 0 => i64::MAX;
        /// How long a leader parks a follower's fetch.
        replica_fetch_wait_max: Duration = "replica.fetch.wait.max.ms", ms(500), 0 => I32_MAX;
        /// How many bytes complete a parked follower fetch.
        replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes", 1, 0 => I32_MAX;
        /// The most bytes of one partition in a follower fetch.
        replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes", MIB, 0 => I32_MAX;
        /// The most bytes of one follower fetch.
        replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes", 10 * MIB, 0 => I32_MAX;
        /// How long a follower waits after an error before it fetches again.
        replica_fetch_backoff: Duration = "replica.fetch.backoff.ms", ms(1_000), 0 => I32_MAX;
        /// A follower fetch without an answer for this long breaks its connection.
        replica_socket_timeout: Duration = "replica.socket.timeout.ms", ms(30_000), 0 => I32_MAX;
        /// How often high watermarks are written to their checkpoint.
        high_watermark_checkpoint_interval: Duration = "replica.high.watermark.checkpoint.interval.ms", ms(5_000), 0 => i64::MAX;
        /// How many fetch sessions a broker keeps.
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots", 1_000, 0 => I32_MAX;
        /// From which replica consumers that name their rack are told to read.
        replica_selector: ReplicaSelector = "replica.selector.class", ReplicaSelector::Leader, 0 => 1;
        /// The most bytes that a broker answers a fetch with.
        fetch_max_bytes: i32 = "fetch.max.bytes", 55 * MIB, 1024 => I32_MAX;
    }
}

settings! {
    /// A partition's log. Topics override these one by one.
    LogSettings {
        /// The size at which a segment is closed.
        segment_bytes: i32 = "segment.bytes", 1024 * MIB, 1_048_576 => I32_MAX;
        /// Kafka's test-only override of `segment.bytes`, without its lower bound; 0 for none.
        internal_segment_bytes: i32 = "internal.segment.bytes", 0, 0 => I32_MAX;
        /// The age at which a segment is closed.
        segment_age: Duration = "segment.ms", ms(604_800_000), 1 => i64::MAX;
        /// The size of an offset or time index.
        segment_index_bytes: i32 = "segment.index.bytes", 10 * MIB, 4 => I32_MAX;
        /// An index entry is written after this many bytes.
        index_interval_bytes: i32 = "index.interval.bytes", 4_096, 0 => I32_MAX;
        /// Segments whose newest record is older than this are deleted; -1 keeps them.
        retention: Option<Duration> = "retention.ms", Some(ms(604_800_000)), -1 => i64::MAX;
        /// The oldest segments are deleted while the log is larger than this; -1 keeps them.
        retention_bytes: i64 = "retention.bytes", -1, -1 => i64::MAX;
        /// How many in-sync replicas acks=all, and the high watermark, ask for.
        min_insync_replicas: i32 = "min.insync.replicas", 1, 1 => I32_MAX;
        /// Whether a replica outside ISR and ELR may lead when no other can.
        unclean_leader_election: bool = "unclean.leader.election.enable", false, 0 => 1;
        /// The largest batch that a leader accepts.
        max_message_bytes: i32 = "max.message.bytes", 1_048_588, 0 => I32_MAX;
        /// How far in the future a record's timestamp may lie.
        message_timestamp_after_max: Duration = "message.timestamp.after.max.ms", ms(3_600_000), 0 => i64::MAX;
        /// Whose clock a batch's timestamps come from: CreateTime or LogAppendTime.
        message_timestamp_type: TimestampType = "message.timestamp.type", TimestampType::CreateTime, 0 => 1;
        /// A log is synced as soon as so many records are not: Kafka's default never asks for it.
        flush_messages: i64 = "flush.messages", i64::MAX, 1 => i64::MAX;
        /// What becomes of old records: delete, compact, or both.
        cleanup_policy: CleanupPolicy = "cleanup.policy", CleanupPolicy::DELETE, 0 => 0;
        /// A log is compacted when this part of it is dirty.
        min_cleanable_dirty_ratio: Ratio = "min.cleanable.dirty.ratio", Ratio(500_000), 0 => 1;
        /// A record is not compacted before it is so old.
        min_compaction_lag: Duration = "min.compaction.lag.ms", ms(0), 0 => i64::MAX;
        /// A log with a dirty record older than this is compacted, whatever the ratio.
        max_compaction_lag: Duration = "max.compaction.lag.ms", ms(i64::MAX as u64), 1 => i64::MAX;
        /// How long after the first pass that saw it a tombstone or a transaction marker stays.
        delete_retention: Duration = "delete.retention.ms", ms(86_400_000), 0 => i64::MAX;
        /// How long a removed file waits under its `.deleted` name.
        file_delete_delay: Duration = "file.delete.delay.ms", ms(60_000), 0 => i64::MAX;
    }
}

settings! {
    /// What a broker does with its logs in the background.
    LogManagerSettings {
        /// How many log directories the broker has. Trial's own setting: Kafka lists paths in `log.dirs`.
        log_directories: i32 = "trial.log.dirs", 1, 1 => 8;
        /// How often retention looks for segments to delete.
        retention_check_interval: Duration = "log.retention.check.interval.ms", ms(300_000), 1 => i64::MAX;
        /// How often recovery points are written to their checkpoint.
        recovery_point_checkpoint_interval: Duration = "log.flush.offset.checkpoint.interval.ms", ms(60_000), 0 => I32_MAX;
        /// How often log start offsets are written to their checkpoint.
        log_start_checkpoint_interval: Duration = "log.flush.start.offset.checkpoint.interval.ms", ms(60_000), 0 => I32_MAX;
        /// When the background tasks of a started broker first run.
        initial_task_delay: Duration = "log.initial.task.delay.ms", ms(30_000), 0 => i64::MAX;
        /// Whether compacted topics are compacted.
        cleaner_enable: bool = "log.cleaner.enable", true, 0 => 1;
        /// How long the cleaner waits when it has found nothing to do.
        cleaner_backoff: Duration = "log.cleaner.backoff.ms", ms(15_000), 0 => i64::MAX;
        /// The memory for the map from keys to offsets, at 24 bytes a key.
        ///
        /// Simplified: Kafka wants more than 1 MiB, which no scenario fills. Here it must hold a few keys.
        cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size", 128 * 1024 * 1024, 100 => i64::MAX;
        /// How full the map may become.
        cleaner_load_factor: Ratio = "log.cleaner.io.buffer.load.factor", Ratio(900_000), 0 => 1;
        /// The memory for reading and writing: the cleaner reads half of it at once.
        cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size", 512 * 1024, 0 => I32_MAX;
        /// How long a producer's sequence numbers are remembered.
        producer_id_expiration: Duration = "producer.id.expiration.ms", ms(86_400_000), 1 => I32_MAX;
        /// How often producers are looked for that are not remembered any longer.
        producer_id_expiration_check_interval: Duration = "producer.id.expiration.check.interval.ms", ms(600_000), 1 => I32_MAX;
        /// How many partitions a topic has when nobody says.
        num_partitions: i32 = "num.partitions", 1, 1 => I32_MAX;
        /// How many replicas a partition has when nobody says.
        default_replication_factor: i32 = "default.replication.factor", 1, 1 => 32_767;
    }
}

settings! {
    /// The metadata quorum (KRaft).
    RaftSettings {
        /// A voter without a leader stands for election after once to twice this. Kafka takes 0 too, and then fails at
        /// its start: it draws a number below it.
        election_timeout: Duration = "controller.quorum.election.timeout.ms", ms(1_000), 1 => I32_MAX;
        /// A follower without a successful fetch for this long looks for another leader. Kafka takes 0 too: then no
        /// follower stays one.
        fetch_timeout: Duration = "controller.quorum.fetch.timeout.ms", ms(2_000), 1 => I32_MAX;
        /// The longest wait after a leader's resignation.
        election_backoff_max: Duration = "controller.quorum.election.backoff.max.ms", ms(1_000), 0 => I32_MAX;
        /// How long a leader gathers records before it writes them.
        append_linger: Duration = "controller.quorum.append.linger.ms", ms(25), 0 => I32_MAX;
        /// A quorum request without an answer for this long has failed.
        request_timeout: Duration = "controller.quorum.request.timeout.ms", ms(2_000), 0 => I32_MAX;
        /// How long to wait before a failed quorum request is sent again.
        retry_backoff: Duration = "controller.quorum.retry.backoff.ms", ms(20), 0 => I32_MAX;
        /// How often an idle controller writes a no-op record.
        max_idle_interval: Duration = "metadata.max.idle.interval.ms", ms(500), 0 => I32_MAX;
        /// A snapshot is taken after this many bytes of new records.
        snapshot_max_new_record_bytes: i64 = "metadata.log.max.record.bytes.between.snapshots", 20 * 1024 * 1024, 1 => i64::MAX;
        /// A snapshot is taken after this long, if anything is new.
        snapshot_interval: Duration = "metadata.log.max.snapshot.interval.ms", ms(3_600_000), 0 => i64::MAX;
        /// The size at which a metadata segment is closed.
        log_segment_bytes: i32 = "metadata.log.segment.bytes", 1024 * MIB, 8 * 1024 * 1024 => I32_MAX;
        /// The age at which a metadata segment is closed.
        log_segment_age: Duration = "metadata.log.segment.ms", ms(604_800_000), 1 => i64::MAX;
        /// Kafka's test-only override of `metadata.log.segment.bytes`; 0 for none.
        internal_log_segment_bytes: i32 = "internal.metadata.log.segment.bytes", 0, 0 => I32_MAX;
        /// The most bytes in one batch of metadata records.
        internal_max_batch_size: i32 = "internal.metadata.max.batch.size.in.bytes", 8 * MIB, 1 => I32_MAX;
        /// The most bytes that a quorum fetch answers with.
        internal_max_fetch_size: i32 = "internal.metadata.max.fetch.size.in.bytes", 8 * MIB, 1 => I32_MAX;
        /// Old snapshots and segments are deleted beyond this size; -1 keeps them.
        metadata_max_retention_bytes: i64 = "metadata.max.retention.bytes", 100 * 1024 * 1024, -1 => i64::MAX;
        /// Old snapshots and segments are deleted beyond this age; -1 keeps them.
        metadata_max_retention: Option<Duration> = "metadata.max.retention.ms", Some(ms(604_800_000)), -1 => i64::MAX;
    }
}

settings! {
    /// A broker's life as the controller sees it, and the controller's periodic tasks.
    ControllerSettings {
        /// How often a broker says that it lives.
        broker_heartbeat_interval: Duration = "broker.heartbeat.interval.ms", ms(2_000), 1 => I32_MAX;
        /// A broker silent for longer than this is fenced; checked every eighth of it.
        broker_session_timeout: Duration = "broker.session.timeout.ms", ms(9_000), 1 => I32_MAX;
        /// A broker that cannot register for this long gives up.
        initial_broker_registration_timeout: Duration = "initial.broker.registration.timeout.ms", ms(60_000), 1 => I32_MAX;
        /// Whether a stopping broker hands its leaderships over first.
        controlled_shutdown_enable: bool = "controlled.shutdown.enable", true, 0 => 1;
        /// A failed log directory that the controller does not acknowledge for this long stops the broker.
        log_dir_failure_timeout: Duration = "log.dir.failure.timeout.ms", ms(30_000), 1 => i64::MAX;
        /// Whether leadership returns to the preferred replica by itself.
        auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable", true, 0 => 1;
        /// How often the controller looks for leaderships to return. In seconds, as the name says, unlike its neighbours.
        leader_imbalance_check_seconds: i64 = "leader.imbalance.check.interval.seconds", 300, 1 => I32_MAX;
        /// How often the controller looks for partitions that need an unclean election.
        unclean_leader_election_interval: Duration = "unclean.leader.election.interval.ms", ms(300_000), 1 => i64::MAX;
        /// A broker's request to another node without an answer for this long has failed.
        request_timeout: Duration = "request.timeout.ms", ms(30_000), 0 => I32_MAX;
    }
}

settings! {
    /// A producer's batching, retries and promises.
    ProducerSettings {
        /// Whether the broker recognises duplicates; off by itself for acks 0 and 1 and for retries 0.
        enable_idempotence: bool = "enable.idempotence", true, 0 => 1;
        /// How many unanswered requests a connection may carry.
        max_in_flight: i32 = "max.in.flight.requests.per.connection", 5, 1 => I32_MAX;
        /// How often a batch is sent again.
        retries: i32 = "retries", i32::MAX, 0 => I32_MAX;
        /// How long a batch waits for company.
        linger: Duration = "linger.ms", ms(5), 0 => i64::MAX;
        /// The size at which a batch is sent without waiting.
        batch_size: i32 = "batch.size", 16_384, 0 => I32_MAX;
        /// The largest request.
        max_request_size: i32 = "max.request.size", MIB, 0 => I32_MAX;
        /// How much may wait to be sent.
        buffer_memory: i64 = "buffer.memory", 32 * 1024 * 1024, 0 => i64::MAX;
        /// A request without an answer for this long breaks its connection.
        request_timeout: Duration = "request.timeout.ms", ms(30_000), 0 => I32_MAX;
        /// How long after `send` its outcome is known at the latest.
        delivery_timeout: Duration = "delivery.timeout.ms", ms(120_000), 0 => I32_MAX;
        /// How long `send` waits for metadata or buffer space.
        max_block: Duration = "max.block.ms", ms(60_000), 0 => i64::MAX;
        /// The first wait before a retry; doubles, ±20 %.
        retry_backoff: Duration = "retry.backoff.ms", ms(100), 0 => i64::MAX;
        /// The longest wait before a retry.
        retry_backoff_max: Duration = "retry.backoff.max.ms", ms(1_000), 0 => i64::MAX;
        /// The first wait before a reconnect; doubles, ±20 %.
        reconnect_backoff: Duration = "reconnect.backoff.ms", ms(50), 0 => i64::MAX;
        /// The longest wait before a reconnect.
        reconnect_backoff_max: Duration = "reconnect.backoff.max.ms", ms(1_000), 0 => i64::MAX;
        /// Metadata older than this is refreshed.
        metadata_max_age: Duration = "metadata.max.age.ms", ms(300_000), 0 => i64::MAX;
        /// After how long without metadata the client starts again from its bootstrap servers.
        metadata_recovery_rebootstrap_trigger: Duration = "metadata.recovery.rebootstrap.trigger.ms", ms(300_000), 0 => i64::MAX;
        /// Whether retries and reconnects are spread by ±20 %. Trial's own setting: Kafka always spreads.
        backoff_jitter: bool = "trial.backoff.jitter", true, 0 => 1;
    }
}

settings! {
    /// A consumer's fetching and positions.
    ConsumerSettings {
        /// How many bytes are worth answering at once.
        fetch_min_bytes: i32 = "fetch.min.bytes", 1, 0 => I32_MAX;
        /// How long a broker parks a fetch.
        fetch_max_wait: Duration = "fetch.max.wait.ms", ms(500), 0 => I32_MAX;
        /// The most bytes of one fetch.
        fetch_max_bytes: i32 = "fetch.max.bytes", 50 * MIB, 0 => I32_MAX;
        /// The most bytes of one partition.
        max_partition_fetch_bytes: i32 = "max.partition.fetch.bytes", MIB, 0 => I32_MAX;
        /// The most records that one poll returns.
        max_poll_records: i32 = "max.poll.records", 500, 1 => I32_MAX;
        /// A request without an answer for this long breaks its connection.
        request_timeout: Duration = "request.timeout.ms", ms(30_000), 0 => I32_MAX;
        /// The first wait before a retry; doubles, ±20 %.
        retry_backoff: Duration = "retry.backoff.ms", ms(100), 0 => i64::MAX;
        /// The longest wait before a retry.
        retry_backoff_max: Duration = "retry.backoff.max.ms", ms(1_000), 0 => i64::MAX;
        /// The first wait before a reconnect; doubles, ±20 %.
        reconnect_backoff: Duration = "reconnect.backoff.ms", ms(50), 0 => i64::MAX;
        /// The longest wait before a reconnect.
        reconnect_backoff_max: Duration = "reconnect.backoff.max.ms", ms(1_000), 0 => i64::MAX;
        /// Metadata older than this is refreshed.
        metadata_max_age: Duration = "metadata.max.age.ms", ms(300_000), 0 => i64::MAX;
        /// Where it stands: a leader may tell it to read from a replica there.
        client_rack: Option<Arc<str>> = "client.rack", None, 0 => 0;
        /// Whether each batch's checksum is verified.
        check_crcs: bool = "check.crcs", true, 0 => 1;
        /// Whether retries and reconnects are spread by ±20 %. Trial's own setting: Kafka always spreads.
        backoff_jitter: bool = "trial.backoff.jitter", true, 0 => 1;
    }
}
