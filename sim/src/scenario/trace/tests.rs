//! The transcript of a story told by hand-made steps: one line per event, as a reader would draw it.

use trial_broker::client::{Call, CallResult};
use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, FenceReason, GroupCall, LogEvent, PartitionChangeReason, PartitionEvent,
};
use trial_broker::ids::{GroupId, LeaderEpoch, NodeId, PartitionEpoch, Ticket, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::message::{Acks, Api, ErrorCode};
use trial_broker::time::Time;

use super::{Cast, Lanes, Picture, json_lines};
use crate::fault::{Fault, MachineId};
use crate::step::{Fact, InputKind, Resolution, Step, StepKind};

const C1: MachineId = MachineId(101);
const P1: MachineId = MachineId(1001);

fn cast() -> Cast {
    let mut cast = Cast::new();
    for id in 1..=3 {
        cast.add(MachineId(id), &format!("b{id}"), Some(NodeId(id as i32)), true);
    }
    cast.add(C1, "c1", Some(NodeId(101)), false);
    cast.add(P1, "p1", None, false);
    cast.set_zero(Time(5_000_000));
    cast
}

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// A step of a machine, so many microseconds after time zero.
fn step(micros: u64, machine: MachineId, events: Vec<Event>) -> Step {
    let kind = StepKind::Input { machine, lane: Lane::Data, input: InputKind::Timers, pays_until: None };
    Step {
        index: 0,
        at: Time(5_000_000 + micros),
        kind,
        events,
        facts: Vec::new(),
        resolutions: Vec::new(),
        detail: None,
        fingerprint: 0,
    }
}

fn kill(micros: u64, machine: MachineId) -> Step {
    Step {
        kind: StepKind::Entry(Fault::Kill { machine }),
        facts: vec![Fact::Killed { machine }],
        ..step(micros, machine, Vec::new())
    }
}

fn appended(base_offset: i64, log_end_offset: i64, as_leader: bool) -> Event {
    LogEvent::RecordsAppended {
        partition: orders(),
        base_offset,
        log_end_offset,
        leader_epoch: LeaderEpoch(0),
        bytes: 70,
        as_leader,
        batches: Vec::new(),
    }
    .into()
}

fn became_leader(epoch: i32, high_watermark: i64, isr: &[i32]) -> Event {
    PartitionEvent::BecameLeader {
        partition: orders(),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
        epoch_start_offset: 0,
        high_watermark,
        isr: isr.iter().map(|id| NodeId(*id)).collect(),
    }
    .into()
}

fn advanced(from: i64, to: i64, as_leader: bool) -> Event {
    PartitionEvent::HighWatermarkAdvanced { partition: orders(), from, to, as_leader }.into()
}

fn replicated(log_end_offset: i64, high_watermark: i64) -> Event {
    PartitionEvent::RecordsReplicated { partition: orders(), log_end_offset, high_watermark }.into()
}

/// Three records are produced and replicated; the leader is killed and another one takes over.
fn story() -> Vec<Step> {
    let sent = ClientEvent::BatchSent {
        partition: orders(),
        node: NodeId(1),
        records: 3,
        first_sequence: 0,
        attempt: 0,
        acks: Acks::All,
    };
    let produced = PartitionEvent::Produced { partition: orders(), acks: Acks::All, base_offset: 0, log_end_offset: 3 };
    let acked = ClientEvent::BatchAcked { partition: orders(), base_offset: 0, records: 3, acks: Acks::All };
    let fenced = ControllerEvent::BrokerFenced { broker: NodeId(1), reason: FenceReason::SessionExpired };
    let decided = ControllerEvent::PartitionChanged {
        partition: orders(),
        leader: NodeId(2),
        leader_epoch: LeaderEpoch(1),
        isr: vec![NodeId(2), NodeId(3)],
        elr: Vec::new(),
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
        partition_epoch: PartitionEpoch(1),
        unclean: false,
        reason: PartitionChangeReason::BrokerFenced,
    };
    vec![
        step(0, P1, vec![sent.into()]),
        step(10_000, MachineId(1), vec![appended(0, 3, true), produced.into()]),
        step(20_000, MachineId(2), vec![appended(0, 3, false), replicated(3, 0)]),
        step(20_000, MachineId(3), vec![appended(0, 3, false), replicated(3, 0)]),
        step(30_000, MachineId(1), vec![advanced(0, 3, true)]),
        step(40_000, P1, vec![acked.into()]),
        step(540_000, MachineId(2), vec![advanced(0, 3, false)]),
        step(540_000, MachineId(3), vec![advanced(0, 3, false)]),
        kill(10_000_001, MachineId(1)),
        step(19_000_123, C1, vec![fenced.into(), decided.into()]),
        step(19_045_000, MachineId(2), vec![became_leader(1, 3, &[2, 3])]),
    ]
}

#[test]
fn a_leader_loss_reads_as_one_line_per_event() {
    let mut picture = Picture::default();
    picture.observe(&step(0, MachineId(1), vec![became_leader(0, 0, &[1, 2, 3])]));
    for follower in [2, 3] {
        let event = PartitionEvent::BecameFollower {
            partition: orders(),
            leader: NodeId(1),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            high_watermark: 0,
        };
        picture.observe(&step(0, MachineId(follower), vec![event.into()]));
    }
    let mut lanes = Lanes::new(cast(), picture);
    for step in story() {
        lanes.observe(&step);
    }
    insta::assert_snapshot!(lanes.finish(), @r"
         t(s)    b1 b2 b3 event   what         ep isr     leo/hw                   cause
        0.010    L  .  .  prod    orders-0     0  123     3/0     0/0     0/0      p1 acks=all n=3
        0.020    L  +  +  fetch   orders-0     0  123     3/0     3/0     3/0      data to b2,b3
        0.030    L  .  .  hw      orders-0     0  123     3/3     3/0     3/0      0 to 3: min LEO of ISR
        0.040    L  .  .  ack     orders-0     0  123     3/3     3/0     3/0      p1 acks=all offsets 0 to 2
        0.540    L  +  +  hw      orders-0     0  123     3/3     3/3     3/3      learned by b2,b3
       10.000001 X  .  .  kill    b1                                               the process dies; its page cache survives
       19.000123 X  .  .  fence   b1                                               no heartbeat within the session
       19.000123 X  .  .  decide  orders-0     1  23      -       3/3     3/3      leader b2, isr 23: b1 fenced
       19.045    X  L  .  lead    orders-0     1  23      -       3/3     3/3      b1 fenced
    ");
}

/// What is only there to warm the clients is not part of the story.
#[test]
fn the_warmup_topic_is_not_drawn() {
    let mut lanes = Lanes::new(cast(), Picture::default());
    let partition = TopicPartition::new("warmup", 0);
    let event = PartitionEvent::HighWatermarkAdvanced { partition, from: 0, to: 1, as_leader: true };
    lanes.observe(&step(0, MachineId(1), vec![event.into()]));
    assert_eq!(lanes.finish().lines().count(), 1, "only the heading");
}

/// Who asks need not stand in the file, and is not drawn; what it asked for is.
#[test]
fn an_administrator_who_is_not_drawn_is_told_its_answers_all_the_same() {
    let mut cast = cast();
    cast.add(MachineId(1000), "admin", None, false);
    cast.hide(MachineId(1000));
    let mut lanes = Lanes::new(cast, Picture::default());
    let listed = ClientEvent::GroupsListed { groups: vec![GroupId::new("billing")] };
    let failed = ClientEvent::GroupCallFailed {
        group: GroupId::new("shipping"),
        call: GroupCall::Describe,
        error: ErrorCode::GroupIdNotFound,
    };
    let lost = ClientEvent::RequestFailed { api: Api::ListGroups, node: NodeId(1) };
    lanes.observe(&step(0, MachineId(1000), vec![lost.into(), listed.into(), failed.into()]));
    let text = lanes.finish();
    assert!(text.contains("groups  admin") && text.contains("billing\n"), "{text}");
    assert!(text.contains("group!  shipping") && text.contains("not described: GROUP_ID_NOT_FOUND"), "{text}");
}

/// Whoever reads the transcript must not believe that a member joined which did not.
#[test]
fn a_call_that_a_client_refuses_has_a_line() {
    let mut cast = cast();
    cast.add(MachineId(2000), "g1", None, false);
    let mut lanes = Lanes::new(cast, Picture::default());
    let call = Call::SubscribePattern { pattern: "orders".to_owned(), on_server: false };
    let call = Fault::Call { machine: MachineId(2000), ticket: Ticket(1), call };
    let message = "Subscription to topics, partitions and pattern are mutually exclusive".to_owned();
    let result = CallResult::Failed { error: ErrorCode::InvalidRequest, message };
    let asked = step(0, MachineId(2000), Vec::new());
    lanes.observe(&Step { kind: StepKind::Entry(call), ..asked.clone() });
    let answer = Resolution { machine: MachineId(2000), ticket: Ticket(1), result };
    lanes.observe(&Step { resolutions: vec![answer], ..asked });
    let text = lanes.finish();
    assert!(text.contains("call!   g1"), "{text}");
    assert!(text.contains("subscribe: INVALID_REQUEST (42): Subscription to topics"), "{text}");
}

#[test]
fn json_lines_carry_time_machine_and_all_fields() {
    let text = json_lines(&cast(), &step(30_000, MachineId(1), vec![advanced(0, 3, true)]));
    assert_eq!(
        text,
        "{\"as_leader\":true,\"event\":\"high-watermark-advanced\",\"from\":0,\"machine\":\"b1\",\"part\":\"partition\",\
         \"partition\":{\"partition\":0,\"topic\":\"orders\"},\"step\":0,\"t_us\":30000,\"to\":3}\n"
    );
}
