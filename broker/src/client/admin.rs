//! stub
use super::Call;
use super::cluster::Cluster;
use super::network::Completion;
use crate::config::ProducerSettings;
use crate::context::Context;
use crate::ids::Ticket;
use crate::time::Time;
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Admin {}
impl Admin {
    pub fn new(_settings: ProducerSettings) -> Self {
        Admin {}
    }
    pub fn understands(_call: &Call) -> bool {
        false
    }
    pub fn call(&mut self, _ctx: &mut Context, _ticket: Ticket, _call: Call) {}
    pub fn abandon(&mut self, _ticket: Ticket) {}
    pub fn close(&mut self, _ctx: &mut Context) {}
    pub fn run(&mut self, _ctx: &mut Context, _cluster: &mut Cluster) -> bool {
        false
    }
    pub fn on_completion(&mut self, _ctx: &mut Context, _cluster: &mut Cluster, _completion: &Completion) {}
    pub fn next_deadline(&self, _cluster: &Cluster) -> Option<Time> {
        None
    }
}
