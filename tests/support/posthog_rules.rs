//! What a batch must be like, as strictly as the wire contract says it. Returns the status that the server
//! gives, and complaints: what the server would take in silence and the contract forbids all the same.

use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// The judgement of one request.
pub struct Judged {
    pub status: u16,
    pub complaints: Vec<String>,
    /// The events, where the request is accepted.
    pub events: Vec<Value>,
}

const HEADERS: [&str; 6] = [
    "host",
    "accept",
    "content-type",
    "content-encoding",
    "content-length",
    "user-agent",
];
const FORBIDDEN_IDS: [&str; 18] = [
    "anonymous",
    "guest",
    "distinctid",
    "distinct_id",
    "id",
    "email",
    "undefined",
    "true",
    "false",
    "null",
    "none",
    "0",
    "[object object]",
    "nan",
    "not_authenticated",
    "user",
    "\"\"",
    "''",
];
/// How old a stamp may be that is made just before a request is sent, on a busy machine.
const FRESH: Duration = Duration::from_secs(20);
/// The server's own: an event of more is dropped.
const EVENT_BYTES_MAX: usize = 256 * 1024;
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Judges the headers and the decompressed body.
pub fn judge(head: &[(String, String)], body: Option<&[u8]>, received: SystemTime) -> Judged {
    let mut complaints = headers(head);
    let refuse = |status: u16, complaint: &str, mut complaints: Vec<String>| {
        complaints.push(complaint.to_owned());
        Judged {
            status,
            complaints,
            events: Vec::new(),
        }
    };
    let Some(body) = body else {
        return refuse(400, "the body is not gzip", complaints);
    };
    let Ok(text) = std::str::from_utf8(body) else {
        return refuse(400, "the body is not UTF-8", complaints);
    };
    let Ok(Value::Object(request)) = serde_json::from_str(text) else {
        return refuse(400, "the body is not a JSON object", complaints);
    };
    if body.len() > BATCH_BYTES_MAX + 1024 {
        complaints.push(format!("the batch has {} bytes", body.len()));
    }
    for name in request
        .keys()
        .filter(|name| !["api_key", "sent_at", "batch"].contains(&name.as_str()))
    {
        complaints.push(format!("unknown field {name} of the request"));
    }
    match request.get("api_key").and_then(Value::as_str) {
        Some(key) if key.starts_with("phx_") => return refuse(401, "a personal key", complaints),
        Some(key) if (1..=64).contains(&key.len()) && key.is_ascii() => {}
        _ => return refuse(400, "api_key is missing or malformed", complaints),
    }
    match request
        .get("sent_at")
        .and_then(Value::as_str)
        .and_then(time)
    {
        Some(sent) if distance(sent, received) < FRESH => {}
        Some(_) => complaints.push("sent_at is not fresh".to_owned()),
        None => complaints.push("sent_at is missing or malformed".to_owned()),
    }
    let Some(Value::Array(batch)) = request.get("batch") else {
        return refuse(400, "no batch", complaints);
    };
    if batch.is_empty() || batch.len() > 100 {
        return refuse(400, "a batch of no or too many events", complaints);
    }
    for event in batch {
        if let Err(fault) = member(event, &mut complaints) {
            return refuse(400, &format!("{fault}: {event}"), complaints);
        }
    }
    Judged {
        status: 200,
        complaints,
        events: batch.clone(),
    }
}

fn headers(head: &[(String, String)]) -> Vec<String> {
    let value = |wanted: &str| {
        head.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let mut complaints: Vec<String> = head
        .iter()
        .filter(|(name, _)| !HEADERS.contains(&name.as_str()))
        .map(|(name, _)| format!("header {name}"))
        .collect();
    let agent = concat!("axolotl-run/", env!("CARGO_PKG_VERSION"));
    for (name, expected) in [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("user-agent", agent),
        ("accept", "*/*"),
    ] {
        if value(name) != Some(expected) {
            complaints.push(format!("header {name} is {:?}", value(name)));
        }
    }
    complaints
}

fn member(event: &Value, complaints: &mut Vec<String>) -> Result<(), &'static str> {
    let Value::Object(event) = event else {
        return Err("an event is no object");
    };
    if Value::Object(event.clone()).to_string().len() > EVENT_BYTES_MAX {
        complaints.push("an event is too long".to_owned());
    }
    let known = ["uuid", "event", "distinct_id", "timestamp", "properties"];
    complaints.extend(
        event
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| format!("unknown field {name}")),
    );
    let text = |name| event.get(name).and_then(Value::as_str);
    if !text("uuid").is_some_and(is_uuid) {
        return Err("uuid is malformed");
    }
    if !text("event").is_some_and(|name| (1..=200).contains(&name.chars().count())) {
        return Err("event is malformed");
    }
    match text("distinct_id") {
        None | Some("") => return Err("distinct_id is missing"),
        Some(id) if FORBIDDEN_IDS.contains(&id.to_lowercase().as_str()) || !is_uuid(id) => {
            complaints.push(format!("distinct_id {id}"));
        }
        Some(_) => {}
    }
    match event.get("timestamp") {
        Some(Value::String(text)) if time(text).is_some() => {}
        Some(Value::String(text)) => complaints.push(format!("timestamp {text}")),
        _ => return Err("timestamp is no string"),
    }
    let Some(Value::Object(properties)) = event.get("properties") else {
        return Err("properties are no object");
    };
    privacy(properties, complaints);
    if text("event") == Some("$exception") {
        exception(properties, complaints);
    }
    Ok(())
}

