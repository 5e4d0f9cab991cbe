//! Kafka's tests of one quorum member as texts: `KafkaRaftClientTest`, `KafkaRaftClientSnapshotTest`,
//! `KafkaRaftClientPreVoteTest`. Here nobody but c1 runs; the test writes what the others ask and answer. What a vector
//! is says [`crate::tests`].
//!
//! ```text
//!   voters COUNT | observer of COUNT      c1 votes with c2, c3, … (or c9 watches them); nothing on its disk but
//!   [leader Cn eN] [voted Cn eN] [eN]     what its quorum-state file says
//!   [log RECORDS…] [snapshot END-EPOCH]   and what its log holds: `3e1 2e2` is a batch of three and one of two
//!
//!   vote FROM eN log END-EPOCH            asks of others; `pre-vote`; `to Cn` is meant for somebody else
//!   begin FROM eN   end FROM eN prefers Cn…
//!   fetch FROM eN at END-EPOCH [wait MS] [knows OFFSET]
//!   fetch-snapshot FROM eN END-EPOCH from POSITION max BYTES
//!
//!   answer FROM WHAT eN [leader Cn]       to the newest request to FROM without an answer, or `late` to the oldest:
//!                                         `granted`, `rejected`, `ok`, an error's name;
//!     records 3e1 | empty | diverging END-EPOCH | snapshot END-EPOCH   to a fetch, with `hw OFFSET`
//!   break FROM                            the connection breaks
//!
//!   wait MS   become-leader   append COUNT   resign eN   stop
//!   create-snapshot END-EPOCH   trim END-EPOCH      the log begins where this snapshot ends
//! ```
//!
//! In the transcript `→` is what c1 sends and `←` what it answers. Where Kafka's tests have a leader's first batch with one
//! control record, it has three here: who leads, the version, and the voters.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

mod words;

use words::{after, answered, asked, batch, epoch, error_named, fetched, is_records, known, member, piece};
use words::{records, request, snapshot};

use super::disk::Disk;
use super::harness::{Script, config, endpoint, name, voter};
use super::stories::describe;
use crate::config::{Behaviour, RaftSettings, Voter};
use crate::context::Context;
use crate::event::{Event, QuorumStateName, RaftEvent};
use crate::ids::{ConnectionId, NodeId, Offset, RequestHandle};
use crate::message::*;
use crate::raft::metadata_log::MetadataLog;
use crate::raft::quorum_file::{self, ElectionState};
use crate::raft::snapshots::{SnapshotContent, encode};
use crate::raft::voters::VoterSet;
use crate::raft::{Raft, RaftOutput};
use crate::tests::{Stage, argument, vectors};
use crate::time::{Now, Time, WallTime};

#[derive(Default)]
struct MemberStage {
    raft: Option<Raft>,
    disk: Disk,
    script: Script,
    now: Time,
    /// Requests without an answer, by whom they went to.
    asked: BTreeMap<NodeId, VecDeque<(u64, Request)>>,
    /// How many were sent to whom.
    sent: BTreeMap<NodeId, usize>,
    last_answer: String,
    last_fetch_answer: String,
    has_left: bool,
    next_request: u64,
    committed: Offset,
    said: Vec<String>,
    /// The states that the last command led through.
    became: Vec<String>,
}

impl MemberStage {
    fn raft(&self) -> &Raft {
        self.raft.as_ref().expect("a vector begins with a member")
    }

