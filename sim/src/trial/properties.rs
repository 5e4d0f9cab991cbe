//! Settings of clients in the hands of a test, by Kafka's names.
//!
//! Kafka's clients warn of a name that they do not know and go on with their defaults. Here such a name is refused: a test
//! with a misspelt setting would quietly test something else than it says.

use std::collections::BTreeMap;

use trial_broker::config::{
    ConsumerSettings, Membership, MembershipTimers, ProducerSettings, Properties, SettingDefinition,
};

use crate::scenario::diagnostic::nearest;

/// What a producer takes: its settings, and those that are read apart from them.
const OF_PRODUCER: (&[&[SettingDefinition]], &[&str]) = (&[ProducerSettings::DEFINITIONS], &["acks"]);

/// The same of a consumer.
const OF_CONSUMER: (&[&[SettingDefinition]], &[&str]) = (
    &[ConsumerSettings::DEFINITIONS, Membership::DEFINITIONS, MembershipTimers::DEFINITIONS],
    &["isolation.level", "auto.offset.reset"],
);

/// The properties of a producer.
///
/// # Errors
/// A sentence about the first setting that a producer does not have here.
pub(super) fn of_producer<'s>(settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Result<Properties, String> {
    known(settings, OF_PRODUCER)
}

/// The properties of a consumer, a member of a group or not.
///
/// # Errors
/// A sentence about the first setting that a consumer does not have here.
pub(super) fn of_consumer<'s>(settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Result<Properties, String> {
    known(settings, OF_CONSUMER)
}

fn known<'s>(
    settings: impl IntoIterator<Item = (&'s str, &'s str)>,
    (groups, others): (&[&[SettingDefinition]], &[&str]),
) -> Result<Properties, String> {
    let names = || groups.iter().flat_map(|group| group.iter().map(|one| one.name)).chain(others.iter().copied());
    let mut properties = BTreeMap::new();
    for (name, value) in settings {
        if !names().any(|known| known == name) {
            return Err(unknown(name, nearest(name, names())));
        }
        properties.insert(name.to_owned(), value.to_owned());
    }
    Ok(properties)
}

/// What is wrong with a setting that is not known.
fn unknown(name: &str, near: Option<&str>) -> String {
    match near {
        // A program that believes itself to have tested transactions is worse off than one that does not start.
        _ if name.starts_with("transaction") => format!("`{name}`: producers with transactions are not simulated"),
        Some(near) => format!("unknown setting `{name}`: did you mean `{near}`?"),
        None => format!("unknown setting `{name}`: Trial knows no setting of this name here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_a_client_has_are_taken_by_their_names() {
        let given = [("acks", "1"), ("linger.ms", "0"), ("enable.idempotence", "false")];
        assert_eq!(of_producer(given).map(|properties| properties.len()), Ok(3));
        let given = [("isolation.level", "read_committed"), ("group.protocol", "consumer"), ("max.poll.records", "1")];
        assert_eq!(of_consumer(given).map(|properties| properties.len()), Ok(3));
    }

    #[test]
    fn misspelt_setting_is_refused_with_the_one_that_was_meant() {
        let meant = |given: Result<Properties, String>| given.expect_err("there is no such setting");
        assert_eq!(meant(of_producer([("ackz", "1")])), "unknown setting `ackz`: did you mean `acks`?");
        let said = "unknown setting `session.timeout`: did you mean `session.timeout.ms`?";
        assert_eq!(meant(of_consumer([("session.timeout", "6000")])), said);
        let said = "unknown setting `key.serializer`: Trial knows no setting of this name here";
        assert_eq!(meant(of_producer([("key.serializer", "x")])), said);
    }

    #[test]
    fn producer_with_transactions_is_refused_and_says_that_there_are_none() {
        let said = of_producer([("transactional.id", "t")]).expect_err("transactions are not simulated");
        assert_eq!(said, "`transactional.id`: producers with transactions are not simulated");
        of_producer([("transaction.timeout.ms", "1000")]).expect_err("and so is their timeout");
    }
}
