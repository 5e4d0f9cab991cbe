//! Stories: commands, and what the members say. Each file is a test and a text to learn from.
//!
//! ```text
//!   # a comment tells the story
//!   command arguments
//!       what happened, indented: time in ms, member, event
//! ```
//!
//! Commands: `quorum VOTERS [OBSERVERS]`, `switch MEMBER NAME` (a bug, from its next start), `timeouts MEMBER MS…` (its next election
//! timeouts), `start`, `kill`, `power-cut`, `stop`, `resign`, `append MEMBER COUNT`, `snapshot`,
//! `trim MEMBER` (its log starts at its newest snapshot), `cut A B`, `heal`, `run MS`, `state`.

use std::time::Duration;

use super::harness::{World, name};
use crate::config::{Behaviour, Switch};
use crate::event::{QuorumStateName, RaftEvent};
use crate::ids::NodeId;

/// A stand-in for `serde`'s kebab-case names, read off `Debug`.
fn kebab(debug: &str) -> String {
    let mut text = String::new();
    for letter in debug.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

pub(super) fn describe(event: &RaftEvent) -> String {
    match event {
        RaftEvent::StateChanged { to, epoch, leader, reason } => {
            let of = match to {
                QuorumStateName::Follower => format!(" of c{leader}"),
                _ => String::new(),
            };
            format!("{}{of} e{epoch} ({})", kebab(&format!("{to:?}")), kebab(&format!("{reason:?}")))
        }
        RaftEvent::VoteGranted { candidate, epoch, pre_vote } => {
            format!("grants c{} its {} in e{epoch}", candidate.id, vote_name(*pre_vote))
        }
        RaftEvent::VoteRefused { candidate, epoch, pre_vote, reason } => {
            let why = kebab(&format!("{reason:?}"));
            format!("refuses c{} its {} in e{epoch} ({why})", candidate.id, vote_name(*pre_vote))
        }
        RaftEvent::MetadataAppended { base_offset, log_end_offset, epoch, as_leader } => {
            let how = if *as_leader { "appends" } else { "copies" };
            format!("{how} {base_offset}..{log_end_offset} in e{epoch}")
        }
        RaftEvent::MetadataTruncated { from, to } => format!("truncates from {from} to {to}"),
        RaftEvent::QuorumHighWatermarkAdvanced { to, .. } => format!("high watermark {to}"),
        RaftEvent::SnapshotCreated { snapshot } => format!("creates snapshot {}", name(*snapshot)),
        RaftEvent::SnapshotLoaded { snapshot } => format!("fetched snapshot {}", name(*snapshot)),
        RaftEvent::SnapshotDeleted { snapshot } => format!("deletes snapshot {}", name(*snapshot)),
    }
}

fn vote_name(pre_vote: bool) -> &'static str {
    if pre_vote { "pre-vote" } else { "vote" }
}

fn member(word: &str) -> NodeId {
    NodeId(word.strip_prefix('c').unwrap_or_else(|| panic!("a member such as c1, not {word}")).parse().unwrap())
}

fn state_lines(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, machine) in &world.machines {
        lines.push(match &machine.raft {
            None => format!("c{id} is down"),
            Some(raft) => {
                let (leader, epoch) = raft.leader_and_epoch();
                let known = if leader.is_some() { format!(", leader c{leader}") } else { String::new() };
                let voted = raft.voted_for().map_or(String::new(), |key| format!(", voted c{}", key.id));
                let committed = raft.high_watermark().map_or("unknown".to_owned(), |offset| offset.to_string());
                format!(
                    "c{id} {} e{epoch}{known}{voted}, log {}..{}, high watermark {committed}",
                    kebab(&format!("{:?}", raft.state_name())),
                    raft.log_start_offset(),
                    raft.log_end_offset(),
                )
            }
        });
    }
    lines
}

