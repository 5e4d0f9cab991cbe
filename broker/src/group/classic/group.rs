//! A classic group: who is in it, who leads, who votes for what (`ClassicGroup`).
//!
//! Simplified: where Kafka takes any entry of a hash map (the leader after the leader left, the winner of equal
//! votes), the first in the order of names is taken here.

use std::collections::{BTreeMap, BTreeSet};

use super::member::{ClassicMember, Parked};
use super::state::ClassicState;
use super::subscription::subscribed_topics;
use crate::ids::{GroupId, GroupInstanceId, MemberId, RequestHandle, TopicName};
use crate::message::{ErrorCode, JoinGroupMember, JoinGroupProtocol};

/// The protocol type of consumers (`ConsumerProtocol.PROTOCOL_TYPE`); Connect's workers have another.
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// A classic group, as its coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassicGroup {
    /// Its id.
    pub id: GroupId,
    /// Where it stands.
    pub state: ClassicState,
    /// Since when it stands there, in milliseconds since 1970; none if an old record did not say.
    pub state_since_ms: Option<i64>,
    /// What kind of group it is; none for one that only has offsets (a *simple* group).
    pub protocol_type: Option<String>,
    /// The assignor of this generation.
    pub protocol: Option<String>,
    /// How often its members agreed.
    pub generation: i32,
    /// The member that computes assignments. Invariant: a member.
    pub leader: Option<MemberId>,
    /// Its members.
    pub members: BTreeMap<MemberId, ClassicMember>,
    /// Its static members. Invariant: names members, each with that instance id.
    pub static_members: BTreeMap<GroupInstanceId, MemberId>,
    /// Who was given a member id and has not joined with it (KIP-394). Invariant: no members.
    pub pending_joins: BTreeSet<MemberId>,
    /// Whose sync is awaited in this generation. As in Kafka a static member's old id stays here when it is replaced:
    /// then the group rebalances once more when the time for syncs is over.
    pub pending_syncs: BTreeSet<MemberId>,
    /// The topics that members read; none if that cannot be told.
    pub subscribed_topics: Option<BTreeSet<TopicName>>,
    /// Whether somebody joined in the part of the initial delay that runs. As in Kafka it outlives an initial
    /// delay that ends because no time remains.
    pub new_member_added: bool,
}

impl ClassicGroup {
    /// A group without members, of no kind yet.
    pub fn new(id: GroupId, now_ms: i64) -> ClassicGroup {
        ClassicGroup {
            id,
            state: ClassicState::Empty,
            state_since_ms: Some(now_ms),
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeSet::new(),
            pending_syncs: BTreeSet::new(),
            subscribed_topics: None,
            new_member_added: false,
        }
    }

    /// Goes on to another state.
    pub fn transition(&mut self, next: ClassicState, now_ms: i64) {
        self.state.succeed(next);
        self.state_since_ms = Some(now_ms);
    }

    /// Whether its members are consumers.
    pub fn has_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether this member computes assignments.
    pub fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// How long members are waited for: as long as the most patient one asks, in milliseconds.
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    /// How many members wait for their join to be answered.
    pub fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// Whether nobody is missing: each member has joined, and so has everybody who was given an id.
    pub fn has_all_joined(&self) -> bool {
        self.pending_joins.is_empty() && self.awaiting_join() == self.members.len()
    }

    /// Whether a member of this kind, with these assignors, can agree with the others.
    pub fn supports(&self, protocol_type: &str, protocols: &[JoinGroupProtocol]) -> bool {
        if self.state == ClassicState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let is_supported = |protocol: &JoinGroupProtocol| self.members.values().all(|it| it.supports(&protocol.name));
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(is_supported)
    }

    /// Takes a member in. The first one decides what kind of group it is.
    pub fn add(&mut self, member: ClassicMember, protocol_type: &str) {
        assert!(!self.members.contains_key(&member.id), "{} is a member already", member.id);
        assert!(
            self.members.is_empty() || self.supports(protocol_type, &member.protocols),
            "nobody shares an assignor"
        );
        if let Some(instance) = &member.instance {
            let before = self.static_members.insert(instance.clone(), member.id.clone());
            assert_eq!(before, None, "{instance} is a member already");
        }
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.pending_joins.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Lets a member, or somebody who was given an id, go. If it led, another one leads.
    pub fn remove(&mut self, id: &MemberId) -> Option<ClassicMember> {
        let removed = self.members.remove(id);
        if let Some(instance) = removed.as_ref().and_then(|member| member.instance.as_ref()) {
            self.static_members.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(id);
        self.pending_syncs.remove(id);
        removed
    }

    /// Lets another member lead if the leader has not joined. Whether one leads that has.
    pub fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|id| self.members.get(id)) else { return false };
        if leader.awaiting_join.is_some() {
            return true;
        }
        let joined = self.members.values().find(|member| member.awaiting_join.is_some());
        match joined.map(|member| member.id.clone()) {
            Some(joined) => {
                self.leader = Some(joined);
                true
            }
            None => false,
        }
    }

