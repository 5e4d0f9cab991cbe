//! What a producer's settings promise its application.

use trial_broker::client::ClientKind;
use trial_broker::message::Acks;

use crate::fault::MachineId;
use crate::machine::ProgramConfig;
use crate::world::World;

/// What an application may rely on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    /// acks=all: what is acknowledged stays where it is.
    pub is_durable: bool,
    /// Records lie in the order in which they were handed over: idempotence, or one request at a time.
    pub is_ordered: bool,
    /// A record is there once at most: idempotence.
    pub is_once: bool,
}

impl Promise {
    /// What the producer on a machine promises; nothing if there is none.
    pub fn of(world: &World, machine: MachineId) -> Promise {
        let program = world.machine(machine).map(|host| &host.config().program);
        let Some(ProgramConfig::Client(config)) = program else { return Promise::default() };
        let ClientKind::Producer { acks, settings } = &config.kind else { return Promise::default() };
        Promise {
            is_durable: *acks == Acks::All,
            is_ordered: settings.enable_idempotence || settings.max_in_flight == 1,
            is_once: settings.enable_idempotence,
        }
    }
}
