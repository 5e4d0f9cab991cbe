//! What the messages of a step say, in words: what a follower asked and what its leader answered, who proposed which in-sync
//! set, who asked for whose vote.
//!
//! No event tells this, and a recording keeps no bodies: the words are made of the messages themselves when the step that took
//! or sent them is looked at.

use std::sync::Arc;

use trial_broker::api::Message;
use trial_broker::api::wire::{decode_request, decode_response};
use trial_broker::effects::Output;
use trial_broker::ids::{LeaderEpoch, NodeId, TopicId, TopicName, TopicPartition};
use trial_broker::input::Input;
use trial_broker::message::{
    AlterPartitionProposal, AlterPartitionResult, Api, ErrorCode, FetchPartition, FetchPartitionResponse,
    OffsetForLeaderEpochPartitionResponse, Request, Response, VoteRequest,
};
use trial_broker::raft::METADATA_TOPIC_ID;
use trial_broker::record::batches;

use crate::check::METADATA_TOPIC;
use crate::fault::{MachineId, MessageKind};
use crate::network::kind_of;
use crate::scenario::run::view;
use crate::scenario::trace::Cast;
use crate::step::{Detail, Fact, Step};
use crate::world::World;

/// What the messages of one step say, as far as there are words for their APIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The message that the step took.
    pub taken: Option<String>,
    /// Those that it sent, in order.
    pub sent: Vec<Sent>,
}

/// A message that a step sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Whom it is for.
    pub to: MachineId,
    /// A request or a response.
    pub kind: MessageKind,
    /// Of which API.
    pub api: Api,
    /// What it says.
    pub words: String,
}

impl Contents {
    /// Reads the messages of the step that led to a world; the step has its details.
    pub(super) fn of(world: &World, cast: &Cast, step: &Step) -> Contents {
        let speaker = Speaker { world, cast };
        let taken = match step.detail.as_ref().and_then(|detail| detail.input.as_ref()) {
            Some(Input::Received { message, .. }) => speaker.words(message),
            _ => None,
        };
        Contents { taken, sent: step.facts.iter().filter_map(|fact| speaker.sent(step, fact)).collect() }
    }
}

/// A message that a step sent, as its sender wrote it: from the socket, or, where an intervention has taken it already, from what
/// the machine asked for.
pub(super) fn message_of(world: &World, step: &Step, fact: &Fact) -> Option<Arc<Message>> {
    let Fact::MessageSent { message, api, kind, correlation_id, .. } = fact else { return None };
    let is_it = |sent: &Message| (sent.api, kind_of(sent), sent.correlation_id) == (*api, *kind, *correlation_id);
    let asked_for = |detail: &Detail| {
        let mut sent = detail.outputs.iter().filter_map(|output| match output {
            Output::Send { message, .. } => Some(message),
            _ => None,
        });
        sent.find(|sent| is_it(sent)).cloned()
    };
    world.message(*message).or_else(|| asked_for(step.detail.as_ref()?))
}

/// Puts messages into words.
struct Speaker<'a> {
    world: &'a World,
    cast: &'a Cast,
}

