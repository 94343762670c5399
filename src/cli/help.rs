//! The text of `--help`, printed from the table of options and from the list of environment variables.
//!
//! Written here and not by the parser's own printer, because the README holds the same text and is compared
//! with it: it must not depend on the terminal's width, nor on the version of a library.

use super::options::{Group, OPTIONS, OptionRow, Value};
use crate::ui::NAME;
use crate::ui::text::wrapped;
use axolotl_run_core::env;
use axolotl_run_core::status;
use std::fmt::Write as _;

/// Where descriptions begin; a longer name gets a line of its own.
const COLUMN: usize = 28;
/// Where descriptions end, so that they fit a terminal of 80 columns.
const WIDTH: usize = 80;

/// What each exit status of ours means, for the help and the README.
pub fn exit_statuses() -> [(String, &'static str); 6] {
    [
        (
            "any".into(),
            "the command's own: its code, or the signal that killed it",
        ),
        (
            status::UNANSWERED.to_string(),
            "with an option instead of a command: nothing was found, or it failed; stderr says why",
        ),
        (
            status::REFUSED.to_string(),
            "the launcher refused (a bad option); nothing was started",
        ),
        (
            status::NOT_EXECUTABLE.to_string(),
            "the command was found but cannot be executed",
        ),
        (status::NOT_FOUND.to_string(), "the command was not found"),
        (
            status::INTERRUPTED.to_string(),
            "Ctrl-C during the notice; nothing was started",
        ),
    ]
}

/// What the program is, in one line; the packages say the same.
pub const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");

/// What follows the program's name.
pub const OPERANDS: &str = "[OPTIONS] [--] COMMAND [ARGS]...";

/// What everybody must know before the first use, a paragraph each.
pub const ABOUT: [&str; 2] = [
    "Telemetry is off until you turn it on. Without it, the launcher becomes the command and is gone.",
    "Options end at the first word that is not one: that word is always the command.",
];

/// The whole help.
pub fn help() -> String {
    let paragraph = |text: &str| wrapped(text, WIDTH).join("\n");
    let mut text = format!(
        "{}\n\nUsage: {NAME} {OPERANDS}\n",
        paragraph(&format!("{DESCRIPTION}."))
    );
    for paragraph_text in ABOUT {
        let _ = write!(text, "\n{}\n", paragraph(paragraph_text));
    }
    for group in Group::ALL {
        section(&mut text, group.heading());
        for option_row in OPTIONS
            .iter()
            .filter(|option_row| option_row.group == group)
        {
            entry(&mut text, &shown(option_row), option_row.does);
        }
    }
    section(&mut text, "Environment");
    for variable in env::ALL {
        entry(&mut text, variable.name, &variable.does.replace('`', ""));
    }
    section(&mut text, "Exit status");
    for (status, means) in exit_statuses() {
        entry(&mut text, &status, means);
    }
    text
}

/// An option as it is typed.
pub fn shown(option_row: &OptionRow) -> String {
    let value = match option_row.value {
        Value::None => String::new(),
        Value::Required(name) | Value::Operand(name) | Value::Command(name) => format!(" {name}"),
        Value::OneOf { shown, .. } => shown.to_owned(),
    };
    let short = option_row
        .short
        .map_or(String::new(), |letter| format!("-{letter}, "));
    format!("{short}--{}{value}", option_row.long)
}

fn section(text: &mut String, heading: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{heading}:\n");
}

fn entry(text: &mut String, name: &str, does: &str) {
    let mut name = format!("  {name}");
    if name.chars().count().saturating_add(2) > COLUMN {
        let _ = writeln!(text, "{name}");
        name.clear();
    }
    for line in wrapped(does, WIDTH.saturating_sub(COLUMN)) {
        let _ = writeln!(text, "{name:COLUMN$}{line}");
        name.clear();
    }
}
