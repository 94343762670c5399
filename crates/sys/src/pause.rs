//! A pause before the start that the user can end, and that leaves no trace.
//!
//! The problem: for 15 seconds we stand at a terminal that will be the command's. Its signals, its modes and
//! what has been typed ahead must be the command's too when the pause is over. So nothing is changed but the
//! signal mask, which is put back on drop; the terminal's modes are left as they are; and of its input only
//! an Enter that stands alone is ever read. A line with text in it was meant for the command: it ends the
//! pause and stays where it is. What was typed before the pause began was not meant for us at all.
//!
//! A job in the background is never stopped by us: SIGTTIN and SIGTTOU are blocked, which makes the kernel
//! refuse a read instead of stopping us, and no read is tried while another job has the terminal.
//!
//! Only the notice uses it.

use super::poll::{Events, Poll};
use super::{signals, terminal};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::io::IsTerminal as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// What ended a wait.
#[derive(Clone, Copy)]
pub enum Waited {
    /// The time.
    Elapsed,
    /// Enter.
    Enter,
    /// Ctrl-C, or SIGINT from elsewhere.
    Interrupted,
}

/// A pause that has begun.
pub struct Pause {
    /// The signal mask before the pause.
    previous_mask: Option<SigSet>,
    /// Tells SIGINT, unless whoever started us has ignored or blocked it.
    interrupt: Option<SignalFd>,
    /// What is looked for in the terminal's input.
    input: Input,
}

/// What is looked for in the terminal's input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Nothing.
    Ignored,
    /// A line.
    Line,
    /// A line behind an end of file that was typed (Ctrl-D) and is the command's to read. It makes the input
    /// readable for good, so that waiting for it would be no wait: the line is looked for now and then.
    LineBehindEnd,
}

impl Pause {
    /// Begins a pause; `watch_enter` says whether the user has been told about Enter.
    pub fn begin(watch_enter: bool) -> Self {
        let previous_mask = SigSet::thread_get_mask().ok();
        let mut blocked = SigSet::from_iter([Signal::SIGTTIN, Signal::SIGTTOU]);
        let mut interrupt = None;
        if previous_mask.is_some_and(|mask| !mask.contains(Signal::SIGINT))
            && !signals::is_ignored(Signal::SIGINT as i32)
        {
            interrupt = signals::reader(&SigSet::from(Signal::SIGINT)).ok();
        }
        if interrupt.is_some() {
            blocked.add(Signal::SIGINT);
        }
        let _ = blocked.thread_block();
        let mut input = Input::Ignored;
        if watch_enter && is_at_terminal() && typed_bytes() == Some(0) {
            input = Input::Line;
        }
        Self {
            previous_mask,
            interrupt,
            input,
        }
    }

    /// Whether Enter would end the pause.
    pub fn takes_enter(&self) -> bool {
        self.input != Input::Ignored
    }

    /// Waits until something ends the pause, or for a moment.
    pub fn wait(&mut self, until: Instant) -> Waited {
        loop {
            // In the background the terminal's input is another job's: not even looked at.
            let is_looked_at = self.takes_enter() && is_at_terminal();
            if is_looked_at
                && self.input == Input::LineBehindEnd
                && let Some(1..) = typed_bytes()
            {
                // Taking the Enter would take the end of file that stands before it.
                return Waited::Enter;
            }
            let left = until.saturating_duration_since(Instant::now());
            let stdin = std::io::stdin();
            let mut poll = Poll::empty();
            let interrupt = poll.add(self.interrupt.as_ref().map(AsFd::as_fd), Events::READ);
            let is_watched = is_looked_at && self.input == Input::Line;
            let line = poll.add(is_watched.then_some(stdin.as_fd()), Events::READ);
            poll.wait(Some(left.as_millis() as u64));
            if poll.is_ready(interrupt)
                && let Some(signals) = &self.interrupt
                && let Ok(Some(_)) = signals.read_signal()
            {
                return Waited::Interrupted;
            }
            if poll.is_ready(line) && self.take_enter() {
                return Waited::Enter;
            }
            if left.is_zero() {
                return Waited::Elapsed;
            }
        }
    }

    /// Whether a line was typed; if it was Enter and nothing else, it is consumed.
    fn take_enter(&mut self) -> bool {
        match typed_bytes() {
            Some(1) => {
                let mut byte = [0];
                nix::unistd::read(std::io::stdin().as_fd(), &mut byte).is_ok()
            }
            Some(2..) => true,
            // An end of file, or a terminal that is gone.
            _ => {
                self.input = Input::LineBehindEnd;
                false
            }
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        // A SIGINT that has come since the last look takes its course here: nothing was started yet.
        if let Some(mask) = self.previous_mask {
            let _ = mask.thread_set_mask();
        }
    }
}

/// Whether our job has the terminal that stderr is.
pub fn in_foreground() -> bool {
    has_terminal(std::io::stderr().as_fd())
}

/// Whether our job has this terminal. One that is not our controlling terminal (a pty of a program that runs us)
/// knows no jobs, and stops nobody.
fn has_terminal(terminal: BorrowedFd<'_>) -> bool {
    match nix::unistd::tcgetpgrp(terminal) {
        Ok(group) => group == nix::unistd::getpgrp(),
        Err(error) => error == Errno::ENOTTY && terminal.is_terminal(),
    }
}

/// Columns of the terminal that stderr is.
pub fn columns() -> Option<u16> {
    let columns = terminal::size(std::io::stderr().as_fd())?.ws_col;
    Some(columns).filter(|columns| *columns > 0)
}

/// Whether stdin is a terminal that hands out whole lines, and our job has it.
fn is_at_terminal() -> bool {
    let stdin = std::io::stdin();
    stdin.is_terminal()
        && has_terminal(stdin.as_fd())
        && tcgetattr(stdin.as_fd())
            .is_ok_and(|modes| modes.local_flags.contains(LocalFlags::ICANON))
}

/// Bytes of complete lines that wait in the terminal.
fn typed_bytes() -> Option<u64> {
    rustix::io::ioctl_fionread(std::io::stdin()).ok()
}
