//! `--runs`: the recorded runs, the latest first.

use super::choose::{minute, nothing_recorded, short};
use crate::commands::output::{AnswerForm, Answered, FAILED, Output, count};
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
pub fn print(store: Option<&Store>, output: &mut Output) -> Answered {
    let runs = store
        .map(|store| store.runs(output.now))
        .unwrap_or_default();
    if output.form == AnswerForm::Json {
        let described: Vec<_> = runs.iter().map(describe).collect();
        let status = output.document(&json!({"runs": described}))?;
        return Ok(if runs.is_empty() { FAILED } else { status });
    }
    if runs.is_empty() {
        return Err(nothing_recorded());
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(runs.iter().map(row));
    output.answer(&table(&rows, output.terminal))
}

/// A run's figures for programs.
pub fn describe(run: &RecordedRun) -> Value {
    json!({
        "run": run.run,
        "started": run.started.map(wire::timestamp),
        "launcher": run.launcher,
        "seconds": run.seconds,
        "outcome": run.state.as_str(),
        "steps": run.steps,
        "consent": run.sending == Sending::Permitted,
        "events": run.events,
        "delivered": run.delivered,
        "refused": run.refused,
        "waiting": run.waiting,
        "damaged_lines": run.damaged_lines,
        "truncated": run.truncated,
    })
}

/// What became of a run's events, in words.
pub fn events(run: &RecordedRun) -> String {
    let mut parts = Vec::new();
    for (number, word) in [
        (run.delivered, "sent"),
        (run.waiting, "waiting"),
        (run.refused, "refused"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    if !parts.is_empty() {
        return parts.join(", ");
    }
    match run.sending {
        Sending::Forbidden => format!("{}, only here", run.events),
        Sending::Permitted => format!("{}, none sent", run.events),
    }
}

fn row(run: &RecordedRun) -> [String; 7] {
    let mut events = events(run);
    if run.damaged_lines > 0 {
        let damaged = count(run.damaged_lines, "damaged line");
        events.push_str(&format!(", {damaged}"));
    }
    let or = |text: Option<String>, unknown: &str| text.unwrap_or_else(|| unknown.to_owned());
    [
        short(run),
        or(run.started.map(minute), "?"),
        or(run.launcher.clone(), "-"),
        or(run.seconds.map(units::duration), "-"),
        run.state.as_str().to_owned(),
        or(run.steps.map(|steps| steps.to_string()), "-"),
        events,
    ]
}
