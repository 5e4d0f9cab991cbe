//! Kafka's tests of leaders and followers as texts: `PartitionTest`, `AbstractFetcherThreadTest`,
//! `LeaderEpochIntegrationTest`, and the cases of divergence in Vanlightly's description of the replication protocol.
//! What a vector is says [`crate::tests`].
//!
//! ```text
//!   brokers COUNT [minimum M]           brokers with empty disks; min.insync.replicas (1)
//!   disk BROKER RECORDS… [committed N]  what lies on a disk: `2e1 1e3` is two records of epoch 1 and one of epoch 3
//!   lead BROKER epoch E isr BROKER…     the brokers start, and the metadata says who leads
//!   elect BROKER isr BROKER…            another leader, in the next epoch
//!   isr BROKER…                         the controller changes the set only
//!   produce BROKER RECORDS  transact BROKER RECORDS    a producer, acks=1
//!   fetch BROKER OFFSET [epoch E]       what a follower that is not running asks of b1; of a registration
//!   controller silent|accepts|ERROR     what it does from now on, or what it answers to the last proposal
//!   fence BROKER  stopping BROKER  unfence BROKER  register BROKER epoch E
//!   unreachable BROKER  deaf BROKER  reachable      from the others; for the controllers; everybody for everybody
//!   kill BROKER  start BROKER  run MILLISECONDS
//! ```
//!
//! What the brokers say is the transcript; `state` shows where each replica stands.

use super::leader_numbers::{answer, ask, fetch_request};
use super::*;
use crate::log::{EpochEntry, LoadOptions, Log, checkpoint, partition_metadata};
use crate::record::{BatchView, stamp};
use crate::tests::{Stage, argument, number, vectors};

#[derive(Default)]
struct PartitionStage {
    cluster: Option<Cluster>,
    count: i32,
    minimum: String,
    said: String,
}

