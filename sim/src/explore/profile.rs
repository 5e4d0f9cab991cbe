//! Profiles: which part of the world a campaign looks at.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::faults::Kind;
use super::marks::Mark;

/// Declares the profiles: the enum, all of them in order, their names, and how many of a hundred seeds of the suite's
/// campaign each has.
macro_rules! profiles {
    ($($(#[$what:meta])* $profile:ident = $name:literal, $share:literal;)*) => {
        /// What a campaign draws from. Each profile is a subset of one generator, not a generator of its own.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Profile {
            $($(#[$what])* #[serde(rename = $name)] $profile,)*
        }

        impl Profile {
            /// All profiles.
            pub const ALL: &'static [Profile] = &[$(Profile::$profile),*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Profile::$profile => $name,)* }
            }

            /// How many of a hundred seeds of the suite's campaign it has. The cheapest seeds are the most.
            pub fn share_of_suite(self) -> u64 {
                match self { $(Profile::$profile => $share,)* }
            }
        }
    };
}

profiles! {
    /// Clusters of every shape, the common faults.
    #[default]
    Default = "default", 16;
    /// Small clusters that are killed and started: the cheapest seeds.
    Lite = "lite", 37;
    /// What disks do: power cuts, slow and stalled disks, errors, lost syncs, small segments.
    Disk = "disk", 10;
    /// What networks do: partitions in two directions and in one, clogs, held, late and lost messages.
    Network = "network", 14;
    /// The metadata quorum and the controllers: elections, snapshots, administration.
    Controllers = "controllers", 8;
    /// Everything, rare things too.
    Everything = "everything", 6;
    /// One partition's leadership and in-sync set: few replicas, short timeouts, many records, and faults that are made
    /// for each other.
    Replication = "replication", 6;
    /// Groups of consumers and their coordinators, compacted topics, deleted records.
    Groups = "groups", 3;
}

/// How many seeds the campaign of `cargo test` has.
pub const SUITE_SEEDS: u64 = 5_000;

/// The marks that no profile must reach yet: each was reached in a campaign of two thousand seeds of each profile, but in so few
/// of them that a few hundred may well have none.
pub const TOO_RARE: &[(Mark, &str)] = &[
    (Mark::PollIntervalExceeded, "one in fifty of `groups`: an application that is slow for long is drawn seldom"),
    (
        Mark::OffsetsExpired,
        "one in 180 of `groups`: it takes one of the quiet minutes, and a group that stays empty in it",
    ),
    (
        Mark::CleaningAborted,
        "one in 500 of `groups`: no fault is aimed at the few milliseconds of a pass of the cleaner",
    ),
    (
        Mark::CoordinatorWriteReverted,
        "one in 500 of `everything`: no fault is aimed at what a coordinator's write needs",
    ),
    (Mark::CoordinatorLoadSeen, "one in 700 of `groups`: a load takes a few steps, and no fault makes it longer"),
];

impl Profile {
    /// The kinds of faults that a seed of this profile may draw.
    pub(super) fn kinds(self) -> &'static [Kind] {
        match self {
            Profile::Default => &[
                Kind::Kill,
                Kind::Restart,
                Kind::Stop,
                Kind::Pause,
                Kind::PowerCut,
                Kind::Isolate,
                Kind::OneWay,
                Kind::Clog,
                Kind::Slow,
                Kind::Stall,
                Kind::Reassign,
                Kind::ElectPreferred,
                Kind::ClientCrash,
            ],
            Profile::Lite => &[Kind::Kill, Kind::Restart, Kind::Stop],
            Profile::Disk => &[
                Kind::Kill,
                Kind::Restart,
                Kind::Stop,
                Kind::PowerCut,
                Kind::Replace,
                Kind::Slow,
                Kind::Stall,
                Kind::DiskError,
                Kind::FailedSync,
                Kind::LostSync,
                Kind::Skew,
            ],
            Profile::Network => &[
                Kind::Kill,
                Kind::Pause,
                Kind::Isolate,
                Kind::OneWay,
                Kind::Split,
                Kind::Clog,
                Kind::Hold,
                Kind::Drop,
                Kind::Delay,
                Kind::Latency,
            ],
            Profile::Controllers => &[
                Kind::Kill,
                Kind::Restart,
                Kind::Stop,
                Kind::Pause,
                Kind::PowerCut,
                Kind::Isolate,
                Kind::OneWay,
                Kind::Hold,
                Kind::Stall,
                Kind::AlignTimers,
                Kind::CreateTopic,
                Kind::DeleteTopic,
                Kind::CreatePartitions,
                Kind::AlterConfig,
                Kind::ElectPreferred,
                Kind::Reassign,
            ],
            Profile::Everything => Kind::ALL,
            Profile::Replication => &[
                Kind::Kill,
                Kind::Restart,
                Kind::Stop,
                Kind::Pause,
                Kind::PowerCut,
                Kind::Isolate,
                Kind::OneWay,
                Kind::Clog,
                Kind::Hold,
                Kind::Drop,
                Kind::Stall,
                Kind::Reassign,
                Kind::ElectPreferred,
            ],
            Profile::Groups => &[
                Kind::Kill,
                Kind::Restart,
                Kind::Stop,
                Kind::Pause,
                Kind::PowerCut,
                Kind::Isolate,
                Kind::OneWay,
                Kind::Clog,
                Kind::Hold,
                Kind::Drop,
                Kind::Delay,
                Kind::Slow,
                Kind::Stall,
                Kind::CreatePartitions,
                Kind::DeleteTopic,
                Kind::Reassign,
                Kind::ElectPreferred,
                Kind::ClientCrash,
                Kind::ClientPause,
                Kind::DeleteRecords,
            ],
        }
    }

    /// How likely a fault is aimed at a controller rather than at a broker, in percent.
    pub(super) fn controllers_percent(self) -> u64 {
        match self {
            Profile::Controllers => 60,
            Profile::Lite | Profile::Default | Profile::Disk | Profile::Network | Profile::Everything => 20,
            Profile::Replication => 10,
            Profile::Groups => 15,
        }
    }

    /// How many faults a seed has at most that are drawn one by one: many of them would talk over those that belong
    /// together.
    pub(super) fn most_single_faults(self) -> u64 {
        match self {
            Profile::Replication => 3,
            // What members do comes on top of it.
            Profile::Groups => 12,
            Profile::Lite
            | Profile::Default
            | Profile::Disk
            | Profile::Network
            | Profile::Controllers
            | Profile::Everything => 24,
        }
    }

    /// How likely a kind of fault is on in a seed, in percent.
    pub(super) fn kinds_percent(self) -> u64 {
        match self {
            Profile::Replication => 15,
            Profile::Lite
            | Profile::Default
            | Profile::Disk
            | Profile::Network
            | Profile::Controllers
            | Profile::Everything
            | Profile::Groups => 45,
        }
    }

    /// How many bursts a seed has, each as likely as it stands here.
    pub(super) fn bursts(self) -> &'static [u64] {
        match self {
            Profile::Replication => &[0, 0, 0, 1],
            Profile::Lite
            | Profile::Default
            | Profile::Disk
            | Profile::Network
            | Profile::Controllers
            | Profile::Everything
            | Profile::Groups => &[0, 0, 1, 1, 2, 3],
        }
    }

    /// The marks that a campaign of a few hundred seeds of this profile must reach.
    pub fn must_reach(self) -> &'static [Mark] {
        match self {
            Profile::Lite => &[
                Mark::LeaderMovedDuringFetch,
                Mark::FormerLeaderTruncated,
                Mark::IsrShrunk,
                Mark::ControlledShutdown,
                Mark::RegistrationRefused,
            ],
            Profile::Default => &[
                Mark::LeaderMovedDuringFetch,
                Mark::FormerLeaderTruncated,
                Mark::IsrShrunk,
                Mark::IsrExpanded,
                Mark::DuplicateAvoided,
                Mark::ControllerMoved,
                Mark::BytesLostInPowerCut,
                Mark::LogRecovered,
            ],
            Profile::Disk => &[
                Mark::BytesLostInPowerCut,
                Mark::PowerCutInsideSync,
                Mark::LogRecovered,
                Mark::TornTailDropped,
                Mark::StepDroppedByCrash,
                Mark::SegmentRolled,
                Mark::LogDirectoryFailed,
                Mark::ProcessExited,
                Mark::UncleanLeaderElected,
                Mark::ConsumerSawTruncation,
            ],
            Profile::Network => &[
                Mark::IsrShrunk,
                Mark::IsrExpanded,
                Mark::LeaderMovedDuringFetch,
                Mark::DuplicateAvoided,
                Mark::StaleFetchIgnored,
                Mark::IsrChangeRefused,
                Mark::TwoLeadersAtOnce,
            ],
            Profile::Controllers => &[
                Mark::ControllerMoved,
                Mark::VoteRefused,
                Mark::MetadataTruncated,
                Mark::SnapshotCreated,
                Mark::SnapshotLoaded,
                Mark::ReplicasMoved,
                Mark::ReplicaRemoved,
            ],
            Profile::Everything => &[
                Mark::ControllerMoved,
                Mark::EligibleLeaderElected,
                Mark::IsrShrunk,
                Mark::FormerLeaderTruncated,
                Mark::BytesLostInPowerCut,
            ],
            Profile::Replication => &[
                Mark::LeaderMovedDuringFetch,
                Mark::FormerLeaderTruncated,
                Mark::IsrShrunk,
                Mark::IsrExpanded,
                Mark::DuplicateAvoided,
                Mark::IsrChangeRefused,
                Mark::TwoLeadersAtOnce,
                Mark::DivergenceFound,
                Mark::FollowerHighWatermarkFell,
                Mark::PreferredLeaderElected,
                Mark::SequenceRefused,
                Mark::ProducerEpochRaised,
                Mark::ProduceWaitedInVain,
                Mark::LogStartedAnew,
                Mark::LogStartMoved,
            ],
            Profile::Groups => &[
                Mark::ShardLoadedWithMembers,
                Mark::CoordinatorMoved,
                Mark::CoordinatorMovedDuringRebalance,
                Mark::CoordinatorMovedDuringSync,
                Mark::MemberTooSlow,
                Mark::GroupChangedProtocol,
                Mark::MemberSessionExpired,
                Mark::MemberFenced,
                Mark::OffsetCommitRefused,
                Mark::StaticMemberReplaced,
                Mark::PartitionsLost,
                Mark::PartitionsMovedOneByOne,
                Mark::OffsetsCompacted,
                Mark::SegmentsCompacted,
                Mark::RecordsDeleted,
                Mark::GroupDeleted,
                Mark::OffsetsDeleted,
            ],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
