//! `--runs`: the recorded runs, the latest first.

use super::choose::{minute, nothing, short};
use crate::commands::output::{AnswerForm, FAILED, Output, count};
use crate::store::{RecordedRun, Sending, Store};
use crate::ui::table::table;
use axolotl_run_core::event::wire;
use axolotl_run_core::judging::summary::units;
use serde_json::{Value, json};
use std::time::SystemTime;

/// The columns; with what a run usually has in them they fit 80 characters.
const HEADINGS: [&str; 7] = [
    "RUN", "STARTED", "COMMAND", "TOOK", "OUTCOME", "STEPS", "EVENTS",
];
/// Prints the recorded runs. `store` is None where nothing was ever recorded.
pub fn print(
    store: Option<&Store>,
    now: SystemTime,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let runs = store.map(|store| store.runs(now)).unwrap_or_default();
    match form {
        AnswerForm::Json => {
            let status =
                output.document(&json!({"runs": runs.iter().map(describe).collect::<Vec<_>>()}));
            if runs.is_empty() { FAILED } else { status }
        }
        AnswerForm::Text if runs.is_empty() => nothing(output),
        AnswerForm::Text => {
            let rows: Vec<_> = std::iter::once(HEADINGS.map(str::to_owned))
                .chain(runs.iter().map(row))
                .collect();
            output.answer(&table(&rows, output.terminal))
        }
    }
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
    match (parts.is_empty(), run.sending) {
        (false, _) => parts.join(", "),
        (true, Sending::Forbidden) => format!("{}, only here", run.events),
        (true, Sending::Permitted) => format!("{}, none sent", run.events),
    }
}

fn row(run: &RecordedRun) -> [String; 7] {
    let started = run.started.map_or_else(|| "?".to_owned(), minute);
    [
        short(run),
        started,
        run.launcher.as_deref().unwrap_or("-").to_owned(),
        run.seconds.map_or_else(|| "-".to_owned(), units::duration),
        run.state.as_str().to_owned(),
        run.steps
            .map_or_else(|| "-".to_owned(), |steps| steps.to_string()),
        if run.damaged_lines == 0 {
            events(run)
        } else {
            format!(
                "{}, {}",
                events(run),
                count(run.damaged_lines, "damaged line")
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_runs_there_is_one_clear_line() {
        for (form, expected_out) in [
            (AnswerForm::Text, ""),
            (AnswerForm::Json, "{\"runs\":[]}\n"),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let status = print(
                None,
                SystemTime::now(),
                form,
                &mut Output::plain(&mut out, &mut err),
            );
            assert_eq!(
                (status, String::from_utf8(out).unwrap().as_str()),
                (FAILED, expected_out)
            );
            assert_eq!(err.is_empty(), form == AnswerForm::Json);
        }
    }
}
