//! Kafka's tests of the controller as texts: `ReplicationControlManagerTest`, `ClusterControlManagerTest`,
//! `ProducerIdControlManagerTest`, `QuorumControllerTest`. What a vector is says [`crate::tests`].
//!
//! ```text
//!   brokers ID…  [fenced]  [elr off]          a controller, and brokers that have registered; unfenced unless said
//!   create TOPIC 0,1,2 [1,2,0]…               a topic, with the replicas of its partitions
//!   config TOPIC|cluster NAME VALUE           sets a configuration
//!   fence ID…                                 these send no heartbeat until they are fenced; all others do
//!   unfence ID…   stop ID                     they send one; it asks for a controlled shutdown
//!   restart ID clean|unclean                  its former session over, it registers anew
//!   register ID process N [previous epoch E] [directories N…] [of another cluster] [features none]
//!   propose TOPIC-P 0,1 [by ID] [leader-epoch E] [version V] [recovering] [stale ID] [broker-epoch E]
//!   elect preferred|unclean TOPIC-P…|all     reassign TOPIC-P 0,1|none…    delete TOPIC
//!   producer-ids ID [broker-epoch E] [times N]   next-producer-id N (as if so many had been given)   wait MS
//! ```
//!
//! The transcript is what the controller says, and behind `<` what it answers. A fact such as `foo-0` is the partition as the
//! controller knows it: leader, leader epoch, in-sync set, eligible replicas, last known leader, version.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::tests::{Stage, argument, number, vectors};

#[derive(Default)]
struct ControllerStage {
    bench: Option<Bench>,
    said: String,
    /// How often each broker has registered.
    processes: BTreeMap<i32, u128>,
}

fn list(word: &str) -> Vec<NodeId> {
    word.split(',').filter(|id| !id.is_empty()).map(|id| NodeId(id.parse().expect("an id"))).collect()
}

fn shown(nodes: &[NodeId]) -> String {
    if nodes.is_empty() {
        return "none".to_owned();
    }
    nodes.iter().map(|node| node.to_string()).collect::<Vec<_>>().join(",")
}

fn is_id(word: &str) -> bool {
    word.parse::<i32>().is_ok()
}

/// The ids right behind the command.
fn brokers(words: &[&str]) -> Vec<i32> {
    words[1..].iter().map_while(|word| word.parse().ok()).collect()
}

