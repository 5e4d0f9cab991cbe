//! The cluster of a seed: how many machines, how they are set, which topics they hold.
//!
//! Settings stay within what Kafka allows and what an operator might choose, but lean
//! towards the short end: in half a minute of virtual time sessions must lapse, segments
//! must roll, snapshots must be taken. Some settings are left at Kafka's defaults in most
//! seeds, so that the common case is explored too.

use super::Profile;
use super::beside;
use super::draw::{Aspect, Draw};
use super::groups;
use super::text::{ids, set, spanned};
use crate::scenario::Seed;
use crate::scenario::format::{Cluster, File, Latency, Settings, Span, Spanned, Topic};

/// What the rest of the generator needs to know of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The ids of the brokers, or of the combined processes.
    pub(super) brokers: Vec<i32>,
    /// The ids of controllers of their own; none in a combined cluster.
    pub(super) controllers: Vec<i32>,
    /// The topics of time zero.
    pub(super) topics: Vec<TopicShape>,
    /// Whether eligible leader replicas are kept.
    pub(super) elr: bool,
    /// `broker.session.timeout.ms`, in microseconds: how long the controller believes in a dead broker.
    pub(super) session_micros: u64,
    /// `replica.lag.time.max.ms`, in microseconds: how long a leader believes in a follower that does not keep up.
    pub(super) lag_micros: u64,
    /// How long faults go on.
    pub(super) duration: Span,
    /// How long a message usually takes.
    pub(super) latency: Latency,
    /// Whether the run is long enough for metadata logs to be cleaned, and their snapshots come fast.
    pub(super) cleans_metadata: bool,
    /// `min.insync.replicas` of the offsets topic; none without groups.
    pub(super) min_isr_of_offsets: Option<u64>,
}

/// One topic.
#[derive(Clone, Debug)]
pub(super) struct TopicShape {
    pub(super) name: String,
    /// The brokers of each partition, the preferred leader first.
    pub(super) replicas: Vec<Vec<i32>>,
    /// `min.insync.replicas`.
    pub(super) min_isr: u64,
    /// `unclean.leader.election.enable`.
    pub(super) is_unclean: bool,
    /// Whether only the last record of each key is kept for ever: then each record has a key.
    pub(super) is_compacted: bool,
}

impl Shape {
    /// The names of all partitions: "orders-0".
    pub(super) fn partitions(&self) -> Vec<String> {
        let of = |topic: &TopicShape| {
            (0..topic.replicas.len()).map(|index| format!("{}-{index}", topic.name)).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of).collect()
    }

    /// Whether brokers are controllers too.
    pub(super) fn is_combined(&self) -> bool {
        self.controllers.is_empty()
    }

    /// The names of all machines of the cluster.
    pub(super) fn machines(&self) -> Vec<String> {
        let brokers = self.brokers.iter().map(|id| format!("b{id}"));
        brokers.chain(self.controllers.iter().map(|id| format!("c{}", id - 100))).collect()
    }

    /// How many machines may be without what they had not synced, at one time: one less than the smallest
    /// `min.insync.replicas` with eligible leader replicas (KIP-966), none without them.
    pub(super) fn loss_budget(&self) -> usize {
        let smallest = self.topics.iter().map(|topic| topic.min_isr).chain(self.min_isr_of_offsets).min().unwrap_or(1);
        if self.elr { smallest.saturating_sub(1) as usize } else { 0 }
    }
}

/// Kafka's `broker.session.timeout.ms` where nobody says otherwise.
const DEFAULT_SESSION_MS: u64 = 9_000;

/// Kafka's `replica.lag.time.max.ms` where nobody says otherwise.
const DEFAULT_LAG_MS: u64 = 30_000;

