//! The command line: which program it runs, behind which wrappers and launchers, on how many machines.
//!
//! [`CommandLine::read`](command_line::CommandLine::read) is the one reader; all that is asked about a command is asked
//! of its result. What it knows by name is in `knowledge/commands.yaml` and `knowledge/launchers.yaml`.

use std::ffi::OsString;

pub mod command_line;
pub mod facts;
pub mod job;
mod launcher;
pub mod rank;
mod terminal;
pub mod training;
pub mod words;
mod wrappers;

/// How a variable of the environment is looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;
