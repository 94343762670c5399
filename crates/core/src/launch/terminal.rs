//! Which programs use the terminal as a device, not as a place to print to.
//!
//! The problem: on a terminal the command's output goes through a pty of ours, which no training can tell from
//! the real one. A program that takes over the screen can: it sets the modes of the terminal behind its
//! stdout, and reads keys from the one behind its stdin, and these would then be two. Such programs get the
//! real terminal and their output is not read; they print no training progress anyway. What the list lacks,
//! `--tty=direct` says.
//!
//! Interpreters of other languages are not on it: their prompts, histories and debuggers were seen to work.

use super::words::name;
use crate::knowledge::commands::{CommandKind, KnownCommand};
use std::ffi::OsString;

/// Whether the command is such a program.
pub fn is_used(command: &[OsString]) -> bool {
    let Some((program, arguments)) = command.split_first() else {
        return false;
    };
    let Some(name) = name(program) else {
        return false;
    };
    // A login shell's name begins with a dash.
    let name = name.strip_prefix('-').unwrap_or(name);
    match KnownCommand::called(CommandKind::Shell, name) {
        Some(shell) => is_interactive(shell, arguments),
        None => KnownCommand::called(CommandKind::Terminal, name).is_some(),
    }
}

/// Whether a shell with these arguments reads its commands from the terminal.
fn is_interactive(shell: &KnownCommand, arguments: &[OsString]) -> bool {
    let mut words = arguments.iter();
    let mut runs_command = false;
    while let Some(word) = words.next() {
        let bytes = word.as_encoded_bytes();
        let is_short = bytes.starts_with(b"-") && !bytes.starts_with(b"--");
        if is_short && bytes.contains(&b'i') {
            return true;
        }
        let is_command = word == "--command" || bytes.starts_with(b"--command=");
        if is_command || is_short && bytes.contains(&b'c') {
            runs_command = true;
        } else if shell.values.iter().any(|option| word == option) {
            words.next();
        } else if !bytes.starts_with(b"-") && !bytes.starts_with(b"+") {
            // A script, or the command behind `-c`.
            return false;
        }
    }
    !runs_command
}
