//! When the loop looks and when it measures, of its own accord.
//!
//! Being woken costs more than what is then done. So what is due within a moment is done together, and where nothing
//! needs a look each second there is none: no file is followed, memory is far from being short. Used by the loop.

use axolotl_run_core::limits;
use axolotl_run_sys::alarm::Alarm;
use std::time::Duration;
use tokio::time::Instant;

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
    alarm: Alarm,
    look: Instant,
    measure: Instant,
}

impl Schedule {
    /// A look at once, the first measurement after so long.
    pub fn begin(measure: Duration) -> Self {
        let now = Instant::now();
        let mut schedule = Self {
            alarm: Alarm::new(),
            look: now,
            measure: now + measure,
        };
        schedule.alarm.set(now);
        schedule
    }

    /// Waits until something is due. May be given up and begun again.
    pub async fn due(&self) -> Due {
        self.alarm.rings().await;
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
        self.alarm.set(self.look.min(self.measure));
    }
}

fn due(now: Instant, look: Instant, measure: Instant) -> Due {
    let soon = now + limits::SCHEDULE_SLACK;
    let any = now >= look.min(measure);
    Due {
        look: any && look <= soon,
        measure: any && measure <= soon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
