//! When the launcher may go after the command's end. Pure: time is given to it.
//!
//! First everything that the command wrote arrives, for as long as the command itself would have had to wait
//! for a stopped terminal; then the observer takes over what is still open; then there is a short, bounded
//! wait for the finish event to be written and, where the server is known to answer, for its upload. Any
//! signal ends every wait.

use super::limits;
use crate::protocol::messages::Upload;
use axolotl_run_core::status::{End, Usage};
use std::time::Duration;

/// The time between the command's end and ours.
#[derive(Debug)]
pub struct Shutdown {
    /// How the command ended.
    pub end: End,
    /// What it used.
    pub usage: Usage,
    moved_at: u64,
    interrupted: bool,
    handed_over_at: Option<u64>,
    patience: Duration,
    heard: Heard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Journaled,
    Enough,
}

const fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl Shutdown {
    /// The command ended now.
    #[must_use]
    pub const fn new(end: End, usage: Usage, now: u64) -> Self {
        let patience = limits::END_JOURNAL_WAIT;
        Self {
            end,
            usage,
            moved_at: now,
            interrupted: false,
            handed_over_at: None,
            patience,
            heard: Heard::Nothing,
        }
    }

    /// The user wants to hear how it went, or what is not written by then never is.
    #[must_use]
    pub const fn patient(self) -> Self {
        Self {
            patience: limits::END_PATIENT_WAIT,
            ..self
        }
    }

    /// Some of the tail arrived.
    pub const fn moved(&mut self, now: u64) {
        self.moved_at = now;
    }

    /// A signal came: somebody wants us gone.
    pub const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Whether one has come.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// The finish event is written.
    pub const fn journaled(&mut self, upload: Upload) {
        self.heard = match upload {
            Upload::Expected => Heard::Journaled,
            Upload::NotExpected => Heard::Enough,
        };
    }

    /// The upload is over.
    pub const fn uploaded(&mut self) {
        self.heard = Heard::Enough;
    }

    /// There is no observer (any more).
    pub const fn nobody_listens(&mut self) {
        self.heard = Heard::Enough;
    }

    /// Whether the relays are the observer's by now.
    #[must_use]
    pub const fn handed_over(&self) -> bool {
        self.handed_over_at.is_some()
    }

    /// Whether the rest of the streams may be left to the observer; `waiting`: a destination takes nothing now.
    #[must_use]
    pub const fn may_hand_over(&self, waiting: bool, now: u64) -> bool {
        let stuck =
            matches!(self.end, End::Signaled(_)) && now >= self.moved_at + limits::END_STUCK_MS;
        !waiting || self.interrupted || stuck
    }

    /// The streams are left to the observer, if there is one.
    pub const fn hand_over(&mut self, now: u64, observed: bool) {
        self.handed_over_at = Some(now);
        if !observed {
            self.heard = Heard::Enough;
        }
    }

    /// Whether it is time to go.
    #[must_use]
    pub const fn is_over(&self, now: u64) -> bool {
        match (self.handed_over_at, self.heard) {
            (None, _) => false,
            (Some(_), Heard::Enough) => true,
            (Some(_), _) if self.interrupted => true,
            (Some(since), Heard::Nothing) => now >= since + ms(self.patience),
            (Some(since), Heard::Journaled) => now >= since + ms(limits::END_UPLOAD_WAIT),
        }
    }

    /// Milliseconds until something changes by itself.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<u64> {
        let until = match (self.handed_over_at, self.heard) {
            (None, _) if matches!(self.end, End::Signaled(_)) => {
                self.moved_at + limits::END_STUCK_MS
            }
            (None, _) => return None,
            (Some(since), Heard::Journaled) => since + ms(limits::END_UPLOAD_WAIT),
            (Some(since), _) => since + ms(self.patience),
        };
        Some(until.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shutdown(end: End) -> Shutdown {
        Shutdown::new(end, Usage::default(), 1000)
    }

    #[test]
    fn a_stopped_terminal_keeps_a_normal_end_waiting_and_a_killed_one_not_for_long() {
        for (end, waiting, now, may) in [
            (End::Exited(0), false, 1000, true),
            (End::Exited(0), true, 100_000, false),
            (
                End::Signaled(9),
                true,
                1000 + limits::END_STUCK_MS - 1,
                false,
            ),
            (End::Signaled(9), true, 1000 + limits::END_STUCK_MS, true),
        ] {
            assert_eq!(
                shutdown(end).may_hand_over(waiting, now),
                may,
                "{end:?} {waiting} {now}"
            );
        }
        let mut interrupted = shutdown(End::Exited(0));
        interrupted.interrupt();
        assert!(interrupted.may_hand_over(true, 1000));
    }

    #[test]
    fn the_waits_are_bounded_and_end_early() {
        type Happening = fn(&mut Shutdown);
        let cases: [(Happening, u64); 6] = [
            (|_| {}, ms(limits::END_JOURNAL_WAIT)),
            (
                |shutdown| shutdown.patience = limits::END_PATIENT_WAIT,
                ms(limits::END_PATIENT_WAIT),
            ),
            (|shutdown| shutdown.journaled(Upload::NotExpected), 0),
            (
                |shutdown| shutdown.journaled(Upload::Expected),
                ms(limits::END_UPLOAD_WAIT),
            ),
            (Shutdown::interrupt, 0),
            (Shutdown::nobody_listens, 0),
        ];
        for (number, (happen, until)) in cases.into_iter().enumerate() {
            let mut shutdown = shutdown(End::Exited(0));
            shutdown.hand_over(2000, true);
            happen(&mut shutdown);
            assert!(
                until == 0 || !shutdown.is_over(2000 + until - 1),
                "case {number}"
            );
            assert!(shutdown.is_over(2000 + until), "case {number}");
        }
    }
}
