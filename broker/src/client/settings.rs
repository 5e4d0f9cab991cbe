//! What a client's settings say of its connections and its metadata.

use std::time::Duration;

use super::metadata::MetadataSettings;
use super::network::NetworkSettings;
use super::retry::Backoff;
use super::{ClientConfig, ClientKind};
use crate::config::Hazard;

/// `max.in.flight.requests.per.connection` of a consumer, which is fixed.
const CONSUMER_MAX_IN_FLIGHT: usize = 100;
/// The same of an admin client.
const ADMIN_MAX_IN_FLIGHT: usize = 1;

/// How the client connects, and how it keeps its metadata fresh.
pub(super) fn of(config: &ClientConfig) -> (NetworkSettings, MetadataSettings) {
    let bootstrap = config.bootstrap_servers.clone();
    let keeps_topics = config.behaviour.mends(Hazard::RebootstrapForgetsEpochs);
    match &config.kind {
        ClientKind::Producer { settings, .. } | ClientKind::Admin { settings } => {
            let is_producer = matches!(config.kind, ClientKind::Producer { .. });
            let jitter = settings.backoff_jitter;
            let network = NetworkSettings {
                client_id: config.client_id,
                request_timeout: settings.request_timeout,
                reconnect_backoff: Backoff {
                    initial: settings.reconnect_backoff,
                    max: settings.reconnect_backoff_max,
                    jitter,
                },
                max_in_flight: if is_producer { settings.max_in_flight as usize } else { ADMIN_MAX_IN_FLIGHT },
            };
            let metadata = MetadataSettings {
                max_age: settings.metadata_max_age,
                retry_backoff: Backoff { initial: settings.retry_backoff, max: settings.retry_backoff_max, jitter },
                rebootstrap_trigger: settings.metadata_recovery_rebootstrap_trigger,
                bootstrap,
                keeps_topics,
                forgets_idle_topics: is_producer,
                creates_topics: is_producer,
            };
            (network, metadata)
        }
        ClientKind::Consumer { settings, .. } => {
            let jitter = settings.backoff_jitter;
            let network = NetworkSettings {
                client_id: config.client_id,
                request_timeout: settings.request_timeout,
                reconnect_backoff: Backoff {
                    initial: settings.reconnect_backoff,
                    max: settings.reconnect_backoff_max,
                    jitter,
                },
                max_in_flight: CONSUMER_MAX_IN_FLIGHT,
            };
            let metadata = MetadataSettings {
                max_age: settings.metadata_max_age,
                retry_backoff: Backoff { initial: settings.retry_backoff, max: settings.retry_backoff_max, jitter },
                rebootstrap_trigger: Duration::from_secs(300),
                bootstrap,
                keeps_topics,
                forgets_idle_topics: false,
                creates_topics: true,
            };
            (network, metadata)
        }
    }
}
