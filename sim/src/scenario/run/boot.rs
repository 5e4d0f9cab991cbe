//! From powered machines to time zero.
//!
//! ```text
//!   controllers start ── brokers start, at drawn times ── elected, registered, unfenced
//!        ── topics created ── clients started and warm ── a drawn while ── quiet: time zero
//! ```
//!
//! Time zero is the first instant at which a controller is active, every broker is
//! unfenced, every partition has its preferred leader and a full in-sync set, every
//! follower's and consumer's fetch is parked, every group is stable at its coordinator, and nothing else is in flight. A parked fetch
//! expires after half a second and is then on its way for two trips: a record sent meanwhile
//! would find it gone. So time zero is an instant at which none expires within the first
//! three trips, wherever there is one. Kafka's periodic tasks count from the start of their process: starts, and the while before
//! time zero, are drawn, so that seeds see every phase of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use trial_broker::client::{Call, CallResult};
use trial_broker::event::{ClientEvent, Event};
use trial_broker::group::GroupStateName;
use trial_broker::ids::{GroupId, NodeId, Ticket, TopicName};
use trial_broker::message::{Api, ErrorCode};
use trial_broker::time::Time;

use super::build::{ADMIN, runner_stream};
use super::execute::{Run, Stop};
use super::view;
use crate::fault::{Entry, Fault, MachineId};
use crate::scenario::WARMUP_TOPIC;
use crate::scenario::format::Span;
use crate::scenario::report::Verdict;
use crate::scenario::validate::partition_named;

/// The longest period of a task that lessons measure: the ISR check, half of replica.lag.time.max.ms.
const PHASES: Duration = Duration::from_secs(15);

/// No parked fetch expires within this time: three trips of a classroom's links, 10 ms each. A record sent at time zero
/// reaches the leader, the followers, and as their next fetches the leader again, whose consumers still wait.
const STILL: Duration = Duration::from_millis(30);

/// How long such an instant is waited for: fetches that expire come back every 520 ms, so that their pattern repeats;
/// twice a heartbeat's 2 s is enough to see it whole. With many brokers there may be no such instant.
const STILL_PATIENCE: Duration = Duration::from_secs(4);

/// How much virtual time a phase of the boot may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(180);

