//! Hazards: failures that Kafka 4.1 itself has, and what would mend each.
//!
//! A machine is *faithful* unless it is told otherwise: it fails as Kafka 4.1 fails. A hazard that is *mended*
//! behaves as a small change of Kafka's source would make it behave. Exploration mends all of them, so that it finds
//! something else. The book has a page about each, with the class and the method that were read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Behaviour;

/// A failure that Kafka 4.1 itself has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// The clean-shutdown file is removed without syncing its directory: a power cut can bring it back, and the
    /// logs are not recovered (`CleanShutdownFileHandler.delete`). Mended: the directory is synced.
    CleanShutdownReturns,
    /// A producer snapshot keeps each producer's last batch only, so after a restart older ones are not recognised
    /// when they come again (`ProducerStateManager.writeSnapshot`). Mended: it keeps all that are remembered.
    SnapshotKeepsLastBatch,
    /// Below min.insync.replicas a follower enters the ISR at the high watermark, which stands still, and leaves it
    /// for its lag (`Partition.isFollowerInSync`, KAFKA-19996). Mended: there it must not lag to enter.
    IsrFlapsBelowMinIsr,
    /// A replica that is reassigned away stays in the ELR (`PartitionChangeBuilder.maybePopulateTargetElr`). Mended:
    /// only replicas are eligible.
    ElrKeepsRemovedReplica,
    /// Recovery goes on with the next segment where one ends too early but whole (`LogLoader.recoverLog`). Mended: what
    /// lies behind a hole is dropped, and compaction leaves none between segments.
    HoleBetweenSegments,
    /// A leader that hears from the metadata log of a change that it knows already forgets the ISR that it has
    /// proposed since, and counts without it (`Partition.makeLeader`, `updateAssignmentAndIsr`). Mended: what is known
    /// already changes nothing.
    PendingIsrForgotten,
    /// A fetch session counts the high watermark as told that came with a diverging epoch, of which the follower reads
    /// only the epoch: it hears of that high watermark no more until it changes (`CachedPartition.maybeUpdateResponseData`,
    /// `AbstractFetcherThread.processFetchRequest`). Mended: it is told again after the truncation.
    HighWatermarkNotRetold,
    /// A power cut may undo a follower's truncation, which is not synced, but not the epoch that came after it, which is:
    /// recovery leaves the old record under the new epoch, and no leader sees that the logs part
    /// (`LogSegment.recover`). Mended: recovery stops at a batch of another epoch than its offset is said to have.
    TruncationReturns,
    /// An idempotent producer that raises its epoch by itself numbers what is under way anew and sends it again, although
    /// an earlier attempt of it may still arrive (`TransactionManager.canRetry`, `TxnPartitionMap.startSequencesAtBeginning`).
    /// Mended: what may have been written is given up instead.
    EpochBumpSendsAgain,
    /// After a clean stop a log without a producer snapshot is taken for one of an older release, and nobody reads what its
    /// producers have sent. But the directory entry of the snapshot that the stop wrote is not synced, and a power cut
    /// can take it (`UnifiedLog.rebuildProducerState`). Mended: the log is read.
    CleanStopForgetsProducers,
    /// A leader's high watermark waits for a follower outside the ISR that had everything lately and may join. When it has been
    /// away for too long to be waited for, nothing looks at the high watermark again: neither the clock nor a fetch
    /// without news does (`Partition.maybeIncrementLeaderHW` and who calls it). Mended: who looks for lagging members looks
    /// at it too.
    HighWatermarkWaitsInVain,
    /// The last entry of a time index, which says how young the newest record is, is written when the log is closed, after the
    /// sync. A power cut can take it from a log whose stop was clean, and retention by age goes by what is left
    /// (`LogSegment.close`, `LogSegment.largestTimestamp`). Mended: it is synced.
    CleanStopForgetsTime,
    /// Of an epoch that its log no longer reaches back to, a leader says that it ends where the log starts. What a follower
    /// has below stays, whatever it is, and the follower enters the ISR before it has heard of the log start
    /// (`LeaderEpochFileCache.endOffsetFor`, `Partition.isFollowerInSync`). Mended: it must have heard of it to enter.
    DivergenceBelowLogStart,
    /// The start of a leader's log may lie inside a batch. A follower that was told to cut its log there is sent the whole batch
    /// next, takes that for an unexpected offset, and never fetches the partition again
    /// (`Partition.appendRecordsToFollowerOrFutureReplica`, `AbstractFetcherThread.markPartitionFailed`). Mended: what it has lies below the
    /// leader's log start, and it begins its log anew with the batch, as it does where its own log begins there.
    BatchAcrossLogStart,
    /// When a log start moves, the recovery point moves along, although nothing was synced. A power cut can bring the old
    /// start back, with segments that nobody recovers (`UnifiedLog.updateLogStartOffset`). Mended: it stays. It passes segments that were
    /// deleted before their flush, too (`LocalLog.flush`). Mended: that flush syncs the directory, so that they stay deleted.
    RecoveryPointFollowsLogStart,
    /// A coordinator stops a KIP-848 member's session when the member says goodbye, before that is written. If it cannot be
    /// written the member stays in the group, and nothing ever removes it
    /// (`GroupMetadataManager.consumerGroupFenceMembers`). Mended: the session goes on, and is over by itself.
    GoodbyeLeavesGhost,
    /// A KIP-848 member that missed an answer says everything anew: also that it owns nothing of what it was told it may
    /// own and has not taken yet. The coordinator gives that away at once, and the member takes it all the same
    /// (`ConsumerHeartbeatRequestManager.HeartbeatState.buildRequestData`, `CurrentAssignmentBuilder`). Mended: it says
    /// that it owns what it is about to take.
    FullHeartbeatSaysTooLittle,
    /// A KIP-848 member that joins again with its id in epoch 0 is fenced for as long as the coordinator knows it in a later
    /// epoch, and asks again without pause until its session is over
    /// (`GroupMetadataManager.throwIfConsumerGroupMemberEpochIsInvalid`, KAFKA-19233). A static one is told that its instance id is
    /// taken, by itself, and that is fatal (`throwIfInstanceIdIsUnreleased`). Mended: epoch 0 is taken.
    RejoinIsFenced,
    /// What a consumer has fetched of a partition stays in its buffer while the partition is paused. When the leader changes, the
    /// position is compared with the new leader's epochs, and the buffer is not: records that were cut off are returned all
    /// the same, and the consumer goes on behind them in a log that it has not read (`FetchCollector.collectFetch`,
    /// `SubscriptionState.position`). Mended: what was fetched before the comparison is dropped.
    PausedRecordsOutliveTruncation,
    /// A consumer that asks a new leader for the end of its last record's epoch looks only whether that lies before its
    /// position. An answer of an older epoch says that the logs part before, and is not noticed where that epoch went on
    /// longer (`SubscriptionState.maybeCompleteValidation`). Mended: it goes where `auto.offset.reset` says.
    ConsumerMissesDivergence,
    /// A client that begins again from its bootstrap servers forgets the ids of its topics. It takes each of them for one that was created
    /// anew, and with it an older leader epoch than it has seen, from a broker that is behind (`Metadata.bootstrap`,
    /// `Metadata.updateLatestMetadata`). Mended: what is known of topics is kept.
    RebootstrapForgetsEpochs,
    /// A broker's session begins with its first heartbeat, not with its registration. In between a registration is taken that its
    /// former process has sent and that comes late: the living process is refused for ever, for it does not register again
    /// (`ClusterControlManager.registerBroker`, `BrokerLifecycleManager`). Mended: the session begins with the registration.
    LateRegistrationWins,
    /// A classic group that has not completed a generation since it was last empty has no assignor. A KIP-848 member that joins it
    /// then is told UNKNOWN_SERVER_ERROR, and its application ends with that (`ConsumerGroup.fromClassicGroup`,
    /// `AbstractHeartbeatRequestManager.onErrorResponse`). Mended: each member is taken over with the subscription of the assignor
    /// that it likes best.
    UpgradeAmidFirstRebalance,
    /// A KIP-848 consumer whose commit before a rebalance fails takes the offsets of the next attempt at once and sends them after its
    /// back-off. A commit of the interval, which nothing holds back meanwhile, may overtake it with newer ones: what is committed
    /// goes back (`CommitRequestManager.autoCommitSyncBeforeRebalanceWithRetries`). Mended: a commit that nobody asked for takes its offsets
    /// when it leaves.
    CommitRetryGoesBack,
    /// Compaction gives tombstones a horizon, from which the times of their batch then count: the batch takes more room, and a segment
    /// may outgrow segment.bytes. A follower that fetches as much takes it for one batch that is too large, and never fetches
    /// the partition again (`MemoryRecords.buildRetainedRecordsInto`, `UnifiedLog.append`, `AbstractFetcherThread.markPartitionFailed`). Mended:
    /// what a follower copies may be larger than a segment.
    CleanedSegmentOutgrows,
    /// A member of the metadata quorum that stood for election and then followed another leader of the same epoch is a candidate
    /// again when it restarts, with records of that epoch in its log. Whoever knows no leader answers its vote request with
    /// INVALID_REQUEST, and that ends its process, start after start (`QuorumState.initialize`,
    /// `KafkaRaftClient.maybeHandleCommonResponse`). Mended: who knows the epoch's leader follows it.
    FollowerStandsAgain,
    /// The leader of a classic group that comes back as a static member is told to keep the assignment, and takes the
    /// partitions that there are then for those that were assigned: partitions added while it was away are nobody's
    /// (`ConsumerCoordinator.onLeaderElected`, KIP-814). Mended: it takes nothing for assigned, and so leads one rebalance.
    StaticLeaderOverlooksPartitions,
    /// A static member that comes back with KIP-848's protocol, and so converts its classic group, bumps no epoch, and the
    /// new group counts as assigned with the partitions that there are then (`ConsumerGroup.fromClassicGroup`,
    /// `GroupMetadataManager.convertToConsumerGroup`). Mended: the new group has seen no partitions yet.
    StaticUpgradeOverlooksPartitions,
    /// A static member that comes back with the classic protocol as the last of KIP-848's turns its group into a classic one
    /// without a rebalance, and no member is told that it leads: nobody watches for new partitions
    /// (`GroupMetadataManager.convertToClassicGroup`, `classicGroupJoinToConsumerGroup`). Mended: a rebalance is begun.
    StaticDowngradeHasNoLeader,
    /// The session of a classic static member that comes back runs while its return is written, and running out means nothing then,
    /// for its join is not answered yet. When it is, no session is begun: a member that dies before it says anything is never removed
    /// (`GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin`). Mended: its session begins anew with the answer.
    SlowReturnHasNoSession,
}

