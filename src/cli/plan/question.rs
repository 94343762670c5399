//! What can be asked in place of running a command.
//!
//! The words between the plan, which finds out what is asked, and [`query`](crate::commands), which answers.

use crate::cli;
use axolotl_run_core::consent;
use std::ffi::OsString;
use std::path::PathBuf;

/// A question, and in which form the answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What is asked.
    pub question: Question,
    /// Whether JSON is wanted.
    pub json: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `--status`
    Status,
    /// `--enable`, `--disable`
    Decide(consent::Telemetry),
    /// `--preview`
    Preview {
        /// The command that would be run.
        command: Vec<OsString>,
        /// Its configuration, where the user named it.
        config: Option<PathBuf>,
    },
    /// `--explain`
    Explain {
        /// The log; None is stdin.
        file: Option<PathBuf>,
    },
    /// `--schema`
    Schema,
    /// `--runs`
    Runs,
    /// `--show`
    Show {
        /// The beginning of a run's UUID; None is the latest.
        run: Option<OsString>,
    },
    /// `--report`
    Report {
        /// The beginning of a run's UUID; None is the latest.
        run: Option<OsString>,
        /// The beginning of another's, to compare it with.
        against: Option<OsString>,
        /// Where the page for a browser goes.
        html: Option<PathBuf>,
    },
    /// `--send`
    Send,
    /// `--forget`
    Forget {
        /// The beginning of a run's UUID, or `all`.
        what: OsString,
    },
    /// `--completions`
    Completions(cli::Shell),
    /// `--man`
    Man,
}
