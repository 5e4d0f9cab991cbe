//! Time as data. No machine reads a clock: each step is told what time it is.
//!
//! Two clocks exist, as on a real machine. The *monotonic* one never jumps and
//! drives timers, sessions and lags. The *wall* clock stamps records and drives
//! retention; a scenario may skew it per machine.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant of the monotonic clock, in microseconds since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The first instant of the world.
    pub const ZERO: Time = Time(0);
    /// Later than every instant that a run reaches.
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant that lies so many milliseconds after the beginning.
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis * 1000)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The earliest of some deadlines; none if there is none. Asked after every step, so it is a loop and no chain of adapters.
pub fn earliest<const N: usize>(deadlines: [Option<Time>; N]) -> Option<Time> {
    let mut earliest: Option<Time> = None;
    for deadline in &deadlines {
        if let Some(deadline) = *deadline
            && earliest.is_none_or(|known| deadline < known)
        {
            earliest = Some(deadline);
        }
    }
    earliest
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(span.as_micros().min(u128::from(u64::MAX)) as u64))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(span.as_micros().min(u128::from(u64::MAX)) as u64))
    }
}

/// An instant of a machine's wall clock, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Milliseconds since 1970: the unit of every Kafka timestamp.
    pub fn millis(self) -> i64 {
        (self.0 / 1000) as i64
    }
}

/// What a machine knows of time during one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Now {
    /// For timers, sessions, lags and back-offs.
    pub monotonic: Time,
    /// For record timestamps and retention.
    pub wall: WallTime,
}

/// Who gives a batch its timestamps (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The leader's wall clock at the append.
    LogAppendTime,
}
