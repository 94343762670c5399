//! The clocks: one that can be set (for timestamps), one that only goes forward (for durations), and one of each
//! process, which goes as its threads run.

use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime};

/// Milliseconds since 1970; 0 where the clock was never set.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// Milliseconds since some fixed moment, the same for every process of this machine.
#[must_use]
pub fn monotonic_ms() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .ok()
        .map_or(0, |time| {
            u64::try_from(Duration::from(time).as_millis()).unwrap_or(0)
        })
}

/// Processor time of all threads of a process, as the kernel itself counts it; None where there is no such process.
#[must_use]
pub fn processor_time(pid: u32) -> Option<Duration> {
    // As clock_getcpuclockid(3) makes the number, which asks the kernel once more whether the process is there.
    let clock = (!i32::try_from(pid).ok()?) << 3 | CPUCLOCK_SCHED;
    clock_gettime(ClockId::from_raw(clock))
        .ok()
        .map(Duration::from)
}

/// Of a process's three clocks the exact one.
const CPUCLOCK_SCHED: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_its_own_clock() {
        let own = processor_time(std::process::id()).unwrap();
        assert!(
            own > Duration::ZERO && own < Duration::from_secs(3600),
            "{own:?}"
        );
        assert_eq!(processor_time(u32::MAX), None);
        assert_eq!(processor_time(1 + (1 << 22)), None, "above the highest pid");
    }
}
