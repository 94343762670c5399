//! The kernel: the only place of unsafe code, libc, nix and rustix.
//!
//! Each module wraps one thing that the kernel offers behind a safe function that owns or borrows its
//! descriptor. Nothing here decides anything: who is to be killed, which stream is relayed, what a failure
//! means for the run is decided by the packages above it.
//!
//! The functions that run between the command's `clone` and `execve` allocate nothing and call only what POSIX lists as
//! async-signal-safe.

#![expect(
    unsafe_code,
    reason = "system calls that have no safe wrapper; each block says why it is sound"
)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exit,
        clippy::allow_attributes,
        clippy::mem_forget
    )
)]

pub mod arguments;
pub mod background;
pub mod channel;
pub mod clock;
pub mod command;
pub mod deaths;
pub mod descriptors;
pub mod entry;
pub mod fault;
pub mod files;
pub mod flow;
pub mod helper;
pub mod identity;
mod limits;
pub mod local_time;
pub mod memory;
pub mod memory_file;
pub mod mounts;
pub mod nvml;
pub mod parent_death;
pub mod pause;
pub mod poll;
pub mod probe;
pub mod process_memory;
pub mod random;
pub mod role;
pub mod signals;
pub mod stderr;
pub mod streams;
pub mod terminal;
pub mod wait;
pub mod wake;

pub use nix::errno::Errno;

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// An error of the kernel's in words, without its number.
pub fn reason(error: &std::io::Error) -> String {
    if let Some(number) = error.raw_os_error() {
        return Errno::from_raw(number).desc().to_owned();
    }
    // What opening refuses that the kernel would open: a directory, a device, a pipe.
    if error.kind() == std::io::ErrorKind::InvalidInput {
        return "it is not a regular file".to_owned();
    }
    error.to_string()
}
