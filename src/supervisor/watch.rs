//! The supervisor's loop: waits for whatever happens next, and does the one thing that is then due.
//!
//! It sleeps without a timeout unless something is under way, so a silent run costs nothing. Nothing in here
//! allocates, and nothing waits for the command's terminal, for the observer or for the disk without a bound.

mod pump;
mod requests;

use super::forwarding::Forwarding;
use super::limits;
use super::shutdown::{Shutdown, Tail};
use super::supervised::{Finished, Supervised};
use crate::protocol::messages::{self, ToObserver, ToSupervisor};
use axolotl_run_core::status::{SignalInfo, Usage, signal};
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::poll::{Events, Poll};
use axolotl_run_sys::wait::{self, Change};
use axolotl_run_sys::{Errno, clock, descriptors, flow, memory, process_memory, signals, stderr};
use std::os::fd::AsFd;

struct Watch {
    supervised: Supervised,
    /// Whether the run's finish is still to be written.
    unfinished: bool,
    forwarding: Forwarding,
    /// Set once the command has ended.
    shutdown: Option<Shutdown>,
    /// Releases that the observer owes, and until when.
    owed: u32,
    release_by: u64,
    missed: u64,
}

/// Supervises to the end. With the end comes what the command has used, if there is no observer (any more) to write
/// that down.
pub fn run(supervised: Supervised) -> (Finished, Option<Usage>) {
    let mut watch = Watch {
        unfinished: true,
        supervised,
        forwarding: Forwarding::default(),
        shutdown: None,
        owed: 0,
        release_by: 0,
        missed: 0,
    };
    if watch.supervised.channel.is_none() {
        watch.lose_observer();
    }
    watch.early_signals();
    // A child that ended before SIGCHLD was blocked has left no signal behind: look once without being told.
    watch.reap();
    let finished = loop {
        if let Some(finished) = watch.turn() {
            break finished;
        }
    };
    // What the observer wrote for the user, if it came in time.
    if let Some(last_words) = &watch.supervised.last_words {
        stderr::pass_on(last_words);
    }
    if !watch.unfinished || watch.supervised.channel.is_some() {
        return (finished, None);
    }
    if let Some(observer) = watch.supervised.observer {
        // One that was just killed holds the run's lock for a moment longer.
        wait::await_end(observer, limits::END_JOURNAL_WAIT);
    }
    (finished, watch.shutdown.map(|shutdown| shutdown.usage))
}

impl Watch {
    /// Sleeps, and does what is then due; Some: it is over.
    fn turn(&mut self) -> Option<Finished> {
        let ready = self.sleep();
        if ready.signals {
            let mut children = false;
            while self.forwarding.has_room()
                && let Some(received) = self.supervised.signals.next()
            {
                // The kernel's word about a child carries a positive code; a user's SIGCHLD is a signal as any.
                if received.signal == signal::SIGCHLD && received.code > 0 {
                    children = true;
                } else {
                    self.signal(received);
                }
            }
            // After the others: a SIGCONT among them means that a stopped child is about to go on.
            if children {
                self.reap();
            }
        }
        // A command that has ended ran, or has said why not. Its end may be seen before that: the observer's clone
        // holds the pipe, too, until it is executed. And who is told of an end before a start observes nothing.
        if (ready.failure || self.shutdown.is_some())
            && let Some(problem) = self.exec_result()
        {
            return Some(Finished::NotRun(problem));
        }
        if ready.channel {
            self.messages();
        }
        self.relay(&ready);
        let now = clock::monotonic_ms();
        while let Some(action) = self.forwarding.next(now) {
            self.act(action);
        }
        if self.owed > 0 && now >= self.release_by {
            self.kill_observer();
        }
        self.leave(now)
    }

