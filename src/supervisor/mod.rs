//! The supervisor: starts the command and the observer, relays, passes signals on, mirrors job control, and
//! ends as the command ended.
//!
//! It cannot fail because it does nothing that can: one thread, and from the moment the command runs no
//! allocation, no error value and no wait without a bound in its loop. Everything clever is the observer's;
//! this process must outlive it, and the command must outlive both.
//!
//! [`setup`] builds, [`watch`] is the loop, [`forwarding`] decides what becomes of a signal (pure), [`shutdown`] says
//! when the launcher may go.

pub mod forwarding;
pub mod setup;
pub mod shutdown;
pub mod watch;

use crate::protocol::exit_record::ExitRecord;
use crate::protocol::run_request::{RunRequest, Sending};
use axolotl_run_core::limits;
use axolotl_run_core::status::End;
use axolotl_run_sys::wait::Usage;
use axolotl_run_sys::{Errno, clock, command, stderr};

/// What is said in place of a summary where nobody observed the end.
const UNOBSERVED: &[u8] =
    b"axolotl-run: the run was not observed to its end; `axolotl-run --report` shows what was written down\n";

/// How a supervised run ended for the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The command ended like this; so do we.
    Ended(End),
    /// The command could not be run; nothing was started.
    NotRun(Errno),
}

/// Runs the command under observation, to its end.
///
/// Where not even that can be set up, this process becomes the command.
#[must_use]
pub fn observe(order: &RunRequest) -> Finished {
    let spawned = clock::monotonic_ms();
    match setup::start(order) {
        Ok(supervised) => {
            let (finished, orphaned) = watch::run(supervised);
            if let (Finished::Ended(end), Some(usage)) = (finished, orphaned) {
                if order.summary {
                    stderr::write(UNOBSERVED);
                }
                leave_to_fallback_finisher(
                    order,
                    end,
                    usage,
                    clock::monotonic_ms().saturating_sub(spawned),
                );
            }
            finished
        }
        Err(problem) => Finished::NotRun(problem),
    }
}

/// Has the fallback finisher write down what is known of the end, where the observer died or could not be started. The
/// command has ended: this may take memory, and a moment.
fn leave_to_fallback_finisher(order: &RunRequest, end: End, usage: Usage, lasted_ms: u64) {
    // Which machine was to report was still open; it cannot be told any more.
    if order.rank_deferred {
        return;
    }
    let record = ExitRecord {
        run: order.run,
        sending: order.sending == Sending::Send,
        lasted_ms,
        end,
        max_rss_bytes: u64::try_from(usage.max_rss_bytes).ok(),
        cpu_microseconds: u64::try_from(usage.cpu_microseconds).ok(),
        ci_summary: order.ci_summary,
    };
    let patience = if watch::is_init() {
        limits::END_PATIENT_WAIT
    } else {
        limits::END_JOURNAL_WAIT
    };
    command::run_fallback_finisher(&record.arguments(), patience);
}
