//! Decides what becomes of a signal that the supervisor received. Pure: the time and what the group listener saw are given to it.
//!
//! What is done to our pid is done to the command, exactly once. A signal to the whole process group (a
//! terminal's Ctrl-C, a shell's `kill %1`, a scheduler that signals every process) has reached the command
//! already; a signal to our pid alone has not. Neither the code nor the sender of a signal tells the two
//! apart. The observer does: it stays in the group with everything blocked, so what was sent to the group it
//! has seen too. Its sighting may come a little later than our own copy (a loop over pids), never without
//! bound: after [`LISTENER_ANSWER_MS`] without a listener, the signal's origin decides.

use axolotl_run_core::limits::{LISTENER_ANSWER_MS, LISTENER_GRACE_MS, SIGHTING_MS, SIGNALS_MAX};
use axolotl_run_core::status::signal::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH,
};
use axolotl_run_sys::signals::Received;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the command.
    PassOn(Received),
    /// Ask the group listener, with this number, about this sender.
    Ask(i64, i32),
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    received: Received,
    ask_at: u64,
    asked: Option<(i64, u64)>,
    answered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    signal: i64,
    code: i64,
    sender: i64,
    at: u64,
}

/// The signals that wait for the group listener, and what it has said.
#[derive(Debug)]
pub struct Forwarding {
    waiting: [Option<Waiting>; SIGNALS_MAX],
    sightings: [Option<Sighting>; SIGNALS_MAX],
    questions: i64,
    listener: bool,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            waiting: [None; SIGNALS_MAX],
            sightings: [None; SIGNALS_MAX],
            questions: 0,
            listener: true,
        }
    }
}

impl Forwarding {
    /// A signal arrived. Some: it is to be passed on at once.
    pub fn received(&mut self, received: Received, now: u64) -> Option<Action> {
        self.cancel_what_it_cancels(received.signal);
        if self.take_sighting(&received, now) {
            return None;
        }
        let free = self.waiting.iter_mut().find(|place| place.is_none());
        match free {
            Some(place) if self.listener => {
                let ask_at = if received.from_kernel() {
                    now
                } else {
                    now + LISTENER_GRACE_MS
                };
                *place = Some(Waiting {
                    received,
                    ask_at,
                    asked: None,
                    answered: false,
                });
                None
            }
            _ => (!sent_by_terminal(&received)).then_some(Action::PassOn(received)),
        }
    }

    /// The listener saw a signal.
    pub fn sighted(&mut self, signal: i64, code: i64, sender: i64, now: u64) {
        let sighting = Sighting {
            signal,
            code,
            sender,
            at: now,
        };
        self.listener = true;
        let seen = self.waiting.iter_mut().find(|place| {
            place
                .as_ref()
                .is_some_and(|waiting| sighting.is_of(&waiting.received))
        });
        if let Some(place) = seen {
            *place = None;
            return;
        }
        let old = |place: &Option<Sighting>| {
            place
                .as_ref()
                .is_none_or(|sighting| sighting.at + SIGHTING_MS < now)
        };
        if let Some(place) = self.sightings.iter_mut().find(|place| old(place)) {
            *place = Some(sighting);
        }
    }

    /// The listener has said all that it saw before question `number`.
    pub fn answered(&mut self, number: i64) {
        self.listener = true;
        for waiting in self.waiting.iter_mut().flatten() {
            waiting.answered |= waiting.asked.is_some_and(|(asked, _)| asked <= number);
        }
    }

    /// The listener is gone; nothing waits for it any more.
    pub const fn listener_lost(&mut self) {
        self.listener = false;
    }

    /// The next thing to do, if there is one now.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        let (listener, questions) = (self.listener, self.questions);
        for place in &mut self.waiting {
            let Some(waiting) = place else { continue };
            let received = waiting.received;
            match waiting.asked {
                _ if waiting.answered => {
                    *place = None;
                    return Some(Action::PassOn(received));
                }
                Some((_, until)) if listener && now < until => {}
                None if listener && now < waiting.ask_at => {}
                None if listener => {
                    waiting.asked = Some((questions + 1, now + LISTENER_ANSWER_MS));
                    self.questions += 1;
                    return Some(Action::Ask(self.questions, received.sender));
                }
                _ => {
                    *place = None;
                    self.listener = false;
                    if !sent_by_terminal(&received) {
                        return Some(Action::PassOn(received));
                    }
                }
            }
        }
        None
    }

    /// Milliseconds until [`next`](Self::next) has something to do; None while nothing waits.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<u64> {
        let until = |waiting: &Waiting| waiting.asked.map_or(waiting.ask_at, |(_, until)| until);
        self.waiting
            .iter()
            .flatten()
            .map(|waiting| until(waiting).saturating_sub(now))
            .min()
    }

    /// Whether a SIGCONT is under way to the command: then it is not stopped for long.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.waiting
            .iter()
            .flatten()
            .any(|waiting| waiting.received.signal == SIGCONT)
    }

    /// The kernel discards pending stops when a process is continued, and the other way round; so does the time
    /// that signals wait here.
    fn cancel_what_it_cancels(&mut self, signal: i32) {
        let stops = |signal| matches!(signal, SIGTSTP | SIGTTIN | SIGTTOU);
        for place in &mut self.waiting {
            let Some(Waiting { received, .. }) = place else {
                continue;
            };
            if (signal == SIGCONT && stops(received.signal))
                || (stops(signal) && received.signal == SIGCONT)
            {
                *place = None;
            }
        }
    }

    fn take_sighting(&mut self, received: &Received, now: u64) -> bool {
        for place in &mut self.sightings {
            if place.as_ref().is_some_and(|sighting| {
                sighting.at + SIGHTING_MS >= now && sighting.is_of(received)
            }) {
                *place = None;
                return true;
            }
        }
        false
    }
}