    fn sleep(&self) -> Ready {
        let now = clock::monotonic_ms();
        let mut timeout = self.forwarding.wait(now);
        let mut sooner = |until: Option<u64>| timeout = timeout.into_iter().chain(until).min();
        if self.owed > 0 {
            sooner(Some(self.release_by.saturating_sub(now)));
        }
        // Once the relays are handed over, what is owed is waited for in any case.
        if let Some(shutdown) = &self.shutdown
            && (self.owed == 0 || shutdown.handed_over_at.is_none())
        {
            sooner(shutdown.wait(now));
        }
        let mut poll = Poll::empty();
        let has_room = self.forwarding.has_room();
        let signals = poll.add(
            has_room.then_some(self.supervised.signals.as_fd()),
            Events::READ,
        );
        let channel = poll.add(
            self.supervised.channel.as_ref().map(AsFd::as_fd),
            Events::READ,
        );
        let failure = poll.add(
            self.supervised.failure.as_ref().map(AsFd::as_fd),
            Events::READ,
        );
        let mut relays = [[usize::MAX; 2]; 2];
        for (places, relay) in relays.iter_mut().zip(&self.supervised.relays) {
            if let Some(relay) = relay {
                *places = relay.wait_in(&mut poll);
            }
        }
        poll.wait(timeout);
        Ready {
            signals: poll.is_ready(signals),
            channel: poll.is_ready(channel),
            failure: poll.is_ready(failure),
            relays: relays.map(|places| places.iter().any(|place| poll.is_ready(*place))),
        }
    }

    /// Reads what the command's side of the clone wrote; Some: exec failed.
    fn exec_result(&mut self) -> Option<Errno> {
        let failure = self.supervised.failure.take()?;
        let mut number = [0; 4];
        match flow::read(failure.as_fd(), &mut number) {
            Ok(4) => {
                self.tell(ToObserver::ExecFailed);
                return Some(Errno::from_raw(i32::from_ne_bytes(number)));
            }
            // Not yet.
            Err(Errno::EAGAIN | Errno::EINTR) if self.shutdown.is_none() => {
                self.supervised.failure = Some(failure);
                return None;
            }
            _ => {}
        }
        self.tell(ToObserver::Started);
        // Whoever waits for the last copy of our standard descriptors to be closed waits for the command alone.
        for number in 0..=2 {
            // With last words to come stderr is kept: it is the one thing that is written to at the end.
            if number != 2 || self.supervised.last_words.is_none() {
                descriptors::let_go(number, &self.supervised.null);
            }
        }
        memory::give_back_text();
        None
    }

    fn reap(&mut self) {
        while let Some((pid, change)) = wait::next_change() {
            match change {
                Change::Ended(end, usage) if pid == self.supervised.command => {
                    let mut patience = limits::END_JOURNAL_WAIT;
                    // With PID 1 the observer ends, too: nobody would write the finish event after us.
                    if self.supervised.is_told || is_init() {
                        patience = limits::END_PATIENT_WAIT;
                    }
                    self.note_tails();
                    let now = clock::monotonic_ms();
                    self.shutdown = Some(Shutdown::new(end, usage, now, patience));
                }
                Change::Stopped(signal)
                    if pid == self.supervised.command && !self.forwarding.continues() =>
                {
                    // What it wrote before it stopped belongs on the screen before the shell's prompt.
                    self.note_tails();
                    self.pump_tails();
                    let command = self.supervised.command;
                    signals::stop_self(signal, || !wait::was_continued(command));
                }
                Change::Ended(..) if Some(pid) == self.supervised.observer => {
                    self.supervised.observer = None;
                    self.lose_observer();
                }
                // As PID 1 we reap what others left behind.
                _ => {}
            }
        }
    }

    fn messages(&mut self) {
        while let Some(channel) = &self.supervised.channel {
            match messages::receive(channel.as_fd()) {
                Arrived::Nothing => return,
                Arrived::Closed => return self.lose_observer(),
                Arrived::Message(message) => self.message(message),
            }
        }
    }

