//! What answers for people are printed on, and what stderr is.
//!
//! The rule: what is printed reads the same without colour. Where an answer does not go to a terminal it has no colour;
//! what is drawn is 80 characters wide there, and what is said is in whole lines, because other programs look for it.

use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::terminal;
use std::io::{self, IsTerminal as _};
use std::ops::RangeInclusive;
use std::os::fd::AsFd as _;

/// What an answer is printed on: a terminal, or a file that is treated as one.
#[derive(Clone, Copy)]
pub struct OutputTerminal {
    /// Characters in a line.
    pub width: usize,
    /// Lines, where it is a terminal.
    pub height: Option<usize>,
    /// Whether colour is wanted.
    pub is_coloured: bool,
    /// Whether characters beyond ASCII can be shown.
    pub is_unicode: bool,
}

impl Default for OutputTerminal {
    fn default() -> Self {
        Self {
            width: WIDTH,
            height: None,
            is_coloured: false,
            is_unicode: true,
        }
    }
}

impl OutputTerminal {
    /// What stdout is.
    pub fn of_stdout(environment: Environment<'_>) -> Self {
        let non_empty =
            |name: &str| environment(name).filter(|variable_value| !variable_value.is_empty());
        let terminal_name = non_empty(env::TERM).unwrap_or_default();
        let locale = env::LOCALE.iter().find_map(|name| non_empty(name));
        let locale = locale.unwrap_or_default();
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // The kernel's own console has no braille.
        let is_poor = terminal_name == "dumb" || terminal_name == "linux";
        let wished_columns =
            non_empty(env::COLUMNS).and_then(|columns| columns.to_str()?.parse().ok());
        let terminal_size = terminal::size(io::stdout().as_fd());
        let positive = |number: u16| (number > 0).then_some(usize::from(number));
        let columns: Option<usize> = wished_columns.or_else(|| positive(terminal_size?.ws_col));
        Self {
            width: columns.map_or(WIDTH, |columns| {
                columns.clamp(*WIDTHS.start(), *WIDTHS.end())
            }),
            height: terminal_size.and_then(|terminal_size| positive(terminal_size.ws_row)),
            is_coloured: terminal_size.is_some()
                && terminal_name != "dumb"
                && non_empty(env::NO_COLOR).is_none(),
            is_unicode: is_utf8 && !is_poor,
        }
    }

    /// For what is said, not drawn: without a terminal no line is broken.
    pub fn for_statements(mut self) -> Self {
        if self.height.is_none() {
            self.width = usize::MAX;
        }
        self
    }

    /// Text in a style, where styles are wanted.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.is_coloured && !text.is_empty() {
            format!("{}{text}\u{1b}[0m", style.code())
        } else {
            text.to_owned()
        }
    }
}

/// The width where nobody says another.
const WIDTH: usize = 80;
/// The widths that a page is made for; beyond, lines become hard to follow.
const WIDTHS: RangeInclusive<usize> = 40..=160;

/// A kind of emphasis.
#[derive(Clone, Copy, PartialEq)]
pub enum Style {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It is not over, or nobody knows.
    Open,
    /// A curve.
    Curve,
    /// Of less importance.
    Faint,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[1;32m",
            Self::Bad => "\u{1b}[1;31m",
            Self::Open => "\u{1b}[1;33m",
            Self::Curve => "\u{1b}[36m",
            Self::Faint => "\u{1b}[2m",
        }
    }
}

/// What a terminal can do.
#[derive(PartialEq)]
pub enum TerminalKind {
    /// Characters appear one behind the other, and that is all that is known of it.
    Dumb,
    /// A line can be drawn over.
    Capable,
}

/// The terminal that stderr is; None where it is none.
pub fn of_stderr() -> Option<TerminalKind> {
    if !io::stderr().is_terminal() {
        return None;
    }
    match std::env::var_os(env::TERM) {
        Some(terminal_name) if !terminal_name.is_empty() && terminal_name != "dumb" => {
            Some(TerminalKind::Capable)
        }
        _ => Some(TerminalKind::Dumb),
    }
}

/// Whether stderr is a terminal on which colour is wanted.
pub fn stderr_is_coloured() -> bool {
    let is_colour_refused =
        std::env::var_os(env::NO_COLOR).is_some_and(|variable_value| !variable_value.is_empty());
    !is_colour_refused && of_stderr() == Some(TerminalKind::Capable)
}
