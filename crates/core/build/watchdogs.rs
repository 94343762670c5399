//! What ranks print about collective operations: `knowledge/watchdogs.yaml`.

use crate::entry::{self, Grounds};
use crate::pattern::{self, Forms};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct WatchdogEntry {
    /// The line, or what it holds.
    line: Option<String>,
    /// The same as a regular expression, where holes do not say it; its groups are named like holes.
    regex: Option<String>,
    tells: String,
    #[serde(flatten)]
    grounds: Grounds,
}

/// What the holes of a line match.
const HOLES: &[(&str, &str)] = &[
    ("rank", "[0-9]{1,6}"),
    ("other_rank", "[0-9]{1,6}"),
    ("ranks", "[0-9]{1,6}(?:, ?[0-9]{1,6})*"),
    ("sequence", "[0-9]+"),
    ("limit_ms", "[0-9]+"),
    ("limit_seconds", "[0-9]+"),
    ("joined", "[0-9]+"),
    ("expected", "[0-9]+"),
];

pub fn generate(knowledge: &Path) -> String {
    let mut hole_forms = Forms::new();
    for (hole, form) in HOLES {
        hole_forms.insert((*hole).to_owned(), format!("?P<{hole}>{form}"));
    }
    let mut rust_source = String::from("static LINES: &[KnownLine] = &[\n");
    for entry in entry::read_list::<WatchdogEntry>(&knowledge.join("watchdogs.yaml")) {
        let regex = match (&entry.line, entry.regex) {
            (Some(line), None) => pattern::read(line, &hole_forms).regex,
            (None, Some(regex)) => regex,
            _ => panic!("{}: either `line` or `regex`", entry.tells),
        };
        entry.grounds.check(&regex);
        rust_source += &format!(
            "KnownLine {{ regex: {regex:?}, tells: Tells::{}, {} }},\n",
            entry::variant(&entry.tells),
            entry.grounds.field(),
        );
    }
    rust_source + "];\n"
}
