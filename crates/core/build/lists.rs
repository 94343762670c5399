//! Short lists that code asks for by name: `knowledge/lists.yaml`.

use crate::entry::{read_one, variant};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    errors: Vec<(u64, String, String)>,
    signals: Vec<(String, i32)>,
    questions: BTreeMap<String, Vec<String>>,
    lists: BTreeMap<String, Vec<String>>,
}

pub fn generate(knowledge: &Path) -> String {
    let Lists {
        errors,
        signals,
        questions,
        lists,
    } = read_one(&knowledge.join("lists.yaml"));
    let mut rust = format!(
        "pub(crate) static ERRORS: &[(u64, &str, &str)] = &{errors:?};\n\
         pub(crate) static SIGNALS: &[(&str, i32)] = &{signals:?};\n"
    );
    for (name, list) in lists {
        let name = name.to_uppercase();
        rust += &format!("pub(crate) static {name}: &[&str] = &{list:?};\n");
    }
    rust += "pub(crate) static QUESTIONS: &[(&str, LineQuestion)] = &[\n";
    for (question, words) in questions {
        let question = variant(&question);
        for word in words {
            rust += &format!("({word:?}, LineQuestion::{question}),\n");
        }
    }
    rust + "];\n"
}
