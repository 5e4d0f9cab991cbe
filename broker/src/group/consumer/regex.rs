//! Topics by expression: `subscribed_topic_regex` (`maybeUpdateRegularExpressions`).
//!
//! An expression is looked up in the coordinator's own metadata, on another thread, and what it names becomes a record.
//! A lookup is started by a heartbeat, of all expressions of the group together:
//!
//! ```text
//!   0  somebody uses an expression
//!   1  no lookup is under way
//!   2  the last one is more than 10 s old
//!   3  an expression was never looked up, or topics came since, or the last lookup is older than
//!      group.consumer.regex.refresh.interval.ms
//! ```
//!
//! Simplified: the lookup takes no time. Its result comes in the coordinator's next turn, as an event of its own.
//! Kafka uses RE2J; the crate `regex` has the same syntax in all that names of topics can be told by, and like RE2J
//! neither lookaround nor back references.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;

use super::subscriptions::{Subscriptions, metadata_hash};
use super::{ConsumerGroup, Coordination, Member, Refusal};
use crate::event::{GroupEpochReason, GroupEvent};
use crate::group::record::{ConsumerGroupRegularExpressionValue, GroupRecord};
use crate::group::timers::GroupTimer;
use crate::message::ErrorCode;

/// Lookups of one group are at least so far apart (`REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`).
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// What a lookup found, until the group hears of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RegexWork {
    /// Each expression with its topics.
    pub resolved: BTreeMap<String, ConsumerGroupRegularExpressionValue>,
}

/// A member's expression changes, or not; whether the group epoch must grow for it.
///
/// # Errors
///
/// INVALID_REGULAR_EXPRESSION.
pub(super) fn update(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    before: &Member,
    member: &Member,
    records: &mut Vec<GroupRecord>,
) -> Result<bool, Refusal> {
    let is_changed = before.metadata.subscribed_topic_regex != member.metadata.subscribed_topic_regex;
    if !is_changed && group.members().all(|member| member.regex().is_none()) {
        return Ok(false);
    }
    let users = Subscriptions::now(group);
    let uses = |regex: &str| users.regexes().get(regex).copied().unwrap_or(0);
    let (mut bump, mut must_look_up) = (false, false);
    if is_changed {
        if let Some(old) = before.regex().filter(|old| uses(old) == 1) {
            records.push(group.regex_record(old, None));
        }
        match member.regex() {
            Some(new) if uses(new) == 0 => {
                compile(new)?;
                must_look_up = true;
            }
            Some(new) => bump = group.resolved(new).is_some(),
            None => bump = before.regex().is_some(),
        }
    }
    if (must_look_up || !users.regexes().is_empty()) && !of.soft.is_looking_up(&group.id) {
        look_up_if_due(of, group, counts(users.regexes(), before, member), must_look_up);
    }
    Ok(bump)
}

/// Who will use which expression.
fn counts(users: &BTreeMap<String, usize>, before: &Member, member: &Member) -> BTreeMap<String, usize> {
    let mut counts = users.clone();
    if let Some(old) = before.regex()
        && let Some(count) = counts.get_mut(old)
    {
        *count -= 1;
    }
    if let Some(new) = member.regex() {
        *counts.entry(new.to_owned()).or_default() += 1;
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn look_up_if_due(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    users: BTreeMap<String, usize>,
    must_look_up: bool,
) {
    let now_ms = of.ctx.now.wall.millis();
    // All expressions of a group are looked up together: any of them tells when.
    let last = group.regexes.values().next();
    let age = last.map(|last| now_ms.saturating_sub(last.timestamp_ms));
    let older_than = |span: Duration| {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        age.is_none_or(|age| age > span)
    };
    if !older_than(MIN_INTERVAL) {
        return;
    }
    let version = last.map_or(0, |last| last.version);
    let is_due = must_look_up
        || users.len() != group.regexes.len()
        || version < of.soft.last_image_with_new_topics()
        || older_than(of.settings.consumer_regex_refresh_interval);
    if is_due && !users.is_empty() {
        let resolved = users.into_keys().map(|regex| (regex.clone(), resolve(of, &regex, now_ms))).collect();
        of.soft.look_up(group.id.clone(), RegexWork { resolved });
        of.timers.arm(GroupTimer::ConsumerRegex { group: group.id.clone() }, of.ctx.now.monotonic);
    }
}

/// The topics that an expression names: it must match a whole name.
fn resolve(of: &Coordination<'_, '_>, regex: &str, now_ms: i64) -> ConsumerGroupRegularExpressionValue {
    let names = of.image.topic_ids().keys().map(|name| name.as_str());
    // An expression that was read from a record and is none names nothing.
    let topics = match compile(regex) {
        Ok(regex) => names.filter(|name| regex.is_match(name)).map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    };
    ConsumerGroupRegularExpressionValue { topics, version: of.image.last_offset(), timestamp_ms: now_ms }
}

fn compile(regex: &str) -> Result<Regex, Refusal> {
    // First as it is: wrapped, an unbalanced parenthesis might find its other half.
    let compiled = Regex::new(regex).and_then(|_| Regex::new(&format!(r"\A(?:{regex})\z")));
    compiled.map_err(|error| {
        let text = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, text)
    })
}

/// A lookup has ended: the group hears what its expressions name (`handleRegularExpressionsResult`).
pub fn regexes_resolved(of: &mut Coordination<'_, '_>, group: &ConsumerGroup, work: RegexWork) -> Vec<GroupRecord> {
    let users = Subscriptions::now(group);
    let mut after = group.clone();
    let mut records = Vec::new();
    let mut bump = false;
    for (regex, new) in work.resolved.into_iter().filter(|(regex, _)| users.regexes().contains_key(regex)) {
        bump |= group.resolved(&regex).map_or(&[][..], |old| &old.topics[..]) != new.topics;
        after.regexes.insert(regex.clone(), std::sync::Arc::new(new.clone()));
        records.push(group.regex_record(&regex, Some(new)));
    }
    let hash = metadata_hash(Subscriptions::now(&after).topics(), of.image);
    bump |= hash != group.metadata_hash;
    if bump {
        let epoch = group.epoch + 1;
        records.push(group.epoch_record(epoch, hash));
        of.say(GroupEvent::GroupEpochBumped {
            group: group.id.clone(),
            epoch,
            reason: GroupEpochReason::ExpressionResolved,
        });
        of.soft.metadata_checked(group, of.ctx.now.monotonic, epoch);
    }
    records
}
