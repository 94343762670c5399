//! To be written: the real one neither resets SIGPIPE nor goes through the standard library.

use crate::status;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

/// Why a command could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecFailure {
    /// The system's number for it.
    pub errno: i32,
}

impl ExecFailure {
    /// The exit code that shells give for it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self.errno {
            libc::ENOENT | libc::ENOTDIR => status::NOT_FOUND,
            _ => status::NOT_EXECUTABLE,
        }
    }

    /// The system's words for it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        nix::errno::Errno::from_raw(self.errno).desc()
    }
}

/// Replaces this process with the command; returns only on failure.
#[must_use]
pub fn exec(command: &[OsString], environment_changes: &[(&str, OsString)]) -> ExecFailure {
    let Some((program, arguments)) = command.split_first() else { return ExecFailure { errno: libc::ENOENT } };
    let error = std::process::Command::new(program)
        .args(arguments)
        .envs(environment_changes.iter().map(|(name, value)| (name, value)))
        .exec();
    ExecFailure { errno: error.raw_os_error().unwrap_or(libc::ENOENT) }
}