fn partition_name(word: &str) -> TopicPartition {
    let (topic, partition) = word.rsplit_once('-').unwrap_or_else(|| panic!("no partition: {word}"));
    TopicPartition::new(topic, partition.parse().expect("an index"))
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

impl ControllerStage {
    fn bench(&mut self) -> &mut Bench {
        self.bench.as_mut().expect("a vector begins with brokers")
    }

    fn start(&mut self, words: &[&str]) {
        let without_elr = after(words, "elr") == Some("off");
        let bench = Bench::new(Options { without_elr, ..Options::default() });
        *self = ControllerStage { bench: Some(bench), ..ControllerStage::default() };
        for broker in brokers(words) {
            let incarnation = self.next_process(broker);
            self.bench().register(broker, incarnation, BrokerEpoch::NONE);
            if !words.contains(&"fenced") {
                self.bench().heartbeat(broker, |_| {});
            }
        }
        self.bench().take();
    }

    /// The id of a broker's next process.
    fn next_process(&mut self, broker: i32) -> u128 {
        let count = self.processes.entry(broker).or_default();
        *count += 1;
        100 * (broker as u128 + 1) + *count
    }

    fn fenced(&mut self) -> Vec<NodeId> {
        let image = self.bench().controller.image();
        image.brokers().values().filter(|known| known.fenced).map(|known| known.broker).collect()
    }

    /// Time passes, and everybody in service but these says that it lives.
    fn wait_without(&mut self, millis: u64, silent: &[i32]) {
        let image = self.bench().controller.image();
        let live = image.brokers().values().filter(|known| !known.fenced).map(|known| known.broker.0);
        let live: Vec<i32> = live.filter(|broker| !silent.contains(broker)).collect();
        let until = self.bench().now.0 / 1000 + millis;
        self.bench().live_until(until, &live);
    }

    fn fence(&mut self, silent: &[i32]) {
        for _ in 0..200 {
            let fenced = self.fenced();
            if silent.iter().all(|broker| fenced.contains(&NodeId(*broker))) {
                return;
            }
            self.wait_without(100, silent);
        }
        panic!("{silent:?} are not fenced");
    }

    fn register(&mut self, words: &[&str]) {
        let broker = number(words, 1) as i32;
        let directories = words.iter().position(|word| *word == "directories").map(|at| {
            words[at + 1..]
                .iter()
                .map_while(|word| word.parse().ok())
                .map(|id| DirectoryId(Uuid::from_u128(id)))
                .collect()
        });
        let cluster = if words.contains(&"another") { 8 } else { 7 };
        let request = BrokerRegistrationRequest {
            broker: NodeId(broker),
            cluster_id: ClusterId(Uuid::from_u128(cluster)),
            incarnation_id: IncarnationId(Uuid::from_u128(argument(words, "process").unwrap_or(1) as u128)),
            listeners: vec![Endpoint::new(&format!("b{broker}"), BROKER_PORT)],
            features: if after(words, "features") == Some("none") { Vec::new() } else { supported_features() },
            rack: None,
            log_directories: directories.unwrap_or_else(|| vec![directory(broker, 0)]),
            previous_broker_epoch: argument(words, "epoch").map_or(BrokerEpoch::NONE, BrokerEpoch),
        };
        self.bench().ask(request);
    }

    fn create(&mut self, words: &[&str]) {
        let assignments: Vec<Vec<NodeId>> = words[2..].iter().map(|word| list(word)).collect();
        self.bench().ask(CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: TopicName::new(words[1]),
                num_partitions: -1,
                replication_factor: -1,
                assignments,
                configs: Vec::new(),
            }],
            timeout_ms: 1_000,
            validate_only: false,
        });
    }

    fn propose(&mut self, words: &[&str]) {
        let name = partition_name(words[1]);
        let bench = self.bench();
        let image = bench.controller.image();
        let known = image.partition(&name.topic, name.partition).cloned();
        let topic_id = image.topic_id(&name.topic).unwrap_or(TopicId(Uuid::from_u128(404)));
        let leader = known.as_ref().map_or(NodeId(0), |known| known.leader);
        let broker = argument(words, "by").map_or(leader, |id| NodeId(id as i32));
        let stale = argument(words, "stale");
        let epoch_of = |node: NodeId| {
            let epoch = image.broker(node).map_or(BrokerEpoch::NONE, |known| known.broker_epoch);
            if stale == Some(i64::from(node.0)) { BrokerEpoch(epoch.0 - 1) } else { epoch }
        };
        let proposal = AlterPartitionProposal {
            topic_id,
            partition: name.partition,
            leader_epoch: argument(words, "leader-epoch").map_or_else(
                || known.as_ref().map_or(LeaderEpoch(0), |known| known.leader_epoch),
                |epoch| LeaderEpoch(epoch as i32),
            ),
            new_isr: list(words[2]).into_iter().map(|node| (node, epoch_of(node))).collect(),
            leader_recovery_state: if words.contains(&"recovering") {
                LeaderRecoveryState::Recovering
            } else {
                LeaderRecoveryState::Recovered
            },
            partition_epoch: argument(words, "version").map_or_else(
                || known.as_ref().map_or(PartitionEpoch(0), |known| known.partition_epoch),
                |version| PartitionEpoch(version as i32),
            ),
        };
        let broker_epoch = argument(words, "broker-epoch").map_or_else(|| epoch_of(broker), BrokerEpoch);
        bench.ask(AlterPartitionRequest { broker, broker_epoch, partitions: vec![proposal] });
    }

    fn configure(&mut self, words: &[&str]) {
        let resource = match words[1] {
            "cluster" => ConfigResource::Cluster,
            topic => ConfigResource::Topic(TopicName::new(topic)),
        };
        let changes = vec![(words[2].to_owned(), Some(words[3].to_owned()))];
        let resources = vec![(resource, changes)];
        self.bench().ask(IncrementalAlterConfigsRequest { resources, validate_only: false });
    }

    fn reassign(&mut self, words: &[&str]) {
        let pairs = words[1..].chunks(2);
        let partitions = pairs
            .map(|pair| (partition_name(pair[0]), (pair[1] != "none").then(|| list(pair[1].trim_matches('-')))))
            .collect();
        self.bench().ask(AlterPartitionReassignmentsRequest { partitions, timeout_ms: 1_000 });
    }

    fn elect(&mut self, words: &[&str]) {
        let election_type = if words[1] == "unclean" { ElectionType::Unclean } else { ElectionType::Preferred };
        let partitions = (words[2] != "all").then(|| words[2..].iter().map(|word| partition_name(word)).collect());
        self.bench().ask(ElectLeadersRequest { election_type, partitions, timeout_ms: 1_000 });
    }

    fn act(&mut self, words: &[&str]) {
        match words {
            ["brokers", ..] => self.start(words),
            ["create", ..] => self.create(words),
            ["config", ..] => self.configure(words),
            ["fence", ..] => self.fence(&brokers(words)),
            ["unfence", ..] => {
                for broker in brokers(words) {
                    self.bench().heartbeat(broker, |_| {});
                }
            }
            ["stop", broker] if is_id(broker) => {
                self.bench().heartbeat(number(words, 1) as i32, |request| request.want_shut_down = true);
            }
            ["restart", broker, how] => {
                let broker: i32 = broker.parse().expect("an id");
                if self.fenced().contains(&NodeId(broker)) {
                    // Its last heartbeat may have been the one that fenced it.
                    self.wait_without(9_100, &[broker]);
                }
                self.fence(&[broker]);
                let epoch = if *how == "clean" { self.bench().epoch_of(broker) } else { BrokerEpoch::NONE };
                let incarnation = self.next_process(broker);
                self.bench().register(broker, incarnation, epoch);
            }
            ["register", ..] => self.register(words),
            ["propose", ..] => self.propose(words),
            ["elect", ..] => self.elect(words),
            ["reassign", ..] => self.reassign(words),
            ["delete", topic] => {
                let topics = vec![TopicName::new(topic)];
                self.bench().ask(DeleteTopicsRequest { topics, timeout_ms: 1_000 });
            }
            ["producer-ids", ..] => {
                let broker = number(words, 1) as i32;
                let known = self.bench().controller.image().broker(NodeId(broker)).map(|known| known.broker_epoch);
                let broker_epoch = argument(words, "broker-epoch").map(BrokerEpoch).or(known).unwrap_or(BrokerEpoch(0));
                for _ in 0..argument(words, "times").unwrap_or(1) {
                    self.bench().take();
                    self.bench().ask(AllocateProducerIdsRequest { broker: NodeId(broker), broker_epoch });
                }
            }
            ["next-producer-id", next] => {
                let next_producer_id = next.parse().expect("a number");
                let record =
                    MetadataRecord::ProducerIds { broker: NodeId(1), broker_epoch: BrokerEpoch(100), next_producer_id };
                let bench = self.bench();
                let at = bench.log_end_offset;
                bench.log_end_offset += 1;
                bench.controller.newest.replay(at, &record).expect("a record that fits");
                bench.controller.committed.replay(at, &record).expect("a record that fits");
            }
            ["wait", millis] => {
                let millis = millis.parse().expect("a number");
                self.wait_without(millis, &[]);
            }
            other => panic!("no such command: {other:?}"),
        }
    }

    fn partition_fact(&mut self, words: &[&str]) -> String {
        let name = partition_name(words[0]);
        let image = self.bench().controller.image();
        let Some(partition) = image.partition(&name.topic, name.partition) else { return "none".to_owned() };
        match words[1..] {
            [] => format!(
                "leader {} of {} isr {} elr {} last known {} version {}",
                partition.leader,
                partition.leader_epoch,
                shown(&partition.isr),
                shown(&partition.elr),
                shown(&partition.last_known_elr),
                partition.partition_epoch,
            ),
            ["leader"] => partition.leader.to_string(),
            ["isr"] => shown(&partition.isr),
            ["elr"] => shown(&partition.elr),
            ["last", "known"] => shown(&partition.last_known_elr),
            ["replicas"] => shown(&partition.replicas),
            ["adding"] => shown(&partition.adding_replicas),
            ["removing"] => shown(&partition.removing_replicas),
            _ => panic!("no such fact: {words:?}"),
        }
    }
}

