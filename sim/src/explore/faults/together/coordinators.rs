//! What is left in a coordinator's log: deletions, and what came after them and was never committed.

use super::{Replicated, begin, cut_off, millis, missed, once, preferred};
use crate::explore::draw::Draw;
use crate::explore::faults::Stage;
use crate::explore::faults::incident::Incident;
use crate::explore::faults::membership::{client, join, leave};
use crate::explore::faults::victim::Victim;
use crate::explore::groups::MemberShape;
use crate::explore::text::{ids, if_possible, said, spanned};
use crate::scenario::format::Step;
use crate::scenario::format::action::OneClient;
use crate::scenario::format::administration::{OneGroup, Reassign};

/// The log of a group that is deleted ends in deletions. Twice its leader is cut off from all other machines when somebody comes: what it
/// writes for them begins a new segment, so that the deletions can be cleaned, and goes when the leader follows another one. The
/// first time the cleaner notes from when on deletions may go. The second leader copies that, and its cleaner takes them.
/// Then it is elected again, reads a log whose last segments may be empty, and somebody comes.
pub(super) fn a_log_ends_in_nothing(stage: &Stage, draw: &mut Draw) -> Vec<Incident> {
    let Some(group) = stage.groups.first() else { return Vec::new() };
    let brokers = draw.shuffled(&stage.shape.brokers);
    let ([first, other, second, ..], [early, late, last, ..]) = (&brokers[..], &group.members[..]) else {
        return Vec::new();
    };
    let mut at = begin(stage, stage.shape.duration.micros, draw);
    let mut all = led_by(at, *first, *other, draw);
    at += millis(draw, 3_500, 4_500);
    all.extend(group.members.iter().map(|member| once(at, &client(member), leave(member))));
    at += millis(draw, 1_000, 2_000);
    let one = OneGroup { client: None, group: spanned(group.name.clone()) };
    all.push(once(at, &Victim::Broker(*first), if_possible(Step { delete_group: said(one), ..Step::default() })));
    at += millis(draw, 1_200, 2_000);
    for (leader, member) in [(*first, early), (*second, late)] {
        let away = missed(stage) + millis(draw, 800, 1_500);
        all.push(cut_off(stage, at, away, &Victim::Broker(leader), leader, false));
        all.push(comes_and_dies(at + 1_000, member, draw));
        at += away + millis(draw, 2_500, 3_500);
        all.extend(led_by(at, leader, *other, draw));
        at += millis(draw, 4_000, 5_000);
        if leader == *first {
            all.extend(led_by(at, *second, *other, draw));
            at += millis(draw, 4_000, 5_000);
        }
    }
    all.push(once(at, &client(last), join(last)));
    all
}

/// The partition of the offsets topic, where it has only one.
const OFFSETS: &str = "__consumer_offsets-0";

/// An administrator says who holds the log, and that the first of them is to lead.
fn led_by(at: i64, leader: i32, follower: i32, draw: &mut Draw) -> Vec<Incident> {
    let log = Replicated { name: OFFSETS.to_owned(), replicas: vec![leader, follower], is_unclean: false };
    let replicas = said(ids(&log.replicas));
    let reassign = Reassign { client: None, partition: spanned(log.name.clone()), replicas };
    let step = if_possible(Step { reassign: said(reassign), ..Step::default() });
    let mut all = vec![once(at, &Victim::Broker(leader), step)];
    all.extend(preferred(at + 500_000, &log, 5, draw));
    all
}

/// A member comes, and dies before another broker coordinates its group: nobody else hears of it.
fn comes_and_dies(at: i64, member: &MemberShape, draw: &mut Draw) -> Incident {
    let dies = Step { crash: said(OneClient { client: spanned(member.name.clone()) }), ..Step::default() };
    once(at, &client(member), join(member)).and(millis(draw, 600, 1_200), if_possible(dies))
}
