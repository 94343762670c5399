//! Parent death: while there is no observer, the kernel itself kills a command whose launcher is killed.
//!
//! To kill the launcher is to kill the command; the observer sees to that. But the observer is cloned after the command,
//! and a SIGKILL can come between the two, or there is no process left for an observer. `PR_SET_PDEATHSIG`
//! would do, but the command can see it, only the command could take it back, and a set-user-id program loses
//! it. So both ends of a socket pair are set to signal by SIGKILL (an old way to be told of input), and the
//! command's side of the clone makes itself the one who is told. When the launcher dies, the kernel closes one
//! of the two ends, in whatever order, and the other one has something to tell. The program inherits none of it.
//!
//! Nothing may be written to the socket before this is [switched off](switch_off), which whoever writes does first. A
//! fault of our own switches it off too, because the command lives on then.

use nix::libc;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

/// `F_SETSIG`, the same number on all Linux systems; libc has no name for it.
const SET_SIGNAL: libc::c_int = 10;

static ENDS: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];

/// Sets the socket pair to signal. Both ends must stay open until it is switched off.
pub fn prepare(ends: [&OwnedFd; 2]) {
    for (place, end) in ENDS.iter().zip(ends) {
        let end = end.as_raw_fd();
        control(end, SET_SIGNAL, libc::SIGKILL);
        let flags = control(end, libc::F_GETFL, 0);
        control(end, libc::F_SETFL, flags | libc::O_ASYNC);
        place.store(end, SeqCst);
    }
}

/// Makes this process, the command's side of the clone, die with the launcher; where the kernel refuses, it does not.
/// It may be late: what has been switched off meanwhile stays off.
pub fn die_with_launcher() {
    let own = nix::unistd::getpid().as_raw();
    for end in &ENDS {
        // A number that is none answers EBADF.
        control(end.load(SeqCst), libc::F_SETOWN, own);
    }
}

/// Switches it off. Safe in a handler and between clone and exec.
pub fn switch_off() {
    for end in &ENDS {
        let end = end.swap(-1, SeqCst);
        if end >= 0 {
            let flags = control(end, libc::F_GETFL, 0);
            control(end, libc::F_SETFL, flags & !libc::O_ASYNC);
        }
    }
}

fn control(descriptor: RawFd, what: libc::c_int, value: libc::c_int) -> libc::c_int {
    // SAFETY: all that is asked for here takes a number; a closed descriptor answers EBADF.
    unsafe { libc::fcntl(descriptor, what, value) }
}
