//! Stories that are told beside everything else that a seed draws, and what they ask of its topics and its groups.
//!
//! ```text
//!   a generation goes by     a member does not hear of a generation, and joins the next with what it had before
//!   a swap is interrupted    the power goes again and again where a slow disk exchanges segments of a compacted log
//!   a log ends in nothing    what stands behind a group's deletion is cut off, and the deletion is cleaned away
//! ```
//!
//! Such a story needs circumstances that meet once in many thousand seeds: an assignor, partitions that can move, a log that
//! the cleaner has something to do in. So whether a
//! seed tells one is drawn by itself, from a stream of its own, before anything else: where it does not, the seed is what
//! it was. What happens in them stands in `faults/together/`.

use super::Profile;
use super::draw::{Aspect, Draw};
use super::text::set;
use crate::scenario::Seed;
use crate::scenario::format::{Settings, Span};

/// The stories. The number is part of every seed: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    GenerationGoesBy = 1,
    SwapIsInterrupted = 2,
    LogEndsInNothing = 3,
}

/// How many partitions a topic has at least whose owners are to change one by one.
const SHARED_PARTITIONS: usize = 6;

/// How long it takes until a log ends in nothing, and somebody has asked for it.
const TO_END_IN_NOTHING: Span = Span::from_millis(46_000);

impl Beside {
    /// In the order in which they are asked: a seed tells one of them.
    const ALL: [Beside; 3] = [Beside::GenerationGoesBy, Beside::SwapIsInterrupted, Beside::LogEndsInNothing];

    /// In how many seeds of a hundred it is told, where that is possible and none before it is.
    fn percent(self, profile: Profile) -> u64 {
        match (self, profile) {
            (Beside::GenerationGoesBy, Profile::Groups) => 15,
            (Beside::SwapIsInterrupted, Profile::Disk) => 10,
            (Beside::LogEndsInNothing, Profile::Groups) => 4,
            _ => 0,
        }
    }

    /// The story that a seed tells, if it tells one.
    pub(super) fn of(profile: Profile, seed: Seed) -> Option<Beside> {
        let is_drawn = |story: &Beside| Draw::new(seed, Aspect::Beside, *story as u64).percent(story.percent(profile));
        Beside::ALL.into_iter().find(is_drawn)
    }

    /// Whether a seed tells it.
    pub(super) fn is_told(self, profile: Profile, seed: Seed) -> bool {
        Beside::of(profile, seed) == Some(self)
    }

    /// What is drawn of it.
    pub(super) fn draw(self, seed: Seed) -> Draw {
        Draw::new(seed, Aspect::Beside, (self as u64) << 32)
    }

    /// What is drawn of it beside what happens; the index is from 1.
    fn circumstances(self, seed: Seed, index: u64) -> Draw {
        Draw::new(seed, Aspect::Beside, (self as u64) << 32 | index)
    }

    /// Whether it is about groups, so that members do nothing but what it says.
    fn is_of_groups(self) -> bool {
        match self {
            Beside::GenerationGoesBy | Beside::LogEndsInNothing => true,
            Beside::SwapIsInterrupted => false,
        }
    }
}

/// More partitions for the first topic, where they are to move between members: as many replicas each as the others have.
pub(super) fn more_partitions(profile: Profile, seed: Seed, index: u64, replicas: &mut Vec<Vec<i32>>, brokers: &[i32]) {
    if index != 1 || !Beside::GenerationGoesBy.is_told(profile, seed) {
        return;
    }
    let mut draw = Beside::GenerationGoesBy.circumstances(seed, 1);
    let factor = replicas[0].len();
    while replicas.len() < SHARED_PARTITIONS {
        replicas.push(draw.shuffled(brokers).into_iter().take(factor).collect());
    }
}

