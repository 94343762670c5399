//! Tables whose rows are the entries of a file as they are: launchers, commands, errors of wrappers.
//!
//! A field of an entry is a field of the row's struct, so that the compiler checks names and types. What an entry leaves
//! out is empty in its row.

use crate::entry::{Grounds, read, read_list, text_table, variant};
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct TableEntry {
    #[serde(flatten)]
    grounds: Grounds,
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
}

pub fn commands(knowledge: &Path) -> String {
    let enums = [("kind", "CommandKind"), ("effect", "Effect")];
    table(&knowledge.join("commands.yaml"), "KnownCommand", &enums)
}

pub fn channels(knowledge: &Path) -> String {
    let enums = [("query", "Query")];
    table(&knowledge.join("channels.yaml"), "ChannelForm", &enums)
}

pub fn wrappers(knowledge: &Path) -> String {
    let enums = [("kind", "Wrapper")];
    table(&knowledge.join("wrappers.yaml"), "WrapperError", &enums)
}

pub fn stack_classes(knowledge: &Path) -> String {
    let enums = [
        ("class", "StackClass"),
        ("reach", "Reach"),
        ("holds", "While"),
    ];
    table(
        &knowledge.join("stack_classes.yaml"),
        "StackKnowledge",
        &enums,
    )
}

pub fn jobs(knowledge: &Path) -> String {
    let enums = [
        ("options", "Says"),
        ("with_options", "Says"),
        ("reach", "KeyReach"),
    ];
    table(&knowledge.join("jobs.yaml"), "JobName", &enums)
}

pub fn launchers(knowledge: &Path) -> String {
    let enums = [
        ("starts", "Starts"),
        ("runs", "Runs"),
        ("options", "Says"),
        ("unlisted", "Unlisted"),
    ];
    let mut tables = table(&knowledge.join("launchers.yaml"), "Launcher", &enums);
    let variables: BTreeMap<String, Vec<String>> = read(&knowledge.join("variables.yaml"));
    for (says, names) in variables {
        tables += &text_table(&format!("{says}_variables"), &names);
    }
    tables
}

/// A table `ROWS`; `enums` are the fields with variants, and their types.
fn table(file: &Path, row: &str, enums: &[(&str, &str)]) -> String {
    let entries: Vec<TableEntry> = read_list(file);
    let mut empty_fields = BTreeMap::new();
    for entry in &entries {
        for (field, value) in &entry.fields {
            empty_fields.insert(field, empty(value));
        }
    }
    let mut table = format!("pub(crate) static ROWS: &[{row}] = &[\n");
    for TableEntry { grounds, fields } in &entries {
        grounds.check(&format!("{fields:?}"));
        table += &format!("{row} {{ ");
        for (field, empty_value) in &empty_fields {
            let value = fields.get(*field).unwrap_or(empty_value);
            let field_enum = enums.iter().find(|(name, _)| name == field);
            let value = rust(value, field_enum.map(|(_, enum_name)| *enum_name));
            table += &format!("{field}: {value}, ");
        }
        let Grounds {
            examples,
            look_alikes,
            ..
        } = grounds;
        table += &format!(
            "#[cfg(test)] examples: &{examples:?}, #[cfg(test)] look_alikes: &{look_alikes:?} }},\n"
        );
    }
    table + "];\n"
}

/// What stands for a value like this that is left out; of an enum it is the variant `None`.
fn empty(value: &Value) -> Value {
    match value {
        Value::Sequence(_) | Value::Mapping(_) => Value::Sequence(Vec::new()),
        Value::Number(_) => 0.into(),
        _ => Value::Null,
    }
}

/// A value in Rust; the words of an enum and the keys of a map are its variants.
fn rust(value: &Value, enum_name: Option<&str>) -> String {
    let mut items = Vec::new();
    match (value, enum_name) {
        (Value::String(word), Some(name)) => return format!("{name}::{}", variant(word)),
        (Value::String(text), None) => return format!("{text:?}"),
        (Value::Null, Some(name)) => return format!("{name}::None"),
        (Value::Null, None) => return "\"\"".to_owned(),
        (Value::Number(number), _) => return number.to_string(),
        (Value::Sequence(values), _) => {
            for value in values {
                items.push(rust(value, enum_name));
            }
        }
        (Value::Mapping(pairs), _) => {
            for (key, value) in pairs {
                items.push(format!("({}, {})", rust(key, enum_name), rust(value, None)));
            }
        }
        _ => panic!("{value:?}: no value of a row"),
    }
    format!("&[{}]", items.join(", "))
}
