//! States in words and signs: the same word from scenario file to transcript to screen.

use trial_broker::event::{BrokerState, QuorumStateName};
use trial_broker::ids::NodeId;
use trial_sim::internal::machine::ProcessState;
use trial_sim::internal::session::{BrokerPart, QuorumPart, Work};

use crate::app::Model;
use crate::theme::{Glyph, Look, Role};
use crate::widget::table::{Cell, styled};

/// Whether a process runs.
pub fn process(look: Look, state: ProcessState) -> Cell {
    let (glyph, role, word) = match state {
        ProcessState::Running => (Glyph::Running, Role::Good, "running"),
        ProcessState::Paused => (Glyph::Paused, Role::Warning, "stands still"),
        ProcessState::Stopped => (Glyph::Stopped, Role::Bad, "stopped"),
        ProcessState::Off => (Glyph::Off, Role::Bad, "no power"),
    };
    styled(role, format!("{} {word}", look.sign(glyph)))
}

/// What a machine is for.
pub fn work(work: Work) -> &'static str {
    match work {
        Work::Broker => "broker",
        Work::Controller => "controller",
        Work::Combined => "broker, controller",
        Work::Producer => "producer",
        Work::Consumer => "consumer",
        Work::Admin => "admin",
    }
}

/// A machine's part in the quorum.
pub fn quorum(look: Look, quorum: Option<&QuorumPart>) -> Cell {
    let Some(quorum) = quorum else { return styled(Role::Plain, "-") };
    let epoch = quorum.epoch.0;
    if quorum.active_epoch.is_some() {
        return styled(Role::Leader, format!("{} active controller, epoch {epoch}", look.sign(Glyph::Leader)));
    }
    if !quorum.is_voter {
        return styled(Role::Plain, format!("observer, epoch {epoch}"));
    }
    let role = match quorum.state {
        QuorumStateName::Follower => Role::Plain,
        QuorumStateName::Leader => Role::Leader,
        QuorumStateName::Unattached
        | QuorumStateName::Prospective
        | QuorumStateName::Candidate
        | QuorumStateName::Resigned => Role::Warning,
    };
    styled(role, format!("{}, epoch {epoch}", quorum.state.word()))
}

/// A broker as the controllers know it, and as it knows itself.
pub fn broker(broker: Option<&BrokerPart>) -> Cell {
    let Some(broker) = broker else { return styled(Role::Plain, "-") };
    let epoch = broker.broker_epoch.0;
    if broker.is_fenced {
        return styled(Role::Bad, format!("fenced, epoch {epoch}"));
    }
    if broker.in_controlled_shutdown {
        return styled(Role::Warning, format!("leaving, epoch {epoch}"));
    }
    let (role, word) = match broker.state {
        Some(BrokerState::Running) => (Role::Good, "serving"),
        Some(BrokerState::NotRunning | BrokerState::Starting) => (Role::Warning, "starting"),
        Some(BrokerState::Recovery) => (Role::Warning, "recovering"),
        Some(BrokerState::PendingControlledShutdown) => (Role::Warning, "leaving"),
        Some(BrokerState::ShuttingDown) => (Role::Warning, "closing"),
        // Its session has not lapsed: for the controllers it still lives.
        None => (Role::Warning, "not fenced yet"),
    };
    styled(role, format!("{word}, epoch {epoch}"))
}

/// The name of a node; `-` for none.
pub fn node(model: &Model, node: NodeId) -> String {
    match &model.tape {
        Some(tape) if node.is_some() => tape.cast.node_name(node),
        _ => "-".to_owned(),
    }
}

/// Names of nodes; `-` for none at all.
pub fn nodes<'a>(model: &Model, nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    let names: Vec<String> = nodes.into_iter().map(|one| node(model, *one)).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}
