//! Decides what becomes of a signal that the supervisor received. Pure: the time is given to it, and what the group
//! listener saw.
//!
//! What is done to our pid is done to the command, exactly once. A signal to the whole process group (a
//! terminal's Ctrl-C, a shell's `kill %1`, a scheduler that signals every process) has reached the command
//! already; a signal to our pid alone has not. Neither the code nor the sender of a signal tells the two
//! apart. The observer does: it stays in the group with everything blocked, so what was sent to the group it
//! has seen too. Its sighting may come a little later than our own copy (a loop over pids), so it is asked, and answers
//! when the sender can be seen to have sent everything. After [`LISTENER_ANSWER_MS`] without an answer, the signal's
//! origin decides. Nothing overtakes a signal that waits: they arrive in the order in which they came.

use super::limits::{LISTENER_ANSWER_MS, RHYTHM_MS, SIGHTING_MS, SIGNALS_MAX};
use axolotl_run_core::status::SignalInfo;
use axolotl_run_core::status::signal::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH,
};

/// From this number on the kernel makes no one of two.
const FIRST_REAL_TIME: i32 = 32;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the command.
    PassOn(SignalInfo),
    /// Ask the group listener, with this number, about this signal's sender.
    Ask { number: u32, received: SignalInfo },
}

#[derive(Clone, Copy)]
struct Waiting {
    received: SignalInfo,
    /// When it came.
    at: u64,
    /// Of the question about it.
    number: u32,
    answer: ListenerAnswer,
}

/// What the group listener has said of a signal that it has not seen so far.
#[derive(Clone, Copy)]
enum ListenerAnswer {
    /// It has until this time to say something.
    Due { by: u64 },
    /// It will not see it.
    Unseen,
}

/// What the group listener saw, and when it said so.
#[derive(Clone, Copy)]
struct Sighting {
    seen: SignalInfo,
    at: u64,
}

/// A signal that was passed on, and when it had come.
#[derive(Clone, Copy)]
struct PassedOn {
    signal: i32,
    came_at: u64,
    at: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    Listens,
    /// It is gone, or has not answered in time.
    Silent,
}

/// The signals that wait for the group listener, in the order in which they came, and what it has said.
pub struct Forwarding {
    /// Those that wait come first, without a gap.
    waiting: [Option<Waiting>; SIGNALS_MAX],
    sightings: [Option<Sighting>; SIGNALS_MAX],
    questions: u32,
    listener: Listener,
    /// What was passed on last.
    last: Option<PassedOn>,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            waiting: [None; SIGNALS_MAX],
            sightings: [None; SIGNALS_MAX],
            questions: 0,
            listener: Listener::Listens,
            last: None,
        }
    }
}

impl Forwarding {
    /// Whether another signal can wait here. What finds no room waits where the kernel keeps it, as it would for the
    /// command.
    pub fn has_room(&self) -> bool {
        self.waiting.last().is_some_and(Option::is_none)
    }

    /// A signal arrived, for which there is room. Some: what is to be done at once.
    pub fn received(&mut self, received: SignalInfo, now: u64) -> Option<Action> {
        self.cancel_what_it_cancels(received.signal);
        for place in &mut self.sightings {
            if let Some(sighting) = place
                && now <= sighting.at + SIGHTING_MS
                && sighting.seen == received
            {
                *place = None;
                return None;
            }
        }
        self.questions = self.questions.wrapping_add(1);
        let number = self.questions;
        // One that is full was not asked for room.
        let place = self.waiting.iter_mut().find(|place| place.is_none())?;
        *place = Some(Waiting {
            received,
            at: now,
            number,
            answer: ListenerAnswer::Due {
                by: now + LISTENER_ANSWER_MS,
            },
        });
        (self.listener == Listener::Listens).then_some(Action::Ask { number, received })
    }

