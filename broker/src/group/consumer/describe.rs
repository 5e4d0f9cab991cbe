//! What administrators hear of a group: ConsumerGroupDescribe and ListGroups (`asDescribedGroup`, `asListedGroup`).

use super::{ConsumerGroup, Member};
use crate::config::ServerAssignor;
use crate::message::{
    DescribedAssignment, DescribedConsumerGroup, DescribedConsumerGroupMember, ErrorCode, ListedGroup,
    PartitionsByTopic,
};
use crate::metadata::MetadataImage;

impl ConsumerGroup {
    /// The group with its members.
    pub fn described(&self, default_assignor: ServerAssignor, image: &MetadataImage) -> DescribedConsumerGroup {
        DescribedConsumerGroup {
            error: ErrorCode::None,
            error_message: None,
            group: self.id.clone(),
            state: self.state().name().to_owned(),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor: self.preferred_assignor(None, None).unwrap_or(default_assignor).name().to_owned(),
            members: self.members().map(|member| self.described_member(member, image)).collect(),
        }
    }

    fn described_member(&self, member: &Member, image: &MetadataImage) -> DescribedConsumerGroupMember {
        let said = &member.metadata;
        DescribedConsumerGroupMember {
            member: member.id.clone(),
            instance: said.instance.clone(),
            rack: said.rack.clone(),
            member_epoch: member.epoch,
            client_id: said.client_id.clone(),
            client_host: said.client_host.clone(),
            subscribed_topic_names: said.subscribed_topic_names.clone(),
            subscribed_topic_regex: said.subscribed_topic_regex.clone(),
            assignment: described_assignment(&member.assigned, image),
            target_assignment: described_assignment(self.target(&member.id), image),
            member_type: i8::from(!member.uses_classic_protocol()),
        }
    }

    /// The group as a line of a list.
    pub fn listed(&self) -> ListedGroup {
        ListedGroup {
            group: self.id.clone(),
            protocol_type: "consumer".to_owned(),
            state: self.state().name().to_owned(),
            group_type: "consumer".to_owned(),
        }
    }
}

/// Partitions of topics that still exist, with their names.
fn described_assignment(partitions: &PartitionsByTopic, image: &MetadataImage) -> DescribedAssignment {
    let existing = partitions.iter().filter_map(|(topic, numbers)| Some((*topic, image.topic_name(*topic)?, numbers)));
    let mut described = DescribedAssignment::default();
    for (topic, name, numbers) in existing {
        described.partitions.insert(topic, numbers.clone());
        described.names.push(name.clone());
    }
    described
}
