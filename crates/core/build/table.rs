//! Tables whose rows are the entries of a file as they are: launchers, commands, errors of wrappers.
//!
//! A field of an entry is a field of the row's struct, so that the compiler checks names and types. What an entry leaves
//! out is empty in its row.

use crate::entry::{Grounds, list, literal, read_file, read_one, variant};
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

pub fn wrappers(knowledge: &Path) -> String {
    let enums = [("kind", "Wrapper")];
    table(&knowledge.join("wrappers.yaml"), "WrapperError", &enums)
}

pub fn launchers(knowledge: &Path) -> String {
    let enums = [
        ("starts", "Starts"),
        ("runs", "Runs"),
        ("options", "Says"),
        ("unlisted", "Unlisted"),
    ];
    let mut tables = table(&knowledge.join("launchers.yaml"), "Launcher", &enums);
    let variables: BTreeMap<String, Vec<String>> = read_one(&knowledge.join("variables.yaml"));
    for (says, names) in variables {
        let (says, names) = (says.to_uppercase(), list(&names));
        tables += &format!("pub(crate) static {says}_VARIABLES: &[&str] = {names};\n");
    }
    tables
}

/// A table `ROWS`; `enums` are the fields with variants, and their types.
fn table(file: &Path, row: &str, enums: &[(&str, &str)]) -> String {
    let entries: Vec<TableEntry> = read_file(file);
    let mut empty_fields = BTreeMap::new();
    for (field, value) in entries.iter().flat_map(|entry| &entry.fields) {
        empty_fields.insert(field.clone(), empty(value));
    }
    let mut table = format!("pub(crate) static ROWS: &[{row}] = &[\n");
    for TableEntry { grounds, fields } in &entries {
        grounds.check(&format!("{fields:?}"));
        table += &format!("{row} {{ ");
        let mut all_fields = empty_fields.clone();
        all_fields.extend(fields.clone());
        for (field, value) in &all_fields {
            let of_enum = enums.iter().find(|(name, _)| name == field);
            let value = rust(value, of_enum.map(|(_, name)| *name));
            table += &format!("{field}: {value}, ");
        }
        let (examples, look_alikes) = (list(&grounds.examples), list(&grounds.look_alikes));
        table += &format!(
            "#[cfg(test)] examples: {examples}, #[cfg(test)] look_alikes: {look_alikes} }},\n"
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
fn rust(value: &Value, of_enum: Option<&str>) -> String {
    match (value, of_enum) {
        (Value::String(word), Some(name)) => format!("{name}::{}", variant(word)),
        (Value::String(text), None) => literal(text),
        (Value::Null, Some(name)) => format!("{name}::None"),
        (Value::Null, None) => literal(""),
        (Value::Number(number), _) => number.to_string(),
        (Value::Sequence(values), _) => {
            let values: Vec<_> = values.iter().map(|value| rust(value, of_enum)).collect();
            format!("&[{}]", values.join(", "))
        }
        (Value::Mapping(pairs), _) => {
            let pair = |(key, value)| format!("({}, {})", rust(key, of_enum), rust(value, None));
            let pairs: Vec<_> = pairs.iter().map(pair).collect();
            format!("&[{}]", pairs.join(", "))
        }
        _ => panic!("{value:?}: no value of a row"),
    }
}
