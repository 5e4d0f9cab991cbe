//! Rules over several settings: values that are legal by themselves and that Kafka 4.1 refuses, or corrects, when they meet.
//!
//! | rule | in Kafka |
//! | --- | --- |
//! | what idempotence needs | `ProducerConfig.postProcessAndValidateIdempotenceConfigs` (KIP-679) |
//! | a delivery timeout that leaves time for a request | `KafkaProducer.configureDeliveryTimeout` (KIP-91) |
//! | a reconnect back-off that is given alone is the longest too | `CommonClientConfigs.postProcessReconnectBackoffConfigs` |
//! | a parked fetch that neither its connection nor the ISR gives up | `KafkaConfig.validateValues` |
//!
//! Whoever said a value gets an error; a default that does not go with a said value gives way. So
//! these readers look at what was *said*, and [`ProducerSettings::agree`] at values alone.

use std::time::Duration;

use super::{ConfigError, ConsumerSettings, LogSettings, ProducerSettings, Properties, ReplicationSettings};
use crate::message::Acks;

const IDEMPOTENCE: &str = "enable.idempotence";
const DELIVERY_TIMEOUT: &str = "delivery.timeout.ms";
const MAX_IN_FLIGHT: &str = "max.in.flight.requests.per.connection";
const FETCH_WAIT: &str = "replica.fetch.wait.max.ms";

/// `ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION_FOR_IDEMPOTENCE`: as many batches as a broker remembers.
const MAX_IN_FLIGHT_FOR_IDEMPOTENCE: i32 = 5;

/// Kafka's timeouts are 32-bit milliseconds, and so are their sums.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

impl ProducerSettings {
    /// Reads a producer's properties, `acks` among them, into the settings that are in effect.
    ///
    /// # Errors
    /// A value of the wrong kind or outside its range, or said values that Kafka does not take together.
    pub fn of_producer(properties: &Properties) -> Result<(Acks, Self), ConfigError> {
        let mut settings = Self::of_admin(properties)?;
        let acks = read_acks(properties)?;
        let is_said = |name: &str| properties.contains_key(name);
        // Too many requests in flight are refused even where idempotence was not asked for.
        if !is_said(IDEMPOTENCE) && settings.max_in_flight <= MAX_IN_FLIGHT_FOR_IDEMPOTENCE {
            settings.enable_idempotence &= acks == Acks::All && settings.retries > 0;
        }
        if !is_said(DELIVERY_TIMEOUT) {
            settings.delivery_timeout = settings.delivery_timeout.max(settings.shortest_delivery_timeout());
        }
        settings.agree(acks)?;
        Ok((acks, settings))
    }

    /// Reads an admin client's properties: it shares timeouts and back-offs with producers, and none of their promises.
    ///
    /// # Errors
    /// A value of the wrong kind or outside its range.
    pub fn of_admin(properties: &Properties) -> Result<Self, ConfigError> {
        let mut settings = Self::from_properties(properties)?;
        if reconnects_evenly(properties) {
            settings.reconnect_backoff_max = settings.reconnect_backoff;
        }
        Ok(settings)
    }

    /// Whether these values go together in a producer.
    ///
    /// # Errors
    /// The first pair that Kafka refuses when both are said.
    pub fn agree(&self, acks: Acks) -> Result<(), ConfigError> {
        if self.enable_idempotence {
            self.agree_with_idempotence(acks)?;
        }
        if self.delivery_timeout < self.shortest_delivery_timeout() {
            let least = self.shortest_delivery_timeout().as_millis();
            return Err(ConfigError {
                name: DELIVERY_TIMEOUT.to_owned(),
                value: self.delivery_timeout.as_millis().to_string(),
                reason: format!("must be at least linger.ms + request.timeout.ms, {least}"),
                others: vec!["linger.ms", "request.timeout.ms"],
                hint: Some("leave delivery.timeout.ms out, and it is long enough by itself".to_owned()),
            });
        }
        Ok(())
    }

    fn agree_with_idempotence(&self, acks: Acks) -> Result<(), ConfigError> {
        let refuse = |name: &str, value: String, reason: String| {
            let hint = Some("write enable.idempotence = false, or leave the other setting out".to_owned());
            Err(ConfigError { name: name.to_owned(), value, reason, others: vec![IDEMPOTENCE], hint })
        };
        if self.retries == 0 {
            return refuse("retries", "0".to_owned(), "an idempotent producer must be able to send again".to_owned());
        }
        match acks {
            Acks::All => {}
            Acks::Leader => {
                return refuse("acks", "1".to_owned(), "an idempotent producer needs acks = all".to_owned());
            }
            Acks::None => return refuse("acks", "0".to_owned(), "an idempotent producer needs acks = all".to_owned()),
        }
        if self.max_in_flight > MAX_IN_FLIGHT_FOR_IDEMPOTENCE {
            let reason = format!("must be at most {MAX_IN_FLIGHT_FOR_IDEMPOTENCE} in an idempotent producer");
            return refuse(MAX_IN_FLIGHT, self.max_in_flight.to_string(), reason);
        }
        Ok(())
    }

