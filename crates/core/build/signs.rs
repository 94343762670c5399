//! Signs of a death: `knowledge/signs/*.yaml`.

use crate::entry::{self, Grounds, literal};
use crate::pattern::{self, Forms};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct Entry {
    /// The line, or what it holds.
    sign: Option<String>,
    /// The same as a regular expression, where holes do not say it; its groups are named like holes.
    regex: Option<String>,
    /// What is said of it.
    says: String,
    weight: String,
    speaker: String,
    meaning: String,
    #[serde(flatten)]
    grounds: Grounds,
}

/// What the holes of a sign match. All are numbers, or names of signals.
const HOLES: &[(&str, &str)] = &[
    ("rank", "[0-9]{1,6}"),
    ("local_rank", "[0-9]{1,4}"),
    ("node_rank", "[0-9]{1,5}"),
    ("exit_code", "-?[0-9]{1,3}"),
    ("signal", "[0-9]{1,2}"),
    (
        "signal_name",
        "SIG[A-Z0-9]{2,6}|[A-Z][a-z]+(?: [a-z]+){0,2}",
    ),
];

pub fn generate(knowledge: &Path) -> String {
    let forms: Forms = HOLES
        .iter()
        .map(|(hole, form)| ((*hole).to_owned(), format!("?P<{hole}>{form}")))
        .collect();
    let mut rust = String::from("static SIGNS: &[Entry] = &[\n");
    for entry in entry::read::<Entry>(&knowledge.join("signs")) {
        let name = entry.says.clone();
        entry.grounds.check(&name);
        let regex = match (&entry.sign, &entry.regex) {
            (Some(sign), None) => pattern::read(sign, &forms).regex,
            (None, Some(regex)) => regex.clone(),
            _ => panic!("{name}: either `sign` or `regex`"),
        };
        rust.push_str(&format!(
            "Entry {{ regex: {}, says: {}, weight: Weight::{}, speaker: Speaker::{}, means: Means::{}, #[cfg(test)] source: {:?}, #[cfg(test)] examples: &{:?}, #[cfg(test)] look_alikes: &{:?} }},\n",
            literal(&regex),
            says(&entry.says),
            entry::variant(&entry.weight),
            entry::variant(&entry.speaker),
            entry::means(&entry.meaning),
            entry.grounds.source,
            entry.grounds.examples,
            entry.grounds.look_alikes,
        ));
    }
    rust.push_str("];\n");
    rust
}

/// The pieces of what is said: texts, and holes for the numbers that the line carries.
fn says(text: &str) -> String {
    let mut pieces = String::from("&[");
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (hole, behind) = behind.split_once('}').expect("a brace is closed");
        if !before.is_empty() {
            pieces.push_str(&format!("Piece::Text({before:?}), "));
        }
        pieces.push_str(&format!("Piece::{}, ", entry::variant(hole)));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push_str(&format!("Piece::Text({rest:?})"));
    }
    pieces.push(']');
    pieces
}
