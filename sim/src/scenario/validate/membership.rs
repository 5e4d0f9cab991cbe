//! What consumers are asked for as members of a group: to subscribe, to leave, to commit.

use trial_broker::client::pattern_mistake;
use trial_broker::config::{GroupCoordinatorSettings, GroupProtocol, Membership};

use super::super::diagnostic::Diagnostic;
use super::super::format::action::{CloseConsumer, CommitOffsets, JoinGroup, OneClient};
use super::super::format::transaction::CommitInTransaction;
use super::super::format::{Action, ClientSettings, File, Spanned};
use super::{Kind, Scope, brokers, membership_of};

/// How a consumer is declared, where that decides what it may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Whether it names a group.
    has_group: bool,
    /// Whether a group's coordinator may match a pattern for it: `group.protocol` is "consumer".
    is_of_new_protocol: bool,
    /// Whether it has chosen partitions, and nobody has asked it to leave them.
    is_assigned: bool,
}

/// Members that no broker can take: their first poll would throw, and nobody would see time zero.
pub(super) fn check_members(file: &File, scope: &mut Scope) {
    let coordinators: Vec<GroupCoordinatorSettings> = brokers(&file.cluster)
        .into_iter()
        .filter_map(|id| {
            let mut properties = file.cluster.config.properties();
            for node in file.nodes.iter().filter(|node| node.id.value == id) {
                properties.extend(node.config.properties());
            }
            GroupCoordinatorSettings::from_properties(&properties).ok()
        })
        .collect();
    for section in file.clients.iter().filter_map(|client| client.consumer.as_ref()) {
        // Whoever joins later has a poll that throws as an event of the run.
        let Some(topic) = section.subscribe.first() else { continue };
        let Ok(Some(membership)) = membership_of(section) else { continue };
        let Some((setting, label)) = refusal_of(&membership, &coordinators) else { continue };
        let said = section.settings.0.iter().find(|(name, _)| name.value == setting);
        let place = said.map_or(&topic.span, |(_, value)| &value.span);
        let title = format!("no broker takes a member with this `{setting}`");
        scope.mistake(Diagnostic::new(title, place.clone(), label));
    }
}

/// The setting with which all of these coordinators refuse a member, and what they would take.
fn refusal_of(membership: &Membership, coordinators: &[GroupCoordinatorSettings]) -> Option<(&'static str, String)> {
    let first = coordinators.first()?;
    match membership.protocol {
        GroupProtocol::Consumer => {
            let asked = membership.remote_assignor.as_deref()?;
            let has = |one: &GroupCoordinatorSettings| one.consumer_assignors.iter().any(|it| it.name() == asked);
            let names: Vec<&str> = first.consumer_assignors.iter().map(|assignor| assignor.name()).collect();
            let label = format!("`group.consumer.assignors` has {}", names.join(" and "));
            (!coordinators.iter().any(has)).then_some(("group.remote.assignor", label))
        }
        GroupProtocol::Classic => {
            let session = membership.timers.session_timeout;
            let takes = |one: &GroupCoordinatorSettings| {
                (one.classic_min_session_timeout..=one.classic_max_session_timeout).contains(&session)
            };
            let (least, most) = (first.classic_min_session_timeout, first.classic_max_session_timeout);
            let label = format!(
                "`group.min.session.timeout.ms` is {}, `group.max.session.timeout.ms` {}",
                least.as_millis(),
                most.as_millis()
            );
            (!coordinators.iter().any(takes)).then_some(("session.timeout.ms", label))
        }
    }
}

impl Declared {
    /// As a section of the file has it; an intervention may have it leave at any time.
    pub(super) fn of(name: &str, section: &ClientSettings, file: &File) -> Declared {
        let leaves = |action: &Spanned<Action>| matches!(&action.value, Action::Leave(one) if one.client.value == name);
        let may_have_left = file.interventions.iter().any(|step| step.actions().iter().any(leaves));
        Declared {
            has_group: section.settings.get("group.id").is_some(),
            is_of_new_protocol: section
                .settings
                .get("group.protocol")
                .is_some_and(|value| value.0.eq_ignore_ascii_case("consumer")),
            is_assigned: !section.assign.is_empty() && !may_have_left,
        }
    }
}