    fn message(&mut self, message: ToSupervisor) {
        match message {
            ToSupervisor::Sighting(seen) => self.forwarding.sighted(seen, clock::monotonic_ms()),
            ToSupervisor::Answer(number) => self.forwarding.answered(number),
            ToSupervisor::Released => self.owed = self.owed.saturating_sub(1),
            ToSupervisor::Journaled(upload) => {
                self.unfinished = false;
                if let Some(shutdown) = &mut self.shutdown {
                    shutdown.journaled(upload);
                }
            }
            ToSupervisor::OpenMemory(pid) => self.open_memory(pid),
            ToSupervisor::Uploaded => {
                if let Some(shutdown) = &mut self.shutdown {
                    shutdown.heard_enough();
                }
            }
        }
    }

    /// Opens a process's memory for the observer, which reads it: what holds a reader up must not hold us up.
    fn open_memory(&self, pid: u32) {
        let message = ToObserver::Memory(pid);
        match (&self.supervised.channel, process_memory::open(pid)) {
            (Some(channel), Ok(memory)) => {
                messages::send_descriptor(channel.as_fd(), &message, memory.as_fd());
            }
            _ => self.tell(message),
        }
    }

    fn owe(&mut self, message: ToObserver) {
        if self.supervised.channel.is_some() {
            self.tell(message);
            self.owed += 1;
            self.release_by = clock::monotonic_ms() + limits::RELEASE_MS;
        }
    }

    /// After the command's end: hands over what is left, and goes when it is time.
    fn leave(&mut self, now: u64) -> Option<Finished> {
        if self.shutdown.as_ref()?.handed_over_at.is_none() {
            // The command has ended before this look: nothing of its own can come after.
            self.pump_tails();
            self.hand_over(now);
        }
        let shutdown = self.shutdown.as_ref()?;
        if !shutdown.is_over(now) || self.owed > 0 {
            return None;
        }
        let end = shutdown.end;
        if is_init() && self.unfinished && !shutdown.interrupted {
            // It has had its time, and would end with us in the middle of it: the fallback finisher is quicker.
            self.kill_observer();
        }
        Some(Finished::Ended(end))
    }

    /// Leaves the rest of the streams to the observer, if there is one, as soon as that may be.
    fn hand_over(&mut self, now: u64) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        shutdown.tail = Tail::Arrived;
        // The observer ends with PID 1: what has not arrived then never will.
        let may_arrive_later = self.supervised.channel.is_some() && !is_init();
        for relay in self.supervised.relays.iter().flatten() {
            if relay.has_tail() && relay.has_writers() && may_arrive_later {
                shutdown.tail = shutdown.tail.max(Tail::Shared);
            } else if relay.has_tail() {
                shutdown.tail = Tail::Own;
            }
        }
        if !shutdown.may_hand_over(now) {
            return;
        }
        shutdown.handed_over_at = Some(now);
        if self.supervised.channel.is_none() {
            shutdown.heard_enough();
        }
        let (end, usage) = (shutdown.end, shutdown.usage);
        // Ours are closed before the observer is told, so that it is the only one that relays.
        for mut relay in self.supervised.relays.iter_mut().filter_map(Option::take) {
            relay.copy_the_rest();
            self.missed = self.missed.saturating_add(relay.missed);
        }
        if self.missed > 0 {
            self.tell(ToObserver::Missed(self.missed));
        }
        self.owe(ToObserver::Ended { end, usage });
    }

    fn tell(&self, message: ToObserver) {
        if let Some(channel) = &self.supervised.channel {
            messages::send(channel.as_fd(), &message);
        }
    }

    fn kill_observer(&mut self) {
        if let Some(observer) = self.supervised.observer {
            signals::pass_on(observer, &SignalInfo::ordinary(signal::SIGKILL));
        }
        self.lose_observer();
    }

    fn lose_observer(&mut self) {
        self.supervised.channel = None;
        self.owed = 0;
        self.forwarding.listener_lost();
        for relay in self.supervised.relays.iter_mut().flatten() {
            relay.stop_copying();
        }
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.heard_enough();
        }
    }
}

/// Whether all other processes that we see end with us.
pub fn is_init() -> bool {
    std::process::id() == 1
}

/// What woke the loop.
struct Ready {
    signals: bool,
    channel: bool,
    failure: bool,
    relays: [bool; 2],
}
