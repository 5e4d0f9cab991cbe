//! Where a consumer stands in each partition: Kafka's `SubscriptionState` (KIP-320).
//!
//! ```text
//!   Initializing ──▶ AwaitingReset ──── offset found ────▶ Fetching
//!                        ▲    out of range, undefined epoch │   ▲
//!                        └──────────────────────────────────┤   │ same log up to the position,
//!                                                           ▼   │ or moved to where it parts
//!              leader or its epoch changed ──────▶ AwaitingValidation
//! ```
//!
//! A position is validated only if the epoch of the last record read is known.

use crate::client::OffsetReset;
use crate::client::metadata::LeaderAndEpoch;
use crate::client::view::FetchStateName;
use crate::config::{Behaviour, Hazard, Switch};
use crate::ids::{LeaderEpoch, NodeId, Offset};
use crate::message::EpochEndOffset;
use crate::time::Time;

/// The next record to read, and what is known of the log up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub offset: Offset,
    /// The epoch of the last record read; none after a seek or a reset.
    pub offset_epoch: Option<LeaderEpoch>,
    pub leader: LeaderAndEpoch,
}

/// What is done about a partition. Only `Fetching` has a position that may be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FetchState {
    Initializing,
    AwaitingReset(OffsetReset),
    AwaitingValidation(Position),
    Fetching(Position),
}

/// What a comparison with the leader's epochs says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validation {
    /// The log is the same up to the position.
    Same,
    /// The log was cut off below the position, here.
    Diverged(EpochEndOffset),
    /// The leader does not know the epoch: nothing can be said.
    Undefined,
}

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PartitionState {
    pub state: FetchState,
    pub high_watermark: Option<Offset>,
    pub last_stable_offset: Option<Offset>,
    /// An answer left it out: its leader had nothing new (KIP-227). A partition that is taken away and given again between
    /// two fetches is in the session still, and so nobody says where its end is.
    pub without_news: bool,
    /// Not before this instant is the reset or validation asked for again.
    pub next_retry: Option<Time>,
    /// The application wants no records of it for now (`Consumer.pause`).
    pub paused: bool,
    /// A commit is under way after which it is given up: what would be returned now would not be committed.
    pub pending_revocation: bool,
    /// The replica that the leader told it to read from, and until when (KIP-392).
    preferred: Option<(NodeId, Time)>,
}

impl PartitionState {
    pub fn new() -> PartitionState {
        PartitionState {
            state: FetchState::Initializing,
            high_watermark: None,
            last_stable_offset: None,
            without_news: false,
            next_retry: None,
            paused: false,
            pending_revocation: false,
            preferred: None,
        }
    }

    /// Whether nobody knows its position yet.
    pub fn is_initializing(&self) -> bool {
        self.state == FetchState::Initializing
    }

    /// The position, if records may be fetched and returned from it now (`isFetchable`).
    pub fn fetchable_position(&self) -> Option<Position> {
        self.valid_position().filter(|_| !self.paused && !self.pending_revocation)
    }

    pub fn name(&self) -> FetchStateName {
        match self.state {
            FetchState::Initializing => FetchStateName::Initializing,
            FetchState::AwaitingReset(_) => FetchStateName::AwaitingReset,
            FetchState::AwaitingValidation(_) => FetchStateName::AwaitingValidation,
            FetchState::Fetching(_) => FetchStateName::Fetching,
        }
    }

    /// The position, valid or not.
    pub fn position(&self) -> Option<Position> {
        match self.state {
            FetchState::Initializing | FetchState::AwaitingReset(_) => None,
            FetchState::AwaitingValidation(position) | FetchState::Fetching(position) => Some(position),
        }
    }

    /// The position, if it may be fetched from.
    pub fn valid_position(&self) -> Option<Position> {
        match self.state {
            FetchState::Fetching(position) => Some(position),
            FetchState::Initializing | FetchState::AwaitingReset(_) | FetchState::AwaitingValidation(_) => None,
        }
    }

    /// Whether a request about it may leave.
    pub fn may_ask(&self, now: Time) -> bool {
        self.next_retry.is_none_or(|retry| retry <= now)
    }

    /// The replica to read from instead of the leader; none once its time is over.
    pub fn preferred(&self, now: Time) -> Option<NodeId> {
        self.preferred.filter(|(_, until)| now <= *until).map(|(replica, _)| replica)
    }

    /// The replica that the leader has named last, whether or not its time is over.
    pub fn told_to_read_at(&self) -> Option<NodeId> {
        self.preferred.map(|(replica, _)| replica)
    }

    /// The leader names a replica to read from. Its time does not begin anew while it stays the same.
    pub fn prefer(&mut self, replica: NodeId, until: Time, now: Time) {
        if self.preferred(now) != Some(replica) {
            self.preferred = Some((replica, until));
        }
    }

    /// Goes back to the leader; whether it was elsewhere.
    pub fn prefer_leader(&mut self) -> bool {
        self.preferred.take().is_some()
    }

    /// Looks the position up by this policy.
    pub fn reset(&mut self, policy: OffsetReset) {
        self.preferred = None;
        self.state = FetchState::AwaitingReset(policy);
        self.next_retry = None;
    }

    /// Goes to a position that has to be validated, if its epoch is known.
    pub fn seek_unvalidated(&mut self, position: Position) {
        let known = position.offset_epoch.is_some() && position.leader.epoch.is_some();
        self.state = if known { FetchState::AwaitingValidation(position) } else { FetchState::Fetching(position) };
        self.next_retry = None;
    }

    /// Goes to a position that is known to be right.
    pub fn seek_validated(&mut self, position: Position) {
        self.state = FetchState::Fetching(position);
        self.next_retry = None;
    }