impl Hazard {
    /// All of them.
    pub const ALL: [Hazard; 30] = [
        Hazard::CleanShutdownReturns,
        Hazard::SnapshotKeepsLastBatch,
        Hazard::IsrFlapsBelowMinIsr,
        Hazard::ElrKeepsRemovedReplica,
        Hazard::HoleBetweenSegments,
        Hazard::PendingIsrForgotten,
        Hazard::HighWatermarkNotRetold,
        Hazard::TruncationReturns,
        Hazard::EpochBumpSendsAgain,
        Hazard::CleanStopForgetsProducers,
        Hazard::HighWatermarkWaitsInVain,
        Hazard::CleanStopForgetsTime,
        Hazard::DivergenceBelowLogStart,
        Hazard::BatchAcrossLogStart,
        Hazard::RecoveryPointFollowsLogStart,
        Hazard::GoodbyeLeavesGhost,
        Hazard::FullHeartbeatSaysTooLittle,
        Hazard::RejoinIsFenced,
        Hazard::PausedRecordsOutliveTruncation,
        Hazard::ConsumerMissesDivergence,
        Hazard::RebootstrapForgetsEpochs,
        Hazard::LateRegistrationWins,
        Hazard::UpgradeAmidFirstRebalance,
        Hazard::CommitRetryGoesBack,
        Hazard::CleanedSegmentOutgrows,
        Hazard::FollowerStandsAgain,
        Hazard::StaticLeaderOverlooksPartitions,
        Hazard::StaticUpgradeOverlooksPartitions,
        Hazard::StaticDowngradeHasNoLeader,
        Hazard::SlowReturnHasNoSession,
    ];
}

/// How a machine treats a hazard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// As Kafka 4.1.
    #[default]
    Faithful,
    /// As Kafka would behave with the failure mended.
    Mended,
}

impl Behaviour {
    /// Kafka 4.1 without its known hazards: what exploration runs.
    pub fn mended() -> Behaviour {
        Behaviour { switches: BTreeSet::new(), mended: Hazard::ALL.into() }
    }

    /// Whether a hazard is mended.
    pub fn mends(&self, hazard: Hazard) -> bool {
        self.mended.contains(&hazard)
    }
}
