//! docs/events.md is true: its words are the package's, and its queries ask for properties that there are.
//! `BLESS=1 cargo test -p axolotl-run-core --test core` writes the words; `tests/runs/events.rs` makes the examples.

use crate::documents::{compare, read, with_section};
use axolotl_run_core::event::value::Field;
use axolotl_run_core::event::{EventName, common_fields};
use axolotl_run_core::judging::verdict::{Evidence, Kind};
use regex::Regex;

const DOCUMENT: &str = "docs/events.md";

fn table(rows: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    rows.fold(
        "| word | means |\n|---|---|\n".into(),
        |table, (word, means)| table + &format!("| `{word}` | {means} |\n"),
    )
}

#[test]
fn the_words_are_the_programs() {
    let document = read(DOCUMENT);
    let verdicts = table(Kind::ALL.iter().map(|kind| (kind.as_str(), kind.means())));
    let evidence = table(
        Evidence::ALL
            .iter()
            .map(|evidence| (evidence.as_str(), evidence.means())),
    );
    let expected = with_section(
        &with_section(&document, "verdicts", &verdicts),
        "evidence",
        &evidence,
    );
    compare(DOCUMENT, &expected);
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
            .iter()
            .copied()
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
            if let (axolotl_run_core::event::value::FieldKind::Object(members), Some(member)) =
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
