//! What became of an attempt, and the line that is kept of it.
//!
//! A line holds closed words, numbers and our own UUIDs, never a text of the server's or of the kernel's: it
//! is read back by later launchers and shown to people.

use axolotl_run_core::event::wire;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;
use uuid::Uuid;

/// What became of the events of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The server has them.
    Delivered,
    /// The server, or our own gate, will never take it.
    Refused,
    /// They are tried again.
    Delayed,
    /// No more is sent in this run; they wait for a later one.
    Stopped,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// No connection: refused, unreachable, no such name, no trust.
    Connection,
    /// Too late.
    Timeout,
    /// The connection broke.
    Broken,
    /// The client could not be set up.
    Client,
    /// Our own gate refused the event.
    Gate,
}

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// When it was known.
    pub time: SystemTime,
    /// The events concerned.
    pub uuids: Vec<Uuid>,
    /// What became of them.
    pub disposition: Disposition,
    /// The HTTP status of the answer; None where there was none.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub cause: Option<FailureCause>,
    /// It says what the one before said: a server that is away for a week must not fill the record.
    pub repeated: bool,
}

/// What the server said to an attempt, as it is told to people: of the line that is kept, what names no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAnswer {
    /// When it was known.
    pub time: SystemTime,
    /// What became of the events.
    pub disposition: Disposition,
    /// The HTTP status; None where there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub cause: Option<FailureCause>,
}

impl fmt::Display for LastAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.disposition, self.status, self.cause) {
            (Disposition::Delivered, ..) => f.write_str("it accepted events"),
            (Disposition::Refused, Some(status), _) => write!(f, "it refused an event ({status})"),
            (Disposition::Stopped, Some(status), _) => {
                write!(
                    f,
                    "it answered {status}: the key, the host or a proxy is wrong; events are kept"
                )
            }
            // What a captive portal or a proxy says in its place.
            (_, Some(status @ 200..=399), None) => {
                write!(f, "something that is not PostHog answered {status}")
            }
            (_, Some(status), None) => write!(f, "it answered {status}"),
            (_, Some(status), Some(_)) => write!(f, "it answered {status} and broke off"),
            (_, None, Some(FailureCause::Connection)) => f.write_str("there was no connection"),
            (_, None, Some(FailureCause::Timeout)) => f.write_str("there was no answer in time"),
            (_, None, Some(FailureCause::Broken)) => f.write_str("the connection broke"),
            (_, None, Some(FailureCause::Client)) => f.write_str("the client could not be set up"),
            (_, None, Some(FailureCause::Gate) | None) => f.write_str("it was not asked"),
        }
    }
}

#[derive(Serialize)]
struct DeliveryLine<'a> {
    time: String,
    outcome: Disposition,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<FailureCause>,
    events: usize,
    /// Only where the disposition is final; else the record of a long outage would be mostly these.
    #[serde(skip_serializing_if = "<[Uuid]>::is_empty")]
    uuids: &'a [Uuid],
}

impl AttemptOutcome {
    /// That our own gate refused events which were read back from disk.
    pub const fn refused_by_gate(uuids: Vec<Uuid>, time: SystemTime) -> Self {
        Self {
            time,
            uuids,
            disposition: Disposition::Refused,
            status: None,
            cause: Some(FailureCause::Gate),
            repeated: false,
        }
    }

    /// The part that concerns these events; None where none of it does. A batch may hold events of several
    /// runs, and each run has a record of its own.
    pub fn of(&self, is_mine: impl Fn(&Uuid) -> bool) -> Option<Self> {
        let uuids: Vec<Uuid> = self.uuids.iter().copied().filter(is_mine).collect();
        (!uuids.is_empty()).then(|| Self {
            uuids,
            ..self.clone()
        })
    }

    /// The line for `delivery.jsonl`; None for what need not be written again.
    pub fn line(&self) -> Option<String> {
        if self.repeated {
            return None;
        }
        let is_final = matches!(
            self.disposition,
            Disposition::Delivered | Disposition::Refused
        );
        let line = DeliveryLine {
            time: wire::timestamp(self.time),
            outcome: self.disposition,
            status: self.status,
            cause: self.cause,
            events: self.uuids.len(),
            uuids: if is_final { &self.uuids } else { &[] },
        };
        serde_json::to_string(&line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_outcome_names_its_events_and_a_passing_one_counts_them() {
        let uuid = Uuid::from_u128(7);
        let outcome = AttemptOutcome {
            time: SystemTime::UNIX_EPOCH,
            uuids: vec![uuid],
            disposition: Disposition::Delivered,
            status: Some(200),
            cause: None,
            repeated: false,
        };
        assert_eq!(
            outcome.line().unwrap(),
            format!(
                r#"{{"time":"1970-01-01T00:00:00.000Z","outcome":"delivered","status":200,"events":1,"uuids":["{uuid}"]}}"#
            )
        );
        let delayed = AttemptOutcome {
            disposition: Disposition::Delayed,
            status: None,
            cause: Some(FailureCause::Timeout),
            ..outcome.clone()
        };
        assert_eq!(
            delayed.line().unwrap(),
            r#"{"time":"1970-01-01T00:00:00.000Z","outcome":"delayed","cause":"timeout","events":1}"#
        );
        assert_eq!(
            AttemptOutcome {
                repeated: true,
                ..delayed
            }
            .line(),
            None
        );
    }

    #[test]
    fn each_run_gets_its_own_part() {
        let uuids: Vec<Uuid> = (0..4).map(Uuid::from_u128).collect();
        let outcome = AttemptOutcome::refused_by_gate(uuids.clone(), SystemTime::UNIX_EPOCH);
        let even = outcome.of(|uuid| uuid.as_u128() % 2 == 0).unwrap();
        assert_eq!(
            (even.uuids, even.cause),
            (vec![uuids[0], uuids[2]], Some(FailureCause::Gate))
        );
        assert_eq!(outcome.of(|_| false), None);
    }
}
