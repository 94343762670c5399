//! Documents that are compared with the program; `BLESS=1` writes what is generated of them.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Its text.
pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares a file with what it should be, or writes it.
pub fn compare(name: &str, expected: &str) {
    let actual = fs::read_to_string(path(name)).unwrap_or_default();
    if actual == expected {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(path(name), expected).unwrap();
        return;
    }
    panic!(
        "{name} is out of date; BLESS=1 writes it\n{}",
        support::difference(name, expected, &actual)
    );
}

/// The document with the part between a section's two markers replaced.
pub fn with_section(document: &str, section: &str, content: &str) -> String {
    let (begin, end) = (
        format!("<!-- generated: {section} -->\n"),
        format!("<!-- end: {section} -->"),
    );
    let (before, rest) = document
        .split_once(&begin)
        .unwrap_or_else(|| panic!("the marker {begin}"));
    let (_, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("the marker {end}"));
    format!("{before}{begin}{content}{end}{after}")
}
