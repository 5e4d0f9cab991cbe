//! The states of a classic group (`ClassicGroupState`), and which may follow which.
//!
//! | state | comes after |
//! | --- | --- |
//! | Empty | PreparingRebalance |
//! | PreparingRebalance | Stable, CompletingRebalance, Empty |
//! | CompletingRebalance | PreparingRebalance |
//! | Stable | CompletingRebalance |
//! | Dead | any, also Dead |

/// Where a classic group stands. Each step from one to another goes through [`ClassicState::succeed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClassicState {
    /// Nobody is in it; offsets may be.
    Empty,
    /// Members are called together and join.
    PreparingRebalance {
        /// Whether the group was empty before: then it waits for its whole initial delay, whoever has joined.
        was_empty: bool,
        /// The part of the initial delay that runs.
        window: Option<InitialWindow>,
    },
    /// All have joined; the leader's assignment is awaited, or its commit.
    CompletingRebalance,
    /// Each member has its assignment, or may ask for it.
    Stable,
    /// The coordinator has given the group up.
    Dead,
}

/// A part of the initial delay (`group.initial.rebalance.delay.ms`): when it is over and somebody came in it, another begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InitialWindow {
    /// How long this part is, in milliseconds.
    pub delay_ms: i32,
    /// How much longer members may be waited for after it, in milliseconds.
    pub remaining_ms: i32,
}

impl ClassicState {
    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            ClassicState::Empty => "Empty",
            ClassicState::PreparingRebalance { .. } => "PreparingRebalance",
            ClassicState::CompletingRebalance => "CompletingRebalance",
            ClassicState::Stable => "Stable",
            ClassicState::Dead => "Dead",
        }
    }

    /// Whether a group may go from here to `next`.
    pub fn may_become(self, next: ClassicState) -> bool {
        use ClassicState::{CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};
        match next {
            Empty | CompletingRebalance => matches!(self, PreparingRebalance { .. }),
            PreparingRebalance { .. } => self.can_rebalance(),
            Stable => self == CompletingRebalance,
            Dead => true,
        }
    }

    /// Whether members may be called together from here.
    pub fn can_rebalance(self) -> bool {
        matches!(self, ClassicState::Stable | ClassicState::CompletingRebalance | ClassicState::Empty)
    }

    /// Whether members are joining.
    pub fn is_preparing(self) -> bool {
        matches!(self, ClassicState::PreparingRebalance { .. })
    }

    /// Whether members are joining a group that was empty.
    pub fn is_initial(self) -> bool {
        matches!(self, ClassicState::PreparingRebalance { was_empty: true, .. })
    }

    /// Goes on to `next`.
    ///
    /// # Panics
    /// If `next` may not follow: that is a bug here, not a protocol error.
    pub fn succeed(&mut self, next: ClassicState) {
        assert!(self.may_become(next), "{} does not follow {}", next.name(), self.name());
        *self = next;
    }
}