fn command(world: &mut World, words: &[&str]) -> Vec<String> {
    match words {
        ["timeouts", who, millis @ ..] => {
            let script = &mut world.machines.get_mut(&member(who)).unwrap().script;
            script.election_timeouts_ms.extend(millis.iter().map(|word| word.parse::<u64>().unwrap()));
        }
        ["switch", who, switch] => {
            let switch = match *switch {
                "vote-not-durable" => Switch::VoteNotDurable,
                "pre-vote-granted-by-follower" => Switch::PreVoteGrantedByFollower,
                other => panic!("no story is told of the switch {other}"),
            };
            world.machines.get_mut(&member(who)).unwrap().config.behaviour.switches.insert(switch);
        }
        ["start"] => world.start_all(),
        ["start", who] => world.start(member(who)),
        ["kill", who] => world.kill(member(who), false),
        ["power-cut", who] => world.kill(member(who), true),
        ["stop", who] => world.with(member(who), |raft, ctx| raft.shut_down(ctx)),
        ["resign", who] => {
            let epoch = world.raft(member(who)).leader_and_epoch().1;
            world.with(member(who), |raft, ctx| raft.resign(ctx, epoch));
        }
        ["append", who, count] => {
            if !world.append(member(who), count.parse().unwrap()) {
                return vec!["not the leader".to_owned()];
            }
        }
        ["snapshot", who] => {
            if !world.snapshot(member(who)) {
                return vec!["no snapshot".to_owned()];
            }
        }
        ["trim", who] => world.with(member(who), |raft, ctx| {
            let latest = raft.latest_snapshot().unwrap();
            raft.log.delete_before(ctx, latest).unwrap();
        }),
        ["cut", a, b] => {
            world.cut.insert((member(a), member(b)));
            world.cut.insert((member(b), member(a)));
        }
        ["heal"] => world.cut.clear(),
        ["run", millis] => world.run_for(Duration::from_millis(millis.parse().unwrap())),
        ["state"] => return state_lines(world),
        other => panic!("unknown command {other:?}"),
    }
    std::mem::take(&mut world.transcript)
}

/// Runs a story's commands and writes it anew with what happened.
fn replay(story: &str) -> String {
    let mut world = None;
    let behaviour = Behaviour::default();
    let mut text = String::new();
    for line in story.lines().filter(|line| !line.starts_with("    ")) {
        text.push_str(line);
        text.push('\n');
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            ["quorum", voters] => world = Some(World::new(voters.parse().unwrap(), 0, &behaviour)),
            ["quorum", voters, observers] => {
                world = Some(World::new(voters.parse().unwrap(), observers.parse().unwrap(), &behaviour));
            }
            words => {
                for said in command(world.as_mut().expect("a story begins with a quorum"), words) {
                    text.push_str("    ");
                    text.push_str(&said);
                    text.push('\n');
                }
            }
        }
    }
    text
}

macro_rules! story {
    ($($name:ident = $file:literal;)*) => {$(
        #[test]
        fn $name() {
            let story = include_str!(concat!("stories/", $file));
            let replayed = replay(story);
            assert!(replayed == story, "stories/{} goes otherwise now:\n=====\n{replayed}=====", $file);
        }
    )*};
}

story! {
    a_sole_voter_leads_at_once = "sole_voter.txt";
    three_voters_elect_and_commit = "election.txt";
    voters_in_step_split_the_vote_and_need_two_epochs = "split_vote.txt";
    a_follower_in_contact_refuses_pre_votes_so_the_last_to_notice_leads = "pre_vote_refused.txt";
    a_leader_cut_off_loses_its_uncommitted_records_by_truncation = "divergence.txt";
    a_member_behind_the_log_start_fetches_a_snapshot = "snapshot.txt";
    a_leader_without_a_majority_resigns_after_three_seconds = "check_quorum.txt";
    a_restarted_voter_remembers_its_vote = "durable_vote.txt";
    a_voter_that_forgets_its_vote_makes_two_leaders_of_one_epoch = "forgotten_vote.txt";
    the_switch_that_grants_pre_votes_against_a_living_leader_deposes_it = "disruptive_pre_vote.txt";
    a_leader_that_stops_hands_over = "hand_over.txt";
}