/// Makes the first topic a compacted one where segments of it are to be exchanged: small ones, and some as often as records come.
/// Whether it did.
pub(super) fn is_compacted(profile: Profile, seed: Seed, index: u64, config: &mut Settings) -> bool {
    if index != 1 || !Beside::SwapIsInterrupted.is_told(profile, seed) {
        return false;
    }
    let mut draw = Beside::SwapIsInterrupted.circumstances(seed, 1);
    set(config, "cleanup.policy", "compact");
    set(config, "internal.segment.bytes", draw.between(300, 600));
    set(config, "min.cleanable.dirty.ratio", "0.01");
    true
}

/// What a story asks of the brokers' settings. Gives `broker.session.timeout.ms`, if it asks for another one: who is gone is missed
/// soon, so that there is time for all that follows.
pub(super) fn settle(profile: Profile, seed: Seed, config: &mut Settings) -> Option<u64> {
    let story = Beside::of(profile, seed)?;
    let mut draw = story.circumstances(seed, 2);
    if story == Beside::GenerationGoesBy {
        return None;
    }
    let session = draw.between(2_000, 3_000);
    set(config, "broker.session.timeout.ms", session);
    set(config, "broker.heartbeat.interval.ms", session / 4);
    set(config, "log.cleaner.backoff.ms", draw.scale(100, 1_000));
    if story == Beside::LogEndsInNothing {
        set(config, "group.initial.rebalance.delay.ms", draw.pick(&[0, 0, 100]));
        set(config, "offsets.topic.num.partitions", 1);
        set(config, "segment.ms", draw.between(300, 1_000));
        set(config, "min.cleanable.dirty.ratio", "0.01");
        set(config, "delete.retention.ms", draw.scale(300, 3_000));
    }
    Some(session)
}

/// How many brokers it takes at least.
pub(super) fn needed_brokers(profile: Profile, seed: Seed) -> u64 {
    match Beside::of(profile, seed) {
        Some(Beside::SwapIsInterrupted | Beside::LogEndsInNothing) => 3,
        Some(Beside::GenerationGoesBy) | None => 1,
    }
}

/// Whether machines must be able to lose what they have not synced: eligible leaders are kept, and no record is acknowledged by one
/// replica alone.
pub(super) fn loses_power(profile: Profile, seed: Seed) -> bool {
    Beside::SwapIsInterrupted.is_told(profile, seed)
}

/// How long faults go on, if a story takes longer than most seeds.
pub(super) fn lasts(profile: Profile, seed: Seed) -> Option<Span> {
    Beside::LogEndsInNothing.is_told(profile, seed).then_some(TO_END_IN_NOTHING)
}

/// Whether few other things happen in a seed: a story that others talk over comes to nothing.
pub(super) fn is_quiet(profile: Profile, seed: Seed) -> bool {
    Beside::of(profile, seed).is_some()
}

/// Which faults of all kinds there are beside a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// As everywhere.
    Everything,
    /// Those of one kind: of a story with many acts each must come off.
    OneKind,
    /// None. Behind a power cut a compacted log may have a hole where a segment was not synced, in Kafka too
    /// (hazard `hole-between-segments`): nobody can tell it from those that the cleaner leaves.
    Nothing,
}

/// Which faults of all kinds there are in a seed.
pub(super) fn room(profile: Profile, seed: Seed) -> Room {
    match Beside::of(profile, seed) {
        Some(Beside::GenerationGoesBy) | None => Room::Everything,
        Some(Beside::LogEndsInNothing) => Room::OneKind,
        Some(Beside::SwapIsInterrupted) => Room::Nothing,
    }
}

/// Whether only the story writes to a topic.
pub(super) fn is_reserved(profile: Profile, seed: Seed, topic: &str) -> bool {
    topic == "t1" && Beside::SwapIsInterrupted.is_told(profile, seed)
}

/// Whether members and administrators of groups do only what the story says.
pub(super) fn is_about_groups(profile: Profile, seed: Seed) -> bool {
    Beside::of(profile, seed).is_some_and(Beside::is_of_groups)
}
