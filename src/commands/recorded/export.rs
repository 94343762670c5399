//! `--export`: a run in one file that can be attached to a public issue as it is.
//!
//! In it are the events and measurements, each read and judged anew: an event only as our own writer would write it from
//! the published list, a measurement only as numbers under our names. The owner's side of the record is not read. So a
//! file that somebody has changed brings nothing else into it.

use super::choose::{SHORT, identify, nothing_recorded};
use crate::commands::output::{
    ANSWERED, AnswerForm, AnswerOutput, AnswerResult, JSON_VERSION, count,
};
use crate::store::Store;
use crate::ui::Complaint;
use axolotl_run_core::event::SCHEMA_VERSION;
use axolotl_run_core::series::SeriesLine;
use serde::Serialize;
use serde_json::json;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use uuid::Uuid;

/// Measurements in the file; of more, every second, third… is taken. A browser accepts 25 MB for an issue.
const MEASUREMENTS_MAX: usize = 20_000;

#[derive(Serialize)]
struct Exported {
    version: u64,
    schema_version: u64,
    run: Uuid,
    events: Vec<serde_json::Value>,
    measurements: Vec<SeriesLine>,
    /// What could not be read, or is not what we write.
    left_out: u64,
}

/// Writes the run to a file in this directory; with `--json` to the standard output.
pub fn run(
    store: Option<&Store>,
    run_prefix: Option<&str>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let (store, run_id) = identify(store, run_prefix, answer_output.now)?;
    let exported = read(store, run_id, answer_output)?;
    if answer_output.form == AnswerForm::Json {
        return answer_output.document(&json!(exported));
    }
    let name = format!("axolotl-run-{:.SHORT$}.json", run_id.to_string());
    if let Err(error) = write(Path::new(&name), &exported) {
        let reason = axolotl_run_sys::reason(&error);
        return Err(Complaint::new(
            format!("failed to write `{name}` here: {reason}"),
            "`--export --json` prints it",
        ));
    }
    let (events, measurements) = (exported.events.len(), exported.measurements.len());
    let mut text = format!(
        "wrote {name}: {} and {}\n\
         not in it: command line, paths, names, your own traceback and output\n",
        count(events as u64, "event"),
        count(measurements as u64, "measurement"),
    );
    if exported.left_out > 0 {
        let left_out = count(exported.left_out, "line");
        text.push_str(&format!(
            "left out: {left_out} that this program has not written\n"
        ));
    }
    answer_output.answer(&text)?;
    Ok(ANSWERED)
}

fn read(store: &Store, run_id: Uuid, answer_output: &AnswerOutput) -> Result<Exported, Complaint> {
    let mut exported = Exported {
        version: JSON_VERSION,
        schema_version: SCHEMA_VERSION,
        run: run_id,
        events: Vec::new(),
        measurements: Vec::new(),
        left_out: 0,
    };
    let mut left_out = 0;
    let recorded_run =
        store.events(
            run_id,
            answer_output.now,
            |recorded_event| match serde_json::to_value(&recorded_event.member) {
                Ok(event) if recorded_event.refusal.is_none() => exported.events.push(event),
                _ => left_out += 1,
            },
        );
    let recorded_run = recorded_run.ok_or_else(nothing_recorded)?;
    left_out += recorded_run.damaged_lines;
    let mut every_nth = 1;
    let mut measured = 0_usize;
    left_out += store.samples(run_id, |line| {
        if measured.is_multiple_of(every_nth) {
            exported.measurements.push(line);
        }
        measured += 1;
        if exported.measurements.len() > MEASUREMENTS_MAX {
            let mut is_kept = false;
            exported.measurements.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            every_nth *= 2;
        }
        true
    });
    exported.left_out = left_out;
    Ok(exported)
}

/// An older export of the run is replaced.
fn write(path: &Path, exported: &Exported) -> io::Result<()> {
    let mut file = File::create(path)?;
    serde_json::to_writer(&mut file, exported)?;
    file.write_all(b"\n")
}