fn node(word: &str) -> NodeId {
    if word == "nobody" {
        return NodeId::NONE;
    }
    NodeId(word.strip_prefix('b').and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no broker: {word}")))
}

fn nodes_behind(words: &[&str], name: &str) -> Vec<NodeId> {
    let at = words.iter().position(|word| *word == name).unwrap_or_else(|| panic!("{name} is missing: {words:?}"));
    words[at + 1..].iter().map_while(|word| word.starts_with('b').then(|| node(word))).collect()
}

fn error_named(name: &str) -> ErrorCode {
    let known = [
        ErrorCode::IneligibleReplica,
        ErrorCode::NetworkException,
        ErrorCode::NotController,
        ErrorCode::InvalidUpdateVersion,
        ErrorCode::None,
    ];
    known.into_iter().find(|error| error.name() == name).unwrap_or_else(|| panic!("no such error here: {name}"))
}

/// Writes a log to a disk, a batch for each record: half a batch is never replicated.
fn write_disk(storage: &mut MemoryStorage, batches: &[&str], committed: Offset) {
    let mut choices = LowestChoice;
    let mut ctx = Context::new(Now::default(), storage, &mut choices);
    let directory = "data-0/orders-0";
    let options = LoadOptions::default();
    let mut log = Log::load(&mut ctx, orders(), directory, &LogSettings::default(), options).expect("works");
    for batch_of in batches {
        let (count, epoch) = batch_of.split_once('e').expect("records as 2e1");
        let count: usize = count.parse().expect("a number");
        let epoch = LeaderEpoch(epoch.parse().expect("an epoch"));
        for _ in 0..count {
            let view = BatchView::parse(&batch(&["x"])).expect("whole");
            let stored = stamp(&view, log.log_end_offset(), epoch, view.max_timestamp());
            log.append_as_follower(&mut ctx, stored, epoch).expect("works");
        }
    }
    log.flush(&mut ctx).expect("works");
    partition_metadata::write(&mut ctx, directory, topic_id()).expect("works");
    let committed = [(orders(), committed)].into();
    checkpoint::write_offsets(&mut ctx, "data-0", checkpoint::HIGH_WATERMARKS, &committed).expect("works");
}

impl PartitionStage {
    fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("a vector begins with brokers")
    }

    fn produce(&mut self, to: NodeId, records: bytes::Bytes) {
        let request = ProduceRequest {
            transactional_id: None,
            acks: Acks::Leader,
            timeout_ms: 1_000,
            partitions: vec![ProducePartition {
                topic_id: topic_id(),
                topic: TopicName::new("orders"),
                partition: 0,
                records,
            }],
        };
        self.cluster().step(to, |manager, ctx| manager.produce(ctx, client_handle(960), request));
        let answered = self.cluster().produce_error(960).expect("an answer at once");
        if answered != ErrorCode::None {
            self.cluster().say(&format!("b{to} answers the producer: {}", answered.name()));
        }
    }

    fn registration_change(&mut self, broker: NodeId, fenced: Option<bool>, stopping: Option<bool>) {
        self.cluster().publish(vec![MetadataRecord::BrokerRegistrationChange {
            broker,
            broker_epoch: BrokerEpoch(10),
            fenced,
            in_controlled_shutdown: stopping,
            log_directories: None,
        }]);
    }

    /// A follower's fetch, in the leader's epoch and with the registration that is in force unless said otherwise.
    fn fetch(&mut self, words: &[&str]) {
        let (from, at) = (node(words[1]), number(words, 2));
        let cluster = self.cluster();
        let epoch = cluster.partition(LEADER).leader_epoch().0;
        let mut request = fetch_request(from.0, at, epoch, -1);
        if let Some(epoch) = argument(words, "epoch") {
            request.replica_epoch = BrokerEpoch(epoch);
        }
        ask(cluster, request);
    }

    fn controller(&mut self, word: &str) {
        match word {
            "silent" => self.cluster().controller = Controller::Silent,
            "accepts" => self.cluster().controller = Controller::Accepts,
            error => answer(self.cluster(), error_named(error)),
        }
    }

    /// Everybody starts on the disk it has, and learns at once who leads.
    fn lead(&mut self, words: &[&str]) {
        let (leader, isr) = (node(words[1]), nodes_behind(words, "isr"));
        let epoch = LeaderEpoch(argument(words, "epoch").unwrap_or(0) as i32);
        let mut records = Cluster::topic_of(self.count, &self.minimum, leader, epoch);
        if let Some(MetadataRecord::Partition { registration, .. }) = records.last_mut() {
            registration.isr = isr;
        }
        let cluster = self.cluster();
        for record in &records {
            cluster.next_offset += 1;
            cluster.image.apply(cluster.next_offset, record);
        }
        for node in cluster.nodes() {
            cluster.start(node);
        }
    }

    fn act(&mut self, words: &[&str]) {
        match words {
            ["brokers", count, ..] => {
                let count = count.parse().expect("a number");
                let minimum = argument(words, "minimum").unwrap_or(1).to_string();
                let cluster = Cluster::without_topic(count, &[], ReplicationSettings::default());
                *self = PartitionStage { cluster: Some(cluster), count, minimum, said: String::new() };
            }
            ["disk", broker, rest @ ..] => {
                let committed = argument(words, "committed").unwrap_or(0);
                let batches: Vec<&str> = rest.iter().copied().take_while(|word| *word != "committed").collect();
                let broker = self.cluster().brokers.get_mut(&node(broker)).expect("a broker");
                write_disk(&mut broker.storage, &batches, committed);
            }
            ["lead", ..] => self.lead(words),
            ["elect", broker, ..] => {
                let isr: Vec<i32> = nodes_behind(words, "isr").iter().map(|node| node.0).collect();
                self.cluster().elect(node(broker), &isr);
            }
            ["isr", ..] => {
                let isr = Some(nodes_behind(words, "isr"));
                self.cluster().change(PartitionChange { isr, ..PartitionChange::default() });
            }
            ["produce", broker, count] => {
                let values = vec!["x"; count.parse().expect("a number")];
                self.produce(node(broker), batch(&values));
            }
            ["transact", broker, count] => {
                let mut builder = BatchBuilder::new(0).producer(ProducerId(2), ProducerEpoch(0), 0).transactional(true);
                (0..count.parse().expect("a number")).for_each(|_: i32| builder.push(1, None, Some(b"x"), &[]));
                self.produce(node(broker), builder.build());
            }
            ["fetch", ..] => self.fetch(words),
            ["controller", word] => self.controller(word),
            ["fence", broker] => self.registration_change(node(broker), Some(true), None),
            ["unfence", broker] => self.registration_change(node(broker), Some(false), None),
            ["stopping", broker] => self.registration_change(node(broker), None, Some(true)),
            ["register", broker, ..] => {
                let epoch = BrokerEpoch(argument(words, "epoch").expect("an epoch"));
                self.cluster().publish(vec![register(node(broker), epoch)]);
            }
            ["unreachable", broker] => {
                let broker = node(broker);
                let cluster = self.cluster();
                let others = cluster.nodes().into_iter().filter(|other| *other != broker);
                cluster.cut.extend(others.collect::<Vec<_>>().into_iter().map(|other| (broker, other)));
            }
            ["deaf", broker] => {
                self.cluster().cut.insert((node(broker), node(broker)));
            }
            ["reachable"] => {
                let cluster = self.cluster();
                let deaf: Vec<NodeId> =
                    cluster.nodes().into_iter().filter(|n| cluster.cut.contains(&(*n, *n))).collect();
                cluster.cut.clear();
                deaf.into_iter().for_each(|node| cluster.catch_up(node));
            }
            ["kill", broker] => self.cluster().kill(node(broker)),
            ["start", broker] => {
                let broker = node(broker);
                self.cluster().cut.retain(|(from, to)| *from != broker && *to != broker);
                self.cluster().start(broker);
            }
            ["run", millis] => {
                let millis = millis.parse().expect("a number");
                self.cluster().run(millis);
            }
            ["state"] => self.cluster().state(),
            other => panic!("no such command: {other:?}"),
        }
    }

    /// The records of a log, as the command `disk` writes them.
    fn records(&mut self, broker: NodeId) -> String {
        let held = self.cluster().brokers.get_mut(&broker).expect("a broker");
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut held.storage, &mut choices);
        let log = held.manager.partition(&orders()).expect("a replica").log();
        let end = log.log_end_offset();
        let bytes = log.read(&mut ctx, log.log_start_offset(), 1 << 20, end, true).expect("readable");
        let mut runs: Vec<(i32, i64)> = Vec::new();
        for batch in crate::record::batches(&bytes).flatten() {
            let count = batch.next_offset() - batch.base_offset();
            match runs.last_mut().filter(|(epoch, _)| *epoch == batch.leader_epoch().0) {
                Some((_, records)) => *records += count,
                None => runs.push((batch.leader_epoch().0, count)),
            }
        }
        let words: Vec<String> = runs.iter().map(|(epoch, count)| format!("{count}e{epoch}")).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }

    fn latest(&mut self, who: &str) -> String {
        let (replica, isolation) = match who {
            "replica" => (2, IsolationLevel::ReadUncommitted),
            "uncommitted" => (-1, IsolationLevel::ReadUncommitted),
            "committed" => (-1, IsolationLevel::ReadCommitted),
            other => panic!("nobody asks as {other}"),
        };
        let question = ListOffsetsPartition {
            partition: orders(),
            current_leader_epoch: LeaderEpoch::NONE,
            spec: OffsetSpec::Latest,
        };
        let request = ListOffsetsRequest { replica_id: NodeId(replica), isolation, partitions: vec![question] };
        self.cluster().step(LEADER, |manager, ctx| manager.list_offsets(ctx, client_handle(970), request));
        match self.cluster().take_answer(970) {
            Some(Response::ListOffsets(response)) => response.partitions[0].offset.to_string(),
            other => panic!("no answer to a look-up: {other:?}"),
        }
    }

    fn epoch_end(&mut self, broker: NodeId, epoch: i32) -> String {
        let question = OffsetForLeaderEpochPartition {
            partition: orders(),
            current_leader_epoch: LeaderEpoch::NONE,
            leader_epoch: LeaderEpoch(epoch),
        };
        let request = OffsetForLeaderEpochRequest { replica_id: NodeId(2), partitions: vec![question] };
        self.cluster().step(broker, |manager, ctx| manager.offset_for_leader_epoch(ctx, client_handle(971), request));
        match self.cluster().take_answer(971) {
            Some(Response::OffsetForLeaderEpoch(response)) => {
                let end = &response.partitions[0];
                format!("epoch {} ends at {}", end.leader_epoch, end.end_offset)
            }
            other => panic!("no answer to a look-up: {other:?}"),
        }
    }

    fn leader_fact(&mut self, words: &[&str]) -> String {
        let cluster = self.cluster();
        let set = |ids: &BTreeSet<NodeId>| ids.iter().map(|id| format!("b{id}")).collect::<Vec<_>>().join(" ");
        let leader = cluster.partition(LEADER).leader().expect("b1 leads");
        match words {
            ["isr"] => set(leader.isr.committed()),
            ["maximal", "isr"] => set(&leader.isr.maximal()),
            ["in", "flight"] => leader.isr.pending().is_some().to_string(),
            ["proposals"] => cluster.proposals.len().to_string(),
            ["proposed", "epochs"] => {
                let proposal = &cluster.proposals.last().expect("a proposal").partitions[0];
                let member = |(node, epoch): &(NodeId, BrokerEpoch)| format!("b{node} {epoch}");
                proposal.new_isr.iter().map(member).collect::<Vec<_>>().join(", ")
            }
            ["follower", broker] => {
                let known = &leader.followers[&node(broker)];
                let caught_up = known.last_caught_up_time.map_or("never".to_owned(), |at| (at.0 / 1000).to_string());
                format!("{}..{} caught up {caught_up}", known.log_start_offset, known.log_end_offset)
            }
            other => panic!("no such fact: {other:?}"),
        }
    }
}

