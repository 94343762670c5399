//! The command line: which program it runs, behind which wrappers and launchers, on how many machines.

use std::ffi::OsString;

pub mod launcher;
pub mod prefixes;
pub mod rank;
pub mod terminal;

/// How a variable of the environment is looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;
