//! Signs of a death: `knowledge/signs/*.yaml`.

use crate::entry::{self, Grounds};
use crate::pattern::{self, Forms, Part};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct SignEntry {
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
    let mut hole_forms = Forms::new();
    for (hole, form) in HOLES {
        hole_forms.insert((*hole).to_owned(), format!("?P<{hole}>{form}"));
    }
    let mut rust_source = String::from("static SIGNS: &[KnownSign] = &[\n");
    for entry in entry::read_folder::<SignEntry>(&knowledge.join("signs")) {
        let name = &entry.says;
        entry.grounds.check(name);
        let regex = match (&entry.sign, entry.regex) {
            (Some(sign), None) => pattern::read(sign, &hole_forms).regex,
            (None, Some(regex)) => regex,
            _ => panic!("{name}: either `sign` or `regex`"),
        };
        let mut pieces = String::new();
        for part in pattern::parts(name) {
            pieces += &match part {
                Part::Text(text) => format!("Piece::Text({text:?}), "),
                Part::Hole(hole) => format!("Piece::{}, ", entry::variant(hole)),
            };
        }
        rust_source += &format!(
            "KnownSign {{ regex: {regex:?}, says: &[{pieces}], weight: Weight::{}, speaker: Speaker::{}, means: {}, {} }},\n",
            entry::variant(&entry.weight),
            entry::variant(&entry.speaker),
            entry::means(&entry.meaning),
            entry.grounds.field(),
        );
    }
    rust_source + "];\n"
}
