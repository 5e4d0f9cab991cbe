//! What an administrator asks for while records flow. Calls may fail: that is part of their life.

use super::Stage;
use crate::explore::cluster::TopicShape;
use crate::explore::draw::Draw;
use crate::explore::text::{ids, said, set, spanned};
use crate::scenario::format::administration::{
    AlterConfig, CreatePartitions, CreateTopic, DeleteRecords, DeleteTopic, ElectLeader, Reassign,
};
use crate::scenario::format::{Settings, Step};

/// A call that is about to be drawn, about one topic and one partition of it. Both are drawn first, needed or not: the order
/// of the draws is part of every seed.
pub(super) struct Call<'a> {
    stage: &'a Stage<'a>,
    topic: &'a TopicShape,
    /// Which partition of it.
    index: usize,
    draw: &'a mut Draw,
}

impl<'a> Call<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, draw: &'a mut Draw) -> Call<'a> {
        let shape = stage.shape;
        let topic = &shape.topics[draw.between(0, shape.topics.len() as u64 - 1) as usize];
        let index = draw.between(0, topic.replicas.len() as u64 - 1) as usize;
        Call { stage, topic, index, draw }
    }

    fn name(&self) -> String {
        self.topic.name.clone()
    }

    fn partition(&self) -> String {
        format!("{}-{}", self.topic.name, self.index)
    }

    /// Another topic, by a number of its own.
    pub(super) fn create_topic(self, number: u64) -> Step {
        let brokers = &self.stage.shape.brokers;
        let factor = self.draw.between(1, brokers.len().min(3) as u64) as usize;
        let replicas = self.draw.some_of(brokers, factor);
        let create = CreateTopic {
            client: None,
            name: spanned(format!("new{number}")),
            partitions: None,
            replication_factor: None,
            replicas: said(vec![spanned(ids(&replicas))]),
            config: Settings::default(),
        };
        Step { create_topic: said(create), ..Step::default() }
    }

    pub(super) fn delete_topic(self) -> Step {
        let delete = DeleteTopic { client: None, name: spanned(self.name()) };
        Step { delete_topic: said(delete), ..Step::default() }
    }

    /// More partitions than an earlier call of this kind asked for.
    pub(super) fn create_partitions(self, number: u64) -> Step {
        let count = self.topic.replicas.len() as u64 + number + 1;
        let count = spanned(count as u32);
        let create = CreatePartitions { client: None, topic: spanned(self.name()), count, replicas: None };
        Step { create_partitions: said(create), ..Step::default() }
    }

    pub(super) fn alter_config(self) -> Step {
        let mut settings = Settings::default();
        match self.draw.between(0, 3) {
            0 => {
                let most = self.topic.replicas[0].len() as u64;
                set(&mut settings, "min.insync.replicas", self.draw.between(self.topic.min_isr, most));
            }
            1 => set(&mut settings, "segment.ms", self.draw.scale(500, 10_000)),
            2 => set(&mut settings, "retention.bytes", self.draw.scale(1_000, 50_000)),
            _ => set(&mut settings, "max.message.bytes", self.draw.scale(100, 100_000)),
        }
        let alter = AlterConfig {
            client: None,
            topic: said(self.name()),
            broker: None,
            group: None,
            set: settings,
            remove: Vec::new(),
        };
        Step { alter_config: said(alter), ..Step::default() }
    }

    pub(super) fn delete_records(self) -> Step {
        let before = self.draw.percent(60).then(|| spanned(self.draw.scale(1, 200) as i64));
        let delete = DeleteRecords { client: None, partition: spanned(self.partition()), before };
        Step { delete_records: said(delete), ..Step::default() }
    }

    /// The preferred leaders of all partitions, or of one.
    pub(super) fn elect_preferred(self) -> Step {
        let all = self.draw.percent(50);
        let partition = (!all).then(|| spanned(self.partition()));
        Step { elect_leader: said(ElectLeader { client: None, partition, unclean: None }), ..Step::default() }
    }

    /// A leader of one partition, whatever is lost by it.
    pub(super) fn elect_unclean(self) -> Step {
        let partition = Some(spanned(self.partition()));
        Step { elect_leader: said(ElectLeader { client: None, partition, unclean: Some(true) }), ..Step::default() }
    }

    /// Other replicas, or the end of a move that is under way.
    pub(super) fn reassign(self) -> Step {
        let brokers = &self.stage.shape.brokers;
        let factor = if self.draw.percent(70) {
            self.topic.replicas[self.index].len() as u64
        } else {
            self.draw.between(1, brokers.len() as u64)
        };
        let replicas: Vec<i32> = self.draw.shuffled(brokers).into_iter().take(factor as usize).collect();
        let cancels = self.draw.percent(15);
        let reassign = Reassign {
            client: None,
            partition: spanned(self.partition()),
            replicas: (!cancels).then(|| spanned(ids(&replicas))),
        };
        Step { reassign: said(reassign), ..Step::default() }
    }
}
