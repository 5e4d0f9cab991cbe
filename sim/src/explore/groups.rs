//! Groups of consumers of a seed: who reads together, in which protocol, and how they are set.
//!
//! What makes groups interesting is time: sessions that run out, rebalances that somebody does not
//! hear of, commits of a member that is none any more. So sessions and poll intervals are
//! drawn from the order of a fault's length, far below Kafka's defaults, and groups meet
//! in few partitions of `__consumer_offsets`, which are small enough to be cleaned.
//! What members do while the scenario runs (they join, leave, stall, die) stands in `faults/membership.rs`.

use super::Profile;
use super::beside::Beside;
use super::cluster::Shape;
use super::draw::{Aspect, Draw};
use super::text::{said, set, spanned};
use crate::scenario::Seed;
use crate::scenario::format::{Client, ClientSettings, Settings, Spanned};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupShape {
    /// Its id.
    pub(super) name: String,
    /// Its members, those too that join later.
    pub(super) members: Vec<MemberShape>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberShape {
    /// The client's name.
    pub(super) name: String,
    /// The topics that it reads.
    pub(super) topics: Vec<String>,
    /// Whether it is a member at time zero.
    pub(super) begins_inside: bool,
    /// Whether its application commits by itself what it has read.
    pub(super) auto_commits: bool,
    /// How long its application works on a record, in milliseconds.
    pub(super) work_ms: u64,
    /// `max.poll.interval.ms`.
    pub(super) max_poll_ms: u64,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout_ms: u64,
}

/// In how many seeds of a hundred a profile has groups.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Groups => 100,
        Profile::Everything => 20,
        Profile::Default => 10,
        Profile::Lite | Profile::Disk | Profile::Network | Profile::Controllers | Profile::Replication => 0,
    }
}

/// The number of groups of a seed.
pub(super) fn count(profile: Profile, seed: Seed) -> u64 {
    let has_groups = Draw::new(seed, Aspect::Groups, 2).percent(percent(profile));
    // A story of a log in which nobody else writes.
    let most = if Beside::LogEndsInNothing.is_told(profile, seed) { 1 } else { 2 };
    if has_groups { Draw::new(seed, Aspect::Groups, 0).pick(&[1, 1, 1, 2]).min(most) } else { 0 }
}

/// What brokers must be told where there are groups: Kafka's own settings are made for days. Gives
/// `min.insync.replicas` of the offsets topic.
pub(super) fn group_settings(config: &mut Settings, seed: Seed, brokers: u64) -> u64 {
    let mut draw = Draw::new(seed, Aspect::Groups, 1);
    let factor = if draw.percent(80) { brokers.min(3) } else { draw.between(1, brokers.min(3)) };
    set(config, "offsets.topic.num.partitions", draw.pick(&[1, 1, 2, 3]));
    set(config, "offsets.topic.replication.factor", factor);
    // The topics of the scenario say their own; this is for those of the brokers: of three one may fail.
    let min_isr = factor.div_ceil(2).max(factor.min(2));
    set(config, "min.insync.replicas", min_isr);
    set(config, "group.initial.rebalance.delay.ms", draw.pick(&[0, 100, 500, 3_000]));
    set(config, "group.min.session.timeout.ms", 500);
    let session = draw.scale(1_000, 10_000);
    set(config, "group.consumer.min.session.timeout.ms", session);
    set(config, "group.consumer.session.timeout.ms", session);
    let heartbeat = draw.scale(100, session / 3);
    set(config, "group.consumer.min.heartbeat.interval.ms", heartbeat);
    set(config, "group.consumer.heartbeat.interval.ms", heartbeat);
    if draw.percent(40) {
        set(config, "offsets.commit.timeout.ms", draw.scale(500, 10_000));
    }
    if draw.percent(30) {
        set(config, "group.coordinator.append.linger.ms", draw.pick(&[0, 1, 50]));
    }
    if draw.percent(30) {
        set(config, "offsets.load.buffer.size", draw.scale(100, 5_000));
    }
    // What a coordinator writes at once must fit into a segment.
    config.0.remove(&spanned("internal.segment.bytes".to_owned()));
    if draw.percent(60) {
        set(config, "internal.segment.bytes", draw.scale(10_000, 60_000));
    }
    min_isr
}

