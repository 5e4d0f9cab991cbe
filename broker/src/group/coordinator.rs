//! A broker's group coordinator: it checks requests, finds the partition that each belongs to, and puts answers together
//! (`GroupCoordinatorService`, and what `KafkaApis` checks before it).
//!
//! ```text
//!   request ──▶ is it sound? ──▶ whose partition? ──▶ Coordinators ──▶ shard
//!                  │ no                                                  │
//!                  ▼                                                     ▼
//!               refusal                                    answer, or a part of one
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answers::{described_consumer_refusal, refusal};
use super::check::check;
use super::contract::RequestContext;
use super::find::partition_for;
use super::gathering::Gathering;
use super::leadership::{all_partitions, offsets_topic};
use super::runtime::{Coordinators, OffsetsLog};
use super::shard::{Shard, ShardSnapshot};
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::event::GroupEvent;
use crate::ids::{GroupId, MemberId, NodeId, Offset, RequestHandle, TopicPartition};
use crate::message::*;
use crate::metadata::MetadataImage;
use crate::time::Time;

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupCoordinator {
    pub(super) node: NodeId,
    settings: Arc<GroupCoordinatorSettings>,
    pub(super) coordinators: Coordinators,
    /// How many partitions the offsets topic has. As in Kafka that is found out once, when the broker starts; none
    /// before.
    pub(super) partition_count: Option<i32>,
    /// Answers of several parts.
    pub(super) gathering: BTreeMap<RequestHandle, Gathering>,
    outbox: Vec<(RequestHandle, Response)>,
}

/// How a coordinator answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It may write; its answer waits for the writes before it.
    Write,
    /// It reads what is committed.
    Read,
}

/// What a coordinator needs of the broker around it.
pub struct Broker<'a> {
    /// The logs of the offsets topic.
    pub log: &'a mut dyn OffsetsLog,
    /// The metadata that the broker has applied.
    pub image: &'a MetadataImage,
}

impl GroupCoordinator {
    /// A coordinator that does not serve yet.
    pub fn new(node: NodeId, settings: Arc<GroupCoordinatorSettings>, behaviour: Behaviour) -> GroupCoordinator {
        GroupCoordinator {
            node,
            coordinators: Coordinators::new(settings.clone(), behaviour),
            settings,
            partition_count: None,
            gathering: BTreeMap::new(),
            outbox: Vec::new(),
        }
    }

    /// The broker has its logs: it coordinates what it leads.
    pub fn start(&mut self, ctx: &mut Context, broker: &mut Broker) {
        let count = broker.image.topic(&offsets_topic()).map(|topic| topic.partitions.len());
        let count = count.and_then(|count| i32::try_from(count).ok()).filter(|count| *count > 0);
        self.partition_count = Some(count.unwrap_or(self.settings.offsets_topic_partitions));
        self.apply_leadership(ctx, broker, all_partitions(broker.image));
    }

    /// The broker stops: nobody can be answered any more.
    pub fn stop(&mut self) {
        self.coordinators.clear();
        self.partition_count = None;
        self.gathering.clear();
    }

    /// How many partitions the offsets topic has, or would get.
    pub fn partition_count(&self) -> i32 {
        self.partition_count.unwrap_or(self.settings.offsets_topic_partitions)
    }

    /// The shards that serve, by partition of the offsets topic.
    pub fn shards(&self) -> impl Iterator<Item = (i32, &Shard)> {
        self.coordinators.shards()
    }

    /// What the shards that serve have written, by partition: the offset behind it, and what it adds up to.
    pub fn written(&self) -> impl Iterator<Item = (i32, Offset, ShardSnapshot)> {
        self.coordinators.written()
    }

    /// Whether the groups of a partition of the offsets topic are coordinated here: it is loaded.
    pub fn serves(&self, partition: i32) -> bool {
        self.shards().any(|(served, _)| served == partition)
    }

    /// Answers that may leave.
    pub fn take_answers(&mut self) -> Vec<(RequestHandle, Response)> {
        for (handle, response) in self.coordinators.take_answers() {
            self.answer(handle, response);
        }
        std::mem::take(&mut self.outbox)
    }

