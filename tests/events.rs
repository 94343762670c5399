//! docs/events.md is true: its examples are events of the program, its words are the program's, and its queries ask
//! for properties that there are. `BLESS=1 cargo test --test events` makes the examples anew.

#[path = "support/documents.rs"]
mod documents;
#[path = "support/observed.rs"]
mod observed;
#[expect(dead_code, reason = "another user of the server needs the rest")]
#[path = "support/posthog.rs"]
mod posthog;
#[path = "support/mod.rs"]
mod support;

use axolotl_run_core::event::schema::{Field, check};
use axolotl_run_core::event::{EventName, SCHEMA_VERSION, common_fields};
use axolotl_run_core::judging::verdict::{Evidence, Kind};
use documents::{compare, read, with_section};
use observed::{Recorded, example, state, until_recorded};
use regex::Regex;
use serde_json::Value;
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

fn table(rows: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    rows.fold(
        "| word | means |\n|---|---|\n".into(),
        |table, (word, means)| table + &format!("| `{word}` | {means} |\n"),
    )
}

/// One test for the whole file, so that blessing it does not race with itself.
#[test]
fn the_words_and_the_examples_are_the_programs() {
    let document = read(DOCUMENT);
    let verdicts = table(Kind::ALL.iter().map(|kind| (kind.as_str(), kind.means())));
    let evidence = table(
        Evidence::ALL
            .iter()
            .map(|evidence| (evidence.as_str(), evidence.means())),
    );
    let mut expected = with_section(
        &with_section(&document, "verdicts", &verdicts),
        "evidence",
        &evidence,
    );
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
                assert_example(name, section(&document, name.as_str()), made);
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

/// Every property that a query names belongs to an event that the query is about.
#[test]
fn the_queries_ask_for_properties_that_there_are() {
    let document = read(DOCUMENT);
    let query = Regex::new(r"(?s)```sql\n(.*?)```").unwrap();
    let event = Regex::new(r"event = '([a-z]+)'").unwrap();
    let property = Regex::new(r"properties\.(`[^`]+`|[$\w]+)(?:\.(\w+))?").unwrap();
    let kind = Regex::new(r"verdict\.kind = '(\w+)'").unwrap();
    let mut seen = 0;
    for query in query.captures_iter(&document) {
        let query = &query[1];
        let names: Vec<_> = event
            .captures_iter(query)
            .map(|found| found[1].to_owned())
            .collect();
        let events = EventName::ALL
            .into_iter()
            .filter(|name| names.iter().any(|found| found == name.as_str()));
        let fields: Vec<Field> = events
            .flat_map(EventName::fields)
            .chain(common_fields())
            .collect();
        assert!(!names.is_empty(), "a query about no event: {query}");
        for found in property.captures_iter(query) {
            let name = found[1].trim_matches('`');
            let named = |field: &&Field| {
                field.name == name
                    || (field.name == "<package>_version" && name.ends_with("_version"))
            };
            let field = fields
                .iter()
                .find(named)
                .unwrap_or_else(|| panic!("no event has {name}: {query}"));
            if let (axolotl_run_core::event::schema::Kind::Object(members), Some(member)) =
                (&field.kind, found.get(2))
            {
                assert!(
                    members.iter().any(|known| known.name == member.as_str()),
                    "{name} has no {}",
                    member.as_str()
                );
            }
            seen += 1;
        }
        for found in kind.captures_iter(query) {
            assert!(
                Kind::ALL.iter().any(|known| known.as_str() == &found[1]),
                "no verdict {}",
                &found[1]
            );
        }
    }
    assert!(seen >= 20, "{seen} properties");
}