/// Draws the groups and the sections of their members.
pub(super) fn draw_groups(profile: Profile, seed: Seed, shape: &Shape) -> (Vec<GroupShape>, Vec<Client>) {
    let (mut groups, mut clients) = (Vec::new(), Vec::new());
    for number in 1..=count(profile, seed) {
        let of_group = Group::draw(seed, number).made_for(profile, seed, number);
        let mut members = Vec::new();
        for index in 1..=of_group.size {
            let (member, section) = of_group.member(seed, clients.len() as u64 + 1, index, shape);
            members.push(member);
            clients.push(section);
        }
        groups.push(GroupShape { name: of_group.name, members });
    }
    (groups, clients)
}

/// In which protocol a member speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Classic,
    Consumer,
}

/// What the members of a group have in common.
struct Group {
    name: String,
    size: u64,
    /// In turn, from the first member on: groups of both protocols are converted back and forth.
    protocols: Vec<Protocol>,
    /// `partition.assignment.strategy`; members of one group share an assignor.
    strategy: Option<&'static str>,
    remote_assignor: Option<&'static str>,
    is_static: bool,
    /// Whether the last member uses the instance id of the first: one of them is fenced.
    shares_an_instance: bool,
    session_ms: u64,
    heartbeat_ms: u64,
    max_poll_ms: u64,
    /// Whether everybody is there at time zero and goes, so that nothing is heard of it any more: nobody commits on call.
    is_deserted: bool,
}

impl Group {
    fn draw(seed: Seed, number: u64) -> Group {
        use Protocol::{Classic, Consumer};
        let mut draw = Draw::new(seed, Aspect::Group, number);
        let mixed = draw.percent(12);
        let one = draw.pick(&[Classic, Consumer]);
        let session_ms = draw.scale(1_000, 8_000);
        let strategies = [
            None,
            Some("range"),
            Some("roundrobin"),
            Some("sticky"),
            Some("cooperative-sticky"),
            Some("cooperative-sticky,range"),
        ];
        Group {
            name: format!("g{number}"),
            size: draw.pick(&[1, 2, 2, 3, 3, 4]),
            protocols: if mixed { vec![Classic, Consumer] } else { vec![one] },
            strategy: draw.pick(&strategies),
            remote_assignor: draw.pick(&[None, Some("uniform"), Some("range")]),
            is_static: draw.percent(30),
            shares_an_instance: draw.percent(10),
            session_ms,
            heartbeat_ms: draw.scale(100, session_ms / 3),
            max_poll_ms: draw.scale(2_000, 15_000),
            is_deserted: false,
        }
    }

    /// The same group, as far as a story that is told of it does not need another one.
    fn made_for(mut self, profile: Profile, seed: Seed, number: u64) -> Group {
        match Beside::of(profile, seed).filter(|_| number == 1) {
            Some(Beside::GenerationGoesBy) => {
                self.protocols = vec![Protocol::Classic];
                self.strategy = Some("cooperative-sticky");
                self.size = self.size.max(3);
                // Nothing moves when a static member comes back.
                self.is_static = false;
            }
            Some(Beside::LogEndsInNothing) => {
                // One for each act. A static member that leaves is still there.
                self.size = self.size.max(3);
                self.is_static = false;
                self.protocols.truncate(1);
                self.is_deserted = true;
            }
            Some(Beside::SwapIsInterrupted) | None => {}
        }
        self
    }

