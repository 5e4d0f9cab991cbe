//! The rows of groups: a rebalance of a hundred members in both protocols, and an idle minute with them.
//!
//! Only what happens after time zero is timed: a hundred clients take longer to start than to rebalance.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trial_broker::event::{Event, MembershipEvent};
use trial_broker::group::GroupStateName;
use trial_broker::ids::GroupId;
use trial_broker::time::Time;
use trial_sim::internal::Fault;
use trial_sim::internal::bench::group::{IDLE_SECONDS, MEMBERS, idle, rebalance};
use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run_watched};
use trial_sim::internal::scenario::{Scenario, Verdict};
use trial_sim::internal::step::{InputKind, Step, StepKind};
use trial_sim::internal::world::World;

use super::goals::ROUNDS;
use crate::cli::interrupt;

const PROTOCOLS: [&str; 2] = ["classic", "consumer"];

/// What was measured of groups.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// By protocol; none if the group was not stable in the end.
    rebalances: [Option<Stretch>; 2],
    idle_with: [Stretch; 2],
    idle_without: Stretch,
}

/// A part of a run.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    wall: Duration,
    virtual_time: Duration,
    messages: u64,
    steps: u64,
}

/// The part of a run that is being timed.
struct Stopwatch {
    since: (Instant, Time),
    stretch: Stretch,
}

impl Stopwatch {
    fn start(at: Time) -> Stopwatch {
        let nothing = Stretch { wall: Duration::ZERO, virtual_time: Duration::ZERO, messages: 0, steps: 0 };
        Stopwatch { since: (Instant::now(), at), stretch: nothing }
    }

    fn look(&mut self, step: &Step) {
        let took_message = matches!(step.kind, StepKind::Input { input: InputKind::Received(_), .. });
        self.stretch.messages += u64::from(took_message);
        self.stretch.steps += 1;
        self.stretch.wall = self.since.0.elapsed();
        self.stretch.virtual_time = step.at.since(self.since.1);
    }
}

impl Groups {
    /// Measures the rows. None after Ctrl-C.
    pub(super) fn measure() -> Option<Groups> {
        let [classic, consumer] = PROTOCOLS;
        let members = |protocol| middle(|| Some(idled(&idle(MEMBERS, protocol))));
        Some(Groups {
            rebalances: [middle(|| Some(rebalanced(classic)))?, middle(|| Some(rebalanced(consumer)))?],
            idle_with: [members(classic)?, members(consumer)?],
            idle_without: middle(|| Some(idled(&idle(0, classic))))?,
        })
    }

    /// Whether a group was not stable in the end.
    pub(super) fn failed(&self) -> bool {
        self.rebalances.iter().any(Option::is_none)
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (protocol, rebalance) in PROTOCOLS.iter().zip(&self.rebalances) {
            text += &match rebalance {
                None => format!("rebalance      group.protocol={protocol}: the group was not stable in the end\n"),
                Some(it) => format!(
                    "rebalance      {:.1} ms until a group of {MEMBERS} is stable with its last member, group.protocol={protocol}; \
                     {:.1} s of virtual time, {} messages, {} steps\n",
                    millis(it.wall),
                    it.virtual_time.as_secs_f64(),
                    it.messages,
                    it.steps,
                ),
            };
        }
        for (protocol, with) in PROTOCOLS.iter().zip(&self.idle_with) {
            let (wall, messages) = self.added(with);
            text += &format!(
                "idle group     {wall:.1} ms more for a minute with {MEMBERS} idle members, group.protocol={protocol}; {messages} messages more, \
                 {:.2} us for each; without them {:.1} ms and {} messages\n",
                wall * 1e3 / messages.max(1) as f64,
                millis(self.idle_without.wall),
                self.idle_without.messages,
            );
        }
        text
    }

    /// What members add to the idle minute: milliseconds, and messages.
    fn added(&self, with: &Stretch) -> (f64, u64) {
        let without = &self.idle_without;
        (millis(with.wall) - millis(without.wall), with.messages.saturating_sub(without.messages))
    }