    /// Takes note of the partition's present leader: another one than the position's makes
    /// the position wait for validation.
    pub fn see_leader(&mut self, leader: LeaderAndEpoch, behaviour: &Behaviour) {
        if leader.leader.is_none() {
            return;
        }
        if let Some(position) = self.position()
            && position.leader != leader
        {
            match behaviour.is(Switch::ClientSkipsPositionValidation) {
                true => self.seek_validated(Position { leader, ..position }),
                false => {
                    self.seek_unvalidated(Position { leader, ..position });
                    // Which replica to read from is for the new leader to say.
                    self.preferred = None;
                }
            }
        }
    }

    /// Compares the position with the leader's answer about the position's epoch; none if
    /// the position is not the one that was asked about any more.
    pub fn validate(&self, asked: Position, answer: EpochEndOffset, behaviour: &Behaviour) -> Option<Validation> {
        let FetchState::AwaitingValidation(position) = self.state else { return None };
        if position != asked {
            return None;
        }
        // The leader has nothing of the position's epoch: the logs part before it, wherever that is. Kafka compares the end only.
        let is_older = position.offset_epoch.is_some_and(|epoch| answer.epoch < epoch);
        let is_noticed = is_older && behaviour.mends(Hazard::ConsumerMissesDivergence);
        Some(if answer.end_offset < 0 || !answer.epoch.is_some() {
            Validation::Undefined
        } else if answer.end_offset < position.offset {
            Validation::Diverged(answer)
        } else if is_noticed {
            Validation::Undefined
        } else {
            Validation::Same
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: Offset, epoch: i32, leader_epoch: i32) -> Position {
        Position {
            offset,
            offset_epoch: Some(LeaderEpoch(epoch)),
            leader: LeaderAndEpoch { leader: Some(NodeId(1)), epoch: Some(LeaderEpoch(leader_epoch)) },
        }
    }

    fn answer(epoch: i32, end_offset: Offset) -> EpochEndOffset {
        EpochEndOffset { epoch: LeaderEpoch(epoch), end_offset }
    }

    #[test]
    fn a_position_above_the_end_of_its_epoch_has_been_truncated() {
        // SubscriptionStateTest.testMaybeCompleteValidation and …TruncationDetection…: vectors 4.9.
        let mut state = PartitionState::new();
        let position = at(10, 5, 10);
        state.seek_unvalidated(position);
        assert_eq!(state.valid_position(), None, "it is not fetched from before it is validated");
        assert_eq!(
            state.validate(position, answer(7, 5), &Behaviour::default()),
            Some(Validation::Diverged(answer(7, 5)))
        );
        assert_eq!(state.validate(position, answer(-1, -1), &Behaviour::default()), Some(Validation::Undefined));
        assert_eq!(state.validate(position, answer(5, 15), &Behaviour::default()), Some(Validation::Same));
        assert_eq!(
            state.validate(at(11, 5, 10), answer(7, 5), &Behaviour::default()),
            None,
            "the position has moved since"
        );
    }

    #[test]
    fn an_older_epoch_that_ends_behind_the_position_is_noticed_where_the_hazard_is_mended() {
        let mut state = PartitionState::new();
        let position = at(2, 1, 3);
        state.seek_unvalidated(position);
        assert_eq!(state.validate(position, answer(0, 5), &Behaviour::default()), Some(Validation::Same));
        assert_eq!(state.validate(position, answer(0, 5), &Behaviour::mended()), Some(Validation::Undefined));
        assert_eq!(state.validate(position, answer(1, 5), &Behaviour::mended()), Some(Validation::Same));
    }

    #[test]
    fn replica_that_the_leader_names_is_read_for_a_while_and_being_named_again_does_not_prolong_it() {
        // SubscriptionStateTest.testPreferredReadReplicaLease.
        let at = Time::from_millis;
        let mut state = PartitionState::new();
        assert_eq!((state.preferred(at(0)), state.prefer_leader()), (None, false));
        state.prefer(NodeId(42), at(10), at(0));
        assert_eq!((state.preferred(at(9)), state.preferred(at(10))), (Some(NodeId(42)), Some(NodeId(42))));
        state.prefer(NodeId(42), at(20), at(9));
        assert_eq!(state.preferred(at(11)), None, "the leader is asked again");
        state.prefer(NodeId(43), at(20), at(11));
        state.prefer(NodeId(44), at(30), at(12));
        assert_eq!(state.preferred(at(25)), Some(NodeId(44)), "another one begins anew");
        assert!(state.prefer_leader() && state.preferred(at(25)).is_none());
        state.prefer(NodeId(42), at(40), at(30));
        state.reset(OffsetReset::Latest);
        assert_eq!(state.preferred(at(31)), None);
    }

    #[test]
    fn a_new_leader_is_asked_anew_which_replica_to_read() {
        // SubscriptionState.TopicPartitionState.maybeValidatePosition.
        let mut state = PartitionState::new();
        state.seek_validated(at(10, 5, 10));
        state.prefer(NodeId(42), Time::from_millis(100), Time::ZERO);
        state.see_leader(at(10, 5, 10).leader, &Behaviour::default());
        assert_eq!(state.preferred(Time::ZERO), Some(NodeId(42)), "the same leader in the same epoch");
        state.see_leader(at(10, 5, 11).leader, &Behaviour::default());
        assert_eq!(state.preferred(Time::ZERO), None);
    }

    #[test]
    fn a_position_without_an_epoch_is_not_validated() {
        let mut state = PartitionState::new();
        let position = Position { offset_epoch: None, ..at(10, 5, 10) };
        state.seek_unvalidated(position);
        assert_eq!(state.valid_position(), Some(position));
    }
}
