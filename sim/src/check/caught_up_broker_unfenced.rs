//! A broker that has read the record of its own registration is told that it has caught up, and unfenced when it asks.
//!
//! What it has to have read must not move: the end of the metadata log does, at least twice a second.

use trial_broker::event::{ControllerEvent, Event};

use super::model::machine_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "caught-up-broker-unfenced",
    rule: "a broker that has read the record of its own registration is told that it has caught up, and unfenced when it asks",
    source: "KAFKA-13959; BrokerHeartbeatManager.calculateNextBrokerState",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Controller(ControllerEvent::HeartbeatAnswered {
        broker,
        metadata_offset,
        is_caught_up,
        asks_to_serve,
        is_fenced,
    }) = seen.event
    else {
        return None;
    };
    let controller = seen.world.machine(seen.machine)?.node()?.controller()?;
    let registered = controller.image().broker(*broker)?.registration_offset;
    let kept_out = !is_caught_up || (*asks_to_serve && *is_fenced);
    (kept_out && *metadata_offset >= registered).then(|| Finding {
        property: PROPERTY,
        partition: None,
        message: format!(
            "broker {broker} has read the metadata to offset {metadata_offset}, its registration lies at {registered}, and it is kept out"
        ),
        proof: vec![
            Proof::on(machine_of(*broker), Kind::Heartbeat),
            Proof::on(machine_of(*broker), Kind::Broker),
            Proof::on(machine_of(*broker), Kind::Applied),
        ],
    })
}
