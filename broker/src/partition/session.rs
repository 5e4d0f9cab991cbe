//! Fetch sessions on the answering side (KIP-227, `FetchSession`, `FetchManager`).
//!
//! A reader of many partitions does not list them in every fetch. It makes a session with
//! its first, full fetch; from then on it lists only what changes, and is answered only
//! with what has changed.
//!
//! ```text
//!   session 0, epoch 0    full fetch; asks for a session          → answer names the session
//!   session s, epoch 1    incremental fetch                       → answer holds what changed
//!   session s, epoch 2    …
//!   session s, epoch 0    full fetch; s is dropped, a new one made
//!   session s, epoch −1   full fetch; s is dropped, none made
//! ```
//!
//! A session's partitions go by topic id or by topic name, as in the request that made it; a request of the other kind
//! is an error of the session (FETCH_SESSION_TOPIC_ID_ERROR).
//!
//! The epoch counts requests, so that a lost or doubled one is noticed on both sides.
//!
//! Simplified: Kafka spreads its slots over eight shards, to spare a lock; here is one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::read::FetchParameters;
use crate::choice::Purpose;
use crate::config::{Behaviour, Hazard};
use crate::context::Context;
use crate::ids::{Offset, UNKNOWN_OFFSET};
use crate::message::{
    ErrorCode, FetchKey, FetchPartition, FetchPartitionResponse, FetchRequest, FetchResponse, NodeEndpoint,
};
use crate::time::Time;

/// A session that has not been used for this long may be evicted by any other; and one that exists for less may be
/// evicted only by a follower's.
pub(super) const EVICTION_AGE: Duration = Duration::from_secs(120);

/// One fetch session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchSession {
    /// Whether a follower made it.
    pub from_follower: bool,
    /// Whether its topics go by name instead of by id.
    pub by_name: bool,
    /// The epoch that the next request must carry.
    pub epoch: i32,
    /// When it was made.
    pub created: Time,
    /// When it was last used.
    pub last_used: Time,
    partitions: BTreeMap<FetchKey, CachedPartition>,
    /// The partitions in the order in which they are read: by rank.
    order: BTreeMap<u64, FetchKey>,
    next_rank: u64,
}

/// One partition of a session: what was asked last, and what was answered last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CachedPartition {
    rank: u64,
    request: FetchPartition,
    high_watermark: Offset,
    log_start_offset: Offset,
}

impl FetchSession {
    fn new(from_follower: bool, by_name: bool, now: Time) -> FetchSession {
        FetchSession {
            from_follower,
            by_name,
            epoch: 1,
            created: now,
            last_used: now,
            partitions: BTreeMap::new(),
            order: BTreeMap::new(),
            next_rank: 0,
        }
    }

    /// What it reads, in order.
    pub fn partitions(&self) -> impl Iterator<Item = &FetchPartition> {
        self.order.values().filter_map(|key| self.partitions.get(key)).map(|cached| &cached.request)
    }

    /// How many partitions it reads.
    pub fn len(&self) -> usize {
        self.partitions.len()
    }

