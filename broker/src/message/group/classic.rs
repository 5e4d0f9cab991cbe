//! JoinGroup (key 11, v0–9), SyncGroup (14, v0–5), Heartbeat (12, v0–4), LeaveGroup (13, v0–5).

use bytes::Bytes;

use super::super::ErrorCode;
use crate::ids::{GroupId, GroupInstanceId, MemberId};

/// A member comes in, or comes in again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupRequest {
    /// The group.
    pub group: GroupId,
    /// After how many milliseconds without a heartbeat the coordinator takes the member for dead.
    pub session_timeout_ms: i32,
    /// How many milliseconds the coordinator waits for the members to rejoin; version 0 has none and means the session's.
    pub rebalance_timeout_ms: i32,
    /// The member; empty at its first join.
    pub member: MemberId,
    /// The static member, if it is one (v5+).
    pub instance: Option<GroupInstanceId>,
    /// What kind of group: "consumer", "connect", …
    pub protocol_type: String,
    /// The assignors that the member can run, best first, each with what it must know of the member.
    pub protocols: Vec<JoinGroupProtocol>,
    /// Why it joins, in words (v8+).
    pub reason: Option<String>,
}

/// An assignor that a member can run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupProtocol {
    /// Its name: "range", "cooperative-sticky", …
    pub name: String,
    /// For consumers, a subscription (`ConsumerProtocolSubscription`); the classic coordinator does not read it.
    pub metadata: Bytes,
}

/// The member is in the group's new generation, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupResponse {
    /// Whether it is.
    pub error: ErrorCode,
    /// The generation; −1 on error.
    pub generation: i32,
    /// What kind of group it is (v7+).
    pub protocol_type: Option<String>,
    /// The assignor that was voted for; null from version 7 on, empty before, if there is none.
    pub protocol_name: Option<String>,
    /// The member that computes the assignment.
    pub leader: MemberId,
    /// Whether that member must keep the assignment that there is (v9+, KIP-814).
    pub skip_assignment: bool,
    /// The member's id, given by the coordinator.
    pub member: MemberId,
    /// All members; to the leader only.
    pub members: Vec<JoinGroupMember>,
}

/// A member, as the leader hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinGroupMember {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one (v5+).
    pub instance: Option<GroupInstanceId>,
    /// What it said with the chosen assignor.
    pub metadata: Bytes,
}

/// A member asks for its assignment; the leader brings everybody's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncGroupRequest {
    /// The group.
    pub group: GroupId,
    /// The generation that the member is in.
    pub generation: i32,
    /// The member.
    pub member: MemberId,
    /// The static member, if it is one (v3+).
    pub instance: Option<GroupInstanceId>,
    /// What kind of group the member takes it for (v5+).
    pub protocol_type: Option<String>,
    /// The assignor that the member takes for chosen (v5+).
    pub protocol_name: Option<String>,
    /// Everybody's assignment; from the leader only.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A member's assignment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncGroupResponse {
    /// Whether there is one.
    pub error: ErrorCode,
    /// What kind of group it is (v5+).
    pub protocol_type: Option<String>,
    /// The chosen assignor (v5+).
    pub protocol_name: Option<String>,
    /// For consumers, a `ConsumerProtocolAssignment`; empty on error.
    pub assignment: Bytes,
}

/// A member lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeartbeatRequest {
    /// The group.
    pub group: GroupId,
    /// The generation that the member is in.
    pub generation: i32,
    /// The member.
    pub member: MemberId,
    /// The static member, if it is one (v3+).
    pub instance: Option<GroupInstanceId>,
}

/// Whether the member is still one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeartbeatResponse {
    /// NONE, or what the member must do.
    pub error: ErrorCode,
}

/// Members go, or an administrator sends static members away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group: GroupId,
    /// Who goes; exactly one below version 3.
    pub members: Vec<LeavingMember>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeavingMember {
    /// Its id; empty if an administrator removes a static member.
    pub member: MemberId,
    /// The static member, if it is one (v3+).
    pub instance: Option<GroupInstanceId>,
    /// Why, in words (v5+).
    pub reason: Option<String>,
}

/// Who has gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaveGroupResponse {
    /// Of the request; below version 3 also of its one member.
    pub error: ErrorCode,
    /// One answer a member (v3+).
    pub members: Vec<LeavingMemberResponse>,
}

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeavingMemberResponse {
    /// As in the request.
    pub member: MemberId,
    /// As in the request.
    pub instance: Option<GroupInstanceId>,
    /// Whether it has gone.
    pub error: ErrorCode,
}

impl JoinGroupResponse {
    /// A join that was refused: no generation, nobody to hear of.
    pub fn refused(member: MemberId, error: ErrorCode) -> JoinGroupResponse {
        JoinGroupResponse {
            error,
            generation: -1,
            protocol_type: None,
            protocol_name: None,
            leader: MemberId::default(),
            skip_assignment: false,
            member,
            members: Vec::new(),
        }
    }
}

impl SyncGroupResponse {
    /// A sync that was refused: no assignment.
    pub fn refused(error: ErrorCode) -> SyncGroupResponse {
        SyncGroupResponse { error, protocol_type: None, protocol_name: None, assignment: Bytes::new() }
    }
}
