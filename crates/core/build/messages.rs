//! Messages of exceptions: `knowledge/messages/*.yaml`, the words of their holes and what classes mean.

use crate::entry::{self, Grounds};
use crate::pattern::{self, Forms, Part};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct MessageEntry {
    /// How the message begins.
    message: Option<String>,
    /// The same as a regular expression, where holes do not say it; its groups fill the holes of `says` in order.
    regex: Option<String>,
    /// What is said of it; the pattern itself where nothing is.
    says: Option<String>,
    meaning: String,
    #[serde(flatten)]
    grounds: Grounds,
}

#[derive(Deserialize, Serialize)]
struct HoleWords {
    hole: String,
    /// What such a word looks like; without it only the words themselves match.
    form: Option<String>,
    /// Whether a word that is not listed may be the user's.
    #[serde(default)]
    private: bool,
    words: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct ClassEntry {
    class: String,
    meaning: String,
    #[serde(flatten)]
    grounds: Grounds,
}

/// Holes whose values are read by code, and what they look like.
const READ: &[(&str, &str)] = &[
    ("int", "[0-9]{1,12}"),
    ("size", "[0-9.]{1,8} (?:[KMGT]i?B|bytes|B)"),
    ("errno", "[0-9]{1,3}"),
    ("signal", "[0-9]{1,2}"),
    ("module", r"[\w.]{1,200}"),
];

pub fn generate(knowledge: &Path) -> String {
    let word_lists: Vec<HoleWords> = entry::read_list(&knowledge.join("words.yaml"));
    let mut hole_forms = Forms::new();
    for (hole, form) in READ {
        hole_forms.insert((*hole).to_owned(), (*form).to_owned());
    }
    let mut rust_source = String::new();
    let mut table_names = Vec::new();
    for list in &word_lists {
        hole_forms.insert(list.hole.clone(), form_of(list));
        table_names.push(list.hole.to_uppercase());
        rust_source += &entry::text_table(&list.hole, &list.words);
    }
    rust_source += &format!(
        "static LISTS: &[&[&str]] = &[{}];\n",
        table_names.join(", ")
    );
    let mut messages: Vec<(usize, String)> = Vec::new();
    for entry in entry::read_folder::<MessageEntry>(&knowledge.join("messages")) {
        messages.push(message(&entry, &hole_forms, &word_lists));
    }
    // Of two entries that match, the one with more letters is meant; it stands first.
    messages.sort_by_key(|(letters, _)| Reverse(*letters));
    rust_source += "static MESSAGES: &[KnownMessage] = &[\n";
    for (_, message) in &messages {
        rust_source += message;
    }
    rust_source + "];\n" + &classes(knowledge)
}

/// An entry, and how many letters a message must have in common with it.
fn message(entry: &MessageEntry, hole_forms: &Forms, word_lists: &[HoleWords]) -> (usize, String) {
    let (name, pattern) = match (&entry.message, &entry.regex) {
        (Some(message), _) => (message, Some(pattern::read(message, hole_forms))),
        (None, Some(regex)) => (regex, None),
        (None, None) => panic!("an entry has `message` or `regex`"),
    };
    entry.grounds.check(name);
    let says = match (&entry.says, &pattern) {
        (Some(says), _) => says,
        (None, Some(pattern)) => &pattern.says,
        (None, None) => panic!("{name}: a regular expression needs `says`"),
    };
    let mut letters = 0;
    let mut holes = Vec::new();
    let mut pieces = String::new();
    for part in pattern::parts(says) {
        pieces += &match part {
            Part::Text(text) => {
                letters += text.len();
                format!("Piece::Text({text:?}), ")
            }
            Part::Hole(hole) => {
                holes.push(hole);
                piece(hole, word_lists)
            }
        };
    }
    let mut regex = name;
    if let Some(pattern) = &pattern {
        assert_eq!(pattern.holes, holes, "{name}: `says` has other holes");
        letters = pattern.letters;
        regex = &pattern.regex;
    }
    let row = format!(
        "KnownMessage {{ regex: {:?}, says: &[{pieces}], means: {}, {} }},\n",
        format!("^(?:{regex})"),
        entry::means(&entry.meaning),
        entry.grounds.field(),
    );
    (letters, row)
}

/// The piece that fills a hole.
fn piece(hole: &str, word_lists: &[HoleWords]) -> String {
    match word_lists.iter().find(|list| list.hole == hole) {
        Some(list) if hole != "signal_name" => {
            let unknown = if list.private { "<private>" } else { "?" };
            format!("Piece::Word({}, {unknown:?}), ", hole.to_uppercase())
        }
        _ => format!("Piece::{}, ", entry::variant(hole)),
    }
}

fn form_of(list: &HoleWords) -> String {
    if let Some(form) = &list.form {
        return form.clone();
    }
    let mut words = list.words.clone();
    words.sort_by_key(|word| Reverse(word.len()));
    let escaped: Vec<_> = words.iter().map(|word| pattern::escape(word)).collect();
    escaped.join("|")
}

fn classes(knowledge: &Path) -> String {
    let mut classes: Vec<ClassEntry> = entry::read_list(&knowledge.join("classes.yaml"));
    classes.sort_by_key(|entry| Reverse(entry.class.len()));
    let mut rust_source = String::from("static CLASSES: &[KnownClass] = &[\n");
    for entry in &classes {
        entry.grounds.check(&entry.class);
        rust_source += &format!(
            "KnownClass {{ name: {:?}, meaning: Meaning::{}, {} }},\n",
            entry.class,
            entry::variant(&entry.meaning),
            entry.grounds.field(),
        );
    }
    rust_source + "];\n"
}
