//! Deliberate bugs: some that Kafka once had, some that it never had.
//!
//! ```text
//!   the museum       a bug of Kafka's past, brought back: exploration must find it        scenarios/museum
//!   planted bugs     what nobody would write: proves that a check, or a clause of it, can fail   tests/tests/planted
//! ```
//!
//! The window tells these descriptions to whoever looks at a run with a bug on: the first paragraph says what the code does that
//! has the bug, and the one that begins with `Kafka:` what Kafka 4.1 does instead. A bug of the museum has both.

use serde::{Deserialize, Serialize};

/// A deliberate bug, off by default. Each proves that some check can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// The high watermark is the minimum over the committed ISR instead of the maximal one.
    ///
    /// Kafka: while a proposal is pending the leader waits for the maximal ISR: everybody who is in the set, or would be.
    HighWatermarkFromCommittedIsr,
    /// The high watermark advances below min.insync.replicas (before 3.7, KAFKA-15583).
    ///
    /// Kafka: the high watermark does not advance while the ISR is smaller than min.insync.replicas.
    HighWatermarkBelowMinIsr,
    /// A follower with an unknown log end offset does not hold the high watermark back.
    HighWatermarkIgnoresUnknown,
    /// The high watermark is the minimum over all replicas, in sync or not, and falls when it does.
    HighWatermarkMayFall,
    /// A leader no longer counts a lagging follower as soon as it has proposed the shrink.
    ///
    /// Kafka: a member counts until the controllers have taken it out.
    IsrShrinksBeforeCommit,
    /// A follower enters the ISR without having reached the high watermark.
    IsrExpandBelowHighWatermark,
    /// A follower truncates to its high watermark instead of the diverging epoch (before KIP-101).
    ///
    /// Kafka: a follower names the epoch of its last record, is told where that epoch ends in the leader's log, cuts there
    /// and keeps everything else.
    TruncateToHighWatermark,
    /// A leader asked for the end of an epoch that it never had answers with the start of its next one, and does not
    /// say which epoch that is about; the follower asks once and cuts there (before KIP-279).
    ///
    /// Simulated: the question was OffsetsForLeaderEpoch, asked when following began; here the first fetch asks it,
    /// and later ones do not.
    ///
    /// Kafka: the answer names the epoch that it is about, the largest one that the leader has and that is not larger than
    /// the one asked for. A follower without that epoch cuts to what it has below it, and asks again.
    EpochReplyWithoutEpoch,
    /// A follower goes on fetching, without asking where the logs part, if a new epoch's leader is the one that it
    /// already follows (before KAFKA-7164).
    ///
    /// Kafka: following begins anew, with the question where the logs part, whenever the leader epoch has grown.
    SkipTruncationIfLeaderUnchanged,
    /// A leader does not compare the epoch in which a fetch was sent with its own, and a follower asks where the logs
    /// part once, when following begins (before KIP-320).
    ///
    /// Simulated: fetches of that time had no epoch fields. Here the leader does not look at the one, and followers
    /// leave out the other after the first answer. They also append batches of epochs that they have not heard of
    /// (before KAFKA-18723), which would hide the rest.
    ///
    /// Kafka: a fetch names the leader epoch that its sender knows, which the leader refuses if it has another, and a
    /// follower's names the epoch of its last record each time.
    FetchWithoutEpochs,
    /// A leader does not compare the epoch in which a fetch was sent with its own; every fetch still names the epoch
    /// of the follower's last record (the first draft of KIP-320). Followers append batches of epochs that they have
    /// not heard of (before KAFKA-18723).
    ///
    /// Kafka: a leader refuses fetches of another leader epoch than its own: FENCED_LEADER_EPOCH, or UNKNOWN_LEADER_EPOCH.
    FetchWithoutCurrentEpoch,
    /// An answer without records makes a follower forget the epoch of its last record (before KAFKA-15510).
    ///
    /// Kafka: without records in the answer the epoch of the last record stays what it was.
    LastEpochLostOnEmptyFetch,
    /// A follower enters the ISR at the high watermark, even if the leader's epoch began later (before KAFKA-7128).
    ///
    /// Kafka: a follower enters the ISR when it has reached the high watermark and the start of the leader's epoch.
    IsrJoinIgnoresEpochStart,
    /// A follower that is told to cut its log takes over the leader's high watermark first (before KAFKA-14704).
    ///
    /// Kafka: an answer that reports a divergence is used for the cut alone; high watermark and log start wait for the
    /// next one.
    HighWatermarkBeforeTruncation,
    /// A truncation to the log's end or beyond leaves epochs without records in the epoch cache (before KAFKA-10706).
    ///
    /// Kafka: a truncation takes the epochs behind its place along even if no record goes.
    TruncationToEndKeepsEpochs,
    /// What a truncation leaves of the leader epochs is written without a sync (KAFKA-15046, until KAFKA-16541).
    ///
    /// Kafka: what a truncation leaves is synced, in the background, where it holds up nobody.
    EpochTruncationNotSynced,
    /// The leader ignores divergence of a follower's log.
    IgnoreDivergence,
    /// acks=all is answered as soon as the leader has appended.
    AckBeforeReplication,
    /// AlterPartition is accepted whatever the partition epoch.
    ///
    /// Kafka: a proposal names the partition epoch that it was made from, and is refused if there is a newer one
    /// (INVALID_UPDATE_VERSION).
    AlterPartitionIgnoresPartitionEpoch,
    /// AlterPartition is accepted whatever registrations the leader has seen its followers fetch under (before KIP-903).
    ///
    /// Kafka: a proposal names for each member the broker epoch of its fetches, and the controller refuses one that is not
    /// the present one (INELIGIBLE_REPLICA).
    AlterPartitionIgnoresBrokerEpoch,
    /// Leaders propose, and controllers accept, fenced brokers for the ISR (before KIP-841).
    ///
    /// Kafka: leaders do not propose fenced brokers, and controllers refuse them (INELIGIBLE_REPLICA).
    IsrAcceptsFenced,
    /// A controller changes a leader without raising the leader epoch.
    LeaderChangeKeepsEpoch,
    /// A controller puts a leader outside of the ISR without saying so.
    ElectAnyReplica,
    /// Where nobody is eligible, the first live replica is taken for the last known leader.
    AnybodyIsLastKnownLeader,
    /// The ELR is not purged of a replica that registers after an unclean stop (KIP-966).
    ElrSurvivesUncleanShutdown,
    /// The controller lets no ISR become empty and elects its last member whatever that has lost: as before
    /// eligible leader replicas (KIP-966).
    ///
    /// Kafka: who leaves the ISR below min.insync.replicas still has all that is committed and stays eligible, the ISR may
    /// become empty, and a broker that registers after an unclean stop loses both places.
    FrozenIsrElectsLastReplica,
    /// A process that registers under a live session takes over its predecessor's broker epoch and its places in ISRs.
    ///
    /// Kafka: while another process has a live session a registration is refused (DUPLICATE_BROKER_REGISTRATION); later it
    /// gets a new broker epoch, and after an unclean stop it is taken out of ISR and ELR first.
    RegistrationKeepsOldEpoch,
    /// A controller that is deposed keeps what it had written and the quorum has not committed.
    ///
    /// Kafka: a controller that is deposed goes back to the committed state, and answers NOT_CONTROLLER to everybody who
    /// still waits.
    ControllerKeepsUncommittedState,
    /// A broker is unfenced only when it has read the metadata log to its very end (before KAFKA-13959).
    ///
    /// Kafka: a broker is unfenced when it has read the record of its own registration.
    UnfenceRequiresLeo,
    /// A voter forgets its vote at restart.
    VoteNotDurable,
    /// A voter grants every vote it is asked for.
    VoteTwice,
    /// A quorum leader commits what a minority holds.
    CommitWithoutMajority,
    /// A voter fetches (acknowledges) before it has flushed.
    FetchBeforeFlush,
    /// No member of the quorum flushes its log (before KAFKA-10533).
    ///
    /// Kafka: leader and followers flush before they count or acknowledge.
    RaftNoFlush,
    /// A quorum leader that restarts goes on leading in its old epoch (before KAFKA-10527).
    ///
    /// Kafka: a leader that is restarted is Resigned: it neither votes nor leads in its old epoch, and there is an
    /// election.
    RaftResumeLeaderSameEpoch,
    /// A quorum leader commits records of earlier epochs because a majority holds them (Raft, section 5.4.2).
    ///
    /// Kafka: a leader commits nothing until a majority has a record of its own epoch.
    CommitPreviousEpochByCount,
    /// A voter that hears no leader raises the epoch at once, without asking whether it could win (before KIP-996).
    ///
    /// Kafka: a voter that hears no leader stays in its epoch and asks whether it would be elected; who has heard the
    /// leader says no.
    NoPreVote,
    /// A quorum leader that no majority fetches from does not resign (before KAFKA-15489).
    ///
    /// Kafka: a leader that no majority has fetched from within 1.5 times the fetch timeout resigns.
    NoCheckQuorum,
    /// A pre-vote is granted by a follower in contact with its leader (KIP-996).
    PreVoteGrantedByFollower,
    /// Brokers skip one metadata record in a hundred.
    ImageSkipsRecords,
    /// Sequence numbers of idempotent producers are not checked.
    SequenceNotChecked,
    /// Only a producer's last batch is recognised when it comes again (before KAFKA-5494).
    ///
    /// Kafka: the last five batches of each producer and partition are remembered, and a producer has at most five under
    /// way.
    DedupeWindowOfOne,
    /// Producer snapshots are never synced, and one that is damaged counts as one without producers.
    ///
    /// Kafka: a snapshot carries a checksum and is synced with its segment; one that does not fit is thrown away, and the
    /// log is read instead.
    TrustCorruptSnapshot,
    /// The end of a partition is told before the leader knows what its predecessors committed (before KIP-207).
    ///
    /// Kafka: until its high watermark has reached the start of its own epoch a leader answers OFFSET_NOT_AVAILABLE, and
    /// the client asks again.
    ListOffsetsIgnoresEpochStart,
    /// Recovery keeps bytes behind a bad batch.
    ///
    /// Kafka: after an unclean stop the log is read batch by batch, and the first whose checksum is wrong is cut off with
    /// everything behind it.
    RecoveryKeepsTornTail,
    /// Retention deletes beyond the high watermark.
    ///
    /// Kafka: a segment is deleted only when all of it lies below the high watermark.
    RetentionIgnoresHighWatermark,
    /// Retention counts a segment's age from its first batch.
    RetentionCountsFromFirstBatch,
    /// The high watermark checkpoint is ignored and the log end offset used instead.
    HighWatermarkStartsAtLogEnd,
    /// A fenced broker is never unfenced again.
    NeverUnfence,
    /// A follower that fell out of the ISR is never proposed for it again.
    NeverExpandIsr,
    /// A voter gives no vote after the first epoch.
    VoteOnlyOnce,
    /// Without an open transaction the last stable offset is the log end, committed or not.
    LastStableOffsetIgnoresHighWatermark,
    /// Members of the ELR stay in it when the ISR is large enough again.
    ElrOutlivesMinIsr,
    /// The recovery point advances when a segment is closed, and nothing is synced.
    RecoveryPointWithoutFlush,
    /// A quorum member that lets its log start at a snapshot deletes that snapshot too.
    LogStartWithoutSnapshot,
    /// A broker acts as leader of the partitions that it is the preferred leader of, whoever the controllers elected.
    PreferredReplicaAlwaysLeads,
    /// A truncation cuts a segment's batches and leaves its offset index as it is.
    TruncationKeepsOffsetIndex,
    /// A truncation cuts a segment's batches and leaves its time index as it is.
    TruncationKeepsTimeIndex,
    /// A new leader epoch is noted in memory and not written to leader-epoch-checkpoint.
    EpochsNotCheckpointed,
    /// The checkpoint of high watermarks holds log end offsets.
    HighWatermarkCheckpointAhead,
    /// The checkpoint of recovery points holds log end offsets.
    RecoveryPointCheckpointAhead,
    /// The checkpoint of log start offsets holds log end offsets.
    LogStartCheckpointAhead,
    /// Producer snapshots hold sequence numbers one above the last.
    SnapshotAheadOfItself,
    /// When segments are deleted, the files of the one that is written to go with them.
    DeletionTakesActiveSegment,
    /// A broker that registers again gets an epoch below its last one.
    BrokerEpochFalls,
    /// A quorum member writes its vote to quorum-state, and not the epoch: after a restart it knows that of its log only.
    QuorumEpochNotDurable,
    /// A replica that begins to follow takes the leader epoch before the one that it is told.
    FollowerStartsAnEpochLate,
    /// A replica that a reassignment takes away stays in the ISR.
    IsrKeepsRemovedReplica,
    /// Whoever is in the ISR while it is too small is in the ELR as well.
    ElrKeepsInSyncReplicas,
    /// A broker that has followed a partition does not become its leader.
    FollowerNeverLeads,
    /// A broker whose registration is refused gives up at once, instead of asking again.
    RefusedBrokerGivesUp,
    /// A KIP-848 coordinator takes a partition for free that a member was to give up and has been given back
    /// (before KAFKA-16147).
    ///
    /// Simulated: Kafka of that time lost the entry of its owner map between two of a member's lists that exist no
    /// longer. Where the partition then has two owners, Kafka refused the heartbeats of one of them with an exception:
    /// here both go on.
    ///
    /// Kafka: what a member had before is struck out only if the entry is still its own, and before its new partitions are
    /// written down.
    PartitionEpochLostOnReassign,
    /// A classic coordinator adds a member at its first JoinGroup, whose answer may be lost with the id, and lets whoever
    /// waits for that answer wait for ever (before KIP-394 and KAFKA-7610): each retry adds one more.
    ///
    /// Kafka: who comes without an id is told one (MEMBER_ID_REQUIRED) and is not added until it comes again with it.
    JoinWithoutMemberId,
    /// A coordinator takes offsets from whoever names the group, member or not, whatever the generation.
    ///
    /// Kafka: a commit names its member and generation, and one of a member that is not known or of an older generation is
    /// refused (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION).
    CommitIgnoresGeneration,
    /// Offsets expire by their own age although the group has members (before KIP-211, and KAFKA-13636).
    ///
    /// Kafka: offsets are kept as long as the group has members who read the topic, and for offsets.retention.minutes
    /// after the last one has left.
    ExpireOffsetsOfLiveGroups,
    /// A transaction's offsets are applied when it is committed, although others were committed since they were written.
    ///
    /// Kafka: an offset of a transaction counts only if its record stands behind that of the offset that the group has.
    PendingOffsetsAlwaysApply,
    /// A consumer forgets that a fetch has failed, and waits for its answer for ever.
    ConsumerForgetsFailedFetch,
    /// A producer that gives a batch up does not tell the application.
    ProducerKeepsFailureToItself,
    /// A coordinator that loads reads on until it reaches the log's end, even where compaction has left nothing to read
    /// (before KAFKA-9065).
    ///
    /// Simulated: Kafka's loader read for ever. What it does not find the first time it never finds, for nobody else writes
    /// there: here it waits for ever instead.
    ///
    /// Kafka: a read that finds nothing ends the loading.
    LoaderRequiresReachingLeo,
    /// A broker that takes groups over from another coordinator never begins to read what that one wrote.
    CoordinatorNeverTakesOver,
    /// The cleaner takes what is not committed for committed.
    ///
    /// Kafka: what may be cleaned ends at the last stable offset.
    CleanBeyondHighWatermark,
    /// Tombstones go with the first pass that finds them old enough by their own timestamps (before KIP-534).
    ///
    /// Simulated: what counted was when the segment's file was last modified; here it is the batch's largest timestamp.
    ///
    /// Kafka: the first pass that keeps a tombstone writes into its batch from when on it may go, delete.retention.ms
    /// later.
    LegacyTombstoneHorizon,
    /// Recovery that finishes an interrupted swap of segments counts the segment before the new one among those that it
    /// replaces, if the one that began where it begins has stepped aside already (before the follow-up of KAFKA-6264).
    ///
    /// Kafka: only segments within the range of the new one are replaced by it.
    SwapTakesSegmentBefore,
    /// The last batch of a pass goes when all its records do, and nothing in the log says any more where it ended (before
    /// KAFKA-17076).
    ///
    /// Kafka: the header of the last batch of each pass stays, even if nothing is left in it.
    CleanerDropsLastBatch,
    /// Records are given up on request beyond the high watermark.
    ///
    /// Kafka: who asks to give records up beyond the high watermark is refused (OFFSET_OUT_OF_RANGE).
    DeleteRecordsIgnoresHighWatermark,
    /// A producer tells its application offsets as if the first record of a log had offset 1.
    ProducerCountsFromOne,
    /// A consumer goes on at its offset under a new leader, and does not ask whether its log was cut below that (before
    /// KIP-320).
    ///
    /// Kafka: when the leader changes a consumer asks the new one where the epoch of its last record ends, and goes back
    /// to there if that is below its offset.
    ClientSkipsPositionValidation,
    /// A follower answers OFFSET_OUT_OF_RANGE to a consumer whose offset lies above its high watermark, and the consumer
    /// believes it, where only the leader knows (as if KIP-392 had changed nothing but who is asked).
    ///
    /// Kafka: a follower answers nothing yet to an offset between its high watermark and its log end, and a consumer that
    /// is told OFFSET_OUT_OF_RANGE by a follower asks the leader.
    FollowerOutOfRangeAboveHighWatermark,
    /// A consumer that is sent to an offset goes on behind it.
    ConsumerSeeksBehind,
    /// A consumer that has compared its position with a new leader's epochs steps back by one record.
    ConsumerStepsBackForNewLeader,
    /// Of three records or more that a consumer returns of a partition at once, it leaves out the second.
    ConsumerDropsRecord,
    /// Of two records or more that a consumer returns of a partition at once, it returns the first twice.
    ConsumerRepeatsRecord,
    /// A member of an eager classic group joins again without giving anything up.
    MemberKeepsPartitionsWhenJoining,
    /// A leader that assigns cooperatively takes no notice of what members own since a generation before the newest one
    /// (before KAFKA-14639): it deals that out as if nobody had it.
    ///
    /// Kafka: claims are compared partition by partition, and of several the newest counts, whatever its generation.
    StickyTrustsOnlyMaxGeneration,
    /// What a consumer commits before a rebalance is one less than what it has read.
    CommitLagsBeforeRebalance,
    /// A classic coordinator's generations fall after the second one.
    GenerationsFall,
    /// A coordinator that reads its log leaves out committed offsets.
    LoaderForgetsOffsets,
    /// An assignor on the server leaves out the last partition that it has to give.
    AssignorForgetsPartition,
    /// A member of a KIP-848 group that waits for partitions of others counts as one that has what it shall have.
    WaitingMemberCountsAsStable,
    /// The uniform assignor on the server lets members keep everything that they have, however many there are.
    UniformKeepsEverything,
    /// An assignor gives the first member a partition of the last one that has some, on the server one of each topic.
    AssignorFavoursFirst,
    /// An assignor on the server gives a partition of the first member to the last one as well.
    AssignorGivesTwice,
    /// An assignor on the server takes all members for subscribers of every topic that somebody wants.
    AssignorIgnoresSubscriptions,
    /// An assignor on the server knows nothing of what members have.
    AssignorBeginsAnew,
    /// A coordinator writes tombstones and does not take them in itself.
    TombstonesNotReplayed,
    /// A group rebalances whenever a static member comes back: a classic one calls its members together, one of KIP-848
    /// gets a new target.
    StaticMemberAlwaysRebalances,
    /// A member of a KIP-848 group that waits for partitions of others gets none of them when they are given up.
    WaitingMemberWaitsForEver,
    /// A member of a KIP-848 group that is not heard of any more stays in it.
    SessionsNeverEnd,
    /// A member of a KIP-848 group that has partitions takes no further ones.
    MemberTakesNoMore,
    /// A member of a KIP-848 group that the coordinator has removed does not join again.
    FencedMemberStaysOut,
}