impl Stage for ControllerStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        self.act(words);
        self.said = self.bench().take();
        self.said.lines().map(str::to_owned).collect()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        match words {
            // The last answer to the last command.
            ["answer"] => {
                let mut answers = self.said.lines().filter_map(|line| line.strip_prefix("< "));
                answers.next_back().unwrap_or("none").to_owned()
            }
            ["error"] => self.fact(&["answer"]).split(' ').next().unwrap_or_default().to_owned(),
            ["fenced"] => shown(&self.fenced()),
            ["epoch", "of", broker] => {
                let broker = NodeId(broker.parse().expect("an id"));
                let known = self.bench().controller.image().broker(broker).map(|known| known.broker_epoch.0);
                known.map_or("none".to_owned(), |epoch| epoch.to_string())
            }
            ["process", "of", broker] => {
                let broker = NodeId(broker.parse().expect("an id"));
                let known = self.bench().controller.image().broker(broker).expect("registered");
                known.incarnation_id.0.as_u128().to_string()
            }
            ["stopping", broker] => {
                let broker = NodeId(broker.parse().expect("an id"));
                self.bench().controller.image().broker(broker).expect("registered").in_controlled_shutdown.to_string()
            }
            ["next", "producer", "id"] => self.bench().controller.image().next_producer_id().to_string(),
            _ => self.partition_fact(words),
        }
    }
}

vectors! { ControllerStage::default();
    an_isr_shrinks_and_expands_as_its_leader_proposes = "shrink_and_expand.txt";
    a_proposal_that_is_wrong_in_one_thing_is_refused = "invalid_proposals.txt";
    nobody_out_of_service_enters_an_isr = "rejected_members.txt";
    eligible_replicas_come_and_go_with_the_isr = "eligible.txt";
    brokers_that_fall_silent_leave_their_partitions_one_by_one = "fencing.txt";
    an_election_on_request_does_what_it_is_asked_and_no_more = "elections.txt";
    unclean_leaders_are_elected_only_where_it_is_allowed = "unclean.txt";
    replicas_move_and_moves_are_taken_back = "reassignment.txt";
    a_broker_registers_once_at_a_time = "registration.txt";
    producer_ids_come_in_blocks = "producer_ids.txt";
}
