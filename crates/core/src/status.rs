//! How the launcher ends: the command's own end, or its refusal to start.

use crate::knowledge::lists::SIGNAL_NAMES;
use serde::{Deserialize, Serialize};

/// A question to the launcher was understood and has no answer, or answering failed; nothing was to be started.
pub const UNANSWERED: u8 = 1;
/// Our own refusal before anything was started (a bad option).
pub const REFUSED: u8 = 125;
/// The command was found but cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const NOT_FOUND: u8 = 127;
/// Ctrl-C during the notice; nothing was started.
pub const INTERRUPTED: u8 = 130;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It exited with this code.
    Exited(u8),
    /// This signal killed it.
    Signaled(i32),
}

/// What a process and all that it waited for have used, as the kernel counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Highest resident bytes of one process.
    pub max_rss_bytes: u64,
    /// Processor time in microseconds.
    pub cpu_microseconds: u64,
}

/// A signal as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalInfo {
    /// Its number.
    pub signal: i32,
    /// Why it was sent (`si_code`): `SI_USER` (0), `SI_KERNEL` (0x80), `SI_QUEUE` (-1)…
    pub code: i32,
    /// Who sent it, as far as that was a process.
    pub sender: i32,
    /// The value that came with it (`sigqueue`).
    pub value: i32,
}

impl SignalInfo {
    /// An ordinary signal of ours.
    pub const fn ordinary(signal: i32) -> Self {
        Self {
            signal,
            code: 0,
            sender: 0,
            value: 0,
        }
    }

    /// Whether the kernel itself sent it: the terminal, a timer, a resource limit.
    pub const fn is_from_kernel(&self) -> bool {
        self.code == 0x80
    }
}

impl End {
    /// Reads the status that `wait` returns; None where the process has not ended.
    pub const fn from_wait(status: i32) -> Option<Self> {
        match status & 0x7f {
            0 => Some(Self::Exited(((status >> 8) & 0xff) as u8)),
            0x7f => None,
            signal => Some(Self::Signaled(signal)),
        }
    }

    /// The code that a shell shows for it, which is all that PID 1 can give.
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => 128_u8.wrapping_add(signal as u8),
        }
    }
}

/// The numbers of the signals that the launcher itself knows by name; the same on every Linux that it runs on.
pub mod signal {
    /// The terminal was closed.
    pub const SIGHUP: i32 = 1;
    /// Ctrl-C.
    pub const SIGINT: i32 = 2;
    /// Ctrl-\\.
    pub const SIGQUIT: i32 = 3;
    /// An instruction that the processor does not know.
    pub const SIGILL: i32 = 4;
    /// The program gave up.
    pub const SIGABRT: i32 = 6;
    /// Mapped memory that could not be delivered.
    pub const SIGBUS: i32 = 7;
    /// A whole number divided by zero.
    pub const SIGFPE: i32 = 8;
    /// The end that nobody can catch.
    pub const SIGKILL: i32 = 9;
    /// The first of two that programs give their own meaning.
    pub const SIGUSR1: i32 = 10;
    /// Memory that is not the process's own.
    pub const SIGSEGV: i32 = 11;
    /// The second.
    pub const SIGUSR2: i32 = 12;
    /// Written to a pipe without a reader.
    pub const SIGPIPE: i32 = 13;
    /// The polite end.
    pub const SIGTERM: i32 = 15;
    /// A child changed.
    pub const SIGCHLD: i32 = 17;
    /// Go on.
    pub const SIGCONT: i32 = 18;
    /// The stop that nobody can catch.
    pub const SIGSTOP: i32 = 19;
    /// Ctrl-Z.
    pub const SIGTSTP: i32 = 20;
    /// Read from the terminal in the background.
    pub const SIGTTIN: i32 = 21;
    /// Written to the terminal in the background.
    pub const SIGTTOU: i32 = 22;
    /// The processor's time is up.
    pub const SIGXCPU: i32 = 24;
    /// The terminal has another size.
    pub const SIGWINCH: i32 = 28;
}

/// The signal's name, for events and messages.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    let index = usize::try_from(signal).ok()?.checked_sub(1)?;
    SIGNAL_NAMES.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_status_is_a_code_or_a_signal_or_no_end() {
        for (status, end) in [
            (0, Some(End::Exited(0))),
            (7 << 8, Some(End::Exited(7))),
            (255 << 8, Some(End::Exited(255))),
            (9, Some(End::Signaled(9))),
            (11 | 0x80, Some(End::Signaled(11))),
            (0x137f, None),
        ] {
            assert_eq!(End::from_wait(status), end, "{status:#x}");
        }
        assert_eq!(End::Signaled(15).shell_code(), 143);
    }
}