impl Scope {
    /// Complains unless there is such a consumer, and it has a group.
    fn member(&mut self, name: &Spanned<String>, why: &str) -> Option<Declared> {
        if !self.client(name, Some(Kind::Consumer)) {
            return None;
        }
        let declared = *self.consumers.get(&name.value)?;
        if !declared.has_group {
            let (_, place) = self.clients[&name.value].clone();
            let mistake = Diagnostic::new(format!("`{}` has no `group.id`", name.value), name.span.clone(), why)
                .with_context(place, "declared here")
                .with_help("name its group: consumer = { \"group.id\" = \"billing\" }");
            self.mistake(mistake);
            return None;
        }
        Some(declared)
    }

    pub(super) fn join(&mut self, join: &JoinGroup) {
        let declared = self.member(&join.client, "to subscribe to topics a consumer needs a group");
        let said = [!join.topics.is_empty(), join.pattern.is_some(), join.server_pattern.is_some()];
        if said.iter().filter(|is_said| **is_said).count() != 1 {
            let label = "expected one of `topics`, `pattern`, `server-pattern`";
            let title = "a consumer subscribes to topics or to a pattern";
            self.mistake(Diagnostic::new(title, join.client.span.clone(), label));
        }
        for topic in &join.topics {
            self.topic(&topic.value, &topic.span);
        }
        // What is wrong with a pattern of the coordinator's the coordinator says.
        if let Some(pattern) = &join.pattern
            && let Some(mistake) = pattern_mistake(&pattern.value)
        {
            let title = format!("`{}` is no regular expression", pattern.value);
            self.mistake(Diagnostic::new(title, pattern.span.clone(), mistake));
        }
        let Some(declared) = declared else { return };
        let (_, place) = self.clients[&join.client.value].clone();
        if let Some(pattern) = join.server_pattern.as_ref().filter(|_| !declared.is_of_new_protocol) {
            let title = format!("the coordinator matches no pattern for `{}`", join.client.value);
            let label = "Kafka refuses this to a consumer of the classic protocol";
            let mistake = Diagnostic::new(title, pattern.span.clone(), label)
                .with_context(place.clone(), "declared here")
                .with_help("say \"group.protocol\" = \"consumer\", or `pattern`, which the consumer matches itself");
            self.mistake(mistake);
        }
        if declared.is_assigned {
            let title = format!("`{}` has chosen its partitions", join.client.value);
            let label = "Kafka refuses both: partitions are chosen, or the group chooses them";
            let mistake = Diagnostic::new(title, join.client.span.clone(), label)
                .with_context(place, "declared with `assign`")
                .with_help("let it `leave` first, or declare it without `assign`");
            self.mistake(mistake);
        }
    }

    pub(super) fn leave(&mut self, one: &OneClient) {
        if self.client(&one.client, Some(Kind::Consumer))
            && let Some(declared) = self.consumers.get_mut(&one.client.value)
        {
            declared.is_assigned = false;
        }
    }

    pub(super) fn close(&mut self, close: &CloseConsumer) {
        self.client(&close.client, Some(Kind::Consumer));
        self.length(close.timeout.as_ref());
    }

    pub(super) fn commit_offsets(&mut self, commit: &CommitOffsets) {
        self.member(&commit.client, "to commit offsets a consumer needs a group");
        for (partition, offset) in &commit.offsets {
            self.offset_to_commit(partition, offset);
        }
        if let Some(partition) = commit.offsets.keys().next().filter(|_| commit.asynchronous == Some(true)) {
            let label = "leave the offsets out, or `async`";
            let title = "a commit that is not waited for is one of the positions";
            self.mistake(Diagnostic::new(title, partition.span.clone(), label));
        }
        if let Some(metadata) = commit.metadata.as_ref().filter(|_| commit.offsets.is_empty()) {
            let label = "name the `offsets` too, by partition";
            let title = "a commit of the positions says nothing beside them";
            self.mistake(Diagnostic::new(title, metadata.span.clone(), label));
        }
    }

    pub(super) fn commit_in_transaction(&mut self, commit: &CommitInTransaction) {
        self.transaction(&commit.producer);
        for (partition, offset) in &commit.offsets {
            self.offset_to_commit(partition, offset);
        }
    }

    fn offset_to_commit(&mut self, partition: &Spanned<String>, offset: &Spanned<i64>) {
        self.partition(&partition.value, &partition.span);
        if offset.value < 0 {
            let label = "the next offset to read, 0 or more";
            self.mistake(Diagnostic::new("an offset is never negative", offset.span.clone(), label));
        }
    }

    /// A producer whose transaction an administrator plays.
    pub(super) fn transaction(&mut self, producer: &Spanned<i64>) {
        if producer.value < 0 {
            let label = "0 or more, and none that a producer of the scenario is given";
            self.mistake(Diagnostic::new("a producer's id is never negative", producer.span.clone(), label));
        }
    }
}
