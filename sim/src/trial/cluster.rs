//! The cluster in the hands of a test: clients to make, states to look at, faults to cause.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use trial_broker::client::{ClientConfig, ClientKind, OffsetReset, Work};
use trial_broker::config::{Behaviour, ConfigError, ConsumerSettings, Membership, Properties};
use trial_broker::ids::{BROKER_PORT, Endpoint, Offset, TopicName, TopicPartition};
use trial_broker::message::IsolationLevel;
use trial_broker::time::Time;

use super::clients::{Admin, Consumer, Member, Producer};
use super::properties;
use crate::fault::{Fault, Lose, MachineId};
use crate::machine::{MachineConfig, ProgramConfig};
use crate::people::{People, Person, WorldHandle};
use crate::scenario::diagnostic::suggestion;
use crate::scenario::is_in_the_background;
use crate::scenario::run::view;

/// The machines of clients that a program makes have numbers above this.
const CLIENTS: u32 = 2000;

/// A cluster under trial: three brokers and their controllers, say, in a simulated world that has just reached its
/// time zero: all brokers are registered and unfenced, every partition has its preferred leader and a full ISR.
///
/// Brokers have the ids 1, 2, … Clones are the same cluster. What it *looks at* it sees as an observer who stands
/// outside of the world: at no cost, at this instant, whatever the network does.
#[derive(Clone)]
pub struct Cluster {
    world: WorldHandle,
    people: People,
    parts: Arc<Parts>,
}

/// What does not change.
struct Parts {
    seed: u64,
    zero: Time,
    brokers: Vec<i32>,
    controllers: Vec<i32>,
}

impl Cluster {
    pub(super) fn new(world: WorldHandle, people: People, zero: Time, seed: u64, ids: (Vec<i32>, Vec<i32>)) -> Self {
        let (brokers, controllers) = ids;
        Cluster { world, people, parts: Arc::new(Parts { seed, zero, brokers, controllers }) }
    }

    // ---- Clients ------------------------------------------------------------------

    /// A new producer on a host of its own, with Kafka's defaults: `acks=all`, idempotent.
    #[track_caller]
    pub fn producer(&self) -> Producer {
        self.producer_with([])
    }

