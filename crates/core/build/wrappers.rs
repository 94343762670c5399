//! Errors that only say that another one happened (`knowledge/wrappers.yaml`).

use crate::entry::{Grounds, read_file};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Runner,
    Messenger,
    Bereaved,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    kind: Kind,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    restarts: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
}

/// A table `WRAPPERS`.
pub fn generate(knowledge: &Path) -> String {
    let mut source = String::from("const WRAPPERS: &[Entry] = &[\n");
    for entry in read_file::<Entry>(&knowledge.join("wrappers.yaml")) {
        entry.grounds.check(&entry.name);
        let kind = match entry.kind {
            Kind::Runner => "Runner",
            Kind::Messenger => "Messenger",
            Kind::Bereaved => "Bereaved",
        };
        writeln!(
            source,
            "Entry {{ kind: Wrapper::{kind}, classes: &{:?}, files: &{:?}, words: &{:?}, restarts: &{:?}, #[cfg(test)] examples: &{:?}, #[cfg(test)] look_alikes: &{:?} }},",
            entry.classes,
            entry.files,
            entry.words,
            entry.restarts,
            entry.grounds.examples,
            entry.grounds.look_alikes,
        )
        .expect("a string can be written");
    }
    source + "];\n"
}
