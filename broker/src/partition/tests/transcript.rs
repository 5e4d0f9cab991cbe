//! How events and states are written in transcripts.

use super::*;
use crate::event::{LogEvent, PartitionEvent};

fn set(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("b{node}")).collect();
    format!("{{{}}}", names.join(" "))
}

impl Cluster {
    /// Adds a line to the transcript.
    pub fn say(&mut self, line: &str) {
        let millis = self.now.0 / 1000;
        self.text.push_str(&format!("{millis:>6} ms  {line}\n"));
    }

    /// Forgets the transcript so far.
    pub fn begin(&mut self) {
        self.text.clear();
    }

    /// The transcript so far; begins another.
    pub fn transcript(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Says where every replica stands.
    pub fn state(&mut self) {
        let lines: Vec<String> = self
            .nodes()
            .into_iter()
            .filter_map(|node| {
                let partition = self.brokers[&node].manager.partition(&orders())?;
                let log = partition.log();
                let role = match partition.role() {
                    PartitionRole::Leader(leader) => {
                        format!("leads, ISR {}", set(&leader.isr.committed().iter().copied().collect::<Vec<_>>()))
                    }
                    PartitionRole::Follower { leader } if leader.is_some() => format!("follows b{leader}"),
                    PartitionRole::Follower { .. } => "has no leader".to_owned(),
                };
                Some(format!(
                    "          b{node}: epoch {}, end {}, high watermark {}, {role}",
                    partition.leader_epoch(),
                    log.log_end_offset(),
                    log.high_watermark(),
                ))
            })
            .collect();
        for line in lines {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    pub(super) fn tell(&mut self, node: NodeId, event: &Event) {
        let line = match event {
            Event::Partition(event) => describe(event),
            Event::Log(LogEvent::LogTruncated { from, to, .. }) => Some(format!("cuts its log from {from} to {to}")),
            Event::Log(LogEvent::LogStartedAnew { offset, .. }) => Some(format!("starts its log anew at {offset}")),
            Event::Log(LogEvent::CleaningStarted { partition, .. }) => Some(format!("begins to clean {partition}")),
            Event::Log(LogEvent::CleaningCompleted { partition, .. }) => Some(format!("has cleaned {partition}")),
            Event::Log(LogEvent::CleaningAborted { partition, reason }) => {
                Some(format!("cleans {partition} no more: {reason:?}"))
            }
            _ => None,
        };
        if let Some(line) = line {
            self.say(&format!("b{node} {line}"));
        }
    }
}

fn describe(event: &PartitionEvent) -> Option<String> {
    Some(match event {
        PartitionEvent::BecameLeader { leader_epoch, epoch_start_offset, isr, .. } => {
            format!("leads in epoch {leader_epoch}, from {epoch_start_offset}, ISR {}", set(isr))
        }
        PartitionEvent::BecameFollower { leader, leader_epoch, .. } => {
            format!("follows b{leader} in epoch {leader_epoch}")
        }
        PartitionEvent::Produced { base_offset, log_end_offset, .. } => {
            format!("appends {base_offset}..{log_end_offset}")
        }
        PartitionEvent::ProduceRefused { error, .. } => format!("refuses to append: {}", error.name()),
        PartitionEvent::ProduceParked { required_offset, .. } => {
            format!("parks the producer until the high watermark is {required_offset}")
        }
        PartitionEvent::ProduceCompleted { error, .. } => format!("answers the producer: {}", error.name()),
        PartitionEvent::FetchParked { replica, fetch_offset, .. } if replica.is_some() => {
            format!("parks b{replica}'s fetch at {fetch_offset}")
        }
        PartitionEvent::FetchAnswered { replica, fetch_offset, bytes, high_watermark, error, .. }
            if replica.is_some() =>
        {
            let what = if !error.is_none() {
                error.name().to_owned()
            } else if *bytes > 0 {
                "with records".to_owned()
            } else {
                "without records".to_owned()
            };
            format!("answers b{replica}'s fetch at {fetch_offset} {what}, high watermark {high_watermark}")
        }
        PartitionEvent::FollowerAdvanced { replica, to, .. } => format!("sees b{replica} at {to}"),
        PartitionEvent::HighWatermarkAdvanced { from, to, .. } => {
            format!("moves its high watermark from {from} to {to}")
        }
        PartitionEvent::IsrChangeProposed { from, to, .. } => {
            format!("proposes ISR {} instead of {}", set(to), set(from))
        }
        PartitionEvent::IsrChanged { to, .. } => format!("has ISR {}", set(to)),
        PartitionEvent::IsrChangeRefused { error, .. } => format!("is refused the ISR change: {}", error.name()),
        PartitionEvent::DivergenceFound { replica, epoch, end_offset, .. } => {
            format!("tells b{replica} that epoch {epoch} ends at {end_offset}")
        }
        PartitionEvent::RecordsReplicated { log_end_offset, .. } => format!("has copied up to {log_end_offset}"),
        PartitionEvent::FetchResponseIgnored { reason, .. } => format!("ignores an answer: {reason:?}"),
        PartitionEvent::FetchDelayed { error, .. } => format!("backs off: {}", error.name()),
        PartitionEvent::FetcherFailed { error, .. } => format!("fetches no more: {}", error.name()),
        PartitionEvent::ReplicaOffline { .. } => "takes its replica offline".to_owned(),
        PartitionEvent::ReplicaRemoved { .. } => "removes its replica".to_owned(),
        PartitionEvent::FetchParked { .. }
        | PartitionEvent::FetchAnswered { .. }
        | PartitionEvent::EndOffsetListed { .. } => return None,
    })
}
