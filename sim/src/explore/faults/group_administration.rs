//! What administrators do to groups while the scenario runs: they ask about them, and delete them or their offsets.
//!
//! ```text
//!   asked while somebody is in it ──▶ refused, or only what nobody reads goes
//!   everybody leaves ──▶ asked ──▶ deleted ──▶ everybody comes back, and begins where auto.offset.reset says
//! ```
//!
//! Most requests would come while a group has members, and be refused. So often all of them leave first, and come back soon:
//! while the deletion is being written, or when it is long done.

use super::Stage;
use super::incident::{Incident, once};
use super::membership::{client, join, leave, somewhen};
use crate::explore::Profile;
use crate::explore::beside::Beside;
use crate::explore::draw::{Aspect, Draw};
use crate::explore::groups::GroupShape;
use crate::explore::text::{if_possible, said, spanned};
use crate::scenario::format::Step;
use crate::scenario::format::administration::{DeleteOffsets, ListGroups, OneGroup};

/// In how many groups of a hundred an administrator has something to do.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Groups => 35,
        Profile::Everything => 15,
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Controllers
        | Profile::Replication => 0,
    }
}

/// What is done to all groups.
pub(super) fn administrations(stage: &Stage) -> Vec<Incident> {
    stage.groups.iter().zip(0..).flat_map(|(group, number)| administration(stage, group, number)).collect()
}

fn administration(stage: &Stage, group: &GroupShape, number: u64) -> Vec<Incident> {
    let mut draw = Draw::new(stage.seed, Aspect::GroupAdministration, number);
    let is_forgotten = Beside::LogEndsInNothing.is_told(stage.profile, stage.seed);
    if !draw.percent(percent(stage.profile)) || is_forgotten {
        return Vec::new();
    }
    let turns = draw.between(1, 4);
    (0..turns)
        .map(|_| {
            let at = somewhen(stage, &mut draw);
            if draw.percent(50) { deserted(stage, group, at, &mut draw) } else { asked(stage, group, at, &mut draw) }
        })
        .collect()
}

/// A request, whoever is in the group.
fn asked(stage: &Stage, group: &GroupShape, at: i64, draw: &mut Draw) -> Incident {
    let one = || said(OneGroup { client: None, group: spanned(group.name.clone()) });
    let step = match draw.between(0, 9) {
        0 => Step { list_groups: said(ListGroups::default()), ..Step::default() },
        1 => Step { describe_group: one(), ..Step::default() },
        _ => deletion(stage, group, draw),
    };
    once(at, &client(&group.members[0]), if_possible(step))
}

/// Everybody leaves, something is deleted, and everybody comes back.
fn deserted(stage: &Stage, group: &GroupShape, at: i64, draw: &mut Draw) -> Incident {
    let asked_after = draw.span(200, 6_000).micros;
    let back_after = asked_after + draw.span(1, 6_000).micros;
    let step = if_possible(deletion(stage, group, draw));
    let leaving = group.members.iter().map(|member| (0, leave(member)));
    let coming = group.members.iter().map(|member| (back_after, join(member)));
    let mut incident = once(at, &client(&group.members[0]), step);
    for (asked, _) in &mut incident.steps {
        *asked = asked_after;
    }
    incident.steps.extend(leaving.chain(coming));
    incident
}

/// Of the group, or of what it has committed of some partitions.
fn deletion(stage: &Stage, group: &GroupShape, draw: &mut Draw) -> Step {
    if draw.percent(60) {
        let one = OneGroup { client: None, group: spanned(group.name.clone()) };
        return Step { delete_group: said(one), ..Step::default() };
    }
    let partitions = stage.shape.partitions();
    let count = draw.between(1, partitions.len() as u64) as usize;
    let partitions = draw.some_of(&partitions, count).into_iter().map(spanned).collect();
    let delete = DeleteOffsets { client: None, group: spanned(group.name.clone()), partitions };
    Step { delete_offsets: said(delete), ..Step::default() }
}
