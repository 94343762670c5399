//! What the supervisor is asked to do: the one thing that the front hands down to the processes.

use crate::env;
use std::ffi::OsString;
use std::path::PathBuf;
use uuid::Uuid;

/// A run to be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The command and its arguments; never empty.
    pub command: Vec<OsString>,
    /// The run's identity (v4), made afresh for it.
    pub run: Uuid,
    /// What becomes of its events.
    pub sending: Sending,
    /// The training configuration, where the user named it.
    pub config: Option<PathBuf>,
    /// Whether stdout is read even where it is a pipe of its own.
    pub tap_stdout: bool,
    /// Whether the command gets the real terminal and no relay.
    pub tty_direct: bool,
    /// Whether the first event waits until a worker's rank says that this machine is the one that reports.
    pub rank_deferred: bool,
}

impl Order {
    /// What the command's environment has more than ours: the mark that makes inner launchers vanish, and
    /// the wish that the training does not report a second time.
    #[must_use]
    pub fn environment_changes(&self) -> [(&'static str, OsString); 2] {
        [(env::AXOLOTL_RUN_ID, self.run.to_string().into()), (env::AXOLOTL_DO_NOT_TRACK, "1".into())]
    }
}

/// What becomes of a run's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// They are recorded and sent.
    Send,
    /// They are recorded and stay.
    RecordOnly,
}
