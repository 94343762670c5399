//! `--completions`: the completion script of a shell.
//!
//! The scripts are written by hand and carried in the program, because what stands behind our options is another
//! program's command line: its own completion has to take over there, which no generator of scripts knows.

use crate::cli::Shell;

/// The script for a shell, for its user to source or to put where the shell looks.
#[must_use]
pub const fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("../../completions/axolotl-run.bash"),
        Shell::Zsh => include_str!("../../completions/_axolotl-run"),
        Shell::Fish => include_str!("../../completions/axolotl-run.fish"),
    }
}
