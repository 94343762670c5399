//! A moment as the clock on the user's wall shows it.
//!
//! Only for what the user reads on their own machine: events carry UTC. The C library knows the time zone, from `TZ` or
//! the system's file.

use nix::libc;
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment with the difference of its time zone.
#[derive(Clone, Copy)]
pub struct LocalTime {
    parts: libc::tm,
    milliseconds: u32,
}

impl LocalTime {
    /// The moment here; None where it is none that a calendar has.
    pub fn of(time: SystemTime) -> Option<Self> {
        let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
        let seconds = libc::time_t::try_from(since_1970.as_secs()).ok()?;
        let mut parts = MaybeUninit::<libc::tm>::uninit();
        // SAFETY: both pointers are valid for the call, which writes the whole structure where it does not return null.
        let is_written =
            !unsafe { libc::localtime_r(&raw const seconds, parts.as_mut_ptr()) }.is_null();
        if !is_written {
            return None;
        }
        Some(Self {
            // SAFETY: the call before has written it.
            parts: unsafe { parts.assume_init() },
            milliseconds: since_1970.subsec_millis(),
        })
    }

    /// `2026-11-29 14:23:07.120`.
    pub fn to_millisecond(&self) -> String {
        format!("{}.{:03}", self.to_second(), self.milliseconds)
    }

    /// `2026-11-29 14:23:07 +0100`.
    pub fn with_offset(&self) -> String {
        let minutes = self.parts.tm_gmtoff / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.unsigned_abs();
        let (hours, minutes) = (minutes / 60, minutes % 60);
        format!("{} {sign}{hours:02}{minutes:02}", self.to_second())
    }

    /// `2026-11-29 14:23`.
    pub fn to_minute(&self) -> String {
        let mut text = self.to_second();
        text.truncate("2026-11-29 14:23".len());
        text
    }

    /// `2026-11-29 14:23:07`.
    fn to_second(self) -> String {
        let parts = self.parts;
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            parts.tm_year.saturating_add(1900),
            parts.tm_mon.saturating_add(1),
            parts.tm_mday,
            parts.tm_hour,
            parts.tm_min,
            parts.tm_sec
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_written_to_be_read() {
        // Noon on a first of January falls into that year wherever the test runs.
        let time = UNIX_EPOCH + Duration::from_millis(1_767_268_800_042);
        let local = LocalTime::of(time).unwrap();
        assert!(local.to_millisecond().starts_with("2026-01-0"));
        assert!(local.to_millisecond().ends_with(".042"));
        assert!(local.to_millisecond().starts_with(&local.to_minute()));
        assert_eq!(local.to_minute().len(), 16);
        assert_eq!(local.with_offset().len(), "2026-01-01 12:00:00 +0000".len());
    }
}
