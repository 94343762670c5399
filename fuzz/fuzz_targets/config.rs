//! A configuration and overrides of the command line: what is sent has no text of theirs that is not public.

#![no_main]

use axolotl_run_core::config;
use axolotl_run_core::event::value::Sendable as _;
use axolotl_run_core::event::{EventName, schema};
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::limits::EVENT_BYTES_MAX;
use libfuzzer_sys::fuzz_target;
use oracle::{assert_linear, assert_public, woven};
use serde_json::json;
use std::ffi::OsString;

fn sent(yaml: &str, overrides: &[(String, String)]) -> Option<String> {
    let vetted = config::read(yaml, overrides, &|path| path == "google/local").ok()?;
    let value = vetted.value.json();
    let start = json!({"config": value});
    let start = start.as_object().expect("an object was made");
    assert!(schema::check(EventName::Start, start).is_ok(), "{value}");
    let text = value.to_string();
    assert!(text.len() < EVENT_BYTES_MAX);
    for redaction in &vetted.redactions {
        assert_public(redaction.path.as_str());
    }
    Some(text)
}

fuzz_target!(|data: &[u8]| {
    let data = woven(data);
    let Ok(text) = std::str::from_utf8(&data) else {
        return;
    };
    // The words behind a form feed are the command line, one a line.
    let (yaml, command) = text.split_once('\u{c}').unwrap_or((text, ""));
    let mut words: Vec<OsString> = vec!["axolotl".into(), "train".into(), "c.yml".into()];
    words.extend(command.lines().take(50).map(OsString::from));
    let located = CommandLine::read(&words).configuration();
    let overrides = located.map(|located| located.overrides).unwrap_or_default();
    if let Some(sent) = sent(yaml, &overrides) {
        assert_public(&sent);
    }
    assert_linear(yaml.as_bytes(), |yaml| {
        let _ = std::str::from_utf8(yaml).map(|yaml| sent(yaml, &overrides));
    });
});
