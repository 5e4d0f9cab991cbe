//! The last records of the metadata log, as the files of its leader have them: what the controllers decided, in order.

use std::collections::VecDeque;

use serde::Serialize;
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, TopicId};
use trial_broker::message::ConfigResource;
use trial_broker::metadata::{MetadataImage, MetadataRecord, PartitionChange};
use trial_broker::record;

use crate::disk::Disk;
use crate::scenario::run::view;
use crate::world::World;

/// So many records are told, the last ones.
const MOST: usize = 40;

/// The directory of the one partition of the metadata log.
const DIRECTORY: &str = "__cluster_metadata-0";

/// A record of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataPart {
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the controller that wrote it.
    pub epoch: LeaderEpoch,
    /// Whether the machine in whose log it stands knows it to be committed.
    pub is_committed: bool,
    /// What it is, as Kafka calls it without its last word: `PartitionChange`.
    pub kind: &'static str,
    /// What it says, in a few words.
    pub words: String,
}

/// The end of the metadata log of the active controller; while there is none, of the running machine whose log is longest.
/// Records of the quorum itself (leader changes, voters) and those that do nothing (`NoOp`) are not among them.
pub(super) fn metadata(world: &World) -> Vec<MetadataPart> {
    let nodes = world.machines().filter_map(|(id, machine)| Some((id, machine, machine.node()?)));
    let best = nodes.max_by_key(|(_, _, node)| {
        let active = node.controller().and_then(|controller| controller.active_epoch());
        (active, node.raft().log_end_offset())
    });
    let Some((_, machine, node)) = best else { return Vec::new() };
    let image = view::metadata(world);
    let committed = node.raft().high_watermark().unwrap_or(0);
    let last = last_records(machine.disk());
    let part = |(offset, epoch, record): (Offset, LeaderEpoch, MetadataRecord)| {
        let (kind, words) = told(&record, image);
        MetadataPart { offset, epoch, is_committed: offset < committed, kind, words }
    };
    last.into_iter().map(part).collect()
}

fn last_records(disk: &Disk) -> VecDeque<(Offset, LeaderEpoch, MetadataRecord)> {
    let mut segments: Vec<String> =
        disk.files().into_iter().map(|file| file.path).filter(|path| is_segment(path)).collect();
    segments.sort();
    let mut last = VecDeque::new();
    for bytes in segments.iter().filter_map(|path| disk.content(path)) {
        for batch in record::batches(&bytes).map_while(Result::ok).filter(|batch| !batch.is_control()) {
            for (offset, record) in (batch.base_offset()..).zip(batch.records().unwrap_or_default()) {
                let decoded = record.value.as_deref().and_then(|value| MetadataRecord::decode(value).ok());
                // A quorum at rest writes one of these twice a second, and nobody wants to read them.
                let decoded = decoded.filter(|record| !matches!(record, MetadataRecord::NoOp));
                last.extend(decoded.map(|decoded| (offset, batch.leader_epoch(), decoded)));
            }
            while last.len() > MOST {
                last.pop_front();
            }
        }
    }
    last
}

fn is_segment(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    parts.next().is_some_and(|name| name.ends_with(".log")) && parts.next() == Some(DIRECTORY)
}

/// A record's kind, and what it says.
fn told(record: &MetadataRecord, image: Option<&MetadataImage>) -> (&'static str, String) {
    let topic = |id: TopicId| image.and_then(|image| image.topic_name(id)).map_or("?", |name| name.as_str());
    match record {
        MetadataRecord::RegisterBroker { broker, broker_epoch, fenced, .. } => {
            let fenced = if *fenced { ", fenced" } else { "" };
            ("RegisterBroker", format!("broker {broker}, epoch {}{fenced}", broker_epoch.0))
        }
        MetadataRecord::UnregisterBroker { broker, broker_epoch } => {
            ("UnregisterBroker", format!("broker {broker}, epoch {}", broker_epoch.0))
        }
        MetadataRecord::Topic { name, .. } => ("Topic", name.to_string()),
        MetadataRecord::Partition { partition, topic_id, registration } => {
            let (leader, isr) = (registration.leader, listed(&registration.isr));
            let replicas = listed(&registration.replicas);
            ("Partition", format!("{}-{partition}: replicas {replicas}, leader {leader}, isr {isr}", topic(*topic_id)))
        }
        MetadataRecord::Config { resource, name, value } => {
            let of = match resource {
                ConfigResource::Cluster => "cluster".to_owned(),
                other => format!("{other:?}"),
            };
            ("Config", format!("{of}: {name} = {}", value.as_deref().unwrap_or("default")))
        }
        MetadataRecord::PartitionChange { partition, topic_id, change } => {
            ("PartitionChange", format!("{}-{partition}: {}", topic(*topic_id), changed(change)))
        }
        MetadataRecord::RemoveTopic { topic_id } => ("RemoveTopic", topic(*topic_id).to_owned()),
        MetadataRecord::FeatureLevel { name, level } => ("FeatureLevel", format!("{name} = {level}")),
        MetadataRecord::ProducerIds { broker, next_producer_id, .. } => {
            ("ProducerIds", format!("broker {broker}, next {next_producer_id}"))
        }
        MetadataRecord::BrokerRegistrationChange {
            broker, fenced, in_controlled_shutdown, log_directories, ..
        } => {
            let mut words = vec![format!("broker {broker}")];
            words.extend(fenced.map(|fenced| if fenced { "fenced" } else { "unfenced" }.to_owned()));
            words.extend(in_controlled_shutdown.filter(|leaves| *leaves).map(|_| "leaves".to_owned()));
            words.extend(log_directories.as_ref().map(|directories| format!("{} log directories", directories.len())));
            ("BrokerRegistrationChange", words.join(", "))
        }
        MetadataRecord::NoOp => ("NoOp", String::new()),
        MetadataRecord::BeginTransaction { name } => ("BeginTransaction", name.clone()),
        MetadataRecord::EndTransaction => ("EndTransaction", String::new()),
        MetadataRecord::AbortTransaction { reason } => ("AbortTransaction", reason.clone()),
        MetadataRecord::RegisterController { controller, .. } => {
            ("RegisterController", format!("controller {controller}"))
        }
        MetadataRecord::ClearElr { topic } => {
            ("ClearElr", topic.as_ref().map_or_else(|| "all topics".to_owned(), ToString::to_string))
        }
    }
}

/// What of a partition is another from now on.
fn changed(change: &PartitionChange) -> String {
    let mut words = Vec::new();
    words.extend(change.leader.map(|leader| format!("leader {leader}")));
    let mut list = |name: &str, nodes: &Option<Vec<NodeId>>| {
        words.extend(nodes.as_ref().map(|nodes| format!("{name} {}", listed(nodes))));
    };
    list("isr", &change.isr);
    list("elr", &change.elr);
    list("last known elr", &change.last_known_elr);
    list("replicas", &change.replicas);
    list("adding", &change.adding_replicas);
    list("removing", &change.removing_replicas);
    words.extend(change.leader_recovery_state.map(|state| format!("recovery {state:?}")));
    words.extend(change.directories.as_ref().map(|_| "directories".to_owned()));
    words.join(", ")
}

/// `[1 2 3]`; `[]` for nobody.
fn listed(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("[{}]", nodes.join(" "))
}
