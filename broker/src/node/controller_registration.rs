//! A controller process introduces itself to the active controller (`ControllerRegistrationManager`, KIP-919).
//!
//! ```text
//!   metadata.version known, this incarnation not in the log ──▶ send ──▶ answered: wait for the record
//!                                                                │
//!                                         failed or refused ─────┴──▶ again after 0.1 s, doubling
//! ```
//!
//! Simplified: the back-off is not spread by Kafka's ±2 %.

use std::time::Duration;

use super::config::NodeConfig;
use crate::context::Context;
use crate::ids::{CONTROLLER_PORT, Endpoint, IncarnationId, NodeId};
use crate::message::{ControllerRegistrationRequest, ErrorCode};
use crate::metadata::{MetadataImage, supported_features};
use crate::time::Time;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(120);

/// Whether this controller is registered, and what is being done about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ControllerRegistration {
    node: NodeId,
    endpoint: Endpoint,
    incarnation_id: IncarnationId,
    is_in_flight: bool,
    failures: u32,
    retry_at: Option<Time>,
}

impl ControllerRegistration {
    pub(super) fn new(config: &NodeConfig, ctx: &mut Context) -> Self {
        ControllerRegistration {
            node: config.node,
            endpoint: Endpoint { host: config.host, port: CONTROLLER_PORT },
            incarnation_id: IncarnationId(ctx.choose_uuid()),
            is_in_flight: false,
            failures: 0,
            retry_at: None,
        }
    }

    /// What is to be sent now, judged by the committed metadata.
    pub(super) fn request(&mut self, image: &MetadataImage) -> Option<ControllerRegistrationRequest> {
        let is_registered =
            image.controllers().get(&self.node).is_some_and(|known| known.incarnation_id == self.incarnation_id);
        let metadata_version_known = image.feature("metadata.version") > 0;
        if is_registered || !metadata_version_known || self.is_in_flight || self.retry_at.is_some() {
            return None;
        }
        self.is_in_flight = true;
        Some(ControllerRegistrationRequest {
            controller: self.node,
            incarnation_id: self.incarnation_id,
            listeners: vec![self.endpoint.clone()],
            features: supported_features(),
        })
    }

    /// The active controller answered, or none did.
    pub(super) fn completed(&mut self, ctx: &Context, result: Result<ErrorCode, ()>) {
        match result {
            // The registration counts when its record is committed; until then nothing is sent again.
            Ok(ErrorCode::None) => self.failures = 0,
            Ok(_) | Err(()) => {
                self.is_in_flight = false;
                let backoff = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(20)).min(MAX_BACKOFF);
                self.failures += 1;
                self.retry_at = Some(ctx.now.monotonic + backoff);
            }
        }
    }

    pub(super) fn on_timers(&mut self, ctx: &Context) {
        if self.retry_at.is_some_and(|at| at <= ctx.now.monotonic) {
            self.retry_at = None;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.retry_at
    }
}
