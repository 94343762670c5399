//! The observer's place among processes: behind everything else.

use nix::libc;
use nix::unistd::{Pid, User, gethostname, getuid, setpgid};
use std::time::Duration;

/// A name of its own (`killall axolotl-run` must find the launcher alone), no hold on the working directory, no end by a
/// socket or pipe that closes. What the kernel thinks of it when memory is short stays as inherited: its few megabytes
/// never help, and its loss costs the answer.
pub fn become_background() {
    let _ = nix::sys::prctl::set_name(c"axolotl-obs");
    let _ = std::env::set_current_dir("/");
    super::signals::ignore(libc::SIGPIPE);
}

/// Gives way to everything else, in the calling thread and those that it starts from now on.
pub fn give_way(niceness: i32) {
    let _ = rustix::process::setpriority_process(None, niceness);
}

/// Lets the kernel end the calling thread's waits later by up to so much.
pub fn wake_within(slack: Duration) {
    // Zero would mean the default.
    let _ = nix::sys::prctl::set_timerslack(slack.as_nanos().clamp(1, 1_000_000_000) as u64);
}

/// Leaves the job's process group, so that the shell's idea of the job ends with the command.
pub fn leave_group() {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
}

/// The user's name, for the gate that keeps it in.
pub fn user_name() -> Option<String> {
    Some(User::from_uid(getuid()).ok()??.name)
}

/// The host's name, likewise.
pub fn host_name() -> Option<String> {
    Some(gethostname().ok()?.to_string_lossy().into_owned())
}

/// Ends the process at once, without destructors and exit handlers.
pub fn leave() -> ! {
    // SAFETY: ends the process; what must be on disk is.
    unsafe { libc::_exit(0) }
}
