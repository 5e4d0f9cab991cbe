//! The offset checkpoints of a log directory (`LogManager`, `ReplicaManager.checkpointHighWatermarks`).
//!
//! All three may lag: a high watermark or a log start that is too low is found again by replication or retention, and a
//! low recovery point only makes recovery read more. None may be ahead. High watermarks and log starts are judged when
//! they are news, by what the replica has ever had: both may fall, and the file is then written only with the next
//! checkpoint. A truncation writes the recovery points itself (`LogManager.truncateTo`), so these are judged always;
//! but what a process found when it started is its predecessor's word until it writes its own.
//!
//! **Simplified:** of a name that another topic has had, high watermarks are not judged: until the next checkpoint the file
//! speaks of that topic (`LogManager.asyncDelete` writes the other two only), and it names no topic ids.

use std::collections::BTreeMap;

use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::log::checkpoint::{HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS, parse_offsets};
use trial_broker::node::Node;

use super::super::model::{Model, Replica};
use super::{Content, Finding, finding, log_of};
use crate::disk::Disk;
use crate::fault::MachineId;
use crate::world::World;

type Offsets = BTreeMap<TopicPartition, Offset>;

/// The checkpoints of all machines, as they were last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints {
    files: BTreeMap<(MachineId, String), Seen>,
}

/// One file.
#[derive(Clone, Debug, Default)]
struct Seen {
    content: Content,
    offsets: Offsets,
    /// The entries of the sweep before.
    before: Offsets,
    /// Which start of the process this is, and what it found.
    starts: u32,
    found: Offsets,
}

impl Checkpoints {
    /// Looks at the checkpoints of every machine whose disk is not behind.
    pub(super) fn look(&mut self, world: &World, model: &Model) -> Option<Finding> {
        for id in &model.running {
            let Some(machine) = world.machine(*id) else { continue };
            let Some(node) = machine.node() else { continue };
            let Some(replicas) = node.replicas() else { continue };
            let owes = Lane::ALL.iter().any(|lane| machine.owes(*lane));
            for directory in replicas.directories().iter().filter(|directory| directory.online) {
                for name in [HIGH_WATERMARKS, RECOVERY_POINTS, LOG_STARTS] {
                    let path = [directory.path.as_str(), name].join("/");
                    let seen = self.files.entry((*id, path.clone())).or_default();
                    // What a lane that owes has written counts once it is published; what a process finds counts at once.
                    if owes && seen.starts == machine.starts() {
                        continue;
                    }
                    let is_readable = seen.read(machine.disk(), &path, machine.starts());
                    let ahead = match is_readable {
                        true => seen.ahead(name, node, model, |name| model.replica(name, *id)),
                        false => Some((None, "it cannot be read".to_owned())),
                    };
                    if let Some((partition, message)) = ahead {
                        let message = format!("{}: {path}: {message}", machine.name());
                        return Some(finding(partition, *id, message));
                    }
                }
            }
        }
        None
    }
}

impl Seen {
    /// Takes in what the file says now; false if that makes no sense.
    fn read(&mut self, disk: &Disk, path: &str, starts: u32) -> bool {
        self.before.clone_from(&self.offsets);
        let content = disk.cached(path).map(|file| Content::of(&file)).unwrap_or_default();
        if content != self.content {
            match parse_offsets(&disk.content(path).unwrap_or_default()) {
                Ok(offsets) => self.offsets = offsets,
                // Damage that a process finds when it starts: recovery points and log starts then count as absent.
                Err(_) if starts != self.starts => self.offsets.clear(),
                Err(_) => return false,
            }
            self.content = content;
        }
        if starts != self.starts {
            self.starts = starts;
            self.found.clone_from(&self.offsets);
            self.before.clone_from(&self.offsets);
        }
        true
    }

    /// The first entry that is ahead of its replica.
    fn ahead<'a>(
        &self,
        name: &str,
        node: &Node,
        model: &'a Model,
        replica: impl Fn(&TopicPartition) -> Option<&'a Replica>,
    ) -> Option<(Option<TopicPartition>, String)> {
        for (partition, offset) in &self.offsets {
            let Some(log) = log_of(node, partition) else { continue };
            let Some(replica) = replica(partition).filter(|replica| replica.is_open) else { continue };
            let is_news = self.before.get(partition) != Some(offset);
            let (limit, is_judged) = match name {
                HIGH_WATERMARKS => {
                    let is_judged = is_news && !model.had_another(&partition.topic);
                    (log.high_watermark().max(replica.highest_high_watermark), is_judged)
                }
                LOG_STARTS => (log.log_start_offset().max(replica.highest_log_start_offset), is_news),
                _ => (log.recovery_point(), self.found.get(partition) != Some(offset)),
            };
            if is_judged && *offset > limit {
                let message = format!("it has {partition} at {offset}, the log was never beyond {limit}");
                return Some((Some(partition.clone()), message));
            }
        }
        None
    }
}
