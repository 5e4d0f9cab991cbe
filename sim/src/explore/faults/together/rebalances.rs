//! What members are not told: a generation that goes by without one of them.

use super::{begin, millis, names, of_api, once, said, spanned};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::Incident;
use crate::explore::faults::membership::{client, join, leave};
use crate::explore::faults::victim::Victim;
use crate::explore::groups::{GroupShape, MemberShape};
use crate::explore::text::if_possible;
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{Delay, MessageKind, Messages};

/// A member goes, and comes back when the others have its partitions: the group rebalances twice. Another one does not hear how the
/// first of these begins, for the answer is lost: it joins the second with what it had before. Mostly it hears later than the
/// others how that one ends, and keeps for so long what it is to give up.
pub(super) fn a_generation_goes_by(stage: &Stage, draw: &mut Draw) -> Vec<Incident> {
    let Some(group) = stage.groups.first().filter(|group| group.members.len() > 1) else { return Vec::new() };
    let mut at = begin(stage, 12_000_000, draw);
    let mut all: Vec<Incident> = late_comers(group, at / 2).collect();
    for _ in 0..draw.pick(&[1, 2, 2, 3]) {
        let members = draw.shuffled(&group.members);
        let (misses, moves) = (&members[0], &members[1]);
        let away = millis(draw, 2_000, 6_000);
        let back = at + away;
        all.push(once(at, &client(moves), leave(moves)).and(away, join(moves)));
        all.push(unheard(back - 2_000, misses, draw));
        if draw.percent(75) {
            all.push(late(back - 1_000, misses, draw));
        }
        at = back + millis(draw, 5_000, 9_000);
    }
    all
}

/// Who is no member from the beginning on is one when the story begins.
fn late_comers(group: &GroupShape, at: i64) -> impl Iterator<Item = Incident> {
    let outside = group.members.iter().filter(|member| !member.begins_inside);
    outside.map(move |member| once(at, &client(member), join(member)))
}

/// What a coordinator answers to a member about a generation.
fn answers(member: &MemberShape, api: &str) -> Messages {
    Messages { to: said(names(&[&member.name])), ..of_api(api, Some(MessageKind::Response)) }
}

/// The next answer is lost, or all of them are kept back for a while.
fn unheard(at: i64, member: &MemberShape, draw: &mut Draw) -> Incident {
    let of = answers(member, draw.pick(&["JoinGroup", "JoinGroup", "JoinGroup", "SyncGroup"]));
    if draw.percent(85) {
        let drop = Messages { nth: said(1), ..of };
        return once(at, &client(member), if_possible(Step { drop: said(drop), ..Step::default() }));
    }
    super::kept(at, millis(draw, 500, 6_000), &client(member), of)
}

/// The next answer with an assignment takes its time.
fn late(at: i64, member: &MemberShape, draw: &mut Draw) -> Incident {
    let Messages { from, to, api, kind, .. } = answers(member, "SyncGroup");
    let by = spanned(Span { micros: millis(draw, 100, 1_500) });
    let delay = Delay { by, from, to, api, kind, nth: said(1), in_flight: None };
    let victim: Victim = client(member);
    once(at, &victim, if_possible(Step { delay: said(delay), ..Step::default() }))
}
