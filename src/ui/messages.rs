//! What the launcher itself says: the one owner of stderr, and of the form of its lines.
//!
//! A line of ours is between lines of the training's and perhaps of sixty other ranks', so it begins with our name.
//! What cannot be written is lost: no word of ours is worth a run.

use super::terminal::stderr_is_coloured;
use super::text::harmless;
use axolotl_run_sys::stderr;

/// The program's name, as it is typed.
pub const NAME: &str = "axolotl-run";

/// The word that begins a line, bold and in a colour.
type Level = (&'static str, u8);
const ERROR: Level = ("error", 31);
const WARNING: Level = ("warning", 33);
const HINT: Level = ("hint", 36);

const RESET: &str = "\u{1b}[0m";

/// Why the launcher did not do what it was asked for.
#[derive(Debug, PartialEq)]
pub struct Complaint {
    /// What is wrong, naming the word.
    pub error: String,
    /// What to do about it; empty where there is nothing to be done.
    pub hint: String,
}

impl Complaint {
    pub fn new(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// The error, an empty line, and what to do about it.
    pub fn render(&self, is_coloured: bool) -> String {
        let (error, hint) = (harmless(&self.error), harmless(&self.hint));
        let mut message = format!("{NAME}: {}{error}\n", label(ERROR, is_coloured));
        if !hint.is_empty() {
            message.push_str(&format!("\n{}{hint}\n", label(HINT, is_coloured)));
        }
        message
    }

    /// Says it on stderr.
    pub fn say(&self) {
        say(&self.render(stderr_is_coloured()));
    }
}

/// Says what is odd but stops nothing.
pub fn warning(text: &str) {
    let warning = label(WARNING, stderr_is_coloured());
    say(&format!("{NAME}: {warning}{}\n", harmless(text)));
}

/// Says why a command could not be executed, as every shell and launcher does, and which line may have been meant.
pub fn not_executed(command: &str, reason: &str, meant: Option<String>) {
    let mut message = format!("{NAME}: {command}: {reason}\n");
    if let Some(meant) = meant {
        let hint = label(HINT, stderr_is_coloured());
        message.push_str(&format!("\n{hint}did you mean `{meant}`?\n"));
    }
    say(&message);
}

/// Writes text as it is.
pub fn say(text: &str) {
    stderr::write(text.as_bytes());
}

/// A text as a headline.
pub fn headline(text: &str) -> String {
    if stderr_is_coloured() {
        format!("\u{1b}[1m{text}{RESET}")
    } else {
        text.to_owned()
    }
}

fn label((word, colour): Level, is_coloured: bool) -> String {
    if is_coloured {
        format!("\u{1b}[1;{colour}m{word}:{RESET} ")
    } else {
        format!("{word}: ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_what_is_hidden_in_a_path() {
        let complaint = Complaint::new("failed to use `/a\u{202e}b\u{1b}[2J`", "see `\u{9b}`");
        assert_eq!(
            complaint.render(false),
            "axolotl-run: error: failed to use `/a\\u202eb\\u001b[2J`\n\nhint: see `\\u009b`\n"
        );
    }

    #[test]
    fn a_line_reads_the_same_without_colour() {
        for level in [ERROR, WARNING, HINT] {
            let plain = label(level, false);
            let coloured = label(level, true);
            let colour = format!("\u{1b}[1;{}m", level.1);
            assert_eq!(coloured.replace(&colour, "").replace(RESET, ""), plain);
            assert!(plain.ends_with(": "), "{plain}");
        }
    }
}
