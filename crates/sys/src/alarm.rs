//! A timer that wakes its loop once.
//!
//! The runtime's own timers wake it two or three times for a wait of seconds: what is far off is sorted into coarse
//! slots first, and sorted again when such a slot begins. For a loop that sleeps nearly always, being woken is most of
//! what it costs. Used by the observer's loop; where the kernel gives no descriptor, the runtime's timer stands in.

use super::wake::Wake;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::AsFd as _;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The timer. It rings once for each time that it is set.
#[derive(Debug)]
pub struct Alarm {
    timer: Option<(TimerFd, Wake)>,
    at: Instant,
}

impl Alarm {
    /// Not set yet; to be made inside of a runtime.
    #[must_use]
    pub fn new() -> Self {
        let timer = TimerFd::new(
            ClockId::CLOCK_MONOTONIC,
            TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
        );
        let timer = timer
            .ok()
            .and_then(|timer| Wake::on(timer.as_fd()).map(|wake| (timer, wake)));
        Self {
            timer,
            at: Instant::now(),
        }
    }

    /// Rings at this time, and not as it was set before.
    pub fn set(&mut self, at: Instant) {
        self.at = at;
        // No time at all would switch the timer off.
        let after = at
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(after));
        let refuses = |(timer, _): &(TimerFd, Wake)| {
            timer.set(expiration, TimerSetTimeFlags::empty()).is_err()
        };
        if self.timer.as_ref().is_some_and(refuses) {
            self.timer = None;
        }
    }

    /// Waits until it rings. May be given up and begun again.
    pub async fn rings(&self) {
        match &self.timer {
            Some((_, wake)) => wake.next().await,
            None => sleep_until(self.at).await,
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_when_it_is_due_and_once_for_each_time() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut alarms = [
                Alarm::new(),
                Alarm {
                    timer: None,
                    at: Instant::now(),
                },
            ];
            assert!(alarms[0].timer.is_some());
            for alarm in &mut alarms {
                for wait in [0, 30] {
                    let due = Instant::now() + Duration::from_millis(wait);
                    alarm.set(due + Duration::from_secs(60));
                    alarm.set(due);
                    alarm.rings().await;
                    assert!(Instant::now() >= due);
                }
            }
            let again = tokio::time::timeout(Duration::from_millis(1), alarms[0].rings());
            assert!(again.await.is_err(), "once");
        });
    }
}
