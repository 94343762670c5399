//! `--status`: whether telemetry is on and why, where events go, what waits, and what is wrong.
//!
//! Someone who wonders why nothing arrives, or what could leave, must find the answer here and nowhere else.

use super::output::{AnswerForm, AnswerOutput, AnswerResult, count};
use crate::delivery::{Answer, Destination};
use crate::store::decision::StoredDecision;
use crate::store::{Store, StoreProblem, Withdrawn};
use crate::ui::page::Page;
use axolotl_run_core::consent::{self, Recording};
use axolotl_run_core::event::SCHEMA_VERSION;
use axolotl_run_core::public::dictionary::{self, Contents};
use serde_json::json;
use std::time::SystemTime;

/// Where text begins.
const LABEL: usize = 11;

/// What `--status` tells, gathered by the front.
pub struct StatusFacts<'a> {
    /// Whether telemetry is on, and why.
    pub consent: consent::Decision,
    /// Endpoint and key.
    pub destination: &'a Destination,
    /// The recorded runs; None where nothing was ever recorded.
    pub store: Result<Option<&'a Store>, &'a StoreProblem>,
    /// The stored decision.
    pub decision: &'a StoredDecision,
    /// The stored channels of `--notify`, without what is secret in them.
    pub channels: Vec<String>,
    /// What waited and is never sent, because telemetry was just turned off.
    pub withdrawn: Option<Withdrawn>,
}

/// Prints the state.
pub fn print(facts: &StatusFacts<'_>, answer_output: &mut AnswerOutput) -> AnswerResult {
    let mut waiting = Withdrawn::default();
    let mut last_answer: Option<Answer> = None;
    let store = facts.store.ok().flatten();
    for run in store
        .map(|store| store.runs(answer_output.now))
        .unwrap_or_default()
    {
        waiting.events += run.waiting;
        waiting.runs += u64::from(run.waiting > 0);
        let answers = last_answer.into_iter().chain(run.last_answer);
        last_answer = answers.max_by_key(|answer| answer.time.clone());
    }
    let telemetry = facts.consent.telemetry.as_str();
    let cause = facts.consent.cause.sentence();
    let Destination { endpoint, key } = facts.destination;
    let endpoint = match endpoint {
        Ok(endpoint) => Ok(endpoint.to_string()),
        Err(problem) => Err(problem.to_string()),
    };
    let key = key.as_ref().map_err(ToString::to_string);
    let dictionary_contents = dictionary::contents();
    let days_old = age_in_days(dictionary_contents.as_of, answer_output.now);
    if answer_output.form == AnswerForm::Json {
        let mut dictionary_json = json!(dictionary_contents);
        if let Some(dictionary_json) = dictionary_json.as_object_mut() {
            dictionary_json.insert("days_old".to_owned(), json!(days_old));
        }
        let server = last_answer.as_ref().map(|answer| {
            json!({
                "time": answer.time,
                "outcome": answer.disposition,
                "status": answer.status,
                "cause": answer.cause,
            })
        });
        return answer_output.document(&json!({
            "telemetry": telemetry,
            "cause": cause,
            "endpoint": endpoint.as_ref().ok(),
            "endpoint_problem": endpoint.as_ref().err(),
            "key": matches!(key, Ok(Some(_))),
            "key_problem": key.as_ref().err(),
            "waiting": waiting,
            "withdrawn": facts.withdrawn,
            "recording": recording(facts.decision).as_str(),
            "server": server,
            "state": store.map(|store| store.path().to_string_lossy()),
            "state_problem": facts.store.err().map(|problem| format!("failed to {problem}")),
            "decision": decision(facts.decision),
            "channels": facts.channels,
            "schema_version": SCHEMA_VERSION,
            "dictionary": dictionary_json,
        }));
    }
    let mut page = Page::new(answer_output.terminal.for_statements(), LABEL);
    page.add_entry("telemetry", &format!("{telemetry}: {cause}"));
    page.add_entry("decision", &decision(facts.decision));
    let recording = match recording(facts.decision) {
        Recording::Always => "always, on this machine",
        Recording::OnRequest => "with --record only, on this machine",
    };
    page.add_entry("recording", recording);
    page.add_entries("notify", &facts.channels);
    page.add_entry("endpoint", &endpoint.unwrap_or_else(|problem| problem));
    page.add_entry("server", &answered(last_answer.as_ref()));
    let key = match &key {
        Ok(Some(_)) => "present",
        Ok(None) => "none, so nothing can be sent",
        Err(problem) => problem,
    };
    page.add_entry("key", key);
    page.add_entry("waiting", &of_runs(waiting));
    if let Some(withdrawn) = facts.withdrawn {
        let mut words = of_runs(withdrawn);
        if withdrawn.events > 0 {
            words.push_str(", never to be sent; the records stay");
        }
        page.add_entry("withdrawn", &words);
    }
    let state = match facts.store {
        Ok(Some(store)) => store.path().display().to_string(),
        Ok(None) => "nothing is recorded yet".to_owned(),
        Err(problem) => format!("failed to {problem}"),
    };
    page.add_entry("state", &state);
    page.add_entry("dictionary", &holds(&dictionary_contents, days_old));
    answer_output.answer(&page.finish())
}

fn of_runs(withdrawn: Withdrawn) -> String {
    if withdrawn.events == 0 {
        return "nothing".to_owned();
    }
    let events = count(withdrawn.events, "event");
    let runs = count(withdrawn.runs, "run");
    format!("{events} of {runs}")
}

/// What the server said last, and when.
pub fn answered(last_answer: Option<&Answer>) -> String {
    match last_answer {
        Some(answer) => format!("{}: {answer}", answer.time),
        None => "not contacted yet".to_owned(),
    }
}

/// What the dictionary of public names holds: an old one knows less of a new release, and tells less of its errors.
fn holds(dictionary_contents: &Contents, days_old: Option<u64>) -> String {
    let mut day = dictionary_contents.as_of.to_owned();
    if let Some(days_old) = days_old {
        day.push_str(&format!(", {} old", count(days_old, "day")));
    }
    format!(
        "as of {day}: {} files, {} functions, {} exception classes of {} packages in {} releases",
        dictionary_contents.files,
        dictionary_contents.functions,
        dictionary_contents.exceptions,
        dictionary_contents.packages,
        dictionary_contents.releases
    )
}

/// None where the day cannot be read, or is yet to come.
fn age_in_days(as_of: &str, now: SystemTime) -> Option<u64> {
    let begin = humantime::parse_rfc3339(&format!("{as_of}T00:00:00Z")).ok()?;
    let age = now.duration_since(begin).ok()?;
    Some(age.as_secs() / (24 * 3600))
}

fn recording(stored: &StoredDecision) -> Recording {
    match stored {
        StoredDecision::Decision(decision) => decision.recording,
        StoredDecision::Nothing | StoredDecision::Unreadable(_) => Recording::OnRequest,
    }
}

fn decision(stored: &StoredDecision) -> String {
    match stored {
        StoredDecision::Nothing => "none is stored".to_owned(),
        StoredDecision::Unreadable(why) => format!("the stored decision {why}; it is ignored"),
        StoredDecision::Decision(decision) => {
            let word = match decision.recording {
                Recording::Always => "record, send nothing",
                Recording::OnRequest => decision.telemetry.as_str(),
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
        let day = |days_old: u64| UNIX_EPOCH + Duration::from_secs(days_old * 24 * 3600);
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
