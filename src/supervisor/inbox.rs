//! Decides what becomes of a signal that the supervisor received. Pure: time and testimony are given to it.
//!
//! What is done to our pid is done to the command, exactly once. A signal to the whole process group (a
//! terminal's Ctrl-C, a shell's `kill %1`, a scheduler that signals every process) has reached the command
//! already; a signal to our pid alone has not. Neither the code nor the sender of a signal tells the two
//! apart. The observer does: it stays in the group with everything blocked, so what was sent to the group it
//! has seen too. Its testimony may come a little later than our own copy (a loop over pids), never without
//! bound: after [`WITNESS_ANSWER_MS`] without a witness, the signal's origin decides.

use axolotl_run_core::limits::{
    SIGNALS_MAX, WITNESS_ANSWER_MS, WITNESS_GRACE_MS, WITNESS_TESTIMONY_MS,
};
use axolotl_run_core::status::signal::{
    CONTINUE, HANGUP, INTERRUPT, QUIT, TERMINAL_INPUT, TERMINAL_OUTPUT, TERMINAL_STOP,
    WINDOW_CHANGE,
};
use axolotl_run_sys::signals::Received;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the command.
    PassOn(Received),
    /// Ask the witness, with this number, about this sender.
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
struct Testimony {
    signal: i64,
    code: i64,
    sender: i64,
    at: u64,
}

/// The signals that wait for the witness, and what it has said.
#[derive(Debug)]
pub struct Inbox {
    waiting: [Option<Waiting>; SIGNALS_MAX],
    testimonies: [Option<Testimony>; SIGNALS_MAX],
    questions: i64,
    witness: bool,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            waiting: [None; SIGNALS_MAX],
            testimonies: [None; SIGNALS_MAX],
            questions: 0,
            witness: true,
        }
    }
}

