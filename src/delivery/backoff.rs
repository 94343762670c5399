//! How long to wait after a failure that may pass.
//!
//! Full jitter: a thousand nodes of one job that lost the server at the same moment must not come back at the same
//! moment. `Retry-After` overrides it, up to a bound. After [`limits::BREAKER_FAILURES`] failures in a row the circuit is
//! open: from then on single probes are sent, with growing waits that `Retry-After` cannot shorten. Pure: the caller
//! gives chance and time.

use axolotl_run_core::limits;
use std::time::{Duration, SystemTime};

/// First backoff after a transient failure; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Shortest backoff by chance: PostHog asks its clients for it, and a shorter one spares nobody anything.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest backoff, and the longest `Retry-After` that is honoured.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The wait before the next attempt, after `failures` in a row (at least one); `chance` is from 0 to 1.
pub fn wait(failures_in_a_row: u32, chance: f64, retry_after: Option<Duration>) -> Duration {
    let wished_wait = retry_after.map(|wished_wait| wished_wait.min(BACKOFF_MAX));
    let doublings = failures_in_a_row.saturating_sub(1).min(16);
    let longest_wait = BACKOFF_FIRST
        .saturating_mul(1 << doublings)
        .min(BACKOFF_MAX);
    let chance = if (0.0..=1.0).contains(&chance) {
        chance
    } else {
        1.0
    };
    if is_open(failures_in_a_row) {
        // At least half of it, so that probes do not come sooner by chance than the attempts before them.
        let wait = longest_wait.mul_f64(0.5 + chance / 2.0);
        return wait.max(wished_wait.unwrap_or_default());
    }
    wished_wait.unwrap_or_else(|| longest_wait.mul_f64(chance).max(BACKOFF_MIN))
}

/// Whether so many failures in a row have opened the circuit.
pub const fn is_open(failures_in_a_row: u32) -> bool {
    failures_in_a_row >= limits::BREAKER_FAILURES
}

/// Reads a `Retry-After` header: seconds, or an HTTP date.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(date) = httpdate::parse_http_date(header) {
        let wished_wait = date.duration_since(now).unwrap_or_default();
        return Some(wished_wait.min(BACKOFF_MAX));
    }
    if header.is_empty() || !header.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number beyond u64 is a wish to be left alone; it is clamped like any other.
    let seconds = header.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(BACKOFF_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_from_half_a_second_to_half_a_minute() {
        for (failures_in_a_row, seconds) in [
            (0, 0.5),
            (1, 0.5),
            (2, 1.0),
            (3, 2.0),
            (6, 16.0),
            (7, 30.0),
            (8, 30.0),
        ] {
            assert_eq!(
                wait(failures_in_a_row, 1.0, None),
                Duration::from_secs_f64(seconds),
                "{failures_in_a_row}"
            );
        }
        assert_eq!(wait(2, 0.5, None), Duration::from_millis(500));
        assert_eq!(wait(2, 0.0, None), BACKOFF_MIN);
        assert_eq!(wait(u32::MAX, 1.0, None), BACKOFF_MAX);
    }

    #[test]
    fn probes_grow_whatever_chance_and_a_broken_server_say() {
        let now = Some(Duration::ZERO);
        let waits: Vec<_> = (3..=8)
            .map(|failures_in_a_row| wait(failures_in_a_row, 0.0, now).as_secs_f64())
            .collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]);
        assert_eq!(
            wait(4, 0.0, Some(Duration::from_secs(20))),
            Duration::from_secs(20)
        );
        assert_eq!([0, 2, 3, 9].map(is_open), [false, false, true, true]);
    }

    #[test]
    fn the_servers_wish_goes_before_within_reason() {
        assert_eq!(
            wait(1, 1.0, Some(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
        assert_eq!(wait(2, 1.0, Some(Duration::ZERO)), Duration::ZERO);
        assert_eq!(wait(1, 0.0, Some(Duration::from_secs(3600))), BACKOFF_MAX);
    }

    #[test]
    fn a_wish_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 13:16:54 GMT").unwrap();
        for (header, seconds) in [
            ("0", Some(0)),
            (" 12 ", Some(12)),
            ("3600", Some(30)),
            ("99999999999999999999999", Some(30)),
            ("Sun, 22 Nov 2026 13:17:04 GMT", Some(10)),
            ("Sun, 22 Nov 2026 13:16:04 GMT", Some(0)),
            ("Mon, 23 Nov 2026 13:16:54 GMT", Some(30)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(
                retry_after(header, now),
                seconds.map(Duration::from_secs),
                "{header:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_half_a_minute(failures_in_a_row in any::<u32>(), chance in any::<f64>(), wished_wait in ".{0,40}") {
            let wished_wait = retry_after(&wished_wait, SystemTime::UNIX_EPOCH);
            prop_assert!(wait(failures_in_a_row, chance, wished_wait) <= BACKOFF_MAX);
        }
    }
}
