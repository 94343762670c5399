//! Classes of exceptions that are public though the dictionary has no file of them: `knowledge/public_classes.yaml`.

use crate::entry;
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Module {
    module: String,
    classes: Vec<String>,
    source: String,
    /// Whether a class tells enough without its module.
    #[serde(default = "yes")]
    alone: bool,
}

fn yes() -> bool {
    true
}

/// The names, sorted.
pub fn generate(knowledge: &Path) -> String {
    let mut names = Vec::new();
    for module in entry::read_list::<Module>(&knowledge.join("public_classes.yaml")) {
        assert!(!module.source.is_empty(), "{}: no source", module.module);
        for class in module.classes {
            names.push(format!("{}.{class}", module.module));
            if module.alone {
                names.push(class);
            }
        }
    }
    names.sort();
    names.dedup();
    entry::text_table("public_classes", &names)
}