    /// Whether it reads nothing.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    fn insert(&mut self, request: &FetchPartition, high_watermark: Offset, log_start_offset: Offset) {
        let key = request.key();
        let rank = self.next_rank;
        self.next_rank += 1;
        self.order.insert(rank, key.clone());
        self.partitions
            .insert(key, CachedPartition { rank, request: request.clone(), high_watermark, log_start_offset });
    }

    fn remove(&mut self, key: &FetchKey) {
        if let Some(cached) = self.partitions.remove(key) {
            self.order.remove(&cached.rank);
        }
    }

    fn update(&mut self, request: &FetchRequest) {
        for partition in &request.partitions {
            match self.partitions.get_mut(&partition.key()) {
                Some(cached) => cached.request = partition.clone(),
                None => self.insert(partition, UNKNOWN_OFFSET, UNKNOWN_OFFSET),
            }
        }
        for key in &request.forgotten {
            self.remove(key);
        }
    }

    /// Whether a partition's answer must be sent; books it as sent if so, with the high watermark that the reader is
    /// taken to know from now on. A partition that gave records goes to the end of the order, so that a full answer does
    /// not starve those behind it.
    fn must_send(&mut self, answer: &FetchPartitionResponse, told: Offset) -> bool {
        let key = answer.key();
        let Some(cached) = self.partitions.get_mut(&key) else { return true };
        let failed = !answer.error.is_none();
        let must = !answer.records.is_empty()
            || cached.high_watermark != answer.high_watermark
            || cached.log_start_offset != answer.log_start_offset
            || answer.preferred_read_replica.is_some()
            || answer.diverging_epoch.is_some()
            || failed;
        cached.high_watermark = told;
        cached.log_start_offset = answer.log_start_offset;
        if !answer.records.is_empty() {
            let rank = self.next_rank;
            self.next_rank += 1;
            self.order.remove(&cached.rank);
            self.order.insert(rank, key);
            cached.rank = rank;
        }
        must
    }
}

/// The session epoch after this one; 0 and −1 have meanings of their own.
fn next_epoch(epoch: i32) -> i32 {
    if epoch < 0 {
        -1
    } else if epoch == i32::MAX {
        1
    } else {
        epoch + 1
    }
}

/// How a fetch's answer relates to sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FetchContext {
    /// The request does not fit its session: nothing is read.
    Refused(ErrorCode),
    /// No session.
    Sessionless,
    /// A full fetch that asks for a session, which is made with the answer.
    Full {
        /// Whether its topics go by name.
        by_name: bool,
    },
    /// An incremental fetch.
    Incremental {
        /// The session.
        session_id: i32,
        /// The request's epoch there.
        epoch: i32,
    },
}

/// All fetch sessions of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchSessions {
    slots: usize,
    /// Whether [`Hazard::HighWatermarkNotRetold`] is mended.
    retells_after_divergence: bool,
    sessions: BTreeMap<i32, FetchSession>,
}

impl FetchSessions {
    /// No sessions yet, and room for so many.
    pub(super) fn new(slots: i32, behaviour: &Behaviour) -> FetchSessions {
        FetchSessions {
            slots: usize::try_from(slots).unwrap_or(0),
            retells_after_divergence: behaviour.mends(Hazard::HighWatermarkNotRetold),
            sessions: BTreeMap::new(),
        }
    }

    /// The high watermark that a reader is taken to know after an answer. After an error it is none that can be answered,
    /// so that the recovery is sent whatever it is.
    fn told(&self, answer: &FetchPartitionResponse) -> Offset {
        let is_unread = self.retells_after_divergence && answer.diverging_epoch.is_some();
        if is_unread || !answer.error.is_none() { UNKNOWN_OFFSET } else { answer.high_watermark }
    }

    /// The sessions by id.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &FetchSession)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// Takes a request into its session, and says what to read, in order.
    pub(super) fn accept(&mut self, now: Time, request: &FetchRequest) -> (FetchContext, Vec<FetchPartition>) {
        if request.session_epoch <= 0 {
            self.sessions.remove(&request.session_id);
            let context = match request.session_epoch {
                0 => FetchContext::Full { by_name: request.by_name },
                _ => FetchContext::Sessionless,
            };
            return (context, request.partitions.clone());
        }
        let Some(session) = self.sessions.get_mut(&request.session_id) else {
            return (FetchContext::Refused(ErrorCode::FetchSessionIdNotFound), Vec::new());
        };
        if session.epoch != request.session_epoch {
            return (FetchContext::Refused(ErrorCode::InvalidFetchSessionEpoch), Vec::new());
        }
        if session.by_name != request.by_name {
            return (FetchContext::Refused(ErrorCode::FetchSessionTopicIdError), Vec::new());
        }
        session.update(request);
        if session.is_empty() {
            self.sessions.remove(&request.session_id);
            return (FetchContext::Sessionless, request.partitions.clone());
        }
        session.last_used = now;
        session.epoch = next_epoch(session.epoch);
        let context = FetchContext::Incremental { session_id: request.session_id, epoch: request.session_epoch };
        (context, session.partitions().cloned().collect())
    }

