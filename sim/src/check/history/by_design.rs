//! Anomalies that Kafka allows: seen, counted, and no violation.

use std::collections::BTreeMap;

use trial_broker::ids::TopicPartition;

/// What was seen and is allowed: by anomaly and reason, how often, and of which partition first.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByDesign {
    seen: BTreeMap<(&'static str, &'static str), (u64, TopicPartition)>,
}

impl ByDesign {
    /// Once more.
    pub(super) fn note(&mut self, anomaly: &'static str, reason: &'static str, partition: &TopicPartition) {
        self.seen.entry((anomaly, reason)).or_insert_with(|| (0, partition.clone())).0 += 1;
    }

    /// Each with its reason, as a report says it.
    pub(crate) fn said(&self) -> Vec<String> {
        let said = |((anomaly, reason), (times, first)): (&(&str, &str), &(u64, TopicPartition))| match times {
            1 => format!("{anomaly} of {first}: {reason}"),
            _ => format!("{anomaly}, {times} times, first of {first}: {reason}"),
        };
        self.seen.iter().map(said).collect()
    }
}