    pub(super) fn to_json(&self) -> Value {
        let stretch = |it: &Stretch| {
            json!({
                "wall_ms": millis(it.wall),
                "virtual_seconds": it.virtual_time.as_secs_f64(),
                "messages_delivered": it.messages,
                "steps": it.steps,
            })
        };
        let by_protocol = PROTOCOLS.iter().zip(&self.rebalances).zip(&self.idle_with);
        let rows = by_protocol.map(|((protocol, rebalance), with)| {
            json!({
                "protocol": protocol,
                "rebalance": rebalance.as_ref().map(stretch),
                "idle": stretch(with),
            })
        });
        json!({
            "members": MEMBERS,
            "idle_seconds": IDLE_SECONDS,
            "protocols": rows.collect::<Vec<_>>(),
            "idle_without_members": stretch(&self.idle_without),
        })
    }
}

fn millis(wall: Duration) -> f64 {
    wall.as_secs_f64() * 1e3
}

/// Values of some rounds that can be put in order.
trait Timed {
    fn wall(&self) -> Duration;
}

impl Timed for Stretch {
    fn wall(&self) -> Duration {
        self.wall
    }
}

impl Timed for Option<Stretch> {
    fn wall(&self) -> Duration {
        self.as_ref().map_or(Duration::MAX, |stretch| stretch.wall)
    }
}

/// The middle one of some rounds. None after Ctrl-C.
fn middle<T: Timed>(mut round: impl FnMut() -> Option<T>) -> Option<T> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        if interrupt::asked() {
            return None;
        }
        rounds.push(round()?);
    }
    rounds.sort_by_key(Timed::wall);
    Some(rounds.swap_remove(ROUNDS / 2))
}

/// From the newcomer's call until its group is stable with it.
fn rebalanced(protocol: &str) -> Option<Stretch> {
    let mut watch: Option<Stopwatch> = None;
    let mut is_done = false;
    run(&rebalance(protocol), &mut |world, step| {
        match &mut watch {
            None if matches!(&step.kind, StepKind::Entry(Fault::Call { .. })) && joins(step) => {
                watch = Some(Stopwatch::start(step.at));
            }
            None => {}
            Some(watch) => {
                watch.look(step);
                is_done = has_partitions(step) && is_stable(world);
            }
        }
        is_done
    });
    watch.map(|watch| watch.stretch).filter(|_| is_done)
}

/// Whether a step is the newcomer's call.
fn joins(step: &Step) -> bool {
    use trial_broker::client::Call;
    matches!(&step.kind, StepKind::Entry(Fault::Call { call: Call::Subscribe { .. }, .. }))
}

/// Whether somebody was given partitions in a step.
fn has_partitions(step: &Step) -> bool {
    let is_given =
        |event: &Event| matches!(event, Event::Membership(MembershipEvent::PartitionsAssigned { owned: 1.., .. }));
    step.events.iter().any(is_given)
}

/// Whether the group is stable with all its members, and each of them has its partition.
fn is_stable(world: &World) -> bool {
    let group = GroupId::new("many");
    let nodes = world.machines().filter_map(|(_, machine)| machine.node());
    let views: Vec<_> = nodes.filter_map(|node| node.group(&group)).collect();
    let all = MEMBERS as usize;
    let is_whole = views.iter().any(|view| view.state == GroupStateName::Stable && view.members.len() == all);
    let members = world.machines().filter_map(|(_, machine)| machine.client()?.membership());
    is_whole && members.filter(|member| !member.assigned.is_empty()).count() == all
}

/// The time after time zero of a run in which nothing happens.
fn idled(text: &str) -> Stretch {
    let mut watch: Option<Stopwatch> = None;
    run(text, &mut |_, step| {
        // The boot makes entries, and the last one is that of time zero.
        if matches!(step.kind, StepKind::Entry(_)) {
            watch = None;
        } else {
            watch.get_or_insert_with(|| Stopwatch::start(step.at)).look(step);
        }
        false
    });
    watch.map_or_else(|| Stopwatch::start(Time::ZERO).stretch, |watch| watch.stretch)
}

/// Runs a scenario until `look` says that it has seen enough.
fn run(text: &str, look: &mut (dyn FnMut(&World, &Step) -> bool + Send)) {
    let scenario = Scenario::parse("group.toml", text).unwrap_or_else(|invalid| panic!("it is built in: {invalid}"));
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    let report = run_watched(&scenario, options, &mut |_| true, &mut |world, step| {
        let enough = step.is_some_and(|step| look(world, step));
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(report.verdict, Verdict::Pass | Verdict::Expectation), "{:?}", report.failures);
}