    /// Formats a disk, writes what it is to hold, and starts the member on it.
    fn start(&mut self, id: i32, voters: i32, words: &[&str]) {
        *self = MemberStage::default();
        let seats: Vec<Voter> = (1..=voters).map(voter).collect();
        let mut ctx = Context::new(Now::default(), &mut self.disk, &mut self.script);
        Raft::format(&mut ctx, "metadata", &seats, Vec::new()).expect("the disk works");
        self.write_log(&seats, words);
        let leader = after(words, "leader").map(member);
        let voted = after(words, "voted").map(|word| voter(member(word).0).replica);
        let mut ctx = Context::new(Now::default(), &mut self.disk, &mut self.script);
        if words.iter().any(|word| word.strip_prefix('e').is_some_and(|epoch| epoch.parse::<i32>().is_ok())) {
            let state = ElectionState { epoch: epoch(words), leader, voted };
            let directory = crate::raft::metadata_log::partition_directory("metadata");
            quorum_file::write(&mut ctx, &directory, state, 1, &[], &Behaviour::default()).expect("works");
        }
        let mut config = config(id, voters, &Behaviour::default());
        let millis = |name: &str, default: Duration| {
            argument(words, name).map_or(default, |millis| Duration::from_millis(millis as u64))
        };
        config.settings.election_timeout = millis("election-timeout", config.settings.election_timeout);
        config.settings.fetch_timeout = millis("fetch-timeout", config.settings.fetch_timeout);
        config.settings.request_timeout = millis("request-timeout", config.settings.request_timeout);
        let raft = Raft::recover(&mut ctx, config).expect("the disk works");
        let events = ctx.take_effects().events;
        self.raft = Some(raft);
        self.tell(events);
    }

    fn write_log(&mut self, seats: &[Voter], words: &[&str]) {
        let mut ctx = Context::new(Now::default(), &mut self.disk, &mut self.script);
        let (settings, behaviour) = (RaftSettings::default(), Behaviour::default());
        let mut log = MetadataLog::load(&mut ctx, "metadata", &settings, &behaviour).expect("works");
        for word in words.iter().filter(|word| is_records(word)) {
            let (count, epoch) = records(word);
            log.append_as_leader(&mut ctx, batch(log.end_offset(), count, epoch), epoch).expect("works");
        }
        log.flush(&mut ctx).expect("works");
        if let Some(id) = after(words, "snapshot").map(snapshot) {
            log.log.update_high_watermark(&mut ctx, id.end_offset);
            let voters = VoterSet::new(seats.to_vec());
            let content = SnapshotContent {
                last_timestamp: 0,
                kraft_version: 1,
                voters: Some(&voters),
                records: &[Bytes::from_static(b"state")],
            };
            log.create_snapshot(&mut ctx, id, &encode(id, 0, &content)).expect("works");
            log.delete_before(&mut ctx, id).expect("works");
        }
    }

    fn with<R>(&mut self, work: impl FnOnce(&mut Raft, &mut Context) -> R) -> R {
        let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
        let mut raft = self.raft.take().expect("a vector begins with a member");
        let mut ctx = Context::new(now, &mut self.disk, &mut self.script);
        let result = work(&mut raft, &mut ctx);
        let events = ctx.take_effects().events;
        self.raft = Some(raft);
        self.tell(events);
        result
    }

    fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            if let Event::Raft(event) = event {
                if let RaftEvent::StateChanged { to, .. } = &event {
                    self.became.push(format!("{to:?}").to_lowercase());
                }
                self.say(&describe(&event));
            }
        }
        let outputs = self.raft.as_mut().expect("it is there").take_outputs();
        for output in outputs {
            match output {
                RaftOutput::Send { to, token, request } => {
                    let target = member(&to.endpoint.host);
                    self.say(&format!("→ c{target} {}", asked(&request)));
                    self.asked.entry(target).or_default().push_back((token, request));
                    *self.sent.entry(target).or_default() += 1;
                }
                RaftOutput::Reply { response, .. } => {
                    self.last_answer = answered(&response);
                    if matches!(response, Response::Fetch(_)) {
                        self.last_fetch_answer = answered(&response);
                    }
                    self.say(&format!("← {}", answered(&response)));
                }
                RaftOutput::Committed { batches } => {
                    self.committed = batches.last().map_or(self.committed, |batch| batch.last_offset + 1);
                }
                RaftOutput::SnapshotLoaded { id, records } => {
                    self.say(&format!("hands over snapshot {} with {} records", name(id), records.len()));
                }
                RaftOutput::LeaderChanged { leader, epoch, .. } => {
                    self.say(&format!("announces leader {} of e{epoch}", known(leader)));
                }
                RaftOutput::ActiveLeader { epoch } => self.say(&format!("may append in e{epoch}")),
                RaftOutput::Exited => {
                    self.has_left = true;
                    self.say("has left");
                }
                RaftOutput::FatalFault => self.say("dies: its request is invalid"),
                RaftOutput::Failed { error } => panic!("the disk failed: {error}"),
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.said.push(format!("{:>5} {text}", self.now.0 / 1000));
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(next) = self.raft().next_deadline().filter(|next| *next <= until) {
            self.now = next;
            self.with(|raft, ctx| raft.on_timers(ctx));
        }
        self.now = until;
    }

    fn request(&mut self, request: impl Into<Request>) {
        self.next_request += 1;
        let handle = RequestHandle { connection: ConnectionId(self.next_request), correlation_id: 0 };
        let request = request.into();
        self.last_answer = "none".to_owned();
        self.with(|raft, ctx| raft.handle_request(ctx, handle, request));
    }

    fn answer(&mut self, words: &[&str]) {
        let from = member(words[1]);
        let queue = self.asked.get_mut(&from).unwrap_or_else(|| panic!("c{from} was not asked"));
        let taken = if words.contains(&"late") { queue.pop_front() } else { queue.pop_back() };
        let (token, request) = taken.unwrap_or_else(|| panic!("c{from} has answered everything"));
        let epoch = epoch(words);
        let leader = after(words, "leader").map_or(NodeId::NONE, member);
        let leader_endpoint =
            leader.is_some().then(|| NodeEndpoint { node: leader, endpoint: endpoint(leader), rack: None });
        let error = error_named(words[2]);
        let response: Response = match request {
            Request::Vote(_) => {
                let vote_granted = words[2] == "granted";
                VoteResponse { error, leader, epoch, vote_granted, leader_endpoint }.into()
            }
            Request::BeginQuorumEpoch(_) => BeginQuorumEpochResponse { error, leader, epoch, leader_endpoint }.into(),
            Request::EndQuorumEpoch(_) => EndQuorumEpochResponse { error, leader, epoch, leader_endpoint }.into(),
            Request::Fetch(request) => {
                let partition = fetched(&request.partitions[0], words, error, LeaderHint { leader, epoch });
                let node_endpoints = leader_endpoint.into_iter().collect();
                FetchResponse { error: ErrorCode::None, session_id: 0, partitions: vec![partition], node_endpoints }
                    .into()
            }
            Request::FetchSnapshot(request) => {
                let snapshot_id = after(words, "id").map_or(request.snapshot_id, snapshot);
                let all = self.snapshot_bytes(request.snapshot_id);
                let (position, size) = (request.position, all.len() as i64);
                let rest = size - position;
                let count = if words.contains(&"whole") { rest } else { argument(words, "bytes").unwrap_or(0) };
                let bytes = all.slice(position as usize..(position + count) as usize);
                let response =
                    FetchSnapshotResponse { error, snapshot_id, leader, epoch, size, position, bytes, leader_endpoint };
                response.into()
            }
            other => panic!("{} is not asked here", other.api().name()),
        };
        self.with(|raft, ctx| raft.handle_response(ctx, token, Ok(response)));
    }

    /// The snapshot as the leader of these vectors has it.
    fn snapshot_bytes(&self, id: SnapshotId) -> Bytes {
        let voters = VoterSet::new(self.raft().voters().to_vec());
        let state = [Bytes::from(vec![b's'; 100])];
        let content = SnapshotContent { last_timestamp: 0, kraft_version: 1, voters: Some(&voters), records: &state };
        Bytes::from(encode(id, 0, &content).concat())
    }

    fn become_leader(&mut self) {
        while self.raft().state_name() != QuorumStateName::Leader {
            let votes: Vec<NodeId> = self
                .asked
                .iter()
                .filter(|(_, queue)| queue.iter().any(|(_, request)| matches!(request, Request::Vote(_))))
                .map(|(id, _)| *id)
                .collect();
            match votes.first() {
                Some(voter) => {
                    let queue = self.asked.get_mut(voter).expect("it was asked");
                    queue.retain(|(_, request)| matches!(request, Request::Vote(_)));
                    let epoch = self.raft().leader_and_epoch().1;
                    self.answer(&["answer", &format!("c{voter}"), "granted", &format!("e{epoch}")]);
                    self.forget_votes();
                }
                None => {
                    self.asked.clear();
                    let next = self.raft().next_deadline().expect("a timer");
                    self.wait((next.0 - self.now.0).div_ceil(1000));
                }
            }
        }
    }

    /// Votes of an election that is over are not waited for.
    fn forget_votes(&mut self) {
        if self.raft().state_name() == QuorumStateName::Leader {
            for queue in self.asked.values_mut() {
                queue.retain(|(_, request)| !matches!(request, Request::Vote(_) | Request::Fetch(_)));
            }
        }
    }

    fn act(&mut self, words: &[&str]) {
        match words {
            ["voters", count, ..] => self.start(1, count.parse().expect("a number"), &words[2..]),
            ["observer", "of", count, ..] => self.start(9, count.parse().expect("a number"), &words[3..]),
            ["vote" | "pre-vote" | "begin" | "end" | "fetch" | "fetch-snapshot", ..] => {
                let request = request(words, self.raft().config.node);
                self.request(request);
            }
            ["describe"] => self.request(DescribeQuorumRequest),
            ["answer", ..] => self.answer(words),
            ["break", from] => {
                let (token, _) = self.asked.get_mut(&member(from)).and_then(VecDeque::pop_back).expect("a request");
                self.with(|raft, ctx| raft.handle_response(ctx, token, Err(())));
            }
            ["wait", millis] => self.wait(millis.parse().expect("a number")),
            ["become-leader"] => self.become_leader(),
            ["append", count, ..] => {
                let records = vec![Bytes::from_static(b"x"); count.parse().expect("a number")];
                let epoch = if words.len() > 2 { epoch(words) } else { self.raft().leader_and_epoch().1 };
                let result = self.with(|raft, ctx| raft.prepare_append(ctx, epoch, records, true));
                self.last_answer = match result {
                    Ok(last_offset) => format!("up to {last_offset}"),
                    Err(_) => "not the leader".to_owned(),
                };
                let said = self.last_answer.clone();
                self.say(&format!("append: {said}"));
            }
            ["resign", ..] => {
                let epoch = epoch(words);
                self.with(|raft, ctx| raft.resign(ctx, epoch));
            }
            ["stop"] => self.with(|raft, ctx| raft.shut_down(ctx)),
            ["trim", id] => {
                let id = snapshot(id);
                self.with(|raft, ctx| raft.log.delete_before(ctx, id)).expect("works");
            }
            ["create-snapshot", id] => {
                let id = snapshot(id);
                let done = self.with(|raft, ctx| raft.create_snapshot(ctx, id, 0, Vec::new())).expect("works");
                self.last_answer = if done { "created" } else { "refused" }.to_owned();
                let said = self.last_answer.clone();
                self.say(&format!("snapshot {}: {said}", name(id)));
            }
            other => panic!("no such command: {other:?}"),
        }
    }

    /// The log's records as the command `voters` writes them.
    fn log(&mut self) -> String {
        let raft = self.raft.as_ref().expect("it is there");
        let mut ctx = Context::new(Now::default(), &mut self.disk, &mut self.script);
        let bytes = raft.log.read(&mut ctx, raft.log_start_offset(), raft.log_end_offset()).expect("readable");
        let words: Vec<String> = crate::record::batches(&bytes)
            .flatten()
            .map(|batch| format!("{}e{}", batch.next_offset() - batch.base_offset(), batch.leader_epoch()))
            .collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }
}