    fn member(&self, seed: Seed, number: u64, index: u64, shape: &Shape) -> (MemberShape, Client) {
        let mut draw = Draw::new(seed, Aspect::Member, number);
        let topics: Vec<String> = shape.topics.iter().map(|topic| topic.name.clone()).collect();
        let some = draw.between(1, topics.len() as u64) as usize;
        let topics = if draw.percent(20) { draw.some_of(&topics, some) } else { topics };
        let work_ms = if draw.percent(40) { draw.scale(1, 40) } else { 0 };
        let member = MemberShape {
            name: format!("m{number}"),
            topics,
            begins_inside: (!draw.percent(25) || self.is_deserted)
                && self.protocol(index) == self.protocol(1)
                && !self.is_second_instance(index),
            auto_commits: draw.percent(70) || self.is_deserted,
            work_ms,
            max_poll_ms: self.max_poll_ms,
            api_timeout_ms: draw.scale(1_000, 10_000),
        };
        let mut section = ClientSettings::default();
        if member.begins_inside {
            section.subscribe = member.topics.iter().cloned().map(spanned).collect();
        }
        let settings = &mut section.settings;
        self.membership(settings, index);
        pace(settings, &member, self.max_poll_ms, &mut draw);
        if !member.auto_commits {
            set(settings, "enable.auto.commit", false);
        } else {
            set(settings, "auto.commit.interval.ms", draw.scale(100, 5_000));
        }
        set(settings, "fetch.max.wait.ms", draw.scale(100, 500));
        set(settings, "request.timeout.ms", draw.scale(1_000, 15_000));
        set(settings, "default.api.timeout.ms", member.api_timeout_ms);
        set(settings, "metadata.max.age.ms", draw.scale(500, 10_000));
        if draw.percent(20) {
            set(settings, "auto.offset.reset", "latest");
        }
        set(settings, "trial.backoff.jitter", true);
        let name: Spanned<String> = spanned(member.name.clone());
        (member, Client { name, producer: None, consumer: said(section), admin: None })
    }

    /// In which protocol a member speaks. Whoever speaks another one than the first comes later: faithful to Kafka 4.1 a KIP-848
    /// member that joins a classic group in its very first rebalance is refused for ever (hazard `upgrade-amid-first-rebalance`),
    /// so that time zero would not come.
    fn protocol(&self, index: u64) -> Protocol {
        self.protocols[index as usize % self.protocols.len()]
    }

    /// Whether a member uses the instance id of the first. One of the two is fenced for good (FENCED_INSTANCE_ID,
    /// UNRELEASED_INSTANCE_ID), so it comes later: time zero waits for all that are there from the beginning.
    fn is_second_instance(&self, index: u64) -> bool {
        self.is_static && self.shares_an_instance && index == self.size && index > 1
    }

    /// What makes it a member of this group.
    fn membership(&self, settings: &mut Settings, index: u64) {
        set(settings, "group.id", &self.name);
        match self.protocol(index) {
            Protocol::Classic => {
                set(settings, "session.timeout.ms", self.session_ms);
                set(settings, "heartbeat.interval.ms", self.heartbeat_ms);
                if let Some(strategy) = self.strategy {
                    set(settings, "partition.assignment.strategy", strategy);
                }
            }
            Protocol::Consumer => {
                set(settings, "group.protocol", "consumer");
                if let Some(assignor) = self.remote_assignor {
                    set(settings, "group.remote.assignor", assignor);
                }
            }
        }
        set(settings, "max.poll.interval.ms", self.max_poll_ms);
        if self.is_static {
            let number = if self.is_second_instance(index) { 1 } else { index };
            set(settings, "group.instance.id", format!("s{number}"));
        }
    }
}

/// How long the application takes for a record. An application that takes longer than max.poll.interval.ms for what one
/// poll gives it never gets anywhere: that is a lesson (18) and nothing to find.
fn pace(settings: &mut Settings, member: &MemberShape, max_poll_ms: u64, draw: &mut Draw) {
    let (beside, polls_every) = (draw.percent(30), draw.scale(50, 500));
    if member.work_ms == 0 {
        if draw.percent(20) {
            set(settings, "max.poll.records", draw.scale(1, 20));
        }
        return;
    }
    set(settings, "work", format!("{}ms", member.work_ms));
    set(settings, "max.poll.records", (max_poll_ms / (4 * member.work_ms)).clamp(1, 50));
    if beside {
        set(settings, "poll-every", format!("{polls_every}ms"));
    }
}
