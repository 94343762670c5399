//! What the options that take the place of a command print.
//!
//! The rule: an answer goes to `out`, in full and in one write; what keeps us from answering goes to `err` in
//! the form of [`complain`]; the exit status is 0 for an answer and 1 for none. Nothing here decides anything
//! about a run. Text from disk is made harmless for terminals before it is printed.
//!
//! Called by the front alone, which gives the two streams and has found out what was asked.

pub mod runs;
pub mod send;
pub mod show;
pub mod status;

use crate::store::StoreProblem;
use std::fmt::Write as _;
use std::io::{self, Write};

/// An answer was given.
pub const ANSWERED: u8 = 0;
/// There is no answer, and `err` says why.
pub const FAILED: u8 = 1;

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// Whether telemetry is on, and why; the cause is a rendered fragment such as `DO_NOT_TRACK=1 in the environment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry<'a> {
    /// The effective state.
    pub is_on: bool,
    /// Why it is so.
    pub cause: &'a str,
}

/// Where to print.
pub struct Streams<'a> {
    /// Answers.
    pub out: &'a mut dyn Write,
    /// Why there is none.
    pub err: &'a mut dyn Write,
}

impl Streams<'_> {
    /// Prints an answer. A reader that has seen enough (`| head`) is no failure.
    pub(super) fn answer(&mut self, text: &str) -> u8 {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => ANSWERED,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ANSWERED,
            Err(_) => FAILED,
        }
    }

    /// Prints why there is no answer: the error, an empty line, a hint.
    pub(super) fn complain(&mut self, error: &str, hint: Option<&str>) -> u8 {
        let hint = hint.map_or_else(String::new, |hint| format!("\nhint: {hint}\n"));
        let _ = write!(self.err, "error: {error}\n{hint}");
        FAILED
    }

    /// Says that the recorded runs can't be read.
    pub fn no_store(&mut self, problem: &StoreProblem) -> u8 {
        let hint = "`XDG_STATE_HOME` names another directory for recorded runs";
        self.complain(&format!("failed to {problem}"), Some(hint))
    }
}

/// `3 events`, `1 event`.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The text without what a terminal would obey or hide: a recorded file may have been changed.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let is_bidirectional =
            matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\n') || is_bidirectional {
            // Writing to a String cannot fail.
            let _ = write!(harmless, "\\u{:04x}", u32::from(character));
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// A document for programs, on one line.
fn document(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_what_is_printed() {
        assert_eq!(harmless("a\nb\u{1b}[2J\u{9b}c\r\u{202e}d\u{7f}ä"), "a\nb\\u001b[2J\\u009bc\\u000d\\u202ed\\u007fä");
    }

    #[test]
    fn a_complaint_is_an_error_an_empty_line_and_a_hint() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { out: &mut out, err: &mut err };
        assert_eq!(streams.complain("nothing was found", Some("look elsewhere")), FAILED);
        assert_eq!(String::from_utf8(err).unwrap(), "error: nothing was found\n\nhint: look elsewhere\n");
        assert!(out.is_empty());
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        struct Closed(io::ErrorKind);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (kind, status) in [(io::ErrorKind::BrokenPipe, ANSWERED), (io::ErrorKind::StorageFull, FAILED)] {
            let mut streams = Streams { out: &mut Closed(kind), err: &mut Vec::new() };
            assert_eq!(streams.answer("text"), status);
        }
    }
}
