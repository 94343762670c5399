//! The examples of docs/events.md are events of the program. `BLESS=1 cargo test --test runs examples` makes them anew;
//! the words and the queries of the document are tested in `crates/core/tests/core/events.rs`.

use axolotl_run_core::event::schema::check;
use axolotl_run_core::event::{EventName, SCHEMA_VERSION};
use serde_json::Value;
use support::documents::{compare, read, with_section};
use support::observed::{Recorded, example, state, until_recorded};
use support::{Launch, has};

const DOCUMENT: &str = "docs/events.md";

/// What stands between a section's markers.
fn section<'a>(document: &'a str, name: &str) -> &'a str {
    let (_, rest) = document
        .split_once(&format!("<!-- generated: {name} -->\n"))
        .expect("the section's marker");
    rest.split_once("<!-- end").expect("the section's end").0
}

/// The run of the examples: a training that a damaged record stops.
fn run() -> Recorded {
    let (script, config) = (example("train.py"), example("train.yml"));
    let words = [
        "--record",
        "--config",
        &config,
        "python3",
        &script,
        "--config",
        &config,
        "--fail-at",
        "300",
    ];
    // Both streams are one pipe's, so that the metrics are read, too.
    let launch =
        Launch::new()
            .env("PYTHONUNBUFFERED", "1")
            .before(&["sh", "-c", "exec \"$@\" 2>&1", "sh"]);
    let done = launch.run(&words);
    done.expect_code(1);
    until_recorded(&state(done.home()), Recorded::is_finished)
}

#[test]
fn the_examples_are_the_programs() {
    let document = read(DOCUMENT);
    let mut expected = document.clone();
    if has("python3") {
        let run = run();
        run.assert_ordered("the run of the examples");
        for name in EventName::ALL {
            let made = run
                .events
                .iter()
                .rfind(|event| event["event"] == name.as_str())
                .expect("one of each");
            if std::env::var_os("BLESS").is_some() {
                expected = with_section(
                    &expected,
                    name.as_str(),
                    &format!("```json\n{made:#}\n```\n"),
                );
            } else {
                assert_example(*name, section(&document, name.as_str()), made);
            }
        }
    }
    compare(DOCUMENT, &expected);
}

/// The example is an event that the program can make, and says of the run what any machine says of it.
fn assert_example(name: EventName, example: &str, made: &Value) {
    let text = example.replace("```json", "").replace("```", "");
    let shown: Value = serde_json::from_str(&text).expect("an event");
    let members = |event: &Value| {
        event
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        members(&shown),
        members(made),
        "{name:?}: the form of an event on the wire"
    );
    let properties = shown["properties"].as_object().expect("properties");
    assert_eq!(check(name, properties), Ok(()), "{name:?}");
    assert_eq!(properties["schema_version"], SCHEMA_VERSION, "{name:?}");
    for property in [
        "exception_type",
        "exception",
        "chain",
        "outcome",
        "exit_code",
        "verdict",
        "config",
    ] {
        assert_eq!(
            properties.get(property),
            made["properties"].get(property),
            "{name:?} {property}"
        );
    }
}