    /// The listener saw a signal.
    pub fn sighted(&mut self, seen: SignalInfo, now: u64) {
        self.listener = Listener::Listens;
        let mut places = self.waiting.iter();
        let is_seen = |place: &Option<Waiting>| place.is_some_and(|one| one.received == seen);
        if let Some(index) = places.position(is_seen) {
            self.remove(index);
            return;
        }
        for place in &mut self.sightings {
            if place.is_none_or(|old| old.at + SIGHTING_MS < now) {
                *place = Some(Sighting { seen, at: now });
                return;
            }
        }
    }

    /// The listener has said all that it saw before question `answer`.
    pub fn answered(&mut self, answer: u32) {
        self.listener = Listener::Listens;
        for waiting in self.waiting.iter_mut().flatten() {
            if waiting.number <= answer {
                waiting.answer = ListenerAnswer::Unseen;
            }
        }
    }

    /// The listener is gone; nothing waits for it any more.
    pub fn listener_lost(&mut self) {
        self.listener = Listener::Silent;
    }

    /// The next signal that is to be passed on, if it is one's time.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        while let Some(first) = self.first()
            && now >= self.due(&first, now)
        {
            self.remove(0);
            if let ListenerAnswer::Due { .. } = first.answer {
                self.listener = Listener::Silent;
                if is_from_terminal(&first.received) {
                    continue;
                }
            }
            self.last = Some(PassedOn {
                signal: first.received.signal,
                came_at: first.at,
                at: now,
            });
            return Some(Action::PassOn(first.received));
        }
        None
    }

    /// Milliseconds until [`next`](Self::next) has something to do; None while nothing waits.
    pub fn wait(&self, now: u64) -> Option<u64> {
        let due = self.due(&self.first()?, now);
        Some(due.saturating_sub(now))
    }

    /// Whether a SIGCONT is under way to the command: then it is not stopped for long.
    pub fn continues(&self) -> bool {
        let mut waiting = self.waiting.iter().flatten();
        waiting.any(|waiting| waiting.received.signal == SIGCONT)
    }

    /// Nobody overtakes it.
    fn first(&self) -> Option<Waiting> {
        *self.waiting.first()?
    }

    /// When the first signal's turn comes.
    fn due(&self, first: &Waiting, now: u64) -> u64 {
        if let ListenerAnswer::Due { by } = first.answer
            && self.listener == Listener::Listens
        {
            return by;
        }
        match self.last {
            Some(last) if last.signal == first.received.signal && last.signal < FIRST_REAL_TIME => {
                let distance = first.at.saturating_sub(last.came_at);
                if distance < RHYTHM_MS {
                    last.at + distance.max(1)
                } else {
                    now
                }
            }
            _ => now,
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(rest) = self.waiting.get_mut(index..)
            && let Some(place) = rest.first_mut()
        {
            *place = None;
            rest.rotate_left(1);
        }
    }

    /// The kernel discards pending stops when a process is continued, and the other way round; so does the time
    /// that signals wait here.
    fn cancel_what_it_cancels(&mut self, signal: i32) {
        for index in (0..SIGNALS_MAX).rev() {
            let Some(Some(waiting)) = self.waiting.get(index) else {
                continue;
            };
            let before = waiting.received.signal;
            if (signal == SIGCONT && stops(before)) || (stops(signal) && before == SIGCONT) {
                self.remove(index);
            }
        }
    }
}

fn stops(signal: i32) -> bool {
    matches!(signal, SIGTSTP | SIGTTIN | SIGTTOU)
}

