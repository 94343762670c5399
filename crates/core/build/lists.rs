//! Short lists that code asks for by name: `knowledge/lists.yaml`.

use crate::entry::{read, text_table, variant};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    errors: Vec<(u64, String, String)>,
    signals: Vec<(String, i32)>,
    stages: Vec<(String, String)>,
    questions: BTreeMap<String, Vec<String>>,
    kernel_waits: BTreeMap<String, Vec<String>>,
    checkpoint_forms: Vec<(String, String, String)>,
    resume_words: Vec<(String, String, String)>,
    homes: BTreeMap<String, Vec<(String, String)>>,
    senders: BTreeMap<String, Vec<String>>,
    lists: BTreeMap<String, Vec<String>>,
}

pub fn generate(knowledge: &Path) -> String {
    let Lists {
        errors,
        signals,
        stages,
        questions,
        kernel_waits,
        checkpoint_forms,
        resume_words,
        homes,
        senders,
        lists,
    } = read(&knowledge.join("lists.yaml"));
    let mut rust_source = format!(
        "pub(crate) static ERRORS: &[(u64, &str, &str)] = &{errors:?};\n\
         pub(crate) static SIGNALS: &[(&str, i32)] = &{signals:?};\n\
         /// How checkpoints are named, which of their files is written last, and whose form that is.\n\
         pub static CHECKPOINT_FORMS: &[(&str, &str, &str)] = &{checkpoint_forms:?};\n\
         /// How a training goes on from a checkpoint of a form, by a word of its command.\n\
         pub static RESUME_WORDS: &[(&str, &str, &str)] = &{resume_words:?};\n"
    );
    rust_source += "/// File, function and name of each stage.\n\
         pub static STAGES: &[(&str, &str, &str)] = &[\n";
    for (file, function) in stages {
        let module = file.trim_end_matches(".py").replace('/', ".");
        rust_source += &format!("({file:?}, {function:?}, \"{module}.{function}\"),\n");
    }
    rust_source += "];\n";
    for (name, list) in lists {
        rust_source += &text_table(&name, &list);
    }
    for (name, names_and_variables) in homes {
        let name = name.to_uppercase();
        rust_source += &format!(
            "/// Homes.\npub static {name}: &[(&str, &str)] = &{names_and_variables:?};\n"
        );
    }
    rust_source += &by_kind("KERNEL_WAITS", "KernelWait", kernel_waits);
    rust_source += &by_kind("QUESTIONS", "LineQuestion", questions);
    rust_source + &by_kind("SENDERS", "SignalSender", senders)
}

/// A table of words, each with the kind that it belongs to.
fn by_kind(table: &str, kind: &str, words: BTreeMap<String, Vec<String>>) -> String {
    let mut rust_source =
        format!("/// Words and their kinds.\npub static {table}: &[(&str, {kind})] = &[\n");
    for (name, words) in words {
        let name = variant(&name);
        for word in words {
            rust_source += &format!("({word:?}, {kind}::{name}),\n");
        }
    }
    rust_source + "];\n"
}
