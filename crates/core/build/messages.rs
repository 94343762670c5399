//! Messages of exceptions: `knowledge/messages/*.yaml`, the words of their holes and what classes mean.

use crate::entry::{self, Grounds};
use crate::pattern::{self, Forms, Part};
use serde::{Deserialize, Serialize};
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
    let words: Vec<HoleWords> = entry::read_file(&knowledge.join("words.yaml"));
    let mut forms = Forms::new();
    for (hole, form) in READ {
        forms.insert((*hole).to_owned(), (*form).to_owned());
    }
    let mut rust = String::new();
    let mut names = Vec::new();
    for list in &words {
        forms.insert(list.hole.clone(), form(list));
        let name = list.hole.to_uppercase();
        rust += &format!("const {name}: &[&str] = &{:?};\n", list.words);
        names.push(name);
    }
    rust += &format!("const LISTS: &[&[&str]] = &[{}];\n", names.join(", "));
    let mut entries: Vec<(usize, String)> = Vec::new();
    for entry in entry::read::<MessageEntry>(&knowledge.join("messages")) {
        entries.push(message(&entry, &forms, &words));
    }
    // Of two entries that match, the one with more letters is meant; it stands first.
    entries.sort_by_key(|(literal, _)| std::cmp::Reverse(*literal));
    rust += "static MESSAGES: &[KnownMessage] = &[\n";
    for (_, entry) in &entries {
        rust += entry;
    }
    rust + "];\n" + &classes(knowledge)
}

/// An entry, and how many letters a message must have in common with it.
fn message(entry: &MessageEntry, forms: &Forms, words: &[HoleWords]) -> (usize, String) {
    let name = entry.message.as_ref().or(entry.regex.as_ref());
    let name = name.expect("an entry has `message` or `regex`");
    entry.grounds.check(name);
    let mut regex = name.clone();
    let mut says = entry.says.clone();
    let mut read = None;
    if let Some(message) = &entry.message {
        let pattern = pattern::read(message, forms);
        regex = pattern.regex;
        says = says.or(Some(pattern.says));
        read = Some((pattern.holes, pattern.literal));
    }
    let says = says.unwrap_or_else(|| panic!("{name}: a regular expression needs `says`"));
    let mut holes = Vec::new();
    let mut pieces = String::new();
    let mut letters = 0;
    for part in pattern::parts(&says) {
        match part {
            Part::Text(text) => {
                letters += text.len();
                pieces += &format!("Piece::Text({text:?}), ");
            }
            Part::Hole(hole) => {
                holes.push(hole.to_owned());
                pieces += &piece(hole, words);
            }
        }
    }
    if let Some((told, literal)) = read {
        assert_eq!(told, holes, "{name}: `says` has other holes");
        letters = literal;
    }
    let text = format!(
        "KnownMessage {{ regex: {:?}, says: &[{pieces}], means: Means::{}, {} }},\n",
        format!("^(?:{regex})"),
        entry::means(&entry.meaning),
        entry.grounds.field(),
    );
    (letters, text)
}

/// The piece that fills a hole.
fn piece(hole: &str, words: &[HoleWords]) -> String {
    let list = words.iter().find(|list| list.hole == hole);
    match list {
        Some(list) if hole != "signal_name" => {
            let unknown = if list.private { "<private>" } else { "?" };
            format!("Piece::Word({}, {unknown:?}), ", hole.to_uppercase())
        }
        _ => format!("Piece::{}, ", entry::variant(hole)),
    }
}

fn form(list: &HoleWords) -> String {
    if let Some(form) = &list.form {
        return form.clone();
    }
    let mut words: Vec<String> = list
        .words
        .iter()
        .map(|word| pattern::escape(word))
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.join("|")
}

fn classes(knowledge: &Path) -> String {
    let mut classes: Vec<ClassEntry> = entry::read_file(&knowledge.join("classes.yaml"));
    classes.sort_by_key(|entry| std::cmp::Reverse(entry.class.len()));
    let mut rust = String::from("static CLASSES: &[KnownClass] = &[\n");
    for entry in &classes {
        entry.grounds.check(&entry.class);
        rust += &format!(
            "KnownClass {{ name: {:?}, meaning: Meaning::{}, {} }},\n",
            entry.class,
            entry::variant(&entry.meaning),
            entry.grounds.field(),
        );
    }
    rust + "];\n"
}
