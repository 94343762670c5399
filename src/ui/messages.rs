//! What the launcher itself says: the one owner of stderr, and of the form of its lines.
//!
//! A line of ours is between lines of the training's and perhaps of sixty other ranks', so it begins with our name.
//! What cannot be written is lost: no word of ours is worth a run.

use super::terminal::stderr_is_coloured;
use axolotl_run_sys::stderr;
use std::io;

/// The program's name, as it is typed.
pub const NAME: &str = "axolotl-run";

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
    let level = line(Level::Warning, stderr_is_coloured());
    say(&format!("{NAME}: {level}{text}\n"));
}

/// Says why a command could not be executed, as every shell and launcher does.
pub fn not_executed(command: &str, reason: &str) {
    say(&format!("{NAME}: {command}: {reason}\n"));
}

/// Writes text as it is.
pub fn say(text: &str) {
    stderr::write(text.as_bytes());
}

/// A text as a headline.
pub fn headline(text: &str) -> String {
    if stderr_is_coloured() {
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
        stderr::write(complaint(error, hint, stderr_is_coloured()).as_bytes());
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

fn line(level: Level, is_coloured: bool) -> String {
    let word = level.word();
    if is_coloured {
        format!("{}{word}:{RESET} ", level.colour())
    } else {
        format!("{word}: ")
    }
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
}
