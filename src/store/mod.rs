//! The runs on disk: what was observed, what was sent, what waits.
//!
//! ```text
//! $XDG_STATE_HOME/axolotl-run/runs/<run>/
//!     live            locked by the run's observer for as long as it lives; holds the machine's boot id
//!     consent         exists where the run was recorded with consent to send
//!     events.jsonl    the exact events, written before any attempt to send
//!     delivery.jsonl  attempts and the server's answers
//!     samples.jsonl   the time series for the report, never sent
//! ```
//! The rules: events are written down first and sent second; a run without the consent marker is never sent;
//! finish is written exactly once, if need be by a later launcher; what is read back is hostile and is judged
//! again ([`gate`]). Launchers share the directory without talking to each other: each run has one writer, and
//! who wants to finish, send or delete the run of another takes its lock first.
//!
//! The observer writes through a [`Journal`]; the queries read through [`Store`].

pub mod decision;
mod forget;
pub mod gate;
mod journal;
mod lock;
mod log;
pub mod paths;
mod prune;
mod read;
mod recover;
mod runs;
mod waiting;

pub use forget::{Forgotten, Withdrawn};
pub use journal::{Journal, Unforced};
pub use log::{Stored, Weight};
pub use read::{Answer, Delivered, Sent};
pub use recover::Left;
pub use runs::{Outcome, Record, Summary};
pub use waiting::{Portion, Waiting};

use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_sys::files::{Access, Directory, Missing};
use axolotl_run_sys::reason;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, io};
use uuid::Uuid;

/// Our directory's name, in the directories of state and of configuration.
const OURS: &str = "axolotl-run";
/// The stored decision's file in the directory of configuration.
const DECISION: &str = "config.yaml";
/// The names within the state directory.
const RUNS: &str = "runs";
const EVENTS: &str = "events.jsonl";
const DELIVERY: &str = "delivery.jsonl";
const SAMPLES: &str = "samples.jsonl";
const CONSENT: &str = "consent";
const LIVE: &str = "live";

/// Whether what a run records may ever be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// The run's user consented.
    Permitted,
    /// It is recorded for its owner alone.
    Forbidden,
}

/// Whether what a run recorded may be sent.
fn is_permitted(directory: &Directory) -> bool {
    directory.file(CONSENT, Access::Read).is_ok()
}

/// Why nothing can be kept on disk.
#[derive(Debug)]
pub enum StoreProblem {
    /// Neither `XDG_STATE_HOME` nor `HOME` names a directory.
    NoHome,
    /// Neither `XDG_CONFIG_HOME` nor `HOME` names a directory.
    NoConfigHome,
    /// Somebody else made our directory.
    Foreign(PathBuf),
    /// The kernel refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for StoreProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => no_base(f, "state", env::XDG_STATE_HOME),
            Self::NoConfigHome => no_base(f, "configuration", env::XDG_CONFIG_HOME),
            Self::Foreign(path) => {
                write!(f, "use `{}`: it belongs to somebody else", path.display())
            }
            Self::Io(path, error) => write!(f, "use `{}`: {}", path.display(), reason(error)),
        }
    }
}

fn no_base(f: &mut fmt::Formatter<'_>, kind: &str, variable: &str) -> fmt::Result {
    write!(
        f,
        "find a {kind} directory: neither `{variable}` nor `{}` is an absolute path",
        env::HOME
    )
}

/// The directory of recorded runs.
#[derive(Debug)]
pub struct Store {
    runs: Directory,
}

impl Store {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// Why there is none; the text reads after "failed to".
    pub fn open(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, StoreProblem> {
        Self::at(
            &paths::state_home(environment).ok_or(StoreProblem::NoHome)?,
            Missing::Create,
        )
    }

    /// Opens the directory to look into it; None where nothing was ever recorded.
    ///
    /// # Errors
    /// Why it can't be opened; the text reads after "failed to".
    pub fn existing(
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, StoreProblem> {
        let home = paths::state_home(environment).ok_or(StoreProblem::NoHome)?;
        match Self::at(&home, Missing::Fail) {
            Err(StoreProblem::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    fn at(home: &Path, missing: Missing) -> Result<Self, StoreProblem> {
        let problem = |path: PathBuf| |error| StoreProblem::Io(path, error);
        let base = Directory::open(home, missing).map_err(problem(home.to_owned()))?;
        let ours = base
            .below(OURS, missing)
            .map_err(problem(home.join(OURS)))?;
        if !ours.is_ours(&base).map_err(problem(home.join(OURS)))? {
            return Err(StoreProblem::Foreign(home.join(OURS)));
        }
        ours.make_private();
        let runs = ours
            .below(RUNS, missing)
            .map_err(problem(home.join(OURS).join(RUNS)))?;
        runs.make_private();
        Ok(Self { runs })
    }

    /// Begins the journal of a run. It always begins: what can't be written is kept in memory.
    ///
    /// The journal outlives the store, and has a handle of its own.
    #[must_use]
    pub fn begin(&self, run: Uuid, sending: Sending) -> Journal {
        Journal::begin(
            Directory::open(self.runs.path(), Missing::Fail).ok(),
            run,
            sending,
        )
    }

    /// Where the runs are, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.runs.path()
    }

    /// The runs' identities, in no order. Names that no launcher gives are not ours to touch.
    fn identities(&self) -> Vec<Uuid> {
        let names = self.runs.names(limits::RUNS_LISTED_MAX);
        names
            .iter()
            .filter_map(|name| {
                Uuid::parse_str(name)
                    .ok()
                    .filter(|run| run.to_string() == *name)
            })
            .collect()
    }

    fn directory(&self, run: Uuid) -> io::Result<Directory> {
        self.runs.below(&run.to_string(), Missing::Fail)
    }
}

#[cfg(test)]
pub(crate) mod tests;
