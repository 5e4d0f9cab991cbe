//! Who a consumer is in its group: the part that both protocols share.

use crate::ids::MemberId;

/// A member as its requests name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MemberIdentity {
    /// Empty if it is none.
    pub member: MemberId,
    /// The generation, or the member epoch of KIP-848; −1 if it is no member.
    pub epoch: i32,
}

impl MemberIdentity {
    /// Somebody who is no member.
    pub fn nobody() -> MemberIdentity {
        MemberIdentity { member: MemberId::default(), epoch: -1 }
    }

    pub fn is_member(&self) -> bool {
        !self.member.is_empty()
    }
}

/// Whether a consumer may commit, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// It chose its partitions itself: no membership is needed.
    NoneNeeded,
    /// It is a member of a stable group.
    Member(MemberIdentity),
    /// A rebalance is under way.
    Rebalancing,
    /// It should be a member, and is not.
    Outside,
}
