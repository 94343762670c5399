//! What a command line can say.

use crate::delivery::notify::Channel;
use crate::ui::text::is_hidden;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What takes the command's place; each but three is an option of that name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing does.
    #[default]
    Run,
    Status,
    Enable,
    Disable,
    #[serde(rename = "record-always")]
    RecordAlways,
    Preview,
    Explain,
    Schema,
    Runs,
    Show,
    Stacks,
    Report,
    Export,
    Send,
    Forget,
    #[serde(rename = "notify-test")]
    NotifyTest,
    #[serde(rename = "notify-store")]
    NotifyStore,
    Price,
    Completions,
    Man,
    Help,
    Version,
}

/// A command line, understood as far as words go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Typed {
    /// What takes the command's place.
    pub mode: Mode,
    /// `--json`.
    pub json: bool,
    /// `--record`.
    pub record: bool,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--tap-stdout`.
    pub tap_stdout: bool,
    /// `--tty=direct`.
    pub tty_direct: bool,
    /// `--summary`.
    pub summary: bool,
    /// `--ci-summary`.
    pub ci_summary: bool,
    /// `--no-output`.
    pub no_output: bool,
    /// `--with-output`.
    pub with_output: bool,
    /// `--notify`.
    pub notify: Vec<Channel>,
    /// `--html`.
    pub html: Option<PathBuf>,
    /// `--follow`.
    pub follow: bool,
    /// `--against`.
    pub against: Option<PathBuf>,
    /// `--with`.
    pub with: Vec<PathBuf>,
    /// The command, or the words in its place.
    pub operands: Vec<OsString>,
}

impl Typed {
    /// The word that an option in the command's place takes.
    pub fn word(&self) -> Option<&OsStr> {
        self.operands.first().map(OsString::as_os_str)
    }
}

/// A word for a message: bounded, and without control characters that could drive a terminal.
pub fn printable(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy();
    let mut printable = String::new();
    for character in text.chars().take(PRINTABLE_MAX) {
        if is_hidden(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    if text.chars().nth(PRINTABLE_MAX).is_some() {
        printable.push('…');
    }
    printable
}

/// Characters of a word in a message; the longest path that is worth reading.
const PRINTABLE_MAX: usize = 256;