impl Stage for MemberStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        self.became.clear();
        self.act(words);
        std::mem::take(&mut self.said)
    }

    fn fact(&mut self, words: &[&str]) -> String {
        let raft = self.raft();
        match words {
            ["state"] => format!("{:?}", raft.state_name()).to_lowercase(),
            ["became"] => self.became.join(" "),
            ["epoch"] => raft.leader_and_epoch().1.to_string(),
            ["leader"] => known(raft.leader_and_epoch().0),
            ["voted"] => raft.voted_for().map_or("none".to_owned(), |key| known(key.id)),
            ["log", "end"] => raft.log_end_offset().to_string(),
            ["log", "start"] => raft.log_start_offset().to_string(),
            ["high", "watermark"] => raft.high_watermark().map_or("none".to_owned(), |offset| offset.to_string()),
            ["newest", "snapshot"] => raft.latest_snapshot().map_or("none".to_owned(), name),
            ["answer"] => self.last_answer.clone(),
            ["fetch", "answer"] => self.last_fetch_answer.clone(),
            // An answer's error alone.
            ["error"] => self.last_answer.split(' ').next().unwrap_or_default().to_owned(),
            // How much of a snapshot the last answer held.
            ["pieces"] => piece(&self.last_answer),
            ["stopped"] => if self.has_left { "yes" } else { "no" }.to_owned(),
            ["committed"] => self.committed.to_string(),
            ["asked", who] => {
                let newest = self.asked.get(&member(who)).and_then(VecDeque::back);
                newest.map_or("nothing".to_owned(), |(_, request)| asked(request))
            }
            ["requests", "to", who] => self.sent.get(&member(who)).copied().unwrap_or(0).to_string(),
            ["log"] => self.log(),
            other => panic!("no such fact: {other:?}"),
        }
    }
}