    /// Makes the response from all partitions' answers: makes the session, or leaves out what has not changed.
    /// `requests` are what was read, to be remembered by a new session.
    pub(super) fn answer(
        &mut self,
        ctx: &mut Context,
        context: &FetchContext,
        parameters: &FetchParameters,
        requests: &[FetchPartition],
        mut partitions: Vec<FetchPartitionResponse>,
        node_endpoints: Vec<NodeEndpoint>,
    ) -> FetchResponse {
        let told: Vec<Offset> = partitions.iter().map(|answer| self.told(answer)).collect();
        let (error, session_id) = match context {
            FetchContext::Refused(error) => {
                partitions.clear();
                (*error, 0)
            }
            FetchContext::Sessionless => (ErrorCode::None, 0),
            FetchContext::Full { by_name } => {
                let session = FetchSession::new(parameters.is_from_follower(), *by_name, ctx.now.monotonic);
                (ErrorCode::None, self.create(ctx, session, requests, partitions.iter().zip(told)))
            }
            FetchContext::Incremental { session_id, epoch } => match self.sessions.get_mut(session_id) {
                // A doubled request has overtaken this one while it was parked.
                Some(session) if session.epoch != next_epoch(*epoch) => {
                    partitions.clear();
                    (ErrorCode::InvalidFetchSessionEpoch, *session_id)
                }
                Some(session) => {
                    let mut told = told.into_iter();
                    partitions.retain(|answer| told.next().is_some_and(|told| session.must_send(answer, told)));
                    (ErrorCode::None, *session_id)
                }
                // Evicted or replaced while the request was parked: its object lives on in Kafka until it is answered.
                None => (ErrorCode::None, *session_id),
            },
        };
        FetchResponse { error, session_id, partitions, node_endpoints }
    }

    fn create<'a>(
        &mut self,
        ctx: &mut Context,
        mut session: FetchSession,
        requests: &[FetchPartition],
        answers: impl ExactSizeIterator<Item = (&'a FetchPartitionResponse, Offset)>,
    ) -> i32 {
        let now = ctx.now.monotonic;
        if self.sessions.len() >= self.slots && !self.evict(now, session.from_follower, answers.len()) {
            return 0;
        }
        let by_key: BTreeMap<FetchKey, &FetchPartition> =
            requests.iter().map(|request| (request.key(), request)).collect();
        for (answer, told) in answers {
            if let Some(request) = by_key.get(&answer.key()) {
                session.insert(request, told, answer.log_start_offset);
            }
        }
        let id = loop {
            let id = ctx.choose(Purpose::FetchSessionId, 1, i32::MAX as u64) as i32;
            // A choice that repeats itself for ever (a test that always answers the lowest) must still end.
            if !self.sessions.contains_key(&id) {
                break id;
            }
            if let Some(free) = (id..i32::MAX).find(|id| !self.sessions.contains_key(id)) {
                break free;
            }
        };
        self.sessions.insert(id, session);
        id
    }

    /// Makes room for a newcomer, if it is worth more than some session that is there.
    fn evict(&mut self, now: Time, from_follower: bool, size: usize) -> bool {
        let stale = self
            .sessions
            .iter()
            .min_by_key(|(id, session)| (session.last_used, **id))
            .filter(|(_, session)| now.since(session.last_used) > EVICTION_AGE)
            .map(|(id, _)| *id);
        let rank = |id: i32, session: &FetchSession| (session.from_follower, session.len(), id);
        let victim = stale.or_else(|| {
            self.sessions
                .iter()
                .filter(|(_, session)| {
                    let old = session.last_used.since(session.created) > EVICTION_AGE;
                    old || (from_follower && !session.from_follower)
                })
                .map(|(id, session)| rank(*id, session))
                .min()
                .filter(|lowest| (from_follower, size, 0) >= *lowest)
                .map(|(_, _, id)| id)
        });
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}