impl Speaker<'_> {
    fn sent(&self, step: &Step, fact: &Fact) -> Option<Sent> {
        let Fact::MessageSent { to, kind, api, .. } = fact else { return None };
        let words = self.words(message_of(self.world, step, fact)?.as_ref())?;
        Some(Sent { to: *to, kind: *kind, api: *api, words })
    }

    /// What a message says; none of an API that has no words here, and of a message about nothing that is told of.
    fn words(&self, message: &Message) -> Option<String> {
        let words = match kind_of(message) {
            MessageKind::Request => self.request(&decode_request(message).ok()?),
            MessageKind::Response => self.response(&decode_response(message).ok()?),
        };
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn request(&self, request: &Request) -> Vec<String> {
        match request {
            Request::Fetch(fetch) => {
                let ask = |one: &FetchPartition| asked(one, fetch.replica_id.is_some());
                self.each(&fetch.partitions, |one| (one.topic_id, one.topic.clone(), one.partition), ask)
            }
            Request::OffsetForLeaderEpoch(request) => {
                let ask = |one: &TopicPartition, epoch: LeaderEpoch| format!("{one}: where does epoch {epoch} end?");
                let shown = request.partitions.iter().filter(|one| !self.cast.is_hidden(&one.partition));
                shown.map(|one| ask(&one.partition, one.leader_epoch)).collect()
            }
            Request::AlterPartition(request) => {
                let propose = |one: &AlterPartitionProposal| self.proposed(one);
                self.each(&request.partitions, |one| (one.topic_id, TopicName::default(), one.partition), propose)
            }
            Request::Vote(vote) => vec![self.vote(vote)],
            _ => Vec::new(),
        }
    }

    fn response(&self, response: &Response) -> Vec<String> {
        match response {
            Response::Fetch(fetch) if !fetch.error.is_none() => vec![error_words(fetch.error)],
            Response::Fetch(fetch) => {
                self.each(&fetch.partitions, |one| (one.topic_id, one.topic.clone(), one.partition), answered)
            }
            Response::OffsetForLeaderEpoch(response) => {
                let shown = response.partitions.iter().filter(|one| !self.cast.is_hidden(&one.partition));
                shown.map(epoch_end).collect()
            }
            Response::AlterPartition(response) if !response.error.is_none() => vec![error_words(response.error)],
            Response::AlterPartition(response) => {
                let answer = |one: &AlterPartitionResult| self.altered(one);
                self.each(&response.partitions, |one| (one.topic_id, TopicName::default(), one.partition), answer)
            }
            Response::Vote(vote) if !vote.error.is_none() => vec![error_words(vote.error)],
            Response::Vote(vote) => {
                vec![format!(
                    "epoch {}: the vote is {}",
                    vote.epoch,
                    if vote.vote_granted { "given" } else { "refused" }
                )]
            }
            _ => Vec::new(),
        }
    }

    /// Words for each partition that lines tell of, its name before them.
    fn each<'b, T>(
        &self,
        all: &'b [T],
        key: impl Fn(&'b T) -> (TopicId, TopicName, i32),
        words: impl Fn(&T) -> String,
    ) -> Vec<String> {
        let named = |one: &'b T| {
            let name = resolved(self.world, key(one))?;
            // No line tells of the metadata log; but what its fetches say is how the quorum is led.
            let is_told = name.topic.as_str() == METADATA_TOPIC || !self.cast.is_hidden(&name);
            is_told.then(|| format!("{name} {}", words(one)))
        };
        all.iter().filter_map(named).collect()
    }

    fn proposed(&self, one: &AlterPartitionProposal) -> String {
        let member = |(node, epoch): &(NodeId, _)| format!("{} of broker epoch {epoch}", self.cast.node_name(*node));
        let isr: Vec<String> = one.new_isr.iter().map(member).collect();
        let (isr, epoch, version) = (isr.join(", "), one.leader_epoch, one.partition_epoch);
        format!("in epoch {epoch}, partition epoch {version}: the ISR shall be {isr}")
    }

    fn altered(&self, one: &AlterPartitionResult) -> String {
        if !one.error.is_none() {
            return error_words(one.error);
        }
        let isr: Vec<String> = one.isr.iter().map(|node| self.cast.node_name(*node)).collect();
        format!("in epoch {}, partition epoch {}: the ISR is {}", one.leader_epoch, one.partition_epoch, isr.join(", "))
    }

    fn vote(&self, vote: &VoteRequest) -> String {
        let asks = if vote.pre_vote { "would you vote for" } else { "vote for" };
        let (candidate, mark) = (self.cast.node_name(vote.candidate.id), if vote.pre_vote { "?" } else { "" });
        let (end, last) = (vote.last_epoch_end_offset, vote.last_epoch);
        format!("{asks} {candidate} in epoch {}{mark} Its log ends at {end}, in epoch {last}", vote.epoch)
    }
}

/// The name of a partition: by its topic's id it is what the controllers committed; nobody names one that was never committed, or
/// was deleted since.
pub(super) fn resolved(world: &World, (id, name, partition): (TopicId, TopicName, i32)) -> Option<TopicPartition> {
    if !name.as_str().is_empty() {
        return Some(TopicPartition { topic: name, partition });
    }
    if id == METADATA_TOPIC_ID {
        return Some(TopicPartition::new(METADATA_TOPIC, partition));
    }
    let topic = view::metadata(world)?.topic_name(id)?.clone();
    Some(TopicPartition { topic, partition })
}

/// What is asked of one partition. A follower says in which epoch its last record is, so that the leader can see whether their
/// logs part; a consumer does not.
fn asked(one: &FetchPartition, is_follower: bool) -> String {
    let epoch = match one.current_leader_epoch.is_some() {
        true => format!(" in epoch {}", one.current_leader_epoch),
        false => String::new(),
    };
    let last = match (one.last_fetched_epoch.is_some(), is_follower) {
        (true, _) => format!(", its last record of epoch {}", one.last_fetched_epoch),
        (false, true) => ", without the epoch of its last record".to_owned(),
        (false, false) => String::new(),
    };
    format!("from offset {}{epoch}{last}", one.fetch_offset)
}

/// What is answered of one partition.
fn answered(one: &FetchPartitionResponse) -> String {
    if !one.error.is_none() {
        return error_words(one.error);
    }
    if let Some(end) = one.diverging_epoch {
        return format!("no records: the logs part, epoch {} ends at {}", end.epoch, end.end_offset);
    }
    let found: Vec<(i64, i64, LeaderEpoch)> = batches(&one.records)
        .map_while(Result::ok)
        .map(|batch| (batch.base_offset(), batch.last_offset(), batch.leader_epoch()))
        .collect();
    let high_watermark = one.high_watermark;
    match (found.first(), found.last()) {
        (Some((first, ..)), Some((_, last, _))) => {
            let offsets = if first == last { format!("offset {first}") } else { format!("offsets {first} to {last}") };
            let mut epochs: Vec<String> = found.iter().map(|(.., epoch)| epoch.to_string()).collect();
            epochs.dedup();
            let word = if epochs.len() == 1 { "epoch" } else { "epochs" };
            format!("{offsets} of {word} {}, high watermark {high_watermark}", epochs.join(", "))
        }
        _ => format!("no records, high watermark {high_watermark}"),
    }
}

fn epoch_end(one: &OffsetForLeaderEpochPartitionResponse) -> String {
    if !one.error.is_none() {
        return format!("{}: {}", one.partition, error_words(one.error));
    }
    format!("{}: epoch {} ends at {}", one.partition, one.leader_epoch, one.end_offset)
}

fn error_words(error: ErrorCode) -> String {
    format!("{} ({})", error.name(), error.code())
}
