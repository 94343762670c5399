//! The crash flag: a byte in a pipe whose other end the observer holds.
//!
//! When the supervisor vanishes, the observer must know whether it was our own fault (the command lives on)
//! or somebody's SIGKILL (which is then meant for the command). A handler for the seven signals that the
//! kernel raises for faults writes the byte and does nothing else; then the default action runs its course.
//! A pipe and not a page of shared memory, because a limit on file sizes counts for memory files too.

use super::signals::{self, FAULTS};
use nix::libc;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

static FLAG: AtomicI32 = AtomicI32::new(-1);
static SUPERVISOR: AtomicI32 = AtomicI32::new(0);
static IGNORED: [AtomicBool; FAULTS.len()] = [const { AtomicBool::new(false) }; FAULTS.len()];

/// From now on a fault of this process is written to the pipe, which must stay open.
pub fn arm(flag: &OwnedFd) {
    SUPERVISOR.store(nix::unistd::getpid().as_raw(), SeqCst);
    FLAG.store(flag.as_raw_fd(), SeqCst);
    for (place, signal) in IGNORED.iter().zip(FAULTS) {
        place.store(signals::handle(signal, on_fault), SeqCst);
    }
}

/// Ignores again what we were started to ignore, for the command, which is to inherit that. Safe between clone and
/// exec; everything else exec itself sets back.
pub fn disarm() {
    for (ignored, signal) in IGNORED.iter().zip(FAULTS) {
        if ignored.load(SeqCst) {
            signals::ignore(signal);
        }
    }
}

/// Whether a fault was written to the pipe.
pub fn is_set(flag: &OwnedFd) -> bool {
    super::flow::readable(flag) && super::flow::read(flag.as_fd(), &mut [0]) == Ok(1)
}

extern "C" fn on_fault(signal: libc::c_int) {
    // SAFETY: getpid and write are async-signal-safe; the byte is a constant. The pid check keeps the
    // command's side of the clone, which has this handler until exec, from speaking for us.
    unsafe {
        if libc::getpid() == SUPERVISOR.load(SeqCst) {
            libc::write(FLAG.load(SeqCst), c"!".as_ptr().cast(), 1);
            super::parent_death::switch_off();
        }
    }
    signals::default_action(signal);
}
