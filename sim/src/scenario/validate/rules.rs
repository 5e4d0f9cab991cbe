//! Settings that are legal one by one and that Kafka refuses together: shown where they were said.
//!
//! The rules themselves are Kafka's (`trial_broker::config`): here they are asked, and answered with a place in the file.

use std::ops::Range;
use std::time::Duration;

use trial_broker::config::{
    ConfigError, GroupCoordinatorSettings, LogSettings, Membership, ProducerSettings, Properties, ReplicationSettings,
};

use super::super::diagnostic::Diagnostic;
use super::super::format::{ClientSettings, File, Settings, Span, Spanned};
use super::Scope;

/// A client's properties. Back-offs are not spread unless it asks for that: the numbers of a scenario are exact.
pub(crate) fn client_properties(settings: &Settings) -> Properties {
    let mut properties = settings.properties();
    properties.entry("trial.backoff.jitter".to_owned()).or_insert_with(|| "false".to_owned());
    properties
}

/// A producer's properties: `idempotence` under its full name, and no lingering unless it asks for that.
pub(crate) fn producer_properties(settings: &Settings) -> Properties {
    let mut properties = client_properties(settings);
    if let Some(value) = properties.remove("idempotence") {
        properties.insert("enable.idempotence".to_owned(), value);
    }
    properties.entry("linger.ms".to_owned()).or_insert_with(|| "0".to_owned());
    properties
}

/// A producer whose settings Kafka does not take together.
pub(super) fn check_producer(section: &Spanned<ClientSettings>, scope: &mut Scope) {
    let settings = &section.settings;
    let place = |name| settings.0.keys().find(|key| key.value == name).map(|key| key.span.clone());
    if let (Some(short), Some(full)) = (place("idempotence"), place("enable.idempotence")) {
        scope.mistake(
            Diagnostic::new("idempotence is said twice", short, "short for `enable.idempotence`")
                .with_context(full, "and here is its full name"),
        );
    }
    if let Err(error) = ProducerSettings::of_producer(&producer_properties(settings)) {
        refuse(error, &[settings], &section.span, scope);
    }
}

/// A consumer's properties, as its membership reads them: what is Trial's own stands in the section.
pub(crate) fn membership_of(section: &ClientSettings) -> Result<Option<Membership>, ConfigError> {
    Membership::of_consumer(&client_properties(&section.settings))
}

/// A length of time among a client's settings; none if it is not given, or is none.
pub(crate) fn span_of(settings: &Settings, name: &str) -> Option<Duration> {
    Span::parse(&settings.get(name)?.0).ok().map(|span| span.duration())
}

/// A consumer whose group and settings do not go together.
pub(super) fn check_consumer(section: &Spanned<ClientSettings>, scope: &mut Scope) {
    if let (Some(partition), Some(topic)) = (section.assign.first(), section.subscribe.first()) {
        let label = "Kafka refuses both: partitions are chosen, or the group chooses them";
        let mistake =
            Diagnostic::new("a consumer is assigned partitions or subscribes to topics", topic.span.clone(), label)
                .with_context(partition.span.clone(), "assigned here");
        scope.mistake(mistake);
    }
    match membership_of(section) {
        Ok(None) => {
            if let Some(topic) = section.subscribe.first() {
                let label = "to subscribe to topics a consumer needs a group";
                let mistake = Diagnostic::new("a consumer subscribes without `group.id`", topic.span.clone(), label);
                scope.mistake(mistake.with_help("name one: \"group.id\" = \"billing\""));
            }
        }
        Ok(Some(_)) => {}
        Err(error) if error.hint.is_some() => refuse(error, &[&section.settings], &section.span, scope),
        Err(error) => {
            let keys = section.settings.0.iter();
            let place = keys.into_iter().find(|(key, _)| key.value == error.name).map(|(_, value)| value.span.clone());
            let title = format!("`{}` cannot be `{}`", error.name, error.value);
            // Numbers have been complained about where they stand.
            if Membership::DEFINITIONS.iter().any(|setting| setting.name == error.name) {
                scope.mistake(Diagnostic::new(title, place.unwrap_or_else(|| section.span.clone()), error.reason));
            }
        }
    }
}

/// Machines whose settings Kafka does not take together: the cluster's alone, then with each machine's own on top.
pub(super) fn check_nodes(file: &File, scope: &mut Scope) {
    let cluster = &file.cluster;
    if let Err(error) = agree(&cluster.config.properties()) {
        return refuse(error, &[&cluster.config], &cluster.span, scope);
    }
    for node in &file.nodes {
        let mut properties = cluster.config.properties();
        properties.extend(node.config.properties());
        if let Err(error) = agree(&properties) {
            refuse(error, &[&node.config, &cluster.config], &node.id.span, scope);
        }
    }
}

fn agree(properties: &Properties) -> Result<(), ConfigError> {
    ReplicationSettings::from_properties(properties)?.agree()?;
    LogSettings::from_properties(properties)?.agree_as_defaults()?;
    GroupCoordinatorSettings::from_properties(properties)?.agree()
}

/// Shows a refusal at the first of its settings that the file says, and names the others. A value that is wrong by
/// itself has been complained about where it stands.
fn refuse(error: ConfigError, said: &[&Settings], otherwise: &Range<usize>, scope: &mut Scope) {
    let Some(hint) = error.hint else { return };
    let place = |name: &str| {
        let is_meant = |key: &str| key == name || (name == "enable.idempotence" && key == "idempotence");
        said.iter().find_map(|settings| {
            settings.0.iter().find(|(key, _)| is_meant(&key.value)).map(|(_, value)| value.span.clone())
        })
    };
    let names = std::iter::once(error.name.as_str()).chain(error.others.iter().copied());
    let mut places: Vec<Range<usize>> = names.filter_map(place).collect();
    let primary = if places.is_empty() { otherwise.clone() } else { places.remove(0) };
    let title = match error.others.as_slice() {
        [] => format!("`{}` cannot be `{}` here", error.name, error.value),
        others => format!("Kafka refuses `{}` together with `{}`", error.name, others.join("` and `")),
    };
    let label = format!("`{}` is `{}` and {}", error.name, error.value, error.reason);
    let mistake = Diagnostic::new(title, primary, label).with_help(hint);
    scope.mistake(places.into_iter().fold(mistake, |mistake, span| mistake.with_context(span, "said here")));
}