    /// The assignor with the most votes, among those that all members support.
    ///
    /// # Panics
    /// If there are no members.
    pub fn select_protocol(&self) -> String {
        let first = self.members.values().next().expect("only a group with members selects an assignor");
        let names = first.protocols.iter().map(|protocol| protocol.name.as_str());
        let candidates: BTreeSet<&str> =
            names.filter(|name| self.members.values().all(|member| member.supports(name))).collect();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            *votes.entry(member.vote(&candidates)).or_default() += 1;
        }
        let most = votes.values().max().copied().unwrap_or(0);
        let winner = votes.into_iter().find(|(_, count)| *count == most);
        winner.map(|(name, _)| name.to_owned()).expect("each member has voted")
    }

    /// All members agree anew: the generation rises, the assignor is voted for.
    pub fn begin_generation(&mut self, now_ms: i64) {
        self.generation += 1;
        self.protocol = (!self.members.is_empty()).then(|| self.select_protocol());
        self.subscribed_topics = self.compute_subscribed_topics();
        let next = if self.members.is_empty() { ClassicState::Empty } else { ClassicState::CompletingRebalance };
        self.transition(next, now_ms);
        self.pending_syncs.clear();
    }

    /// The topics that members read, if they are consumers and what they said can be read.
    pub fn compute_subscribed_topics(&self) -> Option<BTreeSet<TopicName>> {
        if !self.has_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscribed_topics(member.metadata(protocol)?)?);
        }
        Some(topics)
    }

    /// Whether members read a topic, or may: where it cannot be told, consumers may.
    pub fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.has_consumers(),
        }
    }

    /// Whether this is a member, and if it names an instance, the one that stands for it now.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID if another member took the instance's place.
    pub fn validate_member(&self, id: &MemberId, instance: Option<&GroupInstanceId>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The members, as the leader hears of them.
    pub fn joined_members(&self) -> Vec<JoinGroupMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let told = |member: &ClassicMember| JoinGroupMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol).cloned().unwrap_or_default(),
        };
        self.members.values().map(told).collect()
    }

    /// Takes over what a member said when it joined again; it waits if `parked` says so.
    pub fn update_member(&mut self, id: &MemberId, said: &MemberSays, parked: Option<Parked>) {
        let member = self.members.get_mut(id).expect("only a member joins again");
        member.protocols.clone_from(&said.protocols);
        member.rebalance_timeout_ms = said.rebalance_timeout_ms;
        member.session_timeout_ms = said.session_timeout_ms;
        member.awaiting_join = parked;
    }

    /// A request is answered although its member goes on waiting. What it waits for; none if it was answered before.
    pub fn answered_elsewhere(&mut self, handle: RequestHandle) -> Option<Waiting> {
        let is_it = |parked: &&mut Parked| parked.handle == Some(handle);
        for member in self.members.values_mut() {
            if let Some(parked) = member.awaiting_join.as_mut().filter(is_it) {
                parked.handle = None;
                return Some(Waiting::Join);
            }
            if let Some(parked) = member.awaiting_sync.as_mut().filter(is_it) {
                parked.handle = None;
                return Some(Waiting::Sync);
            }
        }
        None
    }

    /// Whether somebody waits in it for an answer.
    pub fn has_unanswered(&self) -> bool {
        let waits = |parked: &Option<Parked>| parked.is_some_and(|parked| parked.handle.is_some());
        self.members.values().any(|member| waits(&member.awaiting_join) || waits(&member.awaiting_sync))
    }

    /// Whether nobody is in it or on the way into it, and nothing is waited for.
    pub fn is_deserted(&self) -> bool {
        self.state == ClassicState::Empty && self.pending_joins.is_empty()
    }

    /// What must hold between two steps.
    pub fn assert_invariants(&self) {
        let id = &self.id;
        if let Some(leader) = &self.leader {
            assert!(self.members.contains_key(leader), "{id}: the leader {leader} is no member");
        }
        assert_eq!(self.leader.is_none(), self.members.is_empty(), "{id}: members have a leader");
        for (instance, member) in &self.static_members {
            let named = self.members.get(member).and_then(|member| member.instance.as_ref());
            assert_eq!(named, Some(instance), "{id}: {instance} stands for {member}");
        }
        let instances = self.members.values().filter(|member| member.is_static()).count();
        assert_eq!(instances, self.static_members.len(), "{id}: each static member is listed");
        assert!(self.pending_joins.iter().all(|it| !self.members.contains_key(it)), "{id}: a pending member joined");
        match self.state {
            ClassicState::Empty => assert!(self.members.is_empty(), "{id}: Empty with members"),
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                assert!(self.protocol.is_some(), "{id}: a generation without an assignor");
            }
            ClassicState::PreparingRebalance { .. } | ClassicState::Dead => {}
        }
        for member in self.members.values().filter(|member| member.awaiting_sync.is_some()) {
            assert_eq!(self.state, ClassicState::CompletingRebalance, "{id}: {} waits to sync", member.id);
        }
    }
}

/// What a parked request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// The new generation.
    Join,
    /// The assignment.
    Sync,
}

/// What a member says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberSays {
    /// Its assignors.
    pub protocols: Vec<JoinGroupProtocol>,
    /// How long the group waits for it, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
}
