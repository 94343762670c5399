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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// No connection: refused, unreachable, no such name.
    Connection,
    /// The server's certificate is not one to trust.
    Certificate,
    /// Too late.
    Timeout,
    /// The connection broke.
    Broken,
    /// The client could not be set up.
    Client,
    /// It answers without end and says nothing.
    Endless,
    /// Our own gate refused the event.
    Gate,
}

/// What an attempt came to, as it is written down and told to people; it names no event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// When it was known, in the form of the wire.
    pub time: String,
    /// What became of the events.
    #[serde(rename = "outcome")]
    pub disposition: Disposition,
    /// The HTTP status; None where there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
}

/// A line of `delivery.jsonl`.
#[derive(Serialize, Deserialize)]
pub struct DeliveryLine {
    #[serde(flatten)]
    pub answer: Answer,
    events: usize,
    /// Only where the disposition is final; else the record of a long outage would be mostly these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uuids: Vec<Uuid>,
}

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOutcome {
    pub answer: Answer,
    /// The events concerned.
    pub uuids: Vec<Uuid>,
    /// It says what the one before said: a server that is away for a week must not fill the record.
    pub repeated: bool,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.disposition, self.status, self.cause) {
            (Disposition::Delivered, ..) => formatter.write_str("it accepted events"),
            (Disposition::Refused, Some(status), _) => {
                write!(formatter, "it refused an event ({status})")
            }
            (Disposition::Stopped, Some(status), _) => {
                write!(
                    formatter,
                    "it answered {status}: the key, the host or a proxy is wrong; events are kept"
                )
            }
            // What a captive portal or a proxy says in its place.
            (_, Some(status @ (200..=399 | 400 | 413)), None) => {
                write!(formatter, "something that is not PostHog answered {status}")
            }
            (_, Some(status), None) => write!(formatter, "it answered {status}"),
            (_, Some(status), Some(_)) => write!(formatter, "it answered {status} and broke off"),
            (_, None, Some(FailureCause::Connection)) => {
                formatter.write_str("there was no connection")
            }
            (_, None, Some(FailureCause::Certificate)) => {
                formatter.write_str("its certificate is not trusted")
            }
            (_, None, Some(FailureCause::Timeout)) => {
                formatter.write_str("there was no answer in time")
            }
            (_, None, Some(FailureCause::Broken)) => formatter.write_str("the connection broke"),
            (_, None, Some(FailureCause::Endless)) => {
                formatter.write_str("something that is not PostHog answered without end")
            }
            (_, None, Some(FailureCause::Client)) => {
                formatter.write_str("the client could not be set up")
            }
            (_, None, Some(FailureCause::Gate) | None) => formatter.write_str("it was not asked"),
        }
    }
}

impl Disposition {
    /// Whether there is nothing more to be done about the events.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Refused)
    }
}

impl AttemptOutcome {
    /// That our own gate refused events which were read back from disk.
    pub fn refused_by_gate(uuids: Vec<Uuid>, now: SystemTime) -> Self {
        Self {
            answer: Answer {
                time: wire::timestamp(now),
                disposition: Disposition::Refused,
                status: None,
                cause: Some(FailureCause::Gate),
            },
            uuids,
            repeated: false,
        }
    }

    /// The part that concerns these events; None where none of it does. A batch may hold events of several
    /// runs, and each run has a record of its own.
    pub fn of(&self, is_mine: impl Fn(&Uuid) -> bool) -> Option<Self> {
        let mut is_part = self.clone();
        is_part.uuids.retain(is_mine);
        (!is_part.uuids.is_empty()).then_some(is_part)
    }

    /// The line for `delivery.jsonl`; None for what need not be written again.
    pub fn line(&self) -> Option<String> {
        if self.repeated {
            return None;
        }
        let mut line = DeliveryLine {
            answer: self.answer.clone(),
            events: self.uuids.len(),
            uuids: Vec::new(),
        };
        if self.answer.disposition.is_final() {
            line.uuids.clone_from(&self.uuids);
        }
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
            answer: Answer {
                time: wire::timestamp(SystemTime::UNIX_EPOCH),
                disposition: Disposition::Delivered,
                status: Some(200),
                cause: None,
            },
            uuids: vec![uuid],
            repeated: false,
        };
        assert_eq!(
            outcome.line().unwrap(),
            format!(
                r#"{{"time":"1970-01-01T00:00:00.000Z","outcome":"delivered","status":200,"events":1,"uuids":["{uuid}"]}}"#
            )
        );
        let mut delayed = outcome;
        delayed.answer.disposition = Disposition::Delayed;
        delayed.answer.status = None;
        delayed.answer.cause = Some(FailureCause::Timeout);
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
            (even.uuids, even.answer.cause),
            (vec![uuids[0], uuids[2]], Some(FailureCause::Gate))
        );
        assert_eq!(outcome.of(|_| false), None);
    }
}
