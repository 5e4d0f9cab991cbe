//! What members of groups do while the scenario runs: they join late, leave and come back, die, stand still, commit, and
//! have records that take them too long.
//!
//! ```text
//!   a member goes or comes ──▶ its group rebalances
//!                                 └─ the coordinator is hit while it does, or another member is ──▶ …
//! ```
//!
//! A rebalance is the moment at which a group is vulnerable: so what makes one is often followed by a
//! fault of its coordinator, within the time that a rebalance takes.

use std::collections::BTreeMap;

use super::incident::{Incident, incident, once};
use super::victim::{self, Victim};
use super::{Kind, Stage};
use crate::explore::beside;
use crate::explore::draw::{Aspect, Draw};
use crate::explore::groups::{GroupShape, MemberShape};
use crate::explore::text::{if_possible, said, spanned};
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{CommitOffsets, JoinGroup, OneClient, SetWork};

/// What all members of all groups do.
pub(super) fn memberships(stage: &Stage) -> Vec<Incident> {
    let members = stage.groups.iter().flat_map(|group| group.members.iter().map(move |member| (group, member)));
    members.zip(1u64..).flat_map(|((group, member), number)| membership(stage, group, member, number)).collect()
}

/// What one member does.
fn membership(stage: &Stage, group: &GroupShape, member: &MemberShape, number: u64) -> Vec<Incident> {
    let mut draw = Draw::new(stage.seed, Aspect::Membership, number);
    let mut all = Vec::new();
    if !member.begins_inside {
        let at = somewhen(stage, &mut draw);
        all.push(once(at, &client(member), join(member)));
    }
    let turns = draw.scale(1, 5) - 1;
    // Where a story is told of a group, its members do what the story says.
    let turns = if beside::is_about_groups(stage.profile, stage.seed) { 0 } else { turns };
    for turn in 0..turns {
        let mut own = Draw::new(stage.seed, Aspect::Membership, number << 32 | turn);
        let at = somewhen(stage, &mut own);
        all.push(turn_of(stage, member, at, &mut own));
        if own.percent(35) {
            all.push(hit(stage, group, at, turn, &mut own));
        }
    }
    if !member.auto_commits {
        all.extend(commits(stage, member, number, &mut draw));
    }
    all
}

/// Commits on call. The call returns within `default.api.timeout.ms`, and an application waits for it: it cannot commit
/// twice at a time. Some applications do not wait for all of them (`commitAsync`).
fn commits(stage: &Stage, member: &MemberShape, number: u64, draw: &mut Draw) -> Vec<Incident> {
    let mut own = Draw::new(stage.seed, Aspect::AsynchronousCommits, number);
    let asynchronous = own.pick(&[0, 0, 50, 100]);
    let mut at = somewhen(stage, draw) / 4;
    let mut commits = Vec::new();
    while at < stage.shape.duration.micros {
        commits.push(once(at, &client(member), commit(member, own.percent(asynchronous))));
        at += member.api_timeout_ms as i64 * 1_000 + draw.span(10, 3_000).micros;
    }
    commits
}

/// A change of a member's life, with what undoes it.
fn turn_of(stage: &Stage, member: &MemberShape, at: i64, draw: &mut Draw) -> Incident {
    let victim = client(member);
    let length = draw.span(50, 8_000);
    // Who is slow must have its own pace again before the scenario ends: nothing else gives it back. The last
    // millisecond is left free, since steps of one instant are set apart by a little.
    let left = stage.shape.duration.micros - 1_000 - at;
    match draw.between(0, 9) {
        0..=3 => {
            let leaves = once(at, &victim, leave(member));
            if draw.percent(75) { leaves.and(length.micros, join(member)) } else { leaves }
        }
        4..=5 => {
            let dies = Step { crash: said(OneClient { client: spanned(member.name.clone()) }), ..Step::default() };
            let back = if_possible(Step { start: said(victim.target()), ..Step::default() });
            once(at, &victim, if_possible(dies)).and(length.micros, back)
        }
        6..=7 if left > 0 => {
            let slow = work(member, draw.scale(member.max_poll_ms / 8, member.max_poll_ms * 2));
            once(at, &victim, slow).and(length.micros.min(left), work(member, member.work_ms))
        }
        _ => {
            let pause = Step { pause: said(victim::pause(&victim, length)), ..Step::default() };
            once(at, &victim, if_possible(pause))
        }
    }
}

/// Something breaks while the group rebalances: mostly its coordinator, sometimes another member.
fn hit(stage: &Stage, group: &GroupShape, at: i64, number: u64, draw: &mut Draw) -> Incident {
    let soon = at + draw.span(1, 4_000).micros;
    let other = &group.members[draw.between(0, group.members.len() as u64 - 1) as usize];
    if draw.percent(25) {
        let pause = victim::pause(&client(other), draw.span(50, 8_000));
        return once(soon, &client(other), if_possible(Step { pause: said(pause), ..Step::default() }));
    }
    let sharp: Vec<Kind> = stage.profile.kinds().iter().copied().filter(|kind| kind.is_sharp()).collect();
    incident(draw.pick(&sharp), soon, &Victim::Coordinator(group.name.clone()), stage, number, draw)
}

/// An instant of the scenario.
pub(super) fn somewhen(stage: &Stage, draw: &mut Draw) -> i64 {
    draw.between(100_000, stage.shape.duration.micros as u64 - 2) as i64
}

pub(super) fn client(member: &MemberShape) -> Victim {
    Victim::Client(member.name.clone())
}

pub(super) fn join(member: &MemberShape) -> Step {
    let topics = member.topics.iter().cloned().map(spanned).collect();
    let join = JoinGroup { client: spanned(member.name.clone()), topics, pattern: None, server_pattern: None };
    if_possible(Step { join: said(join), ..Step::default() })
}

pub(super) fn leave(member: &MemberShape) -> Step {
    if_possible(Step { leave: said(OneClient { client: spanned(member.name.clone()) }), ..Step::default() })
}

fn commit(member: &MemberShape, asynchronous: bool) -> Step {
    let (client, asynchronous) = (spanned(member.name.clone()), asynchronous.then_some(true));
    let commits = CommitOffsets { client, offsets: BTreeMap::new(), metadata: None, asynchronous };
    if_possible(Step { commit_offsets: said(commits), ..Step::default() })
}

fn work(member: &MemberShape, per_record_ms: u64) -> Step {
    let is = spanned(Span::from_millis(per_record_ms as i64));
    if_possible(Step { work: said(SetWork { client: spanned(member.name.clone()), is }), ..Step::default() })
}