impl Shape {
    /// The shape of a cluster that somebody has written down. Topics list their replicas.
    pub(super) fn of(file: &File, duration: Span) -> Shape {
        let cluster = &file.cluster.value;
        let ids = |count: &Option<Spanned<u32>>, first: i32| {
            let count = count.as_ref().map_or(0, |count| count.value as i32);
            (first..first + count).collect::<Vec<i32>>()
        };
        let number = |settings: &Settings, name: &str| settings.get(name).and_then(|value| value.0.parse().ok());
        let topic = |topic: &Topic| {
            let lists = topic.replicas.iter().flat_map(|lists| &lists.value);
            let replicas = lists.map(|list| list.value.iter().map(|id| id.value).collect()).collect();
            let said = number(&topic.config, "min.insync.replicas");
            let min_isr = said.or_else(|| number(&cluster.config, "min.insync.replicas")).unwrap_or(1);
            let unclean = topic.config.get("unclean.leader.election.enable");
            let is_unclean = unclean.is_some_and(|value| value.0 == "true");
            let policy = topic.config.get("cleanup.policy");
            let is_compacted = policy.is_some_and(|value| value.0.contains("compact"));
            TopicShape { name: topic.name.value.clone(), replicas, min_isr, is_unclean, is_compacted }
        };
        let session_ms = number(&cluster.config, "broker.session.timeout.ms").unwrap_or(DEFAULT_SESSION_MS);
        Shape {
            brokers: [ids(&cluster.brokers, 1), ids(&cluster.combined, 1)].concat(),
            controllers: ids(&cluster.controllers, 101),
            topics: file.topics.iter().map(topic).collect(),
            elr: cluster.elr != Some(false),
            session_micros: session_ms * 1000,
            lag_micros: number(&cluster.config, "replica.lag.time.max.ms").unwrap_or(DEFAULT_LAG_MS) * 1000,
            duration,
            latency: cluster.latency.as_ref().map_or(DEFAULT_LATENCY, |latency| latency.value.clone()),
            cleans_metadata: false,
            min_isr_of_offsets: None,
        }
    }
}

/// How long a message takes where nobody says otherwise.
const DEFAULT_LATENCY: Latency = Latency::Constant(Span::from_millis(1));

/// Draws a cluster and its topics.
pub(super) fn draw_cluster(profile: Profile, seed: Seed) -> (Shape, Cluster, Vec<Topic>) {
    let mut draw = Draw::new(seed, Aspect::Topology, 0);
    let (brokers, controllers) = machines(profile, &mut draw);
    let brokers = brokers.max(beside::needed_brokers(profile, seed));
    let combined = controllers == 0;
    let elr = !draw.percent(15) || beside::loses_power(profile, seed);
    let cleans_metadata = cleans_metadata(profile, seed);
    let duration = match profile {
        _ if cleans_metadata => Span::from_millis(draw.between(64_000, 72_000) as i64),
        Profile::Lite => Span::from_millis(draw.between(8_000, 15_000) as i64),
        Profile::Replication => Span::from_millis(draw.between(20_000, 28_000) as i64),
        _ => Span::from_millis(draw.between(12_000, 35_000) as i64),
    };
    let duration = beside::lasts(profile, seed).unwrap_or(duration);
    let racks = if draw.percent(20) { vec!["r1".to_owned(), "r2".to_owned()] } else { Vec::new() };
    let latency = latency(&mut Draw::new(seed, Aspect::Network, 0));
    let mut config = Settings::default();
    let waits = broker_settings(profile, &mut config, &mut Draw::new(seed, Aspect::BrokerSettings, 0));
    log_settings(profile, &mut config, &mut Draw::new(seed, Aspect::LogSettings, 0));
    quorum_settings(profile, &mut config, &mut Draw::new(seed, Aspect::QuorumSettings, 0));
    if cleans_metadata {
        set(&mut config, "metadata.log.max.record.bytes.between.snapshots", 500);
        set(&mut config, "metadata.max.retention.bytes", 500);
    }
    let min_isr_of_offsets =
        (groups::count(profile, seed) > 0).then(|| groups::group_settings(&mut config, seed, brokers));
    let ids_of_brokers: Vec<i32> = (1..=brokers as i32).collect();
    let (shapes, topics) = topics(profile, seed, &ids_of_brokers);
    if shapes.iter().any(|topic| topic.is_compacted) || min_isr_of_offsets.is_some() {
        cleaner_settings(&mut config, &mut Draw::new(seed, Aspect::Compaction, 0));
    }
    let session_ms = beside::settle(profile, seed, &mut config).unwrap_or(waits.session_ms);
    leave_time_for_registrations(&mut config, &latency);
    let count = |number: u64| Some(spanned(number as u32));
    let cluster = Cluster {
        brokers: if combined { None } else { count(brokers) },
        controllers: if combined { None } else { count(controllers) },
        combined: if combined { count(brokers) } else { None },
        latency: Some(spanned(latency.clone())),
        racks,
        config,
        elr: (!elr).then_some(false),
        ..Cluster::default()
    };
    let shape = Shape {
        brokers: ids_of_brokers,
        controllers: (1..=controllers as i32).map(|index| 100 + index).collect(),
        topics: shapes,
        elr,
        session_micros: session_ms * 1000,
        lag_micros: waits.lag_ms * 1000,
        duration,
        latency,
        cleans_metadata,
        min_isr_of_offsets,
    };
    (shape, cluster, topics)
}

