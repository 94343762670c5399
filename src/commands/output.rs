//! Where answers go, and in which form.
//!
//! The rule: an answer goes to stdout, in full and in one write; what keeps us from answering is a [`Complaint`], which
//! is said once at the end; the exit status is 0 for an answer and 1 for none (125 is for options that were not
//! understood, before anything came here).

use crate::ui::text::harmless_json;
use crate::ui::{Complaint, OutputTerminal};
use std::io::{self, Write};
use std::time::SystemTime;

/// An answer was given.
pub const ANSWERED: u8 = 0;
/// There is no answer, and a complaint says why.
pub const FAILED: u8 = axolotl_run_core::status::UNANSWERED;

/// The version of what is printed for programs; docs/json.md describes it. It grows whenever a key goes or changes its
/// meaning.
pub const JSON_VERSION: u64 = 1;

/// The exit status of an answer, or why there is none.
pub type AnswerResult = Result<u8, Complaint>;

/// For whom an answer is.
#[derive(Clone, Copy, PartialEq)]
pub enum AnswerForm {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What is printed, in which form, and when.
pub struct AnswerOutput {
    /// The answer.
    pub text: String,
    /// What answers for people are printed on.
    pub terminal: OutputTerminal,
    /// For whom they are.
    pub form: AnswerForm,
    /// The time of the question.
    pub now: SystemTime,
}

impl AnswerOutput {
    /// Prints the answer. A reader that has seen enough (`| head`) is no failure.
    ///
    /// # Errors
    /// Why it cannot be printed.
    pub fn print(&self, mut stream: impl Write) -> Result<(), Complaint> {
        let printed = match self.form {
            AnswerForm::Text => stream.write_all(self.text.as_bytes()),
            // Texts for people are made harmless before they are styled.
            AnswerForm::Json => stream.write_all(harmless_json(&self.text).as_bytes()),
        };
        match printed.and_then(|()| stream.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let reason = axolotl_run_sys::reason(&error);
                let problem = format!("failed to print the answer: {reason}");
                Err(Complaint::new(problem, ""))
            }
            _ => Ok(()),
        }
    }

    /// Gives an answer.
    pub fn answer(&mut self, answer: &str) -> AnswerResult {
        self.text.push_str(answer);
        Ok(ANSWERED)
    }

    /// Gives a document for programs, on one line, with the version of its form.
    pub fn document(&mut self, document: &serde_json::Value) -> AnswerResult {
        let mut document = document.clone();
        if let Some(members) = document.as_object_mut() {
            members.insert("version".to_owned(), JSON_VERSION.into());
        }
        self.answer(&format!("{document}\n"))
    }
}

/// `3 events`, `1 event`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