    /// An answer, or a part of one.
    pub(super) fn answer(&mut self, handle: RequestHandle, response: Response) {
        let whole = match self.gathering.get_mut(&handle) {
            Some(gathering) => gathering.add(response),
            None => Some(response),
        };
        if let Some(whole) = whole {
            self.gathering.remove(&handle);
            self.outbox.push((handle, whole));
        }
    }

    /// Partitions of the offsets topic in which to read on with [`GroupCoordinator::go_on_loading`], each in another step.
    pub fn take_reads(&mut self) -> Vec<i32> {
        self.coordinators.take_reads()
    }

    /// A request of a client or administrator; answered by [`GroupCoordinator::take_answers`], perhaps later.
    ///
    /// # Panics
    /// If it is none for a group coordinator.
    pub fn handle(&mut self, ctx: &mut Context, broker: &mut Broker, who: &RequestContext, request: Request) {
        if self.partition_count.is_none() {
            return self.refuse(ctx, who, &request, ErrorCode::CoordinatorNotAvailable);
        }
        if let Err(response) = check(&self.settings, broker.image, who.version, &request) {
            tell_refusal(ctx, &request, error_of(&response));
            return self.answer(who.handle, *response);
        }
        match request {
            Request::OffsetCommit(body) => self.commit_offsets(ctx, broker, who, body),
            Request::TxnOffsetCommit(body) => self.commit_transactional_offsets(ctx, broker, who, body),
            Request::WriteTxnMarkers(body) => self.write_markers(ctx, broker, who, body),
            Request::OffsetDelete(body) => self.delete_offsets(ctx, broker, who, body),
            Request::OffsetFetch(body) => self.fetch_offsets(ctx, broker, who, body),
            Request::ListGroups(body) => self.list_groups(ctx, broker, who, body),
            Request::DescribeGroups(_) | Request::ConsumerGroupDescribe(_) | Request::DeleteGroups(_) => {
                self.ask_about_groups(ctx, broker, who, request);
            }
            request => self.ask(ctx, broker, who, &request, Access::Write),
        }
    }

    /// Asks the coordinator of the request's first group; all its groups belong to one partition.
    pub(super) fn ask(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        request: &Request,
        access: Access,
    ) {
        let group = first_group(request).cloned().unwrap_or_default();
        let partition = partition_for(group.as_str(), self.partition_count());
        self.ask_partition(ctx, broker, who, request, access, partition);
    }

    fn ask_partition(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        request: &Request,
        access: Access,
        partition: i32,
    ) {
        let Broker { log, image } = broker;
        let asked = match access {
            Access::Write => self.coordinators.write(ctx, *log, image, partition, who, request),
            Access::Read => self.coordinators.read(ctx, *log, image, partition, who, request),
        };
        if let Err(error) = asked {
            self.refuse(ctx, who, request, error);
        }
    }

    pub(super) fn refuse(&mut self, ctx: &mut Context, who: &RequestContext, request: &Request, error: ErrorCode) {
        tell_refusal(ctx, request, error);
        self.answer(who.handle, refusal(request, who.version, error));
    }

    /// Offsets of partitions that do not exist are refused here; the coordinator is asked for the others.
    fn commit_offsets(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        mut body: OffsetCommitRequest,
    ) {
        let (known, unknown): (Vec<_>, Vec<_>) =
            body.partitions.into_iter().partition(|of| exists(broker.image, &of.partition));
        let unknown = unknown.into_iter().map(|of| (of.partition, ErrorCode::UnknownTopicOrPartition)).collect();
        let so_far = OffsetCommitResponse { partitions: unknown };
        if known.is_empty() {
            return self.answer(who.handle, so_far.into());
        }
        body.partitions = known;
        let request = Request::OffsetCommit(body);
        if !so_far.partitions.is_empty() {
            self.gathering.insert(who.handle, Gathering::new(request.clone(), 1, so_far.into()));
        }
        self.ask(ctx, broker, who, &request, Access::Write);
    }

    /// Partitions that do not exist are answered here. The coordinator is asked all the same, about none if there are no
    /// others: whether there is such a group, and whether its offsets may go, is for it to say.
    fn delete_offsets(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        mut body: OffsetDeleteRequest,
    ) {
        let (known, unknown): (Vec<_>, Vec<_>) = body.partitions.into_iter().partition(|of| exists(broker.image, of));
        let unknown = unknown.into_iter().map(|of| (of, ErrorCode::UnknownTopicOrPartition)).collect();
        let so_far = OffsetDeleteResponse { error: ErrorCode::None, partitions: unknown };
        body.partitions = known;
        let request = Request::OffsetDelete(body);
        if !so_far.partitions.is_empty() {
            self.gathering.insert(who.handle, Gathering::new(request.clone(), 1, so_far.into()));
        }
        self.ask(ctx, broker, who, &request, Access::Write);
    }