    /// A record may wait for its batch and then for one answer.
    fn shortest_delivery_timeout(&self) -> Duration {
        self.linger.min(LONGEST).saturating_add(self.request_timeout).min(LONGEST)
    }
}

impl ConsumerSettings {
    /// Reads a consumer's properties into the settings that are in effect.
    ///
    /// # Errors
    /// A value of the wrong kind or outside its range.
    pub fn of_consumer(properties: &Properties) -> Result<Self, ConfigError> {
        let mut settings = Self::from_properties(properties)?;
        if reconnects_evenly(properties) {
            settings.reconnect_backoff_max = settings.reconnect_backoff;
        }
        Ok(settings)
    }
}

impl ReplicationSettings {
    /// Whether these values go together in a broker or controller.
    ///
    /// # Errors
    /// The first pair that Kafka refuses.
    pub fn agree(&self) -> Result<(), ConfigError> {
        let wait = self.replica_fetch_wait_max;
        let refuse = |other: &'static str, least: Duration, why: &str| ConfigError {
            name: FETCH_WAIT.to_owned(),
            value: wait.as_millis().to_string(),
            reason: format!("must be at most {other}, {}: {why}", least.as_millis()),
            others: vec![other],
            hint: Some(format!("raise {other}, or lower {FETCH_WAIT} (500 by default)")),
        };
        if wait > self.replica_socket_timeout {
            let why = "a fetch that is parked for longer breaks its connection";
            return Err(refuse("replica.socket.timeout.ms", self.replica_socket_timeout, why));
        }
        if wait > self.replica_lag_time_max {
            let why = "a follower whose fetch is parked for longer falls out of the ISR";
            return Err(refuse("replica.lag.time.max.ms", self.replica_lag_time_max, why));
        }
        Ok(())
    }
}

impl LogSettings {
    /// The age at which a segment is closed: a compacted log must close what is to be compacted
    /// (`LogConfig.maxSegmentMs`).
    pub fn longest_segment_age(&self) -> Duration {
        if self.cleanup_policy.compacts { self.segment_age.min(self.max_compaction_lag) } else { self.segment_age }
    }

    /// Whether these values go together in a topic.
    ///
    /// # Errors
    /// A compaction that may not begin before it must.
    pub fn agree(&self) -> Result<(), ConfigError> {
        if self.min_compaction_lag <= self.max_compaction_lag {
            return Ok(());
        }
        Err(ConfigError {
            name: "min.compaction.lag.ms".to_owned(),
            value: self.min_compaction_lag.as_millis().to_string(),
            reason: format!("must be at most max.compaction.lag.ms, {}", self.max_compaction_lag.as_millis()),
            others: vec!["max.compaction.lag.ms"],
            hint: Some("leave max.compaction.lag.ms out, and nothing must be compacted by a certain time".to_owned()),
        })
    }

    /// Whether a broker or controller takes these as its defaults: a topic may set more.
    ///
    /// # Errors
    /// A retention of 0 ms, which only a topic's own setting may have.
    pub fn agree_as_defaults(&self) -> Result<(), ConfigError> {
        if self.retention != Some(Duration::ZERO) {
            return Ok(());
        }
        Err(ConfigError {
            name: "retention.ms".to_owned(),
            value: "0".to_owned(),
            reason: "must be -1 or at least 1 here (Kafka's log.retention.ms)".to_owned(),
            others: Vec::new(),
            hint: Some("only a topic's own retention.ms may be 0".to_owned()),
        })
    }
}

/// `acks`: "all" and "-1" mean the same.
fn read_acks(properties: &Properties) -> Result<Acks, ConfigError> {
    match properties.get("acks").map(|value| value.trim()) {
        None | Some("all" | "-1") => Ok(Acks::All),
        Some("1") => Ok(Acks::Leader),
        Some("0") => Ok(Acks::None),
        Some(other) => Err(ConfigError::of_value("acks", other, "expected all, -1, 1 or 0".to_owned())),
    }
}

