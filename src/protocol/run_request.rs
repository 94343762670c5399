//! A supervised run, as it was decided on.

use crate::delivery::notify::Channel;
use axolotl_run_core::consent::Sending;
use axolotl_run_core::env;
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_sys::identity;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use uuid::Uuid;

/// What is settled about a run before it starts, for all who work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    pub run: Uuid,
    pub sending: Sending,
    pub first_event: FirstEvent,
    /// Which part of its job it is.
    pub part: JobPart,
    /// `--summary`: say on stderr at the end how it went.
    pub summary: bool,
    /// `--ci-summary`: tell the page of the continuous integration system how it went.
    pub ci_summary: bool,
    pub owner_side: OwnerSide,
}

/// What is kept of a run for its owner alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnerSide {
    /// Nothing: it is recorded because its user has consented to telemetry.
    Nothing,
    /// What was run and where: `--no-output`.
    Facts,
    /// The same, and the last of the output.
    FactsAndOutput,
}

/// When the first event may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstEvent {
    AtOnce,
    /// Whether this is the main process shows only when a worker has a rank.
    AfterRank,
}

/// What is to be run, and how it is to be observed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRequest {
    /// The command and its arguments; never empty.
    pub command: Vec<OsString>,
    pub settings: RunSettings,
    /// `--config`: the training configuration, where the command does not name it.
    pub config: Option<PathBuf>,
    /// `--tap-stdout`: observe standard output even where it is a pipeline's data.
    pub tap_stdout: bool,
    /// The command gets terminals as they are: `--tty=direct`, or a program that uses them as a device.
    pub terminal_direct: bool,
    /// `--notify`: who is told. They are secrets: no argument, variable or file may hold them.
    pub channels: Vec<Channel>,
    /// A value of AXOLOTL_DO_NOT_TRACK that has to be warned of before.
    pub warning: Option<String>,
}

impl RunRequest {
    /// Whether there may be something to be said on stderr at the end: a summary, or that a record which somebody wanted
    /// could not be made.
    pub fn has_last_words(&self) -> bool {
        self.settings.summary || self.settings.sending == Sending::Forbidden
    }

    /// What the command's environment has more than ours: the mark that makes inner launchers vanish for as long as we
    /// live, and the wish that the training does not report a second time.
    pub fn environment_changes(&self) -> [(&'static str, OsString); 3] {
        let supervisor = identity::of_this_process().unwrap_or_default();
        [
            (env::AXOLOTL_RUN_ID, self.settings.run.to_string().into()),
            (env::AXOLOTL_RUN_SUPERVISOR, supervisor.into()),
            (env::AXOLOTL_DO_NOT_TRACK, "1".into()),
        ]
    }
}
