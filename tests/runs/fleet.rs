//! What is made up for the queries of docs/posthog is what the program could send, and their installer writes what it
//! says it writes. The queries themselves run on a real engine in `tests/posthog/queries.py`, which is slow.

use axolotl_run_core::event::schema::check;
use axolotl_run_core::event::{EventName, SCHEMA_VERSION};
use axolotl_run_core::judging::verdict::{Evidence, Kind};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::SystemTime;
use support::documents::path;
use support::posthog_rules::judge;
use support::{has, program};

/// What a Python program of the repository prints.
fn printed(words: &[&str]) -> String {
    let (script, arguments) = words.split_first().expect("a script");
    let done = program("python3")
        .arg(path(script))
        .args(arguments)
        .output();
    let done = done.expect("python3 runs");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words:?}: {errors}");
    String::from_utf8(done.stdout).expect("text")
}

fn assert_words(finish: &Value) {
    let verdict = &finish["verdict"];
    let kind = verdict["kind"].as_str().expect("a verdict");
    assert!(
        Kind::ALL.iter().any(|known| known.as_str() == kind),
        "{kind}"
    );
    for word in verdict["evidence"].as_array().expect("evidence") {
        let known = Evidence::ALL.iter().any(|known| word == known.as_str());
        assert!(known, "{word}");
    }
}

#[test]
fn the_fleet_is_what_the_program_could_send() {
    if !has("python3") {
        return;
    }
    let lines = printed(&["tools/fleet.py", "--runs", "300"]);
    assert_eq!(lines, printed(&["tools/fleet.py", "--runs", "300"]));
    assert_ne!(
        lines,
        printed(&["tools/fleet.py", "--runs", "300", "--seed", "2"])
    );
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut names = BTreeSet::new();
    for event in &events {
        let name = event["event"].as_str().expect("a name");
        names.insert(name);
        let properties = &event["properties"];
        assert_eq!(properties["schema_version"], SCHEMA_VERSION);
        let members = properties.as_object().expect("an object");
        let published = EventName::parse(name).expect("an event of ours");
        assert_eq!(check(published, members), Ok(()), "{event}");
        if name == "finish" {
            assert_words(properties);
        }
    }
    let expected = ["$exception", "error", "finish", "progress", "start"];
    assert_eq!(names, BTreeSet::from(expected));

    let headers = [
        ("content-type", "application/json".to_owned()),
        ("content-encoding", "gzip".to_owned()),
        (
            "user-agent",
            format!("axolotl-run/{}", env!("CARGO_PKG_VERSION")),
        ),
        ("accept", "*/*".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    for batch in events.chunks(100) {
        let now = SystemTime::now();
        let sent = humantime::format_rfc3339_millis(now).to_string();
        let body = json!({"api_key": "phc_test", "sent_at": sent, "batch": batch}).to_string();
        let judged = judge(&headers, Some(body.as_bytes()), now);
        assert_eq!((judged.status, judged.complaints), (200, Vec::new()));
    }
}

#[test]
fn the_dashboards_are_installed_once_and_nothing_else_is_changed() {
    if has("python3") {
        let said = printed(&["tests/posthog/install_test.py"]);
        assert!(said.starts_with("ok: "), "{said}");
    }
}
