//! `--runs`: the recorded runs, the latest first.

use super::{FAILED, Form, Streams, count, document};
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
/// Digits of a run's identity that tell it from others; `--show` takes them.
const SHORT: usize = 8;

/// Prints the recorded runs. `store` is None where nothing was ever recorded.
pub fn print(store: Option<&Store>, now: SystemTime, form: Form, streams: &mut Streams<'_>) -> u8 {
    let runs = store.map(|store| store.runs(now)).unwrap_or_default();
    match form {
        Form::Json => {
            let status = streams.answer(&document(
                &json!({"runs": runs.iter().map(describe).collect::<Vec<_>>()}),
            ));
            if runs.is_empty() { FAILED } else { status }
        }
        Form::Text if runs.is_empty() => nothing(streams),
        Form::Text => {
            let rows: Vec<_> = std::iter::once(HEADINGS.map(str::to_owned))
                .chain(runs.iter().map(row))
                .collect();
            streams.answer(&table(&rows, streams.paper))
        }
    }
}

/// Says that there is no recorded run.
pub(super) fn nothing(streams: &mut Streams<'_>) -> u8 {
    let hint = "`axolotl-run --record COMMAND` records a run and sends nothing";
    streams.complain("no run is recorded", Some(hint))
}

/// A run's figures for programs.
pub(super) fn describe(run: &RecordedRun) -> Value {
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
pub(super) fn events(run: &RecordedRun) -> String {
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

/// The digits of a run's identity that are shown.
pub(super) fn short(run: &RecordedRun) -> String {
    run.run.to_string().chars().take(SHORT).collect()
}

/// `2026-11-22 13:16Z`.
pub(super) fn minute(time: SystemTime) -> String {
    let text = wire::timestamp(time);
    format!(
        "{}Z",
        text.chars()
            .take("2026-11-22T13:16".len())
            .collect::<String>()
            .replace('T', " ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(minute(SystemTime::UNIX_EPOCH), "1970-01-01 00:00Z");
    }

    #[test]
    fn without_runs_there_is_one_clear_line() {
        for (form, expected_out) in [(Form::Text, ""), (Form::Json, "{\"runs\":[]}\n")] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let status = print(
                None,
                SystemTime::now(),
                form,
                &mut Streams::plain(&mut out, &mut err),
            );
            assert_eq!(
                (status, String::from_utf8(out).unwrap().as_str()),
                (FAILED, expected_out)
            );
            assert_eq!(err.is_empty(), form == Form::Json);
        }
    }
}