vectors! { MemberStage::default();
    a_sole_voter_leads_whatever_it_remembers = "sole_voter.txt";
    a_member_votes_once_in_an_epoch_also_after_it_resigned = "votes_after_resigning.txt";
    each_state_votes_as_it_may = "votes.txt";
    requests_that_cannot_be_meant_are_refused = "invalid_requests.txt";
    pre_votes_are_granted_by_whoever_has_no_living_leader = "pre_votes.txt";
    a_prospective_member_goes_back_to_where_it_came_from = "prospective.txt";
    an_election_is_won_lost_or_times_out = "elections.txt";
    a_resigned_leader_says_so_until_it_is_heard = "resigned.txt";
    a_member_leaves_when_nobody_needs_it = "leaving.txt";
    begin_and_end_of_an_epoch_are_news_for_the_others = "begin_and_end.txt";
    a_leader_answers_at_once_or_when_there_is_news = "leader_fetches.txt";
    a_leader_that_nobody_fetches_from_resigns = "check_quorum.txt";
    a_follower_copies_and_cuts = "follower_fetches.txt";
    late_answers_change_nothing = "late_answers.txt";
    a_member_that_does_not_reach_its_leader_asks_around = "finding_the_leader.txt";
    an_observer_never_stands_for_election = "observers.txt";
    a_leader_offers_its_snapshot_to_who_is_too_far_behind = "snapshot_offered.txt";
    a_leader_sends_its_snapshot_in_pieces = "snapshot_sent.txt";
    a_follower_reads_a_snapshot_in_pieces = "snapshot_fetched.txt";
    a_snapshot_is_taken_of_what_is_committed = "snapshot_created.txt";
    the_quorum_is_described_by_its_leader = "describe.txt";
}