impl Sighting {
    fn is_of(&self, received: &Received) -> bool {
        (self.signal, self.code, self.sender)
            == (
                i64::from(received.signal),
                i64::from(received.code),
                i64::from(received.sender),
            )
    }
}

/// Without a listener: the kernel's own signals of these kinds come from a terminal and go to the group.
const fn sent_by_terminal(received: &Received) -> bool {
    received.from_kernel()
        && matches!(
            received.signal,
            SIGINT | SIGQUIT | SIGHUP | SIGCONT | SIGTSTP | SIGWINCH
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    use axolotl_run_core::status::signal::SIGTERM;

    const ALARM: i32 = 14;

    const fn sent(signal: i32, sender: i32) -> Received {
        Received {
            signal,
            code: 0,
            sender,
            value: 0,
        }
    }

    const fn by_kernel(signal: i32) -> Received {
        Received {
            signal,
            code: 0x80,
            sender: 0,
            value: 0,
        }
    }

    /// Moves on to a point in time and returns what it did by then.
    fn until(forwarding: &mut Forwarding, now: u64) -> Vec<Action> {
        std::iter::from_fn(|| forwarding.next(now)).collect()
    }

    #[test]
    fn a_signal_to_our_pid_alone_is_passed_on_once() {
        let mut forwarding = Forwarding::default();
        assert_eq!(forwarding.received(sent(SIGTERM, 7), 0), None);
        assert_eq!(until(&mut forwarding, LISTENER_GRACE_MS - 1), []);
        assert_eq!(forwarding.wait(LISTENER_GRACE_MS - 1), Some(1));
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS),
            [Action::Ask(1, 7)]
        );
        forwarding.answered(1);
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS),
            [Action::PassOn(sent(SIGTERM, 7))]
        );
        assert_eq!(
            (until(&mut forwarding, 10_000), forwarding.wait(0)),
            (vec![], None)
        );
    }

    #[test]
    fn a_signal_to_the_group_is_not_passed_on_whoever_saw_it_first() {
        for listener_first in [true, false] {
            let mut forwarding = Forwarding::default();
            if listener_first {
                forwarding.sighted(15, 0, 7, 0);
            }
            assert_eq!(forwarding.received(sent(SIGTERM, 7), 3), None);
            if !listener_first {
                forwarding.sighted(15, 0, 7, 10);
            }
            assert_eq!(
                until(&mut forwarding, 1000),
                [],
                "listener first: {listener_first}"
            );
        }
    }

    #[test]
    fn a_sighting_counts_for_one_signal_of_one_sender_and_not_for_long() {
        let mut forwarding = Forwarding::default();
        forwarding.sighted(15, 0, 7, 0);
        forwarding.received(sent(SIGTERM, 8), 1);
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS + 5),
            [Action::Ask(1, 8)],
            "another sender"
        );
        forwarding.answered(1);
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS + 5),
            [Action::PassOn(sent(SIGTERM, 8))]
        );
        forwarding.received(sent(SIGTERM, 7), LISTENER_GRACE_MS + 6);
        assert_eq!(
            until(&mut forwarding, 3 * LISTENER_GRACE_MS),
            [],
            "the sighting's own signal"
        );
        forwarding.sighted(15, 0, 7, 200);
        forwarding.received(sent(SIGTERM, 7), 201 + SIGHTING_MS);
        assert_eq!(until(&mut forwarding, 2000).len(), 1, "stale sighting");
    }

    #[test]
    fn without_a_listener_only_the_terminals_signals_are_taken_for_the_groups() {
        for (received, expected) in [
            (sent(SIGTERM, 7), vec![Action::PassOn(sent(SIGTERM, 7))]),
            (by_kernel(SIGINT), vec![]),
            (by_kernel(ALARM), vec![Action::PassOn(by_kernel(ALARM))]),
        ] {
            let mut forwarding = Forwarding::default();
            forwarding.listener_lost();
            assert_eq!(
                forwarding
                    .received(received, 0)
                    .into_iter()
                    .collect::<Vec<_>>(),
                expected
            );
            let mut silent = Forwarding::default();
            silent.received(received, 0);
            until(&mut silent, LISTENER_GRACE_MS);
            assert_eq!(
                until(&mut silent, LISTENER_GRACE_MS + LISTENER_ANSWER_MS),
                expected,
                "a listener that does not answer"
            );
        }
    }

    #[test]
    fn a_stop_and_a_continue_that_both_wait_are_the_last_of_them() {
        for (first, second) in [(SIGTSTP, SIGCONT), (SIGCONT, SIGTSTP)] {
            let mut forwarding = Forwarding::default();
            forwarding.received(sent(first, 7), 0);
            forwarding.received(sent(second, 7), 1);
            assert_eq!(forwarding.continues(), second == SIGCONT);
            until(&mut forwarding, LISTENER_GRACE_MS + 1);
            forwarding.answered(2);
            assert_eq!(
                until(&mut forwarding, LISTENER_GRACE_MS + 1),
                [Action::PassOn(sent(second, 7))]
            );
        }
    }

    #[test]
    fn a_flood_is_passed_on_rather_than_lost() {
        let mut forwarding = Forwarding::default();
        let passed = (0..40)
            .filter_map(|sender| forwarding.received(sent(10, sender), 0))
            .count();
        assert_eq!(passed, 40 - SIGNALS_MAX);
        until(&mut forwarding, LISTENER_GRACE_MS);
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS + LISTENER_ANSWER_MS).len(),
            SIGNALS_MAX
        );
    }
}
