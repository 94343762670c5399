//! The observer's place among processes: behind everything else, and the first to go when memory is short.

use nix::libc;
use nix::unistd::{Pid, User, gethostname, getuid, setpgid};
use std::time::Duration;

/// The first choice of the kernel's OOM killer, a name of its own (`killall axolotl-run` must find the
/// launcher alone), no hold on the working directory.
pub fn become_background() {
    let _ = nix::sys::prctl::set_name(c"axolotl-obs");
    // Where /proc can't be written nothing is lost but this preference.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = std::env::set_current_dir("/");
    super::signals::ignore_broken_pipes();
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
#[must_use]
pub fn user_name() -> Option<String> {
    User::from_uid(getuid())
        .ok()
        .flatten()
        .map(|user| user.name)
}

/// The host's name, likewise.
#[must_use]
pub fn host_name() -> Option<String> {
    gethostname()
        .ok()
        .map(|name| name.to_string_lossy().into_owned())
}

/// Ends the process at once, without destructors and exit handlers.
pub fn leave() -> ! {
    // SAFETY: ends the process; what must be on disk is.
    unsafe { libc::_exit(0) }
}
