//! `--report`: how a run went and why it ended, on a page of the terminal or in a file for the browser.
//!
//! Everything on it comes from the run's files, which may hold anything; so it is read as numbers, as words of closed
//! lists, and as texts that are made harmless where they are printed. Reading is one pass in bounded memory, and so a
//! run of a week costs about what a run of an hour costs.

mod charts;
mod compare;
mod data;
mod dots;
pub(crate) mod html;
mod json;
mod series;
mod svg;
mod terminal;

use super::output::{ANSWERED, AnswerForm, AnswerOutput, AnswerResult};
use super::recorded::choose::{identify, nothing_recorded};
use crate::cli::{Typed, printable};
use crate::store::Store;
use crate::ui::Complaint;
use data::ReportData;
use serde_json::json;
use std::path::Path;

/// Prints the report of a run, or of two.
pub fn print(
    store: Option<&Store>,
    typed: &Typed,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let read = |prefix: Option<String>| {
        let (store, run) = identify(store, prefix.as_deref(), answer_output.now)?;
        ReportData::read(store, run, answer_output.now).ok_or_else(nothing_recorded)
    };
    let data = read(typed.word().map(printable))?;
    let mut other = None;
    if let Some(against) = &typed.against {
        other = Some(read(Some(printable(against)))?);
    }
    if let Some(file) = &typed.html {
        return write(file, &html::page(&data, other.as_ref()), answer_output);
    }
    match (answer_output.form, &other) {
        (AnswerForm::Json, None) => answer_output.document(&json::as_json(&data)),
        (AnswerForm::Json, Some(other)) => {
            let both = json!({"report": json::as_json(&data), "against": json::as_json(other)});
            answer_output.document(&both)
        }
        (AnswerForm::Text, None) => {
            answer_output.answer(&terminal::page(&data, answer_output.terminal))
        }
        (AnswerForm::Text, Some(other)) => {
            answer_output.answer(&compare::page([&data, other], answer_output.terminal))
        }
    }
}

/// Writes the page for a browser; `-` is the standard output.
fn write(file: &Path, page: &str, answer_output: &mut AnswerOutput) -> AnswerResult {
    if file == Path::new("-") {
        return answer_output.answer(page);
    }
    if let Err(error) = std::fs::write(file, page) {
        let reason = axolotl_run_sys::reason(&error);
        return Err(Complaint::new(
            format!("failed to write `{}`: {reason}", printable(file)),
            "name a file that can be written; `--html -` prints the page",
        ));
    }
    Ok(ANSWERED)
}
