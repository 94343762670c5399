//! The forms of prefixes (`knowledge/prefixes/`), as regular expressions.

use crate::entry::{self, Grounds};
use crate::pattern::{escape, regex};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct PrefixEntry {
    name: String,
    form: String,
    #[serde(default)]
    before: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
}

/// What the holes of a form match.
const HOLES: &[(&str, &str)] = &[
    ("iso", "DATETCLOCK(?:Z|[+-][0-9]{2}:[0-9]{2})"),
    // Without a zone it is a program's own time as well as a collector's.
    ("date", "DATE(?: CLOCKZ?|TCLOCK)"),
    ("clock", "CLOCKZ?"),
    ("rank", "([0-9]{1,7})"),
    ("number", "[0-9]{1,10}"),
    ("letters", "[A-Za-z_]+"),
    ("name", "[0-9A-Za-z_.-]+"),
    // It has a digit, and is no bare number.
    (
        "host",
        "(?:[0-9]+[A-Za-z.-]|[A-Za-z.-]+[0-9])[0-9A-Za-z.-]*",
    ),
    ("stream", "std(?:out|err|diag)"),
    ("blanks", " *"),
    ("until", ".*?"),
];
const DATE: &str = "[0-9]{4}(?:-[0-9]{2}-|/[0-9]{2}/)[0-9]{2}";
const CLOCK: &str = "[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?";

/// In its groups any of the times, or seconds with at least three digits behind the point; no address, which has another
/// point.
const TIME: &str =
    "((?:DATE[T ])?CLOCK(?:Z|[+-][0-9]{2}:[0-9]{2})?)|([0-9]{1,10}[.][0-9]{3,9})(?:[^0-9.]|$)";

/// `ANY_FORM` is any form at a text's beginning; its groups are the rank and what must follow, of which those that are
/// not there are empty.
pub fn generate(knowledge: &Path) -> String {
    let mut forms = Vec::new();
    let mut tests = String::new();
    for entry in entry::read_folder::<PrefixEntry>(&knowledge.join("prefixes")) {
        entry.grounds.check(&entry.name);
        let form = form_of(&entry);
        let Grounds {
            examples,
            look_alikes,
            ..
        } = entry.grounds;
        tests += &format!("({form:?}, &{examples:?}, &{look_alikes:?}),\n");
        forms.push(form);
    }
    format!(
        "const ANY_FORM: &str = {:?};\n\
         pub const TIME: &str = {:?};\n\
         #[cfg(test)]\n\
         const FORMS: &[(&str, &[&str], &[&str])] = &[\n{tests}];\n",
        format!("^(?:{})", forms.join("|")),
        format!("^(?:{})", times(TIME)),
    )
}

fn form_of(entry: &PrefixEntry) -> String {
    let text = entry.form.trim_end_matches(' ');
    let mut form = regex(text, |hole| {
        let known = HOLES.iter().find(|(name, _)| *name == hole);
        let (_, form) = known.unwrap_or_else(|| panic!("{}: no hole {hole}", entry.name));
        times(form)
    });
    if text.len() < entry.form.len() {
        // The blank is missing where the line is empty and somebody trimmed it.
        form += "(?: |$)";
    }
    if !entry.form.contains("{rank}") {
        form += "()";
    }
    let before: Vec<_> = entry.before.iter().map(|text| escape(text)).collect();
    format!("{form}({})", before.join("|"))
}

fn times(form: &str) -> String {
    form.replace("DATE", DATE).replace("CLOCK", CLOCK)
}