/// What Error tracking asks of an event of that name: without it the event is rejected, or becomes the wrong issue.
pub fn exception(properties: &Map<String, Value>, complaints: &mut Vec<String>) {
    for reserved in RESERVED {
        if properties.contains_key(*reserved) {
            complaints.push(format!("{reserved} is the server's"));
        }
    }
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    // What is longer is hashed by the server; then no search finds it by ours.
    if !text("$exception_fingerprint").is_some_and(|text| (1..=64).contains(&text.chars().count()))
    {
        complaints.push("$exception_fingerprint is missing, empty or too long".to_owned());
    }
    let levels = ["fatal", "error", "warning", "info", "debug"];
    if !text("$exception_level").is_some_and(|level| levels.contains(&level)) {
        complaints.push("$exception_level is none".to_owned());
    }
    if properties.get("$exception_handled") != Some(&Value::from(false)) {
        complaints.push("$exception_handled is not false".to_owned());
    }
    if !text("$issue_name").is_some_and(|name| (1..=300).contains(&name.len())) {
        complaints.push("$issue_name is missing or too long".to_owned());
    }
    let list = properties.get("$exception_list").and_then(Value::as_array);
    if list.is_none_or(Vec::is_empty) {
        complaints.push("$exception_list is missing or empty".to_owned());
    }
    for exception in list.into_iter().flatten() {
        listed(exception, complaints);
    }
}

/// Names that the server writes.
const RESERVED: &[&str] = &[
    "$exception_issue_id",
    "$exception_types",
    "$exception_values",
    "$exception_sources",
    "$exception_functions",
    "$exception_releases",
    "$exception_fingerprint_record",
    "$exception_proposed_fingerprint",
];

/// One entry of the list. What is of another kind makes the server refuse the whole list.
fn listed(exception: &Value, complaints: &mut Vec<String>) {
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            complaints.push(format!("{what}: {exception}"));
        }
    };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    expect(is_text(&exception["type"]), "an exception has no type");
    expect(
        exception.get("value").is_none_or(Value::is_string),
        "an exception's value is no text",
    );
    let mechanism = &exception["mechanism"];
    expect(mechanism["handled"] == false, "an exception is handled");
    expect(
        mechanism["synthetic"].is_boolean() && is_text(&mechanism["type"]),
        "a mechanism is malformed",
    );
    let Some(stacktrace) = exception.get("stacktrace") else {
        return;
    };
    expect(stacktrace["type"] == "raw", "a stack is not raw");
    let frames = stacktrace["frames"].as_array();
    expect(frames.is_some(), "a stack has no frames");
    for frame in frames.into_iter().flatten() {
        // The tag says how the rest is read; without a known one nothing is.
        let is_known = match frame["platform"].as_str() {
            Some("python") => is_text(&frame["filename"]) && is_text(&frame["function"]),
            Some("custom") => is_text(&frame["lang"]) && is_text(&frame["function"]),
            _ => false,
        };
        expect(is_known, "a frame is malformed");
        let is_line = |line: &Value| line.is_u64();
        expect(
            frame.get("lineno").is_none_or(is_line) && frame["in_app"].is_boolean(),
            "a frame's line or place is malformed",
        );
    }
}

fn privacy(properties: &Map<String, Value>, complaints: &mut Vec<String>) {
    for (name, expected) in [
        ("$lib", Value::from("axolotl-run")),
        ("$process_person_profile", Value::from(false)),
        ("$geoip_disable", Value::from(true)),
        ("$ip", Value::from("0.0.0.0")),
    ] {
        if properties.get(name) != Some(&expected) {
            complaints.push(format!("property {name} is {:?}", properties.get(name)));
        }
    }
}

/// The one form of a time: `2026-11-22T13:16:54.100Z`.
fn time(text: &str) -> Option<SystemTime> {
    let pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, form)| {
            if form == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        });
    fits.then(|| humantime::parse_rfc3339(text).ok()).flatten()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok()
}

fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}