/// Kafka cleans a metadata log once a minute (`RaftMetadataLogCleanerManager`): only a longer run sees members that find
/// the log's start beyond their end, and these seeds cost twice as much. So they are few, and of two profiles.
fn cleans_metadata(profile: Profile, seed: Seed) -> bool {
    let percent = match profile {
        Profile::Controllers => 6,
        Profile::Everything => 2,
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Replication
        | Profile::Groups => return false,
    };
    Draw::new(seed, Aspect::Absence, 0).percent(percent)
}

/// Brokers and controllers; no controllers of their own in a combined cluster.
fn machines(profile: Profile, draw: &mut Draw) -> (u64, u64) {
    let combined = draw.percent(if profile == Profile::Replication { 20 } else { 40 });
    let brokers = match profile {
        Profile::Lite => 3,
        Profile::Replication => draw.pick(&[3, 3, 3, 4]),
        _ if combined => draw.pick(&[1, 3, 3, 3, 4, 5]),
        _ => draw.pick(&[1, 2, 3, 3, 3, 4, 5]),
    };
    let controllers = match profile {
        Profile::Lite => draw.pick(&[1, 3]),
        Profile::Controllers => draw.pick(&[2, 3, 3, 3, 4, 5]),
        _ => draw.pick(&[1, 3, 3, 3, 5]),
    };
    (brokers, if combined { 0 } else { controllers })
}

fn latency(draw: &mut Draw) -> Latency {
    match draw.between(0, 3) {
        0 => Latency::Constant(draw.span(1, 20)),
        1 => Latency::Uniform { min: Span { micros: 200 }, max: draw.span(2, 30) },
        2 => Latency::Exponential { min: Span { micros: 200 }, mean: draw.span(1, 10) },
        _ => Latency::Bimodal { fast: draw.span(1, 5), slow: draw.span(20, 200), one_in: draw.between(20, 200) as u32 },
    }
}

/// A broker registers on the channel of its heartbeats, and no request takes longer there than one interval of them
/// (`NodeToControllerChannelManagerImpl`): what is not answered by then is asked again, for ever. The answer comes when a majority of the
/// controllers has the record, four ways after the question and the time for which records are gathered. Where that is longer
/// than the interval, a broker that is started stays outside: that is a setting that cannot work, and nothing to find.
fn leave_time_for_registrations(config: &mut Settings, latency: &Latency) {
    let number = |config: &Settings, name: &str| config.get(name).and_then(|value| value.0.parse::<u64>().ok());
    let way = match latency {
        Latency::Constant(always) => *always,
        Latency::Uniform { max, .. } => *max,
        Latency::Exponential { mean, .. } => *mean,
        Latency::Bimodal { fast, .. } => *fast,
    };
    let gathered = number(config, "controller.quorum.append.linger.ms").unwrap_or(0);
    let answered = way.micros as u64 * 4 / 1_000 + gathered;
    let at_least = answered * 5 / 4 + 10;
    if number(config, "broker.heartbeat.interval.ms").is_some_and(|interval| interval < at_least) {
        set(config, "broker.heartbeat.interval.ms", at_least);
    }
}

/// How long somebody is believed in who says nothing.
struct Waits {
    session_ms: u64,
    lag_ms: u64,
}

