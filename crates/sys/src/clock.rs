//! The clocks: one that only goes forward, and one of each process, which goes as its threads run; and a timer that a
//! loop can wait for as it waits for any descriptor.

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{self, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Milliseconds since some fixed moment, the same for every process of this machine.
pub fn monotonic_ms() -> u64 {
    match clock_gettime(ClockId::CLOCK_MONOTONIC) {
        Ok(time) => Duration::from(time).as_millis() as u64,
        Err(_) => 0,
    }
}

/// Lets a moment pass. Unlike the standard library's sleep it takes no for an answer.
pub fn pause(moment: Duration) {
    let moment = TimeSpec::from_duration(moment);
    // SAFETY: the kernel reads the time, which lives until it returns, and writes nothing.
    unsafe { nix::libc::nanosleep(moment.as_ref(), std::ptr::null_mut()) };
}

/// Processor time of the calling thread.
pub fn thread_processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Processor time of all threads of a process, as the kernel itself counts it; None where there is no such process.
pub fn processor_time(pid: u32) -> Option<Duration> {
    // As clock_getcpuclockid(3) makes the number, which asks the kernel once more whether the process is there.
    let clock = (!i32::try_from(pid).ok()?) << 3 | CPUCLOCK_SCHED;
    let time = clock_gettime(ClockId::from_raw(clock)).ok()?;
    Some(time.into())
}

/// Of a process's three clocks the exact one.
const CPUCLOCK_SCHED: i32 = 2;

/// A timer whose descriptor becomes readable once for each time that it is set.
pub struct Timer(TimerFd);

impl Timer {
    /// Not set yet; None where the kernel gives no descriptor.
    pub fn new() -> Option<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(timerfd::ClockId::CLOCK_MONOTONIC, flags).ok()?;
        Some(Self(timer))
    }

    /// Rings after so long, and not as it was set before.
    pub fn set(&self, after: Duration) {
        // No time at all would switch the timer off.
        let after = TimeSpec::from_duration(after.max(Duration::from_nanos(1)));
        // It can only fail for a time that is none.
        let expiration = Expiration::OneShot(after);
        let _ = self.0.set(expiration, TimerSetTimeFlags::empty());
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

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
