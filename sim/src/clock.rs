//! A machine's clocks: how far they are from the world's, and how fast they run.
//!
//! The world has one time, an integer of microseconds. A machine sees it through two
//! clocks: a monotonic one for timers and a wall clock for timestamps. A skew moves the
//! wall clock; a drift makes both run faster or slower.
//!
//! ```text
//!   monotonic = anchor_monotonic + (world − anchor_world) × (1 + drift)
//!   wall      = WORLD_EPOCH + monotonic + wall offset
//! ```

use trial_broker::time::{Now, Time, WallTime};

/// What all wall clocks show at the first instant of a world: 2026-01-01 00:00:00 UTC, in microseconds.
pub const WORLD_EPOCH: WallTime = WallTime(1_767_225_600_000_000);

const MILLION: i128 = 1_000_000;

/// The clocks of one machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clock {
    anchor_world: Time,
    anchor_monotonic: Time,
    drift_ppm: i32,
    wall_offset_micros: i64,
}

impl Clock {
    /// What the machine's clocks show.
    pub fn read(&self, world: Time) -> Now {
        let monotonic = self.monotonic(world);
        let wall = (WORLD_EPOCH.0 + monotonic.0).saturating_add_signed(self.wall_offset_micros);
        Now { monotonic, wall: WallTime(wall) }
    }

    /// What the machine's monotonic clock shows.
    pub fn monotonic(&self, world: Time) -> Time {
        if self.drift_ppm == 0 {
            return Time(self.anchor_monotonic.0 + (world.0 - self.anchor_world.0));
        }
        let passed = i128::from(world.0 - self.anchor_world.0);
        let shown = passed * (MILLION + i128::from(self.drift_ppm)) / MILLION;
        Time(self.anchor_monotonic.0 + shown as u64)
    }

    /// The first instant of the world at which the machine's monotonic clock shows this or more.
    pub fn world_time(&self, monotonic: Time) -> Time {
        let Some(ahead) = monotonic.0.checked_sub(self.anchor_monotonic.0) else { return self.anchor_world };
        if monotonic == Time::NEVER {
            return Time::NEVER;
        }
        if self.drift_ppm == 0 {
            return Time(self.anchor_world.0.saturating_add(ahead));
        }
        let rate = MILLION + i128::from(self.drift_ppm);
        let passed = (i128::from(ahead) * MILLION + rate - 1) / rate;
        Time(self.anchor_world.0.saturating_add(passed as u64))
    }

    /// From now on the wall clock stands so far from the world's, and both clocks run at this rate.
    /// The monotonic clock does not jump.
    pub fn set(&mut self, world: Time, wall_offset_micros: i64, drift_ppm: i32) {
        assert!(drift_ppm > -1_000_000, "a clock that runs backwards: {drift_ppm} ppm");
        *self = Clock { anchor_monotonic: self.monotonic(world), anchor_world: world, drift_ppm, wall_offset_micros };
    }

    /// How far the wall clock stands from the world's, in microseconds, without what drift adds.
    pub fn wall_offset_micros(&self) -> i64 {
        self.wall_offset_micros
    }

    /// How much faster than the world's both clocks run, in parts in a million.
    pub fn drift_ppm(&self) -> i32 {
        self.drift_ppm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_never_early_whatever_the_drift() {
        for drift in [-400_000, -137, 0, 1, 999, 250_000] {
            let mut clock = Clock::default();
            clock.set(Time(1_000_003), 0, drift);
            for deadline in [1_000_003, 1_000_004, 1_234_567, 9_999_999].map(Time) {
                let due = clock.world_time(deadline);
                assert!(clock.monotonic(due) >= deadline, "{drift} ppm: due at {due:?} for {deadline:?}");
                assert!(
                    due.0 == 1_000_003 || clock.monotonic(Time(due.0 - 1)) < deadline,
                    "{drift} ppm: {due:?} is later than needed for {deadline:?}"
                );
            }
        }
    }

    #[test]
    fn a_skew_moves_the_wall_clock_and_not_the_timers() {
        let mut clock = Clock::default();
        let before = clock.read(Time(5_000_000));
        clock.set(Time(5_000_000), -2_000_000, 0);
        let after = clock.read(Time(5_000_000));
        assert_eq!(after.monotonic, before.monotonic);
        assert_eq!(after.wall.0, before.wall.0 - 2_000_000);
    }
}
