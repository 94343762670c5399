//! Versions of Python and of the listed packages, without running Python.
//!
//! Asking Python itself would cost 160 ms and run the user's start-up files. But a package's version is in the
//! name of a directory (`torch-2.8.0.dist-info`), so one listing of `site-packages` is enough: 0.3 ms. Where
//! that directory is follows from the command's first word ([`add_those_of_command`], before anything runs), or, where a
//! wrapper such as `uv run` or a shell script hides it, from what a running process has mapped
//! ([`add_those_of_processes`], later, and then the truth). Paths never leave this folder; versions go through
//! [`version`]. What is ambiguous (two versions of a package in one directory) is unknown.

mod environment;
mod installed;
mod interpreter;
mod process;
#[cfg(test)]
mod tests;

use axolotl_run_core::event::Start;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::launch::command_line::CommandLine;
use environment::PythonEnvironment;
use std::path::Path;

/// Adds the versions that the command's first word leads to, if it leads to a Python.
pub fn add_those_of_command(
    start: &mut Start,
    command: &CommandLine<'_>,
    environment: Environment<'_>,
) {
    if let Some(interpreter) = interpreter::of_command(command, environment) {
        let python = environment::of_interpreter(&interpreter, environment);
        add_versions(start, python);
    }
}

/// Adds the versions of what the processes have mapped, if one of them shows a Python environment.
pub fn add_those_of_processes(start: &mut Start, pids: &[u32]) {
    if let Some(python) = process::environment(Path::new("/proc"), pids) {
        add_versions(start, python);
    }
}

/// Puts what is known into the event, in the place of what it says.
fn add_versions(start: &mut Start, python: PythonEnvironment) {
    let packages = installed::versions(&python.package_directories);
    if python.version.is_some() {
        start.python_version = python.version;
    }
    if !packages.is_empty() {
        start.packages = Some(packages);
    }
}
