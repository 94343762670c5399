//! The numbers that bound the supervisor, each with its unit and its reason.

use std::time::Duration;

/// How long the end waits for the finish event to be on disk.
pub const END_JOURNAL_WAIT: Duration = Duration::from_millis(200);
/// How long it waits where a summary was asked for, which the observer writes behind the finish event, and as PID 1, with
/// which the observer ends.
pub const END_PATIENT_WAIT: Duration = Duration::from_millis(1500);
/// How long the end waits in all for the last upload, where the server is known to answer.
pub const END_UPLOAD_WAIT: Duration = Duration::from_millis(1500);
/// How long the tail of a command that was killed may be stuck before it is handed over, in milliseconds.
pub const END_STUCK_MS: u64 = 100;
/// How long the tail of a stream may take to which somebody else still writes, in milliseconds: all of it may be theirs,
/// and then the command would have ended without a wait.
pub const END_SHARED_MS: u64 = 500;
/// Capacity of the copy's pipe in bytes: a second of a busy training's output while the observer is starved.
pub const COPY_PIPE_BYTES: i32 = 1 << 20;
/// Capacity of the command's pipe in bytes. More than the destination's own: each piece that passes wakes us,
/// the destination's reader and the observer, so small pieces cost the machine far more than their bytes do.
pub const COMMAND_PIPE_BYTES: i32 = 1 << 20;
/// Capacity of the pipe behind the command's in bytes. A larger one gains nothing, and a user's pages are counted.
pub const HOLD_PIPE_BYTES: i32 = 1 << 18;
/// Descriptors that must be left to us where they are scarce, or the observer beside its relays has none for a journal.
pub const SPARE_DESCRIPTORS: usize = 2;
/// How close one signal may have come behind another of its number, in milliseconds, for the command to get both with
/// that distance: of two that it had no time to take between the kernel makes one.
pub const RHYTHM_MS: u64 = 20;
/// How long the group listener may take to answer, in milliseconds, before we go on without one until it speaks
/// again. It is waiting for the question, but it may still be starting, on a machine that is busy.
pub const LISTENER_ANSWER_MS: u64 = 1500;
/// How long a sighting is good for, in milliseconds: as long as a sender may be held up between two of its signals.
pub const SIGHTING_MS: u64 = 1500;
/// Signals under way at once; what a program that floods us sends beyond stays with the kernel until there is room.
pub const SIGNALS_MAX: usize = 64;
/// How long the observer may hold descriptors that a reader waits for, in milliseconds. It lets go within one;
/// one that was stopped or starved for so long is killed, because the user's pipe would hang.
pub const RELEASE_MS: u64 = 1000;
