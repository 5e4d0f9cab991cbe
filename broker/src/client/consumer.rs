//! stub
use super::cluster::Cluster;
use super::network::Completion;
use super::{ClientKind, PositionView};
use crate::context::Context;
use crate::ids::{Offset, Ticket, TopicPartition};
use crate::time::Time;
use std::time::Duration;
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {}
impl Consumer {
    pub fn new(_kind: &ClientKind) -> Self {
        Consumer {}
    }
    pub fn assign(&mut self, _ctx: &mut Context, _cluster: &mut Cluster, _partitions: Vec<TopicPartition>) {}
    pub fn poll(&mut self, _ctx: &mut Context, _ticket: Ticket, _timeout: Duration) {}
    pub fn seek(
        &mut self,
        _ctx: &mut Context,
        _cluster: &Cluster,
        _ticket: Ticket,
        _partition: &TopicPartition,
        _offset: Offset,
    ) {
    }
    pub fn abandon(&mut self, _ticket: Ticket) {}
    pub fn close(&mut self, _ctx: &mut Context) {}
    pub fn run(&mut self, _ctx: &mut Context, _cluster: &mut Cluster) -> bool {
        false
    }
    pub fn on_completion(&mut self, _ctx: &mut Context, _cluster: &mut Cluster, _completion: &Completion) {}
    pub fn is_parked(&self, _cluster: &Cluster) -> bool {
        false
    }
    pub fn views(&self) -> Vec<PositionView> {
        Vec::new()
    }
    pub fn next_deadline(&self, _cluster: &Cluster) -> Option<Time> {
        None
    }
}
