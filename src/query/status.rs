//! `--status`: whether telemetry is on and why, where events go, what waits, and what is wrong.
//!
//! Someone who wonders why nothing arrives, or what could leave, must find the answer here and nowhere else.

use super::{Form, Streams, Telemetry, count, document, harmless};
use crate::delivery::Destination;
use crate::event::SCHEMA_VERSION;
use crate::store::decision::Stored;
use crate::store::{Store, StoreProblem};
use serde_json::json;
use std::time::SystemTime;

/// What `--status` tells, gathered by the front.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Whether telemetry is on, and why.
    pub telemetry: Telemetry<'a>,
    /// Endpoint and key.
    pub destination: &'a Destination,
    /// The recorded runs; None where nothing was ever recorded.
    pub store: Result<Option<&'a Store>, &'a StoreProblem>,
    /// The stored decision.
    pub decision: &'a Stored,
}

/// Prints the state.
pub fn print(facts: &Facts<'_>, now: SystemTime, form: Form, streams: &mut Streams<'_>) -> u8 {
    let (events, runs) = waiting(facts, now);
    let telemetry = if facts.telemetry.is_on { "on" } else { "off" };
    let endpoint = facts.destination.endpoint.as_ref().map_err(ToString::to_string).map(ToString::to_string);
    let key = facts.destination.key.as_ref().map_err(ToString::to_string).map(Option::is_some);
    let state = match facts.store {
        Ok(Some(store)) => Ok(store.path().display().to_string()),
        Ok(None) => Ok("nothing is recorded yet".to_owned()),
        Err(problem) => Err(format!("failed to {problem}")),
    };
    match form {
        Form::Json => streams.answer(&document(&json!({
            "telemetry": telemetry,
            "cause": facts.telemetry.cause,
            "endpoint": endpoint.as_ref().ok(),
            "endpoint_problem": endpoint.as_ref().err(),
            "key": key.as_ref().is_ok_and(|is_present| *is_present),
            "key_problem": key.as_ref().err(),
            "waiting": {"events": events, "runs": runs},
            "state": facts.store.as_ref().ok().and_then(|store| store.map(|store| store.path().to_string_lossy())),
            "state_problem": state.as_ref().err(),
            "decision": decision(facts.decision),
            "schema_version": SCHEMA_VERSION,
        }))),
        Form::Text => {
            let key = match key {
                Ok(true) => "present".to_owned(),
                Ok(false) => "none; events are recorded and kept".to_owned(),
                Err(problem) => problem,
            };
            let waiting = match events {
                0 => "nothing".to_owned(),
                _ => format!("{} of {}", count(events, "event"), count(runs, "run")),
            };
            let text = format!(
                "telemetry  {telemetry}: {}\ndecision   {}\nendpoint   {}\nkey        {key}\nwaiting    {waiting}\nstate      {}\n",
                facts.telemetry.cause,
                decision(facts.decision),
                endpoint.unwrap_or_else(|problem| problem),
                state.unwrap_or_else(|problem| problem),
            );
            streams.answer(&harmless(&text))
        }
    }
}

fn waiting(facts: &Facts<'_>, now: SystemTime) -> (u64, u64) {
    let Ok(Some(store)) = facts.store else { return (0, 0) };
    let waiting = store.runs(now).into_iter().map(|run| run.waiting).filter(|events| *events > 0);
    waiting.fold((0, 0), |(events, runs), of_run| (events + of_run, runs + 1))
}

fn decision(stored: &Stored) -> String {
    match stored {
        Stored::Nothing => "none is stored".to_owned(),
        Stored::Unreadable(why) => format!("the stored decision {why}, and counts as none"),
        Stored::Decision(decision) => {
            let word = if decision.telemetry { "on" } else { "off" };
            let date = if decision.date.is_empty() { String::new() } else { format!(", {}", decision.date) };
            format!("{word} (policy {}{date})", decision.policy)
        }
    }
}
