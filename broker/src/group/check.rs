//! What can be said of a request to a group coordinator without knowing the group (`GroupCoordinatorService`).

use super::answers::{consumer_heartbeat_refusal, join_refusal, refusal};
use crate::config::{GroupCoordinatorSettings, ServerAssignor};
use crate::message::{
    ConsumerGroupHeartbeatRequest, ErrorCode, HeartbeatRequest, LeaveGroupRequest, OffsetDeleteRequest, Request,
    Response, SyncGroupRequest, TxnOffsetCommitRequest,
};
use crate::metadata::{GROUP_VERSION, MetadataImage};

/// What can be refused without asking a shard, in Kafka's order. An empty group id is legal for offsets, and for
/// describing and deleting groups: very old clients use it.
pub(super) fn check(
    settings: &GroupCoordinatorSettings,
    image: &MetadataImage,
    version: i16,
    request: &Request,
) -> Result<(), Box<Response>> {
    let refuse = |error| Err(Box::new(refusal(request, version, error)));
    match request {
        // From version 5 on a member must say what it takes the group for (KIP-559).
        Request::SyncGroup(body) if version >= 5 && (body.protocol_type.is_none() || body.protocol_name.is_none()) => {
            refuse(ErrorCode::InconsistentGroupProtocol)
        }
        Request::JoinGroup(body) if body.group.is_empty() => {
            Err(Box::new(join_refusal(body, ErrorCode::InvalidGroupId).into()))
        }
        Request::JoinGroup(body) => {
            let (min, max) = (settings.classic_min_session_timeout, settings.classic_max_session_timeout);
            let session = i128::from(body.session_timeout_ms);
            if session < min.as_millis() as i128 || session > max.as_millis() as i128 {
                return Err(Box::new(join_refusal(body, ErrorCode::InvalidSessionTimeout).into()));
            }
            Ok(())
        }
        Request::SyncGroup(SyncGroupRequest { group, .. })
        | Request::Heartbeat(HeartbeatRequest { group, .. })
        | Request::LeaveGroup(LeaveGroupRequest { group, .. })
        | Request::OffsetDelete(OffsetDeleteRequest { group, .. })
        | Request::TxnOffsetCommit(TxnOffsetCommitRequest { group, .. })
            if group.is_empty() =>
        {
            refuse(ErrorCode::InvalidGroupId)
        }
        Request::ConsumerGroupHeartbeat(_) | Request::ConsumerGroupDescribe(_) if image.feature(GROUP_VERSION) < 1 => {
            refuse(ErrorCode::UnsupportedVersion)
        }
        Request::ConsumerGroupHeartbeat(body) => match check_consumer_heartbeat(settings, version, body) {
            Ok(()) => Ok(()),
            Err((error, message)) => Err(Box::new(consumer_heartbeat_refusal(error, Some(&message)).into())),
        },
        _ => Ok(()),
    }
}

/// `throwIfConsumerGroupHeartbeatRequestIsInvalid`.
fn check_consumer_heartbeat(
    settings: &GroupCoordinatorSettings,
    version: i16,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), (ErrorCode, String)> {
    let invalid = |message: &str| Err((ErrorCode::InvalidRequest, message.to_owned()));
    let is_blank = |text: &str| text.trim().is_empty();
    let epoch = request.member_epoch;
    // From version 1 on members make their own ids (KIP-1082).
    if (version >= 1 || epoch > 0 || epoch == -1) && is_blank(request.member.as_str()) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(request.group.as_str()) {
        return invalid("GroupId can't be empty.");
    }
    if request.instance.as_ref().is_some_and(|instance| is_blank(instance.as_str())) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    match epoch {
        0 if request.rebalance_timeout_ms == -1 => {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        0 if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        0 if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() => {
            return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
        }
        -2 if request.instance.is_none() => return invalid("InstanceId can't be null."),
        epoch if epoch < -2 => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    let Some(name) = &request.server_assignor else { return Ok(()) };
    let known = ServerAssignor::of_name(name);
    if known.is_some_and(|assignor| settings.consumer_assignors.contains(&assignor)) {
        return Ok(());
    }
    let supported: Vec<&str> = settings.consumer_assignors.iter().map(|assignor| assignor.name()).collect();
    let supported = supported.join(", ");
    let message = format!("ServerAssignor {name} is not supported. Supported assignors: {supported}.");
    Err((ErrorCode::UnsupportedAssignor, message))
}
