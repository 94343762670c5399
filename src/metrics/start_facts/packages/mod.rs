//! Versions of Python and of the listed packages, without running Python.
//!
//! Asking Python itself would cost 160 ms and run the user's start-up files. But a package's version is in the
//! name of a directory (`torch-2.8.0.dist-info`), so one listing of `site-packages` is enough: 0.3 ms. Where
//! that directory is follows from the command's first word ([`of_command`], before anything runs), or, where a
//! wrapper such as `uv run` or a shell script hides it, from what a running process has mapped
//! ([`of_processes`], later, and then the truth). Paths never leave this folder; versions go through
//! [`version`]. What is ambiguous (two versions of a package in one directory) is unknown.

mod environment;
mod installed;
mod interpreter;
mod process;
#[cfg(test)]
mod tests;

use crate::metrics::start_facts::host::Environment;
use axolotl_run_core::event::Start;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::public::{PublicStr, version};
use environment::PythonEnvironment;
use std::collections::BTreeMap;
use std::path::Path;

/// The versions that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Python's; without its third number where only the directory's name gives it away.
    pub python: Option<PublicStr>,
    /// The listed packages'.
    pub packages: BTreeMap<&'static str, PublicStr>,
}

impl Versions {
    /// Puts what is known into the event, in the place of what it says.
    pub fn apply(&self, start: &mut Start) {
        if self.python.is_some() {
            start.python_version.clone_from(&self.python);
        }
        if !self.packages.is_empty() {
            let packages = self.packages.iter();
            let public =
                packages.map(|(name, version)| (PublicStr::constant(name), version.clone()));
            start.packages = Some(public.collect());
        }
    }

    fn of(found: &PythonEnvironment) -> Self {
        let packages = installed::versions(&found.sites).into_iter();
        Self {
            python: found.python.as_deref().and_then(version::python),
            packages: packages
                .filter_map(|(name, raw)| Some((name, version::format(name, &raw)?)))
                .collect(),
        }
    }
}

/// What the command's first word leads to; empty where it leads to no Python.
pub fn of_command(command: &CommandLine<'_>, environment: Environment<'_>) -> Versions {
    let found = interpreter::of_command(command, environment)
        .map(|interpreter| environment::of_interpreter(&interpreter, environment));
    found.map(|found| Versions::of(&found)).unwrap_or_default()
}

/// What the processes of the tree have mapped; None where none of them shows a Python environment.
pub fn of_processes(pids: &[u32]) -> Option<Versions> {
    process::environment(Path::new("/proc"), pids).map(|found| Versions::of(&found))
}
