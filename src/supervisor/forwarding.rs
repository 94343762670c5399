//! Decides what becomes of a signal that the supervisor received. Pure: the time is given to it, and what the group
//! listener saw.
//!
//! What is done to our pid is done to the command, exactly once. A signal to the whole process group (a
//! terminal's Ctrl-C, a shell's `kill %1`, a scheduler that signals every process) has reached the command
//! already; a signal to our pid alone has not. Neither the code nor the sender of a signal tells the two
//! apart. The observer does: it stays in the group with everything blocked, so what was sent to the group it
//! has seen too. Its sighting may come a little later than our own copy (a loop over pids), never without
//! bound: after [`LISTENER_ANSWER_MS`] without a listener, the signal's origin decides.

use super::limits::{LISTENER_ANSWER_MS, LISTENER_GRACE_MS, SIGHTING_MS, SIGNALS_MAX};
use axolotl_run_core::status::SignalInfo;
use axolotl_run_core::status::signal::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH,
};

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it to the command.
    PassOn(SignalInfo),
    /// Ask the group listener, with this number, about this sender.
    Ask { number: u32, sender: i32 },
}

#[derive(Clone, Copy)]
struct Waiting {
    received: SignalInfo,
    stage: SignalStage,
}

/// How far a signal has come that waits for the group listener.
#[derive(Clone, Copy)]
enum SignalStage {
    /// Its other copy may still be on its way; the listener is asked at this time.
    Grace { ask_at: u64 },
    /// The listener was asked, and has until this time.
    Asked { number: u32, until: u64 },
    /// The listener has not seen it.
    Unseen,
}

/// What the group listener saw, and when it said so.
#[derive(Clone, Copy)]
struct Sighting {
    seen: SignalInfo,
    at: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    Listens,
    /// It is gone, or has not answered in time.
    Silent,
}

/// The signals that wait for the group listener, and what it has said.
pub struct Forwarding {
    waiting: [Option<Waiting>; SIGNALS_MAX],
    sightings: [Option<Sighting>; SIGNALS_MAX],
    questions: u32,
    listener: Listener,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            waiting: [None; SIGNALS_MAX],
            sightings: [None; SIGNALS_MAX],
            questions: 0,
            listener: Listener::Listens,
        }
    }
}

impl Forwarding {
    /// A signal arrived. Some: it is to be passed on at once.
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
        let free = self.waiting.iter_mut().find(|place| place.is_none());
        if let Some(place) = free
            && self.listener == Listener::Listens
        {
            let mut ask_at = now;
            if !received.is_from_kernel() {
                ask_at += LISTENER_GRACE_MS;
            }
            let stage = SignalStage::Grace { ask_at };
            *place = Some(Waiting { received, stage });
            return None;
        }
        decide_alone(received)
    }

    /// The listener saw a signal.
    pub fn sighted(&mut self, seen: SignalInfo, now: u64) {
        self.listener = Listener::Listens;
        for place in &mut self.waiting {
            if let Some(waiting) = place
                && seen == waiting.received
            {
                *place = None;
                return;
            }
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
            if let SignalStage::Asked { number, .. } = waiting.stage
                && number <= answer
            {
                waiting.stage = SignalStage::Unseen;
            }
        }
    }

    /// The listener is gone; nothing waits for it any more.
    pub fn listener_lost(&mut self) {
        self.listener = Listener::Silent;
    }

    /// The next thing to do, if there is one now.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        let listens = self.listener == Listener::Listens;
        for place in &mut self.waiting {
            let Some(waiting) = place else { continue };
            let received = waiting.received;
            match waiting.stage {
                SignalStage::Unseen => {
                    *place = None;
                    return Some(Action::PassOn(received));
                }
                SignalStage::Asked { until, .. } if listens && now < until => {}
                SignalStage::Grace { ask_at } if listens && now < ask_at => {}
                SignalStage::Grace { .. } if listens => {
                    self.questions = self.questions.wrapping_add(1);
                    waiting.stage = SignalStage::Asked {
                        number: self.questions,
                        until: now + LISTENER_ANSWER_MS,
                    };
                    return Some(Action::Ask {
                        number: self.questions,
                        sender: received.sender,
                    });
                }
                SignalStage::Grace { .. } | SignalStage::Asked { .. } => {
                    *place = None;
                    self.listener = Listener::Silent;
                    if let Some(action) = decide_alone(received) {
                        return Some(action);
                    }
                }
            }
        }
        None
    }

    /// Milliseconds until [`next`](Self::next) has something to do; None while nothing waits.
    pub fn wait(&self, now: u64) -> Option<u64> {
        let moments = self
            .waiting
            .iter()
            .flatten()
            .map(|waiting| match waiting.stage {
                SignalStage::Grace { ask_at } => ask_at,
                SignalStage::Asked { until, .. } => until,
                SignalStage::Unseen => now,
            });
        Some(moments.min()?.saturating_sub(now))
    }

    /// Whether a SIGCONT is under way to the command: then it is not stopped for long.
    pub fn continues(&self) -> bool {
        let mut waiting = self.waiting.iter().flatten();
        waiting.any(|waiting| waiting.received.signal == SIGCONT)
    }

    /// The kernel discards pending stops when a process is continued, and the other way round; so does the time
    /// that signals wait here.
    fn cancel_what_it_cancels(&mut self, signal: i32) {
        for place in &mut self.waiting {
            let Some(waiting) = place else { continue };
            let before = waiting.received.signal;
            if (signal == SIGCONT && stops(before)) || (stops(signal) && before == SIGCONT) {
                *place = None;
            }
        }
    }
}

fn stops(signal: i32) -> bool {
    matches!(signal, SIGTSTP | SIGTTIN | SIGTTOU)
}

/// Without a listener: the kernel's own signals of these kinds come from a terminal and go to the group, so the command
/// has had them.
fn decide_alone(received: SignalInfo) -> Option<Action> {
    let from_terminal = matches!(
        received.signal,
        SIGINT | SIGQUIT | SIGHUP | SIGCONT | SIGTSTP | SIGWINCH
    );
    if received.is_from_kernel() && from_terminal {
        return None;
    }
    Some(Action::PassOn(received))
}

#[cfg(test)]
mod tests {
    use super::*;

    use axolotl_run_core::status::signal::SIGTERM;

    const ALARM: i32 = 14;

    const fn sent(signal: i32, sender: i32) -> SignalInfo {
        SignalInfo {
            signal,
            code: 0,
            sender,
            value: 0,
        }
    }

    const fn ask(number: u32, sender: i32) -> Action {
        Action::Ask { number, sender }
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
        assert_eq!(forwarding.received(sent(SIGTERM, 7), 0), None);
        assert_eq!(until(&mut forwarding, LISTENER_GRACE_MS - 1), []);
        assert_eq!(forwarding.wait(LISTENER_GRACE_MS - 1), Some(1));
        assert_eq!(until(&mut forwarding, LISTENER_GRACE_MS), [ask(1, 7)]);
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
                forwarding.sighted(sent(15, 7), 0);
            }
            assert_eq!(forwarding.received(sent(SIGTERM, 7), 3), None);
            if !listener_first {
                forwarding.sighted(sent(15, 7), 10);
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
        forwarding.sighted(sent(15, 7), 0);
        forwarding.received(sent(SIGTERM, 8), 1);
        assert_eq!(
            until(&mut forwarding, LISTENER_GRACE_MS + 5),
            [ask(1, 8)],
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
        forwarding.sighted(sent(15, 7), 200);
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
