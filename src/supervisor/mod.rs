//! The supervisor: starts the command and the observer, relays, passes signals on, mirrors job control, and
//! ends as the command ended.
//!
//! It cannot fail because it does nothing that can: one thread, and from the moment the command runs no
//! allocation, no error value and no wait without a bound in its loop. Everything clever is the observer's;
//! this process must outlive it, and the command must outlive both.
//!
//! [`setup`] builds, [`watch`] is the loop, [`forwarding`] decides what becomes of a signal (pure), [`shutdown`] says
//! when the launcher may go.

mod forwarding;
mod limits;
mod setup;
mod shutdown;
mod supervised;
mod watch;

use crate::protocol::observer_config::ExitRecord;
use crate::protocol::run_request::{FirstEvent, RunRequest};
use axolotl_run_sys::{Errno, clock, command, flow, stderr};
use std::os::fd::{AsRawFd, RawFd};
pub use supervised::Finished;
use supervised::Followed;

/// What is said in place of a summary where nobody observed the end.
const UNOBSERVED: &[u8] =
    b"axolotl-run: the run was not observed to its end; `axolotl-run --report` shows what was written down\n";

/// What is said where a record was wanted and this program could not be started a second time to make it.
const NOT_STARTED: &[u8] = b"axolotl-run: warning: this run is not recorded: the program cannot be started a second time here (under an emulator?)\n";

/// What became of the fallback finisher.
enum Finisher {
    /// What it had to say was said.
    Spoke,
    /// It had nothing to say, or no time.
    Silent,
    /// The kernel does not execute our program again.
    NotStarted,
}

/// Runs the command under observation, to its end.
///
/// Where not even that can be set up, this process becomes the command.
pub fn observe(request: &RunRequest) -> Finished {
    let spawned = clock::monotonic_ms();
    let mut supervised = match setup::start(request) {
        Ok(supervised) => supervised,
        Err(problem) => return Finished::NotRun(problem),
    };
    let channels = supervised.channels.take();
    let followed = std::mem::take(&mut supervised.followed);
    let (finished, unobserved) = watch::run(supervised);
    if let (Finished::Ended(end), Some(usage)) = (finished, unobserved) {
        let record = ExitRecord {
            settings: request.settings,
            channels: channels.as_ref().map(AsRawFd::as_raw_fd),
            lasted_ms: clock::monotonic_ms().saturating_sub(spawned),
            end,
            usage,
            last_words: None,
            files: Vec::new(),
        };
        match leave_to_fallback_finisher(request, record, &followed) {
            Finisher::NotStarted if request.has_last_words() => stderr::write(NOT_STARTED),
            Finisher::Silent if request.settings.summary => stderr::write(UNOBSERVED),
            _ => true,
        };
    }
    finished
}

/// Has the fallback finisher write down what is known of the end, where the observer died or could not be started. The
/// command has ended: this may take memory, and a moment.
fn leave_to_fallback_finisher(
    request: &RunRequest,
    mut record: ExitRecord,
    followed: &[Followed],
) -> Finisher {
    // Which machine was to report was still open; it cannot be told any more.
    if request.settings.first_event == FirstEvent::AfterRank {
        return Finisher::Silent;
    }
    for file in followed {
        let reader = file.reader.as_raw_fd();
        record.files.push((file.stream, reader, file.position));
    }
    let mut kept: Vec<RawFd> = record.files.iter().map(|(_, reader, _)| *reader).collect();
    kept.extend(record.channels);
    let is_notified = record.channels.is_some();
    let at_most = if watch::is_init() || is_notified || request.settings.summary {
        limits::END_PATIENT_WAIT
    } else {
        limits::END_JOURNAL_WAIT
    };
    let arguments = |last_words| {
        record.last_words = Some(last_words);
        record.arguments()
    };
    let last_words = match command::run_fallback_finisher(arguments, &kept, at_most) {
        Ok(last_words) => last_words,
        Err(Errno::ENOEXEC) => return Finisher::NotStarted,
        Err(_) => return Finisher::Silent,
    };
    let spoke = stderr::pass_on(&last_words);
    if spoke && is_notified {
        // It goes on with the notifications, and is gone with us where we are PID 1.
        flow::await_readable(&last_words, at_most);
    }
    if spoke {
        Finisher::Spoke
    } else {
        Finisher::Silent
    }
}
