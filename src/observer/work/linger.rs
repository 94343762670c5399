//! What the observer still does when the command has ended and the launcher is told: it sends what is left, for a while.

use crate::observer::link::tell;
use crate::observer::reporter::Reporter;
use crate::protocol::messages::ToSupervisor;
use axolotl_run_core::limits;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long the observer may go on uploading after the launcher has gone.
const OBSERVER_LINGER: Duration = Duration::from_secs(30);

/// Sends what is left. The launcher waits for a moment of this, or not at all.
pub async fn linger(mut reporter: Reporter, channel: &OwnedFd) {
    let deadline = tokio::time::sleep(OBSERVER_LINGER);
    tokio::pin!(deadline);
    let mut told = false;
    loop {
        reporter.heed_withdrawal();
        if !told && !reporter.is_worth_waiting_for() {
            tell(channel, ToSupervisor::Uploaded);
            told = true;
            reporter.begin_maintenance();
        }
        if told && !reporter.is_busy() {
            break;
        }
        tokio::select! {
            () = reporter.send() => {}
            () = tokio::time::sleep(limits::FIRST_ANSWER_WAIT), if !told => {}
            () = &mut deadline => break,
        }
    }
    reporter.finish();
}
