//! Waiting for processes, and knowing of those that are not ours.

use super::Errno;
use axolotl_run_core::status::{End, Usage};
use nix::libc;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use rustix::process::{self, PidfdFlags, Signal};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What `wait4` reports of a child.
#[derive(Clone, Copy)]
pub enum Change {
    /// It ended.
    Ended(End, Usage),
    /// This signal stopped it.
    Stopped(i32),
    /// It runs again.
    Continued,
}

/// Takes the next change of any child, without waiting. None when there is none.
pub fn next_change() -> Option<(i32, Change)> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
    // SAFETY: the kernel writes one int and one rusage to the two places.
    let pid = unsafe { libc::wait4(-1, &raw mut status, options, usage.as_mut_ptr()) };
    if pid <= 0 {
        return None;
    }
    // SAFETY: zeroed at first, which is a valid rusage, and written by the kernel since.
    let usage = unsafe { usage.assume_init() };
    let change = if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFCONTINUED(status) {
        Change::Continued
    } else {
        let cpu_microseconds = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        let usage = Usage {
            // In KiB.
            max_rss_bytes: (usage.ru_maxrss as u64).saturating_mul(1024),
            cpu_microseconds,
        };
        Change::Ended(End::from_wait(status)?, usage)
    };
    Some((pid, change))
}

/// Whether [`next_change`] can be asked here at all: the kernel is asked in a form that it knows from `waitid` alone, so
/// that it takes nothing.
///
/// # Errors
/// Why not.
pub fn check() -> Result<(), Errno> {
    let (nowhere, no_usage) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the kernel writes to neither of two null pointers.
    let answer = unsafe { libc::wait4(-1, nowhere, libc::WEXITED, no_usage) };
    match Errno::result(answer) {
        Err(Errno::EINVAL) => Ok(()),
        Ok(_) => Err(Errno::ENOSYS),
        Err(problem) => Err(problem),
    }
}

/// Whether a child has been continued since it was last waited for. The report is left for [`next_change`].
pub fn was_continued(pid: i32) -> bool {
    let kinds = WaitPidFlag::WCONTINUED | WaitPidFlag::WEXITED;
    let flags = kinds | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    waitid(Id::Pid(Pid::from_raw(pid)), flags).is_ok_and(|status| status != WaitStatus::StillAlive)
}

fn microseconds(time: libc::timeval) -> u64 {
    (time.tv_sec as u64).saturating_mul(1_000_000) + time.tv_usec as u64
}

/// The exit code of a clone that executed nothing; our own program has none like it.
pub const NOT_EXECUTED: i32 = 127;

/// Whether a clone of ours has ended without having executed its program.
pub fn has_not_executed(child: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    let status = waitid(Id::Pid(Pid::from_raw(child)), flags);
    matches!(status, Ok(WaitStatus::Exited(_, NOT_EXECUTED)))
}

/// Whether there is a process with this pid, whoever it belongs to.
pub fn exists(pid: i32) -> bool {
    nix::sys::signal::kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Opens a handle on a process that stays on it when the pid is used again.
///
/// # Errors
/// The kernel's; `ENOSYS` and `EPERM` where it does not offer them.
pub fn open(pid: i32) -> Result<OwnedFd, Errno> {
    let pid = process::Pid::from_raw(pid).ok_or(Errno::EINVAL)?;
    process::pidfd_open(pid, PidfdFlags::empty()).map_err(super::errno)
}

/// Waits for the end of a child that was not reaped yet, or for as long as this at the most.
pub fn await_end(child: i32, at_most: Duration) {
    if let Ok(handle) = open(child) {
        super::flow::await_readable(&handle, at_most);
    }
}

/// Sends a signal to a process by its handle.
pub fn signal(process: BorrowedFd<'_>, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = process::pidfd_send_signal(process, signal);
    }
}

/// The memory that `PIDFD_GET_INFO` fills (Linux 6.13; the exit code since 6.15).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
mod request {
    nix::ioctl_readwrite!(pidfd_get_info, 0xFF, 11, super::PidfdInfo);
}

/// How a process ended that is not our child, once it has been reaped; None where the kernel does not tell.
pub fn end_of(process: BorrowedFd<'_>) -> Option<End> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the kernel writes at most the size that the request's number carries, which is this struct's.
    unsafe { request::pidfd_get_info(process.as_raw_fd(), &raw mut info) }.ok()?;
    if info.mask & PIDFD_INFO_EXIT == 0 {
        return None;
    }
    End::from_wait(info.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_whether_one_may_wait_takes_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        await_end(child.id().cast_signed(), Duration::from_secs(60));
        assert_eq!(check(), Ok(()));
        assert!(child.wait().unwrap().success());
    }
}
