//! The numbers that bound what is asked of the kernel, each with its unit and its reason.

use std::time::Duration;

/// How long a stderr that takes nothing may hold us up; what is not written by then is lost.
pub const STDERR_WAIT: Duration = Duration::from_secs(1);
/// Bytes that a pipe takes at once when it polls as writable (PIPE_BUF on Linux).
pub const STDERR_PIECE_BYTES: usize = 4096;
/// Bytes that one step of a relay moves at the most: the largest pipe that an unprivileged user may have.
pub const RELAY_STEP_BYTES: usize = 1 << 20;
/// Bytes that a ready pipe or socket is sure to take, and the size of a plain read.
pub const RELAY_PLAIN_BYTES: usize = 4096;
/// Bytes that a ready terminal is sure to take, where we had to keep the user's blocking descriptor.
pub const RELAY_TERMINAL_BYTES: usize = 256;
/// Bytes that may wait in a pseudo-terminal behind those that it tells of: the kernel's bound is 8 KiB and one write.
pub const TERMINAL_QUEUE_BYTES: u64 = 1 << 14;
/// Times that a destination was found full from which on it is widened: 16 MiB through a pipe of the usual size. A
/// training writes as much in an hour.
pub const SINK_FILLED_TIMES: u32 = 256;
/// The capacity in bytes that such a pipe is given: its reader is woken for each filling, which costs more than to move
/// it.
pub const SINK_PIPE_BYTES: i32 = 1 << 18;
/// A limit on open descriptors below which each is saved. We need about twenty; elsewhere it is 1,024 or more.
pub const SCARCE_DESCRIPTORS: u64 = 64;
/// How long the observer waits with its program for the command's; an exec takes less than a millisecond.
pub const EXEC_WAIT: Duration = Duration::from_millis(5);
