//! To be written.

pub mod pause;
pub mod process;
pub mod stderr;

/// For opening a file that may turn out to be a named pipe, from floors that do not name libc.
pub const O_NONBLOCK: i32 = libc::O_NONBLOCK;
