//! What every entry of `knowledge/` must have, and how its files are read.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// Why an entry is believed. Every entry of every kind has these three.
#[derive(Debug, Deserialize)]
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
}

/// Reads the entries of all YAML files of a folder, in the order of their names; each file is a list.
pub fn read<T: DeserializeOwned>(folder: &Path) -> Vec<T> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|file| {
            file.expect("a folder of the repository can be listed")
                .path()
        })
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    files.iter().flat_map(|file| read_file::<T>(file)).collect()
}

/// Reads the entries of one YAML file, which is a list.
pub fn read_file<T: DeserializeOwned>(file: &Path) -> Vec<T> {
    let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// A Rust literal of a text.
pub fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A Rust slice of texts.
pub fn list(texts: &[String]) -> String {
    format!("&{texts:?}")
}

/// The name of a variant: `gpu_out_of_memory` is `GpuOutOfMemory`.
pub fn variant(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
                .unwrap_or_default()
        })
        .collect()
}

/// What an entry means: `of_signal` is what the signal means that the text names.
pub fn means(meaning: &str) -> String {
    if meaning == "of_signal" {
        "OfSignal".to_owned()
    } else {
        format!("Always(Meaning::{})", variant(meaning))
    }
}
