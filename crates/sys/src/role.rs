//! The place of our own processes among others: the observer's is behind everything else.

use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
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

/// Takes from the umask what would keep us ourselves out of the files that we make.
pub fn keep_own_rights() {
    let mask = umask(Mode::empty());
    umask(mask.difference(Mode::S_IRWXU));
}

/// Lifts the limit on this process's own time on the processor, and on that of the observer, which inherits it, as far as
/// we may: it was set for the command, which has its copy by now, and would end us for the bytes that we move.
pub fn lift_processor_limit() {
    let (time, none) = (Resource::RLIMIT_CPU, RLIM_INFINITY);
    if let Ok((soft, hard)) = getrlimit(time)
        && soft != none
        && setrlimit(time, none, none).is_err()
    {
        let _ = setrlimit(time, hard, hard);
    }
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

/// The pid of this process's parent; None where one may not ask.
pub fn parent() -> Option<i32> {
    Some(nix::unistd::getppid().as_raw()).filter(|pid| *pid >= 0)
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
