//! What the launcher itself says: the one owner of stderr, and of the form of its lines.
//!
//! A line of ours stands between lines of the training's and perhaps of sixty other ranks', so it begins with
//! our name. It is understandable without colour; colour is used only on a terminal, and not with NO_COLOR or
//! on a dumb one. What cannot be written is lost: no word of ours is worth a run.

pub mod page;
pub mod table;

use crate::cli::{NAME, Refusal};
use axolotl_run_core::env;
use axolotl_run_sys::{stderr, terminal};
use page::Paper;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

/// The kinds of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Hint,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Error => "\u{1b}[1;31m",
            Self::Warning => "\u{1b}[1;33m",
            Self::Hint => "\u{1b}[1;36m",
        }
    }
}

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Says why nothing was started, and what to do.
pub fn refusal(refusal: &Refusal) {
    Stderr.complain(&refusal.error, Some(&refusal.hint));
}

/// Where it is said why the launcher did not do what it was asked for.
pub trait Complaints: io::Write {
    /// Says it: the error, an empty line, and what to do about it. What cannot be written is lost.
    fn complain(&mut self, error: &str, hint: Option<&str>) {
        let _ = self.write_all(complaint(error, hint, false).as_bytes());
    }
}

/// As if it were written to a file.
impl Complaints for Vec<u8> {}

fn complaint(error: &str, hint: Option<&str>, colour: bool) -> String {
    let hint = hint.map_or_else(String::new, |hint| {
        format!("\n{}{hint}\n", line(Level::Hint, colour))
    });
    format!("{NAME}: {}{error}\n{hint}", line(Level::Error, colour))
}

/// Says what is odd but stops nothing.
pub fn warning(text: &str) {
    stderr::write(format!("{NAME}: {}{text}\n", line(Level::Warning, colour())).as_bytes());
}

/// Says why a command could not be executed, as every shell and launcher does.
pub fn not_executed(command: &str, reason: &str) {
    stderr::write(format!("{NAME}: {command}: {reason}\n").as_bytes());
}

/// Writes text as it is.
pub fn say(text: &str) {
    stderr::write(text.as_bytes());
}

/// A text as a headline.
#[must_use]
pub fn headline(text: &str) -> String {
    if colour() {
        format!("{BOLD}{text}{RESET}")
    } else {
        text.to_owned()
    }
}

/// Standard error as a writer, for answers that fail.
#[derive(Debug)]
pub struct Stderr;

impl Complaints for Stderr {
    fn complain(&mut self, error: &str, hint: Option<&str>) {
        stderr::write(complaint(error, hint, colour()).as_bytes());
    }
}

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stderr::write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Characters appear one behind the other, and that is all that is known of it.
    Dumb,
    /// A line can be drawn over.
    Capable,
}

/// The terminal that stderr is; None where it is none.
#[must_use]
pub fn terminal() -> Option<Terminal> {
    let is_capable =
        || std::env::var_os(env::TERM).is_some_and(|term| !term.is_empty() && term != "dumb");
    io::stderr().is_terminal().then(|| {
        if is_capable() {
            Terminal::Capable
        } else {
            Terminal::Dumb
        }
    })
}

/// Whether stderr is a terminal on which a line can be drawn over.
#[must_use]
pub fn is_terminal() -> bool {
    terminal() == Some(Terminal::Capable)
}

/// What answers are printed on.
#[must_use]
pub fn paper(environment: &dyn Fn(&str) -> Option<OsString>) -> Paper {
    let value = |name: &str| environment(name).filter(|value| !value.is_empty());
    let stdout = io::stdout();
    let term = value(env::TERM).unwrap_or_default();
    // The kernel's own console has no braille.
    let is_poor = term == "dumb" || term == "linux";
    let locale = env::LOCALE
        .iter()
        .find_map(|name| value(name))
        .unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    let is_unicode = (locale.contains("utf-8") || locale.contains("utf8")) && !is_poor;
    let columns = value(env::COLUMNS).and_then(|columns| columns.to_str()?.parse::<usize>().ok());
    let Some(size) = terminal::size(stdout.as_fd()) else {
        return Paper {
            width: columns.map_or(page::WIDTH, width),
            is_unicode,
            ..Paper::default()
        };
    };
    let known = |number: u16| (number > 0).then_some(usize::from(number));
    Paper {
        width: columns
            .or_else(|| known(size.ws_col))
            .map_or(page::WIDTH, width),
        height: known(size.ws_row),
        is_coloured: term != "dumb" && value(env::NO_COLOR).is_none(),
        is_unicode,
    }
}

/// A width that pages are made for.
fn width(columns: usize) -> usize {
    columns.clamp(*page::WIDTHS.start(), *page::WIDTHS.end())
}

fn colour() -> bool {
    let refused = std::env::var_os(env::NO_COLOR).is_some_and(|value| !value.is_empty());
    !refused && is_terminal()
}

fn line(level: Level, colour: bool) -> String {
    let mut text = String::new();
    let (begin, end) = if colour {
        (level.colour(), RESET)
    } else {
        ("", "")
    };
    // Writing to a String cannot fail.
    let _ = write!(text, "{begin}{}:{end} ", level.word());
    text
}

/// The text without what a terminal would obey or hide: a recorded file may have been changed.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let is_bidirectional = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\n') || is_bidirectional {
            // Writing to a String cannot fail.
            let _ = write!(harmless, "\\u{:04x}", u32::from(character));
        } else {
            harmless.push(character);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_the_same_without_colour() {
        for level in [Level::Error, Level::Warning, Level::Hint] {
            let plain = line(level, false);
            let coloured = line(level, true);
            assert_eq!(
                coloured.replace(level.colour(), "").replace(RESET, ""),
                plain
            );
            assert!(plain.ends_with(": "), "{plain}");
        }
    }

    #[test]
    fn a_terminal_is_told_nothing_by_what_is_printed() {
        assert_eq!(
            harmless("a\nb\u{1b}[2J\u{9b}c\r\u{202e}d\u{7f}ä"),
            "a\nb\\u001b[2J\\u009bc\\u000d\\u202ed\\u007fä"
        );
    }
}
