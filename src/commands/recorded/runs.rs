//! `--runs`: the recorded runs, the latest first.

use super::choose::{minute, nothing_recorded, short};
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED, count};
use crate::store::{RecordedRun, Sending, Store};
use crate::ui::table::table;
use axolotl_run_core::event::wire;
use axolotl_run_core::judging::summary::units;
use serde_json::{Value, json};

/// The columns; with what a run usually has in them they fit 80 characters.
const HEADINGS: [&str; 7] = [
    "RUN", "STARTED", "COMMAND", "TOOK", "OUTCOME", "STEPS", "EVENTS",
];

/// Prints the recorded runs. `store` is None where nothing was ever recorded.
pub fn print(store: Option<&Store>, answer_output: &mut AnswerOutput) -> AnswerResult {
    let recorded_runs = store
        .map(|store| store.runs(answer_output.now))
        .unwrap_or_default();
    if answer_output.form == AnswerForm::Json {
        let described: Vec<_> = recorded_runs.iter().map(describe).collect();
        let status = answer_output.document(&json!({"runs": described}))?;
        return Ok(if recorded_runs.is_empty() {
            FAILED
        } else {
            status
        });
    }
    if recorded_runs.is_empty() {
        return Err(nothing_recorded());
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(recorded_runs.iter().map(table_row));
    answer_output.answer(&table(&rows, answer_output.terminal))
}

/// A run's figures for programs.
pub fn describe(recorded_run: &RecordedRun) -> Value {
    json!({
        "run": recorded_run.run_id,
        "started": recorded_run.started.map(wire::timestamp),
        "launcher": recorded_run.launcher,
        "seconds": recorded_run.seconds,
        "outcome": recorded_run.state.as_str(),
        "steps": recorded_run.steps,
        "consent": recorded_run.sending == Sending::Permitted,
        "events": recorded_run.events,
        "delivered": recorded_run.delivered,
        "refused": recorded_run.refused,
        "waiting": recorded_run.waiting,
        "damaged_lines": recorded_run.damaged_lines,
        "truncated": recorded_run.truncated,
    })
}

/// What became of a run's events, in words.
pub fn event_fates(recorded_run: &RecordedRun) -> String {
    let mut counted_events = Vec::new();
    for (event_count, word) in [
        (recorded_run.delivered, "sent"),
        (recorded_run.waiting, "waiting"),
        (recorded_run.refused, "refused"),
    ] {
        if event_count > 0 {
            counted_events.push(format!("{event_count} {word}"));
        }
    }
    if !counted_events.is_empty() {
        return counted_events.join(", ");
    }
    match recorded_run.sending {
        Sending::Forbidden => format!("{}, only here", recorded_run.events),
        Sending::Permitted => format!("{}, none sent", recorded_run.events),
    }
}

fn table_row(recorded_run: &RecordedRun) -> [String; 7] {
    let mut events = event_fates(recorded_run);
    if recorded_run.damaged_lines > 0 {
        let damaged = count(recorded_run.damaged_lines, "damaged line");
        events.push_str(&format!(", {damaged}"));
    }
    let or_unknown =
        |text: Option<String>, unknown: &str| text.unwrap_or_else(|| unknown.to_owned());
    [
        short(recorded_run),
        or_unknown(recorded_run.started.map(minute), "?"),
        or_unknown(recorded_run.launcher.clone(), "-"),
        or_unknown(recorded_run.seconds.map(units::duration), "-"),
        recorded_run.state.as_str().to_owned(),
        or_unknown(recorded_run.steps.map(|steps| steps.to_string()), "-"),
        events,
    ]
}