    /// A new producer with settings by Kafka's names: `[("acks", "1"), ("delivery.timeout.ms", "5000")]`.
    ///
    /// # Panics
    /// When Kafka would refuse the settings, or Trial does not know one of them (Kafka warns of it, and goes on without).
    /// `transactional.id` is refused: producers with transactions are not simulated.
    #[track_caller]
    pub fn producer_with<'s>(&self, settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Producer {
        let properties = made("producer", properties::of_producer(settings));
        Producer(self.client("producer", made("producer", ClientKind::producer(&properties))))
    }

    /// A new consumer of all partitions that a topic has now, from their beginning.
    ///
    /// # Panics
    /// When there is no such topic.
    #[track_caller]
    pub fn consumer(&self, topic: &str) -> Consumer {
        self.consumer_with(topic, [])
    }

    /// A new consumer with settings by Kafka's names, such as `[("isolation.level", "read_committed")]`.
    /// `auto.offset.reset` is `earliest` unless set.
    ///
    /// # Panics
    /// When there is no such topic, Kafka would refuse the settings, or Trial does not know one of them.
    #[track_caller]
    pub fn consumer_with<'s>(&self, topic: &str, settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Consumer {
        let assign = self.partitions(topic);
        assert!(!assign.is_empty(), "there is no topic `{topic}`: {}", self.suggestion_for(topic));
        let properties = made("consumer", properties::of_consumer(settings));
        let kind = made("consumer", consumer_kind(properties, assign.clone()));
        Consumer::new(self.client("consumer", kind), assign)
    }

    /// The topic that may have been meant, or which there are.
    fn suggestion_for(&self, topic: &str) -> String {
        self.world.look(|world| {
            let image = view::metadata(world);
            let named = image.iter().flat_map(|image| image.partitions().map(|(partition, ..)| partition.topic));
            let named = named.filter(|topic| !is_in_the_background(topic.as_str()));
            let names: BTreeSet<TopicName> = named.collect();
            suggestion(topic, names.iter().map(TopicName::as_str).collect::<Vec<_>>())
        })
    }

    /// A new member of a group: it subscribes to topics, and the group decides which partitions it reads.
    ///
    /// # Panics
    /// When Kafka would refuse the group's name.
    #[track_caller]
    pub fn member(&self, group: &str) -> Member {
        self.member_with(group, [])
    }

    /// A new member of a group with settings by Kafka's names, such as `[("group.protocol", "consumer")]`.
    /// `auto.offset.reset` is `earliest` unless set.
    ///
    /// # Panics
    /// When Kafka would refuse the settings, or Trial does not know one of them.
    #[track_caller]
    pub fn member_with<'s>(&self, group: &str, settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Member {
        let mut properties = made("member", properties::of_consumer(settings));
        properties.insert("group.id".to_owned(), group.to_owned());
        Member(self.client("member", made("member", consumer_kind(properties, Vec::new()))))
    }

    /// A new administrator.
    pub fn admin(&self) -> Admin {
        Admin(self.client("admin", made("admin", ClientKind::admin(&Properties::new()))))
    }

    /// Clients have the hazards that the cluster has, and no switches.
    fn clients_behaviour(&self) -> Behaviour {
        self.world.look(|world| {
            let configs = world.machines().map(|(_, machine)| &machine.config().program);
            let nodes = configs.filter_map(|program| match program {
                ProgramConfig::Node(config) => Some(config),
                _ => None,
            });
            let mended = nodes.map(|config| config.behaviour.mended.clone()).next().unwrap_or_default();
            Behaviour { mended, ..Behaviour::default() }
        })
    }

    /// A client machine comes into the world and starts.
    fn client(&self, what: &str, kind: ClientKind) -> Person {
        let number = self.world.next_client();
        let machine = MachineId(CLIENTS + number);
        let name = format!("{what}-{number}");
        let servers = self.parts.brokers.iter().map(|id| Endpoint::new(&format!("b{id}"), BROKER_PORT));
        let client_id = name.as_str().into();
        let config =
            ClientConfig { client_id, bootstrap_servers: servers.collect(), kind, behaviour: self.clients_behaviour() };
        let program = ProgramConfig::Client(Box::new(config));
        self.world.add_machine(machine, MachineConfig { name: format!("client-{name}").into(), program });
        self.world.apply(Fault::Start { machine });
        self.people.client(machine)
    }

    // ---- Time ---------------------------------------------------------------------

    /// Virtual time since time zero, exact to the microsecond.
    pub fn now(&self) -> Duration {
        self.world.now().since(self.parts.zero)
    }

    /// Waits in virtual time, exactly. Programs on madsim's tokio may as well use its timers, which keep to the same
    /// timeline to within a millisecond.
    pub async fn sleep(&self, span: Duration) {
        self.world.sleep(span).await;
    }

    /// The seed of this run, for draws of the program's own.
    pub fn seed(&self) -> u64 {
        self.parts.seed
    }

    /// Waits until the last of the trial's faults is over, lets everything that is broken be healed (what this
    /// program broke, too), and returns when the cluster serves again: every partition has a leader, and every replica
    /// is in sync.
    ///
    /// A cluster that does not recover in the time that its settings promise fails the trial.
    pub async fn recovered(&self) {
        self.world.recovered().await;
    }

    // ---- Looking ------------------------------------------------------------------

    /// The ids of the brokers.
    pub fn brokers(&self) -> &[i32] {
        &self.parts.brokers
    }

    /// The ids of the controllers: 101, 102, …, or those of the brokers in a combined cluster.
    pub fn controllers(&self) -> &[i32] {
        &self.parts.controllers
    }

    /// The partitions of a topic, in order; none if there is no such topic.
    pub fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        self.world
            .look(|world| {
                let of_topic = |partition: &TopicPartition| partition.topic.as_str() == topic;
                let image = view::metadata(world);
                image.map(|image| image.partitions().map(|(partition, ..)| partition).filter(of_topic).collect())
            })
            .unwrap_or_default()
    }

    /// The leader of a partition, as the controllers have committed it; none while it has none.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let leader = self.world.look(|world| {
            let known = view::registration(world, &TopicPartition::new(topic, partition))?;
            Some(known.leader).filter(|leader| leader.is_some())
        });
        leader.map(|leader| leader.0)
    }

    /// The in-sync replicas of a partition, as the controllers have committed them.
    pub fn isr(&self, topic: &str, partition: i32) -> Vec<i32> {
        self.world.look(|world| {
            let known = view::registration(world, &TopicPartition::new(topic, partition));
            known.map(|known| known.isr.iter().map(|node| node.0).collect()).unwrap_or_default()
        })
    }

    /// The high watermark of a partition's leader: the offset behind the last record that consumers may see. None
    /// while there is no leader that runs.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> Option<Offset> {
        self.world.look(|world| {
            view::leader_positions(world, &TopicPartition::new(topic, partition)).map(|known| known.high_watermark)
        })
    }

    // ---- Faults by hand -----------------------------------------------------------
    //
    // Faults of the trial itself are a list, which a failing trial shrinks. What the program does stays as it is.

    /// Kills the process of a broker or controller: what it has written stays in the page cache of its machine.
    ///
    /// # Panics
    /// When there is no such broker or controller.
    #[track_caller]
    pub fn kill(&self, node: i32) {
        self.world.apply(Fault::Kill { machine: self.machine(node) });
    }

    /// Cuts the power of a broker's or controller's machine: what it had not synced is lost.
    ///
    /// # Panics
    /// When there is no such broker or controller.
    #[track_caller]
    pub fn power_cut(&self, node: i32) {
        self.world.apply(Fault::PowerCut { machine: self.machine(node), lose: Lose::All, draw: 0 });
    }

    /// Asks a broker or controller to shut down in order: a broker hands its partitions over first.
    ///
    /// # Panics
    /// When there is no such broker or controller.
    #[track_caller]
    pub fn stop(&self, node: i32) {
        self.world.apply(Fault::Stop { machine: self.machine(node) });
    }

    /// Starts a broker or controller that does not run.
    ///
    /// # Panics
    /// When there is no such broker or controller.
    #[track_caller]
    pub fn start(&self, node: i32) {
        self.world.apply(Fault::Start { machine: self.machine(node) });
    }

    /// Cuts a broker or controller off from every other broker and controller, in both directions. Clients reach it
    /// still.
    ///
    /// # Panics
    /// When there is no such broker or controller.
    #[track_caller]
    pub fn isolate(&self, node: i32) {
        let isolated = self.machine(node);
        let ids: BTreeSet<i32> = self.parts.brokers.iter().chain(&self.parts.controllers).copied().collect();
        let others = ids.into_iter().filter(|id| *id != node).map(|id| self.machine(id));
        let pairs = others.flat_map(|other| [(isolated, other), (other, isolated)]);
        self.world.apply(Fault::Partition { pairs: pairs.collect() });
    }

    /// Ends every partition of the network.
    pub fn heal_network(&self) {
        self.world.apply(Fault::Heal { from: BTreeSet::new(), to: BTreeSet::new() });
    }

    /// The machine of a broker or controller. A number that nobody has is a mistake: a test that breaks nobody proves
    /// nothing.
    #[track_caller]
    fn machine(&self, node: i32) -> MachineId {
        let Parts { brokers, controllers, .. } = &*self.parts;
        match u32::try_from(node) {
            Ok(id) if brokers.contains(&node) || controllers.contains(&node) => MachineId(id),
            _ if brokers == controllers => panic!("there is no node {node}: the nodes are {}", listed(brokers)),
            _ => {
                let (brokers, controllers) = (listed(brokers), listed(controllers));
                panic!("there is no node {node}: the brokers are {brokers}, the controllers {controllers}")
            }
        }
    }
}

