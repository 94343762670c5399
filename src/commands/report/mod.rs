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

use super::output::{ANSWERED, AnswerForm, Output};
use super::recorded::choose::{identify, nothing};
use crate::store::Store;
use data::ReportData;
use serde_json::json;
use std::path::{Path, PathBuf};

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
pub fn print(store: Option<&Store>, wanted: &Wanted, output: &mut Output<'_>) -> u8 {
    match read(store, wanted, output) {
        Ok((data, other)) => tell(&data, other.as_ref(), wanted, output),
        Err(status) => status,
    }
}

fn read(
    store: Option<&Store>,
    wanted: &Wanted,
    output: &mut Output<'_>,
) -> Result<(ReportData, Option<ReportData>), u8> {
    let mut read = |prefix: Option<&str>| {
        let (store, run) = identify(store, prefix, output)?;
        ReportData::read(store, run, output.now).ok_or_else(|| nothing(output))
    };
    let data = read(wanted.run.as_deref())?;
    let mut other = None;
    if let Some(against) = &wanted.against {
        other = Some(read(Some(against))?);
    }
    Ok((data, other))
}

fn tell(
    data: &ReportData,
    other: Option<&ReportData>,
    wanted: &Wanted,
    output: &mut Output<'_>,
) -> u8 {
    if let Some(file) = &wanted.html {
        return write(file, &html::page(data, other), output);
    }
    match (output.form, other) {
        (AnswerForm::Json, None) => output.document(&json::as_json(data)),
        (AnswerForm::Json, Some(other)) => {
            let both = json!({"report": json::as_json(data), "against": json::as_json(other)});
            output.document(&both)
        }
        (AnswerForm::Text, None) => output.answer(&terminal::page(data, output.terminal)),
        (AnswerForm::Text, Some(other)) => {
            output.answer(&compare::page([data, other], output.terminal))
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
        Err(error) => {
            let (file, reason) = (crate::cli::printable(file), axolotl_run_sys::reason(&error));
            output.complain(
                &format!("failed to write `{file}`: {reason}"),
                Some("name a file that can be written; `--html -` prints the page"),
            )
        }
    }
}
