//! The forms of prefixes (`knowledge/prefixes/`), each cut into its holes and literals.

use crate::entry::{Grounds, literal, read};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Deserialize)]
struct Entry {
    name: String,
    form: String,
    #[serde(default)]
    before: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
}

/// The holes of a form, and the variant of `Piece` that reads each.
const HOLES: &[(&str, &str)] = &[
    ("iso", "Iso"),
    ("date", "Date"),
    ("clock", "Clock"),
    ("rank", "Rank"),
    ("number", "Number"),
    ("letters", "Letters"),
    ("name", "Name"),
    ("host", "Host"),
    ("stream", "Stream"),
    ("blanks", "Blanks"),
    ("until", "Until"),
];

/// A table `FORMS`.
pub fn generate(knowledge: &Path) -> String {
    let mut source =
        String::from("/// All forms that are known.\npub(crate) const FORMS: &[Form] = &[\n");
    for entry in read::<Entry>(&knowledge.join("prefixes")) {
        entry.grounds.check(&entry.name);
        let pieces = pieces(&entry.name, &entry.form);
        write!(
            source,
            "Form {{ pieces: &[{}], before: &{:?}, #[cfg(test)] examples: &{:?}, #[cfg(test)] look_alikes: &{:?} }},\n",
            pieces.join(", "),
            entry.before,
            entry.grounds.examples,
            entry.grounds.look_alikes,
        )
        .expect("a string can be written");
    }
    source + "];\n"
}

/// `[{letters}{rank}]:` as `Literal("["), Letters, Rank, Literal("]:")`.
fn pieces(name: &str, form: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = form;
    while let Some((before, hole)) = rest.split_once('{') {
        let (hole, after) = hole
            .split_once('}')
            .unwrap_or_else(|| panic!("{name}: a hole has no end"));
        if !before.is_empty() {
            pieces.push(format!("Piece::Literal({})", literal(before)));
        }
        let (_, variant) = HOLES
            .iter()
            .find(|(known, _)| *known == hole)
            .unwrap_or_else(|| panic!("{name}: no hole is called {hole}"));
        pieces.push(format!("Piece::{variant}"));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(format!("Piece::Literal({})", literal(rest)));
    }
    pieces
}
