//! The two clocks: one that can be set (for timestamps), one that only goes forward (for durations).

use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime};

/// Milliseconds since 1970; 0 where the clock was never set.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// Milliseconds since some fixed moment, the same for every process of this machine.
#[must_use]
pub fn monotonic_ms() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .ok()
        .map_or(0, |time| u64::try_from(Duration::from(time).as_millis()).unwrap_or(0))
}
