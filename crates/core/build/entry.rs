//! What every entry of `knowledge/` must have, and how its files are read.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_yaml::Mapping;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Why an entry is believed. Every entry of every kind has these three.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Grounds {
    /// Where the words come from: package and file of the literal, or a public thread.
    pub source: String,
    /// Lines that the entry must recognise.
    pub examples: Vec<String>,
    /// Lines that look like it and must not be recognised.
    pub look_alikes: Vec<String>,
}

impl Grounds {
    /// Stops the build where an entry has no source, no example or no look-alike.
    pub fn check(&self, entry: &str) {
        assert!(!self.source.trim().is_empty(), "{entry}: no source");
        assert!(!self.examples.is_empty(), "{entry}: no example");
        assert!(!self.look_alikes.is_empty(), "{entry}: no look-alike");
    }

    /// The field that only tests read.
    pub fn field(&self) -> String {
        let Self {
            source,
            examples,
            look_alikes,
        } = self;
        format!(
            "#[cfg(test)] grounds: entry::Grounds {{ source: {source:?}, examples: &{examples:?}, look_alikes: &{look_alikes:?} }}"
        )
    }
}

/// Reads the entries of all YAML files of a folder, in the order of their names; each file is a list.
pub fn read_folder<T: DeserializeOwned + Serialize>(folder: &Path) -> Vec<T> {
    let listed = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files = BTreeSet::new();
    for file in listed {
        let path = file
            .expect("a folder of the repository can be listed")
            .path();
        if path.extension() == Some(OsStr::new("yaml")) {
            files.insert(path);
        }
    }
    files.iter().flat_map(|file| read_list(file)).collect()
}

/// Reads the entries of one YAML file, which is a list. A key that its entries do not have stops the build.
pub fn read_list<T: DeserializeOwned + Serialize>(file: &Path) -> Vec<T> {
    let name = file.display();
    let written: Vec<Mapping> = read(file);
    let entries: Vec<T> = read(file);
    for (written, entry) in written.iter().zip(&entries) {
        let known = serde_yaml::to_value(entry).expect("what was read can be written");
        for key in written.keys() {
            assert!(
                known.get(key).is_some(),
                "{name}: unknown key {key:?} in {written:?}"
            );
        }
    }
    entries
}

/// Reads a YAML file.
pub fn read<T: DeserializeOwned>(file: &Path) -> T {
    let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// A table of texts in Rust.
pub fn text_table(name: &str, texts: &[String]) -> String {
    let name = name.to_uppercase();
    format!("/// Texts.\npub static {name}: &[&str] = &{texts:?};\n")
}

/// The name of a variant: `gpu_out_of_memory` is `GpuOutOfMemory`.
pub fn variant(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split('_') {
        let (first_letter, others) = word.split_at(word.len().min(1));
        variant += &first_letter.to_uppercase();
        variant += others;
    }
    variant
}

/// What an entry means: `of_signal` is what the signal means that the text names.
pub fn means(meaning: &str) -> String {
    if meaning == "of_signal" {
        "Means::OfSignal".to_owned()
    } else {
        format!("Means::Always(Meaning::{})", variant(meaning))
    }
}
