//! The supervisor: starts the command and the observer, relays, passes signals on, mirrors job control, and
//! ends as the command ended.
//!
//! It cannot fail because it does nothing that can: one thread, and from the moment the command runs no
//! allocation, no error value and no wait without a bound in its loop. Everything clever is the observer's;
//! this process must outlive it, and the command must outlive both.
//!
//! [`setup`] builds, [`watch`] is the loop, [`inbox`] decides what becomes of a signal (pure), [`end`] says
//! when the launcher may go.

pub mod end;
pub mod inbox;
pub mod setup;
pub mod watch;

use crate::protocol::order::Order;
use crate::status::End;
use crate::sys::Errno;

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
pub fn observe(order: &Order) -> Finished {
    match setup::start(order) {
        Ok(supervised) => watch::run(supervised),
        Err(problem) => Finished::NotRun(problem),
    }
}