/// Replication, sessions and elections.
fn broker_settings(profile: Profile, config: &mut Settings, draw: &mut Draw) -> Waits {
    // Where faults are made for each other a session lapses several times, and lags are drawn apart from it.
    let (longest_session, longest_lag) = if profile == Profile::Replication { (3_000, 8_000) } else { (9_000, 15_000) };
    let session = draw.scale(1_500, longest_session);
    set(config, "broker.session.timeout.ms", session);
    set(config, "broker.heartbeat.interval.ms", draw.scale(100, session / 3));
    let fetch_wait = draw.scale(100, 500);
    set(config, "replica.fetch.wait.max.ms", fetch_wait);
    let lag = draw.scale(fetch_wait * 4, longest_lag);
    set(config, "replica.lag.time.max.ms", lag);
    set(config, "replica.socket.timeout.ms", draw.scale(fetch_wait * 4, 10_000));
    set(config, "replica.fetch.backoff.ms", draw.scale(50, 1_000));
    set(config, "replica.high.watermark.checkpoint.interval.ms", draw.scale(200, 5_000));
    if draw.percent(25) {
        set(config, "replica.fetch.max.bytes", draw.scale(100, 10_000));
    }
    if draw.percent(15) {
        set(config, "max.incremental.fetch.session.cache.slots", draw.scale(1, 4));
    }
    if draw.percent(50) {
        set(config, "leader.imbalance.check.interval.seconds", draw.scale(1, 20));
    } else if draw.percent(30) {
        set(config, "auto.leader.rebalance.enable", false);
    }
    if draw.percent(30) {
        set(config, "unclean.leader.election.interval.ms", draw.scale(500, 10_000));
    }
    if draw.percent(10) {
        set(config, "controlled.shutdown.enable", false);
    }
    Waits { session_ms: session, lag_ms: lag }
}

/// Segments, checkpoints, retention.
fn log_settings(profile: Profile, config: &mut Settings, draw: &mut Draw) {
    if draw.percent(if profile == Profile::Disk { 80 } else { 40 }) {
        set(config, "internal.segment.bytes", draw.scale(300, 20_000));
        set(config, "index.interval.bytes", draw.scale(64, 4_096));
    }
    set(config, "log.flush.offset.checkpoint.interval.ms", draw.scale(500, 20_000));
    set(config, "log.initial.task.delay.ms", draw.scale(100, 10_000));
    if draw.percent(25) {
        set(config, "log.retention.check.interval.ms", draw.scale(1_000, 10_000));
        set(config, "retention.bytes", draw.scale(2_000, 50_000));
        set(config, "file.delete.delay.ms", draw.scale(100, 10_000));
    }
    if draw.percent(20) {
        set(config, "trial.log.dirs", 2);
    }
    // Age alone takes whole logs, the active segment too, as far as they are committed.
    if draw.percent(15) {
        set(config, "log.retention.check.interval.ms", draw.scale(500, 5_000));
        set(config, "retention.ms", draw.scale(300, 10_000));
    }
    if draw.percent(15) {
        set(config, "segment.ms", draw.scale(300, 10_000));
    }
}

/// A cleaner that looks often enough to find something within half a minute.
fn cleaner_settings(config: &mut Settings, draw: &mut Draw) {
    set(config, "log.cleaner.backoff.ms", draw.scale(100, 5_000));
    if draw.percent(30) {
        // Room for a few keys only: a pass ends before the log does. Kafka's map has 24 bytes for each.
        set(config, "log.cleaner.dedupe.buffer.size", draw.scale(100, 2_000));
    }
}

/// In how many topics of a hundred only the last record of each key is kept.
fn compacted_percent(profile: Profile) -> u64 {
    match profile {
        Profile::Groups => 30,
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Controllers
        | Profile::Everything
        | Profile::Replication => 0,
    }
}

/// Makes a topic a compacted one, with segments so small that there is something to clean.
fn compaction(config: &mut Settings, draw: &mut Draw) {
    set(config, "cleanup.policy", draw.pick(&["compact", "compact", "compact", "compact,delete"]));
    set(config, "internal.segment.bytes", draw.scale(200, 3_000));
    set(config, "min.cleanable.dirty.ratio", draw.pick(&["0.01", "0.1", "0.5"]));
    set(config, "delete.retention.ms", draw.scale(100, 20_000));
    if draw.percent(30) {
        set(config, "min.compaction.lag.ms", draw.scale(100, 5_000));
    }
    if draw.percent(30) {
        set(config, "segment.ms", draw.scale(500, 10_000));
    }
}

