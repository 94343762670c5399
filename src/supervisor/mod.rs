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
use axolotl_run_core::status::{End, Usage};
use axolotl_run_sys::{clock, command, stderr};
use std::os::fd::{AsRawFd, OwnedFd};
pub use supervised::Finished;

/// What is said in place of a summary where nobody observed the end.
const UNOBSERVED: &[u8] =
    b"axolotl-run: the run was not observed to its end; `axolotl-run --report` shows what was written down\n";

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
    let (finished, unobserved) = watch::run(supervised);
    if let (Finished::Ended(end), Some(usage)) = (finished, unobserved) {
        if request.summary {
            stderr::write(UNOBSERVED);
        }
        let lasted_ms = clock::monotonic_ms().saturating_sub(spawned);
        leave_to_fallback_finisher(request, channels, end, usage, lasted_ms);
    }
    finished
}

/// Has the fallback finisher write down what is known of the end, where the observer died or could not be started. The
/// command has ended: this may take memory, and a moment.
fn leave_to_fallback_finisher(
    request: &RunRequest,
    channels: Option<OwnedFd>,
    end: End,
    usage: Usage,
    lasted_ms: u64,
) {
    // Which machine was to report was still open; it cannot be told any more.
    if request.settings.first_event == FirstEvent::AfterRank {
        return;
    }
    let record = ExitRecord {
        settings: request.settings,
        channels: channels.as_ref().map(AsRawFd::as_raw_fd),
        lasted_ms,
        end,
        usage,
    };
    let at_most = if watch::is_init() || channels.is_some() {
        limits::END_PATIENT_WAIT
    } else {
        limits::END_JOURNAL_WAIT
    };
    command::run_fallback_finisher(&record.arguments(), record.channels, at_most);
}
