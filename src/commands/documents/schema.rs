//! `--schema` and PRIVACY.md: every event and field that can ever be sent, with its type, why and when.
//!
//! Both are printed from the declarations in `src/event`, which the types and the schema gate enforce; so the
//! published list cannot promise something else than the program does. The test
//! `documents` makes PRIVACY.md of them.

use crate::ui::Terminal;
use crate::ui::page::Page;
use axolotl_run_core::consent::POLICY_VERSION;
use axolotl_run_core::event::value::{Field, FieldKind};
use axolotl_run_core::event::{EventName, SCHEMA_VERSION, common_fields};
use axolotl_run_core::public::version::PACKAGES;
use serde_json::{Map, Value, json};

/// Blanks before a field, for each object that it stands in.
const INDENT: usize = 2;
/// Blanks before why a field is collected: more than before any field's name.
const WHY: usize = 10;

/// The answer to `--schema`.
pub fn answer(json: bool, terminal: Terminal) -> String {
    if json {
        format!("{:#}\n", as_json())
    } else {
        for_people(terminal.for_statements())
    }
}

fn as_json() -> Value {
    let events: Map<_, _> = EventName::ALL
        .into_iter()
        .map(|event| {
            (
                event.as_str().to_owned(),
                json!({"when": event.when(), "fields": fields_json(&event.fields())}),
            )
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "policy_version": POLICY_VERSION,
        "common_fields": fields_json(&common_fields()),
        "events": events,
        "packages": PACKAGES,
    })
}

fn fields_json(fields: &[Field]) -> Value {
    fields
        .iter()
        .map(|field| {
            let mut entry =
                json!({"name": field.name, "type": field.kind.name(), "why": field.why});
            let members = members(&field.kind);
            if let (Some(entry), false) = (entry.as_object_mut(), members.is_empty()) {
                entry.insert("fields".into(), fields_json(members));
            }
            entry
        })
        .collect()
}

fn for_people(terminal: Terminal) -> String {
    let mut page = Page::new(terminal, WHY);
    page.paragraph(&format!(
        "Everything that can ever be sent (list {SCHEMA_VERSION}, policy {POLICY_VERSION})"
    ));
    page.line("");
    page.line("in every event");
    walk(&common_fields(), 1, &mut |field, depth| {
        entry(&mut page, field, depth)
    });
    for event in EventName::ALL {
        page.line("");
        page.paragraph(&format!("{}: {}", event.as_str(), event.when()));
        walk(&event.fields(), 1, &mut |field, depth| {
            entry(&mut page, field, depth)
        });
    }
    page.line("");
    page.paragraph(&format!("<package> is one of: {}", PACKAGES.join(", ")));
    page.finish()
}

/// A field and its type, and below it why it is collected: side by side the three need more than 80 characters.
fn entry(page: &mut Page, field: &Field, depth: usize) {
    let indent = depth.saturating_mul(INDENT);
    page.paragraph(&format!(
        "{:indent$}{}  {}",
        "",
        field.name,
        field.kind.name()
    ));
    page.entry("", field.why);
}

/// The fields in order, each followed by its own members one level deeper.
pub fn walk(fields: &[Field], depth: usize, each: &mut impl FnMut(&Field, usize)) {
    for field in fields {
        each(field, depth);
        walk(members(&field.kind), depth.saturating_add(1), each);
    }
}

fn members(kind: &FieldKind) -> &[Field] {
    match kind {
        FieldKind::Object(fields) => fields,
        FieldKind::List(element) => members(element),
        FieldKind::Boolean
        | FieldKind::Integer
        | FieldKind::Number
        | FieldKind::Text
        | FieldKind::Config => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::documents::privacy_document;

    #[test]
    fn every_declared_field_is_in_every_form() {
        let (people, document, json) = (
            answer(false, Terminal::default()),
            privacy_document(),
            as_json().to_string(),
        );
        for fields in EventName::ALL
            .into_iter()
            .map(EventName::fields)
            .chain([common_fields()])
        {
            walk(&fields, 0, &mut |field, _| {
                for (form, text) in [("people", &people), ("document", &document)] {
                    assert!(
                        text.contains(field.name) && text.contains(field.why),
                        "{form}: {}",
                        field.name
                    );
                }
                assert!(
                    json.contains(&format!("\"name\":{:?}", field.name)),
                    "{}",
                    field.name
                );
            });
        }
    }

    #[test]
    fn a_member_of_a_list_says_where_it_stands() {
        assert!(privacy_document().contains("| `frames[].origin` | public text |"));
        assert!(privacy_document().contains("| `memory.rss_sum_bytes` | integer |"));
    }
}
