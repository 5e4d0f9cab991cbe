//! FindCoordinator (key 10, v0–6).

use super::super::ErrorCode;
use crate::ids::{Endpoint, NodeId};

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoordinatorKind {
    /// 0: a group; the key is its id.
    Group,
    /// 1: transactions; the key is a transactional id.
    Transaction,
}

/// Which brokers coordinate these?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindCoordinatorRequest {
    /// What the keys name.
    pub kind: CoordinatorKind,
    /// Group ids or transactional ids; exactly one below version 4.
    pub keys: Vec<String>,
}

/// The coordinators found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindCoordinatorResponse {
    /// One answer a key, in the order of the request.
    pub coordinators: Vec<FoundCoordinator>,
}

/// One key's coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FoundCoordinator {
    /// The key; empty below version 4.
    pub key: String,
    /// Whether it was found.
    pub error: ErrorCode,
    /// What is wrong, in words.
    pub error_message: Option<String>,
    /// The broker, with where it listens; none on error (on the wire −1, "", −1).
    pub node: Option<(NodeId, Endpoint)>,
}
