//! Where CPython keeps its stacks: `knowledge/python_layouts.yaml`.

use crate::entry::{read, variant};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layouts {
    tables: Vec<LayoutEntry>,
    descriptions: Vec<LayoutEntry>,
}

#[derive(Deserialize)]
struct LayoutEntry {
    source: String,
    version: u64,
    position: String,
    lines: String,
    #[serde(flatten)]
    numbers: BTreeMap<String, u64>,
}

/// Fields that not every release has.
const OPTIONAL: [&str; 3] = ["holder_frame", "frame_owner", "code_instructions"];

pub fn generate(knowledge: &Path) -> String {
    let layouts: Layouts = read(&knowledge.join("python_layouts.yaml"));
    table("TABLES", &layouts.tables) + &table("DESCRIPTIONS", &layouts.descriptions)
}

/// A struct per entry: the compiler checks that each has every field.
fn table(name: &str, entries: &[LayoutEntry]) -> String {
    let mut rust_source =
        format!("/// Layouts of releases.\npub static {name}: &[PythonLayout] = &[\n");
    for entry in entries {
        assert!(
            !entry.source.trim().is_empty(),
            "3.{}: no source",
            entry.version
        );
        let (position, lines) = (variant(&entry.position), variant(&entry.lines));
        rust_source += &format!(
            "PythonLayout {{ version: {}, position: Position::{position}, lines: LineTable::{lines}, ",
            entry.version
        );
        for field in OPTIONAL {
            let number = entry.numbers.get(field);
            rust_source += &format!("{field}: {number:?}, ");
        }
        for (field, number) in &entry.numbers {
            if !OPTIONAL.contains(&field.as_str()) {
                rust_source += &format!("{field}: {number}, ");
            }
        }
        rust_source += "},\n";
    }
    rust_source + "];\n"
}
