//! Documents that are compared with the program; `BLESS=1` writes what is generated of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository, whichever package asks.
pub fn path(name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_repository = |folder: &&Path| folder.join("Cargo.lock").is_file();
    let repository = package.ancestors().find(is_repository);
    repository.expect("the repository's folder").join(name)
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
        difference(name, expected, &actual)
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

/// Where two texts part, line by line.
pub fn difference(what: &str, expected: &str, actual: &str) -> String {
    let mut text = format!("another {what}\n");
    let (mut expected, mut actual) = (expected.lines(), actual.lines());
    for number in 1.. {
        match (expected.next(), actual.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let _ = writeln!(
                    text,
                    "line {number}: expected {left:?}\n{:width$}  actual {right:?}",
                    "",
                    width = number.to_string().len() + 5
                );
            }
        }
    }
    text
}
