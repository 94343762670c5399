//! Where answers go, and in which form.
//!
//! The rule: an answer goes to `out`, in full and in one write; what keeps us from answering goes to `err` in the form
//! of every [complaint](crate::ui::complaint); the exit status is 0 for an answer and 1 for none (125 is for options
//! that were not understood, before anything came here).

use crate::store::StoreProblem;
use crate::ui::Terminal;
use axolotl_run_core::env;
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::SystemTime;

/// An answer was given.
pub const ANSWERED: u8 = 0;
/// There is no answer, and `err` says why.
pub const FAILED: u8 = axolotl_run_core::status::UNANSWERED;

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// Whether telemetry is on, and why; the cause is a rendered fragment such as `DO_NOT_TRACK=1 in the environment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryState {
    /// The effective state.
    pub is_on: bool,
    /// Why it is so.
    pub cause: Cow<'static, str>,
}

/// Where to print, in which form, and when.
pub struct Output<'a> {
    /// Answers.
    pub out: &'a mut dyn Write,
    /// Why there is none.
    pub err: &'a mut dyn FnMut(&str, Option<&str>),
    /// What answers for people are printed on.
    pub terminal: Terminal,
    /// For whom they are.
    pub form: AnswerForm,
    /// The time of the question.
    pub now: SystemTime,
}

impl Output<'_> {
    /// Prints an answer. A reader that has seen enough (`| head`) is no failure.
    pub fn answer(&mut self, text: &str) -> u8 {
        let printed = self.out.write_all(text.as_bytes());
        match printed.and_then(|()| self.out.flush()) {
            Ok(()) => ANSWERED,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ANSWERED,
            Err(error) => {
                let reason = axolotl_run_sys::reason(&error);
                self.complain(&format!("failed to print the answer: {reason}"), None)
            }
        }
    }

    /// Prints a document for programs, on one line.
    pub fn document(&mut self, value: &serde_json::Value) -> u8 {
        self.answer(&format!("{value}\n"))
    }

    /// Prints why there is no answer.
    pub fn complain(&mut self, error: &str, hint: Option<&str>) -> u8 {
        (self.err)(error, hint);
        FAILED
    }

    /// Says that the recorded runs cannot be read.
    pub fn no_store(&mut self, problem: &StoreProblem) -> u8 {
        let variable = env::XDG_STATE_HOME;
        let hint = format!("`{variable}` names another directory for recorded runs");
        self.complain(&format!("failed to {problem}"), Some(&hint))
    }
}

/// `3 events`, `1 event`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
