//! Which recorded run is meant, and how a run is named.

use crate::commands::output::{Output, count};
use crate::store::{RecordedRun, Store};
use crate::ui::text::harmless;
use axolotl_run_core::event::wire;
use std::time::SystemTime;
use uuid::Uuid;

/// Digits of a run's identity that tell it from others; `--show` takes them.
const SHORT: usize = 8;

/// The run that is meant, with its figures.
///
/// # Errors
/// The exit status, after saying why there is none.
pub fn choose(
    store: &Store,
    prefix: Option<&str>,
    now: SystemTime,
    output: &mut Output<'_>,
) -> Result<RecordedRun, u8> {
    let run = identify(store, prefix, now, output)?;
    let summary = store.summary(run, now);
    summary.ok_or_else(|| nothing(output))
}

/// The run that is meant: the latest, or the one whose identity begins so.
///
/// # Errors
/// The exit status, after saying why there is none.
pub fn identify(
    store: &Store,
    prefix: Option<&str>,
    now: SystemTime,
    output: &mut Output<'_>,
) -> Result<Uuid, u8> {
    let Some(prefix) = prefix else {
        return store.latest(now).ok_or_else(|| nothing(output));
    };
    match store.named(prefix).as_slice() {
        [run] => Ok(*run),
        [] => {
            let error = format!("no recorded run begins with `{}`", harmless(prefix));
            Err(output.complain(&error, Some("`axolotl-run --runs` lists the recorded runs")))
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .take(4)
                .map(|run| format!("`{run}`"))
                .collect();
            let error = format!(
                "{} begin with `{}`",
                count(several.len() as u64, "run"),
                harmless(prefix)
            );
            Err(output.complain(
                &error,
                Some(&format!(
                    "add digits to choose between {}",
                    names.join(", ")
                )),
            ))
        }
    }
}

/// Says that there is no recorded run.
pub fn nothing(output: &mut Output<'_>) -> u8 {
    let hint = "`axolotl-run --record COMMAND` records a run and sends nothing";
    output.complain("no run is recorded", Some(hint))
}

/// The digits of a run's identity that are shown.
pub fn short(run: &RecordedRun) -> String {
    run.run.to_string().chars().take(SHORT).collect()
}

/// `2026-11-22 13:16Z`.
pub fn minute(time: SystemTime) -> String {
    let mut text = wire::timestamp(time).replace('T', " ");
    text.truncate("2026-11-22 13:16".len());
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(minute(SystemTime::UNIX_EPOCH), "1970-01-01 00:00Z");
    }
}