impl Run<'_> {
    /// Brings the world to time zero.
    pub(super) fn boot(&mut self) -> Result<(), Stop> {
        self.start_nodes();
        self.wait_for("every broker to be registered and unfenced", |run| run.is_serving())?;
        self.create_topics()?;
        self.wait_for("every partition to have its preferred leader and a full ISR", |run| run.is_replicated())?;
        self.warm_clients()?;
        let rest = runner_stream(self.seed.0, 2).between(0, PHASES.as_micros() as u64);
        self.advance(self.world.now() + Duration::from_micros(rest))?;
        let patience = self.world.now() + STILL_PATIENCE;
        if !self.wait(patience, |run| run.is_quiet() && run.is_still())? {
            self.wait_for("nothing to be in flight but parked fetches", |run| run.is_quiet())?;
        }
        let zero = Time(self.world.now().0 + 1);
        self.world.advance_to(zero);
        self.start_of_time(zero);
        Ok(())
    }

    fn start_nodes(&mut self) {
        let mut stream = runner_stream(self.seed.0, 1);
        for machine in self.controllers.clone() {
            self.world.schedule(Entry::new(Time::ZERO, Fault::Start { machine }));
        }
        let combined = self.controllers.is_empty();
        for machine in self.brokers.clone() {
            // A combined process is a voter too: the quorum would wait for the last one.
            let start = if combined { Time::ZERO } else { Time(stream.between(0, PHASES.as_micros() as u64)) };
            self.world.schedule(Entry::new(start, Fault::Start { machine }));
        }
    }

    /// Calls a client machine at once, as part of the boot.
    fn call_now(&mut self, machine: MachineId, call: Call) -> Result<Ticket, Stop> {
        let ticket = self.ticket();
        let at = self.floor();
        self.advance(at)?;
        self.world.schedule(Entry::new(at, Fault::Call { machine, ticket, call }));
        self.execute_entries(at)?;
        Ok(ticket)
    }

    /// Starts a machine at once, as part of the boot.
    fn start_now(&mut self, machine: MachineId) -> Result<(), Stop> {
        let at = self.floor();
        self.advance(at)?;
        self.world.schedule(Entry::new(at, Fault::Start { machine }));
        self.execute_entries(at)
    }

    fn create_topics(&mut self) -> Result<(), Stop> {
        self.start_now(ADMIN)?;
        let mut calls = Vec::new();
        if self.has_warmup() {
            let call = Call::CreateTopic {
                name: WARMUP_TOPIC.to_owned(),
                partitions: -1,
                replication_factor: -1,
                replicas: self.warmup_replicas(),
                configs: Default::default(),
            };
            calls.push((WARMUP_TOPIC.to_owned(), call));
        }
        for topic in &self.scenario.file.topics {
            let replicas = topic.replicas.iter().flat_map(|lists| &lists.value);
            let replicas: Vec<Vec<NodeId>> =
                replicas.map(|list| list.value.iter().map(|id| NodeId(id.value)).collect()).collect();
            let counted = replicas.is_empty();
            let call = Call::CreateTopic {
                name: topic.name.value.clone(),
                partitions: if counted { topic.partitions.as_ref().map_or(1, |count| count.value as i32) } else { -1 },
                replication_factor: if counted {
                    topic.replication_factor.as_ref().map_or(-1, |count| count.value as i16)
                } else {
                    -1
                },
                replicas,
                configs: topic.config.properties(),
            };
            calls.push((topic.name.value.clone(), call));
        }
        for (name, call) in calls {
            let ticket = self.call_now(ADMIN, call)?;
            self.wait_for("a topic to be created", |run| run.ledger.results.contains_key(&ticket))?;
            if let Some(CallResult::Failed { error, message }) = self.ledger.results.get(&ticket) {
                let reason = format!("topic `{name}` could not be created: {}: {message}", error.name());
                return Err(Stop::Boot { verdict: Verdict::Expectation, reason, state: None });
            }
        }
        Ok(())
    }

    fn has_warmup(&self) -> bool {
        self.scenario.file.cluster.warmup != Some(false) && !self.scenario.file.clients.is_empty()
    }

    /// One partition led by each broker, on up to three brokers.
    fn warmup_replicas(&self) -> Vec<Vec<NodeId>> {
        let ids: Vec<NodeId> = self.brokers.iter().map(|machine| NodeId(machine.0 as i32)).collect();
        let factor = ids.len().min(3);
        (0..ids.len()).map(|first| (0..factor).map(|next| ids[(first + next) % ids.len()]).collect()).collect()
    }

    fn warm_clients(&mut self) -> Result<(), Stop> {
        let mut topics: Vec<String> = self.scenario.file.topics.iter().map(|topic| topic.name.value.clone()).collect();
        if self.has_warmup() {
            topics.push(WARMUP_TOPIC.to_owned());
        }
        let mut tickets = vec![self.call_now(ADMIN, Call::Warm { topics: topics.clone() })?];
        for (_, machine) in self.clients.clone() {
            self.start_now(machine)?;
            tickets.push(self.call_now(machine, Call::Warm { topics: topics.clone() })?);
        }
        self.wait_for("every client to be warm", |run| {
            tickets.iter().all(|ticket| run.ledger.results.contains_key(ticket))
        })
    }

    /// Steps the world until something holds.
    fn wait_for(&mut self, what: &str, holds: impl Fn(&Run) -> bool) -> Result<(), Stop> {
        let deadline = self.world.now() + PATIENCE;
        let mut may_be_hopeless = true;
        loop {
            if may_be_hopeless && let Some(reason) = self.hopeless_group() {
                return Err(Stop::Boot { verdict: Verdict::Expectation, reason, state: None });
            }
            if holds(self) {
                return Ok(());
            }
            if self.world.next_due().is_none_or(|due| due > deadline) {
                let waited = Span { micros: self.world.now().0 as i64 };
                let reason = format!("time zero was not reached: waited for {what} until {waited} after power on");
                return Err(Stop::Boot { verdict: Verdict::Liveness, reason, state: Some(self.state_in_words()) });
            }
            self.step_once()?;
            may_be_hopeless = self.an_application_has_ended();
        }
    }

    /// Whether that happened in the last step.
    fn an_application_has_ended(&self) -> bool {
        let is_end = |event: &Event| matches!(event, Event::Client(ClientEvent::ApplicationEnded { .. }));
        self.last_step.as_ref().is_some_and(|step| step.events.iter().any(is_end))
    }

    /// Why a group will never be stable: all who shall be its members were refused. Where others are left, these go on.
    fn hopeless_group(&self) -> Option<String> {
        let errors: BTreeMap<&str, ErrorCode> = self.application_errors().collect();
        if errors.is_empty() {
            return None;
        }
        let refused = |name: &String| {
            let error = errors.get(name.as_str()).filter(|error| refuses_a_member(**error))?;
            Some(format!("{name}'s poll throws {}", error.name()))
        };
        let hopeless = |(group, members): (String, Vec<String>)| {
            let refusals: Vec<String> = members.iter().map(refused).collect::<Option<_>>()?;
            Some(format!("group `{group}` takes none of its members before time zero: {}", refusals.join(", ")))
        };
        self.members().into_iter().find_map(hopeless)
    }

    /// The clients whose applications have ended, and with which errors.
    fn application_errors(&self) -> impl Iterator<Item = (&str, ErrorCode)> {
        self.clients.iter().filter_map(|(name, machine)| Some((name.as_str(), self.application_error(*machine)?)))
    }

    fn application_error(&self, machine: MachineId) -> Option<ErrorCode> {
        self.world.machine(machine)?.client()?.application_error()
    }

    fn state_in_words(&self) -> String {
        let active: Vec<&str> = self.ledger.active.keys().map(|machine| self.cast.name(*machine)).collect();
        let fenced: Vec<String> = self
            .brokers
            .iter()
            .filter(|machine| view::is_fenced(&self.world, NodeId(machine.0 as i32)) != Some(false))
            .map(|machine| self.cast.name(*machine).to_owned())
            .collect();
        let busy: Vec<String> = self
            .world
            .in_flight()
            .iter()
            .map(|message| {
                let (from, to) = (self.cast.name(message.from), self.cast.name(message.to));
                format!("{} {from}>{to}", message.api.name())
            })
            .collect();
        let cold: Vec<&str> = self
            .clients
            .iter()
            .filter(|(_, machine)| {
                let client = self.world.machine(*machine).and_then(|machine| machine.client());
                client.is_none_or(|client| !client.is_warm() || !client.is_quiet())
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let ended: Vec<String> =
            self.application_errors().map(|(name, error)| format!("{name} {}", error.name())).collect();
        format!(
            "active controllers: [{}]; fenced or unknown brokers: [{}]; in flight: [{}]; fetches that are not \
             parked: [{}]; groups that are not stable: [{}]; clients that are not warm or not quiet: [{}]; clients \
             whose polls have thrown: [{}]",
            active.join(" "),
            fenced.join(" "),
            busy.join(", "),
            self.restless_fetches().join(", "),
            self.restless_groups().join(", "),
            cold.join(" "),
            ended.join(", "),
        )
    }

    fn is_serving(&self) -> bool {
        // Asked after every step of the boot: the newest metadata is looked for once, not once for each broker.
        let Some(image) = self.active_controller().and_then(|_| view::metadata(&self.world)) else { return false };
        let is_unfenced =
            |machine: &MachineId| image.broker(NodeId(machine.0 as i32)).is_some_and(|known| !known.fenced);
        self.brokers.iter().all(is_unfenced)
    }

    fn is_replicated(&self) -> bool {
        view::metadata(&self.world).is_some_and(|image| {
            image.partitions().all(|(_, _, known)| {
                known.replicas.first() == Some(&known.leader) && known.isr.len() == known.replicas.len()
            })
        })
    }

    /// Whether this is an instant that can be time zero.
    fn is_quiet(&self) -> bool {
        self.world.next_due().is_none_or(|due| due > self.world.now())
            && self.world.in_flight().is_empty()
            && self.is_serving()
            && self.is_replicated()
            && self.restless_fetches().is_empty()
            && self.restless_groups().is_empty()
            && self.clients.iter().all(|(_, machine)| self.client_is_quiet(*machine))
    }

    /// Whether every parked fetch stays parked for a while.
    fn is_still(&self) -> bool {
        let now = self.world.now();
        self.ledger.parked.values().flatten().all(|expires| *expires <= now || *expires > now + STILL)
    }

    /// The fetches that should be parked and are not: `b2 of orders-0`.
    fn restless_fetches(&self) -> Vec<String> {
        let mut restless = Vec::new();
        let Some(image) = view::metadata(&self.world) else { return restless };
        for (partition, _, known) in image.partitions() {
            for replica in known.replicas.iter().filter(|replica| **replica != known.leader) {
                let leader = MachineId(known.leader.0.max(0) as u32);
                let fetches = self.ledger.parked.get(&(leader, partition.clone(), *replica));
                if fetches.is_none_or(VecDeque::is_empty) {
                    restless.push(format!("{} of {partition}", self.cast.node_name(*replica)));
                }
            }
        }
        for client in &self.scenario.file.clients {
            let Some(section) = &client.consumer else { continue };
            let Some(machine) = self.client(&client.name) else { continue };
            let fetching = self.fetching_from(machine);
            for name in section.assign.iter().filter(|_| self.polls_always(section)) {
                let replicas = partition_named(name)
                    .and_then(|partition| {
                        image.partition(&TopicName::new(partition.topic.as_str()), partition.partition)
                    })
                    .map(|known| &known.replicas);
                // At the leader, or where the leader has sent it (KIP-392).
                if replicas.is_some_and(|replicas| !replicas.iter().any(|replica| fetching.contains(replica))) {
                    restless.push(format!("{} of {}", client.name.value, name.value));
                }
            }
        }
        restless
    }

    /// The groups of which some member has not what it shall have, as their coordinators know them: `billing`.
    fn restless_groups(&self) -> Vec<String> {
        self.members().into_keys().filter(|group| !self.is_stable(group)).collect()
    }

    /// Those who shall be members before time zero, by their groups.
    fn members(&self) -> BTreeMap<String, Vec<String>> {
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for client in &self.scenario.file.clients {
            let Some(section) = &client.consumer else { continue };
            if let Some(group) = section.settings.get("group.id")
                && !section.subscribe.is_empty()
                && self.polls_always(section)
            {
                members.entry(group.0.clone()).or_default().push(client.name.value.clone());
            }
        }
        members
    }

    fn is_stable(&self, group: &str) -> bool {
        view::group(&self.world, &GroupId::new(group)).is_some_and(|group| group.state == GroupStateName::Stable)
    }

    fn polls_always(&self, section: &crate::scenario::format::ClientSettings) -> bool {
        section.settings.get("poll").is_none_or(|value| value.0 != "asked")
    }

    fn fetching_from(&self, machine: MachineId) -> Vec<NodeId> {
        let client = self.world.machine(machine).and_then(|machine| machine.client());
        let requests = client.map(|client| client.in_flight()).unwrap_or_default();
        requests.iter().filter(|request| request.api == Api::Fetch).map(|request| request.node).collect()
    }

    fn client_is_quiet(&self, machine: MachineId) -> bool {
        self.world.machine(machine).and_then(|machine| machine.client()).is_none_or(|client| client.is_quiet())
    }

    /// The phases of the periodic tasks, as lines for people.
    pub(super) fn phases(&self) -> Vec<String> {
        let zero = self.cast.zero();
        let since = |at: Time| Span { micros: at.0 as i64 - zero.0 as i64 };
        let mut lines = Vec::new();
        for (machine, at) in &self.ledger.active {
            lines.push(format!(
                "A   {:>12}  {} is the active controller; brokers are checked every 1.125 s from here",
                since(*at).to_string(),
                self.cast.name(*machine)
            ));
        }
        for machine in &self.brokers {
            let started = self.ledger.started.get(machine).copied().unwrap_or(Time::ZERO);
            let beat = self.ledger.heartbeats.get(machine).copied().map(|at| since(at).to_string());
            lines.push(format!(
                "S{:<3}{:>11}  {} started; its last heartbeat left at {}",
                machine.0,
                since(started).to_string(),
                self.cast.name(*machine),
                beat.unwrap_or_else(|| "no time".to_owned())
            ));
        }
        for (name, error) in self.application_errors() {
            lines.push(format!("E{:>15}  {name}'s poll threw {}: nobody polls any more", "", error.name()));
        }
        lines
    }
}

/// Whether a coordinator that answers so will never have the member: nothing that others do changes it. A member that was only
/// late may come back by itself.
fn refuses_a_member(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnsupportedAssignor
            | ErrorCode::InvalidSessionTimeout
            | ErrorCode::InconsistentGroupProtocol
            | ErrorCode::InvalidGroupId
            | ErrorCode::UnsupportedVersion
    )
}