/// The kernel's own signals of these kinds come from a terminal and go to the group, so the command has had them also
/// where no listener says so.
fn is_from_terminal(received: &SignalInfo) -> bool {
    received.is_from_kernel()
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
    const FIRST_OF_REAL_TIME: i32 = 34;

    const fn sent(signal: i32, sender: i32) -> SignalInfo {
        SignalInfo {
            signal,
            code: 0,
            sender,
            value: 0,
        }
    }

    const fn by_kernel(signal: i32) -> SignalInfo {
        SignalInfo {
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
        let received = sent(SIGTERM, 7);
        assert_eq!(
            forwarding.received(received, 0),
            Some(Action::Ask {
                number: 1,
                received
            })
        );
        assert_eq!(until(&mut forwarding, LISTENER_ANSWER_MS - 1), []);
        assert_eq!(forwarding.wait(LISTENER_ANSWER_MS - 1), Some(1));
        forwarding.answered(1);
        assert_eq!(forwarding.wait(10), Some(0));
        assert_eq!(until(&mut forwarding, 10), [Action::PassOn(received)]);
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
                forwarding.sighted(sent(SIGTERM, 7), 0);
            }
            let asked = forwarding.received(sent(SIGTERM, 7), 3).is_some();
            assert_eq!(asked, !listener_first);
            if !listener_first {
                forwarding.sighted(sent(SIGTERM, 7), 10);
            }
            forwarding.answered(1);
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
        forwarding.sighted(sent(SIGTERM, 7), 0);
        forwarding.received(sent(SIGTERM, 8), 1);
        forwarding.answered(1);
        assert_eq!(
            until(&mut forwarding, 1),
            [Action::PassOn(sent(SIGTERM, 8))],
            "another sender"
        );
        assert_eq!(
            forwarding.received(sent(SIGTERM, 7), 6),
            None,
            "the sighting's own signal"
        );
        forwarding.sighted(sent(SIGTERM, 7), 200);
        forwarding.received(sent(SIGTERM, 7), 201 + SIGHTING_MS);
        forwarding.answered(2);
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
            assert_eq!(forwarding.received(received, 0), None);
            assert_eq!(until(&mut forwarding, 0), expected);
            let mut silent = Forwarding::default();
            silent.received(received, 0);
            assert_eq!(until(&mut silent, LISTENER_ANSWER_MS - 1), []);
            assert_eq!(
                until(&mut silent, LISTENER_ANSWER_MS),
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
            forwarding.answered(2);
            assert_eq!(until(&mut forwarding, 1), [Action::PassOn(sent(second, 7))]);
        }
    }

    #[test]
    fn none_overtakes_another_and_what_finds_no_room_is_left_to_the_kernel() {
        let mut forwarding = Forwarding::default();
        let mut count = 0;
        while forwarding.has_room() {
            let asked = forwarding.received(sent(FIRST_OF_REAL_TIME + count, 7), 0);
            assert!(asked.is_some());
            count += 1;
        }
        assert_eq!(count as usize, SIGNALS_MAX);
        assert_eq!(forwarding.received(sent(SIGTERM, 7), 0), None);
        // The group has had one in the middle; the others go in their order, whenever they are answered.
        forwarding.sighted(sent(FIRST_OF_REAL_TIME + 5, 7), 1);
        assert!(forwarding.has_room());
        forwarding.answered(3);
        let mut passed = until(&mut forwarding, 2);
        assert_eq!(passed.len(), 3);
        forwarding.listener_lost();
        passed.extend(until(&mut forwarding, 3));
        let expected: Vec<_> = (0..count)
            .filter(|number| *number != 5)
            .map(|number| Action::PassOn(sent(FIRST_OF_REAL_TIME + number, 7)))
            .collect();
        assert_eq!(passed, expected);
    }

    #[test]
    fn two_of_the_same_stay_two_in_their_rhythm() {
        for (second_at, distance) in [(0, 1), (3, 3), (RHYTHM_MS, 0)] {
            let mut forwarding = Forwarding::default();
            for at in [0, second_at] {
                forwarding.received(sent(SIGTERM, 7), at);
            }
            forwarding.answered(2);
            let one = Action::PassOn(sent(SIGTERM, 7));
            assert_eq!(forwarding.next(50), Some(one));
            assert_eq!(forwarding.wait(50), Some(distance), "{second_at}");
            assert_eq!(until(&mut forwarding, 50 + distance), [one]);
        }
        let mut forwarding = Forwarding::default();
        for _ in 0..2 {
            forwarding.received(sent(FIRST_OF_REAL_TIME, 7), 0);
        }
        forwarding.answered(2);
        assert_eq!(until(&mut forwarding, 0).len(), 2, "the kernel keeps both");
    }
}