/// Elections, snapshots. A member's fetch may be parked for half a second, so the fetch timeout is well above that.
fn quorum_settings(profile: Profile, config: &mut Settings, draw: &mut Draw) {
    set(config, "controller.quorum.election.timeout.ms", draw.scale(300, 1_500));
    set(config, "controller.quorum.fetch.timeout.ms", draw.scale(1_200, 3_000));
    set(config, "controller.quorum.election.backoff.max.ms", draw.scale(50, 1_000));
    set(config, "controller.quorum.request.timeout.ms", draw.scale(800, 2_000));
    set(config, "controller.quorum.append.linger.ms", draw.pick(&[0, 5, 25, 25, 50]));
    if draw.percent(if profile == Profile::Controllers { 75 } else { 25 }) {
        set(config, "metadata.log.max.record.bytes.between.snapshots", draw.scale(200, 10_000));
        // A batch of metadata must fit into a segment: topics with all their partitions are one batch.
        set(config, "internal.metadata.log.segment.bytes", draw.scale(4_096, 40_000));
        if draw.percent(60) {
            set(config, "metadata.max.retention.bytes", draw.scale(200, 10_000));
        }
    }
}

fn topics(profile: Profile, seed: Seed, brokers: &[i32]) -> (Vec<TopicShape>, Vec<Topic>) {
    let mut draw = Draw::new(seed, Aspect::Topic, 0);
    let count = match profile {
        Profile::Lite | Profile::Replication => 1,
        _ => draw.pick(&[1, 1, 1, 2, 2, 3]),
    };
    (1..=count).map(|index| topic(profile, seed, index, brokers)).unzip()
}

fn topic(profile: Profile, seed: Seed, index: u64, brokers: &[i32]) -> (TopicShape, Topic) {
    let mut draw = Draw::new(seed, Aspect::Topic, index);
    let partitions = draw.pick(if profile == Profile::Replication { &[1, 1, 1, 2] } else { &[1, 1, 2, 3] });
    let most = brokers.len().min(4) as u64;
    let factor = match most {
        _ if profile == Profile::Replication => draw.pick(&[2, 3, 3, 3, 3]),
        3.. => draw.pick(&[1, 2, 3, 3, 3, 3, most]),
        _ => draw.between(1, most),
    };
    let min_isr = if profile == Profile::Replication {
        draw.pick(&[1, 2, 2])
    } else if draw.percent(70) {
        factor.div_ceil(2).max(factor.min(2))
    } else {
        draw.between(1, factor)
    };
    let least = if beside::loses_power(profile, seed) { 2 } else { 1 };
    let (factor, min_isr) = (factor.max(least), min_isr.max(least));
    let unclean = draw.percent(match profile {
        Profile::Everything | Profile::Replication => 20,
        _ => 12,
    });
    let mut replicas: Vec<Vec<i32>> =
        (0..partitions).map(|_| draw.shuffled(brokers).into_iter().take(factor as usize).collect()).collect();
    beside::more_partitions(profile, seed, index, &mut replicas, brokers);
    let mut config = Settings::default();
    set(&mut config, "min.insync.replicas", min_isr);
    if unclean {
        set(&mut config, "unclean.leader.election.enable", true);
    }
    let mut compacts = Draw::new(seed, Aspect::Compaction, index);
    let compacts_anyway = compacts.percent(compacted_percent(profile));
    if compacts_anyway {
        compaction(&mut config, &mut compacts);
    }
    let is_compacted = beside::is_compacted(profile, seed, index, &mut config) || compacts_anyway;
    let name = format!("t{index}");
    let topic = Topic {
        name: spanned(name.clone()),
        partitions: None,
        replication_factor: None,
        replicas: Some(spanned(replicas.iter().map(|list| spanned(ids(list))).collect())),
        config,
    };
    (TopicShape { name, replicas, min_isr, is_unclean: unclean, is_compacted }, topic)
}