    /// Each group is a question of its own. With `require_stable` it waits for pending writes, else it reads what is
    /// committed (`fetchOffsets`).
    fn fetch_offsets(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        who: &RequestContext,
        body: OffsetFetchRequest,
    ) {
        let access = if body.require_stable { Access::Write } else { Access::Read };
        let part = |group: &OffsetFetchGroup| -> Request {
            OffsetFetchRequest { groups: vec![group.clone()], require_stable: body.require_stable }.into()
        };
        let parts: Vec<Request> = body.groups.iter().map(part).collect();
        let nothing = OffsetFetchResponse { groups: Vec::new() };
        if !self.gather(who, body.clone().into(), parts.len(), nothing.into()) {
            return;
        }
        for part in parts {
            self.ask(ctx, broker, who, &part, access);
        }
    }

    /// Every coordinator of this broker is asked; one that is loading spoils the whole list, as in Kafka.
    fn list_groups(&mut self, ctx: &mut Context, broker: &mut Broker, who: &RequestContext, body: ListGroupsRequest) {
        let partitions = self.coordinators.partitions();
        let request = Request::ListGroups(body);
        let nothing = ListGroupsResponse { error: ErrorCode::None, groups: Vec::new() };
        if !self.gather(who, request.clone(), partitions.len(), nothing.clone().into()) {
            return;
        }
        for partition in partitions {
            let Broker { log, image } = broker;
            match self.coordinators.read(ctx, *log, image, partition, who, &request) {
                Ok(()) => {}
                // It failed, and has no groups to tell of.
                Err(ErrorCode::NotCoordinator) => self.answer(who.handle, nothing.clone().into()),
                Err(error) => self.refuse(ctx, who, &request, error),
            }
        }
    }

    /// Questions about several groups: each coordinator is asked about its own.
    fn ask_about_groups(&mut self, ctx: &mut Context, broker: &mut Broker, who: &RequestContext, request: Request) {
        let (parts, access, so_far) = self.split(&request);
        if !self.gather(who, request, parts.len(), so_far) {
            return;
        }
        for part in parts {
            self.ask(ctx, broker, who, &part, access);
        }
    }

    fn split(&self, request: &Request) -> (Vec<Request>, Access, Response) {
        match request {
            Request::DescribeGroups(body) => {
                let part = |groups| DescribeGroupsRequest { groups }.into();
                let nothing = DescribeGroupsResponse { groups: Vec::new() };
                (self.by_partition(&body.groups).map(part).collect(), Access::Read, nothing.into())
            }
            Request::ConsumerGroupDescribe(body) => {
                let (nameless, named): (Vec<_>, Vec<_>) = body.groups.iter().cloned().partition(GroupId::is_empty);
                let refused = nameless.iter().map(|id| described_consumer_refusal(id, ErrorCode::InvalidGroupId));
                let part = |groups| ConsumerGroupDescribeRequest { groups }.into();
                let so_far = ConsumerGroupDescribeResponse { groups: refused.collect() };
                (self.by_partition(&named).map(part).collect(), Access::Read, so_far.into())
            }
            Request::DeleteGroups(body) => {
                let part = |groups| DeleteGroupsRequest { groups }.into();
                let nothing = DeleteGroupsResponse { results: Vec::new() };
                (self.by_partition(&body.groups).map(part).collect(), Access::Write, nothing.into())
            }
            other => panic!("{} is not about several groups", other.api().name()),
        }
    }

    fn by_partition(&self, groups: &[GroupId]) -> impl Iterator<Item = Vec<GroupId>> + use<> {
        let mut by_partition: BTreeMap<i32, Vec<GroupId>> = BTreeMap::new();
        for group in groups {
            let partition = partition_for(group.as_str(), self.partition_count());
            by_partition.entry(partition).or_default().push(group.clone());
        }
        by_partition.into_values()
    }

