//! From a seed to a scenario: cluster, clients, faults, and what must be reached in the end.

use super::Profile;
use super::cluster::draw_cluster;
use super::faults::{Stage, draw_faults, merged};
use super::text::spanned;
use super::workload::draw_workload;
use crate::scenario::Seed;
use crate::scenario::format::File;

/// How scenarios are drawn, beside the profile and the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Whether more machines may lose their un-synced bytes together than the loss budget covers.
    pub over_budget: bool,
}

/// The scenario of a seed: concrete, printable, the same for ever. It reads no switches.
pub fn generate(profile: Profile, seed: Seed, drawing: Drawing) -> File {
    let (shape, cluster, topics) = draw_cluster(profile, seed);
    let workload = draw_workload(profile, seed, &shape);
    let clients = workload.clients.iter().map(|client| client.name.value.clone()).collect();
    let stage = Stage { profile, seed, shape: &shape, clients };
    let faults = draw_faults(&stage, drawing.over_budget);
    File {
        format: spanned(1),
        id: spanned(format!("{profile}-{seed}")),
        title: format!("Seed {seed} of the profile {profile}"),
        seed: Some(seed),
        until: None,
        liveness: true,
        open_loop: false,
        lesson: None,
        cluster: spanned(cluster),
        nodes: Vec::new(),
        topics,
        clients: workload.clients,
        steps: merged(workload.steps, faults).into_iter().map(spanned).collect(),
        always: Vec::new(),
        allow: Default::default(),
        swarm: Default::default(),
    }
}
