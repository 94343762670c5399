//! `--man`: the manual page, in the language of roff.
//!
//! It is made of the tables that `--help` and the README are made of, so that it cannot say anything else; a
//! generator for the parser's options would know neither the variables nor the files nor the exit statuses.
//! What it prints is the same everywhere: packages install it as it is.

use crate::cli::{ABOUT, DESCRIPTION, Group, NAME, OPERANDS, OPTIONS, exit_statuses, shown};
use crate::store;
use axolotl_run_core::env;
use std::fmt::Write as _;

/// The whole page.
pub fn page() -> String {
    let mut page = RoffPage(format!(
        ".\\\" Printed by `{NAME} --man`.\n.TH {} 1 \"\" \"{NAME} {}\"\n",
        NAME.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    ));
    page.section("NAME");
    page.paragraph(&format!("{NAME} - {}", DESCRIPTION.replacen('A', "a", 1)));
    page.section("SYNOPSIS");
    page.line(&format!("{} {}", typed(NAME, Face::Bold), words(OPERANDS)));
    page.section("DESCRIPTION");
    for (number, paragraph) in ABOUT.iter().enumerate() {
        if number > 0 {
            page.line(".PP");
        }
        page.paragraph(paragraph);
    }
    page.section("OPTIONS");
    for group in Group::ALL {
        page.line(&format!(".SS {}", group.heading()));
        for row in OPTIONS.iter().filter(|row| row.group == group) {
            page.entry(&words(&shown(row)), row.does);
        }
    }
    page.section("EXIT STATUS");
    for (status, means) in exit_statuses() {
        page.entry(&typed(&status, Face::Bold), means);
    }
    page.section("ENVIRONMENT");
    for variable in env::ALL {
        page.entry(&typed(variable.name, Face::Bold), variable.does);
    }
    page.section("FILES");
    for (path, holds) in store::files() {
        page.entry(&typed(&path, Face::Italic), holds);
    }
    page.0
}

/// How a word is set.
#[derive(Clone, Copy)]
enum Face {
    /// What is typed as it stands.
    Bold,
    /// What something else is typed for.
    Italic,
}

struct RoffPage(String);

impl RoffPage {
    /// A line that is roff already.
    fn line(&mut self, roff: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{roff}");
    }

    fn section(&mut self, heading: &str) {
        self.line(&format!(".SH {heading}"));
    }

    fn paragraph(&mut self, text: &str) {
        self.line(&prose(text));
    }

    fn entry(&mut self, name: &str, does: &str) {
        self.line(".TP");
        self.line(name);
        self.paragraph(does);
    }
}

/// Words of a command line: options and punctuation as they stand, the names of values in italics.
fn words(line: &str) -> String {
    let face = |word: &str| {
        if word.contains('-') {
            Face::Bold
        } else {
            Face::Italic
        }
    };
    line.split(' ')
        .map(|word| typed(word, face(word)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn typed(text: &str, face: Face) -> String {
    let letter = match face {
        Face::Bold => 'B',
        Face::Italic => 'I',
    };
    // Brackets and dots say how often, and are neither.
    let start = text
        .len()
        .saturating_sub(text.trim_start_matches('[').len());
    let end = text.trim_end_matches([']', '.', ',']).len().max(start);
    let (before, rest) = text.split_at(start);
    let (inner, after) = rest.split_at(end.saturating_sub(start));
    format!("{before}\\f{letter}{}\\fR{after}", escaped(inner))
}

/// Text with what stands between backticks in bold.
fn prose(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    let text: String = pieces
        .map(|(number, piece)| {
            if number % 2 == 0 {
                escaped(piece)
            } else {
                typed(piece, Face::Bold)
            }
        })
        .collect();
    // A line that begins with a dot or an apostrophe would be a request.
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// Text in which nothing is roff's, and a hyphen is the one that is typed.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_a_request() {
        for (text, expected) in [
            ("plain", "plain"),
            (".so /etc/passwd", "\\&.so /etc/passwd"),
            ("'tis", "\\&'tis"),
            ("a\\b", "a\\eb"),
            ("the driver's `lib-x.so`", "the driver's \\fBlib\\-x.so\\fR"),
        ] {
            assert_eq!(prose(text), expected);
        }
    }

    #[test]
    fn options_are_bold_and_values_are_italic() {
        for (line, expected) in [
            ("--config FILE", "\\fB\\-\\-config\\fR \\fIFILE\\fR"),
            ("-h, --help", "\\fB\\-h\\fR, \\fB\\-\\-help\\fR"),
            ("--show [RUN]", "\\fB\\-\\-show\\fR [\\fIRUN\\fR]"),
            (
                "--preview COMMAND...",
                "\\fB\\-\\-preview\\fR \\fICOMMAND\\fR...",
            ),
            ("--tty=direct", "\\fB\\-\\-tty=direct\\fR"),
            ("[--]", "[\\fB\\-\\-\\fR]"),
        ] {
            assert_eq!(words(line), expected);
        }
    }
}
