//! `--status`: whether telemetry is on and why, where events go, what waits, and what is wrong.
//!
//! Someone who wonders why nothing arrives, or what could leave, must find the answer here and nowhere else.

use super::output::{AnswerForm, Output, TelemetryState, count};
use crate::delivery::{Answer, Destination};
use crate::store::decision::StoredDecision;
use crate::store::{Store, StoreProblem, Withdrawn};
use crate::ui::page::Page;
use axolotl_run_core::consent;
use axolotl_run_core::event::SCHEMA_VERSION;
use axolotl_run_core::public::dictionary::{self, Contents};
use serde_json::json;
use std::time::SystemTime;

/// Where text begins.
const LABEL: usize = 11;

/// What `--status` tells, gathered by the front.
#[derive(Debug)]
pub struct StatusFacts<'a> {
    /// Whether telemetry is on, and why.
    pub telemetry: TelemetryState<'a>,
    /// Endpoint and key.
    pub destination: &'a Destination,
    /// The recorded runs; None where nothing was ever recorded.
    pub store: Result<Option<&'a Store>, &'a StoreProblem>,
    /// The stored decision.
    pub decision: &'a StoredDecision,
    /// What was just deleted, because telemetry was turned off.
    pub withdrawn: Option<Withdrawn>,
}

/// Prints the state.
pub fn print(
    facts: &StatusFacts<'_>,
    now: SystemTime,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let Recorded { events, runs, said } = recorded(facts, now);
    let telemetry = if facts.telemetry.is_on { "on" } else { "off" };
    let endpoint = facts
        .destination
        .endpoint
        .as_ref()
        .map_err(ToString::to_string)
        .map(ToString::to_string);
    let key = facts
        .destination
        .key
        .as_ref()
        .map_err(ToString::to_string)
        .map(Option::is_some);
    let state = match facts.store {
        Ok(Some(store)) => Ok(store.path().display().to_string()),
        Ok(None) => Ok("nothing is recorded yet".to_owned()),
        Err(problem) => Err(format!("failed to {problem}")),
    };
    let known = dictionary::contents();
    match form {
        AnswerForm::Json => output.document(&json!({
            "telemetry": telemetry,
            "cause": facts.telemetry.cause,
            "endpoint": endpoint.as_ref().ok(),
            "endpoint_problem": endpoint.as_ref().err(),
            "key": key.as_ref().is_ok_and(|is_present| *is_present),
            "key_problem": key.as_ref().err(),
            "waiting": {"events": events, "runs": runs},
            "deleted": facts.withdrawn.map(|withdrawn| json!({"events": withdrawn.events, "runs": withdrawn.runs})),
            "server": said.as_ref().map(|said| json!({
                "time": said.time,
                "outcome": said.disposition,
                "status": said.status,
                "cause": said.cause,
            })),
            "state": facts.store.as_ref().ok().and_then(|store| store.map(|store| store.path().to_string_lossy())),
            "state_problem": state.as_ref().err(),
            "decision": decision(facts.decision),
            "schema_version": SCHEMA_VERSION,
            "dictionary": {
                "as_of": known.as_of,
                "days_old": age_in_days(known.as_of, now),
                "releases": known.releases,
                "packages": known.packages,
                "files": known.files,
                "functions": known.functions,
                "exceptions": known.exceptions,
            },
        })),
        AnswerForm::Text => {
            let key = match key {
                Ok(true) => "present".to_owned(),
                Ok(false) => "none, so nothing can be sent".to_owned(),
                Err(problem) => problem,
            };
            let of_runs = |events, runs| match events {
                0 => "nothing".to_owned(),
                _ => format!("{} of {}", count(events, "event"), count(runs, "run")),
            };
            let mut page = Page::new(output.terminal.for_statements(), LABEL);
            page.entry("telemetry", &format!("{telemetry}: {}", facts.telemetry.cause));
            page.entry("decision", &decision(facts.decision));
            page.entry("endpoint", &endpoint.unwrap_or_else(|problem| problem));
            page.entry("server", &answered(said.as_ref()));
            page.entry("key", &key);
            page.entry("waiting", &of_runs(events, runs));
            if let Some(withdrawn) = facts.withdrawn {
                page.entry("deleted", &of_runs(withdrawn.events, withdrawn.runs));
            }
            page.entry("state", &state.unwrap_or_else(|problem| problem));
            page.entry("dictionary", &holds(&known, now));
            output.answer(&page.finish())
        }
    }
}

/// What the recorded runs tell about sending.
#[derive(Default)]
struct Recorded {
    /// Events that wait.
    events: u64,
    /// The runs that they belong to.
    runs: u64,
    /// What the server said last.
    said: Option<Answer>,
}

fn recorded(facts: &StatusFacts<'_>, now: SystemTime) -> Recorded {
    let mut recorded = Recorded::default();
    let Ok(Some(store)) = facts.store else {
        return recorded;
    };
    for run in store.runs(now) {
        recorded.events = recorded.events.saturating_add(run.waiting);
        recorded.runs = recorded.runs.saturating_add(u64::from(run.waiting > 0));
        recorded.said = recorded
            .said
            .into_iter()
            .chain(run.said)
            .max_by(|one, other| one.time.cmp(&other.time));
    }
    recorded
}

/// What the server said last, and when.
pub(super) fn answered(said: Option<&Answer>) -> String {
    match said {
        Some(said) => format!("{}: {said}", said.time),
        None => "not contacted yet".to_owned(),
    }
}

/// What the dictionary of public names holds: an old one knows less of a new release, and tells less of its errors.
fn holds(known: &Contents, now: SystemTime) -> String {
    let age = age_in_days(known.as_of, now)
        .map_or_else(String::new, |days| format!(", {} old", count(days, "day")));
    format!(
        "as of {}{age}: {} files, {} functions, {} exception classes of {} packages in {} releases",
        known.as_of, known.files, known.functions, known.exceptions, known.packages, known.releases
    )
}

/// None where the day cannot be read, or is yet to come.
fn age_in_days(as_of: &str, now: SystemTime) -> Option<u64> {
    let begin = humantime::parse_rfc3339(&format!("{as_of}T00:00:00Z")).ok()?;
    now.duration_since(begin)
        .ok()
        .map(|age| age.as_secs() / (24 * 3600))
}

fn decision(stored: &StoredDecision) -> String {
    match stored {
        StoredDecision::Nothing => "none is stored".to_owned(),
        StoredDecision::Unreadable(why) => format!("the stored decision {why}; it is ignored"),
        StoredDecision::Decision(decision) => {
            let word = match decision.telemetry {
                consent::Telemetry::On => "on",
                consent::Telemetry::Off => "off",
            };
            let version = decision.policy_version;
            match &decision.decided {
                Some(date) => format!("{word} (policy {version}, {date})"),
                None => format!("{word} (policy {version})"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn the_dictionary_says_its_age() {
        let day = |days: u64| UNIX_EPOCH + Duration::from_secs(days * 24 * 3600);
        assert_eq!(age_in_days("1970-01-02", day(11)), Some(10));
        assert_eq!(
            (age_in_days("1970-01-02", day(0)), age_in_days("", day(1))),
            (None, None)
        );
        let said = holds(&dictionary::contents(), day(100_000));
        assert!(
            said.contains("days old: ") && said.contains(" functions, "),
            "{said}"
        );
    }
}
