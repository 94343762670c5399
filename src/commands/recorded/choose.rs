//! Which recorded run is meant, and how a run is named.

use crate::commands::output::{Output, count};
use crate::store::{RecordedRun, Store};
use crate::ui::text::harmless;
use axolotl_run_core::event::wire;
use std::time::SystemTime;
use uuid::Uuid;

/// Digits of a run's identity that tell it from others; `--show` takes them.
const SHORT: usize = 8;

/// The run that is meant: the latest, or the one whose identity begins so.
///
/// # Errors
/// The exit status, after saying why there is none.
pub fn identify<'a>(
    store: Option<&'a Store>,
    prefix: Option<&str>,
    output: &mut Output<'_>,
) -> Result<(&'a Store, Uuid), u8> {
    let Some(store) = store else {
        return Err(nothing(output));
    };
    let Some(prefix) = prefix else {
        let latest = store.latest(output.now).ok_or_else(|| nothing(output))?;
        return Ok((store, latest));
    };
    let shown = harmless(prefix);
    match store.named(prefix).as_slice() {
        [run] => Ok((store, *run)),
        [] => {
            let error = format!("no recorded run begins with `{shown}`");
            Err(output.complain(&error, Some("`axolotl-run --runs` lists the recorded runs")))
        }
        several => {
            let number = count(several.len() as u64, "run");
            let names = several.iter().take(4).map(|run| format!("`{run}`"));
            let names: Vec<_> = names.collect();
            let hint = format!("add digits to choose between {}", names.join(", "));
            Err(output.complain(&format!("{number} begin with `{shown}`"), Some(&hint)))
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
