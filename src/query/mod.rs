//! Questions to the launcher itself: what takes the place of a command.
//!
//! None of them runs anything. Each answers for people, or as JSON with `--json`; a question that cannot be
//! answered ends with 125, like every other failure of ours before a start.

pub mod schema;
pub mod status;

use crate::consent::Telemetry;
use crate::plan::Surroundings;
use crate::status::{Finished, REFUSED};
use crate::{cli, ui};
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
    Decide(Telemetry),
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
    /// `--send`
    Send,
}

/// Answers on stdout.
#[must_use]
pub fn answer(query: &Query, surroundings: &Surroundings<'_>) -> Finished {
    let answer = match &query.question {
        Question::Help => Ok(cli::help()),
        Question::Version => Ok(format!("{} {}\n", cli::NAME, env!("CARGO_PKG_VERSION"))),
        Question::Status => Ok(status::answer(surroundings, query.json)),
        Question::Decide(telemetry) => status::decide(*telemetry, surroundings, query.json),
        Question::Schema => Ok(schema::answer(query.json)),
        Question::Preview { .. }
        | Question::Explain { .. }
        | Question::Runs
        | Question::Show { .. }
        | Question::Send => Err("this question is not answered yet".into()),
    };
    match answer.and_then(|text| ui::print(&text).map_err(|error| format!("the answer cannot be printed: {error}"))) {
        Ok(()) => Finished::Exited(0),
        Err(error) => {
            ui::error(&error);
            Finished::Exited(REFUSED)
        }
    }
}
