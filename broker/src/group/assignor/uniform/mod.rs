//! The uniform assignor (`UniformAssignor`): balance first, then as few moves as possible. Not rack-aware.

mod balancer;
pub(super) mod heterogeneous;
pub(super) mod homogeneous;
