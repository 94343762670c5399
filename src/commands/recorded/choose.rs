//! Which recorded run is meant, and how a run is named.

use crate::commands::output::count;
use crate::store::{RecordedRun, Store};
use crate::ui::Complaint;
use crate::ui::text::harmless;
use axolotl_run_sys::local_time::LocalTime;
use std::time::SystemTime;
use uuid::Uuid;

/// Digits of a run's identity that tell it from others; `--show` takes them.
pub const SHORT: usize = 8;

/// The run that is meant: the latest, or the one whose identity begins so.
///
/// # Errors
/// Why there is none.
pub fn identify<'a>(
    store: Option<&'a Store>,
    run_prefix: Option<&str>,
    now: SystemTime,
) -> Result<(&'a Store, Uuid), Complaint> {
    let store = store.ok_or_else(nothing_recorded)?;
    let Some(run_prefix) = run_prefix else {
        let latest = store.latest(now).ok_or_else(nothing_recorded)?;
        return Ok((store, latest));
    };
    let shown_prefix = harmless(run_prefix);
    match store.named(run_prefix).as_slice() {
        [run_id] => Ok((store, *run_id)),
        [] => Err(Complaint::new(
            format!("no recorded run begins with `{shown_prefix}`"),
            "`axolotl-run --runs` lists the recorded runs",
        )),
        matching_runs => {
            let run_count = count(matching_runs.len() as u64, "run");
            let mut names = Vec::new();
            for run_id in matching_runs.iter().take(4) {
                names.push(format!("`{run_id}`"));
            }
            Err(Complaint::new(
                format!("{run_count} begin with `{shown_prefix}`"),
                format!("add digits to choose between {}", names.join(", ")),
            ))
        }
    }
}

/// That there is no recorded run.
pub fn nothing_recorded() -> Complaint {
    let hint = "`axolotl-run --record COMMAND` records a run and sends nothing";
    Complaint::new("no run is recorded", hint)
}

/// The digits of a run's identity that are shown.
pub fn short(run: &RecordedRun) -> String {
    run.run_id.to_string().chars().take(SHORT).collect()
}

/// `2026-11-22 13:16`, on the clock of this machine.
pub fn minute(time: SystemTime) -> String {
    LocalTime::of(time).map_or("?".to_owned(), |local| local.to_minute())
}
