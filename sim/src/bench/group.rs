//! A group of a hundred members: what one more costs it, and what it costs while nothing happens.
//!
//! The scenarios are written here and not checked in: they are a hundred times the same client.

/// How many members a rebalance ends with.
pub const MEMBERS: u64 = 100;

/// The name of the member that joins; the others are members at time zero.
pub const NEWCOMER: &str = "m100";

/// When it joins, in seconds after time zero.
pub const JOINS_AT: u64 = 5;

/// How long an idle group is looked at, in seconds after time zero.
pub const IDLE_SECONDS: u64 = 60;

/// Ninety-nine members share as many partitions as they will be, and another one joins. `protocol` is
/// `group.protocol`: "classic" or "consumer".
pub fn rebalance(protocol: &str) -> String {
    let step = format!("[[step]]\nat = \"{JOINS_AT}s\"\njoin = {{ client = \"{NEWCOMER}\", topics = [\"orders\"] }}\n");
    scenario("rebalance", 60, MEMBERS - 1, protocol) + &newcomer(protocol) + &step
}

/// A minute in which nothing happens, with so many members. The only entry after the boot marks time zero.
pub fn idle(members: u64, protocol: &str) -> String {
    let begins = "[[step]]\nat = \"0s\"\nrefresh-metadata = { client = \"p1\" }\n";
    scenario("idle-group", IDLE_SECONDS, members, protocol) + begins
}

/// Three brokers, a partition a member, and the members. They ask for records every ten seconds, so that their
/// heartbeats are most of what they send.
fn scenario(id: &str, until: u64, members: u64, protocol: &str) -> String {
    let mut text = format!(
        "format = 1\nid = \"{id}\"\ntitle = \"A group of {members}\"\nseed = 0x1\nuntil = \"{until}s\"\n\n\
         [cluster]\ncombined = 3\nlatency = {{ min = \"200us\", mean = \"1ms\" }}\n\
         config = {{ \"offsets.topic.num.partitions\" = 1, \"min.insync.replicas\" = 2 }}\n\n\
         [[topic]]\nname = \"orders\"\npartitions = {MEMBERS}\nreplication-factor = 3\n\n\
         [[client]]\nname = \"p1\"\nproducer = {{}}\n\n"
    );
    for number in 1..=members {
        text += &member(&format!("m{number}"), "subscribe = [\"orders\"], ", protocol);
    }
    text
}

fn newcomer(protocol: &str) -> String {
    member(NEWCOMER, "", protocol)
}

fn member(name: &str, subscribes: &str, protocol: &str) -> String {
    format!(
        "[[client]]\nname = \"{name}\"\nconsumer = {{ {subscribes}\"group.id\" = \"many\", \"group.protocol\" = \"{protocol}\", \
         \"fetch.max.wait.ms\" = 10000 }}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn groups_that_are_measured_are_valid_scenarios() {
        for protocol in ["classic", "consumer"] {
            for text in [rebalance(protocol), idle(MEMBERS, protocol), idle(0, protocol)] {
                let parsed = Scenario::parse("group.toml", &text);
                assert!(parsed.is_ok(), "{text}\n{}", parsed.err().map(|it| it.to_string()).unwrap_or_default());
            }
        }
    }
}
