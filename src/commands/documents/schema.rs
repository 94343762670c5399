//! `--schema` and PRIVACY.md: every event and field that can ever be sent, with its type, why and when.
//!
//! Both are printed from the declarations in `src/event`, which the types and the schema gate enforce; so the
//! published list cannot promise something else than the program does. The test
//! `documents` makes PRIVACY.md of them.

use crate::commands::output::AnswerForm;
use crate::ui::OutputTerminal;
use crate::ui::page::Page;
use axolotl_run_core::consent::POLICY_VERSION;
use axolotl_run_core::event::value::Field;
use axolotl_run_core::event::{EventName, SCHEMA_VERSION, common_fields};
use axolotl_run_core::public::version::PACKAGES;
use serde_json::{Map, Value, json};

/// Blanks before a field, for each object that it stands in.
const INDENT: usize = 2;
/// Blanks before why a field is collected: more than before any field's name.
const WHY: usize = 10;

/// The answer to `--schema`.
pub fn answer(form: AnswerForm, terminal: OutputTerminal) -> String {
    match form {
        AnswerForm::Json => format!("{:#}\n", as_json()),
        AnswerForm::Text => for_people(terminal.for_statements()),
    }
}

fn as_json() -> Value {
    let mut events = Map::new();
    for event in EventName::ALL {
        let field_entry = json!({"when": event.means(), "fields": fields_json(&event.fields())});
        events.insert(event.as_str().to_owned(), field_entry);
    }
    json!({
        "schema_version": SCHEMA_VERSION,
        "policy_version": POLICY_VERSION,
        "common_fields": fields_json(&common_fields()),
        "events": events,
        "packages": PACKAGES,
    })
}

fn fields_json(fields: &[Field]) -> Value {
    let field_entry = |field: &Field| {
        let mut field_entry =
            json!({"name": field.name, "type": field.kind.name(), "why": field.why});
        let members = field.kind.members();
        if let Some(field_entry) = field_entry.as_object_mut()
            && !members.is_empty()
        {
            field_entry.insert("fields".to_owned(), fields_json(members));
        }
        field_entry
    };
    fields.iter().map(field_entry).collect()
}

fn for_people(terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, WHY);
    page.add_paragraph(&format!(
        "Everything that can ever be sent (list {SCHEMA_VERSION}, policy {POLICY_VERSION})"
    ));
    let mut add_list = |heading: &str, fields: &[Field]| {
        page.add_line("");
        page.add_paragraph(heading);
        walk_fields(fields, 1, &mut |field, nesting_depth| {
            // Side by side, name, type and reason need more than 80 characters.
            let indent = " ".repeat(nesting_depth * INDENT);
            page.add_paragraph(&format!("{indent}{}  {}", field.name, field.kind.name()));
            page.add_entry("", field.why);
        });
    };
    add_list("in every event", &common_fields());
    for event in EventName::ALL {
        add_list(
            &format!("{}: {}", event.as_str(), event.means()),
            &event.fields(),
        );
    }
    page.add_line("");
    page.add_paragraph(&format!("<package> is one of: {}", PACKAGES.join(", ")));
    page.finish()
}

/// The fields in order, each followed by its own members one level deeper.
pub fn walk_fields(
    fields: &[Field],
    nesting_depth: usize,
    visit_field: &mut impl FnMut(&Field, usize),
) {
    for field in fields {
        visit_field(field, nesting_depth);
        walk_fields(field.kind.members(), nesting_depth + 1, visit_field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::documents::privacy_document;

    #[test]
    fn every_declared_field_is_in_every_form() {
        let (people, document, json) = (
            answer(AnswerForm::Text, OutputTerminal::default()),
            privacy_document(),
            as_json().to_string(),
        );
        for fields in EventName::ALL
            .iter()
            .copied()
            .map(EventName::fields)
            .chain([common_fields()])
        {
            walk_fields(&fields, 0, &mut |field, _| {
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