    /// Expects so many parts of an answer. Without any the answer leaves at once, and this says false.
    pub(super) fn gather(&mut self, who: &RequestContext, request: Request, parts: usize, so_far: Response) -> bool {
        if parts == 0 {
            self.answer(who.handle, so_far);
            return false;
        }
        self.gathering.insert(who.handle, Gathering::new(request, parts, so_far));
        true
    }
}

/// What time and the log do to coordinators.
impl GroupCoordinator {
    /// One more read of a partition that is loading.
    pub fn go_on_loading(&mut self, ctx: &mut Context, broker: &mut Broker, partition: i32) {
        let Broker { log, image } = broker;
        self.coordinators.go_on_loading(ctx, *log, image, partition);
    }

    /// Answers whom the high watermarks allow to answer.
    pub fn look_at_high_watermarks(&mut self, ctx: &mut Context, broker: &mut Broker) {
        let Broker { log, image } = broker;
        self.coordinators.look_at_high_watermarks(ctx, *log, image);
    }

    /// When [`GroupCoordinator::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.coordinators.next_deadline()
    }

    /// Does what is due.
    pub fn on_timers(&mut self, ctx: &mut Context, broker: &mut Broker) {
        let Broker { log, image } = broker;
        self.coordinators.on_timers(ctx, *log, image);
    }

    /// What a step has found is done before it ends: the next one would hide that it was late.
    ///
    /// # Panics
    /// When something is left.
    pub fn assert_nothing_is_left(&self) {
        assert!(self.outbox.is_empty(), "answers about groups were left behind: {:?}", self.outbox);
        self.coordinators.assert_nothing_is_left();
    }

    /// What must hold between steps.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_invariants(&self) {
        self.assert_nothing_is_left();
        self.coordinators.assert_invariants();
    }
}

pub(super) fn exists(image: &MetadataImage, partition: &TopicPartition) -> bool {
    image.partition(&partition.topic, partition.partition).is_some()
}

/// The first group that a request names.
fn first_group(request: &Request) -> Option<&GroupId> {
    match request {
        Request::JoinGroup(body) => Some(&body.group),
        Request::SyncGroup(body) => Some(&body.group),
        Request::Heartbeat(body) => Some(&body.group),
        Request::LeaveGroup(body) => Some(&body.group),
        Request::OffsetCommit(body) => Some(&body.group),
        Request::TxnOffsetCommit(body) => Some(&body.group),
        Request::OffsetDelete(body) => Some(&body.group),
        Request::ConsumerGroupHeartbeat(body) => Some(&body.group),
        Request::OffsetFetch(body) => body.groups.first().map(|group| &group.group),
        Request::DescribeGroups(body) => body.groups.first(),
        Request::ConsumerGroupDescribe(body) => body.groups.first(),
        Request::DeleteGroups(body) => body.groups.first(),
        _ => None,
    }
}

fn tell_refusal(ctx: &mut Context, request: &Request, error: ErrorCode) {
    let member = match request {
        Request::JoinGroup(body) => body.member.clone(),
        Request::SyncGroup(body) => body.member.clone(),
        Request::Heartbeat(body) => body.member.clone(),
        Request::OffsetCommit(body) => body.member.clone(),
        Request::TxnOffsetCommit(body) => body.member.clone(),
        Request::ConsumerGroupHeartbeat(body) => body.member.clone(),
        _ => MemberId::default(),
    };
    let group = first_group(request).cloned().unwrap_or_default();
    ctx.emit(GroupEvent::GroupRequestRefused { api: request.api(), group, member, error });
}

/// The error of a refusal that [`check`] has made.
fn error_of(response: &Response) -> ErrorCode {
    match response {
        Response::JoinGroup(body) => body.error,
        Response::SyncGroup(body) => body.error,
        Response::Heartbeat(body) => body.error,
        Response::LeaveGroup(body) => body.error,
        Response::OffsetDelete(body) => body.error,
        Response::TxnOffsetCommit(body) => body.partitions.first().map_or(ErrorCode::None, |(_, error)| *error),
        Response::ConsumerGroupHeartbeat(body) => body.error,
        Response::ConsumerGroupDescribe(body) => body.groups.first().map_or(ErrorCode::None, |group| group.error),
        _ => ErrorCode::UnknownServerError,
    }
}
