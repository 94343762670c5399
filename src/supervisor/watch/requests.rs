//! What becomes of a signal: the observer hears of those that ask for the end, the pseudo-terminal takes a new size, and
//! [`forwarding`](crate::supervisor::forwarding) decides whether the command has had it. Only the loop calls this.

use super::Watch;
use crate::protocol::messages::ToObserver;
use crate::supervisor::forwarding::Action;
use axolotl_run_core::status::{SignalInfo, signal};
use axolotl_run_sys::{clock, signals, terminal};

/// The signals that ask a program to end, which a verdict wants to know about.
const REQUESTS: [i32; 7] = [
    signal::SIGHUP,
    signal::SIGINT,
    signal::SIGQUIT,
    signal::SIGUSR1,
    signal::SIGUSR2,
    signal::SIGTERM,
    signal::SIGXCPU,
];

impl Watch {
    /// Those that came before signals were read from a descriptor.
    pub fn early_signals(&self) {
        for (received, existed) in signals::early() {
            if self.is_our_own(&received) {
                continue;
            }
            self.request(&received);
            // What the kernel raises for a terminal goes to the group. What a process sent may have been for us alone,
            // and nobody was there to see: passed on, because a command so young has hardly a handler that counts.
            if !(existed && received.is_from_kernel()) {
                signals::pass_on(self.supervised.command, &received);
            }
        }
    }

    /// Takes a signal that was sent to us.
    pub fn signal(&mut self, received: SignalInfo) {
        if self.is_our_own(&received) {
            return;
        }
        if received.signal == signal::SIGWINCH {
            self.resize(&received);
        }
        self.request(&received);
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.interrupted = true;
        }
        if let Some(action) = self.forwarding.received(received, clock::monotonic_ms()) {
            self.act(action);
        }
    }

    /// Whether a signal is for something that we did ourselves, or is meant for us and not for the command.
    fn is_our_own(&self, received: &SignalInfo) -> bool {
        // What we wrote to a pipe without a reader, or to a file that may not grow.
        let is_from_us = received.sender == std::process::id().cast_signed();
        // The kernel counts our own time on the processor, not the command's.
        let is_for_our_time = received.signal == signal::SIGXCPU && received.is_from_kernel();
        // The command signals its parent, which it takes for its shell.
        let is_from_command = received.code == 0 && received.sender == self.supervised.command;
        is_from_us || is_for_our_time || is_from_command
    }

    /// Tells the observer of a signal that asks for the end.
    fn request(&self, received: &SignalInfo) {
        if REQUESTS.contains(&received.signal) {
            self.tell(ToObserver::Requested(*received));
        }
    }

    /// The command may have looked at its pseudo-terminal's size before it had the new one: tell it once more.
    fn resize(&self, received: &SignalInfo) {
        for relay in self.supervised.relays.iter().flatten() {
            let (Some(inner), Some(size)) = (relay.terminal(), terminal::size(relay.sink())) else {
                continue;
            };
            let changed = terminal::size(inner) != Some(size);
            terminal::resize(inner, &size);
            if changed && received.is_from_kernel() && self.shutdown.is_none() {
                signals::pass_on(self.supervised.command, received);
            }
        }
    }

    /// Does what was decided about a signal.
    pub fn act(&mut self, action: Action) {
        match action {
            // A pid may be another process's once ours is reaped.
            Action::PassOn(_) if self.shutdown.is_some() => {}
            Action::PassOn(received) => signals::pass_on(self.supervised.command, &received),
            Action::Ask { number, received } => {
                let sender = (!received.is_from_kernel()).then_some(received.sender);
                self.tell(ToObserver::Ask { number, sender });
            }
        }
    }
}
