//! `--report`: how a run went and why it ended, on a page of the terminal or in a file for the browser.
//!
//! Everything on it comes from the run's files, which may hold anything; so it is read as numbers, as words of closed
//! lists, and as texts that are made harmless where they are printed. Reading is one pass in bounded memory, and so a
//! run of a week costs about what a run of an hour costs.

mod charts;
mod compare;
mod data;
mod follow;
pub(crate) mod html;
mod json;
mod series;
mod terminal;

use super::output::{ANSWERED, AnswerForm, AnswerOutput, AnswerResult};
use super::recorded::choose::{identify, nothing_recorded};
use crate::cli::{Typed, printable};
use crate::store::Store;
use crate::store::decision::price;
use crate::ui::{Complaint, OutputTerminal};
use axolotl_run_core::judging::summary::price::Price;
use axolotl_run_core::launch::Environment;
use data::job::{JobReport, Reader};
use data::{ReportData, ShownOutput};
use serde_json::json;
use std::path::Path;
use std::time::SystemTime;

/// Prints the report of a run, or of two.
pub fn print(
    store: Option<&Store>,
    typed: &Typed,
    environment: Environment<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    // A file and what is made for programs may get to others.
    let is_for_owner = answer_output.form == AnswerForm::Text && typed.html.is_none();
    let reader = if is_for_owner || typed.with_output {
        Reader::Owner
    } else {
        Reader::Anybody
    };
    let read = |prefix: Option<String>| {
        let (store, run) = identify(store, prefix.as_deref(), answer_output.now)?;
        let read_now = || {
            let mut report =
                ReportData::read(store, run, SystemTime::now()).ok_or_else(nothing_recorded)?;
            report.price = price::read(environment).and_then(|text| Price::parse(&text));
            Ok(report)
        };
        if typed.follow {
            return follow::follow(&read_now, &|| OutputTerminal::of_stdout(environment));
        }
        let mut report = read_now()?;
        if reader == Reader::Anybody {
            report.owner = None;
        }
        Ok(report)
    };
    let mut data = read(typed.word().map(printable))?;
    if let Some(store) = store {
        let copies = copies(typed)?;
        let run_id = data.recorded_run.run_id;
        data.job = JobReport::read(store, run_id, &copies, reader, answer_output.now);
    }
    let mut other = None;
    if let Some(against) = &typed.against {
        other = Some(read(Some(printable(against)))?);
    }
    let shown_output = if typed.with_output {
        ShownOutput::All
    } else {
        ShownOutput::Usual
    };
    if let Some(file) = &typed.html {
        let page = html::page(&data, other.as_ref());
        return write(file, &page, answer_output);
    }
    match (answer_output.form, &other) {
        (AnswerForm::Json, None) => answer_output.document(&json::as_json(&data)),
        (AnswerForm::Json, Some(other)) => {
            let both = json!({
                "report": json::as_json(&data),
                "against": json::as_json(other),
            });
            answer_output.document(&both)
        }
        (AnswerForm::Text, None) => {
            answer_output.answer(&terminal::page(&data, answer_output.terminal, shown_output))
        }
        (AnswerForm::Text, Some(other)) => {
            answer_output.answer(&compare::page([&data, other], answer_output.terminal))
        }
    }
}

/// The records that were copied from other machines.
fn copies(typed: &Typed) -> Result<Vec<Store>, Complaint> {
    let mut copies = Vec::new();
    for path in &typed.with {
        let copy = Store::copied(path).ok_or_else(|| {
            Complaint::new(
                format!("no recorded run is in `{}`", printable(path)),
                "`--with` takes a copy of another machine's `~/.local/state/axolotl-run`, or of a run in it",
            )
        })?;
        copies.push(copy);
    }
    Ok(copies)
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
