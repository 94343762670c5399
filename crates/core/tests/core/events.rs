//! docs/events.md is true: its words are the package's, its query is the dashboards', and they ask for properties that
//! there are. `BLESS=1 cargo test -p axolotl-run-core --test core` writes words and query; `tests/runs/events.rs` makes the
//! examples.

use crate::documents::{compare, path, read, with_section};
use axolotl_run_core::event::value::{Field, FieldKind};
use axolotl_run_core::event::{EventName, common_fields};
use axolotl_run_core::judging::verdict::{Evidence, Kind};
use axolotl_run_core::public::config_keys;
use regex::Regex;
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/events.md";
const QUERIES: &str = "docs/posthog/queries";

fn table(rows: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    rows.fold(
        "| word | means |\n|---|---|\n".into(),
        |table, (word, means)| table + &format!("| `{word}` | {means} |\n"),
    )
}

/// The query of that name.
fn query(name: &str) -> String {
    read(&format!("{QUERIES}/{name}.sql"))
}

#[test]
fn the_words_and_the_query_are_those_in_use() {
    let document = read(DOCUMENT);
    let verdicts = table(Kind::ALL.iter().map(|kind| (kind.as_str(), kind.means())));
    let evidence = table(
        Evidence::ALL
            .iter()
            .map(|evidence| (evidence.as_str(), evidence.means())),
    );
    let shown = format!("```sql\n{}```\n", query("outcome_by_version"));
    let mut expected = document;
    for (section, content) in [
        ("verdicts", verdicts),
        ("evidence", evidence),
        ("query outcome_by_version", shown),
    ] {
        expected = with_section(&expected, section, &content);
    }
    compare(DOCUMENT, &expected);
}

/// The field of one of these events that a query calls so.
fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    let is_package = name.ends_with("_version");
    fields
        .iter()
        .find(|field| field.name == name || (is_package && field.name == "<package>_version"))
}

/// Whether the member of a field that a query asks for can be there.
fn has_member(kind: &FieldKind, member: &str) -> bool {
    match kind {
        FieldKind::Object(members) => members.iter().any(|known| known.name == member),
        FieldKind::Config => config_keys::is_key(member),
        _ => false,
    }
}

/// Every property that a query names belongs to an event that the query is about, and the document links to the query.
#[test]
fn the_queries_ask_for_properties_that_there_are() {
    let document = read(DOCUMENT);
    let event = Regex::new(r#"['"]([a-z]+)['"]"#).unwrap();
    let property = Regex::new(r"properties\.(`[^`]+`|[$\w]+)(?:\.(\w+))?").unwrap();
    let kind = Regex::new(r"verdict(?:\.kind)? = '(\w+)'").unwrap();
    let mut files = vec!["docs/posthog/dashboards.json".to_owned()];
    for entry in std::fs::read_dir(path(QUERIES)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            document.contains(&format!("(posthog/queries/{name})")),
            "{name}"
        );
        files.push(format!("{QUERIES}/{name}"));
    }
    let mut seen = 0;
    for file in files {
        let text = read(&file);
        let named = event.captures_iter(&text);
        let events: BTreeSet<_> = named
            .filter_map(|word| EventName::parse(&word[1]))
            .collect();
        assert!(!events.is_empty(), "{file} is about no event");
        let own = events.into_iter().flat_map(EventName::fields);
        let fields: Vec<Field> = own.chain(common_fields()).collect();
        for found in property.captures_iter(&text) {
            let name = found[1].trim_matches('`');
            let Some(field) = field(&fields, name) else {
                panic!("{file}: no event has {name}");
            };
            if let Some(member) = found.get(2) {
                let member = member.as_str();
                assert!(has_member(&field.kind, member), "{file}: {name}.{member}");
            }
            seen += 1;
        }
        for found in kind.captures_iter(&text) {
            let known = Kind::ALL.iter().any(|known| known.as_str() == &found[1]);
            assert!(known, "{file}: no verdict {}", &found[1]);
        }
    }
    assert!(seen >= 60, "{seen} properties");
}
