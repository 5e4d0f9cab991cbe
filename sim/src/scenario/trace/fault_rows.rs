//! What was done to the world, and what the world did, as lines.

use std::collections::{BTreeMap, BTreeSet};

use super::cast::Cast;
use super::rows::{Row, row, word};
use crate::fault::{Fault, MachineId, MessageFilter, MessageKind, MessageTarget};
use crate::step::{Fact, TakenMessage};

/// The line of something that the world did, and the entry for which it did so.
pub(super) fn fact_row(cast: &Cast, entry: Option<&Fault>, fact: &Fact) -> Option<Row> {
    let at = |event, machine: MachineId, cause: String| Some(row(event, cast.name(machine), &[machine], cause));
    match fact {
        Fact::Started { machine } => at("start", *machine, "the process starts".into()),
        Fact::StartFailed { machine, error } => at("start!", *machine, format!("{error:?}")),
        Fact::Killed { machine } => at("kill", *machine, "the process dies; its page cache survives".into()),
        Fact::Exited { machine, reason } => at("exit", *machine, word(reason)),
        Fact::PowerCut { machine, report } => {
            let lost = report.files.len();
            let cause = format!(
                "{} dirty bytes, {lost} files changed, {} directory changes undone",
                report.dirty_bytes,
                report.undone.len()
            );
            at("cut", *machine, cause)
        }
        Fact::Replaced { machine } => at("replace", *machine, "an empty disk".into()),
        Fact::Paused { machine } => at("pause", *machine, "the process stands still".into()),
        Fact::Resumed { machine } => at("resume", *machine, "the process goes on".into()),
        Fact::Dropped { machine, step } => at("undo", *machine, format!("step {step} was not paid for")),
        Fact::MessageHeld { what, .. } => Some(row("hold", "message", &[], taken(cast, what, "is held"))),
        Fact::MessageDelayed { what, .. } => Some(row("delay", "message", &[], taken(cast, what, "is late"))),
        Fact::MessageDropped { what, .. } => {
            Some(row("drop", "message", &[], taken(cast, what, "is lost, its connection reset")))
        }
        Fact::Ignored { reason } => match entry.and_then(Fault::machine) {
            Some(machine) => at("nothing", machine, (*reason).into()),
            None => Some(row("nothing", "network", &[], *reason)),
        },
        Fact::MessageSent { .. } => None,
    }
}

/// Entries that leave no fact of their own: the network's and the disks'.
pub(super) fn fault_row(cast: &Cast, fault: &Fault) -> Option<Row> {
    let at = |event, machine: MachineId, cause: String| Some(row(event, cast.name(machine), &[machine], cause));
    match fault {
        Fault::Stop { machine } => at("stop", *machine, "asked to stop in order".into()),
        Fault::Skew { machine, wall_offset_micros, .. } => {
            at("skew", *machine, format!("wall clock off by {} ms", *wall_offset_micros as f64 / 1e3))
        }
        Fault::Upgrade { machine, .. } => at("upgrade", *machine, "from its next start on".into()),
        Fault::Partition { pairs } => Some(row("part", "network", &[], pairs_text(cast, pairs))),
        Fault::Heal { .. } => Some(row("heal", "network", &[], "partitions and clogs end")),
        Fault::Clog { filter } => Some(row("clog", "network", &[], filter_text(cast, filter))),
        Fault::Unclog { filter } => Some(row("unclog", "network", &[], filter_text(cast, filter))),
        Fault::Release { filter } => Some(row("release", "network", &[], filter_text(cast, filter))),
        Fault::Drop { target } => Some(row("drop", "network", &[], target_text(cast, target))),
        Fault::Delay { target, by } => {
            let text = format!("{} by {} ms", target_text(cast, target), by.as_millis());
            Some(row("delay", "network", &[], text))
        }
        Fault::Hold { target } => Some(row("hold", "network", &[], target_text(cast, target))),
        Fault::Latency { .. } => Some(row("latency", "network", &[], "another latency from now on")),
        Fault::Bandwidth { .. } => Some(row("width", "network", &[], "another bandwidth from now on")),
        Fault::Slow { machine, sync, .. } => at("slow", *machine, format!("a sync takes {} ms", sync.as_millis())),
        Fault::Stall { machine, length, .. } => {
            at("stall", *machine, format!("the disk stands still for {} ms", length.as_millis()))
        }
        Fault::Fail { machine, failure, .. } => {
            let text = failure.as_ref().map_or("all is well again".to_owned(), word);
            at("fail", *machine, format!("disk: {text}"))
        }
        Fault::Rot { machine, path, .. } => at("rot", *machine, path.clone()),
        Fault::Shorten { machine, path, length } => at("short", *machine, format!("{path}: {length} bytes left")),
        Fault::Misdirect { machine, from, to, .. } => at("astray", *machine, format!("{from} over {to}")),
        Fault::SyncNow { machine } => at("sync", *machine, "everything is durable".into()),
        Fault::Start { .. }
        | Fault::Kill { .. }
        | Fault::PowerCut { .. }
        | Fault::Pause { .. }
        | Fault::Resume { .. }
        | Fault::Restart { .. }
        | Fault::Replace { .. }
        | Fault::Call { .. }
        | Fault::Abandon { .. }
        | Fault::Answer { .. } => None,
    }
}

/// `Fetch response c1>b1 is held`.
fn taken(cast: &Cast, what: &TakenMessage, fate: &str) -> String {
    let kind = match what.kind {
        MessageKind::Request => "request",
        MessageKind::Response => "response",
    };
    format!("{} {kind} {}>{} {fate}", what.api.name(), cast.name(what.from), cast.name(what.to))
}

/// `b1<>b2,b3`: both ways; `b1>b2`: one way.
fn pairs_text(cast: &Cast, pairs: &[(MachineId, MachineId)]) -> String {
    let cut: BTreeSet<(MachineId, MachineId)> = pairs.iter().copied().collect();
    let mut ways: BTreeMap<(MachineId, &str), Vec<&str>> = BTreeMap::new();
    for (from, to) in &cut {
        let is_mutual = cut.contains(&(*to, *from));
        if is_mutual && to < from {
            continue;
        }
        let way = if is_mutual { "<>" } else { ">" };
        ways.entry((*from, way)).or_default().push(cast.name(*to));
    }
    let words: Vec<String> =
        ways.into_iter().map(|((from, way), to)| format!("{}{way}{}", cast.name(from), to.join(","))).collect();
    words.join(" ")
}

fn filter_text(cast: &Cast, filter: &MessageFilter) -> String {
    let names = |machines: &BTreeSet<MachineId>| {
        if machines.is_empty() {
            return "all".to_owned();
        }
        machines.iter().map(|machine| cast.name(*machine)).collect::<Vec<_>>().join(",")
    };
    let mut text = format!("{}>{}", names(&filter.from), names(&filter.to));
    if let Some(api) = filter.api {
        text = format!("{text} {}", api.name());
    }
    match filter.kind {
        Some(MessageKind::Request) => format!("{text} requests"),
        Some(MessageKind::Response) => format!("{text} responses"),
        None => text,
    }
}

fn target_text(cast: &Cast, target: &MessageTarget) -> String {
    match target {
        MessageTarget::Next { filter, nth: 1 } => format!("the next of {}", filter_text(cast, filter)),
        MessageTarget::Next { filter, nth } => format!("number {nth} of {}", filter_text(cast, filter)),
        MessageTarget::InFlight(message) => format!("message {}", message.number),
    }
}