impl Stage for PartitionStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        self.act(words);
        let text = self.cluster().transcript();
        self.said.push_str(&text);
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        match words {
            ["log", broker] => self.records(node(broker)),
            ["latest", who] => self.latest(who),
            ["end", "of", "epoch", epoch, "at", broker] => {
                self.epoch_end(node(broker), epoch.parse().expect("an epoch"))
            }
            ["truncations", "of", broker] => {
                let cuts = format!("{broker} cuts its log");
                self.said.lines().filter(|line| line.contains(&cuts)).count().to_string()
            }
            ["failed", broker] => {
                let manager = &self.cluster().brokers[&node(broker)].manager;
                manager.failed_partitions().contains(&orders()).to_string()
            }
            [fact, broker] if matches!(*fact, "start" | "end" | "committed" | "epochs") => {
                let log = self.cluster().partition(node(broker)).log();
                match *fact {
                    "start" => log.log_start_offset().to_string(),
                    "end" => log.log_end_offset().to_string(),
                    "committed" => log.high_watermark().to_string(),
                    _ => {
                        let entry = |e: &EpochEntry| format!("{}@{}", e.leader_epoch, e.start_offset);
                        log.epoch_entries().iter().map(entry).collect::<Vec<_>>().join(" ")
                    }
                }
            }
            _ => self.leader_fact(words),
        }
    }
}

vectors! { PartitionStage::default();
    logs_that_diverge_are_cut_where_they_part = "divergence.txt";
    logs_without_a_common_epoch_are_cut_step_by_step = "truncation.txt";
    each_change_of_leader_leaves_its_epoch_in_both_logs = "epoch_workflow.txt";
    what_the_latest_offset_is_depends_on_who_asks = "isolation_levels.txt";
    a_follower_enters_the_isr_when_it_has_reached_the_epochs_start = "entering_the_isr.txt";
    a_refused_expansion_is_tried_again_when_the_follower_may_enter = "ineligible.txt";
    a_follower_that_is_one_epoch_behind_or_ahead_waits_for_metadata = "epochs_apart.txt";
}
