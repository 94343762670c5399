//! `--runs`: the recorded runs, the latest first. The processes of a job are one line, that of the main one.

use super::choose::{minute, nothing_recorded, short};
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED, count};
use crate::owner_record::OwnerView;
use crate::store::{RecordedRun, Sending, Store, job};
use crate::ui::table::{GAP, table};
use crate::ui::text::cut;
use axolotl_run_core::event::wire;
use axolotl_run_core::judging::summary::units;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The columns. The last one is what tells runs apart, and takes the room that is left.
const HEADINGS: [&str; 7] = [
    "RUN", "STARTED", "TOOK", "OUTCOME", "STEPS", "EVENTS", "COMMAND",
];

/// The least room for the last column; in less, nothing can be told apart.
const COMMAND_MIN: usize = 16;

/// Prints the recorded runs. `store` is None where nothing was ever recorded.
pub fn print(store: Option<&Store>, answer_output: &mut AnswerOutput) -> AnswerResult {
    let recorded_runs = store
        .map(|store| store.runs(answer_output.now))
        .unwrap_or_default();
    let has_runs = !recorded_runs.is_empty();
    let jobs = job::together(recorded_runs, |run| run.job.as_ref());
    if answer_output.form == AnswerForm::Json {
        let mut described = Vec::new();
        for job in &jobs {
            for recorded_run in job {
                let mut run_json = describe(recorded_run);
                if let Some(members) = run_json.as_object_mut() {
                    members.insert("command".to_owned(), json!(label(store, recorded_run)));
                    members.insert("job".to_owned(), place_in_job(job, recorded_run));
                }
                described.push(run_json);
            }
        }
        let status = answer_output.document(&json!({"runs": described}))?;
        return Ok(if has_runs { status } else { FAILED });
    }
    if !has_runs {
        return Err(nothing_recorded());
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for job in &jobs {
        if let Some(main) = job.first() {
            let label = label(store, main).or_else(|| main.launcher.clone());
            let label = label.unwrap_or_else(|| "-".to_owned());
            rows.push(table_row(main, format!("{}{label}", size(job))));
        }
    }
    let terminal = answer_output.terminal.for_statements();
    let room = room_for_command(&rows, terminal.width);
    for row in &mut rows {
        let [.., command] = row;
        *command = cut(command, room, terminal.is_unicode);
    }
    answer_output.answer(&table(&rows, terminal))
}

/// What tells a run from others, where it was recorded for its owner: script or configuration, and arguments.
fn label(store: Option<&Store>, recorded_run: &RecordedRun) -> Option<String> {
    let run_directory = store?.run_directory(recorded_run.run_id).ok()?;
    Some(OwnerView::facts(&run_directory)?.label)
}

/// How many processes of a job were recorded; nothing of a run that is alone.
fn size(job: &[RecordedRun]) -> String {
    if job.len() < 2 {
        return String::new();
    }
    let records = job.iter().filter_map(|run| run.job.as_ref());
    let machines: BTreeSet<_> = records.map(|record| &record.machine).collect();
    let noun = if machines.len() == job.len() {
        "nodes"
    } else {
        "processes"
    };
    format!("{} {noun}: ", job.len())
}

/// Where in its job a run is, for programs: all runs of a job have the same `main`.
fn place_in_job(job: &[RecordedRun], recorded_run: &RecordedRun) -> Value {
    let Some(record) = &recorded_run.job else {
        return Value::Null;
    };
    json!({
        "main": job.first().map(|main| main.run_id),
        "node": record.place.node,
        "task": record.place.task,
    })
}

/// What the other columns leave of a line to the last one.
fn room_for_command(rows: &[[String; 7]], line_width: usize) -> usize {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let used: usize = widths.iter().map(|width| width + GAP).sum();
    line_width.saturating_sub(used).max(COMMAND_MIN)
}

/// A run's figures for programs.
pub fn describe(recorded_run: &RecordedRun) -> Value {
    json!({
        "run": recorded_run.run_id,
        "started": recorded_run.started.map(wire::timestamp),
        "launcher": recorded_run.launcher,
        "seconds": recorded_run.seconds,
        "outcome": recorded_run.state.as_str(),
        "not_finite": recorded_run.not_finite,
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
        Sending::Forbidden => format!("{} here", recorded_run.events),
        Sending::Permitted => format!("{}, none sent", recorded_run.events),
    }
}

fn table_row(recorded_run: &RecordedRun, label: String) -> [String; 7] {
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
        or_unknown(recorded_run.seconds.map(units::duration), "-"),
        recorded_run.title().to_owned(),
        or_unknown(recorded_run.steps.map(|steps| steps.to_string()), "-"),
        events,
        label,
    ]
}
