//! From a seed to a scenario: cluster, clients, faults, and what must be reached in the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trial_broker::config::{Hazard, Treatment};

use super::Profile;
use super::cluster::{Shape, draw_cluster};
use super::draw::{Aspect, Draw};
use super::faults::{Stage, draw_faults, merged};
use super::groups::draw_groups;
use super::quiet;
use super::readers;
use super::text::{said, spanned};
use super::workload::draw_workload;
use crate::scenario::Seed;
use crate::scenario::format::{File, Liveness, Outside, Span, Spanned, Step};

/// How scenarios are drawn, beside the profile and the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drawing {
    /// Whether more machines may lose their un-synced bytes together than the loss budget covers.
    pub over_budget: bool,
    /// Whether machines have the hazards of Kafka 4.1 itself. Otherwise these are mended, so that something else is
    /// found.
    pub faithful: bool,
}

/// How the hazards of a scenario are treated: nothing is said where machines are faithful.
fn hazards(drawing: Drawing) -> BTreeMap<Spanned<String>, Treatment> {
    let name = |hazard: Hazard| serde_json::to_value(hazard).ok()?.as_str().map(str::to_owned);
    let mended = Hazard::ALL.into_iter().filter(|_| !drawing.faithful).filter_map(name);
    mended.map(|name| (spanned(name), Treatment::Mended)).collect()
}

/// Faults of a seed for a cluster and topics that somebody else has chosen, within this time after time zero. Topics
/// and clients are left alone: a program of somebody's own relies on them.
pub(crate) fn faults_for(profile: Profile, seed: Seed, file: &File, duration: Span) -> Vec<Spanned<Step>> {
    let shape = Shape::of(file, duration);
    let (clients, groups) = (Vec::new(), Vec::new());
    let stage = Stage { profile, seed, shape: &shape, clients, groups, spares_topics: true };
    merged(Vec::new(), draw_faults(&stage, false)).into_iter().map(spanned).collect()
}

/// How the hazards of Kafka 4.1 itself are treated in exploration: they are mended, so that something else is found.
pub(crate) fn mended_hazards() -> BTreeMap<Spanned<String>, Treatment> {
    hazards(Drawing::default())
}

/// The scenario of a seed: concrete, printable, the same for ever. It reads no switches.
pub fn generate(profile: Profile, seed: Seed, drawing: Drawing) -> File {
    let (mut shape, mut cluster, topics) = draw_cluster(profile, seed);
    cluster.hazards = hazards(drawing);
    let mut workload = draw_workload(profile, seed, &shape);
    let (groups, members) = draw_groups(profile, seed, &shape);
    workload.clients.extend(members);
    readers::read_nearby(profile, seed, &shape, &mut cluster, &mut workload.clients);
    workload.steps.extend(readers::give_up_records(profile, seed, &shape));
    let clients = workload.clients.iter().map(|client| client.name.value.clone()).collect();
    let stage = Stage { profile, seed, shape: &shape, clients, groups, spares_topics: false };
    let faults = draw_faults(&stage, drawing.over_budget);
    let quiet_from = quiet::draw_quiet(profile, seed, &mut shape, &mut cluster);
    let steps = merged(quiet::torn_apart(workload.steps, quiet_from), quiet::torn_apart(faults, quiet_from));
    File {
        format: spanned(1),
        id: spanned(format!("{profile}-{seed}")),
        title: format!("Seed {seed} of the profile {profile}"),
        seed: Some(seed),
        until: said(shape.duration),
        liveness: Some(draw_core(seed, &shape)),
        cluster: spanned(cluster),
        topics,
        clients: workload.clients,
        steps: steps.into_iter().map(spanned).collect(),
        ..File::default()
    }
}

/// Who must recover when the faults are over: everybody, or a majority of the quorum with some of the brokers.
///
/// Which partitions such a core can serve is asked by the oracle of the liveness check when the time has come.
fn draw_core(seed: Seed, shape: &Shape) -> Liveness {
    let mut draw = Draw::new(seed, Aspect::Core, 0);
    let outside = draw.pick(&[Outside::Dead, Outside::CutOff]);
    let everybody = shape.brokers.iter().chain(&shape.controllers).copied();
    if draw.percent(60) {
        return Liveness::of_core(everybody, Outside::default());
    }
    let voters = if shape.is_combined() { &shape.brokers } else { &shape.controllers };
    let majority = voters.len() as u64 / 2 + 1;
    let quorum = draw.between(majority, voters.len() as u64) as usize;
    let mut core = draw.some_of(voters, quorum);
    if !shape.is_combined() {
        let brokers = draw.between(1, shape.brokers.len() as u64) as usize;
        core.extend(draw.some_of(&shape.brokers, brokers));
    }
    core.sort_unstable();
    Liveness::of_core(core, outside)
}
