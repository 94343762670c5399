//! `--status`: whether telemetry is on and why, where events go, what waits, and what is wrong.
//!
//! Someone who wonders why nothing arrives, or what could leave, must find the answer here and nowhere else.

use super::output::{AnswerForm, Answered, Output, TelemetryState, count};
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
    pub telemetry: TelemetryState,
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
pub fn print(facts: &StatusFacts<'_>, output: &mut Output<'_>) -> Answered {
    let recorded = recorded(facts, output.now);
    let telemetry = if facts.telemetry.is_on { "on" } else { "off" };
    let endpoint = facts
        .destination
        .endpoint
        .as_ref()
        .map_err(ToString::to_string);
    let key = facts.destination.key.as_ref().map_err(ToString::to_string);
    let known = dictionary::contents();
    let days_old = age_in_days(known.as_of, output.now);
    if output.form == AnswerForm::Json {
        let mut dictionary = json!(known);
        if let Some(dictionary) = dictionary.as_object_mut() {
            dictionary.insert("days_old".to_owned(), json!(days_old));
        }
        let server = recorded.said.as_ref().map(|said| {
            json!({
                "time": said.time,
                "outcome": said.disposition,
                "status": said.status,
                "cause": said.cause,
            })
        });
        let store = facts.store.ok().flatten();
        return output.document(&json!({
            "telemetry": telemetry,
            "cause": facts.telemetry.cause,
            "endpoint": endpoint.as_ref().ok().map(ToString::to_string),
            "endpoint_problem": endpoint.as_ref().err(),
            "key": matches!(key, Ok(Some(_))),
            "key_problem": key.as_ref().err(),
            "waiting": recorded.waiting,
            "deleted": facts.withdrawn,
            "server": server,
            "state": store.map(|store| store.path().to_string_lossy()),
            "state_problem": facts.store.err().map(|problem| format!("failed to {problem}")),
            "decision": decision(facts.decision),
            "schema_version": SCHEMA_VERSION,
            "dictionary": dictionary,
        }));
    }
    let mut page = Page::new(output.terminal.for_statements(), LABEL);
    page.entry(
        "telemetry",
        &format!("{telemetry}: {}", facts.telemetry.cause),
    );
    page.entry("decision", &decision(facts.decision));
    page.entry(
        "endpoint",
        &endpoint.map_or_else(|problem| problem, ToString::to_string),
    );
    page.entry("server", &answered(recorded.said.as_ref()));
    let key = match &key {
        Ok(Some(_)) => "present",
        Ok(None) => "none, so nothing can be sent",
        Err(problem) => problem,
    };
    page.entry("key", key);
    page.entry("waiting", &of_runs(recorded.waiting));
    if let Some(withdrawn) = facts.withdrawn {
        page.entry("deleted", &of_runs(withdrawn));
    }
    let state = match facts.store {
        Ok(Some(store)) => store.path().display().to_string(),
        Ok(None) => "nothing is recorded yet".to_owned(),
        Err(problem) => format!("failed to {problem}"),
    };
    page.entry("state", &state);
    page.entry("dictionary", &holds(&known, days_old));
    output.answer(&page.finish())
}

fn of_runs(found: Withdrawn) -> String {
    if found.events == 0 {
        return "nothing".to_owned();
    }
    format!(
        "{} of {}",
        count(found.events, "event"),
        count(found.runs, "run")
    )
}

/// What the recorded runs tell about sending.
#[derive(Default)]
struct Recorded {
    /// What waits.
    waiting: Withdrawn,
    /// What the server said last.
    said: Option<Answer>,
}

fn recorded(facts: &StatusFacts<'_>, now: SystemTime) -> Recorded {
    let mut recorded = Recorded::default();
    let Ok(Some(store)) = facts.store else {
        return recorded;
    };
    for run in store.runs(now) {
        recorded.waiting.events += run.waiting;
        recorded.waiting.runs += u64::from(run.waiting > 0);
        let both = recorded.said.into_iter().chain(run.said);
        recorded.said = both.max_by(|one, other| one.time.cmp(&other.time));
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
fn holds(known: &Contents, days_old: Option<u64>) -> String {
    let mut day = known.as_of.to_owned();
    if let Some(days) = days_old {
        day.push_str(&format!(", {} old", count(days, "day")));
    }
    format!(
        "as of {day}: {} files, {} functions, {} exception classes of {} packages in {} releases",
        known.files, known.functions, known.exceptions, known.packages, known.releases
    )
}

/// None where the day cannot be read, or is yet to come.
fn age_in_days(as_of: &str, now: SystemTime) -> Option<u64> {
    let begin = humantime::parse_rfc3339(&format!("{as_of}T00:00:00Z")).ok()?;
    let age = now.duration_since(begin).ok()?;
    Some(age.as_secs() / (24 * 3600))
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
        let said = holds(&dictionary::contents(), Some(100_000));
        assert!(
            said.contains("days old: ") && said.contains(" functions, "),
            "{said}"
        );
    }
}
