//! The form of events on the wire and on disk: members of a PostHog batch.
//!
//! A member's uuid, timestamp, event and distinct_id are fixed when the event is made and written down with
//! it: the server removes duplicates by exactly these, so sending a member again is always safe. What is
//! fresh for each attempt (`sent_at`) belongs to the request, never to the member.

use super::list::{Event, EventName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::SystemTime;
use uuid::Uuid;

/// One event with its identity: a line of `events.jsonl`, a member of a batch.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The event's own identity.
    pub uuid: Uuid,
    /// The event's name.
    pub event: String,
    /// The run's UUID (v4).
    pub distinct_id: Uuid,
    /// When the event happened: RFC 3339, UTC, milliseconds, `Z`.
    pub timestamp: String,
    /// The event's fields.
    pub properties: Map<String, Value>,
}

impl Member {
    /// Gives an event its identity.
    pub fn new(
        uuid: Uuid,
        run: Uuid,
        event: &Event,
        now: SystemTime,
        elapsed_seconds: f64,
    ) -> Self {
        Self {
            uuid,
            event: event.name().as_str().to_owned(),
            distinct_id: run,
            timestamp: timestamp(now),
            properties: event.properties(elapsed_seconds),
        }
    }

    /// The event's name, if it is one of ours (a member may come from disk).
    pub fn name(&self) -> Option<EventName> {
        EventName::parse(&self.event)
    }

    /// The event and the seconds since the spawn, as far as they can be read back.
    pub fn read(&self) -> Option<(Event<String>, Option<f64>)> {
        Event::read(self.name()?, &self.properties)
    }
}

/// A point in time as the wire wants it. Times before 1970 (a clock that was never set) become 1970.
pub fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time.max(SystemTime::UNIX_EPOCH)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_timestamp_has_milliseconds_and_z() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_353_414_100);
        assert_eq!(timestamp(time), "2026-11-22T13:16:54.100Z");
        assert_eq!(
            timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(5)),
            "1970-01-01T00:00:00.000Z"
        );
    }
}
