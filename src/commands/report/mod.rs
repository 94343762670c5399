//! `--report`: how a run went and why it ended, on a page of the terminal or in a file for the browser.
//!
//! Everything on it comes from the run's files, which may hold anything; so it is read as numbers, as words of closed
//! lists, and as texts that are made harmless where they are printed. Reading is one pass in bounded memory, and so a
//! run of a week costs about what a run of an hour costs.

mod charts;
mod compare;
mod data;
mod dots;
mod html;
mod json;
mod series;
mod svg;
mod terminal;

use super::output::{ANSWERED, AnswerForm, Output};
use super::recorded::choose::{identify, nothing};
use crate::store::Store;
use data::ReportData;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which runs are reported on, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The beginning of the run's identity; None is the latest.
    pub run: Option<String>,
    /// The run to compare it with.
    pub against: Option<String>,
    /// Where the page for a browser goes; `-` is the standard output.
    pub html: Option<PathBuf>,
}

/// Prints the report of a run, or of two.
pub fn print(
    store: Option<&Store>,
    wanted: &Wanted,
    now: SystemTime,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let Some(store) = store else {
        return nothing(output);
    };
    let mut read = |prefix: Option<&str>| {
        let run = identify(store, prefix, now, output)?;
        ReportData::read(store, run, now).ok_or_else(|| nothing(output))
    };
    let data = match read(wanted.run.as_deref()) {
        Ok(data) => data,
        Err(status) => return status,
    };
    let mut other = None;
    if let Some(against) = &wanted.against {
        match read(Some(against)) {
            Ok(data) => other = Some(data),
            Err(status) => return status,
        }
    }
    if let Some(file) = &wanted.html {
        return write(file, &html::page(&data, other.as_ref()), output);
    }
    match (form, &other) {
        (AnswerForm::Json, None) => output.document(&json::as_json(&data)),
        (AnswerForm::Json, Some(other)) => output
            .document(&json!({"report": json::as_json(&data), "against": json::as_json(other)})),
        (AnswerForm::Text, None) => output.answer(&terminal::page(&data, output.terminal)),
        (AnswerForm::Text, Some(other)) => {
            output.answer(&compare::page([&data, other], output.terminal))
        }
    }
}

/// Writes the page for a browser.
fn write(file: &Path, page: &str, output: &mut Output<'_>) -> u8 {
    if file == Path::new("-") {
        return output.answer(page);
    }
    match std::fs::write(file, page) {
        Ok(()) => ANSWERED,
        Err(error) => output.complain(
            &format!(
                "failed to write `{}`: {}",
                crate::cli::printable(file),
                axolotl_run_sys::reason(&error)
            ),
            Some("name a file that can be written; `--html -` prints the page"),
        ),
    }
}
