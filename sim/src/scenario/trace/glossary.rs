//! What the words of a transcript mean: for each the rule behind it, in a sentence, and where the rule is documented.

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The word in the event column.
    pub event: &'static str,
    /// What it says, and why it is so.
    pub rule: &'static str,
    /// Where that is documented: an improvement proposal, an issue, a class.
    pub source: &'static str,
}

const fn meaning(event: &'static str, rule: &'static str, source: &'static str) -> Meaning {
    Meaning { event, rule, source }
}

/// What a word means; none for a word that no transcript has.
pub fn meaning_of(event: &str) -> Option<&'static Meaning> {
    MEANINGS.iter().find(|meaning| meaning.event == event)
}

/// Every word.
pub const MEANINGS: &[Meaning] = &[
    // Records.
    meaning(
        "prod",
        "The leader has appended a producer's batch to its page cache: nothing is synced, and no consumer can read it before the high watermark has passed it.",
        "ReplicaManager.appendRecords",
    ),
    meaning(
        "refuse",
        "A request was answered with an error. A leader refuses acks=all before it writes while fewer replicas are in sync than min.insync.replicas (NOT_ENOUGH_REPLICAS); what failed while waiting is in the log and may stay there.",
        "Partition.appendRecordsToLeader, DelayedProduce",
    ),
    meaning(
        "fetch",
        "A follower has appended what its fetch brought. Its next fetch, from the new end, is what tells the leader so.",
        "ReplicaFetcherThread",
    ),
    meaning(
        "hw",
        "By the rule the high watermark is the smallest log end offset of the maximal ISR and of those who are about to join it, and never falls. It can move when a follower's fetch arrives or an ISR change is committed, and stands still while fewer replicas are in sync than min.insync.replicas. Followers learn it with an answer to a later fetch.",
        "Partition.maybeIncrementLeaderHW, KAFKA-15583",
    ),
    meaning(
        "ack",
        "The producer holds an acknowledgement: with acks=all every in-sync replica has the batch, with acks=1 the leader alone, with acks=0 perhaps nobody.",
        "ReplicaManager.appendRecords; for acks=all DelayedProduce",
    ),
    meaning(
        "read",
        "A consumer's application got records. By the rule only what is below the high watermark can be read, with read_committed only what is below the last stable offset.",
        "Fetcher",
    ),
    meaning(
        "dup",
        "The batch is in the log already: its producer is answered with the offset that it got the first time.",
        "KIP-98, ProducerStateManager",
    ),
    meaning(
        "gap",
        "A sequence number is missing before this batch, so it is refused: the producer sends again, the lowest first.",
        "KIP-98, ProducerAppendInfo",
    ),
    meaning("retry", "The error may pass, so the producer sends the batch again after its back-off.", "Sender"),
    meaning(
        "fail",
        "The producer gives the batch up. Its records may or may not be in the log: a timeout does not mean `not written`.",
        "KIP-91, Sender",
    ),
    meaning(
        "ends",
        "A poll threw an error that the application does not catch. Kafka throws more of them than one expects: a member of a KIP-848 group that is removed while it asks for its committed offsets would join again by itself, but its poll throws UNKNOWN_MEMBER_ID first.",
        "AsyncKafkaConsumer.poll, CommitRequestManager, ConsumerCoordinator",
    ),
    meaning("read!", "A consumer's fetch was answered with an error.", "FetchCollector"),
    meaning(
        "rewind",
        "The log was cut off below where the consumer stood, so it goes back to where the logs part; without an error, unless auto.offset.reset is none.",
        "KIP-320, SubscriptionState",
    ),
    meaning("seek", "A consumer's position changed by other means than reading.", "SubscriptionState"),
    meaning(
        "learn",
        "The error answer itself names the new leader: the client need not refresh its metadata first.",
        "KIP-951",
    ),
    meaning("discon", "A connection was lost; what was unanswered on it is sent again or given up.", "NetworkClient"),
    // Logs.
    meaning(
        "trunc",
        "A replica cuts off the end of its log. By the rule that is what its leader does not have: the logs must agree before the replica fetches on.",
        "KIP-101, KIP-279",
    ),
    meaning(
        "diverge",
        "The leader tells a follower where their logs part: the largest epoch that it has itself, up to the follower's last one, and where that ends: one past its last record.",
        "KIP-101, KIP-279, KIP-595",
    ),
    meaning(
        "load",
        "After an unclean stop the log behind the recovery point is read anew, and a torn tail is dropped.",
        "LogLoader",
    ),
    meaning("offline", "A log directory failed, and with it every replica in it.", "KIP-112"),
    meaning("disk", "A disk operation failed.", "LogDirFailureChannel"),
    meaning(
        "clean",
        "A pass of the cleaner: of each key below the clean point only the last record is kept.",
        "LogCleaner, KIP-58",
    ),
    // The in-sync set.
    meaning(
        "isr?",
        "The leader proposes another in-sync set. Until the controller has committed it, the high watermark counts the larger of the two sets.",
        "KIP-497, Partition",
    ),
    meaning(
        "isr",
        "The leader counts on another in-sync set. By the rule the controller has committed it before, and the leader has heard of it.",
        "KIP-497, AlterPartition",
    ),
    meaning(
        "isr!",
        "The controller refused the proposal: it was made for another epoch, or names a replica that may not enter.",
        "KIP-497, KIP-841, KIP-903",
    ),
    meaning(
        "lead",
        "This broker leads from now on, in a new epoch. It goes on with the high watermark that it knew as a follower, which may lag: till it has caught up, ListOffsets may be answered OFFSET_NOT_AVAILABLE.",
        "Partition.makeLeader, KIP-207",
    ),
    meaning(
        "fetch!",
        "A follower stopped fetching this partition, until the metadata changes.",
        "AbstractFetcherThread",
    ),
    // Controllers.
    meaning(
        "prevote",
        "A voter asks whether it would win, without raising the epoch: so it cannot disturb a leader that lives.",
        "KIP-996",
    ),
    meaning("stand", "A voter stands for election in a new epoch, and votes for itself.", "KIP-595"),
    meaning("elect", "A majority of the voters gave their votes: one leader an epoch.", "KIP-595"),
    meaning(
        "resign",
        "The leader of the quorum gave up: it was asked to stop, or heard from no majority for too long.",
        "KIP-595, KIP-996",
    ),
    meaning(
        "vote",
        "A voter gives or refuses its vote: one an epoch, and none to a candidate whose log ends before its own. A pre-vote is no vote: a voter may grant several in one epoch and remembers none, and refuses it where it has a leader that it has fetched from.",
        "KIP-595, KIP-996",
    ),
    meaning(
        "active",
        "The leader of the metadata quorum is the active controller: it alone decides.",
        "KIP-631, QuorumController",
    ),
    meaning(
        "passive",
        "This controller decides nothing any more; what it wanted and had not committed is undone.",
        "QuorumController",
    ),
    meaning(
        "regist",
        "A broker process is registered and gets an epoch; it stays fenced until it has caught up with the metadata.",
        "KIP-631",
    ),
    meaning(
        "regist!",
        "A registration was refused, because another session of the broker still lives.",
        "ClusterControlManager",
    ),
    meaning(
        "fence",
        "The controller has fenced a broker: it leads nothing and leaves the in-sync sets (without ELR its last member stays). Without a heartbeat that takes 9 s after the last one, and up to 1.125 s until the next look.",
        "KIP-631, BrokerHeartbeatManager",
    ),
    meaning(
        "unfence",
        "The broker has read the metadata up to its own registration: it may lead and be in sync again.",
        "KIP-631",
    ),
    meaning(
        "leave",
        "A broker asked to stop: the controller hands its leaderships over first; or a member leaves its group by its own will.",
        "KIP-631, LeaveGroup",
    ),
    meaning(
        "decide",
        "The active controller has committed another state of the partition; brokers hear of it with their next metadata fetch.",
        "KIP-631, ReplicationControlManager",
    ),
    meaning("create", "A topic was created.", "ReplicationControlManager"),
    meaning("delete", "A topic was deleted.", "ReplicationControlManager"),
    meaning("serve", "The broker has loaded its logs and caught up: it serves clients.", "BrokerServer"),
    meaning("beat!", "The controller did not accept a heartbeat.", "BrokerLifecycleManager"),
    // Groups.
    meaning(
        "coord",
        "The leader of a partition of __consumer_offsets coordinates the groups that fall there, once it has read it.",
        "GroupCoordinatorService",
    ),
    meaning(
        "coord!",
        "A coordinator cannot serve its groups: others lead, or their records cannot be read or written.",
        "CoordinatorRuntime",
    ),
    meaning("find", "A member looks for its coordinator again.", "AbstractCoordinator"),
    meaning("join", "A consumer asks to be a member of its group.", "JoinGroup, KIP-848"),
    meaning(
        "rebal",
        "A rebalance begins: every member must join again before a new generation starts, or is out when the rebalance timeout is over.",
        "GroupMetadataManager, KIP-62",
    ),
    meaning("gen", "A generation is complete: its leader computes who reads what.", "GroupMetadataManager"),
    meaning("member", "The group has another member.", "GroupMetadataManager"),
    meaning(
        "member!",
        "A member is out: it left, or its session or its time to poll ran out.",
        "GroupMetadataManager, KIP-62",
    ),
    meaning("gepoch", "Something that assignments depend on has changed: the group's epoch rises.", "KIP-848"),
    meaning("target", "The coordinator has computed who is to read what.", "KIP-848"),
    meaning(
        "moved",
        "A member is on its way to its target: it gives partitions up first, and gets others when they are free.",
        "KIP-848",
    ),
    meaning("assign", "A consumer may read these partitions.", "ConsumerRebalanceListener"),
    meaning("revoke", "A consumer gives these partitions up, and may commit before.", "ConsumerRebalanceListener"),
    meaning(
        "lost",
        "A consumer has lost these partitions: others may read them already.",
        "ConsumerRebalanceListener, KIP-429",
    ),
    meaning(
        "commit",
        "Offsets of a group are committed: whoever reads the partitions next begins there.",
        "OffsetCommit",
    ),
    meaning(
        "pend",
        "Offsets of a group are written in a transaction: they count when it is committed, unless others come behind them.",
        "TxnOffsetCommit, KIP-98",
    ),
    meaning("txn", "A transaction has ended in this partition.", "WriteTxnMarkers, KIP-98"),
    meaning("commit!", "A commit failed: what was read since the last one may be read again.", "OffsetCommit"),
    meaning(
        "forget",
        "A group, or an offset of it, has expired, or an administrator deletes it. Who begins where no offset is known goes by auto.offset.reset.",
        "GroupCoordinator, offsets.retention.minutes",
    ),
    meaning(
        "group",
        "An administrator was told how a group stands, or that it or offsets of it are deleted. Only a group without members can be deleted, and only offsets of topics that no member reads.",
        "KafkaAdminClient, DeleteConsumerGroupsHandler, DeleteConsumerGroupOffsetsHandler",
    ),
    meaning(
        "groups",
        "An administrator has asked every broker which groups it coordinates: no broker knows of all.",
        "KafkaAdminClient.listGroups",
    ),
    meaning(
        "group!",
        "A coordinator answered a member's request with an error. REBALANCE_IN_PROGRESS to a heartbeat is how a classic member learns that it has to join again; ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID, that the group has gone on without it. What an administrator asked about a group fails with the error in its line.",
        "GroupMetadataManager, AbstractCoordinator",
    ),
    meaning(
        "call!",
        "A client's call failed, and its caller hears why: the client refused it before it sent anything, or a broker did. What is refused does not happen.",
        "KafkaConsumer, KafkaAdminClient",
    ),
    // What was done, and what the world did.
    meaning("note", "What the author of the scenario says here.", "the scenario"),
    meaning(
        "start",
        "A process starts with what its disk still holds; or a log begins at a later offset.",
        "this world",
    ),
    meaning("start!", "A process could not start from what its disk holds.", "this world"),
    meaning("stop", "The process is asked to stop in order, as by SIGTERM.", "this world"),
    meaning(
        "kill",
        "The process dies at once. The kernel and its page cache live on, so nothing that was written is lost.",
        "this world",
    ),
    meaning("exit", "The process ended by itself.", "this world"),
    meaning("cut", "The machine loses its power: what was not synced is lost, all of it or some.", "this world"),
    meaning("replace", "The machine got an empty disk with new directory ids.", "KIP-858"),
    meaning("pause", "The process stands still, as in a long garbage collection; the kernel goes on.", "this world"),
    meaning("resume", "The process goes on. It does not know how long it stood still.", "this world"),
    meaning(
        "undo",
        "The process died before its disk was done: what the step did never happened for anybody else.",
        "this world",
    ),
    meaning("hold", "A message is held, and everything behind it on its connection.", "this world"),
    meaning("delay", "A message is late, and so is everything behind it on its connection.", "this world"),
    meaning("drop", "A message is lost: TCP loses no single message, so its connection is reset.", "this world"),
    meaning("nothing", "An entry of the list had no effect.", "this world"),
    meaning("skew", "A machine's wall clock is wrong from now on. Timers use the monotonic one.", "this world"),
    meaning("upgrade", "The process behaves otherwise from its next start on.", "this world"),
    meaning("part", "Nothing passes between these machines, and neither side is told.", "this world"),
    meaning("heal", "Partitions and clogs end; what was held back arrives.", "this world"),
    meaning(
        "clog",
        "Messages of this kind are held back, with everything behind them on their connections.",
        "this world",
    ),
    meaning("unclog", "The clog ends; what was held back arrives.", "this world"),
    meaning("release", "Held messages go on.", "this world"),
    meaning("latency", "Messages take another time from now on.", "this world"),
    meaning("width", "Links carry another number of bytes a second from now on.", "this world"),
    meaning("slow", "Every sync takes so long from now on.", "this world"),
    meaning("stall", "No operation of this disk ends before the time has passed.", "this world"),
    meaning("rot", "A byte of a file decays.", "this world"),
    meaning("short", "A file ends earlier than it did.", "this world"),
    meaning("astray", "A write of the drive lands in another file.", "this world"),
    meaning("sync", "Everything in the page cache is durable.", "this world"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_a_row_is_made_with_has_a_meaning() {
        let sources = [
            include_str!("event_rows.rs"),
            include_str!("fault_rows.rs"),
            include_str!("group_rows.rs"),
            include_str!("membership_rows.rs"),
            include_str!("rows.rs"),
        ];
        let mut words = 0;
        for call in ["row(\"", "at(\"", "about(\"", "State::Prospective => \"", "State::Leader => \""] {
            for text in sources.iter().flat_map(|source| source.split(call).skip(1)) {
                let word = text.split('"').next().expect("a literal ends");
                assert!(meaning_of(word).is_some(), "`{word}` has no meaning");
                words += 1;
            }
        }
        assert!(words > 60, "only {words} words were found");
    }

    #[test]
    fn no_word_has_two_meanings() {
        for (index, one) in MEANINGS.iter().enumerate() {
            assert!(MEANINGS[..index].iter().all(|other| other.event != one.event), "{}", one.event);
        }
    }
}