/// `1, 2, 3`
fn listed(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

/// What a client needs to be made.
///
/// # Panics
/// With what does not let it be made.
#[track_caller]
fn made<T>(what: &str, result: Result<T, impl Display>) -> T {
    match result {
        Ok(needed) => needed,
        Err(error) => panic!("a {what} cannot be made so: {error}"),
    }
}

/// A consumer as its properties say.
#[track_caller]
fn consumer_kind(mut properties: Properties, assign: Vec<TopicPartition>) -> Result<ClientKind, ConfigError> {
    let isolation = match properties.remove("isolation.level").as_deref() {
        None | Some("read_uncommitted") => IsolationLevel::ReadUncommitted,
        Some("read_committed") => IsolationLevel::ReadCommitted,
        Some(other) => panic!("isolation.level is read_uncommitted or read_committed, not {other}"),
    };
    let said = properties.remove("auto.offset.reset").unwrap_or_else(|| "earliest".to_owned());
    let Ok(offset_reset) = said.parse::<OffsetReset>() else {
        panic!("auto.offset.reset is earliest, latest, none or by_duration:PnDTnHnMn.nS, not {said}")
    };
    Ok(ClientKind::Consumer {
        isolation,
        offset_reset,
        assign,
        subscribe: Vec::new(),
        group: Membership::of_consumer(&properties)?.map(Box::new),
        polls_by_itself: false,
        work: Work::default(),
        settings: ConsumerSettings::of_consumer(&properties)?,
    })
}
