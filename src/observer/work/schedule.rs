//! When the loop looks and when it measures, of its own accord.
//!
//! Being woken costs more than what is then done. So what is due within a moment is done together, and where nothing
//! needs a look each second there is none: no file is followed, memory is far from being short. The runtime's own timers
//! would wake the loop two or three times for a wait of seconds: they sort what is far off into coarse slots first, and
//! sort it again when such a slot begins. So the kernel's timer is waited for, where there is a descriptor for it.

use axolotl_run_sys::clock::Timer;
use axolotl_run_sys::wake::Wake;
use std::os::fd::AsFd as _;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What is due within so long of something else is done together with it: being woken costs more.
const SCHEDULE_SLACK: Duration = Duration::from_millis(100);

/// Between two measurements at a run's beginning.
pub const SAMPLE_PERIOD_FIRST: Duration = Duration::from_millis(250);
/// Between two looks at followed files, at memory that is short, and at everything in the first moments.
pub const FOLLOW_PERIOD: Duration = Duration::from_secs(1);
/// How long after the spawn new processes are looked for more often: one that dies at once is the one to know of.
pub const TREE_HURRY: Duration = Duration::from_secs(15);
/// Between two such looks.
pub const TREE_HURRY_PERIOD: Duration = Duration::from_millis(200);
/// When the running processes are first looked at for that; an interpreter is mapped within milliseconds.
pub const PYTHON_LOOK_AFTER: Duration = Duration::from_millis(500);
/// When runs of earlier launchers are finished, deleted and sent: not in the training's first moments.
pub const HOUSEKEEPING_AFTER: Duration = Duration::from_secs(2);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// A look at files, memory, and who has ended.
    pub look: bool,
    /// A measurement.
    pub measure: bool,
}

/// The loop's own times.
pub struct Schedule {
    timer: Option<(Timer, Wake)>,
    look: Instant,
    measure: Instant,
}

impl Schedule {
    /// A look at once, the first measurement after so long. To be made inside of a runtime.
    pub fn begin(measure: Duration) -> Self {
        let now = Instant::now();
        let schedule = Self {
            timer: timer(),
            look: now,
            measure: now + measure,
        };
        schedule.set();
        schedule
    }

    fn next(&self) -> Instant {
        self.look.min(self.measure)
    }

    fn set(&self) {
        if let Some((timer, _)) = &self.timer {
            timer.set(self.next().saturating_duration_since(Instant::now()));
        }
    }

    /// Waits until something is due. May be given up and begun again.
    pub async fn due(&self) -> Due {
        match &self.timer {
            Some((_, wake)) => wake.next().await,
            None => sleep_until(self.next()).await,
        }
        due(Instant::now(), self.look, self.measure)
    }

    /// What was due is done; the next of its kind comes after so long.
    pub fn done(&mut self, done: Due, look: Duration, measure: Duration) {
        let now = Instant::now();
        if done.measure {
            self.measure = now + measure;
        }
        if done.look {
            // One that is not wanted sooner comes with the next measurement.
            self.look = if look < measure {
                now + look
            } else {
                self.measure
            };
        }
        self.set();
    }
}

fn timer() -> Option<(Timer, Wake)> {
    let timer = Timer::new()?;
    let wake = Wake::on(timer.as_fd())?;
    Some((timer, wake))
}

fn due(now: Instant, look: Instant, measure: Instant) -> Due {
    let soon = now + SCHEDULE_SLACK;
    let any = now >= look.min(measure);
    Due {
        look: any && look <= soon,
        measure: any && measure <= soon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_woken_when_something_is_due_and_once_for_each_time() {
        let with = |timer| Schedule {
            timer,
            look: Instant::now() + Duration::from_secs(60),
            measure: Instant::now() + Duration::from_secs(60),
        };
        assert!(timer().is_some());
        for mut schedule in [with(timer()), with(None)] {
            schedule.set();
            for wait in [0, 30] {
                let at = Instant::now() + Duration::from_millis(wait);
                schedule.look = at;
                schedule.set();
                assert!(schedule.due().await.look);
                assert!(Instant::now() >= at);
            }
        }
        let schedule = Schedule::begin(Duration::from_secs(60));
        schedule.due().await;
        let again = tokio::time::timeout(Duration::from_millis(1), schedule.due());
        assert!(again.await.is_err(), "once");
    }

    #[test]
    fn what_is_due_within_a_moment_is_done_together() {
        let now = Instant::now() + Duration::from_secs(60);
        let time = |milliseconds: i64| match u64::try_from(milliseconds) {
            Ok(after) => now + Duration::from_millis(after),
            Err(_) => now - Duration::from_millis(milliseconds.unsigned_abs()),
        };
        for (look, measure, expected) in [
            (-1, 900, (true, false)),
            (-1, 90, (true, true)),
            (90, -1, (true, true)),
            (900, 0, (false, true)),
            (-900, -900, (true, true)),
            // Woken for nothing.
            (90, 90, (false, false)),
        ] {
            let Due {
                look: looks,
                measure: measures,
            } = due(now, time(look), time(measure));
            assert_eq!((looks, measures), expected, "{look} {measure}");
        }
    }
}
