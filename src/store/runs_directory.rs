//! The directory of recorded runs: opening it, listing it, beginning the journal of a run in it.

use super::journal::Journal;
use super::layout::{self, OURS, RUNS, StoreProblem};
use axolotl_run_core::consent::Sending;
use axolotl_run_core::limits;
use axolotl_run_sys::files::{Directory, Missing};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The directory of recorded runs.
#[derive(Debug)]
pub struct Store {
    pub(super) runs: Directory,
}

impl Store {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// Why there is none; the text reads after "failed to".
    pub fn open(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, StoreProblem> {
        Self::at(
            &layout::state_home(environment).ok_or(StoreProblem::NoHome)?,
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
        let home = layout::state_home(environment).ok_or(StoreProblem::NoHome)?;
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
    pub fn begin(&self, run: Uuid, sending: Sending) -> Journal {
        Journal::begin(
            Directory::open(self.runs.path(), Missing::Fail).ok(),
            run,
            sending,
        )
    }

    /// Where the runs are, for messages.
    pub fn path(&self) -> &Path {
        self.runs.path()
    }

    /// The runs' identities, in no order. Names that no launcher gives are not ours to touch.
    pub(super) fn identities(&self) -> Vec<Uuid> {
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

    pub(super) fn directory(&self, run: Uuid) -> io::Result<Directory> {
        self.runs.below(&run.to_string(), Missing::Fail)
    }
}
