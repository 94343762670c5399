//! When the launcher may go after the command's end. Pure: time is given to it.
//!
//! First everything that the command wrote arrives, for as long as the command itself would have had to wait
//! for a stopped terminal, unless it may be the words of a process that goes on writing; then the observer takes over what is still open; then there is a short, bounded
//! wait for the finish event to be written and, where the server is known to answer, for its upload. Any
//! signal ends every wait.

use super::limits;
use crate::protocol::messages::Upload;
use axolotl_run_core::status::{End, Usage};
use std::time::Duration;

/// Whose words those are that were written by the command's end and have not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tail {
    /// There are none.
    Arrived,
    /// Perhaps the command's: another process still has the stream.
    Shared,
    /// The command's, and of those that it started and that have ended, too.
    Own,
}

/// The time between the command's end and ours.
pub struct Shutdown {
    /// How the command ended.
    pub end: End,
    /// What it used.
    pub usage: Usage,
    /// What is left to arrive.
    pub tail: Tail,
    /// When some of it arrived last.
    pub moved_at: u64,
    ended_at: u64,
    /// A signal came: somebody wants us gone.
    pub interrupted: bool,
    /// Since when the relays are the observer's.
    pub handed_over_at: Option<u64>,
    /// How long the finish event may take to be written.
    patience: Duration,
    heard: Heard,
}

#[derive(Clone, Copy)]
enum Heard {
    Nothing,
    Journaled,
    Enough,
}

fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl Shutdown {
    /// The command ended now.
    pub fn new(end: End, usage: Usage, now: u64, patience: Duration) -> Self {
        Self {
            end,
            usage,
            tail: Tail::Own,
            moved_at: now,
            ended_at: now,
            interrupted: false,
            handed_over_at: None,
            patience,
            heard: Heard::Nothing,
        }
    }

    /// The finish event is written.
    pub fn journaled(&mut self, upload: Upload) {
        self.heard = match upload {
            Upload::Expected => Heard::Journaled,
            Upload::NotExpected => Heard::Enough,
        };
    }

    /// The upload is over, or there is no observer (any more).
    pub fn heard_enough(&mut self) {
        self.heard = Heard::Enough;
    }

    /// Whether the rest of the streams may be left to the observer.
    pub fn may_hand_over(&self, now: u64) -> bool {
        let is_stuck = self.stuck_at().is_some_and(|at| now >= at);
        self.tail == Tail::Arrived || self.interrupted || is_stuck
    }

    /// When the tail is not waited for any longer.
    fn stuck_at(&self) -> Option<u64> {
        let killed = match self.end {
            End::Signaled(_) => Some(self.moved_at + limits::END_STUCK_MS),
            End::Exited(_) => None,
        };
        let shared = (self.tail == Tail::Shared).then_some(self.ended_at + limits::END_SHARED_MS);
        killed.into_iter().chain(shared).min()
    }

    /// When it is time to go.
    fn over_at(&self) -> Option<u64> {
        let wait = match self.heard {
            _ if self.interrupted => 0,
            Heard::Enough => 0,
            Heard::Nothing => ms(self.patience),
            Heard::Journaled => ms(limits::END_UPLOAD_WAIT),
        };
        Some(self.handed_over_at? + wait)
    }

    /// Whether it is.
    pub fn is_over(&self, now: u64) -> bool {
        self.over_at().is_some_and(|at| now >= at)
    }

    /// Milliseconds until something changes by itself.
    pub fn wait(&self, now: u64) -> Option<u64> {
        let next = self.over_at().or_else(|| self.stuck_at())?;
        Some(next.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shutdown(end: End) -> Shutdown {
        Shutdown::new(end, Usage::default(), 1000, limits::END_JOURNAL_WAIT)
    }

    #[test]
    fn a_stopped_terminal_keeps_a_normal_end_waiting_and_a_killed_one_not_for_long() {
        let (exited, killed) = (End::Exited(0), End::Signaled(9));
        let (stuck, shared) = (1000 + limits::END_STUCK_MS, 1000 + limits::END_SHARED_MS);
        for (end, tail, now, may) in [
            (exited, Tail::Arrived, 1000, true),
            (exited, Tail::Own, 100_000, false),
            (exited, Tail::Shared, shared - 1, false),
            (exited, Tail::Shared, shared, true),
            (killed, Tail::Own, stuck - 1, false),
            (killed, Tail::Own, stuck, true),
        ] {
            let mut shutdown = shutdown(end);
            shutdown.tail = tail;
            assert_eq!(shutdown.may_hand_over(now), may, "{end:?} {tail:?} {now}");
        }
        let mut interrupted = shutdown(exited);
        interrupted.interrupted = true;
        assert!(interrupted.may_hand_over(1000));
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
            (|shutdown| shutdown.interrupted = true, 0),
            (Shutdown::heard_enough, 0),
        ];
        for (number, (happen, until)) in cases.into_iter().enumerate() {
            let mut shutdown = shutdown(End::Exited(0));
            shutdown.handed_over_at = Some(2000);
            happen(&mut shutdown);
            assert!(
                until == 0 || !shutdown.is_over(2000 + until - 1),
                "case {number}"
            );
            assert!(shutdown.is_over(2000 + until), "case {number}");
        }
    }
}