impl Inbox {
    /// A signal arrived. Some: it is to be passed on at once.
    pub fn received(&mut self, received: Received, now: u64) -> Option<Action> {
        self.cancel_what_it_cancels(received.signal);
        if self.take_testimony(&received, now) {
            return None;
        }
        let free = self.waiting.iter_mut().find(|place| place.is_none());
        match free {
            Some(place) if self.witness => {
                let ask_at = if received.from_kernel() {
                    now
                } else {
                    now + WITNESS_GRACE_MS
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

    /// The witness saw a signal.
    pub fn witnessed(&mut self, signal: i64, code: i64, sender: i64, now: u64) {
        let testimony = Testimony {
            signal,
            code,
            sender,
            at: now,
        };
        self.witness = true;
        let seen = self.waiting.iter_mut().find(|place| {
            place
                .as_ref()
                .is_some_and(|waiting| testimony.is_of(&waiting.received))
        });
        if let Some(place) = seen {
            *place = None;
            return;
        }
        let old = |place: &Option<Testimony>| {
            place
                .as_ref()
                .is_none_or(|testimony| testimony.at + WITNESS_TESTIMONY_MS < now)
        };
        if let Some(place) = self.testimonies.iter_mut().find(|place| old(place)) {
            *place = Some(testimony);
        }
    }

    /// The witness has said all that it saw before question `number`.
    pub fn answered(&mut self, number: i64) {
        self.witness = true;
        for waiting in self.waiting.iter_mut().flatten() {
            waiting.answered |= waiting.asked.is_some_and(|(asked, _)| asked <= number);
        }
    }

    /// The witness is gone; nothing waits for it any more.
    pub const fn witness_lost(&mut self) {
        self.witness = false;
    }

    /// The next thing to do, if there is one now.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        let (witness, questions) = (self.witness, self.questions);
        for place in &mut self.waiting {
            let Some(waiting) = place else { continue };
            let received = waiting.received;
            match waiting.asked {
                _ if waiting.answered => {
                    *place = None;
                    return Some(Action::PassOn(received));
                }
                Some((_, until)) if witness && now < until => {}
                None if witness && now < waiting.ask_at => {}
                None if witness => {
                    waiting.asked = Some((questions + 1, now + WITNESS_ANSWER_MS));
                    self.questions += 1;
                    return Some(Action::Ask(self.questions, received.sender));
                }
                _ => {
                    *place = None;
                    self.witness = false;
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
            .any(|waiting| waiting.received.signal == CONTINUE)
    }

    /// The kernel discards pending stops when a process is continued, and the other way round; so does the time
    /// that signals wait here.
    fn cancel_what_it_cancels(&mut self, signal: i32) {
        let stops = |signal| matches!(signal, TERMINAL_STOP | TERMINAL_INPUT | TERMINAL_OUTPUT);
        for place in &mut self.waiting {
            let Some(Waiting { received, .. }) = place else {
                continue;
            };
            if (signal == CONTINUE && stops(received.signal))
                || (stops(signal) && received.signal == CONTINUE)
            {
                *place = None;
            }
        }
    }

    fn take_testimony(&mut self, received: &Received, now: u64) -> bool {
        for place in &mut self.testimonies {
            if place.as_ref().is_some_and(|testimony| {
                testimony.at + WITNESS_TESTIMONY_MS >= now && testimony.is_of(received)
            }) {
                *place = None;
                return true;
            }
        }
        false
    }
}

impl Testimony {
    fn is_of(&self, received: &Received) -> bool {
        (self.signal, self.code, self.sender)
            == (
                i64::from(received.signal),
                i64::from(received.code),
                i64::from(received.sender),
            )
    }
}

/// Without a witness: the kernel's own signals of these kinds come from a terminal and go to the group.
const fn sent_by_terminal(received: &Received) -> bool {
    received.from_kernel()
        && matches!(
            received.signal,
            INTERRUPT | QUIT | HANGUP | CONTINUE | TERMINAL_STOP | WINDOW_CHANGE
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    use axolotl_run_core::status::signal::TERMINATE;

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

    /// Runs the inbox to a point in time and returns what it did by then.
    fn until(inbox: &mut Inbox, now: u64) -> Vec<Action> {
        std::iter::from_fn(|| inbox.next(now)).collect()
    }

    #[test]
    fn a_signal_to_our_pid_alone_is_passed_on_once() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.received(sent(TERMINATE, 7), 0), None);
        assert_eq!(until(&mut inbox, WITNESS_GRACE_MS - 1), []);
        assert_eq!(inbox.wait(WITNESS_GRACE_MS - 1), Some(1));
        assert_eq!(until(&mut inbox, WITNESS_GRACE_MS), [Action::Ask(1, 7)]);
        inbox.answered(1);
        assert_eq!(
            until(&mut inbox, WITNESS_GRACE_MS),
            [Action::PassOn(sent(TERMINATE, 7))]
        );
        assert_eq!((until(&mut inbox, 10_000), inbox.wait(0)), (vec![], None));
    }

    #[test]
    fn a_signal_to_the_group_is_not_passed_on_whoever_saw_it_first() {
        for witness_first in [true, false] {
            let mut inbox = Inbox::default();
            if witness_first {
                inbox.witnessed(15, 0, 7, 0);
            }
            assert_eq!(inbox.received(sent(TERMINATE, 7), 3), None);
            if !witness_first {
                inbox.witnessed(15, 0, 7, 10);
            }
            assert_eq!(
                until(&mut inbox, 1000),
                [],
                "witness first: {witness_first}"
            );
        }
    }

    #[test]
    fn testimony_counts_for_one_signal_of_one_sender_and_not_for_long() {
        let mut inbox = Inbox::default();
        inbox.witnessed(15, 0, 7, 0);
        inbox.received(sent(TERMINATE, 8), 1);
        assert_eq!(
            until(&mut inbox, WITNESS_GRACE_MS + 5),
            [Action::Ask(1, 8)],
            "another sender"
        );
        inbox.answered(1);
        assert_eq!(
            until(&mut inbox, WITNESS_GRACE_MS + 5),
            [Action::PassOn(sent(TERMINATE, 8))]
        );
        inbox.received(sent(TERMINATE, 7), WITNESS_GRACE_MS + 6);
        assert_eq!(
            until(&mut inbox, 3 * WITNESS_GRACE_MS),
            [],
            "the testimony's own signal"
        );
        inbox.witnessed(15, 0, 7, 200);
        inbox.received(sent(TERMINATE, 7), 201 + WITNESS_TESTIMONY_MS);
        assert_eq!(until(&mut inbox, 2000).len(), 1, "stale testimony");
    }

    #[test]
    fn without_a_witness_only_the_terminals_signals_are_taken_for_the_groups() {
        for (received, expected) in [
            (sent(TERMINATE, 7), vec![Action::PassOn(sent(TERMINATE, 7))]),
            (by_kernel(INTERRUPT), vec![]),
            (by_kernel(ALARM), vec![Action::PassOn(by_kernel(ALARM))]),
        ] {
            let mut inbox = Inbox::default();
            inbox.witness_lost();
            assert_eq!(
                inbox.received(received, 0).into_iter().collect::<Vec<_>>(),
                expected
            );
            let mut silent = Inbox::default();
            silent.received(received, 0);
            until(&mut silent, WITNESS_GRACE_MS);
            assert_eq!(
                until(&mut silent, WITNESS_GRACE_MS + WITNESS_ANSWER_MS),
                expected,
                "a witness that does not answer"
            );
        }
    }

    #[test]
    fn a_stop_and_a_continue_that_both_wait_are_the_last_of_them() {
        for (first, second) in [(TERMINAL_STOP, CONTINUE), (CONTINUE, TERMINAL_STOP)] {
            let mut inbox = Inbox::default();
            inbox.received(sent(first, 7), 0);
            inbox.received(sent(second, 7), 1);
            assert_eq!(inbox.continues(), second == CONTINUE);
            until(&mut inbox, WITNESS_GRACE_MS + 1);
            inbox.answered(2);
            assert_eq!(
                until(&mut inbox, WITNESS_GRACE_MS + 1),
                [Action::PassOn(sent(second, 7))]
            );
        }
    }

    #[test]
    fn a_flood_is_passed_on_rather_than_lost() {
        let mut inbox = Inbox::default();
        let passed = (0..40)
            .filter_map(|sender| inbox.received(sent(10, sender), 0))
            .count();
        assert_eq!(passed, 40 - SIGNALS_MAX);
        until(&mut inbox, WITNESS_GRACE_MS);
        assert_eq!(
            until(&mut inbox, WITNESS_GRACE_MS + WITNESS_ANSWER_MS).len(),
            SIGNALS_MAX
        );
    }
}
