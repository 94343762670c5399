//! The run's time: when it began, how old it is, and what the clock says that can be set.

use crate::protocol::observer_config::ObserverConfig;
use axolotl_run_sys::clock;
use std::time::{Duration, SystemTime};

/// The run's clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    /// When the command was spawned.
    pub spawned: SystemTime,
    monotonic_ms: u64,
}

impl RunClock {
    pub fn of(config: &ObserverConfig) -> Self {
        Self {
            spawned: config.spawned_at,
            monotonic_ms: config.spawned_monotonic_ms,
        }
    }

    /// Since the command's spawn.
    pub fn age(&self) -> Duration {
        Duration::from_millis(clock::monotonic_ms().saturating_sub(self.monotonic_ms))
    }

    /// The same in seconds.
    pub fn seconds(&self) -> f64 {
        self.age().as_secs_f64()
    }

    /// The time of what happens now. A clock that is set back puts nothing before the spawn.
    pub fn time(&self) -> SystemTime {
        SystemTime::now().max(self.spawned + self.age())
    }
}