/// Whether the first back-off was said and the longest was not: then every back-off is as long as the first.
fn reconnects_evenly(properties: &Properties) -> bool {
    properties.contains_key("reconnect.backoff.ms") && !properties.contains_key("reconnect.backoff.max.ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(properties: &[(&str, &str)]) -> Properties {
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn producer(properties: &[(&str, &str)]) -> Result<(Acks, ProducerSettings), String> {
        ProducerSettings::of_producer(&said(properties)).map_err(|error| error.to_string())
    }

    #[test]
    fn delivery_timeout_that_nobody_said_grows_with_linger() {
        let (_, settings) = producer(&[("linger.ms", "200000")]).expect("Kafka raises the default");
        assert_eq!(settings.delivery_timeout, Duration::from_millis(230_000));
        let (_, settings) = producer(&[("linger.ms", "9223372036854775807")]).expect("the sum is capped");
        assert_eq!(settings.delivery_timeout, LONGEST);
    }

    #[test]
    fn delivery_timeout_that_was_said_is_not_touched() {
        let said = [("delivery.timeout.ms", "30004")];
        let refused = producer(&said).expect_err("linger.ms is 5, request.timeout.ms 30,000");
        assert!(refused.contains("linger.ms + request.timeout.ms, 30005"), "{refused}");
        assert!(producer(&[("delivery.timeout.ms", "30005")]).is_ok());
    }

    #[test]
    fn idempotence_that_nobody_asked_for_gives_way() {
        for unfit in [("acks", "1"), ("acks", "0"), ("retries", "0")] {
            let (_, settings) = producer(&[unfit]).expect("Kafka switches idempotence off");
            assert!(!settings.enable_idempotence, "{unfit:?}");
        }
        let (acks, settings) = producer(&[]).expect("the defaults go together");
        assert!(settings.enable_idempotence && acks == Acks::All);
    }

    #[test]
    fn idempotence_that_was_asked_for_refuses_what_breaks_it() {
        for unfit in [("acks", "1"), ("acks", "0"), ("retries", "0"), (MAX_IN_FLIGHT, "6")] {
            let refused = producer(&[(IDEMPOTENCE, "true"), unfit]).expect_err("Kafka throws a ConfigException");
            assert!(refused.starts_with(unfit.0), "{refused}");
            assert!(producer(&[(IDEMPOTENCE, "false"), unfit]).is_ok(), "{unfit:?}");
        }
    }

    #[test]
    fn too_many_requests_in_flight_are_refused_unless_idempotence_is_switched_off() {
        for rest in [("acks", "all"), ("acks", "1"), ("retries", "0")] {
            assert!(producer(&[(MAX_IN_FLIGHT, "6"), rest]).is_err(), "{rest:?}");
        }
        assert!(producer(&[(MAX_IN_FLIGHT, "6"), (IDEMPOTENCE, "false")]).is_ok());
    }

    #[test]
    fn reconnect_backoff_that_is_said_alone_does_not_grow() {
        let (_, settings) = producer(&[("reconnect.backoff.ms", "20")]).expect("a legal value");
        assert_eq!(settings.reconnect_backoff_max, Duration::from_millis(20));
        let consumer =
            ConsumerSettings::of_consumer(&said(&[("reconnect.backoff.ms", "2000")])).expect("a legal value");
        assert_eq!(consumer.reconnect_backoff_max, Duration::from_millis(2000));
    }

    #[test]
    fn parked_fetch_outlasts_neither_its_connection_nor_the_isr() {
        let agree = |properties: &[(&str, &str)]| {
            ReplicationSettings::from_properties(&said(properties)).expect("each value is legal").agree()
        };
        assert_eq!(agree(&[]), Ok(()));
        assert_eq!(agree(&[("replica.lag.time.max.ms", "500")]), Ok(()));
        for (unfit, other) in [
            (("replica.lag.time.max.ms", "499"), "replica.lag.time.max.ms"),
            (("replica.socket.timeout.ms", "499"), "replica.socket.timeout.ms"),
            (("replica.fetch.wait.max.ms", "30001"), "replica.socket.timeout.ms"),
        ] {
            assert_eq!(agree(&[unfit]).expect_err("Kafka does not start").others, [other]);
        }
    }

    #[test]
    fn ratio_is_a_decimal_from_0_to_1() {
        let ratio = |text: &str| {
            LogSettings::from_properties(&said(&[("min.cleanable.dirty.ratio", text)]))
                .map(|log| log.min_cleanable_dirty_ratio.0)
                .map_err(|error| error.reason)
        };
        let accepted = [("0", 0), ("1", 1_000_000), ("0.5", 500_000), (".01", 10_000), ("1.0", 1_000_000)];
        for (text, millionths) in accepted {
            assert_eq!(ratio(text), Ok(millionths), "{text}");
        }
        for text in ["1.1", "2", "-0.1", "99999999999"] {
            assert_eq!(ratio(text), Err("must lie between 0 and 1".to_owned()), "{text}");
        }
        for text in ["", ".", "a", "1,5", "--1"] {
            assert_eq!(ratio(text), Err("expected a number from 0 to 1".to_owned()), "{text}");
        }
    }

    #[test]
    fn compaction_may_not_have_to_begin_before_it_may() {
        let agree = |min, max| {
            let said = said(&[("min.compaction.lag.ms", min), ("max.compaction.lag.ms", max)]);
            LogSettings::from_properties(&said).expect("each value is legal").agree()
        };
        assert_eq!(agree("5", "5"), Ok(()));
        assert_eq!(agree("6", "5").expect_err("Kafka refuses it").others, ["max.compaction.lag.ms"]);
    }

    #[test]
    fn retention_of_nothing_is_a_topics_own() {
        let log = LogSettings::from_properties(&said(&[("retention.ms", "0")])).expect("a topic may say it");
        assert!(log.agree_as_defaults().is_err());
        assert_eq!(LogSettings::default().agree_as_defaults(), Ok(()));
    }
}
