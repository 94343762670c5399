//! `--status`, `--enable` and `--disable`: whether telemetry is on, and why.
//!
//! The state that is shown is the effective one, for a run started here and now: a stored "on" beside
//! DO_NOT_TRACK=1 is off, and says so. The same function that decides for a run decides here.

use crate::consent::{DEFAULT, POLICY_VERSION, Telemetry};
use crate::decision;
use crate::plan::Surroundings;
use serde_json::json;
use std::time::SystemTime;

/// The effective state and its cause.
pub(super) fn answer(surroundings: &Surroundings<'_>, json: bool) -> String {
    let (decision, _) = surroundings.consent(&[]);
    let path = decision::path(surroundings.environment);
    if json {
        let answer = json!({
            "telemetry": word(decision.telemetry),
            "cause": decision.cause.sentence(),
            "notice": decision.notice,
            "policy_version": POLICY_VERSION,
            "decision_file": path.map(|path| path.to_string_lossy().into_owned()),
        });
        return format!("{answer:#}\n");
    }
    let mut text = format!("telemetry: {}: {}\n", word(decision.telemetry), decision.cause.sentence());
    if decision.notice {
        text.push_str("notice:    each run begins with a notice of 15 seconds until you decide\n");
    }
    text.push_str(&format!(
        "decision:  {}\n",
        path.map_or("no home to store one in".into(), |path| path.display().to_string())
    ));
    text
}

/// Stores a decision, then says what holds now.
pub(super) fn decide(telemetry: Telemetry, surroundings: &Surroundings<'_>, json: bool) -> Result<String, String> {
    let path = decision::path(surroundings.environment)
        .ok_or("the decision cannot be stored: neither XDG_CONFIG_HOME nor HOME names a directory")?;
    decision::write(&path, telemetry, SystemTime::now())
        .map_err(|error| format!("the decision cannot be stored in `{}`: {error}", path.display()))?;
    Ok(answer(surroundings, json))
}

const fn word(telemetry: Telemetry) -> &'static str {
    match telemetry {
        Telemetry::On => "on",
        Telemetry::Off => "off",
    }
}

/// The default, for the documents.
#[must_use]
pub const fn default_word() -> &'static str {
    word(DEFAULT)
}
